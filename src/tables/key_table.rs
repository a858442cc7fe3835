//! KeyTable: key name to domain, selector and key (reference §3.4) (H2).

use crate::{
    dataset::{Answer, LookupError},
    dkim::name::{Domain, NameError, Selector},
    keys::KeySource,
};

/// A compiled KeyTable.
#[derive(Debug)]
pub struct KeyTable {}

/// What a KeyTable line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// `d=`, `%` already replaced by the author domain.
    pub domain: Domain,
    /// `s=`.
    pub selector: Selector,
    /// The key.
    pub key: KeySource,
}

/// Why a KeyTable gives no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTableError {
    /// The table could not be asked.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// A field is missing or empty.
    #[error("KeyTable entry for '{key_name}' corrupt")]
    Corrupt {
        /// The entry.
        key_name: String,
    },
    /// The domain or selector is no DNS name.
    #[error("KeyTable entry for '{key_name}': the {field} {value:?} {cause}")]
    BadName {
        /// The entry.
        key_name: String,
        /// `domain` or `selector`.
        field: &'static str,
        /// As written.
        value: String,
        /// What is wrong.
        cause: NameError,
    },
}

impl KeyTable {
    /// The entry named `key_name` (case counts); `None` when there is none.
    pub fn find<'a>(
        &'a self,
        key_name: &'a str,
        author_domain: &'a str,
    ) -> Answer<'a, Result<Option<KeyEntry>, KeyTableError>> {
        todo!("H2: {key_name} {author_domain}")
    }
}
