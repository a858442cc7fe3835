//! The name servers that this host asks: whether they answer, whose they are, whether they suit the
//! daemon's and Postfix's needs, and whether Postfix in its chroot asks the same.

pub(super) mod probe;

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use self::probe::{Shown, probe};
use super::each::side_by_side;
use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkimd_advice::{Finding, Level, text};
use dkimd_postfix::Postfix;
use dkimd_server::dns::nameservers::RESOLV_CONF;

/// Resolvers that are everybody's (Google, Cloudflare, Quad9, OpenDNS, AdGuard, Verisign, Level3),
/// by the front of their addresses.
const PUBLIC: [&str; 18] = [
    "8.8.8.8",
    "8.8.4.4",
    "1.1.1.1",
    "1.0.0.1",
    "9.9.9.9",
    "9.9.9.10",
    "9.9.9.11",
    "149.112.112.",
    "208.67.222.",
    "208.67.220.",
    "94.140.14.",
    "64.6.64.",
    "64.6.65.",
    "4.2.2.",
    "2001:4860:4860:",
    "2606:4700:4700:",
    "2620:fe:",
    "2620:119:35:",
];
/// Where the name servers' file is within a chroot.
const IN_CHROOT: &str = "etc/resolv.conf";

/// What is known.
#[derive(Clone, Debug, Default)]
struct ResolverFacts {
    /// The servers that the daemon asks, and what they showed.
    servers: Vec<(SocketAddr, Shown)>,
    /// Whether `Nameservers` names them, and not the system.
    own_list: bool,
    /// The text of `/etc/resolv.conf`, if there is one.
    resolv_conf: Option<String>,
    /// Whether TrustAnchorFile is set.
    trust_anchor: bool,
    /// Whether Postfix is set up for DANE, which needs validated answers.
    dane: bool,
    /// Whether Postfix asks block lists about its clients.
    block_lists: bool,
}

/// Looks at them.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let mut report = Report::default();
    let resolv_conf = fs::read_to_string(RESOLV_CONF).ok();
    if let Some(dns) = &host.dns {
        let domain = host
            .domains
            .first()
            .map(|domain| domain.as_str().to_owned());
        let probing = dns.servers().iter().copied().map(|server| {
            let domain = domain.clone();
            async move { (server, probe(server, domain.as_deref()).await) }
        });
        let servers = side_by_side(probing).await;
        let settings = host.server.as_ref().map(|server| &server.settings);
        let facts = ResolverFacts {
            servers,
            own_list: settings.is_some_and(|settings| !settings.verifying.nameservers.is_empty()),
            resolv_conf: resolv_conf.clone(),
            trust_anchor: settings
                .is_some_and(|settings| settings.process.trust_anchor_file.is_some()),
            dane: host.postfix().is_some_and(wants_dane),
            block_lists: host.postfix().is_some_and(asks_block_lists),
        };
        for finding in judge(&facts, &host.config) {
            report.add(finding);
        }
    }
    if host.dns.is_none() {
        report.merge(Report::not_examined(
            Cause::Offline,
            text!("what the name servers answer"),
        ));
    }
    if let Some(finding) = host
        .postfix()
        .and_then(|p| chroot(p, resolv_conf.as_deref()))
    {
        report.add(finding);
    }
    report
}

fn wants_dane(postfix: &Postfix) -> bool {
    postfix
        .main
        .value("smtp_tls_security_level")
        .starts_with("dane")
}

fn asks_block_lists(postfix: &Postfix) -> bool {
    let asks = |value: &str| value.contains("reject_rbl_client") || value.contains("reject_rhsbl");
    let lists = postfix
        .main
        .iter()
        .any(|(name, value)| name.starts_with("smtpd_") && asks(value));
    lists || !postfix.main.value("postscreen_dnsbl_sites").is_empty()
}

fn is_public(server: IpAddr) -> bool {
    let text = server.to_string();
    PUBLIC
        .iter()
        .any(|front| match front.ends_with(['.', ':']) {
            true => text.starts_with(front),
            false => text == *front,
        })
}

fn own_resolver(finding: Finding) -> Finding {
    finding
        .advice(text!("run a resolver of your own on this host, and ask that one:"))
        .command("apt install unbound && echo nameserver 127.0.0.1 > /etc/resolv.conf && systemctl restart postfix")
}

