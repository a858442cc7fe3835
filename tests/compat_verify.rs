//! Verdicts on thousands of good and broken messages, beside those of opendkim, dkimpy and
//! Mail::DKIM: dkimd's are the RFCs' on every one, and every kind of disagreement of the others
//! stands in `docs/verification-differences.md`.

#[path = "support/verifying.rs"]
#[allow(dead_code)]
mod verifying;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use dkim_core::{
    Canon, Canonicalization, UnixTime,
    crypto::{PrivateKey, private_key_from_pkcs1_der, private_key_from_pkcs8_der},
    header::{HeaderSection, LeadingSpace},
    name::{Domain, Selector},
    select::HeaderSelection,
    sign::{BodyLength, Signer, SigningPolicy, SigningRequest},
    verify::SignatureResult,
};
use dkimd_server::decide::opendkim::OpenDkimWords;
use verifying::{Keys, Mail, Rules, verdict};

/// Debian's interpreter, the one that has the `dkim` module.
const PYTHON: &str = "/usr/bin/python3";

/// Records that tell more than one thing wrong: which of them is named says nothing.
const MADE_AT_RANDOM: &str = "key made at random";

/// What the signer of ours is asked for.
const OPTIONS: [&str; 3] = ["plain", "l", "xz"];

/// One message's verdicts.
struct Row {
    name: String,
    what: String,
    by_rfc: String,
    reason: String,
    others: [String; 3],
}

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn verdicts_are_those_of_the_rfcs_whatever_other_verifiers_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    python("plain", directory, &[]);
    sign_plain_messages(&directory.join("ours"));
    python("judge", directory, &[&testdata()]);

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let keys = Keys::read(&directory.join("keys.txt"));
    let rows = rows(&directory.join("verdicts.tsv"));
    assert!(rows.len() >= 2000, "only {} messages", rows.len());
    let mut wrong = Vec::new();
    let mut other_words = BTreeMap::new();
    for row in &rows {
        let mail = Mail::read(&directory.join("messages").join(format!("{}.eml", row.name)));
        let results = mail.verify(&keys, Rules::Rfc8301, now);
        let passed = results.iter().any(|result| result.passed());
        let ours: Vec<String> = results.iter().map(in_opendkim_words).collect();
        let ours = ours.join(" + ");
        let spoke = !row.others[0].starts_with("no result") && row.what != MADE_AT_RANDOM;
        if spoke && ours != row.others[0] && row.others[0].contains("pass") == passed {
            *other_words
                .entry((row.what.clone(), row.others[0].clone(), ours))
                .or_insert(0) += 1;
        }
        if passed != (row.by_rfc == "pass") {
            let told: Vec<String> = results.iter().map(verdict).collect();
            wrong.push(format!("{}: {}", row.name, told.join(" | ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    check_document(&document(&rows, &other_words));
}

/// What OpenDKIM would write into Authentication-Results.
fn in_opendkim_words(result: &SignatureResult) -> String {
    let words = OpenDkimWords::from(&result.outcome);
    match words.reason {
        Some(reason) => format!("{} ({reason})", words.result.as_str()),
        None => words.result.as_str().to_owned(),
    }
}

fn python(step: &str, directory: &Path, more: &[&Path]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/verifying/run.py");
    let status = Command::new(PYTHON)
        .arg("-B")
        .arg(script)
        .arg(step)
        .arg(directory)
        .args(more)
        .status()
        .expect("python3 runs; tests/install-peers installs it");
    assert!(
        status.success(),
        "{step} failed; what it printed stands above"
    );
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dkim/crypto/testdata")
}

fn sign_plain_messages(folder: &Path) {
    let read = |name: &str| fs::read(testdata().join(name)).expect("test key");
    let keys = [
        (
            "r2048",
            private_key_from_pkcs1_der(&read("rsa2048.pkcs1.der")).expect("RSA key"),
        ),
        (
            "ed",
            private_key_from_pkcs8_der(&read("ed25519.pkcs8.der")).expect("Ed25519 key"),
        ),
    ];
    for (selector, key) in &keys {
        for header in [Canon::Simple, Canon::Relaxed] {
            for body in [Canon::Simple, Canon::Relaxed] {
                for option in OPTIONS {
                    for text in ["text", "trailing"] {
                        let canon = Canonicalization { header, body };
                        sign_one(folder, selector, key, canon, option, text);
                    }
                }
            }
        }
    }
}

fn sign_one(
    folder: &Path,
    selector: &str,
    key: &Arc<dyn PrivateKey>,
    canonicalization: Canonicalization,
    option: &str,
    text: &str,
) {
    let plain = fs::read(folder.join(format!("{text}.plain"))).expect("plain message");
    let mail = Mail::parse(&plain);
    let policy = SigningPolicy {
        canonicalization,
        headers: HeaderSelection::default(),
        lifetime: (option == "xz").then(|| std::time::Duration::from_secs(1_000_000_000)),
        copied_headers: option == "xz",
        request_reports: false,
        fix_crlf: false,
    };
    let request = SigningRequest {
        domain: Domain::parse("example.com").expect("a domain"),
        selector: Selector::parse(selector).expect("a selector"),
        auid: None,
        algorithm: key.algorithm(),
        body_length: if option == "l" {
            BodyLength::AtMost(8)
        } else {
            BodyLength::Whole
        },
        extra_tags: Vec::new(),
    };
    // The milter's way: the MTA writes one space before the value.
    let mut signer = Signer::new(Arc::new(policy), vec![request]);
    signer.body(&mail.body);
    let unsigned = signer
        .finish(&mail.section, UnixTime(1_700_000_000))
        .remove(0);
    let made = unsigned.sign(&**key).expect("signed");
    let mut section = HeaderSection::default();
    section.push(
        b"DKIM-Signature",
        made.value.as_bytes(),
        LeadingSpace::Eaten,
    );
    let mut signed = section.line(0).expect("the field").to_vec();
    signed.extend_from_slice(&plain);
    let word = |canon| match canon {
        Canon::Simple => "simple",
        Canon::Relaxed => "relaxed",
    };
    let name = format!(
        "{selector}_{}_{}_{option}_{text}.eml",
        word(canonicalization.header),
        word(canonicalization.body)
    );
    fs::write(folder.join(name), signed).expect("written");
}

fn rows(path: &Path) -> Vec<Row> {
    let text = fs::read_to_string(path).expect("verdicts.tsv");
    text.lines()
        .map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            let mut next = || columns.next().expect("seven columns");
            Row {
                name: next(),
                what: next(),
                by_rfc: next(),
                reason: next(),
                others: [next(), next(), next()],
            }
        })
        .collect()
}

/// The document: one line for each thing done to messages and each verdict demanded, with how
/// each of the others disagrees.
fn document(rows: &[Row], other_words: &BTreeMap<(String, String, String), usize>) -> String {
    let mut kinds: BTreeMap<(String, &str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        kinds
            .entry((kind(row), &row.by_rfc, &row.reason))
            .or_default()
            .push(row);
    }
    let mut text = String::from(INTRODUCTION);
    let mut agreed = Vec::new();
    for ((what, by_rfc, reason), rows) in &kinds {
        let cells: Vec<String> = (0..3).map(|judge| disagreement(rows, judge)).collect();
        if cells.iter().all(String::is_empty) {
            agreed.push(format!("{what} ({by_rfc})"));
            continue;
        }
        let right = if *by_rfc == "pass" {
            "pass"
        } else {
            "not pass"
        };
        writeln!(
            text,
            "| {what} | {right} | {reason} | {} |",
            cells.join(" | ")
        )
        .expect("text");
    }
    text.push_str(OTHER_WORDS);
    for (what, theirs, ours) in other_words.keys() {
        writeln!(text, "| {what} | {theirs} | {ours} |").expect("text");
    }
    text.push_str("\n## No disagreement\n\n");
    text.push_str(&agreed.join(", "));
    text.push('\n');
    text
}

/// What Mail::DKIM says of every Ed25519 signature.
const UNABLE: &str = "unsupported algorithm ed25519-sha256";

const OTHER_WORDS: &str = "
## Same verdict, other words

Where opendkim and dkimd agree that a message does not pass, or that it does, but write other results and \
reasons into Authentication-Results (one for each signature):

| Done | opendkim | dkimd |
|---|---|---|
";

const INTRODUCTION: &str = "# Where verifiers disagree

Messages signed by dkimd, opendkim, dkimpy, Mail::DKIM and by a signer that also signs nonsense, each \
good or broken in a named way, were judged by dkimd, opendkim 2.11.0~beta2, dkimpy 1.1.4 and Mail::DKIM \
1.20230212. The table lists every kind of message on which one of them says something else than RFC 6376 \
(with RFC 8301, 8463 and 8616) demands; the reason says why. An empty cell agrees with the RFC. dkimd agrees \
with it on all messages, so whoever stands in a cell is wrong. Only pass against not pass counts as a disagreement, \
and Mail::DKIM, which does not know Ed25519, has no say on such signatures. Where the RFC leaves a choice, the \
reason says so. Values outside the grammar are refused because section 6.1.1 wants signatures, and section 6.1.2 \
key records, that do not adhere to it to be ignored.

Weak Ed25519 keys, points of small order under which a signature made without any secret fits every message, are \
not among these messages. opendkim passes such a signature, dkimpy does not; dkimd says permerror, since the key is \
unusable. It verifies Ed25519 strictly: S below the group's order, no R of small order, the equation without the \
cofactor (RFC 8032 section 5.1.7 lets verifiers choose).

`cargo test --test compat_verify -- --ignored` makes and judges all messages again and compares this file; \
with `UPDATE_DOCUMENTS=1` it writes it.

| Done | By the RFC | Reason | opendkim | dkimpy | Mail::DKIM |
|---|---|---|---|---|---|
";

/// What was done, with messages of internationalised domains apart.
fn kind(row: &Row) -> String {
    if row.name.contains("-eai-u-label-") {
        format!("U-label in d=, {}", row.what)
    } else {
        row.what.clone()
    }
}

/// What a judge says where it disagrees: for all messages of the kind, or in some.
fn disagreement(rows: &[&Row], judge: usize) -> String {
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let words: Vec<&str> = row.others[judge].split(" + ").collect();
        let passed = words.contains(&"pass");
        if row.others[judge].contains(UNABLE) {
            continue;
        }
        if passed != (row.by_rfc == "pass") {
            let word = if passed {
                "pass"
            } else {
                row.others[judge].as_str()
            };
            *said.entry(word.replace('|', "/")).or_default() += 1;
        }
    }
    let total: usize = said.values().sum();
    let words: Vec<String> = said.into_keys().take(3).collect();
    match total {
        0 => String::new(),
        _ if total == rows.len() => words.join("; "),
        _ => format!("{} (some)", words.join("; ")),
    }
}

fn check_document(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verification-differences.md");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("docs");
        fs::write(&path, text).expect("written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, text, "{} is out of date", path.display());
}
