//! Commands beside the daemon, each in its own file: those that came with OpenDKIM, those that check,
//! reload or ask a daemon, and those that sign, verify or test by hand.
//!
//! They go by what the server goes by, through [`dkimd_message`] where a message is looked at. They know
//! neither how the command line names them nor what advises about a whole host: doctor, setup, explain.

#![warn(clippy::unwrap_used)]

pub mod atpszone;
pub mod check;
pub mod genzone;
pub mod getopt;
pub mod health;
pub mod keygen;
pub mod old_name;
pub mod print_option;
pub mod query;
pub mod reload;
pub mod retired;
pub mod sign;
pub mod statistics;
pub mod test_files;
pub mod testkey;
pub mod testmsg;
pub mod verify;
pub mod zone;
