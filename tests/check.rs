//! `dkimd check` and the actions of opendkim(8) that end at once, by the real program.

mod support;
#[path = "support/daemon.rs"]
mod support_daemon;

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Output, Stdio},
};

use support_daemon::Scene;

const ORIGINAL: &str = "/usr/sbin/opendkim";

fn check(file: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .env("LC_ALL", "C")
        .args(["check", "--config"])
        .arg(file)
        .args(flags)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), told)
}

/// Runs under the name `opendkim` what is given, with this input.
fn run(program: &str, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .arg0(ORIGINAL)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever ends without reading closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn ours(args: &[&str], input: &str) -> Output {
    run(env!("CARGO_BIN_EXE_dkimd"), args, input)
}

/// What opendkim does; without it these tests fail, unless it is missing on purpose.
fn theirs(args: &[&str], input: &str) -> Option<Output> {
    let found = Path::new(ORIGINAL).exists();
    let without = std::env::var_os("DKIMD_WITHOUT_PEERS").is_some_and(|value| value == "1");
    assert!(
        found || without,
        "opendkim is not installed: apt-get install opendkim"
    );
    found.then(|| run(ORIGINAL, args, input))
}

#[test]
fn every_problem_is_told_at_once_with_file_line_and_remedy() {
    let scene = Scene::new("");
    fs::write(scene.path("broken.private"), "no key\n").unwrap();
    fs::write(
        scene.path("KeyTable"),
        format!(
            "good example.com:a:{0}/mail.private\n\
             lost example.com:b:{0}/lost.private\n\
             broken example.com:c:{0}/broken.private\n\
             again example.com:d:{0}/lost.private\n",
            scene.folder.path().display()
        ),
    )
    .unwrap();
    fs::write(
        scene.path("SigningTable"),
        "*@example.com good\n*@example.net nobody\n",
    )
    .unwrap();
    let text = format!(
        "RequireSafeKeys no\nKeyTable {0}/KeyTable\nSigningTable refile:{0}/SigningTable\n\
         NopeOption x\nUserID no-such-user\nSocket local:/nonexistent/s.sock\n\
         TrustAnchorFile {0}/KeyTable\nLDAPBindUser x\n",
        scene.folder.path().display()
    );
    fs::write(scene.config(), text).unwrap();
    let (code, told) = check(&scene.config(), &[]);
    assert_eq!(code, Some(78), "{told}");
    let folder = scene.folder.path().display();
    for part in [
        format!("{folder}/opendkim.conf:4: error: "),
        format!("{folder}/opendkim.conf:5: error: UserID no-such-user: no such user"),
        format!(
            "{folder}/opendkim.conf:6: error: Socket /nonexistent/s.sock: the directory /nonexistent does not exist"
        ),
        format!("{folder}/KeyTable"),
        format!("{folder}/SigningTable:2: warning: "),
        format!(
            "{folder}/KeyTable:2: warning: key lost: can't load key from {folder}/lost.private"
        ),
        format!(
            "{folder}/KeyTable:3: warning: key broken: can't load key from {folder}/broken.private"
        ),
        "adduser".to_owned(),
        "LDAPBindUser".to_owned(),
    ] {
        assert!(told.contains(&part), "{part} is missing in\n{told}");
    }
    assert!(!told.contains("key again"), "a key is told once:\n{told}");
    let last = told.lines().last().unwrap();
    assert!(last.contains(" errors, ") && told.ends_with('\n'), "{last}");

    let (code, json) = check(&scene.config(), &["--json"]);
    assert_eq!(code, Some(78));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let findings = json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), told.lines().count() - 1);
    let fourth = format!("{}:4", scene.config().display());
    assert!(findings.iter().any(|finding| finding["subject"] == *fourth
        && finding["level"] == "fail"
        && finding["fix"][0]["text"].is_string()));
}

