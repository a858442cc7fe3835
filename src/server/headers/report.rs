//! Failure reports to signers who asked for them (RFC 6651, in the format of RFC 6591).
//!
//! Pure: what the signer's report record asks for, and the text of the message. Whether reports
//! are sent at all, how often, and by which command is decided elsewhere; they are off by default,
//! because a report goes where the signature says and shows mail to whoever signed it.

use std::net::IpAddr;

use data_encoding::BASE64;

use crate::dkim::{UnixTime, tag_list::TagList};

/// Octets of `rs=` that are shown to the client.
const MAX_SMTP_TEXT_OCTETS: usize = 200;
/// Octets of a local part (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL_PART_OCTETS: usize = 64;
/// Octets of canonical body in a report; a longer body is left out.
const MAX_BODY_OCTETS: usize = 64 * 1024;
/// Base64 characters a line (RFC 2045 section 6.8).
const BASE64_LINE: usize = 76;

/// What a report may be about (`ro=`, RFC 6651 section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReportReason {
    /// `d`: the key could not be had.
    Dns,
    /// `p`: refused by our rules.
    Policy,
    /// `s`: the signature or the key breaks the syntax.
    Syntax,
    /// `u`: unknown tags.
    UnknownTag,
    /// `v`: the signature or the body hash does not match.
    Verification,
    /// `x`: expired.
    Expired,
    /// `o`: anything else.
    Other,
}

impl ReportReason {
    fn letter(self) -> &'static str {
        match self {
            Self::Dns => "d",
            Self::Policy => "p",
            Self::Syntax => "s",
            Self::UnknownTag => "u",
            Self::Verification => "v",
            Self::Expired => "x",
            Self::Other => "o",
        }
    }
}

/// What a signer asks for at `_report._domainkey.<d>` (RFC 6651 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRequest {
    /// `ra=`: where reports go, the domain being always that of `d=`; `None`: no reports.
    pub local_part: Option<String>,
    /// `rp=`: of how many failures in a hundred.
    pub percentage: u8,
    /// `rs=`: text to put in front of a refusal's.
    pub smtp_text: Option<String>,
    reasons: Option<Vec<String>>,
}

impl ReportRequest {
    /// Parses the TXT record; `None` if it is none. Unknown tags are passed over.
    pub fn parse(record: &[u8]) -> Option<Self> {
        let tags = TagList::parse(record).ok()?;
        let percentage = match tags.value("rp") {
            None => 100,
            Some(text) => text.parse().ok().filter(|percentage| *percentage <= 100)?,
        };
        let reasons = tags.value("ro").map(|list| {
            let words: Vec<String> = list
                .split(':')
                .map(|word| word.trim().to_ascii_lowercase())
                .collect();
            words
        });
        Some(Self {
            local_part: tags.value("ra").and_then(decoded).filter(|local| {
                (1..=MAX_LOCAL_PART_OCTETS).contains(&local.len())
                    && local
                        .split('.')
                        .all(|atom| !atom.is_empty() && atom.bytes().all(is_address_octet))
            }),
            percentage,
            smtp_text: tags.value("rs").and_then(decoded).map(|text| {
                text.chars()
                    .filter(|c| matches!(c, ' '..='~'))
                    .take(MAX_SMTP_TEXT_OCTETS)
                    .collect()
            }),
            reasons: reasons.filter(|words| !words.iter().any(|word| word == "all")),
        })
    }

    /// Whether failures of this kind are asked for.
    pub fn wants(&self, reason: ReportReason) -> bool {
        self.local_part.is_some()
            && self.percentage > 0
            && self
                .reasons
                .as_ref()
                .is_none_or(|words| words.iter().any(|word| word == reason.letter()))
    }

    /// Where reports about signatures of `domain` go.
    pub fn address(&self, domain: &str) -> Option<String> {
        Some(format!("{}@{domain}", self.local_part.as_ref()?))
    }
}

/// `Auth-Failure` (RFC 6591 section 3.3), as far as DKIM goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthFailure {
    /// The body was changed.
    BodyHash,
    /// The signature does not match.
    Signature,
    /// The key was revoked.
    Revoked,
}

impl AuthFailure {
    fn as_str(self) -> &'static str {
        match self {
            Self::BodyHash => "bodyhash",
            Self::Signature => "signature",
            Self::Revoked => "revoked",
        }
    }
}

