//! Reverse names: each address that mail leaves from has one PTR record whose name leads back to it
//! (forward-confirmed reverse DNS), and that name suits the greeting.

use std::{net::IpAddr, sync::Arc};

use crate::{
    addresses::{Seen, smarthost},
    codes,
    host::Host,
    record_line,
    report::{Cause, Report},
};
use dkimd_advice::{Finding, Level, text, text::Text};
use dkimd_questions::reverse_name;

/// Words in names that providers give to addresses nobody chose a name for.
const GENERIC_WORDS: [&str; 16] = [
    "dynamic",
    "dyn",
    "dhcp",
    "pool",
    "ppp",
    "dsl",
    "adsl",
    "cable",
    "static",
    "cust",
    "customer",
    "broadband",
    "unassigned",
    "generic",
    "rev",
    "ip",
];

/// What is known of one address.
#[derive(Clone, Debug)]
struct ReverseFacts {
    address: IpAddr,
    /// The names of its PTR records.
    names: Vec<String>,
    /// The first name's addresses.
    forward: Vec<IpAddr>,
    /// What the server greets with.
    helo: Option<String>,
    /// That name's addresses.
    helo_addresses: Vec<IpAddr>,
    /// Whether mail also leaves by the other family, properly named.
    other_family: bool,
    /// Whether all mail is handed to a provider.
    relayed: bool,
}

/// Looks at each address.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let seen = Seen::of(&host).await;
    let mut report = Report::default();
    let Some(dns) = &host.dns else {
        return report;
    };
    if seen.public.is_empty() {
        return Report::not_examined(
            Cause::Nothing,
            text!("no public address that mail leaves from is known"),
        );
    }
    let helo = host.helo().filter(|helo| helo.contains('.'));
    let helo_addresses = match helo {
        Some(helo) => report
            .answered(helo, dns.addresses(helo).await)
            .map(|found| found.records)
            .unwrap_or_default(),
        None => Vec::new(),
    };
    for address in seen.addresses() {
        let asked = reverse_name(address);
        let Some(found) = report.answered(&asked, dns.ptr(address).await) else {
            continue;
        };
        let forward = match found.records.first() {
            Some(name) => match report.answered(name, dns.addresses(name).await) {
                Some(found) => found.records,
                None => continue,
            },
            None => Vec::new(),
        };
        let facts = ReverseFacts {
            address,
            names: found.records,
            forward,
            helo: helo.map(str::to_owned),
            helo_addresses: helo_addresses.clone(),
            other_family: seen.public.len() > 1,
            relayed: host.postfix().and_then(smarthost).is_some(),
        };
        for finding in judge(&facts) {
            report.add(finding);
        }
    }
    report
}

fn why() -> Text {
    text!(
        "Gmail refuses mail from addresses without matching forward and reverse names (550 5.7.25 \
         and 5.7.1), and most others distrust it"
    )
}

fn ask_provider(finding: Finding, facts: &ReverseFacts) -> Finding {
    let address = facts.address;
    let finding = match &facts.helo {
        Some(name) => finding
            .advice(text!(
                "ask the provider of the server (its control panel, often under “reverse DNS”) to \
                 name {address} {name}"
            ))
            .record(record_line::of_type(
                &reverse_name(address),
                "PTR",
                &format!("{name}."),
            )),
        None => finding.advice(text!(
            "give this server a full name first (the check hostname: `dkimd doctor --only \
             hostname`), then ask the provider of the server to name {address} by it"
        )),
    };
    match address.is_ipv6() && facts.other_family {
        true => finding
            .advice(text!("or send by IPv4 alone:"))
            .command("postconf -e inet_protocols=ipv4 && systemctl restart postfix"),
        false => finding,
    }
}

fn judge(facts: &ReverseFacts) -> Vec<Finding> {
    let address = facts.address;
    let subject = address.to_string();
    // Behind a provider's relay receivers never see this address.
    let grave = match facts.relayed {
        true => Level::Info,
        false => Level::Fail,
    };
    let Some(name) = facts.names.first() else {
        let what = text!("{address}, which mail leaves from, has no reverse name (PTR)");
        let finding = Finding::new(grave, codes::PTR_MISSING, subject, what);
        let finding = finding.evidence(reverse_name(address)).why(why());
        return vec![ask_provider(finding, facts)];
    };
    let mut findings = Vec::new();
    let shown = format!("{address} → {}", facts.names.join(", "));
    if !facts.forward.contains(&address) {
        let forward: Vec<_> = facts.forward.iter().map(ToString::to_string).collect();
        let what = match forward.is_empty() {
            true => text!("the reverse name of {address} is {name}, but {name} has no address"),
            false => {
                text!("the reverse name of {address} is {name}, but {name} has another address")
            }
        };
        let mut finding = Finding::new(grave, codes::PTR_NOT_CONFIRMED, &subject, what)
            .evidence(shown.clone())
            .evidence(format!("{name} → {}", forward.join(", ")))
            .why(why());
        if facts.helo.as_deref() == Some(name.as_str()) {
            finding = finding.record(record_line::address(name, address));
        } else {
            finding = ask_provider(finding, facts);
        }
        findings.push(finding);
        return findings;
    }
    if facts.names.len() > 1 {
        let count = facts.names.len();
        let what = text!("{address} has {count} reverse names; one is right");
        let finding = Finding::warn(codes::PTR_SEVERAL, &subject, what);
        let finding = finding.evidence(shown.clone()).why(text!(
            "receivers look at one of them, and which is left to chance"
        ));
        findings.push(ask_provider(finding, facts));
    }
    let Some(helo) = &facts.helo else {
        return findings;
    };
    let named_so = facts
        .names
        .iter()
        .any(|name| name.eq_ignore_ascii_case(helo));
    if !named_so && is_generic(name, address) {
        let what = text!(
            "the reverse name of {address} is one that a provider gives out by machine: {name}"
        );
        let finding = Finding::warn(codes::PTR_GENERIC, &subject, what).evidence(shown);
        let finding = finding.why(text!(
            "many receivers take such names for home connections and refuse or distrust their mail"
        ));
        findings.push(ask_provider(finding, facts));
    } else if !named_so && !facts.helo_addresses.contains(&address) {
        let what = text!("the server greets as {helo}, but {address} is called {name}");
        let finding = Finding::warn(codes::PTR_OTHER_NAME, &subject, what).evidence(shown);
        let finding = finding
            .why(text!("filters count a greeting that does not lead to the sender's address as a sign of spam"))
            .command(format!("postconf -e smtp_helo_name={name} && postfix reload"));
        findings.push(finding);
    }
    findings
}

