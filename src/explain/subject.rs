//! Recognising what `dkimd explain` is asked about.

use std::path::{Path, PathBuf};

use super::{
    lines,
    log_line::{LogLine, is_queue_id},
    message::results,
    reply, words,
};

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Log lines on standard input.
    Input,
    /// A message, a bounce, or log lines in a file.
    File(PathBuf),
    /// A stable word.
    Word(String),
    /// A queue id.
    QueueId(String),
    /// What a receiver wrote into Authentication-Results.
    Results(String),
    /// An SMTP reply.
    Reply(String),
    /// A log line, or several.
    Line(String),
    /// An author.
    Author(String),
}

impl Subject {
    /// The first that fits: `-`, an existing file, a word, a queue id, results, a reply, a log line, an
    /// address; a log line also where only its prefix is known.
    pub(super) fn recognise(what: &str) -> Option<Self> {
        let text = what.trim();
        let owned = || text.to_owned();
        let line = LogLine::parse(text);
        Some(if text == "-" {
            Self::Input
        } else if Path::new(what).is_file() {
            Self::File(what.into())
        } else if words::all().any(|known| known.word == text) {
            Self::Word(owned())
        } else if is_queue_id(text) {
            Self::QueueId(owned())
        } else if !line.has_marks() && results::is_results(text) {
            Self::Results(owned())
        } else if reply::is_reply(text) {
            Self::Reply(owned())
        } else if text.lines().map(LogLine::parse).any(is_line) {
            Self::Line(owned())
        } else if is_address(text) {
            Self::Author(owned())
        } else {
            return None;
        })
    }
}

fn is_line(line: LogLine<'_>) -> bool {
    line.has_marks() || lines::explain(&line).is_some()
}

/// Whether text is an address as it stands in a From field.
fn is_address(text: &str) -> bool {
    let bare = |text: &str| {
        text.split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
    };
    match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').is_some_and(bare),
        None => bare(text) && (!text.contains(char::is_whitespace) || text.starts_with('"')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(what: &str) -> &'static str {
        match Subject::recognise(what) {
            Some(Subject::Input) => "input",
            Some(Subject::File(_)) => "file",
            Some(Subject::Word(_)) => "word",
            Some(Subject::QueueId(_)) => "queue id",
            Some(Subject::Results(_)) => "results",
            Some(Subject::Reply(_)) => "reply",
            Some(Subject::Line(_)) => "line",
            Some(Subject::Author(_)) => "author",
            None => "nothing",
        }
    }

    #[test]
    fn each_thing_is_recognised_for_what_it_is() {
        for (what, expected) in [
            ("-", "input"),
            ("Cargo.toml", "file"),
            ("not-ours", "word"),
            ("body-changed", "word"),
            ("4F3A21C0E1", "queue id"),
            ("4XyZ1a2b3c", "queue id"),
            ("Authentication-Results: mx.example; dkim=fail", "results"),
            ("550-5.7.26 blocked", "reply"),
            ("550 5.1.1 <joe@example.com>: unknown", "reply"),
            ("4F3A21C0E1: not authenticated", "line"),
            ("no signing table match for 'joe@example.com'", "line"),
            ("Nov 23 21:24:52 mail postfix/qmgr[1]: odd words", "line"),
            (
                "4F3A21C0E1: not authenticated\n4F3A21C0E1: no macros match\n",
                "line",
            ),
            ("joe@example.com", "author"),
            ("Joe Doe <joe@example.com>", "author"),
            ("\"odd name\"@example.com", "author"),
            ("something else", "nothing"),
            ("", "nothing"),
        ] {
            assert_eq!(kind(what), expected, "{what}");
        }
    }
}
