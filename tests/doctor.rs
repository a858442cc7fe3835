//! The verdicts of `dkimd doctor` and `dkimd check`: what was not examined is never told as good,
//! whoever asks.

#[path = "support/anybody.rs"]
mod anybody;

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixListener,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Output},
};

use nix::unistd::geteuid;
use serde_json::Value;

/// A folder that everybody reaches, with the program, a key of root's alone, and tables that name it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: anybody::folder(),
        };
        fs::copy(env!("CARGO_BIN_EXE_dkimd"), place.path("dkimd")).unwrap();
        let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys.example/mail.private");
        fs::copy(key, place.path("mail.private")).unwrap();
        let private = place.path("mail.private");
        place.write(
            "KeyTable",
            &format!("k example.com:a:{}\n", private.display()),
        );
        place.write("SigningTable", "example.com k\n");
        place.configure("");
        place.mode("dkimd", 0o755);
        place.mode("mail.private", 0o600);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.mode(name, 0o644);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn configure(&self, more: &str) {
        let folder = self.folder.path().display();
        let text = format!(
            "UserID daemon\nSocket local:{folder}/s.sock\nKeyTable {folder}/KeyTable\n\
             SigningTable {folder}/SigningTable\n{more}"
        );
        self.write("opendkim.conf", &text);
    }

    /// Runs a command of the program: as itself, or as a user that is nobody here.
    fn run(&self, stranger: bool, arguments: &[&str]) -> Output {
        self.command(stranger, arguments).output().unwrap()
    }

    fn command(&self, stranger: bool, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("dkimd"));
        command
            .env("LC_ALL", "C")
            .args(arguments)
            .arg("--config")
            .arg(self.path("opendkim.conf"));
        if stranger {
            let (uid, gid) = anybody::unused_numbers();
            command.uid(uid).gid(gid);
        }
        command
    }
}

fn told(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

/// Exit code, findings' codes, and what was not examined, with its cause: `milter rights`.
fn doctor(place: &Place, stranger: bool, arguments: &[&str]) -> (Option<i32>, Value, Vec<String>) {
    let arguments: Vec<_> = ["doctor", "--json"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    let output = place.run(stranger, &arguments);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut omitted = Vec::new();
    for check in json["checks"].as_array().unwrap() {
        for omission in check["not_examined"].as_array().into_iter().flatten() {
            let (check, cause) = (check["check"].as_str(), omission["cause"].as_str());
            omitted.push(format!("{} {}", check.unwrap(), cause.unwrap()));
        }
    }
    (output.status.code(), json, omitted)
}

/// Debian's /etc/dkimkeys is opendkim's alone: that another may not look there tells nothing of it.
#[test]
fn explain_and_sign_blame_nobody_for_rights_that_the_asker_lacks() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::new();
    let keys = place.path("keys");
    fs::create_dir(&keys).unwrap();
    fs::rename(place.path("mail.private"), place.path("keys/a.private")).unwrap();
    let user = nix::unistd::User::from_name("daemon").unwrap().unwrap();
    for path in [&keys, &place.path("keys/a.private")] {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
    place.mode("keys", 0o700);
    let private = place.path("keys/a.private").display().to_string();
    place.write("KeyTable", &format!("k example.com:a:{private}\n"));
    let message = "From: joe@example.com\nDate: Thu, 01 Jan 1970 00:00:00 +0000\n\nbody\n";
    place.write("message", message);
    place.configure("RequireSafeKeys no\n");
    for command in [&["explain", "joe@example.com"][..], &["sign"]] {
        let run = |stranger| {
            let mut asked = place.command(stranger, command);
            asked.stdin(fs::File::open(place.path("message")).unwrap());
            let output = asked.output().unwrap();
            let text = [&output.stdout[..], &output.stderr].concat();
            (output.status.code(), String::from_utf8(text).unwrap())
        };
        let (code, text) = run(true);
        assert_eq!(code, Some(77), "{text}");
        let said = format!(
            "the SigningTable leads to s=a d=example.com; not examined: whether the key in {private} can \
             be read, which only root or the server's user daemon can tell"
        );
        assert!(text.contains(&said), "{text}");
        for wrong in ["may not", "to mend it", "chmod", "deferred"] {
            assert!(!text.contains(wrong), "{text}");
        }
        let (code, text) = run(false);
        assert_eq!(code, Some(0), "{text}");
    }
}

#[test]
fn whoever_has_no_rights_is_told_all_that_does_not_depend_on_them() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::new();
    let (code, text) = told(&place.run(true, &["check"]));
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text.matches("not examined").count(), 1, "{text}");
    for remedy in ["chown", "chmod", "setfacl", "install -d", "error: "] {
        assert!(!text.contains(remedy), "{remedy} in\n{text}");
    }
    // Root still finds what is wrong with them: daemon may not read the key.
    let (code, text) = told(&place.run(false, &["check"]));
    assert_eq!(code, Some(78), "{text}");
    // What does not depend on rights is found by anybody.
    place.configure("NopeOption x\n");
    let (code, text) = told(&place.run(true, &["check"]));
    assert_eq!(code, Some(78), "{text}");
    assert!(
        text.contains("NopeOption") && text.contains("not examined"),
        "{text}"
    );
    place.configure("");
    let (code, json, omitted) = doctor(&place, true, &["--offline", "--only", "configuration"]);
    assert_eq!(json["findings"], Value::Array(Vec::new()));
    assert_eq!(
        (code, omitted),
        (Some(0), vec!["configuration rights".to_owned()])
    );
    assert_eq!(json["checks"][0]["state"], "partly");
}

