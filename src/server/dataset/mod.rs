//! Data sets: `csl:`, `file:`, `refile:` and, later, databases, behind one interface.
//!
//! A lookup returns an [`Answer`]: compiled sets answer at once, a database answers later. Callers
//! `await` the answer; for compiled sets that costs nothing.

pub mod entries;
pub mod index;
pub mod keyed;
pub mod open;
pub mod posix;
pub mod refile;
pub mod spec;

use std::{fmt::Debug, future::Future, path::PathBuf, pin::Pin};

/// A data set as named in an option, its type told apart but not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSetSpec {
    /// What kind and where.
    pub kind: DataSetKind,
    /// Where the option stands, for findings about the set as a whole.
    pub origin: Origin,
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The option's name.
    pub option: &'static str,
    /// File, or `command line`.
    pub file: std::sync::Arc<std::path::Path>,
    /// Line, counted from 1.
    pub line: u32,
}

/// The kinds of data sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSetKind {
    /// A list in the option itself.
    Csl(String),
    /// A file of `key value` lines.
    File(PathBuf),
    /// A file of `pattern value` lines, tried in file order.
    Refile(PathBuf),
    /// A kind that dkimd knows by name but can't open yet (`db:`, `dsn:`, `ldap:`, `lua:`, …).
    Unsupported(String),
}

/// Whether a set tells upper from lower case (ASCII; other octets always count as they are).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// `A` is `a`.
    #[default]
    Ignored,
    /// KeyTable, MTA, MacroList.
    Counts,
}

impl Case {
    /// Whether two texts are the same.
    pub fn equal(self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Self::Ignored => a.eq_ignore_ascii_case(b),
            Self::Counts => a == b,
        }
    }
}

/// The answer to a lookup.
pub enum Answer<'a, T> {
    /// Known at once.
    Now(T),
    /// Asked of somebody else.
    Later(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
}

impl<'a, T: 'a> Answer<'a, T> {
    /// Waits where that is needed.
    pub async fn get(self) -> T {
        match self {
            Self::Now(value) => value,
            Self::Later(future) => future.await,
        }
    }

    /// What is made of the answer, when it is there.
    pub fn map<U>(self, make: impl FnOnce(T) -> U + Send + 'a) -> Answer<'a, U> {
        match self {
            Self::Now(value) => Answer::Now(make(value)),
            Self::Later(future) => Answer::Later(Box::pin(async { make(future.await) })),
        }
    }
}

/// A source could not be asked; the message should be tried again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("looking up {key:?} in {set}: {cause}")]
pub struct LookupError {
    /// The key asked for.
    pub key: String,
    /// The data set, as in the configuration.
    pub set: String,
    /// What happened.
    pub cause: String,
}

/// What a lookup yields: the value of the first matching entry (empty when the entry has none).
pub type Lookup = Result<Option<String>, LookupError>;

/// A set of keys with optional values.
pub trait DataSet: Debug + Send + Sync {
    /// The value of the first entry that matches `key` exactly (or, for `refile:`, by pattern).
    fn lookup<'a>(&'a self, key: &'a str) -> Answer<'a, Lookup>;

    /// All entries in order, for sets that must be enumerated; `None` where the kind can't.
    fn entries(&self) -> Option<Vec<(String, String)>>;
}
