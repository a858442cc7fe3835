//! Keys from DNS through the running daemon: trouble there never fails, loses or holds up mail.

#![allow(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

#[path = "support/incoming.rs"]
mod incoming;
mod support;
#[path = "support/dns/mod.rs"]
mod support_dns;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

use incoming::{Daemon, RECORD, reply, results, signed, signed_with};
use support_dns::{ASKED, FaultyServer, Question, cname, txt};

/// Postfix's milter_command_timeout, less the time the message itself may take.
const PATIENCE: Duration = Duration::from_secs(25);

fn behaviour(question: &Question, tcp: bool) -> Vec<Vec<u8>> {
    let good = || vec![question.reply(0, &[txt(&ASKED, RECORD.as_bytes(), 200)])];
    match question.label.as_str() {
        "good" => good(),
        "tcp" if tcp => good(),
        "tcp" => vec![question.truncated()],
        "cut" => vec![question.truncated()],
        "servfail" => vec![question.reply(2, &[])],
        "refused" => vec![question.reply(5, &[])],
        "circle" => vec![question.reply(0, &[cname(&ASKED, "circle._domainkey.example.com")])],
        "garbage" => vec![b"?".to_vec()],
        "nothing" => vec![question.reply(3, &[])],
        "several" => vec![question.reply(0, &[txt(&ASKED, b"a", 9), txt(&ASKED, b"b", 9)])],
        "late" => {
            thread::sleep(Duration::from_millis(1500));
            good()
        }
        "_report" => vec![question.reply(
            0,
            &[txt(
                &ASKED,
                b"ra=dkim-errors; rs=See=20example.com/dkim",
                200,
            )],
        )],
        _ => Vec::new(),
    }
}

fn daemon(server: &FaultyServer, options: &str) -> Daemon {
    let (address, port) = (server.address.ip(), server.address.port());
    Daemon::start(&format!("Nameservers {address}@{port}\n{options}"))
}

#[test]
fn trouble_with_dns_is_a_temporary_error_and_the_message_goes_on() {
    let server = FaultyServer::start(behaviour);
    let daemon = daemon(&server, "DNSTimeout 1");
    for (selector, word) in [
        ("good", "dkim=pass "),
        ("tcp", "dkim=pass "),
        ("cut", "dkim=temperror "),
        ("servfail", "dkim=temperror "),
        ("refused", "dkim=temperror "),
        ("circle", "dkim=temperror "),
        ("garbage", "dkim=temperror "),
        ("silent", "dkim=temperror "),
        ("several", "dkim=permerror "),
        ("nothing", "dkim=fail reason=\"key not found in DNS\" "),
    ] {
        let begun = Instant::now();
        let answers = daemon.deliver(&signed(&[selector]));
        let field = results(&answers).unwrap();
        assert!(
            field.starts_with(&format!(" mail.example.com;\n\t{word}")),
            "{selector}: {field}"
        );
        assert_eq!(reply(&answers), "a", "{selector}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{selector}");
    }
}

#[test]
fn on_dns_error_acts_where_it_is_set_and_no_other_option_does() {
    let server = FaultyServer::start(behaviour);
    let options =
        "DNSTimeout 1\nOn-BadSignature reject\nOn-KeyNotFound reject\nOn-NoSignature reject\n";
    let lenient = daemon(&server, options);
    let strict = daemon(&server, &format!("{options}On-DNSError tempfail"));
    for selector in ["servfail", "silent"] {
        let message = signed(&[selector]);
        assert_eq!(reply(&lenient.deliver(&message)), "a");
        assert_eq!(
            reply(&strict.deliver(&message)),
            "451 4.7.5 DKIM key retrieval failed"
        );
    }
    let message = signed(&["silent", "good"]);
    assert_eq!(
        reply(&strict.deliver(&message)),
        "a",
        "one good signature is enough"
    );
    assert_eq!(
        reply(&strict.deliver(&signed(&["nothing"]))),
        "550 5.7.20 DKIM key retrieval failed"
    );
}

#[test]
fn the_second_message_asks_nobody() {
    let server = FaultyServer::start(behaviour);
    let daemon = daemon(&server, "");
    for _ in 0..3 {
        let answers = daemon.deliver(&signed(&["good", "nothing"]));
        assert!(results(&answers).unwrap().contains("dkim=pass "));
        assert_eq!(server.queries(), 2);
    }
}

