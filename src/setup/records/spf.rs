//! SPF records (RFC 7208): a new one, or an existing one that lets this host send too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How an SPF record begins (RFC 7208 section 4.5).
const VERSION: &str = "v=spf1";

/// Who sends a domain's mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders {
    /// The addresses that the domain's own name has are among them.
    pub a: bool,
    /// The domain's mail exchangers are among them.
    pub mx: bool,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// Domains whose SPF record says who else sends, as relay providers ask for.
    pub includes: Vec<String>,
}

impl Senders {
    fn terms(&self) -> impl Iterator<Item = String> + '_ {
        let a = self.a.then(|| "a".to_owned());
        let mx = self.mx.then(|| "mx".to_owned());
        let addresses = self.addresses.iter().map(|address| match address {
            IpAddr::V4(v4) => format!("ip4:{v4}"),
            IpAddr::V6(v6) => format!("ip6:{v6}"),
        });
        let includes = self.includes.iter().map(|name| format!("include:{name}"));
        a.into_iter().chain(mx).chain(addresses).chain(includes)
    }
}

/// Whether a TXT record is an SPF record.
pub fn is_spf(text: &str) -> bool {
    let (version, rest) = text.split_at_checked(VERSION.len()).unwrap_or((text, ""));
    version.eq_ignore_ascii_case(VERSION) && (rest.is_empty() || rest.starts_with(' '))
}

/// The record of a domain that had none. Mail from elsewhere is suspicious, not refused: DMARC
/// decides about that.
pub fn new_record(senders: &Senders) -> String {
    let mut record = VERSION.to_owned();
    for term in senders.terms() {
        record.push(' ');
        record += &term;
    }
    record + " ~all"
}

/// One record out of all that are published, which lets `senders` send besides.
///
/// Terms keep their order and their qualifiers; what is already there is not added; the new terms
/// stand before `all` or `redirect=`, as those end the search. Of several records, each of which
/// alone would be valid (RFC 7208 section 4.5 allows but one), the first says how it ends.
pub fn merged(published: &[String], senders: &Senders) -> String {
    let mut terms: Vec<&str> = Vec::new();
    let mut end: Vec<&str> = Vec::new();
    for record in published {
        let first = end.is_empty();
        for term in record.split_ascii_whitespace().skip(1) {
            let known = |terms: &[&str]| terms.iter().any(|t| t.eq_ignore_ascii_case(term));
            if is_end(term) {
                if first {
                    end.push(term);
                }
            } else if !known(&terms) {
                terms.push(term);
            }
        }
    }
    let new: Vec<String> = senders
        .terms()
        .filter(|term| !terms.iter().any(|there| says_already(there, term)))
        .collect();
    let new = new.iter().map(String::as_str);
    let all = [VERSION].into_iter().chain(terms.iter().copied());
    all.chain(new).chain(end).collect::<Vec<_>>().join(" ")
}

/// Whether two records say the same, whatever their blanks.
pub fn same_terms(a: &str, b: &str) -> bool {
    a.split_ascii_whitespace()
        .skip(1)
        .eq(b.split_ascii_whitespace().skip(1))
}

/// `all` and the modifiers that come after every mechanism.
fn is_end(term: &str) -> bool {
    let term = term.to_ascii_lowercase();
    term.trim_start_matches(['+', '-', '~', '?']) == "all"
        || term.starts_with("redirect=")
        || term.starts_with("exp=")
}

/// Whether a published term makes a new one superfluous.
fn says_already(published: &str, new: &str) -> bool {
    let published = published.strip_prefix('+').unwrap_or(published);
    if published.eq_ignore_ascii_case(new) {
        return true;
    }
    let address = |text: &str| -> Option<IpAddr> {
        let (kind, address) = text.split_once(':')?;
        let known = kind.eq_ignore_ascii_case("ip4") || kind.eq_ignore_ascii_case("ip6");
        address.parse().ok().filter(|_| known)
    };
    address(new).is_some_and(|address| term_covers(published, address))
}

