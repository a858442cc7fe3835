//! New keys ([`generate`]), and the DNS text that publishes them ([`record`]).

#![warn(clippy::unwrap_used)]

pub mod generate;
pub mod record;
