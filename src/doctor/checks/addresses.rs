//! The addresses that mail leaves from: public ones, or private ones whose public side is known.

use std::{net::IpAddr, sync::Arc};

use crate::{
    addresses::{KnownBy, Public, Seen, smarthost},
    codes,
    host::Host,
    record_line,
    report::Report,
};
use dkimd_advice::{Finding, Level, text};
use dkimd_postfix::leaving::{AddressSource, LeavingAddress};
use dkimd_questions::reverse_name;

/// Looks at them.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let seen = Seen::of(&host).await;
    let mut report = Report::default();
    if let Some((name, failure)) = &seen.unanswered {
        report.unanswered(name, *failure);
        return report;
    }
    let relay = host.postfix().and_then(smarthost);
    let findings = judge(&host, &seen, relay);
    for finding in findings {
        report.add(finding);
    }
    if let (Some(address), Some(helo), None) = (seen.unwanted, host.helo(), relay) {
        report.add(unwanted_ipv6(address, helo));
    }
    report
}

fn judge(host: &Host, seen: &Seen, relay: Option<&str>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen
        .hidden
        .iter()
        .map(|hidden| private(hidden, relay))
        .collect();
    findings.extend(seen.public.iter().filter_map(translated));
    if seen.public.is_empty() && seen.hidden.is_empty() {
        let what = text!(
            "this host has no address that mail could leave from: no way leads to the internet"
        );
        let finding = Finding::fail(codes::ADDRESS_NONE, "inet_protocols", what);
        let protocols = host
            .postfix()
            .map(|postfix| postfix.main.value("inet_protocols").to_owned());
        let finding = protocols.iter().fold(finding, |finding, protocols| {
            finding.evidence(format!("inet_protocols = {protocols}"))
        });
        findings.push(finding.command("ip route show default; ip -6 route show default"));
    }
    findings
}

fn private(hidden: &LeavingAddress, relay: Option<&str>) -> Finding {
    let address = hidden.address;
    let source = match hidden.source {
        AddressSource::Setting(parameter) => format!("{parameter}: {address}"),
        AddressSource::Route | AddressSource::Given => format!("route: {address}"),
    };
    // A provider's relay shows its own address.
    let level = match relay {
        Some(_) => Level::Info,
        None => Level::Fail,
    };
    let what = text!(
        "mail leaves from the private address {address}; which public address receivers see is not \
         known here"
    );
    Finding::new(level, codes::ADDRESS_PRIVATE, address.to_string(), what)
        .evidence(source)
        .why(text!("SPF, the reverse name and block lists concern the public address: without it they can't \
             be checked, and Postfix does not recognise itself behind the router"))
        .advice(text!("ask the router or the provider for the public address and write it in proxy_interfaces \
             (postconf -e), then systemctl restart postfix"))
}

fn translated(public: &Public) -> Option<Finding> {
    let (private, by) = public.translated.as_ref()?;
    let address = public.address;
    let what = match by {
        KnownBy::ProxyInterfaces => text!(
            "mail leaves from {private} behind address translation; proxy_interfaces says that \
             receivers see {address}"
        ),
        KnownBy::HostName(name) => text!(
            "mail leaves from {private} behind address translation; receivers are taken to see \
             {address}, the address of {name}"
        ),
    };
    let finding = Finding::info(codes::ADDRESS_TRANSLATED, address.to_string(), what);
    Some(match by {
        KnownBy::ProxyInterfaces => finding,
        KnownBy::HostName(_) => finding.command(format!(
            "postconf -e proxy_interfaces={address} && systemctl restart postfix"
        )),
    })
}

/// The provider gave IPv6 unasked, Postfix uses it, and Gmail refuses what comes from it.
fn unwanted_ipv6(address: IpAddr, helo: &str) -> Finding {
    let what = text!(
        "mail also leaves by IPv6 from {address}, which is not set up for mail: it has no reverse \
         name, and {helo} does not lead to it"
    );
    let finding = Finding::fail(codes::ADDRESS_IPV6_UNNAMED, address.to_string(), what);
    finding
        .evidence(reverse_name(address))
        .why(text!(
            "Gmail refuses all mail from IPv6 addresses without a reverse name (550 5.7.1)"
        ))
        .advice(text!("send by IPv4 alone:"))
        .command("postconf -e inet_protocols=ipv4 && systemctl restart postfix")
        .advice(text!("or name the address at the provider, and publish:"))
        .record(record_line::address(helo, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_address_is_grave_unless_a_provider_sends() {
        let hidden = LeavingAddress {
            address: "192.168.7.20".parse().unwrap(),
            source: AddressSource::Route,
        };
        assert_eq!(private(&hidden, None).level, Level::Fail);
        assert_eq!(
            private(&hidden, Some("[smtp.example.net]")).level,
            Level::Info
        );
    }

    #[test]
    fn a_public_side_that_is_only_supposed_is_told_with_the_setting_that_makes_it_sure() {
        let public = |by| Public {
            address: "203.0.113.10".parse().unwrap(),
            translated: Some(("10.0.0.2".parse().unwrap(), by)),
        };
        let supposed = translated(&public(KnownBy::HostName("mail.example.com".to_owned())));
        assert_eq!(supposed.unwrap().fix.len(), 1);
        let said = translated(&public(KnownBy::ProxyInterfaces));
        assert_eq!(said.unwrap().fix.len(), 0);
    }
}
