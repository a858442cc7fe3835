//! The programs of opendkim-tools and `opendkim -t`, ours beside Debian's: the same words and exit
//! codes, but for what was wrong there.

#[path = "support/absent.rs"]
mod absent;
#[path = "support/tools.rs"]
mod support_tools;

use std::{fs, net::Ipv4Addr, process::Command};

use support_tools::{Bench, MESSAGE, Ran, original_is_there};

/// Without `dkim-atps=neutral`, which the original always adds, and with the algorithm that stands
/// in the signature.
fn corrected(ran: Ran) -> Ran {
    Ran {
        stdout: ran
            .stdout
            .replace(";\n\tdkim-atps=neutral", "")
            .replace("; dkim-atps=neutral", "")
            .replace("header.a=rsa-sha1", "header.a=rsa-sha256"),
        ..ran
    }
}

/// What dkimd says more than the original: why it does not sign.
fn without_reason(mut ran: Ran) -> Ran {
    ran.stderr = ran
        .stderr
        .split_inclusive('\n')
        .filter(|line| !line.contains(": not signed: "))
        .collect();
    ran
}

#[test]
fn test_mode_says_what_opendkim_says() {
    if !original_is_there("opendkim") {
        return;
    }
    let bench = Bench::new();
    let (keys, key) = (bench.path("keys"), bench.path("sel.private"));
    bench.write(
        "both.conf",
        &format!(
            "Domain example.com\nSelector sel\nKeyFile {key}\nRequireSafeKeys no\n\
             TestPublicKeys {keys}\nSoftwareHeader yes\n"
        ),
    );
    for (name, line) in [
        (
            "reject.conf",
            "On-BadSignature reject\nOn-NoSignature tempfail",
        ),
        (
            "discard.conf",
            "On-BadSignature discard\nOn-KeyNotFound reject",
        ),
        (
            "always.conf",
            "AlwaysAddARHeader yes\nAuthservIDWithJobID yes\nNoHeaderB yes",
        ),
        ("strict.conf", "StrictTestMode yes"),
    ] {
        bench.write(name, &format!("TestPublicKeys {keys}\n{line}\n"));
    }
    let ran = bench.ours(
        "opendkim",
        &["-x", "both.conf", "-b", "s", "-t", "message"],
        "",
    );
    let field = ran.stdout.split_once('\n').unwrap().1;
    let signed = format!("{field}{MESSAGE}");
    for (name, text) in [
        ("signed", signed.clone()),
        ("body", signed.replace("body", "bodi")),
        ("header", signed.replace("Subject: hi", "Subject: ho")),
        ("nokey", signed.replace("s=sel;", "s=nx;")),
        ("wire", MESSAGE.replace('\n', "\r\n")),
        ("nofrom", "Subject: x\n\nbody\n".to_owned()),
        ("empty", String::new()),
        (
            "version",
            signed
                .replace("v=1;", "v=1;  ")
                .replace("c=simple", "c=other"),
        ),
    ] {
        bench.write(name, &text);
    }
    for file in [
        "message",
        "signed",
        "body",
        "header",
        "nokey",
        "wire",
        "nofrom",
        "empty",
        "version",
        "message,signed,/nonexistent,wire",
    ] {
        for (conf, mode) in [
            ("verify.conf", "v"),
            ("verify.conf", "s"),
            ("both.conf", "sv"),
            ("both.conf", "s"),
            ("reject.conf", "v"),
            ("discard.conf", "v"),
            ("always.conf", "v"),
            ("strict.conf", "v"),
        ] {
            // There the original forgets AuthservIDWithJobID.
            if conf == "always.conf" && ["nofrom", "empty"].contains(&file) {
                continue;
            }
            for verbosity in ["-X", "-v", "-vv"] {
                let args = [
                    "-x",
                    conf,
                    "-b",
                    mode,
                    "-F",
                    "1700000000",
                    verbosity,
                    "-t",
                    file,
                ];
                assert_eq!(
                    without_reason(bench.ours("opendkim", &args, "")),
                    corrected(bench.theirs("opendkim", &args, "")),
                    "{args:?}"
                );
            }
        }
    }
    let args = ["-x", "verify.conf", "-t", "-"];
    assert_eq!(
        bench.ours("opendkim", &args, &signed),
        bench.theirs("opendkim", &args, &signed)
    );
}

