//! `opendkim -t`: runs message files through the filter and tells what became of them.
//!
//! Results go to standard output; with `-v` replies, with `-vv` every callback and change of the
//! message, in the words of opendkim.

mod client;
mod verified;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use self::client::DebugClient;
use dkim_core::{UnixTime, sign::SignatureField};
use dkimd_message::{
    MAX_MESSAGE_OCTETS, MessageError, MessageFile, configuration, keys::open_source,
};
use dkimd_server::{
    config::{resolve::Overrides, settings::FailureAction, snapshot::Snapshot},
    dataset::open::errno_text,
    decide::{Decision, Identity, Reason},
    dns::TxtLookup,
    headers::auth_results::ResultItem,
    keys::store::KeyStore,
    process::{
        ExitCode, Failure, clock,
        lines::{self as daemon, OPENDKIM_VERSION},
    },
    session::{
        inquiry::inquire,
        lines,
        signing::{self, Signing},
    },
};

const PROGRAM: &str = "opendkim";

/// What the command line says of a test.
#[derive(Clone, Debug)]
pub struct Test<'a> {
    /// The configuration file.
    pub configuration: Option<&'a Path>,
    /// What the flags set in place of the file.
    pub overrides: Overrides,
    /// `-v`, counted.
    pub verbosity: u8,
    /// `-F`: the time of signatures, in seconds since 1970.
    pub fixed_time: Option<u64>,
}

/// Tests `files` in order, up to the first one that can't be tested.
pub fn run(wanted: &Test<'_>, files: &[PathBuf]) -> ExitCode {
    match test(wanted, files) {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            failure.tell(PROGRAM);
            failure.code
        }
    }
}

fn test(wanted: &Test<'_>, files: &[PathBuf]) -> Result<(), Failure> {
    let mut overrides = wanted.overrides.clone();
    if !overrides.options.iter().any(|(name, _)| *name == "Mode") {
        overrides.options.push(("Mode", "v".to_owned()));
    }
    let (snapshot, findings) = Snapshot::load(wanted.configuration, &overrides);
    for finding in findings.iter().filter(|finding| finding.is_error()) {
        eprintln!("{PROGRAM}: {}", daemon::finding(finding));
    }
    let mut snapshot = snapshot.ok_or_else(|| Failure::told(ExitCode::Config))?;
    // A test is about signatures; nobody is exempt from it.
    snapshot.exempt_domains = None;
    let client = DebugClient::new(&snapshot);
    configuration::block_on(async {
        let source = open_source(&snapshot)?;
        let run = Run {
            snapshot: &snapshot,
            client: &client,
            source: &source,
            keys: KeyStore::new(1),
            verbosity: wanted.verbosity,
            signing_time: wanted.fixed_time.map(UnixTime),
        };
        run.callback(None, "mlfi_connect", Reply::Continue);
        for file in files {
            run.file(file).await?;
        }
        run.callback(None, "mlfi_close", Reply::Continue);
        Ok(())
    })
}

/// One run of the tests.
struct Run<'a> {
    snapshot: &'a Snapshot,
    client: &'a DebugClient,
    source: &'a Arc<dyn TxtLookup>,
    keys: KeyStore,
    verbosity: u8,
    /// `-F`; verifying goes by the clock all the same.
    signing_time: Option<UnixTime>,
}

/// A callback's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Continue,
    Accept,
    Reject,
    Tempfail,
    Discard,
}

impl Reply {
    fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "SMFIS_CONTINUE",
            Self::Accept => "SMFIS_ACCEPT",
            Self::Reject => "SMFIS_REJECT",
            Self::Tempfail => "SMFIS_TEMPFAIL",
            Self::Discard => "SMFIS_DISCARD",
        }
    }
}

impl From<FailureAction> for Reply {
    fn from(action: FailureAction) -> Self {
        match action {
            FailureAction::Accept | FailureAction::Quarantine => Self::Accept,
            FailureAction::Reject => Self::Reject,
            FailureAction::Tempfail => Self::Tempfail,
            FailureAction::Discard => Self::Discard,
        }
    }
}

