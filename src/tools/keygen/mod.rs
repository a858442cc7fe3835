//! `dkimd keygen`: a new key, the record that publishes it, and what to do next.
//!
//! Under the name `opendkim-genkey` the same makes keys with that program's options and layout
//! ([`genkey_main`]).

mod genkey;
mod getopt;
mod write;

use std::{fmt::Write as _, path::PathBuf};

pub use self::genkey::genkey_main;
use self::write::{Overwrite, write_file};
use dkim_core::name::{Domain, Selector};
use dkimd_keygen::{
    generate::{KeyKind, generate},
    record::{KeyRecord, Note, RecordFormat},
};
use dkimd_server::process::ExitCode;

/// Signers must not use smaller RSA keys (RFC 8301 section 3.2).
const LEAST_RSA_BITS: u32 = 1024;
/// Verifiers need not take larger ones, and their record needs more than one DNS packet.
const MOST_RSA_BITS: u32 = 8192;

/// Makes a key pair: SELECTOR.private, and SELECTOR.txt with the DNS record that publishes it.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct KeygenArgs {
    /// The domain that the key signs for
    #[arg(short, long, value_name = "DOMAIN")]
    pub domain: String,

    /// The selector: the key's name in DNS and the name of its files
    #[arg(short, long, value_name = "SELECTOR", default_value = "default")]
    pub selector: String,

    /// The directory to write to
    #[arg(short = 'D', long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,

    /// The size of an RSA key
    #[arg(short, long, value_name = "BITS", default_value_t = 2048)]
    pub bits: u32,

    /// The kind of key. Big receivers do not verify Ed25519 yet: let it sign beside RSA
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    pub kind: KeyType,

    /// Write the full name into a zone file's record, with the domain
    #[arg(short, long)]
    pub append_domain: bool,

    /// The hash algorithms that signatures may use (h=), separated by colons
    #[arg(short, long, value_name = "LIST", default_value = "sha256")]
    pub hash_algorithms: String,

    /// A note for people who read the record (n=)
    #[arg(short, long, value_name = "TEXT")]
    pub note: Option<String>,

    /// The key is for mail alone (s=email)
    #[arg(short, long)]
    pub restrict: bool,

    /// The key does not sign for addresses in subdomains (t=s)
    #[arg(short = 'S', long)]
    pub nosubdomains: bool,

    /// The domain is testing DKIM: receivers shall not mind bad signatures (t=y)
    #[arg(short, long)]
    pub testmode: bool,

    /// Say what is being done
    #[arg(short, long)]
    pub verbose: bool,

    /// How to write the record
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Overwrite an existing key
    #[arg(long)]
    pub force: bool,

    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// How to write the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line for a zone file, as opendkim-genkey lays it out.
    #[default]
    Zone,
    /// Name and value, one line each, for a web panel.
    OneLine,
    /// Input for nsupdate.
    Nsupdate,
    /// JSON.
    Json,
}

impl From<Format> for RecordFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Zone => Self::Zone,
            Format::OneLine => Self::OneLine,
            Format::Nsupdate => Self::Nsupdate,
            Format::Json => Self::Json,
        }
    }
}

/// The kinds of key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyType {
    /// RSA
    #[default]
    Rsa,
    /// Ed25519 (RFC 8463)
    Ed25519,
}

/// Runs `dkimd keygen`; complaints go to stderr.
pub fn run(args: &KeygenArgs) -> ExitCode {
    match plan(args).and_then(|plan| make(args, &plan)) {
        Ok(next_steps) => {
            print!("{next_steps}");
            ExitCode::Ok
        }
        Err((code, complaint)) => {
            eprintln!("dkimd keygen: {complaint}");
            code
        }
    }
}

/// An exit code and what to say with it.
type Complaint = (ExitCode, String);

/// What is going to be made, and where.
struct Plan {
    kind: KeyKind,
    private: PathBuf,
    text: PathBuf,
    overwrite: Overwrite,
}

