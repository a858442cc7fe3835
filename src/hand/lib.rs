//! Reading and changing files by the hand of whoever could change them anyway.
//!
//! Root that opens `/etc/dkimkeys/KeyTable` in a directory of user opendkim's opens whatever that user
//! put there: a link to `/etc/shadow`, a pipe that nobody writes to, a link to another directory. So
//! root does nothing itself in a directory that another user can change. [`Place::find`] goes down a
//! path from `/`, one component after the other. As long as nobody but root can change the directories
//! it is in, it follows what stands there, links too. At the first directory that belongs to another
//! user it stops; all that lies below is done by a child process with that user's rights and no others
//! (`owner`), which follows no link and opens regular files only (`act`). So what a user planted
//! leads nowhere where the user could not have gone alone.
//!
//! **Contract.** Whatever stands below such a directory: nothing outside of the user's own reach is
//! read or changed; every call ends within [`owner::PATIENCE`] and the
//! second or two that an end may take; what comes back is bounded, and is as
//! trustworthy as that user, even where it says who owns a file. What is made there belongs to the user
//! ([`Place::attributes`] says how far other attributes can be had). Where the work can be handed to
//! nobody (a directory that several users can change) the error names the directory and the command
//! that mends it.
//!
//! Who is not root has no more rights to lose: everything is done as is, links followed.

#![warn(clippy::unwrap_used)]

mod act;
mod attributes;
mod error;
mod kind;
mod owner;
mod walk;

