//! `opendkim-genkey` and ours, run with the same options in twin directories: same files, same
//! modes, same layout, same exit code.

#[path = "support/absent.rs"]
mod absent;

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Output},
};

const ORIGINAL: &str = "/usr/sbin/opendkim-genkey";

fn ours(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .env("LC_ALL", "C")
        .arg0(ORIGINAL)
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn theirs(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(ORIGINAL)
        .env("LC_ALL", "C")
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

/// The text with each character of a key replaced, so that layouts can be compared.
fn without_key(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for word in text.split_inclusive('"') {
        let key = word.trim_end_matches('"').trim_start_matches("p=");
        let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        if key.len() > 16 && key.chars().all(base64) {
            masked.push_str(&word.replacen(key, &"K".repeat(key.len()), 1));
        } else {
            masked.push_str(word);
        }
    }
    masked
}

/// Every file with its mode and its layout.
fn listing(directory: &Path) -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            let content = fs::read_to_string(entry.path()).unwrap();
            let content = if name.ends_with(".private") {
                let lines: Vec<&str> = content.lines().collect();
                let (first, last) = (lines[0], lines[lines.len() - 1]);
                format!("{first} … {} wide … {last}", lines[1].len())
            } else {
                without_key(&content)
            };
            format!("{name} {mode:o} {content}")
        })
        .collect();
    files.sort();
    files
}

fn original_is_there() -> bool {
    let there = Path::new(ORIGINAL).exists();
    if !there {
        absent::absent(&format!("{ORIGINAL} is not installed"));
    }
    there
}

#[test]
fn each_option_leaves_the_files_that_the_original_leaves() {
    if !original_is_there() {
        return;
    }
    for line in [
        "",
        "-b|1024",
        "-b|512",
        "-b1024|-s|mail|-d|example.com|-a|-v",
        "-b1024|--append-domain|--domain=example.com|--selector=mail|--verbose",
        "-b1024|-d||-a",
        "-b1024|-d|",
        "-b1024|-s|",
        "-b1024|-n|a note; x|-r|-S|-t|-h|sha256:sha1",
        "-b1024|-n|",
        "-b1024|-h|",
        "-b1024|--hash-algo|sha1",
        "-b1024|-r",
        "-b1024|-t",
        "-b1024|-S",
        "-b1024|-rSt",
        "-b1024|-rt",
        "-b1024|--nosubdomains|-t",
        "-b1024|--no-subdomains",
        "-b1024|--subdomains|-S",
        "-b1024|-S|--subdomains",
        "-b1024|--nosubdomains|--subdomains",
        "-b1024|--nos",
        "-b1024|--restrict|--norestrict",
        "-b1024|-d|x.org.|-a",
        "-b1024|-d|Exa.COM|-s|a.b|-a",
        "-b1024|-s|-x",
        "-b1024|extra|words",
        "-b1024|-r|--|-t",
        "-b|2048|-as|mail|-d|example.org",
        "-b1024|-h=sha1",
        "-b|+1024",
        "-b|3072",
        "-V",
        "--version",
        "--help",
        "--help|-b|512",
        "-s|mail|--help|-d|example.com",
        "--bogus",
        "-b|abc",
        "-b|1024x",
        "-b",
        "--domain=",
        "--restrict=1",
    ] {
        let arguments: Vec<&str> = line.split('|').filter(|_| !line.is_empty()).collect();
        let (our_dir, their_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let our = ours(our_dir.path(), &arguments);
        let their = theirs(their_dir.path(), &arguments);
        assert_eq!(our.status.code(), their.status.code(), "{line}");
        assert_eq!(
            (
                String::from_utf8_lossy(&our.stdout),
                String::from_utf8_lossy(&our.stderr)
            ),
            (
                String::from_utf8_lossy(&their.stdout),
                String::from_utf8_lossy(&their.stderr)
            ),
            "{line}"
        );
        assert_eq!(listing(our_dir.path()), listing(their_dir.path()), "{line}");
    }
}

#[test]
fn what_the_original_cannot_do_fails_with_its_exit_code() {
    if !original_is_there() {
        return;
    }
    for arguments in [
        &["-D", "/nonexistent"][..],
        &["-b", "100"],
        &["-b", "0"],
        &["-b", "-5"],
        &["-s", "a/b"],
    ] {
        let (our_dir, their_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let our = ours(our_dir.path(), arguments);
        let their = theirs(their_dir.path(), arguments);
        assert_eq!(our.status.code(), their.status.code(), "{arguments:?}");
        assert!(
            our.stderr.starts_with(b"opendkim-genkey: "),
            "{arguments:?}"
        );
        // The original may leave an empty key file behind; ours leaves nothing.
        assert_eq!(listing(our_dir.path()), Vec::<String>::new());
    }
}

#[test]
fn an_existing_key_is_overwritten_and_keeps_its_mode() {
    if !original_is_there() {
        return;
    }
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for dir in &dirs {
        for (name, mode) in [("mail.private", 0o640), ("mail.txt", 0o644)] {
            let path = dir.path().join(name);
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
    let arguments = ["-b", "1024", "-s", "mail"];
    assert!(ours(dirs[0].path(), &arguments).status.success());
    assert!(theirs(dirs[1].path(), &arguments).status.success());
    assert_eq!(listing(dirs[0].path()), listing(dirs[1].path()));
}
