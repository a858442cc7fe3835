//! A message in a file, and what the server would say of it: for the commands that sign, verify,
//! explain or try one without a daemon.
//!
//! [`mod@file`] reads it, whatever its line ends; [`configuration`] loads what the server would go by,
//! [`keys`] finds public keys where that says, [`verdicts`] verifies; [`damage`] proves what was done to
//! a message after it was signed.
//!
//! It knows no command, no Postfix and no host: neither who asks nor what is printed.

#![warn(clippy::unwrap_used)]

pub mod configuration;
pub mod damage;
pub mod file;
pub mod keys;
pub mod verdicts;

pub use file::{LineEnd, MAX_MESSAGE_OCTETS, MessageError, MessageFile};