#[test]
fn testkey_says_what_opendkim_testkey_says_but_looks_into_the_key() {
    if !original_is_there("opendkim-testkey") {
        return;
    }
    let mut bench = Bench::new();
    let zone: String = [
        ("sel", bench.record("sel")),
        ("ed", bench.record("ed")),
        ("rev", "v=DKIM1; p=".to_owned()),
        ("junk", "v=DKIM1; p=!!!".to_owned()),
        ("unk", "v=DKIM1; k=foo; p=AAAA".to_owned()),
        ("nop", "v=DKIM1; k=rsa".to_owned()),
        ("v2", "v=DKIM2; p=AAAA".to_owned()),
        ("web", "v=DKIM1; s=web; p=AAAA".to_owned()),
        ("hash", "v=DKIM1; h=foo; p=AAAA".to_owned()),
        ("two", "v=DKIM1; p=A".to_owned()),
        ("two", "v=DKIM1; p=B".to_owned()),
        ("empty", String::new()),
    ]
    .iter()
    .map(|(selector, text)| Bench::zone_line(selector, text).replace(';', "\\;"))
    .collect();
    // The original asks port 53 alone.
    let Some(server) = bench.serve(Ipv4Addr::new(127, 0, 0, 77), 53, &zone) else {
        absent::absent("no nsd, or port 53 can't be had");
        return;
    };
    bench.write("dns.conf", &format!("Nameservers {}\n", server.ip()));
    for selector in [
        "sel", "ed", "rev", "unk", "nop", "v2", "web", "hash", "two", "empty", "nx",
    ] {
        for key in [None, Some("sel.private"), Some("other.private")] {
            for verbosity in [None, Some("-v"), Some("-vvv")] {
                let mut args = vec!["-x", "dns.conf", "-d", "example.com", "-s", selector];
                args.extend(key.iter().flat_map(|key| ["-k", key]));
                args.extend(verbosity);
                assert_eq!(
                    bench.ours("opendkim-testkey", &args, ""),
                    bench.theirs("opendkim-testkey", &args, ""),
                    "{args:?}"
                );
            }
        }
    }
    for args in [
        &["-d", "example.com"][..],
        &["-s", "sel"],
        &["-h"],
        &["-d", "example.com", "-s", "sel", "-k", "/nonexistent"],
        &["-d", "example.com", "-s", "sel", "-k", "/tmp"],
    ] {
        let args: Vec<&str> = ["-x", "dns.conf"].iter().chain(args).copied().collect();
        assert_eq!(
            bench.ours("opendkim-testkey", &args, ""),
            bench.theirs("opendkim-testkey", &args, ""),
            "{args:?}"
        );
    }
    let one = |selector: &str, key: &str| {
        let args = [
            "-x",
            "dns.conf",
            "-d",
            "example.com",
            "-s",
            selector,
            "-k",
            key,
        ];
        bench.ours("opendkim-testkey", &args, "").code
    };
    assert_eq!(one("ed", "ed.private"), Some(0), "the original can't");
    assert_eq!(one("sel", "ed.private"), Some(65), "the original can't");
    let junk = ["-x", "dns.conf", "-d", "example.com", "-s", "junk"];
    assert_eq!(bench.ours("opendkim-testkey", &junk, "").code, Some(69));
}

