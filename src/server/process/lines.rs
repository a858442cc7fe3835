//! The lines about the daemon itself, in OpenDKIM's words, which log watchers know.

use std::{borrow::Cow, path::Path};

use crate::{config::load::Doubt, diagnostic::Diagnostic, secret};

/// The release whose behaviour dkimd takes over.
pub const OPENDKIM_VERSION: &str = "2.11.0";

/// At the end of the start.
pub fn starting(args: &[String]) -> String {
    match args {
        [] => format!("OpenDKIM Filter v{OPENDKIM_VERSION} starting"),
        args => format!(
            "OpenDKIM Filter v{OPENDKIM_VERSION} starting (args: {})",
            args.iter()
                .map(|arg| quoted(arg))
                .collect::<Vec<_>>()
                .join(" ")
        ),
    }
}

/// Beside [`starting`]: what really runs.
pub fn identity() -> String {
    format!(
        "this is dkimd {}, in OpenDKIM's place",
        env!("CARGO_PKG_VERSION")
    )
}

/// At the end, unless it is a crash.
pub fn terminating(status: u8) -> String {
    format!("OpenDKIM Filter v{OPENDKIM_VERSION} terminating with status {status}, errno = 0")
}

/// A reload went well.
pub fn reloaded(file: &Path) -> String {
    format!("configuration reloaded from {}", file.display())
}

/// A reload was asked for where there is no file to load.
pub fn reload_ignored() -> String {
    "ignoring reload signal".to_owned()
}

/// A reload found a file that looks half written.
pub fn put_off(doubt: &Doubt) -> String {
    format!(
        "reload put off: {} {} {}; the configuration before stays in force; {}",
        doubt.option,
        doubt.path.display(),
        doubt.why.what(),
        doubt.why.how_to_mean_it()
    )
}

/// A start found a file that is being written; the load is repeated until it is whole.
pub fn started_in_doubt(doubt: &Doubt) -> String {
    format!(
        "started in doubt: {} {} {}; what it holds so far is in force until it is whole; {}",
        doubt.option,
        doubt.path.display(),
        doubt.why.what(),
        doubt.why.how_to_mean_it()
    )
}

/// Such a file, a list of hosts or the like, has stayed so.
pub fn taken_up_in_doubt(doubt: &Doubt) -> String {
    format!(
        "taken up in doubt: {} {} {} and stayed so; {}",
        doubt.option,
        doubt.path.display(),
        doubt.why.what(),
        doubt.why.how_to_mean_it()
    )
}

/// One finding, as OpenDKIM words it: `<file>: configuration error at line <n>: <reason>`.
///
/// A warning has the word `warning` where OpenDKIM, which has no warnings, has `configuration
/// error`.
pub fn finding(finding: &Diagnostic) -> String {
    let kind = match finding.is_error() {
        true => "configuration error",
        false => "warning",
    };
    let mut text = String::new();
    if let Some(file) = &finding.file {
        text += &format!("{}: ", file.display());
    }
    match finding.line {
        Some(line) if finding.file.is_some() => text += &format!("{kind} at line {line}: "),
        _ if finding.is_error() => {}
        _ => text += "warning: ",
    }
    text += &finding.what;
    if let Some(remedy) = &finding.remedy {
        text += &format!("; {remedy}");
    }
    text
}

/// The worker was killed and will be started again.
pub fn restarting_after_signal(signal: i32) -> String {
    format!("terminated with signal {signal}, restarting")
}

/// The worker ended and will be started again.
pub fn restarting_after_exit(status: i32) -> String {
    format!("exited with status {status}, restarting")
}

/// The worker ended in a way that another start would not change.
pub fn ended(status: i32) -> String {
    format!("exited with status {status}")
}

/// AutoRestartCount is used up.
pub fn restart_count_exceeded() -> String {
    "maximum restart count exceeded".to_owned()
}

/// AutoRestartRate is exceeded.
pub fn restart_rate_exceeded() -> String {
    "maximum restart rate exceeded".to_owned()
}

fn quoted(arg: &str) -> Cow<'_, str> {
    let arg = secret::line(arg);
    match arg.contains([' ', '\t']) {
        true => Cow::Owned(format!("\"{arg}\"")),
        false => arg,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn arguments_with_blanks_are_quoted_in_the_starting_line() {
        assert_eq!(starting(&[]), "OpenDKIM Filter v2.11.0 starting");
        assert_eq!(
            starting(&["-x".to_owned(), "/a b".to_owned()]),
            "OpenDKIM Filter v2.11.0 starting (args: -x \"/a b\")"
        );
    }

    #[test]
    fn a_finding_reads_as_opendkim_writes_it() {
        let file: Arc<Path> = Arc::from(Path::new("/etc/opendkim.conf"));
        assert_eq!(
            finding(&Diagnostic::error("unrecognized parameter").at(&file, 3)),
            "/etc/opendkim.conf: configuration error at line 3: unrecognized parameter"
        );
        assert_eq!(
            finding(&Diagnostic::error("KeyFile is missing").in_file(&file)),
            "/etc/opendkim.conf: KeyFile is missing"
        );
        assert_eq!(
            finding(
                &Diagnostic::warning("no effect")
                    .at(&file, 9)
                    .remedy("delete the line")
            ),
            "/etc/opendkim.conf: warning at line 9: no effect; delete the line"
        );
        assert_eq!(
            finding(&Diagnostic::error("milter socket must be specified")),
            "milter socket must be specified"
        );
    }
}
