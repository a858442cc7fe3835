//! Options, tables and keys: what `dkimd check` finds.
//!
//! It runs as a process of its own, because it becomes the server's user to judge what that user
//! may read, and there is no way back.

use std::{env, fs::File, io, path::Path, process::Stdio, sync::Arc};

use serde::Deserialize;
use tokio::process::Command;

use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkimd_advice::{
    Finding, Level, text,
    text::{Lang, Text},
};
use dkimd_server::tables::peers::serves_everybody;

/// What this process alone may not look at.
const NOT_EXAMINED: &str = "configuration-not-examined";

/// Looks at them.
pub(super) async fn run(host: Arc<Host>) -> Report {
    match findings(&host.config).await {
        Ok(told) => report(&host, &told),
        Err(error) => Report::not_examined(
            Cause::Unavailable,
            text!("dkimd check can't be run: {error}"),
        ),
    }
}

fn report(host: &Host, told: &[Told]) -> Report {
    let told_elsewhere = open_socket(host);
    let (denied, found): (Vec<_>, Vec<_>) = told
        .iter()
        .filter(|found| told_elsewhere.as_deref() != Some(found.what.to(Lang::En)))
        .partition(|found| found.code == NOT_EXAMINED);
    let is_closed = File::open(&host.config)
        .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    let mut report = match is_closed {
        true => Report::idle(),
        false => Report::default(),
    };
    for found in found {
        report.add(finding(found));
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

/// What `dkimd check --json` prints (docs/json.md).
#[derive(Deserialize)]
struct Checked {
    findings: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    level: Level,
    code: String,
    subject: String,
    what: Text,
    evidence: Vec<String>,
    why: Option<Text>,
    fix: Vec<ToldFix>,
}

#[derive(Deserialize)]
struct ToldFix {
    kind: String,
    file: Option<String>,
    text: String,
}

async fn findings(config: &Path) -> io::Result<Vec<Told>> {
    let output = Command::new(env::current_exe()?)
        .args(["check", "--json", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    Ok(serde_json::from_slice::<Checked>(&output.stdout)?.findings)
}

/// The finding as it was told, in the languages that the catalogue has.
fn finding(told: &Told) -> Finding {
    let code = match told.code.as_str() {
        "configuration-error" => codes::CONFIGURATION_ERROR,
        "configuration-unsigned" => codes::CONFIGURATION_UNSIGNED,
        _ => codes::CONFIGURATION_WARNING,
    };
    let mut finding = Finding::new(told.level, code, told.subject.as_str(), told.what.clone());
    finding.evidence.clone_from(&told.evidence);
    finding.why.clone_from(&told.why);
    told.fix.iter().fold(finding, |finding, fix| {
        let text = fix.text.as_str();
        match (fix.kind.as_str(), &fix.file) {
            ("command", _) => finding.command(text),
            ("record", _) => finding.record(text),
            ("setting", Some(file)) => finding.setting(file.as_str(), text),
            _ => finding.advice(Text::from_data(text)),
        }
    })
}
