//! The process: how it starts, as whom it runs, what it does on signals, how it ends.
//!
//! [`start`] tells the whole story in order; each of its steps is a file of its own here.

pub mod answer;
pub mod clock;
pub mod daemonize;
pub mod exit;
pub mod limits;
pub mod lines;
pub mod memory;
pub mod pidfile;
pub mod place;
pub mod reload;
pub mod restart;
pub mod signals;
pub mod start;
pub mod surroundings;
pub mod systemd;
pub mod user;

pub use exit::{ExitCode, Failure};