fn judge(facts: &ResolverFacts, config: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let good = |shown: &Shown| shown.answers && !shown.useless;
    let bad: Vec<_> = facts
        .servers
        .iter()
        .filter(|(_, shown)| !good(shown))
        .collect();
    findings.extend(dead(facts, &bad, config));
    if bad.len() == facts.servers.len() {
        return findings;
    }
    let good: Vec<_> = facts
        .servers
        .iter()
        .filter(|(_, shown)| good(shown))
        .collect();
    for (server, _) in good.iter().filter(|(_, shown)| !shown.tcp) {
        findings.push(no_tcp(*server));
    }
    let strips: Vec<_> = good
        .iter()
        .filter(|(_, shown)| !shown.passes_signatures)
        .collect();
    if let (true, Some((server, _))) = (facts.trust_anchor, strips.first()) {
        let what = text!(
            "TrustAnchorFile is set, but the name server {server} does not pass DNSSEC records on, so \
             every key counts as unprotected"
        );
        let finding = Finding::warn(codes::RESOLVER_STRIPS_DNSSEC, server.to_string(), what);
        findings.push(own_resolver(finding));
    }
    let trusting: Vec<_> = good.iter().filter(|(_, shown)| !shown.validates).collect();
    if let (true, Some((server, _))) = (facts.dane, trusting.first()) {
        let what = text!(
            "smtp_tls_security_level asks for DANE, but the name server {server} does not validate \
             DNSSEC, so DANE never takes effect"
        );
        let finding = Finding::warn(codes::RESOLVER_NOT_VALIDATING, server.to_string(), what);
        findings.push(own_resolver(finding));
    }
    findings.extend(public(facts));
    findings
}

fn dead(facts: &ResolverFacts, bad: &[&(SocketAddr, Shown)], config: &Path) -> Option<Finding> {
    let (server, _) = bad.first()?;
    let all = bad.len() == facts.servers.len();
    let (place, line) = match (facts.own_list, &facts.resolv_conf) {
        (true, _) => (config.display().to_string(), "Nameservers".to_owned()),
        (false, Some(text)) => {
            let address = server.ip().to_string();
            let mut lines = text.lines().map(str::trim);
            let line = lines.find(|line| line.starts_with("nameserver") && line.contains(&address));
            let line = line.map_or("(no nameserver line)", |line| line);
            (RESOLV_CONF.to_owned(), line.to_owned())
        }
        (false, None) => (RESOLV_CONF.to_owned(), "-".to_owned()),
    };
    let servers: Vec<_> = bad
        .iter()
        .map(|(server, _)| server.ip().to_string())
        .collect();
    let servers = servers.join(", ");
    let refusing = bad.iter().all(|(_, shown)| shown.answers);
    let (code, what) = match (all, refusing) {
        (true, false) => (
            codes::RESOLVER_SILENT,
            text!("no name server answers: {servers}"),
        ),
        (true, true) => (
            codes::RESOLVER_REFUSES,
            text!("the name servers answer only with errors: {servers}"),
        ),
        (false, _) => (
            codes::RESOLVER_PARTLY_SILENT,
            text!("some name servers do not answer: {servers}"),
        ),
    };
    let level = if all { Level::Fail } else { Level::Warn };
    let finding = Finding::new(level, code, &place, what).evidence(format!("{place}: {line}"));
    let finding = match all {
        true => finding.why(text!(
            "without DNS no mail leaves, no key is found, and nothing else can be checked"
        )),
        false => finding.why(text!(
            "each question may have to wait for the dead one first"
        )),
    };
    Some(match facts.own_list {
        true => finding.advice(text!(
            "take the dead servers out of the option Nameservers, or the whole line"
        )),
        false => own_resolver(finding),
    })
}

fn no_tcp(server: SocketAddr) -> Finding {
    let what = text!("the name server {server} does not answer over TCP");
    Finding::warn(codes::RESOLVER_NO_TCP, server.to_string(), what)
        .why(text!(
            "records above 1232 octets, such as large keys, can't be read through it"
        ))
        .advice(text!("open TCP port 53 towards it in the firewall"))
}

fn public(facts: &ResolverFacts) -> Option<Finding> {
    let (server, _) = facts
        .servers
        .iter()
        .find(|(server, _)| is_public(server.ip()))?;
    let address = server.ip();
    let what = text!("the name server {address} is a public one");
    // It harms only who asks block lists about his clients: they refuse all mail, or none.
    let level = match facts.block_lists {
        true => Level::Warn,
        false => Level::Info,
    };
    let finding = Finding::new(level, codes::RESOLVER_PUBLIC, address.to_string(), what);
    let finding = finding.why(text!("Spamhaus and other block lists do not answer who asks through public resolvers (127.255.255.254)"));
    Some(own_resolver(finding))
}

/// The name servers of a `resolv.conf`, as written.
fn name_servers(text: &str) -> Vec<&str> {
    let words = text.lines().map(str::split_ascii_whitespace);
    words
        .filter_map(|mut words| (words.next() == Some("nameserver")).then(|| words.next())?)
        .collect()
}

/// Postfix's chrooted programs read a copy of `resolv.conf` in the queue directory.
fn chroot(postfix: &Postfix, system: Option<&str>) -> Option<Finding> {
    let mut chrooted = postfix.services.iter().filter(|service| service.chroot);
    let asks = |command: &str| matches!(command, "smtp" | "smtpd" | "lmtp");
    let service = chrooted.find(|service| asks(&service.command))?;
    let file = postfix.queue_directory().join(IN_CHROOT);
    let copy = fs::read_to_string(&file).ok();
    judge_chroot(&file, copy.as_deref(), system, &service.id())
}

