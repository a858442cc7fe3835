//! A directory with keys, messages and a name server, and the two programs to be compared in it.

#![allow(dead_code, reason = "every test file uses a part of it")]
use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

/// Where Debian puts the originals.
const ORIGINALS: &str = "/usr/sbin";

/// A message of Unix form, unsigned.
pub const MESSAGE: &str = "From: Joe <joe@example.com>\nTo: x@example.net\n\
    Date: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: hi\n\nbody\n";

/// What a program did.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// The directory.
pub struct Bench {
    pub dir: tempfile::TempDir,
    nsd: Option<Child>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(nsd) = &mut self.nsd {
            let _ = nsd.kill();
            let _ = nsd.wait();
        }
    }
}

impl Bench {
    /// With the keys `sel` (RSA), `ed` (Ed25519) and `other` (RSA, published nowhere).
    pub fn new() -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
            nsd: None,
        };
        for (selector, kind) in [("sel", "rsa"), ("ed", "ed25519"), ("other", "rsa")] {
            let dir = bench.path("");
            let ran = bench.dkimd(&[
                "keygen",
                "-d",
                "example.com",
                "-s",
                selector,
                "--type",
                kind,
                "-D",
                &dir,
                "--format",
                "json",
            ]);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        }
        let keys: String = ["sel", "ed"]
            .iter()
            .map(|selector| {
                let text = bench.record(selector);
                format!("{selector}._domainkey.example.com {text}\n")
            })
            .collect();
        bench.write("keys", &keys);
        let keys = bench.path("keys");
        bench.write("verify.conf", &format!("TestPublicKeys {keys}\n"));
        bench.write("message", MESSAGE);
        bench
    }

    /// The text of a key's record.
    pub fn record(&self, selector: &str) -> String {
        let json = fs::read_to_string(self.path(&format!("{selector}.txt"))).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        json["value"].as_str().unwrap().to_owned()
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs dkimd under its own name.
    pub fn dkimd(&self, args: &[&str]) -> Ran {
        self.ours("dkimd", args, "")
    }

    /// Runs dkimd under another name.
    pub fn ours(&self, name: &str, args: &[&str], stdin: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dkimd"));
        command.env("LC_ALL", "C");
        command.arg0(name);
        self.run(command, args, stdin)
    }

    /// Runs the original.
    pub fn theirs(&self, name: &str, args: &[&str], stdin: &str) -> Ran {
        let mut command = Command::new(format!("{ORIGINALS}/{name}"));
        command.env("LC_ALL", "C").arg0(name);
        self.run(command, args, stdin)
    }

    fn run(&self, mut command: Command, args: &[&str], stdin: &str) -> Ran {
        let mut child = command
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// Serves a zone `example.com` with these lines; `None` where nsd is missing or the address
    /// can't be had.
    pub fn serve(&mut self, address: Ipv4Addr, port: u16, lines: &str) -> Option<SocketAddr> {
        let free = UdpSocket::bind((address, port)).ok()?;
        let address = free.local_addr().ok()?;
        drop(free);
        self.write(
            "zone",
            &format!(
                "$ORIGIN example.com.\n$TTL 60\n@ IN SOA ns1 a 1 2 3 4 5\n@ IN NS ns1\n\
                 ns1 IN A 127.0.0.1\n{lines}"
            ),
        );
        let dir = self.dir.path().display();
        self.write(
            "nsd.conf",
            &format!(
                "server:\n ip-address: {}@{}\n zonesdir: {dir}\n database: \"\"\n\
                 \x20pidfile: {dir}/pid\n username: \"\"\n xfrdfile: {dir}/xfrd\n\
                 \x20zonelistfile: {dir}/zonelist\n logfile: {dir}/log\n\
                 remote-control:\n control-enable: no\n\
                 zone:\n name: example.com\n zonefile: zone\n",
                address.ip(),
                address.port()
            ),
        );
        let conf = self.path("nsd.conf");
        self.nsd = Command::new("nsd").args(["-d", "-c", &conf]).spawn().ok();
        self.nsd.as_ref()?;
        for _ in 0..100 {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            if log.contains("nsd started") {
                thread::sleep(Duration::from_millis(50));
                return Some(address);
            }
            thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// A line of a zone: a TXT record in strings that fit.
    pub fn zone_line(selector: &str, text: &str) -> String {
        let strings: Vec<String> = text
            .as_bytes()
            .chunks(200)
            .map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)))
            .collect();
        let text = if strings.is_empty() {
            "\"\"".to_owned()
        } else {
            strings.join(" ")
        };
        format!("{selector}._domainkey IN TXT {text}\n")
    }
}

/// Whether the original is installed; says so if not.
pub fn original_is_there(name: &str) -> bool {
    let there = Path::new(ORIGINALS).join(name).exists();
    if !there {
        crate::absent::absent(&format!("{name} is not installed"));
    }
    there
}
