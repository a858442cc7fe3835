//! Every line of our own, written by the function that writes it.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dkim_core::{
    name::{Domain, Selector},
    outcome::Outcome as SignatureOutcome,
    sign::SignError,
    verify::{Identity, SignatureResult},
};
use dkimd_milter::Client;
use dkimd_server::{
    config::{
        load::Doubt,
        settings::FailureAction,
        steady::{Role, Suspicion},
    },
    decide::{AuthorError, HeaderFault, NoAuthor, Reason, Trust, identity::IdentityError},
    diagnostic::Diagnostic,
    dns::cache::CacheFigures,
    keys::{
        error::KeyOrigin,
        load::Unusable,
        purpose::{NamedIn, Purpose},
        store::KeyError,
    },
    process::lines as daemon,
    session::{
        lines,
        record::{MessageRecord, Outcome, Times},
    },
    tables::key_table::KeyTableError,
};

/// The name of the function that writes a line, and lines that it wrote.
pub(super) type Samples = BTreeMap<&'static str, Vec<String>>;

fn client(address: Option<IpAddr>) -> Client {
    Client {
        name: "mail.example.net".to_owned(),
        address,
    }
}

fn reasons() -> Vec<Reason> {
    vec![
        Reason::NoAuthor(NoAuthor::Missing),
        Reason::NoAuthor(NoAuthor::Unparsable {
            source: "From".to_owned(),
            value: "joe".to_owned(),
            error: AuthorError::Incomplete,
        }),
        Reason::SeveralFrom(2),
        Reason::HeaderFault(HeaderFault::Repeated("To")),
        Reason::ExemptDomain,
        Reason::NotOurs,
        Reason::NothingConfigured,
        Reason::NoIdentity,
        Reason::SigningOff,
        Reason::ExcusedRecipient("list@example.org".to_owned()),
    ]
}

/// Each remedy with and without the signature that the key is for.
fn of_keys(line: fn(&KeyError, Option<&Purpose>) -> String) -> Vec<String> {
    let purpose = |selector| Purpose::parse("example.com", selector, NamedIn::KeyTable);
    let (there, elsewhere) = (purpose("s").unwrap(), purpose("mail").unwrap());
    key_errors()
        .iter()
        .flat_map(|error| [None, Some(&there), Some(&elsewhere)].map(|known| line(error, known)))
        .collect()
}

fn key_errors() -> Vec<KeyError> {
    let path = PathBuf::from("/etc/dkimkeys/s.private");
    vec![
        KeyError::Missing(path.clone()),
        KeyError::Io {
            path: path.clone(),
            cause: "Input/output error".to_owned(),
        },
        KeyError::NotAFile(path.clone()),
        KeyError::Changing(path.clone()),
        KeyError::TooBig {
            path: path.clone(),
            octets: 1 << 30,
        },
        KeyError::Unusable {
            origin: KeyOrigin::File(path.clone()),
            problem: Unusable::Empty,
        },
        KeyError::TooSmall {
            origin: KeyOrigin::File(path),
            bits: 512,
            minimum: 1024,
        },
    ]
}

fn identity_errors() -> Vec<IdentityError> {
    let name = || "example".to_owned();
    let bad_name = Domain::parse("a..b").unwrap_err();
    vec![
        IdentityError::UnknownKey { key_name: name() },
        IdentityError::NamesNoKey {
            pattern: "*@example.com".to_owned(),
            line: Some(3),
        },
        IdentityError::KeyTable(KeyTableError::Corrupt { key_name: name() }),
        IdentityError::KeyTable(KeyTableError::BadName {
            key_name: name(),
            field: "domain",
            value: "a..b".to_owned(),
            cause: bad_name.clone(),
        }),
        IdentityError::BadDomain {
            domain: "a..b".to_owned(),
            cause: bad_name,
        },
    ]
}

fn signature() -> Identity {
    Identity {
        domain: Some("example.com".into()),
        selector: Some("s".into()),
        algorithm: Some("rsa-sha256".into()),
        signature: Some("AAAAbbbb".into()),
        ..Identity::default()
    }
}

fn record(outcome: Outcome) -> MessageRecord {
    MessageRecord {
        job: "4F3A21C0E1".into(),
        client: client(None),
        author: None,
        trust: Some(Trust::InternalHost),
        outcome,
        signatures: Vec::new(),
        verdicts: Vec::new(),
        times: Times {
            total: Duration::from_millis(2),
            ..Times::default()
        },
        header_octets: 1,
        body_octets: 2,
    }
}

