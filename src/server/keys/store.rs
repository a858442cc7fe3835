//! Parsed keys, loaded on first use, in a bounded cache that notices a replaced file.
//!
//! A hit costs one `stat`. No lock is held while a file is read: two tasks that miss at once both
//! load, which is harmless. Failures are not kept, so a mended file signs the next message.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};

pub use super::error::{KeyError, KeyOrigin};
use super::{
    KeySource,
    accounts::Identity,
    cache::{Cache, CacheKey, CacheKeyRef},
    file::{KeyFile, Stamp},
    load,
    safe::Finding,
};
use crate::dkim::{
    Algorithm,
    crypto::{ADVISED_RSA_BITS, PrivateKey},
};

/// How long a judgement on a file's safety holds when the file itself is unchanged: the
/// directories above it may have changed without a trace on the file.
pub const SAFETY_HOLDS: Duration = Duration::from_secs(60);

/// The rules a key must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRules {
    /// RequireSafeKeys: unsafe permissions are fatal, not only a warning.
    pub require_safe: bool,
    /// MinimumKeyBits, for RSA.
    pub minimum_bits: u32,
}

/// A key and the warnings of its load.
pub type Loaded = (Arc<dyn PrivateKey>, Vec<String>);

/// The cache of parsed keys; one for the life of the process, across reloads.
#[derive(Debug)]
pub struct KeyStore {
    cache: Mutex<Cache<Arc<Entry>>>,
    preloaded: ArcSwapOption<Preloaded>,
    reader: Mutex<Option<Identity>>,
    /// The preloaded key's path leads elsewhere by now, because the root has changed.
    sealed: AtomicBool,
    /// A tool judges for the daemon's user, whoever runs it.
    judged_for: Option<Identity>,
}

/// A parsed key, and what it was parsed from.
#[derive(Debug)]
struct Entry {
    key: Arc<dyn PrivateKey>,
    /// `None` for a key that stands in a table.
    file: Option<FileEntry>,
}

#[derive(Debug)]
struct FileEntry {
    stamp: Stamp,
    finding: Option<Box<Finding>>,
    judged: Instant,
}

/// A key read while the process still had more privileges than it has now.
#[derive(Debug)]
struct Preloaded {
    path: PathBuf,
    entry: Arc<Entry>,
    told_outdated: AtomicBool,
}

impl KeyStore {
    /// An empty cache that holds at most `capacity` keys (at least one).
    pub fn new(capacity: usize) -> Self {
        Self {
            cache: Mutex::new(Cache::new(capacity)),
            preloaded: ArcSwapOption::empty(),
            reader: Mutex::new(None),
            sealed: AtomicBool::new(false),
            judged_for: None,
        }
    }

    /// A cache that judges files as if `reader` ran this process: for tools that an administrator
    /// runs as root.
    pub fn judging_for(reader: Identity, capacity: usize) -> Self {
        Self {
            judged_for: Some(reader),
            ..Self::new(capacity)
        }
    }

    /// The key, from the cache if the file is still the same one (device, inode, size, times).
    ///
    /// May read a file; small and rare enough for the calling task. The warnings are those of this
    /// load (unsafe permissions under `RequireSafeKeys no`, an RSA key below 2048 bits), empty when
    /// the key came from the cache.
    pub fn get(&self, source: &KeySource, rules: KeyRules) -> Result<Loaded, KeyError> {
        let (key, origin, warnings) = match source {
            KeySource::File(path) => {
                let (key, warnings) = self.file_key(path, rules)?;
                (key, KeyOrigin::File(path.clone()), warnings)
            }
            KeySource::Inline(text) => {
                let (key, warnings) = self.inline_key(text)?;
                (key, KeyOrigin::Inline, warnings)
            }
        };
        check_size(&*key, rules, || origin)?;
        Ok((key, warnings))
    }

    /// Reads KeyFile while the process may still read what root alone may read, judging its safety
    /// for the user that will run.
    ///
    /// The key stays usable when that user may not read the file later on; the last one preloaded
    /// is kept, whatever the capacity.
    pub fn preload(
        &self,
        path: &Path,
        rules: KeyRules,
        me: &Identity,
    ) -> Result<Vec<String>, KeyError> {
        let (entry, warnings) = load_file(path, rules, me)?;
        check_size(&*entry.key, rules, || KeyOrigin::File(path.to_owned()))?;
        self.preloaded.store(Some(Arc::new(Preloaded {
            path: path.to_owned(),
            entry: Arc::new(entry),
            told_outdated: AtomicBool::new(false),
        })));
        Ok(warnings)
    }

