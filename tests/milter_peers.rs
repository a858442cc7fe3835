//! MilterPeers: who may connect to a TCP socket, by the real program.

mod support;
#[path = "support/daemon.rs"]
mod support_daemon;

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
};

use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};
use support::{MilterClient, POSTFIX_OFFER};
use support_daemon::{PATIENCE, Running, Scene, message, signature};

const LISTED: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Connects to the port from that address of this host.
fn connect_from(source: IpAddr, port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    let target = SocketAddr::new(LISTED, port);
    socket.connect(&target.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// Whether a message sent from that address is signed; if not, the connection is shut unread.
fn is_served(source: IpAddr, port: u16) -> bool {
    let mut probe = connect_from(source, port);
    // What libmilter's clients say first. A closed peer may refuse it already.
    let sent = probe.write_all(b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff");
    let mut octet = [0];
    let answered = sent.is_ok()
        && match probe.read(&mut octet) {
            Ok(count) => count > 0,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        };
    if answered {
        let mut client = MilterClient::new(connect_from(source, port));
        client.negotiate(POSTFIX_OFFER).unwrap();
        client.connect("localhost", "127.0.0.1").unwrap();
        assert!(signature(&client.message(&message()).unwrap()).contains("s=one;"));
    }
    answered
}

/// How `dkimd health` ends, which connects from the loopback.
fn health(port: u16) -> Option<i32> {
    asked(&format!("inet:{port}@127.0.0.1")).0
}

/// The exit code of `dkimd health`, and what it says.
fn asked(place: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .args(["health", place])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

fn start(scene: &Scene, host: &str) -> (Running, u16) {
    let free = TcpListener::bind((LISTED, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let kind = if host.contains(':') { "inet6" } else { "inet" };
    let socket = format!("{kind}:{port}@{host}");
    (
        scene.start(&mut scene.opendkim(&["-f", "-p", &socket])),
        port,
    )
}

const WARNING: &str =
    "can be reached from other machines, and whoever connects can have any mail signed";

#[test]
fn only_listed_addresses_are_served_and_a_reload_changes_that() {
    let scene = Scene::new("Selector one\nMilterPeers 127.0.0.1");
    let (daemon, port) = start(&scene, "0.0.0.0");
    assert!(is_served(LISTED, port));
    for _ in 0..20 {
        assert!(!is_served(STRANGER, port));
    }
    let line = daemon.expect_line("connection from 127.0.0.2 closed");
    assert!(line.contains("MilterPeers"), "{line}");
    let told = daemon.told();
    let count = told
        .iter()
        .filter(|line| line.contains("MilterPeers"))
        .count();
    assert!(count <= 5, "{told:?}");
    assert!(!told.iter().any(|line| line.contains(WARNING)), "{told:?}");

    let list = scene.path("peers");
    std::fs::write(&list, "127.0.0.0/29\n!127.0.0.1\n").unwrap();
    scene.write(&format!(
        "Selector one\nMilterPeers refile:{}",
        list.display()
    ));
    assert!(daemon.reload(Signal::SIGHUP).contains("reloaded"));
    assert!(is_served(STRANGER, port));
    assert!(!is_served(LISTED, port));
    // A broken list changes nothing.
    std::fs::write(&list, "mta.example.com\n").unwrap();
    assert!(daemon.reload(Signal::SIGHUP).contains("the old one stays"));
    assert!(is_served(STRANGER, port));
}

#[test]
fn health_tells_whether_the_milter_serves() {
    let scene = Scene::new("Selector one\nMilterPeers 127.0.0.1");
    let (mut daemon, port) = start(&scene, "0.0.0.0");
    assert_eq!(health(port), Some(0));
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait().success());
    assert_eq!(health(port), Some(69));
    // The kernel takes the connection, and nobody speaks.
    let silent = TcpListener::bind((LISTED, 0)).unwrap();
    assert_eq!(health(silent.local_addr().unwrap().port()), Some(69));
}

#[test]
fn health_says_what_to_do() {
    for (place, code, fix) in [
        ("local:/nowhere/socket", 69, "start the milter"),
        (
            "inet:8891@no-such-host.invalid",
            69,
            "whether the host name resolves",
        ),
        ("fd:3", 64, "name the socket"),
        ("inet:none", 64, ""),
    ] {
        let (ended, said) = asked(place);
        assert_eq!(ended, Some(code), "{place}: {said}");
        assert!(said.contains(fix), "{place}: {said}");
    }
}

#[test]
fn an_ipv4_peer_of_an_ipv6_socket_is_that_ipv4_peer() {
    if TcpListener::bind("[::]:0").is_err() {
        return;
    }
    let scene = Scene::new("Selector one\nMilterPeers 127.0.0.1");
    let (_daemon, port) = start(&scene, "::");
    assert!(is_served(LISTED, port));
    assert!(!is_served(STRANGER, port));
}

#[test]
fn without_the_option_everybody_is_served_with_a_warning_where_others_reach_the_socket() {
    let scene = Scene::new("Selector one");
    let (daemon, port) = start(&scene, "0.0.0.0");
    let line = daemon.expect_line(WARNING);
    assert!(line.contains(&format!("inet:{port}@0.0.0.0")), "{line}");
    assert!(line.contains("add: MilterPeers 127.0.0.1, ::1"), "{line}");
    assert!(is_served(STRANGER, port));
    drop(daemon);
    let (daemon, port) = start(&scene, "localhost");
    assert!(is_served(STRANGER, port));
    assert!(!daemon.told().iter().any(|line| line.contains(WARNING)));
}

#[test]
fn a_unix_socket_is_not_concerned() {
    let scene = Scene::new("Selector one\nMilterPeers 192.0.2.7");
    let _daemon = scene.start(&mut scene.serve());
    assert!(signature(&scene.client().message(&message()).unwrap()).contains("s=one;"));
}

#[test]
fn a_name_in_the_list_stops_the_start_and_check_tells_of_an_open_port() {
    let scene = Scene::new("Selector one\nMilterPeers 127.0.0.1, mta.example.com");
    let refused = scene.serve().output().unwrap();
    assert_eq!(refused.status.code(), Some(78));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("\"mta.example.com\" is neither"), "{told}");

    let checked = |lines: &str| {
        scene.write(lines);
        let mut command = Command::new(env!("CARGO_BIN_EXE_dkimd"));
        let command = command.args(["check", "--config"]).arg(scene.config());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    for open in [
        "inet:8891",
        "inet:8891@0.0.0.0",
        "inet6:8891@::",
        "inet:8891@192.0.2.7",
    ] {
        let told = checked(&format!("Selector one\nSocket {open}"));
        assert!(told.contains(WARNING) && told.contains(":7:"), "{told}");
        let told = checked(&format!(
            "Selector one\nSocket {open}\nMilterPeers 127.0.0.1"
        ));
        assert!(!told.contains(WARNING), "{told}");
    }
    for closed in ["inet:8891@localhost", "inet6:8891@::1", "local:/run/x.sock"] {
        let told = checked(&format!("Selector one\nSocket {closed}"));
        assert!(!told.contains(WARNING), "{told}");
    }
}
