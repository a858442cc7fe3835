//! `dkimd testkey`: whether published records serve the private keys, one or all of them.
//!
//! Under the name `opendkim-testkey` the same test with that program's options and words
//! ([`original_main`]).

mod check;
mod original;

use std::path::PathBuf;

use clap::Args;
use dkimd_advice::render::FORMAT;
use serde_json::{Value, json};

use self::check::{Target, Tested, Verdict, test_all};
pub use self::original::original_main;
use dkimd_message::{
    configuration,
    keys::open_source,
    verdicts::{dnssec_word, shown_record},
};
use dkimd_server::{
    config::{
        settings::Identities,
        snapshot::{SigningIdentities, Snapshot},
    },
    dataset::DataSetKind,
    keys::KeySource,
    process::{ExitCode, Failure},
};

/// Arguments of `dkimd testkey`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Without -d, -s and -k, the configuration's keys are tested: the whole KeyTable, or Domain,
Selector and KeyFile. Keys whose domain is % depend on the author and are left out; test them one
by one with -d, -s and -k.

Exit codes: 0 all good, 65 a record belongs to another private key, 69 a record or a key is
missing or no good, 71 a key's file can't be had, 78 usage or configuration error. With several
keys, the code of the first that is not good.")]
pub struct TestkeyArgs {
    /// The domain
    #[arg(short, long)]
    pub domain: Option<String>,
    /// The selector
    #[arg(short, long)]
    pub selector: Option<String>,
    /// The private key; without it only the record is looked at
    #[arg(short = 'k', long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Configuration file
    #[arg(short = 'x', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &TestkeyArgs) -> ExitCode {
    match testkey(args) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.tell("dkimd");
            failure.code
        }
    }
}

fn testkey(args: &TestkeyArgs) -> Result<ExitCode, Failure> {
    let snapshot = configuration::load_or_report(args.config.as_deref()).map_err(Failure::told)?;
    let wanted = Wanted {
        domain: args.domain.clone(),
        selector: args.selector.clone(),
        key: args.key.clone(),
    };
    let (targets, _) = wanted.targets(&snapshot).map_err(|error| match error {
        NoTarget::Missing => Failure::new(
            ExitCode::Config,
            "no key to test: give -d and -s, or a configuration with keys",
        ),
        NoTarget::BadName(what) => Failure::new(ExitCode::Config, what),
    })?;
    let tested = test_under(&snapshot, targets)?;
    if args.json {
        let keys: Vec<Value> = tested.iter().map(json_of).collect();
        println!(
            "{:#}",
            json!({ "format": FORMAT, "command": "testkey", "keys": keys })
        );
    } else {
        tested.iter().for_each(print);
    }
    Ok(exit_of(&tested))
}

/// What the command line asks for.
struct Wanted {
    domain: Option<String>,
    selector: Option<String>,
    key: Option<PathBuf>,
}

/// Why there is nothing to test.
enum NoTarget {
    /// No domain or no selector.
    Missing,
    /// One of them can't be a name.
    BadName(String),
}

impl Wanted {
    /// The keys to test, and whether they are a whole KeyTable.
    fn targets(&self, snapshot: &Snapshot) -> Result<(Vec<Target>, bool), NoTarget> {
        let named = self.domain.is_some() || self.selector.is_some() || self.key.is_some();
        if !named && matches!(snapshot.signing, SigningIdentities::Tables { .. }) {
            return Ok((snapshot.keys().map(Target::from).collect(), true));
        }
        let configured = match (&snapshot.settings.signing.identities, &snapshot.signing) {
            (
                Identities::Single { domains, .. },
                SigningIdentities::Single { selector, key, .. },
            ) => {
                let domain = match &domains.kind {
                    DataSetKind::Csl(list) => list.split(',').next().map(str::trim),
                    _ => None,
                };
                (
                    domain.map(str::to_owned),
                    Some(selector.as_str().to_owned()),
                    Some(key.clone()),
                )
            }
            _ => (None, None, None),
        };
        let given = self.key.clone().map(KeySource::File);
        match (
            self.domain.clone().or(configured.0),
            self.selector.clone().or(configured.1),
        ) {
            (Some(domain), Some(selector)) => {
                let target = Target::single(&domain, &selector, given.or(configured.2))
                    .map_err(NoTarget::BadName)?;
                Ok((vec![target], false))
            }
            _ => Err(NoTarget::Missing),
        }
    }
}

fn test_under(snapshot: &Snapshot, targets: Vec<Target>) -> Result<Vec<Tested>, Failure> {
    configuration::block_on(async {
        let source = open_source(snapshot)?;
        Ok(test_all(&source, targets).await)
    })
}

/// The code of the first key that is not good.
fn exit_of(tested: &[Tested]) -> ExitCode {
    tested
        .iter()
        .map(|tested| match tested.verdict {
            Verdict::Good | Verdict::NotTested => ExitCode::Ok,
            Verdict::Mismatch => ExitCode::DataError,
            Verdict::Record(_) | Verdict::Key(_) => ExitCode::Unavailable,
            Verdict::File(_) => ExitCode::OsError,
        })
        .find(|code| *code != ExitCode::Ok)
        .unwrap_or(ExitCode::Ok)
}

fn problem(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Good => None,
        Verdict::NotTested => Some("its domain depends on the author; test it with -d, -s and -k"),
        Verdict::Mismatch => Some(
            "the record belongs to another private key; publish the record of this one, or sign \
             with the other",
        ),
        Verdict::Record(text) | Verdict::File(text) | Verdict::Key(text) => Some(text),
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::NotTested => "not-tested",
        Verdict::Mismatch => "mismatch",
        Verdict::Record(_) => "bad-record",
        Verdict::File(_) => "no-file",
        Verdict::Key(_) => "bad-key",
    }
}

fn print(tested: &Tested) {
    let Target { label, name, key } = &tested.target;
    let name = name.as_deref().unwrap_or("(name depends on the author)");
    let label = match label == name {
        true => String::new(),
        false => format!("{label}: "),
    };
    let mut facts: Vec<&str> = tested.kind.as_deref().into_iter().collect();
    let dnssec = format!("DNSSEC {}", dnssec_word(tested.dnssec()));
    if tested.answer.is_some() {
        facts.push(&dnssec);
    }
    facts.extend(tested.testing.then_some("testing (t=y)"));
    facts.extend(key.is_none().then_some("private key not compared"));
    let facts = match facts.is_empty() {
        true => String::new(),
        false => format!(" ({})", facts.join(", ")),
    };
    println!("{:<10} {label}{name}{facts}", word(&tested.verdict));
    if let Some(problem) = problem(&tested.verdict) {
        println!("           {problem}");
    }
    if let (true, Some(KeySource::File(path))) = (tested.unsafe_file, key) {
        println!(
            "           others may read or write the key; run: chmod 600 {}",
            path.display()
        );
    }
}

fn json_of(tested: &Tested) -> Value {
    json!({
        "key": tested.target.label,
        "name": tested.target.name,
        "result": word(&tested.verdict),
        "problem": problem(&tested.verdict),
        "kind": tested.kind,
        "testing": tested.testing,
        "compared": tested.target.key.is_some(),
        "unsafe_file": tested.unsafe_file,
        "dnssec": dnssec_word(tested.dnssec()),
        "record": tested.answer.as_ref().map(shown_record),
    })
}
