//! PidFile: written before privileges are dropped, so it must not be led astray by a link that the
//! less privileged user planted; locked for life, so that a second daemon can't take it over.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
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

/// A pid file that names this process.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    text: String,
    /// Holds the lock, also in forked children.
    file: File,
}

impl PidFile {
    /// Writes this process's number.
    ///
    /// The file is created with mode 644 less the umask. A symbolic link, a file with other names
    /// (hard links) and anything but a regular file is refused.
    pub fn write(path: &Path) -> Result<Self, PidFileError> {
        let failed = |cause: String| PidFileError::Unwritable {
            path: path.to_owned(),
            cause,
        };
        let mut file = open(path).map_err(&failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(PidFileError::Running {
                    path: path.to_owned(),
                    number: read_number(&file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(reason(&error))),
        }
        let text = format!("{}\n", process::id());
        file.set_len(0)
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|error| failed(reason(&error)))?;
        Ok(Self {
            path: path.to_owned(),
            text,
            file,
        })
    }

    /// Removes the file if it still is the one that was written and the directory allows it.
    pub fn remove(self) {
        let is_ours = || -> io::Result<bool> {
            let named = fs::symlink_metadata(&self.path)?;
            let written = self.file.metadata()?;
            Ok((named.dev(), named.ino()) == (written.dev(), written.ino())
                && fs::read_to_string(&self.path)? == self.text)
        };
        if is_ours().unwrap_or(false) {
            // An unprivileged user often may not: OpenDKIM leaves the file then, too.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path) -> Result<File, String> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => "it is a symbolic link; remove it".to_owned(),
            _ => reason(&error),
        })?;
    let found = file.metadata().map_err(|error| reason(&error))?;
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if found.nlink() > 1 {
        return Err("the file has further names (hard links); remove it".to_owned());
    }
    Ok(file)
}

fn read_number(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID_FILE_OCTETS)
        .read_to_string(&mut text)
        .ok()?;
    text.trim().parse().ok()
}

/// The system's words alone, without Rust's `(os error 2)`.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_number_is_written_and_the_file_removed_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        fs::write(&path, "1234567890 left from a longer text\n").unwrap();
        let file = PidFile::write(&path).unwrap();
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
        let file = PidFile::write(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        file.remove();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn a_second_daemon_is_told_who_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let _first = PidFile::write(&path).unwrap();
        let error = PidFile::write(&path).unwrap_err();
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
            let error = PidFile::write(path).unwrap_err().to_string();
            assert!(error.ends_with("remove it"), "{error}");
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "keep");
        assert!(!dir.path().join("new").exists());
    }

    #[test]
    fn devices_and_missing_directories_are_refused_with_the_reason() {
        assert_eq!(
            PidFile::write(Path::new("/dev/null"))
                .unwrap_err()
                .to_string(),
            "can't write pid to /dev/null: it is not a regular file"
        );
        assert_eq!(
            PidFile::write(Path::new("/nonexistent/pid"))
                .unwrap_err()
                .to_string(),
            "can't write pid to /nonexistent/pid: No such file or directory"
        );
    }
}
