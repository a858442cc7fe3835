//! Whether strangers can have their mail passed on: lists of restrictions that say yes, networks
//! that are trusted too widely.

mod restrictions;

use std::{fs, net::IpAddr, sync::Arc};

use self::restrictions::{Word, has_barrier, to_a_stranger, trusts_networks};
use crate::{codes, host::Host, report::Report};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{Postfix, Service, leaving::is_private};

/// A public IPv4 network with a shorter prefix is a provider's, not one's own.
const WIDE_V4: u8 = 24;
/// The same for IPv6.
const WIDE_V6: u8 = 48;
/// What is trusted where nothing else is.
const LOOPBACK: &str = "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128";
/// Lists that may keep strangers out before the two that are about relaying.
const EARLIER: [&str; 3] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
];
/// The two that are.
const RELAYING: [&str; 2] = ["smtpd_relay_restrictions", "smtpd_recipient_restrictions"];

/// Looks for an open relay.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(postfix) = host.postfix() else {
        return super::no_postfix();
    };
    judge(postfix, names_networks(postfix)).into()
}

/// Whether `main.cf` sets `mynetworks`, so that `mynetworks_style` does not count.
fn names_networks(postfix: &Postfix) -> bool {
    let text = fs::read_to_string(postfix.directory.join("main.cf")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("mynetworks"))
        .any(|rest| rest.trim_start().starts_with('='))
}

fn judge(postfix: &Postfix, names_networks: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for service in postfix
        .services_of("smtpd")
        .filter(|service| listens(service))
    {
        let found = open_by_lists(postfix, service).into_iter();
        for finding in found.chain(networks(postfix, service, names_networks)) {
            if !findings.iter().any(|known| known.code == finding.code) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// Whether a service takes mail from other hosts.
fn listens(service: &Service) -> bool {
    let local = ["127.", "localhost:", "[::1]"];
    ["inet", "pass"].contains(&service.kind.as_str())
        && !local.iter().any(|prefix| service.name.starts_with(prefix))
}

fn harm() -> Text {
    text!("anybody sends spam through this server; within hours it is on every block list")
}

fn open_by_lists(postfix: &Postfix, service: &Service) -> Option<Finding> {
    let value = |list| postfix.value_for(service, list).unwrap_or_default();
    let closed = EARLIER
        .iter()
        .chain(&RELAYING)
        .any(|list| to_a_stranger(value(list)) == Word::Reject);
    if closed {
        return None;
    }
    let id = service.id();
    let finding = match RELAYING.iter().any(|list| has_barrier(value(list))) {
        true => Finding::fail(
            codes::RELAY_OPEN,
            id.clone(),
            text!("{id} passes mail of strangers on to anywhere: an open relay"),
        )
        .why(harm()),
        false => Finding::fail(
            codes::RELAY_NO_BARRIER,
            id.clone(),
            text!(
                "{id} takes no mail: nothing in its restrictions would keep strangers from relaying, so Postfix ends it (fatal)"
            ),
        ),
    };
    let finding = RELAYING.iter().fold(finding, |finding, list| {
        finding.evidence(format!("{list} = {}", value(list)))
    });
    let of_all = |list| postfix.main.value(list);
    let finding = RELAYING
        .iter()
        .filter(|list| service.overrides.contains_key(**list))
        .fold(finding, |finding, list| {
            finding.command(format!("postconf -PX '{id}/{list}'"))
        });
    let finding = match RELAYING
        .iter()
        .any(|list| to_a_stranger(of_all(list)) == Word::Reject)
    {
        true => finding,
        false => finding.command("postconf -e 'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination'"),
    };
    Some(finding.command("postfix reload"))
}

/// An address or network of `mynetworks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// `192.0.2.0/24`, `[2001:db8::]/32`, `192.0.2.7`; `None`: a table, a negation or nonsense.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.rsplit_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        Some(Self {
            address,
            prefix: prefix.unwrap_or(whole),
        })
    }

    fn holds_everybody(self) -> bool {
        self.prefix == 0
    }

    /// A public network that many others are in.
    fn is_wide(self) -> bool {
        let least = if self.address.is_ipv4() {
            WIDE_V4
        } else {
            WIDE_V6
        };
        self.prefix < least && !is_private(self.address)
    }
}

