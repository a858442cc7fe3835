//! What a check found: how bad it is, what it is, how it is known, why it matters, what mends it.

use serde::{Deserialize, Serialize};

use super::{code::Code, text::Text};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Mail arrives, but not everywhere or not for ever.
    Warn,
    /// Mail is refused, unsigned or lost.
    Fail,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Its stable name.
    pub code: Code,
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

impl Finding {
    /// A finding without evidence and remedy yet.
    pub fn new(level: Level, code: Code, subject: impl Into<String>, what: Text) -> Self {
        Self {
            level,
            code,
            subject: subject.into(),
            what,
            evidence: Vec::new(),
            why: None,
            fix: Vec::new(),
        }
    }

    /// Mail is refused, unsigned or lost.
    pub fn fail(code: Code, subject: impl Into<String>, what: Text) -> Self {
        Self::new(Level::Fail, code, subject, what)
    }

    /// Mail arrives, but not everywhere or not for ever.
    pub fn warn(code: Code, subject: impl Into<String>, what: Text) -> Self {
        Self::new(Level::Warn, code, subject, what)
    }

    /// Worth knowing.
    pub fn info(code: Code, subject: impl Into<String>, what: Text) -> Self {
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

    fn mended_by(mut self, fix: Fix) -> Self {
        self.fix.push(fix);
        self
    }
}
