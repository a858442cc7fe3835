//! Asking Postfix's own programs.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Why a program of Postfix's told nothing.
#[derive(Debug, thiserror::Error)]
pub enum PostfixError {
    /// There is no `postconf`.
    #[error("Postfix is not installed: there is no program {0}")]
    NotInstalled(&'static str),
    /// A program of Postfix's did not start.
    #[error("{program} does not start: {cause}")]
    NotStarted {
        /// The program.
        program: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// It failed; Postfix's own words.
    #[error("{program} failed: {complaint}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it said about it.
        complaint: String,
    },
}

/// What a program wrote.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) output: String,
    pub(super) complaints: Vec<String>,
}

/// Runs `postconf` for the instance in `directory`.
pub(super) fn postconf(directory: Option<&Path>, arguments: &[&str]) -> Result<Told, PostfixError> {
    const PROGRAM: &str = "postconf";
    let mut command = Command::new(path_of(PROGRAM));
    if let Some(directory) = directory {
        command.arg("-c").arg(directory);
    }
    let done = command
        .args(arguments)
        .output()
        .map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => PostfixError::NotInstalled(PROGRAM),
            _ => PostfixError::NotStarted {
                program: PROGRAM,
                cause,
            },
        })?;
    let complaints: Vec<String> = String::from_utf8_lossy(&done.stderr)
        .lines()
        .map(|line| line.trim_start_matches("postconf: ").to_owned())
        .collect();
    if !done.status.success() {
        return Err(PostfixError::Failed {
            program: PROGRAM,
            complaint: complaints.join("; "),
        });
    }
    Ok(Told {
        output: String::from_utf8_lossy(&done.stdout).into_owned(),
        complaints,
    })
}

/// Postfix's administrative programs stand in `/usr/sbin`, which is not on every user's path.
pub(super) fn path_of(program: &str) -> PathBuf {
    let usual = Path::new("/usr/sbin").join(program);
    match usual.exists() {
        true => usual,
        false => PathBuf::from(program),
    }
}

/// What a table of `kind:name` has for a key; `None`: nothing.
pub(super) fn postmap(
    directory: &Path,
    key: &str,
    table: &str,
) -> Result<Option<String>, PostfixError> {
    const PROGRAM: &str = "postmap";
    let done = Command::new(path_of(PROGRAM))
        .arg("-c")
        .arg(directory)
        .args(["-q", key, table])
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| PostfixError::NotStarted {
            program: PROGRAM,
            cause,
        })?;
    let told = String::from_utf8_lossy(&done.stderr);
    let complaint = told
        .lines()
        .find(|line| line.contains("fatal: ") || line.contains("error: "));
    match (done.status.success(), complaint) {
        (true, _) => Ok(Some(
            String::from_utf8_lossy(&done.stdout).trim_end().to_owned(),
        )),
        (false, None) => Ok(None),
        (false, Some(complaint)) => Err(PostfixError::Failed {
            program: PROGRAM,
            complaint: complaint.trim_start_matches("postmap: ").to_owned(),
        }),
    }
}
