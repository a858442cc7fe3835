//! The domains themselves: whether they exist in DNS, and whether DNSSEC lets anybody see them.

use std::{net::SocketAddr, sync::Arc};

use super::{each::each_domain, resolver::probe::answers_unchecked};
use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkimd_advice::{Finding, text};
use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// Looks at every domain.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let mut report = each_domain(&host, of_domain).await;
    let more = host.domains_left_out;
    if more > 0 {
        report.omit(
            Cause::Limit,
            text!("{more} more domains of the configuration; name them: dkimd doctor DOMAIN"),
        );
    }
    report
}

async fn of_domain(host: Arc<Host>, index: usize) -> Report {
    let mut report = Report::default();
    let (Some(dns), Some(domain)) = (&host.dns, host.domains.get(index)) else {
        return report;
    };
    let domain = domain.as_str();
    match dns.txt(domain).await {
        Ok(found) if found.name_exists => {}
        Ok(_) => report.add(missing(domain)),
        Err(failure) => match refused_by_validation(dns, domain, failure).await {
            Some(server) => report.add(bogus(domain, server)),
            None => report.unanswered(domain, failure),
        },
    }
    report
}

/// The resolver that answers about the domain as soon as it is asked not to validate.
async fn refused_by_validation(
    dns: &Questions,
    domain: &str,
    failure: DnsFailure,
) -> Option<SocketAddr> {
    if !matches!(failure, DnsFailure::ServerFailure | DnsFailure::Bogus) {
        return None;
    }
    for server in dns.servers() {
        if answers_unchecked(*server, domain).await {
            return Some(*server);
        }
    }
    None
}

fn missing(domain: &str) -> Finding {
    let what = text!("the domain {domain} does not exist in DNS");
    Finding::fail(codes::DOMAIN_MISSING, domain, what)
        .evidence(format!("{domain}: NXDOMAIN"))
        .why(text!(
            "receivers refuse mail from a domain that does not exist"
        ))
        .advice(text!(
            "look whether the name is spelt right, the registration has not expired, and the name \
             servers entered at the registrar are the right ones"
        ))
}

fn bogus(domain: &str, server: SocketAddr) -> Finding {
    let address = server.ip();
    let what = text!(
        "nobody who validates DNSSEC can see {domain}: its signatures or its DS record are wrong"
    );
    Finding::fail(codes::DNSSEC_BOGUS, domain, what)
        .evidence(format!("dig @{address} {domain} SOA: SERVFAIL"))
        .evidence(format!("dig @{address} {domain} SOA +cd: NOERROR"))
        .why(text!("for Gmail and all others who validate, the domain has no addresses, no SPF and no keys"))
        .command(format!("delv {domain} SOA"))
        .advice(text!("sign the zone anew (expired signatures), or correct the DS record at the registrar, or \
             have it deleted there"))
}
