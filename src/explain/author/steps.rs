//! Each rule and what came of it.

use std::fmt::Write;

use super::Step;
use dkimd_message::configuration;
use dkimd_server::{
    config::snapshot::{SigningIdentities, Snapshot},
    decide::{
        Identity, IdentityFinding,
        origin::{Test, Trust},
    },
    keys::{KeySource, error::path_shown},
    session::{holder, inquiry::Findings},
    tables::hosts::HostMatch,
};

/// The rules that make mail ours.
pub(super) fn origin_steps(findings: &Findings<'_>) -> Vec<Step> {
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

/// What the origin's rules come to.
pub(super) fn origin_result(findings: &Findings<'_>) -> String {
    match findings.origin.trusted {
        Some(Trust::MtaName) => "ours, by MTA",
        Some(Trust::Macro) => "ours, by MacroList",
        Some(Trust::InternalHost) => "ours, by InternalHosts",
        Some(Trust::Authenticated) => "ours, the client authenticated",
        None => "a stranger's",
    }
    .to_owned()
}

/// The rules that lead to keys.
pub(super) fn identity_steps(snapshot: &Snapshot, findings: &Findings<'_>) -> Vec<Step> {
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
            .flat_map(|identity| identity_found(rule, snapshot, identity))
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

fn identity_found(rule: &'static str, snapshot: &Snapshot, identity: &Identity) -> Vec<Step> {
    let named = identity.key_name.as_ref();
    let matched = match named {
        Some(name) => format!("\"{}\" fits and names the key '{name}'", identity.rule),
        None => format!("\"{}\" fits", identity.rule),
    };
    let mut signature = format!("s={} d={}", identity.selector, identity.domain);
    if let Some(auid) = &identity.auid {
        let _ = write!(signature, " i={auid}");
    }
    let source = configuration::block_on(holder::source(snapshot, identity).get());
    if let Ok(KeySource::File(path)) = source {
        let _ = write!(signature, ", key in {}", path_shown(&path));
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
