//! Authentication-Results: the layout against fields captured from OpenDKIM, and the search for
//! forged ones against every way to write an authserv-id.
//!
//! `auth_results/opendkim.jsonl` was made by `auth_results/capture.py` with Debian's opendkim
//! 2.11.0.

use dkim_core::{
    header::{HeaderSection, LeadingSpace},
    key_answer::Dnssec,
    outcome::ResultWord,
};
use dkimd_server::headers::{
    auth_results::{AtpsResult, AuthResults, KeyComment, ResultItem},
    auth_results_parse::{RemovalRules, authserv_id, fields_to_delete},
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Captured {
    kind: String,
    conf: String,
    j: String,
    job: String,
    ar: Vec<String>,
    #[serde(default)]
    sigs: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    d: String,
    s: String,
    i: Option<String>,
    a: String,
    b: String,
}

fn item<'a>(kind: &str, index: usize, signature: &'a Signature) -> ResultItem<'a> {
    let key = |bits| {
        Some(KeyComment {
            bits,
            dnssec: Dnssec::Unknown,
        })
    };
    let small = (ResultWord::Policy, Some("signing key too small"), key(768));
    let (result, reason, key) = match (kind, index) {
        ("nokey", _) => (ResultWord::Fail, Some("key not found in DNS"), None),
        ("pass" | "twice", _) | ("two", 1) => (ResultWord::Pass, None, key(2048)),
        ("fail", _) => (
            ResultWord::Fail,
            Some("signature verification failed"),
            key(2048),
        ),
        ("small", _) | ("two", 0) => small,
        ("revoked", _) => (ResultWord::Fail, Some("key revoked"), None),
        other => panic!("unknown kind {other:?}"),
    };
    ResultItem {
        result,
        reason,
        key,
        domain: Some(&signature.d),
        auid: signature.i.as_deref(),
        algorithm: Some(&signature.a),
        selector: Some(&signature.s),
        signature: Some(&signature.b),
        ..ResultItem::of(result)
    }
}

#[test]
fn the_layout_is_opendkim_s_byte_for_byte() {
    let captured = include_str!("auth_results/opendkim.jsonl");
    let mut compared = 0;
    for line in captured.lines() {
        let case: Captured = serde_json::from_str(line).unwrap();
        let items: Vec<_> = case
            .sigs
            .iter()
            .enumerate()
            .map(|(index, signature)| item(&case.kind, index, signature))
            .collect();
        let ours = AuthResults {
            authserv_id: &case.j,
            job: case
                .conf
                .contains("AuthservIDWithJobID")
                .then_some(&*case.job),
            items: &items,
            atps: Some(AtpsResult::Neutral),
            omit_signature: case.conf.contains("NoHeaderB"),
        };
        assert_eq!([ours.value()], *case.ar, "{line}");
        compared += 1;
    }
    assert!(compared >= 200, "only {compared} fields compared");
}

fn section(values: &[&str]) -> HeaderSection {
    let mut section = HeaderSection::default();
    section.push(b"Received", b" from x", LeadingSpace::Kept);
    for (index, value) in values.iter().enumerate() {
        let name: &[u8] = match index % 3 {
            0 => b"Authentication-Results",
            1 => b"authentication-RESULTS",
            _ => b"Authentication-Results \t",
        };
        section.push(name, value.as_bytes(), LeadingSpace::Kept);
        section.push(
            b"X-Authentication-Results",
            b" m.example; x",
            LeadingSpace::Kept,
        );
    }
    section
}

#[test]
fn deletions_come_from_the_last_to_the_first_and_count_every_field_of_the_name() {
    let rules = RemovalRules::new("m.example");
    let section = section(&[
        " m.example; dkim=pass",
        " other.example; dkim=pass",
        " M.EXAMPLE.; spf=pass",
        " other.example; m.example",
        " (c) \"m.example\"/job 1; dkim=pass (garbage",
    ]);
    assert_eq!(fields_to_delete(&section, &rules), [5, 3, 1]);
    assert!(fields_to_delete(&section, &rules.keep(true)).is_empty());
    let listed = RemovalRules::new("us.example").remove_from([".example"]);
    assert_eq!(fields_to_delete(&section, &listed), [5, 2, 1]);
    assert_eq!(
        fields_to_delete(&section, &listed.all_methods(true)),
        [5, 4, 3, 2, 1]
    );
}

