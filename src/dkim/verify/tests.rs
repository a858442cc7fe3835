use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use proptest::prelude::*;

use super::*;
use crate::{
    Canonicalization,
    crypto::{PrivateKey, SignatureFailed, private_key_from_pkcs1_der, private_key_from_pkcs8_der},
    header::LeadingSpace,
    name::Selector,
    outcome::ResultWord,
    select::HeaderSelection,
    sign::{BodyLength, Signer, SigningPolicy, SigningRequest},
};

const NOW: UnixTime = UnixTime(1_800_000_000);
const BODY: &[u8] = b"Hello\r\nworld\r\n";

fn rsa() -> Arc<dyn PrivateKey> {
    private_key_from_pkcs1_der(include_bytes!("../crypto/testdata/rsa2048.pkcs1.der")).unwrap()
}

fn ed25519() -> Arc<dyn PrivateKey> {
    private_key_from_pkcs8_der(include_bytes!("../crypto/testdata/ed25519.pkcs8.der")).unwrap()
}

fn record(key: &dyn PrivateKey, tags: &str) -> String {
    let kind = if key.bits() == 256 { "ed25519" } else { "rsa" };
    let public = data_encoding::BASE64.encode(&key.public_key());
    format!("v=DKIM1; k={kind}; {tags}p={public}")
}

fn found(record: &str) -> KeyAnswer {
    KeyAnswer::found(record.as_bytes(), Dnssec::Unknown)
}

/// A section with one signature on top for each domain, all by the same key.
fn signed(key: &Arc<dyn PrivateKey>, domains: &[&str], body_length: BodyLength) -> HeaderSection {
    let mut plain = HeaderSection::default();
    plain.push(b"From", b" a@example.com", LeadingSpace::Kept);
    plain.push(b"Subject", b" hi", LeadingSpace::Kept);
    let policy = SigningPolicy {
        canonicalization: Canonicalization::default(),
        headers: HeaderSelection::default(),
        lifetime: Some(Duration::from_secs(1000)),
        copied_headers: false,
        request_reports: false,
        fix_crlf: false,
    };
    let request = |domain: &&str| SigningRequest {
        domain: Domain::parse(domain).unwrap(),
        selector: Selector::parse("s").unwrap(),
        auid: None,
        algorithm: key.algorithm(),
        body_length,
        extra_tags: Vec::new(),
    };
    let mut signer = Signer::new(Arc::new(policy), domains.iter().map(request).collect());
    signer.body(BODY);
    let mut section = HeaderSection::default();
    for field in signer.finish(&plain, NOW) {
        let field = field.sign(&**key).unwrap();
        section.push(
            b"DKIM-Signature",
            field.value.as_bytes(),
            LeadingSpace::Eaten,
        );
    }
    for field in plain.iter() {
        section.push(field.name, field.value, LeadingSpace::Kept);
    }
    section
}

fn verify(
    section: &HeaderSection,
    body: &[u8],
    policy: VerificationPolicy,
    now: u64,
    answers: &[KeyAnswer],
) -> Vec<Outcome> {
    let mut verifier = Verifier::new(
        section,
        Arc::new(policy),
        Some("example.com"),
        UnixTime(now),
    );
    verifier.body(body);
    verifier
        .finish(answers)
        .into_iter()
        .map(|result| result.outcome)
        .collect()
}

fn one(section: &HeaderSection, body: &[u8], answer: KeyAnswer) -> Outcome {
    verify(
        section,
        body,
        VerificationPolicy::default(),
        NOW.0,
        &[answer],
    )
    .remove(0)
}

#[test]
fn a_good_signature_passes_with_either_key_type() {
    for key in [rsa(), ed25519()] {
        let section = signed(&key, &["example.com"], BodyLength::Whole);
        assert_eq!(
            one(&section, BODY, found(&record(&*key, ""))),
            Outcome::Pass
        );
    }
}

#[test]
fn a_changed_body_is_told_apart_from_a_changed_header() {
    let key = rsa();
    let mut section = signed(&key, &["example.com"], BodyLength::Whole);
    let answer = || found(&record(&*key, ""));
    assert_eq!(one(&section, b"Hallo\r\n", answer()), Outcome::BodyChanged);
    section.push(b"Subject", b" other", LeadingSpace::Kept);
    assert_eq!(one(&section, BODY, answer()), Outcome::SignatureWrong);
}

