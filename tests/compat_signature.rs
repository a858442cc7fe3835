//! DKIM-Signature against Debian's opendkim, byte for byte, with the clock held still; and against
//! dkimpy, which must accept it.

#[path = "support/peers.rs"]
mod peers;

use std::{collections::HashMap, fs, path::Path, process::Command, sync::Arc, time::Duration};

use data_encoding::BASE64;
use dkim_core::{
    Canon, Canonicalization, UnixTime,
    crypto::{PrivateKey, private_key_from_pkcs1_der, private_key_from_pkcs8_der},
    header::{HeaderSection, LeadingSpace},
    name::{Auid, Domain, Selector},
    sign::{BodyLength, Signer, SigningPolicy, SigningRequest},
};
use dkimd_server::headers::selection;
use peers::Chance;

const RSA_1024: &[u8] = include_bytes!("../src/dkim/crypto/testdata/rsa1024.pkcs1.der");
const RSA_2048: &[u8] = include_bytes!("../src/dkim/crypto/testdata/rsa2048.pkcs1.der");
const RSA_4096: &[u8] = include_bytes!("../src/dkim/crypto/testdata/rsa4096.pkcs1.der");
const ED25519: &[u8] = include_bytes!("../src/dkim/crypto/testdata/ed25519.pkcs8.der");

/// Messages signed under each configuration.
const MESSAGES: usize = 320;
/// Messages handed to one opendkim.
const BATCH: usize = 40;
const NOW: UnixTime = UnixTime(1_795_414_603);

const LONG_DOMAIN: &str = "a-domain-with-a-rather-long-name-indeed.and-a-label-below-it-of-sixty-octets-or-so-it-seems.example";
const LONG_SELECTOR: &str =
    "a-selector-of-some-length.and-with-another-label-in-it-to-make-it-long";
const LONG_AUID: &str = "somebody.with.a.very.long.name+and.an.extension.that.goes.on@";

/// One configuration, as opendkim and as we are told it.
#[derive(Clone)]
struct Setup {
    key: &'static [u8],
    canon: (Canon, Canon),
    domain: &'static str,
    selector: &'static str,
    /// `i=`, by SubDomains where it has no local part, else by a signer in SigningTable.
    auid: Option<String>,
    sign: Option<&'static str>,
    omit: Option<&'static str>,
    oversign: &'static str,
    lifetime: Option<u64>,
    at_most: Option<u64>,
    copied: bool,
    reports: bool,
}

impl Setup {
    fn plain(key: &'static [u8], header: Canon, body: Canon) -> Self {
        Self {
            key,
            canon: (header, body),
            domain: "example.com",
            selector: "sel",
            auid: None,
            sign: None,
            omit: None,
            oversign: "",
            lifetime: None,
            at_most: None,
            copied: false,
            reports: false,
        }
    }

    fn key(&self) -> Arc<dyn PrivateKey> {
        if self.is_ed25519() {
            private_key_from_pkcs8_der(self.key).unwrap()
        } else {
            private_key_from_pkcs1_der(self.key).unwrap()
        }
    }

    fn is_ed25519(&self) -> bool {
        self.key == ED25519
    }

    fn policy(&self) -> SigningPolicy {
        let list = |text: &str| -> Vec<String> {
            let entries = text.split(',').filter(|entry| !entry.is_empty());
            entries.map(str::to_owned).collect()
        };
        SigningPolicy {
            canonicalization: Canonicalization {
                header: self.canon.0,
                body: self.canon.1,
            },
            headers: selection::compile(
                self.sign.map(list).as_deref(),
                self.omit.map(list).as_deref(),
                &list(self.oversign),
            )
            .unwrap(),
            lifetime: self.lifetime.map(Duration::from_secs),
            copied_headers: self.copied,
            request_reports: self.reports,
            fix_crlf: false,
        }
    }

    fn request(&self) -> SigningRequest {
        SigningRequest {
            domain: Domain::parse(self.domain).unwrap(),
            selector: Selector::parse(self.selector).unwrap(),
            auid: self.auid.as_deref().map(|auid| Auid::parse(auid).unwrap()),
            algorithm: self.key().algorithm(),
            body_length: self.at_most.map_or(BodyLength::Whole, BodyLength::AtMost),
            extra_tags: Vec::new(),
        }
    }

    /// The author's domain in the messages.
    fn author_domain(&self) -> String {
        match &self.auid {
            Some(auid) if auid.starts_with('@') => format!("below.{}", self.domain),
            _ => self.domain.to_owned(),
        }
    }

