//! `opendkim-testkey`: its options, words and exit codes, except that a KeyTable
//! with bad keys is no success.

use std::{ffi::OsString, path::PathBuf};

use crate::getopt::{self, Misuse};

use super::{
    NoTarget, Wanted,
    check::{Tested, Verdict},
    exit_of, test_under,
};
use dkimd_message::configuration::load_for;
use dkimd_server::{
    dns::Dnssec,
    keys::KeySource,
    process::{ExitCode, Failure},
};

const PROGRAM: &str = "opendkim-testkey";
const LETTERS: &str = "d:k:s:vx:";
const USAGE: &str = "\
usage: opendkim-testkey [options]
\t-d domain  \tdomain name
\t-k keypath \tpath to private key
\t-s selector\tselector name
\t-v         \tincrease verbose output
\t-x conffile\tconfiguration file";

/// Runs as `opendkim-testkey` with its arguments, the program's name not among them.
pub fn original_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    match testkey(args) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.tell(PROGRAM);
            failure.code
        }
    }
}

fn testkey(args: impl Iterator<Item = OsString>) -> Result<ExitCode, Failure> {
    let (given, end) = getopt::parse(LETTERS, args);
    match end {
        // The original does not look at stray words.
        Ok(()) | Err(Misuse::Stray(_)) => {}
        Err(misuse) => {
            let what = format!("{misuse}\n{PROGRAM}: {USAGE}");
            return Err(Failure::new(ExitCode::Config, what));
        }
    }
    let value = |letter| {
        given
            .iter()
            .rev()
            .find(|option| option.letter == letter)
            .and_then(|option| option.value.clone())
    };
    let text = |letter| value(letter).map(|text| text.to_string_lossy().into_owned());
    let wanted = Wanted {
        domain: text('d'),
        selector: text('s'),
        key: value('k').map(PathBuf::from),
    };
    let verbosity = given.iter().filter(|option| option.letter == 'v').count();
    let file = value('x').map(PathBuf::from);
    let snapshot = load_for(PROGRAM, file.as_deref()).map_err(Failure::told)?;
    let (targets, table) = wanted.targets(&snapshot).map_err(|error| match error {
        NoTarget::Missing => Failure::new(ExitCode::Config, USAGE),
        NoTarget::BadName(what) => Failure::new(ExitCode::Config, what),
    })?;
    let tested = test_under(&snapshot, targets)?;
    match table {
        true => tell_table(&tested, verbosity),
        false => tested.iter().for_each(|tested| tell_one(tested, verbosity)),
    }
    Ok(exit_of(&tested))
}

fn tell_one(tested: &Tested, verbosity: usize) {
    let label = &tested.target.label;
    if let Some(KeySource::File(path)) = &tested.target.key {
        if tested.unsafe_file {
            eprintln!("{PROGRAM}: {}: WARNING: unsafe permissions", path.display());
        }
        if verbosity > 1 && !matches!(tested.verdict, Verdict::File(_) | Verdict::Key(_)) {
            eprintln!("{PROGRAM}: key loaded from {}", path.display());
        }
    }
    if verbosity > 1 && tested.answer.is_some() {
        eprintln!("{PROGRAM}: checking key '{label}'");
    }
    let protection = protection(tested.dnssec(), verbosity);
    match &tested.verdict {
        Verdict::Good | Verdict::Mismatch => {
            if let Some(protection) = protection {
                eprintln!("{PROGRAM}: key {protection}");
            }
            match tested.verdict {
                Verdict::Mismatch => println!("{PROGRAM}: keys do not match"),
                _ if verbosity > 2 => println!("{PROGRAM}: key OK"),
                _ => {}
            }
        }
        Verdict::Record(text) | Verdict::File(text) | Verdict::Key(text) => {
            eprintln!("{PROGRAM}: {text}");
        }
        Verdict::NotTested => {}
    }
}

fn tell_table(tested: &[Tested], verbosity: usize) {
    for (index, one) in tested.iter().enumerate() {
        let label = &one.target.label;
        if verbosity > 1 {
            eprintln!("{PROGRAM}: record {index} for '{label}' retrieved");
            eprintln!("{PROGRAM}: checking key '{label}'");
        }
        if let (true, Some(KeySource::File(path))) = (one.unsafe_file, &one.target.key) {
            eprintln!("{PROGRAM}: {}: WARNING: unsafe permissions", path.display());
        }
        match &one.verdict {
            Verdict::Good if verbosity > 2 => println!("{PROGRAM}: key {label}: OK"),
            Verdict::Good => {}
            Verdict::Mismatch => eprintln!("{PROGRAM}: key {label}: keys do not match"),
            Verdict::Record(text) | Verdict::File(text) | Verdict::Key(text) => {
                eprintln!("{PROGRAM}: key {label}: {text}");
            }
            Verdict::NotTested => eprintln!(
                "{PROGRAM}: key {label}: not tested: its domain depends on the author; \
                 use -d, -s and -k"
            ),
        }
        let protection = protection(one.dnssec(), verbosity);
        if let (Verdict::Good | Verdict::Mismatch, Some(protection)) = (&one.verdict, protection) {
            eprintln!("{PROGRAM}: key {label} {protection}");
        }
    }
    if verbosity > 0 {
        let failed = tested.iter().filter(|one| one.verdict.failed()).count();
        let passed = tested
            .iter()
            .filter(|one| one.verdict == Verdict::Good)
            .count();
        println!(
            "{PROGRAM}: {} keys checked; {passed} pass, {failed} fail",
            passed + failed
        );
    }
}

/// What is said of DNSSEC: always that an answer is forged, the rest only when asked.
fn protection(dnssec: Dnssec, verbosity: usize) -> Option<&'static str> {
    match dnssec {
        Dnssec::Bogus => Some("bogus (DNSSEC failed)"),
        _ if verbosity == 0 => None,
        Dnssec::Secure => Some("secure"),
        Dnssec::Insecure | Dnssec::Unknown => Some("not secure"),
    }
}
