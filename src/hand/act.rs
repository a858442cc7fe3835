//! What is done at a place: system calls and nothing else.
//!
//! The same functions work for this process and for the child of [`super::owner`]. That one was forked
//! from a process that may have threads, so nothing here allocates, locks, or panics.

use std::{
    ffi::CString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat, renameat},
    sys::stat::{FileStat, Mode, fchmod, fstat, fstatat, mkdirat},
    unistd::{
        AccessFlags, Gid, Uid, UnlinkatFlags, faccessat, fchown, fsync, geteuid, linkat, read,
        unlinkat, write,
    },
};

use super::{Attributes, Kind};

/// What is to be done.
pub(super) enum Task<'a> {
    Look,
    Read {
        most: u64,
    },
    Put {
        content: &'a [u8],
        attributes: Attributes,
        new: bool,
        temporary: CString,
    },
    MakeDirectory {
        attributes: Attributes,
    },
    Give {
        attributes: Attributes,
    },
    RemoveFile,
    RemoveDirectory,
    IsEmpty,
    MayWriteBeside,
}

/// Whose rights the work is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Those of this process.
    Own,
    /// Those of a directory's owner, who can't give files away.
    Lent,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Done,
    /// Nothing is there.
    Missing,
    /// The system refuses.
    Failed,
    /// A symbolic link is there.
    Link,
    /// Something else is there than was asked for.
    Other,
    /// It is larger than was asked for.
    TooBig,
    /// The child did not get the rights that it was to work with.
    NoRights,
}

/// What came of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) state: State,
    /// Why the system refuses.
    pub(super) errno: i32,
    /// Which name of the way it is about.
    pub(super) at: usize,
    /// What is there, as `stat` says it.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Octets of a file that was read; entries of a directory, as far as they were counted.
    pub(super) size: u64,
}

impl Report {
    fn new(state: State, at: usize) -> Self {
        Self {
            state,
            at,
            ..Self::default()
        }
    }

    fn failed(errno: Errno, at: usize) -> Self {
        Self {
            errno: errno as i32,
            ..Self::new(State::Failed, at)
        }
    }

    fn of(found: &FileStat, state: State, at: usize) -> Self {
        Self {
            mode: found.st_mode,
            uid: found.st_uid,
            gid: found.st_gid,
            ..Self::new(state, at)
        }
    }

    pub(super) fn kind(&self) -> Kind {
        Kind::of_mode(self.mode)
    }

    pub(super) fn attributes(&self) -> Attributes {
        Attributes {
            owner: self.uid,
            group: self.gid,
            mode: self.mode & 0o7777,
        }
    }
}

type Outcome = Result<Report, Report>;

/// Does it; `sink` takes what is read and says whether to go on.
pub(super) fn act(
    base: BorrowedFd<'_>,
    names: &[CString],
    task: &Task<'_>,
    rights: Rights,
    sink: &mut dyn FnMut(&[u8]) -> bool,
) -> Report {
    let Some((name, way)) = names.split_last() else {
        return Report::failed(Errno::EINVAL, 0);
    };
    let at = way.len();
    let directory = match descend(base, way) {
        Ok(directory) => directory,
        Err(report) => return report,
    };
    let here = Here {
        directory: directory.as_ref().map_or(base, AsFd::as_fd),
        name,
        at,
        rights,
    };
    let outcome = match task {
        Task::Look => here.look(),
        Task::Read { most } => here.read(*most, sink),
        Task::Put {
            content,
            attributes,
            new,
            temporary,
        } => here.put(content, *attributes, *new, temporary),
        Task::MakeDirectory { attributes } => here.make_directory(*attributes),
        Task::Give { attributes } => here.give(*attributes),
        Task::RemoveFile => here.remove_file(),
        Task::RemoveDirectory => here.remove_directory(),
        Task::IsEmpty => here.is_empty(),
        Task::MayWriteBeside => here.may_write(),
    };
    outcome.unwrap_or_else(|report| report)
}

