//! What is known of one signature after verifying.

use super::signature::{Signature, decoded_auid, domain_name};
use crate::{
    key_answer::{Dnssec, KeyAnswer},
    key_record::{KeyRecord, PublishedKeyData},
    name::{Selector, ascii_name},
    outcome::{Outcome, ResultWord},
    tag_list::{TagList, without_white},
};

/// The result for one DKIM-Signature field.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignatureResult {
    /// The field's index in the header section.
    pub field: usize,
    /// Who the signature says it is from, as far as that could be read.
    pub identity: Identity,
    /// What it came to.
    pub outcome: Outcome,
    /// The key, where one was found.
    pub key: Option<KeyFacts>,
    /// The body hash, where one was made.
    pub body: Option<BodyFacts>,
    /// The signature, where its syntax is right.
    pub signature: Option<Signature>,
}

/// The tags that name a signature, each only if its own syntax is right, also when the signature as
/// a whole is malformed. None holds a control character; the local part in `auid` may hold anything
/// else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `d=` as written.
    pub domain: Option<Box<str>>,
    /// `s=` as written.
    pub selector: Option<Box<str>>,
    /// `i=` with its dkim-quoted-printable decoded.
    pub auid: Option<Box<str>>,
    /// `a=` in lower case: a word of letters, digits and `-`, not necessarily a known one.
    pub algorithm: Option<Box<str>>,
    /// `b=` without white space, its base64 not checked beyond its characters.
    pub signature: Option<Box<str>>,
}

/// What is told of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyFacts {
    /// Size of the modulus of an RSA key; `None` for Ed25519 and for records without a usable key.
    pub rsa_bits: Option<u32>,
    /// `t=y`: the domain is testing.
    pub testing: bool,
    /// What DNSSEC says of the answer that brought the key.
    pub dnssec: Dnssec,
}

/// What was hashed of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyFacts {
    /// Canonical octets that went into the hash: all, or as many as `l=` says.
    pub hashed: u64,
    /// Canonical octets seen: the whole body, or less if its rest was not wanted.
    pub length: u64,
    /// The hash, to be compared with `bh=`.
    pub hash: Box<[u8]>,
}

impl SignatureResult {
    /// The result for the field at an index of the header section, of which nothing more is known.
    pub fn new(field: usize, identity: Identity, outcome: Outcome) -> Self {
        Self {
            field,
            identity,
            outcome,
            key: None,
            body: None,
            signature: None,
        }
    }

    /// Whether the signature is good and acceptable.
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Pass
    }

    /// RFC 8601's word for it, as it stands after `dkim=`.
    pub fn word(&self) -> ResultWord {
        self.outcome.result()
    }
}

/// The result that decides about the message: the first that passes, otherwise the first that was
/// not ignored.
///
/// ```
/// use dkim_core::{
///     outcome::Outcome,
///     verify::{Identity, SignatureResult, deciding},
/// };
///
/// let result = |field, outcome| SignatureResult::new(field, Identity::default(), outcome);
/// let results = [result(0, Outcome::BodyChanged), result(1, Outcome::Pass)];
/// assert_eq!(deciding(&results).unwrap().field, 1);
/// assert!(deciding(&[]).is_none());
/// ```
pub fn deciding(results: &[SignatureResult]) -> Option<&SignatureResult> {
    results.iter().find(|result| result.passed()).or_else(|| {
        results
            .iter()
            .find(|result| result.outcome != Outcome::Ignored)
    })
}

impl Identity {
    /// Longest word in `a=` that is repeated.
    const MAX_ALGORITHM: usize = 32;

    pub(super) fn of(tags: &TagList<'_>) -> Self {
        let word = |text: &&str| {
            (1..=Self::MAX_ALGORITHM).contains(&text.len())
                && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
        };
        let base64 = |text: &str| {
            let digits = String::from_utf8(without_white(text)).ok()?;
            let digit = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
            (!digits.is_empty() && digits.bytes().all(digit)).then(|| digits.into_boxed_str())
        };
        Self {
            domain: tags
                .value("d")
                .filter(|text| domain_name(text).is_some())
                .map(Into::into),
            selector: tags
                .value("s")
                .filter(|text| ascii_name(text).is_some() && Selector::parse(text).is_ok())
                .map(Into::into),
            auid: tags
                .value("i")
                .and_then(decoded_auid)
                .map(|auid| auid.as_str().into()),
            algorithm: tags
                .value("a")
                .filter(word)
                .map(|text| text.to_ascii_lowercase().into()),
            signature: tags.value("b").and_then(base64),
        }
    }
}

impl KeyFacts {
    pub(super) fn of(answer: &KeyAnswer) -> Option<Self> {
        let KeyAnswer::Found(published) = answer else {
            return None;
        };
        let record: &KeyRecord = published.record.as_ref().as_ref().ok()?;
        let rsa_bits = match &record.key {
            PublishedKeyData::Key(key) if key.is_rsa() => Some(key.bits()),
            _ => None,
        };
        Some(Self {
            rsa_bits,
            testing: record.testing,
            dnssec: published.dnssec,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithm_is_told_in_lower_case_though_such_a_signature_is_malformed() {
        let tags = TagList::parse(b"v=1; a=RSA-SHA256; d=x.example").unwrap();
        let identity = Identity::of(&tags);
        assert_eq!(identity.algorithm.as_deref(), Some("rsa-sha256"));
        assert!(Signature::from_tags(&tags).is_err());
    }
}
