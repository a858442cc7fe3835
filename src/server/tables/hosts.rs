//! InternalHosts, ExternalIgnoreList, PeerList: host names, `.domain`, addresses, networks, `!`.
//!
//! OpenDKIM compares texts; here addresses are addresses, so every spelling of one matches, and
//! globs of `refile:` sets match names without turning into exclusions.

use std::{collections::HashMap, net::IpAddr, path::Path};

use regex::bytes::Regex;

use crate::{
    dataset::{
        Case, DataSetSpec,
        entries::Entry,
        open::{OpenSet, push_bounded},
        posix,
    },
    diagnostic::Diagnostic,
    secret,
};

/// A compiled host set.
#[derive(Debug, Default)]
pub struct HostSet {
    names: HashMap<Box<str>, Verdicts>,
    networks: HashMap<Network, Verdicts>,
    /// Prefix lengths in use, longest first: for IPv4 and for IPv6.
    lengths: [Vec<u8>; 2],
    globs: Vec<Glob>,
}

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

/// The entries for one name or network, as written.
#[derive(Debug, Default)]
struct Verdicts {
    listed: Option<Box<str>>,
    excluded: Option<Box<str>>,
}

#[derive(Debug)]
struct Glob {
    pattern: Regex,
    excludes: bool,
    written: Box<str>,
}

/// An address and how many of its leading bits count, the others being zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Network {
    address: IpAddr,
    length: u8,
}

impl HostSet {
    /// Opens and compiles the set that `spec` names.
    pub fn open(spec: &DataSetSpec, base: Option<&Path>, findings: &mut Vec<Diagnostic>) -> Self {
        let Some(open) = OpenSet::open(spec, base, Case::Ignored, findings) else {
            return Self::default();
        };
        let has_globs = matches!(open, OpenSet::Patterns(_));
        let mut set = Self::default();
        let mut new = Vec::new();
        let mut cover = Cover::default();
        for entry in open.entries().iter() {
            if let Some(finding) = set.add(entry, has_globs) {
                new.push(finding.at(open.entries().file(), entry.line));
            }
            if let Some(reach) =
                Network::parse(entry.key).and_then(|(network, _)| cover.add(network))
            {
                new.extend(
                    everybody(spec.origin.option, reach, entry.key)
                        .map(|finding| finding.at(open.entries().file(), entry.line)),
                );
            }
        }
        push_bounded(findings, new);
        set.sort_lengths();
        set
    }

