//! The connection: what the MTA says, step by step, and what it is told.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use tokio::runtime::Handle;

use super::{
    Server,
    aside::{LONG, aside, by_itself},
    envelope::Envelope,
    failure::SigningFailure,
    journal::Journal,
    macros::{Lifetime, Macros},
    message::{Message, UNKNOWN_JOB, Work},
    record::Outcome,
    too_large::TooLarge,
    wishes::wishes,
};
use crate::{
    config::{
        settings::{FailureAction, Settings},
        snapshot::Snapshot,
    },
    decide::origin::OriginFacts,
    dkim::{
        header::{HeaderSection, LeadingSpace},
        verify::MAX_SIGNATURE_FIELDS,
    },
    log::Level,
    milter::{Agreed, Client, Conversation, EndOfMessage, Reply, Stage, Wishes},
    session::lines,
    tables::hosts::HostMatch,
};

/// Octets of header allocation that a connection keeps for its next message.
const KEPT_HEADER_OCTETS: usize = 8 * 1024;

/// The header section's bound where MaximumHeaders says "unlimited" or more than this.
pub const MAX_HEADER_OCTETS: u64 = 16 * 1024 * 1024;

/// One connection of the MTA.
#[derive(Debug)]
pub struct Connection {
    pub(super) server: Arc<Server>,
    snapshot: Arc<Snapshot>,
    wishes: Wishes,
    pub(super) agreed: Agreed,
    pub(super) peer: Peer,
    message: Option<Message>,
    /// The header section's allocation, kept from message to message.
    spare_section: HeaderSection,
}

/// What the MTA tells about its client.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) client: Client,
    pub(super) macros: Macros,
}

impl OriginFacts for Peer {
    fn client(&self) -> &Client {
        &self.client
    }

    fn macro_value(&self, name: &str) -> Option<&str> {
        self.macros.get(name)
    }
}

impl Connection {
    /// A new connection under the current configuration.
    pub fn new(server: Arc<Server>) -> Self {
        let snapshot = server.configuration.snapshot();
        Self {
            server,
            wishes: wishes(&snapshot),
            agreed: Agreed::default(),
            peer: Peer {
                client: Client::default(),
                macros: Macros::wanted_by(&snapshot),
            },
            message: None,
            spare_section: HeaderSection::default(),
            snapshot,
        }
    }

    /// A message begins under the newest configuration, unless that wants other things of the MTA
    /// than were agreed on when the connection began: then under the last one that does not.
    fn newest_snapshot(&mut self) -> Arc<Snapshot> {
        let newest = self.server.configuration.snapshot();
        if !Arc::ptr_eq(&newest, &self.snapshot) && wishes(&newest) == self.wishes {
            self.snapshot = newest;
        }
        Arc::clone(&self.snapshot)
    }

    pub(super) fn journal(&self, settings: &Settings) -> Journal {
        Journal::new(Arc::clone(&self.server.log), &settings.logging)
    }

    fn job(&self) -> Arc<str> {
        if let Some(job) = self.peer.macros.get("i").filter(|job| !job.is_empty()) {
            return job.into();
        }
        UNKNOWN_JOB.into()
    }

    /// Notes the macro's absence once for the life of the process, as OpenDKIM does.
    fn tell_no_queue_id(&self, journal: &Journal) {
        if !self.server.told_no_queue_id.swap(true, Ordering::Relaxed) {
            journal.line(Level::Warning, lines::NO_QUEUE_ID);
        }
    }

    /// MaximumHeaders is passed: nothing of the header section is kept from here on. Where the message
    /// may be let through all the same, results that claim to be ours are still looked for.
    fn keep_no_more(&mut self, octets: usize) {
        let Some(mut message) = self.message.take() else {
            return;
        };
        let snapshot = &message.snapshot;
        let passes = matches!(
            SigningFailure::HeaderTooLarge.action(&snapshot.settings),
            FailureAction::Accept | FailureAction::Quarantine
        );
        let cleans = passes && self.agreed.delete_headers && snapshot.settings.decision.mode.verify;
        let rules = cleans.then(|| self.removal_rules(snapshot));
        let kept = message.section.octets();
        let large = by_itself(kept, || TooLarge::new(&message.section, octets, rules));
        message.work = Work::TooLarge(Box::new(large));
        message.section = HeaderSection::default();
        self.message = Some(message);
    }

    fn end_record(&mut self, mut message: Message) {
        message.record.times.total = message.began.elapsed();
        if message.record.header_octets == 0 {
            message.record.header_octets = message.section.octets();
        }
        self.journal(&message.snapshot.settings)
            .record(&message.record);
        message.section.clear();
        message.section.shrink_to(KEPT_HEADER_OCTETS);
        self.spare_section = message.section;
        self.peer.macros.end_message();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let settings = &self.snapshot.settings;
        if settings.verifying.query_cache
            && let Some(figures) = self.server.public_keys.figures_due(Instant::now())
        {
            self.server
                .log
                .line(Level::Info, &lines::cache_figures(figures));
        }
    }
}

impl Conversation for Connection {
    fn wishes(&self) -> Wishes {
        self.wishes.clone()
    }

    fn agreed(&mut self, agreed: Agreed) {
        self.agreed = agreed;
    }

    fn define_macro(&mut self, stage: Stage, name: &[u8], value: &[u8]) {
        let lifetime = match stage {
            Stage::Connection => Lifetime::Connection,
            Stage::Message => Lifetime::Message,
        };
        self.peer.macros.define(lifetime, name, value);
    }

