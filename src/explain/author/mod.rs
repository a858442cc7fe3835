//! `dkimd explain ADDRESS`: what would be done with a message of an author from a client, rule by rule.
//!
//! The answer comes from the same [`inquire`] and the same decision as the daemon's: [`steps`] tells
//! each rule, [`conclusion`] what follows.

mod conclusion;
mod steps;

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde::Serialize;

use self::{
    conclusion::conclude,
    steps::{identity_steps, origin_result, origin_steps},
};
use super::ExplainArgs;
use dkim_core::header::{HeaderSection, LeadingSpace};
use dkimd_advice::{
    Code, Finding, Level,
    render::{FORMAT, finding_json},
    text::{Lang, Text},
};
use dkimd_message::configuration;
use dkimd_milter::Client;
use dkimd_server::{
    config::snapshot::Snapshot,
    decide::origin::{AUTH_TYPE, DAEMON_NAME, OriginFacts},
    keys::store::KeyStore,
    process::ExitCode,
    secret,
    session::inquiry::{Findings, inquire},
};

/// One rule and what came of it.
#[derive(Debug, Serialize)]
struct Step {
    rule: &'static str,
    result: String,
}

/// The whole answer.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    format: u32,
    command: &'static str,
    kind: &'static str,
    author: String,
    client: String,
    steps: Vec<Step>,
    /// `sign`, `verify`, `leave`, `reject`, `defer`, `not-examined`, …
    decision: &'static str,
    /// The stable word of the reason, where the message is not signed.
    pub(super) reason: Option<&'static str>,
    /// The decision as a sentence.
    sentence: String,
    /// The same as a finding.
    findings: Vec<serde_json::Value>,
}

struct Asked {
    client: Client,
    macros: Vec<(String, String)>,
}

impl OriginFacts for Asked {
    fn client(&self) -> &Client {
        &self.client
    }

    fn macro_value(&self, name: &str) -> Option<&str> {
        self.macros
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Runs the command: exit 0 where mail is signed, verified or left alone, 75 where it would be
/// deferred, 69 where it would be refused, 77 where this process may not look at the key.
pub(super) fn run(args: &ExplainArgs, author: &str) -> ExitCode {
    let snapshot = match configuration::load_or_report(args.config.as_deref()) {
        Ok(snapshot) => snapshot,
        Err(exit) => return exit,
    };
    let (explanation, exit) = match foresee(args, &snapshot, author) {
        Ok(foreseen) => foreseen,
        Err(text) => {
            eprintln!("dkimd: {text}");
            return ExitCode::Usage;
        }
    };
    let mut out = io::stdout().lock();
    let written = match args.json {
        true => serde_json::to_string_pretty(&explanation)
            .map_err(io::Error::from)
            .and_then(|text| writeln!(out, "{text}")),
        false => out.write_all(as_text(&explanation).as_bytes()),
    };
    match written {
        Err(_) => ExitCode::IoError,
        Ok(()) => exit,
    }
}

/// What would be done with mail of this author, from the client that the arguments tell of.
///
/// # Errors
/// If a macro among the arguments is none.
pub(super) fn foresee(
    args: &ExplainArgs,
    snapshot: &Snapshot,
    author: &str,
) -> Result<(Explanation, ExitCode), String> {
    let asked = asked(args)?;
    let mut section = HeaderSection::default();
    section.push(b"From", format!(" {author}").as_bytes(), LeadingSpace::Kept);
    section.push(
        b"Date",
        b" Thu, 01 Jan 1970 00:00:00 +0000",
        LeadingSpace::Kept,
    );
    let findings = configuration::block_on(inquire(
        snapshot,
        &section,
        &asked,
        &args.recipients,
        &KeyStore::new(1),
    ));
    Ok(explain(snapshot, &findings, &asked, author))
}

fn asked(args: &ExplainArgs) -> Result<Asked, String> {
    let mut macros = Vec::new();
    if args.auth.is_some() {
        macros.push((AUTH_TYPE.to_owned(), "PLAIN".to_owned()));
    }
    if let Some(daemon) = &args.daemon {
        macros.push((DAEMON_NAME.to_owned(), daemon.clone()));
    }
    for given in &args.macros {
        let (name, value) = given
            .split_once('=')
            .ok_or_else(|| format!("--macro {given}: write NAME=VALUE"))?;
        macros.push((name.trim_matches(['{', '}']).to_owned(), value.to_owned()));
    }
    let name = match &args.client_name {
        Some(name) => name.clone(),
        None if args.client.is_loopback() => "localhost".to_owned(),
        None => "unknown".to_owned(),
    };
    Ok(Asked {
        client: Client {
            name,
            address: Some(args.client),
        },
        macros,
    })
}

fn explain(
    snapshot: &Snapshot,
    findings: &Findings<'_>,
    asked: &Asked,
    author: &str,
) -> (Explanation, ExitCode) {
    let mut steps = origin_steps(findings);
    steps.push(Step {
        rule: "origin",
        result: origin_result(findings),
    });
    if findings.exempt {
        steps.push(Step {
            rule: "ExemptDomains",
            result: "lists the author's domain".to_owned(),
        });
    }
    // A table may hold a key where its name belongs.
    steps.extend(
        identity_steps(snapshot, findings)
            .into_iter()
            .map(|step| Step {
                result: secret::owned(step.result),
                ..step
            }),
    );
    let conclusion = conclude(snapshot, findings, &mut steps);
    let client = format!(
        "{} [{}]",
        asked.client.name,
        asked
            .client
            .address
            .map_or_else(String::new, |a| a.to_string())
    );
    let code = Code::new(conclusion.reason.unwrap_or(conclusion.decision));
    let what = Text::new(conclusion.sentence.as_str(), conclusion.sentence.as_str());
    let level = match conclusion.exit {
        ExitCode::Ok => Level::Info,
        _ => Level::Fail,
    };
    let finding = Finding::new(level, code, author, what);
    (
        Explanation {
            format: FORMAT,
            command: "explain",
            kind: "address",
            author: author.to_owned(),
            client,
            steps,
            decision: conclusion.decision,
            reason: conclusion.reason,
            sentence: conclusion.sentence,
            findings: vec![finding_json(&finding, Lang::En)],
        },
        conclusion.exit,
    )
}

/// As a person reads it.
pub(super) fn as_text(explanation: &Explanation) -> String {
    let mut text = String::new();
    let mut line = |rule: &str, result: &str| {
        let _ = writeln!(text, "{rule:<14} {result}");
    };
    line("author", &explanation.author);
    line("client", &explanation.client);
    for step in &explanation.steps {
        line(step.rule, &step.result);
    }
    match explanation.reason {
        Some(reason) => line("result", &format!("{} ({reason})", explanation.sentence)),
        None => line("result", &explanation.sentence),
    }
    text
}
