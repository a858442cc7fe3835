//! The journal: what `setup` changed, written before it changes anything, so that everything can
//! be taken back even after a power cut.
//!
//! One file for each run, numbered. A change that is in the journal may have been made or not; the
//! files themselves tell.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::unistd::{getegid, geteuid};
use serde::{Deserialize, Serialize};

use super::change::Change;
use dkimd_hand::{Attributes, Place, PlaceError};
use dkimd_server::keys::safe::shell_word;

/// Where the journal is unless told otherwise.
pub const DEFAULT_DIRECTORY: &str = "/var/lib/dkimd/setup";
/// The file that keeps two runs from working side by side.
const LOCK: &str = "lock";
/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked for.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// How run files end.
const EXTENSION: &str = "json";

/// What one run changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The domain it set up.
    pub domain: String,
    /// The server's configuration.
    pub config: PathBuf,
    /// The directories of the Postfixes that it set up; of others, too, whose changes it took over.
    pub postfix: BTreeSet<PathBuf>,
    /// The changes, in order.
    pub changes: Vec<Entry>,
}

/// One change of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whether other domains rely on it, too: the configuration, the socket, Postfix.
    pub shared: bool,
    /// The change.
    pub change: Change,
}

/// The journal, held by this process alone.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    _lock: File,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another run is under way.
    #[error("another dkimd setup is running; wait until it ends")]
    Busy,
    /// The system refuses.
    #[error("the journal {}: {cause}", .path.display())]
    System {
        /// File or directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It is where others than this user can change it, and root would believe them.
    #[error("the journal {} is where user {user} could change it, and root takes back what it says. Choose another directory with --journal, or make it root's: chown -R root {}", .path.display(), shell_word(&.directory.to_string_lossy()))]
    Foreign {
        /// The directory of the journal.
        path: PathBuf,
        /// The directory that others can change.
        directory: PathBuf,
        /// Who.
        user: String,
    },
    /// There is no way to it.
    #[error("the journal: {0}")]
    Place(#[from] PlaceError),
    /// A run file is no longer what was written.
    #[error("{} is damaged ({cause}); nothing was changed. Look at it, and move it away if it is of no use", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
}

impl Journal {
    /// Opens the journal, making its directory if need be.
    ///
    /// # Errors
    /// When another process holds it, or the directory can't be made.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        let failed = |cause| JournalError::System {
            path: directory.to_owned(),
            cause,
        };
        own(directory)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed)?;
        own(&directory.join(LOCK))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(LOCK))
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Another run may be about to end.
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    thread::sleep(TRY_EVERY);
                }
                Err(TryLockError::WouldBlock) => return Err(JournalError::Busy),
                Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// All runs that were not taken back, the oldest first, with their files.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn runs(&self) -> Result<Vec<(PathBuf, Run)>, JournalError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| JournalError::System { path, cause }
        };
        let entries = fs::read_dir(&self.directory).map_err(failed(&self.directory))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed(&self.directory))?.path();
            if let Some(number) = number_of(&path) {
                files.push((number, path));
            }
        }
        files.sort();
        let mut runs = Vec::with_capacity(files.len());
        for (_, path) in files {
            let text = fs::read(&path).map_err(failed(&path))?;
            match serde_json::from_slice(&text) {
                Ok(run) => runs.push((path, run)),
                Err(cause) => return Err(JournalError::Damaged { path, cause }),
            }
        }
        Ok(runs)
    }

    /// Writes down a run before it begins; returns its file.
    ///
    /// # Errors
    /// When it can't be written; nothing may be changed then.
    pub fn add(&self, run: &Run) -> Result<PathBuf, JournalError> {
        let last = self.runs()?.last().and_then(|(path, _)| number_of(path));
        let number = last.map_or(1, |last| last + 1);
        let name = format!("{number:04}-{}.{EXTENSION}", run.domain);
        let path = self.directory.join(name);
        self.write(&path, run)?;
        Ok(path)
    }

    /// Writes a run in its file again.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &Path, run: &Run) -> Result<(), JournalError> {
        let failed = |cause| JournalError::System {
            path: path.to_owned(),
            cause,
        };
        let text = serde_json::to_vec_pretty(run).map_err(|error| failed(error.into()))?;
        let private = Attributes {
            owner: geteuid().as_raw(),
            group: getegid().as_raw(),
            mode: 0o600,
        };
        Ok(Place::find(path)?.replace(&text, private)?)
    }

    /// Forgets a run that was taken back.
    ///
    /// # Errors
    /// When its file can't be removed.
    pub fn forget(&self, path: &Path) -> Result<(), JournalError> {
        Ok(Place::find(path)?.remove_file()?)
    }
}

/// Refuses what another user can change.
fn own(path: &Path) -> Result<(), JournalError> {
    match Place::find(path)?.owner() {
        None => Ok(()),
        Some(owner) => Err(JournalError::Foreign {
            path: path.to_owned(),
            directory: owner.directory.clone(),
            user: owner.name.clone(),
        }),
    }
}

/// The number of a run file; other files are none.
fn number_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    stem.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(domain: &str) -> Run {
        Run {
            domain: domain.to_owned(),
            config: "/etc/opendkim.conf".into(),
            postfix: BTreeSet::new(),
            changes: vec![Entry {
                shared: true,
                change: Change::Member {
                    user: "postfix".to_owned(),
                    group: "opendkim".to_owned(),
                },
            }],
        }
    }

    #[test]
    fn runs_come_back_in_order_until_they_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let first = journal.add(&run("a.example")).unwrap();
        journal.add(&run("b.example")).unwrap();
        let runs = journal.runs().unwrap();
        assert_eq!(runs[0], (first.clone(), run("a.example")));
        assert_eq!(runs[1].1.domain, "b.example");
        journal.forget(&first).unwrap();
        assert_eq!(journal.runs().unwrap().len(), 1);
        let third = journal.add(&run("c.example")).unwrap();
        assert_eq!(third, dir.path().join("0003-c.example.json"));
    }

    #[test]
    fn two_processes_do_not_hold_it_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let _held = Journal::open(dir.path()).unwrap();
        assert!(matches!(Journal::open(dir.path()), Err(JournalError::Busy)));
    }

    #[test]
    fn a_damaged_run_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        fs::write(dir.path().join("0001-x.json"), "{").unwrap();
        let error = journal.runs().unwrap_err().to_string();
        assert!(error.contains("0001-x.json is damaged"), "{error}");
    }
}
