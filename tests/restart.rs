//! A restart under load, by the real program: numbered messages, an SMTP client that thinks, and no
//! message lost or unsigned.

mod support;
#[path = "support/daemon.rs"]
mod support_daemon;

use std::{
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use support::{Message, MilterClient, POSTFIX_OFFER};
use support_daemon::{PATIENCE, Running, Scene, client};

const MESSAGES: usize = 1000;
const SENDERS: usize = 4;
const RESTARTS: usize = 5;

/// From SIGTERM to the next process, with somebody who waits.
const LONGEST: Duration = Duration::from_secs(2);

/// Sends one message as an MTA does that tries again until it is accepted; how long that took.
fn deliver(socket: &Path, number: usize) -> Duration {
    let begun = Instant::now();
    let message = Message::usual(&format!("joe-{number}@example.com"), 2000);
    loop {
        let answers = MilterClient::unix(socket).and_then(|mut client| {
            client.negotiate(POSTFIX_OFFER)?;
            client.connect("localhost", "127.0.0.1")?;
            client.message(&message)
        });
        if let Ok(answers) = answers
            && answers
                .last()
                .is_some_and(|answer| b"ac".contains(&answer.kind))
        {
            let signed = answers.iter().any(|answer| b"hi".contains(&answer.kind));
            assert!(signed, "message {number} left unsigned: {answers:?}");
            return begun.elapsed();
        }
        assert!(begun.elapsed() < PATIENCE, "message {number} is lost");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Restarts several times, each time with a client that has said MAIL and thinks.
fn restarts(socket: PathBuf, start: impl Fn() -> Running) {
    let mut daemon = start();
    let next = Arc::new(AtomicUsize::new(0));
    let late = Arc::new(AtomicUsize::new(0));
    let restarted = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (next, late, socket) = (Arc::clone(&next), Arc::clone(&late), socket.clone());
            let restarted = Arc::clone(&restarted);
            thread::spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    // All of them, and as many more as it takes to be there at each restart.
                    if number >= MESSAGES && restarted.load(Ordering::Relaxed) {
                        return;
                    }
                    let took = deliver(&socket, number);
                    late.fetch_add(usize::from(took > LONGEST), Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..RESTARTS {
        thread::sleep(Duration::from_millis(300));
        let mut stalled = client(&socket);
        stalled.send(b'M', b"<slow@example.com>\0").unwrap();
        stalled.flush().unwrap();
        thread::sleep(Duration::from_millis(50));
        let asked = Instant::now();
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait().code(), Some(0));
        daemon = start();
        let took = asked.elapsed();
        assert!(took < LONGEST, "{took:?} from SIGTERM to the next process");
        UnixStream::connect(&socket).unwrap();
    }
    restarted.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }
    let (sent, late) = (next.load(Ordering::Relaxed), late.load(Ordering::Relaxed));
    assert!(sent >= MESSAGES);
    assert!(
        late * 100 < sent,
        "{late} of {sent} took more than {LONGEST:?}"
    );
}

/// trust-restart-gap
#[test]
fn a_restart_with_a_client_that_thinks_loses_nothing_and_takes_less_than_two_seconds() {
    let scene = Scene::new("Selector one");
    restarts(scene.socket(), || scene.start(&mut scene.serve()));
}

/// trust-restart-gap, with a socket unit
#[test]
fn a_restart_below_a_socket_unit_loses_nothing_and_takes_less_than_two_seconds() {
    let scene = Scene::new("Selector one");
    let socket = scene.path("given.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    restarts(socket, || scene.start(&mut scene.serve_on(&listener)));
}

#[test]
fn a_start_waits_for_a_predecessor_that_is_just_ending() {
    let scene = Scene::new("Selector one\nBaseDirectory .\nPidFile run.pid");
    let mut daemon = scene.start(&mut scene.serve());
    let mut stalled = scene.client();
    stalled.send(b'M', b"<slow@example.com>\0").unwrap();
    stalled.flush().unwrap();
    thread::sleep(Duration::from_millis(50));
    let asked = Instant::now();
    daemon.signal(Signal::SIGTERM);
    let next = scene.start(&mut scene.serve());
    assert!(asked.elapsed() < LONGEST);
    assert_eq!(daemon.wait().code(), Some(0));
    UnixStream::connect(scene.socket()).unwrap();
    drop(next);
}
