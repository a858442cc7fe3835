//! The connection: what the MTA says, step by step, and what it is told.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{
    Server,
    journal::Journal,
    macros::{Lifetime, Macros},
    message::{Message, UNKNOWN_JOB, Work},
    record::Outcome,
    wishes::wishes,
};
use crate::{
    config::{settings::Settings, snapshot::Snapshot},
    decide::origin::OriginFacts,
    dkim::header::{HeaderSection, LeadingSpace},
    headers::auth_results_parse,
    log::{Level, lines},
    milter::{Agreed, Client, Conversation, EndOfMessage, Reply, Stage, Wishes},
    tables::hosts::HostMatch,
};

/// Octets of header allocation that a connection keeps for its next message.
const KEPT_HEADER_OCTETS: usize = 64 * 1024;

/// The header section's bound where MaximumHeaders says "unlimited".
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
#[derive(Debug, Default)]
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
        let wishes = wishes(&snapshot);
        Self {
            server,
            snapshot,
            wishes,
            agreed: Agreed::default(),
            peer: Peer::default(),
            message: None,
            spare_section: HeaderSection::default(),
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

    fn end_record(&mut self, mut message: Message) {
        message.record.times.total = message.began.elapsed();
        message.record.header_octets = message.section.octets();
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
        let Work::Header { too_large } = &mut message.work else {
            return;
        };
        let is_result = name.eq_ignore_ascii_case(auth_results_parse::NAME.as_bytes());
        if *too_large && !(is_result && message.section.octets() < MAX_HEADER_OCTETS as usize) {
            return;
        }
        // A semicolon would break the list in `h=`.
        if name.contains(&b';') {
            message.ignored.note(name, value);
        } else {
            message.section.push(name, value, leading);
        }
        let octets = message.section.octets() + message.ignored.octets;
        *too_large |= octets as u64 > header_limit(&message.snapshot.settings);
    }

    async fn end_of_header(&mut self) -> Reply {
        let job = self.job();
        let Some(mut message) = self.message.take() else {
            return Reply::Accept;
        };
        message.record.job = job;
        message.record.times.header = message.began.elapsed();
        message.work = self.decide(&mut message).await;
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
                work: Work::Sign(signer),
                record,
                ..
            }) => {
                record.body_octets += octets.len() as u64;
                signer.body(octets);
                signer.wants_body()
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
        let end = match std::mem::replace(&mut message.work, Work::Header { too_large: false }) {
            Work::Sign(signer) => self.finish_signing(*signer, &mut message),
            Work::Verify(verifying) => self.finish_verifying(*verifying, &mut message).await,
            Work::End(end) => end,
            // An MTA that never ended the header section: nothing was decided, nothing may leave
            // unsigned by accident.
            Work::Header { .. } => EndOfMessage {
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
