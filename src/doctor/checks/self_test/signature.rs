//! What the signatures of the test's message are worth: by the keys on disk, and by the keys in
//! DNS.

use std::{collections::HashSet, sync::Arc};

use data_encoding::BASE64;

use super::super::authors::findings_for;
use crate::codes;
use dkim_core::{
    Algorithm, UnixTime,
    outcome::Outcome,
    verify::{Signature, SignatureResult},
};
use dkimd_advice::{Finding, text};
use dkimd_message::{MessageFile, configuration::daemon_user, verdicts::Verdicts};
use dkimd_server::{
    config::snapshot::Snapshot,
    decide::{Decision, opendkim},
    dns::{TxtLookup, file::FileRecords},
    keys::store::KeyStore,
    session::holder,
};

/// The keys on disk that would sign mail of `author`, as their records would be in DNS.
pub(super) async fn records_on_disk(server: &Snapshot, author: &str) -> FileRecords {
    let mut records = FileRecords::default();
    let Decision::Sign(identities) = findings_for(server, author).await.decide(server) else {
        return records;
    };
    let keys = KeyStore::judging_for(daemon_user(server), identities.len());
    for identity in identities {
        let Ok((key, _)) = holder::key(server, &keys, &identity).get().await else {
            continue;
        };
        let kind = match key.algorithm() {
            Algorithm::Ed25519Sha256 => "ed25519",
            _ => "rsa",
        };
        let text = format!("v=DKIM1; k={kind}; p={}", BASE64.encode(&key.public_key()));
        let name = format!("{}._domainkey.{}", identity.selector, identity.domain);
        // A name that DNS can't hold has no record there either.
        let _ = records.add(&name, text.as_bytes());
    }
    records
}

/// Verifies by the keys on disk; the finding where the running server signs with another key.
pub(super) async fn by_disk(
    server: &Snapshot,
    message: &MessageFile,
    records: FileRecords,
    domain: &str,
    now: UnixTime,
) -> Option<Finding> {
    let source: Arc<dyn TxtLookup> = Arc::new(records);
    let verdicts = Verdicts::of(message, server, &source, now).await;
    let bad = verdicts.results.iter().find(|result| {
        matches!(
            result.outcome,
            Outcome::SignatureWrong | Outcome::KeyNotFound | Outcome::KeyTypeMismatch
        )
    });
    if let Some(result) = bad {
        return Some(other_key(result, domain));
    }
    let broken = verdicts
        .results
        .iter()
        .find(|result| matches!(result.outcome, Outcome::BodyChanged | Outcome::Malformed(_)))?;
    let explanation = opendkim::explanation(&broken.outcome);
    Some(
        Finding::fail(
            codes::SELF_TEST_INVALID,
            domain,
            text!("the signature that the server makes is not valid: {explanation}"),
        )
        .command("systemctl restart opendkim"),
    )
}

fn other_key(result: &SignatureResult, domain: &str) -> Finding {
    let name = key_name(result);
    Finding::fail(
        codes::SELF_TEST_WRONG_KEY,
        domain,
        text!("the running server signs with another key than the one in its files ({name})"),
    )
    .evidence(opendkim::explanation(&result.outcome))
    .why(text!("it read its files before they were changed; receivers look for the new key and refuse the old signature"))
    .command("systemctl reload opendkim")
}

fn key_name(result: &SignatureResult) -> String {
    let tag = |value: &Option<Box<str>>| value.as_deref().unwrap_or("?").to_owned();
    let identity = &result.identity;
    format!(
        "{}._domainkey.{}",
        tag(&identity.selector),
        tag(&identity.domain)
    )
}

/// What the signatures cover and what public DNS says of them. What is wrong with a record in DNS
/// is told in full by the check of the keys, so it is only mentioned here.
pub(super) fn told(verdicts: &Verdicts, domain: &str, asked_dns: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for result in &verdicts.results {
        let Some(signature) = &result.signature else {
            continue;
        };
        let name = key_name(result);
        let covers = fields(signature);
        let what = match (asked_dns, result.passed()) {
            (false, _) => text!("mail of {domain} is signed with {name}"),
            (true, true) => text!("mail of {domain} is signed, and the key at {name} verifies it"),
            (true, false) => {
                let explanation = opendkim::explanation(&result.outcome);
                text!(
                    "mail of {domain} is signed, but DNS does not verify it at {name}: {explanation}"
                )
            }
        };
        let evidence = format!("h={covers} ({} octets)", covers.len());
        findings.push(Finding::info(codes::SELF_TEST_COVERS, name, what).evidence(evidence));
    }
    findings
}

fn fields(signature: &Signature) -> String {
    signature.signed_fields.join(":")
}

/// The fields of `wanted` that no signature of the message covers.
pub(super) fn uncovered<'a>(verdicts: &Verdicts, wanted: &[&'a str]) -> Vec<&'a str> {
    let covered: HashSet<String> = verdicts
        .results
        .iter()
        .filter_map(|result| result.signature.as_ref())
        .flat_map(|signature| &signature.signed_fields)
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let missing = wanted
        .iter()
        .filter(|name| !covered.contains(&name.to_ascii_lowercase()));
    missing.copied().collect()
}
