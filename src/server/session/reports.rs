//! SendReports: failure reports to signers who ask for them (RFC 6651), never in the way of mail.
//!
//! What the signer asks for is looked up beside its keys, from the end of the header on, so that its
//! text (`rs=`) is at hand when the message is refused. The report itself leaves later. A stranger
//! decides whether a message fails, so everything is bounded: reports for one domain, reports in all,
//! commands at once, and their time.

use std::{
    fs::File,
    io::{self, Seek, Write},
    net::IpAddr,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use nix::sys::memfd::{MFdFlags, memfd_create};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use super::{
    journal::Journal,
    throttle::Throttle,
    verdict::{Verdict, bad_signature},
};
use crate::{
    config::settings::VerifySettings,
    dkim::{
        UnixTime,
        header::HeaderSection,
        outcome::Outcome,
        verify::{Signature, SignatureResult, hashed_header},
    },
    dns::{MESSAGE_DEADLINE, TxtAnswer, TxtLookup, TxtRecords, name::DnsName},
    headers::report::{AuthFailure, Report, ReportReason, ReportRequest},
    log::Level,
};

/// Reports to one domain in an hour.
pub const MAX_REPORTS_A_DOMAIN: u32 = 10;
/// Reports in an hour.
pub const MAX_REPORTS: u32 = 200;
/// Commands at once.
const MAX_COMMANDS: usize = 4;
/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// How often a running command is looked at.
const COMMAND_POLL: Duration = Duration::from_millis(50);
/// Domains of one message that are asked what reports they want.
const MAX_DOMAINS: usize = 3;
/// Octets of the received header section that a report shows.
const MAX_HEADER_OCTETS: usize = 64 * 1024;

/// What the signers of one message want to be told; under way, or known.
#[derive(Debug, Default)]
pub struct ReportRequests {
    waiting: JoinSet<(Box<str>, Option<ReportRequest>)>,
}

impl ReportRequests {
    /// Asks for the wishes of those who ask for reports (`r=y`).
    pub fn ask<'a>(
        source: &Arc<dyn TxtLookup>,
        signatures: impl Iterator<Item = &'a Signature>,
    ) -> Self {
        let mut domains: Vec<&str> = Vec::new();
        for signature in signatures.filter(|signature| signature.reports_requested) {
            let domain = signature.domain.as_str();
            if domains.len() < MAX_DOMAINS && !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        let mut waiting = JoinSet::new();
        for domain in domains {
            let Ok(name) = DnsName::parse(&format!("_report._domainkey.{domain}")) else {
                continue;
            };
            let (source, domain) = (Arc::clone(source), Box::from(domain));
            waiting.spawn(async move {
                let answer = timeout(MESSAGE_DEADLINE, source.txt(&name)).await;
                (domain, answer.ok().and_then(request))
            });
        }
        Self { waiting }
    }

    /// What `domain` wants.
    async fn of(mut self, domain: &str) -> Option<ReportRequest> {
        while let Some(ended) = self.waiting.join_next().await {
            match ended {
                Ok((of, request)) if *of == *domain => return request,
                _ => {}
            }
        }
        None
    }
}

fn request(answer: TxtAnswer) -> Option<ReportRequest> {
    match answer.result {
        Ok(TxtRecords::One(text)) => ReportRequest::parse(&text),
        _ => None,
    }
}

/// Sends reports.
#[derive(Debug)]
pub struct Reports {
    commands: Arc<Semaphore>,
    domains: Throttle,
    all: Throttle,
}

impl Default for Reports {
    fn default() -> Self {
        let hour = Duration::from_secs(60 * 60);
        Self {
            commands: Arc::new(Semaphore::new(MAX_COMMANDS)),
            domains: Throttle::new(MAX_REPORTS_A_DOMAIN, hour),
            all: Throttle::new(MAX_REPORTS, hour),
        }
    }
}

/// The message that a report would be about.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'a> {
    /// Its queue id.
    pub job: &'a str,
    /// The envelope sender; nothing is reported about bounces.
    pub mail_from: &'a str,
    /// The client.
    pub source: Option<IpAddr>,
    /// Its header section.
    pub section: &'a HeaderSection,
    /// The value of our Authentication-Results.
    pub auth_results: &'a str,
    /// This machine's name.
    pub host: &'a str,
    /// Now.
    pub now: UnixTime,
}

impl Reports {
    /// Sends what the deciding signature's domain asks for, and returns the text that it wants in
    /// front of a refusal. Waits for DNS, if it has not answered yet, never for the report.
    pub async fn send(
        &self,
        settings: &VerifySettings,
        requests: ReportRequests,
        verdict: &Verdict,
        reported: Reported<'_>,
        journal: &Journal,
    ) -> Option<String> {
        let result = bad_signature(verdict)?;
        let signature = result.signature.as_ref()?;
        if !signature.reports_requested {
            return None;
        }
        let domain = signature.domain.as_str();
        let request = requests.of(domain).await?;
        if !reported.mail_from.is_empty()
            && let Some((failure, reason)) = reportable(&result.outcome)
            && request.wants(reason)
            && drawn(request.percentage)
            && let Some(to) = request.address(domain)
        {
            self.begin(
                settings,
                (result, signature),
                (&to, failure),
                reported,
                journal,
            );
        }
        request.smtp_text.filter(|text| !text.is_empty())
    }

