//! The decision, with the keys tried, and the exit code that goes with it.

use super::Step;
use dkimd_message::configuration;
use dkimd_server::{
    config::{settings::FailureAction, snapshot::Snapshot},
    decide::{Decision, Identity, NoAuthor, Reason},
    keys::store::KeyStore,
    process::ExitCode,
    session::{failure::SigningFailure, holder, inquiry::Findings, lines, signing::KeyFailure},
};

/// What follows from all the steps.
pub(super) struct Conclusion {
    /// `sign`, `verify`, `leave`, `reject`, `defer`, `not-examined`, …
    pub(super) decision: &'static str,
    /// The stable word of the reason, where the message is not signed.
    pub(super) reason: Option<&'static str>,
    /// The decision as a sentence.
    pub(super) sentence: String,
    /// How the command ends.
    pub(super) exit: ExitCode,
}

impl Conclusion {
    fn new(
        decision: &'static str,
        reason: Option<&'static str>,
        sentence: String,
        exit: ExitCode,
    ) -> Self {
        Self {
            decision,
            reason,
            sentence,
            exit,
        }
    }
}

/// Draws it; the keys are read, and what is found adds to the steps.
pub(super) fn conclude(
    snapshot: &Snapshot,
    findings: &Findings<'_>,
    steps: &mut Vec<Step>,
) -> Conclusion {
    match findings.decide(snapshot) {
        Decision::Sign(identities) => conclude_signing(snapshot, &identities, steps),
        Decision::Verify(reason) => Conclusion::new(
            "verify",
            Some(reason.code()),
            format!("not signed but verified: {reason}"),
            ExitCode::Ok,
        ),
        Decision::Leave(reason) => {
            if let Reason::NoAuthor(NoAuthor::Unparsable { value, .. }) = &reason {
                steps.push(Step {
                    rule: "author",
                    result: format!("can't be read: {value}"),
                });
            }
            Conclusion::new(
                "leave",
                Some(reason.code()),
                format!("let through untouched: {reason}"),
                ExitCode::Ok,
            )
        }
        Decision::Reject(reason) => Conclusion::new(
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
) -> Conclusion {
    let keys = KeyStore::judging_for(configuration::daemon_user(snapshot), identities.len());
    for identity in identities {
        match configuration::block_on(holder::key(snapshot, &keys, identity).get()) {
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
                let failure = KeyFailure { error, identity };
                if let Some(sentence) = configuration::not_examined(snapshot, &failure) {
                    let exit = ExitCode::NoPermission;
                    return Conclusion::new("not-examined", None, sentence, exit);
                }
                let sentence = failure.line();
                return failed(snapshot, &failure.error.into(), sentence);
            }
        }
    }
    let signatures: Vec<String> = identities
        .iter()
        .map(|identity| format!("s={} d={}", identity.selector, identity.domain))
        .collect();
    Conclusion::new(
        "sign",
        None,
        format!("signed with {}", signatures.join(" and ")),
        ExitCode::Ok,
    )
}

fn failed(snapshot: &Snapshot, failure: &SigningFailure, sentence: String) -> Conclusion {
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
    Conclusion::new(
        decision,
        Some(failure.code()),
        format!("{words}: {sentence}"),
        exit,
    )
}
