//! A host in a directory for `dkimd setup`: configuration, Postfix, keys, journal.

#![allow(dead_code, reason = "every test file uses a part of it")]

#[path = "anybody.rs"]
mod anybody;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use dkim_core::name::Domain;
use dkimd_keygen::generate::{KeyKind, generate};
use dkimd_setup::{
    change::Change,
    journal::{Journal, Run},
    plan::{Plan, plan},
    publication::Held,
    situation::{Situation, Wanted},
};
use nix::unistd::{User, geteuid};

use crate::absent::absent;
use crate::support::{Message, MilterClient, POSTFIX_OFFER};

const ORIGINAL: &str = "/usr/sbin/opendkim";
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether Postfix's programs are there; without them these tests fail, unless they are missing on
/// purpose.
pub fn postfix_is_there() -> bool {
    let found = Path::new("/usr/sbin/postconf").exists();
    if !found {
        absent("Postfix");
    }
    found
}

/// A host in a directory.
pub struct Scene {
    dir: tempfile::TempDir,
}

/// What the program said on both outputs, and its exit code.
pub struct Told {
    pub said: String,
    pub code: Option<i32>,
}

impl Told {
    /// What it said, if it went well.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.said);
        self.said
    }
}

/// Path to mode, owner, group and content.
pub type Tree = BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)>;

impl Scene {
    /// A host, where Postfix's programs are there to set it up.
    pub fn beside_postfix() -> Option<Self> {
        postfix_is_there().then(Self::new)
    }

    /// The configuration as Debian's opendkim brings it, and a Postfix in a chroot.
    pub fn new() -> Self {
        let scene = Self {
            dir: anybody::folder(),
        };
        for directory in ["etc", "postfix", "queue", "keys", "run", "lib"] {
            fs::create_dir(scene.path(directory)).unwrap();
        }
        let user = match geteuid().is_root() {
            true => "daemon".to_owned(),
            false => User::from_uid(geteuid()).unwrap().unwrap().name,
        };
        // Keys under the directory for temporary files are never safe.
        scene.write(
            "etc/opendkim.conf",
            &format!(
                "# Debian's\nSyslog\t\tno\nCanonicalization\trelaxed/simple\nUserID\t\t{user}\n\
                 UMask\t\t007\nSocket\t\tlocal:DIR/run/opendkim.sock\nRequireSafeKeys no\n"
            ),
        );
        scene.write(
            "postfix/main.cf",
            "# c\ncompatibility_level = 3.6\nqueue_directory = DIR/queue\nmyhostname = \
             mail.example.com\nmynetworks = 127.0.0.0/8, 192.0.2.0/24\n",
        );
        scene.write(
            "postfix/master.cf",
            "smtp inet n - y - - smtpd\ncleanup unix n - y - 0 cleanup\nsmtp unix - - y - - smtp\n",
        );
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("etc/opendkim.conf")
    }

