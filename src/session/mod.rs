//! One connection of the MTA, and the message under way on it.
//!
//! The milter loop calls [`Connection`] step by step; it collects the envelope and the header
//! section, asks [`inquiry`] and [`crate::decide`] what is to be done, feeds the body to the signer,
//! and turns the result into changes of the message. It keeps no body.

pub mod daemon;
pub mod diagnostics;
pub mod envelope;
pub mod failure;
pub mod inquiry;
pub mod journal;
pub mod macros;
pub mod record;
pub mod reports;
pub mod signing;
pub mod throttle;
pub mod verdict;
pub mod verifying;

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use self::{
    diagnostics::Diagnostics,
    envelope::Envelope,
    failure::SigningFailure,
    inquiry::{Findings, inquire},
    journal::Journal,
    macros::{Lifetime, Macros},
    record::{AddedSignature, MessageRecord, Outcome, SignatureVerdict, Times},
    reports::{Reported, Reports},
    verifying::Verifying,
};
use crate::{
    config::{
        settings::{AuthservId, FailureAction, Settings},
        snapshot::Snapshot,
    },
    decide::{Decision, Identity, Reason, origin::OriginFacts},
    dkim::{
        UnixTime,
        header::{HeaderSection, LeadingSpace},
        outcome::Governor,
        sign::Signer,
    },
    dns::source::KeySources,
    headers::{
        auth_results::{AuthResults, ResultItem},
        auth_results_parse::{self, RemovalRules, fields_to_delete},
    },
    keys::store::KeyStore,
    log::{Level, Log, daemon::OPENDKIM_VERSION, lines},
    milter::{Agreed, Change, Client, Conversation, EndOfMessage, Reply, Stage, Wishes},
    process::reload::Reloader,
    tables::hosts::HostMatch,
};

/// The header section's bound where MaximumHeaders says "unlimited".
pub const MAX_HEADER_OCTETS: u64 = 16 * 1024 * 1024;

/// The queue id of a message whose MTA tells none.
const UNKNOWN_JOB: &str = "(unknown-jobid)";

/// The name of an MTA that tells none.
const UNKNOWN_HOST: &str = "unknown-host";

/// What all connections share.
#[derive(Debug)]
pub struct Server {
    /// The current configuration, swapped whole on reload.
    pub configuration: Arc<Reloader>,
    /// Parsed private keys.
    pub keys: KeyStore,
    /// Public keys, as the configuration wants them found.
    pub public_keys: KeySources,
    /// DiagnosticDirectory's files.
    pub diagnostics: Diagnostics,
    /// Failure reports to signers.
    pub reports: Reports,
    /// This machine's name, for `AuthservID HOSTNAME`.
    pub host_name: String,
    /// Where log lines go.
    pub log: Arc<dyn Log>,
    /// The clock behind `t=`.
    pub clock: fn() -> UnixTime,
    /// Whether the MTA's lack of a queue id was told.
    pub told_no_queue_id: AtomicBool,
}

/// One connection of the MTA.
#[derive(Debug)]
pub struct Connection {
    server: Arc<Server>,
    snapshot: Arc<Snapshot>,
    wishes: Wishes,
    agreed: Agreed,
    peer: Peer,
    message: Option<Message>,
    /// The header section's allocation, kept from message to message.
    spare_section: HeaderSection,
}

/// What the MTA tells about its client.
#[derive(Debug, Default)]
struct Peer {
    client: Client,
    macros: Macros,
}

impl OriginFacts for Peer {
    fn client(&self) -> &Client {
        &self.client
    }

    fn macro_value(&self, name: &str) -> Option<&str> {
        self.macros.get(name)
    }
}

/// The message under way. It keeps the configuration it began with.
#[derive(Debug)]
struct Message {
    snapshot: Arc<Snapshot>,
    envelope: Envelope,
    section: HeaderSection,
    began: Instant,
    work: Work,
    record: MessageRecord,
}

