//! The addresses that Postfix's mail leaves from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::Postfix;

/// Somewhere in the public internet of each family; the way there is looked up, nothing is sent.
const FAR_V4: Ipv4Addr = Ipv4Addr::new(192, 88, 99, 1);
const FAR_V6: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1);
/// SMTP.
const PORT: u16 = 25;

/// The addresses of one host's outgoing mail; at most one of each family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// IPv4.
    pub v4: Option<LeavingAddress>,
    /// IPv6.
    pub v6: Option<LeavingAddress>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingAddress {
    /// The address.
    pub address: IpAddr,
    /// Why it is this one.
    pub source: AddressSource,
}

/// How an address was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSource {
    /// `smtp_bind_address`, `smtp_bind_address6`, or a single address in `inet_interfaces`.
    Setting(&'static str),
    /// The kernel's choice on the way to the internet.
    Route,
    /// Somebody said so.
    Given,
}

impl LeavingAddress {
    /// The address that Postfix binds to before it connects; `None`: the kernel chooses.
    pub fn bound(&self) -> Option<IpAddr> {
        match self.source {
            AddressSource::Setting(_) => Some(self.address),
            AddressSource::Route | AddressSource::Given => None,
        }
    }
}

impl Leaving {
    /// The addresses of this host's Postfix (`None`: whatever the kernel would choose).
    pub fn of(postfix: Option<&Postfix>) -> Self {
        let protocols =
            postfix.map_or_else(Vec::new, |postfix| postfix.main.list("inet_protocols"));
        let speaks = |family: &str| {
            protocols.is_empty()
                || protocols
                    .iter()
                    .any(|word| *word == "all" || *word == family)
        };
        let of_family = |family: &str, setting, far: IpAddr| {
            if !speaks(family) {
                return None;
            }
            bound(postfix, setting, far.is_ipv4()).or_else(|| route(far))
        };
        Self {
            v4: of_family("ipv4", "smtp_bind_address", FAR_V4.into()),
            v6: of_family("ipv6", "smtp_bind_address6", FAR_V6.into()),
        }
    }

    /// Both, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = &LeavingAddress> {
        self.v4.iter().chain(&self.v6)
    }
}

/// The address that Postfix binds to before it connects.
fn bound(postfix: Option<&Postfix>, setting: &'static str, v4: bool) -> Option<LeavingAddress> {
    let main = &postfix?.main;
    let parse = |text: &str| {
        let text = text.trim_start_matches('[').trim_end_matches(']');
        text.parse::<IpAddr>()
            .ok()
            .filter(|address| address.is_ipv4() == v4)
    };
    let found = |address, name| LeavingAddress {
        address,
        source: AddressSource::Setting(name),
    };
    if let Some(address) = parse(main.value(setting)) {
        return Some(found(address, setting));
    }
    // smtp(8) binds to inet_interfaces where that names exactly one address of the family that is
    // not a loopback address.
    let mut interfaces = main
        .list("inet_interfaces")
        .into_iter()
        .filter_map(parse)
        .filter(|address| !address.is_loopback());
    match (interfaces.next(), interfaces.next()) {
        (Some(address), None) => Some(found(address, "inet_interfaces")),
        _ => None,
    }
}

/// The kernel's choice; a UDP socket that is connected sends nothing.
fn route(far: IpAddr) -> Option<LeavingAddress> {
    let any: IpAddr = match far {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(far, PORT)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(LeavingAddress {
        address,
        source: AddressSource::Route,
    })
}

/// Whether an address can't be reached from the internet: private (RFC 1918), shared (RFC 6598),
/// link-local, loopback, unique local (RFC 4193). Addresses for documentation count as public.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4_mapped().is_some_and(|v4| is_private(v4.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postfix(main: &str) -> Postfix {
        Postfix::from_texts(main, "", "")
    }

    fn address_and_source(found: Option<LeavingAddress>) -> Option<(String, AddressSource)> {
        found.map(|found| (found.address.to_string(), found.source))
    }

    #[test]
    fn a_bind_address_comes_before_the_interfaces_and_the_route() {
        let postfix = postfix(
            "inet_protocols = all\nsmtp_bind_address = 192.0.2.7\nsmtp_bind_address6 =\n\
             inet_interfaces = 127.0.0.1, 192.0.2.8, [2001:db8::1]\n",
        );
        let leaving = Leaving::of(Some(&postfix));
        let setting = |name| AddressSource::Setting(name);
        assert_eq!(
            address_and_source(leaving.v4),
            Some(("192.0.2.7".to_owned(), setting("smtp_bind_address")))
        );
        assert_eq!(
            address_and_source(leaving.v6),
            Some(("2001:db8::1".to_owned(), setting("inet_interfaces")))
        );
    }

    #[test]
    fn a_family_that_postfix_does_not_speak_has_no_address() {
        let postfix = postfix("inet_protocols = ipv4\nsmtp_bind_address6 = 2001:db8::1\n");
        assert_eq!(Leaving::of(Some(&postfix)).v6, None);
    }

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for (text, private) in [
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("169.254.1.1", true),
            ("203.0.113.10", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("2001:db8::1", false),
            ("::ffff:10.0.0.1", true),
        ] {
            assert_eq!(is_private(text.parse().unwrap()), private, "{text}");
        }
    }
}
