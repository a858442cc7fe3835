//! Where mail for the domain goes: MX records that name hosts with addresses, of which one is this
//! host, and a Postfix that takes the mail.

use std::{
    collections::BTreeSet,
    fs,
    net::IpAddr,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};

use super::{each::each, no_domain};
use crate::{
    addresses::{Seen, own_addresses},
    codes,
    host::Host,
    record_line,
    report::Report,
};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{MainCf, leaving::is_private};
use dkimd_questions::{MailExchanger, Questions};

/// The parameters that name the domains Postfix takes mail for.
const LISTS: [&str; 4] = [
    "mydestination",
    "virtual_mailbox_domains",
    "virtual_alias_domains",
    "relay_domains",
];
/// The time that a table has for its answer.
const TABLE_LIMIT: Duration = Duration::from_secs(5);
/// Mail exchangers of one domain that are looked at.
const MOST_EXCHANGERS: usize = 20;

/// One exchanger, and what is known of its name.
#[derive(Clone, Debug)]
struct Exchanger {
    preference: u16,
    host: String,
    /// The name it is an alias of.
    alias: Option<String>,
    addresses: Vec<IpAddr>,
}

/// What is known of one domain.
#[derive(Clone, Debug)]
struct MxFacts {
    domain: String,
    exchangers: Vec<Exchanger>,
    /// The domain's own addresses, which take the place of missing MX records.
    own_a: Vec<IpAddr>,
    /// This host's addresses.
    here: BTreeSet<IpAddr>,
    /// This host's name.
    host_name: Option<String>,
    /// Which parameter of Postfix makes it take the domain's mail, if that can be told.
    taken: Taken,
}

/// Whether Postfix takes a domain's mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// By this parameter.
    By(&'static str),
    /// No list names it.
    No,
    /// A list is a table that is not looked into, or Postfix can't be read.
    Unknown,
}

/// Looks at every domain.
pub(super) async fn run(host: Arc<Host>) -> Report {
    if host.domains.is_empty() {
        return no_domain();
    }
    let seen = Seen::of(&host).await;
    let here = Arc::new(own_addresses(&host, &seen));
    let domains = each(0..host.domains.len(), |index| {
        let (host, here) = (Arc::clone(&host), Arc::clone(&here));
        async move { of_domain(&host, &here, index).await }
    });
    domains.await
}

async fn of_domain(host: &Host, here: &BTreeSet<IpAddr>, index: usize) -> Report {
    let mut report = Report::default();
    let (Some(dns), Some(domain)) = (&host.dns, host.domains.get(index)) else {
        return report;
    };
    let domain = domain.as_str();
    let (mx, own) = tokio::join!(dns.mx(domain), dns.addresses(domain));
    let (Some(mx), Some(own)) = (report.answered(domain, mx), report.answered(domain, own)) else {
        return report;
    };
    if !mx.name_exists && !own.name_exists {
        return super::no_such_domain(domain);
    }
    let mut exchangers = Vec::new();
    for found in mx.records.iter().take(MOST_EXCHANGERS) {
        exchangers.extend(exchanger(dns, found, &mut report).await);
    }
    if !report.unanswered.is_empty() {
        return report;
    }
    let facts = MxFacts {
        domain: domain.to_owned(),
        exchangers,
        own_a: own.records,
        here: here.clone(),
        host_name: host
            .postfix()
            .map(|postfix| postfix.main.value("myhostname").to_owned())
            .filter(|name| name.contains('.')),
        taken: match host.postfix() {
            Some(postfix) => taken(&postfix.main, domain).await,
            None => Taken::Unknown,
        },
    };
    for finding in judge(&facts) {
        report.add(finding);
    }
    report
}

async fn exchanger(
    dns: &Questions,
    found: &MailExchanger,
    report: &mut Report,
) -> Option<Exchanger> {
    let host = &found.host;
    let plain = |addresses| Exchanger {
        preference: found.preference,
        host: host.clone(),
        alias: None,
        addresses,
    };
    if host == "." || host.parse::<IpAddr>().is_ok() {
        return Some(plain(Vec::new()));
    }
    let addresses = report.answered(host, dns.addresses(host).await)?;
    let alias = match addresses.aliases.last() {
        Some(alias) => Some(alias.clone()),
        // An alias to a name without addresses.
        None if addresses.records.is_empty() => {
            let cname = report.answered(host, dns.cname(host).await)?;
            cname.records.into_iter().next()
        }
        None => None,
    };
    Some(Exchanger {
        alias,
        ..plain(addresses.records)
    })
}

