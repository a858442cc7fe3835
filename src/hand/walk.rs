//! The way down a path, as far as nobody but root can change it.

use std::{
    collections::VecDeque,
    ffi::{CString, OsStr, OsString},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, open, openat, readlinkat},
    sys::stat::{FileStat, Mode, fstat, fstatat},
    unistd::geteuid,
};

use super::{Kind, Owner, Place, PlaceError};
use dkimd_server::keys::accounts::{Accounts, Identity, SystemAccounts, user_name};

/// Links followed before the path counts as a circle, as in the kernel.
const MOST_LINKS: u32 = 40;
const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
/// Where an access control list stands.
const ACL: &std::ffi::CStr = c"system.posix_acl_access";

/// Who can put something else in the place of what stands in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changer {
    /// This process alone, as far as it matters.
    Me,
    /// The owner of each entry, for that entry: the directory is root's and sticky.
    EachOwner,
    /// A user.
    Owner(u32),
    /// Several.
    Many { everybody: bool },
}

/// A directory on the way.
struct Step {
    directory: OwnedFd,
    path: PathBuf,
}

/// Goes down `path`.
pub(super) fn find(path: &Path) -> Result<Place, PlaceError> {
    let path = std::path::absolute(path).map_err(|error| PlaceError::System {
        path: path.to_owned(),
        cause: Errno::from_raw(error.raw_os_error().unwrap_or(libc::EINVAL)),
    })?;
    let mut way = Way {
        steps: vec![root()?],
        rest: names(&path),
        links: 0,
        root: geteuid().is_root(),
    };
    loop {
        if let Some(place) = way.step()? {
            return Ok(place);
        }
    }
}

fn root() -> Result<Step, PlaceError> {
    let path = PathBuf::from("/");
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let directory = open(&path, flags, Mode::empty()).map_err(|cause| PlaceError::System {
        path: path.clone(),
        cause,
    })?;
    Ok(Step { directory, path })
}

/// The names of a path that are no `.`.
fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect()
}

struct Way {
    /// The directories from `/` to where we are; never empty.
    steps: Vec<Step>,
    /// The names that are left.
    rest: VecDeque<OsString>,
    links: u32,
    root: bool,
}

impl Way {
    /// One name further; the place, if this was the last.
    fn step(&mut self) -> Result<Option<Place>, PlaceError> {
        let Some(name) = self.rest.pop_front() else {
            return self.place(OsString::from("."), None).map(Some);
        };
        if name == ".." {
            if self.steps.len() > 1 {
                self.steps.pop();
            }
            return Ok(None);
        }
        let Some(here) = self.steps.last() else {
            return Err(self.system(&name, Errno::ENOENT));
        };
        let changer = self.changer(here)?;
        match changer {
            Changer::Owner(uid) => {
                let owner = Owner::new(uid, &here.path);
                return self.place(name, Some(owner)).map(Some);
            }
            Changer::Many { everybody } => {
                let owner = fstat(&here.directory)
                    .map_or_else(|_| "?".to_owned(), |found| user_name(found.st_uid));
                return Err(PlaceError::Shared {
                    directory: here.path.clone(),
                    owner,
                    everybody,
                });
            }
            Changer::Me | Changer::EachOwner => {}
        }
        let no_follow = AtFlags::AT_SYMLINK_NOFOLLOW;
        let found = match fstatat(&here.directory, name.as_os_str(), no_follow) {
            Ok(found) => found,
            Err(Errno::ENOENT) => return self.place(name, None).map(Some),
            Err(errno) => return Err(self.system(&name, errno)),
        };
        let foreign = changer == Changer::EachOwner && found.st_uid != 0;
        match Kind::of_mode(found.st_mode) {
            // Also in a directory that is root's by now: it may be what is left of another's.
            Kind::Link if self.root && found.st_uid != 0 => Err(PlaceError::Link {
                path: here.path.join(&name),
                owner: user_name(found.st_uid),
                directory: here.path.clone(),
            }),
            Kind::Link => self.follow(&name).map(|()| None),
            Kind::Directory if foreign && self.rest.is_empty() => {
                let owner = Owner::new(found.st_uid, &here.path);
                self.place(name, Some(owner)).map(Some)
            }
            Kind::Directory => self.enter(&name).map(|()| None),
            _ if !self.rest.is_empty() => Err(self.system(&name, Errno::ENOTDIR)),
            _ => {
                let owner = foreign.then(|| Owner::new(found.st_uid, &here.path));
                self.place(name, owner).map(Some)
            }
        }
    }

