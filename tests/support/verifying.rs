//! Messages, keys and rules for tests of the verifier.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use dkim_core::{
    UnixTime,
    header::{HeaderSection, LeadingSpace},
    key_answer::{DnsFailure, Dnssec, KeyAnswer},
    verify::{SignatureLimit, SignatureResult, VerificationPolicy, Verifier, deciding},
};

/// By which RFC is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// SHA-1 and small keys may pass.
    Rfc6376,
    /// They never pass.
    Rfc8301,
}

impl Rules {
    /// A policy that limits nothing else.
    pub fn policy(self) -> VerificationPolicy {
        VerificationPolicy {
            limit: SignatureLimit {
                maximum: 64,
                trusted: Vec::new(),
            },
            maximum_key_names: 64,
            minimum_key_bits: if self == Self::Rfc6376 { 0 } else { 1024 },
            allow_sha1: self == Self::Rfc6376,
            ..VerificationPolicy::default()
        }
    }
}

/// A zone of keys in a file: `name record` lines.
#[derive(Clone, Debug, Default)]
pub struct Keys(HashMap<String, Vec<String>>);

impl Keys {
    /// Reads a file; none there means no keys.
    pub fn read(path: &Path) -> Self {
        let mut keys: HashMap<String, Vec<String>> = HashMap::new();
        let text = fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        for line in text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        {
            let (name, record) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            let records = keys.entry(name.to_ascii_lowercase()).or_default();
            records.push(record.trim_start().to_owned());
        }
        Self(keys)
    }

    /// Takes all of `other`'s names over.
    pub fn replace_by(&mut self, other: &Self) {
        self.0.extend(other.0.clone());
    }

    /// The answer for a name.
    pub fn answer(&self, name: &str) -> KeyAnswer {
        match self.0.get(name).map(Vec::as_slice) {
            None | Some([]) => KeyAnswer::NotFound {
                dnssec: Dnssec::Unknown,
            },
            Some([record]) => match record.as_str() {
                "!NXDOMAIN" => KeyAnswer::NotFound {
                    dnssec: Dnssec::Unknown,
                },
                "!SERVFAIL" => KeyAnswer::Failed(DnsFailure::ServerFailure),
                "!TIMEOUT" => KeyAnswer::Failed(DnsFailure::Timeout),
                "!PERMERROR" => KeyAnswer::Failed(DnsFailure::Refused),
                record => KeyAnswer::found(record.as_bytes(), Dnssec::Unknown),
            },
            Some(records) => KeyAnswer::Several {
                count: records.len(),
            },
        }
    }
}

/// A message taken apart.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its header section.
    pub section: HeaderSection,
    /// Its body.
    pub body: Vec<u8>,
}

impl Mail {
    /// Reads a file in wire form.
    pub fn read(path: &Path) -> Self {
        let octets = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&octets)
    }

    /// Takes a message apart; the body begins after the first empty line, or with the first line
    /// that is no field.
    pub fn parse(octets: &[u8]) -> Self {
        let mut section = HeaderSection::default();
        let mut rest = octets;
        loop {
            if let Some(body) = rest.strip_prefix(b"\r\n") {
                rest = body;
                break;
            }
            let end = field_end(rest);
            let field = &rest[..end];
            let colon = field.iter().position(|octet| *octet == b':');
            let Some(colon) = colon.filter(|colon| is_name(&field[..*colon])) else {
                break;
            };
            let value = field[colon + 1..]
                .strip_suffix(b"\r\n")
                .unwrap_or(&field[colon + 1..]);
            section.push(&field[..colon], value, LeadingSpace::Kept);
            rest = &rest[end..];
        }
        Self {
            section,
            body: rest.to_vec(),
        }
    }

    /// Verifies with an unlimited policy.
    pub fn verify(&self, keys: &Keys, rules: Rules, now: u64) -> Vec<SignatureResult> {
        self.verify_by(keys, rules.policy(), now)
    }

    /// Verifies, the body fed in pieces of changing size.
    pub fn verify_by(
        &self,
        keys: &Keys,
        policy: VerificationPolicy,
        now: u64,
    ) -> Vec<SignatureResult> {
        let mut verifier = Verifier::new(&self.section, Arc::new(policy), None, UnixTime(now));
        let answers: Vec<_> = verifier
            .queries()
            .iter()
            .map(|q| keys.answer(&q.name))
            .collect();
        let mut rest = self.body.as_slice();
        for size in [1, 2, 3, 7, 64, 1000].into_iter().cycle() {
            if rest.is_empty() || !verifier.wants_body() {
                break;
            }
            let (piece, after) = rest.split_at(rest.len().min(size));
            verifier.body(piece);
            rest = after;
        }
        verifier.finish(&answers)
    }
}

/// Where the first field ends: after the first line end that no white space follows.
fn field_end(octets: &[u8]) -> usize {
    let mut end = 0;
    loop {
        match octets[end..].windows(2).position(|pair| pair == b"\r\n") {
            None => return octets.len(),
            Some(at) => end += at + 2,
        }
        if !matches!(octets.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    let name = name.trim_ascii_end();
    !name.is_empty() && name.iter().all(|octet| matches!(octet, b'!'..=b'~'))
}

/// One result for people.
pub fn verdict(result: &SignatureResult) -> String {
    let outcome = &result.outcome;
    format!(
        "{} ({}: {})",
        result.word().as_str(),
        outcome.code(),
        outcome.explanation()
    )
}

/// The message's verdict in one word.
pub fn word(results: &[SignatureResult]) -> &'static str {
    deciding(results).map_or("none", |result| result.word().as_str())
}
