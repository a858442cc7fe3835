//! What `--json` prints has the form that docs/json.md promises. Setup's is held by tests/setup.rs.

#[path = "support/absent.rs"]
mod absent;
#[path = "support/json_form.rs"]
mod json_form;
#[path = "support/tools.rs"]
mod support_tools;

use json_form::assert_documented;
use serde_json::Value;
use support_tools::{Bench, MESSAGE};

fn bench() -> Bench {
    let bench = Bench::new();
    let key = bench.path("sel.private");
    bench.write(
        "sign.conf",
        &format!("Domain example.com\nSelector sel\nKeyFile {key}\nRequireSafeKeys no\nSocket local:/nowhere/s\n"),
    );
    bench.write(
        "bad.conf",
        "Domain example.com\nKeyFile /nowhere/key\nSelector sel\nNoSuchOption x\n",
    );
    bench
}

fn document(bench: &Bench, arguments: &[&str], input: &str) -> Value {
    let ran = bench.ours("dkimd", arguments, input);
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}{}", ran.stdout, ran.stderr))
}

#[test]
fn every_command_prints_the_form_that_is_documented() {
    let bench = bench();
    let (sign, bad) = (bench.path("sign.conf"), bench.path("bad.conf"));
    let (keys, verify) = (bench.path("keys"), bench.path("verify.conf"));
    let signed = bench.ours("dkimd", &["sign", "-x", &sign], MESSAGE).stdout;
    let broken = signed.replace("body", "other");
    bench.write("arrived", &broken);
    let arrived = bench.path("arrived");
    for (command, arguments, input, least) in [
        ("check", vec!["check", "--json", "-x", &sign], "", 0),
        ("check", vec!["check", "--json", "-x", &bad], "", 2),
        (
            "verify",
            vec!["verify", "--json", "--keys", &keys],
            signed.as_str(),
            0,
        ),
        (
            "verify",
            vec!["verify", "--json", "--keys", &keys],
            broken.as_str(),
            1,
        ),
        (
            "explain",
            vec!["explain", "--json", "-x", &sign, "joe@example.com"],
            "",
            1,
        ),
        (
            "explain",
            vec!["explain", "--json", "-x", &sign, "joe@example.org"],
            "",
            1,
        ),
        (
            "explain",
            vec!["explain", "--json", "--message", &arrived, "--keys", &keys],
            "",
            1,
        ),
        ("explain", vec!["explain", "--json", "--codes"], "", 10),
        (
            "explain",
            vec![
                "explain",
                "--json",
                "--line",
                "opendkim[3]: 4F3A21C0E1: no signature data",
            ],
            "",
            0,
        ),
        (
            "doctor",
            vec!["doctor", "--json", "--offline", "-x", &bad],
            "",
            1,
        ),
    ] {
        let document = document(&bench, &arguments, input);
        assert_documented(command, &document);
        let found = document["findings"].as_array().unwrap().len();
        assert!(found >= least, "{arguments:?}: {document}");
    }
    let tested = document(
        &bench,
        &[
            "testkey",
            "--json",
            "-x",
            &verify,
            "-d",
            "example.com",
            "-s",
            "sel",
        ],
        "",
    );
    assert_documented("testkey", &tested);
}