/// Which list of Postfix makes it take mail for `domain`; tables are asked.
async fn taken(main: &MainCf, domain: &str) -> Taken {
    let mut unknown = false;
    for parameter in LISTS {
        // Blanks within braces are no ends of words.
        if main.value(parameter).contains('{') {
            unknown = true;
            continue;
        }
        for word in main.list(parameter) {
            let found = match word.contains([':', '/']) {
                true => in_table(word, domain).await,
                false => Some(is_named(word, domain, parameter)),
            };
            match found {
                Some(true) => return Taken::By(parameter),
                Some(false) => {}
                None => unknown = true,
            }
        }
    }
    if unknown { Taken::Unknown } else { Taken::No }
}

fn is_named(word: &str, domain: &str, parameter: &str) -> bool {
    let (word, domain) = (word.to_ascii_lowercase(), domain.to_ascii_lowercase());
    // A subdomain of a relay domain goes with it.
    word == domain || (parameter == "relay_domains" && domain.ends_with(&format!(".{word}")))
}

/// Whether a table has the domain; `None` where it can't be asked.
async fn in_table(table: &str, domain: &str) -> Option<bool> {
    let (table, domain) = (table.to_owned(), domain.to_owned());
    let asking = spawn_blocking(move || match table.starts_with('/') {
        true => {
            let text = fs::read_to_string(&table).ok()?;
            let mut words = text
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            Some(words.any(|word| word.eq_ignore_ascii_case(&domain)))
        }
        false => postmap_has(&table, &domain),
    });
    timeout(TABLE_LIMIT, asking).await.ok()?.ok()?
}

fn postmap_has(table: &str, domain: &str) -> Option<bool> {
    let output = Command::new("postmap")
        .args(["-q", domain, table])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    match output.status.code() {
        Some(0) => Some(true),
        Some(1) if output.stderr.is_empty() => Some(false),
        _ => None,
    }
}

fn unreachable() -> Text {
    text!(
        "nobody can answer, bounces are lost, and many receivers refuse senders that can't be \
         written to"
    )
}

fn judge(facts: &MxFacts) -> Vec<Finding> {
    let domain = &facts.domain;
    let shown: Vec<String> = facts
        .exchangers
        .iter()
        .map(|mx| format!("{domain} MX {} {}", mx.preference, mx.host))
        .collect();
    let Some(first) = facts.exchangers.first() else {
        return vec![without(facts)];
    };
    if facts.exchangers.iter().any(|mx| mx.host == ".") {
        let what = text!("{domain} says that it takes no mail at all (null MX)");
        let finding = Finding::fail(codes::MX_NULL, domain, what);
        let finding = shown.iter().fold(finding, Finding::evidence);
        return vec![with_record(finding.why(unreachable()), facts)];
    }
    let mut findings: Vec<Finding> = facts
        .exchangers
        .iter()
        .filter_map(|mx| of_exchanger(facts, mx))
        .map(|finding| shown.iter().fold(finding, Finding::evidence))
        .collect();
    let mut names: Vec<&str> = facts.exchangers.iter().map(|mx| mx.host.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let name = twice[0];
        let what = text!("{domain} has more than one MX record for {name}");
        let finding = Finding::info(codes::MX_TWICE, domain, what);
        findings.push(shown.iter().fold(finding, Finding::evidence));
    }
    // Where the records themselves are broken, where they lead says nothing.
    if findings
        .iter()
        .all(|finding| finding.code == codes::MX_TWICE)
    {
        findings.extend(direction(facts, first, &shown));
    }
    findings
}

fn with_record(finding: Finding, facts: &MxFacts) -> Finding {
    match &facts.host_name {
        Some(name) => finding.record(record_line::of_type(
            &facts.domain,
            "MX",
            &format!("10 {name}."),
        )),
        None => finding,
    }
}

fn without(facts: &MxFacts) -> Finding {
    let domain = &facts.domain;
    let finding = match facts.own_a.first() {
        None => Finding::fail(
            codes::MX_MISSING,
            domain,
            text!(
                "{domain} has neither an MX record nor an address: mail to it can't be delivered"
            ),
        ),
        Some(address) => Finding::fail(
            codes::MX_MISSING,
            domain,
            text!("{domain} has no MX record, so its mail goes to its web address {address}"),
        )
        .evidence(record_line::address(domain, *address)),
    };
    with_record(finding.why(unreachable()), facts)
}

