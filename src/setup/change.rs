//! One change on this host: made, found made, taken back.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use nix::unistd::{Group, User};
use serde::{Deserialize, Serialize};

use super::hunks::{self, Hunk};
use dkimd_hand::{Attributes, Kind, MOST_OCTETS, Place, PlaceError};

/// A change, as the journal holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A file's content, or a new file.
    File(FileChange),
    /// A new directory.
    Directory {
        /// Where.
        path: PathBuf,
        /// Whose.
        attributes: Attributes,
    },
    /// Owner, group or mode of a directory.
    Attributes {
        /// Which directory.
        path: PathBuf,
        /// As they were.
        before: Attributes,
        /// As they shall be.
        after: Attributes,
    },
    /// A user joins a group.
    Member {
        /// Login name.
        user: String,
        /// Group name.
        group: String,
    },
    /// A new private key; what it is made of stands nowhere else.
    Key {
        /// Its file.
        path: PathBuf,
        /// Whose it is.
        attributes: Attributes,
    },
}

/// The change of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Which file, symbolic links followed.
    pub path: PathBuf,
    /// As it was; `None`: there was none.
    pub before: Option<FileState>,
    /// As it shall be.
    pub after: FileState,
    /// What makes the one of the other.
    pub hunks: Vec<Hunk>,
}

/// A file at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// Checksum of its content.
    pub sha256: String,
    /// Owner, group, mode.
    pub attributes: Attributes,
}

/// What stands in the way of a change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The file is not what the plan was made for.
    #[error("{} was changed by somebody else meanwhile", .0.display())]
    ChangedMeanwhile(PathBuf),
    /// It can't be read or changed.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A program that changes accounts failed.
    #[error("{command} failed: {complaint}")]
    Program {
        /// The command line.
        command: String,
        /// Its own words.
        complaint: String,
    },
}

/// How to take a change back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reversal {
    /// It was never made, or was taken back already.
    Nothing,
    /// The file is written back: `None`: it is removed.
    Write(Option<Vec<u8>>, Attributes),
    /// The directory is removed.
    RemoveDirectory,
    /// The directory stays: others have put something there.
    KeepDirectory,
    /// Owner, group and mode go back.
    GiveBack(Attributes),
    /// The user leaves the group.
    Leave,
    /// The key stays: it may be published and in use.
    KeepKey,
    /// Somebody changed what was changed.
    Impossible,
}

/// The checksum of a content.
pub fn sha256(content: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, content).as_ref())
}

