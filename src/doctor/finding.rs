//! What a check found: how bad it is, what it is, how it is known, why it matters, what mends it.

use std::ops::{Deref, DerefMut};

use serde::Serialize;

use crate::{dns::DnsFailure, text::Text};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Mail arrives, but not everywhere or not for ever.
    Warn,
    /// Mail is refused, unsigned or lost.
    Fail,
}

/// One finding. In a box, because it is handed from word to word while it is made, in many places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(Box<Contents>);

/// What a finding says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// How bad it is.
    pub level: Level,
    /// Its stable name, in kebab-case: `spf-too-many-lookups`.
    pub code: &'static str,
    /// What it is about: a domain, an address, a file, a parameter.
    pub subject: String,
    /// What is wrong, in a sentence.
    pub what: Text,
    /// How it is known: records, lines, replies, as they are.
    pub evidence: Vec<String>,
    /// Why it matters, and to which receiver.
    pub why: Option<Text>,
    /// What mends it, in order.
    pub fix: Vec<Fix>,
}

/// A step that mends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// A command to run as root.
    Command(String),
    /// A DNS record to publish, as a line of a zone file.
    Record(String),
    /// A line in a file.
    Setting {
        /// The file.
        file: String,
        /// The line.
        line: String,
    },
    /// What no machine can be told.
    Words(Text),
}

impl Deref for Finding {
    type Target = Contents;

    fn deref(&self) -> &Contents {
        &self.0
    }
}

impl DerefMut for Finding {
    fn deref_mut(&mut self) -> &mut Contents {
        &mut self.0
    }
}

impl From<Contents> for Finding {
    fn from(contents: Contents) -> Self {
        Self(Box::new(contents))
    }
}

impl Finding {
    /// A finding without evidence and remedy yet.
    pub fn new(level: Level, code: &'static str, subject: impl Into<String>, what: Text) -> Self {
        Self::from(Contents {
            level,
            code,
            subject: subject.into(),
            what,
            evidence: Vec::new(),
            why: None,
            fix: Vec::new(),
        })
    }

    /// Mail is refused, unsigned or lost.
    pub fn fail(code: &'static str, subject: impl Into<String>, what: Text) -> Self {
        Self::new(Level::Fail, code, subject, what)
    }

    /// Mail arrives, but not everywhere or not for ever.
    pub fn warn(code: &'static str, subject: impl Into<String>, what: Text) -> Self {
        Self::new(Level::Warn, code, subject, what)
    }

    /// Worth knowing.
    pub fn info(code: &'static str, subject: impl Into<String>, what: Text) -> Self {
        Self::new(Level::Info, code, subject, what)
    }

    /// Adds how it is known.
    pub fn evidence(mut self, line: impl Into<String>) -> Self {
        self.evidence.push(line.into());
        self
    }

    /// Adds why it matters.
    pub fn why(mut self, why: Text) -> Self {
        self.why = Some(why);
        self
    }

    /// Adds a command that mends it.
    pub fn command(self, command: impl Into<String>) -> Self {
        self.mended_by(Fix::Command(command.into()))
    }

    /// Adds a DNS record that mends it.
    pub fn record(self, record: impl Into<String>) -> Self {
        self.mended_by(Fix::Record(record.into()))
    }

    /// Adds a line of a file that mends it.
    pub fn setting(self, file: impl Into<String>, line: impl Into<String>) -> Self {
        self.mended_by(Fix::Setting {
            file: file.into(),
            line: line.into(),
        })
    }

    /// Adds what to do, in words.
    pub fn advice(self, words: Text) -> Self {
        self.mended_by(Fix::Words(words))
    }

    /// One that says a text everywhere.
    #[cfg(test)]
    pub(crate) fn saying(words: &str) -> Self {
        let text = || Text::new(words, words);
        Self::fail("x", words, text())
            .evidence(words)
            .why(text())
            .command(words)
            .record(words)
            .setting(words, words)
            .advice(text())
    }

    fn mended_by(mut self, fix: Fix) -> Self {
        self.fix.push(fix);
        self
    }
}

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
