//! SPF: one record that can be evaluated, within the limits, and that names every address mail
//! leaves from; the same for the name that the server greets with.

mod facts;
mod helo;
mod judge;
mod proposal;
mod record;
mod walk;
mod weaknesses;

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::time::timeout;

use self::{
    facts::SpfFacts,
    helo::{HeloFacts, judge_helo},
    judge::judge,
    walk::{texts, walk},
};
use super::{each::each, no_domain};
use crate::{
    addresses::{Seen, smarthost},
    host::Host,
    report::Report,
};
use dkimd_questions::{Questions, SpfResult};
use dkimd_server::dns::DnsFailure;

/// The time that the evaluation of one record for one address may take.
const EVALUATION_LIMIT: Duration = Duration::from_secs(10);
/// Names under which records are published by mistake instead of the domain itself.
const WRONG_NAMES: [&str; 4] = ["_spf", "spf", "www", "@"];

/// Looks at every domain, and at the name that the server greets with.
pub(super) async fn run(host: Arc<Host>) -> Report {
    if host.domains.is_empty() {
        return no_domain();
    }
    let seen = Arc::new(Seen::of(&host).await);
    let domains = each(0..host.domains.len(), |index| {
        let (host, seen) = (Arc::clone(&host), Arc::clone(&seen));
        async move { of_domain(&host, &seen, index).await }
    });
    let (mut all, helo) = tokio::join!(domains, of_helo(&host, &seen));
    all.merge(helo);
    all
}

async fn of_domain(host: &Host, seen: &Seen, index: usize) -> Report {
    let mut report = Report::default();
    let (Some(dns), Some(domain)) = (&host.dns, host.domains.get(index)) else {
        return report;
    };
    let domain = domain.as_str();
    let Some(found) = report.answered(domain, dns.txt(domain).await) else {
        return report;
    };
    if !found.name_exists {
        return super::no_such_domain(domain);
    }
    let texts = texts(found.records);
    let relay = host.postfix().and_then(smarthost).map(str::to_owned);
    let (tree, evaluated, elsewhere) = tokio::join!(
        walk(dns, domain, &texts),
        evaluate_all(dns, host, seen, domain, relay.is_some()),
        elsewhere(dns, domain, &texts),
    );
    for node in tree.all() {
        if let walk::Found::Unanswered(failure) = &node.found {
            report.unanswered(&node.domain, *failure);
        }
    }
    for (address, result) in &evaluated {
        if *result == SpfResult::TempError && report.unanswered.is_empty() {
            report.unanswered(format!("{domain} SPF {address}"), DnsFailure::ServerFailure);
        }
    }
    let facts = SpfFacts {
        domain: domain.to_owned(),
        texts,
        tree,
        addresses: seen.addresses(),
        evaluated,
        elsewhere,
        relay,
    };
    for finding in judge(&facts) {
        report.add(finding);
    }
    report
}

/// The results for the addresses that mail leaves from; none where it leaves from a provider's.
async fn evaluate_all(
    dns: &Questions,
    host: &Host,
    seen: &Seen,
    domain: &str,
    relayed: bool,
) -> Vec<(IpAddr, SpfResult)> {
    let mut results = Vec::new();
    if relayed {
        return results;
    }
    let helo = host.helo().unwrap_or(domain);
    for address in seen.addresses() {
        let result = in_time(dns.spf(domain, helo, address)).await;
        results.push((address, result));
    }
    results
}

/// What evaluation comes to, if it ends in its time.
async fn in_time(evaluation: impl Future<Output = SpfResult>) -> SpfResult {
    let result = timeout(EVALUATION_LIMIT, evaluation).await;
    result.unwrap_or(SpfResult::TempError)
}

/// SPF records at names where nobody looks for them, asked for where the right name has none.
async fn elsewhere(dns: &Questions, domain: &str, texts: &[String]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if texts
        .iter()
        .any(|text| record::is_spf(text) || record::is_meant_as_spf(text))
    {
        return found;
    }
    let wrong = WRONG_NAMES.iter().map(|label| format!("{label}.{domain}"));
    for name in wrong.chain([format!("{domain}.{domain}")]) {
        let Ok(answer) = dns.txt(&name).await else {
            continue;
        };
        let spf = walk::texts(answer.records)
            .into_iter()
            .find(|text| record::is_spf(text));
        found.extend(spf.map(|text| (name, text)));
    }
    found
}

async fn of_helo(host: &Host, seen: &Seen) -> Report {
    let mut report = Report::default();
    let (Some(dns), Some(helo)) = (&host.dns, host.helo()) else {
        return Report::idle();
    };
    // Names without a dot are the subject of another check; a domain is examined as such.
    if !helo.contains('.') || host.domains.iter().any(|domain| domain.as_str() == helo) {
        return Report::idle();
    }
    let Some(found) = report.answered(helo, dns.txt(helo).await) else {
        return report;
    };
    let mut evaluated = Vec::new();
    for address in seen.addresses() {
        let result = in_time(dns.spf_of_greeting(helo, address)).await;
        evaluated.push((address, result));
    }
    let facts = HeloFacts {
        name: helo.to_owned(),
        texts: texts(found.records),
        evaluated,
    };
    for finding in judge_helo(&facts) {
        report.add(finding);
    }
    report
}