    fn write_configuration(&self, folder: &Path) {
        let key = folder.join("key.pem");
        let label = if self.is_ed25519() {
            "PRIVATE KEY"
        } else {
            "RSA PRIVATE KEY"
        };
        peers::write_pem(self.key, label, &key);
        let word = |canon| match canon {
            Canon::Simple => "simple",
            Canon::Relaxed => "relaxed",
        };
        let mut lines = vec![
            "Mode s".to_owned(),
            "RequireSafeKeys no".to_owned(),
            format!(
                "Canonicalization {}/{}",
                word(self.canon.0),
                word(self.canon.1)
            ),
        ];
        match &self.auid {
            Some(auid) if !auid.starts_with('@') => {
                let table = format!("k {}:{}:{}\n", self.domain, self.selector, key.display());
                fs::write(folder.join("KeyTable"), table).unwrap();
                fs::write(
                    folder.join("SigningTable"),
                    format!("{} k:{auid}\n", self.domain),
                )
                .unwrap();
                lines.push(format!("KeyTable file:{}/KeyTable", folder.display()));
                lines.push(format!(
                    "SigningTable file:{}/SigningTable",
                    folder.display()
                ));
            }
            _ => {
                lines.push(format!("Domain {}", self.domain));
                lines.push(format!("Selector {}", self.selector));
                lines.push(format!("KeyFile {}", key.display()));
                lines.extend(self.auid.as_ref().map(|_| "SubDomains yes".to_owned()));
            }
        }
        if self.is_ed25519() {
            lines.push("SignatureAlgorithm ed25519-sha256".to_owned());
        }
        let mut option = |name: &str, value: Option<String>| {
            lines.extend(value.map(|value| format!("{name} {value}")));
        };
        option("SignHeaders", self.sign.map(str::to_owned));
        option("OmitHeaders", self.omit.map(str::to_owned));
        let oversign = (!self.oversign.is_empty()).then(|| self.oversign.to_owned());
        option("OversignHeaders", oversign);
        option("SignatureTTL", self.lifetime.map(|ttl| ttl.to_string()));
        option(
            "MaximumSignedBytes",
            self.at_most.map(|most| most.to_string()),
        );
        option("Diagnostics", self.copied.then(|| "yes".to_owned()));
        option("RequestReports", self.reports.then(|| "yes".to_owned()));
        fs::write(folder.join("opendkim.conf"), lines.join("\n") + "\n").unwrap();
    }
}

/// A message as opendkim and as we are given it.
struct Message {
    /// Names, and values without the space after the colon.
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Message {
    fn odd(chance: &mut Chance, author_domain: &str, copied: bool) -> Self {
        let mut fields = vec![(
            chance.one_of(&["From", "from", "FROM"]).to_owned(),
            format!("Joe <joe@{author_domain}>").into_bytes(),
        )];
        // opendkim copies no more than so many fields into z=, and doesn't encode the bar there.
        let most = if copied { 25 } else { 40 };
        for _ in 0..chance.below(most) {
            let at = chance.below(fields.len() + 1);
            fields.insert(at, (odd_name(chance), odd_value(chance)));
        }
        if copied {
            for (_, value) in &mut fields {
                value
                    .iter_mut()
                    .filter(|octet| **octet == b'|')
                    .for_each(|bar| *bar = b'/');
            }
        }
        const BODY: [&[u8]; 9] = [
            b"a",
            b"word ",
            b"\t",
            b"  ",
            b"\r\n",
            b" \r\n",
            b"\xc3\xa9",
            b".",
            b"\r\n\r\n",
        ];
        let mut body = chance.tokens(&BODY, 30);
        if !body.is_empty() && !body.ends_with(b"\r\n") {
            body.extend(b"\r\n");
        }
        Self { fields, body }
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        for (name, value) in &self.fields {
            octets.extend(name.as_bytes());
            octets.extend(b": ");
            octets.extend(value);
            octets.extend(b"\r\n");
        }
        octets.extend(b"\r\n");
        octets.extend(&self.body);
        octets
    }

    fn sign(&self, setup: &Setup, now: UnixTime, chance: &mut Chance) -> String {
        let mut section = HeaderSection::default();
        for (name, value) in &self.fields {
            // As the milter protocol hands them over: folded with LF.
            let value: Vec<u8> = value.iter().copied().filter(|o| *o != b'\r').collect();
            section.push(name.as_bytes(), &value, LeadingSpace::Eaten);
        }
        let mut signer = Signer::new(Arc::new(setup.policy()), vec![setup.request()]);
        let mut rest = &self.body[..];
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(1 + chance.below(rest.len()));
            signer.body(chunk);
            rest = after;
        }
        let unsigned = signer.finish(&section, now).remove(0);
        unsigned.sign(&*setup.key()).unwrap().value
    }
}

