//! A message as it was received: each signature verified, the damage named where it is broken, the
//! receiver's own results explained; for one without signature, why this server would not sign it.

mod damage;
pub(super) mod results;

use std::{
    fs::File,
    io::{self, Read},
    net::IpAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use super::{
    ExplainArgs,
    answer::Answer,
    author,
    bounce::Bounce,
    log_line::{LogLine, MAX_LINE_OCTETS},
};
use dkim_core::{
    header::HeaderSection,
    outcome::{Outcome, ResultWord},
};
use dkimd_advice::{Code, Finding, Level, text};
use dkimd_message::{
    MAX_MESSAGE_OCTETS, MessageFile, configuration, keys,
    verdicts::{Verdicts, author_domain},
};
use dkimd_server::{
    config::snapshot::Snapshot,
    decide::Author,
    dns::{DnsFailure, Dnssec, TxtAnswer, TxtFuture, TxtLookup, name::DnsName},
    keys::safe::shell_word,
    process::{ExitCode, Failure, clock},
};

/// What a file holds.
pub(super) enum Contents {
    /// A message.
    Message(Box<MessageFile>),
    /// Something else, perhaps log lines.
    Text(String),
}

/// Reads a file, or standard input where it is `-`.
pub(super) fn read(file: &Path) -> Result<Contents, Failure> {
    let shown = file.display();
    let unreadable = |error: io::Error| {
        Failure::new(
            ExitCode::Unavailable,
            format!("can't read {shown}: {error}"),
        )
    };
    let mut octets = Vec::new();
    match file == Path::new("-") {
        true => io::stdin()
            .lock()
            .take(MAX_MESSAGE_OCTETS)
            .read_to_end(&mut octets),
        false => File::open(file)
            .map_err(unreadable)?
            .take(MAX_MESSAGE_OCTETS)
            .read_to_end(&mut octets),
    }
    .map_err(unreadable)?;
    // A time of ISO 8601 before a log line has a colon where a field's name would end.
    let text = String::from_utf8_lossy(&octets[..octets.len().min(MAX_LINE_OCTETS)]);
    if LogLine::parse(text.lines().next().unwrap_or_default())
        .time
        .is_some()
    {
        return Ok(Contents::Text(
            String::from_utf8_lossy(&octets).into_owned(),
        ));
    }
    // The line that mailboxes put before each message.
    let start = match octets.starts_with(b"From ") {
        true => octets
            .split_inclusive(|&octet| octet == b'\n')
            .next()
            .map_or(0, <[u8]>::len),
        false => 0,
    };
    Ok(match MessageFile::read(&octets[start..]) {
        Ok(message) if !message.section.is_empty() => Contents::Message(Box::new(message)),
        _ => Contents::Text(String::from_utf8_lossy(&octets).into_owned()),
    })
}

/// What became of a message.
pub(super) fn explain(
    args: &ExplainArgs,
    message: &MessageFile,
    name: &str,
) -> Result<Answer, Failure> {
    if let Some(bounce) = Bounce::read(message) {
        return Ok(bounce.explain(name));
    }
    let snapshot = configuration::load_or_report(args.config.as_deref()).map_err(Failure::told)?;
    let verdicts = verdicts(args, &snapshot, message)?;
    let mut findings = match verdicts.results.is_empty() {
        true => vec![unsigned(args, &snapshot, message)],
        false => of_signatures(args, message, &verdicts),
    };
    for field in message.section.named(b"Authentication-Results") {
        let value = String::from_utf8_lossy(field.value).into_owned();
        for found in results::explain(&value) {
            let known = findings.iter().any(|known| known.code == found.code);
            if !known {
                findings.push(found);
            }
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    let dns_failed = |outcome: &Outcome| outcome.result() == ResultWord::Temperror;
    let passed = verdicts.results.iter().any(|result| result.passed());
    Ok(Answer {
        unanswered: !args.offline
            && !passed
            && verdicts
                .results
                .iter()
                .any(|result| dns_failed(&result.outcome)),
        ..Answer::of("message", name, findings)
    })
}

fn verdicts(
    args: &ExplainArgs,
    snapshot: &Snapshot,
    message: &MessageFile,
) -> Result<Verdicts, Failure> {
    configuration::block_on(async {
        let source: Arc<dyn TxtLookup> = match &args.keys {
            Some(file) => keys::records_of(file)?,
            None if args.offline => Arc::new(Nobody),
            None => keys::open_source(snapshot)?,
        };
        Ok(Verdicts::of(message, snapshot, &source, clock::now()).await)
    })
}

/// Answers no question: `--offline`.
#[derive(Debug)]
struct Nobody;

impl TxtLookup for Nobody {
    fn txt<'a>(&'a self, _: &'a DnsName) -> TxtFuture<'a> {
        Box::pin(async {
            TxtAnswer {
                result: Err(DnsFailure::Unreachable),
                dnssec: Dnssec::Unknown,
                ttl: Duration::ZERO,
            }
        })
    }
}

/// What is wrong with each signature, and whether one counts for the author.
fn of_signatures(args: &ExplainArgs, message: &MessageFile, verdicts: &Verdicts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let passed: Vec<&str> = verdicts
        .results
        .iter()
        .filter(|result| result.passed())
        .filter_map(|result| result.identity.domain.as_deref())
        .collect();
    let author = author_domain(&message.section);
    let counts = |domain: &&str| {
        author
            .as_deref()
            .is_none_or(|author| may_align(domain, author))
    };
    let enough = passed.iter().any(counts);
    for result in &verdicts.results {
        let mut finding = damage::explain(message, verdicts, result, args.offline);
        // One good signature of the author's domain is enough: what is wrong with others is worth
        // knowing, no more.
        if enough && !result.passed() {
            finding.level = Level::Info;
        }
        findings.push(finding);
    }
    if let Some(author) = author.as_deref().filter(|_| !passed.is_empty() && !enough) {
        findings.push(not_aligned(author, &passed.join(", ")));
    }
    findings
}

/// Whether a signature of `domain` may count for `author` by DMARC's relaxed alignment (RFC 9989
/// section 4.4): one is above the other, or both lie below a common domain of at least two labels.
/// Where that is a public suffix (`co.uk`) they don't align, which DNS alone tells.
fn may_align(domain: &str, author: &str) -> bool {
    let labels = |name: &str| {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name.rsplit('.').map(str::to_owned).collect::<Vec<_>>()
    };
    let (domain, author) = (labels(domain), labels(author));
    let common = domain
        .iter()
        .zip(&author)
        .take_while(|(a, b)| a == b)
        .count();
    common >= 2 || common == domain.len() || common == author.len()
}

fn not_aligned(author: &str, signers: &str) -> Finding {
    Finding::warn(
        Code::new("not-aligned"),
        author,
        text!("the good signatures are of {signers}, but the author is of {author}: for DMARC they don't \
             count"),
    )
    .why(text!("Gmail, Yahoo and Microsoft want SPF or DKIM to pass for the very domain in From"))
    .setting("/etc/opendkim/SigningTable", format!("*@{author} KEYNAME"))
    .setting(
        "/etc/opendkim/KeyTable",
        format!("KEYNAME {author}:SELECTOR:/etc/dkimkeys/SELECTOR.private"),
    )
    .command(format!("dkimd explain {}", shell_word(&format!("USER@{author}"))))
}

/// A message without signature: what this server would do with one of its author.
fn unsigned(args: &ExplainArgs, snapshot: &Snapshot, message: &MessageFile) -> Finding {
    let from = message.section.named(b"From").next();
    let author = from.map(|field| String::from_utf8_lossy(field.value).trim().to_owned());
    let finding = Finding::fail(
        Code::new("unsigned"),
        author.clone().unwrap_or_default(),
        text!("the message carries no DKIM signature"),
    );
    let Some(author) = author else {
        return finding;
    };
    let (client, authenticated) = origin(&message.section);
    let mut asked = args.clone();
    asked.client = client.unwrap_or(args.client);
    if authenticated {
        asked.auth.get_or_insert_with(|| "?".to_owned());
    }
    match author::foresee(&asked, snapshot, &author) {
        Err(_) => finding,
        Ok((foreseen, exit)) => {
            let mut finding = finding.why(text!("the lines above are what this server would do with such a message now, rule by rule"));
            finding.evidence = author::as_text(&foreseen)
                .lines()
                .map(str::to_owned)
                .collect();
            let word = foreseen.reason.and_then(|reason| {
                let client = asked.client.to_string();
                let address = Author::parse(author.as_bytes()).map(|author| author.to_string());
                let facts = super::words::Facts {
                    author: address.as_deref().ok(),
                    client: Some(&client),
                    ..Default::default()
                };
                super::words::explain(reason, &facts)
            });
            match word {
                Some(word) => finding.fix = word.fix.clone(),
                None if exit == ExitCode::Ok => {
                    finding = finding.advice(text!(
                        "this server would sign it: it went another way, or was sent before the \
                         configuration was mended; see `postconf smtpd_milters non_smtpd_milters`"
                    ));
                }
                None => {}
            }
            finding
        }
    }
}

/// Where the message came from by its first Received field: the client's address, and whether it had
/// logged in (RFC 3848).
fn origin(section: &HeaderSection) -> (Option<IpAddr>, bool) {
    let Some(first) = section.named(b"Received").next_back() else {
        return (None, false);
    };
    let text = String::from_utf8_lossy(first.value);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (client, server) = text.split_once(" by ").unwrap_or((&text, ""));
    let address = client
        .split('[')
        .skip(1)
        .filter_map(|part| part.split(']').next())
        .find_map(|part| part.trim_start_matches("IPv6:").parse().ok());
    let authenticated = ["ESMTPSA", "ESMTPA", "UTF8SMTPSA", "UTF8SMTPA"];
    let protocol = server
        .split_whitespace()
        .skip_while(|word| *word != "with")
        .nth(1)
        .unwrap_or_default();
    (address, authenticated.contains(&protocol))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkim_core::header::LeadingSpace;

    #[test]
    fn domains_align_above_below_and_beside_each_other() {
        for (domain, author, aligned) in [
            ("example.com", "example.com", true),
            ("example.com", "News.Example.com", true),
            ("mail.example.com", "example.com", true),
            ("a.example.com", "b.example.com", true),
            ("example.net", "example.com", false),
            ("sendgrid.net", "example.com", false),
        ] {
            assert_eq!(may_align(domain, author), aligned, "{domain} {author}");
        }
    }

    #[test]
    fn the_first_received_field_tells_where_a_message_came_from() {
        let origin_of = |value: &str| {
            let mut section = HeaderSection::default();
            section.push(b"Received", b" from x by y", LeadingSpace::Kept);
            section.push(b"Received", value.as_bytes(), LeadingSpace::Kept);
            let (address, authenticated) = origin(&section);
            (address.map(|address| address.to_string()), authenticated)
        };
        assert_eq!(
            origin_of(
                " from laptop (dsl.example [192.0.2.7])\r\n\tby mail.example.com (Postfix) with ESMTPSA id 4XyZ\r\n\tfor <a@b>"
            ),
            (Some("192.0.2.7".to_owned()), true)
        );
        assert_eq!(
            origin_of(
                " from x (unknown [IPv6:2001:db8::7]) by mail.example.com (Postfix) with ESMTP id 4XyZ"
            ),
            (Some("2001:db8::7".to_owned()), false)
        );
        assert_eq!(
            origin_of(" by mail.example.com (Postfix, from userid 0)"),
            (None, false)
        );
    }
}
