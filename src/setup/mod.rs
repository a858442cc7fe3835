//! `dkimd setup`: everything that one more domain needs on this host and in DNS.
//!
//! [`records`] builds what is to be published, without asking anybody.

pub mod records;