fn judge_chroot(
    file: &Path,
    copy: Option<&str>,
    system: Option<&str>,
    service: &str,
) -> Option<Finding> {
    let (shown, wanted) = (file.display().to_string(), name_servers(system?));
    // Without the file, the library asks 127.0.0.1.
    let found = copy.map_or_else(|| vec!["127.0.0.1"], name_servers);
    if found == wanted || wanted.is_empty() {
        return None;
    }
    let (found, wanted) = (found.join(", "), wanted.join(", "));
    let (code, what) = match copy {
        Some(_) => (
            codes::RESOLVER_CHROOT_DIFFERS,
            text!(
                "Postfix's {service} runs in a chroot and asks other name servers there than the rest \
                 of the system: {found} instead of {wanted}"
            ),
        ),
        None => (
            codes::RESOLVER_CHROOT_MISSING,
            text!("Postfix's {service} runs in a chroot where {shown} is missing"),
        ),
    };
    let finding = Finding::warn(code, &shown, what)
        .evidence(format!("{RESOLV_CONF}: {wanted}"))
        .evidence(format!("{shown}: {found}"))
        .why(text!("mail stays in the queue with “Host or domain name not found” as soon as the old servers \
             do not answer"))
        .command(format!(
            "install -D -m 644 {RESOLV_CONF} {shown} && postfix reload"
        ));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Shown = Shown {
        answers: true,
        useless: false,
        validates: true,
        passes_signatures: true,
        tcp: true,
    };

    fn facts(servers: &[(&str, Shown)]) -> ResolverFacts {
        ResolverFacts {
            servers: servers
                .iter()
                .map(|(address, shown)| (SocketAddr::new(address.parse().unwrap(), 53), *shown))
                .collect(),
            resolv_conf: Some("nameserver 127.0.0.1\n".to_owned()),
            ..ResolverFacts::default()
        }
    }

    fn codes(facts: &ResolverFacts) -> Vec<(Level, &'static str)> {
        let findings = judge(facts, Path::new("/etc/opendkim.conf"));
        findings.iter().map(|f| (f.level, f.code.word())).collect()
    }

    #[test]
    fn one_dead_server_slows_and_all_dead_ones_stop_everything() {
        let dead = Shown::default();
        assert_eq!(codes(&facts(&[("127.0.0.1", GOOD)])), []);
        assert_eq!(
            codes(&facts(&[("192.0.2.1", dead), ("127.0.0.1", GOOD)])),
            [(Level::Warn, "resolver-partly-silent")]
        );
        assert_eq!(
            codes(&facts(&[("192.0.2.1", dead)])),
            [(Level::Fail, "resolver-silent")]
        );
        let refuses = Shown {
            useless: true,
            ..GOOD
        };
        assert_eq!(
            codes(&facts(&[("192.0.2.1", refuses)])),
            [(Level::Fail, "resolver-refuses")]
        );
    }

    #[test]
    fn what_a_server_lacks_matters_only_to_who_needs_it() {
        let plain = Shown {
            validates: false,
            passes_signatures: false,
            ..GOOD
        };
        let mut facts = facts(&[("127.0.0.1", plain)]);
        assert_eq!(codes(&facts), []);
        facts.trust_anchor = true;
        assert_eq!(codes(&facts), [(Level::Warn, "resolver-strips-dnssec")]);
        facts.trust_anchor = false;
        facts.dane = true;
        assert_eq!(codes(&facts), [(Level::Warn, "resolver-not-validating")]);
        facts.dane = false;
        facts.servers[0].1.tcp = false;
        assert_eq!(codes(&facts), [(Level::Warn, "resolver-no-tcp")]);
    }

    #[test]
    fn public_resolvers_are_known_and_harm_who_asks_block_lists() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("149.112.112.112", true),
            ("2001:4860:4860::8888", true),
            ("8.8.8.80", false),
            ("127.0.0.53", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
        let mut facts = facts(&[("8.8.8.8", GOOD)]);
        assert_eq!(codes(&facts), [(Level::Info, "resolver-public")]);
        facts.block_lists = true;
        assert_eq!(codes(&facts), [(Level::Warn, "resolver-public")]);
    }

    #[test]
    fn the_copy_in_the_chroot_must_name_the_same_servers() {
        let judged = |copy, system| {
            let file = Path::new("/var/spool/postfix/etc/resolv.conf");
            judge_chroot(file, copy, Some(system), "smtp/unix").map(|finding| finding.code.word())
        };
        let (one, other) = ("nameserver 192.0.2.1\n", "# x\nnameserver 192.0.2.2\n");
        assert_eq!(judged(Some(one), "search a\nnameserver 192.0.2.1 \n"), None);
        assert_eq!(judged(Some(one), other), Some("resolver-chroot-differs"));
        assert_eq!(judged(None, one), Some("resolver-chroot-missing"));
        assert_eq!(judged(None, "nameserver 127.0.0.1\n"), None);
    }
}
