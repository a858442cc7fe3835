//! The milter loop over real sockets: each trap that other milters fall into, as a test.

#[path = "support/fake_milter.rs"]
mod fake_milter;
mod support;

use std::{
    io::{ErrorKind, Write},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use dkimd_milter::{
    FRESH_SESSION, Reply, Wishes,
    frame::put as put_frame,
    stop::{CLOSE_LIMIT, SILENCE_LIMIT},
};
use fake_milter::{Script, Server};
use support::{Answer, Message, MilterClient, OLD_OFFER, Offer, POSTFIX_OFFER, strings};

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
    let terms = Offer {
        version: 2,
        actions: 1,
        options: 0xa,
    };
    assert_eq!(client.negotiate(OLD_OFFER).unwrap(), terms);
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
    let offer = Offer {
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
    put_frame(&mut stream, b'O', &POSTFIX_OFFER.payload());
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
fn a_stop_of_an_idle_server_takes_no_time() {
    let mut server = Server::start(Script::default());
    let mut idle = server.client();
    let stopped = Instant::now();
    server.shutdown.stop();
    assert!(closed(&mut idle));
    server.join();
    assert!(stopped.elapsed() < SILENCE_LIMIT / 2);
    assert!(!server.path().exists(), "the socket file is removed");
    assert!(server.incidents.lock().unwrap().is_empty());
}

#[test]
fn a_stop_serves_everybody_until_the_message_under_way_has_ended() {
    let mut server = Server::start(Script::default());
    let mut idle = server.client();
    let mut busy = server.client();
    let message = Message::usual("a@example.com", 100_000);
    busy.send_header(&message).unwrap();
    busy.flush().unwrap();
    assert!(server.has(&server.log, "end of header"));
    server.shutdown.stop();
    // Sessions that are open, and new ones.
    assert_eq!(kinds(&idle.message(&message).unwrap()), "iia");
    assert_eq!(kinds(&server.client().message(&message).unwrap()), "iia");
    busy.send_body(&message.body).unwrap();
    assert_eq!(kinds(&busy.end().unwrap()), "iia");
    assert!(closed(&mut busy) && closed(&mut idle));
    server.join();
    assert!(!server.path().exists(), "the socket file is removed");
    assert!(server.incidents.lock().unwrap().is_empty());
}

/// trust-restart-gap
#[test]
fn nobody_who_waits_or_sends_little_keeps_a_stop_waiting() {
    type Begin = fn(&mut MilterClient);
    let beginnings: [(&str, Begin); 4] = [
        ("MAIL", |client| {
            client.send(b'M', b"<a@example.com>\0").unwrap()
        }),
        ("the middle of the header", |client| {
            client.send(b'M', b"<a@example.com>\0").unwrap();
            client.send(b'L', b"From\0a@example.com\0").unwrap();
        }),
        ("the end of the header", |client| {
            client
                .send_header(&Message::usual("a@example.com", 10))
                .unwrap();
        }),
        ("the middle of the body", |client| {
            client
                .send_header(&Message::usual("a@example.com", 10))
                .unwrap();
            client.send(b'B', b"one line\r\n").unwrap();
        }),
    ];
    for (place, begin) in beginnings {
        for inherited in [false, true] {
            for trickles in [false, true] {
                let mut server = match inherited {
                    true => Server::start_inherited(Script::default()),
                    false => Server::start(Script::default()),
                };
                let mut stalled = server.client();
                begin(&mut stalled);
                stalled.flush().unwrap();
                let heard = match place {
                    "MAIL" => "mail <a@example.com>",
                    "the middle of the header" => "header From",
                    _ => "end of header",
                };
                assert!(server.has(&server.log, heard), "{place}");
                // It has gone on to wait for more.
                thread::sleep(Duration::from_millis(20));
                let stopped = Instant::now();
                server.shutdown.stop();
                if trickles {
                    // Macros may come at any time; sooner or later nobody reads them any more.
                    let end = Instant::now() + 3 * SILENCE_LIMIT;
                    while Instant::now() < end && stalled.send(b'D', b"Rx\0y\0").is_ok() {
                        if stalled.flush().is_err() {
                            break;
                        }
                        thread::sleep(SILENCE_LIMIT / 20);
                    }
                }
                server.join();
                let took = stopped.elapsed();
                assert!(
                    took < SILENCE_LIMIT * 3 / 2 + CLOSE_LIMIT || trickles,
                    "{place}: {took:?}"
                );
                assert!(took < SILENCE_LIMIT * 3, "{place}: {took:?}");
                let told = server.incidents.lock().unwrap().clone();
                assert_eq!(
                    told,
                    ["stopping with 1 messages unfinished after 1 s"],
                    "{place}, {inherited}, {trickles}, {took:?}"
                );
            }
        }
    }
}

#[test]
fn a_stop_waits_for_a_body_that_flows() {
    let mut server = Server::start(Script::default());
    let mut busy = server.client();
    busy.send_header(&Message::usual("a@example.com", 10))
        .unwrap();
    busy.flush().unwrap();
    assert!(server.has(&server.log, "end of header"));
    let stopped = Instant::now();
    server.shutdown.stop();
    let chunk = vec![b'x'; 65_535];
    while stopped.elapsed() < SILENCE_LIMIT * 5 / 2 {
        busy.send_body(&chunk).unwrap();
        busy.flush().unwrap();
        thread::sleep(SILENCE_LIMIT / 10);
    }
    assert_eq!(kinds(&busy.end().unwrap()), "iia");
    server.join();
    assert!(server.incidents.lock().unwrap().is_empty());
}

#[test]
fn an_mta_that_waits_for_us_gets_a_temporary_reply_when_the_stop_can_wait_no_longer() {
    let mut server = Server::start(Script {
        slow_end: Some(Duration::from_secs(60)),
        ..Script::default()
    });
    let mut client = server.client();
    client
        .send_header(&Message::usual("a@example.com", 10))
        .unwrap();
    client.flush().unwrap();
    assert!(server.has(&server.log, "end of header"));
    let stopped = Instant::now();
    server.shutdown.stop();
    assert_eq!(kinds(&client.end().unwrap()), "t");
    server.join();
    assert!(stopped.elapsed() < SILENCE_LIMIT * 2);
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
