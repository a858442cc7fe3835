//! PidFile: one daemon for one file, told by a lock that nobody else can take.
//!
//! A lock that whoever may read the file can take says nothing (flock(2) is of that kind, and a read
//! lock of fcntl(2) keeps a write lock away). So only a *write* lock of fcntl counts, and only on a
//! file that no other user can write; a file on which readers sit is put aside for a new one, which
//! is locked before anybody can open it. The lock belongs to the open file, not to the process: it
//! goes on in forked children and ends with the last of them, however that ends.
//!
//! The file is written before privileges are dropped; [`Place`] says with whose rights.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read, Seek, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, FcntlArg, OFlag, fcntl, openat},
    sys::stat::{FileStat, Mode, fchmod, fstat, fstatat, umask},
    unistd::{UnlinkatFlags, geteuid, unlinkat},
};

use super::{
    place::{Place, reason},
    user::Account,
};

/// Why there is no pid file of ours.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Another daemon lives with this file: starting a second one helps nobody.
    #[error("can't write pid to {}: process {} is running with this file; stop it first", .path.display(), .number.map_or("?".to_owned(), |n| n.to_string()))]
    Running {
        /// The file.
        path: PathBuf,
        /// What stands in it.
        number: Option<u32>,
    },
    /// The file can't be written. OpenDKIM logs that and goes on, since mail matters more.
    #[error("can't write pid to {}: {cause}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The reason, and the remedy where there is one.
        cause: String,
    },
}

/// Nobody's process number is longer; what follows in the file is not ours.
const MAX_PID_FILE_OCTETS: u64 = 32;

/// How long a start waits for a daemon that is just ending, longer than any takes, or was killed and is
/// being cleared away.
pub const PATIENCE: Duration = Duration::from_secs(6);

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How often another file may turn up under the name before a start goes on without a pid file.
const MAX_TRIES: usize = 16;

/// What the file may be: for its owner to write, for all to read.
const MODE: Mode = Mode::from_bits_truncate(0o644);
const OTHERS_WRITE: u32 = 0o022;

/// A pid file that names this process.
#[derive(Debug)]
pub struct PidFile {
    place: Place,
    text: String,
    /// Holds the lock, also in forked children.
    file: File,
}

impl PidFile {
    /// Writes this process's number. `user` is whom the daemon becomes.
    ///
    /// The file is created with mode 644 less the umask. A symbolic link, a file with other names
    /// (hard links) and anything but a regular file is refused.
    pub fn write(path: &Path, user: Option<&Account>) -> Result<Self, PidFileError> {
        let failed = |cause: String| PidFileError::Unwritable {
            path: path.to_owned(),
            cause,
        };
        let place = Place::find(path, user).map_err(&failed)?;
        let end = Instant::now() + PATIENCE;
        let mut file = loop {
            let claimed = place.act(|directory, name| Ok(claim(directory, name)));
            match claimed.map_err(|error| failed(reason(&error)))? {
                Ok(file) => break file,
                Err(Refusal::Taken(_)) if Instant::now() < end => thread::sleep(LOOK_AGAIN),
                Err(Refusal::Taken(number)) => {
                    return Err(PidFileError::Running {
                        path: path.to_owned(),
                        number,
                    });
                }
                Err(Refusal::Failed(cause)) => return Err(failed(cause)),
            }
        };
        let text = format!("{}\n", process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|error| failed(reason(&error)))?;
        Ok(Self { place, text, file })
    }

    /// Removes the file if it still is the one that was written and the directory allows it.
    pub fn remove(mut self) {
        let is_ours = |file: &mut File, directory: BorrowedFd<'_>, name: &OsStr| {
            let mut text = String::new();
            file.rewind()?;
            file.take(MAX_PID_FILE_OCTETS).read_to_string(&mut text)?;
            Ok::<_, io::Error>(is_named(directory, name, file)? && text == self.text)
        };
        // An unprivileged user often may not: OpenDKIM leaves the file then, too.
        let _ = self.place.act(|directory, name| {
            if is_ours(&mut self.file, directory, name)? {
                unlinkat(directory, name, UnlinkatFlags::NoRemoveDir)?;
            }
            Ok(())
        });
    }
}

/// Why the name can't be had.
enum Refusal {
    /// A daemon holds it; what stands in the file.
    Taken(Option<u32>),
    /// The reason.
    Failed(String),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno.desc().to_owned())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Failed(reason(&error))
    }
}

/// Opens and locks the file of that name, or a new one in its place.
fn claim(directory: BorrowedFd<'_>, name: &OsStr) -> Result<File, Refusal> {
    for _ in 0..MAX_TRIES {
        let claimed = match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => claim_old(directory, name, &found)?,
            Err(Errno::ENOENT) => create(directory, name)?,
            Err(errno) => return Err(errno.into()),
        };
        if let Some(file) = claimed
            && is_named(directory, name, &file)?
        {
            return Ok(file);
        }
    }
    Err(Refusal::Failed(
        "another program keeps putting files there; see which one".to_owned(),
    ))
}

