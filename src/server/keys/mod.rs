//! Private keys: reading every form that OpenDKIM reads, judging the file's safety, holding parsed
//! keys in a bounded cache.
//!
//! A key's way: [`file`](mod@file) opens the file and reads it within bounds, [`safe`] judges with the help
//! of [`accounts`] and [`acl`] who else may read or replace it, [`load`] turns the octets into a key that
//! signs, [`store`] keeps it, [`error`] says what went wrong and which command mends it, [`check`]
//! does all of that for a dry run, [`purpose`] makes whole commands of what is known of
//! the signature, [`remedy`] takes the command out of what was said.

pub mod accounts;
pub mod acl;
mod cache;
pub mod check;
pub mod error;
pub mod file;
pub mod load;
pub mod purpose;
pub mod remedy;
pub mod safe;
pub mod store;

use std::path::PathBuf;

/// Where a key is to be had.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// A file, absolute or relative to BaseDirectory.
    File(PathBuf),
    /// The key itself: PEM, or base64 of DER.
    Inline(String),
}

impl std::fmt::Debug for KeySource {
    /// Never shows a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Inline(_) => f.write_str("Inline(…)"),
        }
    }
}
