//! Drives dkimd and opendkim over their sockets as Postfix does, and prints both beside each other.
//!
//! `cargo bench --bench side_by_side` runs all scenarios; words after `--` choose servers (`dkimd`,
//! `opendkim`, `loop`) and scenarios by a part of their name. `loop` is dkimd's milter loop with
//! nothing behind it. opendkim is taken from PATH, and left out when it is not there.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use data_encoding::BASE64;
use dkim_core::{
    Canonicalization, UnixTime,
    crypto::{PrivateKey, private_key_from_pkcs1_der},
    header::{HeaderSection, LeadingSpace},
    name::{Domain, Selector},
    select::HeaderSelection,
    sign::{BodyLength, Signer, SigningPolicy, SigningRequest},
};
use dkimd_milter::{
    Agreed, Client, Conversation, EndOfMessage, Reply, Shutdown, Wishes,
    memory::Budget,
    socket::{Listener, SocketSpec},
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use support::{Message, MilterClient, POSTFIX_OFFER};

/// The first argument with which this program starts itself as the bare loop.
const BARE_LOOP: &str = "serve-bare-loop";

/// How long a server may take to start.
const START_LIMIT: Duration = Duration::from_secs(10);

const SIGNED: &str = "someone@example.com";
/// Comes signed by example.net, whose key both have in a file.
const VERIFIED: &str = "someone@example.net";
const UNSIGNED: &str = "someone@elsewhere.example";
const CLIENT_THREADS: usize = 8;

struct Scenario {
    name: &'static str,
    author: &'static str,
    body: usize,
    load: Load,
}

enum Load {
    /// That many messages in all, over [`CLIENT_THREADS`] connections.
    Messages(usize),
    /// That many connections, each with a message under way, ended only when all hold one.
    Held(usize),
}

const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "4 KB verified, RSA-2048",
        author: VERIFIED,
        body: 3000,
        load: Load::Messages(4000),
    },
    Scenario {
        name: "4 KB signed with RSA-2048",
        author: SIGNED,
        body: 3000,
        load: Load::Messages(4000),
    },
    Scenario {
        name: "4 KB unsigned",
        author: UNSIGNED,
        body: 3000,
        load: Load::Messages(8000),
    },
    Scenario {
        name: "1 MB signed",
        author: SIGNED,
        body: 1_000_000,
        load: Load::Messages(200),
    },
    Scenario {
        name: "200 x 10 MB at once",
        author: SIGNED,
        body: 10_000_000,
        load: Load::Held(200),
    },
    Scenario {
        name: "2000 connections at once",
        author: SIGNED,
        body: 3000,
        load: Load::Held(2000),
    },
];

/// What one scenario cost.
struct Cost {
    messages_per_second: f64,
    cpu_micros: f64,
    p50: Duration,
    p99: Duration,
    peak_kib: u64,
}

struct Server {
    child: Child,
    socket: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.socket);
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if let [command, socket] = words.as_slice()
        && command == BARE_LOOP
    {
        serve_bare_loop(socket);
        return ExitCode::SUCCESS;
    }
    match compare(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("side_by_side: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(words: &[String]) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let folder = tempfile::tempdir()?;
    write_configuration(folder.path())?;
    let all = ["dkimd", "opendkim", "loop"];
    let named: Vec<&str> = all
        .into_iter()
        .filter(|name| words.iter().any(|word| word == name))
        .collect();
    let servers = if named.is_empty() {
        all.to_vec()
    } else {
        named
    };
    let parts: Vec<&String> = words
        .iter()
        .filter(|word| !all.contains(&word.as_str()))
        .collect();
    println!(
        "{:26} {:9} {:>9} {:>11} {:>9} {:>9} {:>9}",
        "scenario", "server", "msg/s", "CPU us/msg", "p50 ms", "p99 ms", "peak MB"
    );
    for scenario in &SCENARIOS {
        if !parts.is_empty()
            && !parts
                .iter()
                .any(|part| scenario.name.contains(part.as_str()))
        {
            continue;
        }
        let mut costs = Vec::new();
        for name in &servers {
            // A fresh server for each, so that the peak is the scenario's own.
            let configuration = match scenario.author {
                VERIFIED if *name != "loop" => format!("{name}-verifying"),
                _ => (*name).to_owned(),
            };
            match start(name, &configuration, folder.path())
                .and_then(|server| run(scenario, &server, folder.path()))
            {
                Ok(cost) => {
                    print_cost(scenario.name, name, &cost);
                    costs.push((*name, cost));
                }
                Err(error) => println!("{:26} {name:9} {error}", scenario.name),
            }
        }
        print_ratio(&costs);
    }
    Ok(())
}

fn print_cost(scenario: &str, server: &str, cost: &Cost) {
    println!(
        "{scenario:26} {server:9} {:9.0} {:11.1} {:9.2} {:9.2} {:9.1}",
        cost.messages_per_second,
        cost.cpu_micros,
        cost.p50.as_secs_f64() * 1e3,
        cost.p99.as_secs_f64() * 1e3,
        cost.peak_kib as f64 / 1024.0,
    );
}

fn print_ratio(costs: &[(&str, Cost)]) {
    let of = |wanted: &str| {
        costs
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, cost)| cost)
    };
    if let (Some(ours), Some(theirs)) = (of("dkimd"), of("opendkim")) {
        println!(
            "{:26} {:9} {:9.2} {:11.2} {:9.2} {:9.2} {:9.2}",
            "",
            "ratio",
            ours.messages_per_second / theirs.messages_per_second,
            ours.cpu_micros / theirs.cpu_micros,
            ours.p50.as_secs_f64() / theirs.p50.as_secs_f64(),
            ours.p99.as_secs_f64() / theirs.p99.as_secs_f64(),
            ours.peak_kib as f64 / theirs.peak_kib as f64,
        );
    }
}

