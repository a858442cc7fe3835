//! The examples, run as they are told to be.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use data_encoding::BASE64;
use dkim_core::crypto::{PrivateKey, private_key_from_pkcs1_der, private_key_from_pkcs8_der};

const ED25519: &[u8] = include_bytes!("../crypto/testdata/ed25519.pkcs8.der");
const RSA: &[u8] = include_bytes!("../crypto/testdata/rsa2048.pkcs1.der");
const MESSAGE: &str =
    "From: Joe <joe@example.com>\nTo: Ann <ann@example.net>\nSubject: Hello\n\nLet us meet.\n";

/// Runs an example, which `cargo test` has built beside this test.
fn example(name: &str, arguments: &[&Path]) -> Output {
    let test = std::env::current_exe().expect("this test's path");
    let program = test
        .ancestors()
        .nth(2)
        .expect("target/PROFILE")
        .join("examples")
        .join(name);
    Command::new(&program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo test` builds it", program.display()))
}

/// Signs with `key`, whose public half is published as `record` says; then verifies what was signed, and
/// what was changed after it.
fn round(key: &[u8], public: &dyn PrivateKey, kind: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        path
    };
    let key = file("key", key);
    let record = format!(
        "v=DKIM1; k={kind}; p={}",
        BASE64.encode(&public.public_key())
    );
    let keys = file(
        "keys",
        format!("s._domainkey.example.com={record}\n").as_bytes(),
    );
    let message = file("message", MESSAGE.as_bytes());
    let verdict = |message: &str| {
        let output = example("verify", &[&keys, &file("arrived", message.as_bytes())]);
        (
            output.status.success(),
            String::from_utf8(output.stdout).expect("text"),
        )
    };

    let output = example(
        "sign",
        &[&key, Path::new("example.com"), Path::new("s"), &message],
    );
    assert!(output.status.success(), "{output:?}");
    let signed = String::from_utf8(output.stdout).expect("text");
    assert!(
        signed.starts_with("DKIM-Signature: v=1;") && signed.ends_with(MESSAGE),
        "{signed}"
    );

    let (good, told) = verdict(&signed);
    assert!(
        good && told.starts_with("dkim=pass header.d=example.com"),
        "{told}"
    );
    let (good, told) = verdict(&signed.replace("meet", "part"));
    assert!(
        !good && told.starts_with("dkim=fail") && told.contains("body"),
        "{told}"
    );
    let (good, told) = verdict(&signed.replace("Hello", "Goodbye"));
    assert!(
        !good && told.starts_with("dkim=fail") && told.contains("header field"),
        "{told}"
    );
    let (good, told) = verdict(&signed.replace("s=s;", "s=t;"));
    assert!(!good && told.contains("no key"), "{told}");
    assert_eq!(verdict(MESSAGE), (false, String::new()));
}

#[test]
fn what_the_one_example_signs_the_other_verifies_until_it_is_changed() {
    let key = private_key_from_pkcs8_der(ED25519).expect("a key");
    round(ED25519, &*key, "ed25519");
}

#[test]
fn a_key_may_come_in_pem() {
    let key = private_key_from_pkcs1_der(RSA).expect("a key");
    let pem = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        BASE64.encode(RSA)
    );
    round(pem.as_bytes(), &*key, "rsa");
}

#[test]
fn without_arguments_each_says_how_it_is_called() {
    for name in ["sign", "verify"] {
        let output = example(name, &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && told.contains(&format!("usage: {name} ")),
            "{told}"
        );
    }
}
