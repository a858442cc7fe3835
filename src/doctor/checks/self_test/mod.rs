//! Signs a message through the running server, as Postfix would have it done, and verifies what
//! comes back. Nothing is sent: the conversation ends before delivery.
//!
//! [`letter`] makes the message, [`unsigned`] says why it was not signed, [`signature`] what its
//! signatures are worth.

mod letter;
mod signature;
mod unsigned;

use std::{io, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{authors, milter};
use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkim_core::name::Domain;
use dkimd_advice::{Finding, text, text::Text};
use dkimd_message::verdicts::Verdicts;
use dkimd_milter::{
    client::{self, Ending, Submission, Wanted},
    socket::{SocketSpec, stream::Stream},
};
use dkimd_server::{
    config::snapshot::Snapshot,
    decide::{Decision, Reason},
    dns::{TxtLookup, file::FileRecords},
    log::sink::Capture,
    process::clock,
    session::key_sources,
};

/// What one conversation with the server may take.
const PATIENCE: Duration = Duration::from_secs(6);
/// Of how many domains a message is signed.
const MOST_DOMAINS: usize = 10;

/// Signs and verifies.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(server) = host.server.as_deref() else {
        return super::no_configuration(&host);
    };
    let place = match reachable(&host).await {
        Ok(place) => place,
        Err(Away::Shut(place)) => return shut(&place),
        Err(Away::Silent) => return nobody_there(&host),
    };
    if host.domains.is_empty() {
        return super::no_domain();
    }
    let mut report = Report::default();
    if host.dns.is_none() {
        report.omit(
            Cause::Offline,
            text!("whether the published keys verify the signatures"),
        );
    }
    let more = host.domains.len().saturating_sub(MOST_DOMAINS);
    if more > 0 {
        report.omit(
            Cause::Limit,
            text!("messages of {more} more domains; name them: dkimd doctor DOMAIN"),
        );
    }
    for domain in host.domains.iter().take(MOST_DOMAINS) {
        match examine(&host, server, &place, domain).await {
            Ok(Examined { found, general }) => {
                report.merge(found);
                if general {
                    break;
                }
            }
            Err(finding) => {
                report.add(finding);
                break;
            }
        }
    }
    report
}

/// What came of one domain.
struct Examined {
    found: Report,
    /// Whether it would be the same of every other domain.
    general: bool,
}

async fn examine(
    host: &Host,
    server: &Snapshot,
    place: &SocketSpec,
    domain: &Domain,
) -> Result<Examined, Finding> {
    let author = authors::author_in(server, domain).await;
    let now = clock::now();
    let plain = letter::letter(&author, false, now, macros(host));
    let wanted = converse(place, &plain).await?;
    let decision = authors::findings_for(server, &author).await.decide(server);
    let one = |finding| Examined {
        general: matches!(
            decision,
            Decision::Verify(Reason::NotOurs | Reason::NothingConfigured)
                | Decision::Leave(Reason::NotOurs | Reason::NothingConfigured | Reason::SigningOff)
        ),
        found: Report::from(vec![finding]),
    };
    if let Some(reply) = refusal(&wanted) {
        return Ok(one(refused(&author, domain, &reply, &decision)));
    }
    let signed = wanted
        .added
        .iter()
        .any(|field| field.name.eq_ignore_ascii_case("DKIM-Signature"));
    if !signed {
        let rule = matches!(
            decision,
            Decision::Verify(Reason::NoIdentity) | Decision::Leave(Reason::NoIdentity)
        );
        if rule && is_nobodys(host, domain).await {
            return Ok(Examined {
                found: super::no_such_domain(domain.as_str()),
                general: false,
            });
        }
        let domain = domain.as_str();
        let finding = unsigned::finding(server, &host.config, &author, domain, &decision);
        return Ok(one(finding));
    }
    let message = letter::signed(&plain, &wanted.added)
        .map_err(|error| no_milter(place, &as_it_is(&error)))?;
    let records = signature::records_on_disk(server, &author).await;
    let wrong = signature::by_disk(server, &message, records, domain.as_str(), now).await;
    if let Some(finding) = wrong {
        return Ok(Examined {
            found: Report::from(vec![finding]),
            general: false,
        });
    }
    let source = keys(host, server);
    let asked_dns = host.dns.is_some();
    let verdicts = Verdicts::of(&message, server, &source, now).await;
    let mut found = Report::from(signature::told(&verdicts, domain.as_str(), asked_dns));
    let newsletter = letter::letter(&author, true, now, macros(host));
    let wanted = converse(place, &newsletter).await?;
    if let Ok(message) = letter::signed(&newsletter, &wanted.added) {
        let verdicts = Verdicts::of(&message, server, &source, now).await;
        let names = letter::ONE_CLICK.map(|(name, _)| name);
        let missing = signature::uncovered(&verdicts, &names);
        found
            .findings
            .extend(newsletter_finding(host, domain, &missing));
    }
    Ok(Examined {
        found,
        general: false,
    })
}

/// Whether there is no such domain: a slip of the pen, which the check of the mail servers names.
async fn is_nobodys(host: &Host, domain: &Domain) -> bool {
    match &host.dns {
        None => false,
        Some(dns) => dns
            .mx(domain.as_str())
            .await
            .is_ok_and(|answer| !answer.name_exists),
    }
}

