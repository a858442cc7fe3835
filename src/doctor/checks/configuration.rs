//! Options, tables and keys: what `dkimd check` finds.

use std::sync::Arc;

use crate::{
    diagnostic::{Diagnostic, Severity},
    doctor::{
        finding::{Finding, Level, Report},
        host::Host,
    },
    text,
    text::Text,
};

/// Looks at them.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let findings = host
        .configuration_findings
        .iter()
        .map(|diagnostic| finding(&host, diagnostic));
    findings.collect::<Vec<_>>().into()
}

fn finding(host: &Host, diagnostic: &Diagnostic) -> Finding {
    let file = diagnostic.file.as_deref().unwrap_or(&host.config);
    let subject = match diagnostic.line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    };
    let (level, code) = match diagnostic.severity {
        Severity::Error => (Level::Fail, "configuration-error"),
        Severity::Warning => (Level::Warn, "configuration-warning"),
    };
    let what = &diagnostic.what;
    let finding = Finding::new(level, code, subject, Text::new(what, what));
    let finding = match &diagnostic.remedy {
        Some(remedy) => finding.advice(Text::new(remedy, remedy)),
        None => finding,
    };
    match level {
        Level::Fail => finding.why(text!(
            "the server does not start with this, or defers mail that needs it",
            "con esto el servidor no arranca, o aplaza el correo que lo necesita"
        )),
        _ => finding,
    }
}
