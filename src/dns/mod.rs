//! DNS for verification: TXT records by name, each with what DNSSEC says of it.
//!
//! [`TxtLookup`] is the one interface. [`resolver`] asks name servers, [`file`] answers from test
//! data; [`cache`] stands before either, keeps what was made of an answer for as long as its TTL
//! allows, and lets many askers of one name share one query. [`name`] turns names as they stand in
//! signatures into names as they stand in DNS; [`nameservers`] and [`trust_anchor`] read the
//! settings.
//!
//! Nothing here fails a message: whatever goes wrong between us and the owner's records is a
//! [`LookupFailure`], which is temporary.

pub mod cache;
pub mod file;
pub mod name;
pub mod nameservers;
mod reply;
pub mod resolver;
pub mod trust_anchor;

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc, time::Duration};

use name::DnsName;

/// How long all lookups of one message may take together, counted from the end of its header
/// section.
///
/// Postfix waits `milter_command_timeout` (30 s) for a reply to a command; what is not known by
/// this time is a temporary error.
pub const MESSAGE_DEADLINE: Duration = Duration::from_secs(20);

/// Octets that all TXT records of one name may have together; an answer beyond is
/// [`LookupFailure::TooLarge`]. An RSA key of 16,384 bits takes 2,800.
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
    pub result: Result<TxtRecords, LookupFailure>,
    /// What DNSSEC says of the result; [`Dnssec::Unknown`] beside a failure.
    pub dnssec: Dnssec,
    /// For how long this may be remembered, as the owner or the failure has it.
    pub ttl: Duration,
}

/// The TXT records at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxtRecords {
    /// The name exists not, or has no TXT record.
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

/// What DNSSEC says of an answer (RFC 4035 section 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dnssec {
    /// Not from DNS, or not known any more.
    #[default]
    Unknown,
    /// Signed, and the chain of trust holds.
    Secure,
    /// Not signed, or not validated because validation is off.
    Insecure,
    /// The answer should be signed, but the chain of trust does not hold.
    Bogus,
}

impl Dnssec {
    /// The word in the key comment of Authentication-Results, if any.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Secure => Some("secure"),
            Self::Insecure => Some("unprotected"),
            Self::Bogus => Some("bogus"),
        }
    }
}

/// Why a lookup brought no answer. All are temporary: the owner's records are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LookupFailure {
    /// No server answered in time.
    TimedOut,
    /// A server answered that it could not find out (SERVFAIL, REFUSED, …).
    ServerFailure,
    /// No server could be reached at all, or the query could not be sent.
    Unreachable,
    /// An answer came but made no sense.
    Corrupt,
    /// The answer was cut off, over TCP too.
    Truncated,
    /// A chain of CNAMEs that leads nowhere or is too long.
    UnresolvedCname,
    /// More than [`MAX_ANSWER_OCTETS`] of text.
    TooLarge,
    /// The absence of the name should be proven by DNSSEC, but the proof does not hold.
    BogusAbsence,
}

impl LookupFailure {
    /// The detail after `key retrieval failed (s=…, d=…): `, in the words of OpenDKIM where it has
    /// any.
    pub fn detail(self, name: &DnsName) -> String {
        let what = match self {
            Self::TimedOut => "query timed out",
            Self::ServerFailure => "unexpected reply class/type (-1/-1)",
            Self::Unreachable => "query failed",
            Self::Corrupt => "reply corrupt",
            Self::Truncated => "reply truncated",
            Self::UnresolvedCname => "reply was unresolved CNAME",
            Self::TooLarge => "reply too large",
            Self::BogusAbsence => "absence not proven (DNSSEC bogus)",
        };
        format!("'{name}' {what}")
    }
}

/// The detail where a name has no TXT record.
pub fn absence_detail(name: &DnsName) -> String {
    format!("'{name}' record not found")
}

/// The detail where a name has several TXT records.
pub fn several_detail(name: &DnsName) -> String {
    format!("multiple DNS replies for '{name}'")
}