    /// The set of these entries, in the forms of a `csl:` list.
    pub fn of_list<'e>(entries: impl IntoIterator<Item = &'e str>) -> Self {
        let mut set = Self::default();
        for key in entries {
            set.add(
                Entry {
                    key,
                    value: "",
                    line: 0,
                },
                false,
            );
        }
        set.sort_lengths();
        set
    }

    /// InternalHosts when it is not set.
    pub fn localhost() -> Self {
        Self::of_list(["127.0.0.1", "::1"])
    }

    /// Looks a client up: its name first, then its address, in OpenDKIM's order.
    ///
    /// A name that is excluded can still be a member by its address.
    pub fn find(&self, name: Option<&str>, address: Option<IpAddr>) -> HostMatch<'_> {
        let by_name = name.map_or(HostMatch::Unlisted, |name| self.find_name(name));
        if matches!(by_name, HostMatch::Listed(_)) {
            return by_name;
        }
        match address.map_or(HostMatch::Unlisted, |address| self.find_address(address)) {
            HostMatch::Unlisted => by_name,
            by_address => by_address,
        }
    }

    fn find_name(&self, name: &str) -> HostMatch<'_> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        // `[192.0.2.7]` stands for a client without a name.
        if name.is_empty() || name.starts_with('[') {
            return HostMatch::Unlisted;
        }
        let suffixes = name.match_indices('.').map(|(at, _)| at);
        for at in std::iter::once(0).chain(suffixes) {
            let known = self.names.get(&name[at..]);
            match self.judge(known, &name[at..]) {
                HostMatch::Unlisted => {}
                decided => return decided,
            }
        }
        HostMatch::Unlisted
    }

    fn find_address(&self, address: IpAddr) -> HostMatch<'_> {
        let address = address.to_canonical();
        let whole = Network::new(address, bits(address));
        match self.judge(self.networks.get(&whole), &address.to_string()) {
            HostMatch::Unlisted => {}
            decided => return decided,
        }
        for length in &self.lengths[family(address)] {
            if let Some(known) = self.networks.get(&Network::new(address, *length)) {
                return known.judge();
            }
        }
        HostMatch::Unlisted
    }

    /// What stands under this very text, `!` before plain, or what a glob says of it.
    fn judge<'a>(&'a self, known: Option<&'a Verdicts>, text: &str) -> HostMatch<'a> {
        let exact = known.map_or(HostMatch::Unlisted, Verdicts::judge);
        if self.globs.is_empty() || matches!(exact, HostMatch::Excluded(_)) {
            return exact;
        }
        let glob = |excludes| {
            self.globs
                .iter()
                .filter(move |glob| glob.excludes == excludes)
                .find(|glob| glob.pattern.is_match(text.as_bytes()))
        };
        if let Some(glob) = glob(true) {
            return HostMatch::Excluded(&glob.written);
        }
        match exact {
            HostMatch::Unlisted => {
                glob(false).map_or(HostMatch::Unlisted, |glob| HostMatch::Listed(&glob.written))
            }
            exact => exact,
        }
    }

    /// Adds an entry; the finding has no place yet.
    pub(super) fn add(&mut self, entry: Entry<'_>, has_globs: bool) -> Option<Diagnostic> {
        let (excludes, text) = match entry.key.strip_prefix('!') {
            Some(rest) => (true, rest.trim_ascii()),
            None => (false, entry.key),
        };
        if let Some((network, finding)) = Network::parse(text) {
            self.networks
                .entry(network)
                .or_default()
                .set(excludes, entry.key);
            return finding;
        }
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        if has_globs && (name.contains('*') || !posix::is_plain(&name)) {
            // A pattern that doesn't compile was told when the set was opened.
            let pattern = posix::compile(text, Case::Ignored).ok()?;
            // OpenDKIM asks for the host with `!` first, and such a pattern fits that, too.
            let fits_all = !excludes && fits_every_host(&pattern);
            self.globs.push(Glob {
                pattern,
                excludes: excludes || fits_all,
                written: entry.key.into(),
            });
            return fits_all.then(|| {
                Diagnostic::warning(format!(
                    "host entry {:?}: this entry would list every host; it is left aside, as OpenDKIM \
                     does, and no host that it fits is listed by another one either",
                    entry.key
                ))
                .remedy("write the networks that are meant, as 192.0.2.0/24")
            });
        }
        let (name, finding) = match name.strip_prefix('*') {
            Some(rest) if rest.starts_with('.') && !rest.contains('*') => (
                rest.to_owned(),
                Some(
                    Diagnostic::warning(format!(
                        "{:?} has a wildcard outside a refile: set; it is read as {rest:?}",
                        entry.key
                    ))
                    .remedy(format!("write {rest}")),
                ),
            ),
            _ => {
                let finding = unlikely_name(&name).map(|(why, remedy)| {
                    let shown = secret::item(entry.key);
                    Diagnostic::warning(format!("host entry {shown:?} never matches: {why}"))
                        .remedy(remedy)
                });
                (name, finding)
            }
        };
        self.names
            .entry(name.into())
            .or_default()
            .set(excludes, entry.key);
        finding
    }

    /// Belongs after the last [`Self::add`].
    pub(super) fn sort_lengths(&mut self) {
        for network in self.networks.keys() {
            self.lengths[family(network.address)].push(network.length);
        }
        for lengths in &mut self.lengths {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
    }
}

impl Verdicts {
    fn set(&mut self, excludes: bool, written: &str) {
        let place = if excludes {
            &mut self.excluded
        } else {
            &mut self.listed
        };
        place.get_or_insert_with(|| written.into());
    }

    fn judge(&self) -> HostMatch<'_> {
        match (&self.excluded, &self.listed) {
            (Some(written), _) => HostMatch::Excluded(written),
            (None, Some(written)) => HostMatch::Listed(written),
            (None, None) => HostMatch::Unlisted,
        }
    }
}

impl Network {
    /// `address` with all bits after `length` cleared.
    fn new(address: IpAddr, length: u8) -> Self {
        let address = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::from((v4.to_bits() & mask).to_be_bytes())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::from((v6.to_bits() & mask).to_be_bytes())
            }
        };
        Self { address, length }
    }

    /// `a`, `a/n`, `[a]`, `[a]/n`, `[a/n]`, IPv4 with its last octets left out; `None`: a name.
    fn parse(text: &str) -> Option<(Self, Option<Diagnostic>)> {
        let bare: String = text.chars().filter(|c| !matches!(c, '[' | ']')).collect();
        let (address, length) = match bare.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (bare.as_str(), None),
        };
        let (address, shortened) = match address.parse::<IpAddr>() {
            Ok(address) => (address, false),
            Err(_) => (complete_ipv4(address, length)?, true),
        };
        let length = match length {
            None => bits(address),
            Some(length) => length.parse().ok().filter(|n| *n <= bits(address))?,
        };
        let (address, length) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if length >= 96 => (v4, length - 96),
            _ => (address, length),
        };
        let network = Self::new(address, length);
        let finding = (network.address != address || shortened).then(|| {
            let right = format!("{}/{length}", network.address);
            Diagnostic::warning(format!(
                "{text:?} is no network written in full; it is read as {right}"
            ))
            .remedy(format!("write {right}"))
        });
        Some((network, finding))
    }
}

