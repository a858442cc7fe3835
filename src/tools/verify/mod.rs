//! `dkimd verify`: the daemon's verdicts on a message file, with everything they rest on.

mod report;
pub mod trace;

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;

use self::report::Report;
use dkim_core::{UnixTime, outcome::ResultWord};
use dkimd_message::{MessageFile, configuration, keys, verdicts::Verdicts};
use dkimd_server::{
    config::snapshot::Snapshot,
    dns::TxtLookup,
    process::{ExitCode, Failure, clock},
};

/// Arguments of `dkimd verify`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Keys come from where the configuration says: DNS by its Nameservers or else by the system's
resolver, or TestPublicKeys.

With --trace, the octets that were hashed follow each signature as they are, header and body each
between two lines that begin with -----; the newline before the end line is not part of them.

Exit codes: 0 a signature passes, 1 none does, 65 malformed message, 69 file can't be read,
75 none passes but DNS failed for one, 78 configuration error.")]
pub struct VerifyArgs {
    /// The message; standard input without it
    pub file: Option<PathBuf>,
    /// Configuration file
    #[arg(short = 'x', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the verdicts as JSON
    #[arg(long)]
    pub json: bool,
    /// Print what was hashed, octet by octet (in JSON: as base64)
    #[arg(long)]
    pub trace: bool,
    /// Take TXT records from this file, a name and a text on each line, instead of DNS
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Verify as if it were this time, in seconds since 1970
    #[arg(long, value_name = "UNIXTIME")]
    pub at: Option<u64>,
}

/// Runs the command.
pub fn run(args: &VerifyArgs) -> ExitCode {
    match verify(args) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.tell("dkimd");
            failure.code
        }
    }
}

fn verify(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let snapshot = configuration::load_or_report(args.config.as_deref()).map_err(Failure::told)?;
    let message = read(args)?;
    let now = args.at.map_or_else(clock::now, UnixTime);
    let verdicts = configuration::block_on(async {
        let source = source(args, &snapshot)?;
        Ok(Verdicts::of(&message, &snapshot, &source, now).await)
    })?;
    let report = Report {
        message: &message,
        verdicts: &verdicts,
        trace: args.trace,
        fix_crlf: snapshot.verification_policy.fix_crlf,
    };
    let mut out = io::stdout().lock();
    let written = match args.json {
        true => report.write_json(&mut out),
        false => report.write(&mut out),
    };
    written
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(ExitCode::IoError, format!("can't write: {error}")))?;
    Ok(exit_of(&verdicts))
}

fn exit_of(verdicts: &Verdicts) -> ExitCode {
    let any = |word| verdicts.results.iter().any(|result| result.word() == word);
    if any(ResultWord::Pass) {
        ExitCode::Ok
    } else if any(ResultWord::Temperror) {
        ExitCode::TryAgain
    } else {
        ExitCode::Failed
    }
}

fn read(args: &VerifyArgs) -> Result<MessageFile, Failure> {
    let message = match &args.file {
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                let what = format!("can't open {}: {error}", path.display());
                Failure::new(ExitCode::Unavailable, what)
            })?;
            MessageFile::read(file)
        }
        None => MessageFile::read(io::stdin().lock()),
    };
    message.map_err(|error| Failure::new(ExitCode::DataError, error.to_string()))
}

/// The file of `--keys`, or what the configuration names.
fn source(args: &VerifyArgs, snapshot: &Snapshot) -> Result<Arc<dyn TxtLookup>, Failure> {
    match &args.keys {
        Some(path) => keys::records_of(path),
        None => keys::open_source(snapshot),
    }
}