/// Refuses what can't be done or should not be, before a key is made.
fn plan(args: &KeygenArgs) -> Result<Plan, Complaint> {
    let usage = |complaint| (ExitCode::Usage, complaint);
    Domain::parse(&args.domain)
        .map_err(|cause| usage(format!("the domain {:?} {cause}", args.domain)))?;
    Selector::parse(&args.selector)
        .map_err(|cause| usage(format!("the selector {:?} {cause}", args.selector)))?;
    let kind = match args.kind {
        KeyType::Ed25519 => KeyKind::Ed25519,
        KeyType::Rsa if (LEAST_RSA_BITS..=MOST_RSA_BITS).contains(&args.bits) => {
            KeyKind::Rsa(args.bits)
        }
        KeyType::Rsa => {
            return Err(usage(format!(
                "an RSA key of {} bits is of no use for mail; from {LEAST_RSA_BITS} to \
                 {MOST_RSA_BITS} bits are possible, and 2048 is what receivers advise",
                args.bits
            )));
        }
    };
    let directory = std::fs::canonicalize(&args.directory).map_err(|cause| {
        let directory = args.directory.display();
        usage(format!(
            "{directory}: {cause}; make it first: mkdir -p -m 700 {directory}"
        ))
    })?;
    let private = directory.join(format!("{}.private", args.selector));
    let text = directory.join(format!("{}.txt", args.selector));
    if args.force {
        return Ok(Plan {
            kind,
            private,
            text,
            overwrite: Overwrite::Replace,
        });
    }
    for path in [&private, &text] {
        if path.symlink_metadata().is_ok() {
            return Err((
                ExitCode::IoError,
                format!(
                    "{} exists already; take another selector (-s), or --force to overwrite it",
                    path.display()
                ),
            ));
        }
    }
    Ok(Plan {
        kind,
        private,
        text,
        overwrite: Overwrite::Refuse,
    })
}

/// Makes and writes the key; the text says what to do next.
fn make(args: &KeygenArgs, plan: &Plan) -> Result<String, Complaint> {
    let kind = plan.kind;
    if args.verbose {
        eprintln!("dkimd keygen: making a key ({kind})");
    }
    let key = generate(kind).map_err(|error| (ExitCode::Software, error.to_string()))?;
    let record = KeyRecord {
        selector: args.selector.clone(),
        domain: args.domain.trim_end_matches('.').to_owned(),
        full_name: args.append_domain,
        hashes: (!args.hash_algorithms.is_empty()).then(|| args.hash_algorithms.clone()),
        note: args.note.clone().map(Note::Text),
        email_only: args.restrict,
        no_subdomains: args.nosubdomains,
        test_mode: args.testmode,
        kind,
        public: key.public,
    };
    let written = record.write(args.format.into());
    for (path, content, mode) in [
        (&plan.private, key.pem.as_bytes(), 0o600),
        (&plan.text, written.as_bytes(), 0o644),
    ] {
        write_file(path, content, mode, plan.overwrite).map_err(|cause| {
            let complaint = format!("can't write {}: {cause}", path.display());
            (ExitCode::IoError, complaint)
        })?;
        if args.verbose {
            eprintln!("dkimd keygen: wrote {}", path.display());
        }
    }
    Ok(next_steps(args, plan, &record, &written))
}

fn next_steps(args: &KeygenArgs, plan: &Plan, record: &KeyRecord, written: &str) -> String {
    let (private, text) = (plan.private.display(), plan.text.display());
    let name = record.name();
    let domain = &record.domain;
    let mut steps = format!(
        "The private key ({}) is in {private}; keep it secret.\n\
         The record that publishes it is in {text}:\n\n{written}\n\
         Next:\n\
         1. Put that TXT record into DNS. This shows when it is there:\n\
         \x20    dig +short TXT {name}\n\
         2. Let the daemon's user read the key, for instance:\n\
         \x20    chown opendkim {private}\n\
         3. Name the key in KeyTable:\n\
         \x20    {name} {domain}:{}:{private}\n\
         \x20  and who signs with it in SigningTable (refile:):\n\
         \x20    *@{domain} {name}\n",
        record.kind, record.selector,
    );
    if record.kind == KeyKind::Ed25519 {
        steps.push_str(
            "   Keep an RSA key signing beside this one (MultipleSignatures yes): many receivers \
             do not verify Ed25519.\n",
        );
    }
    if args.testmode {
        let _ = writeln!(
            steps,
            "4. Publish the record without t=y when all is well: until then receivers may ignore \
             the signatures."
        );
    }
    steps
}
