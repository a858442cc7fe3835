//! The names of the server: what it greets with, whether that leads to it, and the names it gives
//! to mail without a domain.

use std::{fs, net::IpAddr, sync::Arc};

use crate::{
    addresses::{Seen, smarthost},
    codes,
    host::Host,
    record_line,
    report::{Cause, Report},
};
use dkimd_advice::{Finding, Level, text, text::Text};
use dkimd_postfix::{MainCf, leaving::is_private};

/// Names that no receiver can look up: reserved, or of inner networks (RFC 2606, 6762, 8375).
const INNER_ENDINGS: [&str; 10] = [
    "local",
    "localdomain",
    "internal",
    "lan",
    "home",
    "home.arpa",
    "localhost",
    "intranet",
    "corp",
    "invalid",
];
/// Names for this host alone.
const HOSTS: &str = "/etc/hosts";

/// What is known of the greeting name.
#[derive(Clone, Debug)]
struct NameFacts {
    /// The parameter it stands in.
    parameter: &'static str,
    name: String,
    /// Its addresses; none where nobody was asked.
    addresses: Option<Vec<IpAddr>>,
    /// The addresses that mail leaves from.
    seen: Vec<IpAddr>,
    relayed: bool,
}

/// Looks at them.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(postfix) = host.postfix() else {
        return super::no_postfix();
    };
    let mut report = Report::default();
    let main = &postfix.main;
    for (parameter, name) in names(main) {
        if let Some(finding) = unqualified(parameter, &name) {
            report.add(finding);
            continue;
        }
        let addresses = match &host.dns {
            Some(dns) => match report.answered(&name, dns.addresses(&name).await) {
                Some(found) => Some(found.records),
                None => continue,
            },
            None => {
                report.omit(Cause::Offline, text!("the addresses of {name}"));
                None
            }
        };
        let seen = match host.helo() {
            Some(helo) if helo.eq_ignore_ascii_case(&name) => Seen::of(&host).await.addresses(),
            // Another name is what receivers hear.
            _ => Vec::new(),
        };
        let facts = NameFacts {
            parameter,
            name,
            addresses,
            seen,
            relayed: smarthost(postfix).is_some(),
        };
        for finding in judge(&facts) {
            report.add(finding);
        }
    }
    let hosts = fs::read_to_string(HOSTS).unwrap_or_default();
    if let Some(finding) = loopback(&hosts, main.value("myhostname")) {
        report.add(finding);
    }
    if let Some(finding) = origin(main, &host) {
        report.add(finding);
    }
    report
}

/// `myhostname`, and `smtp_helo_name` where it is another.
fn names(main: &MainCf) -> Vec<(&'static str, String)> {
    let mut names: Vec<(&'static str, String)> = Vec::new();
    for parameter in ["myhostname", "smtp_helo_name"] {
        let name = main
            .value(parameter)
            .trim_end_matches('.')
            .to_ascii_lowercase();
        let new = names.iter().all(|(_, known)| *known != name);
        if new && !(name.is_empty() && parameter == "smtp_helo_name") {
            names.push((parameter, name));
        }
    }
    names
}

fn why() -> Text {
    text!(
        "receivers look up the name that a server greets with, and refuse or distrust one that does \
         not lead to it"
    )
}

fn is_inner(name: &str) -> bool {
    INNER_ENDINGS.iter().any(|ending| {
        name.strip_suffix(ending)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'))
    })
}

fn unqualified(parameter: &'static str, name: &str) -> Option<Finding> {
    let what = if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        text!("{parameter} is an address, {name}, not a name")
    } else if !name.contains('.') {
        text!("{parameter} is “{name}”, which is no full name such as mail.example.com")
    } else if is_inner(name) {
        text!("{parameter} is {name}, a name that exists only inside a network")
    } else {
        return None;
    };
    let finding = Finding::fail(codes::HELO_NOT_QUALIFIED, parameter, what);
    Some(
        finding
            .evidence(format!("{parameter} = {name}"))
            .why(why())
            .advice(text!("choose a name below your domain, give it the server's address in DNS, and write it in \
                 {parameter} (postconf -e), then systemctl restart postfix")),
    )
}

