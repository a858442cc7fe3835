//! What was found, for the person at the terminal, or as JSON for scripts.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    examination::{Examination, Examined, State, Verdict},
    report::Cause,
};
use dkimd_advice::{
    Code, Level,
    line::one_line,
    render::{FORMAT, JsonFix, Style, fix_as_json, write_finding},
    text,
    text::{Lang, Text},
};
use dkimd_server::dns::DnsFailure;

/// Writes everything for a person.
///
/// # Errors
/// If it can't be written.
pub fn write(out: &mut impl Write, found: &Examination, style: Style) -> io::Result<()> {
    for (check, finding) in &found.findings {
        write_finding(out, finding, Some(check.chapter), style)?;
    }
    let verdict = found.verdict();
    for line in found
        .checks
        .iter()
        .flat_map(|examined| lines_of(examined, verdict, style))
    {
        writeln!(out, "{line}")?;
    }
    for line in together(found, style.lang) {
        writeln!(out, "{line}")?;
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

/// Lines about a check beside its findings. What was left out for one reason everywhere is told
/// [`together`].
fn lines_of(examined: &Examined, verdict: Verdict, style: Style) -> Vec<String> {
    let (title, name) = (&examined.check.title, examined.check.name);
    let title = title.to(style.lang);
    let mut lines = Vec::new();
    let mut tell = |words: Text| {
        let line = format!("{name}: {title}: {}", words.to(style.lang));
        lines.push(one_line(&line).into_owned());
    };
    if examined.state == State::Fine && style.all {
        tell(text!("fine"));
    }
    for omission in &examined.omitted {
        let what = &omission.what;
        match omission.cause {
            Cause::Offline | Cause::Rights | Cause::NoDomain => {}
            // It is the reason, where nothing at all was examined.
            Cause::Nothing if !style.all && verdict != Verdict::NotExamined => {}
            _ => tell(text!("not examined: {what}")),
        }
    }
    if !examined.unanswered.is_empty() {
        let names: Vec<_> = examined
            .unanswered
            .iter()
            .map(|(name, failure)| format!("{name} ({})", words_for(*failure).to(style.lang)))
            .collect();
        let names = names.join(", ");
        tell(text!("not examined: DNS gave no answer about {names}"));
    }
    lines
}

/// One line for all that nobody was asked about, one for all that takes other rights, and one for all
/// that takes a domain.
fn together(found: &Examination, lang: Lang) -> Vec<String> {
    let of = |cause: Cause| -> Vec<String> {
        let mut told = Vec::new();
        for examined in &found.checks {
            let whole = examined.state == State::NotExamined(cause);
            let parts = examined
                .omitted
                .iter()
                .filter(|omission| omission.cause == cause);
            for part in parts {
                let by_name = matches!(cause, Cause::Offline | Cause::NoDomain);
                told.push(match whole && by_name {
                    true => examined.check.name.to_owned(),
                    false => format!("{}: {}", examined.check.name, part.what.to(lang)),
                });
            }
        }
        told
    };
    let (offline, rights) = (of(Cause::Offline).join("; "), of(Cause::Rights).join("; "));
    let mut lines = Vec::new();
    if !offline.is_empty() {
        lines.push(text!(
            "not examined, since nobody is asked with --offline: {offline}"
        ));
    }
    if !rights.is_empty() {
        lines.push(text!(
            "not examined, since only root (or the server's user) sees it: {rights}"
        ));
    }
    let names = of(Cause::NoDomain).join(", ");
    if !names.is_empty() {
        lines.push(text!(
            "not examined, since no domain is known from the configuration: {names}; name a domain \
             after `dkimd doctor`"
        ));
    }
    let line = |text: Text| one_line(text.to(lang)).into_owned();
    lines.into_iter().map(line).collect()
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
    let omitted = found.checks.iter().filter(|c| c.is_incomplete()).count();
    match (found.verdict(), omitted) {
        (Verdict::NotExamined, _) => text!("checks: {checks}; nothing was examined"),
        (Verdict::Healthy, 0) => text!("checks: {checks}; nothing is wrong"),
        (Verdict::Healthy, _) => text!(
            "checks: {checks}; nothing is wrong with what was examined; not examined, or in part: {omitted}"
        ),
        (_, 0) => text!("checks: {checks}; failures: {failures}; warnings: {warnings}"),
        _ => text!(
            "checks: {checks}; failures: {failures}; warnings: {warnings}; not examined, or in part: {omitted}"
        ),
    }
}

#[derive(Serialize)]
struct Json<'a> {
    format: u32,
    command: &'static str,
    verdict: Verdict,
    not_examined: usize,
    findings: Vec<JsonFinding<'a>>,
    checks: Vec<JsonCheck<'a>>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    level: Level,
    check: &'static str,
    code: Code,
    subject: &'a str,
    what: &'a str,
    evidence: &'a [String],
    why: Option<&'a str>,
    fix: Vec<JsonFix<'a>>,
    chapter: &'static str,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    check: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_examined: Vec<JsonOmission<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unanswered: Vec<&'a str>,
    seconds: f64,
}

#[derive(Serialize)]
struct JsonOmission<'a> {
    cause: Cause,
    what: &'a str,
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
        cause: match examined.state {
            State::NotExamined(cause) => Some(cause),
            _ => None,
        },
        reason: match examined.state {
            State::NotExamined(_) => examined.omitted.first().map(|one| one.what.to(lang)),
            _ => None,
        },
        not_examined: examined
            .omitted
            .iter()
            .map(|omission| JsonOmission {
                cause: omission.cause,
                what: omission.what.to(lang),
            })
            .collect(),
        unanswered: examined
            .unanswered
            .iter()
            .map(|(name, _)| name.as_str())
            .collect(),
        seconds: examined.took.as_secs_f64(),
    });
    Json {
        format: FORMAT,
        command: "doctor",
        verdict: found.verdict(),
        not_examined: found.checks.iter().filter(|c| c.is_incomplete()).count(),
        findings: findings.collect(),
        checks: checks.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{checks::CHECKS, report::Omission};
    use dkimd_advice::Finding;

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

    fn omission(cause: Cause, what: &str) -> Omission {
        Omission {
            cause,
            what: Text::new(what, what),
        }
    }

    #[test]
    fn what_was_not_examined_is_told_with_its_reason_and_counted() {
        let examined = |place: usize, cause| Examined {
            check: &CHECKS[place],
            state: State::NotExamined(cause),
            unanswered: Vec::new(),
            omitted: vec![omission(cause, "esto")],
            took: Duration::ZERO,
        };
        let fine = Examined {
            state: State::Fine,
            omitted: Vec::new(),
            ..examined(0, Cause::Told)
        };
        let found = Examination {
            findings: Vec::new(),
            checks: vec![
                fine,
                examined(1, Cause::Offline),
                examined(2, Cause::Offline),
                examined(3, Cause::Rights),
                examined(4, Cause::Nothing),
            ],
        };
        let text = told(&found);
        let names = format!("{}; {}", CHECKS[1].name, CHECKS[2].name);
        assert!(text.contains(&format!("a nadie: {names}\n")), "{text}");
        assert!(
            text.contains(&format!("servidor): {}: esto\n", CHECKS[3].name)),
            "{text}"
        );
        assert!(text.ends_with("sin examinar, o en parte: 4\n"), "{text}");
        let json = serde_json::to_value(as_json(&found, Lang::Es)).unwrap();
        assert_eq!(json["verdict"], "healthy");
        assert_eq!(json["not_examined"], 4);
        assert_eq!(json["checks"][1]["state"], "not-examined");
        assert_eq!(json["checks"][1]["cause"], "offline");
        assert_eq!(json["checks"][3]["not_examined"][0]["what"], "esto");
    }

    #[test]
    fn where_nothing_was_examined_the_reason_is_told() {
        let examined = |place: usize, cause| Examined {
            check: &CHECKS[place],
            state: State::NotExamined(cause),
            unanswered: Vec::new(),
            omitted: vec![omission(cause, "esto")],
            took: Duration::ZERO,
        };
        let of = |checks| {
            told(&Examination {
                findings: Vec::new(),
                checks,
            })
        };
        let text = of(vec![
            examined(1, Cause::NoDomain),
            examined(2, Cause::NoDomain),
        ]);
        let names = format!("ningún dominio: {}, {};", CHECKS[1].name, CHECKS[2].name);
        assert!(text.contains(&names), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        let text = of(vec![examined(4, Cause::Nothing)]);
        assert!(text.contains("no examinado: esto\n"), "{text}");
    }

    #[test]
    fn text_from_outside_can_not_steer_the_terminal() {
        let hostile = "\x1b]0;x\x07\u{9b}2J\u{85}\u{202e}\r\n¿contraseña?";
        let finding = Finding::fail(Code::new("x"), hostile, Text::new(hostile, hostile));
        let skipped = Examined {
            check: &CHECKS[0],
            state: State::NotExamined(Cause::Told),
            unanswered: Vec::new(),
            omitted: vec![omission(Cause::Told, hostile)],
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
        assert_eq!(shown.matches(shown_as).count(), 2, "{shown}");
    }

    #[test]
    fn a_finding_names_its_remedy_and_the_chapter_in_the_readers_language() {
        let check = &CHECKS[0];
        let finding = Finding::fail(Code::new("code"), "subject", text!("what"))
            .why(text!("reason"))
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
            state: State::NotExamined(Cause::Unanswered),
            omitted: Vec::new(),
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
        assert!(text.ends_with("no se examinó nada\n"), "{text}");
    }
}
