//! What asking DNS for a key came to: the only thing the verifier learns from the network.

use std::sync::Arc;

use super::key_record::{KeyRecord, KeyRecordError};

/// What DNSSEC says of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dnssec {
    /// Not asked (a file of test keys, or a resolver that does not validate).
    #[default]
    Unknown,
    /// Validated: the zone is not signed.
    Insecure,
    /// Validated from the trust anchor down.
    Secure,
    /// Signed, but the signatures are wrong.
    Bogus,
}

/// A TXT record found at a key's name, parsed once and cheap to share.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    /// The record, or why it is none.
    pub record: Arc<Result<KeyRecord, KeyRecordError>>,
    /// What DNSSEC says of it.
    pub dnssec: Dnssec,
}

/// The answer to one key query.
#[derive(Clone, Debug)]
pub enum KeyAnswer {
    /// Exactly one TXT record.
    Found(PublishedKey),
    /// The name does not exist, or has no TXT record.
    NotFound {
        /// What DNSSEC says of the denial.
        dnssec: Dnssec,
    },
    /// Several TXT records, which RFC 6376 section 3.6.2.2 leaves undefined.
    Several {
        /// How many there are.
        count: usize,
    },
    /// No answer that could be used.
    Failed(DnsFailure),
}

/// Why DNS gave no usable answer. All of them may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DnsFailure {
    /// Nobody answered in time.
    #[error("query timed out")]
    Timeout,
    /// The server failed (SERVFAIL).
    #[error("server failure")]
    ServerFailure,
    /// REFUSED, NOTIMP, FORMERR or another code of refusal.
    #[error("query refused")]
    Refused,
    /// Aliases in a circle, or too many.
    #[error("alias loop")]
    AliasLoop,
    /// An answer that can't be read, or does not belong to the question.
    #[error("answer corrupt")]
    Malformed,
    /// DNSSEC validation failed, so the answer may be forged.
    #[error("DNSSEC validation failed")]
    Bogus,
    /// No name server could be reached at all.
    #[error("no name server reachable")]
    Unreachable,
}

impl KeyAnswer {
    /// Exactly one TXT record, its strings joined without anything between them (RFC 6376 section
    /// 3.6.2.2).
    ///
    /// ```
    /// use dkim_core::key_answer::{Dnssec, KeyAnswer};
    ///
    /// let strings = ["v=DKIM1; k=ed25519; ", "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="];
    /// let answer = KeyAnswer::found(strings.concat().as_bytes(), Dnssec::Secure);
    /// assert!(matches!(answer, KeyAnswer::Found(key) if key.record.is_ok()));
    /// ```
    pub fn found(txt: &[u8], dnssec: Dnssec) -> Self {
        Self::Found(PublishedKey {
            record: Arc::new(KeyRecord::tolerant(txt)),
            dnssec,
        })
    }
}
