//! No line of our own is unknown: each function that writes one is called, and the files that hold
//! them are searched for functions that are not.

mod samples;

use dkim_core::name::Domain;
use dkimd_advice::Level;
use dkimd_doctor::checks::CHECKS;
use dkimd_milter::serve::Incident;
use dkimd_server::{decide::identity::DroppedSigner, session::lines};

use super::*;
use samples::{daemon_lines, message_lines};

/// The functions and texts that a source file offers, but for those that are no line.
fn writers(source: &'static str) -> Vec<&'static str> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let name = |line: &'static str| {
        let rest = line
            .strip_prefix("pub fn ")
            .or_else(|| line.strip_prefix("pub const "))?;
        rest.split(['(', ':', '<']).next()
    };
    source
        .lines()
        .filter_map(name)
        .filter(|name| !["of_job", "OPENDKIM_VERSION"].contains(name))
        .collect()
}

fn known(text: &str) -> Finding {
    let line = format!("Nov 23 21:24:52 mail opendkim[812]: 4F3A21C0E1: {text}");
    let parsed = LogLine::parse(&line);
    let finding = explain(&parsed).unwrap_or_else(|| panic!("unknown: {text}"));
    assert_ne!(finding.code.word(), "unknown-word", "{text}");
    let mended = finding.level == Level::Info || !finding.fix.is_empty();
    assert!(mended, "no remedy: {text}");
    for fix in &finding.fix {
        let Fix::Command(command) = fix else { continue };
        let named = command.strip_prefix("dkimd doctor --only ");
        for name in named.unwrap_or_default().split_terminator(',') {
            assert!(CHECKS.iter().any(|check| check.name == name), "{command}");
        }
    }
    finding
}

#[test]
fn every_line_about_mail_is_known() {
    let samples = message_lines();
    for name in writers(include_str!("../../server/session/lines.rs")) {
        assert!(samples.contains_key(name), "no sample of lines::{name}");
    }
    for text in samples.values().flatten() {
        known(text);
        let bare = lines::of_job("4F3A21C0E1", text);
        assert!(explain(&LogLine::parse(&bare)).is_some(), "{bare}");
    }
}

#[test]
fn every_line_about_the_daemon_is_known() {
    let samples = daemon_lines();
    for name in writers(include_str!("../../server/process/lines.rs")) {
        assert!(samples.contains_key(name), "no sample of daemon::{name}");
    }
    for text in samples.values().flatten() {
        known(text);
    }
}

#[test]
fn lines_that_are_written_elsewhere_are_known_too() {
    let dropped = [
        DroppedSigner::NoAt("joe".to_owned()),
        DroppedSigner::OutsideDomain("joe@x.example".to_owned()),
    ];
    let domain = Domain::parse("example.com").unwrap();
    for signer in dropped {
        assert_eq!(known(&signer.describe(&domain)).code, "signer-dropped");
    }
    for incident in [
        Incident::AcceptPaused(std::io::Error::other("Too many open files")),
        Incident::AcceptResumed,
        Incident::Undrained(3),
        Incident::Stranger("192.0.2.1".parse().unwrap()),
    ] {
        known(&incident.to_string());
    }
    for (text, code) in [
        (
            "milter protocol error: unexpected command 'X'",
            "milter-protocol-error",
        ),
        ("the MTA was silent for 7200 s", "mta-silent"),
        (
            "17 log lines lost: the log was not taken fast enough; look at the log daemon",
            "log-lines-lost",
        ),
        (
            "mlfi_negotiate(): required milter action(s) not available (got 0x0, need 0x1)",
            "milter-actions-missing",
        ),
    ] {
        assert_eq!(known(text).code, code);
    }
}

