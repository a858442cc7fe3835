//! Findings for the person at the terminal, or as JSON for scripts.

use std::{
    env,
    io::{self, IsTerminal, Write},
    path::Path,
};

use serde_json::json;

use super::finding::finding;
use dkimd_advice::{
    render::{FORMAT, finding_json},
    text::Lang,
};
use dkimd_server::diagnostic::Diagnostic;

/// Prints findings one a line and a summary, all on standard output, in colour if a person reads
/// it and `NO_COLOR` is not set.
pub fn print(findings: &[Diagnostic]) -> io::Result<()> {
    let colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    write(&mut io::stdout().lock(), findings, colour)
}

/// Prints findings as one JSON object, see docs/json.md.
pub fn print_json(config: &Path, findings: &[Diagnostic]) -> io::Result<()> {
    let findings = findings
        .iter()
        .map(|one| finding_json(&finding(config, one), Lang::En));
    let value = json!({
        "format": FORMAT,
        "command": "check",
        "findings": findings.collect::<Vec<_>>(),
    });
    writeln!(io::stdout().lock(), "{value:#}")
}

fn write(out: &mut impl Write, findings: &[Diagnostic], colour: bool) -> io::Result<()> {
    const RED: &str = "\x1b[31m";
    const YELLOW: &str = "\x1b[33m";
    for finding in findings {
        match (colour, finding.is_error()) {
            (false, _) => writeln!(out, "{finding}")?,
            (true, true) => writeln!(out, "{RED}{finding}\x1b[0m")?,
            (true, false) => writeln!(out, "{YELLOW}{finding}\x1b[0m")?,
        }
    }
    let errors = findings.iter().filter(|f| f.is_error()).count();
    let warnings = findings.len() - errors;
    match (errors, warnings) {
        (0, 0) => writeln!(out, "no problems found"),
        _ => writeln!(
            out,
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    }
}

fn counted(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(findings: &[Diagnostic], colour: bool) -> String {
        let mut out = Vec::new();
        write(&mut out, findings, colour).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_summary_counts_errors_and_warnings() {
        let error = || Diagnostic::error("e");
        assert_eq!(written(&[], true), "no problems found\n");
        assert_eq!(
            written(&[error(), Diagnostic::warning("w"), error()], false),
            "error: e\nwarning: w\nerror: e\n2 errors, 1 warning\n"
        );
    }

    #[test]
    fn escape_sequences_appear_only_in_colour() {
        let findings = [Diagnostic::error("e")];
        assert!(written(&findings, true).contains("\x1b[31m"));
        assert!(!written(&findings, false).contains('\x1b'));
    }
}