#[test]
fn a_field_of_any_length_is_judged_by_its_id() {
    let long = format!(
        " ({}) m.example (x); dkim=pass {}",
        "c".repeat(1 << 20),
        "y".repeat(1 << 20)
    );
    let deep = format!(" {}m.example; dkim=pass", "(".repeat(1 << 20));
    let rules = RemovalRules::new("m.example");
    assert!(rules.matches(long.as_bytes()));
    assert!(rules.matches(deep.as_bytes()));
}

/// White space and comments as they may stand between the parts of a field.
fn cfws() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(" ".to_owned()),
        Just("\t ".to_owned()),
        Just("\r\n\t".to_owned()),
        Just(" (a comment; with (inner) \\) parts) ".to_owned()),
        Just("()\r\n ".to_owned()),
    ]
}

fn own_id() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,10}[a-z0-9](\\.[a-z][a-z0-9]{0,8}){1,3}"
}

/// `id` written in another way: case, quotes, quoted pairs, final dot.
fn disguised(id: String) -> impl Strategy<Value = String> {
    let length = id.len();
    (
        proptest::collection::vec(any::<bool>(), length),
        proptest::collection::vec(any::<bool>(), length),
        0..3u8,
        any::<bool>(),
    )
        .prop_map(move |(upper, escaped, quoting, dot)| {
            let mut text = String::new();
            for (c, (&upper, &escaped)) in id.chars().zip(upper.iter().zip(&escaped)) {
                if quoting == 2 && escaped {
                    text.push('\\');
                }
                text.push(if upper { c.to_ascii_uppercase() } else { c });
            }
            if dot {
                text.push('.');
            }
            if quoting > 0 {
                format!("\"{text}\"")
            } else {
                text
            }
        })
}

fn ending() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("; none".to_owned()),
        Just("; dkim=pass header.d=example.com".to_owned()),
        Just("; dkim=pass foo.bar=x (never closed".to_owned()),
        "; ?\\PC{0,60}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_way_to_write_our_id_is_found(
        (own, written) in own_id().prop_flat_map(|id| (Just(id.clone()), disguised(id))),
        before in cfws(),
        after in cfws(),
        job in prop_oneof![Just(""), Just("/4XyZ1a2b3c")],
        version in prop_oneof![Just(""), Just(" 1"), Just("\r\n\t1"), Just("(x)1 ")],
        end in ending(),
    ) {
        let value = format!("{before}{written}{job}{version}{after}{end}");
        let rules = RemovalRules::new(&own);
        prop_assert!(rules.matches(value.as_bytes()), "{own} in {value:?}");
        prop_assert_eq!(authserv_id(value.as_bytes()), own);
    }

    #[test]
    fn the_id_of_another_is_never_ours(
        own in own_id(),
        (other, written) in own_id().prop_flat_map(|id| (Just(id.clone()), disguised(id))),
        before in cfws(),
        after in cfws(),
        end in ending(),
    ) {
        prop_assume!(own != other);
        let value = format!("{before}{written} ({own}) {after}{end}");
        prop_assert!(!RemovalRules::new(&own).matches(value.as_bytes()), "{own} in {value:?}");
    }

    #[test]
    fn no_value_stops_the_search(value in proptest::collection::vec(any::<u8>(), 0..200)) {
        let rules = RemovalRules::new("m.example").remove_from([".example", "x.example"]);
        let _ = rules.matches(&value);
        let mut forged = b" m.example;".to_vec();
        forged.extend(&value);
        prop_assert!(rules.matches(&forged));
    }

    #[test]
    fn what_is_written_is_found_again_and_stays_one_field(
        domain in "\\PC{0,40}",
        auid in "(\\PC|[\r\n\t\";()\\\\@]){0,40}",
        selector in "(\\PC|[\r\n;\"]){0,20}",
    ) {
        let items = [ResultItem {
            domain: Some(&domain),
            auid: Some(&auid),
            selector: Some(&selector),
            ..ResultItem::of(ResultWord::Pass)
        }];
        let value = AuthResults {
            authserv_id: "m.example",
            job: Some("4XyZ"),
            items: &items,
            atps: None,
            omit_signature: false,
        }
        .value();
        prop_assert_eq!(authserv_id(value.as_bytes()), "m.example");
        prop_assert!(!value.contains('\r'));
        prop_assert!(value.split('\n').skip(1).all(|line| line.starts_with('\t')));
        // Outside of quotes no semicolon but the first.
        let mut quoted = false;
        let mut escaped = false;
        let mut semicolons = 0;
        for c in value.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ';' if !quoted => semicolons += 1,
                _ => {}
            }
        }
        prop_assert_eq!((quoted, semicolons), (false, 1), "{:?}", value);
    }
}
