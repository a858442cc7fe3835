//! Where this host's Postfix listens for SMTP: the services of `master.cf`, their ports and the
//! addresses to reach them at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dkimd_postfix::{Postfix, Service, leaving::is_private};

/// SMTP between servers.
pub const SMTP: u16 = 25;
/// Submission that begins in clear (RFC 6409).
pub const SUBMISSION: u16 = 587;
/// Submission over TLS from the first octet (RFC 8314).
pub const SUBMISSIONS: u16 = 465;

/// A service that listens.
#[derive(Clone, Copy, Debug)]
pub struct Listener<'a> {
    /// The service.
    pub service: &'a Service,
    /// Its port.
    pub port: u16,
    /// The host in its name, `127.0.0.1` in `127.0.0.1:10025`.
    host: Option<&'a str>,
}

/// Every service that listens for SMTP on a port that is known.
pub fn of(postfix: &Postfix) -> Vec<Listener<'_>> {
    let speaks_smtp = |service: &&Service| {
        service.kind == "inet" && ["smtpd", "postscreen"].contains(&service.command.as_str())
    };
    let services = postfix.services.iter().filter(speaks_smtp);
    services
        .filter_map(|service| {
            let (host, port) = match service.name.rsplit_once(':') {
                Some((host, port)) => (Some(host.trim_matches(['[', ']'])), port),
                None => (None, service.name.as_str()),
            };
            Some(Listener {
                service,
                port: port_number(port)?,
                host,
            })
        })
        .collect()
}

fn port_number(name: &str) -> Option<u16> {
    match name {
        "smtp" => Some(SMTP),
        "submission" => Some(SUBMISSION),
        "submissions" | "smtps" | "urd" => Some(SUBMISSIONS),
        other => other.parse().ok(),
    }
}

impl Listener<'_> {
    /// Whether it can be reached from elsewhere at all.
    pub fn is_public(&self, postfix: &Postfix) -> bool {
        self.interfaces(postfix)
            .iter()
            .any(|word| !is_loopback(word))
    }

    /// Whether TLS begins with the first octet.
    pub fn wraps(&self, postfix: &Postfix) -> bool {
        postfix
            .value_for(self.service, "smtpd_tls_wrappermode")
            .is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// Addresses of this host where it should answer, the loopback first.
    pub async fn addresses(&self, postfix: &Postfix) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for word in self.interfaces(postfix) {
            let word = word.trim_matches(['[', ']']);
            match word {
                "all" | "loopback-only" | "localhost" => {
                    found.extend([
                        IpAddr::from(Ipv4Addr::LOCALHOST),
                        Ipv6Addr::LOCALHOST.into(),
                    ]);
                }
                _ => match word.parse() {
                    Ok(address) => found.push(address),
                    Err(_) => found.extend(looked_up(word).await),
                },
            }
        }
        let speaks = |address: &IpAddr| {
            let protocols = postfix.main.list("inet_protocols");
            let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
            protocols.is_empty()
                || protocols
                    .iter()
                    .any(|word| *word == "all" || *word == family)
        };
        found.retain(speaks);
        found.sort_by_key(|address| (!address.is_loopback(), is_private(*address)));
        found.dedup();
        let socket = |address| SocketAddr::new(address, self.port);
        found.into_iter().map(socket).collect()
    }

    /// Where it listens, in the words of `inet_interfaces`.
    fn interfaces<'b>(&'b self, postfix: &'b Postfix) -> Vec<&'b str> {
        match self.host {
            Some(host) => vec![host],
            None => {
                let words = postfix.main.list("inet_interfaces");
                match words.is_empty() {
                    true => vec!["all"],
                    false => words,
                }
            }
        }
    }
}

fn is_loopback(word: &str) -> bool {
    let word = word.trim_matches(['[', ']']);
    word == "loopback-only"
        || word == "localhost"
        || word
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

async fn looked_up(name: &str) -> Vec<IpAddr> {
    let found = tokio::net::lookup_host((name, 0)).await;
    found
        .into_iter()
        .flatten()
        .map(|address| address.ip())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "smtp inet n - y - - smtpd\n\
         submission inet n - y - - smtpd\n\
         smtps inet n - y - - smtpd\n\
         127.0.0.1:10025 inet n - n - - smtpd\n\
         smtpd pass - - y - - smtpd\n\
         nobodyknows inet n - n - - smtpd\n\
         pickup unix n - y 60 1 pickup\n";

    #[test]
    fn ports_come_from_names_and_numbers() {
        let postfix = Postfix::from_texts(
            "inet_interfaces = all\n",
            MASTER,
            "smtps/inet/smtpd_tls_wrappermode = yes\n",
        );
        let found = of(&postfix);
        let ports: Vec<_> = found.iter().map(|listener| listener.port).collect();
        assert_eq!(ports, [25, 587, 465, 10025]);
        assert!(found[2].wraps(&postfix) && !found[1].wraps(&postfix));
        assert!(found[0].is_public(&postfix) && !found[3].is_public(&postfix));
    }

    #[tokio::test]
    async fn interfaces_and_families_tell_where_to_call() {
        for (main, public, expected) in [
            ("inet_interfaces = all\n", true, "127.0.0.1:25 [::1]:25"),
            (
                "inet_interfaces = all\ninet_protocols = ipv4\n",
                true,
                "127.0.0.1:25",
            ),
            (
                "inet_interfaces = loopback-only\n",
                false,
                "127.0.0.1:25 [::1]:25",
            ),
            (
                "inet_interfaces = 203.0.113.10, 127.0.0.1\n",
                true,
                "127.0.0.1:25 203.0.113.10:25",
            ),
            (
                "inet_interfaces = [2001:db8::1]\n",
                true,
                "[2001:db8::1]:25",
            ),
        ] {
            let postfix = Postfix::from_texts(main, MASTER, "");
            let first = of(&postfix)[0];
            assert_eq!(first.is_public(&postfix), public, "{main}");
            let addresses = first.addresses(&postfix).await;
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            assert_eq!(addresses.join(" "), expected, "{main}");
        }
    }
}
