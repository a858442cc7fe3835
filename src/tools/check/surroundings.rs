//! What only a daemon needs: its user, its socket's directory, its pid file's directory.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use nix::unistd::{AccessFlags, access};

use super::Place;
use dkimd_milter::socket::SocketSpec;
use dkimd_server::{
    config::settings::Settings,
    diagnostic::Diagnostic,
    keys::accounts::{Identity, group_name, user_name},
    process::{self, user::Account},
    tables::peers::serves_everybody,
};

/// What lies here is made anew at every boot, often by the service manager just before the start.
const MADE_AT_BOOT: [&str; 2] = ["/run", "/var/run"];

/// The user of UserID.
pub(super) fn account(
    settings: &Settings,
    place: &Place<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Account> {
    let user = settings.process.user.as_deref()?;
    match Account::find(user) {
        Ok(account) => Some(account),
        Err(failure) => {
            let name = user.split(':').next().unwrap_or(user);
            findings.push(place.of(
                "UserID",
                Diagnostic::error(format!("UserID {user}: {failure}")).remedy(format!(
                    "run: adduser --system --group --no-create-home {name}"
                )),
            ));
            None
        }
    }
}

/// What the start does before it becomes that user.
pub(super) fn before_the_user_change(
    settings: &Settings,
    account: Option<&Account>,
    place: &Place<'_>,
    findings: &mut Vec<Diagnostic>,
) {
    if settings.process.socket.is_none() && !place.0.iter().any(|option| option.name == "Socket") {
        findings.push(
            Diagnostic::warning("no Socket: a start needs one from -p or the service manager")
                .remedy("add: Socket local:/run/opendkim/opendkim.sock"),
        );
    }
    let Some(pid_file) = &settings.process.pid_file else {
        return;
    };
    // The daemon runs without its pid file, as OpenDKIM does.
    let told = |what: &str| Diagnostic::warning(format!("PidFile {}: {what}", pid_file.display()));
    if let Err(problem) = directory_of(pid_file) {
        findings.push(place.of("PidFile", told(&problem.what).remedy(problem.remedy)));
    } else if let Err(reason) = process::place::Place::find(pid_file, account) {
        findings.push(place.of("PidFile", told(&reason)));
    }
}

/// Whether the daemon's user, as which this runs, may make the socket.
pub(super) fn socket(settings: &Settings, place: &Place<'_>, findings: &mut Vec<Diagnostic>) {
    let process = &settings.process;
    let Some(SocketSpec::Unix(path)) = &process.socket else {
        let everybody = process.milter_peers.is_none();
        let open = |socket: &&SocketSpec| everybody && socket.reaches_beyond_this_host();
        if let Some(socket) = process.socket.as_ref().filter(open) {
            findings.push(place.of("Socket", serves_everybody(socket)));
        }
        return;
    };
    let problem = match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => Some(Problem {
            what: "it exists and is not a socket".to_owned(),
            remedy: format!("look at it: ls -ld {}; then remove it", path.display()),
            may_come: false,
        }),
        _ => directory_of(path).err(),
    };
    if let Some(problem) = problem {
        let what = format!("Socket {}: {}", path.display(), problem.what);
        let finding = match problem.may_come {
            true => Diagnostic::warning(what),
            false => Diagnostic::error(what),
        };
        findings.push(place.of("Socket", finding.remedy(problem.remedy)));
    }
}

struct Problem {
    what: String,
    remedy: String,
    /// The directory may be there at the start.
    may_come: bool,
}

/// Whether a file can be made at the path, by this process.
fn directory_of(path: &Path) -> Result<(), Problem> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let shown = directory.display();
    let me = Identity::current().name;
    match fs::metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Problem {
            what: format!("the directory {shown} does not exist"),
            remedy: format!("run: install -d -o {me} -m 750 {shown}"),
            may_come: MADE_AT_BOOT.iter().any(|boot| directory.starts_with(boot)),
        }),
        Err(error) => Err(Problem {
            what: format!("the directory {shown} can't be reached by user {me}: {error}"),
            remedy: format!("look at the way to it: namei -l {shown}"),
            may_come: false,
        }),
        Ok(found) if !found.is_dir() => Err(Problem {
            what: format!("{shown} is not a directory"),
            remedy: format!("look at it: ls -ld {shown}"),
            may_come: false,
        }),
        Ok(found) => {
            access(directory, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|_| Problem {
                what: format!(
                    "user {me} may not make a file in {shown} (owner {}:{}, mode {:04o})",
                    user_name(found.uid()),
                    group_name(found.gid()),
                    found.mode() & 0o7777
                ),
                remedy: format!("run: chown {me} {shown}"),
                may_come: false,
            })
        }
    }
}
