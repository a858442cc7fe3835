//! `dkimd testmsg` and `opendkim-testmsg`: signs or verifies one message with nothing but the
//! command line.
//!
//! What the original signs with rsa-sha1, which RFC 8301 forbids, is signed with the key's own
//! algorithm here: rsa-sha256, or ed25519-sha256.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use clap::{Args, Parser};

use crate::verify::trace::Streams;
use dkim_core::{
    Canon, Canonicalization,
    header::HeaderSection,
    name::{Domain, Selector},
    outcome::Outcome,
    select::{FieldNames, HeaderSelection},
    sign::{BodyLength, Signer, SigningPolicy, SigningRequest},
    verify::deciding,
};
use dkimd_message::{
    LineEnd, MessageError, MessageFile,
    configuration::{self, load_for},
    keys::open_source,
    verdicts::Verdicts,
};
use dkimd_server::{
    decide::{header_rules, opendkim},
    keys::{
        KeySource,
        store::{KeyError, KeyRules, KeyStore},
    },
    process::{ExitCode, Failure, clock},
};

/// Arguments of `dkimd testmsg`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
With -d, -s and -k the message from standard input is signed (c=relaxed/simple, all fields) and
printed; without them it is verified, and nothing is said of a good one.

Exit codes: 0 done, or the message is good; 69 output can't be kept; 70 the message is malformed or
not good; 71 the key's file can't be read; 78 wrong command line or configuration.")]
pub struct TestmsgArgs {
    /// Write the signature with CRLF line ends (otherwise with those of the message)
    #[arg(short = 'C')]
    pub crlf: bool,
    /// Domain that signs
    #[arg(short = 'd', value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// Selector
    #[arg(short = 's', value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Private key
    #[arg(short = 'k', value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// When verifying, keep what was hashed in the directory of -t: N.header and N.body
    #[arg(short = 'K')]
    pub keep: bool,
    /// Directory for -K
    #[arg(short = 't', value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Configuration file: where keys come from
    #[arg(short = 'x', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The same options under the old name.
#[derive(Debug, Parser)]
#[command(name = "opendkim-testmsg", disable_help_flag = true)]
struct Original {
    #[command(flatten)]
    args: TestmsgArgs,
    /// The original does not look at stray words.
    #[arg(hide = true)]
    stray: Vec<OsString>,
}

/// Runs the command.
pub fn run(args: &TestmsgArgs) -> ExitCode {
    run_as("dkimd", args)
}

/// Runs as `opendkim-testmsg` with its arguments, the program's name not among them.
pub fn original_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    const PROGRAM: &str = "opendkim-testmsg";
    match Original::try_parse_from([PROGRAM.into()].into_iter().chain(args)) {
        Ok(original) => run_as(PROGRAM, &original.args),
        Err(error) => {
            // A closed standard error is nobody's problem.
            let _ = error.print();
            ExitCode::Config
        }
    }
}

fn run_as(program: &str, args: &TestmsgArgs) -> ExitCode {
    let done = match (&args.domain, &args.selector, &args.key) {
        (Some(domain), Some(selector), Some(key)) => sign(args, domain, selector, key),
        (None, None, None) => verify(program, args),
        _ => Err(Failure::new(
            ExitCode::Config,
            "-d, -s and -k go together: give all of them to sign, none to verify",
        )),
    };
    match done {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            failure.tell(program);
            failure.code
        }
    }
}

/// The message, which must have the fields that RFC 5322 demands, each as often as it allows.
fn read() -> Result<MessageFile, Failure> {
    let syntax = |detail: &str| {
        let what = format!("dkim_chunk(): Syntax error: {detail}");
        Failure::new(ExitCode::Software, what)
    };
    let message = MessageFile::read(io::stdin().lock()).map_err(|error| match error {
        MessageError::Read(_) | MessageError::TooLarge => {
            Failure::new(ExitCode::Software, error.to_string())
        }
        MessageError::NotAField { .. } => syntax(&error.to_string()),
    })?;
    match header_fault(&message.section) {
        Some(fault) => Err(syntax(&fault)),
        None => Ok(message),
    }
}

fn header_fault(section: &HeaderSection) -> Option<String> {
    header_rules::strict_fault(section).map(|fault| fault.to_string())
}

