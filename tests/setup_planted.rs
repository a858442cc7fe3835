//! `dkimd setup` as root in directories of the daemon's user, in which that user has planted something
//! (`trust-setup-planted-link`): root's files stay as they are, nothing comes to be elsewhere, and it
//! ends soon with an error that names what was planted.

#[path = "support/absent.rs"]
mod absent;
mod support;
#[path = "support/setup.rs"]
mod support_setup;

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown, lchown, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::{
    sys::stat::Mode,
    unistd::{User, geteuid, mkfifo},
};
use support_setup::{Scene, Told, Tree, postfix_is_there};

const SECRET: &str = "root:$y$of-root-alone:20000:0:99999:7:::";
/// The program gives up waiting for a child after ten seconds; none of these has one that waits.
const SOON: Duration = Duration::from_secs(9);

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plant {
    LinkToFile,
    LinkToDirectory,
    LinkToNothing,
    LinkToZeroes,
    HardLink,
    Pipe,
    Directory,
    HugeFile,
}

const PLANTS: [Plant; 8] = [
    Plant::LinkToFile,
    Plant::LinkToDirectory,
    Plant::LinkToNothing,
    Plant::LinkToZeroes,
    Plant::HardLink,
    Plant::Pipe,
    Plant::Directory,
    Plant::HugeFile,
];

impl Plant {
    fn is_link(self) -> bool {
        format!("{self:?}").starts_with("Link")
    }
}

/// A host whose tables and keys lie in directories of the daemon's user.
struct Host {
    scene: Scene,
    uid: u32,
    gid: u32,
}

impl Host {
    /// `None` where this can't be tried: users can be changed by root alone.
    fn new() -> Option<Self> {
        if !postfix_is_there() || !geteuid().is_root() {
            return None;
        }
        let daemon = User::from_name("daemon").unwrap().unwrap();
        let host = Self {
            scene: Scene::new(),
            uid: daemon.uid.as_raw(),
            gid: daemon.gid.as_raw(),
        };
        for directory in ["etc/opendkim", "etc/opendkim/t", "keys/k"] {
            fs::create_dir(host.scene.path(directory)).unwrap();
        }
        for directory in ["etc/opendkim", "etc/opendkim/t", "keys", "keys/k"] {
            host.give(&host.scene.path(directory));
        }
        fs::create_dir_all(host.scene.path("root/dir")).unwrap();
        host.scene.write("root/secret", &format!("{SECRET}\n"));
        host.scene.set_mode("root/secret", 0o600);
        Some(host)
    }

    fn give(&self, path: &Path) {
        lchown(path, Some(self.uid), Some(self.gid)).unwrap();
    }

    fn run(&self, flags: &[&str]) -> Told {
        let begun = Instant::now();
        let output = Command::new("timeout")
            .args(["60", env!("CARGO_BIN_EXE_dkimd")])
            .args(["setup", "example.com", "--offline", "--no-reload"])
            .args(["--keys", "rsa", "--config"])
            .arg(self.scene.config())
            .arg("--postfix-config")
            .arg(self.scene.path("postfix"))
            .arg("--key-directory")
            .arg(self.scene.path("keys/k"))
            .arg("--table-directory")
            .arg(self.scene.path("etc/opendkim/t"))
            .arg("--journal")
            .arg(self.scene.path("lib/setup"))
            .args(flags)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let took = begun.elapsed();
        let mut said = String::from_utf8(output.stdout).unwrap();
        said += &String::from_utf8(output.stderr).unwrap();
        assert!(took < SOON, "took {took:?}: {said}");
        Told {
            said,
            code: output.status.code(),
        }
    }

    /// Puts something in the place of what is there, as the user could.
    fn plant(&self, plant: Plant, name: &str) -> PathBuf {
        let path = self.scene.path(name);
        if path.is_dir() {
            fs::rename(&path, self.scene.path(&format!("{name}.moved"))).unwrap();
        } else if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        let to = |target: &str| symlink(self.scene.path(target), &path).unwrap();
        match plant {
            Plant::LinkToFile => to("root/secret"),
            Plant::LinkToDirectory => to("root/dir"),
            Plant::LinkToNothing => to("root/dir/new"),
            Plant::LinkToZeroes => symlink("/dev/zero", &path).unwrap(),
            Plant::HardLink => fs::hard_link(self.scene.path("root/secret"), &path).unwrap(),
            Plant::Pipe => mkfifo(&path, Mode::S_IRWXU).unwrap(),
            Plant::Directory => fs::create_dir(&path).unwrap(),
            Plant::HugeFile => fs::File::create(&path).unwrap().set_len(1 << 40).unwrap(),
        }
        if plant != Plant::HardLink {
            self.give(&path);
        }
        path
    }

