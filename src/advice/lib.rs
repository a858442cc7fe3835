//! What people are told: a finding, how bad it is, what mends it, and how it is shown.
//!
//! [`finding`] is the shape of everything that doctor, explain and the other commands have to say;
//! [`render`] shows one on a terminal or as JSON; [`mod@text`] holds each sentence in every language;
//! [`line`](mod@line) keeps what strangers wrote from steering the terminal that shows it.
//!
//! It knows nothing of mail: neither the server nor what is examined.

// What `text!` writes names this crate, here too.
extern crate self as dkimd_advice;

pub mod code;
pub mod finding;
pub mod line;
pub mod render;
pub mod text;

pub use code::Code;
pub use dkimd_catalogue::text;
pub use finding::{Finding, Fix, Level};