/// One configuration for both, in which example.com signs and others are verified.
fn write_configuration(folder: &Path) -> io::Result<()> {
    let key = folder.join("bench.private");
    let made = Command::new("openssl")
        .args(["genrsa", "-traditional", "-out"])
        .arg(&key)
        .arg("2048")
        .stderr(Stdio::null())
        .status()?;
    if !made.success() {
        return Err(io::Error::other("openssl made no key"));
    }
    let keys = folder.join("keys.txt");
    let record = BASE64.encode(&private_key(folder)?.public_key());
    fs::write(
        &keys,
        format!("bench._domainkey.example.net v=DKIM1; p={record}\n"),
    )?;
    // The folder stands in a place where others may write, which opendkim refuses for keys.
    for (name, mode) in [
        ("dkimd", "s"),
        ("opendkim", "s"),
        ("dkimd-verifying", "v"),
        ("opendkim-verifying", "v"),
    ] {
        let text = format!(
            "Socket local:{socket}\nDomain example.com\nSelector bench\nKeyFile {key}\nMode {mode}\n\
             InternalHosts 127.0.0.1\nTestPublicKeys {keys}\nCanonicalization relaxed/simple\nRequireSafeKeys no\n\
             Background no\nUMask 007\n",
            socket = folder.join(name).with_extension("sock").display(),
            key = key.display(),
            keys = keys.display(),
        );
        fs::write(folder.join(name).with_extension("conf"), text)?;
    }
    Ok(())
}

fn private_key(folder: &Path) -> io::Result<Arc<dyn PrivateKey>> {
    let text = fs::read(folder.join("bench.private"))?;
    let pem = pem::parse(text).map_err(io::Error::other)?;
    private_key_from_pkcs1_der(pem.contents()).map_err(io::Error::other)
}

/// The scenario's message, which is signed if it is to be verified.
fn message(scenario: &Scenario, body: usize, folder: &Path) -> io::Result<Message> {
    let mut message = Message::usual(scenario.author, body);
    if scenario.author != VERIFIED {
        return Ok(message);
    }
    let mut section = HeaderSection::default();
    for (name, value) in &message.header {
        section.push(name, value, LeadingSpace::Kept);
    }
    let policy = SigningPolicy {
        canonicalization: Canonicalization::default(),
        headers: HeaderSelection::default(),
        lifetime: None,
        copied_headers: false,
        request_reports: false,
        fix_crlf: false,
    };
    let key = private_key(folder)?;
    let request = SigningRequest {
        domain: Domain::parse("example.net").map_err(io::Error::other)?,
        selector: Selector::parse("bench").map_err(io::Error::other)?,
        auid: None,
        algorithm: key.algorithm(),
        body_length: BodyLength::Whole,
        extra_tags: Vec::new(),
    };
    let mut signer = Signer::new(Arc::new(policy), vec![request]);
    signer.body(&message.body);
    for field in signer.finish(&section, UnixTime(1_700_000_000)) {
        let field = field.sign(&*key).map_err(io::Error::other)?;
        let value = format!(" {}", field.value.replace("\r\n", "\n"));
        message
            .header
            .insert(0, (b"DKIM-Signature".to_vec(), value.into_bytes()));
    }
    Ok(message)
}

