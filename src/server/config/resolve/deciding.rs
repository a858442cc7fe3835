//! Who is signed, who is verified, and what happens to what went wrong.

use super::value::Values;
use crate::{
    config::settings::{DecisionSettings, FailureAction, OnFailure},
    decide::Mode,
};

const ACTIONS: [(&str, FailureAction); 10] = [
    ("accept", FailureAction::Accept),
    ("reject", FailureAction::Reject),
    ("tempfail", FailureAction::Tempfail),
    ("discard", FailureAction::Discard),
    ("quarantine", FailureAction::Quarantine),
    ("a", FailureAction::Accept),
    ("r", FailureAction::Reject),
    ("t", FailureAction::Tempfail),
    ("d", FailureAction::Discard),
    ("q", FailureAction::Quarantine),
];

/// OpenDKIM's own limit for a header section.
const DEFAULT_MAXIMUM_HEADERS: u64 = 65536;

pub(super) fn decision(values: &mut Values<'_>) -> DecisionSettings {
    let maximum_headers = values
        .integer("MaximumHeaders", 0, u32::MAX.into())
        .map_or(DEFAULT_MAXIMUM_HEADERS, i64::unsigned_abs);
    DecisionSettings {
        mode: mode(values),
        internal_hosts: values.data_set("InternalHosts"),
        external_ignore: values.data_set("ExternalIgnoreList"),
        peers: values.data_set("PeerList"),
        exempt_domains: values.data_set("ExemptDomains"),
        dont_sign_mail_to: values.data_set("DontSignMailTo"),
        mta_names: values.data_set("MTA"),
        macros: values.data_set("MacroList"),
        sender_headers: values.data_set("SenderHeaders"),
        sender_macro: values.string("SenderMacro"),
        strict_headers: values.bool("StrictHeaders"),
        required_headers: values.bool("RequiredHeaders"),
        ignore_malformed: values.bool("IgnoreMalformedMail"),
        maximum_headers: Some(maximum_headers).filter(|limit| *limit > 0),
    }
}

/// Mode, without findings; they are told once, by [`decision`].
pub(super) fn signs(values: &Values<'_>) -> bool {
    values.text("Mode").is_none_or(|mode| mode.contains('s'))
}

fn mode(values: &mut Values<'_>) -> Mode {
    let letters = values.text("Mode").unwrap_or("sv");
    if let Some(other) = letters.chars().find(|letter| !matches!(letter, 's' | 'v')) {
        values.error(
            "Mode",
            format!("unknown mode \"{other}\""),
            "write s (sign), v (verify) or sv (both), in small letters",
        );
    }
    Mode {
        sign: letters.contains('s'),
        verify: letters.contains('v'),
    }
}

pub(super) fn on_failure(values: &mut Values<'_>) -> OnFailure {
    let mut action = |name| {
        values.word(name, &ACTIONS, |value| {
            format!("{name}: illegal value {value:?}")
        })
    };
    let general = action("On-Default");
    let mut or_general = |name, default| action(name).or(general).unwrap_or(default);
    OnFailure {
        bad_signature: or_general("On-BadSignature", FailureAction::Accept),
        key_not_found: or_general("On-KeyNotFound", FailureAction::Accept),
        no_signature: or_general("On-NoSignature", FailureAction::Accept),
        internal_error: or_general("On-InternalError", FailureAction::Tempfail),
        security: or_general("On-Security", FailureAction::Tempfail),
        signature_error: or_general("On-SignatureError", FailureAction::Tempfail),
        // DNS trouble passes: only an explicit wish may cost mail.
        dns_error: action("On-DNSError"),
    }
}
