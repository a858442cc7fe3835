//! `dkimd check`: the full dry run of a configuration, as the daemon's start would go and beyond.
//!
//! 1. Options, tables, hosts and trust anchor are read as the starting user, as at a start.
//! 2. What only a daemon needs: user, socket, pid file (`surroundings`).
//! 3. KeyFile is read with the starting user's rights, as at a start.
//! 4. Started by root, the check becomes the user of UserID as the daemon does: from here on
//!    permissions are what the daemon meets.
//!    Whoever is neither root nor that user can't judge permissions: all else is examined, and one
//!    line says that they were not.
//! 5. Everything once more, as a reload would find it; the socket's directory; every key (`keys`).

mod finding;
mod keys;
mod report;
mod surroundings;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use clap::Args;
use nix::unistd::geteuid;

use dkimd_server::{
    config::{
        DEFAULT_FILE,
        parse::{self, WrittenOption},
        resolve::Overrides,
        settings::Settings,
        snapshot::{SigningIdentities, Snapshot},
    },
    diagnostic::{Diagnostic, Severity},
    process::{ExitCode, surroundings::change_root, user::Account},
};

/// Places that the line about rights names.
const MOST_PLACES: usize = 3;

/// Arguments of `dkimd check`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Started by root, it judges keys and directories as the user of UserID. Started by \
    anybody but root and that user, it examines all that does not depend on rights, and says in one line \
    that those were not examined.\n\n\
    Exit codes: 0 no errors (there may be warnings), 77 nothing could be examined for want of \
    rights, 78 errors."
)]
pub struct CheckArgs {
    /// Configuration file
    #[arg(short = 'x', long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub config: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Tells all findings on standard output.
pub fn run(args: &CheckArgs) -> ExitCode {
    let findings = findings(&args.config);
    let printed = match args.json {
        true => report::print_json(&args.config, &findings),
        false => report::print(&findings),
    };
    match (findings.iter().any(Diagnostic::is_error), printed) {
        _ if is_closed(&args.config) => ExitCode::NoPermission,
        (true, _) => ExitCode::Config,
        (false, Err(_)) => ExitCode::IoError,
        (false, Ok(())) => ExitCode::Ok,
    }
}

/// Whether this process may not even read the file.
fn is_closed(file: &Path) -> bool {
    let denied = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    !geteuid().is_root() && file != Path::new("-") && File::open(file).is_err_and(denied)
}

/// Everything wrong with the file. Ends as the user of UserID, if root asks.
fn findings(file: &Path) -> Vec<Diagnostic> {
    if is_closed(file) {
        return vec![not_examined(&[file.display().to_string()])];
    }
    let (written, found) = parse::read(file);
    let place = Place(&written);
    let (settings, snapshot, mut findings) =
        Snapshot::to_look_at(&written, found, &Overrides::default());
    let account = surroundings::account(&settings, &place, &mut findings);
    if is_stranger(&settings, account.as_ref()) {
        if let Some(snapshot) = &snapshot {
            findings.extend(keys::check(snapshot, account.as_ref()));
        }
        return without_rights(findings);
    }
    surroundings::before_the_user_change(&settings, account.as_ref(), &place, &mut findings);

    let is_key_file = snapshot
        .as_ref()
        .is_some_and(|snapshot| matches!(snapshot.signing, SigningIdentities::Single { .. }));
    let new_root = settings.process.change_root.as_deref();
    let at_start = snapshot
        .as_ref()
        .filter(|_| is_key_file || new_root.is_some())
        .map(|snapshot| keys::check(snapshot, account.as_ref()));
    let confined = confine(&settings, account.as_ref(), &place, &mut findings);
    if confined && file != Path::new("-") && snapshot.is_some() {
        findings.extend(only_at_reload(file, &findings, new_root));
    }
    surroundings::socket(&settings, &place, &mut findings);
    if let Some(snapshot) = &snapshot {
        let as_daemon = keys::check(snapshot, None);
        match at_start {
            Some(at_start) if !is_key_file => {
                let outside: Vec<_> = at_start.into_iter().map(|finding| finding.what).collect();
                let place = |finding: Diagnostic| match new_root {
                    Some(root) if !outside.contains(&finding.what) => {
                        let root = root.display();
                        finding.remedy(format!("keep a copy below {root}, where keys are read"))
                    }
                    _ => finding,
                };
                let found = as_daemon.into_iter().map(place);
                findings.extend(found.map(one_of_many));
            }
            None => findings.extend(as_daemon.into_iter().map(one_of_many)),
            Some(at_start) => {
                let fine = !at_start.iter().any(Diagnostic::is_error);
                findings.extend(at_start);
                let denied = as_daemon
                    .into_iter()
                    .filter(|finding| fine && finding.is_error());
                findings.extend(denied.map(|finding| Diagnostic {
                    severity: Severity::Warning,
                    what: format!("a replaced KeyFile will take a restart: {}", finding.what),
                    ..restart_instead(finding, new_root)
                }));
            }
        }
    }
    // Judged with the daemon's own rights: what those don't allow is wrong, not unknown.
    let judged = findings.into_iter();
    judged.map(|finding| finding.denied_if(false)).collect()
}

/// About a key of the KeyTable: mail of other domains is signed all the same, so the daemon starts.
fn one_of_many(finding: Diagnostic) -> Diagnostic {
    match finding.is_error() {
        true => Diagnostic {
            severity: Severity::Warning,
            ..finding.leaves_unsigned()
        },
        false => finding,
    }
}

/// Whether this process has neither root's rights nor those that the daemon will have.
fn is_stranger(settings: &Settings, account: Option<&Account>) -> bool {
    let is_daemon = account.is_some_and(Account::is_current);
    !geteuid().is_root() && settings.process.user.is_some() && !is_daemon
}

/// What depends on rights, in one line: what this process may not read, the daemon may well.
fn without_rights(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let (denied, mut findings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.denied);
    let mut places: Vec<String> = Vec::new();
    for finding in denied {
        let place = match (finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{}:{line}", file.display()),
            (Some(file), None) => file.display().to_string(),
            (None, _) => finding.what,
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    findings.push(not_examined(&places));
    findings
}

/// The line about rights.
fn not_examined(places: &[String]) -> Diagnostic {
    let mut what = "not examined: who may read and write which file; only root, or the user of \
                    UserID, can judge that"
        .to_owned();
    if let Some((last, before)) = places[..places.len().min(MOST_PLACES)].split_last() {
        let before = before.iter().map(|place| format!("{place}, "));
        let before: String = before.collect();
        let more = match places.len().saturating_sub(MOST_PLACES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        what = format!("{what} (not read: {before}{last}{more})");
    }
    Diagnostic::warning(what).denied_if(true)
}

/// Becomes what the daemon is after its start; `false` if nothing changes.
fn confine(
    settings: &Settings,
    account: Option<&Account>,
    place: &Place<'_>,
    findings: &mut Vec<Diagnostic>,
) -> bool {
    let root = geteuid().is_root();
    let Some(account) = account.filter(|account| root && !account.is_current()) else {
        return false;
    };
    if let Some(directory) = &settings.process.change_root
        && let Err(failure) = change_root(directory)
    {
        let remedy = format!("run: mkdir -p {}", directory.display());
        findings.push(place.of(
            "ChangeRootDirectory",
            Diagnostic::error(failure.message).remedy(remedy),
        ));
        return false;
    }
    match account.assume() {
        Ok(()) => true,
        Err(failure) => {
            findings.push(place.of("UserID", Diagnostic::error(failure.message)));
            false
        }
    }
}

/// A reload reads all files with the daemon's rights; what it would stumble over is a warning.
fn only_at_reload(file: &Path, known: &[Diagnostic], new_root: Option<&Path>) -> Vec<Diagnostic> {
    let (written, found) = parse::read(file);
    let (_, _, found) = Snapshot::to_look_at(&written, found, &Overrides::default());
    found
        .into_iter()
        .filter(|finding| finding.is_error() && !known.contains(finding))
        .map(|finding| Diagnostic {
            severity: Severity::Warning,
            what: format!("a reload will fail: {}", finding.what),
            ..restart_instead(finding, new_root)
        })
        .collect()
}

/// What a start finds and a daemon in its new root doesn't is there, only not inside that root.
fn restart_instead(finding: Diagnostic, new_root: Option<&Path>) -> Diagnostic {
    match new_root {
        Some(root) => finding.remedy(format!(
            "restart instead of reloading: systemctl restart opendkim (or keep a copy below {})",
            root.display()
        )),
        None => finding,
    }
}

/// Where options stand.
struct Place<'a>(&'a [WrittenOption]);

impl Place<'_> {
    /// The finding at the line that sets the option, if there is one.
    fn of(&self, name: &str, finding: Diagnostic) -> Diagnostic {
        match self.0.iter().rev().find(|option| option.name == name) {
            Some(option) => option.place(finding),
            None => finding,
        }
    }
}
