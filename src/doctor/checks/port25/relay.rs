//! The way out where all mail is handed to a relay: does the relay greet?

use std::net::SocketAddr;

use super::FAR;
use crate::{
    codes,
    host::Host,
    listeners::{SMTP, SUBMISSIONS},
    report::Report,
    smtp::{
        SmtpError,
        session::{Session, connect},
    },
};
use dkimd_advice::{Finding, text};
use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// Addresses of a relay that are tried.
const MOST_TRIES: usize = 4;

/// A relay as `relayhost` names it.
#[derive(Debug, PartialEq, Eq)]
struct Relay<'a> {
    host: &'a str,
    /// Brackets: no MX lookup.
    direct: bool,
    port: u16,
}

/// Calls the relay.
pub(super) async fn report(host: &Host, dns: &Questions, written: &str) -> Report {
    let mut report = Report::default();
    let Some(relay) = parse(written) else {
        return report;
    };
    let addresses = match addresses(dns, &relay).await {
        Ok(addresses) => addresses,
        Err((name, failure)) => {
            report.unanswered(name, failure);
            return report;
        }
    };
    if addresses.is_empty() {
        report.add(unknown(written, relay.host));
        return report;
    }
    let mut tries = Vec::new();
    for address in addresses.into_iter().take(MOST_TRIES) {
        let leaving = match address {
            SocketAddr::V4(_) => &host.leaving.v4,
            SocketAddr::V6(_) => &host.leaving.v6,
        };
        let Some(leaving) = leaving else { continue };
        let tried = async {
            let stream = connect(address, leaving.bound(), FAR).await?;
            if relay.port == SUBMISSIONS {
                return Ok(());
            }
            let mut session = Session::over(stream, FAR);
            let greeting = session.reply().await?;
            session.quit().await;
            match greeting.is_positive() {
                true => Ok(()),
                false => Err(SmtpError::Refused(greeting)),
            }
        };
        match tried.await {
            Ok(()) => return report,
            Err(error) => tries.push(format!("{address}: {error}")),
        }
    }
    if !tries.is_empty() {
        report.add(unreachable(written, tries));
    }
    report
}

fn unknown(written: &str, name: &str) -> Finding {
    Finding::fail(
        codes::RELAY_UNKNOWN,
        written,
        text!("the relay {written} that all mail is handed to has no address"),
    )
    .evidence(format!("{name}: no A, no AAAA"))
    .why(text!("all mail for others stays in the queue"))
    .advice(text!(
        "write the name and port that the relay's provider tells in relayhost (postconf -e), then \
         postfix reload"
    ))
}

fn unreachable(written: &str, tries: Vec<String>) -> Finding {
    let finding = Finding::fail(
        codes::RELAY_UNREACHABLE,
        written,
        text!("the relay {written} that all mail is handed to does not answer"),
    )
    .why(text!("all mail for others stays in the queue"))
    .advice(text!(
        "is the port right (587, seldom 465 with smtp_tls_wrappermode=yes; 25 is often closed), \
         and is this server's address allowed there?"
    ))
    .advice(text!(
        "write the name and port that the relay's provider tells in relayhost (postconf -e), then \
         postfix reload"
    ));
    tries.into_iter().fold(finding, Finding::evidence)
}

async fn addresses(
    dns: &Questions,
    relay: &Relay<'_>,
) -> Result<Vec<SocketAddr>, (String, DnsFailure)> {
    if let Ok(address) = relay.host.parse() {
        return Ok(vec![SocketAddr::new(address, relay.port)]);
    }
    let told = |name: &str, failure| (name.to_owned(), failure);
    let mut names = Vec::new();
    if !relay.direct {
        let found = dns.mx(relay.host).await.map_err(|f| told(relay.host, f))?;
        names.extend(found.records.into_iter().map(|mx| mx.host));
    }
    if names.is_empty() {
        names.push(relay.host.to_owned());
    }
    let mut addresses = Vec::new();
    for name in names.iter().take(MOST_TRIES) {
        let found = dns.addresses(name).await.map_err(|f| told(name, f))?;
        let socket = |address| SocketAddr::new(address, relay.port);
        addresses.extend(found.records.into_iter().map(socket));
    }
    Ok(addresses)
}

/// Reads `[host]:port`, `host:port`, `[host]`, `host`; `None` for a port whose name is not known.
fn parse(written: &str) -> Option<Relay<'_>> {
    let (host, rest, direct) = match written.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest, true)
        }
        None => match written.split_once(':') {
            Some((host, _)) => (host, &written[host.len()..], false),
            None => (written, "", false),
        },
    };
    let port = match rest.strip_prefix(':') {
        None => SMTP,
        Some("smtp") => SMTP,
        Some("submission") => 587,
        Some("submissions" | "smtps" | "urd") => SUBMISSIONS,
        Some(number) => number.parse().ok()?,
    };
    let host = host.strip_prefix("ipv6:").unwrap_or(host);
    Some(Relay { host, direct, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_read_as_postfix_writes_them() {
        let relay = |written| parse(written).map(|r| (r.host, r.direct, r.port));
        assert_eq!(
            relay("[smtp.example.net]:587"),
            Some(("smtp.example.net", true, 587))
        );
        assert_eq!(
            relay("smtp.example.net:submission"),
            Some(("smtp.example.net", false, 587))
        );
        assert_eq!(relay("example.net"), Some(("example.net", false, 25)));
        assert_eq!(relay("[192.0.2.1]:smtps"), Some(("192.0.2.1", true, 465)));
        assert_eq!(relay("[2001:db8::1]"), Some(("2001:db8::1", true, 25)));
        assert_eq!(relay("[smtp.example.net]:nonsense"), None);
        assert_eq!(relay("[smtp.example.net"), None);
    }
}