/// Public DNS as the configuration has it asked; nothing with `--offline`.
fn keys(host: &Host, server: &Snapshot) -> Arc<dyn TxtLookup> {
    let nothing = || Arc::new(FileRecords::default()) as Arc<dyn TxtLookup>;
    match &host.dns {
        None => nothing(),
        Some(_) => {
            key_sources::open(server, Arc::new(Capture::default())).unwrap_or_else(|_| nothing())
        }
    }
}

/// What Postfix's cleanup tells of mail that a program of this host sends.
fn macros(host: &Host) -> Vec<(String, String)> {
    let Some(postfix) = host.postfix() else {
        return Vec::new();
    };
    [
        ("j", "myhostname"),
        ("{daemon_name}", "milter_macro_daemon_name"),
    ]
    .into_iter()
    .map(|(name, parameter)| (name.to_owned(), postfix.main.value(parameter).to_owned()))
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

/// Why there is no connection to the server.
enum Away {
    /// This process may not connect there; of the server that tells nothing.
    Shut(SocketSpec),
    /// Nobody answers.
    Silent,
}

/// The first place where the server lets a connection in: where Postfix has it, else where its
/// configuration has it.
async fn reachable(host: &Host) -> Result<SocketSpec, Away> {
    let in_postfix = milter::address_in_postfix(host).and_then(|(filter, chroot)| {
        let queue = host.postfix()?.queue_directory();
        match filter.path_for(chroot, queue) {
            Some(path) => Some(SocketSpec::Unix(path)),
            None => filter.endpoint.ok(),
        }
    });
    let mut away = Away::Silent;
    for place in in_postfix
        .into_iter()
        .chain(milter::socket_of(host).cloned())
    {
        match (connect(&place).await, &place) {
            (Ok(_), _) => return Ok(place),
            (Err(error), SocketSpec::Unix(_))
                if error.kind() == io::ErrorKind::PermissionDenied =>
            {
                away = Away::Shut(place);
            }
            (Err(_), _) => {}
        }
    }
    Err(away)
}

async fn connect(place: &SocketSpec) -> io::Result<Stream> {
    match timeout(PATIENCE, client::connect(place)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn converse(place: &SocketSpec, letter: &Submission) -> Result<Wanted, Finding> {
    let stream = connect(place)
        .await
        .map_err(|error| no_milter(place, &as_it_is(&error)))?;
    match timeout(PATIENCE, client::submit(stream, letter)).await {
        Ok(Ok(wanted)) => Ok(wanted),
        Ok(Err(error)) => Err(no_milter(place, &as_it_is(&error))),
        Err(_) => Err(no_milter(place, &text!("timed out"))),
    }
}

/// The words of the operating system, which are the same in every language.
fn as_it_is(error: &impl ToString) -> Text {
    let words = error.to_string();
    Text::new(words.clone(), words)
}

/// Somebody else sees more.
fn shut(place: &SocketSpec) -> Report {
    Report::not_examined(
        Cause::Rights,
        text!("whether the server signs a message (no right to connect to {place})"),
    )
}

/// Postfix's own way there is the other check's; without Postfix this one has to tell.
fn nobody_there(host: &Host) -> Report {
    let why = text!("the server can't be reached; the check of the milter's wiring tells more");
    match (host.postfix().is_some(), milter::socket_of(host)) {
        (false, Some(place)) => {
            let cause = text!("nobody answers");
            Report::from(vec![no_milter(place, &cause)])
        }
        _ => Report::not_examined(Cause::Told, why),
    }
}

fn no_milter(place: &SocketSpec, cause: &Text) -> Finding {
    Finding::fail(
        codes::SELF_TEST_NO_CONNECTION,
        place.to_string(),
        text!("the server at {place} does not take a message: {cause}"),
    )
    .command("systemctl restart opendkim")
    .command("journalctl -u opendkim -n 20")
}

fn refusal(wanted: &Wanted) -> Option<String> {
    match (&wanted.ending, &wanted.quarantine) {
        (Ending::Refused(reply), _) => Some(reply.clone()),
        (Ending::Discarded, _) => Some("discard".to_owned()),
        (Ending::Accepted, Some(reason)) => Some(format!("quarantine: {reason}")),
        (Ending::Accepted, None) => None,
    }
}

fn refused(author: &str, domain: &Domain, reply: &str, decision: &Decision) -> Finding {
    let finding = Finding::fail(
        codes::SELF_TEST_REFUSED,
        domain.as_str(),
        text!("the server refuses mail of {author}: {reply}"),
    )
    .evidence(reply)
    .why(text!(
        "Postfix passes this answer on: nobody of this domain can send"
    ));
    match decision {
        Decision::Fail(error) => finding.evidence(error.to_string()),
        _ => finding,
    }
    .command(format!("dkimd explain {author}"))
    .command("dkimd check")
}

fn newsletter_finding(host: &Host, domain: &Domain, missing: &[&str]) -> Option<Finding> {
    if missing.is_empty() {
        return None;
    }
    let fields = missing.join(", ");
    let more: Vec<_> = missing.iter().map(|name| format!("+{name}")).collect();
    let what = text!("newsletters of {domain} are signed without {fields}");
    Some(
        Finding::info(codes::SELF_TEST_NEWSLETTER, domain.as_str(), what)
            .why(text!("Gmail and Yahoo honour one-click unsubscription only under a signature that covers both fields (RFC 8058)"))
            .setting(
                host.config.display().to_string(),
                format!("SignHeaders *,{}", more.join(",")),
            )
            .command("systemctl reload opendkim"),
    )
}
