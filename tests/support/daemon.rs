//! The real program as a daemon: started on a socket of its own, listened to as its service
//! manager, asked by signals, ended with the test.

#![allow(
    dead_code,
    reason = "each user of this module needs another part of it"
)]

#[path = "anybody.rs"]
pub mod anybody;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::{
        fd::AsRawFd,
        unix::{
            net::{UnixDatagram, UnixListener},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{Answer, Message, MilterClient, POSTFIX_OFFER};

/// Longer than anything takes on a machine with other work to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a key and a configuration.
pub struct Scene {
    pub folder: tempfile::TempDir,
}

impl Scene {
    /// A configuration that signs for example.com from 127.0.0.1, with these lines besides.
    pub fn new(lines: &str) -> Self {
        Self::below(tempfile::tempdir().unwrap(), lines)
    }

    /// The same where every user may come.
    pub fn reachable(lines: &str) -> Self {
        Self::below(anybody::folder(), lines)
    }

    fn below(folder: tempfile::TempDir, lines: &str) -> Self {
        let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys.example/mail.private");
        fs::copy(key, folder.path().join("mail.private")).unwrap();
        let scene = Self { folder };
        scene.write(lines);
        scene
    }

    /// Writes the configuration anew.
    pub fn write(&self, lines: &str) {
        let text = format!(
            "Mode s\nDomain example.com\nKeyFile {}\nRequireSafeKeys no\nLogWhy yes\n{lines}\n",
            self.path("mail.private").display()
        );
        fs::write(self.config(), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("opendkim.conf")
    }

    pub fn socket(&self) -> PathBuf {
        self.path("s.sock")
    }

    /// `-p` with the usual socket.
    pub fn socket_option(&self) -> String {
        format!("local:{}", self.socket().display())
    }

    /// `opendkim -x FILE` with these flags.
    pub fn opendkim(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dkimd"));
        command.env("LC_ALL", "C");
        command
            .arg0("opendkim")
            .arg("-x")
            .arg(self.config())
            .args(flags)
            .stdin(Stdio::null())
            .current_dir(self.folder.path());
        command
    }

    /// `dkimd serve` on the usual socket, with its log on standard error.
    pub fn serve(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dkimd"));
        command.env("LC_ALL", "C");
        command
            .args(["serve", "-p", &self.socket_option(), "--config"])
            .arg(self.config())
            .stdin(Stdio::null())
            .current_dir(self.folder.path());
        command
    }

    /// `dkimd serve` with a listener that somebody else holds, as systemd does.
    pub fn serve_on(&self, listener: &UnixListener) -> Command {
        let fd = listener.as_raw_fd();
        // The program that is started last must find its own number in LISTEN_PID.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_dkimd"))
            .args(["serve", "--config"])
            .arg(self.config())
            .stdin(Stdio::null());
        // SAFETY: both calls are async-signal-safe, and the descriptor outlives the spawn.
        unsafe {
            command.pre_exec(move || {
                // A descriptor that is number 3 already would still be closed by the exec.
                let done = match fd {
                    3 => libc::fcntl(3, libc::F_SETFD, 0),
                    fd => libc::dup2(fd, 3),
                };
                match done {
                    -1 => Err(std::io::Error::last_os_error()),
                    _ => Ok(()),
                }
            });
        }
        command
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self, command: &mut Command) -> Running {
        let notify = self.path("notify");
        let _ = fs::remove_file(&notify);
        let manager = UnixDatagram::bind(&notify).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        // A daemon that drops privileges tells, too.
        fs::set_permissions(&notify, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let mut child = command
            .env("NOTIFY_SOCKET", &notify)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stderr, collected) = (child.stderr.take().unwrap(), Arc::clone(&lines));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                collected.lock().unwrap().push(line);
            }
        });
        let running = Running {
            child,
            manager,
            lines,
        };
        running.expect_notice("READY=1");
        running
    }

    /// A connection on which messages can be sent.
    pub fn client(&self) -> MilterClient {
        client(&self.socket())
    }
}

/// A negotiated connection, the client being 127.0.0.1.
pub fn client(socket: &Path) -> MilterClient {
    let mut client = MilterClient::unix(socket).unwrap();
    client.negotiate(POSTFIX_OFFER).unwrap();
    client.connect("localhost", "127.0.0.1").unwrap();
    client
}

/// A small message that is to be signed.
pub fn message() -> Message {
    Message::usual("joe@example.com", 300)
}

/// The tags of the signature among the answers, without white space.
pub fn signature(answers: &[Answer]) -> String {
    let field = answers
        .iter()
        .find(|answer| b"hi".contains(&answer.kind))
        .unwrap_or_else(|| panic!("not signed: {answers:?}"));
    let text = String::from_utf8_lossy(&field.payload).into_owned();
    assert!(text.contains("DKIM-Signature"), "{text}");
    text.split_whitespace().collect()
}

/// A daemon that is ready.
pub struct Running {
    pub child: Child,
    manager: UnixDatagram,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Reads notices until one has this line; gives that notice.
    pub fn expect_notice(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self
                .manager
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("no {line}: {error}; {:?}", self.told()));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|found| found.starts_with(line)) {
                return text;
            }
        }
    }

    /// Asks for a reload and waits for its end; gives the status told to the service manager.
    pub fn reload(&self, signal: Signal) -> String {
        self.signal(signal);
        let begun = self.expect_notice("RELOADING=1");
        assert!(begun.contains("MONOTONIC_USEC="), "{begun}");
        let status = self.expect_notice("STATUS=");
        self.expect_notice("READY=1");
        status
    }

    /// What stands on standard error so far.
    pub fn told(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line with this text.
    pub fn expect_line(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.told().into_iter().find(|line| line.contains(text)) {
                return line;
            }
            assert!(Instant::now() < end, "no {text:?} in {:?}", self.told());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "still running: {:?}", self.told());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
