//! A milter server whose conversations do as a script says, and write down what they were told.

use std::{
    os::{fd::IntoRawFd, unix::net::UnixListener},
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use dkimd_milter::{
    Agreed, Change, Client, Conversation, EndOfMessage, Reply, Shutdown, Wishes,
    memory::Budget,
    socket::{Listener, SocketSpec},
};

use crate::support::{MilterClient, POSTFIX_OFFER};

/// How the fake conversation behaves.
#[derive(Clone, Default)]
pub struct Script {
    pub wishes: Wishes,
    pub at_end_of_header: Option<Reply>,
    /// Body octets after which no more are wanted.
    pub enough: Option<usize>,
    pub panics: bool,
    pub slow_end: Option<Duration>,
    pub slow_header: Option<Duration>,
}

/// What all conversations of a server were told, one line for each call.
pub type Log = Arc<Mutex<Vec<String>>>;

struct Fake {
    script: Script,
    log: Log,
    in_message: bool,
    body: usize,
}

impl Fake {
    fn note(&self, line: impl Into<String>) {
        self.log.lock().unwrap().push(line.into());
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

impl Conversation for Fake {
    fn wishes(&self) -> Wishes {
        self.script.wishes.clone()
    }

    fn agreed(&mut self, agreed: Agreed) {
        self.note(format!("agreed leading_space={}", agreed.leading_space));
    }

    fn define_macro(&mut self, _: dkimd_milter::Stage, name: &[u8], value: &[u8]) {
        self.note(format!("macro {}={}", text(name), text(value)));
    }

    fn connect(&mut self, client: Client) -> Reply {
        self.note(format!("connect {}", client.name));
        if client.name == "peer.example.com" {
            return Reply::Accept;
        }
        Reply::Continue
    }

    fn mail(&mut self, sender: &[u8]) {
        assert!(!self.script.panics, "as the test wants it");
        self.in_message = true;
        self.body = 0;
        self.note(format!("mail {}", text(sender)));
    }

    fn recipient(&mut self, recipient: &[u8]) {
        self.note(format!("recipient {}", text(recipient)));
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        self.note(format!("header {}:{}", text(name), text(value)));
    }

    async fn end_of_header(&mut self) -> Reply {
        if let Some(time) = self.script.slow_header {
            tokio::time::sleep(time).await;
        }
        self.note("end of header");
        let reply = self.script.at_end_of_header.clone();
        self.in_message = reply.is_none();
        reply.unwrap_or(Reply::Continue)
    }

    fn body(&mut self, octets: &[u8]) -> bool {
        self.body += octets.len();
        self.script.enough.is_none_or(|enough| self.body < enough)
    }

    async fn end_of_message(&mut self) -> EndOfMessage {
        if let Some(time) = self.script.slow_end {
            tokio::time::sleep(time).await;
        }
        self.note(format!("end of message, body {}", self.body));
        self.in_message = false;
        EndOfMessage {
            changes: vec![
                Change::InsertHeader {
                    index: 0,
                    name: "DKIM-Signature".into(),
                    value: b" v=1".to_vec(),
                },
                Change::InsertHeader {
                    index: 0,
                    name: "DKIM-Signature".into(),
                    value: b" v=1; second".to_vec(),
                },
            ],
            reply: Reply::Accept,
        }
    }

    fn forget_macros(&mut self) {}

    fn abort(&mut self) {
        self.in_message = false;
        self.note("abort");
    }

    fn held(&self) -> usize {
        0
    }

    fn give_up(&mut self) {}

    fn in_message(&self) -> bool {
        self.in_message
    }
}

/// A server on sockets of its own, stopped when dropped.
pub struct Server {
    pub folder: tempfile::TempDir,
    pub tcp: String,
    pub shutdown: Shutdown,
    pub log: Log,
    pub incidents: Log,
    pub thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    pub fn start(script: Script) -> Self {
        Self::start_on(script, |path, tcp| {
            vec![
                Listener::open(&SocketSpec::Unix(path)).unwrap(),
                Listener::open(&tcp).unwrap(),
            ]
        })
    }

    /// With a listener that somebody else holds, too, as systemd does.
    pub fn start_inherited(script: Script) -> Self {
        Self::start_on(script, |path, _| {
            let listener = UnixListener::bind(path).unwrap();
            let descriptor = listener.into_raw_fd();
            vec![Listener::open(&SocketSpec::Inherited(descriptor)).unwrap()]
        })
    }

    pub fn start_on(script: Script, listen: fn(PathBuf, SocketSpec) -> Vec<Listener>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("milter.sock");
        let shutdown = Shutdown::new();
        let (log, incidents) = (Log::default(), Log::default());
        let (ready, started) = mpsc::channel();
        let thread = thread::spawn({
            let (shutdown, log, incidents) = (shutdown.clone(), log.clone(), incidents.clone());
            move || {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let port = std::net::TcpListener::bind("127.0.0.1:0")
                        .unwrap()
                        .local_addr()
                        .unwrap()
                        .port();
                    let tcp = SocketSpec::parse(&format!("inet:{port}@127.0.0.1")).unwrap();
                    let listeners = listen(path, tcp);
                    ready.send(port).unwrap();
                    let make = move || Fake {
                        script: script.clone(),
                        log: log.clone(),
                        in_message: false,
                        body: 0,
                    };
                    let report = move |incident: dkimd_milter::Incident| {
                        incidents.lock().unwrap().push(incident.to_string());
                    };
                    dkimd_milter::serve(
                        listeners,
                        |_| true,
                        make,
                        &Budget::within(u64::MAX),
                        &shutdown,
                        report,
                    )
                    .await;
                });
            }
        });
        let port = started.recv().unwrap();
        Self {
            folder,
            tcp: format!("127.0.0.1:{port}"),
            shutdown,
            log,
            incidents,
            thread: Some(thread),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("milter.sock")
    }

    pub fn client(&self) -> MilterClient {
        let mut client = MilterClient::unix(&self.path()).unwrap();
        client.negotiate(POSTFIX_OFFER).unwrap();
        client.connect("client.example.com", "192.0.2.7").unwrap();
        client
    }

    /// The calls so far, without macros.
    pub fn calls(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let calls = log.iter().filter(|line| !line.starts_with("macro"));
        calls.cloned().collect()
    }

    pub fn has(&self, log: &Log, wanted: &str) -> bool {
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if log.lock().unwrap().iter().any(|line| line.contains(wanted)) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    pub fn join(&mut self) {
        self.shutdown.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