#[test]
fn where_nothing_can_be_read_nothing_was_examined() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::new();
    place.mode("opendkim.conf", 0o600);
    let (code, text) = told(&place.run(true, &["check"]));
    assert_eq!(code, Some(77), "{text}");
    assert_eq!(text.matches("not examined").count(), 1, "{text}");
    let (code, json, omitted) = doctor(&place, true, &["--offline", "--only", "configuration"]);
    assert_eq!(
        (code, omitted),
        (Some(77), vec!["configuration rights".to_owned()])
    );
    assert_eq!(json["verdict"], "not-examined");
}

#[test]
fn who_may_not_connect_to_the_server_says_nothing_about_it() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("shut")).unwrap();
    place.mode("shut", 0o750);
    let socket = place.path("shut/s.sock");
    let _server = UnixListener::bind(&socket).unwrap();
    let configured = format!(
        "Socket local:{}\nDomain example.com\nMode v\n",
        socket.display()
    );
    place.write("opendkim.conf", &configured);
    let (code, json, omitted) = doctor(&place, true, &["--offline", "--only", "self-test"]);
    assert_eq!(
        (code, omitted),
        (Some(77), vec!["self-test rights".to_owned()])
    );
    assert_eq!(json["findings"], Value::Array(Vec::new()));
}

#[test]
fn without_a_domain_the_reason_is_told_once() {
    let place = Place::new();
    place.write("opendkim.conf", "Mode v\n");
    let arguments = [
        "doctor",
        "--only",
        "dkim,spf,mx",
        "--skip",
        "resolver,domains",
    ];
    let (code, text) = told(&place.run(false, &arguments));
    assert_eq!(code, Some(3), "{text}");
    assert_eq!(text.matches("not examined").count(), 1, "{text}");
    assert!(
        text.contains("mx, spf, dkim; name a domain after `dkimd doctor`"),
        "{text}"
    );
}

#[test]
fn an_example_is_checked_by_everybody() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys.example/opendkim.conf");
    let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["check", "--config"])
        .arg(example)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn what_was_not_asked_is_not_well() {
    let place = Place::new();
    for only in ["spf", "dkim", "dmarc,mx", "unsubscribe"] {
        let arguments = ["example.com", "--offline", "--only", only];
        let (code, json, omitted) = doctor(&place, false, &arguments);
        assert_eq!(code, Some(3), "{only}: {json}");
        assert_eq!(json["verdict"], "not-examined");
        assert!(!omitted.is_empty(), "{only}");
    }
    let arguments = ["example.com", "--offline", "--only", "spf", "--lang", "en"];
    let arguments: Vec<_> = ["doctor"].iter().chain(&arguments).copied().collect();
    let (_, text) = told(&place.run(false, &arguments));
    assert!(text.contains("--offline: spf\n"), "{text}");
    assert!(text.ends_with("nothing was examined\n"), "{text}");
}

#[test]
fn a_cause_is_told_whatever_else_was_asked_for() {
    let place = Place::new();
    place.configure("NopeOption x\n");
    let arguments = ["example.com", "--offline", "--only", "self-test"];
    let (code, json, _) = doctor(&place, false, &arguments);
    assert_eq!(code, Some(2), "{json}");
    assert_eq!(json["findings"][0]["code"], "configuration-error");
    assert_eq!(json["findings"][0]["check"], "configuration");
    assert_eq!(json["checks"].as_array().unwrap().len(), 1);
}
