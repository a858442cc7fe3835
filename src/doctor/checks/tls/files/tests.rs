//! Files as administrators leave them.

use std::{fs, process::Command};

use super::*;

fn pair(certificate: &Path, key: &Path) -> Pair {
    Pair {
        certificate: ("smtpd_tls_cert_file", certificate.to_owned()),
        key: ("smtpd_tls_key_file", key.to_owned()),
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn made(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    made_of(directory, name, "ec -pkeyopt ec_paramgen_curve:P-256")
}

/// A certificate and its key of some kind.
fn made_of(directory: &Path, name: &str, kind: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
    openssl(
        directory,
        &format!("req -x509 -newkey {kind} -nodes -subj /CN=x -keyout {key} -out {certificate}"),
    );
    let key = directory.join(key);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    (directory.join(certificate), key)
}

/// Writes a key anew as `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY`.
fn in_the_old_way(directory: &Path, key: &Path) {
    let new = directory.join("new.key");
    let (from, to) = (key.display(), new.display());
    openssl(
        directory,
        &format!("pkey -traditional -in {from} -out {to}"),
    );
    fs::rename(new, key).unwrap();
}

#[test]
fn key_and_certificate_must_belong_together() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = made(directory.path(), "one");
    let (_, other) = made(directory.path(), "other");
    assert_eq!(faults(&pair(&certificate, &key)), []);
    let swapped = pair(&certificate, &other);
    assert_eq!(faults(&swapped), [Fault::Differs]);
    let finding = Fault::Differs.finding(&swapped, "mail.example.com");
    assert!(finding.evidence[1].starts_with("smtpd_tls_key_file = "));
}

#[test]
fn keys_of_all_usual_kinds_are_compared() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for kind in [
        "rsa:2048",
        "ec -pkeyopt ec_paramgen_curve:P-256",
        "ec -pkeyopt ec_paramgen_curve:P-384",
        "ec -pkeyopt ec_paramgen_curve:P-521",
        "ed25519",
    ] {
        let (certificate, key) = made_of(directory, "one", kind);
        let (_, other) = made_of(directory, "other", kind);
        assert_eq!(faults(&pair(&certificate, &key)), [], "{kind}");
        let swapped = pair(&certificate, &other);
        assert_eq!(faults(&swapped), [Fault::Differs], "{kind}");
        if kind == "ed25519" {
            continue;
        }
        for key in [&key, &other] {
            in_the_old_way(directory, key);
        }
        assert_eq!(faults(&pair(&certificate, &key)), [], "{kind}");
        assert_eq!(faults(&swapped), [Fault::Differs], "{kind}");
    }
    let (certificate, _) = made(directory, "one");
    let (_, rsa) = made_of(directory, "other", "rsa:2048");
    assert_eq!(faults(&pair(&certificate, &rsa)), [Fault::Differs]);
}

#[test]
fn nothing_is_said_of_kinds_that_are_not_known() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, _) = made_of(directory.path(), "one", "ed448");
    let (_, other) = made_of(directory.path(), "other", "ed448");
    assert_eq!(faults(&pair(&certificate, &other)), []);
}

#[test]
fn both_may_stand_in_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = made(directory.path(), "one");
    let both = directory.path().join("both.pem");
    let text = [certificate, key].map(|file| fs::read_to_string(file).unwrap());
    fs::write(&both, text.concat()).unwrap();
    fs::set_permissions(&both, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(faults(&pair(&both, &both)), []);
}

#[test]
fn missing_open_and_senseless_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = made(directory.path(), "one");
    let absent = directory.path().join("absent");
    assert_eq!(
        faults(&pair(&certificate, &absent)),
        [Fault::Missing("smtpd_tls_key_file", absent.clone())]
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(faults(&pair(&certificate, &key)), [Fault::Open(0o644)]);
    let swapped = faults(&pair(&key, &certificate));
    assert!(
        matches!(swapped[0], Fault::Unusable("smtpd_tls_cert_file", ..)),
        "{swapped:?}"
    );
}