    fn connect(&mut self, client: Client) -> Reply {
        let is_peer = {
            // A bracketed address is no name.
            let name = (!client.name.starts_with('[')).then(|| client.name.to_ascii_lowercase());
            matches!(
                self.snapshot.peers.find(name.as_deref(), client.address),
                HostMatch::Listed(_)
            )
        };
        self.peer.client = client;
        if is_peer {
            Reply::Accept
        } else {
            Reply::Continue
        }
    }

    fn mail(&mut self, sender: &[u8]) {
        let snapshot = self.newest_snapshot();
        let section = std::mem::take(&mut self.spare_section);
        let client = self.peer.client.clone();
        self.message = Some(Message::begin(snapshot, sender, section, client));
    }

    fn recipient(&mut self, recipient: &[u8]) {
        if let Some(message) = &mut self.message {
            message.envelope.add_recipient(recipient);
        }
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        let leading = if self.agreed.leading_space {
            LeadingSpace::Kept
        } else {
            LeadingSpace::Eaten
        };
        let Some(message) = &mut self.message else {
            return;
        };
        match &mut message.work {
            Work::Header => {}
            Work::TooLarge(large) => return large.field(name, value),
            _ => return,
        }
        // A semicolon would break the list in `h=`.
        if name.contains(&b';') {
            message.ignored.note(name, value);
        } else {
            message.section.push(name, value, leading);
        }
        let octets = message.section.octets() + message.ignored.octets;
        if octets as u64 > header_limit(&message.snapshot.settings) {
            self.keep_no_more(octets);
        }
    }

    fn held(&self) -> usize {
        let message = self.message.as_ref().map_or(0, Message::held);
        self.spare_section.held() + self.peer.macros.octets() + message
    }

    fn give_up(&mut self) {
        let job = self.job();
        let Some(mut message) = self.message.take() else {
            return;
        };
        let journal = self.journal(&message.snapshot.settings).for_job(&job);
        journal.line(Level::Err, lines::MEMORY_SHORT);
        message.section = HeaderSection::default();
        message.envelope = Envelope::default();
        message.work = match message.work {
            Work::Header | Work::TooLarge(_) | Work::GivenUp => Work::GivenUp,
            Work::Sign(_) | Work::Verify(_) | Work::End(_) => Work::End(EndOfMessage {
                changes: Vec::new(),
                reply: SigningFailure::MemoryShort.deferral(),
            }),
        };
        message.record.outcome = Outcome::Failed {
            code: SigningFailure::MemoryShort.code(),
            action: FailureAction::Tempfail,
        };
        self.message = Some(message);
    }

    async fn end_of_header(&mut self) -> Reply {
        let job = self.job();
        let Some(mut message) = self.message.take() else {
            return Reply::Accept;
        };
        message.record.job = job;
        message.record.times.header = message.began.elapsed();
        let hashed = message.snapshot.verification_policy.limit.maximum;
        let octets = message.section.octets() * hashed.clamp(1, MAX_SIGNATURE_FIELDS);
        message.work = if octets > LONG {
            let runtime = Handle::current();
            aside(octets, || runtime.block_on(self.decide(&mut message))).await
        } else {
            self.decide(&mut message).await
        };
        let reply = match &message.work {
            Work::End(EndOfMessage { changes, reply }) if changes.is_empty() => reply.clone(),
            _ => Reply::Continue,
        };
        self.message = Some(message);
        reply
    }

    fn body(&mut self, octets: &[u8]) -> bool {
        match &mut self.message {
            Some(Message {
                work: Work::Sign(signing),
                record,
                ..
            }) => {
                record.body_octets += octets.len() as u64;
                signing.body(octets);
                signing.wants_body()
            }
            Some(Message {
                work: Work::Verify(verifying),
                record,
                ..
            }) => {
                record.body_octets += octets.len() as u64;
                verifying.body(octets)
            }
            _ => false,
        }
    }

    async fn end_of_message(&mut self) -> EndOfMessage {
        let accept = EndOfMessage {
            changes: Vec::new(),
            reply: Reply::Accept,
        };
        let job = self.job();
        let Some(mut message) = self.message.take() else {
            return accept;
        };
        if *message.record.job == *UNKNOWN_JOB {
            message.record.job = job;
            if *message.record.job == *UNKNOWN_JOB {
                self.tell_no_queue_id(&self.journal(&message.snapshot.settings));
            }
        }
        let end = match std::mem::replace(&mut message.work, Work::Header) {
            Work::Sign(signing) => self.finish_signing(*signing, &mut message).await,
            Work::Verify(verifying) => self.finish_verifying(*verifying, &mut message).await,
            Work::End(end) => end,
            // An MTA that never ended the header section: nothing was decided, nothing may leave
            // unsigned by accident.
            Work::Header | Work::TooLarge(_) | Work::GivenUp => EndOfMessage {
                changes: Vec::new(),
                reply: Reply::Tempfail,
            },
        };
        self.end_record(message);
        end
    }

    fn abort(&mut self) {
        if let Some(mut message) = self.message.take() {
            if message.record.outcome == Outcome::Pending {
                message.record.outcome = Outcome::Aborted;
            }
            self.end_record(message);
        }
    }

    fn forget_macros(&mut self) {
        self.peer.macros.end_message();
    }

    fn in_message(&self) -> bool {
        self.message.is_some()
    }
}

pub(super) fn header_limit(settings: &Settings) -> u64 {
    settings
        .decision
        .maximum_headers
        .unwrap_or(MAX_HEADER_OCTETS)
        .min(MAX_HEADER_OCTETS)
}