/// Others sign all the same: neither start nor package may be refused for one key of many.
#[test]
fn keys_of_a_table_that_can_not_be_used_are_warnings() {
    let scene = Scene::new("");
    let folder = scene.folder.path().display().to_string();
    fs::write(scene.path("SigningTable"), "*@a.example k\n").unwrap();
    fs::write(
        scene.path("KeyTable"),
        format!("k a.example:s:{folder}/absent\n"),
    )
    .unwrap();
    let text = format!(
        "KeyTable {folder}/KeyTable\nSigningTable refile:{folder}/SigningTable\nSocket {}\n",
        scene.socket_option()
    );
    fs::write(scene.config(), text).unwrap();
    let (code, told) = check(&scene.config(), &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("KeyTable:1: warning: key k: can't load key from"),
        "{told}"
    );
    let remedy = format!(
        "make a key with `dkimd keygen -d a.example -s s -D {folder}` and write {folder}/s.private in \
         the place of {folder}/absent in the KeyTable"
    );
    assert!(told.contains(&remedy), "{told}");
}

/// conf-chroot-keyfile: what a start reads is there, only not inside the new root.
#[test]
fn what_the_new_root_lacks_takes_a_restart_and_is_not_to_be_made_anew() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let scene = Scene::reachable("");
    let folder = scene.folder.path().display().to_string();
    let key = scene.path("mail.private");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&key, Some(65534), None).unwrap();
    fs::create_dir(scene.path("root")).unwrap();
    let more = "RequireSafeKeys no\nUserID nobody\nSocket inet:0@127.0.0.1";
    let root = format!("{more}\nChangeRootDirectory {folder}/root");
    scene.write(&format!("Selector one\n{root}"));
    let (_, told) = check(&scene.config(), &[]);
    for begin in [
        "a reload will fail: ",
        "a replaced KeyFile will take a restart: ",
    ] {
        let line = told.lines().find(|line| line.contains(begin));
        let line = line.unwrap_or_else(|| panic!("{begin} is missing in\n{told}"));
        let end = format!(
            "; restart instead of reloading: systemctl restart opendkim (or keep a copy below \
             {folder}/root)"
        );
        assert!(line.ends_with(&end), "{line}");
    }
    assert!(
        !told.contains("keygen") && !told.contains("touch"),
        "{told}"
    );

    fs::write(
        scene.config(),
        format!("KeyTable csl:k=a.example:s:{folder}/mail.private\nSigningTable csl:a.example=k\n{root}\n"),
    )
    .unwrap();
    let (_, told) = check(&scene.config(), &[]);
    let end = format!("; keep a copy below {folder}/root, where keys are read");
    assert!(
        told.lines()
            .any(|line| line.contains("key k: can't load") && line.ends_with(&end)),
        "{told}"
    );
}

