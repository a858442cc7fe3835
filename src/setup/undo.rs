//! Taking back what was set up for a domain, and nothing else.
//!
//! First everything is tried on copies in memory; only if all of it can be taken back is anything
//! changed. What other domains, set up later, rely on stays, and is handed to their record.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    change::{Change, ChangeError, Reversal},
    journal::{Entry, Journal, JournalError, Run},
};
use dkimd_hand::{Attributes, MOST_OCTETS, Place};

/// What was taken back.
#[derive(Debug, Default)]
pub struct Undone {
    /// Files that were written back.
    pub restored: Vec<PathBuf>,
    /// Files and directories that were removed.
    pub removed: Vec<PathBuf>,
    /// Groups that a user left: user and group.
    pub left: Vec<(String, String)>,
    /// Keys that stay.
    pub keys: Vec<PathBuf>,
    /// Directories that stay since something is in them.
    pub directories: Vec<PathBuf>,
    /// Other domains that rely on the rest.
    pub relied_on_by: Vec<String>,
    /// The directories of the Postfixes that were set up.
    pub postfix: BTreeSet<PathBuf>,
}

impl Undone {
    /// Removes the directories that stayed for something that has gone since: the daemon takes its
    /// socket away when it is told.
    pub fn remove_emptied(&mut self) {
        let (removed, stay) = std::mem::take(&mut self.directories)
            .into_iter()
            .partition(|path| {
                Place::find(path).is_ok_and(|place| matches!(place.remove_directory(), Ok(true)))
            });
        self.directories = stay;
        self.removed.extend::<Vec<_>>(removed);
    }

    /// Whether there was anything to take back.
    pub fn is_empty(&self) -> bool {
        self.restored.is_empty() && self.removed.is_empty() && self.left.is_empty()
    }
}

/// Why nothing is taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// Nothing was set up by this program, or it was taken back already.
    #[error("nothing in the journal says that this was set up here")]
    Unknown,
    /// Somebody changed what was changed.
    #[error("changed since: {}", list(.0))]
    Changed(Vec<PathBuf>),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system refuses.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.join(", ")
}

/// Files as they would be.
type Overlay = BTreeMap<PathBuf, Option<(Vec<u8>, Attributes)>>;

/// The host as it would be.
#[derive(Default)]
struct Copies {
    files: Overlay,
    directories: BTreeMap<PathBuf, Attributes>,
}

/// Which runs are meant.
#[derive(Clone, Copy, Debug)]
pub struct Meant<'a> {
    /// Those for this domain; `None`: for any.
    pub domain: Option<&'a str>,
    /// Those under this configuration.
    pub config: &'a Path,
    /// All of them, not only the last.
    pub all: bool,
}

/// What an undo would do.
#[derive(Debug, Default)]
pub struct Preview {
    /// Files that would change.
    pub files: Vec<FilePreview>,
    /// Everything else, with what would become of it.
    pub others: Vec<(Change, Reversal)>,
    /// The domains of the runs.
    pub domains: BTreeSet<String>,
    /// How many runs would be taken back, and how many would stay.
    pub runs: (usize, usize),
    /// Other domains, set up later, that rely on what stays for them.
    pub relied_on_by: BTreeSet<String>,
}

/// A file that an undo would change.
#[derive(Debug)]
pub struct FilePreview {
    /// Which.
    pub path: PathBuf,
    /// As it is; `None`: not there.
    pub now: Option<Vec<u8>>,
    /// As it would be; `None`: not there.
    pub after: Option<Vec<u8>>,
}