    fn begin(
        &self,
        settings: &VerifySettings,
        (result, signature): (&SignatureResult, &Signature),
        (to, failure): (&str, AuthFailure),
        reported: Reported<'_>,
        journal: &Journal,
    ) {
        let now = Instant::now();
        let domain = signature.domain.as_str();
        if !self.domains.admits(&domain.to_ascii_lowercase(), now) || !self.all.admits("", now) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.commands).try_acquire_owned() else {
            return;
        };
        let from = settings
            .report_address
            .clone()
            .unwrap_or_else(|| format!("postmaster@{}", reported.host));
        let default_identity = format!("@{domain}");
        let message = Report {
            from: &from,
            to,
            bcc: settings.report_bcc.as_deref(),
            host: reported.host,
            job: reported.job,
            now: reported.now,
            failure,
            domain,
            selector: signature.selector.as_str(),
            identity: result.identity.auid.as_deref().unwrap_or(&default_identity),
            auth_results: reported.auth_results,
            mail_from: reported.mail_from,
            source: reported.source,
            canonical_header: &hashed_header(reported.section, result.field, signature),
            canonical_body: None,
            header_section: &received(reported.section),
        }
        .message();
        let command = settings.mta_command.clone();
        let sender = bare_address(&from).to_owned();
        let journal = journal.clone();
        spawn_blocking(move || {
            if let Err(error) = run(&command, &sender, &message) {
                journal.line(Level::Warning, &format!("MTACommand {command}: {error}"));
            }
            drop(permit);
        });
    }
}

/// What of an outcome a report can tell (RFC 6591 section 3.3, RFC 6651 section 3.3).
fn reportable(outcome: &Outcome) -> Option<(AuthFailure, ReportReason)> {
    match outcome {
        Outcome::BodyChanged => Some((AuthFailure::BodyHash, ReportReason::Verification)),
        Outcome::SignatureWrong => Some((AuthFailure::Signature, ReportReason::Verification)),
        Outcome::KeyRevoked => Some((AuthFailure::Revoked, ReportReason::Dns)),
        _ => None,
    }
}

/// Whether this failure is among the `rp=` in a hundred.
fn drawn(percentage: u8) -> bool {
    let mut lot = [0; 2];
    aws_lc_rs::rand::fill(&mut lot).is_ok() && u16::from_ne_bytes(lot) % 100 < u16::from(percentage)
}

fn received(section: &HeaderSection) -> Vec<u8> {
    let mut octets = Vec::new();
    for line in (0..section.len()).filter_map(|index| section.line(index)) {
        if octets.len() + line.len() > MAX_HEADER_OCTETS {
            break;
        }
        octets.extend_from_slice(line);
    }
    octets
}

/// The address in a mailbox that may have a name.
fn bare_address(mailbox: &str) -> &str {
    let inner = mailbox
        .rsplit_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(mailbox, |(address, _)| address).trim()
}

/// Runs `<command> -t -f<sender>`, the command's words parted by blanks, with the message as its
/// standard input. No shell sees any of it.
fn run(command: &str, sender: &str, message: &[u8]) -> io::Result<()> {
    let mut words = command.split_ascii_whitespace();
    let program = words.next().ok_or(io::ErrorKind::NotFound)?;
    // A file, so that a program which reads nothing holds nobody up.
    let mut input = File::from(memfd_create(c"report", MFdFlags::MFD_CLOEXEC)?);
    input.write_all(message)?;
    input.rewind()?;
    let mut child = Command::new(program)
        .args(words)
        .arg("-t")
        .arg(format!("-f{sender}"))
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let end = Instant::now() + COMMAND_LIMIT;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(status.to_string())),
            None if Instant::now() >= end => {
                child.kill()?;
                child.wait()?;
                return Err(io::ErrorKind::TimedOut.into());
            }
            None => thread::sleep(COMMAND_POLL),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn the_command_gets_the_message_and_the_sender_and_no_shell() {
        let folder = tempfile::tempdir().unwrap();
        let (program, out) = (folder.path().join("sendmail"), folder.path().join("out"));
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >{0}\ncat >>{0}\n",
            out.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let command = format!("{} -i  -X$(id)", program.display());
        run(&command, "a b;@example.com", b"To: x\n\nbody\n").unwrap();
        assert_eq!(
            fs::read_to_string(out).unwrap(),
            "-i\n-X$(id)\n-t\n-fa b;@example.com\nTo: x\n\nbody\n"
        );
    }

    #[test]
    fn a_command_that_fails_is_told() {
        assert!(run("", "a@example.com", b"").is_err());
        assert!(run("/nowhere/sendmail", "a@example.com", b"").is_err());
        assert!(run("/bin/false", "a@example.com", b"").is_err());
    }

    #[test]
    fn the_envelope_sender_is_the_bare_address() {
        assert_eq!(bare_address("Post <p@example.com>"), "p@example.com");
        assert_eq!(bare_address(" p@example.com "), "p@example.com");
    }

    #[test]
    fn shares_of_none_and_all_need_no_luck() {
        assert!((0..100).all(|_| drawn(100) && !drawn(0)));
    }
}
