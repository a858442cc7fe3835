//! `dkimd reload PID`: asks a running daemon to load its configuration again, and tells what became of it.
//!
//! A signal alone has no answer: `systemctl reload` would tell of success while the daemon says in its
//! log that the new configuration is broken. So this loads it first, with the daemon's rights and words;
//! then it waits for what the daemon, which knows the files before, its key and its own root directory,
//! says of its load ([`dkimd_server::process::answer`]).

use std::{
    ffi::OsString,
    fs,
    os::unix::{ffi::OsStringExt, fs::MetadataExt, process::parent_id},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};

use dkimd_server::{
    config::{load::Load, resolve::Overrides},
    log::sink::one_line,
    process::{
        ExitCode, Failure,
        answer::{Answer, Reader, Reload},
        user::Account,
    },
    secret,
};

/// How long the daemon has to begin: it may be at another load, which takes two seconds for files that
/// are being written.
const TO_BEGIN: Duration = Duration::from_secs(5);
/// How long a load may take, and those before it; below the 90 seconds that systemd gives a reload.
const TO_END: Duration = Duration::from_secs(75);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Arguments of `dkimd reload`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The configuration is loaded as the daemon would load it: its file and options, its user. \
    Only if that goes well the daemon is told, and its answer is waited for. To read that, be root; the \
    daemon's own user can with EnableCoredumps only. A daemon whose answer can't be read is told \
    all the same, with a warning, and its log has the outcome.\n\n\
    Exit codes: 0 reloaded (or told, with that warning), 69 no such daemon or no answer, 77 its user can't \
    be taken on, 78 configuration error, or a file looks half written: the configuration before stays."
)]
pub struct ReloadArgs {
    /// The daemon's process number, as systemd has it in $MAINPID and PidFile holds it
    pub pid: i32,
}

/// Reads the command line of a process: the file and the options that a daemon was started with;
/// `None`: it is no daemon's.
pub type ReadCommandLine = fn(Vec<OsString>) -> Option<(Option<PathBuf>, Overrides)>;

/// Runs the command; `command_line` reads that of the daemon.
pub fn run(args: &ReloadArgs, command_line: ReadCommandLine) -> ExitCode {
    match reload(args.pid, command_line) {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            failure.tell("dkimd");
            failure.code
        }
    }
}

fn reload(pid: i32, command_line: ReadCommandLine) -> Result<(), Failure> {
    let absent = || {
        let what =
            format!("no daemon with process number {pid}; look at: systemctl status opendkim");
        Failure::new(ExitCode::Unavailable, what)
    };
    // Numbers below 2 are init and groups of processes.
    if pid < 2 || u32::try_from(pid) == Ok(parent_id()) {
        return Err(absent());
    }
    let daemon = Daemon::of(pid, command_line).ok_or_else(absent)?;
    // While there is the right to look. A supervisor's worker runs as another user than it.
    let reader = Reader::of(pid);
    let serving = reader.as_ref().map_or(pid, |reader| reader.pid);
    let account = Account::of_process(serving).ok_or_else(absent)?;
    let here = has_our_root(serving);
    if geteuid().is_root() && !account.uid.is_root() {
        account.assume()?;
    }
    if here {
        check(&daemon)?;
    }
    let before = reader.as_ref().map(Reader::read_whole);
    kill(Pid::from_raw(serving), Signal::SIGUSR1).map_err(|error| match error {
        Errno::ESRCH => absent(),
        error => Failure::new(
            ExitCode::Unavailable,
            format!("process {pid}: {error}; run it as root"),
        ),
    })?;
    match (reader, before) {
        (Some(reader), Some(Some(before))) => judge(wait(&reader, before.load)?),
        _ => {
            eprintln!(
                "dkimd: warning: the daemon was told, but its answer can't be read (a release before this \
                 one, or too few rights); its log has the outcome"
            );
            Ok(())
        }
    }
}

/// Loads the configuration as the daemon would, but for what it alone knows.
fn check(daemon: &Daemon) -> Result<(), Failure> {
    let load = Load::steadily(daemon.file.as_deref(), &daemon.overrides, &[]);
    if load.snapshot.is_some() {
        return Ok(());
    }
    for error in load.findings.iter().filter(|finding| finding.is_error()) {
        eprintln!("dkimd: {error}");
    }
    Err(Failure::new(ExitCode::Config, KEPT))
}

const KEPT: &str = "the daemon goes on with the configuration before; mend this and reload again";

/// The answer to a load that began after the load `before`: one that was under way may have read the
/// files as they were.
fn wait(reader: &Reader, before: u64) -> Result<Answer, Failure> {
    let asked = Instant::now();
    let mut begun = false;
    loop {
        if let Some(answer) = reader.read() {
            if answer.load > before && answer.outcome.is_some() {
                return Ok(answer);
            }
            begun |= answer.outcome.is_none();
        }
        let gone = kill(Pid::from_raw(reader.pid), None) == Err(Errno::ESRCH);
        let patience = if begun { TO_END } else { TO_BEGIN };
        if gone || asked.elapsed() > patience {
            let what = match gone {
                true => "the daemon has ended; look at: systemctl status opendkim".to_owned(),
                false => format!(
                    "no answer from the daemon within {} seconds; its log has the outcome",
                    patience.as_secs()
                ),
            };
            return Err(Failure::new(ExitCode::Unavailable, what));
        }
        thread::sleep(LOOK_AGAIN);
    }
}

fn judge(answer: Answer) -> Result<(), Failure> {
    for reason in answer.reasons.lines() {
        eprintln!("dkimd: {}", one_line(&secret::line(reason)));
    }
    let what = match answer.outcome {
        Some(Reload::Done) => return Ok(()),
        Some(Reload::PutOff) => {
            "the daemon goes on with the configuration before, and takes up the file when it is whole"
        }
        Some(Reload::NoFile) => Reload::NoFile.status(),
        Some(Reload::Kept) | None => KEPT,
    };
    Err(Failure::new(ExitCode::Config, what))
}

/// Whether paths mean the same to that process; `true` where it can't be known.
fn has_our_root(pid: i32) -> bool {
    let root = |path: &str| fs::metadata(path).map(|root| (root.dev(), root.ino()));
    match (root(&format!("/proc/{pid}/root/")), root("/")) {
        (Ok(its), Ok(ours)) => its == ours,
        _ => true,
    }
}

/// How a daemon was started.
struct Daemon {
    file: Option<PathBuf>,
    overrides: Overrides,
}

impl Daemon {
    fn of(pid: i32, command_line: ReadCommandLine) -> Option<Self> {
        let told = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let args: Vec<_> = told
            .split(|octet| *octet == 0)
            .map(|word| OsString::from_vec(word.to_vec()))
            .collect();
        let (file, overrides) = command_line(args)?;
        Some(Self { file, overrides })
    }
}
