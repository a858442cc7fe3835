//! InternalHosts, ExternalIgnoreList, PeerList: host names, `.domain`, addresses, networks, `!` (H2).

use std::net::IpAddr;

/// A compiled host set.
#[derive(Debug, Default)]
pub struct HostSet {}

/// What a host set says of a client: the entry that decided, for log and `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch<'a> {
    /// A member by this entry.
    Listed(&'a str),
    /// Excluded by this `!` entry.
    Excluded(&'a str),
    /// No entry fits.
    Unlisted,
}

impl HostSet {
    /// Looks a client up: its name first, then its address (reference §3.2, with defects 7 and 8
    /// mended).
    pub fn find(&self, name: Option<&str>, address: Option<IpAddr>) -> HostMatch<'_> {
        todo!("H2: {name:?} {address:?}")
    }
}
