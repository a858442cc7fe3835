//! Verifying a message file as the daemon would, keeping what the key records said.

use std::sync::Arc;

use tokio::{task::JoinSet, time::timeout};

use crate::MessageFile;
use dkim_core::{
    UnixTime,
    header::HeaderSection,
    key_answer::KeyAnswer,
    verify::{SignatureResult, Verifier},
};
use dkimd_server::{
    config::snapshot::Snapshot,
    decide::Author,
    dns::{DnsFailure, Dnssec, MESSAGE_DEADLINE, TxtAnswer, TxtLookup, TxtRecords, name::DnsName},
};

/// A message's verdicts, and the answers they rest on.
#[derive(Debug)]
pub struct Verdicts {
    /// One for each DKIM-Signature field, in message order.
    pub results: Vec<SignatureResult>,
    /// What was asked for, and what came.
    answers: Vec<(Box<str>, TxtAnswer)>,
}

impl Verdicts {
    /// Verifies `message` under the policy of `snapshot`, with keys from `source`.
    pub async fn of(
        message: &MessageFile,
        snapshot: &Snapshot,
        source: &Arc<dyn TxtLookup>,
        now: UnixTime,
    ) -> Self {
        let author = author_domain(&message.section);
        let policy = Arc::clone(&snapshot.verification_policy);
        let mut verifier = Verifier::new(&message.section, policy, author.as_deref(), now);
        let names = verifier.queries().iter().map(|query| query.name.clone());
        let answers = ask_all(source, names.collect()).await;
        message.feed_body(|octets| verifier.body(octets));
        let keys: Vec<KeyAnswer> = answers
            .iter()
            .map(|(_, answer)| KeyAnswer::from(answer.clone()))
            .collect();
        Self {
            results: verifier.finish(&keys),
            answers,
        }
    }

    /// The name of a signature's key and what was found there; `None` where it was not asked for.
    pub fn key_of(&self, result: &SignatureResult) -> Option<(&str, &TxtAnswer)> {
        let signature = result.signature.as_ref()?;
        let name = DnsName::parse(&format!(
            "{}._domainkey.{}",
            signature.selector.as_str(),
            signature.domain.as_str()
        ))
        .ok()?;
        self.answers
            .iter()
            .find(|(asked, _)| **asked == *name.as_str())
            .map(|(asked, answer)| (&**asked, answer))
    }
}

/// The domain of the first From field, where it can be read.
pub fn author_domain(section: &HeaderSection) -> Option<String> {
    let from = section.named(b"From").next()?;
    Author::parse(from.value).ok().map(|author| author.domain)
}

/// The text of a record as it can be shown on one line.
pub fn shown_record(answer: &TxtAnswer) -> String {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).escape_debug().to_string();
    match &answer.result {
        Ok(TxtRecords::None(_)) => "no TXT record".to_owned(),
        Ok(TxtRecords::One(octets)) => text(octets).replace("\\\"", "\"").replace("\\'", "'"),
        Ok(TxtRecords::Several(records)) => format!("{} TXT records", records.len()),
        Err(failure) => failure.to_string(),
    }
}

/// OpenDKIM's word for what DNSSEC says of a key.
pub fn dnssec_word(dnssec: Dnssec) -> &'static str {
    match dnssec {
        Dnssec::Unknown => "unknown",
        Dnssec::Insecure => "insecure",
        Dnssec::Secure => "secure",
        Dnssec::Bogus => "bogus",
    }
}

/// Asks for all names at once; the answers come in their order.
pub async fn ask_all(
    source: &Arc<dyn TxtLookup>,
    names: Vec<Box<str>>,
) -> Vec<(Box<str>, TxtAnswer)> {
    let failed = |failure| TxtAnswer {
        result: Err(failure),
        dnssec: Dnssec::Unknown,
        ttl: std::time::Duration::ZERO,
    };
    let mut waiting = JoinSet::new();
    for (index, name) in names.iter().enumerate() {
        let (source, name) = (Arc::clone(source), DnsName::parse(name));
        waiting.spawn(async move {
            let answer = match &name {
                Ok(name) => timeout(MESSAGE_DEADLINE, source.txt(name))
                    .await
                    .unwrap_or(failed(DnsFailure::Timeout)),
                Err(_) => failed(DnsFailure::Unreachable),
            };
            (index, answer)
        });
    }
    let mut answers: Vec<_> = names
        .into_iter()
        .map(|name| (name, failed(DnsFailure::Malformed)))
        .collect();
    while let Some(ended) = waiting.join_next().await {
        if let Ok((index, answer)) = ended
            && let Some(slot) = answers.get_mut(index)
        {
            slot.1 = answer;
        }
    }
    answers
}
