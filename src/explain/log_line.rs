//! A line of a mail log taken apart: time, host, program, queue id, text; in the form that syslog,
//! journald, Postfix's own log or a container gives it, or without any of that.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

/// Octets of a line that are looked at.
pub(super) const MAX_LINE_OCTETS: usize = 16 * 1024;
/// A queue id: Postfix's short ones have 6 and more hexadecimal digits, its long ones (of
/// enable_long_queue_ids) some twelve of 52 letters and digits, Sendmail's fourteen.
const QUEUE_ID_LENGTHS: std::ops::RangeInclusive<usize> = 5..=32;
/// What dkimd and OpenDKIM write where the MTA gave no queue id.
pub(super) const UNKNOWN_JOB: &str = "(unknown-jobid)";

/// The parts of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LogLine<'t> {
    /// When, as written.
    pub(super) time: Option<&'t str>,
    /// Which program, without path and process number: `postfix/smtpd`, `opendkim`.
    pub(super) program: Option<&'t str>,
    /// The queue id.
    pub(super) queue_id: Option<&'t str>,
    /// The rest.
    pub(super) text: &'t str,
}

/// Times as syslog (`Nov 23 21:24:52`), ISO 8601 and journalctl write them.
const TIME: &str = r"(?:[A-Z][a-z]{2} )?(?:[A-Z][a-z]{2} [ 0-3]?\d(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d| [A-Z]{3,5})?)";
/// Programs that are known by their names where no time and no process number stands.
const PROGRAMS: &str = r"opendkim|dkimd|postfix[\w./-]*|sendmail|postsuper";

static WITH_TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"^(?:<\d{{1,3}}>)?(?P<time>{TIME}) (?:(?P<host>[^\s:\[\]]+) )??(?P<program>[\w./@-]+?)(?:\[\d+\])?: (?P<text>.*)$"
    ))
});
static WITHOUT_TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"^(?:<\d{{1,3}}>)?(?:(?P<program>[\w./@-]+?)\[\d+\]|(?P<known>{PROGRAMS})): (?P<text>.*)$"
    ))
});

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, which a test compiles"
)]
fn pattern(text: &str) -> Regex {
    RegexBuilder::new(text)
        .unicode(false)
        .build()
        .expect("the patterns are constants, which a test compiles")
}

fn part<'t>(line: &'t str, found: &Captures<'_>, name: &str) -> Option<&'t str> {
    line.get(found.name(name)?.range())
}

impl<'t> LogLine<'t> {
    /// Takes a line apart; whatever is not recognised is text.
    pub(super) fn parse(line: &'t str) -> Self {
        let line = bounded(line.trim());
        if let Some(found) = WITH_TIME.captures(line.as_bytes()) {
            let part = |name| part(line, &found, name);
            return Self {
                time: part("time"),
                program: part("program"),
                ..Self::of_text(part("text").unwrap_or_default())
            };
        }
        match WITHOUT_TIME.captures(line.as_bytes()) {
            Some(found) => {
                let part = |name| part(line, &found, name);
                Self {
                    program: part("program").or(part("known")),
                    ..Self::of_text(part("text").unwrap_or_default())
                }
            }
            None => Self::of_text(line.strip_prefix(char::is_control).unwrap_or(line)),
        }
    }

    fn of_text(text: &'t str) -> Self {
        let text = text.trim();
        match text.split_once(": ") {
            Some((id, text)) if is_queue_id(id) || id == UNKNOWN_JOB || id == "NOQUEUE" => Self {
                queue_id: Some(id),
                text: text.trim(),
                ..Self::default()
            },
            _ => Self {
                text,
                ..Self::default()
            },
        }
    }

    /// Whether it came with the marks of a log, whatever it says.
    pub(super) fn has_marks(&self) -> bool {
        self.program.is_some() || self.queue_id.is_some()
    }

    /// Whether Postfix wrote it (an instance may have another name before the service's).
    pub(super) fn is_postfix(&self) -> bool {
        self.program
            .is_some_and(|program| program.contains('/') || program == "postfix")
    }

