//! The forms of Socket: `local:`, `unix:`, bare path, `inet:port[@host]`, `inet6:`, `fd:N`, and
//! Postfix's `inet:host:port`.
//!
//! OpenDKIM writes the port before the host and Postfix after it; both are understood, so that a
//! line may be copied from `smtpd_milters`.

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
    fs,
    net::{Ipv4Addr, Ipv6Addr, ToSocketAddrs},
    path::PathBuf,
};

/// Where service names stand.
const SERVICES: &str = "/etc/services";

/// Written in the place of what is no part of a host.
const LEFT_OUT: &str = "...";

/// A parsed Socket option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketSpec {
    /// A Unix socket.
    Unix(PathBuf),
    /// TCP over IPv4 (`inet:`): host (`None`: all addresses) and port.
    Inet {
        /// Host name or address.
        host: Option<String>,
        /// Port.
        port: u16,
    },
    /// TCP over IPv6 (`inet6:`).
    Inet6 {
        /// Host name or address.
        host: Option<String>,
        /// Port.
        port: u16,
    },
    /// An inherited listening descriptor (`fd:N`).
    Inherited(i32),
}

/// Why a text is not a socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; write {remedy}")]
pub struct SocketSpecError {
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

impl SocketSpecError {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// Which of the two TCP families the text names.
#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl SocketSpec {
    /// Parses every form that OpenDKIM or Postfix writes.
    ///
    /// An IPv6 literal after `inet:` means IPv6, as in Postfix.
    pub fn parse(text: &str) -> Result<Self, SocketSpecError> {
        let text = text.trim();
        if text.starts_with('/') || !text.contains(':') {
            return bare_path(text);
        }
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind.to_ascii_lowercase().as_str() {
            "local" | "unix" => unix(rest),
            "inet" => tcp(Family::V4, rest),
            "inet6" => tcp(Family::V6, rest),
            "fd" => inherited(rest),
            _ => Err(unknown_kind(text, kind, rest)),
        }
    }
}

impl SocketSpec {
    /// Whether other machines can connect there, as far as this one knows. Looks a host's name up.
    pub fn reaches_beyond_this_host(&self) -> bool {
        let (Self::Inet { host, port } | Self::Inet6 { host, port }) = self else {
            return false;
        };
        let Some(host) = host else { return true };
        let is_v4 = matches!(self, Self::Inet { .. });
        // The first of its family is where it listens; a name without address listens nowhere.
        (host.as_str(), *port)
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.find(|address| address.is_ipv4() == is_v4))
            .is_some_and(|address| !address.ip().to_canonical().is_loopback())
    }
}

fn bare_path(text: &str) -> Result<SocketSpec, SocketSpecError> {
    if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(SocketSpecError::new(
            format!("\"{text}\" is a port without its socket type"),
            format!("inet:{text}@localhost"),
        ));
    }
    unix(text)
}

fn unix(path: &str) -> Result<SocketSpec, SocketSpecError> {
    if path.is_empty() {
        return Err(SocketSpecError::new(
            "the path of the socket is missing",
            "local:/run/opendkim/opendkim.sock",
        ));
    }
    Ok(SocketSpec::Unix(PathBuf::from(path)))
}

fn inherited(number: &str) -> Result<SocketSpec, SocketSpecError> {
    match number.parse() {
        Ok(fd) if fd >= 0 => Ok(SocketSpec::Inherited(fd)),
        _ => Err(SocketSpecError::new(
            format!("\"{number}\" is not the number of a descriptor"),
            "fd:3",
        )),
    }
}

fn unknown_kind(text: &str, kind: &str, rest: &str) -> SocketSpecError {
    let remedy = match rest.parse::<u16>() {
        Ok(port) if !kind.is_empty() => format!("inet:{port}@{kind}"),
        _ => "local:PATH, inet:PORT@HOST, inet6:PORT@HOST or fd:NUMBER".into(),
    };
    SocketSpecError::new(
        format!("unknown socket type \"{kind}\" in \"{text}\""),
        remedy,
    )
}

