//! Runs folders of messages with keys and expected verdicts through the verifier: our own
//! (`tests/conformance`) always, others where they are (`DKIMD_CORPORA`, or `../shared/corpora`).
//!
//! Layout of such a folder: `expected.tsv` with one line a case; `<suite>/<case>.eml` in wire
//! form; `<suite>/keys.txt` and, replacing its names for one case, `<suite>/<case>.keys`.

#[path = "support/verifying.rs"]
mod verifying;

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use verifying::{Keys, Mail, Rules, verdict, word};

/// 2026-11-23: after every expiry in the corpora, before none of their signing times.
const NOW: u64 = 1_795_392_000;

/// A line of `expected.tsv`.
struct Case {
    suite: String,
    name: String,
    by_6376: String,
    by_8301: String,
    keys_known: bool,
    clock: String,
}

#[test]
fn our_own_cases_have_the_expected_verdicts() {
    run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance"));
}

#[test]
fn foreign_corpora_have_the_expected_verdicts() {
    let folder = std::env::var_os("DKIMD_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    if folder.join("expected.tsv").is_file() {
        run(&folder);
    } else {
        assert!(
            std::env::var_os("DKIMD_CORPORA").is_none(),
            "{} has no expected.tsv",
            folder.display()
        );
        eprintln!("no foreign corpora at {}: skipped", folder.display());
    }
}

fn run(folder: &Path) {
    let exceptions = exceptions();
    let mut suites = HashMap::new();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases(folder) {
        let keys = suites
            .entry(case.suite.clone())
            .or_insert_with(|| Keys::read(&folder.join(&case.suite).join("keys.txt")));
        let stem = folder.join(&case.suite).join(&case.name);
        let mut keys = keys.clone();
        keys.replace_by(&Keys::read(&with_suffix(&stem, ".keys")));
        let mail = Mail::read(&with_suffix(&stem, ".eml"));
        for (column, expected, rules) in [
            ("rfc6376", &case.by_6376, Rules::Rfc6376),
            ("rfc8301", &case.by_8301, Rules::Rfc8301),
        ] {
            let mut check = |clock: u64, expected: &str| {
                let results = mail.verify(&keys, rules, clock);
                let found = word(&results);
                count += 1;
                let excepted = exceptions.contains(&(
                    case.suite.clone(),
                    case.name.clone(),
                    column.to_owned(),
                    found.to_owned(),
                ));
                if !fits(found, expected) && !excepted {
                    let told: Vec<String> = results.iter().map(verdict).collect();
                    wrong.push(format!(
                        "{}/{} {column} at {clock}: expected {expected}, found {found}: {}",
                        case.suite,
                        case.name,
                        told.join(" | ")
                    ));
                }
            };
            if case.keys_known {
                check(NOW, expected);
            } else {
                check(NOW, "permerror");
            }
            // Only the verdict without RFC 8301's rules is known for the earlier clock.
            if let Some((clock, then)) = earlier(&case.clock)
                && rules == Rules::Rfc6376
            {
                check(clock, then);
            }
        }
    }
    assert!(count > 0, "no cases in {}", folder.display());
    assert!(
        wrong.is_empty(),
        "{} of {count} verdicts are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    eprintln!("{count} verdicts right in {}", folder.display());
}

/// Several words are all acceptable, `?` is open, and all words but pass, temperror and none say
/// the same: not pass.
fn fits(found: &str, expected: &str) -> bool {
    let class = |word: &str| match word {
        "fail" | "permerror" | "policy" | "neutral" => "not pass".to_owned(),
        other => other.to_owned(),
    };
    expected
        .split('|')
        .any(|word| word == "?" || class(word) == class(found))
}

/// `expired; with the clock at N dkimpy says WORD`.
fn earlier(clock: &str) -> Option<(u64, &str)> {
    let (_, rest) = clock.split_once("with the clock at ")?;
    let (seconds, rest) = rest.split_once(' ')?;
    let (_, word) = rest.split_once(" says ")?;
    matches!(word, "pass" | "fail").then_some((seconds.parse().ok()?, word))
}

fn cases(folder: &Path) -> Vec<Case> {
    let text = fs::read_to_string(folder.join("expected.tsv")).expect("expected.tsv");
    text.lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let column = |index: usize| columns.get(index).copied().unwrap_or_default().to_owned();
            Case {
                suite: column(0),
                name: column(1),
                by_6376: column(5),
                by_8301: column(6),
                keys_known: column(7) != "none",
                clock: column(8),
            }
        })
        .collect()
}

fn exceptions() -> HashSet<(String, String, String, String)> {
    include_str!("conformance/exceptions.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            Some((
                columns.next()?,
                columns.next()?,
                columns.next()?,
                columns.next()?,
            ))
        })
        .collect()
}

fn with_suffix(stem: &Path, suffix: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
