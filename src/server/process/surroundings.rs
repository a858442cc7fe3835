//! What the process sees of the file system: ChangeRootDirectory, UMask.
//!
//! BaseDirectory changes no working directory: the configuration joins relative paths to it.

use std::path::Path;

use nix::{
    sys::stat::{Mode, umask},
    unistd::{chdir, chroot},
};

use super::exit::{ExitCode, Failure};

/// ChangeRootDirectory: nothing outside can be reached any more, the working directory included.
pub fn change_root(directory: &Path) -> Result<(), Failure> {
    chdir(directory).map_err(|e| failed(directory, "chdir", e))?;
    chroot(".").map_err(|e| failed(directory, "chroot", e))?;
    chdir("/").map_err(|e| failed(directory, "chdir", e))
}

/// UMask: permission bits that a Unix socket does not get.
pub fn set_umask(bits: u32) {
    umask(Mode::from_bits_truncate(bits));
}

fn failed(directory: &Path, call: &str, errno: nix::errno::Errno) -> Failure {
    Failure::new(
        ExitCode::OsError,
        format!("{}: {call}(): {}", directory.display(), errno.desc()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_directory_is_named_with_its_reason() {
        let failure = change_root(Path::new("/nonexistent/root")).unwrap_err();
        assert_eq!(failure.code, ExitCode::OsError);
        assert_eq!(
            failure.message,
            "/nonexistent/root: chdir(): No such file or directory"
        );
    }
}