/// `port`, `port@host`, or Postfix's `host:port`.
fn tcp(family: Family, rest: &str) -> Result<SocketSpec, SocketSpecError> {
    let (host, port) = if let Some((port, host)) = rest.split_once('@') {
        (Some(host), port)
    } else if let Some((host, port)) = rest.rsplit_once(':') {
        (Some(host), port)
    } else {
        (None, rest)
    };
    let port = parse_port(port)?;
    let Some(host) = host else {
        return Ok(on_all_addresses(family, port));
    };
    let host = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() {
        return Err(SocketSpecError::new(
            format!("no host stands in \"{rest}\""),
            format!("inet:{port}@localhost, or inet:{port} for all addresses"),
        ));
    }
    let (v4, v6) = (
        host.parse::<Ipv4Addr>().is_ok(),
        host.parse::<Ipv6Addr>().is_ok(),
    );
    let host = Some(host.to_owned());
    match family {
        Family::V6 if v4 => Err(SocketSpecError::new(
            format!("inet6: with the IPv4 address in \"{rest}\""),
            format!("inet:{rest}"),
        )),
        Family::V4 if !v6 => Ok(SocketSpec::Inet { host, port }),
        _ => Ok(SocketSpec::Inet6 { host, port }),
    }
}

fn on_all_addresses(family: Family, port: u16) -> SocketSpec {
    match family {
        Family::V4 => SocketSpec::Inet { host: None, port },
        Family::V6 => SocketSpec::Inet6 { host: None, port },
    }
}

fn parse_port(text: &str) -> Result<u16, SocketSpecError> {
    if text.is_empty() {
        return Err(SocketSpecError::new(
            "the port is missing",
            "inet:8891@localhost",
        ));
    }
    if text.bytes().all(|octet| octet.is_ascii_digit()) {
        return match text.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(SocketSpecError::new(
                format!("{text} is not a port"),
                "a number from 1 to 65535",
            )),
        };
    }
    let services = fs::read_to_string(SERVICES).unwrap_or_default();
    service_port(&services, text).ok_or_else(|| {
        SocketSpecError::new(
            format!("no TCP service \"{text}\" in {SERVICES}"),
            "the port as a number, such as inet:8891@localhost",
        )
    })
}

/// The TCP port of a service, by its name or an alias, in the text of services(5).
fn service_port(services: &str, wanted: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?;
        let named = name == wanted || words.any(|alias| alias == wanted);
        named.then(|| port.parse().ok()).flatten()
    })
}

impl Display for SocketSpec {
    /// As OpenDKIM writes it: `local:PATH`, `inet:PORT@HOST`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "local:{}", path.display()),
            Self::Inet { host: None, port } => write!(f, "inet:{port}"),
            Self::Inet {
                host: Some(host),
                port,
            } => write!(f, "inet:{port}@{}", host_shown(host)),
            Self::Inet6 { host: None, port } => write!(f, "inet6:{port}"),
            Self::Inet6 {
                host: Some(host),
                port,
            } if host.contains(':') && !host.contains('@') => write!(f, "inet6:{port}@[{host}]"),
            Self::Inet6 {
                host: Some(host),
                port,
            } => write!(f, "inet6:{port}@{}", host_shown(host)),
            Self::Inherited(fd) => write!(f, "fd:{fd}"),
        }
    }
}

