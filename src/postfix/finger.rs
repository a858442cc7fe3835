//! TLS with an SMTP server, begun by Postfix's own client for that, `posttls-finger`.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

use super::{Postfix, PostfixError, program::path_of};

const PROGRAM: &str = "posttls-finger";
/// What its own lines begin with.
const PREFIX: &str = "posttls-finger: ";
/// Octets that are read of what it says. A chain of certificates has at most 100 KiB for OpenSSL.
const MAX_OCTETS: u64 = 512 * 1024;
/// How many replies may come as late as they may, until it is enough.
const MAX_LATE_REPLIES: u32 = 2;
/// What every server of today knows.
const PROTOCOLS: &str = ">=TLSv1.2";
/// What it says before it ends because of the server, not because of itself.
const SERVERS_FAULTS: [&str; 2] = ["fatal: lost connection", "fatal: timeout"];
/// From this level on a server has to show a certificate; whether it holds ends nothing.
const LEVEL: &str = "verify";

/// The program, and the instance of Postfix that it takes its settings from.
#[derive(Clone, Debug)]
pub struct Finger {
    /// The program.
    pub program: PathBuf,
    /// Where `main.cf` is.
    pub directory: PathBuf,
}

/// Whom to call, and how.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The server.
    pub to: SocketAddr,
    /// Whether TLS begins with the first octet, and not by STARTTLS.
    pub wraps: bool,
    /// The name that a certificate is asked for (SNI).
    pub name: &'a str,
    /// How long each reply may take, in whole seconds.
    pub patience: Duration,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// TLS 1.2 or 1.3, and the certificates that the server sent; none where it refused to talk
    /// before they were shown.
    Done(Vec<CertificateDer<'static>>),
    /// No TLS; the program's words.
    Failed(String),
}

impl Finger {
    /// That of an instance.
    pub fn of(postfix: &Postfix) -> Self {
        Self {
            program: path_of(PROGRAM),
            directory: postfix.directory.clone(),
        }
    }

    /// Calls a server. Any certificate will do.
    ///
    /// # Errors
    /// If the program can't be run, or gives up for reasons of its own.
    pub async fn call(&self, call: Call<'_>) -> Result<Handshake, PostfixError> {
        // Only about TLS, and the certificates as they come: no authorities are named here from which
        // it would complete the chain.
        let (told, ended) = self.talk(call, &["-c", "-C"]).await?;
        let failed = |complaint| PostfixError::Failed {
            program: PROGRAM,
            complaint,
        };
        match (Handshake::told(&told), ended) {
            // Whatever comes afterwards, this has come about.
            (done @ Handshake::Done(_), _) => Ok(done),
            (_, None) => Ok(Handshake::Failed("no end in time".to_owned())),
            (Handshake::Failed(words), Some(status)) => {
                let of_server = SERVERS_FAULTS.iter().any(|fault| words.contains(fault));
                match status.success() || of_server {
                    true => Ok(Handshake::Failed(words)),
                    false if words.is_empty() => Err(failed(status.to_string())),
                    false => Err(failed(words)),
                }
            }
        }
    }

    /// Calls a server, and tells the lines of what it offers under TLS: `250-AUTH PLAIN`. None where
    /// TLS did not come about, or nothing was offered.
    ///
    /// # Errors
    /// If the program can't be run.
    pub async fn offers(&self, call: Call<'_>) -> Result<Vec<String>, PostfixError> {
        let (told, _) = self.talk(call, &[]).await?;
        let text = String::from_utf8_lossy(&told);
        let words = text.lines().filter_map(|line| line.strip_prefix(PREFIX));
        let under_tls = words.skip_while(|line| !is_established(line));
        let replies = under_tls.filter_map(|line| line.strip_prefix("< "));
        Ok(replies
            .filter(|line| line.starts_with("250"))
            .map(str::to_owned)
            .collect())
    }

    /// What the program writes, and how it ended; `None`: not in time.
    async fn talk(
        &self,
        call: Call<'_>,
        style: &[&str],
    ) -> Result<(Vec<u8>, Option<ExitStatus>), PostfixError> {
        let not_started = |cause| PostfixError::NotStarted {
            program: PROGRAM,
            cause,
        };
        let mut child = self.command(call, style).spawn().map_err(not_started)?;
        let Some(output) = child.stdout.take() else {
            return Err(not_started(io::ErrorKind::BrokenPipe.into()));
        };
        let mut told = Vec::new();
        let talk = async {
            // Closed after what is read of it, which ends a program that has more to say.
            output.take(MAX_OCTETS).read_to_end(&mut told).await?;
            child.wait().await
        };
        let ended = timeout(call.patience * MAX_LATE_REPLIES, talk).await;
        let ended = ended.ok().transpose().map_err(not_started);
        match ended {
            Ok(status) => Ok((told, status)),
            // TLS that has come about counts whatever becomes of the program.
            Err(_) if matches!(Handshake::told(&told), Handshake::Done(_)) => Ok((told, None)),
            Err(error) => Err(error),
        }
    }

