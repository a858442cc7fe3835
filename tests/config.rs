//! A configuration as a whole: what it opens, what it says of faults, what it never refuses.

use std::{fs, path::Path};

use dkimd_server::{
    config::{
        resolve::Overrides,
        snapshot::{SigningIdentities, Snapshot},
    },
    dataset::Answer,
    diagnostic::Diagnostic,
    keys::KeySource,
    tables::hosts::HostMatch,
};
use tempfile::TempDir;

/// A directory with these files, in whose texts `@DIR@` is its own path.
fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let text = text.replace("@DIR@", dir.path().to_str().unwrap());
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn load(dir: &TempDir) -> (Option<Snapshot>, Vec<Diagnostic>) {
    Snapshot::load(Some(&dir.path().join("conf")), &Overrides::default())
}

#[test]
fn the_guides_configuration_loads_without_a_finding() {
    let dir = dir(&[
        (
            "conf",
            "Syslog yes\nSyslogSuccess yes\nLogWhy yes\nUMask 002\nCanonicalization relaxed/simple\n\
             ExternalIgnoreList refile:@DIR@/TrustedHosts\nInternalHosts refile:@DIR@/TrustedHosts\n\
             KeyTable refile:@DIR@/KeyTable\nSigningTable refile:@DIR@/SigningTable\nMode sv\n\
             OversignHeaders From\nSignatureAlgorithm rsa-sha256\n\
             Socket inet:8891@127.0.0.1\nUserID opendkim:opendkim\n",
        ),
        (
            "TrustedHosts",
            "127.0.0.1\nlocalhost\n192.168.0.0/24\n*.example.com\n",
        ),
        (
            "KeyTable",
            "mail._domainkey.example.com example.com:mail:/etc/dkimkeys/mail.private\n",
        ),
        (
            "SigningTable",
            "*@example.com mail._domainkey.example.com\n",
        ),
    ]);
    let (snapshot, findings) = load(&dir);
    assert_eq!(findings, []);
    let snapshot = snapshot.unwrap();
    let internal = |name, address: &str| {
        let found = snapshot.internal_hosts.find(name, address.parse().ok());
        matches!(found, HostMatch::Listed(_))
    };
    assert!(internal(Some("host.example.com"), "198.51.100.1"));
    assert!(internal(None, "192.168.0.77"));
    assert!(!internal(Some("host.example.net"), "198.51.100.1"));
    let keys: Vec<_> = snapshot.keys().collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].line, 1);
    assert_eq!(
        keys[0].key,
        Some(KeySource::File("/etc/dkimkeys/mail.private".into()))
    );
}

#[test]
fn without_a_file_there_are_defaults_and_nothing_is_signed() {
    let (snapshot, findings) = Snapshot::load(None, &Overrides::default());
    assert_eq!(findings, []);
    let snapshot = snapshot.unwrap();
    assert!(matches!(snapshot.signing, SigningIdentities::None));
    assert_eq!(snapshot.sender_headers, ["From"]);
    let listed = |address: &str| snapshot.internal_hosts.find(None, address.parse().ok());
    assert_eq!(listed("::1"), HostMatch::Listed("::1"));
    assert_eq!(listed("192.0.2.1"), HostMatch::Unlisted);
}

#[test]
fn relative_paths_start_from_the_base_directory() {
    let dir = dir(&[
        (
            "conf",
            "BaseDirectory @DIR@\nKeyTable file:keys\nSigningTable refile:./signing\n",
        ),
        ("keys", "k a.ex:s:private/a.pem\n"),
        ("signing", "*@a.ex k\n"),
    ]);
    let (snapshot, findings) = load(&dir);
    assert_eq!(findings, []);
    let snapshot = snapshot.unwrap();
    let key = snapshot.keys().next().unwrap().key;
    assert_eq!(key, Some(KeySource::File(dir.path().join("private/a.pem"))));
}

#[test]
fn a_line_that_names_no_key_is_told_and_the_others_sign() {
    let dir = dir(&[
        (
            "conf",
            "KeyTable file:@DIR@/keys\nSigningTable refile:@DIR@/signing\n",
        ),
        ("keys", "k a.ex:s:/k\n"),
        ("signing", "*@b.ex gone\n*@a.ex k\n*@* %\n"),
    ]);
    let (snapshot, findings) = load(&dir);
    assert_eq!(findings.len(), 1);
    let text = findings[0].to_string();
    assert!(text.contains("signing:1: warning: "), "{text}");
    assert!(
        text.contains("could not find valid key record \"gone\" in KeyTable"),
        "{text}"
    );
    let snapshot = snapshot.unwrap();
    assert_eq!(snapshot.referenced_keys_missing().count(), 1);
    let SigningIdentities::Tables { signing, .. } = &snapshot.signing else {
        panic!("tables are configured")
    };
    let Answer::Now(found) = signing.find("u", "a.ex", false) else {
        panic!("a compiled table answers at once")
    };
    assert_eq!(found.unwrap()[0].key_name, "k");
}

#[test]
fn all_faults_of_all_files_come_at_once() {
    let dir = dir(&[(
        "conf",
        "Nonsense 1\nMode sq\nInternalHosts file:/nowhere/hosts\nSignHeaders refile:@DIR@/conf\n\
         TrustAnchorFile /nowhere/anchor\nDomain ldap://x/\nSelector s\nKeyFile /k\n",
    )]);
    let (snapshot, findings) = load(&dir);
    assert!(snapshot.is_none());
    let text: String = findings
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect();
    for words in [
        "conf:1: error: Nonsense: unrecognized parameter",
        "conf:2: error: unknown mode",
        "/nowhere/hosts: dkimf_db_open(): No such file or directory",
        "SignHeaders can't be a refile: set",
        "TrustAnchorFile /nowhere/anchor: No such file or directory",
        "this kind of data set can't be opened",
    ] {
        assert!(text.contains(words), "{words} in:\n{text}");
    }
}

#[test]
fn the_command_line_wins_and_its_faults_have_its_name() {
    let dir = dir(&[("conf", "Mode v\nDomain a.ex\nSelector s\nKeyFile /file\n")]);
    let overrides = |key: &str, mode: &str| Overrides {
        options: vec![("KeyFile", key.to_owned()), ("Mode", mode.to_owned())],
    };
    let conf = dir.path().join("conf");
    let (snapshot, _) = Snapshot::load(Some(&conf), &overrides("/given", "s"));
    match snapshot.unwrap().signing {
        SigningIdentities::Single { key, .. } => {
            assert_eq!(key, KeySource::File(Path::new("/given").into()));
        }
        other => panic!("{other:?}"),
    }
    let (snapshot, findings) = Snapshot::load(Some(&conf), &overrides("/given", "x"));
    assert!(snapshot.is_none());
    assert!(findings.iter().any(|f| {
        f.to_string()
            .starts_with("command line: error: unknown mode")
    }));
}