/// Whether an `ip4:` or `ip6:` term holds an address.
fn term_covers(term: &str, address: IpAddr) -> bool {
    let Some((kind, network)) = term.split_once(':') else {
        return false;
    };
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (network, Some(u32::MAX)),
    };
    let Some(length) = length else { return false };
    match (kind.to_ascii_lowercase().as_str(), address) {
        ("ip4", IpAddr::V4(address)) => base.parse::<Ipv4Addr>().is_ok_and(|base| {
            let base = u32::from(base);
            let free = 32_u32.saturating_sub(length);
            (base ^ u32::from(address)).checked_shr(free).unwrap_or(0) == 0
        }),
        ("ip6", IpAddr::V6(address)) => base.parse::<Ipv6Addr>().is_ok_and(|base| {
            let base = u128::from(base);
            let free = 128_u32.saturating_sub(length);
            (base ^ u128::from(address)).checked_shr(free).unwrap_or(0) == 0
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senders(addresses: &[&str]) -> Senders {
        Senders {
            mx: true,
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            ..Senders::default()
        }
    }

    fn merge(published: &[&str], addresses: &[&str]) -> String {
        let published: Vec<_> = published.iter().map(|text| (*text).to_owned()).collect();
        merged(&published, &senders(addresses))
    }

    #[test]
    fn a_new_record_names_both_families_and_ends_softly() {
        assert_eq!(
            new_record(&senders(&["203.0.113.10", "2001:db8::10"])),
            "v=spf1 mx ip4:203.0.113.10 ip6:2001:db8::10 ~all"
        );
    }

    #[test]
    fn new_terms_stand_before_the_end_which_stays_as_it_is() {
        for (published, expected) in [
            (
                "v=spf1 include:_spf.example.net -all",
                "v=spf1 include:_spf.example.net mx ip4:203.0.113.10 -all",
            ),
            (
                "v=spf1 a redirect=_spf.example.net",
                "v=spf1 a mx ip4:203.0.113.10 redirect=_spf.example.net",
            ),
            ("V=SPF1 MX", "v=spf1 MX ip4:203.0.113.10"),
            (
                "v=spf1 ?all exp=why.example.com",
                "v=spf1 mx ip4:203.0.113.10 ?all exp=why.example.com",
            ),
        ] {
            assert_eq!(merge(&[published], &["203.0.113.10"]), expected);
        }
    }

    #[test]
    fn an_address_in_a_published_network_is_not_named_again() {
        for network in ["ip4:203.0.113.0/24", "+ip4:203.0.113.10", "IP4:0.0.0.0/0"] {
            let published = format!("v=spf1 mx {network} ~all");
            assert_eq!(merge(&[&published], &["203.0.113.10"]), published);
        }
        let published = "v=spf1 mx ip6:2001:db8::/32 ~all";
        assert_eq!(merge(&[published], &["2001:db8::10"]), published);
    }

    #[test]
    fn an_address_that_is_refused_or_outside_is_named() {
        for other in [
            "-ip4:203.0.113.10",
            "ip4:203.0.114.0/24",
            "ip4:x",
            "ip6:::/0",
        ] {
            let published = format!("v=spf1 mx {other} ~all");
            let expected = format!("v=spf1 mx {other} ip4:203.0.113.10 ~all");
            assert_eq!(merge(&[&published], &["203.0.113.10"]), expected);
        }
    }

    #[test]
    fn several_records_become_one() {
        assert_eq!(
            merge(
                &["v=spf1 mx -all", "v=spf1 include:x.example mx ~all"],
                &["203.0.113.10"]
            ),
            "v=spf1 mx include:x.example ip4:203.0.113.10 -all"
        );
    }

    #[test]
    fn spf_records_are_told_from_other_text() {
        assert!(is_spf("v=spf1") && is_spf("V=SPF1 -all"));
        assert!(!is_spf("v=spf10 -all") && !is_spf("v=spf") && !is_spf("google-site"));
    }
}
