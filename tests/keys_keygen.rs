//! `dkimd keygen` from outside: its files, its refusals, and what DNS servers make of its records.

#[path = "support/absent.rs"]
mod absent;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

fn keygen(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .env("LC_ALL", "C")
        .args(["keygen", "-d", "example.com", "-s", "mail", "-D"])
        .arg(directory)
        .args(arguments)
        .output()
        .unwrap()
}

fn text(directory: &Path) -> String {
    fs::read_to_string(directory.join("mail.txt")).unwrap()
}

#[test]
fn the_private_key_is_for_its_owner_alone_and_the_record_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let output = keygen(dir.path(), &[]);
    assert!(output.status.success(), "{output:?}");
    let mode = |name| {
        let metadata = fs::metadata(dir.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o7777
    };
    assert_eq!((mode("mail.private"), mode("mail.txt")), (0o600, 0o644));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&text(dir.path())));
    assert!(said.contains("dig +short TXT mail._domainkey.example.com\n"));
    assert!(said.contains(&format!(
        "example.com:mail:{}",
        dir.path().canonicalize().unwrap().display()
    )));
    assert!(!said.contains("BEGIN PRIVATE KEY"));
}

#[test]
fn an_existing_key_is_kept_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    assert!(keygen(dir.path(), &["--type", "ed25519"]).status.success());
    let key = || fs::read(dir.path().join("mail.private")).unwrap();
    let first = key();
    let refused = keygen(dir.path(), &["--type", "ed25519"]);
    assert_eq!(refused.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--force to overwrite it"));
    assert_eq!(key(), first);
    assert!(
        keygen(dir.path(), &["--type", "ed25519", "--force"])
            .status
            .success()
    );
    assert_ne!(key(), first);
}

#[test]
fn useless_wishes_are_refused_before_a_key_is_made() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, complaint) in [
        (
            "-d example.com -b 512",
            "an RSA key of 512 bits is of no use",
        ),
        ("-d exa/mple.com", "the domain \"exa/mple.com\" contains"),
        ("-d example.com -s a/b", "the selector \"a/b\" contains"),
        (
            "-d example.com -D /nonexistent",
            "mkdir -p -m 700 /nonexistent",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
            .env("LC_ALL", "C")
            .current_dir(dir.path())
            .arg("keygen")
            .args(arguments.split(' '))
            .output()
            .unwrap();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{complained}");
        assert!(complained.contains(complaint), "{complained}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn dns_servers_load_the_zone_line_and_publish_what_the_panel_line_says() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["-b", "2048"][..],
        &["-b", "4096", "-a", "-r", "-S", "-t"],
        &["--type", "ed25519", "-n", "a \"note\"; with = and \\"],
    ] {
        let run = |format| {
            let all: Vec<&str> = ["--force", "--format", format]
                .iter()
                .chain(arguments)
                .copied()
                .collect();
            let output = keygen(dir.path(), &all);
            assert!(output.status.success(), "{output:?}");
            text(dir.path())
        };
        let zone = dir.path().join("zone");
        fs::write(
            &zone,
            format!(
                "$TTL 3600\n@ IN SOA ns.example.com. root.example.com. 1 2 3 4 5\n@ IN NS \
                 ns.example.com.\nns IN A 192.0.2.1\n{}",
                run("zone")
            ),
        )
        .unwrap();
        for checker in ["nsd-checkzone", "named-checkzone"] {
            match Command::new(checker).arg("example.com").arg(&zone).output() {
                Ok(output) => assert!(
                    output.status.success(),
                    "{checker} {arguments:?}: {output:?}"
                ),
                Err(cause) => absent::absent(&format!("{checker}: {cause}")),
            }
        }
        let one_line = run("one-line");
        let lines: Vec<&str> = one_line.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "name:  mail._domainkey.example.com");
        assert!(lines[2].starts_with("value: v=DKIM1; ") && !lines[2].contains('"'));
        let json: serde_json::Value = serde_json::from_str(&run("json")).unwrap();
        assert_eq!(json["name"], "mail._domainkey.example.com");
        assert!(
            run("nsupdate")
                .contains("update add mail._domainkey.example.com. 3600 TXT \"v=DKIM1; ")
        );
    }
}

#[test]
fn the_record_holds_the_public_half_of_the_written_key() {
    let dir = tempfile::tempdir().unwrap();
    assert!(keygen(dir.path(), &["--format", "json"]).status.success());
    let json: serde_json::Value = serde_json::from_str(&text(dir.path())).unwrap();
    let key = json["value"].as_str().unwrap().split("p=").nth(1).unwrap();
    let public = Command::new("openssl")
        .args(["pkey", "-pubout", "-outform", "DER", "-in"])
        .arg(dir.path().join("mail.private"))
        .output()
        .unwrap();
    assert_eq!(data_encoding::BASE64.encode(&public.stdout), key);
}