#[test]
fn a_whole_key_table_is_tested_with_an_honest_exit_code() {
    let mut bench = Bench::new();
    let zone = Bench::zone_line("sel", &bench.record("sel")).replace(';', "\\;")
        + &Bench::zone_line("ed", &bench.record("ed")).replace(';', "\\;");
    let Some(server) = bench.serve(Ipv4Addr::LOCALHOST, 0, &zone) else {
        absent::absent("no nsd");
        return;
    };
    let dir = bench.path("");
    let conf = |bench: &Bench, lines: &str| {
        bench.write("table", lines);
        bench.write(
            "table.conf",
            &format!(
                "Nameservers {}@{}\nKeyTable file:{dir}table\nSigningTable csl:*@example.com=a\n",
                server.ip(),
                server.port()
            ),
        );
    };
    let good = format!(
        "a example.com:sel:{dir}sel.private\nb example.com:ed:{dir}ed.private\n\
         c %:sel:{dir}sel.private\n"
    );
    conf(&bench, &good);
    let ran = bench.ours("opendkim-testkey", &["-x", "table.conf", "-v"], "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        ran.stdout,
        "opendkim-testkey: 2 keys checked; 2 pass, 0 fail\n"
    );
    conf(
        &bench,
        &format!(
            "{good}d example.com:sel:{dir}other.private\ne example.com:nx:{dir}sel.private\n\
             f example.com:sel:/nonexistent\n"
        ),
    );
    let ran = bench.ours("opendkim-testkey", &["-x", "table.conf", "-v"], "");
    assert_eq!(ran.code, Some(65), "{ran:?}");
    assert_eq!(
        ran.stdout,
        "opendkim-testkey: 5 keys checked; 2 pass, 3 fail\n"
    );
    let ran = bench.dkimd(&["testkey", "-x", "table.conf", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let results: Vec<&str> = json["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["result"].as_str().unwrap())
        .collect();
    assert_eq!(
        results,
        [
            "good",
            "good",
            "not-tested",
            "mismatch",
            "bad-record",
            "no-file"
        ]
    );
}

#[test]
fn what_testmsg_signs_opendkim_and_testmsg_verify() {
    let bench = Bench::new();
    let wire = MESSAGE.replace('\n', "\r\n");
    for message in [MESSAGE, &wire] {
        for selector in ["sel", "ed"] {
            let key = format!("{selector}.private");
            let args = ["-d", "example.com", "-s", selector, "-k", &key];
            let signed = bench.ours("opendkim-testmsg", &args, message);
            assert_eq!((signed.code, signed.stderr.as_str()), (Some(0), ""));
            assert!(signed.stdout.ends_with(message));
            let check = ["-x", "verify.conf"];
            let ran = bench.ours("opendkim-testmsg", &check, &signed.stdout);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let changed = signed.stdout.replace("body", "bodi");
            let ran = bench.ours("opendkim-testmsg", &check, &changed);
            assert_eq!(ran.code, Some(70));
            assert!(ran.stderr.contains("dkim_eom(): Bad signature"), "{ran:?}");
            if original_is_there("opendkim") {
                let args = ["-x", "verify.conf", "-t", "-"];
                let judged = bench.theirs("opendkim", &args, &signed.stdout);
                assert!(judged.stdout.contains("succeeded"), "{judged:?}");
            }
        }
    }
    let codes = |args: &[&str], stdin: &str| bench.ours("opendkim-testmsg", args, stdin).code;
    assert_eq!(codes(&["-d", "example.com"], MESSAGE), Some(78));
    assert_eq!(codes(&["-x", "verify.conf"], MESSAGE), Some(70));
    let no_key = ["-d", "example.com", "-s", "sel", "-k", "/nonexistent"];
    assert_eq!(codes(&no_key, MESSAGE), Some(71));
}

#[test]
fn genzone_writes_what_the_original_writes_with_the_hash_added() {
    let bench = Bench::new();
    let dir = bench.path("");
    bench.write(
        "rsa",
        &format!(
            "a example.com:sel:{dir}sel.private\nb example.org:other:{dir}other.private\n\
             c sub.example.com:sel:{dir}sel.private\n"
        ),
    );
    let plain = |ran: Ran| {
        let lines = ran.stdout.lines().filter(|line| !line.contains(" at "));
        let text: String = lines.collect();
        let text = text.replace("h=sha256\\;", "").replace("\"\t\"", "");
        (ran.code, text, ran.stderr)
    };
    if original_is_there("opendkim-genzone") {
        for args in [
            &[][..],
            &["-D"],
            &["-F"],
            &["-F", "-t", "300", "-M"],
            &["-d", "example.com"],
            &["-d", "example.com", "-s", "-D"],
            &[
                "-S",
                "-N",
                "ns1.example.com.",
                "-C",
                "joe@example.com.",
                "-E1",
                "-r2",
                "-R3",
                "-T4",
            ],
        ] {
            let args: Vec<&str> = ["file:rsa"].iter().chain(args).copied().collect();
            assert_eq!(
                plain(bench.ours("opendkim-genzone", &args, "")),
                plain(bench.theirs("opendkim-genzone", &args, "")),
                "{args:?}"
            );
        }
    }
    bench.write("none", "a example.com:sel:/nonexistent\n");
    bench.write("broken", "a example.com\n");
    for (args, code) in [
        (&["file:none"][..], 1),
        (&["file:broken"], 1),
        (&["file:/nonexistent"], 1),
        (&["-t", "abc", "file:rsa"], 64),
        (&["-x", "/nonexistent"], 78),
        (&["-o", "/nonexistent/x", "file:rsa"], 1),
    ] {
        let ran = bench.ours("opendkim-genzone", args, "");
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(code), ""),
            "{args:?}"
        );
        if original_is_there("opendkim-genzone") {
            let original = bench.theirs("opendkim-genzone", args, "");
            assert_eq!(original.code, Some(code), "{args:?}");
        }
    }
}

#[test]
fn name_servers_take_the_zones_and_verifiers_the_records() {
    let bench = Bench::new();
    let dir = bench.path("");
    bench.write(
        "table",
        &format!("a example.com:sel:{dir}sel.private\nb example.com:ed:{dir}ed.private\n"),
    );
    let apex = [
        "-S",
        "-N",
        "ns.example.net",
        "-C",
        "post.master@example.com",
    ];
    let keys = bench.dkimd(&[&["genzone", "-D", "file:table"][..], &apex].concat());
    let signers =
        bench.dkimd(&[&["atpszone", "-A", "csl:esp.example,b.example"][..], &apex].concat());
    for (name, ran) in [("keys.zone", &keys), ("signers.zone", &signers)] {
        assert_eq!(ran.code, Some(0), "{ran:?}");
        bench.write(name, &ran.stdout);
        for checker in ["nsd-checkzone", "named-checkzone"] {
            let checked = Command::new(checker)
                .args(["example.com", &bench.path(name)])
                .output();
            match checked {
                Ok(output) => assert!(output.status.success(), "{checker}: {output:?}"),
                Err(_) => absent::absent(&format!("{checker} is not installed")),
            }
        }
    }
    let kinds = keys.stdout.matches("k=rsa").count() + keys.stdout.matches("k=ed25519").count();
    assert_eq!(kinds, 2);
    assert!(
        signers
            .stdout
            .contains("====._atps\tIN\tTXT\t\"v=ATPS1\"\n")
    );
    let updates = bench
        .dkimd(&["genzone", "-u", "-N", "192.0.2.1", "file:table"])
        .stdout;
    let lines: Vec<&str> = updates.lines().collect();
    assert_eq!(lines[..2], ["server 192.0.2.1", "zone example.com"]);
    assert!(lines[2].starts_with("update add sel._domainkey.example.com. 86400 TXT \"v=DKIM1"));
    assert_eq!(lines[4..], ["send", "answer"]);
}

#[test]
fn statistics_files_are_shown_as_opendkim_stats_shows_them() {
    if !original_is_there("opendkim-stats") {
        return;
    }
    let bench = Bench::new();
    let message = "M4X\tme\texample.com\tunknown\t1795416140\t31\t2\t0\t1\n";
    let mut all = format!("V3\n{message}");
    for error in -1..48 {
        all += &format!(
            "Sb.org\t0\t{}\t{error}\t{error}\t{}\n",
            error % 2,
            error % 3
        );
    }
    for text in [
        &all,
        "V3\nM5\tme\tx\t1.1.1.1\t0\t0\t0\t1\t0\nSa\t1\t0\t-1\t0\t-1\n",
        "V2\nM4X\tme\n",
        "V3\nSa\t1\t0\t-1\t0\t-1\n",
        "junk\n",
        "",
    ] {
        assert_eq!(
            bench.ours("opendkim-stats", &[], text),
            bench.theirs("opendkim-stats", &[], text),
            "{text:?}"
        );
    }
    for args in [&["a", "b"][..], &["/nonexistent"]] {
        assert_eq!(
            bench.ours("opendkim-stats", args, ""),
            bench.theirs("opendkim-stats", args, "")
        );
    }
}

#[test]
fn retired_programs_say_what_to_use_instead() {
    let bench = Bench::new();
    for name in ["opendkim-importstats", "opendkim-spam", "opendkim-genstats"] {
        let ran = bench.ours(name, &["-f", "x"], "");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(69), ""));
        assert!(ran.stderr.starts_with(&format!("{name}: this program ")));
        assert_eq!(ran.stderr.lines().count(), 1);
    }
}

