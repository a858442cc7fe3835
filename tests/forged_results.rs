//! Forged Authentication-Results through the running daemon: gone on every path, however they are
//! written; those of others stay.

#![allow(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

#[path = "support/incoming.rs"]
mod incoming;
mod support;

use std::{path::PathBuf, sync::LazyLock};

use incoming::{Daemon, RECORD, deletions, plain, results, signed};
use support::Message;

const FIELD: &[u8] = b"Authentication-Results";

/// Ways to write our id.
fn spellings() -> Vec<String> {
    let dress = [
        ("", ""),
        ("\n\t", "\n\t"),
        ("(x) ", " (y)"),
        ("(a (b \\) c) d)", ""),
        ("(mx.example.org;) ", "(; dkim=fail)"),
        ("\"", "\""),
        (" \" ", " \" "),
        ("", "."),
        ("", " 1"),
        ("", " 01 (version)"),
        ("", "/4XyZ012345"),
        ("", "/ any thing"),
        ("", ":25"),
        // The cases trust-forged-results-backslash and trust-forged-results-parenthesis.
        ("\\", ""),
        (")", ""),
        (") ", " )"),
        ("\"(x\" ", " \\(y"),
        ("(x\\) ", ""),
        ("(\\() ", ""),
        ("= ", "="),
        ("<", ">"),
        ("\x0b", "\x0c"),
        ("1 ", " 1 1"),
        ("\"\"", "@x"),
    ];
    let names = [
        "mail.example.com",
        "MAIL.EXAMPLE.COM",
        "mail . example . com",
        "mail.(x)example.com",
        "mail.exam\\ple.com",
        "\\mail.ex)ample.com",
        "ｍａｉｌ.example.com",
    ];
    let rests = [
        "; dkim=pass header.d=bank.example",
        "; spf=pass; dmarc=pass",
        "",
        " dkim=pass",
        "; dkim=pass foo.bar=\"",
        ";;;=",
    ];
    let mut all = Vec::new();
    for name in names {
        for (before, after) in dress {
            for rest in rests {
                all.push(format!(" {before}{name}{after}{rest}"));
            }
        }
    }
    all.push(format!(
        " mail.example.com; dkim=pass ({})",
        "x".repeat(5000)
    ));
    all.push(format!(
        " ({}) mail.example.com; dkim=pass",
        "y".repeat(5000)
    ));
    all.push(format!(
        " {}mail.example.com; dkim=pass",
        "\n\t".repeat(2000)
    ));
    all.push(" mail.example.com (never closed; dkim=pass".to_owned());
    all.push(" \"mail.example.com; dkim=pass".to_owned());
    all
}

/// Fields that are not ours.
const OTHERS: [&str; 11] = [
    " mx.example.org; dkim=pass header.d=mail.example.com",
    " (mail.example.com) mx.example.org; dkim=pass",
    " xmail.example.com; dkim=pass",
    " mail.example.com.example.org; dkim=pass",
    " example.com; dkim=pass",
    "",
    " ;;;",
    " ; mail.example.com; dkim=pass",
    " mx.example.org:25; dkim=pass header.d=mail.example.com",
    " (a (mail.example.com) \\( b) mx.example.org 1; dkim=pass",
    " mail-mail.example.com/mail.example.com; dkim=pass",
];

fn daemon(options: &str) -> Daemon {
    // One file for all tests of this program: they run side by side.
    static KEYS: LazyLock<PathBuf> = LazyLock::new(|| {
        let keys = std::env::temp_dir().join(format!("dkimd-forged-{}-keys", std::process::id()));
        std::fs::write(&keys, format!("good._domainkey.example.com {}\n", *RECORD)).unwrap();
        keys
    });
    Daemon::start(&format!(
        "TestPublicKeys {}\nMaximumHeaders 0\nExemptDomains exempt.example\n{options}",
        KEYS.display()
    ))
}

/// The message with all forgeries and fields of others mixed in, and the numbers of the forgeries
/// from the last to the first.
fn with_forgeries(mut message: Message) -> (Message, Vec<u32>) {
    let mut numbers = Vec::new();
    let mut fields = Vec::new();
    for (index, forgery) in spellings().into_iter().enumerate() {
        if index % 7 == 0 {
            fields.push(OTHERS[index / 7 % OTHERS.len()].to_owned());
        }
        fields.push(forgery);
        numbers.push(u32::try_from(fields.len()).unwrap());
    }
    let half = message.header.len() / 2;
    for (index, field) in fields.into_iter().enumerate() {
        let name = if index % 2 == 0 {
            FIELD.to_vec()
        } else {
            FIELD.to_ascii_uppercase()
        };
        message
            .header
            .insert(half + index, (name, field.into_bytes()));
    }
    numbers.reverse();
    (message, numbers)
}

