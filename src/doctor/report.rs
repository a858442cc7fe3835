//! What was found, for the person at the terminal, or as JSON for scripts.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde::Serialize;

use super::{
    examination::{Examination, Examined, State, Verdict},
    finding::{Contents, Finding, Fix, Level},
};
use crate::{
    dns::DnsFailure,
    log::sink::one_line,
    text,
    text::{Lang, Text},
};

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

/// Writes everything for a person.
///
/// # Errors
/// If it can't be written.
pub fn write(out: &mut impl Write, found: &Examination, style: Style) -> io::Result<()> {
    for (check, finding) in &found.findings {
        write_finding(out, finding, Some(check.chapter), style)?;
    }
    for examined in &found.checks {
        if let Some(line) = line_of(examined, style) {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "{}", summary(found).to(style.lang))
}

/// Writes everything as one JSON object.
///
/// # Errors
/// If it can't be written.
pub fn write_json(out: &mut impl Write, found: &Examination, lang: Lang) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &as_json(found, lang))?;
    writeln!(out)
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
        let label = text!("why: ", "por qué: ");
        let _ = writeln!(text, "     {}{}", label.to(lang), why.to(lang));
    }
    for fix in &finding.fix {
        let (label, step) = fix_line(fix, lang);
        let _ = writeln!(text, "     {}: {step}", label.to(lang));
    }
    if let Some(chapter) = chapter.filter(|_| finding.level > Level::Info) {
        let more = text!(
            "more: {TEXTS}/course.md#{chapter}",
            "más: {TEXTS}/es/course.md#{chapter}"
        );
        let _ = writeln!(text, "     {}", more.to(lang));
    }
    writeln!(out, "{text}")
}

/// The same, each text on one line and without control characters.
fn harmless(finding: &Finding) -> Finding {
    let clean = |text: &str| one_line(text).into_owned();
    let text = |text: &Text| Text::new(clean(text.to(Lang::En)), clean(text.to(Lang::Es)));
    Finding::from(Contents {
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
    })
}

fn fix_line(fix: &Fix, lang: Lang) -> (Text, String) {
    match fix {
        Fix::Command(command) => (text!("run", "ejecute"), command.clone()),
        Fix::Record(record) => (text!("publish", "publique"), record.clone()),
        Fix::Setting { file, line } => {
            (text!("write in {file}", "escriba en {file}"), line.clone())
        }
        Fix::Words(words) => (text!("do", "qué hacer"), words.to(lang).to_owned()),
    }
}

fn badge(level: Level, style: Style) -> String {
    let (word, colour) = match level {
        Level::Fail => (text!("FAIL", "FALLO"), "\x1b[1;31m"),
        Level::Warn => (text!("WARN", "AVISO"), "\x1b[33m"),
        Level::Info => (text!("info", "nota"), "\x1b[36m"),
    };
    let word = word.to(style.lang);
    match style.colour {
        true => format!("{colour}{word}\x1b[0m"),
        false => word.to_owned(),
    }
}

/// A line about a check that says nothing by its findings.
fn line_of(examined: &Examined, style: Style) -> Option<String> {
    let (title, name) = ((examined.check.title)(), examined.check.name);
    let title = title.to(style.lang);
    let words = match &examined.state {
        State::Found => return None,
        State::Fine | State::Skipped(_) if !style.all => return None,
        State::Fine => text!("fine", "bien"),
        State::Skipped(why) => why.clone(),
        State::TimedOut => text!("did not end in its time", "no terminó en su plazo"),
        State::Broken => text!(
            "could not be finished: a fault of dkimd, please report it",
            "no se pudo terminar: es un fallo de dkimd; por favor, comuníquelo"
        ),
        State::Unanswered => {
            let names: Vec<_> = examined
                .unanswered
                .iter()
                .map(|(name, failure)| format!("{name} ({})", words_for(*failure).to(style.lang)))
                .collect();
            let names = names.join(", ");
            text!(
                "DNS gave no answer about {names}",
                "el DNS no respondió sobre {names}"
            )
        }
    };
    let line = format!("{name}: {title}: {}", words.to(style.lang));
    Some(one_line(&line).into_owned())
}

fn words_for(failure: DnsFailure) -> Text {
    let spanish = match failure {
        DnsFailure::Timeout => "sin respuesta en el plazo",
        DnsFailure::ServerFailure => "error del servidor",
        DnsFailure::Refused => "consulta rechazada",
        DnsFailure::AliasLoop => "alias en círculo",
        DnsFailure::Malformed => "respuesta ilegible",
        DnsFailure::Bogus => "validación DNSSEC fallida",
        DnsFailure::Unreachable => "ningún servidor de nombres accesible",
    };
    Text::new(failure.to_string(), spanish)
}

