//! A running dkimd that verifies, and signed mail to put before it.

#![allow(dead_code, reason = "every test file uses a part of it")]
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock},
    thread,
    time::{Duration, Instant},
};

use data_encoding::BASE64;
use dkim_core::{
    Canonicalization, UnixTime,
    crypto::{PrivateKey, private_key_from_pkcs8_der},
    header::{HeaderSection, LeadingSpace},
    name::{Domain, Selector},
    select::HeaderSelection,
    sign::{BodyLength, Signer, SigningPolicy, SigningRequest},
};

use crate::support::{Answer, Message, MilterClient, POSTFIX_OFFER};

/// The key of signatures where nothing else is said.
static KEY: LazyLock<Arc<dyn PrivateKey>> = LazyLock::new(|| key("ed25519.pkcs8.der"));

/// One of 2048 bits.
static RSA_KEY: LazyLock<Arc<dyn PrivateKey>> = LazyLock::new(|| key("rsa2048.pkcs8.der"));

fn key(file: &str) -> Arc<dyn PrivateKey> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dkim/crypto/testdata");
    private_key_from_pkcs8_der(&fs::read(folder.join(file)).unwrap()).unwrap()
}

/// Its record.
pub static RECORD: LazyLock<String> =
    LazyLock::new(|| format!("v=DKIM1; k=ed25519; p={}", BASE64.encode(&KEY.public_key())));

/// The RSA key's record.
pub static RSA_RECORD: LazyLock<String> =
    LazyLock::new(|| format!("v=DKIM1; p={}", BASE64.encode(&RSA_KEY.public_key())));

/// A running daemon; ends when dropped.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    /// Its directory.
    pub folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts one with these options; `{}` in them is its directory.
    pub fn start(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (socket, config) = (folder.path().join("socket"), folder.path().join("conf"));
        let options = options.replace("{}", &folder.path().display().to_string());
        let text = format!(
            "Socket local:{}\nSyslog no\nMode v\n{options}\n",
            socket.display()
        );
        fs::write(&config, text).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_dkimd"))
            .env("LC_ALL", "C")
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut daemon = Self {
            child,
            socket,
            folder,
        };
        let limit = Instant::now() + Duration::from_secs(20);
        while MilterClient::unix(&daemon.socket).is_err() {
            assert_eq!(daemon.child.try_wait().unwrap(), None, "dkimd ended");
            assert!(Instant::now() < limit, "dkimd does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    /// A connection on which a stranger's client was told.
    pub fn connect(&self) -> MilterClient {
        self.connect_from("192.0.2.7")
    }

    /// A connection on which a client of that address was told.
    pub fn connect_from(&self, address: &str) -> MilterClient {
        let mut client = MilterClient::unix(&self.socket).unwrap();
        client.negotiate(POSTFIX_OFFER).unwrap();
        client.connect("mail.example.org", address).unwrap();
        client
    }

    /// What becomes of a message on a connection of its own.
    pub fn deliver(&self, message: &Message) -> Vec<Answer> {
        self.connect().message(message).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message without signatures.
pub fn plain() -> Message {
    Message::usual("someone@example.com", 300)
}

/// The same, signed for example.com under each of the selectors, the first on top.
pub fn signed(selectors: &[&str]) -> Message {
    signed_with(selectors, false, false)
}

/// Signed, with `r=y` and `z=` if they are asked for.
pub fn signed_with(selectors: &[&str], request_reports: bool, copied_headers: bool) -> Message {
    let places: Vec<_> = selectors
        .iter()
        .map(|selector| (*selector, "example.com"))
        .collect();
    sign(&places, &KEY, request_reports, copied_headers)
}

/// Signed with an RSA key under each selector and domain, the first on top.
pub fn rsa_signed(places: &[(&str, &str)]) -> Message {
    sign(places, &RSA_KEY, false, false)
}

fn sign(
    places: &[(&str, &str)],
    key: &Arc<dyn PrivateKey>,
    request_reports: bool,
    copied_headers: bool,
) -> Message {
    let mut message = plain();
    let mut section = HeaderSection::default();
    for (name, value) in &message.header {
        section.push(name, value, LeadingSpace::Kept);
    }
    let policy = Arc::new(SigningPolicy {
        canonicalization: Canonicalization::default(),
        headers: HeaderSelection::default(),
        lifetime: None,
        copied_headers,
        request_reports,
        fix_crlf: false,
    });
    for (selector, domain) in places.iter().rev() {
        let request = SigningRequest {
            domain: Domain::parse(domain).unwrap(),
            selector: Selector::parse(selector).unwrap(),
            auid: None,
            algorithm: key.algorithm(),
            body_length: BodyLength::Whole,
            extra_tags: Vec::new(),
        };
        let mut signer = Signer::new(Arc::clone(&policy), vec![request]);
        signer.body(&message.body);
        let unsigned = signer.finish(&section, UnixTime(1_700_000_000)).remove(0);
        let field = unsigned.sign(&**key).unwrap();
        let value = format!(" {}", field.value.replace("\r\n", "\n"));
        message
            .header
            .insert(0, (b"DKIM-Signature".to_vec(), value.into_bytes()));
    }
    message
}

/// The Authentication-Results value among the answers.
pub fn results(answers: &[Answer]) -> Option<String> {
    answers
        .iter()
        .filter(|answer| answer.kind == b'i')
        .find_map(|answer| {
            let text = String::from_utf8(answer.payload[4..].to_vec()).unwrap();
            let mut parts = text.split('\0');
            (parts.next() == Some("Authentication-Results"))
                .then(|| parts.next().unwrap_or_default().to_owned())
        })
}

/// The numbers of the Authentication-Results fields that are deleted, in order.
pub fn deletions(answers: &[Answer]) -> Vec<u32> {
    answers
        .iter()
        .filter(|answer| answer.kind == b'm')
        .map(|answer| {
            assert_eq!(&answer.payload[4..], b"Authentication-Results\0\0");
            u32::from_be_bytes(*answer.payload.first_chunk().unwrap())
        })
        .collect()
}

/// The final answer as text: its letter, or the reply.
pub fn reply(answers: &[Answer]) -> String {
    let last = answers.last().unwrap();
    match last.kind {
        b'y' => String::from_utf8_lossy(&last.payload)
            .trim_end_matches('\0')
            .to_owned(),
        kind => char::from(kind).to_string(),
    }
}
