//! `dkimd serve`, and what opendkim(8) does.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::Args;

use super::opendkim::{self, Action, CommandLine};
use dkimd_server::{
    config::{DEFAULT_FILE, resolve::Overrides, snapshot::Snapshot},
    process::{
        ExitCode, Failure, lines,
        start::{Daemon, LogTo, Order, start},
        user::Account,
    },
};
use dkimd_tools::{
    print_option, query,
    test_files::{self, Test},
};

/// Arguments of `dkimd serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Configuration file
    #[arg(short = 'x', long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub config: PathBuf,
    /// Where to listen, instead of the file's Socket: local:PATH, inet:PORT@HOST, fd:N
    #[arg(short = 'p', long, value_name = "SOCKET")]
    pub socket: Option<String>,
}

/// Serves in the foreground with the log on standard error.
pub fn run(args: &ServeArgs, all: &[OsString], daemon: &impl Daemon) -> ExitCode {
    let mut options = vec![
        ("Background", "no".to_owned()),
        ("Syslog", "yes".to_owned()),
    ];
    if let Some(socket) = &args.socket {
        options.push(("Socket", socket.clone()));
    }
    let order = Order {
        program: "dkimd".to_owned(),
        args: words(all),
        file: Some(reloadable(&args.config)),
        overrides: Overrides { options },
        log_to: LogTo::Stderr,
    };
    start(&order, daemon)
}

/// Does what opendkim(8) does with these arguments.
pub fn opendkim(args: Vec<OsString>, daemon: &impl Daemon) -> ExitCode {
    const PROGRAM: &str = "opendkim";
    let line = match CommandLine::parse(args.clone()) {
        Ok(line) => line,
        Err(failure) => {
            failure.tell(PROGRAM);
            return failure.code;
        }
    };
    let file = line.file_to_load();
    match &line.action {
        Action::Version => {
            print!("{}", opendkim::version());
            ExitCode::Ok
        }
        Action::Serve => start(
            &Order {
                program: PROGRAM.to_owned(),
                args: words(&args),
                file: file.as_deref().map(reloadable),
                overrides: line.overrides,
                log_to: LogTo::Syslog,
            },
            daemon,
        ),
        Action::CheckOnly => {
            let (snapshot, findings) = Snapshot::load(file.as_deref(), &line.overrides);
            for finding in findings.iter().filter(|finding| finding.is_error()) {
                eprintln!("{PROGRAM}: {}", lines::finding(finding));
            }
            let Some(snapshot) = snapshot else {
                return ExitCode::Config;
            };
            told(PROGRAM, can_start(&snapshot, daemon))
        }
        Action::PrintOption(name) => {
            let values = print_option::values(file.as_deref(), name);
            told(
                PROGRAM,
                values.map(|values| values.iter().for_each(|value| println!("{value}"))),
            )
        }
        Action::Query => told(PROGRAM, query::run()),
        Action::TestFiles(files) => test_files::run(
            &Test {
                configuration: file.as_deref(),
                overrides: line.overrides.clone(),
                verbosity: line.verbosity,
                fixed_time: line.fixed_time,
            },
            files,
        ),
    }
}

/// What a start would refuse besides: a UserID that does not exist, a KeyFile that can't be had.
fn can_start(snapshot: &Snapshot, daemon: &impl Daemon) -> Result<(), Failure> {
    let user = snapshot.settings.process.user.as_deref();
    let account = user.map(Account::find).transpose()?;
    daemon
        .prepare(snapshot, account.map(|account| account.uid.as_raw()))
        .map(drop)
        .map_err(|reason| Failure::new(ExitCode::Config, reason))
}

fn told(program: &str, done: Result<(), Failure>) -> ExitCode {
    done.map_or_else(
        |failure| {
            failure.tell(program);
            failure.code
        },
        |()| ExitCode::Ok,
    )
}

/// The path as a reload finds it after a change of directory; `-` stays standard input.
fn reloadable(file: &Path) -> PathBuf {
    match file == Path::new("-") {
        true => file.to_owned(),
        false => std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
    }
}

fn words(args: &[OsString]) -> Vec<String> {
    args.iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect()
}