/// What precedes an at sign in it is no part of a host, and may be a password.
fn host_shown(host: &str) -> Cow<'_, str> {
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{LEFT_OUT}@{host}").into(),
        None => host.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet(host: &str, port: u16) -> SocketSpec {
        SocketSpec::Inet {
            host: Some(host.into()),
            port,
        }
    }

    fn inet6(host: &str, port: u16) -> SocketSpec {
        SocketSpec::Inet6 {
            host: Some(host.into()),
            port,
        }
    }

    #[test]
    fn every_form_of_opendkim_and_of_postfix_is_understood() {
        let unix = |path: &str| SocketSpec::Unix(path.into());
        let cases = [
            ("local:/run/opendkim.sock", unix("/run/opendkim.sock")),
            ("unix:/run/opendkim.sock", unix("/run/opendkim.sock")),
            ("Local:relative.sock", unix("relative.sock")),
            ("/run/opendkim.sock", unix("/run/opendkim.sock")),
            ("/run/with:colon", unix("/run/with:colon")),
            ("opendkim.sock", unix("opendkim.sock")),
            (
                "inet:8891",
                SocketSpec::Inet {
                    host: None,
                    port: 8891,
                },
            ),
            ("inet:8891@localhost", inet("localhost", 8891)),
            ("inet:8891@127.0.0.1", inet("127.0.0.1", 8891)),
            ("inet:8891@[127.0.0.1]", inet("127.0.0.1", 8891)),
            ("inet:localhost:8891", inet("localhost", 8891)),
            ("inet:127.0.0.1:8891", inet("127.0.0.1", 8891)),
            ("inet:[::1]:8891", inet6("::1", 8891)),
            ("inet6:8891@::1", inet6("::1", 8891)),
            ("inet6:8891@[::1]", inet6("::1", 8891)),
            ("inet6:[::1]:8891", inet6("::1", 8891)),
            ("inet6:8891@ip6-localhost", inet6("ip6-localhost", 8891)),
            (
                "inet6:8891",
                SocketSpec::Inet6 {
                    host: None,
                    port: 8891,
                },
            ),
            ("fd:3", SocketSpec::Inherited(3)),
        ];
        for (text, expected) in cases {
            assert_eq!(SocketSpec::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_parsed_again() {
        for text in [
            "local:/run/opendkim.sock",
            "inet:8891",
            "inet:8891@localhost",
            "inet6:8891",
            "inet6:8891@[::1]",
            "fd:4",
        ] {
            let spec = SocketSpec::parse(text).unwrap();
            assert_eq!(spec.to_string(), text);
        }
    }

    #[test]
    fn an_error_says_what_would_be_right() {
        for (text, what, remedy) in [
            ("inet:99999@localhost", "99999 is not a port", "1 to 65535"),
            ("inet:0", "0 is not a port", "1 to 65535"),
            ("inet:8891@", "no host stands", "inet:8891@localhost"),
            ("inet:@localhost", "port is missing", "inet:8891@localhost"),
            (
                "inet:nosuchservice@localhost",
                "no TCP service",
                "as a number",
            ),
            ("inet6:8891@127.0.0.1", "IPv4", "inet:8891@127.0.0.1"),
            (
                "localhost:8891",
                "unknown socket type",
                "inet:8891@localhost",
            ),
            (
                "tcp:8891@localhost",
                "unknown socket type",
                "inet:PORT@HOST",
            ),
            ("8891", "without its socket type", "inet:8891@localhost"),
            ("local:", "path of the socket is missing", "local:/run"),
            ("", "path of the socket is missing", "local:/run"),
            ("fd:x", "not the number of a descriptor", "fd:3"),
            ("fd:-1", "not the number of a descriptor", "fd:3"),
        ] {
            let error = SocketSpec::parse(text).unwrap_err();
            assert!(error.what.contains(what), "{text}: {error}");
            assert!(error.remedy.contains(remedy), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_not_bound_to_the_loopback_alone_reaches_beyond_this_host() {
        for (text, beyond) in [
            ("local:/run/x", false),
            ("fd:3", false),
            ("inet:8891", true),
            ("inet6:8891", true),
            ("inet:8891@0.0.0.0", true),
            ("inet6:8891@::", true),
            ("inet:192.0.2.7:8891", true),
            ("inet6:8891@[::ffff:192.0.2.7]", true),
            ("inet6:8891@[::ffff:127.0.0.1]", false),
            ("inet:8891@localhost", false),
            ("inet:8891@127.0.0.1", false),
            ("inet:8891@127.1.2.3", false),
            ("inet6:8891@::1", false),
            ("inet:8891@nosuchhost.invalid", false),
        ] {
            let spec = SocketSpec::parse(text).unwrap();
            assert_eq!(spec.reaches_beyond_this_host(), beyond, "{text}");
        }
    }

    #[test]
    fn service_names_and_their_aliases_are_ports() {
        let services = "# comment\nsmtp\t25/tcp\tmail # Simple Mail\nsyslog 514/udp\n";
        assert_eq!(service_port(services, "smtp"), Some(25));
        assert_eq!(service_port(services, "mail"), Some(25));
        assert_eq!(service_port(services, "syslog"), None);
    }

    #[test]
    fn a_password_in_the_place_of_a_host_is_not_written() {
        for family in ["inet", "inet6"] {
            let spec = SocketSpec::parse(&format!("{family}:8891@u:secret@h"));
            assert_eq!(spec.unwrap().to_string(), format!("{family}:8891@...@h"));
        }
    }
}