/// Tries on copies what an undo would do; changes nothing.
///
/// # Errors
/// When something was changed since, so that it could not be taken back.
pub fn preview(journal: &Journal, meant: Meant<'_>) -> Result<Preview, UndoError> {
    let mut runs = runs(journal, meant)?;
    let (mut copies, mut impossible) = (Copies::default(), Vec::new());
    let mut preview = Preview::default();
    while let Some(Selected { at, run, kept, .. }) = select(&mut runs, meant) {
        if let Some((_, later)) = runs.get(at).filter(|_| !kept.is_empty()) {
            preview.relied_on_by.insert(later.domain.clone());
        }
        impossible.extend(simulate(&run.changes, &mut copies)?);
        preview.runs.0 += 1;
        preview.domains.insert(run.domain);
        for entry in run.changes.iter().rev() {
            if !matches!(entry.change, Change::File(_)) {
                let reversal = entry.change.reversal()?;
                preview.others.push((entry.change.clone(), reversal));
            }
        }
        if !meant.all {
            break;
        }
    }
    if !impossible.is_empty() {
        impossible.dedup();
        return Err(UndoError::Changed(impossible));
    }
    preview.runs.1 = runs.iter().filter(|(_, run)| meant.includes(run)).count();
    for (path, after) in copies.files {
        let now = Place::find(&path)
            .and_then(|place| place.read(MOST_OCTETS))
            .map_err(ChangeError::from)?;
        let now = now.map(|(content, _)| content);
        let after = after.map(|(content, _)| content);
        if now != after {
            preview.files.push(FilePreview { path, now, after });
        }
    }
    Ok(preview)
}

impl Meant<'_> {
    fn includes(&self, run: &Run) -> bool {
        self.domain
            .is_none_or(|domain| run.domain.eq_ignore_ascii_case(domain))
    }
}

/// The runs under the configuration, if one of them is meant.
fn runs(journal: &Journal, meant: Meant<'_>) -> Result<Vec<(PathBuf, Run)>, UndoError> {
    let mut runs = journal.runs()?;
    runs.retain(|(_, run)| run.config == meant.config);
    match runs.iter().any(|(_, run)| meant.includes(run)) {
        true => Ok(runs),
        false => Err(UndoError::Unknown),
    }
}

/// Takes back the runs that are meant, the newest first.
///
/// # Errors
/// When something was changed since; nothing is taken back then. When the system refuses on the
/// way; it may be run again then.
pub fn undo(journal: &Journal, meant: Meant<'_>) -> Result<Undone, UndoError> {
    // All of them on copies first: either everything can be taken back or nothing is.
    preview(journal, meant)?;
    let mut runs = runs(journal, meant)?;
    let mut undone = Undone::default();
    while let Some(Selected {
        at,
        file,
        run,
        kept,
    }) = select(&mut runs, meant)
    {
        take_back(&run.changes, &mut undone)?;
        undone.postfix.extend(run.postfix.iter().cloned());
        if let Some((later_file, later)) = runs.get_mut(at).filter(|_| !kept.is_empty()) {
            hand_over(journal, (&file, run), (later_file, later), kept)?;
            undone.relied_on_by.push(later.domain.clone());
        }
        journal.forget(&file)?;
        if !meant.all {
            break;
        }
    }
    Ok(undone)
}

/// A run that is taken back.
struct Selected {
    at: usize,
    file: PathBuf,
    /// With what is taken back alone.
    run: Run,
    /// What the run after it relies on.
    kept: Vec<Entry>,
}

/// Takes the newest run that is meant out of the list.
fn select(runs: &mut Vec<(PathBuf, Run)>, meant: Meant<'_>) -> Option<Selected> {
    let at = runs.iter().rposition(|(_, run)| meant.includes(run))?;
    let (file, mut run) = runs.remove(at);
    let mut kept = run.changes.clone();
    kept.retain(|entry| entry.shared && runs.len() > at);
    run.changes.retain(|entry| kept.is_empty() || !entry.shared);
    Some(Selected {
        at,
        file,
        run,
        kept,
    })
}

/// Gives the shared changes to the next domain's run; at each moment the journal holds them.
fn hand_over(
    journal: &Journal,
    (file, mut run): (&Path, Run),
    (later_file, later): (&Path, &mut Run),
    kept: Vec<Entry>,
) -> Result<(), JournalError> {
    run.changes.clone_from(&kept);
    journal.write(file, &run)?;
    let mut changes = kept;
    changes.retain(|entry| !later.changes.contains(entry));
    changes.append(&mut later.changes);
    later.changes = changes;
    later.postfix.append(&mut run.postfix);
    journal.write(later_file, later)
}