/// One report.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// ReportAddress: the From field's value.
    pub from: &'a str,
    /// The recipient's address.
    pub to: &'a str,
    /// ReportBccAddress.
    pub bcc: Option<&'a str>,
    /// The host's name, for identifiers.
    pub host: &'a str,
    /// The job of the message reported.
    pub job: &'a str,
    /// Now.
    pub now: UnixTime,
    /// What failed.
    pub failure: AuthFailure,
    /// `d=`.
    pub domain: &'a str,
    /// `s=`.
    pub selector: &'a str,
    /// `i=`, or `@` and `d=`.
    pub identity: &'a str,
    /// The value of our Authentication-Results.
    pub auth_results: &'a str,
    /// The envelope sender, without angle brackets.
    pub mail_from: &'a str,
    /// The client.
    pub source: Option<IpAddr>,
    /// The canonical header section as it was hashed.
    pub canonical_header: &'a [u8],
    /// The canonical body as it was hashed, if it was kept.
    pub canonical_body: Option<&'a [u8]>,
    /// The header section as received.
    pub header_section: &'a [u8],
}

impl Report<'_> {
    /// The whole message, lines ending in LF as `sendmail -t` takes it.
    pub fn message(&self) -> Vec<u8> {
        let boundary = format!("dkimd-{}-{}", self.now.0, identifier(self.job));
        let mut text = self.header(&boundary);
        text.push_str(&format!(
            "--{boundary}\nContent-Type: text/plain; charset=us-ascii\n\n\
             This is a report about a message whose DKIM signature of the domain\n\
             {}\nfailed ({}). The signature asked for such reports (RFC 6651).\n\n",
            line(self.domain),
            self.failure.as_str(),
        ));
        text.push_str(&format!(
            "--{boundary}\nContent-Type: message/feedback-report\n\n{}\n",
            self.feedback()
        ));
        text.push_str(&format!(
            "--{boundary}\nContent-Type: text/rfc822-headers\n\n"
        ));
        let mut message = text.into_bytes();
        message.extend(self.header_section.iter().filter(|&&octet| octet != b'\r'));
        if !message.ends_with(b"\n") {
            message.push(b'\n');
        }
        message.extend(format!("\n--{boundary}--\n").as_bytes());
        message
    }

    fn header(&self, boundary: &str) -> String {
        let mut header = format!("From: {}\nTo: {}\n", line(self.from), line(self.to));
        if let Some(bcc) = self.bcc {
            header.push_str(&format!("Bcc: {}\n", line(bcc)));
        }
        header.push_str(&format!(
            "Date: {}\nSubject: DKIM failure report for {}\nMessage-ID: <{boundary}@{}>\n\
             Auto-Submitted: auto-generated\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=feedback-report;\n\
             \tboundary=\"{boundary}\"\n\n",
            date(self.now),
            line(self.job),
            line(self.host),
        ));
        header
    }

    fn feedback(&self) -> String {
        let mut fields = format!(
            "Feedback-Type: auth-failure\nUser-Agent: dkimd/{}\nVersion: 1\n\
             Auth-Failure: {}\nAuthentication-Results: {}\nOriginal-Mail-From: <{}>\n\
             Reported-Domain: {}\nDKIM-Domain: {}\nDKIM-Selector: {}\nDKIM-Identity: {}\n",
            env!("CARGO_PKG_VERSION"),
            self.failure.as_str(),
            line(&self.auth_results.replace(['\n', '\t'], " ")),
            line(self.mail_from),
            line(self.domain),
            line(self.domain),
            line(self.selector),
            line(self.identity),
        );
        if let Some(source) = self.source {
            fields.push_str(&format!("Source-IP: {source}\n"));
        }
        fields.push_str(&base64_field(
            "DKIM-Canonicalized-Header",
            self.canonical_header,
        ));
        if let Some(body) = self.canonical_body
            && body.len() <= MAX_BODY_OCTETS
        {
            fields.push_str(&base64_field("DKIM-Canonicalized-Body", body));
        }
        fields
    }
}

fn base64_field(name: &str, octets: &[u8]) -> String {
    let mut field = format!("{name}:");
    for chunk in octets.chunks(BASE64_LINE / 4 * 3) {
        field.push_str("\n ");
        field.push_str(&BASE64.encode(chunk));
    }
    field.push('\n');
    field
}

/// A value on one line.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn identifier(job: &str) -> String {
    job.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// RFC 5322 section 3.2.3 `atext`.
fn is_address_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

/// `dkim-quoted-printable` (RFC 6376 section 2.11), if it is UTF-8.
fn decoded(value: &str) -> Option<String> {
    let mut octets = value.bytes().filter(|octet| !octet.is_ascii_whitespace());
    let mut text = Vec::with_capacity(value.len());
    while let Some(octet) = octets.next() {
        if octet == b'=' {
            let hex = [octets.next()?, octets.next()?];
            text.push(data_encoding::HEXUPPER.decode(&hex).ok()?.pop()?);
        } else {
            text.push(octet);
        }
    }
    String::from_utf8(text).ok()
}

