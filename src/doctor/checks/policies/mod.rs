//! What a domain publishes beside SPF, DKIM and DMARC: MTA-STS, TLS reports, DANE, BIMI, CAA. None
//! of it is needed; what is there must fit together.

mod dane;
mod judge;

use std::sync::Arc;

use self::judge::{PolicyFacts, Tlsa, judge, judge_caa};
use super::{dmarc::enforced_policy, each::each, no_domain, resolver::probe::is_signed};
use crate::{
    addresses::{Seen, own_addresses},
    host::Host,
    report::Report,
};
use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// Mail exchangers whose TLSA records are looked at.
const MOST_EXCHANGERS: usize = 5;

/// Looks at every domain, and at the server's name.
pub(super) async fn run(host: Arc<Host>) -> Report {
    if host.domains.is_empty() {
        return no_domain();
    }
    let domains = each(0..host.domains.len(), |index| {
        let host = Arc::clone(&host);
        async move { of_domain(&host, index).await }
    });
    let mut all = domains.await;
    all.merge(of_host(&host).await);
    all
}

async fn of_domain(host: &Host, index: usize) -> Report {
    let mut report = Report::default();
    let (Some(dns), Some(domain)) = (&host.dns, host.domains.get(index)) else {
        return report;
    };
    let domain = domain.as_str();
    let names = [
        format!("_mta-sts.{domain}"),
        format!("_smtp._tls.{domain}"),
        format!("default._bimi.{domain}"),
    ];
    let (sts, reports, bimi) = tokio::join!(
        texts(dns, &names[0]),
        texts(dns, &names[1]),
        texts(dns, &names[2]),
    );
    let sts = report.answered(&names[0], sts).unwrap_or_default();
    let reports = report.answered(&names[1], reports).unwrap_or_default();
    let bimi = report.answered(&names[2], bimi).unwrap_or_default();
    let sts_host_exists = match sts.is_empty() {
        true => true,
        false => {
            let name = format!("mta-sts.{domain}");
            let found = report.answered(&name, dns.addresses(&name).await);
            found.is_none_or(|found| !found.records.is_empty())
        }
    };
    let enforced = match bimi.is_empty() {
        true => true,
        false => {
            let name = format!("_dmarc.{domain}");
            let found = report.answered(&name, enforced_policy(dns, domain).await);
            found.unwrap_or(true)
        }
    };
    let (tlsa, here) = tlsa(host, dns, domain, &mut report).await;
    let facts = PolicyFacts {
        domain: domain.to_owned(),
        sts,
        sts_host_exists,
        reports,
        bimi,
        enforced,
        tlsa,
    };
    for finding in judge(&facts) {
        report.add(finding);
    }
    let chains = host.postfix().map(dane::served).unwrap_or_default();
    // Where DNSSEC does not protect them, nobody looks at the records.
    for tlsa in here.iter().filter(|tlsa| tlsa.signed != Some(false)) {
        report.findings.extend(dane::judge(tlsa, &chains));
    }
    report
}

/// TXT records as text, those that answer by a wildcard for everything left in.
async fn texts(dns: &Questions, name: &str) -> Result<Vec<String>, DnsFailure> {
    let found = dns.txt(name).await?;
    let text = |octets: &Vec<u8>| String::from_utf8_lossy(octets).into_owned();
    Ok(found.records.iter().map(text).collect())
}

/// The TLSA records of the domain's exchangers, and those of them that concern this host.
async fn tlsa(
    host: &Host,
    dns: &Questions,
    domain: &str,
    report: &mut Report,
) -> (Vec<Tlsa>, Vec<Tlsa>) {
    let (mut found, mut here) = (Vec::new(), Vec::new());
    let Some(mx) = report.answered(domain, dns.mx(domain).await) else {
        return (found, here);
    };
    let own = own_addresses(host, &Seen::of(host).await);
    for exchanger in mx.records.iter().take(MOST_EXCHANGERS) {
        if exchanger.host == "." {
            continue;
        }
        let name = format!("_25._tcp.{}", exchanger.host);
        let Some(answer) = report.answered(&name, dns.tlsa(&name).await) else {
            continue;
        };
        if answer.records.is_empty() {
            continue;
        }
        let mut signed = None;
        for server in dns.servers() {
            signed = is_signed(*server, &name).await;
            if signed.is_some() {
                break;
            }
        }
        let tlsa = Tlsa {
            name,
            records: answer.records,
            signed,
        };
        let addresses = dns.addresses(&exchanger.host).await;
        if addresses.is_ok_and(|found| found.records.iter().any(|a| own.contains(a))) {
            here.push(tlsa.clone());
        }
        found.push(tlsa);
    }
    (found, here)
}

/// Which authorities may issue certificates for the server's name (RFC 8659 section 3).
async fn of_host(host: &Host) -> Report {
    let mut report = Report::default();
    let (Some(dns), Some(helo)) = (&host.dns, host.helo()) else {
        return Report::idle();
    };
    let mut name = helo;
    while name.contains('.') {
        let Some(found) = report.answered(name, dns.caa(name).await) else {
            break;
        };
        if !found.records.is_empty() {
            report
                .findings
                .extend(judge_caa(helo, name, &found.records));
            break;
        }
        name = name.split_once('.').map_or("", |(_, parent)| parent);
    }
    report
}
