//! From `opendkim.conf` to the settings of the running server.
//!
//! [`options`] is the one table of all option names; [`parse`] reads files into lines that know
//! where they stand; [`resolve`] turns lines into typed [`settings`]; [`snapshot`] opens the data
//! sets and compiles the tables: the immutable value that the server holds and swaps on reload.
//! [`load`] does all of that with files that others may be writing, [`steady`] judges these.

pub mod load;
pub mod options;
pub mod parse;
pub mod resolve;
pub mod settings;
pub mod snapshot;
pub mod steady;

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "/etc/opendkim.conf";