/// The forgeries that were left.
fn missed(message: &Message, numbers: &[u32], deleted: &[u32]) -> Vec<String> {
    let results: Vec<&(Vec<u8>, Vec<u8>)> = message
        .header
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(FIELD))
        .collect();
    numbers
        .iter()
        .filter(|number| !deleted.contains(number))
        .map(|number| String::from_utf8_lossy(&results[*number as usize - 1].1).into_owned())
        .collect()
}

fn without(mut message: Message, name: &[u8]) -> Message {
    message.header.retain(|(field, _)| field != name);
    message
}

fn and(mut message: Message, name: &[u8], value: &[u8]) -> Message {
    message.header.push((name.to_vec(), value.to_vec()));
    message
}

#[test]
fn forged_results_are_gone_on_every_path_and_others_stay() {
    let daemons = [
        daemon(""),
        daemon("StrictHeaders yes"),
        daemon("IgnoreMalformedMail yes"),
        daemon("AlwaysAddARHeader yes\nRemoveARAll yes"),
        daemon("Mode sv"),
        daemon("On-Default accept\nSoftwareHeader yes"),
    ];
    let bad = and(signed(&["good"]), b"X-Last", b" x");
    let bad = Message {
        body: [&bad.body[..], b"x\r\n"].concat(),
        ..bad
    };
    let paths = [
        ("no signature", plain()),
        ("good", signed(&["good"])),
        ("bad", bad),
        ("no key", signed(&["other"])),
        (
            "malformed signature",
            and(plain(), b"DKIM-Signature", b" v=1; nonsense"),
        ),
        ("no From", without(plain(), b"From")),
        ("two From", and(plain(), b"From", b" b@example.net")),
        (
            "unreadable From",
            and(without(plain(), b"From"), b"From", b" (("),
        ),
        ("empty From", and(without(plain(), b"From"), b"From", b"")),
        ("no Date", without(plain(), b"Date")),
        (
            "exempt",
            and(without(plain(), b"From"), b"From", b" a@exempt.example"),
        ),
        ("odd name", and(plain(), b"X\xff", b" x")),
    ];
    assert!(spellings().len() > 300);
    for (path, message) in paths {
        let (message, numbers) = with_forgeries(message);
        for (number, daemon) in daemons.iter().enumerate() {
            let answers = daemon.deliver(&message);
            let deleted = deletions(&answers);
            let missed = missed(&message, &numbers, &deleted);
            assert!(missed.is_empty(), "{path}, daemon {number}: {missed:#?}");
            assert_eq!(deleted, numbers, "{path}, daemon {number}");
            assert_eq!(
                answers.last().unwrap().kind,
                b'a',
                "{path}, daemon {number}"
            );
        }
    }
}

#[test]
fn keeping_results_keeps_all() {
    let (message, _) = with_forgeries(plain());
    let keeping = daemon("KeepAuthResults yes");
    assert!(deletions(&keeping.deliver(&message)).is_empty());
}

#[test]
fn mail_of_peers_is_left_alone() {
    let peer = daemon("PeerList 192.0.2.7");
    let mut client = support::MilterClient::unix(&peer.folder.path().join("socket")).unwrap();
    client.negotiate(support::POSTFIX_OFFER).unwrap();
    let answer = client.connect("mail.example.org", "192.0.2.7").unwrap();
    assert_eq!(answer.kind, b'a');
    let (message, numbers) = with_forgeries(signed(&["good"]));
    let mut stranger = peer.connect_from("192.0.2.8");
    let answers = stranger.message(&message).unwrap();
    assert_eq!(deletions(&answers), numbers);
    assert!(results(&answers).unwrap().contains("dkim=pass"));
}

/// A message, the Mode-sv treatment of its kind where it comes from one of ours, and the result that
/// anybody else gets.
struct Kind {
    name: &'static str,
    message: Message,
    /// Signed, or left unsigned by choice: nothing is taken off or added.
    own: bool,
    result: Option<&'static str>,
}

