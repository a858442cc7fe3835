//! The configuration in force, and its replacement while mail flows.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;

use crate::{
    config::{resolve::Overrides, settings::LogSettings, snapshot::Snapshot},
    diagnostic::Diagnostic,
    log::{Level, Log, daemon as lines},
};

/// Holds the snapshot in force. A message takes it once, at its beginning, and keeps what it took.
#[derive(Debug)]
pub struct Reloader {
    current: ArcSwap<Snapshot>,
    file: Option<PathBuf>,
    overrides: Overrides,
    log: Arc<dyn Log>,
    /// One load at a time: two signals in a row must not finish in the wrong order.
    loading: Mutex<()>,
}

/// What became of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The new configuration is in force.
    Done,
    /// It is broken; the old one stays in force.
    Kept,
    /// There is no file to load again.
    NoFile,
}

impl Reloader {
    /// Starts with `first`, which was loaded from `file` under `overrides`.
    pub fn new(
        first: Snapshot,
        file: Option<PathBuf>,
        overrides: Overrides,
        log: Arc<dyn Log>,
    ) -> Self {
        Self {
            current: ArcSwap::from_pointee(first),
            file,
            overrides,
            log,
            loading: Mutex::new(()),
        }
    }

    /// The snapshot in force now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Where the log lines of the daemon go.
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// Loads the file again under the same overrides. If anything in it is an error, all errors
    /// are logged and the snapshot in force stays.
    ///
    /// Reads files and compiles tables, so it belongs on a thread that may wait.
    pub fn reload(&self) -> Reload {
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = self.file.as_deref().filter(|file| is_repeatable(file)) else {
            self.log.line(Level::Err, &lines::reload_ignored());
            return Reload::NoFile;
        };
        let (snapshot, findings) = Snapshot::load(Some(file), &self.overrides);
        for finding in &findings {
            self.log.line(level(finding), &lines::finding(finding));
        }
        let Some(snapshot) = snapshot else {
            return Reload::Kept;
        };
        let logging = &snapshot.settings.logging;
        let wanted = logging.syslog;
        let logged_as = |logging: &LogSettings| (logging.name.clone(), logging.facility);
        if logged_as(logging) != logged_as(&self.snapshot().settings.logging) {
            self.log.reconfigure(logging);
        }
        self.current.store(Arc::new(snapshot));
        if wanted {
            self.log.line(Level::Info, &lines::reloaded(file));
        }
        Reload::Done
    }
}

/// Standard input can be read only once.
fn is_repeatable(file: &Path) -> bool {
    file != Path::new("-")
}

fn level(finding: &Diagnostic) -> Level {
    match finding.is_error() {
        true => Level::Err,
        false => Level::Warning,
    }
}
