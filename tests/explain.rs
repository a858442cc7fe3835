//! `dkimd explain` at the command line: log lines, words, replies, queue ids, messages and bounces.

#[path = "support/absent.rs"]
mod absent;
#[path = "support/tools.rs"]
mod support_tools;

use std::process::Command;

use serde_json::Value;
use support_tools::{Bench, MESSAGE, Ran};

/// A bench whose configuration signs for example.com.
fn bench() -> Bench {
    let bench = Bench::new();
    let key = bench.path("sel.private");
    bench.write(
        "sign.conf",
        &format!(
            "Domain example.com\nSelector sel\nKeyFile {key}\nRequireSafeKeys no\n\
             Canonicalization relaxed/simple\nOversignHeaders From,Subject\n"
        ),
    );
    bench
}

/// A message with the signature that the configuration gives it.
fn signed(bench: &Bench, message: &str) -> String {
    let conf = bench.path("sign.conf");
    let ran = bench.ours("dkimd", &["sign", "-x", &conf], message);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

/// What is said of a message, as JSON.
fn explained(bench: &Bench, message: &str, more: &[&str]) -> (Option<i32>, Value) {
    bench.write("arrived", message);
    let (file, keys) = (bench.path("arrived"), bench.path("keys"));
    let mut args = vec!["explain", "--message", &file, "--json", "--lang", "en"];
    if more.is_empty() {
        args.extend(["--keys", &keys]);
    }
    args.extend(more);
    let ran = bench.dkimd(&args);
    let json = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout, ran.stderr));
    (ran.code, json)
}

fn codes(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|f| f["code"].as_str().unwrap())
        .collect()
}

fn first(answer: &Value, part: &str) -> String {
    answer["findings"][0][part].to_string()
}

fn explain(args: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .env("LC_ALL", "C")
        .arg("explain")
        .args(args)
        .output()
        .unwrap();
    output.into()
}

#[test]
fn a_line_is_explained_in_the_language_asked_for_and_ends_with_1_where_something_is_wrong() {
    let line = "Nov 23 21:24:52 mail opendkim[9]: 4F3A21C0E1: no signing table match for 'joe@example.com'";
    let english = explain(&[line, "--lang", "en"]);
    assert_eq!(english.code, Some(1));
    assert!(
        english.stdout.contains("[no-matching-entry]"),
        "{}",
        english.stdout
    );
    assert!(
        english
            .stdout
            .contains("joe@example.com, so the message leaves unsigned")
    );
    assert!(english.stdout.contains(line));
    let spanish = explain(&[line, "--lang", "es"]);
    assert!(
        spanish.stdout.contains("sale sin firma"),
        "{}",
        spanish.stdout
    );
    let fine = explain(&["4F3A21C0E1: DKIM-Signature field added (s=mail, d=example.com)"]);
    assert_eq!(fine.code, Some(0), "{}", fine.stderr);
}

#[test]
fn lines_are_read_from_standard_input_and_told_once() {
    let bench = Bench::new();
    let line = "opendkim[9]: not authenticated\n";
    let ran = bench.ours("dkimd", &["explain", "-", "--json"], &line.repeat(20));
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(codes(&answer), ["not-authenticated"]);
    let unknown = bench.ours("dkimd", &["explain", "-"], "cron[1]: something\n");
    assert_eq!(unknown.code, Some(65));
}

#[test]
fn all_words_are_listed_and_each_is_explained() {
    let list = explain(&["--codes"]);
    assert_eq!(list.code, Some(0));
    let words: Vec<_> = list
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(words.len() > 40 && words.contains(&"not-ours"));
    let one = explain(&["key-unsafe"]);
    assert_eq!(one.code, Some(1));
    assert!(one.stdout.contains("chown opendkim"));
}

