//! Changes of the message that are asked of the MTA.

use std::borrow::Cow;

use super::{connection::Connection, envelope::Envelope, inquiry::Findings, too_large::Removals};
use crate::{
    config::{settings::AuthservId, snapshot::Snapshot},
    decide::Reason,
    dkim::header::HeaderSection,
    headers::{
        auth_results::{AuthResults, ResultItem},
        auth_results_parse::{self, RemovalRules, fields_to_delete},
    },
    milter::Change,
    process::lines::OPENDKIM_VERSION,
};

/// The name of an MTA that tells none.
const UNKNOWN_HOST: &str = "unknown-host";

impl Connection {
    /// What is changed on a message that is neither signed nor verified: results that claim to be ours
    /// go, and one that can't be judged says so. Mail of one's own that the administrator chose to
    /// leave unsigned where other mail is signed stays as it is.
    pub(super) fn marks_of_unread(
        &self,
        reason: &Reason,
        findings: &Findings<'_>,
        snapshot: &Snapshot,
        section: &HeaderSection,
        job: &str,
    ) -> Vec<Change> {
        let decision = &snapshot.settings.decision;
        let chosen = matches!(reason, Reason::ExemptDomain | Reason::ExcusedRecipient(_));
        let own = decision.mode.sign && findings.origin.trusted.is_some();
        if !decision.mode.verify || own && chosen {
            return Vec::new();
        }
        let mut changes = self.removals(snapshot, section);
        let unreadable = matches!(
            reason,
            Reason::NoAuthor(_) | Reason::HeaderFault(_) | Reason::SeveralFrom(_)
        );
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
    pub(super) fn authserv_id<'a>(&'a self, snapshot: &'a Snapshot) -> Cow<'a, str> {
        match &snapshot.settings.verifying.authserv_id {
            AuthservId::Named(name) => Cow::Borrowed(name),
            AuthservId::HostName => Cow::Borrowed(&self.server.host_name),
            AuthservId::MtaName => Cow::Borrowed(self.peer.macros.get("j").unwrap_or(UNKNOWN_HOST)),
        }
    }

    /// Deletes the results that claim to be ours, the last first.
    pub(super) fn removals(&self, snapshot: &Snapshot, section: &HeaderSection) -> Vec<Change> {
        let name = auth_results_parse::NAME;
        if !self.agreed.delete_headers || section.named(name.as_bytes()).next().is_none() {
            return Vec::new();
        }
        let mut removals = Removals::default();
        let occurrences = fields_to_delete(section, &self.removal_rules(snapshot));
        occurrences
            .into_iter()
            .rev()
            .for_each(|occurrence| removals.add(occurrence));
        removals.changes()
    }

    /// Which results that came with a message claim to be ours.
    pub(super) fn removal_rules(&self, snapshot: &Snapshot) -> RemovalRules {
        let verify = &snapshot.settings.verifying;
        RemovalRules::new(&self.authserv_id(snapshot))
            .remove_from(
                snapshot
                    .verifying
                    .remove_results_from
                    .iter()
                    .map(String::as_str),
            )
            .all_methods(verify.remove_all_results)
            .keep(verify.keep_results)
    }

    /// RemoveOldSignatures: deletes every signature that came with the message.
    pub(super) fn signature_removals(&self, section: &HeaderSection) -> Option<Change> {
        let old = section.named(b"DKIM-Signature").count();
        (old > 0 && self.agreed.delete_headers).then(|| Change::DeleteHeaders {
            name: "DKIM-Signature",
            first: 1,
            last: u32::try_from(old).unwrap_or(u32::MAX),
        })
    }

    /// SoftwareHeader.
    pub(super) fn software_header(&self, snapshot: &Snapshot, job: &str) -> Option<Change> {
        snapshot.settings.signing.software_header.then(|| {
            let host = self.peer.macros.get("j").unwrap_or(UNKNOWN_HOST);
            let value = format!("OpenDKIM Filter v{OPENDKIM_VERSION} {host} {}", job);
            self.insert_on_top("DKIM-Filter", &value)
        })
    }

    /// Inserts a field above all others. Milter values fold with a bare LF.
    pub(super) fn insert_on_top(&self, name: &str, value: &str) -> Change {
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
}

/// RedirectFailuresTo: the recipients are noted in the header, the last first as OpenDKIM does, and
/// the mailbox takes their place.
pub(super) fn redirection<'a>(
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