#[test]
fn every_answer_of_dns_has_its_own_cause() {
    let key = rsa();
    let section = signed(&key, &["example.com"], BodyLength::Whole);
    let other = private_key_from_pkcs1_der(include_bytes!("../crypto/testdata/rsa1024.pkcs1.der"));
    let none = KeyAnswer::NotFound {
        dnssec: Dnssec::Secure,
    };
    for (answer, code, word) in [
        (none, "key-not-found", ResultWord::Permerror),
        (
            KeyAnswer::Several { count: 2 },
            "several-keys",
            ResultWord::Permerror,
        ),
        (
            KeyAnswer::Failed(DnsFailure::Timeout),
            "dns-failed",
            ResultWord::Temperror,
        ),
        (found("v=DKIM1; p="), "key-revoked", ResultWord::Permerror),
        (found("prose"), "key-record-invalid", ResultWord::Permerror),
        (found("p=AAAA"), "key-unusable", ResultWord::Permerror),
        (
            found(&record(&*key, "h=sha1; ")),
            "key-hash-mismatch",
            ResultWord::Permerror,
        ),
        (
            found(&record(&*key, "s=tlsrpt; ")),
            "key-not-for-email",
            ResultWord::Permerror,
        ),
        (
            found(&record(&*ed25519(), "")),
            "key-type-mismatch",
            ResultWord::Permerror,
        ),
        (
            found(&record(&*other.unwrap(), "")),
            "signature-wrong",
            ResultWord::Fail,
        ),
        (found(&record(&*key, "t=y:s; ")), "pass", ResultWord::Pass),
    ] {
        let outcome = one(&section, BODY, answer);
        assert_eq!((outcome.code(), outcome.result()), (code, word));
        assert!(!outcome.explanation().is_empty());
    }
    let missing = verify(&section, BODY, VerificationPolicy::default(), NOW.0, &[]);
    assert_eq!(missing, [Outcome::DnsFailed(DnsFailure::Timeout)]);
}

/// Trying again changes nothing (RFC 6376 section 6.1.2).
#[test]
fn a_record_that_is_there_and_broken_is_a_permanent_error() {
    let key = rsa();
    let section = signed(&key, &["example.com"], BodyLength::Whole);
    let good = record(&*key, "");
    let long = format!("{good}; n={}", "x".repeat(8192));
    for answer in [
        found("v=DKIM1; k=rsa"),
        found(&format!("{good}; n=a; n=b")),
        found(&format!("{good}; x-y=1")),
        found(""),
        found(&long),
        KeyAnswer::Several { count: 2 },
    ] {
        let outcome = one(&section, BODY, answer);
        let word = outcome.result();
        assert_eq!(word, ResultWord::Permerror, "{}", outcome.explanation());
    }
}

#[test]
fn the_clock_may_drift_but_no_further_and_nothing_is_asked_in_vain() {
    let key = rsa();
    let section = signed(&key, &["example.com"], BodyLength::Whole);
    let answers = [found(&record(&*key, ""))];
    let at = |now| verify(&section, BODY, VerificationPolicy::default(), now, &answers).remove(0);
    assert_eq!(at(NOW.0 - 300), Outcome::Pass);
    assert_eq!(at(NOW.0 - 301), Outcome::FromTheFuture);
    assert_eq!(at(NOW.0 + 1300), Outcome::Pass);
    assert_eq!(at(NOW.0 + 1301), Outcome::Expired);
    let late = Verifier::new(&section, Arc::default(), None, UnixTime(NOW.0 + 1301));
    assert!(late.queries().is_empty() && !late.wants_body());
}

#[test]
fn signatures_beyond_the_limit_are_ignored_before_any_work() {
    let key = rsa();
    let domains = ["a.example", "b.example", "example.com", "d.example"];
    let section = signed(&key, &domains, BodyLength::Whole);
    let answers = vec![found(&record(&*key, "")); 4];
    let limited = |maximum: usize, trusted: &[&str]| {
        let policy = VerificationPolicy {
            limit: SignatureLimit {
                maximum,
                trusted: trusted.iter().map(|d| Domain::parse(d).unwrap()).collect(),
            },
            ..VerificationPolicy::default()
        };
        let outcomes = verify(&section, BODY, policy, NOW.0, &answers);
        outcomes
            .iter()
            .map(|o| u8::from(*o == Outcome::Pass))
            .collect::<Vec<_>>()
    };
    assert_eq!(limited(3, &[]), [1, 1, 1, 0]);
    assert_eq!(limited(1, &[]), [0, 0, 1, 0]);
    assert_eq!(limited(2, &["d.example"]), [0, 0, 1, 1]);
    assert_eq!(limited(3, &["d.example"]), [1, 0, 1, 1]);
    assert_eq!(limited(0, &["b.example"]), [0, 1, 1, 0]);
    let few_names = VerificationPolicy {
        maximum_key_names: 1,
        ..VerificationPolicy::default()
    };
    let verifier = Verifier::new(&section, Arc::new(few_names), None, NOW);
    assert_eq!((verifier.queries().len(), verifier.ignored()), (1, 3));
    assert_eq!(&*verifier.queries()[0].name, "s._domainkey.a.example");
}

