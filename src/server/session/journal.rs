//! Decides which log lines are written under which option, and puts the queue id before them.

use std::sync::Arc;

use super::{inquiry::Findings, record::MessageRecord};
use crate::{
    config::snapshot::{SigningIdentities, Snapshot},
    decide::{
        IdentityFinding, NoAuthor, Reason, Trust,
        origin::{OriginFacts, Test},
    },
    log::{Level, Log, LogSettings},
    milter::Client,
    session::lines,
    tables::hosts::HostMatch,
};

/// The log as one configuration wants it, for one message.
#[derive(Clone, Debug)]
pub struct Journal {
    log: Arc<dyn Log>,
    /// Syslog.
    enabled: bool,
    /// SyslogSuccess: these lines are written even under `Syslog no`, as OpenDKIM does.
    success: bool,
    /// LogWhy.
    why: bool,
    job: Option<Arc<str>>,
}

impl Journal {
    /// The log under these settings.
    pub fn new(log: Arc<dyn Log>, settings: &LogSettings) -> Self {
        Self {
            log,
            enabled: settings.syslog,
            success: settings.success,
            why: settings.why,
            job: None,
        }
    }

    /// Lines are about this message from now on.
    pub fn for_job(mut self, job: &Arc<str>) -> Self {
        self.job = Some(Arc::clone(job));
        self
    }

    /// A line that Syslog switches.
    pub fn line(&self, level: Level, text: &str) {
        if self.enabled {
            self.write(level, text);
        }
    }

    /// A line that SyslogSuccess switches.
    pub fn success(&self, text: &str) {
        if self.success {
            self.write(Level::Info, text);
        }
    }

    /// A line that LogWhy switches.
    pub fn why(&self, text: &str) {
        if self.why {
            self.write(Level::Info, text);
        }
    }

    /// A detail that LogWhy switches on top of Syslog.
    pub fn why_debug(&self, text: &str) {
        if self.enabled && self.why {
            self.write(Level::Debug, text);
        }
    }

    fn write(&self, level: Level, text: &str) {
        match &self.job {
            Some(job) => self.log.line(level, &lines::of_job(job, text)),
            None => self.log.line(level, text),
        }
    }

    /// The lines of the decision: OpenDKIM's under LogWhy, and those it always writes.
    pub fn findings(&self, findings: &Findings<'_>, snapshot: &Snapshot, facts: &impl OriginFacts) {
        match &findings.author {
            Ok(author) if findings.exempt => return self.why(&lines::exempted(&author.domain)),
            Ok(_) => {}
            Err(NoAuthor::Missing) => return self.line(Level::Info, lines::NO_SENDER),
            Err(NoAuthor::Unparsable { value, .. }) if value.is_empty() => {
                return self.line(Level::Info, lines::NO_SENDER);
            }
            Err(NoAuthor::Unparsable { source, value, .. }) => {
                return self.line(Level::Info, &lines::unparsable_sender(source, value));
            }
        }
        let Some(domain) = findings.author_domain() else {
            return;
        };
        self.origin(findings, snapshot, facts);
        if let Some(former) = &snapshot.formerly
            && findings.origin.trusted.is_none()
        {
            let Client { name, address } = facts.client();
            if let HostMatch::Listed(rule) = former.internal_hosts.find(Some(name), *address) {
                let line = lines::formerly_internal(facts.client(), rule);
                self.line(Level::Warning, &line);
            }
        }
        self.identity(findings, snapshot);
        if findings.origin.trusted.is_none()
            && !findings.external_ignored
            && matches!(snapshot.signing, SigningIdentities::Single { .. })
            && matches!(findings.identity, IdentityFinding::Found(_))
        {
            self.line(Level::Notice, &lines::external_host(facts.client(), domain));
        }
    }

    /// LogWhy: the tests of the origin that failed, as far as OpenDKIM went on after them.
    fn origin(&self, findings: &Findings<'_>, snapshot: &Snapshot, facts: &impl OriginFacts) {
        let origin = &findings.origin;
        if !self.why {
            return;
        }
        if let Test::Differs(daemon) = &origin.mta {
            self.why(&lines::no_mta_match(
                facts.macro_value("j").unwrap_or("?"),
                daemon,
            ));
        }
        if !matches!(origin.trusted, Some(Trust::MtaName | Trust::Macro))
            && !snapshot.macros.entries.is_empty()
        {
            self.why(lines::NO_MACROS_MATCH);
        }
        if origin.trusted.is_none() {
            self.why(&lines::not_internal(facts.client()));
            self.why(lines::NOT_AUTHENTICATED);
        }
    }

    /// LogWhy: that no key is there for the author, or only by a parent of the domain.
    fn identity(&self, findings: &Findings<'_>, snapshot: &Snapshot) {
        let Ok(author) = &findings.author else {
            return;
        };
        if !self.why {
            return;
        }
        match (&snapshot.signing, &findings.identity) {
            (SigningIdentities::Single { .. }, IdentityFinding::NoMatch) => {
                self.why(&lines::no_domain_match(&author.domain));
                self.why(&lines::no_subdomain_match(&author.domain));
            }
            (SigningIdentities::Single { .. }, IdentityFinding::Found(found))
                if found.iter().any(|one| one.domain.as_str() != author.domain) =>
            {
                self.why(&lines::no_domain_match(&author.domain));
            }
            (SigningIdentities::Tables { .. }, IdentityFinding::NoMatch) => {
                self.why(&lines::no_table_match(&author.to_string()));
            }
            _ => {}
        }
    }

    /// Why a message leaves unsigned: always for mail of ours, where it may surprise; for
    /// strangers' mail, the normal case, only under LogWhy.
    pub fn not_signed(&self, reason: &Reason, findings: &Findings<'_>) {
        let line = lines::not_signed(reason);
        if let Reason::ExcusedRecipient(recipient) = reason {
            self.line(Level::Info, &lines::recipient_excused(recipient));
        }
        if findings.origin.trusted.is_some() && !matches!(reason, Reason::NothingConfigured) {
            self.line(Level::Info, &line);
        } else {
            self.why(&line);
        }
    }

    /// The closing line of a message, under LogWhy: what became of it and how long it took.
    pub fn record(&self, record: &MessageRecord) {
        if self.why {
            let text = lines::message_done(record);
            self.why(&lines::of_job(&record.job, text));
        }
    }
}
