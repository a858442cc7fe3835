//! Files and directories put in place whole or not at all.

use std::{
    fmt::{self, Display, Formatter},
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use nix::{libc, unistd::geteuid};
use serde::{Deserialize, Serialize};

use crate::keys::accounts::{group_name, user_name};

/// Who owns a file, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// User number.
    pub owner: u32,
    /// Group number.
    pub group: u32,
    /// Permission bits, set-user-ID, set-group-ID and sticky among them.
    pub mode: u32,
}

impl Attributes {
    /// A file of root's that everybody may read.
    pub const PUBLIC_FILE: Self = Self {
        owner: 0,
        group: 0,
        mode: 0o644,
    };
    /// A directory of root's that everybody may look into.
    pub const PUBLIC_DIRECTORY: Self = Self {
        owner: 0,
        group: 0,
        mode: 0o755,
    };

    /// Those of what stands at `path`, symbolic links followed.
    ///
    /// # Errors
    /// When there is nothing, or it can't be reached.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self {
            owner: found.uid(),
            group: found.gid(),
            mode: found.mode() & 0o7777,
        })
    }

    /// Gives them to the directory at `path`; a symbolic link there is refused, since whoever may
    /// write beside it chose where it leads.
    ///
    /// # Errors
    /// Those of the system.
    pub fn give_to(self, path: &Path) -> io::Result<()> {
        self.give_to_open(&open_directory(path)?)
    }

    fn give_to_open(self, directory: &File) -> io::Result<()> {
        fchown(directory, Some(self.owner), Some(self.group))?;
        // After the owner: a change of owner takes set-group-ID away.
        directory.set_permissions(Permissions::from_mode(self.mode))
    }
}

/// Opens a directory and nothing else, above all no symbolic link.
fn open_directory(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW)
        .open(path)
}

impl Display for Attributes {
    /// As `install` takes them: `-o opendkim -g postfix -m 2750`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (owner, group) = (user_name(self.owner), group_name(self.group));
        write!(f, "-o {owner} -g {group} -m {:o}", self.mode)
    }
}

/// Where a file really is: symbolic links followed, even where the file is not there yet.
pub fn target(path: &Path) -> PathBuf {
    if let Ok(found) = fs::canonicalize(path) {
        return found;
    }
    let parent = path
        .parent()
        .and_then(|parent| fs::canonicalize(parent).ok());
    match (parent, path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

/// Puts a new content in the place of `path`'s, or makes the file.
///
/// # Errors
/// Those of the system; then nothing has changed.
pub fn replace(path: &Path, content: &[u8], attributes: Attributes) -> io::Result<()> {
    place(path, content, attributes, |temporary| {
        fs::rename(temporary, path)
    })
}

/// Makes a file that must not be there yet.
///
/// # Errors
/// Those of the system; then nothing has changed.
pub fn create(path: &Path, content: &[u8], attributes: Attributes) -> io::Result<()> {
    place(path, content, attributes, |temporary| {
        // Unlike a rename a link never replaces what somebody made meanwhile.
        fs::hard_link(temporary, path)?;
        fs::remove_file(temporary)
    })
}

fn place(
    path: &Path,
    content: &[u8],
    attributes: Attributes,
    settle: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.dkimd", std::process::id()));
    let done = fill(&temporary, content, attributes).and_then(|()| settle(&temporary));
    if done.is_err() {
        // Nothing more can be done when it can't be removed.
        let _ = fs::remove_file(&temporary);
    }
    done.and_then(|()| sync_directory(path))
}

fn fill(temporary: &Path, content: &[u8], attributes: Attributes) -> io::Result<()> {
    // One of the same name is left from a process of the same number that was killed.
    let _ = fs::remove_file(temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)?;
    file.write_all(content)?;
    let present = file.metadata()?;
    if (present.uid(), present.gid()) != (attributes.owner, attributes.group) {
        fchown(&file, Some(attributes.owner), Some(attributes.group))?;
    }
    file.set_permissions(Permissions::from_mode(attributes.mode))?;
    file.sync_all()
}

/// Makes a directory with these attributes; the one that it stands in must be there.
///
/// # Errors
/// Those of the system.
pub fn make_directory(path: &Path, attributes: Attributes) -> io::Result<()> {
    make_directory_then(path, attributes, || {})
}

/// The same; `meanwhile` is what others do before the new directory gets its owner.
fn make_directory_then(
    path: &Path,
    attributes: Attributes,
    meanwhile: impl FnOnce(),
) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    meanwhile();
    // Whoever may write beside it may have put something else in its place.
    let made = open_directory(path)?;
    if made.metadata()?.uid() != geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "somebody else put a directory in the place of the new one",
        ));
    }
    attributes.give_to_open(&made)?;
    sync_directory(path)
}

/// Removes a file, and sees to it that it stays removed.
///
/// # Errors
/// Those of the system.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_directory(path)
}

/// Makes the entry of `path` in its directory survive a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_attributes_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("KeyTable");
        fs::write(&path, "old").unwrap();
        let attributes = Attributes {
            mode: 0o640,
            ..Attributes::of(&path).unwrap()
        };
        replace(&path, b"new", attributes).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(Attributes::of(&path).unwrap(), attributes);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_there_is_not_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "precious").unwrap();
        let attributes = Attributes::of(&path).unwrap();
        let error = create(&path, b"new", attributes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_the_place_of_a_new_directory_gives_nobody_what_it_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        let (etc, new) = (dir.path().join("etc"), dir.path().join("new"));
        fs::create_dir(&etc).unwrap();
        let before = Attributes::of(&etc).unwrap();
        let attributes = Attributes {
            mode: 0o777,
            ..before
        };
        make_directory_then(&new, attributes, || {
            fs::remove_dir(&new).unwrap();
            std::os::unix::fs::symlink(&etc, &new).unwrap();
        })
        .unwrap_err();
        attributes.give_to(&new).unwrap_err();
        assert_eq!(Attributes::of(&etc).unwrap(), before);
        fs::remove_file(&new).unwrap();
        make_directory(&new, attributes).unwrap();
        assert_eq!(Attributes::of(&new).unwrap(), attributes);
    }

    #[test]
    fn the_target_of_a_link_is_found_even_where_the_file_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir(real.join("etc")).unwrap();
        std::os::unix::fs::symlink("etc", real.join("link")).unwrap();
        assert_eq!(target(&real.join("link/new")), real.join("etc/new"));
    }
}
