//! What DNSSEC says of a key, through the running daemon: the word in Authentication-Results, and
//! what UnprotectedKey and BogusKey make of it.
//!
//! Skipped where nsd or ldns-signzone is not installed.

#![allow(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

#[path = "support/absent.rs"]
mod absent;
#[path = "support/incoming.rs"]
mod incoming;
mod support;
#[path = "support/dns/nsd.rs"]
mod support_nsd;

use incoming::{Daemon, RSA_RECORD, reply, results, rsa_signed};
use support_nsd::{Nsd, Zones};

const SECURE: (&str, &str) = ("good", "example.test");
const SECURE_BELOW: (&str, &str) = ("key", "example.signed");
const UNPROTECTED: (&str, &str) = ("key", "example.plain");
const BOGUS: (&str, &str) = ("bogus", "example.test");
/// The first is proven to be absent; the proof for the second, behind all keys, is forged.
const ABSENT: (&str, &str) = ("absent", "example.test");
const UNPROVEN: (&str, &str) = ("unproven", "example.test");

/// A line of a zone file; one string of a TXT record holds 255 octets.
fn key_line((selector, domain): (&str, &str), note: &str) -> String {
    let record = format!("{}; n={note}", *RSA_RECORD);
    let (first, second) = record.split_at(200);
    format!("{selector}._domainkey.{domain}. 300 IN TXT \"{first}\" \"{second}\"\n")
}

fn start() -> Option<Nsd> {
    let apex = |zone: &str| {
        format!(
            "{zone} 300 IN SOA ns.test. admin.test. 1 3600 600 86400 60\n\
             {zone} 300 IN NS ns.test.\n"
        )
    };
    let root = [
        apex("."),
        "ns.test. 300 IN A 127.0.0.1\nplain. 300 IN NS ns.test.\n".to_owned(),
        key_line(SECURE, "x"),
        key_line(BOGUS, "honest"),
    ]
    .concat();
    let nsd = support_nsd::start(&Zones {
        root: &root,
        signed: &(apex("signed.") + &key_line(SECURE_BELOW, "x")),
        plain: &(apex("plain.") + &key_line(UNPROTECTED, "x")),
        forged: &[
            ("n=honest", "n=forged"),
            ("NSEC\tns.test.", "NSEC\tnt.test."),
        ],
    });
    if nsd.is_none() {
        absent::absent("nsd or ldns-signzone is not installed");
    }
    nsd
}

fn daemon(nsd: &Nsd, options: &str) -> Daemon {
    Daemon::start(&format!(
        "Nameservers {}@{}\n{options}",
        nsd.address.ip(),
        nsd.address.port()
    ))
}

fn validating(nsd: &Nsd, options: &str) -> Daemon {
    daemon(
        nsd,
        &format!("TrustAnchorFile {}\n{options}", nsd.anchor().display()),
    )
}

/// The result up to `header.d`.
fn told(daemon: &Daemon, place: (&str, &str)) -> (String, String) {
    let answers = daemon.deliver(&rsa_signed(&[place]));
    let field = results(&answers).unwrap();
    let result = field
        .strip_prefix(" mail.example.com;\n\t")
        .and_then(|rest| rest.split_once(" header.d="))
        .unwrap()
        .0;
    (result.to_owned(), reply(&answers))
}

#[test]
fn the_key_comment_says_what_dnssec_says() {
    let Some(nsd) = start() else { return };
    let validating = validating(&nsd, "");
    // The second time from the cache, which keeps the word.
    for _ in 0..2 {
        for (place, result) in [
            (SECURE, "dkim=pass (2048-bit key; secure)"),
            (SECURE_BELOW, "dkim=pass (2048-bit key; secure)"),
            (UNPROTECTED, "dkim=pass (2048-bit key; unprotected)"),
            (BOGUS, "dkim=policy (2048-bit key; bogus)"),
            (ABSENT, "dkim=fail reason=\"key not found in DNS\""),
            (UNPROVEN, "dkim=temperror"),
        ] {
            let (told, reply) = told(&validating, place);
            assert_eq!((told.as_str(), reply.as_str()), (result, "a"), "{place:?}");
        }
    }
    let trusting = daemon(&nsd, "");
    for place in [SECURE, UNPROTECTED, BOGUS] {
        let (told, _) = told(&trusting, place);
        assert_eq!(told, "dkim=pass (2048-bit key; unprotected)", "{place:?}");
    }
}

#[test]
fn unprotected_key_and_bogus_key_decide_what_a_good_signature_is_worth() {
    let Some(nsd) = start() else { return };
    let refused = "550 5.7.20 bad DKIM signature data";
    for (word, result, answer) in [
        ("none", "pass", "a"),
        ("neutral", "neutral", "a"),
        ("fail", "policy", refused),
    ] {
        let unprotected = validating(
            &nsd,
            &format!("UnprotectedKey {word}\nOn-BadSignature reject"),
        );
        let bogus = validating(&nsd, &format!("BogusKey {word}\nOn-BadSignature reject"));
        for (daemon, place, state, result, answer) in [
            (&unprotected, UNPROTECTED, "unprotected", result, answer),
            (&unprotected, BOGUS, "bogus", "policy", refused),
            (&unprotected, SECURE, "secure", "pass", "a"),
            (&bogus, BOGUS, "bogus", result, answer),
            (&bogus, UNPROTECTED, "unprotected", "pass", "a"),
            (&bogus, SECURE, "secure", "pass", "a"),
        ] {
            let answers = daemon.deliver(&rsa_signed(&[place]));
            assert_eq!(reply(&answers), answer, "{word} {place:?}");
            if answer == "a" {
                let (told, _) = told(daemon, place);
                assert_eq!(told, format!("dkim={result} (2048-bit key; {state})"));
            }
        }
    }
}

#[test]
fn a_secure_signature_counts_beside_a_bogus_one() {
    let Some(nsd) = start() else { return };
    let daemon = validating(&nsd, "On-BadSignature reject");
    let answers = daemon.deliver(&rsa_signed(&[BOGUS, SECURE]));
    assert_eq!(reply(&answers), "a");
    let field = results(&answers).unwrap();
    assert!(
        field.contains("dkim=policy (2048-bit key; bogus) ")
            && field.contains("dkim=pass (2048-bit key; secure) "),
        "{field}"
    );
}