/// Goes down the way, and never through a link: each name is opened in the directory before it.
fn descend(base: BorrowedFd<'_>, way: &[CString]) -> Result<Option<OwnedFd>, Report> {
    let mut directory: Option<OwnedFd> = None;
    for (at, name) in way.iter().enumerate() {
        let within = directory.as_ref().map_or(base, AsFd::as_fd);
        let opened = openat(
            within,
            name.as_c_str(),
            OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .map_err(|errno| absent_or_failed(errno, at))?;
        let found = fstat(&opened).map_err(|errno| Report::failed(errno, at))?;
        match Kind::of_mode(found.st_mode) {
            Kind::Directory => directory = Some(opened),
            Kind::Link => return Err(Report::of(&found, State::Link, at)),
            _ => return Err(Report::of(&found, State::Other, at)),
        }
    }
    Ok(directory)
}

fn absent_or_failed(errno: Errno, at: usize) -> Report {
    match errno {
        Errno::ENOENT => Report::new(State::Missing, at),
        errno => Report::failed(errno, at),
    }
}

/// A name in a directory.
struct Here<'a> {
    directory: BorrowedFd<'a>,
    name: &'a CString,
    at: usize,
    rights: Rights,
}

impl Here<'_> {
    fn failed(&self) -> impl Fn(Errno) -> Report + use<> {
        let at = self.at;
        move |errno| absent_or_failed(errno, at)
    }

    fn open(&self, flags: OFlag) -> Result<OwnedFd, Report> {
        let always = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        openat(
            self.directory,
            self.name.as_c_str(),
            flags | always,
            Mode::empty(),
        )
        .map_err(self.failed())
    }

    fn look(&self) -> Outcome {
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        let found = fstatat(self.directory, self.name.as_c_str(), flags).map_err(self.failed())?;
        match Kind::of_mode(found.st_mode) {
            Kind::Link => Err(Report::of(&found, State::Link, self.at)),
            _ => Ok(Report::of(&found, State::Done, self.at)),
        }
    }

    /// That nothing but a regular file is there.
    fn regular(&self) -> Outcome {
        let found = self.look()?;
        match found.kind() {
            Kind::File => Ok(found),
            _ => Err(Report {
                state: State::Other,
                ..found
            }),
        }
    }

    fn read(&self, most: u64, sink: &mut dyn FnMut(&[u8]) -> bool) -> Outcome {
        // Asked before, since opening alone does something to a device; and again, since another may be
        // there by then.
        self.regular()?;
        let file = self.open(OFlag::O_RDONLY)?;
        let found = fstat(&file).map_err(self.failed())?;
        let mut report = Report::of(&found, State::Done, self.at);
        if report.kind() != Kind::File {
            return Err(Report {
                state: State::Other,
                ..report
            });
        }
        let too_big = Report {
            state: State::TooBig,
            size: found.st_size.unsigned_abs(),
            ..report
        };
        if too_big.size > most {
            return Err(too_big);
        }
        let mut buffer = [0; 64 * 1024];
        loop {
            let count = match read(&file, &mut buffer) {
                Ok(0) => return Ok(report),
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(Report::failed(errno, self.at)),
            };
            report.size += count as u64;
            if report.size > most {
                return Err(too_big);
            }
            if !sink(buffer.get(..count).unwrap_or_default()) {
                return Err(Report::failed(Errno::EPIPE, self.at));
            }
        }
    }

    fn put(
        &self,
        content: &[u8],
        attributes: Attributes,
        new: bool,
        temporary: &CString,
    ) -> Outcome {
        match self.regular() {
            Ok(_) if new => return Err(Report::failed(Errno::EEXIST, self.at)),
            Ok(_) => {}
            Err(report) if report.state == State::Missing => {}
            Err(report) => return Err(report),
        }
        // One of the same name is left from a process of the same number that was killed.
        let _ = unlinkat(
            self.directory,
            temporary.as_c_str(),
            UnlinkatFlags::NoRemoveDir,
        );
        let filled = self.fill(content, attributes, temporary);
        let settled = filled.and_then(|()| self.settle(new, temporary));
        if let Err(errno) = settled {
            // Nothing more can be done when it can't be removed.
            let _ = unlinkat(
                self.directory,
                temporary.as_c_str(),
                UnlinkatFlags::NoRemoveDir,
            );
            return Err(Report::failed(errno, self.at));
        }
        self.sync();
        Ok(Report::new(State::Done, self.at))
    }

    fn fill(
        &self,
        content: &[u8],
        attributes: Attributes,
        temporary: &CString,
    ) -> Result<(), Errno> {
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(
            self.directory,
            temporary.as_c_str(),
            flags,
            Mode::S_IRUSR | Mode::S_IWUSR,
        )?;
        let mut rest = content;
        while !rest.is_empty() {
            match write(&file, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.dress(&file, attributes)?;
        fsync(&file)
    }

    /// Gives what this process opened its owner, group and mode.
    fn dress(&self, opened: &OwnedFd, attributes: Attributes) -> Result<(), Errno> {
        let present = fstat(opened)?;
        if (present.st_uid, present.st_gid) != (attributes.owner, attributes.group) {
            let owner = Uid::from_raw(attributes.owner);
            let group = Gid::from_raw(attributes.group);
            fchown(opened, Some(owner), Some(group))?;
        }
        // After the owner: a change of owner takes set-group-ID away.
        fchmod(opened, Mode::from_bits_truncate(attributes.mode))
    }

    fn settle(&self, new: bool, temporary: &CString) -> Result<(), Errno> {
        let (here, temporary, name) = (self.directory, temporary.as_c_str(), self.name.as_c_str());
        if new {
            // Unlike a rename a link never replaces what somebody made meanwhile.
            linkat(here, temporary, here, name, AtFlags::empty())?;
            unlinkat(here, temporary, UnlinkatFlags::NoRemoveDir)
        } else {
            renameat(here, temporary, here, name)
        }
    }

    fn make_directory(&self, attributes: Attributes) -> Outcome {
        mkdirat(self.directory, self.name.as_c_str(), Mode::S_IRWXU).map_err(self.failed())?;
        // Whoever may write beside it may have put something else in its place.
        let made = self.open(OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let found = fstat(&made).map_err(self.failed())?;
        if found.st_uid != geteuid().as_raw() {
            return Err(Report::of(&found, State::Other, self.at));
        }
        self.dress(&made, attributes).map_err(self.failed())?;
        self.sync();
        Ok(Report::new(State::Done, self.at))
    }

    fn give(&self, attributes: Attributes) -> Outcome {
        self.look()?;
        let directory = self.open(OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        self.dress(&directory, attributes).map_err(self.failed())?;
        Ok(Report::new(State::Done, self.at))
    }

    fn remove_file(&self) -> Outcome {
        self.regular()?;
        unlinkat(
            self.directory,
            self.name.as_c_str(),
            UnlinkatFlags::NoRemoveDir,
        )
        .map_err(self.failed())?;
        self.sync();
        Ok(Report::new(State::Done, self.at))
    }

    fn remove_directory(&self) -> Outcome {
        self.look()?;
        unlinkat(
            self.directory,
            self.name.as_c_str(),
            UnlinkatFlags::RemoveDir,
        )
        .map_err(self.failed())?;
        self.sync();
        Ok(Report::new(State::Done, self.at))
    }

    fn is_empty(&self) -> Outcome {
        self.look()?;
        let directory = self.open(OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let empty = first_entries(&directory).map_err(self.failed())?;
        Ok(Report {
            size: u64::from(!empty),
            ..Report::new(State::Done, self.at)
        })
    }

    fn may_write(&self) -> Outcome {
        let access = AccessFlags::W_OK | AccessFlags::X_OK;
        // The rights of the effective user, which the child has through and through.
        let flags = match self.rights {
            Rights::Own => AtFlags::AT_EACCESS,
            Rights::Lent => AtFlags::empty(),
        };
        faccessat(self.directory, c".", access, flags).map_err(self.failed())?;
        Ok(Report::new(State::Done, self.at))
    }

    /// Makes the entries of the directory survive a power cut. Who may write into a directory may not
    /// always open it; then they do so a little later.
    fn sync(&self) {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        if let Ok(directory) = openat(self.directory, c".", flags, Mode::empty()) {
            let _ = fsync(&directory);
        }
    }
}

/// Whether a directory has no entries but its own and its parent's.
fn first_entries(directory: &OwnedFd) -> Result<bool, Errno> {
    use std::os::fd::AsRawFd;
    /// Where the name begins in a `linux_dirent64`, and where its length stands.
    const NAME: usize = 19;
    const LENGTH: usize = 16;
    let mut buffer = [0_u8; 4096];
    loop {
        // SAFETY: the kernel writes at most as many octets as the buffer has.
        let count = unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                directory.as_raw_fd(),
                buffer.as_mut_ptr(),
                buffer.len(),
            )
        };
        let count = usize::try_from(count).map_err(|_| Errno::last())?;
        if count == 0 {
            return Ok(true);
        }
        let mut rest = buffer.get(..count).unwrap_or_default();
        while let (Some(low), Some(high)) = (rest.get(LENGTH), rest.get(LENGTH + 1)) {
            let length = usize::from(u16::from_ne_bytes([*low, *high]));
            let name = rest.get(NAME..length).unwrap_or_default();
            let end = name.iter().position(|octet| *octet == 0);
            let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
            if name != b"." && name != b".." {
                return Ok(false);
            }
            rest = rest.get(length.max(1)..).unwrap_or_default();
        }
    }
}
