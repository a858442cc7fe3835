//! Options, tables and keys: what `dkimd check` finds.
//!
//! It runs as a process of its own, because it becomes the server's user to judge what that user
//! may read, and there is no way back.

use std::{env, fs::File, io, path::Path, process::Stdio, sync::Arc};

use tokio::process::Command;

use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkimd_advice::{Finding, Level, text, text::Text};
use dkimd_server::{diagnostic::Diagnostic, keys::remedy, tables::peers::serves_everybody};

/// Looks at them.
pub(super) async fn run(host: Arc<Host>) -> Report {
    match findings(&host.config).await {
        Ok(diagnostics) => report(&host, &diagnostics),
        Err(error) => Report::not_examined(
            Cause::Unavailable,
            text!("dkimd check can't be run: {error}"),
        ),
    }
}

fn report(host: &Host, diagnostics: &[Diagnostic]) -> Report {
    let told_elsewhere = open_socket(host);
    let (denied, found): (Vec<_>, Vec<_>) = diagnostics
        .iter()
        .filter(|found| told_elsewhere.as_ref() != Some(&found.what))
        .partition(|found| found.denied);
    let is_closed = File::open(&host.config)
        .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    let mut report = match is_closed {
        true => Report::idle(),
        false => Report::default(),
    };
    for found in found {
        report.add(finding(&host.config, found));
    }
    if !denied.is_empty() {
        let config = host.config.display();
        report.omit(
            Cause::Rights,
            text!("who may read and write the files that {config} names"),
        );
    }
    report
}

/// The warning about a socket that everybody reaches, where the check `milter` tells it with the
/// addresses of this host's Postfix.
fn open_socket(host: &Host) -> Option<String> {
    host.postfix()?;
    let socket = host.server.as_ref()?.settings.process.socket.as_ref()?;
    Some(serves_everybody(socket).what)
}

async fn findings(config: &Path) -> io::Result<Vec<Diagnostic>> {
    let output = Command::new(env::current_exe()?)
        .args(["check", "--json", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn finding(config: &Path, diagnostic: &Diagnostic) -> Finding {
    let file = diagnostic.file.as_deref().unwrap_or(config);
    let subject = match diagnostic.line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    };
    let (level, code, why) = if diagnostic.is_error() {
        let why = text!("the server does not start with this, or defers mail that needs it");
        (Level::Fail, codes::CONFIGURATION_ERROR, Some(why))
    } else if diagnostic.unsigned {
        let why = text!("mail that this line is for leaves unsigned, or waits");
        (Level::Fail, codes::CONFIGURATION_UNSIGNED, Some(why))
    } else {
        (Level::Warn, codes::CONFIGURATION_WARNING, None)
    };
    // The words of `dkimd check`, which speaks English as the log does.
    let words = |words: &String| Text::new(words, words);
    let mut finding =
        Finding::new(level, code, subject.clone(), words(&diagnostic.what)).evidence(subject);
    finding.why = why;
    let Some(remedy) = &diagnostic.remedy else {
        return finding;
    };
    if let Some(command) = remedy::command(remedy) {
        return finding
            .command(command)
            // Keys are read once; the server is to look again.
            .command("systemctl reload opendkim");
    }
    match option_line(remedy) {
        Some(line) => finding
            .setting(config.display().to_string(), line)
            .command("systemctl reload opendkim"),
        None => finding.advice(words(remedy)),
    }
}

/// The line of the configuration that a remedy tells to write.
fn option_line(remedy: &str) -> Option<&str> {
    let line = remedy.strip_prefix("write ")?;
    let (_, value) = line.split_once(' ')?;
    (value.starts_with("refile:/") && !value.contains(' ')).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_that_leaves_mail_unsigned_is_a_failure() {
        let config = Path::new("/etc/opendkim.conf");
        let level = |diagnostic: &Diagnostic| finding(config, diagnostic).level;
        let warning = Diagnostic::warning("w");
        assert_eq!(level(&warning), Level::Warn);
        assert_eq!(level(&warning.leaves_unsigned()), Level::Fail);
        assert_eq!(level(&Diagnostic::error("e")), Level::Fail);
    }
}