    /// The service's name: `smtpd` of `postfix/submission/smtpd`.
    pub(super) fn service(&self) -> &'t str {
        let program = self.program.unwrap_or_default();
        program.rsplit('/').next().unwrap_or(program)
    }
}

/// Whether a word may be a queue id: letters and digits, at least one digit.
pub(super) fn is_queue_id(word: &str) -> bool {
    QUEUE_ID_LENGTHS.contains(&word.len())
        && word.bytes().all(|octet| octet.is_ascii_alphanumeric())
        && word.bytes().any(|octet| octet.is_ascii_digit())
}

/// The beginning of a line, as long as lines may be.
pub(super) fn bounded(line: &str) -> &str {
    let mut end = line.len().min(MAX_LINE_OCTETS);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_prefix_is_taken_off() {
        for (line, program, id) in [
            (
                "Nov 23 21:24:52 mail opendkim[812]: 4F3A21C0E1: not authenticated",
                Some("opendkim"),
                Some("4F3A21C0E1"),
            ),
            (
                "Nov  3 21:24:52.123456 mail opendkim[812]: 4XyZ1a2b3c: not authenticated",
                Some("opendkim"),
                Some("4XyZ1a2b3c"),
            ),
            (
                "2026-11-23T21:24:52.123456+00:00 mail opendkim: 4F3A21C0E1: not authenticated",
                Some("opendkim"),
                Some("4F3A21C0E1"),
            ),
            (
                "2026-11-23T21:24:52+0000 mail.example.com opendkim[1]: not authenticated",
                Some("opendkim"),
                None,
            ),
            (
                "Mon 2026-11-23 21:24:52 UTC mail opendkim[1]: 4F3A21C0E1: not authenticated",
                Some("opendkim"),
                Some("4F3A21C0E1"),
            ),
            (
                "Nov 23 21:24:52 opendkim[812]: 4F3A21C0E1: not authenticated",
                Some("opendkim"),
                Some("4F3A21C0E1"),
            ),
            ("<22>opendkim[3]: not authenticated", Some("opendkim"), None),
            ("opendkim: not authenticated", Some("opendkim"), None),
            ("4F3A21C0E1: not authenticated", None, Some("4F3A21C0E1")),
            (
                "(unknown-jobid): not authenticated",
                None,
                Some(UNKNOWN_JOB),
            ),
            ("not authenticated", None, None),
        ] {
            let parsed = LogLine::parse(line);
            assert_eq!(
                (parsed.text, parsed.program, parsed.queue_id),
                ("not authenticated", program, id),
                "{line}"
            );
        }
    }

    #[test]
    fn postfix_and_its_services_are_known_by_their_names() {
        let line =
            "Nov 23 21:24:52 mail postfix/submission/smtpd[9]: 4F3A21C0E1: client=a[192.0.2.1]";
        let parsed = LogLine::parse(line);
        assert!(parsed.is_postfix());
        assert_eq!(parsed.service(), "smtpd");
        assert_eq!(parsed.time, Some("Nov 23 21:24:52"));
        assert!(!LogLine::parse("warning: connect to Milter service x: y").has_marks());
    }

    #[test]
    fn a_queue_id_has_digits_and_no_signs() {
        for id in [
            "4F3A21C0E1",
            "4XyZ1a2b3c",
            "3ZWkpS4wqyzBvJ",
            "5ANLOPx7012345",
        ] {
            assert!(is_queue_id(id), "{id}");
        }
        for other in ["warning", "not-ours", "expired", "a@b1", "1", ""] {
            assert!(!is_queue_id(other), "{other}");
        }
    }

    #[test]
    fn an_endless_line_is_cut_between_characters() {
        let line = format!("opendkim[1]: {}", "ñ".repeat(MAX_LINE_OCTETS));
        assert!(LogLine::parse(&line).text.len() <= MAX_LINE_OCTETS);
    }
}
