//! The fields that dkimd writes on, and takes off, mail that comes in, and which it signs.
//!
//! [`auth_results`] writes Authentication-Results (RFC 8601) in OpenDKIM's layout;
//! [`auth_results_parse`] finds the incoming ones that claim to be ours; [`report`] tells signers
//! who asked for it what failed; [`selection`] reads which fields are signed.

pub mod auth_results;
pub mod auth_results_parse;
mod authserv_readings;
pub mod report;
pub mod selection;
mod value;