/// What is being done with the message.
#[derive(Debug)]
enum Work {
    /// The header section is still coming in.
    Header {
        /// MaximumHeaders was exceeded.
        too_large: bool,
    },
    /// Hash the body, then sign.
    Sign {
        signer: Box<Signer>,
        identities: Vec<Identity>,
    },
    /// Hash the body while keys are asked for, then judge.
    Verify(Box<Verifying>),
    /// Nothing more is to be done than to say this at the end.
    End(EndOfMessage),
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
    /// than were agreed on when the connection began.
    fn newest_snapshot(&self) -> Arc<Snapshot> {
        let newest = self.server.configuration.snapshot();
        if Arc::ptr_eq(&newest, &self.snapshot) || wishes(&newest) != self.wishes {
            Arc::clone(&self.snapshot)
        } else {
            newest
        }
    }

    fn journal(&self, settings: &'_ Settings) -> Journal {
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

    async fn decide(&self, message: &mut Message) -> Work {
        let Message {
            snapshot,
            section,
            record,
            ..
        } = message;
        let journal = self.journal(&snapshot.settings).for_job(&record.job);
        if let Work::Header { too_large: true } = message.work {
            let limit = header_limit(&snapshot.settings);
            journal.line(
                Level::Notice,
                &lines::too_much_header(section.octets(), limit),
            );
            return self.fail(SigningFailure::HeaderTooLarge, snapshot, record);
        }
        let findings = inquire(snapshot, section, &self.peer, &message.envelope.recipients).await;
        record.author = findings.author.as_ref().ok().map(ToString::to_string);
        record.trust = findings.origin.trusted;
        journal.findings(&findings, snapshot, &self.peer);
        match findings.decide(snapshot) {
            Decision::Sign(identities) => self.begin_signing(identities, message).await,
            Decision::Verify(reason) => {
                journal.not_signed(&reason, &findings);
                record.outcome = Outcome::NotSigned(reason);
                let author_domain = findings.author_domain();
                let now = (self.server.clock)();
                let sources = &self.server.public_keys;
                let verifying = Verifying::begin(snapshot, sources, section, author_domain, now);
                let maximum = snapshot.settings.verifying.maximum_signatures;
                verifying.log_ignored(&journal, maximum);
                Work::Verify(Box::new(verifying))
            }
            Decision::Leave(reason) => {
                journal.not_signed(&reason, &findings);
                let changes =
                    self.marks_of_unread(&reason, &findings, snapshot, section, &record.job);
                record.outcome = Outcome::NotSigned(reason);
                Work::End(EndOfMessage {
                    changes,
                    reply: Reply::Accept,
                })
            }
            Decision::Reject(reason) => {
                let text = reason.to_string();
                journal.line(Level::Info, &lines::header_requirement(&text));
                record.outcome = Outcome::Refused(reason);
                let reply = Reply::Text {
                    code: 550,
                    enhanced: "5.0.0".to_owned(),
                    text,
                };
                Work::End(EndOfMessage {
                    changes: Vec::new(),
                    reply,
                })
            }
            Decision::Fail(error) => {
                journal.line(Level::Err, &lines::identity_failed(&error));
                self.fail(SigningFailure::Identity(error), snapshot, record)
            }
        }
    }

    async fn begin_signing(&self, identities: Vec<Identity>, message: &mut Message) -> Work {
        let Message {
            snapshot, record, ..
        } = message;
        let journal = self.journal(&snapshot.settings).for_job(&record.job);
        for identity in &identities {
            if let Some(dropped) = &identity.dropped_signer {
                journal.line(Level::Warning, &dropped.describe(&identity.domain));
            }
        }
        let author_domain = record
            .author
            .as_deref()
            .and_then(|author| author.rsplit_once('@'))
            .map_or("", |(_, d)| d);
        let length = signing::body_length(snapshot, &message.envelope.recipients).await;
        if let Some(recipient) = &length.matched_recipient {
            journal.line(Level::Info, &lines::body_length_matched(recipient));
        }
        let extra_tags = signing::extra_tags(snapshot, author_domain).await;
        match signing::requests(
            snapshot,
            &self.server.keys,
            &identities,
            length.body_length,
            &extra_tags,
        ) {
            Ok((requests, warnings)) => {
                for warning in warnings {
                    journal.line(Level::Warning, &warning);
                }
                let signer = Box::new(Signer::new(Arc::clone(&snapshot.signing_policy), requests));
                Work::Sign { signer, identities }
            }
            Err(error) => {
                journal.line(Level::Err, &lines::key_unusable(&error));
                self.fail(SigningFailure::Key(error), snapshot, record)
            }
        }
    }

    fn fail(
        &self,
        failure: SigningFailure,
        snapshot: &Snapshot,
        record: &mut MessageRecord,
    ) -> Work {
        let action = failure.action(&snapshot.settings);
        record.outcome = Outcome::Failed {
            code: failure.code(),
            action,
        };
        if action == FailureAction::Accept {
            let journal = self.journal(&snapshot.settings).for_job(&record.job);
            journal.line(
                Level::Warning,
                &lines::sent_unsigned_by_choice(failure.code()),
            );
        }
        Work::End(failure.end(&snapshot.settings, self.agreed.quarantine))
    }

    /// What is changed on a stranger's message that is neither signed nor verified: results that
    /// claim to be ours go, and one that can't be judged says so.
    fn marks_of_unread(
        &self,
        reason: &Reason,
        findings: &Findings<'_>,
        snapshot: &Snapshot,
        section: &HeaderSection,
        job: &str,
    ) -> Vec<Change> {
        let decision = &snapshot.settings.decision;
        if !decision.mode.verify || findings.origin.trusted.is_some() {
            return Vec::new();
        }
        let mut changes = self.removals(snapshot, section);
        let unreadable = matches!(reason, Reason::NoAuthor(_) | Reason::HeaderFault(_));
        if unreadable && !decision.ignore_malformed {
            let value = AuthResults {
                authserv_id: &self.authserv_id(snapshot),
                job: snapshot
                    .settings
                    .verifying
                    .authserv_id_with_job
                    .then_some(job),
                items: &[ResultItem::MALFORMED],
                atps: None,
                omit_signature: true,
            }
            .value();
            changes.push(self.insert_on_top(auth_results_parse::NAME, &value));
        }
        changes
    }

    /// AuthservID, else the MTA's name.
    fn authserv_id<'a>(&'a self, snapshot: &'a Snapshot) -> Cow<'a, str> {
        match &snapshot.settings.verifying.authserv_id {
            AuthservId::Named(name) => Cow::Borrowed(name),
            AuthservId::HostName => Cow::Borrowed(&self.server.host_name),
            AuthservId::MtaName => Cow::Borrowed(self.peer.macros.get("j").unwrap_or(UNKNOWN_HOST)),
        }
    }

    /// Deletes the results that claim to be ours, the last first.
    fn removals(&self, snapshot: &Snapshot, section: &HeaderSection) -> Vec<Change> {
        let name = auth_results_parse::NAME;
        if !self.agreed.delete_headers || section.named(name.as_bytes()).next().is_none() {
            return Vec::new();
        }
        let verify = &snapshot.settings.verifying;
        let rules = RemovalRules::new(&self.authserv_id(snapshot))
            .remove_from(
                snapshot
                    .verifying
                    .remove_results_from
                    .iter()
                    .map(String::as_str),
            )
            .all_methods(verify.remove_all_results)
            .keep(verify.keep_results);
        let occurrences = fields_to_delete(section, &rules);
        occurrences
            .into_iter()
            .map(|occurrence| Change::DeleteHeader {
                name: name.to_owned(),
                occurrence,
            })
            .collect()
    }

    async fn finish_verifying(
        &self,
        verifying: Verifying,
        snapshot: &Snapshot,
        message: (&HeaderSection, &Envelope),
        record: &mut MessageRecord,
    ) -> EndOfMessage {
        let (section, envelope) = message;
        let settings = &snapshot.settings;
        let journal = self.journal(settings).for_job(&record.job);
        let (mut verdict, requests) = verifying.finish().await;
        verdict.log(&journal, settings);
        record.verdicts = verdict.results.iter().map(SignatureVerdict::of).collect();
        let mut changes = self.removals(snapshot, section);
        let field = verdict.field(settings, &self.authserv_id(snapshot), &record.job, None);
        if let Some(value) = &field {
            changes.push(self.insert_on_top(auth_results_parse::NAME, value));
        }
        if let Some(directory) = &settings.verifying.diagnostic_directory {
            let directory = settings.process.resolve(directory);
            let diagnostics = &self.server.diagnostics;
            diagnostics.write(directory, &record.job, &verdict, section, &journal);
        }
        if settings.verifying.send_reports {
            let reported = Reported {
                job: &record.job,
                mail_from: &envelope.sender,
                source: self.peer.client.address,
                section,
                auth_results: field.as_deref().unwrap_or_default(),
                host: &self.server.host_name,
                now: (self.server.clock)(),
            };
            let (reports, settings) = (&self.server.reports, &settings.verifying);
            verdict.signer_text = reports
                .send(settings, requests, &verdict, reported, &journal)
                .await;
        }
        if let Some(mailbox) = &settings.verifying.redirect_failures_to
            && verdict.governor == Governor::OnBadSignature
            && self.agreed.change_recipients
        {
            changes.extend(redirection(envelope, mailbox, self.agreed.leading_space));
        }
        changes.extend(self.software_header(snapshot, record));
        verdict.end(settings, changes, self.agreed.quarantine)
    }

    fn software_header(&self, snapshot: &Snapshot, record: &MessageRecord) -> Option<Change> {
        snapshot.settings.signing.software_header.then(|| {
            let host = self.peer.macros.get("j").unwrap_or(UNKNOWN_HOST);
            let value = format!("OpenDKIM Filter v{OPENDKIM_VERSION} {host} {}", record.job);
            self.insert_on_top("DKIM-Filter", &value)
        })
    }

    /// Inserts a field above all others. Milter values fold with a bare LF.
    fn insert_on_top(&self, name: &str, value: &str) -> Change {
        let mut octets = Vec::with_capacity(value.len() + 1);
        if self.agreed.leading_space {
            octets.push(b' ');
        }
        octets.extend(value.bytes().filter(|&octet| octet != b'\r'));
        Change::InsertHeader {
            index: 0,
            name: name.to_owned(),
            value: octets,
        }
    }

    fn finish_signing(
        &self,
        signer: Signer,
        identities: &[Identity],
        snapshot: &Snapshot,
        section: &HeaderSection,
        record: &mut MessageRecord,
    ) -> EndOfMessage {
        let journal = self.journal(&snapshot.settings).for_job(&record.job);
        let began = Instant::now();
        let result = signer.finish(section, (self.server.clock)());
        record.times.signing = began.elapsed();
        let fields = match result {
            Ok(fields) => fields,
            Err(error) => {
                journal.line(Level::Err, &lines::signing_failed(&error));
                let failure = SigningFailure::Operation;
                let action = failure.action(&snapshot.settings);
                record.outcome = Outcome::Failed {
                    code: failure.code(),
                    action,
                };
                return failure.end(&snapshot.settings, self.agreed.quarantine);
            }
        };
        debug_assert_eq!(fields.len(), identities.len());
        let mut changes = Vec::with_capacity(fields.len() + 1);
        if snapshot.settings.signing.remove_old_signatures && self.agreed.delete_headers {
            let old = section.named(b"DKIM-Signature").count();
            // Downwards, because every deletion renumbers what stands below it.
            changes.extend((1..=old).rev().map(|occurrence| Change::DeleteHeader {
                name: "DKIM-Signature".to_owned(),
                occurrence: u32::try_from(occurrence).unwrap_or(u32::MAX),
            }));
        }
        for field in fields {
            changes.push(self.insert_on_top("DKIM-Signature", &field.value));
            journal.success(&lines::signature_added(&field.selector, &field.domain));
            record.signatures.push(AddedSignature {
                domain: field.domain,
                selector: field.selector,
                algorithm: field.algorithm,
            });
        }
        record.outcome = Outcome::Signed;
        changes.extend(self.software_header(snapshot, record));
        EndOfMessage {
            changes,
            reply: Reply::Accept,
        }
    }

    fn end_record(&mut self, mut message: Message) {
        message.record.times.total = message.began.elapsed();
        message.record.header_octets = message.section.octets();
        self.journal(&message.snapshot.settings)
            .record(&message.record);
        message.section.clear();
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
        self.message = Some(Message {
            snapshot,
            envelope: Envelope::from_sender(sender),
            section: std::mem::take(&mut self.spare_section),
            began: Instant::now(),
            work: Work::Header { too_large: false },
            record: MessageRecord {
                job: UNKNOWN_JOB.into(),
                client: self.peer.client.clone(),
                author: None,
                trust: None,
                outcome: Outcome::Pending,
                signatures: Vec::new(),
                verdicts: Vec::new(),
                times: Times::default(),
                header_octets: 0,
                body_octets: 0,
            },
        });
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
        if *too_large {
            return;
        }
        if name.contains(&b';') {
            let line = lines::field_ignored(&String::from_utf8_lossy(name));
            let settings = Arc::clone(&message.snapshot);
            self.journal(&settings.settings).line(Level::Notice, &line);
            return;
        }
        message.section.push(name, value, leading);
        *too_large = message.section.octets() as u64 > header_limit(&message.snapshot.settings);
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
                work: Work::Sign { signer, .. },
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
            Work::Sign { signer, identities } => {
                let Message {
                    snapshot,
                    section,
                    record,
                    ..
                } = &mut message;
                self.finish_signing(*signer, &identities, snapshot, section, record)
            }
            Work::Verify(verifying) => {
                let Message {
                    snapshot,
                    section,
                    envelope,
                    record,
                    ..
                } = &mut message;
                self.finish_verifying(*verifying, snapshot, (section, envelope), record)
                    .await
            }
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
        self.peer.macros.end_message();
    }

    fn in_message(&self) -> bool {
        self.message.is_some()
    }
}

fn header_limit(settings: &Settings) -> u64 {
    settings
        .decision
        .maximum_headers
        .unwrap_or(MAX_HEADER_OCTETS)
        .min(MAX_HEADER_OCTETS)
}

/// What a configuration wants of the MTA.
fn wishes(snapshot: &Snapshot) -> Wishes {
    let settings = &snapshot.settings;
    let on = &settings.on_failure;
    let mode = settings.decision.mode;
    let quarantines = [on.internal_error, on.security, on.signature_error]
        .contains(&FailureAction::Quarantine)
        || verdict::may_want_quarantine(on);
    let mut macros = Vec::new();
    if settings.decision.macros.is_some() || settings.decision.sender_macro.is_some() {
        let listed = snapshot
            .macros
            .entries
            .iter()
            .map(|(name, _)| name.as_str());
        let sender = settings.decision.sender_macro.as_deref();
        macros.extend(
            ["i", "daemon_name", "auth_type"]
                .into_iter()
                .chain(listed)
                .chain(sender)
                .map(in_braces),
        );
    }
    Wishes {
        delete_headers: settings.signing.remove_old_signatures || mode.verify,
        change_recipients: settings.verifying.redirect_failures_to.is_some(),
        quarantine: quarantines || settings.verifying.capture_unknown_errors,
        recipients: true,
        answer_end_of_header: mode.sign != mode.verify,
        answer_body: settings.signing.maximum_signed_bytes.is_some(),
        macros,
    }
}

/// A macro's name as MTAs spell it: braces around all but single letters.
fn in_braces(name: &str) -> String {
    let bare = name.trim_matches(['{', '}']);
    if bare.len() == 1 {
        bare.to_owned()
    } else {
        format!("{{{bare}}}")
    }
}

/// RedirectFailuresTo: the recipients are noted in the header, the last first as OpenDKIM does, and
/// the mailbox takes their place.
fn redirection<'a>(
    envelope: &'a Envelope,
    mailbox: &'a str,
    leading_space: bool,
) -> impl Iterator<Item = Change> + 'a {
    let space = if leading_space { " " } else { "" };
    let recipients = envelope.recipients.iter();
    recipients
        .rev()
        .flat_map(move |recipient| {
            [
                Change::DeleteRecipient(recipient.clone()),
                Change::AppendHeader {
                    name: "Original-Recipient".to_owned(),
                    value: format!("{space}rfc822;{recipient}").into_bytes(),
                },
            ]
        })
        .chain([Change::AddRecipient(mailbox.to_owned())])
}