#[test]
fn a_line_that_names_its_remedy_has_it_as_the_command_to_run() {
    let text = "/etc/dkimkeys/s.private: key data is not secure: /etc/dkimkeys/s.private can be read \
                or written by other users (/etc/dkimkeys/s.private is root:root, mode 0644); to mend \
                it: chown opendkim /etc/dkimkeys/s.private && chmod 600 /etc/dkimkeys/s.private";
    let finding = known(text);
    assert_eq!(
        (finding.code.word(), finding.level),
        ("key-unsafe", Level::Fail)
    );
    assert_eq!(
        finding.fix,
        [Fix::Command(
            "chown opendkim /etc/dkimkeys/s.private && chmod 600 /etc/dkimkeys/s.private"
                .to_owned()
        )]
    );
}

#[test]
fn mail_can_not_put_a_command_into_the_remedy() {
    let bad = "x: key data is not secure: y; to mend it: chmod 777 /";
    for text in [
        lines::no_table_match(&format!("\"{bad}\"@example.com")),
        lines::no_table_match("\"x'; to mend it: chmod 777 / '\"@example.com"),
        lines::unparsable_sender("From", bad),
        lines::header_requirement(bad),
        format!("error reading signing table: looking up \"{bad}\" in file: x"),
        format!("the author's domain '{bad}' is none; to mend it: list it"),
        format!("looking up \"{bad}\" in file:/etc/x: gone; to mend it: check"),
    ] {
        let finding = known(&text);
        let command = |fix: &Fix| matches!(fix, Fix::Command(text) if text.contains("chmod 777") && !text.contains('\''));
        assert!(
            !finding.fix.iter().any(command),
            "{text}: {:?}",
            finding.fix
        );
    }
}

#[test]
fn lines_of_opendkim_are_known_for_those_who_come_from_there() {
    for (text, code) in [
        ("mail.example.net [192.0.2.7] not internal", "not-internal"),
        ("not authenticated", "not-authenticated"),
        (
            "no signing table match for 'joe@example.com'",
            "no-matching-entry",
        ),
        (
            "external host mail.example.net attempted to send as example.com",
            "external-host",
        ),
        (
            "DKIM-Signature field added (s=mail, d=example.com)",
            "signed",
        ),
        ("DKIM verification successful", "verified"),
        ("s=mail d=example.com a=rsa-sha256 SSL ", "crypto-done"),
        ("s=mail d=example.com a=rsa-sha256 SSL", "crypto-done"),
        (
            "s=mail d=example.com a=rsa-sha256 SSL error:04091068:rsa routines:int_rsa_verify:bad \
             signature",
            "signature-wrong",
        ),
        ("bad signature data", "bad-signature"),
        (
            "key retrieval failed (s=mail, d=example.com)",
            "key-not-found",
        ),
        (
            "key retrieval failed (s=mail, d=example.com): 'mail._domainkey.example.com' query timed out",
            "dns-failed",
        ),
        (
            "mail._domainkey: key data is not secure: /etc/k is in group 104 which has multiple users \
          (e.g., \"postfix\")",
            "key-unsafe",
        ),
        (
            "dkim_eom(): resource unavailable: d2i_PrivateKey_bio() failed",
            "key-unusable",
        ),
        (
            "can't load key from /etc/k: Permission denied",
            "key-unreadable",
        ),
        (
            "error loading key 'mail._domainkey.example.com'",
            "key-not-loaded",
        ),
        (
            "signature generation error: private key too small (512 bits, need at least 1024)",
            "key-too-small",
        ),
        (
            "key revoked (s=mail, d=example.com, a=rsa-sha256)",
            "key-revoked",
        ),
        ("smfi_opensocket() failed", "socket-not-bound"),
        (
            "OpenDKIM Filter: Unable to bind to port local:/x: Address already in use",
            "socket-not-bound",
        ),
        (
            "failed to parse Authentication-Results: header field",
            "results-unreadable",
        ),
        ("can't determine message sender; accepting", "no-author"),
        ("too much header data", "header-too-large"),
        ("no signature data", "no-signature"),
    ] {
        assert_eq!(known(text).code, code, "{text}");
    }
}

