//! From hickory's replies to ours: records, absence, or the kind of failure.

use std::{sync::Arc, time::Duration};

use hickory_resolver::{
    lookup::Lookup,
    net::{DnsError, NetError},
    proto::{
        dnssec::Proof,
        op::ResponseCode,
        rr::{Name, RData, Record},
    },
};

use super::{Absence, DnsFailure, Dnssec, MAX_ANSWER_OCTETS, TxtAnswer, TxtRecords};

/// How long an absence without SOA record may be remembered (RFC 2308 section 5 leaves it to us).
const ABSENCE_WITHOUT_SOA: Duration = Duration::from_secs(30);
/// How long a failure may be remembered (RFC 9520 section 3.2 asks for 1 s to 5 min).
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);
/// Aliases followed from the asked name, about as many as resolvers do.
pub const MAX_ALIASES: usize = 16;

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

impl Reply {
    /// What hickory's reply says of the TXT records of `asked`.
    pub(super) fn of(asked: &Name, reply: Result<Lookup, NetError>) -> Self {
        match reply {
            Ok(lookup) => records_of(asked, lookup.answers()),
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
pub fn failure_of(error: &NetError) -> DnsFailure {
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

/// The TXT records of `asked`, or of the name that its aliases lead to. hickory hands the whole
/// answer section on, so what other names own there is left out here.
fn records_of(asked: &Name, answers: &[Record]) -> Reply {
    let Some(chain) = Aliases::from(asked, answers) else {
        return Reply::Answer(failed(DnsFailure::AliasLoop));
    };
    let mut texts: Vec<Box<[u8]>> = Vec::new();
    let mut octets = 0;
    let mut ttl = chain.ttl;
    let mut proof = chain.proof;
    for record in answers.iter().filter(|record| record.name == *chain.end) {
        let RData::TXT(txt) = &record.data else {
            continue;
        };
        octets += txt.txt_data.iter().map(|part| part.len()).sum::<usize>();
        if octets > MAX_ANSWER_OCTETS {
            return Reply::Answer(failed(DnsFailure::Malformed));
        }
        texts.push(txt.txt_data.concat().into_boxed_slice());
        ttl = ttl.min(record.ttl);
        proof = weaker(proof, record.proof);
    }
    if proof == Proof::Bogus {
        return Reply::Bogus;
    }
    let records = match texts.pop() {
        None if chain.end != asked => return Reply::Answer(failed(DnsFailure::AliasLoop)),
        // A server that has no record says so with an empty section; one that fills it with
        // others' records says nothing about this name.
        None => return Reply::Answer(failed(DnsFailure::Malformed)),
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

/// The aliases that lead from one name to another, and what is known of them together.
struct Aliases<'a> {
    end: &'a Name,
    ttl: u32,
    proof: Proof,
}

impl<'a> Aliases<'a> {
    /// Follows the aliases among `answers` that begin at `asked`; `None` if they never end.
    fn from(asked: &'a Name, answers: &'a [Record]) -> Option<Self> {
        let mut chain = Self {
            end: asked,
            ttl: u32::MAX,
            proof: Proof::Secure,
        };
        for _ in 0..=MAX_ALIASES {
            let Some((record, target)) = alias_of(chain.end, answers) else {
                return Some(chain);
            };
            chain.end = target;
            chain.ttl = chain.ttl.min(record.ttl);
            chain.proof = weaker(chain.proof, record.proof);
        }
        None
    }
}

/// The CNAME record of `name` among the answers, and the name that it stands for.
pub fn alias_of<'a>(name: &Name, answers: &'a [Record]) -> Option<(&'a Record, &'a Name)> {
    answers.iter().find_map(|record| match &record.data {
        RData::CNAME(target) if record.name == *name => Some((record, &target.0)),
        _ => None,
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
