//! `dkimd explain`: what would be done with a message of an author from a client, rule by rule.
//!
//! The answer comes from the same [`inquire`] and the same decision as the daemon's.

use std::{fmt::Write, net::IpAddr, path::PathBuf};

use clap::Args;
use serde::Serialize;

use super::configuration;
use crate::{
    config::{
        settings::FailureAction,
        snapshot::{SigningIdentities, Snapshot},
    },
    decide::{
        Decision, Identity, IdentityFinding, NoAuthor,
        origin::{AUTH_TYPE, DAEMON_NAME, OriginFacts, Test, Trust},
    },
    dkim::header::{HeaderSection, LeadingSpace},
    keys::{KeySource, store::KeyStore},
    log::lines,
    milter::Client,
    process::exit::ExitCode,
    session::{
        failure::SigningFailure,
        inquiry::{Findings, inquire},
        signing,
    },
    tables::hosts::HostMatch,
};

/// Arguments of `dkimd explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// The author: an address as in the From field
    pub author: String,
    /// Configuration file
    #[arg(short = 'x', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The client's address, as Postfix would pass it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub client: IpAddr,
    /// The client's host name, as Postfix would pass it
    #[arg(long, value_name = "NAME")]
    pub client_name: Option<String>,
    /// The client authenticated as this user
    #[arg(long, value_name = "USER")]
    pub auth: Option<String>,
    /// The name of the Postfix daemon (`milter_macro_daemon_name`)
    #[arg(long, value_name = "NAME")]
    pub daemon: Option<String>,
    /// Another macro of the MTA
    #[arg(long = "macro", value_name = "NAME=VALUE")]
    pub macros: Vec<String>,
    /// A recipient
    #[arg(long = "to", value_name = "ADDRESS")]
    pub recipients: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// One rule and what came of it.
#[derive(Debug, Serialize)]
struct Step {
    rule: &'static str,
    result: String,
}

/// The whole answer.
#[derive(Debug, Serialize)]
struct Explanation {
    author: String,
    client: String,
    steps: Vec<Step>,
    /// `sign`, `verify`, `leave`, `reject`, `defer`, …
    decision: &'static str,
    /// The stable word of the reason, where the message is not signed.
    reason: Option<&'static str>,
    /// The decision as a sentence.
    sentence: String,
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
/// deferred, 69 where it would be refused.
pub fn run(args: &ExplainArgs) -> ExitCode {
    let snapshot = match configuration::load_or_report(args.config.as_deref()) {
        Ok(snapshot) => snapshot,
        Err(exit) => return exit,
    };
    let asked = match asked(args) {
        Ok(asked) => asked,
        Err(text) => {
            eprintln!("dkimd: {text}");
            return ExitCode::Usage;
        }
    };
    let mut section = HeaderSection::default();
    section.push(
        b"From",
        format!(" {}", args.author).as_bytes(),
        LeadingSpace::Kept,
    );
    section.push(
        b"Date",
        b" Thu, 01 Jan 1970 00:00:00 +0000",
        LeadingSpace::Kept,
    );
    let findings = configuration::block_on(inquire(&snapshot, &section, &asked, &args.recipients));
    let (explanation, exit) = explain(&snapshot, &findings, &asked, &args.author);
    if args.json {
        match serde_json::to_string_pretty(&explanation) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("dkimd: {error}"),
        }
    } else {
        print!("{}", as_text(&explanation));
    }
    exit
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
    steps.extend(identity_steps(snapshot, findings));
    let (decision, reason, sentence, exit) = conclude(snapshot, findings, &mut steps);
    let client = format!(
        "{} [{}]",
        asked.client.name,
        asked
            .client
            .address
            .map_or_else(String::new, |a| a.to_string())
    );
    (
        Explanation {
            author: author.to_owned(),
            client,
            steps,
            decision,
            reason,
            sentence,
        },
        exit,
    )
}

fn origin_steps(findings: &Findings<'_>) -> Vec<Step> {
    let origin = &findings.origin;
    let told = |test: &Test<String>, none: &str| match test {
        Test::NotAsked => none.to_owned(),
        Test::Fits(what) => format!("fits: {what}"),
        Test::Differs(what) if what.is_empty() => "does not fit: the MTA sent nothing".to_owned(),
        Test::Differs(what) => format!("does not fit: {what}"),
    };
    let host = match origin.host {
        HostMatch::Listed(entry) => format!("lists the client: {entry}"),
        HostMatch::Excluded(entry) => format!("excludes the client: {entry}"),
        HostMatch::Unlisted => "does not list the client".to_owned(),
    };
    let authenticated = match &origin.authenticated {
        Test::Fits(_) => "the client authenticated".to_owned(),
        _ => "the client did not authenticate".to_owned(),
    };
    vec![
        Step {
            rule: "MTA",
            result: told(&origin.mta, "not set"),
        },
        Step {
            rule: "MacroList",
            result: told(&origin.macros, "not set, or none of its macros sent"),
        },
        Step {
            rule: "InternalHosts",
            result: host,
        },
        Step {
            rule: "{auth_type}",
            result: authenticated,
        },
    ]
}

fn origin_result(findings: &Findings<'_>) -> String {
    match findings.origin.trusted {
        Some(Trust::MtaName) => "ours, by MTA",
        Some(Trust::Macro) => "ours, by MacroList",
        Some(Trust::InternalHost) => "ours, by InternalHosts",
        Some(Trust::Authenticated) => "ours, the client authenticated",
        None => "a stranger's",
    }
    .to_owned()
}