fn of_exchanger(facts: &MxFacts, mx: &Exchanger) -> Option<Finding> {
    let (domain, name) = (&facts.domain, &mx.host);
    if name.parse::<IpAddr>().is_ok() {
        let what =
            text!("the MX record of {domain} has the address {name} where a host's name belongs");
        let finding = Finding::fail(codes::MX_IS_ADDRESS, domain, what).why(unreachable());
        return Some(with_record(finding, facts));
    }
    if let Some(target) = &mx.alias {
        let what = text!(
            "the MX record of {domain} names {name}, which is only an alias (CNAME) of {target}"
        );
        let finding = Finding::fail(codes::MX_IS_ALIAS, domain, what).why(text!(
            "an MX record must name a host with addresses of its own (RFC 2181 section 10.3); some \
             servers refuse to deliver there"
        ));
        let data = format!("{} {target}.", mx.preference);
        return Some(finding.record(record_line::of_type(domain, "MX", &data)));
    }
    if mx.addresses.is_empty() {
        let what = text!("the MX record of {domain} names {name}, which has no address");
        let finding = Finding::fail(codes::MX_WITHOUT_ADDRESS, domain, what).why(unreachable());
        let public = facts.here.iter().filter(|address| !is_private(**address));
        return Some(match (facts.host_name.as_ref(), public.clone().next()) {
            (Some(own), Some(_)) if own == name => public.fold(finding, |finding, address| {
                finding.record(record_line::address(name, *address))
            }),
            _ => with_record(finding, facts),
        });
    }
    if mx.addresses.iter().all(|address| is_private(*address)) {
        let address = mx.addresses.first()?;
        let what = text!(
            "the MX record of {domain} names {name}, whose address {address} can't be reached from \
             the internet"
        );
        let finding = Finding::fail(codes::MX_PRIVATE, domain, what).why(unreachable());
        return Some(finding.advice(text!("give {name} the public address of the server")));
    }
    name.contains('_').then(|| {
        let what = text!(
            "the MX record of {domain} names {name}; a host's name may not have an underscore"
        );
        let finding = Finding::warn(codes::MX_UNDERSCORE, domain, what);
        finding.advice(text!("give the host a name of letters, digits and hyphens"))
    })
}

/// Whether mail comes here, and whether Postfix takes it.
fn direction(facts: &MxFacts, first: &Exchanger, shown: &[String]) -> Option<Finding> {
    let domain = &facts.domain;
    let leads_here = |mx: &&Exchanger| mx.addresses.iter().any(|a| facts.here.contains(a));
    let here = facts.exchangers.iter().find(leads_here);
    let finding = match (here, facts.taken) {
        (Some(mx), Taken::No) => {
            let name = &mx.host;
            let what = text!(
                "mail for {domain} is sent here ({name}), but Postfix does not know the domain: it \
                 is in none of mydestination, virtual_mailbox_domains, virtual_alias_domains and \
                 relay_domains"
            );
            let finding = Finding::fail(codes::DOMAIN_NOT_LOCAL, domain, what).why(text!(
                "Postfix answers “Relay access denied” to everybody who writes to this domain"
            ));
            finding.command(format!(
                "postconf -e \"mydestination = $(postconf -h mydestination), {domain}\" && \
                 postfix reload"
            ))
        }
        (None, Taken::By(parameter)) if parameter != "relay_domains" => {
            let name = &first.host;
            let what = text!(
                "the MX record of {domain} leads to {name}, but {parameter} says that its mail is \
                 delivered on this host"
            );
            let finding = Finding::warn(codes::MX_ELSEWHERE, domain, what).why(text!(
                "mail from this host to the domain stays here, and nobody there sees it"
            ));
            finding.advice(text!(
                "take {domain} out of {parameter} if the mailboxes are there, or publish an MX \
                 record that names this host"
            ))
        }
        (None, _) => {
            let name = &first.host;
            let what = text!("mail for {domain} goes to {name}, not to this host");
            Finding::info(codes::MX_OTHER_HOST, domain, what)
        }
        (Some(_), _) => return None,
    };
    Some(shown.iter().fold(finding, Finding::evidence))
}

#[cfg(test)]
mod tests;