impl Change {
    /// What is changed.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(FileChange { path, .. })
            | Self::Directory { path, .. }
            | Self::Attributes { path, .. }
            | Self::Key { path, .. } => path,
            Self::Member { .. } => Path::new("/etc/group"),
        }
    }

    /// Makes it, unless it is made already. `key` is the content of a new key.
    ///
    /// # Errors
    /// When the host is not as it was planned for, or the system refuses; then nothing has changed.
    pub fn make(&self, key: Option<&[u8]>) -> Result<(), ChangeError> {
        match self {
            Self::File(change) => change.make(),
            Self::Directory { path, attributes } => {
                let place = Place::find(path)?;
                match place.look()? {
                    Some(found) if found.kind == Kind::Directory => Ok(()),
                    // What else is there makes this fail.
                    _ => Ok(place.make_directory(*attributes)?),
                }
            }
            Self::Attributes { path, after, .. } => Ok(Place::find(path)?.give(*after)?),
            Self::Member { user, group } => match is_member(user, group) {
                true => Ok(()),
                false => run("gpasswd", &["-a", user, group]),
            },
            Self::Key { path, attributes } => match key {
                Some(key) => Ok(Place::find(path)?.create(key, *attributes)?),
                None => Ok(()),
            },
        }
    }

    /// How it would be taken back now.
    ///
    /// # Errors
    /// When the present state can't be read.
    pub fn reversal(&self) -> Result<Reversal, ChangeError> {
        match self {
            Self::File(change) => {
                let now = change.read()?;
                let content = now.as_ref().map(|(content, _)| content.as_slice());
                Ok(change.reversal(content, now.as_ref().map(|(_, attributes)| *attributes)))
            }
            Self::Directory { path, .. } => Ok(match Place::find(path)?.is_empty()? {
                Some(true) => Reversal::RemoveDirectory,
                Some(false) => Reversal::KeepDirectory,
                None => Reversal::Nothing,
            }),
            Self::Attributes {
                path,
                before,
                after,
            } => {
                let now = Place::find(path)?.look()?.map(|found| found.attributes);
                Ok(match now {
                    Some(now) if now == *after => Reversal::GiveBack(*before),
                    Some(now) if now != *before => Reversal::Impossible,
                    _ => Reversal::Nothing,
                })
            }
            Self::Member { user, group } => Ok(match is_member(user, group) {
                true => Reversal::Leave,
                false => Reversal::Nothing,
            }),
            Self::Key { path, .. } => Ok(match Place::find(path)?.look()? {
                Some(_) => Reversal::KeepKey,
                None => Reversal::Nothing,
            }),
        }
    }

    /// Takes it back as [`Change::reversal`] found.
    ///
    /// # Errors
    /// When the system refuses; then nothing has changed.
    pub fn take_back(&self, reversal: &Reversal) -> Result<(), ChangeError> {
        let path = self.path();
        match reversal {
            Reversal::Nothing
            | Reversal::KeepDirectory
            | Reversal::KeepKey
            | Reversal::Impossible => Ok(()),
            Reversal::Write(Some(content), attributes) => {
                Ok(Place::find(path)?.replace(content, *attributes)?)
            }
            Reversal::Write(None, _) => Ok(Place::find(path)?.remove_file()?),
            // What others put there since is theirs, and keeps it.
            Reversal::RemoveDirectory => Ok(Place::find(path)?.remove_directory().map(drop)?),
            Reversal::GiveBack(attributes) => Ok(Place::find(path)?.give(*attributes)?),
            Reversal::Leave => match self {
                Self::Member { user, group } => run("gpasswd", &["-d", user, group]),
                _ => Ok(()),
            },
        }
    }
}

impl FileChange {
    fn make(&self) -> Result<(), ChangeError> {
        let now = self.read()?.map(|(content, _)| content);
        let sum = now.as_deref().map(sha256);
        if sum.as_ref() == Some(&self.after.sha256) {
            return Ok(());
        }
        let expected = self.before.as_ref().map(|before| &before.sha256);
        let changed = || ChangeError::ChangedMeanwhile(self.path.clone());
        if sum.as_ref() != expected {
            return Err(changed());
        }
        let new =
            hunks::forward(now.as_deref().unwrap_or_default(), &self.hunks).ok_or_else(changed)?;
        let attributes = self.after.attributes;
        let place = Place::find(&self.path)?;
        match now {
            Some(_) => place.replace(&new, attributes)?,
            None => place.create(&new, attributes)?,
        }
        Ok(())
    }

    /// How the change is taken back in a file that now has this content and these attributes.
    pub fn reversal(&self, now: Option<&[u8]>, found: Option<Attributes>) -> Reversal {
        let (Some(now), Some(found)) = (now, found) else {
            return match self.before {
                None => Reversal::Nothing,
                Some(_) => Reversal::Impossible,
            };
        };
        let sum = sha256(now);
        let before = self.before.as_ref();
        if before.is_some_and(|before| before.sha256 == sum) {
            return Reversal::Nothing;
        }
        // Attributes that somebody else has changed stay as they are now.
        let attributes = match before {
            Some(before) if found == self.after.attributes => before.attributes,
            _ => found,
        };
        let old = match sum == self.after.sha256 {
            true => hunks::backward(now, &self.hunks),
            false => hunks::separated(now, &self.hunks),
        };
        match (old, before) {
            (Some(old), Some(_)) => Reversal::Write(Some(old), attributes),
            (Some(old), None) if old.is_empty() => Reversal::Write(None, attributes),
            (Some(old), None) => Reversal::Write(Some(old), attributes),
            (None, _) => Reversal::Impossible,
        }
    }

