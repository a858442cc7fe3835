//! Writing a file whole or not at all, and never with more permissions than it shall have.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use nix::unistd::{getegid, geteuid};

use dkimd_hand::{Attributes, Owner, Place};

/// What to do when the file is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overwrite {
    /// Fail.
    Refuse,
    /// Put the new file in its place.
    Replace,
    /// The same, with the owner, group and mode of the old one. A symbolic link is followed.
    KeepOwnerAndMode {
        /// Let the new one be open to others when the old one was.
        public: bool,
    },
}

/// Writes `content` to a new file beside `path` and moves it there when it is on the disk. Below a
/// directory of another user's root has that user do it, so the file is that user's, and a link that is
/// planted there is not followed.
pub(super) fn write_file(
    path: &Path,
    content: &[u8],
    mode: u32,
    overwrite: Overwrite,
) -> io::Result<()> {
    if geteuid().is_root() {
        let place = Place::find(path)?;
        if let Some(owner) = place.owner() {
            return by_owner(&place, owner, content, mode, overwrite);
        }
    }
    let target = match overwrite {
        Overwrite::KeepOwnerAndMode { .. } => {
            fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
        }
        Overwrite::Refuse | Overwrite::Replace => path.to_owned(),
    };
    let temporary = temporary_name(&target);
    let written = fill(&temporary, &target, content, mode, overwrite)
        .and_then(|()| settle(&temporary, &target, overwrite));
    if written.is_err() {
        // Already gone when it was moved; nothing more can be done when it can't be removed.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn by_owner(
    place: &Place,
    owner: &Owner,
    content: &[u8],
    mode: u32,
    overwrite: Overwrite,
) -> io::Result<()> {
    let mut attributes = Attributes {
        owner: owner.uid,
        group: getegid().as_raw(),
        mode,
    };
    match overwrite {
        Overwrite::Refuse => place.create(content, attributes)?,
        Overwrite::Replace => place.replace(content, attributes)?,
        Overwrite::KeepOwnerAndMode { public } => {
            if let Some(old) = place.look()? {
                attributes.group = old.attributes.group;
                attributes.mode |= old.attributes.mode & if public { 0o777 } else { 0o770 };
            }
            place.replace(content, attributes)?;
        }
    }
    Ok(())
}

/// A name in the same directory that nobody else uses.
fn temporary_name(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}.new", std::process::id()))
}

fn fill(
    temporary: &Path,
    target: &Path,
    content: &[u8],
    mode: u32,
    overwrite: Overwrite,
) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)?;
    file.write_all(content)?;
    let mut mode = mode;
    if let Overwrite::KeepOwnerAndMode { public } = overwrite
        && let Ok(old) = fs::metadata(target)
    {
        if old.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        // Only root may give a file away; for others the file stays theirs.
        if fchown(&file, Some(old.uid()), Some(old.gid())).is_ok() {
            mode |= old.mode() & if public { 0o777 } else { 0o770 };
        }
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

fn settle(temporary: &Path, target: &Path, overwrite: Overwrite) -> io::Result<()> {
    if overwrite == Overwrite::Refuse {
        // Unlike a rename a link never replaces what somebody made meanwhile.
        fs::hard_link(temporary, target)?;
        fs::remove_file(temporary)?;
    } else {
        fs::rename(temporary, target)?;
    }
    let directory = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Overwrite = Overwrite::KeepOwnerAndMode { public: false };

    #[test]
    fn an_existing_file_is_not_touched_unless_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_file(&path, b"one", 0o600, Overwrite::Refuse).unwrap();
        let error = write_file(&path, b"two", 0o600, Overwrite::Refuse).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_file(&path, b"two", 0o600, Overwrite::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_replaced_key_keeps_its_group_permissions_but_is_never_open_to_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        write_file(&path, b"new", 0o600, KEEP).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_link_to_a_key_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        write_file(&link, b"new", 0o600, KEEP).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