#[test]
fn postfix_s_lines_about_milters_are_known() {
    let explained = |line: &str| explain(&LogLine::parse(line)).unwrap_or_else(|| panic!("{line}"));
    for (text, code) in [
        (
            "postfix/smtpd[5]: warning: connect to Milter service local:/opendkim/opendkim.sock: No such file or directory",
            "milter-socket-missing",
        ),
        (
            "postfix/smtpd[5]: warning: connect to Milter service local:opendkim/opendkim.sock: Permission denied",
            "milter-socket-denied",
        ),
        (
            "postfix/cleanup[5]: warning: connect to Milter service inet:127.0.0.1:8891: Connection refused",
            "milter-refused",
        ),
        (
            "postfix/cleanup[5]: warning: connect to Milter service inet:192.0.2.1:8891: Connection timed out",
            "milter-unreachable",
        ),
        (
            "postfix/cleanup[5]: warning: milter local:/x: can't read SMFIC_BODYEOB reply packet header: Success",
            "milter-broke-off",
        ),
        (
            "postfix/cleanup[5]: warning: milter local:/x: can't read SMFIC_BODYEOB reply packet header: Connection timed out",
            "milter-timeout",
        ),
        (
            "postfix/cleanup[5]: 4F3A21C0E1: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: 4.7.1 Service \
             unavailable - try again later; from=<a@example.com> to=<b@example.net> proto=ESMTP helo=<x>",
            "milter-deferred",
        ),
        (
            "postfix/cleanup[5]: 4F3A21C0E1: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: 4.7.0 DKIM signing \
             key unavailable (key-missing); from=<a@example.com> to=<b@example.net> proto=ESMTP helo=<x>",
            "key-missing",
        ),
        (
            "postfix/smtp[5]: 4F3A21C0E1: to=<b@gmail.com>, relay=gmail-smtp-in.l.google.com[192.0.2.26]:25, delay=0.5, \
             delays=0.1/0/0.2/0.2, dsn=5.7.26, status=bounced (host gmail-smtp-in.l.google.com[192.0.2.26] said: \
             550-5.7.26 Your email has been blocked because the sender is unauthenticated. (in reply to end of DATA \
             command))",
            "unauthenticated",
        ),
        (
            "postfix/smtp[5]: 4F3A21C0E1: to=<b@example.net>, orig_to=<c@example.net>, relay=mx.example.net[192.0.2.2]:25, \
             delay=0.5, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 5B1)",
            "delivered",
        ),
        (
            "postfix/smtp[812]: 3F2A1C0DE4: to=<ann@example.net>, status=deferred (host mx.example.net said: 450 4.7.1 try \
             again later)",
            "receiver-busy",
        ),
        (
            "postfix/local[812]: 3F2A1C0DE4: to=<root@example.net>, orig_to=<root>, relay=local, delay=0, delays=0/0/0/0, \
             dsn=2.0.0, status=sent (delivered to mailbox)",
            "delivered-here",
        ),
        (
            "postfix/smtpd[5]: NOQUEUE: reject: RCPT from x[192.0.2.3]: 454 4.7.1 <a@b.example>: Relay access denied; \
             from=<c@d.example> to=<a@b.example> proto=ESMTP helo=<x>",
            "refused-by-postfix",
        ),
    ] {
        assert_eq!(explained(text).code, code, "{text}");
    }
}

#[test]
fn a_warning_of_postfix_is_not_taken_for_one_of_the_milter() {
    let text = "postfix/smtpd[5]: warning: hostname x does not resolve to address 192.0.2.1";
    assert_eq!(explain(&LogLine::parse(text)), None);
}

proptest::proptest! {
    #[test]
    fn no_line_is_too_odd(text in "\\PC{0,200}", known in 0usize..8) {
        let heads = [
            "", "4F3A21C0E1: ", "not signed: ", "done: ", "s=a d=b a=c not verified: ", "milter-reject: ",
            "to=<a>, relay=b, x, status=", "Nov 23 21:24:52 mail opendkim[1]: ",
        ];
        let line = format!("{}{text}", heads[known]);
        let _ = explain(&LogLine::parse(&line));
        let _ = crate::subject::Subject::recognise(&line);
        let _ = crate::message::results::explain(&line);
    }
}