fn judge(facts: &NameFacts) -> Vec<Finding> {
    let (name, parameter) = (&facts.name, facts.parameter);
    let Some(addresses) = &facts.addresses else {
        return Vec::new();
    };
    let grave = match (facts.relayed, parameter) {
        (true, _) => Level::Info,
        _ => Level::Fail,
    };
    let shown = format!("{parameter} = {name}");
    let records = |finding: Finding, of: &[IpAddr]| {
        of.iter().fold(finding, |finding, address| {
            finding.record(record_line::address(name, *address))
        })
    };
    if addresses.is_empty() {
        let what = text!("{name}, the name the server greets with, does not exist in DNS");
        let finding = Finding::new(grave, codes::HELO_UNRESOLVABLE, name, what);
        let finding = finding.evidence(shown).why(why());
        return vec![match facts.seen.is_empty() {
            false => records(finding, &facts.seen),
            true => finding.advice(text!("publish the address of the server under this name")),
        }];
    }
    let found: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let found = format!("{name} → {}", found.join(", "));
    if facts.seen.is_empty() {
        return Vec::new();
    }
    let missing: Vec<IpAddr> = facts
        .seen
        .iter()
        .filter(|address| !addresses.contains(address))
        .copied()
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let leaving: Vec<_> = missing.iter().map(ToString::to_string).collect();
    let leaving = leaving.join(", ");
    if missing.len() == facts.seen.len() {
        let inner = addresses.iter().all(|address| is_private(*address));
        let what = match inner {
            true => text!(
                "{name}, the name the server greets with, has only a private address in DNS; mail \
                 leaves from {leaving}"
            ),
            false => text!(
                "{name}, the name the server greets with, leads to another address than {leaving}, \
                 which mail leaves from"
            ),
        };
        let finding = Finding::new(grave, codes::HELO_ELSEWHERE, name, what);
        let finding = finding.evidence(shown).evidence(found).why(why());
        return vec![records(finding, &missing)];
    }
    let what = text!(
        "mail also leaves from {leaving}, which {name}, the name the server greets with, does not lead to"
    );
    let finding = Finding::new(grave.min(Level::Warn), codes::HELO_NOT_BOTH, name, what);
    let finding = finding.evidence(shown).evidence(found).why(why());
    vec![records(finding, &missing)]
}

/// Debian's installer writes the host's own name beside 127.0.1.1.
fn loopback(hosts: &str, name: &str) -> Option<Finding> {
    let line = hosts.lines().enumerate().find(|(_, line)| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
        address.is_some_and(|address| address.is_loopback())
            && name.contains('.')
            && words.any(|word| word.eq_ignore_ascii_case(name))
    });
    let (number, line) = line?;
    let (number, line) = (number + 1, line.trim());
    let address = line.split_whitespace().next().unwrap_or_default();
    let what = text!("{HOSTS} says that {name} is {address}, the host itself as seen from inside");
    let finding = Finding::warn(codes::HOSTS_LOOPBACK, format!("{HOSTS}:{number}"), what);
    Some(
        finding
            .evidence(line)
            .why(text!("programs on this host that connect to the mail server by its name reach the loopback \
                 interface, where other rules hold, or find nothing"))
            .advice(text!("write the server's public address in front of that name, or leave the short name \
                 alone in that line")),
    )
}