    /// From now on the preloaded key is not compared with its file any more: the root directory is
    /// about to change, and its path with it.
    pub fn seal(&self) {
        self.sealed.store(true, Ordering::Relaxed);
    }

    /// Whether the key held for `path` is still what stands there.
    pub fn holds_current(&self, path: &Path) -> bool {
        let held = self.preloaded.load();
        let held = held.as_ref().filter(|known| known.path == path);
        held.is_some_and(|known| Stamp::of(path).is_ok() && known.is_current(&Stamp::of(path)))
    }

    /// Whether the key that was read from `path` before goes on signing in spite of `error`.
    pub fn signs_without(&self, path: &Path, error: &KeyError) -> bool {
        let held = self
            .preloaded
            .load()
            .as_ref()
            .is_some_and(|known| known.path == path);
        let sealed = self.sealed.load(Ordering::Relaxed);
        held && (sealed || matches!(error, KeyError::Unreadable(_)))
    }

    fn file_key(&self, path: &Path, rules: KeyRules) -> Result<Loaded, KeyError> {
        let stamp = Stamp::of(path);
        let preloaded = self.preloaded.load();
        let preloaded = preloaded.as_ref().filter(|known| known.path == path);
        if let Some(known) = preloaded
            && (self.sealed.load(Ordering::Relaxed) || known.is_current(&stamp))
        {
            return Ok((Arc::clone(&known.entry.key), Vec::new()));
        }
        match self.cached_or_loaded(path, stamp.ok(), rules) {
            Err(KeyError::Unreadable(denied)) if let Some(known) = preloaded => {
                let warnings = known.outdated_warning(&KeyError::Unreadable(denied));
                Ok((Arc::clone(&known.entry.key), warnings))
            }
            settled => settled,
        }
    }

    fn cached_or_loaded(
        &self,
        path: &Path,
        stamp: Option<Stamp>,
        rules: KeyRules,
    ) -> Result<Loaded, KeyError> {
        let known = self.cached(CacheKeyRef::File(path));
        if let Some(entry) = &known
            && let Some(file) = &entry.file
            && stamp == Some(file.stamp)
        {
            if file.judged.elapsed() < SAFETY_HOLDS
                && (file.finding.is_none() || !rules.require_safe)
            {
                return Ok((Arc::clone(&entry.key), Vec::new()));
            }
            if let Some(loaded) = self.rejudge(path, entry, file, rules)? {
                return Ok(loaded);
            }
        }
        let (entry, warnings) = match load_file(path, rules, &self.reader()) {
            // A file that is being written holds half a key; the whole one comes in a moment.
            Err(KeyError::Unusable { .. })
                if let Some(known) = known
                    && stamp.is_some_and(|stamp| stamp.is_fresh()) =>
            {
                return Ok((Arc::clone(&known.key), Vec::new()));
            }
            loaded => loaded?,
        };
        let key = Arc::clone(&entry.key);
        self.keep(CacheKey::File(path.to_owned()), entry);
        Ok((key, warnings))
    }

    /// Judges an unchanged file anew without parsing it; `None` if it has changed after all.
    fn rejudge(
        &self,
        path: &Path,
        entry: &Entry,
        old: &FileEntry,
        rules: KeyRules,
    ) -> Result<Option<Loaded>, KeyError> {
        let opened = KeyFile::open(path, &self.reader())?;
        if opened.stamp != old.stamp {
            return Ok(None);
        }
        let told = opened.finding == old.finding;
        let warnings = safety_warnings(path, opened.finding.as_deref(), rules)?;
        self.keep(
            CacheKey::File(path.to_owned()),
            Entry {
                key: Arc::clone(&entry.key),
                file: Some(FileEntry {
                    stamp: opened.stamp,
                    finding: opened.finding,
                    judged: Instant::now(),
                }),
            },
        );
        let warnings = if told { Vec::new() } else { warnings };
        Ok(Some((Arc::clone(&entry.key), warnings)))
    }

