//! Files as administrators leave them.

use std::{fs, process::Command};

use super::*;

fn pair(certificate: &Path, key: &Path) -> Pair {
    Pair {
        certificate: ("smtpd_tls_cert_file", certificate.to_owned()),
        key: ("smtpd_tls_key_file", key.to_owned()),
    }
}

fn made(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
    let done = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x".split(' '))
        .args(["-keyout", &key, "-out", &certificate])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let key = directory.join(key);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    (directory.join(certificate), key)
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