    /// All that is root's alone.
    fn of_root(&self) -> Tree {
        let mut tree = Tree::new();
        for name in ["root", "root/secret", "root/dir"] {
            let path = self.scene.path(name);
            let found = fs::symlink_metadata(&path).unwrap();
            let content = match found.is_dir() {
                true => fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_encoded_bytes())
                    .collect::<Vec<_>>()
                    .concat(),
                false => fs::read(&path).unwrap(),
            };
            tree.insert(path, (found.mode(), found.uid(), found.gid(), content));
        }
        tree
    }

    /// Whether a root-only text has come to where the user can read it.
    fn leaked(&self) -> Vec<PathBuf> {
        let mut left = vec![self.scene.path("etc"), self.scene.path("keys")];
        let mut leaked = Vec::new();
        while let Some(path) = left.pop() {
            let found = fs::symlink_metadata(&path).unwrap();
            if found.is_dir() {
                let entries = fs::read_dir(&path).unwrap();
                left.extend(entries.map(|entry| entry.unwrap().path()));
            } else if found.is_file()
                && found.len() < 1 << 20
                && (found.uid() == self.uid || found.mode() & 0o044 != 0)
                && String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(SECRET)
            {
                leaked.push(path);
            }
        }
        leaked
    }

    /// Runs it beside something planted and tells what came of it.
    fn attacked(&self, plant: Plant, name: &str, flags: &[&str]) {
        let before = self.of_root();
        let path = self.plant(plant, name);
        let told = self.run(flags);
        let what = format!("{plant:?} at {name} by {flags:?}: {}", told.said);
        assert_eq!(self.of_root(), before, "{what}");
        assert_eq!(self.leaked(), Vec::<PathBuf>::new(), "{what}");
        assert!(!told.said.contains("of-root-alone"), "{what}");
        // A directory may well be a directory.
        let is_meant = path.is_dir() && !path.is_symlink() && !name.contains("Table");
        if plant.is_link() {
            assert_ne!(told.code, Some(0), "{what}");
            let shown = path.display().to_string();
            let says = [
                "a symbolic link that belongs to user daemon",
                &format!("rm {shown}"),
            ]
            .into_iter()
            .all(|words| told.said.contains(words));
            assert!(says, "{what}");
        } else if !is_meant {
            assert_ne!(told.code, Some(0), "{what}");
            assert!(told.said.contains(&path.display().to_string()), "{what}");
        }
    }
}

const FILES: [&str; 4] = [
    "etc/opendkim/t/KeyTable",
    "etc/opendkim/t/SigningTable",
    "etc/opendkim/t/TrustedHosts",
    "keys/k/mail.example.com.private",
];
const DIRECTORIES: [&str; 2] = ["etc/opendkim/t", "keys/k"];

#[test]
fn directories_of_the_daemons_user_are_changed_by_that_users_hand() {
    let Some(host) = Host::new() else { return };
    let before = host.scene.tree();
    host.run(&["--apply"]).ok();
    for name in FILES {
        let found = fs::metadata(host.scene.path(name)).unwrap();
        assert_eq!((found.uid(), found.gid()), (host.uid, host.gid), "{name}");
    }
    assert_eq!(host.scene.mode(FILES[3]), 0o600);
    assert!(host.scene.errors_of_check().is_empty());
    let told = host.run(&["--apply"]).ok();
    assert!(told.contains("there is nothing to change"), "{told}");
    host.run(&["--undo", "--all", "--apply"]).ok();
    assert_eq!(host.scene.tree_without_keys(), before);
}

#[test]
fn what_is_planted_before_the_first_run_gains_nothing() {
    for name in FILES.into_iter().chain(DIRECTORIES) {
        for plant in PLANTS {
            let Some(host) = Host::new() else { return };
            host.attacked(plant, name, &["--apply"]);
        }
    }
}

#[test]
fn what_is_planted_afterwards_gains_nothing() {
    let Some(host) = Host::new() else { return };
    host.run(&["--apply"]).ok();
    for plant in PLANTS {
        for name in FILES.into_iter().chain(DIRECTORIES) {
            // A directory in the place of a directory is a host where all that was in it has gone.
            if plant != Plant::Directory || !DIRECTORIES.contains(&name) {
                host.attacked_undo(plant, name);
            }
        }
    }
}