fn odd_name(chance: &mut Chance) -> String {
    const KNOWN: [&str; 14] = [
        "To",
        "to",
        "Cc",
        "Subject",
        "Date",
        "Reply-To",
        "References",
        "In-Reply-To",
        "List-Unsubscribe",
        "Resent-From",
        "Message-ID",
        "Received",
        "Content-Type",
        "Comments",
    ];
    match chance.below(4) {
        0 => format!("X-{}", "n".repeat(1 + chance.below(90))),
        1 => format!("X-{}", "O".repeat(1 + chance.below(12))),
        _ => chance.one_of(&KNOWN).to_owned(),
    }
}

fn odd_value(chance: &mut Chance) -> Vec<u8> {
    const TOKENS: [&[u8]; 14] = [
        b"a",
        b"word",
        b" ",
        b"\t",
        b"  ",
        b"\r\n ",
        b"\r\n\t",
        b"\xc3\xa9",
        b"\xe9",
        b";",
        b"=",
        b"|",
        b":",
        b"<x@example.net>",
    ];
    let value = [b"v".to_vec(), chance.tokens(&TOKENS, 30)].concat();
    // A last line of blanks alone isn't a header line to opendkim's test mode.
    match value.iter().rposition(|octet| !b" \t\r\n".contains(octet)) {
        Some(last) if value[last..].contains(&b'\n') => value[..=last].to_vec(),
        _ => value,
    }
}

/// Lets opendkim sign; the values of DKIM-Signature in message order.
fn opendkim_signs(setup: &Setup, messages: &[Message]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    setup.write_configuration(folder.path());
    let mut values = Vec::new();
    for batch in messages.chunks(BATCH) {
        let mut paths = Vec::new();
        for (index, message) in batch.iter().enumerate() {
            let path = folder.path().join(format!("m{index}"));
            fs::write(&path, message.octets()).unwrap();
            paths.push(path.to_str().unwrap().to_owned());
        }
        let output = peers::run(
            Command::new("opendkim")
                .arg("-x")
                .arg(folder.path().join("opendkim.conf"))
                .args(["-b", "s", "-F", &NOW.0.to_string(), "-t", &paths.join(",")]),
        );
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said} {output:?}");
        let mut by_path: HashMap<&str, String> = HashMap::new();
        for answer in said.split("opendkim: ").skip(1) {
            let (path, rest) = answer.split_once(':').unwrap();
            by_path.insert(path, rest.to_owned());
        }
        for path in &paths {
            let answer = by_path.remove(path.as_str()).unwrap_or_default();
            let value = answer
                .split_once("DKIM-Signature: ")
                .unwrap_or_else(|| panic!("opendkim signs {path}: {answer:?} {output:?}"))
                .1;
            values.push(value.trim_end_matches('\n').to_owned());
        }
    }
    values
}

fn setups() -> Vec<Setup> {
    use Canon::{Relaxed, Simple};
    vec![
        Setup::plain(RSA_2048, Simple, Simple),
        Setup {
            oversign: "From",
            auid: Some("@example.com".into()),
            ..Setup::plain(RSA_2048, Relaxed, Simple)
        },
        Setup {
            lifetime: Some(3600),
            ..Setup::plain(ED25519, Relaxed, Relaxed)
        },
        Setup {
            at_most: Some(20),
            ..Setup::plain(RSA_1024, Simple, Relaxed)
        },
        Setup {
            copied: true,
            reports: true,
            ..Setup::plain(RSA_4096, Relaxed, Relaxed)
        },
        Setup {
            domain: LONG_DOMAIN,
            selector: LONG_SELECTOR,
            lifetime: Some(100_000),
            ..Setup::plain(RSA_2048, Relaxed, Simple)
        },
        Setup {
            sign: Some("*,+x-*,+message-id,+received,-subject"),
            omit: Some("*,-received,+X-O*"),
            oversign: "From,To,from,X-Never",
            ..Setup::plain(RSA_2048, Simple, Simple)
        },
        Setup {
            auid: Some(format!("{LONG_AUID}{LONG_DOMAIN}")),
            domain: LONG_DOMAIN,
            at_most: Some(0),
            sign: Some("*"),
            ..Setup::plain(RSA_2048, Relaxed, Relaxed)
        },
        Setup {
            copied: true,
            auid: Some("j@example.com".into()),
            selector: LONG_SELECTOR,
            sign: Some("**"),
            ..Setup::plain(ED25519, Relaxed, Relaxed)
        },
    ]
}

