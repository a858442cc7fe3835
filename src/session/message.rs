//! The message under way.

use std::{sync::Arc, time::Instant};

use super::{
    envelope::Envelope,
    record::{MessageRecord, Outcome, Times},
    verifying::Verifying,
};
use crate::{
    config::snapshot::Snapshot,
    dkim::{header::HeaderSection, sign::Signer},
    milter::{Client, EndOfMessage},
};

/// The queue id of a message whose MTA tells none.
pub(super) const UNKNOWN_JOB: &str = "(unknown-jobid)";

/// The message under way. It keeps the configuration it began with.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) envelope: Envelope,
    pub(super) section: HeaderSection,
    pub(super) began: Instant,
    pub(super) work: Work,
    pub(super) record: MessageRecord,
}

/// What is being done with the message.
#[derive(Debug)]
pub(super) enum Work {
    /// The header section is still coming in.
    Header {
        /// MaximumHeaders was exceeded.
        too_large: bool,
    },
    /// Hash the body, then sign.
    Sign(Box<Signer>),
    /// Hash the body while keys are asked for, then judge.
    Verify(Box<Verifying>),
    /// Nothing more is to be done than to say this at the end.
    End(EndOfMessage),
}

impl Message {
    /// A message begins under `snapshot`; `section` lends its allocation.
    pub(super) fn begin(
        snapshot: Arc<Snapshot>,
        sender: &[u8],
        section: HeaderSection,
        client: Client,
    ) -> Self {
        Self {
            snapshot,
            envelope: Envelope::from_sender(sender),
            section,
            began: Instant::now(),
            work: Work::Header { too_large: false },
            record: MessageRecord {
                job: UNKNOWN_JOB.into(),
                client,
                author: None,
                trust: None,
                outcome: Outcome::Pending,
                signatures: Vec::new(),
                verdicts: Vec::new(),
                times: Times::default(),
                header_octets: 0,
                body_octets: 0,
            },
        }
    }
}
