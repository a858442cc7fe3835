//! What lines of a configuration come to mean.

use super::*;
use crate::{
    config::{
        parse,
        settings::{FailureAction, Identities, MinimumCover},
    },
    dkim::Canon,
};

fn resolved(text: &str, overrides: &[(&'static str, &str)]) -> (Option<Settings>, Vec<String>) {
    let (written, findings) = parse::parse(text, Path::new("o.conf"));
    assert_eq!(findings, []);
    let overrides = Overrides {
        options: overrides
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
    };
    let (settings, findings) = resolve(&written, &overrides);
    (settings, findings.iter().map(ToString::to_string).collect())
}

fn settings(text: &str) -> Settings {
    let (settings, findings) = resolved(text, &[]);
    settings.unwrap_or_else(|| panic!("{findings:?}"))
}

fn only_error(text: &str) -> String {
    let (settings, findings) = resolved(text, &[]);
    assert!(settings.is_none(), "{text} should be refused");
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings[0].clone()
}

#[test]
fn defaults_are_opendkims() {
    let s = settings("");
    assert!(s.decision.mode.sign && s.decision.mode.verify);
    assert!(s.process.background && !s.logging.syslog && s.signing.require_safe_keys);
    assert_eq!(s.signing.minimum_key_bits, 1024);
    assert_eq!(s.decision.maximum_headers, Some(65536));
    assert_eq!(s.signing.canonicalization, Default::default());
    assert_eq!(s.verifying.maximum_signatures, 3);
    assert_eq!(s.verifying.clock_drift.as_secs(), 300);
    assert_eq!(s.on_failure.dns_error, None);
}

#[test]
fn debians_configuration_is_taken_without_a_word() {
    let text = "Syslog yes\nSyslogSuccess yes\nCanonicalization relaxed/simple\n\
                OversignHeaders From\nUserID opendkim\nUMask 007\n\
                Socket local:/run/opendkim/opendkim.sock\n\
                PidFile /run/opendkim/opendkim.pid\nTrustAnchorFile /usr/share/dns/root.key\n";
    let (s, findings) = resolved(text, &[]);
    assert_eq!(findings, [""; 0]);
    let s = s.unwrap();
    assert_eq!(s.process.umask, Some(7));
    assert_eq!(s.signing.canonicalization.header, Canon::Relaxed);
    assert_eq!(s.signing.canonicalization.body, Canon::Simple);
}

#[test]
fn every_wrong_value_is_told_in_opendkims_words_with_its_line() {
    for (text, words) in [
        ("Mode sx", "unknown mode \"x\""),
        (
            "Canonicalization relaxed/foo",
            "unknown canonicalization algorithm \"foo\"",
        ),
        (
            "SignatureAlgorithm dsa",
            "unknown signing algorithm \"dsa\"",
        ),
        ("Minimum 5x", "illegal value for \"Minimum\""),
        ("ATPSHashAlgorithm md5", "unknown ATPS hash \"md5\""),
        ("BogusKey x", "unknown key action 'x'"),
        ("On-BadSignature bounce", "illegal value"),
        ("SyslogFacility local9", "illegal value"),
        ("Syslog on", "illegal value"),
        ("SignatureTTL 5d", "illegal value"),
        ("UMask 01000", "illegal value"),
        ("InternalHosts bogus:x", "Unknown database type"),
        ("ADSPDiscard maybe", "illegal value"),
        ("SigningTable /x", "use of SigningTable requires KeyTable"),
        (
            "KeyTable /x",
            "KeyTable requires either SigningTable or SetupPolicyScript",
        ),
        (
            "Selector x",
            "KeyFile and Selector must both be defined or both be undefined",
        ),
        ("Domain x", "Domain requires KeyFile and Selector"),
        (
            "AutoRestart yes\nAutoRestartRate x",
            "AutoRestartRate invalid",
        ),
    ] {
        let error = resolved(text, &[])
            .1
            .into_iter()
            .find(|f| f.contains("error:"));
        let error = error.unwrap_or_else(|| panic!("{text} is refused"));
        assert!(
            error.starts_with("o.conf:") && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let (_, findings) = resolved("UMask x\nMode x\nSyslog on\n", &[]);
    let lines: Vec<_> = findings.iter().map(|f| &f[..8]).collect();
    assert_eq!(lines, ["o.conf:1", "o.conf:2", "o.conf:3"]);
}

#[test]
fn pairs_are_only_checked_when_signing() {
    assert!(
        resolved("Mode v\nDomain x\nSigningTable /y\n", &[])
            .0
            .is_some()
    );
    assert!(only_error("Mode s\nDomain x\n").contains("Domain requires"));
}

#[test]
fn the_last_line_wins_and_the_command_line_over_it() {
    let (s, findings) = resolved(
        "Selector a\nSelector b\nDomain d\nKeyFile /k\n",
        &[("KeyFile", "/o")],
    );
    assert!(
        findings[0].contains("was already given in o.conf, line 1"),
        "{findings:?}"
    );
    match s.unwrap().signing.identities {
        Identities::Single {
            selector, key_file, ..
        } => {
            assert_eq!((selector.as_str(), key_file), ("b", "/o".into()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn tables_win_silently_over_the_file_and_with_a_word_over_the_command_line() {
    let tables = "SigningTable /s\nKeyTable /k\n";
    let (s, findings) = resolved(&format!("{tables}Domain d\nSelector x\n"), &[]);
    assert_eq!(findings, [""; 0]);
    assert!(matches!(
        s.unwrap().signing.identities,
        Identities::Tables { .. }
    ));
    let (s, findings) = resolved(tables, &[("Selector", "x"), ("KeyFile", "/o")]);
    assert_eq!(findings.len(), 2);
    assert!(
        findings[0].starts_with("command line: warning: "),
        "{findings:?}"
    );
    assert!(s.is_some());
}

#[test]
fn general_and_special_failure_actions_combine_except_for_dns() {
    let s = settings("On-Default reject\nOn-NoSignature a\n");
    assert_eq!(s.on_failure.bad_signature, FailureAction::Reject);
    assert_eq!(s.on_failure.no_signature, FailureAction::Accept);
    assert_eq!(s.on_failure.dns_error, None);
}

#[test]
fn options_without_effect_are_one_warning_each() {
    let (s, findings) = resolved(
        "ADSPDiscard no\nIdentityHeader x\nDomainKeysCompat yes\n",
        &[],
    );
    assert!(s.is_some());
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(findings.iter().all(|f| f.contains("has no effect")));
}

#[test]
fn an_option_at_its_default_needs_no_warning_that_it_is_not_acted_on() {
    let (_, findings) = resolved("SoftStart no\nLDAPTimeout 5\n", &[]);
    assert_eq!(findings, [""; 0]);
    let (_, findings) = resolved("SoftStart yes\n", &[]);
    assert!(findings[0].contains("not acted on"));
}

#[test]
fn a_decimal_umask_is_warned_of() {
    let (s, findings) = resolved("UMask 77\n", &[]);
    assert_eq!(s.unwrap().process.umask, Some(0o115));
    assert!(findings[0].contains("means 0115"), "{findings:?}");
}

#[test]
fn numbers_with_a_meaning_of_their_own_get_it() {
    let s = settings("MaximumHeaders 0\nMinimumKeyBits 0\nMaximumSignedBytes -1\nSignatureTTL 0\n");
    assert_eq!(s.decision.maximum_headers, None);
    assert_eq!(s.signing.minimum_key_bits, 1024);
    assert_eq!(s.signing.maximum_signed_bytes, None);
    assert_eq!(s.signing.lifetime, None);
    let s = settings(
        "MaximumSignedBytes 0\nMinimum 50%\nDNSTimeout 0\nNameservers ::1,192.0.2.1@5353\n",
    );
    assert_eq!(s.signing.maximum_signed_bytes, Some(0));
    assert_eq!(s.verifying.minimum, Some(MinimumCover::Percent(50)));
    assert_eq!(s.verifying.dns_timeout, None);
    assert_eq!(s.verifying.nameservers[1].port(), 5353);
}
