//! The milter conversation: frames, negotiation, and the loop that serves one connection.
//!
//! The wire's message types are indymilter's; the loop is ours. What happens inside a step is not
//! known here: the loop calls [`Conversation`], which the session implements.

pub mod client;
mod connection;
pub mod conversation;
mod error;
pub mod frame;
pub mod memory;
pub mod negotiate;
mod reply;
mod scratch;
pub mod serve;
pub mod stop;

use std::time::Duration;

pub use conversation::{Agreed, Change, Client, Conversation, EndOfMessage, Reply, Stage, Wishes};
pub use error::ConnectionError;
pub use serve::{Incident, serve};
pub use stop::{FRESH_SESSION, Shutdown};

/// How long the MTA may say nothing, or take nothing that we send; libmilter's value, which its manual
/// advises not to lower.
pub const READ_TIMEOUT: Duration = Duration::from_secs(7210);