fn take_back(entries: &[Entry], undone: &mut Undone) -> Result<(), UndoError> {
    let mut copies = Copies::default();
    let impossible = simulate(entries, &mut copies)?;
    let overlay = copies.files;
    if !impossible.is_empty() {
        return Err(UndoError::Changed(impossible));
    }
    let mut written = Vec::new();
    for entry in entries.iter().rev() {
        match &entry.change {
            Change::File(change) => {
                if written.contains(&change.path) {
                    continue;
                }
                written.push(change.path.clone());
                put(&change.path, overlay.get(&change.path), undone)?;
            }
            other => take_back_other(other, undone)?,
        }
    }
    Ok(())
}

/// Takes back on copies; tells where it can't be done.
fn simulate(entries: &[Entry], copies: &mut Copies) -> Result<Vec<PathBuf>, ChangeError> {
    let overlay = &mut copies.files;
    let mut impossible = Vec::new();
    for (at, entry) in entries.iter().enumerate().rev() {
        let Change::File(change) = &entry.change else {
            let path = entry.change.path();
            if let Change::Attributes { before, after, .. } = &entry.change
                && copies.directories.get(path) == Some(after)
            {
                copies.directories.insert(path.to_owned(), *before);
                continue;
            }
            match entry.change.reversal()? {
                Reversal::Impossible => impossible.push(path.to_owned()),
                Reversal::GiveBack(before) => {
                    copies.directories.insert(path.to_owned(), before);
                }
                _ => {}
            }
            continue;
        };
        let path = &change.path;
        if !overlay.contains_key(path) {
            overlay.insert(path.clone(), change.read()?);
        }
        let Some(now) = overlay.get_mut(path) else {
            continue;
        };
        let content = now.as_ref().map(|(content, _)| content.as_slice());
        // Where the run broke off before this change, an earlier state of the file is there.
        let not_made = entries[..at].iter().any(|earlier| {
            matches!(&earlier.change, Change::File(earlier)
                if earlier.path == *path && earlier.is_before(content))
        });
        if not_made {
            continue;
        }
        match change.reversal(content, now.as_ref().map(|(_, attributes)| *attributes)) {
            // What others put into a file that setup made relies on the configuration that names it.
            Reversal::Write(Some(_), _) if change.before.is_none() => {
                impossible.push(path.clone());
            }
            Reversal::Write(Some(content), attributes) => *now = Some((content, attributes)),
            Reversal::Write(None, _) => *now = None,
            Reversal::Impossible => impossible.push(path.clone()),
            _ => {}
        }
    }
    impossible.dedup();
    Ok(impossible)
}

fn put(
    path: &Path,
    wanted: Option<&Option<(Vec<u8>, Attributes)>>,
    undone: &mut Undone,
) -> Result<(), ChangeError> {
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let place = Place::find(path)?;
    let now = place.read(MOST_OCTETS)?;
    match (wanted, &now) {
        (Some((content, attributes)), _) => {
            let attributes = place.attributes(*attributes);
            if !matches!(&now, Some((now, found)) if now == content && *found == attributes) {
                place.replace(content, attributes)?;
                undone.restored.push(path.to_owned());
            }
        }
        (None, Some(_)) => {
            place.remove_file()?;
            undone.removed.push(path.to_owned());
        }
        (None, None) => {}
    }
    Ok(())
}

fn take_back_other(change: &Change, undone: &mut Undone) -> Result<(), ChangeError> {
    let reversal = change.reversal()?;
    change.take_back(&reversal)?;
    let path = change.path().to_owned();
    match (&reversal, change) {
        (Reversal::RemoveDirectory, _) => undone.removed.push(path),
        (Reversal::KeepDirectory, _) => undone.directories.push(path),
        (Reversal::KeepKey, _) => undone.keys.push(path),
        (Reversal::GiveBack(_), _) => undone.restored.push(path),
        (Reversal::Leave, Change::Member { user, group }) => {
            undone.left.push((user.clone(), group.clone()));
        }
        _ => {}
    }
    Ok(())
}