/// Whether a name looks as if made of the address: its octets in it, or words such as `dynamic`
/// beside digits.
fn is_generic(name: &str, address: IpAddr) -> bool {
    let lower = name.to_ascii_lowercase();
    let numbers: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .collect();
    if let IpAddr::V4(v4) = address {
        let octets: Vec<String> = v4.octets().iter().map(u8::to_string).collect();
        let held = octets.iter().filter(|octet| {
            numbers
                .iter()
                .any(|n| n.trim_start_matches('0') == octet.as_str())
        });
        let glued: String = octets.concat();
        if held.count() >= 3 || lower.contains(&glued) {
            return true;
        }
    }
    let digits = lower.bytes().filter(u8::is_ascii_digit).count();
    let words = lower.split(['.', '-', '_']);
    let bare = |word: &str| word.trim_matches(|c: char| c.is_ascii_digit()).to_owned();
    digits >= 4
        && words
            .map(bare)
            .any(|word| GENERIC_WORDS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Fix;

    fn facts(names: &[&str], forward: &[&str]) -> ReverseFacts {
        ReverseFacts {
            address: "203.0.113.10".parse().unwrap(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            forward: forward.iter().map(|text| text.parse().unwrap()).collect(),
            helo: Some("mail.example.com".to_owned()),
            helo_addresses: vec!["203.0.113.10".parse().unwrap()],
            other_family: false,
            relayed: false,
        }
    }

    fn codes(facts: &ReverseFacts) -> Vec<&'static str> {
        judge(facts)
            .iter()
            .map(|finding| finding.code.word())
            .collect()
    }

    #[test]
    fn one_name_that_leads_back_is_right() {
        assert_eq!(
            codes(&facts(&["mail.example.com"], &["203.0.113.10"])),
            [""; 0]
        );
        // Another name of the same host, to which the greeting leads as well.
        assert_eq!(
            codes(&facts(&["www.example.com"], &["203.0.113.10"])),
            [""; 0]
        );
    }

    #[test]
    fn faults_of_reverse_names_are_told_apart() {
        assert_eq!(codes(&facts(&[], &[])), ["ptr-missing"]);
        assert_eq!(
            codes(&facts(&["mail.example.com"], &[])),
            ["ptr-not-confirmed"]
        );
        assert_eq!(
            codes(&facts(&["mail.example.com"], &["203.0.113.11"])),
            ["ptr-not-confirmed"]
        );
        assert_eq!(
            codes(&facts(
                &["mail.example.com", "www.example.com"],
                &["203.0.113.10"]
            )),
            ["ptr-several"]
        );
        assert_eq!(
            codes(&facts(
                &["10.113.0.203.static.example.net"],
                &["203.0.113.10"]
            )),
            ["ptr-generic"]
        );
        let mut other = facts(&["host.example.net"], &["203.0.113.10"]);
        other.helo_addresses.clear();
        assert_eq!(codes(&other), ["ptr-other-name"]);
        other.names.clear();
        other.relayed = true;
        assert_eq!(judge(&other)[0].level, Level::Info);
    }

    #[test]
    fn no_name_is_invented_where_none_is_known() {
        let mut unknown = facts(&[], &[]);
        assert!(format!("{:?}", judge(&unknown)).contains("PTR mail.example.com."));
        unknown.helo = None;
        for names in [&[][..], &["a.example.net"]] {
            unknown.names = names.iter().map(|name| (*name).to_owned()).collect();
            let [finding] = &judge(&unknown)[..] else {
                panic!("{names:?}");
            };
            assert!(matches!(&finding.fix[..], [Fix::Words(_)]), "{finding:?}");
            let fix = format!("{:?}", finding.fix);
            assert!(fix.contains("full name first") && !fix.contains("example.com"));
        }
    }

    #[test]
    fn names_made_of_the_address_are_generic_and_others_are_not() {
        let address = "203.0.113.10".parse().unwrap();
        for (name, generic) in [
            ("203-0-113-10.pool.example.net", true),
            ("host-10-113-0-203.example.net", true),
            ("static.10.113.0.203.clients.example.net", true),
            ("ip203011310.example.net", true),
            ("vps-1a2b3c4d.dynamic.example.net", true),
            ("mail.example.com", false),
            ("mx10.example.com", false),
            ("s113.example.com", false),
            ("static.example.com", false),
        ] {
            assert_eq!(is_generic(name, address), generic, "{name}");
        }
    }
}