    /// `DIR` stands for the scene's directory.
    pub fn expand(&self, text: &str) -> String {
        text.replace("DIR", self.dir.path().to_str().unwrap())
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), self.expand(text)).unwrap();
    }

    pub fn append(&self, name: &str, text: &str) {
        let mut file = fs::File::options()
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(self.expand(text).as_bytes()).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().mode() & 0o7777
    }

    pub fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn write_key(&self, name: &str) {
        let key = generate(KeyKind::Rsa(2048)).unwrap();
        fs::write(self.path(name), key.pem.as_bytes()).unwrap();
        self.set_mode(name, 0o644);
    }

    pub fn add_options(&self, lines: &str) {
        self.append("etc/opendkim.conf", lines);
    }

    pub fn replace_option(&self, name: &str, value: &str) {
        let text = self.read("etc/opendkim.conf");
        let lines = text.lines().map(|line| match line.starts_with(name) {
            true => format!("{name} {value}\n"),
            false => format!("{line}\n"),
        });
        self.write("etc/opendkim.conf", &lines.collect::<String>());
    }

    /// Takes back all runs for a domain.
    pub fn undo(&self, domain: &str) -> Told {
        self.setup(domain, &["--undo", "--all", "--apply"])
    }

    /// Runs `dkimd setup`, in English, without asking DNS.
    pub fn setup(&self, domain: &str, flags: &[&str]) -> Told {
        self.setup_beside("postfix", domain, flags)
    }

    /// The same beside another Postfix.
    pub fn setup_beside(&self, postfix: &str, domain: &str, flags: &[&str]) -> Told {
        let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
            .env("LC_ALL", "C")
            .args(["setup", domain, "--offline", "--no-reload"])
            .args(["--ip", "203.0.113.10", "--ip", "2001:db8::10"])
            .arg("--config")
            .arg(self.config())
            .arg("--postfix-config")
            .arg(self.path(postfix))
            .arg("--key-directory")
            .arg(self.path("keys"))
            .arg("--journal")
            .arg(self.path("lib/setup"))
            .args(flags)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let mut said = String::from_utf8(output.stdout).unwrap();
        said += &String::from_utf8(output.stderr).unwrap();
        Told {
            said,
            code: output.status.code(),
        }
    }

    /// The plan, by the library.
    pub fn plan(&self, domain: &str) -> Plan {
        let wanted = Wanted {
            domain: Domain::parse(domain).unwrap(),
            selector: None,
            hostname: None,
            addresses: Vec::new(),
            keys: None,
            config: self.config(),
            key_directory: Some(self.path("keys")),
            table_directory: None,
            postfix_directory: Some(self.path("postfix")),
            without_postfix: false,
            sign_now: false,
        };
        let situation = Situation::look_around(&wanted).unwrap();
        plan(&wanted, &situation, &|_| Held::NotAsked).unwrap()
    }

    /// Begins a run as `--apply` does, and stops after so many steps, as a power cut would.
    pub fn break_off_after(&self, domain: &str, steps: usize) {
        let plan = self.plan(domain);
        let journal = Journal::open(&self.path("lib/setup")).unwrap();
        let changes: Vec<_> = plan.steps.iter().map(|step| step.entry.clone()).collect();
        journal
            .add(&Run {
                domain: domain.to_owned(),
                config: self.config(),
                postfix: plan.postfix.iter().cloned().collect(),
                changes: changes.clone(),
            })
            .unwrap();
        for entry in &changes[..steps] {
            let kind = match entry.change.path().to_str().unwrap().contains("ed25519") {
                true => KeyKind::Ed25519,
                false => KeyKind::Rsa(2048),
            };
            let key = matches!(entry.change, Change::Key { .. }).then(|| generate(kind).unwrap());
            let pem = key.as_ref().map(|key| key.pem.as_bytes());
            entry.change.make(pem).unwrap();
        }
    }

    /// Everything on the host but the journal.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut left = vec![self.dir.path().to_owned()];
        while let Some(path) = left.pop() {
            if path == self.path("lib") {
                continue;
            }
            let found = fs::symlink_metadata(&path).unwrap();
            let content = if found.is_dir() {
                left.extend(
                    fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
                Vec::new()
            } else if found.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            tree.insert(path, (found.mode(), found.uid(), found.gid(), content));
        }
        tree
    }

    /// The same without the keys that setup made.
    pub fn tree_without_keys(&self) -> Tree {
        let mut tree = self.tree();
        tree.retain(|path, _| {
            let name = path.file_name().unwrap().to_str().unwrap();
            !(name.ends_with(".private")
                && (name.contains(".example") || name.contains("-ed25519")))
        });
        tree
    }

    pub fn postconf(&self, name: &str) -> String {
        let output = Command::new("/usr/sbin/postconf")
            .arg("-c")
            .arg(self.path("postfix"))
            .args(["-h", name])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The errors of `dkimd check`.
    pub fn errors_of_check(&self) -> Vec<String> {
        let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
            .env("LC_ALL", "C")
            .args(["check", "--config"])
            .arg(self.config())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let errors = told.lines().filter(|line| line.contains(": error: "));
        errors.map(str::to_owned).collect()
    }

    /// Domain and selector of each signature that dkimd makes under the configuration.
    pub fn signers_by_dkimd(&self, author: &str) -> Vec<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dkimd"));
        command.env("LC_ALL", "C");
        command.args(["serve", "--config"]).arg(self.config());
        self.signers(&mut command, author)
    }

    /// The same by Debian's opendkim, if it is there.
    pub fn signers_by_opendkim(&self, author: &str) -> Option<Vec<String>> {
        if !Path::new(ORIGINAL).exists() {
            return None;
        }
        let mut command = Command::new(ORIGINAL);
        command.args(["-f", "-x"]).arg(self.config());
        Some(self.signers(&mut command, author))
    }

    fn signers(&self, command: &mut Command, author: &str) -> Vec<String> {
        let socket = self.path(&format!("run/s{}", std::process::id()));
        let _ = fs::remove_file(&socket);
        command
            .args(["-p", &format!("local:{}", socket.display())])
            .stderr(Stdio::null())
            .stdout(Stdio::null());
        // The directory belongs to whoever runs the test, the daemon to another user.
        fs::set_permissions(self.path("run"), fs::Permissions::from_mode(0o777)).unwrap();
        let daemon = Stopped(command.spawn().unwrap());
        let begun = Instant::now();
        let mut client = loop {
            match MilterClient::unix(&socket) {
                Ok(client) => break client,
                Err(_) if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
                Err(error) => panic!("{command:?} does not listen: {error}"),
            }
        };
        client.negotiate(POSTFIX_OFFER).unwrap();
        client.connect("localhost", "127.0.0.1").unwrap();
        let answers = client.message(&Message::usual(author, 100)).unwrap();
        drop(daemon);
        let _ = fs::remove_file(&socket);
        fs::set_permissions(self.path("run"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut signers: Vec<String> = answers
            .iter()
            .filter(|answer| answer.payload.windows(15).any(|w| w == b"DKIM-Signature\0"))
            .map(|answer| {
                let text = String::from_utf8_lossy(&answer.payload).replace(['\n', '\t', ' '], "");
                let tag = |name: &str| {
                    let from = text.split_once(&format!(";{name}=")).unwrap().1;
                    from.split(';').next().unwrap().to_owned()
                };
                format!("{}/{}", tag("d"), tag("s"))
            })
            .collect();
        signers.sort();
        signers
    }
}

/// A process that ends with the test.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
