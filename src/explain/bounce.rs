//! Bounces: delivery status notifications (RFC 3464) taken apart, their diagnostics translated, and
//! what they tell of the message that came back.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::{answer::Answer, reply};
use dkimd_advice::{Code, Finding, text};
use dkimd_message::MessageFile;
use dkimd_server::keys::safe::shell_word;

/// Recipients of one notification that are told.
const MAX_RECIPIENTS: usize = 100;

/// A reply with both its codes somewhere in a line.
#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant, which a test compiles"
)]
static REPLY: LazyLock<Regex> = LazyLock::new(|| {
    RegexBuilder::new(r"\b[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}\b")
        .unicode(false)
        .build()
        .expect("the pattern is a constant, which a test compiles")
});

/// A notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounce {
    /// What it says of each recipient.
    pub(super) recipients: Vec<Recipient>,
    /// The header of the message that came back, as far as it was returned.
    pub(super) returned: Vec<u8>,
}

/// What a notification says of a recipient, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) address: String,
    pub(super) action: String,
    pub(super) status: String,
    pub(super) diagnostic: String,
    pub(super) remote: String,
}

impl Bounce {
    /// Reads a message; `None` if it is no notification, nor a bounce in words of its own.
    pub(super) fn read(message: &MessageFile) -> Option<Self> {
        Self::notification(message).or_else(|| Self::in_words(message))
    }

    /// A bounce of a server that writes none of RFC 3464: the first line that holds a reply.
    fn in_words(message: &MessageFile) -> Option<Self> {
        let from = message.section.named(b"From").next()?;
        let from = String::from_utf8_lossy(from.value).to_ascii_lowercase();
        if !from.contains("mailer-daemon") && !from.contains("postmaster@") {
            return None;
        }
        let mut body = Vec::new();
        message.feed_body(|octets| body.extend_from_slice(octets));
        let text = String::from_utf8_lossy(&body);
        let said = text.lines().find(|line| REPLY.is_match(line.as_bytes()))?;
        Some(Self {
            recipients: vec![Recipient {
                address: "?".to_owned(),
                diagnostic: said.trim().to_owned(),
                ..Recipient::default()
            }],
            returned: Vec::new(),
        })
    }

    fn notification(message: &MessageFile) -> Option<Self> {
        let field = message.section.named(b"Content-Type").next()?;
        let kind = String::from_utf8_lossy(field.value).replace("\r\n", "");
        if !kind.to_ascii_lowercase().contains("multipart/report") {
            return None;
        }
        let boundary = parameter(&kind, "boundary")?;
        let mut body = Vec::new();
        message.feed_body(|octets| body.extend_from_slice(octets));
        let mut bounce = Self::default();
        for (kind, content) in parts(&body, &boundary) {
            if kind.starts_with("message/delivery-status")
                || kind.starts_with("message/global-delivery-status")
            {
                bounce.recipients = recipients(&String::from_utf8_lossy(content));
            } else if kind.starts_with("message/") || kind.starts_with("text/rfc822-headers") {
                bounce.returned = content.to_vec();
            }
        }
        (!bounce.recipients.is_empty()).then_some(bounce)
    }

    /// What it means.
    pub(super) fn explain(&self, subject: &str) -> Answer {
        let mut findings: Vec<Finding> = Vec::new();
        for recipient in &self.recipients {
            let finding = recipient.explain();
            let known = findings.iter_mut().find(|known| known.code == finding.code);
            match known {
                Some(known) => known.evidence.extend(finding.evidence.clone()),
                None => findings.push(finding),
            }
        }
        findings.extend(self.returned_finding());
        Answer::of("bounce", subject, findings)
    }

    /// Whether the message that came back was signed: half of the refusals hang on that.
    fn returned_finding(&self) -> Option<Finding> {
        let returned = MessageFile::read(self.returned.as_slice()).ok()?;
        if returned.section.is_empty() {
            return None;
        }
        let signers: Vec<String> = returned
            .section
            .named(b"DKIM-Signature")
            .filter_map(|field| {
                let signature = dkim_core::verify::Signature::parse(field.value).ok()?;
                Some(format!("d={} s={}", signature.domain, signature.selector))
            })
            .collect();
        if !signers.is_empty() {
            let signers = signers.join(", ");
            return Some(Finding::info(
                Code::new("returned-signed"),
                "",
                text!("the message that came back carries a DKIM signature ({signers})"),
            ));
        }
        let author = dkimd_message::verdicts::author_domain(&returned.section);
        let author = author.unwrap_or_else(|| "DOMAIN".to_owned());
        Some(
            Finding::warn(
                Code::new("returned-unsigned"),
                author.clone(),
                text!("the message that came back carries no DKIM signature"),
            )
            .command(format!(
                "dkimd explain {}",
                shell_word(&format!("USER@{author}"))
            )),
        )
    }
}

impl Recipient {
    fn explain(&self) -> Finding {
        let remote = self.remote.rsplit(';').next().unwrap_or_default().trim();
        let said = match self.diagnostic.is_empty() {
            true => self.status.as_str(),
            false => self.diagnostic.as_str(),
        };
        let mut finding = reply::translate(said, (!remote.is_empty()).then_some(remote));
        let address = &self.address;
        let meaning = finding.what;
        finding.what = match self.action.to_ascii_lowercase().as_str() {
            "delayed" => text!("the message to {address} waits and is tried again: {meaning}"),
            "delivered" | "relayed" | "expanded" => {
                return Finding::info(
                    Code::new("delivered"),
                    address.clone(),
                    text!("the message to {address} was delivered"),
                );
            }
            _ => text!("the message to {address} was refused: {meaning}"),
        };
        finding.evidence(format!("{address}: {said}"))
    }
}

