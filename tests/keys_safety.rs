//! RequireSafeKeys, judged by ours and by Debian's opendkim over the same file. Needs root, to give
//! files away; the original reads KeyFile at start and exits with 78 when it is unsafe.

#[path = "support/absent.rs"]
mod absent;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use dkimd_keygen::generate::{KeyKind, generate};
use dkimd_server::keys::{accounts::Identity, file::KeyFile};
use nix::unistd::{Group, User};

const ORIGINAL: &str = "/usr/sbin/opendkim";
/// Not below a world-writable directory, where no key is safe.
const SAFE_PLACE: &str = "/var/lib";
const START_TAKES_AT_MOST: Duration = Duration::from_secs(20);

/// The sentence with which the original refuses the key, `None` if it starts.
fn theirs(configuration: &Path, socket: &Path) -> Option<String> {
    let mut child = Command::new(ORIGINAL)
        .args(["-f", "-x"])
        .arg(configuration)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(78));
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            let prefix = format!("opendkim: {}: ", configuration.display());
            return Some(text.trim_end().strip_prefix(&prefix).unwrap().to_owned());
        }
        if socket.exists() {
            child.kill().unwrap();
            child.wait().unwrap();
            let _ = fs::remove_file(socket);
            return None;
        }
        assert!(begin.elapsed() < START_TAKES_AT_MOST, "opendkim hangs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_judgement_and_its_sentence_are_opendkims() {
    let (Ok(Some(me)), Ok(Some(games))) = (User::from_name("opendkim"), Group::from_name("games"))
    else {
        return absent::absent("no user opendkim or no group games");
    };
    if !nix::unistd::geteuid().is_root() || !Path::new(ORIGINAL).exists() {
        return absent::absent(&format!("not root, or {ORIGINAL} is not installed"));
    }
    let (uid, gid, other) = (me.uid.as_raw(), me.gid.as_raw(), games.gid.as_raw());
    let stranger = User::from_name("man")
        .unwrap()
        .map_or(6, |user| user.uid.as_raw());
    let root = tempfile::tempdir_in(SAFE_PLACE).unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let dir = root.path().join("keys");
    let run = root.path().join("run");
    for path in [&dir, &run] {
        fs::create_dir(path).unwrap();
    }
    chown(&run, Some(uid), Some(gid)).unwrap();
    let key = dir.join("mail.private");
    fs::write(&key, generate(KeyKind::Rsa(1024)).unwrap().pem.as_bytes()).unwrap();
    let (socket, configuration) = (run.join("socket"), root.path().join("opendkim.conf"));

    let directories = [
        (0, 0, 0o755),
        (0, 0, 0o777),
        (0, 0, 0o1777),
        (0, other, 0o775),
        (0, other, 0o750),
        (stranger, other, 0o755),
        (stranger, other, 0o555),
        (uid, gid, 0o775),
        (uid, other, 0o775),
    ];
    let files = [
        (0, 0, 0o600),
        (0, 0, 0o640),
        (0, 0, 0o644),
        (0, gid, 0o640),
        (0, other, 0o640),
        (0, other, 0o600),
        (uid, gid, 0o600),
        (uid, gid, 0o660),
        (uid, other, 0o620),
        (uid, gid, 0o601),
        (uid, gid, 0o602),
        (stranger, 0, 0o600),
    ];
    let plain = ((0, 0, 0o755), (0, 0, 0o600));
    let scenes = directories
        .map(|directory| (directory, plain.1))
        .into_iter()
        .chain(files.map(|file| (plain.0, file)))
        .chain([
            ((0, 0, 0o777), (0, 0, 0o666)),
            ((stranger, 0, 0o755), (stranger, 0, 0o600)),
        ]);
    for (directory, file) in scenes {
        for (path, (uid, gid, mode)) in [(&dir, directory), (&key, file)] {
            chown(path, Some(uid), Some(gid)).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        for user in [Some("opendkim"), None] {
            let user_line = user
                .map(|user| format!("UserID {user}\n"))
                .unwrap_or_default();
            fs::write(
                &configuration,
                format!(
                    "Domain example.com\nSelector mail\nKeyFile {}\nSocket local:{}\n{user_line}",
                    key.display(),
                    socket.display()
                ),
            )
            .unwrap();
            let me = Identity::of_uid(if user.is_some() { uid } else { 0 });
            let opened = KeyFile::open(&key, &me).unwrap();
            let ours = opened.finding.map(|finding| finding.to_string());
            let theirs = theirs(&configuration, &socket);
            assert_eq!(ours, theirs, "{directory:?} {file:?} as {}", me.name);
        }
    }
    assert_eq!(fs::metadata(&key).unwrap().uid(), stranger);
}

#[test]
fn the_remedy_run_by_root_makes_the_key_safe() {
    let Ok(Some(me)) = User::from_name("opendkim") else {
        return absent::absent("no user opendkim");
    };
    if !nix::unistd::geteuid().is_root() {
        return absent::absent("not root");
    }
    let root = tempfile::tempdir_in(SAFE_PLACE).unwrap();
    let dir = root.path().join("it's a place");
    fs::create_dir(&dir).unwrap();
    let key = dir.join("mail.private");
    fs::write(&key, "x").unwrap();
    for path in [&dir, &key] {
        chown(path, Some(13), Some(60)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let me = Identity::of_uid(me.uid.as_raw());
    // Everything is wrong: others, group and owner of the directory, then the file.
    for _ in 0..4 {
        if let Some(finding) = KeyFile::open(&key, &me).unwrap().finding {
            let mended = Command::new("sh").args(["-c", &finding.remedy()]).status();
            assert!(mended.unwrap().success(), "{}", finding.remedy());
        }
    }
    assert!(KeyFile::open(&key, &me).unwrap().finding.is_none());
    let metadata = fs::metadata(&key).unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o777), (me.uid, 0o600));
}

#[test]
fn an_access_control_list_makes_a_key_unsafe_until_the_remedy_is_run() {
    if !Path::new("/usr/bin/setfacl").exists() {
        return absent::absent("no setfacl: apt-get install acl");
    }
    let folder = tempfile::tempdir_in(SAFE_PLACE).unwrap();
    let key = folder.path().join("mail.private");
    fs::write(&key, "key\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let me = Identity::current();
    let finding = || KeyFile::open(&key, &me).unwrap().finding;
    assert!(finding().is_none());
    let set = |entry: &str, path: &Path| {
        let status = Command::new("setfacl")
            .args(["-m", entry])
            .arg(path)
            .status();
        assert!(status.unwrap().success());
    };
    for (entry, path) in [("u:games:r", &*key), ("u:games:rwx", folder.path())] {
        set(entry, path);
        let finding = finding().unwrap();
        assert!(finding.to_string().contains("user games"), "{finding}");
        let status = Command::new("sh").args(["-c", &finding.remedy()]).status();
        assert!(status.unwrap().success());
    }
    assert!(finding().is_none());
}
