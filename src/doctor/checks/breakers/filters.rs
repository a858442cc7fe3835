//! Content filters that mail passes after it was signed, and relays that want it otherwise.

use std::path::Path;

use crate::checks::{
    authors::{author_in, findings_for},
    filters as known,
    milter::ways::{SignedBefore, signed_before_filter},
};
use crate::codes;
use dkim_core::name::Domain;
use dkimd_advice::{Finding, text};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::Postfix;
use dkimd_server::{config::snapshot::Snapshot, decide::Decision};

/// Amazon's relay; its names end so.
const AMAZON: &str = ".amazonaws.com";

/// A content filter behind the signer.
pub(super) fn content_filter(postfix: &Postfix, socket: Option<&SocketSpec>) -> Option<Finding> {
    let SignedBefore { service, filter } = signed_before_filter(postfix, socket)?;
    let transport = filter.split(':').next().unwrap_or_default();
    let program = postfix
        .services
        .iter()
        .find(|service| service.name == transport)
        .map_or_else(String::new, |service| service.arguments.clone());
    let text = format!("{filter} {program}").to_ascii_lowercase();
    let changes = known::named(&text).any(|filter| filter.changes);
    let what = text!("mail is signed at {service} before the content filter {filter} sees it");
    let finding = match changes {
        true => Finding::warn(codes::BREAKERS_CONTENT_FILTER, "content_filter", what),
        false => Finding::info(codes::BREAKERS_CONTENT_FILTER, "content_filter", what),
    };
    Some(
        finding
            .evidence(format!("content_filter = {filter}"))
            .why(text!("whatever the filter changes, in the body or in signed fields, breaks the signature"))
            .advice(text!("sign after it: take the milter away from {service} (-o smtpd_milters=) and give it to the listener where mail comes back")),
    )
}

/// Amazon SES refuses a message with two signatures.
pub(super) async fn amazon(
    postfix: &Postfix,
    server: &Snapshot,
    config: &Path,
    domains: &[Domain],
) -> Option<Finding> {
    let relay = postfix.main.value("relayhost");
    if !relay.to_ascii_lowercase().contains(AMAZON) {
        return None;
    }
    for domain in domains {
        let author = author_in(server, domain).await;
        let Decision::Sign(identities) = findings_for(server, &author).await.decide(server) else {
            continue;
        };
        if identities.len() < 2 {
            continue;
        }
        let count = identities.len();
        let keys: Vec<_> = identities
            .iter()
            .map(|identity| format!("{}._domainkey.{}", identity.selector, identity.domain))
            .collect();
        return Some(
            Finding::fail(
                codes::BREAKERS_SES,
                "relayhost",
                text!("mail of {domain} gets {count} signatures, and Amazon SES, its relay, refuses more than one"),
            )
            .evidence(format!("relayhost = {relay}"))
            .evidence(keys.join(", "))
            .why(text!("the reply is 554 Transaction failed: Duplicate header 'DKIM-Signature'"))
            .setting(config.display().to_string(), "MultipleSignatures no")
            .command("systemctl reload opendkim"),
        );
    }
    None
}
