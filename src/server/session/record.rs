//! What happened to a message: one record, of which log lines (and later statistics and metrics)
//! are views.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    decide::{Reason, Trust},
    dkim::{
        Algorithm,
        name::{Domain, Selector},
        verify::SignatureResult,
    },
    milter::Client,
};

/// Everything worth knowing about a message when it is done with.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// The MTA's queue id, or `(unknown-jobid)`.
    pub job: Arc<str>,
    /// The MTA's client.
    pub client: Client,
    /// The author's address.
    pub author: Option<String>,
    /// Why the message counts as ours.
    pub trust: Option<Trust>,
    /// What became of it.
    pub outcome: Outcome,
    /// The signatures added, in order.
    pub signatures: Vec<AddedSignature>,
    /// What verifying found, from the top.
    pub verdicts: Vec<SignatureVerdict>,
    /// How long it took.
    pub times: Times,
    /// Size of the header section in octets.
    pub header_octets: usize,
    /// Size of the body in octets, as far as the MTA sent it.
    pub body_octets: u64,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Still under way.
    Pending,
    /// It left with the signatures of the record.
    Signed,
    /// It is not to be signed.
    NotSigned(Reason),
    /// It should have been signed and could not be; `replied` is what the MTA was told.
    Failed {
        /// Stable word for the cause.
        code: &'static str,
        /// `tempfail`, `reject`, `accept`, …
        action: crate::config::settings::FailureAction,
    },
    /// Refused by RequiredHeaders.
    Refused(Reason),
    /// The MTA gave it up.
    Aborted,
}

/// A signature that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedSignature {
    /// `d=`.
    pub domain: Domain,
    /// `s=`.
    pub selector: Selector,
    /// `a=`.
    pub algorithm: Algorithm,
}

/// What verifying one signature came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureVerdict {
    /// `d=`, where it could be read.
    pub domain: Option<Box<str>>,
    /// `s=`, where it could be read.
    pub selector: Option<Box<str>>,
    /// The stable word for the cause.
    pub code: &'static str,
}

impl SignatureVerdict {
    /// The record of a result.
    pub fn of(result: &SignatureResult) -> Self {
        Self {
            domain: result.identity.domain.clone(),
            selector: result.identity.selector.clone(),
            code: result.outcome.code(),
        }
    }
}

/// Durations since the message began (MAIL).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// Until the end of the header section.
    pub header: Duration,
    /// Until the reply to the end of the message.
    pub total: Duration,
    /// Spent on signing at the end of the message.
    pub signing: Duration,
}