/// RFC 5322 section 3.3, in UTC.
pub fn date(now: UnixTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, seconds) = (now.0 / 86_400, now.0 % 86_400);
    // Years that begin in March, so that the leap day comes last.
    let from_march = days + 719_468;
    let (era, day_of_era) = (from_march / 146_097, from_march % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let weekday = DAYS[usize::try_from(days % 7).unwrap_or_default()];
    let month = MONTHS[usize::try_from(month).unwrap_or_default()];
    format!(
        "{weekday}, {day} {month} {year} {:02}:{:02}:{:02} +0000",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_the_address_the_reasons_and_the_share() {
        let request =
            ReportRequest::parse(b"ra=dkim-errors; ro=v:x; rp=50; rs=See=20us; unknown=1").unwrap();
        assert_eq!(
            request.address("example.com").as_deref(),
            Some("dkim-errors@example.com")
        );
        assert_eq!(request.percentage, 50);
        assert_eq!(request.smtp_text.as_deref(), Some("See us"));
        assert!(request.wants(ReportReason::Verification));
        assert!(!request.wants(ReportReason::Dns));
        let all = ReportRequest::parse(b"ra=x; ro=s:all").unwrap();
        assert!(all.wants(ReportReason::Other));
    }

    #[test]
    fn no_address_no_report() {
        for record in [
            &b"rs=hello"[..],
            b"ra=",
            b"ra=a=0D=0ABcc",
            b"ra=a b@evil.example",
            b"ra=a=40b",
            b"ra=a..b",
            b"ra=x; rp=0",
        ] {
            let request = ReportRequest::parse(record).unwrap();
            assert!(!request.wants(ReportReason::Verification), "{request:?}");
        }
        assert_eq!(ReportRequest::parse(b"ra=x; rp=101"), None);
        assert_eq!(ReportRequest::parse(b"v spf1"), None);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_795_457_045, "Mon, 23 Nov 2026 18:04:05 +0000"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 +0000"),
        ] {
            assert_eq!(date(UnixTime(seconds)), text);
        }
    }

    #[test]
    fn the_message_has_its_empty_lines_and_nothing_can_be_put_in_between() {
        let report = Report {
            from: "postmaster@mx.example",
            to: "dkim-errors@example.com",
            bcc: Some("a@mx.example\nX-Evil: yes"),
            host: "mx.example",
            job: "4XyZ",
            now: UnixTime(0),
            failure: AuthFailure::BodyHash,
            domain: "example.com",
            selector: "sel",
            identity: "@example.com\r\nEvil: yes",
            auth_results: "mx.example;\n\tdkim=fail",
            mail_from: "a@example.com",
            source: Some("192.0.2.7".parse().unwrap()),
            canonical_header: &[b'h'; 60],
            canonical_body: Some(b"body\r\n"),
            header_section: b"From: a@example.com\r\nSubject: x\r\n",
        };
        let message = String::from_utf8(report.message()).unwrap();
        let message = message.replace(
            concat!("dkimd/", env!("CARGO_PKG_VERSION"), "\n"),
            "dkimd/VERSION\n",
        );
        assert_eq!(
            message,
            "From: postmaster@mx.example\nTo: dkim-errors@example.com\n\
             Bcc: a@mx.example X-Evil: yes\nDate: Thu, 1 Jan 1970 00:00:00 +0000\n\
             Subject: DKIM failure report for 4XyZ\nMessage-ID: <dkimd-0-4XyZ@mx.example>\n\
             Auto-Submitted: auto-generated\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=feedback-report;\n\
             \tboundary=\"dkimd-0-4XyZ\"\n\n\
             --dkimd-0-4XyZ\nContent-Type: text/plain; charset=us-ascii\n\n\
             This is a report about a message whose DKIM signature of the domain\n\
             example.com\nfailed (bodyhash). The signature asked for such reports (RFC 6651).\n\n\
             --dkimd-0-4XyZ\nContent-Type: message/feedback-report\n\n\
             Feedback-Type: auth-failure\nUser-Agent: dkimd/VERSION\nVersion: 1\n\
             Auth-Failure: bodyhash\nAuthentication-Results: mx.example;  dkim=fail\n\
             Original-Mail-From: <a@example.com>\nReported-Domain: example.com\n\
             DKIM-Domain: example.com\nDKIM-Selector: sel\nDKIM-Identity: @example.com  Evil: yes\n\
             Source-IP: 192.0.2.7\nDKIM-Canonicalized-Header:\n \
             aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGho\n \
             aGho\nDKIM-Canonicalized-Body:\n Ym9keQ0K\n\n\
             --dkimd-0-4XyZ\nContent-Type: text/rfc822-headers\n\n\
             From: a@example.com\nSubject: x\n\n--dkimd-0-4XyZ--\n"
        );
    }
}
