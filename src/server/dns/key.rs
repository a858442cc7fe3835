//! Keys from DNS: what a lookup means to the verifier, and how its failure reads in the log.

use std::sync::Arc;

use super::{
    DnsFailure, TxtAnswer, TxtLookup, TxtRecords,
    cache::{Cache, Lifetimes},
    name::DnsName,
};
use crate::dkim::key_answer::KeyAnswer;

/// Key answers kept: some 4 MB with records of usual size.
pub const CACHED_KEYS: usize = 8192;

/// Key records by name, parsed once and kept for their TTL.
pub type KeyCache = Cache<KeyAnswer>;

/// A cache of keys before `source`.
pub fn key_cache(source: Arc<dyn TxtLookup>) -> KeyCache {
    Cache::new(source, CACHED_KEYS, Lifetimes::default(), KeyAnswer::from)
}

impl From<TxtAnswer> for KeyAnswer {
    fn from(answer: TxtAnswer) -> Self {
        match answer.result {
            Ok(TxtRecords::One(text)) => Self::found(&text, answer.dnssec),
            Ok(TxtRecords::None(_)) => Self::NotFound {
                dnssec: answer.dnssec,
            },
            Ok(TxtRecords::Several(texts)) => Self::Several { count: texts.len() },
            Err(failure) => Self::Failed(failure),
        }
    }
}

/// What follows `key retrieval failed (s=…, d=…): ` in the log, in OpenDKIM's words where it has
/// any; `None` if a record was found.
pub fn retrieval_detail(answer: &KeyAnswer, name: &DnsName) -> Option<String> {
    let what = match answer {
        KeyAnswer::Found(_) => return None,
        KeyAnswer::Several { .. } => return Some(format!("multiple DNS replies for '{name}'")),
        KeyAnswer::NotFound { .. } => "record not found",
        KeyAnswer::Failed(failure) => match failure {
            DnsFailure::Timeout => "query timed out",
            DnsFailure::ServerFailure | DnsFailure::Refused => {
                "unexpected reply class/type (-1/-1)"
            }
            DnsFailure::AliasLoop => "reply was unresolved CNAME",
            DnsFailure::Malformed => "reply corrupt",
            DnsFailure::Bogus => "absence not proven (DNSSEC)",
            DnsFailure::Unreachable => "query failed",
        },
    };
    Some(format!("'{name}' {what}"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Dnssec, file::FileRecords},
        *,
    };

    #[tokio::test]
    async fn every_outcome_has_its_detail_in_the_log() {
        let records = FileRecords::parse(
            "ok.example v=DKIM1; p=\nmany.example a\nmany.example b\nt.example !TIMEOUT\n\
             f.example !SERVFAIL\np.example !PERMERROR\n",
        )
        .unwrap();
        let cache = key_cache(Arc::new(records));
        for (name, detail) in [
            ("ok.example", None),
            (
                "many.example",
                Some("multiple DNS replies for 'many.example'"),
            ),
            ("t.example", Some("'t.example' query timed out")),
            (
                "f.example",
                Some("'f.example' unexpected reply class/type (-1/-1)"),
            ),
            ("p.example", Some("'p.example' reply corrupt")),
            ("none.example", Some("'none.example' record not found")),
        ] {
            let name = DnsName::parse(name).unwrap();
            let answer = cache.get(&name).await;
            assert_eq!(retrieval_detail(&answer, &name).as_deref(), detail);
        }
    }

    #[tokio::test]
    async fn a_record_keeps_its_dnssec_state() {
        let answer = TxtAnswer {
            result: Ok(TxtRecords::One(Arc::from(&b"v=DKIM1; p="[..]))),
            dnssec: Dnssec::Secure,
            ttl: std::time::Duration::ZERO,
        };
        let KeyAnswer::Found(key) = KeyAnswer::from(answer) else {
            panic!("a record is there");
        };
        assert_eq!(key.dnssec, Dnssec::Secure);
    }
}