    fn follow(&mut self, name: &OsStr) -> Result<(), PlaceError> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(self.system(name, Errno::ELOOP));
        }
        let Some(here) = self.steps.last() else {
            return Ok(());
        };
        let target = readlinkat(&here.directory, name).map_err(|errno| self.system(name, errno))?;
        let target = PathBuf::from(target);
        if target.is_absolute() {
            self.steps.truncate(1);
        }
        for name in names(&target).into_iter().rev() {
            self.rest.push_front(name);
        }
        Ok(())
    }

    fn enter(&mut self, name: &OsStr) -> Result<(), PlaceError> {
        let Some(here) = self.steps.last() else {
            return Ok(());
        };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let directory = openat(&here.directory, name, flags, Mode::empty())
            .map_err(|errno| self.system(name, errno))?;
        let path = here.path.join(name);
        self.steps.push(Step { directory, path });
        Ok(())
    }

    /// The place of a name in the last directory, with what is left of the way.
    fn place(&mut self, name: OsString, owner: Option<Owner>) -> Result<Place, PlaceError> {
        let mut names = vec![name];
        names.extend(self.rest.drain(..));
        // The end is a directory that was entered: it is named from above.
        if names == [OsString::from(".")]
            && self.steps.len() > 1
            && let Some(last) = self.steps.pop()
        {
            names = last
                .path
                .file_name()
                .map(OsStr::to_owned)
                .into_iter()
                .collect();
        }
        let Some(step) = self.steps.pop() else {
            return Err(self.system(OsStr::new("/"), Errno::ENOENT));
        };
        let mut path = step.path;
        let mut taken = Vec::with_capacity(names.len());
        for name in names {
            // Nobody's child goes up again.
            if name == ".." {
                return Err(PlaceError::System {
                    path: path.join(name),
                    cause: Errno::EXDEV,
                });
            }
            if name != "." {
                path.push(&name);
            }
            let c = CString::new(name.into_vec()).map_err(|_| PlaceError::System {
                path: path.clone(),
                cause: Errno::EINVAL,
            })?;
            taken.push(c);
        }
        Ok(Place {
            path,
            base: step.directory,
            names: taken,
            owner,
        })
    }

    fn changer(&self, here: &Step) -> Result<Changer, PlaceError> {
        if !self.root {
            return Ok(Changer::Me);
        }
        let found = fstat(&here.directory).map_err(|cause| PlaceError::System {
            path: here.path.clone(),
            cause,
        })?;
        Ok(changer_of(&found, || shares(&found, here)))
    }

    fn system(&self, name: &OsStr, cause: Errno) -> PlaceError {
        let here = self.steps.last().map(|step| step.path.as_path());
        PlaceError::System {
            path: here.unwrap_or(Path::new("/")).join(name),
            cause,
        }
    }
}

/// Who can change a directory; `shares` says whether its group has others in it.
fn changer_of(found: &FileStat, shares: impl FnOnce() -> bool) -> Changer {
    if found.st_uid != 0 {
        return Changer::Owner(found.st_uid);
    }
    let everybody = found.st_mode & OTHERS_WRITE != 0;
    if !everybody && (found.st_mode & GROUP_WRITE == 0 || !shares()) {
        return Changer::Me;
    }
    match found.st_mode & STICKY {
        0 => Changer::Many { everybody },
        _ => Changer::EachOwner,
    }
}

/// Whether anybody but root can write by the right of the group. Where there is an access control list,
/// the bits of the group are its mask, and others may be named in it.
fn shares(found: &FileStat, here: &Step) -> bool {
    let me = Identity::current();
    has_acl(&here.directory)
        || SystemAccounts.listed_member(found.st_gid, &me).is_some()
        || SystemAccounts.primary_user(found.st_gid, &me).is_some()
}

fn has_acl(directory: &OwnedFd) -> bool {
    use std::os::fd::AsRawFd;
    // An O_PATH descriptor has no attributes to ask for; its name below /proc leads to the same.
    let name = format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd());
    let Ok(name) = CString::new(name.as_bytes()) else {
        return true;
    };
    // SAFETY: both names end with NUL, and no octet is written: the length asked for is 0.
    let length = unsafe { libc::getxattr(name.as_ptr(), ACL.as_ptr(), std::ptr::null_mut(), 0) };
    length >= 0 || !matches!(Errno::last(), Errno::ENODATA | Errno::ENOTSUP)
}
