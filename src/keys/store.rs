//! Parsed keys, loaded on first use, in a bounded cache that notices a replaced file (H4).

use std::{path::PathBuf, sync::Arc};

use super::KeySource;
use crate::dkim::crypto::PrivateKey;

/// Why a key can't be used. Each says which file, its owner and mode where that matters, and the
/// one command that mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// (H4 completes the list.)
    #[error("{0:?}")]
    Missing(PathBuf),
    /// RSA below MinimumKeyBits.
    #[error("private key too small ({bits} bits, need at least {minimum})")]
    TooSmall {
        /// Its size.
        bits: u32,
        /// MinimumKeyBits.
        minimum: u32,
    },
}

impl KeyError {
    /// The reason's stable word, for logs and replies.
    pub fn code(&self) -> &'static str {
        todo!("H4")
    }

    /// The one command or sentence that mends it.
    pub fn remedy(&self) -> String {
        todo!("H4")
    }
}

/// The rules a key must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRules {
    /// RequireSafeKeys: unsafe permissions are fatal, not only a warning.
    pub require_safe: bool,
    /// MinimumKeyBits, for RSA.
    pub minimum_bits: u32,
}

/// The cache of parsed keys; one for the life of the process, across reloads.
#[derive(Debug)]
pub struct KeyStore {}

impl KeyStore {
    /// An empty cache that holds at most `capacity` keys.
    pub fn new(capacity: usize) -> Self {
        todo!("H4: {capacity}")
    }

    /// The key, from the cache if the file is still the same one (device, inode, size, times).
    ///
    /// May read a file; small and rare enough for the calling task. The warnings are those of this
    /// load (unsafe permissions under `RequireSafeKeys no`, an RSA key below 2048 bits), empty when
    /// the key came from the cache.
    pub fn get(
        &self,
        source: &KeySource,
        rules: KeyRules,
    ) -> Result<(Arc<dyn PrivateKey>, Vec<String>), KeyError> {
        todo!("H4: {source:?} {rules:?}")
    }
}
