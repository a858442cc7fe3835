//! From hickory's replies to ours: records, absence, or the kind of failure.

use std::{sync::Arc, time::Duration};

use hickory_resolver::{
    lookup::Lookup,
    net::{DnsError, NetError},
    proto::{
        dnssec::Proof,
        op::ResponseCode,
        rr::{RData, RecordType},
    },
};

use super::{Absence, DnsFailure, Dnssec, MAX_ANSWER_OCTETS, TxtAnswer, TxtRecords};

/// How long an absence without SOA record may be remembered (RFC 2308 section 5 leaves it to us).
const ABSENCE_WITHOUT_SOA: Duration = Duration::from_secs(30);
/// How long a failure may be remembered (RFC 9520 section 3.2 asks for 1 s to 5 min).
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);

/// A reply, or the finding that DNSSEC's chain of trust does not hold.
#[derive(Debug)]
pub(super) enum Reply {
    Answer(TxtAnswer),
    Bogus,
}

impl Reply {
    /// The answer with what is known of its DNSSEC state from elsewhere.
    pub(super) fn with(self, dnssec: Dnssec) -> TxtAnswer {
        let mut answer = match self {
            Self::Answer(answer) => answer,
            Self::Bogus => return failed(DnsFailure::Bogus),
        };
        match answer.result {
            Ok(TxtRecords::None(_)) if dnssec == Dnssec::Bogus => failed(DnsFailure::Bogus),
            Ok(_) => {
                answer.dnssec = dnssec;
                answer
            }
            Err(_) => answer,
        }
    }
}

impl From<Result<Lookup, NetError>> for Reply {
    fn from(reply: Result<Lookup, NetError>) -> Self {
        match reply {
            Ok(lookup) => records_of(&lookup),
            Err(NetError::Dns(DnsError::DnssecBogus)) => Self::Bogus,
            // hickory has checked the proof of absence where the zone is signed.
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let proof = none.soa.map_or(Proof::Indeterminate, |soa| soa.proof);
                absent(none.response_code, none.negative_ttl, dnssec_of(proof))
            }
            Err(NetError::Dns(DnsError::Nsec {
                response, proof, ..
            })) => match proof {
                Proof::Bogus => Self::Bogus,
                proof => absent(
                    response.response_code,
                    response.negative_ttl(),
                    dnssec_of(proof),
                ),
            },
            Err(error) => Self::Answer(failed(failure_of(&error))),
        }
    }
}

/// An answer that says nothing but how it failed.
pub(super) fn failed(failure: DnsFailure) -> TxtAnswer {
    TxtAnswer {
        result: Err(failure),
        dnssec: Dnssec::Unknown,
        ttl: FAILURE_LIFETIME,
    }
}

/// The kind of an error.
pub(super) fn failure_of(error: &NetError) -> DnsFailure {
    match error {
        NetError::Timeout => DnsFailure::Timeout,
        NetError::Dns(DnsError::ResponseCode(
            ResponseCode::Refused | ResponseCode::NotImp | ResponseCode::FormErr,
        )) => DnsFailure::Refused,
        NetError::Dns(_) => DnsFailure::ServerFailure,
        NetError::Truncated
        | NetError::Proto(_)
        | NetError::QueryCaseMismatch
        | NetError::ForeignClassRecord { .. } => DnsFailure::Malformed,
        _ => DnsFailure::Unreachable,
    }
}

fn records_of(lookup: &Lookup) -> Reply {
    let mut texts: Vec<Box<[u8]>> = Vec::new();
    let mut octets = 0;
    let mut ttl = u32::MAX;
    let mut proof = Proof::Secure;
    for record in lookup.answers() {
        match &record.data {
            RData::TXT(txt) => {
                octets += txt.txt_data.iter().map(|part| part.len()).sum::<usize>();
                if octets > MAX_ANSWER_OCTETS {
                    return Reply::Answer(failed(DnsFailure::Malformed));
                }
                texts.push(txt.txt_data.concat().into_boxed_slice());
            }
            RData::CNAME(_) => {}
            _ => continue,
        }
        ttl = ttl.min(record.ttl);
        proof = weaker(proof, record.proof);
    }
    if proof == Proof::Bogus {
        return Reply::Bogus;
    }
    let records = match texts.pop() {
        None => {
            let dangling = lookup
                .answers()
                .iter()
                .any(|record| record.record_type() == RecordType::CNAME);
            if dangling {
                return Reply::Answer(failed(DnsFailure::AliasLoop));
            }
            TxtRecords::None(Absence::NoData)
        }
        Some(text) if texts.is_empty() => TxtRecords::One(Arc::from(text)),
        Some(text) => {
            texts.push(text);
            TxtRecords::Several(Arc::from(texts))
        }
    };
    Reply::Answer(TxtAnswer {
        result: Ok(records),
        dnssec: dnssec_of(proof),
        ttl: Duration::from_secs(ttl.into()),
    })
}

fn absent(code: ResponseCode, negative_ttl: Option<u32>, dnssec: Dnssec) -> Reply {
    let absence = match code {
        ResponseCode::NXDomain => Absence::NoName,
        ResponseCode::NoError => Absence::NoData,
        _ => return Reply::Answer(failed(DnsFailure::ServerFailure)),
    };
    Reply::Answer(TxtAnswer {
        result: Ok(TxtRecords::None(absence)),
        dnssec,
        ttl: negative_ttl.map_or(ABSENCE_WITHOUT_SOA, |ttl| Duration::from_secs(ttl.into())),
    })
}

fn dnssec_of(proof: Proof) -> Dnssec {
    match proof {
        Proof::Secure => Dnssec::Secure,
        Proof::Bogus => Dnssec::Bogus,
        Proof::Insecure | Proof::Indeterminate => Dnssec::Insecure,
    }
}

/// The weaker of two proofs: a chain is no stronger than its weakest record.
fn weaker(a: Proof, b: Proof) -> Proof {
    let rank = |proof| match proof {
        Proof::Bogus => 0,
        Proof::Indeterminate => 1,
        Proof::Insecure => 2,
        Proof::Secure => 3,
    };
    if rank(a) <= rank(b) { a } else { b }
}
