//! Data files beside the checks, which are part of the program.

use serde::Deserialize;

/// Reads one; every one is read by a test.
pub(super) fn read<T: Deserialize<'static>>(file: &str, text: &'static str) -> T {
    toml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"))
}