/// What strangers put on top, malformed or not, however much of it, costs the author's signature
/// neither its verification nor its result; results keep the order of the fields.
#[test]
fn nothing_on_top_pushes_the_authors_signature_out() {
    let key = ed25519();
    let good = signed(&key, &["example.com"], BodyLength::Whole);
    let foreign = signed(&key, &["stranger.example"], BodyLength::Whole);
    let answers = vec![found(&record(&*key, "")); 4];
    for (label, value, many) in [
        ("malformed", &b" v=1; d=stranger.example"[..], 3),
        ("empty", b"", MAX_FIELDS_READ - 1),
        ("foreign", foreign.get(0).unwrap().value, 3),
        (
            "foreign",
            foreign.get(0).unwrap().value,
            MAX_SIGNATURE_FIELDS + 9,
        ),
    ] {
        let mut section = HeaderSection::default();
        for _ in 0..many {
            section.push(b"DKIM-Signature", value, LeadingSpace::Kept);
        }
        for field in good.iter() {
            section.push(field.name, field.value, LeadingSpace::Kept);
        }
        let mut verifier = Verifier::new(&section, Arc::default(), Some("example.com"), NOW);
        assert!(verifier.queries().len() <= 3);
        verifier.body(BODY);
        let results = verifier.finish(&answers);
        let places: Vec<usize> = results.iter().map(|result| result.field).collect();
        assert!(places.is_sorted() && places.len() <= MAX_SIGNATURE_FIELDS);
        let last = results.last().unwrap();
        assert_eq!(
            (last.field, &last.outcome),
            (many, &Outcome::Pass),
            "{label}"
        );
        let worked = results
            .iter()
            .filter(|result| result.body.is_some())
            .count();
        assert!(worked <= 3, "{worked} were verified");
    }
}

/// Signs without a secret: under the point of order 1 the pair of the base point and 1 fits every
/// message.
#[derive(Debug)]
struct Forger;

impl PrivateKey for Forger {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519Sha256
    }

    fn bits(&self) -> u32 {
        256
    }

    fn sign(&self, _: &[u8; 32]) -> Result<Vec<u8>, SignatureFailed> {
        let mut signature = vec![0x66; 32];
        signature[0] = 0x58;
        signature.push(1);
        signature.resize(64, 0);
        Ok(signature)
    }

    fn public_key(&self) -> Vec<u8> {
        let mut identity = vec![0; 32];
        identity[0] = 1;
        identity
    }
}

#[test]
fn a_weak_ed25519_key_is_a_permanent_error_however_well_the_signature_fits() {
    let lenient = UnparsedPublicKey::new(&ED25519, Forger.public_key());
    assert!(
        lenient
            .verify(b"x", &Forger.sign(&[0; 32]).unwrap())
            .is_ok()
    );
    let key: Arc<dyn PrivateKey> = Arc::new(Forger);
    let section = signed(&key, &["example.com"], BodyLength::Whole);
    let outcome = one(&section, BODY, found(&record(&*key, "")));
    assert_eq!(outcome, Outcome::KeyUnusable(PublicKeyError::WeakEd25519));
    assert_eq!(outcome.result(), ResultWord::Permerror);
    assert!(outcome.explanation().contains("small order"));
}

#[test]
fn a_malformed_signature_is_one_permerror_and_the_others_are_verified() {
    let key = ed25519();
    let mut section = HeaderSection::default();
    section.push(
        b"dkim-signature",
        b" v=1; a=rsa-sha256; d=bad.example",
        LeadingSpace::Kept,
    );
    for field in signed(&key, &["example.com"], BodyLength::Whole).iter() {
        section.push(field.name, field.value, LeadingSpace::Kept);
    }
    let mut verifier = Verifier::new(&section, Arc::default(), None, NOW);
    verifier.body(BODY);
    let results = verifier.finish(&[found(&record(&*key, ""))]);
    assert_eq!(
        results[0].outcome,
        Outcome::Malformed(SignatureError::Missing("s"))
    );
    assert_eq!(results[0].identity.domain.as_deref(), Some("bad.example"));
    assert_eq!(results[1].outcome, Outcome::Pass);
    assert_eq!(deciding(&results).unwrap().field, 1);
}

