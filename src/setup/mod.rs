//! `dkimd setup`: everything that one more domain needs on this host and in DNS.
//!
//! [`records`] builds what is to be published, without asking anybody.
//!
//! What is done to the host is a list of [`change`]s, which [`journal`] holds before the first is
//! made; [`hunks`] and [`disk`] change files line by line and put them in place whole.

pub mod change;
pub mod disk;
pub mod hunks;
pub mod journal;
mod octets;
pub mod records;