fn start(name: &str, configuration: &str, folder: &Path) -> io::Result<Server> {
    let socket = folder.join(configuration).with_extension("sock");
    let config = folder.join(configuration).with_extension("conf");
    let mut command = match name {
        "dkimd" => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_dkimd"));
            command.args(["serve", "--config"]).arg(&config);
            command
        }
        "opendkim" => {
            let mut command = Command::new("opendkim");
            command.args(["-f", "-x"]).arg(&config);
            command
        }
        _ => {
            let mut command = Command::new(env::current_exe()?);
            command.arg(BARE_LOOP).arg(&socket);
            command
        }
    };
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut server = Server { child, socket };
    let limit = Instant::now() + START_LIMIT;
    while MilterClient::unix(&server.socket).is_err() {
        if let Some(status) = server.child.try_wait()? {
            return Err(io::Error::other(format!("did not start: {status}")));
        }
        if Instant::now() > limit {
            return Err(io::Error::other("did not start in time"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(server)
}

fn run(scenario: &Scenario, server: &Server, folder: &Path) -> io::Result<Cost> {
    let small = message(scenario, 3000, folder)?;
    let message = message(scenario, scenario.body, folder)?;
    // What the first messages cost once (the key, the allocator) is not counted.
    let mut first = connect(&server.socket)?;
    for _ in 0..20 {
        first.message(&small)?;
    }
    drop(first);
    let (cpu, start) = (cpu_time(&server.child)?, Instant::now());
    let mut latencies = match scenario.load {
        Load::Messages(count) => stream_messages(&server.socket, &message, count)?,
        Load::Held(count) => hold_messages(&server.socket, &message, count)?,
    };
    let (elapsed, cpu) = (start.elapsed(), cpu_time(&server.child)? - cpu);
    latencies.sort();
    let count = latencies.len();
    Ok(Cost {
        messages_per_second: count as f64 / elapsed.as_secs_f64(),
        cpu_micros: cpu.as_secs_f64() * 1e6 / count as f64,
        p50: latencies[count / 2],
        p99: latencies[count * 99 / 100],
        peak_kib: peak_memory(&server.child)?,
    })
}

fn connect(socket: &Path) -> io::Result<MilterClient> {
    let mut client = MilterClient::unix(socket)?;
    client.negotiate(POSTFIX_OFFER)?;
    client.connect("localhost", "127.0.0.1")?;
    Ok(client)
}

fn stream_messages(socket: &Path, message: &Message, count: usize) -> io::Result<Vec<Duration>> {
    let together = Barrier::new(CLIENT_THREADS);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENT_THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let client = connect(socket);
                    together.wait();
                    let mut client = client?;
                    (0..count / CLIENT_THREADS)
                        .map(|_| {
                            let start = Instant::now();
                            client.message(message)?;
                            Ok(start.elapsed())
                        })
                        .collect::<io::Result<Vec<_>>>()
                })
            })
            .collect();
        let mut latencies = Vec::new();
        for thread in threads {
            let ended = thread
                .join()
                .map_err(|_| io::Error::other("a client panicked"))?;
            latencies.extend(ended?);
        }
        Ok(latencies)
    })
}

/// Every connection gets its next chunk in turn; no message ends before all have their body.
fn hold_messages(socket: &Path, message: &Message, count: usize) -> io::Result<Vec<Duration>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = connect(socket)?;
        client.send_header(message)?;
        client.flush()?;
        clients.push(client);
    }
    for chunk in message.body.chunks(support::CHUNK) {
        for client in &mut clients {
            client.send_body(chunk)?;
            client.flush()?;
        }
    }
    clients
        .iter_mut()
        .map(|client| {
            let start = Instant::now();
            client.end()?;
            Ok(start.elapsed())
        })
        .collect()
}

/// CPU time of all threads the process has or had.
fn cpu_time(child: &Child) -> io::Result<Duration> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut clock = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both calls write to the places given, which live here, and take any pid.
    let failed = unsafe {
        libc::clock_getcpuclockid(pid, &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    ))
}

/// VmHWM in KiB.
fn peak_memory(child: &Child) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .ok_or_else(|| io::Error::other("no VmHWM"))
}

/// A conversation that does nothing but insert one field.
struct Nothing(bool);

impl Conversation for Nothing {
    fn wishes(&self) -> Wishes {
        Wishes::default()
    }

    fn agreed(&mut self, _: Agreed) {}

    fn define_macro(&mut self, _: dkimd_milter::Stage, _: &[u8], _: &[u8]) {}

    fn connect(&mut self, _: Client) -> Reply {
        Reply::Continue
    }

    fn mail(&mut self, _: &[u8]) {
        self.0 = true;
    }

    fn recipient(&mut self, _: &[u8]) {}

    fn header(&mut self, _: &[u8], _: &[u8]) {}

    async fn end_of_header(&mut self) -> Reply {
        Reply::Continue
    }

    fn body(&mut self, _: &[u8]) -> bool {
        true
    }

    async fn end_of_message(&mut self) -> EndOfMessage {
        self.0 = false;
        EndOfMessage {
            changes: vec![dkimd_milter::Change::InsertHeader {
                index: 0,
                name: "DKIM-Signature".into(),
                value: vec![b'x'; 500],
            }],
            reply: Reply::Accept,
        }
    }

    fn forget_macros(&mut self) {}

    fn abort(&mut self) {
        self.0 = false;
    }

    fn held(&self) -> usize {
        0
    }

    fn give_up(&mut self) {}

    fn in_message(&self) -> bool {
        self.0
    }
}

fn serve_bare_loop(socket: &str) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("every process has this limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("raising to the hard limit is allowed");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be had");
    runtime.block_on(async {
        let spec = SocketSpec::parse(socket).expect("a form of Socket follows the command");
        let listener = Listener::open(&spec).expect("the temporary folder takes a socket");
        let report = |incident: dkimd_milter::Incident| eprintln!("{incident}");
        let budget = Budget::within(u64::MAX);
        dkimd_milter::serve(
            vec![listener],
            |_| true,
            || Nothing(false),
            &budget,
            &Shutdown::new(),
            report,
        )
        .await;
    });
}
