//! Opening a key file: within bounds, without a race between judging and reading, and with the
//! component named that stands in the way.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use zeroize::Zeroizing;

use super::{
    accounts::{Identity, SystemAccounts},
    acl,
    error::{Denied, KeyError},
    safe::{Component, Finding, judge},
};

/// A file untouched for so long when it was read is not being written.
pub const SETTLED: Duration = Duration::from_secs(2);

/// A PEM file with an RSA key of 16384 bits has 12,500 octets; certificates may stand beside it.
pub const MAX_KEY_FILE_OCTETS: u64 = 64 * 1024;

/// How often a file that is replaced between opening and judging is tried again.
const ATTEMPTS: u32 = 3;

/// What tells one version of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file at `path` as it is now; symbolic links are followed.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// Whether it was written in the last two seconds, so that more may come.
    pub fn is_fresh(&self) -> bool {
        // Who copies a file with its times sets the time of writing back, but not that of the change.
        let written = self.modified.0.max(self.changed.0);
        let written = u64::try_from(written).map(Duration::from_secs);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        match (written, now) {
            (Ok(written), Ok(now)) => now.saturating_sub(written) <= SETTLED,
            _ => false,
        }
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// An opened key file with the judgement on it.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    file: File,
    /// Which version of the file this is.
    pub stamp: Stamp,
    /// What is unsafe about it, for the reader it was opened for.
    pub finding: Option<Box<Finding>>,
}

impl KeyFile {
    /// Opens the file and judges the very file that was opened, for the reader `me`.
    pub fn open(path: &Path, me: &Identity) -> Result<Self, KeyError> {
        for _ in 0..ATTEMPTS {
            let file = open_regular(path, me)?;
            let metadata = file.metadata().map_err(|cause| io_error(path, &cause))?;
            if !metadata.is_file() {
                return Err(KeyError::NotAFile(path.to_owned()));
            }
            if metadata.size() > MAX_KEY_FILE_OCTETS {
                return Err(KeyError::TooBig {
                    path: path.to_owned(),
                    octets: metadata.size(),
                });
            }
            let Some(components) = components_down_to(path, &metadata) else {
                continue;
            };
            return Ok(Self {
                path: path.to_owned(),
                file,
                stamp: Stamp::from(&metadata),
                finding: judge(&components, me, &SystemAccounts).err(),
            });
        }
        Err(KeyError::Changing(path.to_owned()))
    }

    /// Reads all of it.
    pub fn read(mut self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        // Room for a file that grows meanwhile, so that no copy of a secret is left by growth.
        let mut octets = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE_OCTETS as usize + 1));
        Read::by_ref(&mut self.file)
            .take(MAX_KEY_FILE_OCTETS + 1)
            .read_to_end(&mut octets)
            .map_err(|cause| io_error(&self.path, &cause))?;
        if octets.len() as u64 > MAX_KEY_FILE_OCTETS {
            return Err(KeyError::TooBig {
                path: self.path,
                octets: octets.len() as u64,
            });
        }
        Ok(octets)
    }
}

/// Opens without waiting for the other end of a pipe.
fn open_regular(path: &Path, me: &Identity) -> Result<File, KeyError> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => KeyError::Missing(path.to_owned()),
            ErrorKind::PermissionDenied => KeyError::Unreadable(Box::new(Denied {
                path: path.to_owned(),
                component: denying_component(path),
                me: me.clone(),
                tried_by: (!me.is_current()).then(Identity::current),
            })),
            _ => io_error(path, &cause),
        })
}

fn io_error(path: &Path, cause: &io::Error) -> KeyError {
    KeyError::Io {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// The facts about each component of the resolved path; `None` if the path no longer leads to
/// `opened`.
fn components_down_to(path: &Path, opened: &Metadata) -> Option<Vec<Component>> {
    let resolved = fs::canonicalize(path).ok()?;
    let mut components = Vec::new();
    let mut parents: Vec<&Path> = resolved.ancestors().collect();
    parents.reverse();
    let (file, directories) = parents.split_last()?;
    for directory in directories {
        components.push(component(directory, &fs::symlink_metadata(directory).ok()?));
    }
    let now = fs::symlink_metadata(file).ok()?;
    if (now.dev(), now.ino()) != (opened.dev(), opened.ino()) {
        return None;
    }
    components.push(component(file, opened));
    Some(components)
}

fn component(path: &Path, metadata: &Metadata) -> Component {
    Component {
        path: path.to_owned(),
        directory: metadata.is_dir(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        mode: metadata.mode() & 0o7777,
        // One that can't be asked for gives nobody anything that could be told.
        acl: acl::of(path).unwrap_or_default(),
    }
}

/// The first component on the way that this process may not enter, else the file itself.
fn denying_component(path: &Path) -> Option<Component> {
    let absolute = std::path::absolute(path).ok()?;
    let mut ways: Vec<&Path> = absolute.ancestors().collect();
    ways.reverse();
    let mut last = None;
    for way in ways {
        // Links are followed: what they lead to denies, not they.
        match fs::metadata(way) {
            Ok(metadata) => last = Some(component(&fs::canonicalize(way).ok()?, &metadata)),
            // The one before may not be entered.
            Err(_) => break,
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn me() -> Identity {
        Identity::current()
    }

    #[test]
    fn a_file_larger_than_any_key_is_refused_unread() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        fs::write(&path, vec![b'x'; MAX_KEY_FILE_OCTETS as usize + 1]).unwrap();
        let octets = MAX_KEY_FILE_OCTETS + 1;
        assert_eq!(
            KeyFile::open(&path, &me()).unwrap_err(),
            KeyError::TooBig { path, octets }
        );
    }

    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(
            KeyFile::open(&path, &me()).unwrap_err(),
            KeyError::NotAFile(path)
        );
    }

    #[test]
    fn a_directory_is_not_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let error = KeyFile::open(dir.path(), &me()).unwrap_err();
        assert!(
            error.to_string().ends_with(": Not a regular file"),
            "{error}"
        );
    }

    #[test]
    fn what_a_link_leads_to_is_judged_not_the_link() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "x").unwrap();
        symlink(&real, &link).unwrap();
        let opened = KeyFile::open(&link, &me()).unwrap();
        assert_eq!(opened.stamp, Stamp::of(&real).unwrap());
        let components = components_down_to(&link, &fs::metadata(&real).unwrap()).unwrap();
        let last = &components.last().unwrap().path;
        assert_eq!(*last, fs::canonicalize(&real).unwrap());
    }

    #[test]
    fn a_path_that_leads_elsewhere_by_now_is_not_judged_for_the_opened_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, new) = (dir.path().join("key"), dir.path().join("new"));
        fs::write(&path, "old").unwrap();
        let opened = File::open(&path).unwrap().metadata().unwrap();
        fs::write(&new, "new").unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(components_down_to(&path, &opened), None);
    }

    #[test]
    fn each_change_of_content_or_permissions_changes_the_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "one").unwrap();
        let first = Stamp::of(&path).unwrap();
        assert_eq!(Stamp::of(&path).unwrap(), first);
        std::thread::sleep(Duration::from_millis(20));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_ne!(Stamp::of(&path).unwrap(), first);
    }
}