/// The value of a parameter: `boundary="…"`.
fn parameter(field: &str, name: &str) -> Option<String> {
    let at = field.to_ascii_lowercase().find(&format!("{name}="))? + name.len() + 1;
    let rest = field.get(at..)?;
    Some(match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?.to_owned(),
        None => rest.split([';', ' ', '\t']).next()?.to_owned(),
    })
}

/// The parts of a multipart body: type in lower case, content.
fn parts<'b>(body: &'b [u8], boundary: &str) -> Vec<(String, &'b [u8])> {
    let mark = format!("--{boundary}");
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for line in body.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(mark.as_bytes()) {
            starts.push((at, at + line.len()));
        }
        at += line.len();
    }
    let ends = starts
        .iter()
        .skip(1)
        .map(|(begin, _)| *begin)
        .chain([body.len()]);
    starts
        .iter()
        .zip(ends)
        .filter_map(|((_, begin), end)| part(body.get(*begin..end)?))
        .collect()
}

fn part(octets: &[u8]) -> Option<(String, &[u8])> {
    let header_end = memchr::memmem::find(octets, b"\r\n\r\n")?;
    let header = String::from_utf8_lossy(&octets[..header_end]).to_ascii_lowercase();
    let kind = header
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-type:"))?;
    Some((kind.trim().to_owned(), &octets[header_end + 4..]))
}

/// The groups behind the first, one for each recipient (RFC 3464 section 2.3).
fn recipients(text: &str) -> Vec<Recipient> {
    let unfolded = text.replace("\r\n ", " ").replace("\r\n\t", " ");
    let address = |value: &str| value.rsplit(';').next().unwrap_or(value).trim().to_owned();
    unfolded
        .split("\r\n\r\n")
        .filter_map(|group| {
            let field = |name: &str| {
                group.lines().find_map(|line| {
                    let (known, value) = line.split_once(':')?;
                    known
                        .trim()
                        .eq_ignore_ascii_case(name)
                        .then(|| value.trim().to_owned())
                })
            };
            Some(Recipient {
                address: address(&field("Original-Recipient").or(field("Final-Recipient"))?),
                action: field("Action").unwrap_or_default(),
                status: field("Status").unwrap_or_default(),
                diagnostic: field("Diagnostic-Code").unwrap_or_default(),
                remote: field("Remote-MTA").unwrap_or_default(),
            })
        })
        .take(MAX_RECIPIENTS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNCE: &str = "From: MAILER-DAEMON@mail.example.com (Mail Delivery System)\n\
        Subject: Undelivered Mail Returned to Sender\n\
        Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"4XyZ.1/mail.example.com\"\n\n\
        This is a MIME-encapsulated message.\n\n--4XyZ.1/mail.example.com\nContent-Description: Notification\n\
        Content-Type: text/plain; charset=us-ascii\n\nThis is the mail system\n\n\
        --4XyZ.1/mail.example.com\nContent-Description: Delivery report\n\
        Content-Type: message/delivery-status\n\nReporting-MTA: dns; mail.example.com\nX-Postfix-Queue-ID: 4XyZ\n\n\
        Final-Recipient: rfc822; joe@gmail.com\nOriginal-Recipient: rfc822;joe@gmail.com\nAction: failed\n\
        Status: 5.7.26\nRemote-MTA: dns; gmail-smtp-in.l.google.com\n\
        Diagnostic-Code: smtp; 550-5.7.26 Your email has been blocked because the sender is\n    unauthenticated.\n\n\
        --4XyZ.1/mail.example.com\nContent-Type: message/rfc822\n\nFrom: joe@example.com\nSubject: hi\n\nbody\n\
        --4XyZ.1/mail.example.com--\n";

    #[test]
    fn a_notification_of_postfix_is_taken_apart_and_translated() {
        let message = MessageFile::read(BOUNCE.as_bytes()).unwrap();
        let bounce = Bounce::read(&message).unwrap();
        assert_eq!(bounce.recipients.len(), 1);
        assert_eq!(bounce.recipients[0].address, "joe@gmail.com");
        let answer = bounce.explain("file");
        let codes: Vec<_> = answer.findings.iter().map(|f| f.code.word()).collect();
        assert_eq!(codes, ["unauthenticated", "returned-unsigned"]);
    }

    #[test]
    fn a_bounce_in_words_of_its_own_is_read_too() {
        let text = "From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\nHi. I could not deliver:\n\n\
                    <joe@example.net>:\n192.0.2.2 said: 550 5.1.1 No such user\n";
        let bounce = Bounce::read(&MessageFile::read(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(
            bounce.explain("file").findings[0].code.word(),
            "user-unknown"
        );
    }

    #[test]
    fn a_message_that_is_no_notification_is_none() {
        let message = MessageFile::read(
            &b"From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\n"[..],
        );
        assert_eq!(Bounce::read(&message.unwrap()), None);
        let message = MessageFile::read(
            &b"From: a@b\nContent-Type: multipart/report; boundary=x\n\n--x\n"[..],
        );
        assert_eq!(Bounce::read(&message.unwrap()), None);
    }
}
