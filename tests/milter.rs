//! The milter loop over real sockets: each trap that other milters fall into, as a test.

mod support;

use std::{
    io::{ErrorKind, Write},
    os::{
        fd::IntoRawFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use dkimd::{
    milter::{
        self, Agreed, Change, Client, Conversation, EndOfMessage, FRESH_SESSION, Reply, Shutdown,
        Wishes,
    },
    socket::{Listener, SocketSpec},
};
use support::{Answer, Message, MilterClient, OLD_OFFER, POSTFIX_OFFER, put_frame, strings};

/// How the fake conversation behaves.
#[derive(Clone, Default)]
struct Script {
    wishes: Wishes,
    at_end_of_header: Option<Reply>,
    /// Body octets after which no more are wanted.
    enough: Option<usize>,
    panics: bool,
    slow_end: Option<Duration>,
    slow_header: Option<Duration>,
}

/// What all conversations of a server were told, one line for each call.
type Log = Arc<Mutex<Vec<String>>>;

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

    fn define_macro(&mut self, _: milter::Stage, name: &[u8], value: &[u8]) {
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

    fn in_message(&self) -> bool {
        self.in_message
    }
}

/// A server on sockets of its own, stopped when dropped.
struct Server {
    folder: tempfile::TempDir,
    tcp: String,
    shutdown: Shutdown,
    log: Log,
    incidents: Log,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn start(script: Script) -> Self {
        Self::start_on(script, |path, tcp| {
            vec![
                Listener::open(&SocketSpec::Unix(path)).unwrap(),
                Listener::open(&tcp).unwrap(),
            ]
        })
    }

    /// With a listener that somebody else holds, too, as systemd does.
    fn start_inherited(script: Script) -> Self {
        Self::start_on(script, |path, _| {
            let listener = UnixListener::bind(path).unwrap();
            let descriptor = listener.into_raw_fd();
            vec![Listener::open(&SocketSpec::Inherited(descriptor)).unwrap()]
        })
    }

    fn start_on(script: Script, listen: fn(PathBuf, SocketSpec) -> Vec<Listener>) -> Self {
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
                    let report = move |incident: milter::Incident| {
                        incidents.lock().unwrap().push(incident.to_string());
                    };
                    milter::serve(listeners, make, &shutdown, report).await;
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

    fn path(&self) -> PathBuf {
        self.folder.path().join("milter.sock")
    }

    fn client(&self) -> MilterClient {
        let mut client = MilterClient::unix(&self.path()).unwrap();
        client.negotiate(POSTFIX_OFFER).unwrap();
        client.connect("client.example.com", "192.0.2.7").unwrap();
        client
    }

    /// The calls so far, without macros.
    fn calls(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let calls = log.iter().filter(|line| !line.starts_with("macro"));
        calls.cloned().collect()
    }

    fn has(&self, log: &Log, wanted: &str) -> bool {
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if log.lock().unwrap().iter().any(|line| line.contains(wanted)) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn join(&mut self) {
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

fn kinds(answers: &[Answer]) -> String {
    answers
        .iter()
        .map(|answer| char::from(answer.kind))
        .collect()
}

fn closed(client: &mut MilterClient) -> bool {
    matches!(client.answer(), Err(error) if matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    ))
}

#[test]
fn a_message_passes_through_in_the_protocols_order() {
    let server = Server::start(Script {
        wishes: Wishes {
            recipients: true,
            ..Wishes::default()
        },
        ..Script::default()
    });
    let mut client = server.client();
    let mut message = Message::usual("a@example.com", 200_000);
    message.header.truncate(1);
    message.header[0] = (b"From".to_vec(), b" a@example.com".to_vec());
    for _ in 0..2 {
        let answers = client.message(&message).unwrap();
        assert_eq!(kinds(&answers), "iia");
        assert_eq!(answers[0].payload, b"\0\0\0\0DKIM-Signature\0 v=1\0");
    }
    let one = [
        "mail <a@example.com>",
        "recipient <rcpt@example.net>",
        "header From: a@example.com",
        "end of header",
        "end of message, body 200000",
    ];
    let mut expected = vec!["agreed leading_space=true", "connect client.example.com"];
    expected.extend(one.iter().chain(&one));
    assert_eq!(server.calls(), expected);
    assert!(server.has(&server.log, "macro i=4XyZ012345"));
}

#[test]
fn a_small_message_costs_two_writes_of_the_mta_and_one_read() {
    let server = Server::start(Script::default());
    let mut client = server.client();
    let (reads, writes) = (client.reads, client.writes);
    let answers = client
        .message(&Message::usual("a@example.com", 2000))
        .unwrap();
    assert_eq!(kinds(&answers), "iia");
    assert_eq!(client.writes - writes, 2);
    assert_eq!(
        client.reads - reads,
        1,
        "all changes and the reply in one write"
    );
}

#[test]
fn data_inside_the_end_of_the_body_is_body_and_the_end_is_answered() {
    for offer in [POSTFIX_OFFER, OLD_OFFER] {
        let server = Server::start(Script::default());
        let mut client = MilterClient::unix(&server.path()).unwrap();
        client.negotiate(offer).unwrap();
        let message = Message::usual("a@example.com", 0);
        client.send_header(&message).unwrap();
        client.send(b'E', b"the whole body\r\n").unwrap();
        let kinds: Vec<u8> = (0..3).map(|_| client.answer().unwrap().kind).collect();
        assert_eq!(kinds, b"iia");
        assert!(server.has(&server.log, "end of message, body 16"));
    }
}

#[test]
fn a_frame_without_octets_ends_the_connection_and_is_told() {
    let server = Server::start(Script::default());
    let mut client = server.client();
    client.send_raw(&[0, 0, 0, 0]).unwrap();
    assert!(closed(&mut client));
    assert!(server.has(&server.incidents, "a frame of no octets"));
    server.client();
}

#[test]
fn an_oversize_frame_ends_the_connection_and_is_told() {
    let server = Server::start(Script::default());
    let mut client = server.client();
    client.send_raw(&[0x7f, 0xff, 0xff, 0xff, b'L']).unwrap();
    assert!(closed(&mut client));
    assert!(server.has(&server.incidents, "a frame of 2147483647 octets"));
}

#[test]
fn commands_out_of_order_end_the_connection() {
    for (command, payload) in [
        (b'L', b"From\0a@example.com\0".as_slice()),
        (b'B', b"body"),
        (b'E', b""),
        (b'N', b""),
        (b'Z', b""),
    ] {
        let server = Server::start(Script::default());
        let mut client = server.client();
        client.send(command, payload).unwrap();
        assert!(closed(&mut client), "{}", char::from(command));
        assert!(server.has(&server.incidents, "unexpected command"));
    }
}

#[test]
fn an_mta_of_protocol_2_gets_a_reply_to_every_command() {
    let server = Server::start(Script::default());
    let mut client = MilterClient::unix(&server.path()).unwrap();
    assert_eq!(client.negotiate(OLD_OFFER).unwrap(), (2, 1, 0xa));
    client.connect("client.example.com", "192.0.2.7").unwrap();
    let answers = client
        .message(&Message::usual("a@example.com", 5000))
        .unwrap();
    assert_eq!(kinds(&answers), "iia");
    assert!(server.has(&server.log, "agreed leading_space=false"));
    assert!(server.has(&server.log, "header MIME-Version:1.0"));
}

#[test]
fn without_the_right_to_add_fields_the_connection_is_dropped_with_the_known_line() {
    let server = Server::start(Script::default());
    let mut client = MilterClient::unix(&server.path()).unwrap();
    let offer = support::Offer {
        actions: 0x1fe,
        ..POSTFIX_OFFER
    };
    client.negotiate(offer).unwrap_err();
    assert!(server.has(
        &server.incidents,
        "mlfi_negotiate(): required milter action(s) not available (got 0x1fe, need 0x1)"
    ));
}

#[test]
fn a_decision_at_the_end_of_the_header_is_given_at_the_end_of_the_message_where_none_is_due() {
    let server = Server::start(Script {
        at_end_of_header: Some(Reply::Reject),
        ..Script::default()
    });
    let mut client = server.client();
    for _ in 0..2 {
        let answers = client
            .message(&Message::usual("a@example.com", 100_000))
            .unwrap();
        assert_eq!(kinds(&answers), "r");
    }
    assert!(
        !server
            .calls()
            .iter()
            .any(|call| call.starts_with("end of message"))
    );
}

#[test]
fn a_decision_at_the_end_of_the_header_is_given_at_once_where_one_is_due() {
    let server = Server::start(Script {
        at_end_of_header: Some(Reply::Accept),
        wishes: Wishes {
            answer_end_of_header: true,
            ..Wishes::default()
        },
        ..Script::default()
    });
    let mut client = server.client();
    let message = Message::usual("a@example.com", 100_000);
    for _ in 0..2 {
        let reply = client.send_header(&message).unwrap().unwrap();
        assert_eq!(reply.kind, b'a');
        client.send(b'A', b"").unwrap();
    }
}

#[test]
fn no_more_body_is_asked_for_than_wanted() {
    let server = Server::start(Script {
        enough: Some(100_000),
        wishes: Wishes {
            answer_body: true,
            ..Wishes::default()
        },
        ..Script::default()
    });
    let mut client = server.client();
    let message = Message::usual("a@example.com", 1_000_000);
    client.send_header(&message).unwrap();
    let skip = client.send_body(&message.body).unwrap().unwrap();
    assert_eq!(skip.kind, b's');
    assert_eq!(kinds(&client.end().unwrap()), "iia");
}

#[test]
fn a_peer_is_accepted_at_connect() {
    let server = Server::start(Script::default());
    let mut client = MilterClient::unix(&server.path()).unwrap();
    client.negotiate(POSTFIX_OFFER).unwrap();
    let reply = client.connect("peer.example.com", "192.0.2.1").unwrap();
    assert_eq!(reply.kind, b'a');
    client.send(b'Q', b"").unwrap();
    assert!(closed(&mut client));
    assert!(server.incidents.lock().unwrap().is_empty());
}

#[test]
fn an_abort_or_a_new_message_ends_the_one_under_way() {
    let server = Server::start(Script::default());
    let mut client = server.client();
    let message = Message::usual("a@example.com", 10);
    client.send_header(&message).unwrap();
    client.send(b'A', b"").unwrap();
    client.send_header(&message).unwrap();
    client.message(&message).unwrap();
    let calls = server.calls();
    assert_eq!(calls.iter().filter(|call| *call == "abort").count(), 2);
}

#[test]
fn quit_nc_leads_back_to_before_connect_with_nothing_remembered() {
    let server = Server::start(Script::default());
    let mut client = server.client();
    let message = Message::usual("a@example.com", 10);
    client.send_header(&message).unwrap();
    client.send(b'K', b"").unwrap();
    client.connect("other.example.com", "192.0.2.8").unwrap();
    assert_eq!(kinds(&client.message(&message).unwrap()), "iia");
    let calls = server.calls();
    let after = calls.iter().skip_while(|call| *call != "abort").take(3);
    let expected = [
        "abort",
        "agreed leading_space=true",
        "connect other.example.com",
    ];
    assert!(after.eq(expected.iter()), "{calls:?}");
}

#[test]
fn a_stream_cut_at_any_octet_gives_the_same_conversation() {
    let server = Server::start(Script::default());
    let mut stream = Vec::new();
    let words = [6_u32, 0x1ff, 0x1f_ffff]
        .iter()
        .flat_map(|word| word.to_be_bytes());
    put_frame(&mut stream, b'O', &words.collect::<Vec<_>>());
    put_frame(&mut stream, b'C', b"h\x004\0\x19192.0.2.7\0");
    put_frame(&mut stream, b'M', &strings(&["<a@example.com>"]));
    put_frame(&mut stream, b'L', &strings(&["From", " a@example.com"]));
    put_frame(&mut stream, b'N', b"");
    put_frame(&mut stream, b'B', b"body\r\n");
    put_frame(&mut stream, b'E', b"tail\r\n");
    for cut in 1..stream.len() {
        let mut raw = UnixStream::connect(server.path()).unwrap();
        raw.write_all(&stream[..cut]).unwrap();
        thread::sleep(Duration::from_micros(300));
        raw.write_all(&stream[cut..]).unwrap();
        let mut client = MilterClient::new(raw);
        let answers: Vec<_> = (0..5).map(|_| client.answer().unwrap()).collect();
        assert_eq!(kinds(&answers), "Ociia", "cut at {cut}");
    }
    let calls = server.calls();
    let ends = calls
        .iter()
        .filter(|call| *call == "end of message, body 12");
    assert_eq!(ends.count(), stream.len() - 1);
}

#[test]
fn what_arrived_while_a_decision_was_awaited_is_not_lost() {
    let server = Server::start(Script {
        slow_header: Some(Duration::from_millis(30)),
        slow_end: Some(Duration::from_millis(30)),
        ..Script::default()
    });
    let mut client = server.client();
    let message = Message::usual("a@example.com", 300_000);
    assert_eq!(kinds(&client.message(&message).unwrap()), "iia");
    assert!(server.has(&server.log, "end of message, body 300000"));
}

#[test]
fn the_mta_hears_of_progress_while_the_end_of_the_message_takes_long() {
    let server = Server::start(Script {
        slow_end: Some(Duration::from_millis(3500)),
        ..Script::default()
    });
    let mut client = server.client();
    client
        .send_header(&Message::usual("a@example.com", 10))
        .unwrap();
    assert_eq!(kinds(&client.end().unwrap()), "piia");
}

#[test]
fn a_panic_ends_one_connection_and_no_other() {
    let panicking = Server::start(Script {
        panics: true,
        ..Script::default()
    });
    let mut bystander = panicking.client();
    let mut victim = panicking.client();
    victim.send(b'M', b"<a@example.com>\0").unwrap();
    assert!(closed(&mut victim));
    assert!(panicking.has(&panicking.incidents, "internal fault"));
    bystander.send(b'Q', b"").unwrap();
    assert!(closed(&mut bystander));
    panicking.client();
}

#[test]
fn a_stop_finishes_the_message_under_way_and_closes_the_idle_at_once() {
    let mut server = Server::start(Script::default());
    let mut idle = server.client();
    let mut busy = server.client();
    let message = Message::usual("a@example.com", 100_000);
    busy.send_header(&message).unwrap();
    busy.flush().unwrap();
    assert!(server.has(&server.log, "end of header"));
    let stopped = Instant::now();
    server.shutdown.stop();
    assert!(closed(&mut idle));
    assert!(stopped.elapsed() < FRESH_SESSION / 2);
    busy.send_body(&message.body).unwrap();
    assert_eq!(kinds(&busy.end().unwrap()), "iia");
    assert!(closed(&mut busy));
    server.join();
    assert!(!server.path().exists(), "the socket file is removed");
    assert!(server.has(&server.log, "end of message, body 100000"));
}

#[test]
fn a_stop_that_shuts_nobody_out_lets_a_session_that_has_just_begun_send_its_message() {
    let mut server = Server::start_inherited(Script::default());
    let mut fresh = server.client();
    let mut silent = server.client();
    server.shutdown.stop();
    // The MTA has its answer to MAIL only after a while of its own.
    thread::sleep(FRESH_SESSION / 4);
    let message = Message::usual("a@example.com", 1000);
    assert_eq!(kinds(&fresh.message(&message).unwrap()), "iia");
    assert!(closed(&mut fresh));
    assert!(closed(&mut silent));
    server.join();
}

#[test]
fn a_message_over_tcp_takes_less_than_three_milliseconds() {
    let server = Server::start(Script::default());
    let mut client = MilterClient::tcp(&server.tcp).unwrap();
    client.negotiate(POSTFIX_OFFER).unwrap();
    client.connect("client.example.com", "192.0.2.7").unwrap();
    let message = Message::usual("a@example.com", 4000);
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            let start = Instant::now();
            client.message(&message).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    assert!(times[25] < Duration::from_millis(3), "{:?}", times[25]);
}

#[test]
fn two_thousand_connections_are_served_at_once() {
    raise_descriptor_limit();
    let server = Server::start(Script::default());
    let mut clients: Vec<_> = (0..2000).map(|_| server.client()).collect();
    assert_eq!(server.shutdown.active(), 2000);
    let message = Message::usual("a@example.com", 1000);
    for client in &mut clients {
        assert_eq!(kinds(&client.message(&message).unwrap()), "iia");
    }
}

fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

#[test]
fn running_out_of_descriptors_pauses_accepting_and_never_ends_it() {
    // In a process of its own, since the limit holds for all threads.
    if std::env::var_os("DESCRIPTORS_RUN_OUT").is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "running_out_of_descriptors_pauses_accepting_and_never_ends_it",
            ])
            .env("DESCRIPTORS_RUN_OUT", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let server = Server::start(Script::default());
    let mut first = server.client();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // One descriptor is left, for the client's side; the server's side finds none.
    let lowest = free_descriptor();
    setrlimit(Resource::RLIMIT_NOFILE, lowest + 1, hard).unwrap();
    let mut second = MilterClient::unix(&server.path()).unwrap();
    assert!(server.has(&server.incidents, "cannot accept connections for now"));
    first.message(&Message::usual("a@example.com", 10)).unwrap();
    thread::sleep(Duration::from_millis(350));
    let told = server.incidents.lock().unwrap().len();
    assert_eq!(told, 1, "told once, however often it is tried");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    second.negotiate(POSTFIX_OFFER).unwrap();
    assert!(server.has(&server.incidents, "accepting connections again"));
}

/// The number that the next descriptor will have.
fn free_descriptor() -> u64 {
    use std::os::fd::AsRawFd;
    let file = std::fs::File::open("/dev/null").unwrap();
    u64::try_from(file.as_raw_fd()).unwrap()
}