#[test]
fn replies_and_results_are_recognised() {
    let ours = explain(&[
        "451 4.7.0 DKIM signing key unavailable (key-missing)",
        "--json",
    ]);
    let answer: Value = serde_json::from_str(&ours.stdout).unwrap();
    assert_eq!(
        (answer["kind"].as_str(), codes(&answer)),
        (Some("reply"), vec!["key-missing"])
    );
    let google = explain(&[
        "host gmail-smtp-in.l.google.com[192.0.2.26] said: 550-5.7.25 The IP address sending this \
         message does not have a PTR record setup",
        "--json",
    ]);
    let answer: Value = serde_json::from_str(&google.stdout).unwrap();
    assert_eq!(codes(&answer), ["reverse-name"]);
    let results = explain(&[
        "Authentication-Results: mx.example; dkim=fail (body hash did not verify) header.d=example.com",
        "--json",
    ]);
    let answer: Value = serde_json::from_str(&results.stdout).unwrap();
    assert_eq!(codes(&answer), ["body-changed"]);
}

#[test]
fn a_line_without_quotes_is_taken_together() {
    let line = "Nov 23 21:24:52 mail opendkim[9]: 4F3A21C0E1: not authenticated --lang en";
    let ran = explain(&line.split(' ').collect::<Vec<_>>());
    assert!(ran.stdout.contains("[not-authenticated]"), "{}", ran.stderr);
}

#[test]
fn what_is_not_understood_says_so() {
    let ran = explain(&["what on earth", "--lang", "en"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(65), ""));
    assert!(ran.stderr.contains("--help"));
    assert_eq!(explain(&[]).code, Some(64));
    assert_eq!(explain(&["a@b.example", "--line", "x"]).code, Some(64));
}

#[test]
fn an_address_is_foreseen_as_before() {
    let bench = bench();
    let conf = bench.path("sign.conf");
    let ours = bench.dkimd(&["explain", "joe@example.com", "-x", &conf]);
    assert_eq!(ours.code, Some(0), "{}", ours.stderr);
    assert!(
        ours.stdout.contains("signed with s=sel d=example.com"),
        "{}",
        ours.stdout
    );
    let stranger = bench.dkimd(&[
        "explain",
        "joe@example.com",
        "-x",
        &conf,
        "--client",
        "192.0.2.7",
    ]);
    assert!(
        stranger.stdout.contains("(not-ours)"),
        "{}",
        stranger.stdout
    );
}

#[test]
fn the_story_of_a_queue_id_is_told_from_the_log() {
    let bench = Bench::new();
    bench.write(
        "mail.log",
        "Nov 23 21:24:52 mail postfix/smtpd[1]: 4F3A21C0E1: client=web[192.0.2.7], sasl_method=PLAIN, sasl_username=joe\n\
         Nov 23 21:24:52 mail postfix/cleanup[2]: 4F3A21C0E1: message-id=<1@example.com>\n\
         Nov 23 21:24:52 mail opendkim[3]: 4F3A21C0E1: /etc/k: key data is not secure: /etc/k can be read or written by other users (/etc/k is root:root, mode 0644); to mend it: chmod 600 /etc/k\n\
         Nov 23 21:24:52 mail postfix/cleanup[2]: 4F3A21C0E1: milter-reject: END-OF-MESSAGE from web[192.0.2.7]: 4.7.0 DKIM signing key unavailable (key-unsafe); from=<joe@example.com> to=<a@example.net> proto=ESMTP helo=<web>\n",
    );
    let log = bench.path("mail.log");
    let ran = bench.dkimd(&[
        "explain",
        "4F3A21C0E1",
        "--log",
        &log,
        "--json",
        "--lang",
        "en",
    ]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["kind"], "queue-id");
    assert_eq!(answer["story"].as_array().unwrap().len(), 4);
    assert_eq!(codes(&answer)[0], "key-unsafe");
    assert_eq!(answer["findings"][0]["fix"][0]["text"], "chmod 600 /etc/k");

    let unknown = bench.dkimd(&["explain", "5F3A21C0E1", "--log", &log]);
    assert_eq!(unknown.code, Some(65));
    let missing = bench.dkimd(&["explain", "5F3A21C0E1", "--log", &bench.path("nowhere")]);
    assert_eq!(missing.code, Some(69));
}

