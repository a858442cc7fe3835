//! Asking DNS what is published of a domain's records.

use std::{collections::BTreeMap, net::IpAddr};

use tokio::task::JoinHandle;

use super::records::sheet::{Published, Subject};
use dkimd_questions::{Answer, Questions, SpfResult, reverse_name};

/// Names above the domain at which DMARC is looked for (RFC 9989 asks at most 8 times).
const MOST_DMARC_NAMES: usize = 8;

/// Asks all questions side by side.
pub async fn published(subject: &Subject, dns: &Questions) -> Published {
    let (domain, host) = (subject.domain.as_str(), subject.hostname.as_str());
    let keys: Vec<String> = subject
        .keys
        .iter()
        .map(|(selector, ..)| format!("{selector}._domainkey.{domain}"))
        .collect();
    let dmarc = dmarc_names(domain);
    let (zone, mx, domain_addresses, domain_texts, host_addresses, host_texts) = tokio::join!(
        dns.zone_of(domain),
        dns.mx(domain),
        dns.addresses(domain),
        dns.txt(domain),
        dns.addresses(host),
        dns.txt(host),
    );
    let names = names(subject, &keys);
    let (keys, dmarc_texts, addresses, zones) = tokio::join!(
        all_texts(keys, dns),
        all_texts(dmarc.clone(), dns),
        of_addresses(subject, dns),
        zones(names, dns),
    );
    let (reverse, spf_passes) = addresses.into_iter().unzip();
    let dmarc_texts: Option<Vec<Vec<String>>> = dmarc_texts.into_iter().collect();
    Published {
        zone: zone.ok().flatten().map(|zone| zone.apex),
        zones,
        mx: records(mx).map(|found| {
            let plain = found.into_iter().map(|mx| (mx.preference, mx.host));
            // A null MX (RFC 7505) receives nothing; it is no server.
            plain.filter(|(_, host)| host != ".").collect()
        }),
        domain_addresses: records(domain_addresses),
        domain_texts: texts(domain_texts),
        host_addresses: records(host_addresses),
        host_texts: texts(host_texts),
        dmarc: dmarc_texts.map(|found| dmarc.into_iter().zip(found).collect()),
        keys,
        reverse,
        spf_passes,
    }
}

/// The names of all records that may have to be published; each may be in a zone of its own.
fn names(subject: &Subject, keys: &[String]) -> Vec<String> {
    let mut names = vec![
        subject.domain.clone(),
        subject.hostname.clone(),
        format!("_dmarc.{}", subject.domain),
    ];
    names.extend_from_slice(keys);
    names.extend(
        subject
            .addresses
            .iter()
            .map(|address| reverse_name(*address)),
    );
    names.sort();
    names.dedup();
    names
}

/// Where the zones of these names begin, as far as anybody says.
async fn zones(names: Vec<String>, dns: &Questions) -> BTreeMap<String, String> {
    let questions = names.iter().map(|name| {
        let (dns, name) = (dns.clone(), name.clone());
        tokio::spawn(async move { dns.zone_of(&name).await.ok().flatten() })
    });
    let found = answers(questions.collect()).await;
    let known = names.into_iter().zip(found);
    known
        .filter_map(|(name, zone)| Some((name, zone?.apex)))
        .collect()
}

/// The TXT records of several names.
async fn all_texts(names: Vec<String>, dns: &Questions) -> Vec<Option<Vec<String>>> {
    let questions = names.into_iter().map(|name| {
        let dns = dns.clone();
        tokio::spawn(async move { texts(dns.txt(&name).await) })
    });
    answers(questions.collect()).await
}

type OfAddress = (Option<Vec<String>>, Option<bool>);

/// The reverse names of each address, and whether SPF passes for it.
async fn of_addresses(subject: &Subject, dns: &Questions) -> Vec<OfAddress> {
    let questions = subject.addresses.iter().map(|address| {
        let (dns, address) = (dns.clone(), *address);
        let (domain, host) = (subject.domain.clone(), subject.hostname.clone());
        tokio::spawn(async move {
            let (reverse, passes) =
                tokio::join!(dns.ptr(address), spf_passes(&domain, &host, address, &dns));
            (records(reverse), passes)
        })
    });
    answers(questions.collect()).await
}

/// The answers in order; a question that broke off has none.
async fn answers<T: Default>(questions: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        answers.push(question.await.unwrap_or_default());
    }
    answers
}

async fn spf_passes(domain: &str, host: &str, address: IpAddr, dns: &Questions) -> Option<bool> {
    match dns.spf(domain, host, address).await {
        SpfResult::Pass => Some(true),
        SpfResult::TempError => None,
        _ => Some(false),
    }
}

fn records<T>(answer: Answer<T>) -> Option<Vec<T>> {
    answer.ok().map(|found| found.records)
}

fn texts(answer: Answer<Vec<u8>>) -> Option<Vec<String>> {
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    records(answer).map(|found| found.into_iter().map(text).collect())
}

/// `_dmarc` at the domain and at the names above it, but for the top level.
fn dmarc_names(domain: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = domain;
    while names.len() < MOST_DMARC_NAMES {
        names.push(format!("_dmarc.{rest}"));
        match rest.split_once('.') {
            Some((_, parent)) if parent.contains('.') => rest = parent,
            _ => break,
        }
    }
    names
}
