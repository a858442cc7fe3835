//! What a configuration wants of the MTA.

use super::verdict;
use crate::{
    config::{settings::FailureAction, snapshot::Snapshot},
    milter::Wishes,
};

/// What a configuration wants of the MTA; the milter loop masks it with what is offered.
pub fn wishes(snapshot: &Snapshot) -> Wishes {
    let settings = &snapshot.settings;
    let on = &settings.on_failure;
    let mode = settings.decision.mode;
    let quarantines = [on.internal_error, on.security, on.signature_error]
        .contains(&FailureAction::Quarantine)
        || verdict::may_want_quarantine(on);
    let mut macros = Vec::new();
    if settings.decision.macros.is_some() || settings.decision.sender_macro.is_some() {
        let listed = snapshot
            .macros
            .entries
            .iter()
            .map(|(name, _)| name.as_str());
        let sender = settings.decision.sender_macro.as_deref();
        macros.extend(
            ["i", "daemon_name", "auth_type"]
                .into_iter()
                .chain(listed)
                .chain(sender)
                .map(in_braces),
        );
    }
    Wishes {
        delete_headers: settings.signing.remove_old_signatures || mode.verify,
        change_recipients: settings.verifying.redirect_failures_to.is_some(),
        quarantine: quarantines || settings.verifying.capture_unknown_errors,
        recipients: true,
        answer_end_of_header: mode.sign != mode.verify,
        answer_body: settings.signing.maximum_signed_bytes.is_some(),
        macros,
    }
}

/// A macro's name as MTAs spell it: braces around all but single letters.
fn in_braces(name: &str) -> String {
    let bare = name.trim_matches(['{', '}']);
    if bare.len() == 1 {
        bare.to_owned()
    } else {
        format!("{{{bare}}}")
    }
}
