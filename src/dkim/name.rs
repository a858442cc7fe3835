//! The names of RFC 6376: signing domain (SDID), selector, agent or user identifier (AUID).

use std::fmt::{self, Display, Formatter};

/// A signing domain (`d=`), as written by the administrator or the signer; compared without case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(Box<str>);

/// A selector (`s=`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector(Box<str>);

/// An agent or user identifier (`i=`): `[local-part]@domain`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Auid(Box<str>);

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Longer than DNS allows (253 octets for a domain, 63 for a label).
    #[error("is too long for DNS")]
    TooLong,
    /// A character that can't stand in a domain name.
    #[error("contains {0:?}, which can't stand in a domain name")]
    BadCharacter(char),
    /// An empty label.
    #[error("contains an empty label (two dots side by side, or a dot at the start)")]
    EmptyLabel,
    /// An identifier without `@`.
    #[error("has no @")]
    NoAt,
}

impl Domain {
    /// Parses letters, digits, `-`, `_`, dots and (RFC 8616) non-ASCII letters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        todo!("H1: {text}")
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this domain or one below it (without case).
    pub fn covers(&self, other: &str) -> bool {
        todo!("H1: {other}")
    }
}

impl Selector {
    /// Parses one or more labels.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        todo!("H1: {text}")
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Auid {
    /// Parses `[local-part]@domain`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        todo!("H1: {text}")
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after the last `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl Display for Domain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for Auid {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