fn outcomes() -> Vec<SignatureOutcome> {
    use SignatureOutcome as O;
    vec![
        O::Expired,
        O::FromTheFuture,
        O::AlgorithmRefused,
        O::BodyShorterThanSigned,
        O::BodyTooLittleSigned,
        O::BodyChanged,
        O::SignatureWrong,
        O::KeyNotFound,
        O::SeveralKeys,
        O::KeyRevoked,
        O::KeyTypeMismatch,
        O::KeyHashMismatch,
        O::KeyNotForEmail,
        O::KeyTooSmall,
        O::SubdomainUnauthorized,
    ]
}

pub(super) fn message_lines() -> Samples {
    let (s, d) = (
        Selector::parse("s").unwrap(),
        Domain::parse("example.com").unwrap(),
    );
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let v6 = "2001:db8::1".parse().ok();
    let result = |outcome| SignatureResult::new(0, signature(), outcome);
    let refused = Outcome::Refused(Reason::HeaderFault(HeaderFault::NotOnce("Date")));
    let failed = Outcome::Failed {
        code: "key-missing",
        action: FailureAction::Tempfail,
    };
    let done: Vec<Outcome> = [
        Outcome::Pending,
        Outcome::Signed,
        failed,
        refused,
        Outcome::Aborted,
    ]
    .into_iter()
    .chain(reasons().into_iter().map(Outcome::NotSigned))
    .collect();
    BTreeMap::from([
        ("signature_added", vec![lines::signature_added(&s, &d)]),
        (
            "not_signed",
            reasons().iter().map(lines::not_signed).collect(),
        ),
        ("key_unusable", of_keys(lines::key_unusable)),
        (
            "identity_failed",
            identity_errors()
                .iter()
                .map(lines::identity_failed)
                .collect(),
        ),
        (
            "signing_failed",
            vec![lines::signing_failed(&SignError::KeyFailed {
                domain: d.clone(),
                selector: s,
            })],
        ),
        ("key_kept", of_keys(lines::key_kept)),
        (
            "keys_unusable",
            vec![
                lines::keys_unusable(3, 200, &["a", "b", "c"]),
                lines::keys_unusable(30, 200, &["a", "b", "c"]),
            ],
        ),
        (
            "formerly_internal",
            vec![lines::formerly_internal(&client(v6), "::1")],
        ),
        ("NO_SENDER", strings(&[lines::NO_SENDER])),
        (
            "unparsable_sender",
            vec![
                lines::unparsable_sender("From", "joe"),
                lines::unparsable_sender("{author}", "joe: 'x'"),
            ],
        ),
        (
            "external_host",
            vec![lines::external_host(&client(v6), "example.com")],
        ),
        (
            "not_internal",
            vec![
                lines::not_internal(&client(v6)),
                lines::not_internal(&client(None)),
            ],
        ),
        ("NOT_AUTHENTICATED", strings(&[lines::NOT_AUTHENTICATED])),
        (
            "no_mta_match",
            vec![
                lines::no_mta_match("mx.example", ""),
                lines::no_mta_match("mx", "smtpd"),
            ],
        ),
        ("NO_MACROS_MATCH", strings(&[lines::NO_MACROS_MATCH])),
        (
            "no_domain_match",
            vec![lines::no_domain_match("example.com")],
        ),
        (
            "no_subdomain_match",
            vec![lines::no_subdomain_match("example.com")],
        ),
        (
            "no_table_match",
            vec![lines::no_table_match("joe@example.com")],
        ),
        ("exempted", vec![lines::exempted("example.com")]),
        (
            "recipient_excused",
            vec![lines::recipient_excused("joe@example.com")],
        ),
        (
            "body_length_matched",
            vec![lines::body_length_matched("joe@example.com")],
        ),
        (
            "header_requirement",
            vec![lines::header_requirement("message has multiple To fields")],
        ),
        (
            "too_much_header",
            vec![lines::too_much_header(70_000, 65_536)],
        ),
        (
            "TOO_MANY_RECIPIENTS",
            strings(&[lines::TOO_MANY_RECIPIENTS]),
        ),
        ("MEMORY_SHORT", strings(&[lines::MEMORY_SHORT])),
        (
            "fields_ignored",
            vec![
                lines::fields_ignored("X y", 0),
                lines::fields_ignored("X y", 3),
            ],
        ),
        ("NO_QUEUE_ID", strings(&[lines::NO_QUEUE_ID])),
        (
            "sent_unsigned_by_choice",
            vec![lines::sent_unsigned_by_choice("key-unsafe")],
        ),
        (
            "message_done",
            done.into_iter()
                .map(|outcome| lines::message_done(&record(outcome)))
                .collect(),
        ),
        ("VERIFIED", strings(&[lines::VERIFIED])),
        ("BAD_SIGNATURE", strings(&[lines::BAD_SIGNATURE])),
        ("NO_SIGNATURE_DATA", strings(&[lines::NO_SIGNATURE_DATA])),
        (
            "signatures_from",
            vec![lines::signatures_from(&["a.example", "b.example"])],
        ),
        (
            "signatures_ignored",
            vec![lines::signatures_ignored(1), lines::signatures_ignored(4)],
        ),
        ("signature_ignored", vec![lines::signature_ignored(&d)]),
        (
            "key_retrieval_failed",
            [
                "'s._domainkey.example.com' record not found",
                "'s._domainkey.example.com' query timed out",
                "multiple DNS replies for 's._domainkey.example.com'",
            ]
            .map(|detail| lines::key_retrieval_failed(&signature(), detail))
            .to_vec(),
        ),
        (
            "key_revoked",
            vec![
                lines::key_revoked(&signature()),
                lines::key_revoked(&Identity::default()),
            ],
        ),
        (
            "syntax_error",
            vec![lines::syntax_error("the tag b= is missing")],
        ),
        (
            "not_verified",
            outcomes()
                .iter()
                .map(|outcome| lines::not_verified(&signature(), outcome))
                .collect(),
        ),
        (
            "all_results",
            outcomes()
                .into_iter()
                .chain([SignatureOutcome::Pass])
                .map(|outcome| lines::all_results(&[result(outcome.clone()), result(outcome)]))
                .collect(),
        ),
        (
            "cache_figures",
            vec![lines::cache_figures(CacheFigures {
                queries: 3,
                hits: 1,
                expired: 0,
                entries: 2,
            })],
        ),
    ])
}