impl Host {
    /// The same of an undo. It leaves keys alone, whatever stands in their place.
    fn attacked_undo(&self, plant: Plant, name: &str) {
        let before = self.of_root();
        let (path, kept) = (self.scene.path(name), self.scene.path("kept"));
        fs::rename(&path, &kept).unwrap();
        self.plant(plant, name);
        let told = self.run(&["--undo", "--all", "--apply"]);
        let what = format!("{plant:?} at {name}: {}", told.said);
        assert_eq!(self.of_root(), before, "{what}");
        assert_eq!(self.leaked(), Vec::<PathBuf>::new(), "{what}");
        assert!(!told.said.contains("of-root-alone"), "{what}");
        if plant.is_link() {
            let says = told
                .said
                .contains("a symbolic link that belongs to user daemon");
            assert!(says, "{what}");
        }
        let leaves_alone = name.ends_with(".private") || DIRECTORIES.contains(&name);
        let failed = told.code != Some(0);
        assert!(failed || (!plant.is_link() && leaves_alone), "{what}");
        match plant {
            Plant::Directory => fs::remove_dir(&path).unwrap(),
            _ => fs::remove_file(&path).unwrap(),
        }
        fs::rename(&kept, &path).unwrap();
        if !failed {
            self.run(&["--apply"]).ok();
        }
    }
}

#[test]
fn a_link_that_root_made_is_followed() {
    let Some(host) = Host::new() else { return };
    fs::create_dir(host.scene.path("srv")).unwrap();
    host.scene.write("srv/KeyTable", "# root's own\n");
    fs::remove_dir(host.scene.path("etc/opendkim/t")).unwrap();
    chown(host.scene.path("etc/opendkim"), Some(0), Some(0)).unwrap();
    fs::create_dir(host.scene.path("etc/opendkim/t")).unwrap();
    symlink(
        "../../../srv/KeyTable",
        host.scene.path("etc/opendkim/t/KeyTable"),
    )
    .unwrap();
    host.run(&["--apply"]).ok();
    assert!(
        host.scene
            .read("srv/KeyTable")
            .contains("mail._domainkey.example.com")
    );
    assert!(host.scene.path("etc/opendkim/t/KeyTable").is_symlink());
}

#[test]
fn where_several_can_change_a_directory_nothing_is_changed() {
    let Some(host) = Host::new() else { return };
    for (name, mode, remedy) in [
        ("etc/opendkim", 0o777, "chmod o-w"),
        ("keys", 0o775, "chmod g-w"),
    ] {
        let group = nix::unistd::Group::from_name("daemon").unwrap().unwrap();
        let path = host.scene.path(name);
        chown(&path, Some(0), Some(group.gid.as_raw())).unwrap();
        host.scene.set_mode(name, mode);
        let before = host.scene.tree();
        let told = host.run(&["--apply"]);
        assert_eq!(told.code, Some(78), "{}", told.said);
        let command = format!("{remedy} {}", path.display());
        assert!(told.said.contains(&command), "{}", told.said);
        assert_eq!(host.scene.tree(), before);
        host.scene.set_mode(name, 0o755);
    }
    host.run(&["--apply"]).ok();
}

#[test]
fn a_file_that_others_can_change_does_not_say_where_root_writes() {
    // The configuration names a table of root's.
    let Some(host) = Host::new() else { return };
    host.scene.write("root/dir/KeyTable", "# sudoers\n");
    host.scene.add_options(
        "KeyTable DIR/root/dir/KeyTable\nSigningTable refile:DIR/root/dir/SigningTable\n",
    );
    host.scene.write("root/dir/SigningTable", "");
    host.give(&host.scene.config());
    let before = host.scene.tree();
    let told = host.run(&["--apply"]);
    assert_eq!(told.code, Some(78), "{}", told.said);
    let command = format!("chown -h root {}", host.scene.config().display());
    assert!(told.said.contains(&command), "{}", told.said);
    assert_eq!(host.scene.tree(), before);
    // A KeyTable says where keys are, and new ones would go there.
    let Some(host) = Host::new() else { return };
    host.scene.write_key("keys/k/old.private");
    host.give(&host.scene.path("keys/k/old.private"));
    host.scene.write(
        "etc/opendkim/t/KeyTable",
        "k old.example:s:DIR/keys/k/old.private\n\
         mail._domainkey.example.com example.com:mail:DIR/root/dir/cron\n",
    );
    host.scene
        .write("etc/opendkim/t/SigningTable", "old.example k\n");
    for name in &FILES[..2] {
        host.give(&host.scene.path(name));
    }
    host.scene.add_options(
        "KeyTable DIR/etc/opendkim/t/KeyTable\nSigningTable DIR/etc/opendkim/t/SigningTable\n",
    );
    let before = host.of_root();
    let told = host.run(&["--apply"]);
    assert_eq!(told.code, Some(78), "{}", told.said);
    assert!(
        told.said.contains("root/dir/cron is named by"),
        "{}",
        told.said
    );
    assert_eq!(host.of_root(), before);
}

#[test]
fn a_configuration_in_the_users_directory_is_changed_by_the_user_alone() {
    for plant in [None].into_iter().chain(PLANTS.map(Some)) {
        let Some(host) = Host::new() else { return };
        host.give(&host.scene.path("etc"));
        host.give(&host.scene.config());
        match plant {
            None => {
                host.run(&["--apply"]).ok();
                let found = fs::metadata(host.scene.config()).unwrap();
                assert_eq!(found.uid(), host.uid);
                host.run(&["--undo", "--all", "--apply"]).ok();
            }
            Some(plant) => host.attacked(plant, "etc/opendkim.conf", &["--apply"]),
        }
    }
}