#[test]
fn a_whole_message_is_fine() {
    let bench = bench();
    let (code, answer) = explained(&bench, &signed(&bench, MESSAGE), &[]);
    assert_eq!((code, codes(&answer)), (Some(0), vec!["pass"]));
}

#[test]
fn a_footer_is_named_with_its_text() {
    let bench = bench();
    let arrived = signed(&bench, MESSAGE) + "_____\nList footer\n";
    let (code, answer) = explained(&bench, &arrived, &[]);
    assert_eq!((code, codes(&answer)), (Some(1), vec!["body-changed"]));
    assert!(
        first(&answer, "what").contains("2 lines were added to the end"),
        "{answer:#}"
    );
    assert!(
        first(&answer, "evidence").contains("+ List footer"),
        "{answer:#}"
    );
    let (_, offline) = explained(&bench, &arrived, &["--offline"]);
    assert_eq!(codes(&offline), ["body-changed"]);
}

#[test]
fn text_behind_the_signed_length_is_told() {
    let bench = bench();
    let conf = bench.path("sign.conf");
    let settings = std::fs::read_to_string(&conf).unwrap() + "MaximumSignedBytes 4\n";
    bench.write("sign.conf", &settings);
    let arrived = signed(&bench, MESSAGE) + "List footer\n";
    let (code, answer) = explained(&bench, &arrived, &[]);
    assert_eq!(
        (code, codes(&answer)),
        (Some(1), vec!["body-partly-signed"])
    );
}

#[test]
fn a_conversion_to_quoted_printable_is_named() {
    let bench = bench();
    let eight_bit = MESSAGE.replace("body", "mañana = año");
    let arrived = signed(&bench, &eight_bit).replace("mañana = año", "ma=C3=B1ana =3D a=C3=B1o");
    let (_, answer) = explained(&bench, &arrived, &[]);
    assert_eq!(codes(&answer), ["body-changed"]);
    assert!(
        first(&answer, "what").contains("quoted-printable"),
        "{answer:#}"
    );
    assert!(first(&answer, "fix").contains("disable_mime_output_conversion"));
}

#[test]
fn a_tagged_subject_is_named_with_what_it_was() {
    let bench = bench();
    let arrived = signed(&bench, MESSAGE).replace("Subject: hi", "Subject: [list] hi");
    let (_, answer) = explained(&bench, &arrived, &[]);
    assert_eq!(codes(&answer), ["signature-wrong"]);
    assert!(
        first(&answer, "evidence").contains("Subject: [list] hi")
            || first(&answer, "evidence").contains("Subject: hi -> [list] hi"),
        "{answer:#}"
    );
    let both = arrived + "-- \nfooter\n";
    let (_, answer) = explained(&bench, &both, &[]);
    assert_eq!(codes(&answer), ["body-changed"]);
    assert!(
        first(&answer, "evidence").contains("hi -> [list] hi"),
        "{answer:#}"
    );
}

#[test]
fn a_second_field_of_an_oversigned_name_is_named() {
    let bench = bench();
    let arrived = signed(&bench, MESSAGE).replace("Subject: hi\n", "Subject: hi\nSubject: buy\n");
    let (_, answer) = explained(&bench, &arrived, &[]);
    assert_eq!(codes(&answer), ["signature-wrong"]);
    assert!(
        first(&answer, "evidence").contains("+ Subject: "),
        "{answer:#}"
    );
}

#[test]
fn a_change_that_can_not_be_undone_is_told_from_another_key() {
    let bench = bench();
    let arrived = signed(&bench, MESSAGE).replace("To: x@example.net", "To: y@example.org");
    let (_, answer) = explained(&bench, &arrived, &[]);
    assert_eq!(codes(&answer), ["signature-wrong"]);
    assert!(
        first(&answer, "why").contains("made with the published key"),
        "{answer:#}"
    );

    let other = bench.record("other");
    bench.write("keys", &format!("sel._domainkey.example.com {other}\n"));
    let (_, answer) = explained(&bench, &signed(&bench, MESSAGE), &[]);
    assert_eq!(codes(&answer), ["other-key"]);
}

