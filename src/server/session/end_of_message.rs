//! The end of the message: signatures or results on it, and the reply.

use std::time::Instant;

use super::{
    aside::aside,
    changes::redirection,
    connection::Connection,
    failure::SigningFailure,
    message::Message,
    record::{AddedSignature, Outcome, SignatureVerdict},
    reports::Reported,
    signing::Signing,
    verifying::{Judged, Verifying},
};
use crate::{
    headers::auth_results_parse,
    log::Level,
    milter::{EndOfMessage, Reply},
    session::lines,
};

impl Connection {
    /// Signs; all signatures or none.
    pub(super) async fn finish_signing(
        &self,
        signing: Signing,
        message: &mut Message,
    ) -> EndOfMessage {
        let Message {
            snapshot,
            section,
            record,
            ..
        } = message;
        let journal = self.journal(&snapshot.settings).for_job(&record.job);
        let began = Instant::now();
        let result = signing.finish(section, (self.server.clock)()).await;
        record.times.signing = began.elapsed();
        let fields = match result {
            Ok(fields) => fields,
            Err(error) => {
                journal.line(Level::Err, &lines::signing_failed(&error));
                return self.failed(&SigningFailure::Operation, snapshot, record);
            }
        };
        let mut changes = Vec::with_capacity(fields.len() + 1);
        if snapshot.settings.signing.remove_old_signatures {
            changes.extend(self.signature_removals(section));
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
        changes.extend(self.software_header(snapshot, &record.job));
        EndOfMessage {
            changes,
            reply: Reply::Accept,
        }
    }

    /// Waits for the keys, judges, and tells the verdict.
    pub(super) async fn finish_verifying(
        &self,
        verifying: Verifying,
        message: &mut Message,
    ) -> EndOfMessage {
        let Message {
            snapshot,
            section,
            envelope,
            record,
            ..
        } = message;
        let settings = &snapshot.settings;
        let journal = self.journal(settings).for_job(&record.job);
        let Judged {
            mut verdict,
            atps,
            reports: requests,
        } = verifying.finish().await;
        verdict.log(&journal, settings);
        record.verdicts = verdict.results.iter().map(SignatureVerdict::of).collect();
        let mut changes = aside(section.octets(), || self.removals(snapshot, section)).await;
        let field = verdict.field(settings, &self.authserv_id(snapshot), &record.job, atps);
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
            && verdict.redirects()
            && self.agreed.change_recipients
        {
            changes.extend(redirection(envelope, mailbox, self.agreed.leading_space));
        }
        changes.extend(self.software_header(snapshot, &record.job));
        verdict.end(settings, changes, self.agreed.quarantine)
    }
}
