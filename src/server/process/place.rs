//! Where a file of the daemon's lies, and with whose rights it is touched there.
//!
//! Root does nothing itself in a directory that another user can change: a link or a pipe planted
//! there would turn root's rights against the host. The way to the file is walked from the root of
//! the file system, one name at a time. As long as only root can change what was reached, links are
//! root's own. From the first directory that another user can change, everything is done with that
//! user's rights, so that what was planted leads nowhere that its planter could not go himself.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open, openat, readlinkat},
    sys::stat::{FileStat, Mode, fstat},
    unistd::{getegid, geteuid, getgroups, setegid, seteuid, setgroups},
};

use super::user::Account;

/// As many links as the kernel follows.
const MAX_LINKS: usize = 40;

/// Who may write, besides the owner.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// A name in an open directory, and the rights with which it may be touched.
#[derive(Debug)]
pub struct Place {
    directory: OwnedFd,
    name: OsString,
    rights: Rights,
}

#[derive(Clone, Debug)]
enum Rights {
    /// Those that the process has.
    Own,
    /// Those of the user who can change the directory.
    Of(Account),
}

impl Place {
    /// Walks to the directory. `user` is whom the daemon becomes: the one to act as where several
    /// others can change a directory. The error says why, and what mends it.
    pub fn find(path: &Path, user: Option<&Account>) -> Result<Self, String> {
        let path = std::path::absolute(path).map_err(|error| reason(&error))?;
        let name = path.file_name().ok_or("no file name")?.to_owned();
        let parent = path.parent().unwrap_or(Path::new("/"));
        if geteuid().is_root() {
            return walk(parent, name, user);
        }
        let directory = open(parent, DIRECTORY, Mode::empty()).map_err(described)?;
        Ok(Self {
            directory,
            name,
            rights: Rights::Own,
        })
    }

    /// Does something with the name, with the rights that the directory demands.
    pub fn act<T>(
        &self,
        act: impl FnOnce(BorrowedFd<'_>, &OsStr) -> io::Result<T>,
    ) -> io::Result<T> {
        with(&self.rights, || act(self.directory.as_fd(), &self.name))
    }
}

const DIRECTORY: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);
const NO_LINK: OFlag = OFlag::O_PATH
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

fn walk(parent: &Path, name: OsString, user: Option<&Account>) -> Result<Place, String> {
    let mut steps: VecDeque<OsString> = steps(parent).collect();
    let mut reached = open("/", DIRECTORY, Mode::empty()).map_err(described)?;
    let mut links = 0;
    loop {
        let found = fstat(&reached).map_err(described)?;
        if let Some(rights) = rights_in(&found, user)? {
            let rest: std::path::PathBuf = steps.iter().collect();
            let directory = match rest.as_os_str().is_empty() {
                true => reached,
                false => with(&rights, || {
                    Ok(openat(&reached, &rest, DIRECTORY, Mode::empty())?)
                })
                .map_err(|error| reason(&error))?,
            };
            return Ok(Place {
                directory,
                name,
                rights,
            });
        }
        let Some(step) = steps.pop_front() else {
            return Ok(Place {
                directory: reached,
                name,
                rights: Rights::Own,
            });
        };
        let next = openat(&reached, step.as_os_str(), NO_LINK, Mode::empty()).map_err(described)?;
        let found = fstat(&next).map_err(described)?;
        if found.st_mode & libc::S_IFMT != libc::S_IFLNK {
            reached = next;
            continue;
        }
        links += 1;
        // In a directory such as /tmp anybody may make a link; what is root's there stays root's.
        if links > MAX_LINKS || found.st_uid != 0 {
            return Err(described(Errno::ELOOP));
        }
        let target = readlinkat(&next, "").map_err(described)?;
        if Path::new(&target).is_absolute() {
            reached = open("/", DIRECTORY, Mode::empty()).map_err(described)?;
        }
        for step in self::steps(Path::new(&target)).rev() {
            steps.push_front(step);
        }
    }
}

/// The names of a path, without its root.
fn steps(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// With whose rights root acts in that directory; `None`: only root can change it, or at least
/// nobody but root can change what root put there.
fn rights_in(directory: &FileStat, user: Option<&Account>) -> Result<Option<Rights>, String> {
    if directory.st_uid != 0 {
        let owner = Account::of_owner(directory.st_uid, directory.st_gid);
        return Ok(Some(Rights::Of(owner)));
    }
    let of_root_group = directory.st_gid == 0 && directory.st_mode & 0o002 == 0;
    if directory.st_mode & OTHERS_WRITE == 0 || directory.st_mode & STICKY != 0 || of_root_group {
        return Ok(None);
    }
    match user {
        Some(user) => Ok(Some(Rights::Of(user.clone()))),
        None => Err(
            "others than root can change its directory, and root writes nothing there; \
             take that from them with chmod go-w, or name another directory"
                .to_owned(),
        ),
    }
}

fn with<T>(rights: &Rights, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    match rights {
        // Who has become another user already acts as that user.
        Rights::Of(account) if geteuid().is_root() => {
            let _lent = Lent::rights_of(account)?;
            act()
        }
        Rights::Own | Rights::Of(_) => act(),
    }
}

/// Root with another user's rights, until it is dropped. The real and the saved user stay root, so
/// the other user can neither signal nor trace this process meanwhile.
struct Lent {
    groups: Vec<nix::unistd::Gid>,
    group: nix::unistd::Gid,
}

impl Lent {
    fn rights_of(account: &Account) -> io::Result<Self> {
        let lent = Self {
            groups: getgroups()?,
            group: getegid(),
        };
        account.take_groups()?;
        setegid(account.gid)?;
        seteuid(account.uid)?;
        Ok(lent)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let back = seteuid(nix::unistd::Uid::from_raw(0))
            .and_then(|()| setegid(self.group))
            .and_then(|()| setgroups(&self.groups));
        if back.is_err() {
            // The kernel never refuses this to a process that began as root; to go on with the
            // rights of nobody knows whom would be worse than to end.
            std::process::abort();
        }
    }
}

fn described(errno: Errno) -> String {
    errno.desc().to_owned()
}

/// The system's words alone, without Rust's `(os error 2)`.
pub(super) fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}