fn sign(
    args: &TestmsgArgs,
    domain: &str,
    selector: &str,
    key: &std::path::Path,
) -> Result<(), Failure> {
    let usage = |what| Failure::new(ExitCode::Config, what);
    let key = load(key)?;
    let request = SigningRequest {
        domain: Domain::parse(domain)
            .map_err(|cause| usage(format!("the domain {domain:?} {cause}")))?,
        selector: Selector::parse(selector)
            .map_err(|cause| usage(format!("the selector {selector:?} {cause}")))?,
        auid: None,
        algorithm: key.algorithm(),
        body_length: BodyLength::Whole,
        extra_tags: Vec::new(),
    };
    let message = read()?;
    let policy = SigningPolicy {
        canonicalization: Canonicalization {
            header: Canon::Relaxed,
            body: Canon::Simple,
        },
        headers: every_field(&message.section),
        lifetime: None,
        copied_headers: false,
        request_reports: false,
        fix_crlf: false,
    };
    let mut signer = Signer::new(Arc::new(policy), vec![request]);
    message.feed_body(|octets| signer.body(octets));
    let line_end = match args.crlf {
        true => LineEnd::CrLf,
        false => message.line_end,
    };
    let mut out = io::stdout().lock();
    for field in signer.finish(&message.section, clock::now()) {
        let field = field
            .sign(&*key)
            .map_err(|error| Failure::new(ExitCode::Software, format!("dkim_eom(): {error}")))?;
        let value = match line_end {
            LineEnd::CrLf => field.value,
            LineEnd::Lf => field.value.replace("\r\n", "\n"),
        };
        write!(out, "DKIM-Signature: {value}{}", line_end.as_str()).map_err(write_failed)?;
    }
    out.write_all(&message.octets).map_err(write_failed)?;
    out.flush().map_err(write_failed)
}

/// All names that can stand in `h=`, whatever a configuration would leave out.
fn every_field(section: &HeaderSection) -> HeaderSelection {
    let plain = |name: &[u8]| {
        name.iter()
            .all(|c| c.is_ascii_alphanumeric() || b"-_".contains(c))
    };
    let names = section
        .iter()
        .filter(|field| plain(field.name))
        .map(|field| String::from_utf8_lossy(field.name));
    HeaderSelection::default().choosing(Arc::new(FieldNames::new(names)))
}

fn write_failed(error: io::Error) -> Failure {
    Failure::new(ExitCode::IoError, format!("can't write: {error}"))
}

fn load(path: &std::path::Path) -> Result<Arc<dyn dkim_core::crypto::PrivateKey>, Failure> {
    let rules = KeyRules {
        require_safe: false,
        minimum_bits: 0,
    };
    KeyStore::new(1)
        .get(&KeySource::File(path.to_owned()), rules)
        .map(|(key, _)| key)
        .map_err(|error| match error {
            KeyError::Unusable { .. } => Failure::new(
                ExitCode::Software,
                format!("dkim_eom(): Resource unavailable: {error}"),
            ),
            other => Failure::new(ExitCode::OsError, other.to_string()),
        })
}

fn verify(program: &str, args: &TestmsgArgs) -> Result<(), Failure> {
    let snapshot = load_for(program, args.config.as_deref()).map_err(Failure::told)?;
    let message = read()?;
    let verdicts = configuration::block_on(async {
        let source = open_source(&snapshot)?;
        Ok::<_, Failure>(Verdicts::of(&message, &snapshot, &source, clock::now()).await)
    })?;
    if args.keep {
        keep(args, &message, &verdicts)?;
    }
    let failed = |what: String| Err(Failure::new(ExitCode::Software, what));
    match deciding(&verdicts.results) {
        None => failed("dkim_chunk(): No signature".to_owned()),
        Some(result) if result.passed() => Ok(()),
        Some(result) => failed(format!(
            "dkim_eom(): {}: {}",
            status(&result.outcome),
            opendkim::explanation(&result.outcome)
        )),
    }
}

/// The original's word for what came out.
fn status(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::KeyNotFound => "No key",
        Outcome::DnsFailed(_) | Outcome::SeveralKeys => "Key retrieval failed",
        Outcome::KeyRevoked => "Key revoked",
        Outcome::Malformed(_) => "Syntax error",
        _ => "Bad signature",
    }
}

fn keep(args: &TestmsgArgs, message: &MessageFile, verdicts: &Verdicts) -> Result<(), Failure> {
    for (index, result) in verdicts.results.iter().enumerate() {
        let Some(streams) = Streams::of(message, result, false) else {
            continue;
        };
        for (suffix, octets) in [("header", &streams.header), ("body", &streams.body)] {
            let path = args.directory.join(format!("{}.{suffix}", index + 1));
            std::fs::write(&path, octets).map_err(|error| {
                let what = format!("can't write {}: {error}", path.display());
                Failure::new(ExitCode::Unavailable, what)
            })?;
        }
    }
    Ok(())
}