impl Run<'_> {
    async fn file(&self, path: &Path) -> Result<(), Failure> {
        let name = match path == Path::new("-") {
            true => "(stdin)".to_owned(),
            false => path.display().to_string(),
        };
        let octets = read(path, &name)?;
        self.callback(Some(&name), "mlfi_envfrom", Reply::Continue);
        self.callback(Some(&name), "mlfi_envrcpt", Reply::Continue);
        let message = self.parse(&octets, &name)?;
        if message.section.is_empty() {
            eprintln!("{PROGRAM}: {name}: warning: no headers on input");
        }
        let mut line = 1;
        for field in message.section.iter() {
            self.callback(
                Some(&format!("{name}: line {line}")),
                "mlfi_header",
                Reply::Continue,
            );
            line += 1 + memchr::memchr_iter(b'\n', field.value).count();
        }
        let findings = inquire(
            self.snapshot,
            &message.section,
            self.client,
            &[],
            &self.keys,
        )
        .await;
        let author = findings.author_domain().unwrap_or_default().to_owned();
        match findings.decide(self.snapshot) {
            Decision::Sign(identities) => self.sign(&name, &message, &identities, &author).await,
            Decision::Verify(_) => {
                self.verify(&name, &message, &author).await;
                Ok(())
            }
            Decision::Leave(Reason::NoAuthor(_) | Reason::HeaderFault(_)) => {
                self.malformed(&name, &message);
                Ok(())
            }
            Decision::Leave(reason) => {
                Err(self.stopped(&name, Reply::Accept, &lines::not_signed(&reason)))
            }
            Decision::Reject(reason) => {
                Err(self.stopped(&name, Reply::Reject, &lines::not_signed(&reason)))
            }
            Decision::Fail(error) => {
                let text = lines::identity_failed(&error);
                Err(self.stopped(&name, Reply::Tempfail, &text))
            }
        }
    }

    fn parse(&self, octets: &[u8], name: &str) -> Result<MessageFile, Failure> {
        let data_error = |what: String| Failure::new(ExitCode::DataError, what);
        if self.snapshot.settings.process.strict_test_mode {
            let lines = octets.split_inclusive(|&octet| octet == b'\n');
            for (number, line) in (1..).zip(lines) {
                if !line.ends_with(b"\r\n") {
                    let what = format!("{name}: line {number}: not CRLF-terminated");
                    return Err(data_error(what));
                }
            }
        }
        MessageFile::read(octets).map_err(|error| match error {
            MessageError::NotAField { line, .. } => {
                data_error(format!("{name}: line {line}: header malformed"))
            }
            other => data_error(format!("{name}: {other}")),
        })
    }

    async fn sign(
        &self,
        name: &str,
        message: &MessageFile,
        identities: &[Identity],
        author: &str,
    ) -> Result<(), Failure> {
        let length = signing::body_length(self.snapshot, &[]).await.body_length;
        let tags = signing::extra_tags(self.snapshot, author).await;
        let (mut signing, _) = Signing::begin(self.snapshot, &self.keys, identities, length, &tags)
            .await
            .map_err(|failure| self.stopped(name, Reply::Tempfail, &failure.line()))?;
        self.callback(Some(name), "mlfi_eoh", Reply::Continue);
        self.body(name, message, |octets| signing.body(octets));
        let now = self.signing_time.unwrap_or_else(clock::now);
        let fields = signing
            .finish(&message.section, now)
            .await
            .map_err(|error| {
                self.end_of_message(name, Reply::Tempfail);
                Failure::new(ExitCode::Software, lines::signing_failed(&error))
            })?;
        self.end_of_message(name, Reply::Accept);
        for field in &fields {
            self.show_signature(name, field);
        }
        if self.snapshot.settings.signing.software_header {
            let value = format!("OpenDKIM Filter v{OPENDKIM_VERSION} DEBUG-j DEBUG-i");
            self.inserted("DKIM-Filter", &value);
        }
        Ok(())
    }

    fn show_signature(&self, name: &str, field: &SignatureField) {
        match self.verbosity > 1 {
            true => self.inserted("DKIM-Signature", &field.value.replace("\r\n", "\n")),
            false => println!("{PROGRAM}: {name}:\nDKIM-Signature: {}", field.value),
        }
    }

    fn malformed(&self, name: &str, message: &MessageFile) {
        self.callback(Some(name), "mlfi_eoh", Reply::Continue);
        self.body(name, message, |_| {});
        self.end_of_message(name, Reply::Accept);
        let results = self.results_field(&[ResultItem::MALFORMED], None);
        self.inserted("Authentication-Results", &results);
    }

    /// The filter wants no more of the message at the end of its header section.
    fn stopped(&self, name: &str, reply: Reply, why: &str) -> Failure {
        if self.verbosity > 0 {
            eprintln!("{PROGRAM}: {name}: mlfi_eoh() returned {}", reply.as_str());
        }
        Failure::new(ExitCode::Software, format!("{name}: {why}"))
    }

    fn body(&self, name: &str, message: &MessageFile, mut sink: impl FnMut(&[u8])) {
        let mut length = 0;
        message.feed_body(|octets| {
            length += octets.len();
            sink(octets);
        });
        if length > 0 {
            self.callback(Some(name), "mlfi_body", Reply::Continue);
        }
    }

    fn end_of_message(&self, name: &str, reply: Reply) {
        if self.verbosity > 0 {
            eprintln!("{PROGRAM}: {name}: mlfi_eom() returned {}", reply.as_str());
        }
    }

    /// Tells of a callback, with `-vv`.
    fn callback(&self, place: Option<&str>, callback: &str, reply: Reply) {
        if self.verbosity > 1 {
            let place = place.map_or_else(String::new, |place| format!("{place}: "));
            eprintln!("{PROGRAM}: {place}{callback}() returned {}", reply.as_str());
        }
    }

    /// Tells of a field that the filter adds, with `-vv`.
    fn inserted(&self, field: &str, value: &str) {
        if self.verbosity > 1 {
            println!("### INSHEADER: idx=0 hname='{field}' hvalue='{value}'");
        }
    }
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let source: io::Result<Box<dyn Read>> = match name == "(stdin)" {
        true => Ok(Box::new(io::stdin().lock())),
        false => File::open(path).map(|file| Box::new(file) as Box<dyn Read>),
    };
    source
        .and_then(|source| source.take(MAX_MESSAGE_OCTETS + 1).read_to_end(&mut octets))
        .map(|_| octets)
        .map_err(|error| {
            let what = format!("{name}: fopen(): {}", errno_text(&error));
            Failure::new(ExitCode::Unavailable, what)
        })
}
