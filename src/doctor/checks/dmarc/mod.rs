//! DMARC (RFC 9989): the policy that applies to the domain's mail, and whether our signatures count
//! for it.

mod judge;
mod policy;
mod tree;

use std::sync::Arc;

use self::{
    judge::{DmarcFacts, Signer, judge},
    policy::{Policy, is_dmarc, report_addresses},
    tree::{Step, applied, organisation, walk},
};
use super::{dkim::keys::keys_of, each::each_domain, exists};
use crate::{host::Host, report::Report};
use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// Domains of reports that are looked at.
const MOST_STRANGERS: usize = 5;

/// Looks at every domain.
pub(super) async fn run(host: Arc<Host>) -> Report {
    each_domain(&host, of_domain).await
}

async fn of_domain(host: Arc<Host>, index: usize) -> Report {
    let mut report = Report::default();
    let (Some(dns), Some(domain)) = (&host.dns, host.domains.get(index)) else {
        return report;
    };
    let name = domain.as_str().to_ascii_lowercase();
    if !exists(&host, &name).await {
        return super::no_such_domain(&name);
    }
    let record_name = format!("_dmarc.{name}");
    let Some(steps) = report.answered(&record_name, walk(dns, &name).await) else {
        return report;
    };
    let organisation = organisation(&steps).unwrap_or_else(|| name.clone());
    let mut signed_by = Vec::new();
    if let Some(server) = &host.server {
        for key in keys_of(server, domain).await.iter().filter(|key| key.used) {
            let signer = key.domain.to_ascii_lowercase();
            let (theirs, counts) = tokio::join!(
                organisation_of(dns, &signer),
                dns.counts_for_dmarc(&name, &signer)
            );
            match theirs.and_then(|theirs| Ok((theirs, counts?))) {
                Ok((theirs, counts)) => signed_by.push(Signer {
                    same_organisation: theirs == organisation,
                    counts,
                    domain: signer,
                }),
                Err(failure) => report.unanswered(format!("_dmarc.{signer}"), failure),
            }
        }
    }
    let strangers = match strangers(dns, &steps, &organisation).await {
        Ok(strangers) => strangers,
        Err((asked, failure)) => {
            report.unanswered(asked, failure);
            Vec::new()
        }
    };
    let elsewhere = match applied(&steps) {
        Some(_) => Vec::new(),
        None => elsewhere(dns, &name).await,
    };
    let facts = DmarcFacts {
        domain: name,
        steps,
        elsewhere,
        signed_by,
        strangers,
    };
    for finding in judge(&facts) {
        report.add(finding);
    }
    report
}

async fn organisation_of(dns: &Questions, domain: &str) -> Result<String, DnsFailure> {
    let steps = walk(dns, domain).await?;
    Ok(organisation(&steps).unwrap_or_else(|| domain.to_owned()))
}

/// The domains of other organisations that reports go to, and whether they agreed (RFC 9990).
async fn strangers(
    dns: &Questions,
    steps: &[Step],
    organisation: &str,
) -> Result<Vec<(String, bool)>, (String, DnsFailure)> {
    let Some((step, text)) = applied(steps).and_then(|step| Some((step, step.record()?))) else {
        return Ok(Vec::new());
    };
    let policy = Policy::parse(text);
    let mut domains: Vec<String> = ["rua", "ruf"]
        .into_iter()
        .filter_map(|tag| policy.value(tag))
        .flat_map(report_addresses)
        .filter_map(|(_, domain)| Some(domain?.to_ascii_lowercase()))
        .collect();
    domains.sort();
    domains.dedup();
    let mut found = Vec::new();
    for domain in domains.into_iter().take(MOST_STRANGERS) {
        let theirs = organisation_of(dns, &domain).await;
        let theirs = theirs.map_err(|failure| (format!("_dmarc.{domain}"), failure))?;
        if theirs == organisation || domain == step.domain {
            continue;
        }
        let permission = format!("{}._report._dmarc.{domain}", step.domain);
        let answer = dns.txt(&permission).await;
        let texts = answer.map_err(|failure| (permission, failure))?.records;
        let agreed = texts
            .iter()
            .any(|text| is_dmarc(&String::from_utf8_lossy(text)));
        found.push((domain, agreed));
    }
    Ok(found)
}

/// Records under the names where people put them by mistake.
async fn elsewhere(dns: &Questions, domain: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in [
        format!("_dmarc.{domain}.{domain}"),
        domain.to_owned(),
        format!("dmarc.{domain}"),
        format!("_dmarc._dmarc.{domain}"),
    ] {
        let answer = dns.txt(&name).await;
        let texts = answer.map(|found| found.records).unwrap_or_default();
        let texts = texts
            .iter()
            .map(|text| String::from_utf8_lossy(text).into_owned());
        found.extend(
            texts
                .filter(|text| is_dmarc(text))
                .map(|text| (name.clone(), text)),
        );
    }
    found
}

/// Whether the policy for the domain's mail asks receivers to quarantine or reject forgeries.
pub(super) async fn enforced_policy(dns: &Questions, domain: &str) -> Result<bool, DnsFailure> {
    let steps = walk(dns, &domain.to_ascii_lowercase()).await?;
    let record = applied(&steps).and_then(Step::record);
    Ok(record.is_some_and(|text| {
        let policy = Policy::parse(text);
        let is = |name, word: &str| {
            let value: Option<&str> = policy.value(name);
            value.is_some_and(|value| value.eq_ignore_ascii_case(word))
        };
        (is("p", "quarantine") || is("p", "reject")) && !is("t", "y")
    }))
}
