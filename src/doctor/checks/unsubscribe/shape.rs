//! The shape of a sample: its fields and lines, as far as they decide whether it survives its way.

use crate::codes;
use dkim_core::header::HeaderSection;
use dkimd_advice::{Finding, text};
use dkimd_message::{LineEnd, MessageFile};
use dkimd_server::decide::Author;

/// The longest line, CRLF left out (RFC 5321 section 4.5.3.1.6).
const LONGEST_LINE: usize = 998;
/// What a finding is about.
const SUBJECT: &str = "--sample";

/// Everything that is wrong with it.
pub(super) fn judge(message: &MessageFile) -> Vec<Finding> {
    let section = &message.section;
    let lines = [
        line_ends(message),
        long_line(message),
        raw_header(section),
        eight_bits(message),
    ];
    author(section)
        .into_iter()
        .chain(once(section))
        .chain(lines.into_iter().flatten())
        .collect()
}

fn text_of(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim().to_owned()
}

fn author(section: &HeaderSection) -> Option<Finding> {
    let fields: Vec<_> = section.named(b"From").collect();
    let refused =
        text!("Gmail refuses such mail (550 5.7.1), and no signature can vouch for its author");
    match fields.as_slice() {
        [] => Some(
            Finding::fail(
                codes::SAMPLE_NO_AUTHOR,
                SUBJECT,
                text!("the sample has no From field"),
            )
            .why(refused)
            .advice(text!(
                "let the program that makes it write one From field with an address"
            )),
        ),
        [from] => {
            let error = Author::fault(from.value)?;
            let value = text_of(from.value);
            Some(
                Finding::fail(
                    codes::SAMPLE_NO_AUTHOR,
                    SUBJECT,
                    text!("the From field of the sample is malformed: {error}"),
                )
                .evidence(format!("From: {value}"))
                .why(refused)
                .advice(text!("write it as From: Name <user@example.com>")),
            )
        }
        several => {
            let count = several.len();
            let finding = Finding::fail(
                codes::SAMPLE_SEVERAL_FROM,
                SUBJECT,
                text!("the sample has {count} From fields"),
            );
            let finding = several.iter().fold(finding, |finding, from| {
                finding.evidence(format!("From: {}", text_of(from.value)))
            });
            Some(
                finding
                    .why(refused)
                    .advice(text!("let the program that makes it write one From field")),
            )
        }
    }
}

/// Fields that must be there, and fields that may be there once.
fn once(section: &HeaderSection) -> Vec<Finding> {
    let count = |name: &str| section.named(name.as_bytes()).count();
    let mut findings = Vec::new();
    for (code, name) in [
        (codes::SAMPLE_NO_DATE, "Date"),
        (codes::SAMPLE_NO_MESSAGE_ID, "Message-ID"),
    ] {
        if count(name) == 0 {
            findings.push(
                Finding::warn(
                    code,
                    SUBJECT,
                    text!("the sample has no {name}"),
                )
                .why(text!("Postfix adds it to mail of this host alone; whoever adds it after signing, or doesn't, makes the mail look like spam"))
                .advice(text!("let the program that makes the message write {name}")),
            );
        }
    }
    for name in [
        "Date",
        "Message-ID",
        "Subject",
        "To",
        "Reply-To",
        "Sender",
        "Cc",
    ] {
        let times = count(name);
        if times > 1 {
            findings.push(
                Finding::warn(
                    codes::SAMPLE_REPEATED_FIELD,
                    SUBJECT,
                    text!("the sample has {name} {times} times; RFC 5322 allows one"),
                )
                .why(text!(
                    "Gmail refuses messages with repeated fields (550 5.7.1)"
                ))
                .advice(text!("write it once")),
            );
        }
    }
    findings
}

/// CR without LF, or in wire form LF without CR.
fn line_ends(message: &MessageFile) -> Option<Finding> {
    let octets = &message.octets;
    let bare_cr = |at: &usize| octets.get(at + 1) != Some(&b'\n');
    let bare_lf = |at: &usize| *at == 0 || octets.get(at - 1) != Some(&b'\r');
    let cr = memchr::memchr_iter(b'\r', octets).find(bare_cr);
    let lf = match message.line_end {
        LineEnd::CrLf => memchr::memchr_iter(b'\n', octets).find(bare_lf),
        LineEnd::Lf => None,
    };
    let at = cr.into_iter().chain(lf).min()?;
    let line = memchr::memchr_iter(b'\n', &octets[..at]).count() + 1;
    Some(
        Finding::warn(
            codes::SAMPLE_LINE_ENDS,
            SUBJECT,
            text!("line {line} of the sample does not end in CRLF"),
        )
        .why(text!("servers on the way repair such lines, which breaks the signature, or refuse them (smtpd_forbid_bare_newline)"))
        .advice(text!("let the program that makes it end every line in CRLF, and hand it to sendmail with LF alone")),
    )
}

