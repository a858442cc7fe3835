//! `dkimd reload PID`: asks a running daemon to load its configuration again, if that can be loaded.
//!
//! A signal alone has no answer: `systemctl reload` would tell of success while the daemon says in its
//! log that the new configuration is broken. So this loads it first, with the daemon's rights and words.

use std::{
    ffi::OsString,
    fs,
    os::unix::{ffi::OsStringExt, process::parent_id},
    path::{Path, PathBuf},
};

use clap::{Args, Parser};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};

use super::{Cli, Command, opendkim::CommandLine};
use crate::{
    config::{load::Load, resolve::Overrides},
    keys::accounts::user_name,
    process::{ExitCode, Failure, user::Account},
};

/// Arguments of `dkimd reload`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The configuration is loaded as the daemon would load it: its file and options, its user. \
    Only if that goes well the daemon is told.\n\n\
    Exit codes: 0 the daemon was told, 69 no such daemon, 78 configuration error."
)]
pub struct ReloadArgs {
    /// The daemon's process number, as systemd has it in $MAINPID and PidFile holds it
    pub pid: i32,
}

/// Runs the command.
pub fn run(args: &ReloadArgs) -> ExitCode {
    match reload(args.pid) {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            failure.tell("dkimd");
            failure.code
        }
    }
}

fn reload(pid: i32) -> Result<(), Failure> {
    let absent = || {
        let what =
            format!("no daemon with process number {pid}; look at: systemctl status opendkim");
        Failure::new(ExitCode::Unavailable, what)
    };
    // Numbers below 2 are init and groups of processes.
    if pid < 2 || u32::try_from(pid) == Ok(parent_id()) {
        return Err(absent());
    }
    let daemon = Daemon::of(pid).ok_or_else(absent)?;
    if Uid::effective().is_root() && !daemon.user.is_root() {
        Account::find(&user_name(daemon.user.as_raw()))?.assume()?;
    }
    let load = Load::steadily(daemon.file.as_deref(), &daemon.overrides, &[]);
    if load.snapshot.is_none() {
        for error in load.findings.iter().filter(|finding| finding.is_error()) {
            eprintln!("dkimd: {error}");
        }
        let what = "the daemon goes on with the configuration before; mend this and reload again";
        return Err(Failure::new(ExitCode::Config, what));
    }
    kill(Pid::from_raw(pid), Signal::SIGUSR1).map_err(|error| match error {
        Errno::ESRCH => absent(),
        error => Failure::new(
            ExitCode::Unavailable,
            format!("process {pid}: {error}; run it as root"),
        ),
    })
}

/// How a daemon was started, and whose it is.
struct Daemon {
    file: Option<PathBuf>,
    overrides: Overrides,
    user: Uid,
}

impl Daemon {
    fn of(pid: i32) -> Option<Self> {
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let args: Vec<_> = command_line
            .split(|octet| *octet == 0)
            .map(|word| OsString::from_vec(word.to_vec()))
            .collect();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        // Real, effective, saved, of the file system.
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let user = Uid::from_raw(uids.split_whitespace().nth(1)?.parse().ok()?);
        let (file, overrides) = started_with(args)?;
        Some(Self {
            file,
            overrides,
            user,
        })
    }
}

/// File and options of a daemon's command line, its last word being empty; `None`: it is none of ours.
fn started_with(mut args: Vec<OsString>) -> Option<(Option<PathBuf>, Overrides)> {
    args.pop();
    let name = Path::new(args.first()?).file_name()?.to_owned();
    if name == "opendkim" {
        let line = CommandLine::parse(args.into_iter().skip(1)).ok()?;
        return Some((line.file_to_load(), line.overrides));
    }
    match Cli::try_parse_from(args).ok()?.command {
        Command::Serve(serve) => Some((Some(serve.config), Overrides::default())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_one_that_the_daemon_was_started_with() {
        let file = |words: &str| {
            let args = words.split(' ').chain([""]).map(OsString::from).collect();
            started_with(args).map(|(file, _)| file)
        };
        let named = Some(Some(PathBuf::from("/x.conf")));
        assert_eq!(file("/usr/sbin/opendkim -f -x /x.conf"), named);
        assert_eq!(file("opendkim -P /run/p -x/x.conf"), named);
        assert_eq!(file("dkimd serve --config /x.conf"), named);
        assert_eq!(file("dkimd check --config /x.conf"), None);
        assert_eq!(file("sleep 60"), None);
    }
}
