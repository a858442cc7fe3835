//! The message under way.

use std::{sync::Arc, time::Instant};

use super::{
    envelope::Envelope,
    record::{MessageRecord, Outcome, Times},
    signing::Signing,
    too_large::TooLarge,
    verifying::Verifying,
};
use crate::{
    config::snapshot::Snapshot,
    dkim::header::HeaderSection,
    milter::{Change, Client, EndOfMessage},
    session::lines,
};

/// The queue id of a message whose MTA tells none.
pub(super) const UNKNOWN_JOB: &str = "(unknown-jobid)";

/// The message under way. It keeps the configuration it began with.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) envelope: Envelope,
    pub(super) section: HeaderSection,
    pub(super) ignored: IgnoredFields,
    pub(super) began: Instant,
    pub(super) work: Work,
    pub(super) record: MessageRecord,
}

/// What is being done with the message.
#[derive(Debug)]
pub(super) enum Work {
    /// The header section is still coming in.
    Header,
    /// It is still coming in, and has passed MaximumHeaders.
    TooLarge(Box<TooLarge>),
    /// Memory was short, so nothing of the message is kept; to be said at the end of the header.
    GivenUp,
    /// Hash the body, then sign.
    Sign(Box<Signing>),
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
        let wants_recipients = snapshot.dont_sign_mail_to.is_some()
            || snapshot.body_length.is_some()
            || snapshot.settings.verifying.redirect_failures_to.is_some();
        Self {
            envelope: Envelope::from_sender(sender, wants_recipients),
            snapshot,
            section,
            ignored: IgnoredFields::default(),
            began: Instant::now(),
            work: Work::Header,
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

impl Message {
    /// Octets that it holds beyond what every message does.
    pub(super) fn held(&self) -> usize {
        let work = match &self.work {
            Work::TooLarge(large) => large.held(),
            Work::Verify(verifying) => verifying.held(),
            Work::End(end) => end.changes.len() * size_of::<Change>(),
            Work::Header | Work::GivenUp | Work::Sign(_) => 0,
        };
        self.envelope.octets() + self.section.held() + work
    }
}

/// Fields that are left out of the header section because of their names.
#[derive(Debug, Default)]
pub(super) struct IgnoredFields {
    /// Octets of all of them, counted as those of the section.
    pub(super) octets: usize,
    count: usize,
    first: String,
}

impl IgnoredFields {
    /// Octets of a name that are shown.
    const SHOWN: usize = 100;

    /// Counts a field.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) {
        if self.count == 0 {
            let shown = &name[..name.len().min(Self::SHOWN)];
            self.first = String::from_utf8_lossy(shown).into_owned();
        }
        self.count += 1;
        self.octets += name.len() + value.len() + 2;
    }

    /// One line for all of them, however many a sender puts in.
    pub(super) fn line(&self) -> Option<String> {
        (self.count > 0).then(|| lines::fields_ignored(&self.first, self.count - 1))
    }
}
