//! Where the public keys come from that a message is verified with.

use std::{path::Path, sync::Arc};

use dkimd_server::{
    config::snapshot::Snapshot,
    dns::{TxtLookup, file::FileRecords},
    log::{Level, sink::Stderr},
    process::{ExitCode, Failure},
    session::key_sources,
};

/// The records of a file, a name and a text on each line.
///
/// # Errors
/// If it can't be read, or a line names no DNS name.
pub fn records_of(path: &Path) -> Result<Arc<dyn TxtLookup>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            ExitCode::Unavailable,
            format!("can't read {shown}: {error}"),
        )
    })?;
    let records = FileRecords::parse(&text).map_err(|error| {
        let what = format!("{shown}:{}: the name {error}", error.line);
        Failure::new(ExitCode::DataError, what)
    })?;
    Ok(Arc::new(records))
}

/// The source of keys that a configuration names.
///
/// # Errors
/// When the operating system refuses the resolver its sockets.
pub fn open_source(snapshot: &Snapshot) -> Result<Arc<dyn TxtLookup>, Failure> {
    key_sources::open(snapshot, Arc::new(Stderr::from_level(Level::Warning)))
        .map_err(|error| Failure::new(ExitCode::OsError, error.to_string()))
}