    fn command(&self, call: Call<'_>, style: &[&str]) -> Command {
        let port = call.to.port();
        let (family, destination) = match call.to.ip() {
            IpAddr::V4(address) => ("ipv4", format!("[{address}]:{port}")),
            IpAddr::V6(address) => ("ipv6", format!("[ipv6:{address}]:{port}")),
        };
        let patience = call.patience.as_secs().to_string();
        let mut command = Command::new(&self.program);
        command
            .args(style)
            .args(["-L", "summary", "-d", "sha256"])
            .args(["-l", LEVEL, "-p", PROTOCOLS])
            .args(["-t", &patience, "-T", &patience])
            .args(["-s", call.name])
            .args(["-o", &format!("inet_protocols={family}")])
            // Those of the host may be of the other family, which it ends at.
            .args(["-o", "inet_interfaces=all"]);
        if call.wraps {
            command.arg("-w");
        }
        command
            .arg(destination)
            .env("LC_ALL", "C")
            .env("MAIL_CONFIG", &self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// `Untrusted TLS connection established to`, and `Trusted` and others.
fn is_established(line: &str) -> bool {
    let (_trust, rest) = line.split_once(' ').unwrap_or_default();
    rest.starts_with("TLS connection established ")
}

impl Handshake {
    /// Reads what the program says.
    fn told(octets: &[u8]) -> Self {
        let text = String::from_utf8_lossy(octets);
        let words: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix(PREFIX))
            .collect();
        if !words.iter().any(|line| is_established(line)) {
            return Self::Failed(words.join("; "));
        }
        let chain = CertificateDer::pem_slice_iter(octets).map_while(Result::ok);
        Self::Done(chain.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const CALL: Call<'_> = Call {
        to: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 25),
        wraps: false,
        name: "mail.example.com",
        patience: Duration::from_secs(1),
    };

    /// What comes of a program that does this.
    async fn called(script: &str) -> Result<Handshake, PostfixError> {
        let directory = tempfile::tempdir().unwrap();
        finger(script, directory.path()).call(CALL).await
    }

    fn finger(script: &str, directory: &std::path::Path) -> Finger {
        let program = directory.join(PROGRAM);
        // Not written by this process: a child of another test could still hold it open, and what is
        // open for writing can't be run.
        let written = std::process::Command::new("sh")
            .args([
                "-c",
                r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#,
                "sh",
            ])
            .args([program.as_os_str(), script.as_ref()])
            .status();
        assert!(written.unwrap().success());
        Finger {
            program,
            directory: directory.to_owned(),
        }
    }

    #[tokio::test]
    async fn what_is_offered_counts_under_tls_alone() {
        let directory = tempfile::tempdir().unwrap();
        let script = "echo 'posttls-finger: < 250-AUTH LOGIN'
            echo 'posttls-finger: Untrusted TLS connection established to x: TLSv1.3'
            echo 'posttls-finger: > EHLO a'; echo 'posttls-finger: < 250-AUTH PLAIN'
            echo 'posttls-finger: < 221 bye'";
        let offers = finger(script, directory.path()).offers(CALL).await.unwrap();
        assert_eq!(offers, ["250-AUTH PLAIN"]);
        let without = "echo 'posttls-finger: < 250-AUTH LOGIN'";
        let offers = finger(without, directory.path()).offers(CALL).await;
        assert_eq!(offers.unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn its_words_are_told_in_one_line() {
        let script = "echo 'posttls-finger: SSL_connect error to x: -1'; echo noise
            echo 'posttls-finger: warning: TLS library problem'";
        let words = "SSL_connect error to x: -1; warning: TLS library problem";
        let failed = Handshake::Failed(words.to_owned());
        assert_eq!(called(script).await.unwrap(), failed);
    }

    #[tokio::test]
    async fn tls_without_a_word_after_it_shows_no_certificate() {
        let script = "echo 'posttls-finger: Untrusted TLS connection established to x: TLSv1.3'
            echo 'posttls-finger: SMTP service not available: 554 no'";
        assert_eq!(called(script).await.unwrap(), Handshake::Done(Vec::new()));
        let quoted = "echo 'posttls-finger: EHLO rejected: 554 no TLS connection established here'";
        let found = called(quoted).await.unwrap();
        assert!(matches!(found, Handshake::Failed(_)), "{found:?}");
    }

    #[tokio::test]
    async fn a_fault_of_the_program_is_none_of_the_server() {
        let script = "echo 'posttls-finger: fatal: open main.cf: No such file'; exit 1";
        let error = called(script).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "posttls-finger failed: fatal: open main.cf: No such file"
        );
        let script = "echo 'posttls-finger: fatal: lost connection while sending STARTTLS'; exit 1";
        let found = called(script).await.unwrap();
        assert!(matches!(found, Handshake::Failed(_)), "{found:?}");
        let error = called("exit 127").await.unwrap_err();
        assert_eq!(error.to_string(), "posttls-finger failed: exit status: 127");
    }

    #[tokio::test]
    async fn it_is_left_in_time_whatever_it_does() {
        let begun = Instant::now();
        let hanging = called("exec sleep 60").await.unwrap();
        assert!(matches!(hanging, Handshake::Failed(_)), "{hanging:?}");
        let script = "echo 'posttls-finger: Untrusted TLS connection established to x'; sleep 60";
        assert_eq!(called(script).await.unwrap(), Handshake::Done(Vec::new()));
        // More than is read: it ends by itself where nobody listens.
        let endless = called("exec yes").await;
        assert!(endless.is_err(), "{endless:?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
