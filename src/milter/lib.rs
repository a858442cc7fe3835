//! The milter conversation: sockets, frames, negotiation, and the loop that serves one connection.
//!
//! [`socket`] accepts the MTA's connections. [`serve()`] gives each a task of its own and an account of
//! the [`memory`] that all share; [`frame`] cuts the stream into frames, [`command`] reads them,
//! [`negotiate`] settles the terms, and [`stop`] ends it all without losing a message. What happens
//! inside a step is not known here: the loop calls [`Conversation`], which the session implements.
//! [`client`] is the MTA's side, for those who want to see how a milter answers.
//!
//! The wire's message types are indymilter's; the loop is ours.

#![warn(clippy::unwrap_used)]

pub mod client;
pub mod command;
mod connection;
pub mod conversation;
mod error;
pub mod frame;
pub mod memory;
pub mod negotiate;
mod protocol;
mod reply;
mod scratch;
pub mod serve;
pub mod socket;
pub mod stop;
mod wire;

use std::time::Duration;

pub use conversation::{Agreed, Change, Client, Conversation, EndOfMessage, Reply, Stage, Wishes};
pub use error::ConnectionError;
pub use serve::{Incident, serve};
pub use stop::{FRESH_SESSION, Shutdown};

/// How long the MTA may say nothing, or take nothing that we send; libmilter's value, which its manual
/// advises not to lower.
pub const READ_TIMEOUT: Duration = Duration::from_secs(7210);