/// The domain that local programs' mail gets.
fn origin(main: &MainCf, host: &Host) -> Option<Finding> {
    let origin = main.value("myorigin").to_ascii_lowercase();
    let origin = match origin.strip_prefix('/') {
        Some(_) => fs::read_to_string(&origin)
            .ok()?
            .trim()
            .to_ascii_lowercase(),
        None => origin,
    };
    // Where the host's own name is no good, that is the cause.
    let own_name = main.value("myhostname").eq_ignore_ascii_case(&origin);
    if own_name || (origin.contains('.') && !is_inner(&origin)) {
        return None;
    }
    let domain = host.domains.first();
    let domain = domain.map_or("$mydomain", |domain| domain.as_str());
    let what = text!(
        "mail of local programs and cron leaves as root@{origin}, which is no domain that anybody \
         knows (myorigin)"
    );
    let finding = Finding::warn(codes::ORIGIN_NOT_QUALIFIED, "myorigin", what);
    let finding = finding.evidence(format!("myorigin = {}", main.value("myorigin")));
    Some(
        finding
            .why(text!(
                "receivers refuse a sender whose domain does not exist, and no key signs it"
            ))
            .command(format!("postconf -e 'myorigin={domain}' && postfix reload")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(addresses: &[&str], seen: &[&str]) -> NameFacts {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        NameFacts {
            parameter: "myhostname",
            name: "mail.example.com".to_owned(),
            addresses: Some(parse(addresses)),
            seen: parse(seen),
            relayed: false,
        }
    }

    fn codes(facts: &NameFacts) -> Vec<(Level, &'static str)> {
        judge(facts)
            .iter()
            .map(|f| (f.level, f.code.word()))
            .collect()
    }

    #[test]
    fn a_name_must_be_whole_and_known_outside() {
        for name in [
            "mail",
            "localhost.localdomain",
            "mail.local",
            "vm.internal",
            "[192.0.2.1]",
            "",
        ] {
            assert!(unqualified("myhostname", name).is_some(), "{name}");
        }
        for name in ["mail.example.com", "local.example.com", "mylocal.de"] {
            assert!(unqualified("myhostname", name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_name_must_lead_to_every_address_that_mail_leaves_from() {
        let (v4, v6, other) = ("203.0.113.10", "2001:db8::10", "198.51.100.9");
        assert_eq!(codes(&facts(&[v4, v6], &[v4, v6])), []);
        assert_eq!(
            codes(&facts(&[], &[v4])),
            [(Level::Fail, "helo-unresolvable")]
        );
        assert_eq!(
            codes(&facts(&[other], &[v4])),
            [(Level::Fail, "helo-elsewhere")]
        );
        assert_eq!(
            codes(&facts(&["10.0.0.1"], &[v4])),
            [(Level::Fail, "helo-elsewhere")]
        );
        assert_eq!(
            codes(&facts(&[v4], &[v4, v6])),
            [(Level::Warn, "helo-not-both")]
        );
        let mut relayed = facts(&[other], &[v4]);
        relayed.relayed = true;
        assert_eq!(codes(&relayed), [(Level::Info, "helo-elsewhere")]);
    }

    #[test]
    fn the_installers_loopback_line_is_found_and_others_are_not() {
        let found = loopback(
            "127.0.0.1 localhost\n127.0.1.1 mail.example.com mail\n",
            "mail.example.com",
        );
        assert_eq!(found.unwrap().subject, "/etc/hosts:2");
        for hosts in [
            "127.0.1.1 mail\n",
            "# 127.0.1.1 mail.example.com\n",
            "203.0.113.10 mail.example.com mail\n",
        ] {
            assert!(loopback(hosts, "mail.example.com").is_none(), "{hosts}");
        }
    }

    #[test]
    fn a_greeting_name_of_its_own_is_looked_at_besides() {
        let main =
            MainCf::parse("myhostname = mail.example.com\nsmtp_helo_name = out.example.com.");
        assert_eq!(names(&main).len(), 2);
        let main =
            MainCf::parse("myhostname = mail.example.com\nsmtp_helo_name = mail.example.com");
        assert_eq!(names(&main).len(), 1);
    }
}