#[test]
fn verify_tells_what_was_hashed_and_what_failed() {
    let bench = Bench::new();
    let args = ["-d", "example.com", "-s", "sel", "-k", "sel.private"];
    let signed = bench.ours("opendkim-testmsg", &args, MESSAGE).stdout;
    let verify = |message: &str| {
        bench.write("judged", message);
        let args = ["verify", "--keys", "keys", "--json", "--trace", "judged"];
        let ran = bench.dkimd(&args);
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        (ran.code, json["signatures"][0].clone())
    };
    let (code, good) = verify(&signed);
    assert_eq!((code, good["code"].as_str()), (Some(0), Some("pass")));
    assert_eq!(good["body"]["canonical"], "Ym9keQ0K");
    assert_eq!(good["body"]["hash"], good["body"]["signed_hash"]);
    assert_eq!(good["key"]["record"], bench.record("sel"));
    for (from, to, what, failed) in [
        ("body", "bodi", "body-changed", "body"),
        ("Subject: hi", "Subject: ho", "signature-wrong", "header"),
        ("s=sel;", "s=nx;", "key-not-found", "key"),
        ("v=1;", "v=2;", "malformed-signature", "signature"),
    ] {
        let (code, bad) = verify(&signed.replacen(from, to, 1));
        assert_eq!(code, Some(1), "{what}");
        assert_eq!(bad["code"], what);
        assert_eq!(bad["failed"], failed);
    }
    let keys = fs::read_to_string(bench.path("keys")).unwrap();
    bench.write("keys", &keys.replace("v=DKIM1", "!SERVFAIL\n#"));
    assert_eq!(verify(&signed).0, Some(75));
    assert_eq!(verify("no header\n\n").0, Some(65));
    let raw = bench.dkimd(&["verify", "--keys", "keys", "--trace", "/nonexistent"]);
    assert_eq!(raw.code, Some(69));
}
