//! DKIM: whether the record that every authoritative name server serves is that of the private key
//! which signs.

mod accident;
mod judge;
pub(super) mod keys;
mod recognise;
mod served;

use std::sync::Arc;

use self::{
    judge::judge,
    keys::{OwnKey, keys_of},
};
use super::{each::each, exists, no_domain};
use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkim_core::name::Domain;
use dkimd_advice::{Finding, text};
use dkimd_server::config::snapshot::Snapshot;

/// Keys of all domains together that are looked at.
const MOST_KEYS: usize = 60;

/// Looks at every key of every domain.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(server) = host.server.clone() else {
        return super::no_configuration(&host);
    };
    if host.domains.is_empty() {
        return no_domain();
    }
    if !server.settings.decision.mode.sign {
        return Report::not_examined(
            Cause::Nothing,
            text!("the option Mode lets nothing be signed"),
        );
    }
    let mut all = Report::idle();
    let mut keys: Vec<OwnKey> = Vec::new();
    for domain in &host.domains {
        if !exists(&host, domain.as_str()).await {
            all.merge(super::no_such_domain(domain.as_str()));
            continue;
        }
        let of_domain = keys_of(&server, domain).await;
        if !of_domain.iter().any(|key| key.used) {
            all.add(no_key(&host, &server, domain));
        }
        for key in of_domain {
            if !keys.iter().any(|known| known.name() == key.name()) {
                keys.push(key);
            }
        }
    }
    let more = keys.len().saturating_sub(MOST_KEYS);
    keys.truncate(MOST_KEYS);
    if more > 0 {
        all.omit(
            Cause::Limit,
            text!("{more} more keys; name their domains: dkimd doctor DOMAIN"),
        );
    }
    for key in keys.iter().filter(|key| key.denied) {
        let name = key.name();
        all.omit(
            Cause::Rights,
            text!("whether the record at {name} is that of the private key"),
        );
    }
    let of_keys = each(keys, |key| {
        let host = Arc::clone(&host);
        async move { of_key(&host, &key).await }
    });
    all.merge(of_keys.await);
    all
}

async fn of_key(host: &Host, key: &OwnKey) -> Report {
    let mut report = Report::default();
    let Some(dns) = &host.dns else {
        return report;
    };
    let served = served::ask(host, dns, key).await;
    for finding in judge(key, &served) {
        report.add(finding);
    }
    if let Err(failure) = &served.resolver {
        report.unanswered(key.name(), *failure);
    }
    report
}

fn no_key(host: &Host, server: &Snapshot, domain: &Domain) -> Finding {
    let name = domain.as_str();
    let config = host.config.display().to_string();
    let what = text!("the configuration has no key that signs the mail of {name}");
    let known: Vec<_> = server.keys().filter_map(|key| key.domain).take(5).collect();
    let finding = Finding::fail(codes::DKIM_NO_KEY, name, what).evidence(config);
    let finding = match known.is_empty() {
        true => finding,
        false => finding.evidence(format!("KeyTable: {}", known.join(", "))),
    };
    finding
        .why(text!(
            "Gmail, Outlook and Yahoo demand a DKIM signature of everybody who sends in bulk"
        ))
        .command(format!("dkimd setup {name} --apply"))
}
