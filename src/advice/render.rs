//! A finding for the person at the terminal, or as JSON for scripts.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde::Serialize;

use super::{
    finding::{Finding, Fix, Level},
    line::one_line,
    text::{Lang, Text},
};
use crate::text;

/// Where the package puts the texts.
const TEXTS: &str = "/usr/share/doc/dkimd/docs";

/// How text is shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The language.
    pub lang: Lang,
    /// Whether a terminal shows colours.
    pub colour: bool,
    /// Also the checks that found nothing.
    pub all: bool,
}

/// Writes one finding for a person, and the chapter of the course that it belongs to. Text from DNS,
/// mail and logs can't steer the terminal that shows it.
///
/// # Errors
/// If it can't be written.
pub fn write_finding(
    out: &mut impl Write,
    finding: &Finding,
    chapter: Option<&str>,
    style: Style,
) -> io::Result<()> {
    let lang = style.lang;
    let finding = &harmless(finding);
    let mut text = format!(
        "{} {} [{}]\n",
        badge(finding.level, style),
        finding.what.to(lang),
        finding.code
    );
    for line in &finding.evidence {
        let _ = writeln!(text, "       {line}");
    }
    if let Some(why) = &finding.why {
        let label = text!("why: ");
        let _ = writeln!(text, "     {}{}", label.to(lang), why.to(lang));
    }
    for fix in &finding.fix {
        let (label, step) = fix_line(fix, lang);
        let _ = writeln!(text, "     {}: {step}", label.to(lang));
    }
    if let Some(chapter) = chapter.filter(|_| finding.level > Level::Info) {
        let more = text!("more: {TEXTS}/course.md#{chapter}");
        let _ = writeln!(text, "     {}", more.to(lang));
    }
    writeln!(out, "{text}")
}

/// The same, each text on one line and without control characters.
fn harmless(finding: &Finding) -> Finding {
    let clean = |text: &str| one_line(text).into_owned();
    let text = |text: &Text| Text::new(clean(text.to(Lang::En)), clean(text.to(Lang::Es)));
    Finding {
        level: finding.level,
        code: finding.code,
        subject: clean(&finding.subject),
        what: text(&finding.what),
        evidence: finding.evidence.iter().map(|line| clean(line)).collect(),
        why: finding.why.as_ref().map(text),
        fix: finding
            .fix
            .iter()
            .map(|fix| match fix {
                Fix::Command(command) => Fix::Command(clean(command)),
                Fix::Record(record) => Fix::Record(clean(record)),
                Fix::Setting { file, line } => Fix::Setting {
                    file: clean(file),
                    line: clean(line),
                },
                Fix::Words(words) => Fix::Words(text(words)),
            })
            .collect(),
    }
}

fn fix_line(fix: &Fix, lang: Lang) -> (Text, String) {
    match fix {
        Fix::Command(command) => (text!("run"), command.clone()),
        Fix::Record(record) => (text!("publish"), record.clone()),
        Fix::Setting { file, line } => (text!("write in {file}"), line.clone()),
        Fix::Words(words) => (text!("do"), words.to(lang).to_owned()),
    }
}

fn badge(level: Level, style: Style) -> String {
    let (word, colour) = match level {
        Level::Fail => (text!("FAIL"), "\x1b[1;31m"),
        Level::Warn => (text!("WARN"), "\x1b[33m"),
        Level::Info => (text!("info"), "\x1b[36m"),
    };
    let word = word.to(style.lang);
    match style.colour {
        true => format!("{colour}{word}\x1b[0m"),
        false => word.to_owned(),
    }
}

/// The number of the form of everything that is printed as JSON. It changes when something that was there means
/// another thing, or goes; what is added does not change it.
pub const FORMAT: u32 = 1;

/// A step that mends, as it stands in JSON.
#[derive(Debug, Serialize)]
pub struct JsonFix<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    text: &'a str,
}

/// One finding as a JSON object, in one language, without check and chapter.
pub fn finding_json(finding: &Finding, lang: Lang) -> serde_json::Value {
    let fix: Vec<_> = finding
        .fix
        .iter()
        .map(|fix| fix_as_json(fix, lang))
        .collect();
    serde_json::json!({
        "level": finding.level,
        "code": finding.code,
        "subject": finding.subject,
        "what": finding.what.to(lang),
        "evidence": finding.evidence,
        "why": finding.why.as_ref().map(|why| why.to(lang)),
        "fix": fix,
    })
}

/// A step that mends as a JSON object, in one language.
pub fn fix_as_json(fix: &Fix, lang: Lang) -> JsonFix<'_> {
    let (kind, file, text) = match fix {
        Fix::Command(command) => ("command", None, command.as_str()),
        Fix::Record(record) => ("record", None, record.as_str()),
        Fix::Setting { file, line } => ("setting", Some(file.as_str()), line.as_str()),
        Fix::Words(words) => ("words", None, words.to(lang)),
    };
    JsonFix { kind, file, text }
}

#[cfg(test)]
mod tests {
    use dkimd_advice::Code;

    use super::*;

    const PLAIN: Style = Style {
        lang: Lang::Es,
        colour: false,
        all: false,
    };

    #[test]
    fn text_from_outside_can_not_steer_the_terminal() {
        let hostile = "\x1b]0;x\x07\u{9b}2J\u{85}\u{202e}\r\n¿contraseña?";
        let text = || Text::new(hostile, hostile);
        let finding = Finding::fail(Code::new("x"), hostile, text())
            .evidence(hostile)
            .why(text())
            .command(hostile)
            .record(hostile)
            .setting(hostile, hostile)
            .advice(text());
        let mut out = Vec::new();
        write_finding(&mut out, &finding, Some("chapter"), PLAIN).unwrap();
        let shown = String::from_utf8(out).unwrap();
        let unfit = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(unfit), "{shown:?}");
        let shown_as = r"\x1b]0;x\x07\u{9b}2J\u{85}\u{202e}\x0d\x0a¿contraseña?";
        assert_eq!(shown.matches(shown_as).count(), 8, "{shown}");
    }
}