#[test]
fn minimum_refuses_what_leaves_out_too_much() {
    let key = rsa();
    let section = signed(&key, &["example.com"], BodyLength::AtMost(7));
    let answers = [found(&record(&*key, ""))];
    let least = |minimum_body| {
        let policy = VerificationPolicy {
            minimum_body,
            ..VerificationPolicy::default()
        };
        verify(&section, BODY, policy, NOW.0, &answers).remove(0)
    };
    assert_eq!(least(None), Outcome::Pass);
    assert_eq!(least(Some(MinimumBody::Octets(7))), Outcome::Pass);
    assert_eq!(
        least(Some(MinimumBody::Octets(8))),
        Outcome::BodyTooLittleSigned
    );
    assert_eq!(
        least(Some(MinimumBody::LeftOut(6))),
        Outcome::BodyTooLittleSigned
    );
    let short = verify(
        &section,
        b"",
        VerificationPolicy::default(),
        NOW.0,
        &answers,
    );
    assert_eq!(short, [Outcome::BodyShorterThanSigned]);
}

#[test]
fn policies_refuse_good_signatures() {
    let key = rsa();
    let section = signed(&key, &["example.com"], BodyLength::Whole);
    let by = |policy, dnssec| {
        let answer = KeyAnswer::found(record(&*key, "").as_bytes(), dnssec);
        verify(&section, BODY, policy, NOW.0, &[answer]).remove(0)
    };
    let policy = VerificationPolicy::default;
    let bits = VerificationPolicy {
        minimum_key_bits: 4096,
        ..policy()
    };
    assert_eq!(by(bits, Dnssec::Secure), Outcome::KeyTooSmall);
    let fields = VerificationPolicy {
        must_be_signed: vec!["DKIM-Signature".into()],
        ..policy()
    };
    assert_eq!(by(fields, Dnssec::Secure).code(), "field-unprotected");
    let open = VerificationPolicy {
        unprotected_key: KeyProtection::Neutral,
        ..policy()
    };
    assert_eq!(
        by(open.clone(), Dnssec::Insecure).result(),
        ResultWord::Neutral
    );
    assert_eq!(by(open, Dnssec::Secure), Outcome::Pass);
    assert_eq!(by(policy(), Dnssec::Bogus).result(), ResultWord::Policy);
}

#[test]
fn the_hashed_header_ends_with_the_signature_without_its_data() {
    let section = signed(&rsa(), &["example.com"], BodyLength::Whole);
    let signature = Signature::parse(section.get(0).unwrap().value).unwrap();
    let octets = hashed_header(&section, 0, &signature);
    assert!(octets.starts_with(b"From: a@example.com\r\nSubject: hi\r\nDKIM-Signature: v=1"));
    assert!(octets.ends_with(b"b="));
}

proptest! {
    #[test]
    fn no_octets_make_a_parser_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = TagList::parse(&octets);
        let _ = Signature::parse(&octets);
        let _ = KeyRecord::parse(&octets);
        let _ = PublicKey::rsa(&octets);
    }

    #[test]
    fn no_text_like_a_signature_makes_the_verifier_panic(
        tags in proptest::collection::vec("[vadschiblqtxz]h?=[ -~\r\n\t\u{e4}]{0,40}", 0..12),
        body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut section = HeaderSection::default();
        section.push(b"DKIM-Signature", tags.join(";").as_bytes(), LeadingSpace::Kept);
        section.push(b"From", b" a@example.com", LeadingSpace::Kept);
        let outcomes = verify(&section, &body, VerificationPolicy::default(), NOW.0, &[]);
        prop_assert!(outcomes.iter().all(|outcome| *outcome != Outcome::Pass));
    }

    #[test]
    fn a_good_signature_with_one_octet_changed_passes_only_if_it_means_the_same(
        at in 0usize..600, octet in any::<u8>(),
    ) {
        let key = ed25519();
        let good = signed(&key, &["example.com"], BodyLength::Whole);
        let mut value = good.get(0).unwrap().value.to_vec();
        let at = at % value.len();
        let same = value[at] == octet;
        value[at] = octet;
        let mut section = HeaderSection::default();
        section.push(b"DKIM-Signature", &value, LeadingSpace::Kept);
        for field in good.iter().skip(1) {
            section.push(field.name, field.value, LeadingSpace::Kept);
        }
        let passed = one(&section, BODY, found(&record(&*key, ""))) == Outcome::Pass;
        let before = Signature::parse(good.get(0).unwrap().value).unwrap();
        let in_data = before.signature_span.contains(&at);
        let same_data = || {
            Signature::parse(&value).is_ok_and(|after| after.signature == before.signature)
        };
        let means_the_same = same || in_data && same_data();
        prop_assert_eq!(passed, means_the_same, "octet {} became {}", at, octet);
    }
}