    /// Whether a file of this content is as it was before the change.
    pub fn is_before(&self, now: Option<&[u8]>) -> bool {
        now.map(sha256) == self.before.as_ref().map(|before| before.sha256.clone())
    }

    /// What the file holds now, and whose it is.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn read(&self) -> Result<Option<(Vec<u8>, Attributes)>, PlaceError> {
        Place::find(&self.path)?.read(MOST_OCTETS)
    }
}

/// Whether a user belongs to a group, by its list of members or as the user's own group.
pub fn is_member(user: &str, group: &str) -> bool {
    let Ok(Some(group)) = Group::from_name(group) else {
        return false;
    };
    let own = matches!(User::from_name(user), Ok(Some(user)) if user.gid == group.gid);
    own || group.mem.iter().any(|member| member == user)
}

fn run(program: &str, arguments: &[&str]) -> Result<(), ChangeError> {
    let failed = |complaint: String| ChangeError::Program {
        command: format!("{program} {}", arguments.join(" ")),
        complaint,
    };
    let done = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(failed(
            String::from_utf8_lossy(&done.stderr).trim().to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn attributes_of(path: &Path) -> Attributes {
        let found = Place::find(path).unwrap().look().unwrap();
        found.unwrap().attributes
    }

    fn change(path: &Path, before: Option<&str>, after: &str) -> Change {
        let attributes = Attributes {
            mode: 0o640,
            ..attributes_of(path.parent().unwrap())
        };
        let state = |text: &str| FileState {
            sha256: sha256(text.as_bytes()),
            attributes,
        };
        Change::File(FileChange {
            path: path.to_owned(),
            before: before.map(state),
            after: state(after),
            hunks: hunks::diff(before.unwrap_or_default().as_bytes(), after.as_bytes()),
        })
    }

    fn take_back(change: &Change) -> Reversal {
        let reversal = change.reversal().unwrap();
        change.take_back(&reversal).unwrap();
        reversal
    }

    #[test]
    fn a_change_can_be_made_twice_and_taken_back_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        fs::write(&path, "a\n").unwrap();
        let change = change(&path, Some("a\n"), "a\nb\n");
        for _ in 0..2 {
            change.make(None).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
        }
        assert!(matches!(take_back(&change), Reversal::Write(..)));
        assert_eq!(take_back(&change), Reversal::Nothing);
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\n");
    }

    #[test]
    fn a_file_that_was_made_goes_unless_others_wrote_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let change = change(&path, None, "a\n");
        change.make(None).unwrap();
        take_back(&change);
        assert!(!path.exists());
        change.make(None).unwrap();
        fs::write(&path, "a\nother\n").unwrap();
        take_back(&change);
        assert_eq!(fs::read_to_string(&path).unwrap(), "other\n");
    }

    #[test]
    fn what_others_changed_is_neither_overwritten_nor_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        fs::write(&path, "other\n").unwrap();
        let change = change(&path, Some("a\n"), "b\n");
        assert!(matches!(
            change.make(None),
            Err(ChangeError::ChangedMeanwhile(_))
        ));
        assert_eq!(change.reversal().unwrap(), Reversal::Impossible);
    }

    #[test]
    fn a_directory_that_is_there_already_keeps_its_owner_and_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let before = attributes_of(dir.path());
        std::os::unix::fs::symlink(dir.path(), &path).unwrap();
        let attributes = Attributes {
            mode: 0o777,
            ..before
        };
        for path in [path, dir.path().to_owned()] {
            let change = Change::Directory { path, attributes };
            change.make(None).unwrap();
            assert_eq!(attributes_of(dir.path()), before);
        }
    }

    #[test]
    fn a_directory_with_something_in_it_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let attributes = attributes_of(dir.path());
        let change = Change::Directory {
            path: path.clone(),
            attributes,
        };
        change.make(None).unwrap();
        fs::write(path.join("key"), "").unwrap();
        assert_eq!(take_back(&change), Reversal::KeepDirectory);
        fs::remove_file(path.join("key")).unwrap();
        assert_eq!(take_back(&change), Reversal::RemoveDirectory);
        assert!(!path.exists());
    }
}