#[test]
fn signatures_equal_those_of_opendkim_byte_for_byte() {
    if peers::left_out() {
        return;
    }
    for (number, setup) in setups().into_iter().enumerate() {
        let mut chance = Chance(number as u64);
        let messages: Vec<Message> = (0..MESSAGES)
            .map(|_| Message::odd(&mut chance, &setup.author_domain(), setup.copied))
            .collect();
        let theirs = opendkim_signs(&setup, &messages);
        for (message, theirs) in messages.iter().zip(theirs) {
            let ours = message.sign(&setup, NOW, &mut chance);
            assert!(
                ours == theirs,
                "configuration {number}\n--- ours\n{ours}\n--- opendkim's\n{theirs}\n--- message\n{}",
                String::from_utf8_lossy(&message.octets())
            );
        }
    }
}

/// RFC 6376 section 3.5 parts the fields of `z=` by bars and wants a bar inside one encoded.
#[test]
fn a_bar_in_a_copied_field_is_encoded_where_opendkim_leaves_it() {
    if peers::left_out() {
        return;
    }
    let setup = Setup {
        copied: true,
        ..Setup::plain(RSA_2048, Canon::Relaxed, Canon::Relaxed)
    };
    let message = Message {
        fields: vec![
            ("From".into(), b"joe@example.com".to_vec()),
            ("Subject".into(), b"a|b".to_vec()),
        ],
        body: Vec::new(),
    };
    let ours = message.sign(&setup, NOW, &mut Chance(0));
    assert!(ours.contains("|Subject:=20a=7Cb;"), "{ours}");
    let theirs = opendkim_signs(&setup, &[message]);
    assert!(theirs[0].contains("|Subject:=20a|b;"), "{theirs:?}");
}

/// OpenDKIM hashes its own field as if `b=` stood on the line before, then writes it on a line of
/// its own; `simple` doesn't forgive that (RFC 6376 section 3.4.1).
#[test]
fn ed25519_with_simple_headers_verifies_here_and_not_from_opendkim() {
    if peers::left_out() {
        return;
    }
    let setup = Setup::plain(ED25519, Canon::Simple, Canon::Simple);
    let message = Message {
        fields: vec![("From".into(), b"joe@example.com".to_vec())],
        body: Vec::new(),
    };
    let ours = message.sign(&setup, NOW, &mut Chance(0));
    let theirs = opendkim_signs(&setup, std::slice::from_ref(&message)).remove(0);
    let before_signature = |value: &str| value.rsplit_once("b=").unwrap().0.to_owned();
    assert_eq!(before_signature(&ours), before_signature(&theirs));
    let cases = [ours, theirs].map(|value| dkimpy_case(&setup, &value, &message));
    assert_eq!(dkimpy_accepts(&cases), ["True", "False"]);
}

/// Reads base64 of a message and of its key record, writes whether the signature is good.
const DKIMPY: &str = r#"
import base64, sys
import dkim
for line in sys.stdin:
    message, record = (base64.b64decode(word) for word in line.split())
    print(dkim.verify(message, dnsfunc=lambda name, timeout=5: record))
"#;

fn dkimpy_accepts(cases: &[String]) -> Vec<String> {
    peers::ask("/usr/bin/python3", "-c", DKIMPY, cases)
}

fn dkimpy_case(setup: &Setup, value: &str, message: &Message) -> String {
    let signed = [
        b"DKIM-Signature: ",
        value.as_bytes(),
        b"\r\n",
        &message.octets(),
    ]
    .concat();
    let kind = if setup.is_ed25519() { "ed25519" } else { "rsa" };
    let public = BASE64.encode(&setup.key().public_key());
    let record = format!("v=DKIM1; k={kind}; p={public}");
    format!(
        "{} {}",
        BASE64.encode(&signed),
        BASE64.encode(record.as_bytes())
    )
}

#[test]
fn dkimpy_accepts_what_we_sign_and_nothing_else() {
    if peers::left_out() {
        return;
    }
    let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let now = UnixTime(since_1970.as_secs());
    let mut cases = Vec::new();
    let mut damaged = Vec::new();
    for (number, setup) in setups().into_iter().enumerate() {
        let mut chance = Chance(100 + number as u64);
        for _ in 0..40 {
            let mut message = Message::odd(&mut chance, &setup.author_domain(), setup.copied);
            let value = message.sign(&setup, now, &mut chance);
            cases.push(dkimpy_case(&setup, &value, &message));
            for (name, value) in &mut message.fields {
                if name.eq_ignore_ascii_case("from") {
                    value.push(b'x');
                }
            }
            damaged.push(dkimpy_case(&setup, &value, &message));
        }
    }
    for (case, answer) in cases.iter().zip(dkimpy_accepts(&cases)) {
        assert_eq!(answer, "True", "{case}");
    }
    for (case, answer) in damaged.iter().zip(dkimpy_accepts(&damaged)) {
        assert_eq!(answer, "False", "{case}");
    }
}