    fn inline_key(&self, text: &str) -> Result<Loaded, KeyError> {
        let mut name = [0; 32];
        name.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        if let Some(entry) = self.cached(CacheKeyRef::Inline(name)) {
            return Ok((Arc::clone(&entry.key), Vec::new()));
        }
        let key = load::private_key(text.as_bytes()).map_err(|problem| KeyError::Unusable {
            origin: KeyOrigin::Inline,
            problem,
        })?;
        let entry = Entry {
            key: Arc::clone(&key),
            file: None,
        };
        self.keep(CacheKey::Inline(name), entry);
        let warnings = size_warning(&*key, &KeyOrigin::Inline);
        Ok((key, warnings.into_iter().collect()))
    }

    fn cached(&self, key: CacheKeyRef<'_>) -> Option<Arc<Entry>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(&key).map(Arc::clone)
    }

    fn keep(&self, key: CacheKey, entry: Entry) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = cache.insert(key, Arc::new(entry));
        drop(cache);
        // A key is wiped and freed outside the lock.
        drop(replaced);
    }

    /// Who this process runs as now; asked for by name once per change.
    fn reader(&self) -> Identity {
        if let Some(reader) = &self.judged_for {
            return reader.clone();
        }
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = nix::unistd::geteuid().as_raw();
        match &*reader {
            Some(known) if known.uid == uid => known.clone(),
            _ => reader.insert(Identity::of_uid(uid)).clone(),
        }
    }
}

impl Preloaded {
    /// Whether the file is the one that was read, as far as we are allowed to see.
    fn is_current(&self, now: &std::io::Result<Stamp>) -> bool {
        match now {
            Ok(stamp) => self.entry.file.as_ref().is_some_and(|f| f.stamp == *stamp),
            Err(cause) => cause.kind() == ErrorKind::PermissionDenied,
        }
    }

    /// Said once: the file has changed, but the new one can't be read.
    fn outdated_warning(&self, why: &KeyError) -> Vec<String> {
        if self.told_outdated.swap(true, Ordering::Relaxed) {
            return Vec::new();
        }
        vec![format!(
            "{why}; signing goes on with the key read at start; {}",
            why.remedy()
        )]
    }
}

fn load_file(
    path: &Path,
    rules: KeyRules,
    me: &Identity,
) -> Result<(Entry, Vec<String>), KeyError> {
    let mut opened = KeyFile::open(path, me)?;
    let mut warnings = safety_warnings(path, opened.finding.as_deref(), rules)?;
    let file = FileEntry {
        stamp: opened.stamp,
        finding: opened.finding.take(),
        judged: Instant::now(),
    };
    let octets = opened.read()?;
    let key = load::private_key(&octets).map_err(|problem| KeyError::Unusable {
        origin: KeyOrigin::File(path.to_owned()),
        problem,
    })?;
    warnings.extend(size_warning(&*key, &KeyOrigin::File(path.to_owned())));
    let entry = Entry {
        key,
        file: Some(file),
    };
    Ok((entry, warnings))
}

fn safety_warnings(
    path: &Path,
    finding: Option<&Finding>,
    rules: KeyRules,
) -> Result<Vec<String>, KeyError> {
    let Some(finding) = finding else {
        return Ok(Vec::new());
    };
    let error = KeyError::Unsafe {
        path: path.to_owned(),
        finding: Box::new(finding.clone()),
    };
    if rules.require_safe {
        return Err(error);
    }
    Ok(vec![format!("{error}; {}", error.remedy())])
}

pub(super) fn check_size(
    key: &dyn PrivateKey,
    rules: KeyRules,
    origin: impl FnOnce() -> KeyOrigin,
) -> Result<(), KeyError> {
    if key.algorithm() == Algorithm::RsaSha256 && key.bits() < rules.minimum_bits {
        return Err(KeyError::TooSmall {
            origin: origin(),
            bits: key.bits(),
            minimum: rules.minimum_bits,
        });
    }
    Ok(())
}

/// What to say about an RSA key that works but that receivers may not respect much longer.
pub(super) fn size_warning(key: &dyn PrivateKey, origin: &KeyOrigin) -> Option<String> {
    (key.algorithm() == Algorithm::RsaSha256 && key.bits() < ADVISED_RSA_BITS).then(|| {
        format!(
            "{origin}: an RSA key of {} bits is weak; RFC 8301 advises {ADVISED_RSA_BITS}: \
             dkimd keygen -b {ADVISED_RSA_BITS} makes one, to be published under a new selector",
            key.bits()
        )
    })
}

#[cfg(test)]
mod tests;
