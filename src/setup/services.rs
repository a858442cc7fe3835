//! Telling the running services of their new settings.

use std::{
    fs, io,
    net::{TcpStream, ToSocketAddrs},
    path::Path,
    process::{self, Command},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use socket2::{Domain, SockAddr, Socket, Type};

use dkimd_hand::Place;
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::DEFAULT_DIRECTORY;
use dkimd_server::{
    config::DEFAULT_FILE,
    process::answer::{Reader, Reload},
};

/// How long the daemon may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a load may take, which waits two seconds at most for files that are being written.
const ANSWERED: Duration = Duration::from_secs(5);
/// How often its answer is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long one connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The names that the daemon runs by.
pub const NAMES: [&str; 2] = ["opendkim", "dkimd"];
/// Nobody's pid file is longer.
const MOST_PID_OCTETS: u64 = 64;
const SYSTEMD: &str = "/run/systemd/system";
const INIT_SCRIPT: &str = "/etc/init.d/opendkim";

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// dkimd itself.
    Daemon,
    /// Postfix.
    Postfix,
}

/// What became of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It knows; by this command.
    By(String),
    /// It does not run, or can't be told by us; this command does it.
    ToDo(String),
    /// It was told and failed.
    Failed {
        /// Which.
        service: Service,
        /// What it was told by.
        command: String,
        /// Its complaint.
        complaint: String,
    },
}

impl Told {
    /// Whether it runs with the new settings.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::By(_))
    }

    /// Whether it was told and failed.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

/// Tells the daemon, and waits until it listens.
pub fn daemon(config: &Path, pid_file: Option<&Path>, socket: &SocketSpec, restart: bool) -> Told {
    let told = tell_daemon(config, pid_file, restart);
    match told {
        Told::By(command) if !listens(socket) => Told::Failed {
            service: Service::Daemon,
            command,
            complaint: format!("nobody listens at {socket}"),
        },
        told => told,
    }
}

/// The command that tells the daemon, for people.
pub fn daemon_command(config: &Path, restart: bool) -> String {
    let verb = if restart {
        "restart"
    } else {
        "reload-or-restart"
    };
    match (
        config == Path::new(DEFAULT_FILE),
        Path::new(SYSTEMD).is_dir(),
    ) {
        (true, true) => format!("systemctl {verb} opendkim"),
        (true, false) if Path::new(INIT_SCRIPT).exists() => "service opendkim restart".to_owned(),
        _ => format!("dkimd serve --config {}", config.display()),
    }
}

fn tell_daemon(config: &Path, pid_file: Option<&Path>, restart: bool) -> Told {
    let command = daemon_command(config, restart);
    let usual = config == Path::new(DEFAULT_FILE);
    if usual && Path::new(SYSTEMD).is_dir() && run("systemctl cat opendkim.service").is_ok() {
        return done(Service::Daemon, command);
    }
    if let Some(pid) = pid_file.and_then(running).filter(|_| !restart) {
        let command = format!("kill -USR1 {pid}");
        let failed = |command, complaint: &str| Told::Failed {
            service: Service::Daemon,
            command,
            complaint: complaint.to_owned(),
        };
        let reader = Reader::of(pid.as_raw());
        let before = reader.as_ref().and_then(Reader::read_whole);
        if let Err(error) = kill(pid, Signal::SIGUSR1) {
            return failed(command, error.desc());
        }
        let outcome = reader
            .zip(before)
            .and_then(|(reader, before)| outcome(&reader, before.load));
        return match outcome {
            Some(outcome @ (Reload::Kept | Reload::PutOff | Reload::NoFile)) => {
                failed(command, outcome.status())
            }
            // A daemon of another release gives no answer.
            Some(Reload::Done) | None => Told::By(command),
        };
    }
    Told::ToDo(command)
}

/// What became of the load after the load `before`; `None`: no answer came in time.
fn outcome(reader: &Reader, before: u64) -> Option<Reload> {
    let asked = Instant::now();
    let mut outcome = None;
    while asked.elapsed() < ANSWERED {
        if let Some(answer) = reader.read().filter(|answer| answer.load > before) {
            outcome = answer.outcome.or(outcome);
        }
        // What was put off is taken up as soon as the files were left alone for a moment.
        if matches!(outcome, Some(Reload::Done | Reload::Kept | Reload::NoFile)) {
            break;
        }
        thread::sleep(LOOK_AGAIN);
    }
    outcome
}

/// Tells Postfix.
pub fn postfix(directory: &Path) -> Told {
    let command = postfix_command(directory, "reload");
    match run(&postfix_command(directory, "status")) {
        Ok(()) => done(Service::Postfix, command),
        Err(_) => Told::ToDo(postfix_command(directory, "start")),
    }
}

/// A command of Postfix's.
pub fn postfix_command(directory: &Path, verb: &str) -> String {
    match directory == Path::new(DEFAULT_DIRECTORY) {
        true => format!("postfix {verb}"),
        false => format!("postfix -c {} {verb}", directory.display()),
    }
}

fn done(service: Service, command: String) -> Told {
    match run(&command) {
        Ok(()) => Told::By(command),
        Err(complaint) => Told::Failed {
            service,
            command,
            complaint,
        },
    }
}

/// Runs a command line without quotes; the error is what it said last.
fn run(command: &str) -> Result<(), String> {
    let mut words = command.split(' ');
    let program = words.next().unwrap_or_default();
    let output = Command::new(program)
        .args(words)
        .env(
            "PATH",
            "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin",
        )
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or("no reason given").to_owned())
}

/// The daemon that a pid file names, if it is one and lives.
pub fn running(pid_file: &Path) -> Option<Pid> {
    // The daemon's user can put something else there.
    let (text, _) = Place::find(pid_file).ok()?.read(MOST_PID_OCTETS).ok()??;
    let number: i32 = str::from_utf8(&text).ok()?.trim().parse().ok()?;
    if number == i32::try_from(process::id()).ok()? {
        return None;
    }
    let name = fs::read_to_string(format!("/proc/{number}/comm")).ok()?;
    NAMES
        .contains(&name.trim())
        .then_some(Pid::from_raw(number))
}

/// Whether somebody listens, soon.
fn listens(socket: &SocketSpec) -> bool {
    let begun = Instant::now();
    loop {
        if connects(socket) {
            return true;
        }
        if begun.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Whether somebody listens now.
pub fn connects(socket: &SocketSpec) -> bool {
    match socket {
        SocketSpec::Unix(path) => unix(path),
        SocketSpec::Inet { host, port } => tcp(host.as_deref().unwrap_or("127.0.0.1"), *port),
        SocketSpec::Inet6 { host, port } => tcp(host.as_deref().unwrap_or("::1"), *port),
        SocketSpec::Inherited(_) => true,
    }
}

/// Does not wait for somebody who listens and takes no connections.
fn unix(path: &Path) -> bool {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None);
    let (Ok(socket), Ok(address)) = (socket, SockAddr::unix(path)) else {
        return false;
    };
    match socket.connect(&address) {
        Ok(()) => true,
        // Its queue is full.
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

fn tcp(host: &str, port: u16) -> bool {
    let Ok(mut addresses) = (host, port).to_socket_addrs() else {
        return false;
    };
    addresses.any(|address| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).is_ok())
}