/// Whether an entry names an address or a network, not a host.
pub(super) fn is_network(text: &str) -> bool {
    Network::parse(text).is_some()
}

/// `192.0.2` of `192.0.2/24`: the octets left out are zero.
fn complete_ipv4(address: &str, length: Option<&str>) -> Option<IpAddr> {
    length?;
    let given = address.trim_end_matches('.');
    let missing = 3_usize.checked_sub(given.matches('.').count())?;
    (given.to_owned() + &".0".repeat(missing)).parse().ok()
}

/// Why no client can have this name, and what to write instead.
fn unlikely_name(name: &str) -> Option<(&'static str, &'static str)> {
    if name.contains(char::is_whitespace) {
        Some((
            "it contains a blank",
            "separate entries of a list by commas, and of a file by line ends",
        ))
    } else if name.contains('*') {
        Some((
            "* is an ordinary character outside refile: sets",
            "write .example.org for all hosts below a domain, 192.0.2.0/24 for a network",
        ))
    } else if name.contains('/') || name.contains(':') {
        Some((
            "it is neither a host name nor an address nor a network",
            "write 192.0.2.7, 192.0.2.0/24, 2001:db8::/32, host.example.org or .example.org",
        ))
    } else if name.ends_with(',') {
        Some((
            "it ends in a comma",
            "write one entry a line, without comma",
        ))
    } else {
        None
    }
}

/// Names, IPv4 and IPv6 addresses that have nothing in common but their dots or colons.
const UNLIKE: [[&str; 4]; 3] = [
    ["q.w", "mail.example.com", "a-1.b.museum", "xn--x.zz"],
    ["198.51.100.7", "203.0.113.45", "8.8.4.4", "66.77.99.2"],
    ["2001:db8::5", "fe80::c:1", "7::", "a:e:9::9"],
];

/// Whether a pattern fits all names, or all addresses of a family, with OpenDKIM's `!` before them.
fn fits_every_host(pattern: &Regex) -> bool {
    UNLIKE.iter().any(|hosts| {
        let mut hosts = hosts.iter().map(|host| format!("!{host}"));
        hosts.all(|host| pattern.is_match(host.as_bytes()))
    })
}

/// How much of the internet the networks of a set take in.
#[derive(Debug, Default)]
struct Cover {
    /// Listed ranges of IPv4, and of IPv6 by their first 64 bits; apart and sorted.
    ranges: [Vec<(u64, u64)>; 2],
    told: [bool; 2],
}

/// The ranges of addresses that strangers come from: half of IPv4, or all of 2000::/3.
const STRANGERS_V4: u64 = 1 << 31;
const STRANGERS_V6: (u64, u64) = (0x2000_0000_0000_0000, 0x3fff_ffff_ffff_ffff);

impl Cover {
    /// Adds a network; says so once, when strangers are among the hosts from there on.
    fn add(&mut self, network: Network) -> Option<&'static str> {
        let (start, bits) = match network.address {
            IpAddr::V4(v4) => (u64::from(v4.to_bits()), 32 - u32::from(network.length)),
            IpAddr::V6(v6) => {
                let first = (v6.to_bits() >> 64) as u64;
                (first, 64_u32.saturating_sub(network.length.into()))
            }
        };
        // Small networks never add up to that.
        if network.length > 16 {
            return None;
        }
        let family = family(network.address);
        let end = start | 1_u64.checked_shl(bits).map_or(u64::MAX, |size| size - 1);
        let ranges = &mut self.ranges[family];
        ranges.push((start, end));
        ranges.sort_unstable();
        let mut apart: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges.drain(..) {
            match apart.last_mut() {
                Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => apart.push((start, end)),
            }
        }
        *ranges = apart;
        let strangers = match family {
            0 => {
                ranges
                    .iter()
                    .map(|(start, end)| end - start + 1)
                    .sum::<u64>()
                    >= STRANGERS_V4
            }
            _ => ranges
                .iter()
                .any(|(s, e)| *s <= STRANGERS_V6.0 && *e >= STRANGERS_V6.1),
        };
        let first = strangers && !std::mem::replace(&mut self.told[family], strangers);
        first.then_some(if family == 0 { "IPv4" } else { "IPv6" })
    }
}

/// What it means that a set lists everybody.
fn everybody(option: &str, family: &str, entry: &str) -> Option<Diagnostic> {
    let what = match option {
        "InternalHosts" => "anybody's mail is signed, forged mail too",
        "PeerList" => "nobody's mail is signed or verified",
        _ => return None,
    };
    let finding = Diagnostic::warning(format!(
        "{option} lists hosts of the whole {family} internet, with {entry:?} at the latest: {what}"
    ));
    Some(finding.remedy("write the networks that are meant, as 192.0.2.0/24"))
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn family(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

#[cfg(test)]
mod tests;