use std::{
    ffi::CString,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

pub use attributes::Attributes;
pub use error::PlaceError;
pub use kind::Kind;
pub use owner::{Owner, PATIENCE};

use act::{Report, State, Task};
use nix::{errno::Errno, unistd::geteuid};

use dkimd_server::{
    dataset::open::{SaysRemedy, read_files_with},
    keys::accounts::{group_name, user_name},
};

/// The largest file that is read or changed: a table of a million domains has a third of that.
pub const MOST_OCTETS: u64 = 256 * 1024 * 1024;

/// What is made in a directory with this bit belongs to the directory's group.
const SET_GROUP_ID: u32 = 0o2000;
const WRITE_BY_OTHERS: u32 = 0o022;

/// A place in the file system, and whose hand reaches it.
#[derive(Debug)]
pub struct Place {
    /// Where it really is: links that may be followed are.
    path: PathBuf,
    /// The directory that `names` begin in; it stays the same whatever becomes of its name.
    base: OwnedFd,
    /// The way down from there; never empty.
    names: Vec<CString>,
    /// Who does the work; `None`: this process.
    owner: Option<Owner>,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// File, directory, …
    pub kind: Kind,
    /// Whose it is. Below a directory of another user's: as that user says.
    pub attributes: Attributes,
}

impl Place {
    /// Finds a place; there need be nothing there yet.
    ///
    /// # Errors
    /// When the way there leads through something that others can change and nobody can be given the
    /// work, or the system refuses.
    pub fn find(path: &Path) -> Result<Self, PlaceError> {
        walk::find(path)
    }

    /// Where it really is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The user who could change it anyway and so does the work; `None`: this process does.
    pub fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// The attributes that something made here will have.
    pub fn attributes(&self, wanted: Attributes) -> Attributes {
        self.owner
            .as_ref()
            .map_or(wanted, |owner| owner.attributes(wanted))
    }

    /// The attributes that something made here will have, where it must be nobody else's than was
    /// wanted; what is wanted as root's may be the directory's owner's as well.
    ///
    /// # Errors
    /// When it would be another's.
    pub fn fitting(&self, wanted: Attributes) -> Result<Attributes, PlaceError> {
        let had = self.attributes(wanted);
        let whole = wanted.mode & SET_GROUP_ID == 0 || had == wanted;
        match &self.owner {
            Some(owner) if wanted.owner != 0 && (had.owner != wanted.owner || !whole) => {
                Err(PlaceError::WrongUser {
                    path: self.path.clone(),
                    needed: user_name(wanted.owner),
                    user: owner.name.clone(),
                    directory: owner.directory.clone(),
                })
            }
            _ => Ok(had),
        }
    }

    /// That the directory's owner may not do what is needed here.
    pub fn denied(&self) -> PlaceError {
        match &self.owner {
            Some(owner) => PlaceError::Denied {
                path: self.path.clone(),
                user: owner.name.clone(),
                directory: owner.directory.clone(),
            },
            None => PlaceError::System {
                path: self.path.clone(),
                cause: Errno::EACCES,
            },
        }
    }

    /// What is there.
    ///
    /// # Errors
    /// When that can't be told, or a link stands where none may be followed.
    pub fn look(&self) -> Result<Option<Found>, PlaceError> {
        let report = self.ask(&Task::Look)?;
        match report.state {
            State::Missing => Ok(None),
            State::Done => Ok(Some(Found {
                kind: report.kind(),
                attributes: report.attributes(),
            })),
            _ => Err(self.wrong(&report)),
        }
    }

    /// The content of the file, and whose it is; `None`: there is nothing.
    ///
    /// # Errors
    /// When it is no regular file, is larger than `most`, or can't be read.
    pub fn read(&self, most: u64) -> Result<Option<(Vec<u8>, Attributes)>, PlaceError> {
        let (report, content) = self.perform(&Task::Read { most }, most)?;
        match report.state {
            State::Missing => Ok(None),
            State::Done => Ok(Some((content, report.attributes()))),
            _ => Err(self.wrong(&report)),
        }
    }

    /// Puts a file with this content in the place of the one that is there, or makes one; whole or not
    /// at all.
    ///
    /// # Errors
    /// When something else than a regular file is there, or the system refuses; nothing has changed.
    pub fn replace(&self, content: &[u8], attributes: Attributes) -> Result<(), PlaceError> {
        self.put(content, attributes, false)
    }

    /// Makes a file that must not be there yet; whole or not at all.
    ///
    /// # Errors
    /// When anything is there, or the system refuses; nothing has changed.
    pub fn create(&self, content: &[u8], attributes: Attributes) -> Result<(), PlaceError> {
        self.put(content, attributes, true)
    }

    fn put(&self, content: &[u8], attributes: Attributes, new: bool) -> Result<(), PlaceError> {
        self.done(&Task::Put {
            content,
            attributes: self.attributes(attributes),
            new,
            temporary: self.temporary(),
        })
    }

    /// Makes a directory; the one that it stands in must be there.
    ///
    /// # Errors
    /// When anything is there, or the system refuses.
    pub fn make_directory(&self, attributes: Attributes) -> Result<(), PlaceError> {
        self.done(&Task::MakeDirectory {
            attributes: self.attributes(attributes),
        })
    }

    /// Gives a directory another owner, group and mode.
    ///
    /// # Errors
    /// When no directory is there, or the system refuses.
    pub fn give(&self, attributes: Attributes) -> Result<(), PlaceError> {
        self.done(&Task::Give { attributes })
    }

    /// Removes a file, and sees to it that it stays removed.
    ///
    /// # Errors
    /// When something else than a regular file is there, or the system refuses.
    pub fn remove_file(&self) -> Result<(), PlaceError> {
        self.done(&Task::RemoveFile)
    }

    /// Removes a directory if there is nothing in it; says whether it did.
    ///
    /// # Errors
    /// Those of the system.
    pub fn remove_directory(&self) -> Result<bool, PlaceError> {
        let report = self.ask(&Task::RemoveDirectory)?;
        match report.state {
            State::Done => Ok(true),
            State::Failed if report.errno == libc::ENOTEMPTY => Ok(false),
            _ => Err(self.wrong(&report)),
        }
    }

    /// Whether nothing is in the directory; `None`: there is no directory.
    ///
    /// # Errors
    /// When it can't be looked into.
    pub fn is_empty(&self) -> Result<Option<bool>, PlaceError> {
        let report = self.ask(&Task::IsEmpty)?;
        match report.state {
            State::Missing => Ok(None),
            State::Done => Ok(Some(report.size == 0)),
            _ => Err(self.wrong(&report)),
        }
    }

    /// Makes sure that files can be made beside this one, as far as that can be told before.
    ///
    /// # Errors
    /// When they can't.
    pub fn may_write_beside(&self) -> Result<(), PlaceError> {
        let report = self.ask(&Task::MayWriteBeside)?;
        match report.state {
            // A directory that is missing yet is made by an earlier step.
            State::Done | State::Missing => Ok(()),
            State::Failed => {
                let directory = self.path.parent().unwrap_or(Path::new("/"));
                Err(error::of_report(&report, directory, self.owner()))
            }
            _ => Err(self.wrong(&report)),
        }
    }

    /// A name beside the file that nobody else uses.
    fn temporary(&self) -> CString {
        let name = self.names.last().map(|name| name.to_bytes());
        let name = name.unwrap_or_default();
        let number = std::process::id().to_string();
        // A name has 255 octets at most.
        let name = &name[..name.len().min(200)];
        let octets = [b".", name, b".", number.as_bytes(), b".dkimd"].concat();
        CString::new(octets).unwrap_or_default()
    }

    fn done(&self, task: &Task<'_>) -> Result<(), PlaceError> {
        let report = self.ask(task)?;
        match report.state {
            State::Done => Ok(()),
            _ => Err(self.wrong(&report)),
        }
    }

    fn ask(&self, task: &Task<'_>) -> Result<Report, PlaceError> {
        Ok(self.perform(task, 0)?.0)
    }

    fn perform(&self, task: &Task<'_>, most: u64) -> Result<(Report, Vec<u8>), PlaceError> {
        match &self.owner {
            Some(owner) => owner
                .perform(self.base.as_fd(), &self.names, task, most)
                .map_err(|fault| error::of_fault(fault, &self.path, owner)),
            None => {
                let mut content = Vec::new();
                let report = act::act(
                    self.base.as_fd(),
                    &self.names,
                    task,
                    act::Rights::Own,
                    &mut |octets| {
                        content.extend_from_slice(octets);
                        true
                    },
                );
                Ok((report, content))
            }
        }
    }

    /// What is wrong, with the component that it is wrong with.
    fn wrong(&self, report: &Report) -> PlaceError {
        let below = self.names.len().saturating_sub(report.at.saturating_add(1));
        let path = self.path.ancestors().nth(below).unwrap_or(&self.path);
        error::of_report(report, path, self.owner.as_ref())
    }
}

/// Who besides root can change what a file says; nobody, for whoever is not root.
///
/// # Errors
/// When that can't be told.
pub fn author(path: &Path) -> Result<Option<String>, PlaceError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let place = Place::find(path)?;
    if let Some(owner) = place.owner() {
        return Ok(Some(owner.name.clone()));
    }
    Ok(place.look()?.and_then(|found| {
        let Attributes { owner, group, mode } = found.attributes;
        match (owner, mode & WRITE_BY_OTHERS) {
            (0, 0) => None,
            (0, 0o020) if group == 0 => None,
            (0, 0o020) => Some(group_name(group)),
            (owner, _) => Some(user_name(owner)),
        }
    }))
}

/// From now on this process reads all that the configuration names by the hand of whoever can change it:
/// what it then writes goes by what it read. The daemon and the commands that only look read as they
/// are, as OpenDKIM does.
pub fn read_by_hand() {
    read_files_with(|path| match read_at(path) {
        Err(error)
            if error
                .get_ref()
                .is_some_and(|inner| inner.is::<PlaceError>()) =>
        {
            Err(io::Error::new(error.kind(), SaysRemedy(error.to_string())))
        }
        read => read,
    });
}

fn read_at(path: &Path) -> io::Result<Vec<u8>> {
    let content = Place::find(path)?.read(MOST_OCTETS)?;
    content
        .map(|(content, _)| content)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
}

/// Where a path really leads: links that may be followed are. A place that can't be found stays as it is
/// written; whoever wants to use it will hear why.
pub fn resolved(path: &Path) -> PathBuf {
    Place::find(path).map_or_else(|_| path.to_owned(), |place| place.path)
}

/// Whether anything is at a path.
///
/// # Errors
/// When that can't be told.
pub fn exists(path: &Path) -> Result<bool, PlaceError> {
    Ok(Place::find(path)?.look()?.is_some())
}

#[cfg(test)]
mod tests;
