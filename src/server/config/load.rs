//! Loading files that others may be writing: each is looked at before and after it is read.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{
    parse::{self, WrittenOption},
    resolve::Overrides,
    settings::{Identities, Settings},
    snapshot::Snapshot,
    steady::{PATIENCE, Role, SECOND_LOOK, Shape, Stamp, Suspicion, is_steady},
};
use crate::{
    dataset::{
        DataSetKind, DataSetSpec,
        open::{in_base, read_file},
    },
    diagnostic::Diagnostic,
};

/// A file that a configuration consists of, as it was when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Where it is.
    pub path: PathBuf,
    /// The option that names it.
    pub option: &'static str,
    /// What depends on it.
    pub role: Role,
    /// Which version it was; `None`: it was not there.
    pub stamp: Option<Stamp>,
    shape: Option<Shape>,
    /// It was written while it was being looked at.
    moving: bool,
}

/// What speaks against taking a load up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The file.
    pub path: PathBuf,
    /// The option that names it.
    pub option: &'static str,
    /// What depends on it.
    pub role: Role,
    /// Why.
    pub why: Suspicion,
}

/// A load, and the files it came from.
#[derive(Debug)]
pub struct Load {
    /// The snapshot, if no finding is an error.
    pub snapshot: Option<Snapshot>,
    /// All findings.
    pub findings: Vec<Diagnostic>,
    /// The files.
    pub files: Vec<Watched>,
    /// Files that were written all the while.
    changing: Vec<PathBuf>,
}

/// Which version of a file stands there now.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp {
        file: (metadata.dev(), metadata.ino()),
        size: metadata.size(),
        modified: metadata.modified().ok()?,
        changed: changed(&metadata),
    })
}

fn changed(metadata: &fs::Metadata) -> SystemTime {
    let seconds = Duration::from_secs(metadata.ctime().try_into().unwrap_or(0));
    let rest = Duration::from_nanos(metadata.ctime_nsec().try_into().unwrap_or(0));
    SystemTime::UNIX_EPOCH
        .checked_add(seconds + rest)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

impl Load {
    /// Loads a configuration with everything it names. Where a file is being written, it waits until
    /// that is done, up to two seconds; `known` are the files of the load before.
    pub fn steadily(file: Option<&Path>, overrides: &Overrides, known: &[Watched]) -> Self {
        let begun = Instant::now();
        let mut before = HashMap::new();
        loop {
            let read = SystemTime::now();
            let (written, found) = file.map_or_else(Default::default, parse::read);
            let (settings, snapshot, findings) = Snapshot::to_look_at(&written, found, overrides);
            let usable = !findings.iter().any(Diagnostic::is_error);
            let mut files = files(file, &written, &settings);
            for watched in &mut files {
                watched.look(known);
            }
            let changing: Vec<_> = files
                .iter()
                .filter(|now| {
                    let before = before.get(&now.path).copied();
                    let known = known.iter().find(|old| old.path == now.path);
                    let known = known.map(|known| known.stamp);
                    now.moving || !is_steady(before, known, now.stamp, read)
                })
                .map(|watched| watched.path.clone())
                .collect();
            // Standard input can be read only once.
            let once = file == Some(Path::new("-"));
            if changing.is_empty() || once || begun.elapsed() + SECOND_LOOK > PATIENCE {
                return Self {
                    snapshot: snapshot.filter(|_| usable),
                    findings,
                    files,
                    changing,
                };
            }
            before = files
                .into_iter()
                .map(|watched| (watched.path, watched.stamp))
                .collect();
            thread::sleep(SECOND_LOOK);
        }
    }

    /// What speaks against taking it up in the place of a load from the files `known`.
    pub fn doubts(&self, known: &[Watched]) -> Vec<Doubt> {
        let doubt = |now: &Watched| {
            let old = known.iter().find(|old| old.path == now.path);
            let old_shape = old.and_then(|old| old.shape.as_ref());
            let why = match (&now.shape, old_shape) {
                (Some(new), Some(old)) => new.suspicion(old),
                _ => None,
            };
            let changing = self.changing.contains(&now.path) && now.stamp.is_some();
            let why = why.or(changing.then_some(Suspicion::Changing))?;
            Some(Doubt {
                path: now.path.clone(),
                option: now.option,
                role: now.role,
                why,
            })
        };
        self.files.iter().filter_map(doubt).collect()
    }
}

impl Watched {
    fn new(path: PathBuf, option: &'static str, role: Role) -> Self {
        Self {
            path,
            option,
            role,
            stamp: None,
            shape: None,
            moving: false,
        }
    }

    /// Takes stamp and shape as they are now; a file that has not changed is not read again.
    fn look(&mut self, known: &[Watched]) {
        self.stamp = stamp(&self.path);
        let same = |old: &&Watched| old.path == self.path && old.stamp == self.stamp;
        self.shape = match known.iter().find(same) {
            Some(old) => old.shape.clone(),
            None => read_file(&self.path).ok().map(|text| Shape::of(&text)),
        };
        self.moving = stamp(&self.path) != self.stamp;
    }
}

/// Every file that the configuration consists of, each once, by what depends on it most.
fn files(file: Option<&Path>, written: &[WrittenOption], settings: &Settings) -> Vec<Watched> {
    let base = settings.process.base_directory.as_deref();
    let mut files: Vec<Watched> = Vec::new();
    let mut add =
        |path: PathBuf, option, role| match files.iter_mut().find(|known| known.path == path) {
            Some(known) if known.role < role => *known = Watched::new(path, option, role),
            Some(_) => {}
            None => files.push(Watched::new(path, option, role)),
        };
    let main = file.filter(|file| *file != Path::new("-"));
    let included = written.iter().filter(|option| option.line > 0);
    for file in main.into_iter().chain(included.map(|option| &*option.file)) {
        if file != Path::new("(stdin)") {
            add(file.to_owned(), "configuration", Role::Identities);
        }
    }
    let mut add_set = |set: &DataSetSpec, role| {
        if let DataSetKind::File(path) | DataSetKind::Refile(path) = &set.kind {
            add(in_base(base, path), set.origin.option, role);
        }
    };
    match &settings.signing.identities {
        Identities::None => {}
        Identities::Single { domains, .. } => add_set(domains, Role::Identities),
        Identities::Tables { signing, keys } => {
            add_set(signing, Role::Identities);
            add_set(keys, Role::Identities);
        }
    }
    let (decision, signing, verifying) =
        (&settings.decision, &settings.signing, &settings.verifying);
    let others = [
        &decision.internal_hosts,
        &decision.external_ignore,
        &decision.peers,
        &decision.mta_names,
        &decision.macros,
        &decision.exempt_domains,
        &decision.dont_sign_mail_to,
        &decision.sender_headers,
        &signing.body_length,
        &signing.sign_headers,
        &signing.omit_headers,
        &signing.oversign_headers,
        &signing.atps_domains,
        &verifying.remove_results_from,
        &verifying.trust_signatures_from,
        &verifying.must_be_signed,
    ];
    for set in others.into_iter().flatten() {
        add_set(set, Role::Trust);
    }
    // Giving way would shut out the MTA.
    if let Some(peers) = &settings.process.milter_peers {
        add_set(peers, Role::Identities);
    }
    files
}
