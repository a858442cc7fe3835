//! DNS for verification: TXT records by name, each with what DNSSEC says of it.
//!
//! [`TxtLookup`] is the one interface. [`resolver`] asks name servers, [`mod@file`] answers from test
//! data; [`cache`] stands before either, keeps what was made of an answer for as long as its TTL
//! allows, and lets many askers of one name share one query. [`name`] turns names as they stand in
//! signatures into names as they stand in DNS; [`nameservers`] and [`trust_anchor`] read the
//! settings; [`key`] makes key answers of it all, and
//! [`fetch`] gets the keys of one message.
//!
//! Nothing here fails a message: whatever goes wrong between us and the owner's records is a
//! [`DnsFailure`], which is temporary.

pub mod cache;
pub mod fetch;
pub mod file;
pub mod key;
pub mod name;
pub mod nameservers;
pub mod reply;
pub mod resolver;
pub mod trust_anchor;

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc, time::Duration};

pub use crate::dkim::key_answer::{DnsFailure, Dnssec};

use name::DnsName;

/// How long all lookups of one message may take together, counted from the end of its header
/// section.
///
/// Postfix waits `milter_command_timeout` (30 s) for a reply to a command; what is not known by
/// this time is a temporary error.
pub const MESSAGE_DEADLINE: Duration = Duration::from_secs(20);

/// Octets that all TXT records of one name may have together; an answer beyond is
/// [`DnsFailure::Malformed`]. An RSA key of 16,384 bits takes 2,800.
pub const MAX_ANSWER_OCTETS: usize = 8 * 1024;

/// Something that knows TXT records.
pub trait TxtLookup: Debug + Send + Sync {
    /// The TXT records at `name`, CNAMEs followed.
    ///
    /// Ends in bounded time, at the latest after the source's own timeout.
    fn txt<'a>(&'a self, name: &'a DnsName) -> TxtFuture<'a>;
}

/// A lookup under way.
pub type TxtFuture<'a> = Pin<Box<dyn Future<Output = TxtAnswer> + Send + 'a>>;

/// The answer to one lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxtAnswer {
    /// What was found.
    pub result: Result<TxtRecords, DnsFailure>,
    /// What DNSSEC says of the result; [`Dnssec::Unknown`] beside a failure.
    pub dnssec: Dnssec,
    /// For how long this may be remembered, as the owner or the failure has it.
    pub ttl: Duration,
}

/// The TXT records at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxtRecords {
    /// The name does not exist, or has no TXT record.
    None(Absence),
    /// One record, its character-strings joined (RFC 6376 section 3.6.2.2).
    One(Arc<[u8]>),
    /// More than one record, each joined, in the order of the answer.
    Several(Arc<[Box<[u8]>]>),
}

/// Why there is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Absence {
    /// There is no such name (NXDOMAIN).
    NoName,
    /// The name exists but has no TXT record (NODATA).
    NoData,
}