fn summary(found: &Examination) -> Text {
    let count = |level| {
        let of_level = found.findings.iter().filter(|(_, f)| f.level == level);
        of_level.count()
    };
    let (failures, warnings) = (count(Level::Fail), count(Level::Warn));
    let checks = found.checks.len();
    let unfinished = found.checks.iter().filter(|c| c.is_unfinished()).count();
    match (found.verdict(), unfinished) {
        (Verdict::Healthy, _) => text!(
            "checks: {checks}; nothing is wrong",
            "comprobaciones: {checks}; todo en orden"
        ),
        (_, 0) => text!(
            "checks: {checks}; failures: {failures}; warnings: {warnings}",
            "comprobaciones: {checks}; fallos: {failures}; avisos: {warnings}"
        ),
        _ => text!(
            "checks: {checks}; failures: {failures}; warnings: {warnings}; unfinished: {unfinished}",
            "comprobaciones: {checks}; fallos: {failures}; avisos: {warnings}; sin terminar: {unfinished}"
        ),
    }
}

#[derive(Serialize)]
struct Json<'a> {
    verdict: Verdict,
    findings: Vec<JsonFinding<'a>>,
    checks: Vec<JsonCheck<'a>>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    level: Level,
    check: &'static str,
    code: &'static str,
    subject: &'a str,
    what: &'a str,
    evidence: &'a [String],
    why: Option<&'a str>,
    fix: Vec<JsonFix<'a>>,
    chapter: &'static str,
}

#[derive(Serialize)]
struct JsonFix<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    text: &'a str,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    check: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unanswered: Vec<&'a str>,
    seconds: f64,
}

fn as_json(found: &Examination, lang: Lang) -> Json<'_> {
    let findings = found.findings.iter().map(|(check, finding)| JsonFinding {
        level: finding.level,
        check: check.name,
        code: finding.code,
        subject: &finding.subject,
        what: finding.what.to(lang),
        evidence: &finding.evidence,
        why: finding.why.as_ref().map(|why| why.to(lang)),
        fix: finding
            .fix
            .iter()
            .map(|fix| fix_as_json(fix, lang))
            .collect(),
        chapter: check.chapter,
    });
    let checks = found.checks.iter().map(|examined| JsonCheck {
        check: examined.check.name,
        state: examined.state.word(),
        reason: match &examined.state {
            State::Skipped(why) => Some(why.to(lang)),
            _ => None,
        },
        unanswered: examined
            .unanswered
            .iter()
            .map(|(name, _)| name.as_str())
            .collect(),
        seconds: examined.took.as_secs_f64(),
    });
    Json {
        verdict: found.verdict(),
        findings: findings.collect(),
        checks: checks.collect(),
    }
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

fn fix_as_json(fix: &Fix, lang: Lang) -> JsonFix<'_> {
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
    use std::time::Duration;

    use super::*;
    use crate::doctor::checks::CHECKS;

    const PLAIN: Style = Style {
        lang: Lang::Es,
        colour: false,
        all: false,
    };

    fn told(found: &Examination) -> String {
        let mut out = Vec::new();
        write(&mut out, found, PLAIN).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_from_outside_can_not_steer_the_terminal() {
        let hostile = "\x1b]0;x\x07\u{9b}2J\u{85}\u{202e}\r\n¿contraseña?";
        let finding = Finding::saying(hostile);
        let skipped = Examined {
            check: &CHECKS[0],
            state: State::Skipped(text!("{hostile}", "{hostile}")),
            unanswered: Vec::new(),
            took: Duration::ZERO,
        };
        let found = Examination {
            findings: vec![(&CHECKS[0], finding)],
            checks: vec![skipped],
        };
        let mut out = Vec::new();
        let style = Style { all: true, ..PLAIN };
        write(&mut out, &found, style).unwrap();
        let shown = String::from_utf8(out).unwrap();
        let unfit = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(unfit), "{shown:?}");
        let shown_as = r"\x1b]0;x\x07\u{9b}2J\u{85}\u{202e}\x0d\x0a¿contraseña?";
        assert_eq!(shown.matches(shown_as).count(), 9, "{shown}");
    }

    #[test]
    fn a_finding_names_its_remedy_and_the_chapter_in_the_readers_language() {
        let check = &CHECKS[0];
        let finding = Finding::fail("code", "subject", text!("what", "qué"))
            .why(text!("reason", "motivo"))
            .command("true");
        let found = Examination {
            findings: vec![(check, finding)],
            checks: Vec::new(),
        };
        let text = told(&found);
        assert!(text.starts_with("FALLO qué [code]\n"), "{text}");
        assert!(text.contains("por qué: motivo\n     ejecute: true\n"));
        let chapter = format!("/es/course.md#{}\n", check.chapter);
        assert!(text.contains(&chapter), "{text}");
        assert!(text.ends_with("fallos: 1; avisos: 0\n"), "{text}");
    }

    #[test]
    fn a_check_without_answer_is_named_and_counted() {
        let examined = Examined {
            check: &CHECKS[0],
            state: State::Unanswered,
            unanswered: vec![("example.com".to_owned(), DnsFailure::Timeout)],
            took: Duration::ZERO,
        };
        let found = Examination {
            findings: Vec::new(),
            checks: vec![examined],
        };
        let text = told(&found);
        assert!(
            text.contains("el DNS no respondió sobre example.com"),
            "{text}"
        );
        assert!(text.ends_with("avisos: 0; sin terminar: 1\n"), "{text}");
    }
}
