//! `dkimd sign`: signs a message from standard input as the daemon would sign it for one of ours.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use dkimd_message::{LineEnd, MessageFile, configuration};
use dkimd_milter::Client;
use dkimd_server::{
    config::snapshot::Snapshot,
    decide::{
        Decision,
        origin::{AUTH_TYPE, OriginFacts},
    },
    keys::store::KeyStore,
    process::{ExitCode, clock},
    session::{
        inquiry::inquire,
        lines,
        signing::{self, Signing},
    },
};

/// Arguments of `dkimd sign`.
#[derive(Args, Clone, Debug)]
pub struct SignArgs {
    /// Configuration file
    #[arg(short = 'x', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the DKIM-Signature fields alone
    #[arg(long)]
    pub only_fields: bool,
}

/// Keys of one message held at once.
const KEYS: usize = 16;

/// The administrator at the terminal counts as an authenticated user.
struct LocalUser(Client);

impl OriginFacts for LocalUser {
    fn client(&self) -> &Client {
        &self.0
    }

    fn macro_value(&self, name: &str) -> Option<&str> {
        (name == AUTH_TYPE).then_some("local")
    }
}

/// Runs the command.
pub fn run(args: &SignArgs) -> ExitCode {
    let snapshot = match configuration::load_or_report(args.config.as_deref()) {
        Ok(snapshot) => snapshot,
        Err(exit) => return exit,
    };
    let message = match MessageFile::read(io::stdin().lock()) {
        Ok(message) => message,
        Err(error) => {
            eprintln!("dkimd: {error}");
            return ExitCode::DataError;
        }
    };
    match sign(&snapshot, &message) {
        Ok(fields) => {
            let rest = if args.only_fields {
                &[]
            } else {
                message.octets.as_slice()
            };
            match write_all(&fields, rest) {
                Ok(()) => ExitCode::Ok,
                Err(error) => {
                    eprintln!("dkimd: can't write the message: {error}");
                    ExitCode::IoError
                }
            }
        }
        Err(NotSigned { text, exit }) => {
            eprintln!("dkimd: {text}");
            exit
        }
    }
}

struct NotSigned {
    text: String,
    exit: ExitCode,
}

/// The DKIM-Signature fields with the message's own line ends, the last signature on top.
fn sign(snapshot: &Snapshot, message: &MessageFile) -> Result<String, NotSigned> {
    let user = LocalUser(Client {
        name: "localhost".to_owned(),
        address: None,
    });
    let not_signed = |text: String| NotSigned {
        text,
        exit: ExitCode::Unavailable,
    };
    let keys = KeyStore::judging_for(configuration::daemon_user(snapshot), KEYS);
    let decision = configuration::block_on(async {
        let findings = inquire(snapshot, &message.section, &user, &[], &keys).await;
        (
            findings.decide(snapshot),
            findings.author_domain().unwrap_or_default().to_owned(),
        )
    });
    let (identities, author_domain) = match decision {
        (Decision::Sign(identities), domain) => (identities, domain),
        (Decision::Verify(reason) | Decision::Leave(reason) | Decision::Reject(reason), _) => {
            return Err(not_signed(lines::not_signed(&reason)));
        }
        (Decision::Fail(error), _) => return Err(not_signed(lines::identity_failed(&error))),
    };
    let (length, extra_tags) = configuration::block_on(async {
        (
            signing::body_length(snapshot, &[]).await,
            signing::extra_tags(snapshot, &author_domain).await,
        )
    });
    let (mut signing, warnings) = configuration::block_on(Signing::begin(
        snapshot,
        &keys,
        &identities,
        length.body_length,
        &extra_tags,
    ))
    .map_err(
        |failure| match configuration::not_examined(snapshot, &failure) {
            Some(text) => NotSigned {
                text,
                exit: ExitCode::NoPermission,
            },
            None => not_signed(failure.line()),
        },
    )?;
    for warning in warnings {
        eprintln!("dkimd: warning: {warning}");
    }
    message.feed_body(|octets| signing.body(octets));
    let fields = configuration::block_on(signing.finish(&message.section, clock::now())).map_err(
        |error| NotSigned {
            text: lines::signing_failed(&error),
            exit: ExitCode::Software,
        },
    )?;
    Ok(fields
        .iter()
        .rev()
        .map(|field| {
            let value = match message.line_end {
                LineEnd::CrLf => field.value.clone(),
                LineEnd::Lf => field.value.replace("\r\n", "\n"),
            };
            format!("DKIM-Signature: {value}{}", message.line_end.as_str())
        })
        .collect())
}

fn write_all(fields: &str, rest: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(fields.as_bytes())?;
    out.write_all(rest)?;
    out.flush()
}
