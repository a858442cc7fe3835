//! From `opendkim.conf` to the settings of the running server.
//!
//! [`options`] is the one table of all option names; [`parse`] reads files into lines that know
//! where they stand; [`resolve`] turns lines into typed [`settings`]; [`snapshot`] opens the data
//! sets and compiles the tables: the immutable value that the server holds and swaps on reload.

pub mod options;
pub mod parse;
pub mod resolve;
pub mod settings;
pub mod snapshot;