fn doubts(file: &Path) -> Vec<Doubt> {
    [Suspicion::Emptied, Suspicion::CutShort, Suspicion::Changing]
        .map(|why| Doubt {
            path: file.to_owned(),
            option: "SigningTable",
            role: Role::Identities,
            why,
        })
        .to_vec()
}

pub(super) fn daemon_lines() -> Samples {
    let file: Arc<Path> = Arc::from(Path::new("/etc/opendkim.conf"));
    BTreeMap::from([
        (
            "starting",
            vec![daemon::starting(&[]), daemon::starting(&["-f".to_owned()])],
        ),
        ("identity", vec![daemon::identity()]),
        (
            "terminating",
            vec![daemon::terminating(0), daemon::terminating(78)],
        ),
        ("reloaded", vec![daemon::reloaded(&file)]),
        ("reload_ignored", vec![daemon::reload_ignored()]),
        (
            "put_off",
            doubts(&file).iter().map(daemon::put_off).collect(),
        ),
        (
            "started_in_doubt",
            doubts(&file).iter().map(daemon::started_in_doubt).collect(),
        ),
        (
            "taken_up_in_doubt",
            doubts(&file)
                .iter()
                .map(daemon::taken_up_in_doubt)
                .collect(),
        ),
        (
            "finding",
            vec![
                daemon::finding(&Diagnostic::error("unrecognized parameter").at(&file, 3)),
                daemon::finding(&Diagnostic::error("KeyFile is missing").in_file(&file)),
                daemon::finding(
                    &Diagnostic::warning("no effect")
                        .at(&file, 9)
                        .remedy("delete"),
                ),
                daemon::finding(&Diagnostic::warning("no effect").in_file(&file)),
                daemon::finding(&Diagnostic::warning("no effect")),
                daemon::finding(&Diagnostic::error("milter socket must be specified")),
            ],
        ),
        (
            "restarting_after_signal",
            vec![daemon::restarting_after_signal(11)],
        ),
        (
            "restarting_after_exit",
            vec![daemon::restarting_after_exit(70)],
        ),
        ("ended", vec![daemon::ended(78)]),
        (
            "restart_count_exceeded",
            vec![daemon::restart_count_exceeded()],
        ),
        (
            "restart_rate_exceeded",
            vec![daemon::restart_rate_exceeded()],
        ),
    ])
}
