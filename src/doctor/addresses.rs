//! The addresses that receivers see mail come from, and the addresses that are this host's.

use std::{collections::BTreeSet, net::IpAddr};

use nix::ifaddrs::getifaddrs;

use super::host::Host;
use dkimd_postfix::{
    Postfix,
    leaving::{LeavingAddress, is_private},
};
use dkimd_questions::reverse_name;
use dkimd_server::dns::DnsFailure;

/// The addresses that receivers see, as far as this host can know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Public addresses, IPv4 first; at most one of each family.
    pub public: Vec<Public>,
    /// The IPv6 address where nobody set it up for mail: it has no reverse name, and the name that
    /// Postfix greets with leads to the IPv4 address alone. What else is wrong with it follows from
    /// that, so it is not among the public ones.
    pub unwanted: Option<IpAddr>,
    /// Private addresses that mail leaves from whose public side is not known.
    pub hidden: Vec<LeavingAddress>,
    /// The question that would have told the public side, had it been answered.
    pub unanswered: Option<(String, DnsFailure)>,
}

/// A public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// The address.
    pub address: IpAddr,
    /// The private address that the host itself has instead, and how the public one is known.
    pub translated: Option<(IpAddr, KnownBy)>,
}

/// How the public side of a translated address is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// Postfix's `proxy_interfaces`.
    ProxyInterfaces,
    /// The address record of this name, that Postfix greets with.
    HostName(String),
}

impl Seen {
    /// The addresses of the examined host.
    pub async fn of(host: &Host) -> Self {
        let mut seen = Self::default();
        for leaving in host.leaving.iter() {
            if !is_private(leaving.address) {
                seen.public.push(Public {
                    address: leaving.address,
                    translated: None,
                });
                continue;
            }
            match public_side(host, leaving.address).await {
                Ok(Some((address, by))) => seen.public.push(Public {
                    address,
                    translated: Some((leaving.address, by)),
                }),
                Ok(None) => seen.hidden.push(leaving.clone()),
                Err(unanswered) => {
                    seen.hidden.push(leaving.clone());
                    seen.unanswered = Some(unanswered);
                }
            }
        }
        // A private IPv6 address beside IPv4 is that of an inner network: nothing leaves by it.
        if !seen.public.is_empty() {
            seen.hidden.retain(|hidden| hidden.address.is_ipv4());
        }
        match unwanted(host, &seen).await {
            Ok(None) => {}
            Ok(Some(address)) => {
                seen.public.retain(|public| public.address != address);
                seen.unwanted = Some(address);
            }
            Err(unanswered) => seen.unanswered = Some(unanswered),
        }
        seen
    }

    /// The public addresses alone.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.public.iter().map(|public| public.address).collect()
    }
}

async fn public_side(
    host: &Host,
    private: IpAddr,
) -> Result<Option<(IpAddr, KnownBy)>, (String, DnsFailure)> {
    let suits = |address: &IpAddr| address.is_ipv4() == private.is_ipv4() && !is_private(*address);
    let proxies = host.postfix().map(proxy_interfaces).unwrap_or_default();
    if let Some(address) = proxies.into_iter().find(suits) {
        return Ok(Some((address, KnownBy::ProxyInterfaces)));
    }
    let (Some(dns), Some(name)) = (&host.dns, host.helo()) else {
        return Ok(None);
    };
    if !name.contains('.') {
        return Ok(None);
    }
    let found = dns
        .addresses(name)
        .await
        .map_err(|failure| (name.to_owned(), failure))?;
    let address = found.records.into_iter().find(suits);
    Ok(address.map(|address| (address, KnownBy::HostName(name.to_owned()))))
}

async fn unwanted(host: &Host, seen: &Seen) -> Result<Option<IpAddr>, (String, DnsFailure)> {
    let of_family = |v4: bool| {
        let mut addresses = seen.addresses().into_iter();
        addresses.find(|address| address.is_ipv4() == v4)
    };
    let (Some(dns), Some(helo)) = (&host.dns, host.helo()) else {
        return Ok(None);
    };
    let (Some(v4), Some(v6), true) = (of_family(true), of_family(false), helo.contains('.')) else {
        return Ok(None);
    };
    let failed = |name: &str| {
        let name = name.to_owned();
        move |failure| (name, failure)
    };
    let reverse = reverse_name(v6);
    let names = dns.ptr(v6).await.map_err(failed(&reverse))?;
    let known = dns.addresses(helo).await.map_err(failed(helo))?.records;
    let unnamed = names.records.is_empty() && known.contains(&v4) && !known.contains(&v6);
    Ok(unnamed.then_some(v6))
}

fn proxy_interfaces(postfix: &Postfix) -> Vec<IpAddr> {
    let words = postfix.main.list("proxy_interfaces");
    words.into_iter().filter_map(bare_address).collect()
}

fn bare_address(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('[').unwrap_or(text);
    text.strip_suffix(']').unwrap_or(text).parse().ok()
}

/// All addresses under which mail for this host may arrive: those of its interfaces (loopback and
/// link-local left out), of `inet_interfaces` and `proxy_interfaces`, and those that mail leaves
/// from as receivers see them.
pub fn own_addresses(host: &Host, seen: &Seen) -> BTreeSet<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten().filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    });
    let mut own: BTreeSet<IpAddr> = interfaces.filter(|address| !is_local(*address)).collect();
    if let Some(postfix) = host.postfix() {
        let listening = postfix.main.list("inet_interfaces");
        own.extend(listening.into_iter().filter_map(bare_address));
        own.extend(proxy_interfaces(postfix));
    }
    own.extend(seen.addresses());
    own.extend(seen.unwanted);
    own
}

fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

/// The host that all mail is handed to instead of the recipients' own: `relayhost`, or a
/// `default_transport` with a next hop. None where that is this host, as with a content filter.
pub fn smarthost(postfix: &Postfix) -> Option<&str> {
    let transport = postfix.main.value("default_transport");
    let next_hop = transport.split_once(':').map_or("", |(_, next)| next);
    [next_hop, postfix.main.value("relayhost")]
        .into_iter()
        .find(|next| !next.is_empty())
        .filter(|next| {
            let name = match next.strip_prefix('[') {
                Some(bracketed) => bracketed.split(']').next(),
                None => next.split(':').next(),
            };
            let name = name.unwrap_or_default();
            let local = bare_address(name).is_some_and(|address| address.is_loopback());
            !local && !name.eq_ignore_ascii_case("localhost")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postfix(main: &str) -> Postfix {
        Postfix::from_texts(main, "", "")
    }

    #[test]
    fn a_content_filter_on_this_host_is_no_smarthost() {
        for (main, wanted) in [
            ("relayhost =\ndefault_transport = smtp", None),
            (
                "relayhost = [smtp.example.net]:587",
                Some("[smtp.example.net]:587"),
            ),
            ("relayhost = [127.0.0.1]:10025", None),
            ("relayhost = localhost:10025", None),
            (
                "default_transport = smtp:[relay.example.net]",
                Some("[relay.example.net]"),
            ),
        ] {
            assert_eq!(smarthost(&postfix(main)), wanted, "{main}");
        }
    }

    #[test]
    fn proxy_interfaces_are_read_with_and_without_brackets() {
        let postfix = postfix("proxy_interfaces = 203.0.113.10, [2001:db8::10] nonsense");
        let expected: [IpAddr; 2] = [
            "203.0.113.10".parse().unwrap(),
            "2001:db8::10".parse().unwrap(),
        ];
        assert_eq!(proxy_interfaces(&postfix), expected);
    }
}
