//! The command line under the name `opendkim`, compared with Debian's opendkim where it is there.

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Output, Stdio},
};

const ORIGINAL: &str = "/usr/sbin/opendkim";

fn ours(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .env("LC_ALL", "C")
        .arg0(ORIGINAL)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn theirs(args: &[&str]) -> Option<Output> {
    Path::new(ORIGINAL).exists().then(|| {
        Command::new(ORIGINAL)
            .env("LC_ALL", "C")
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    })
}

#[test]
fn wrong_command_lines_end_as_with_opendkim() {
    for args in [
        &["-h"][..],
        &["-q"],
        &["-?"],
        &["-Z"],
        &["-ZV"],
        &["--help"],
        &["stray"],
        &["-n", "stray"],
        &["-n", "--", "stray"],
        &["-x"],
        &["-fx"],
        &["-F", "abc"],
        &["-T", "x"],
    ] {
        let ours = ours(args);
        assert_eq!(ours.status.code(), Some(64), "{args:?}");
        assert!(ours.stdout.is_empty(), "{args:?}");
        assert!(ours.stderr.starts_with(b"opendkim: "), "{args:?}");
        if let Some(theirs) = theirs(args) {
            assert_eq!(theirs.status.code(), ours.status.code(), "{args:?}");
        }
    }
}

#[test]
fn the_version_is_told_on_standard_output_with_0() {
    for args in [
        &["-V"][..],
        &["-fV"],
        &["-V", "-x", "/nonexistent"],
        &["-V", "stray"],
        &["-VZ"],
    ] {
        let ours = ours(args);
        assert_eq!(ours.status.code(), Some(0), "{args:?}");
        assert!(
            ours.stdout
                .starts_with(b"opendkim: OpenDKIM Filter v2.11.0")
        );
        if let Some(theirs) = theirs(args) {
            assert_eq!(theirs.status.code(), Some(0), "{args:?}");
            assert!(
                theirs
                    .stdout
                    .starts_with(b"opendkim: OpenDKIM Filter v2.11.0")
            );
        }
    }
}

#[test]
fn under_its_own_name_it_has_subcommands_and_help() {
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_dkimd"))
            .env("LC_ALL", "C")
            .args(args)
            .output()
            .unwrap()
    };
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    assert_eq!(run(&["serve", "--help"]).status.code(), Some(0));
    for args in [&[][..], &["nonsense"], &["check", "--nonsense"]] {
        assert_eq!(run(args).status.code(), Some(64), "{args:?}");
    }
    let page = run(&["man"]);
    assert!(String::from_utf8_lossy(&page.stdout).contains(".TH dkimd 1"));
    let completions = run(&["completions", "bash"]);
    assert!(String::from_utf8_lossy(&completions.stdout).contains("complete -F _dkimd"));
}
