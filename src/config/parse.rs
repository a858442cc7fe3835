//! The grammar of `opendkim.conf` (H2).

use std::{path::Path, sync::Arc};

/// One option as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenOption {
    /// The name in its official spelling.
    pub name: &'static str,
    /// The value, outer blanks trimmed.
    pub value: String,
    /// The file it stands in.
    pub file: Arc<Path>,
    /// Its line, counted from 1; 0 on the command line.
    pub line: u32,
}