#[test]
fn keys_are_asked_for_while_the_body_is_still_to_come() {
    let server = FaultyServer::start(behaviour);
    let daemon = daemon(&server, "");
    let message = signed(&["late", "good"]);
    let mut client = daemon.connect();
    client.send_header(&message).unwrap();
    client.flush().unwrap();
    let limit = Instant::now() + Duration::from_secs(10);
    while server.queries() < 2 {
        assert!(Instant::now() < limit, "nobody asks before the body");
        thread::sleep(Duration::from_millis(10));
    }
    // By now the slow answer is nearly there.
    thread::sleep(Duration::from_millis(1700));
    client.send_body(&message.body).unwrap();
    let begun = Instant::now();
    let answers = client.end().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(1000));
    assert_eq!(results(&answers).unwrap().matches("dkim=pass ").count(), 2);
}

#[test]
fn the_mta_hears_of_progress_and_gets_its_answer_in_time_whatever_dns_does() {
    let server = FaultyServer::start(behaviour);
    // No limit of its own: the message's deadline holds.
    let daemon = daemon(&server, "DNSTimeout 0");
    let message = signed(&["silent", "good"]);
    let mut client = daemon.connect();
    client.send_header(&message).unwrap();
    client.send_body(&message.body).unwrap();
    let begun = Instant::now();
    let answers = client.end().unwrap();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert!(answers.iter().any(|answer| answer.kind == b'p'));
    let field = results(&answers).unwrap();
    assert!(
        field.contains("dkim=temperror ") && field.contains("dkim=pass "),
        "{field}"
    );
}

#[test]
fn a_signer_who_asks_for_reports_gets_them_and_its_text_in_refusals() {
    let server = FaultyServer::start(behaviour);
    let command = "{}/sendmail -i";
    let daemon = daemon(
        &server,
        &format!(
            "SendReports yes\nReportAddress Post <postmaster@example.org>\nMTACommand {command}\nOn-BadSignature reject"
        ),
    );
    let folder = daemon.folder.path();
    let (program, out) = (folder.join("sendmail"), folder.join("report"));
    // Whole or not at all.
    let script = format!(
        "#!/bin/sh\n{{ echo \"$@\"; cat; }} >{0}.new && mv {0}.new {0}\n",
        out.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();

    let unwanted = {
        let mut message = signed(&["good"]);
        message.body.push(b'x');
        daemon.deliver(&message)
    };
    assert_eq!(reply(&unwanted), "550 5.7.20 bad DKIM signature data");
    let mut message = signed_with(&["good"], true, false);
    assert_eq!(reply(&daemon.deliver(&message)), "a");
    message.body.push(b'x');
    assert_eq!(
        reply(&daemon.deliver(&message)),
        "550 5.7.20 See example.com/dkim: bad DKIM signature data"
    );
    let limit = Instant::now() + Duration::from_secs(10);
    while !out.exists() {
        assert!(Instant::now() < limit, "no report");
        thread::sleep(Duration::from_millis(20));
    }
    let report = fs::read_to_string(&out).unwrap();
    assert!(
        report.starts_with("-i -t -fpostmaster@example.org\nFrom: Post <postmaster@example.org>\nTo: dkim-errors@example.com\n"),
        "{report}"
    );
    for line in [
        "Subject: DKIM failure report for 4XyZ012345",
        "Auth-Failure: bodyhash",
        "DKIM-Selector: good",
        "Source-IP: 192.0.2.7",
        "Subject: A message of the usual kind, neither short nor long",
    ] {
        assert!(report.contains(line), "{line} is not in {report}");
    }
}

#[test]
fn a_bad_signature_with_copied_fields_leaves_a_file() {
    let server = FaultyServer::start(behaviour);
    let daemon = daemon(&server, "DiagnosticDirectory {}/diagnostics");
    let directory = daemon.folder.path().join("diagnostics");
    fs::create_dir(&directory).unwrap();
    let mut message = signed_with(&["good"], false, true);
    daemon.deliver(&message);
    let subject = message
        .header
        .iter_mut()
        .find(|(name, _)| name == b"Subject")
        .unwrap();
    subject.1 = b" changed".to_vec();
    daemon.deliver(&message);
    let file = directory.join("4XyZ012345");
    let limit = Instant::now() + Duration::from_secs(10);
    let complete = || fs::read_to_string(&file).is_ok_and(|text| text.ends_with("7bit\n"));
    while !complete() {
        assert!(Instant::now() < limit, "no file");
        thread::sleep(Duration::from_millis(20));
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("z tag headers:\n\n") && text.contains("\nReceived headers:\n"));
    assert!(
        text.contains("\nSubject: A message of the usual kind")
            && text.contains("\nSubject: changed\n")
    );
}
