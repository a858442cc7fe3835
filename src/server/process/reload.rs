//! The configuration in force, and its replacement while mail flows.

use std::{
    fmt::Debug,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

use super::answer::{Answers, Reload};
use crate::{
    config::{
        load::{self, Doubt, Load, Watched},
        resolve::Overrides,
        snapshot::Snapshot,
        steady::{Stamp, Suspicion, takes_up},
    },
    diagnostic::Diagnostic,
    log::{Level, Log, LogSettings},
    process::lines,
};

/// How often a load that was put off looks whether its files have changed.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is told that a load is put off.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Holds the snapshot in force. A message takes it once, at its beginning, and keeps what it took.
#[derive(Debug)]
pub struct Reloader {
    current: ArcSwap<Snapshot>,
    file: Option<PathBuf>,
    overrides: Overrides,
    log: Arc<dyn Log>,
    keys: Arc<dyn Keys>,
    answers: Answers,
    /// One load at a time: two signals in a row must not finish in the wrong order.
    state: Mutex<State>,
}

/// What a load means for keys.
pub trait Keys: Debug + Send + Sync {
    /// Makes ready the keys of a configuration that is about to come into force: warnings, or why
    /// it must not.
    fn renew(&self, snapshot: &Snapshot) -> Result<Vec<String>, String>;

    /// One line about keys of a table that can't be used; it may take a while.
    fn unusable(&self, snapshot: &Snapshot) -> Option<String>;
}

#[derive(Debug, Default)]
struct State {
    /// The files of the load in force.
    files: Vec<Watched>,
    put_off: Option<PutOff>,
}

/// A load that waits for doubtful files.
#[derive(Debug)]
struct PutOff {
    since: Instant,
    told: Instant,
    doubts: Vec<Doubt>,
    stamps: Vec<(PathBuf, Option<Stamp>)>,
}

impl Reloader {
    /// Starts with `first`, which was loaded from `file` (with all of `files`) under `overrides`.
    pub fn new(
        first: Snapshot,
        files: Vec<Watched>,
        file: Option<PathBuf>,
        overrides: Overrides,
        log: Arc<dyn Log>,
        keys: Arc<dyn Keys>,
    ) -> Self {
        Self {
            current: ArcSwap::from_pointee(first),
            file,
            overrides,
            log,
            keys,
            answers: Answers::none_yet(),
            state: Mutex::new(State {
                files,
                put_off: None,
            }),
        }
    }

    /// The first load was taken up although files in it were being written: it is repeated until they
    /// are whole.
    pub fn begun_in_doubt(mut self, doubts: Vec<Doubt>) -> Self {
        if doubts.is_empty() || !self.file.as_deref().is_some_and(is_repeatable) {
            return self;
        }
        for doubt in &doubts {
            self.log.line(Level::Err, &lines::started_in_doubt(doubt));
        }
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.put_off = Some(PutOff {
            since: now,
            told: now,
            doubts,
            stamps: stamps(&state.files),
        });
        self
    }

    /// Whether a load waits for doubtful files, so that it is time to [look again](Self::look_again).
    pub fn waits(&self) -> bool {
        self.state().put_off.is_some()
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
    /// are logged and the snapshot in force stays; also if a file looks half written.
    ///
    /// Reads files and compiles tables, so it belongs on a thread that may wait.
    pub fn reload(&self) -> Reload {
        self.reload_and_answer(&mut self.state())
    }

    /// After [`Reload::PutOff`]: loads again if the files have changed or their time is over, and
    /// says each minute that it waits. `None`: nothing has changed.
    pub fn look_again(&self) -> Option<Reload> {
        let mut state = self.state();
        let put_off = state.put_off.as_mut()?;
        let changed = put_off
            .stamps
            .iter()
            .any(|(path, stamp)| load::stamp(path) != *stamp);
        let roles = put_off.doubts.iter().map(|doubt| doubt.role);
        let writing = put_off.doubts.iter().any(|d| d.why == Suspicion::Changing);
        if changed || writing || takes_up(roles, put_off.since.elapsed()) {
            return Some(self.reload_and_answer(&mut state));
        }
        if put_off.told.elapsed() >= TOLD_EVERY {
            put_off.told = Instant::now();
            self.tell(&put_off.doubts);
        }
        None
    }

    /// Says which keys of the tables in force can't be used. Reads them all.
    pub fn tell_of_keys(&self) {
        if let Some(line) = self.keys.unusable(&self.snapshot()) {
            self.log.line(Level::Warning, &line);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload_and_answer(&self, state: &mut State) -> Reload {
        let load = self.answers.begin();
        let mut reasons = Vec::new();
        let outcome = self.reload_with(state, &mut reasons);
        self.answers.end(load, outcome, &reasons);
        outcome
    }

    /// `reasons` get what speaks against the load.
    fn reload_with(&self, state: &mut State, reasons: &mut Vec<String>) -> Reload {
        let Some(file) = self.file.as_deref().filter(|file| is_repeatable(file)) else {
            self.log.line(Level::Err, &lines::reload_ignored());
            return Reload::NoFile;
        };
        let load = Load::steadily(Some(file), &self.overrides, &state.files);
        let doubts = load.doubts(&state.files);
        if self.is_put_off(state, &load, &doubts) {
            reasons.extend(doubts.iter().map(lines::put_off));
            return Reload::PutOff;
        }
        state.put_off = None;
        for finding in &load.findings {
            self.log.line(level(finding), &lines::finding(finding));
        }
        let Some(mut snapshot) = load.snapshot else {
            let errors = load.findings.iter().filter(|finding| finding.is_error());
            reasons.extend(errors.map(lines::finding));
            return Reload::Kept;
        };
        match self.keys.renew(&snapshot) {
            Ok(warnings) => {
                for warning in warnings {
                    self.log.line(Level::Warning, &warning);
                }
            }
            Err(reason) => {
                self.log.line(Level::Err, &reason);
                reasons.push(reason);
                return Reload::Kept;
            }
        }
        for doubt in &doubts {
            self.log.line(Level::Err, &lines::taken_up_in_doubt(doubt));
        }
        let old = self.snapshot();
        if doubts.iter().any(|doubt| doubt.option == "InternalHosts") {
            snapshot.formerly = Some(old.formerly.clone().unwrap_or_else(|| Arc::clone(&old)));
        }
        let logging = &snapshot.settings.logging;
        let wanted = logging.syslog;
        let logged_as = |logging: &LogSettings| (logging.name.clone(), logging.facility);
        if logged_as(logging) != logged_as(&old.settings.logging) {
            self.log.reconfigure(logging);
        }
        self.current.store(Arc::new(snapshot));
        state.files = load.files;
        if wanted {
            self.log.line(Level::Info, &lines::reloaded(file));
        }
        Reload::Done
    }

    /// Whether the load has to wait for doubtful files; told at once, and then each minute.
    fn is_put_off(&self, state: &mut State, load: &Load, doubts: &[Doubt]) -> bool {
        let now = Instant::now();
        let before = state.put_off.take();
        let since = before.as_ref().map_or(now, |before| before.since);
        let roles = doubts.iter().map(|doubt| doubt.role);
        if doubts.is_empty() || takes_up(roles, since.elapsed()) {
            return false;
        }
        let told = before
            .map(|before| before.told)
            .filter(|told| told.elapsed() < TOLD_EVERY);
        if told.is_none() {
            self.tell(doubts);
        }
        state.put_off = Some(PutOff {
            since,
            told: told.unwrap_or(now),
            doubts: doubts.to_vec(),
            stamps: stamps(&load.files),
        });
        true
    }

    fn tell(&self, doubts: &[Doubt]) {
        for doubt in doubts {
            self.log.line(Level::Err, &lines::put_off(doubt));
        }
    }
}

fn stamps(files: &[Watched]) -> Vec<(PathBuf, Option<Stamp>)> {
    files
        .iter()
        .map(|watched| (watched.path.clone(), watched.stamp))
        .collect()
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
