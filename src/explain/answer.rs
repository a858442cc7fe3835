//! What was found out: events in order, and findings with their remedies; for a person or as JSON.

use std::io::{self, Write};

use serde_json::json;

use dkimd_advice::{
    Finding, Level,
    line::one_line,
    render::{FORMAT, Style, finding_json, write_finding},
    text::{Lang, Text},
};
use dkimd_server::process::ExitCode;

/// Something that happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// When, as the log writes it.
    pub(super) time: String,
    /// The program that tells it: `smtpd`, `opendkim`.
    pub(super) program: String,
    /// What happened.
    pub(super) what: Text,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// What was asked about: `line`, `queue-id`, …
    pub(super) kind: &'static str,
    /// The thing itself.
    pub(super) subject: String,
    /// What happened, in order.
    pub(super) story: Vec<Event>,
    /// What it means, the worst first.
    pub(super) findings: Vec<Finding>,
    /// DNS gave no answer that was needed.
    pub(super) unanswered: bool,
}

impl Answer {
    pub(super) fn of(
        kind: &'static str,
        subject: impl Into<String>,
        findings: Vec<Finding>,
    ) -> Self {
        Self {
            kind,
            subject: subject.into(),
            findings,
            ..Self::default()
        }
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.story.is_empty() && self.findings.is_empty()
    }

    /// How the command ends.
    pub(super) fn exit(&self) -> ExitCode {
        let wrong = self.findings.iter().any(|f| f.level > Level::Info);
        match (wrong, self.unanswered) {
            (_, true) => ExitCode::TryAgain,
            (true, false) => ExitCode::Failed,
            (false, false) => ExitCode::Ok,
        }
    }

    /// For a person. Text from mail can't move the cursor of the terminal that shows it.
    pub(super) fn write(&self, out: &mut impl Write, style: Style) -> io::Result<()> {
        let width = |text: fn(&Event) -> &str| {
            let lengths = self.story.iter().map(|event| text(event).chars().count());
            lengths.max().unwrap_or_default()
        };
        let (time, program) = (width(|event| &event.time), width(|event| &event.program));
        for event in &self.story {
            writeln!(
                out,
                "{:<time$}  {:<program$}  {}",
                one_line(&event.time),
                one_line(&event.program),
                one_line(event.what.to(style.lang))
            )?;
        }
        if !self.story.is_empty() && !self.findings.is_empty() {
            writeln!(out)?;
        }
        for finding in &self.findings {
            write_finding(out, finding, None, style)?;
        }
        Ok(())
    }

    pub(super) fn write_json(&self, out: &mut impl Write, lang: Lang) -> io::Result<()> {
        let story: Vec<_> = self
            .story
            .iter()
            .map(|event| {
                json!({
                    "time": event.time,
                    "program": event.program,
                    "what": event.what.to(lang),
                })
            })
            .collect();
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|finding| finding_json(finding, lang))
            .collect();
        let answer = json!({
            "format": FORMAT,
            "command": "explain",
            "kind": self.kind,
            "subject": self.subject,
            "story": story,
            "findings": findings,
            "exit": self.exit().number(),
        });
        serde_json::to_writer_pretty(&mut *out, &answer)?;
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::{Code, text};

    #[test]
    fn text_from_mail_can_not_move_the_cursor() {
        let hostile = "\x1b[2J\r\nFAIL";
        let finding = Finding::fail(Code::new("x"), hostile, text!("{hostile}"));
        let answer = Answer {
            story: vec![Event {
                time: String::new(),
                program: String::new(),
                what: text!("{hostile}"),
            }],
            ..Answer::of("line", hostile, vec![finding])
        };
        let mut out = Vec::new();
        let style = Style {
            lang: Lang::En,
            colour: false,
            all: false,
        };
        answer.write(&mut out, style).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(!shown.contains(['\x1b', '\r']), "{shown}");
        assert_eq!(answer.exit(), ExitCode::Failed);
    }
}
