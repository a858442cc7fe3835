//! `dkimd setup`: everything that one more domain needs on this host and in DNS.
//!
//! [`situation`] looks at the host. [`plan`] drafts every step, each part in its own file
//! ([`identities`], [`socket`], [`mta`], …), and tries the outcome on copies. [`apply`] does it and
//! [`services`] tells the daemons; [`undo`] takes it back.
//!
//! What is done to the host is a list of [`change`]s, which [`journal`] holds before the first is
//! made; [`hunks`] changes files line by line, and all of it goes through [`dkimd_hand`]. [`records`]
//! builds what is to be published, without asking anybody; [`published`] asks what is there, and
//! [`publication`] whether a new key's record is.
//!
//! It knows neither doctor's checks nor how the command line is read.

#![warn(clippy::unwrap_used)]

pub mod apply;
pub mod change;
pub mod command;
mod config_file;
pub mod draft;
mod hosts;
pub mod hunks;
pub mod identities;
pub mod journal;
pub mod key_files;
mod milter_list;
pub mod mta;
pub mod need;
mod octets;
mod options;
pub mod plan;
mod present;
pub mod publication;
pub mod published;
pub mod records;
pub mod refusal;
mod scratch;
pub mod services;
pub mod situation;
pub mod socket;
mod table_lines;
mod tables;
pub mod trial;
pub mod undo;
mod waiting;

pub use command::{SetupArgs, run};