fn kinds() -> Vec<Kind> {
    let malformed = Some("dkim=permerror (bad message/signature format)");
    let from = |value: &[u8]| and(without(plain(), b"From"), b"From", value);
    let mut excused = from(b" a@own.example");
    excused.recipients = vec![b"<list@example.org>".to_vec()];
    let kind = |name, message, own, result| Kind {
        name,
        message,
        own,
        result,
    };
    vec![
        kind("signed", from(b" a@own.example"), true, Some("dkim=none")),
        kind("excused", excused, true, Some("dkim=none")),
        kind("exempt", from(b" a@exempt.example"), true, None),
        kind("no entry", plain(), false, Some("dkim=none")),
        kind("verified", signed(&["good"]), false, Some("dkim=pass")),
        kind("no From", without(plain(), b"From"), false, malformed),
        kind("empty From", from(b""), false, malformed),
        kind("unreadable From", from(b" (("), false, malformed),
    ]
}

/// The result that is added, and whether the forged one below it goes.
fn treatment(
    client: &mut support::MilterClient,
    message: &Message,
) -> (bool, Option<String>, bool) {
    let forged = b" \\mail.example.com; dkim=pass header.d=bank.example";
    let mut message = and(message.clone(), FIELD, forged);
    message
        .header
        .push((FIELD.to_vec(), b" mx.example.org; none".to_vec()));
    let answers = client.message(&message).unwrap();
    assert_eq!(answers.last().unwrap().kind, b'a');
    let signed = answers
        .iter()
        .any(|answer| answer.kind == b'i' && answer.payload[4..].starts_with(b"DKIM-Signature\0"));
    let deleted = deletions(&answers);
    assert!(deleted.is_empty() || deleted == [1], "{deleted:?}");
    (deleted == [1], results(&answers), signed)
}

#[test]
fn results_of_own_mail_depend_on_whether_it_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("s.private");
    let der = include_bytes!("../src/dkim/crypto/testdata/rsa2048.pkcs8.der");
    let pem = pem::Pem::new("PRIVATE KEY", der.as_slice());
    std::fs::write(&key, pem::encode(&pem)).unwrap();
    let options = format!(
        "AlwaysAddARHeader yes\nDomain own.example\nSelector s\nKeyFile {}\n\
         RequireSafeKeys no\nDontSignMailTo list@example.org\nInternalHosts 127.0.0.1\n",
        key.display()
    );
    for (mode, signs, verifies) in [("s", true, false), ("v", false, true), ("sv", true, true)] {
        let daemon = daemon(&format!("{options}Mode {mode}"));
        let strict = daemon_like(&options, mode);
        for (origin, address, auth, ours) in [
            ("internal", "127.0.0.1", false, true),
            ("authenticated", "192.0.2.7", true, true),
            ("external", "192.0.2.7", false, false),
        ] {
            let connect = |daemon: &Daemon| {
                let mut client = daemon.connect_from(address);
                if auth {
                    client.macros(b'M', &["{auth_type}", "PLAIN"]);
                }
                client
            };
            for kind in kinds() {
                let what = format!("{}, {origin}, Mode {mode}", kind.name);
                let (gone, result, signed) = treatment(&mut connect(&daemon), &kind.message);
                let cleaned = verifies && !(signs && ours && kind.own);
                assert_eq!(gone, cleaned, "{what}");
                assert_eq!(signed, signs && ours && kind.name == "signed", "{what}");
                let wanted = kind.result.filter(|_| cleaned);
                assert_eq!(result.is_some(), wanted.is_some(), "{what}: {result:?}");
                assert!(
                    result
                        .unwrap_or_default()
                        .contains(wanted.unwrap_or_default()),
                    "{what}"
                );
            }
            // Where nothing is signed because of the header section, the result says so.
            let from = |value: &[u8]| and(without(plain(), b"From"), b"From", value);
            let dateless = without(from(b" a@own.example"), b"Date");
            let several = and(from(b" a@own.example"), b"From", b" b@own.example");
            for (name, daemon, message) in [
                ("StrictHeaders", &strict, dateless),
                ("StrictHeaders and two From", &strict, several.clone()),
                ("two From", &daemon, several),
            ] {
                let what = format!("{name}, {origin}, Mode {mode}");
                let (gone, result, signed) = treatment(&mut connect(daemon), &message);
                assert!(!signed, "{what}");
                assert_eq!(
                    (gone, result.is_some()),
                    (verifies, verifies),
                    "{what}: {result:?}"
                );
                let verified = name == "two From" && !(signs && ours);
                let word = if verified {
                    "dkim=none"
                } else {
                    "dkim=permerror"
                };
                assert!(!verifies || result.unwrap().contains(word), "{what}");
            }
        }
    }
}

fn daemon_like(options: &str, mode: &str) -> Daemon {
    daemon(&format!("{options}Mode {mode}\nStrictHeaders yes"))
}
