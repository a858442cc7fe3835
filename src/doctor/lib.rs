//! The examination behind `dkimd doctor`: everything between this host and accepted mail, looked at
//! side by side, each fault named with its evidence and its remedy.
//!
//! [`host`] gathers once what several checks look at; [`checks`] is the table of all checks, each a
//! function from the host to its [`report`]; [`examination`] runs them together, each within its
//! time; [`render`] shows what came of it. [`knock`] tries a milter's socket as Postfix would.
//!
//! It looks and changes nothing, and knows neither what setup would do nor how the command line is read.

#![warn(clippy::unwrap_used)]

pub mod addresses;
mod arriving;
mod calendar;
pub mod checks;
pub mod codes;
pub mod command;
pub mod examination;
pub mod host;
pub mod knock;
mod listeners;
pub mod record_line;
pub mod render;
pub mod report;
mod smtp;

pub use command::{DoctorArgs, run};
