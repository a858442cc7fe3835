//! Stable names of findings, for scripts and search engines.

use std::fmt;

use serde::Serialize;

/// A finding's stable name, in kebab-case: `spf-too-many-lookups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(&'static str);

impl Code {
    /// The code that is written so.
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// How it is written.
    pub const fn word(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, word: &str) -> bool {
        self.0 == word
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, word: &&str) -> bool {
        self.0 == *word
    }
}