fn identity_steps(snapshot: &Snapshot, findings: &Findings<'_>) -> Vec<Step> {
    let rule = match snapshot.signing {
        SigningIdentities::None => "signing",
        SigningIdentities::Single { .. } => "Domain",
        SigningIdentities::Tables { .. } => "SigningTable",
    };
    match &findings.identity {
        IdentityFinding::NothingConfigured => {
            vec![Step {
                rule,
                result: "neither Domain nor SigningTable is set".to_owned(),
            }]
        }
        IdentityFinding::NotAsked => {
            vec![Step {
                rule,
                result: "not asked: only mail of ours is signed".to_owned(),
            }]
        }
        IdentityFinding::NoMatch => vec![Step {
            rule,
            result: no_match(snapshot, findings),
        }],
        IdentityFinding::Failed(error) => vec![Step {
            rule,
            result: error.to_string(),
        }],
        IdentityFinding::Found(identities) => identities
            .iter()
            .flat_map(|identity| identity_found(rule, identity))
            .collect(),
    }
}

fn no_match(snapshot: &Snapshot, findings: &Findings<'_>) -> String {
    match (&snapshot.signing, &findings.author) {
        (SigningIdentities::Tables { signing, .. }, Ok(author)) => {
            format!(
                "no entry fits; tried {}",
                signing.describe_search(&author.local, &author.domain)
            )
        }
        (SigningIdentities::Single { sub_domains, .. }, Ok(author)) => {
            let parents = if *sub_domains { " and its parents" } else { "" };
            format!("no entry fits; tried {}{parents} and *", author.domain)
        }
        _ => "no entry fits".to_owned(),
    }
}

fn identity_found(rule: &'static str, identity: &Identity) -> Vec<Step> {
    let named = identity.key_name.as_ref();
    let matched = match named {
        Some(name) => format!("\"{}\" fits and names the key '{name}'", identity.rule),
        None => format!("\"{}\" fits", identity.rule),
    };
    let mut signature = format!("s={} d={}", identity.selector, identity.domain);
    if let Some(auid) = &identity.auid {
        let _ = write!(signature, " i={auid}");
    }
    if let KeySource::File(path) = &identity.key {
        let _ = write!(signature, ", key in {}", path.display());
    }
    let mut steps = vec![Step {
        rule,
        result: matched,
    }];
    steps.push(Step {
        rule: if named.is_some() {
            "KeyTable"
        } else {
            "KeyFile"
        },
        result: signature,
    });
    if let Some(dropped) = &identity.dropped_signer {
        steps.push(Step {
            rule: "signer",
            result: dropped.describe(&identity.domain),
        });
    }
    steps
}

fn conclude(
    snapshot: &Snapshot,
    findings: &Findings<'_>,
    steps: &mut Vec<Step>,
) -> (&'static str, Option<&'static str>, String, ExitCode) {
    match findings.decide(snapshot) {
        Decision::Sign(identities) => conclude_signing(snapshot, &identities, steps),
        Decision::Verify(reason) => (
            "verify",
            Some(reason.code()),
            format!("not signed but verified: {reason}"),
            ExitCode::Ok,
        ),
        Decision::Leave(reason) => {
            if let crate::decide::Reason::NoAuthor(NoAuthor::Unparsable { value, .. }) = &reason {
                steps.push(Step {
                    rule: "author",
                    result: format!("can't be read: {value}"),
                });
            }
            (
                "leave",
                Some(reason.code()),
                format!("let through untouched: {reason}"),
                ExitCode::Ok,
            )
        }
        Decision::Reject(reason) => (
            "reject",
            Some(reason.code()),
            format!("refused: {reason}"),
            ExitCode::Unavailable,
        ),
        Decision::Fail(error) => {
            let sentence = lines::identity_failed(&error);
            failed(snapshot, &SigningFailure::Identity(error), sentence)
        }
    }
}

fn conclude_signing(
    snapshot: &Snapshot,
    identities: &[Identity],
    steps: &mut Vec<Step>,
) -> (&'static str, Option<&'static str>, String, ExitCode) {
    let keys = KeyStore::new(identities.len());
    for identity in identities {
        match keys.get(&identity.key, signing::key_rules(snapshot)) {
            Ok((key, warnings)) => {
                let result = format!("{}, {} bits", key.algorithm().as_str(), key.bits());
                steps.push(Step {
                    rule: "private key",
                    result,
                });
                steps.extend(warnings.into_iter().map(|result| Step {
                    rule: "warning",
                    result,
                }));
            }
            Err(error) => {
                let sentence = lines::key_unusable(&error);
                return failed(snapshot, &SigningFailure::Key(error), sentence);
            }
        }
    }
    let signatures: Vec<String> = identities
        .iter()
        .map(|identity| format!("s={} d={}", identity.selector, identity.domain))
        .collect();
    (
        "sign",
        None,
        format!("signed with {}", signatures.join(" and ")),
        ExitCode::Ok,
    )
}

fn failed(
    snapshot: &Snapshot,
    failure: &SigningFailure,
    sentence: String,
) -> (&'static str, Option<&'static str>, String, ExitCode) {
    let (decision, words, exit) = match failure.action(&snapshot.settings) {
        FailureAction::Accept => (
            "accept",
            "let through UNSIGNED, as the On-* options say",
            ExitCode::Ok,
        ),
        FailureAction::Discard => (
            "discard",
            "swallowed, as the On-* options say",
            ExitCode::Unavailable,
        ),
        FailureAction::Quarantine => ("quarantine", "held in quarantine", ExitCode::Unavailable),
        FailureAction::Reject => ("reject", "refused", ExitCode::Unavailable),
        FailureAction::Tempfail => (
            "defer",
            "deferred with a temporary failure",
            ExitCode::TryAgain,
        ),
    };
    (
        decision,
        Some(failure.code()),
        format!("{words}: {sentence}"),
        exit,
    )
}

fn as_text(explanation: &Explanation) -> String {
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