fn networks(postfix: &Postfix, service: &Service, names_networks: bool) -> Option<Finding> {
    let value = |list| postfix.value_for(service, list).unwrap_or_default();
    if !EARLIER
        .iter()
        .chain(&RELAYING)
        .any(|list| trusts_networks(value(list)))
    {
        return None;
    }
    let written = value("mynetworks");
    let entries: Vec<&str> = dkimd_postfix::main_cf::words(written);
    let find = |wanted: fn(Network) -> bool| {
        entries
            .iter()
            .find(|entry| Network::parse(entry).is_some_and(wanted))
    };
    let style = postfix.main.value("mynetworks_style");
    let evidence = [
        format!("mynetworks = {written}"),
        format!("mynetworks_style = {style}"),
    ];
    let (code, what, everybody) = if let Some(entry) = find(Network::holds_everybody) {
        let what = text!(
            "mynetworks holds {entry}: everybody counts as one of this server's own machines, an open relay"
        );
        (codes::RELAY_OPEN, what, true)
    } else if let Some(entry) = find(Network::is_wide) {
        let what = text!(
            "mynetworks holds {entry}: strangers in that network may send through this server"
        );
        (codes::RELAY_NETWORKS_WIDE, what, false)
    } else if names_networks {
        return None;
    } else {
        return style_finding(&entries, style, &evidence);
    };
    let kept: Vec<_> = entries
        .iter()
        .filter(|entry| {
            !Network::parse(entry)
                .is_some_and(|network| network.holds_everybody() || network.is_wide())
        })
        .copied()
        .collect();
    // A host trusts itself.
    let kept = match kept.is_empty() {
        true => LOOPBACK.to_owned(),
        false => kept.join(" "),
    };
    let command = match service.overrides.contains_key("mynetworks") {
        true => format!(
            "postconf -P '{}/mynetworks={}'",
            service.id(),
            kept.replace(' ', ",")
        ),
        false => format!("postconf -e 'mynetworks = {kept}'"),
    };
    let finding = match everybody {
        true => Finding::fail(code, "mynetworks", what),
        false => Finding::warn(code, "mynetworks", what),
    };
    let finding = evidence.into_iter().fold(finding, Finding::evidence);
    Some(
        finding
            .why(harm())
            .command(command)
            .command("postfix reload"),
    )
}

/// Networks that Postfix made up from the interfaces.
fn style_finding(entries: &[&str], style: &str, evidence: &[String; 2]) -> Option<Finding> {
    if !["subnet", "class"].contains(&style) {
        return None;
    }
    let public = entries.iter().find(|entry| {
        Network::parse(entry).is_some_and(|network| {
            let whole = if network.address.is_ipv4() { 32 } else { 128 };
            network.prefix < whole && !is_private(network.address)
        })
    })?;
    let finding = Finding::warn(
        codes::RELAY_NETWORKS_STYLE,
        "mynetworks_style",
        text!("mynetworks_style = {style} trusts the neighbours of this server in {public}"),
    );
    let finding = evidence.iter().fold(finding, Finding::evidence);
    Some(
        finding
            .why(text!(
                "at a provider these are machines of strangers, who may send through this server"
            ))
            .command("postconf -e 'mynetworks_style = host'")
            .command("postfix reload"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Level;

    const MASTER: &str = "smtp inet n - y - - smtpd\n127.0.0.1:10025 inet n - n - - smtpd\n";
    const CLOSED: &str = "smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination\n\
                          mynetworks_style = host\n";

    fn found(main: &str) -> Vec<(&'static str, Level)> {
        let postfix = Postfix::from_texts(main, MASTER, "");
        judge(&postfix, false)
            .iter()
            .map(|finding| (finding.code.word(), finding.level))
            .collect()
    }

    #[test]
    fn postfixs_own_lists_are_closed() {
        assert_eq!(
            found(&format!(
                "{CLOSED}mynetworks = 127.0.0.0/8 [::1]/128 192.168.0.0/16 203.0.113.7\n"
            )),
            []
        );
        let by_recipient = "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks reject_unauth_destination\n";
        assert_eq!(found(by_recipient), []);
        assert_eq!(
            found(
                "smtpd_relay_restrictions = permit\nsmtpd_client_restrictions = permit_mynetworks, reject\n"
            ),
            []
        );
    }

    #[test]
    fn an_open_relay_is_one_whichever_way_it_is_open() {
        assert_eq!(
            found("smtpd_relay_restrictions = permit, reject_unauth_destination\n"),
            [("relay-open", Level::Fail)]
        );
        // Postfix itself sees to this one.
        assert_eq!(
            found("smtpd_relay_restrictions = permit\n"),
            [("relay-no-barrier", Level::Fail)]
        );
        let everybody = format!("{CLOSED}mynetworks = 127.0.0.0/8 0.0.0.0/0\n");
        assert_eq!(found(&everybody), [("relay-open", Level::Fail)]);
    }

    #[test]
    fn wide_networks_are_warnings() {
        let provider = format!("{CLOSED}mynetworks = 127.0.0.0/8 203.0.112.0/20\n");
        assert_eq!(found(&provider), [("relay-networks-wide", Level::Warn)]);
        let subnet = "smtpd_relay_restrictions = permit_mynetworks defer_unauth_destination\n\
                      mynetworks_style = subnet\nmynetworks = 127.0.0.0/8 203.0.113.0/24\n";
        assert_eq!(found(subnet), [("relay-networks-style", Level::Warn)]);
    }
}
