//! The end of the header section: the decision, and the beginning of what it asks for.

use super::{
    connection::{Connection, header_limit},
    failure::SigningFailure,
    inquiry::inquire,
    message::{Message, Work},
    record::{MessageRecord, Outcome},
    signing::{self, Signing},
    verifying::Verifying,
};
use crate::{
    config::{settings::FailureAction, snapshot::Snapshot},
    decide::{Decision, Identity},
    log::Level,
    milter::{EndOfMessage, Reply},
    session::lines,
};

impl Connection {
    /// Decides, logs why, and says what is to be done with the message from here on.
    pub(super) async fn decide(&self, message: &mut Message) -> Work {
        let Message {
            snapshot,
            section,
            record,
            ..
        } = message;
        let journal = self.journal(&snapshot.settings).for_job(&record.job);
        match std::mem::replace(&mut message.work, Work::Header) {
            Work::TooLarge(large) => {
                let limit = header_limit(&snapshot.settings);
                journal.line(Level::Notice, &lines::too_much_header(large.octets, limit));
                record.header_octets = large.octets;
                let mut end = self.failed(&SigningFailure::HeaderTooLarge, snapshot, record);
                if end.reply == Reply::Accept {
                    // Whatever else is not looked at: no result that claims to be ours goes on.
                    end.changes.splice(0..0, large.removals());
                }
                return Work::End(end);
            }
            Work::GivenUp => {
                return self.fail(SigningFailure::MemoryShort, snapshot, record);
            }
            _ => {}
        }
        if message.envelope.is_overfull() {
            journal.line(Level::Err, lines::TOO_MANY_RECIPIENTS);
            let mut end = self.failed(&SigningFailure::TooManyRecipients, snapshot, record);
            if end.reply == Reply::Accept && snapshot.settings.decision.mode.verify {
                end.changes.splice(0..0, self.removals(snapshot, section));
            }
            return Work::End(end);
        }
        if let Some(line) = message.ignored.line() {
            // Without the queue id, as log watchers know it.
            self.journal(&snapshot.settings).line(Level::Notice, &line);
        }
        let findings = inquire(
            snapshot,
            section,
            &self.peer,
            &message.envelope.recipients,
            &*self.server.keys,
        )
        .await;
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
        let keys = &*self.server.keys;
        let begun = Signing::begin(snapshot, keys, &identities, length.body_length, &extra_tags);
        match begun.await {
            Ok((signing, warnings)) => {
                for warning in warnings {
                    journal.line(Level::Warning, &warning);
                }
                Work::Sign(Box::new(signing))
            }
            Err(failure) => {
                journal.line(Level::Err, &failure.line());
                self.fail(failure.error.into(), snapshot, record)
            }
        }
    }

    fn fail(
        &self,
        failure: SigningFailure,
        snapshot: &Snapshot,
        record: &mut MessageRecord,
    ) -> Work {
        Work::End(self.failed(&failure, snapshot, record))
    }

    /// The end of a message that should be signed and can't be, noted and logged.
    pub(super) fn failed(
        &self,
        failure: &SigningFailure,
        snapshot: &Snapshot,
        record: &mut MessageRecord,
    ) -> EndOfMessage {
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
        failure.end(&snapshot.settings, self.agreed.quarantine)
    }
}