fn long_line(message: &MessageFile) -> Option<Finding> {
    let (number, length) = message
        .octets
        .split(|octet| *octet == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).len())
        .enumerate()
        .find(|(_, length)| *length > LONGEST_LINE)?;
    let number = number + 1;
    Some(
        Finding::warn(
            codes::SAMPLE_LONG_LINE,
            SUBJECT,
            text!(
                "line {number} of the sample has {length} characters; {LONGEST_LINE} are allowed"
            ),
        )
        .why(text!(
            "Postfix splits it on delivery, after it was signed, and the signature breaks"
        ))
        .advice(text!(
            "let the program that makes it encode the body as quoted-printable or base64"
        )),
    )
}

fn raw_header(section: &HeaderSection) -> Option<Finding> {
    let field = section.iter().find(|field| !field.value.is_ascii())?;
    let name = text_of(field.bare_name());
    Some(
        Finding::warn(
            codes::SAMPLE_RAW_HEADER,
            SUBJECT,
            text!("the field {name} of the sample holds characters beyond ASCII as they are"),
        )
        .evidence(format!("{name}: {}", text_of(field.value)))
        .why(text!("servers without SMTPUTF8 refuse or change it"))
        .advice(text!("encode it as RFC 2047 says: =?UTF-8?B?…?=")),
    )
}

fn eight_bits(message: &MessageFile) -> Option<Finding> {
    let mut ascii = true;
    message.feed_body(|octets| ascii &= octets.is_ascii());
    (!ascii).then(|| {
        Finding::info(
            codes::SAMPLE_8BIT,
            SUBJECT,
            text!("the body of the sample is 8-bit text"),
        )
        .why(text!("a server that does not take 8BITMIME gets it converted, after it was signed; large receivers all take it"))
        .advice(text!("quoted-printable or base64 survives every way"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Level;

    const HEAD: &str = "From: Joe <joe@example.com>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n";

    fn codes(text: &[u8]) -> Vec<&'static str> {
        let findings = judge(&MessageFile::read(text).unwrap());
        findings.iter().map(|finding| finding.code.word()).collect()
    }

    fn with(more: &str) -> Vec<&'static str> {
        codes(format!("{HEAD}{more}").as_bytes())
    }

    #[test]
    fn a_usual_message_has_nothing_wrong() {
        assert_eq!(with("Subject: x\r\n\r\nNews.\r\n"), Vec::<&str>::new());
        let unix = format!("{HEAD}\r\nNews.\r\n").replace("\r\n", "\n");
        assert_eq!(codes(unix.as_bytes()), Vec::<&str>::new());
    }

    #[test]
    fn faults_of_the_header_are_named() {
        assert_eq!(with("From: b@example.com\r\n\r\n"), ["sample-several-from"]);
        assert_eq!(
            codes(b"From: <<>\r\nDate: x\r\nMessage-ID: y\r\n\r\n"),
            ["sample-no-author"]
        );
        assert_eq!(
            codes(b"Subject: x\r\n\r\n"),
            ["sample-no-author", "sample-no-date", "sample-no-message-id"]
        );
        assert_eq!(
            with("To: a@b\r\nto: c@d\r\n\r\n"),
            ["sample-repeated-field"]
        );
        assert_eq!(
            with("Subject: Gr\u{fc}\u{df}e\r\n\r\n"),
            ["sample-raw-header"]
        );
    }

    #[test]
    fn faults_of_the_lines_are_named() {
        assert_eq!(with("\r\na\nb\r\n"), ["sample-line-ends"]);
        assert_eq!(with("\r\na\rb\r\n"), ["sample-line-ends"]);
        assert_eq!(
            with(&format!("\r\n{}\r\n", "x".repeat(999))),
            ["sample-long-line"]
        );
        assert_eq!(
            with(&format!("\r\n{}\r\n", "x".repeat(998))),
            Vec::<&str>::new()
        );
        let eight = judge(&MessageFile::read(format!("{HEAD}\r\n\u{fc}\r\n").as_bytes()).unwrap());
        assert_eq!(
            (eight[0].code.word(), eight[0].level),
            ("sample-8bit", Level::Info)
        );
    }
}