#[test]
fn journal_postfix_and_pid_file_are_not_taken_from_the_user() {
    let Some(host) = Host::new() else { return };
    host.give(&host.scene.path("lib"));
    let told = host.run(&["--apply"]);
    assert!(told.said.contains("--journal"), "{}", told.said);
    assert_eq!(told.code, Some(74));
    host.run(&["--undo", "--all", "--apply"]);
    lchown(host.scene.path("lib"), Some(0), Some(0)).unwrap();

    host.give(&host.scene.path("postfix"));
    let told = host.run(&[]);
    assert_eq!(told.code, Some(78), "{}", told.said);
    assert!(
        told.said.contains("postfix/main.cf is where user daemon"),
        "{}",
        told.said
    );
    lchown(host.scene.path("postfix"), Some(0), Some(0)).unwrap();

    host.give(&host.scene.path("run"));
    host.scene.add_options("PidFile DIR/run/pid\n");
    for plant in [Plant::Pipe, Plant::LinkToZeroes, Plant::HugeFile] {
        host.plant(plant, "run/pid");
        host.run(&[]).ok();
        fs::remove_file(host.scene.path("run/pid")).unwrap();
    }
    // Nor is the program of the process that it names run, whatever it is called.
    if !Path::new("/usr/sbin/opendkim").exists() {
        return;
    }
    let program = host.scene.path("run/opendkim");
    fs::copy("/usr/sbin/opendkim", &program).unwrap();
    host.give(&program);
    let socket = format!("local:{}", host.scene.path("root/sock").display());
    let mut process = Command::new(&program)
        .args(["-f", "-b", "v", "-u", "root", "-p", &socket])
        .spawn()
        .unwrap();
    host.scene.write("run/pid", &format!("{}\n", process.id()));
    let told = host.scene.setup("example.com", &[]).ok();
    let lives = process.try_wait().unwrap().is_none();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(lives && !told.contains("the daemon is OpenDKIM"), "{told}");
}

#[test]
fn a_key_is_made_by_the_users_hand_and_through_no_planted_link() {
    for plant in [None].into_iter().chain(PLANTS.map(Some)) {
        let Some(host) = Host::new() else { return };
        let before = host.of_root();
        let name = "keys/k/mail.private";
        if let Some(plant) = plant {
            host.plant(plant, name);
        }
        let link = host.scene.path("dkimd");
        symlink(env!("CARGO_BIN_EXE_dkimd"), &link).unwrap();
        let mut genkey = Command::new("timeout");
        genkey.arg("30").arg(&link);
        genkey.args(["keygen", "-d", "example.com", "-s", "mail", "-D"]);
        let original = host.scene.path("opendkim-genkey");
        symlink(env!("CARGO_BIN_EXE_dkimd"), &original).unwrap();
        let mut of_original = Command::new("timeout");
        of_original.arg("30").arg(&original);
        of_original.args(["-d", "example.com", "-s", "mail", "-D"]);
        for mut command in [genkey, of_original] {
            let output = command.arg(host.scene.path("keys/k")).output().unwrap();
            assert_eq!(host.of_root(), before, "{plant:?}: {output:?}");
            assert_ne!(output.status.code(), Some(124), "{plant:?}: {output:?}");
            if plant.is_none_or(|plant| !plant.is_link()) {
                continue;
            }
            assert!(!output.status.success(), "{plant:?}: {output:?}");
        }
        if plant.is_none() {
            let found = fs::metadata(host.scene.path(name)).unwrap();
            assert_eq!((found.uid(), found.mode() & 0o777), (host.uid, 0o600));
        }
    }
}

#[test]
fn every_command_of_an_error_mends_it() {
    for plant in [
        Plant::LinkToFile,
        Plant::Pipe,
        Plant::HugeFile,
        Plant::Directory,
    ] {
        let Some(host) = Host::new() else { return };
        let path = host.plant(plant, "etc/opendkim/t/KeyTable");
        let told = host.run(&["--apply"]);
        assert_ne!(told.code, Some(0), "{}", told.said);
        let shown = path.display().to_string();
        let command = ["rm ", "mv "]
            .into_iter()
            .find_map(|verb| {
                let from = told.said.find(&format!("{verb}{shown}"))?;
                told.said[from..].lines().next()
            })
            .unwrap_or_else(|| panic!("{}", told.said));
        let done = Command::new("sh").args(["-c", command]).status().unwrap();
        assert!(done.success(), "{command}");
        host.run(&["--apply"]).ok();
    }
}
