//! What a check has to say: its findings, what DNS left unanswered, and what it did not look at.

use serde::Serialize;

use dkimd_advice::{Finding, text::Text};
use dkimd_server::dns::DnsFailure;

/// Why something was not examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Nothing was to be asked.
    Offline,
    /// Only root, or the server's user, sees it.
    Rights,
    /// Another finding says why.
    Told,
    /// There is nothing of the kind here.
    Nothing,
    /// No domain was named, and none is known.
    NoDomain,
    /// There was too much of it.
    Limit,
    /// A program or a file that it takes did not do its part.
    Unavailable,
    /// DNS gave no answer.
    Unanswered,
    /// It did not end in its time.
    Time,
    /// A fault of this program.
    Fault,
}

/// Something that was not examined. Nothing is known of it, least of all that it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omission {
    /// Why.
    pub cause: Cause,
    /// What, and why, in a line.
    pub what: Text,
}

/// What one check has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Its findings, causes before consequences.
    pub findings: Vec<Finding>,
    /// Questions that DNS gave no answer to: nothing is concluded from them.
    pub unanswered: Vec<(String, DnsFailure)>,
    /// What it did not look at.
    pub omitted: Vec<Omission>,
    /// Whether it has looked at nothing at all.
    pub idle: bool,
}

impl Report {
    /// A check that looked at nothing.
    pub fn not_examined(cause: Cause, what: Text) -> Self {
        let mut report = Self::idle();
        report.omit(cause, what);
        report
    }

    /// One that has not begun to look, and takes over what others have to say.
    pub fn idle() -> Self {
        Self {
            idle: true,
            ..Self::default()
        }
    }

    /// Notes what was not looked at.
    pub fn omit(&mut self, cause: Cause, what: Text) {
        let omission = Omission { cause, what };
        if !self.omitted.contains(&omission) {
            self.omitted.push(omission);
        }
    }

    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        self.idle = false;
        self.findings.push(finding);
    }

    /// Notes that a question got no answer, so that its absence is not taken for one.
    pub fn unanswered(&mut self, name: impl Into<String>, failure: DnsFailure) {
        self.unanswered.push((name.into(), failure));
    }

    /// The value of an answer; a failure is noted.
    pub fn answered<T>(&mut self, name: &str, answer: Result<T, DnsFailure>) -> Option<T> {
        answer
            .map_err(|failure| self.unanswered(name, failure))
            .ok()
    }

    /// Takes over what another has to say.
    pub fn merge(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.unanswered.extend(other.unanswered);
        for omission in other.omitted {
            self.omit(omission.cause, omission.what);
        }
        self.idle &= other.idle;
    }
}

impl From<Vec<Finding>> for Report {
    fn from(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            ..Self::default()
        }
    }
}