/// Takes the file that is there. `None`: it is there no longer, so look again.
fn claim_old(
    directory: BorrowedFd<'_>,
    name: &OsStr,
    found: &FileStat,
) -> Result<Option<File>, Refusal> {
    if let Some(cause) = unfit(found) {
        return Err(Refusal::Failed(cause.to_owned()));
    }
    let opened = |access| {
        let flags = access | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        openat(directory, name, flags, Mode::empty()).map(File::from)
    };
    let (file, writable) = match opened(OFlag::O_RDWR) {
        Ok(file) => (file, true),
        // An earlier daemon may have left it as root's.
        Err(Errno::EACCES) => match opened(OFlag::O_RDONLY) {
            Ok(file) => (file, false),
            Err(Errno::ENOENT) => return Ok(None),
            Err(_) => return Err(Errno::EACCES.into()),
        },
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let found = fstat(&file)?;
    if let Some(cause) = unfit(&found) {
        return Err(Refusal::Failed(cause.to_owned()));
    }
    // Only then is a lock the word of a daemon, not of just any user.
    let trusted = found.st_mode & OTHERS_WRITE == 0
        && (found.st_uid == 0 || found.st_uid == geteuid().as_raw());
    if trusted && has_writer(&file)? {
        return Err(Refusal::Taken(read_number(&file)));
    }
    if trusted && writable && lock(&file)? {
        return Ok(Some(file));
    }
    // Somebody who may only read it holds a lock, or it is another user's.
    if is_named(directory, name, &file)? {
        match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            // The name can't be had anew. A start that fails for it would be worse than no lock.
            Err(_) if writable => return Ok(Some(file)),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(None)
}

/// Makes the file, for all to read only once it is locked. `None`: somebody else was faster.
fn create(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<File>, Refusal> {
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
    let owner_alone = Mode::S_IRUSR | Mode::S_IWUSR;
    let file = match openat(directory, name, flags | OFlag::O_CLOEXEC, owner_alone) {
        Ok(file) => File::from(file),
        Err(Errno::EEXIST) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    if !lock(&file)? {
        return Ok(None);
    }
    let mask = umask(!owner_alone);
    umask(mask);
    fchmod(&file, MODE & !mask)?;
    Ok(Some(file))
}

/// Why a file is not to be written to.
fn unfit(found: &FileStat) -> Option<&'static str> {
    match found.st_mode & libc::S_IFMT {
        libc::S_IFLNK => Some("it is a symbolic link; remove it"),
        libc::S_IFREG if found.st_nlink > 1 => {
            Some("the file has further names (hard links); remove it")
        }
        libc::S_IFREG => None,
        _ => Some("it is not a regular file"),
    }
}

/// Whether the name leads to this file.
fn is_named(directory: BorrowedFd<'_>, name: &OsStr, file: &File) -> io::Result<bool> {
    let open = file.metadata()?;
    match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (open.dev(), open.ino())),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Locks the whole file for writing; `false`: others hold locks.
fn lock(file: &File) -> Result<bool, Errno> {
    let wanted = whole_file(libc::F_WRLCK);
    match fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&wanted)) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether somebody holds a write lock: only that keeps away a read lock, which is asked about here.
fn has_writer(file: &File) -> Result<bool, Errno> {
    let mut held = whole_file(libc::F_RDLCK);
    fcntl(file.as_fd(), FcntlArg::F_OFD_GETLK(&mut held))?;
    Ok(i32::from(held.l_type) != libc::F_UNLCK)
}

fn whole_file(kind: i32) -> libc::flock {
    libc::flock {
        // The constants are small enough for the field, which the C library declares as short.
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn read_number(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID_FILE_OCTETS)
        .read_to_string(&mut text)
        .ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn the_number_is_written_and_the_file_removed_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        fs::write(&path, "1234567890 left from a longer text\n").unwrap();
        let file = PidFile::write(&path, None).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", process::id())
        );
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_another_daemon_wrote_in_between_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let file = PidFile::write(&path, None).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        file.remove();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn a_second_daemon_is_told_who_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let _first = PidFile::write(&path, None).unwrap();
        let error = PidFile::write(&path, None).unwrap_err();
        assert!(
            matches!(error, PidFileError::Running { number, .. } if number == Some(process::id())),
            "{error}"
        );
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join("precious");
        fs::write(&precious, "keep").unwrap();
        let soft = dir.path().join("soft");
        symlink(&precious, &soft).unwrap();
        let hard = dir.path().join("hard");
        fs::hard_link(&precious, &hard).unwrap();
        let dangling = dir.path().join("dangling");
        symlink(dir.path().join("new"), &dangling).unwrap();
        for path in [&soft, &hard, &dangling] {
            let error = PidFile::write(path, None).unwrap_err().to_string();
            assert!(error.ends_with("remove it"), "{error}");
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "keep");
        assert!(!dir.path().join("new").exists());
    }

    #[test]
    fn devices_and_missing_directories_are_refused_with_the_reason() {
        assert_eq!(
            PidFile::write(Path::new("/dev/null"), None)
                .unwrap_err()
                .to_string(),
            "can't write pid to /dev/null: it is not a regular file"
        );
        assert_eq!(
            PidFile::write(Path::new("/nonexistent/pid"), None)
                .unwrap_err()
                .to_string(),
            "can't write pid to /nonexistent/pid: No such file or directory"
        );
    }
}