#[test]
fn a_good_configuration_is_0_with_one_line() {
    let scene = Scene::new("Selector one");
    fs::set_permissions(
        scene.path("mail.private"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    scene.write(&format!("Selector one\nSocket {}", scene.socket_option()));
    let (code, told) = check(&scene.config(), &[]);
    assert_eq!(code, Some(0), "{told}");
    let last = told.lines().last().unwrap();
    assert!(
        last == "no problems found" || last.starts_with("0 errors, "),
        "{told}"
    );
}

#[test]
fn keys_and_directories_are_judged_for_the_user_of_user_id_not_for_root() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let scene = Scene::reachable("");
    fs::set_permissions(
        scene.path("mail.private"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    fs::write(
        scene.path("KeyTable"),
        format!("k example.com:a:{}\n", scene.path("mail.private").display()),
    )
    .unwrap();
    fs::write(scene.path("SigningTable"), "example.com k\n").unwrap();
    fs::set_permissions(
        scene.path("SigningTable"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    let folder = scene.folder.path().display().to_string();
    fs::write(
        scene.config(),
        format!(
            "RequireSafeKeys no\nKeyTable {folder}/KeyTable\nSigningTable {folder}/SigningTable\n\
             UserID nobody\nSocket local:{folder}/s.sock\n"
        ),
    )
    .unwrap();
    // Whatever the umask is.
    for path in [scene.config(), scene.path("KeyTable")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let (code, told) = check(&scene.config(), &[]);
    assert_eq!(code, Some(78), "{told}");
    let error = |text: &str| {
        told.lines()
            .any(|line| line.contains("error: ") && line.contains(text))
    };
    assert!(
        told.contains("warning: key k: can't load key from"),
        "root may read it, nobody may not:\n{told}"
    );
    assert!(error("user nobody may not make a file in"), "{told}");
    // Read by root at the start, by nobody at a reload.
    assert!(
        told.lines()
            .any(|line| line.contains("warning: a reload will fail: SigningTable")),
        "{told}"
    );
    std::os::unix::fs::chown(scene.path("mail.private"), Some(65534), None).unwrap();
    std::os::unix::fs::chown(scene.folder.path(), Some(65534), None).unwrap();
    std::os::unix::fs::chown(scene.path("SigningTable"), Some(65534), None).unwrap();
    let (code, told) = check(&scene.config(), &[]);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn n_and_e_end_as_with_opendkim() {
    let scene = Scene::new("");
    let path = |name: &str| scene.path(name).display().to_string();
    let file = |name: &str, text: &str| {
        fs::write(scene.path(name), text).unwrap();
        path(name)
    };
    let good = file(
        "good",
        "Mode sv\nSyslog yes\nCanonicalization relaxed\ncanonicalization simple\nUMask 007\n\
         MinimumKeyBits 0x400\nSoftwareHeader n\nMTA A\nMTA B\nInternalHosts 127.0.0.1,\n",
    );
    let unknown = file("unknown", "Nope yes\n");
    let wrong = file("wrong", "Syslog maybe\n");
    let table = file(
        "table",
        "KeyTable file:/nonexistent\nSigningTable file:/nonexistent\n",
    );
    let key = file(
        "key",
        "Domain a.example\nSelector s\nKeyFile /nonexistent/key\n",
    );
    let pairing = file("pairing", "KeyTable csl:a=b\n");
    let text = fs::read_to_string(&good).unwrap();
    let runs: Vec<(Vec<&str>, &str)> = vec![
        (vec!["-n", "-x", &good], ""),
        (vec!["-n", "-x", &unknown], ""),
        (vec!["-n", "-x", &wrong], ""),
        (vec!["-n", "-x", &table], ""),
        (vec!["-n", "-x", &key], ""),
        (vec!["-n", "-x", &pairing], ""),
        (vec!["-n", "-x", "/nonexistent/file"], ""),
        (vec!["-n", "-x", "-"], &text),
        (vec!["-x", "-", "-n"], "Nope yes\n"),
        (
            vec!["-n", "-f", "-l", "-x", &good, "-p", "inet:8891@localhost"],
            "",
        ),
        (vec!["-n", "-x", &good, "-s", "x"], ""),
        (vec!["-n", "-e", "Mode", "-x", &good], ""),
        (vec!["-Q", "-n", "-x", &good], ""),
        (vec!["-x", &good, "-e", "Mode"], ""),
        (vec!["-x", &good, "-e", "mode"], ""),
        (vec!["-x", &good, "-e", "Syslog"], ""),
        (vec!["-x", &good, "-e", "canonicalization"], ""),
        (vec!["-x", &good, "-e", "UMask"], ""),
        (vec!["-x", &good, "-e", "MinimumKeyBits"], ""),
        (vec!["-x", &good, "-e", "SoftwareHeader"], ""),
        (vec!["-x", &good, "-e", "MTA"], ""),
        (vec!["-x", &good, "-e", "InternalHosts"], ""),
        (vec!["-x", &good, "-e", "LogWhy"], ""),
        (vec!["-x", &good, "-e", "Nope"], ""),
        (vec!["-x", &good, "-e", ""], ""),
        (vec!["-x", &good, "-b", "v", "-e", "Mode"], ""),
        (vec!["-x", &unknown, "-e", "Mode"], ""),
        (vec!["-x", "-", "-e", "Mode"], &text),
    ];
    for (args, input) in runs {
        let ours = ours(&args, input);
        let Some(theirs) = theirs(&args, input) else {
            continue;
        };
        let told = String::from_utf8_lossy(&ours.stderr).into_owned();
        assert_eq!(ours.status.code(), theirs.status.code(), "{args:?}: {told}");
        assert_eq!(
            String::from_utf8_lossy(&ours.stdout),
            String::from_utf8_lossy(&theirs.stdout),
            "{args:?}"
        );
        assert!(
            theirs.stderr.is_empty() || !told.is_empty(),
            "{args:?}: no reason told"
        );
    }
}

#[test]
fn data_set_queries_are_answered_as_by_opendkim() {
    let scene = Scene::new("");
    fs::write(
        scene.path("f"),
        "a 1\nb 1:2:3\nc\n* star\n# x\nd  with space \nE up\n",
    )
    .unwrap();
    fs::write(scene.path("rf"), "*.x 1:2\n*@b k1:k2\n").unwrap();
    let folder = scene.folder.path().display().to_string();
    for input in [
        "csl:a=1,b=2:3,c\na/1\nb/1\nb/2\nb/3\nc/1\nz/1\nA/1\n".to_owned(),
        format!("file:{folder}/f\na/1\nb/3\nb/2\nb/4\nc/1\nc/2\nd/1\ne/1\nE/1\nzz/1\n*/1\n"),
        format!("{folder}/f\na/1\n"),
        format!("refile:{folder}/rf\nq.x/2\nq.X/1\nu@b/3\nu@b/2\nnone/1\n"),
        "a,b,c\na/1\na/0\na\nb/1\n".to_owned(),
        "csl:a=1\na/x\na/1\n".to_owned(),
        "csl:a=1\na/-1\na/1\n".to_owned(),
        "csl:a=1\n\na/1\n".to_owned(),
        "csl:a=1\na/b/1\n/1\na/1/\na/1x\na/1".to_owned(),
        "csl:a=x:y\na/2\n a/1\na /1\n".to_owned(),
        "file:/nonexistent/f\na/1\n".to_owned(),
        "bad:xx\na/1\n".to_owned(),
        String::new(),
    ] {
        let ours = ours(&["-Q"], &input);
        let Some(theirs) = theirs(&["-Q"], &input) else {
            continue;
        };
        assert_eq!(
            ours.status.code(),
            theirs.status.code(),
            "{input:?}: {ours:?}"
        );
        assert_eq!(
            String::from_utf8_lossy(&ours.stdout),
            String::from_utf8_lossy(&theirs.stdout),
            "{input:?}"
        );
        assert_eq!(
            ours.stderr.is_empty(),
            theirs.stderr.is_empty(),
            "{input:?}"
        );
    }
}

/// The package's configuration where this host has other places: its socket, its trust anchor, nobody's user.
fn shipped(scene: &Scene, change: impl Fn(&str) -> String) -> (Option<i32>, String) {
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/packaging/opendkim.conf"
    ));
    let text = text
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("UserID") && !line.starts_with("TrustAnchorFile"))
        .map(|line| match line.split_whitespace().next() {
            Some("Socket") => format!("Socket {}", scene.socket_option()),
            Some("PidFile") => format!("PidFile {}", scene.path("pid").display()),
            _ => change(line),
        })
        .collect::<Vec<_>>()
        .join("\n");
    fs::write(scene.config(), text).unwrap();
    check(&scene.config(), &[])
}

#[test]
fn the_configuration_of_the_package_has_no_error_as_it_comes_and_with_its_examples_on() {
    let scene = Scene::new("");
    let (code, told) = shipped(&scene, str::to_owned);
    assert_eq!(code, Some(0), "{told}");
    let key = scene.path("mail.private").display().to_string();
    let (code, told) = shipped(&scene, |line| {
        let on = line.strip_prefix('#').unwrap_or(line);
        match on.split_whitespace().next() {
            Some("KeyFile") => format!("KeyFile {key}\nRequireSafeKeys no"),
            // Tables stand in the place of the three lines.
            Some("KeyTable" | "SigningTable") => line.to_owned(),
            Some(_) if !on.starts_with(' ') => on.to_owned(),
            _ => line.to_owned(),
        }
    });
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn what_the_container_recipe_says_of_peers_is_right() {
    let recipe = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/packaging/container/Containerfile"
    ));
    let recipe = recipe.unwrap();
    let peers = recipe
        .lines()
        .find_map(|line| line.strip_prefix("#   MilterPeers "))
        .expect("a line with MilterPeers");
    let scene = Scene::new(&format!(
        "Selector one\nSocket inet:8891@0.0.0.0\nMilterPeers {peers}"
    ));
    let (code, told) = check(&scene.config(), &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("MilterPeers"), "{told}");
    // Without the line it is warned of, so this can fail.
    let scene = Scene::new("Selector one\nSocket inet:8891@0.0.0.0");
    let (_, told) = check(&scene.config(), &[]);
    assert!(told.contains("MilterPeers"), "{told}");
}