#[test]
fn a_missing_key_and_a_foreign_signer_are_told() {
    let bench = bench();
    let message = signed(&bench, MESSAGE);
    bench.write("keys", "elsewhere._domainkey.example.com v=DKIM1;p=\n");
    let (_, answer) = explained(&bench, &message, &[]);
    assert_eq!(codes(&answer), ["key-not-found"]);
    assert!(first(&answer, "fix").contains("sel._domainkey.example.com. IN TXT"));

    let bench = self::bench();
    let conf = bench.path("foreign.conf");
    let key = bench.path("sel.private");
    bench.write(
        "foreign.conf",
        &format!(
            "Domain *\nSelector sel\nKeyFile {key}\nRequireSafeKeys no\n\
                  SigningTable file:{0}\nKeyTable file:{1}\n",
            bench.path("st"),
            bench.path("kt")
        ),
    );
    bench.write("st", "author.example k\n");
    bench.write("kt", &format!("k example.com:sel:{key}\n"));
    let message = MESSAGE.replace("joe@example.com", "joe@author.example");
    let ran = bench.ours("dkimd", &["sign", "-x", &conf], &message);
    let (code, answer) = explained(&bench, &ran.stdout, &[]);
    assert_eq!(
        (code, codes(&answer)),
        (Some(1), vec!["not-aligned", "pass"]),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_unsigned_message_is_foreseen_for_its_author_and_client() {
    let bench = bench();
    let conf = bench.path("sign.conf");
    let message = format!(
        "Received: from web (web [192.0.2.7]) by mail.example.com (Postfix) with ESMTP id 4XyZ1a2b3c\n{MESSAGE}"
    );
    let (code, answer) = explained(&bench, &message, &["-x", &conf, "--offline"]);
    assert_eq!((code, codes(&answer)), (Some(1), vec!["unsigned"]));
    assert!(
        first(&answer, "evidence").contains("(not-ours)"),
        "{answer:#}"
    );
    assert!(first(&answer, "fix").contains("192.0.2.7"), "{answer:#}");
}

#[test]
fn the_receivers_results_in_a_message_are_explained() {
    let bench = bench();
    let message = format!(
        "Authentication-Results: mx.example.net;\n\tdkim=pass header.d=example.com;\n\tspf=fail smtp.mailfrom=joe@example.com\n{}",
        signed(&bench, MESSAGE)
    );
    let (_, answer) = explained(&bench, &message, &[]);
    assert_eq!(
        codes(&answer),
        ["receiver-spf", "pass", "receiver-satisfied"]
    );
}

#[test]
fn a_bounce_is_translated_and_a_log_file_read() {
    let bench = Bench::new();
    let bounce = "From: MAILER-DAEMON@mail.example.com\nContent-Type: multipart/report; report-type=delivery-status;\n\
        \tboundary=\"b/1\"\n\n--b/1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mail.example.com\n\n\
        Final-Recipient: rfc822; joe@gmail.com\nAction: failed\nStatus: 5.7.26\nRemote-MTA: dns; gmail-smtp-in.l.google.com\n\
        Diagnostic-Code: smtp; 550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n\n\
        --b/1\nContent-Type: text/rfc822-headers\n\nFrom: joe@example.com\nSubject: hi\n\n--b/1--\n";
    let (code, answer) = explained(&bench, bounce, &[]);
    assert_eq!(answer["kind"], "bounce");
    assert_eq!(
        (code, codes(&answer)),
        (Some(1), vec!["unauthenticated", "returned-unsigned"])
    );

    let log = "2026-11-23T21:24:52.000000+00:00 mail opendkim[1]: 4F3A21C0E1: not authenticated\n";
    let (_, answer) = explained(&bench, log, &[]);
    assert_eq!(codes(&answer), ["not-authenticated"]);
}
