//! Knocks at a milter's socket as a service of Postfix does: from inside its chroot, as its user,
//! with that user's groups.
//!
//! Changing root and user is for a whole process, so the knocking is done by a program of its own
//! ([`helper`]): this one, run again with the hidden subcommand `knock`, single-threaded. It tells
//! what came of it in one line of JSON.

pub mod helper;

use std::{
    env, io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

/// Seconds that one knock may take, name lookup included; the kernel ends the helper after them.
pub const PATIENCE_SECONDS: u32 = 8;

/// Who knocks, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Knock {
    /// The account to become; `None`: whoever runs this.
    pub user: Option<String>,
    /// Postfix's queue directory, where relative paths begin.
    pub directory: PathBuf,
    /// Whether that directory is all that the service sees.
    pub chroot: bool,
    /// The families that may be used (`inet_protocols`).
    pub families: Families,
    /// `unix:PATH` or `inet:HOST:PORT`, as Postfix writes it.
    pub endpoint: String,
}

/// Which address families a service uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Families {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Knocked {
    /// Somebody opened.
    Open {
        /// Where, of several addresses.
        at: String,
    },
    /// Nobody did.
    Closed {
        /// The error of the last try.
        errno: i32,
        /// Every try and its error.
        tries: Vec<String>,
    },
    /// The host's name has no address there.
    Unresolvable {
        /// The name.
        host: String,
        /// The system's words.
        cause: String,
    },
    /// No answer in time.
    Silent,
    /// The helper could not become what Postfix's service is.
    NotAsPostfix {
        /// What was refused.
        step: String,
    },
}

impl Knock {
    /// Knocks; waits for at most [`PATIENCE_SECONDS`].
    ///
    /// # Errors
    /// If the helper does not start or says nothing that can be understood.
    pub fn ask(&self) -> io::Result<Knocked> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("knock").arg("--directory").arg(&self.directory);
        if let Some(user) = &self.user {
            command.args(["--user", user]);
        }
        if self.chroot {
            command.arg("--chroot");
        }
        for (wanted, flag) in [(self.families.v4, "--ipv4"), (self.families.v6, "--ipv6")] {
            if wanted {
                command.arg(flag);
            }
        }
        let done = command
            .arg(&self.endpoint)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()?;
        if done.status.signal() == Some(libc::SIGALRM) {
            return Ok(Knocked::Silent);
        }
        serde_json::from_slice(&done.stdout).map_err(io::Error::from)
    }
}
