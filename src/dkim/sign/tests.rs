use super::*;
use crate::select::FieldNames;
use crate::{Algorithm, crypto::SignatureFailed, header::LeadingSpace};

/// A "key" whose signature is the digest itself, twice.
#[derive(Debug)]
struct Echo;

#[derive(Debug)]
struct Broken;

impl PrivateKey for Echo {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519Sha256
    }

    fn bits(&self) -> u32 {
        256
    }

    fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignatureFailed> {
        Ok([*digest, *digest].concat())
    }

    fn public_key(&self) -> Vec<u8> {
        Vec::new()
    }
}

impl PrivateKey for Broken {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RsaSha256
    }

    fn bits(&self) -> u32 {
        2048
    }

    fn sign(&self, _: &Sha256Digest) -> Result<Vec<u8>, SignatureFailed> {
        Err(SignatureFailed)
    }

    fn public_key(&self) -> Vec<u8> {
        Vec::new()
    }
}

fn policy(sign: &[&str], oversign: &[&str]) -> SigningPolicy {
    let list = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    SigningPolicy {
        canonicalization: Canonicalization::default(),
        headers: HeaderSelection::default()
            .choosing(Arc::new(FieldNames::new(list(sign))))
            .oversigning(list(oversign))
            .unwrap(),
        lifetime: None,
        copied_headers: false,
        request_reports: false,
        fix_crlf: false,
    }
}

fn request(body_length: BodyLength) -> SigningRequest {
    SigningRequest {
        domain: Domain::parse("example.com").unwrap(),
        selector: Selector::parse("s").unwrap(),
        auid: None,
        algorithm: Echo.algorithm(),
        body_length,
        extra_tags: Vec::new(),
    }
}

fn section(fields: &[(&str, &str)]) -> HeaderSection {
    let mut section = HeaderSection::default();
    for (name, value) in fields {
        section.push(name.as_bytes(), value.as_bytes(), LeadingSpace::Kept);
    }
    section
}

fn sign(policy: SigningPolicy, fields: &[(&str, &str)], body: &[u8]) -> String {
    let mut signer = Signer::new(Arc::new(policy), vec![request(BodyLength::Whole)]);
    signer.body(body);
    let mut unsigned = signer.finish(&section(fields), UnixTime(1));
    unsigned.remove(0).sign(&Echo).unwrap().value
}

/// The digest that the echoing key wrote into `b=`, against the octets that must have been hashed.
fn assert_hashed(value: &str, header: &str) {
    let (unsigned, signature) = value.rsplit_once("b=").unwrap();
    let signature: String = signature.split_ascii_whitespace().collect();
    let octets = format!("{header}DKIM-Signature: {unsigned}b=");
    let expected = digest::digest(&digest::SHA256, octets.as_bytes());
    let expected = [expected.as_ref(), expected.as_ref()].concat();
    assert_eq!(BASE64.decode(signature.as_bytes()).unwrap(), expected);
}

#[test]
fn repeated_fields_are_named_in_message_order_and_hashed_from_the_bottom() {
    let fields = [("To", " 1"), ("From", " f"), ("tO", " 2"), ("TO", " 3")];
    let value = sign(policy(&["to"], &[]), &fields, b"");
    assert!(value.contains("h=To:From:tO:TO;"), "{value}");
    assert_hashed(&value, "TO: 3\r\nFrom: f\r\ntO: 2\r\nTo: 1\r\n");
}

#[test]
fn an_oversigned_field_that_is_absent_is_hashed_as_nothing() {
    let value = sign(policy(&[], &["From", "X"]), &[("From", " f")], b"");
    assert!(value.contains("h=From:From:X;"), "{value}");
    assert_hashed(&value, "From: f\r\n");
}

#[test]
fn an_oversigned_field_that_is_present_but_not_chosen_is_hashed_as_verifiers_do() {
    let fields = [("X", " 1"), ("X", " 2"), ("From", " f")];
    let value = sign(policy(&[], &["x", "x", "x"]), &fields, b"");
    assert!(value.contains("h=From:x:x:x;"), "{value}");
    assert_hashed(&value, "From: f\r\nX: 2\r\nX: 1\r\n");
}

#[test]
fn each_signature_tells_its_own_body_length() {
    let lengths = [
        BodyLength::Whole,
        BodyLength::Told,
        BodyLength::AtMost(3),
        BodyLength::AtMost(0),
        BodyLength::AtMost(100),
    ];
    let requests = lengths.map(request);
    let mut signer = Signer::new(Arc::new(policy(&[], &[])), requests.to_vec());
    assert!(signer.wants_body());
    signer.body(b"body");
    let signed: Vec<_> = signer
        .finish(&section(&[("From", " f")]), UnixTime(1))
        .into_iter()
        .map(|field| field.sign(&Echo).unwrap())
        .collect();
    let told: Vec<_> = signed
        .iter()
        .map(|field| {
            let tags = field.value.split(';').map(str::trim);
            tags.filter_map(|tag| tag.strip_prefix("l=")).next()
        })
        .collect();
    assert_eq!(told, [None, Some("6"), Some("3"), Some("0"), Some("6")]);
}

#[test]
fn a_key_that_fails_names_its_signature() {
    let signer = Signer::new(Arc::new(policy(&[], &[])), vec![request(BodyLength::Whole)]);
    let mut unsigned = signer.finish(&section(&[("From", " f")]), UnixTime(1));
    let error = unsigned.remove(0).sign(&Broken).unwrap_err();
    assert_eq!(
        error.to_string(),
        "signing with s=s d=example.com: the private-key operation failed"
    );
}

#[test]
fn an_expiry_beyond_all_time_is_the_last_moment() {
    let mut policy = policy(&[], &[]);
    policy.lifetime = Some(Duration::MAX);
    let value = sign(policy, &[("From", " f")], b"");
    assert!(value.contains(&format!("x={};", u64::MAX)), "{value}");
}
