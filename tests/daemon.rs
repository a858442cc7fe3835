//! The daemon as a whole, by the real program: start, reload, stop, and what it is told and tells.

#[path = "support/absent.rs"]
mod absent;
mod support;
#[path = "support/daemon.rs"]
mod support_daemon;

use std::{
    fs,
    os::unix::{fs::MetadataExt, net::UnixListener},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{Signal, kill};
use support_daemon::{PATIENCE, Scene, client, message, signature};

#[test]
fn either_signal_reloads_at_once_and_the_command_line_stays_in_force() {
    let scene = Scene::new("Selector one\nCanonicalization simple/simple");
    let socket = scene.socket_option();
    let daemon = scene.start(&mut scene.opendkim(&["-f", "-p", &socket, "-s", "cli"]));
    let mut mta = scene.client();
    let first = signature(&mta.message(&message()).unwrap());
    assert!(
        first.contains("c=simple/simple;") && first.contains("s=cli;"),
        "{first}"
    );
    for (signal, canonicalization) in [
        (Signal::SIGHUP, "relaxed/simple"),
        (Signal::SIGUSR1, "simple/relaxed"),
    ] {
        scene.write(&format!(
            "Selector two\nCanonicalization {canonicalization}"
        ));
        assert!(daemon.reload(signal).contains("configuration reloaded"));
        // On the connection that is open already.
        let signed = signature(&mta.message(&message()).unwrap());
        assert!(
            signed.contains(&format!("c={canonicalization};")),
            "{signed}"
        );
        assert!(signed.contains("s=cli;"), "{signed}");
    }
}

#[test]
fn a_broken_new_configuration_is_reported_and_the_old_one_stays() {
    let scene = Scene::new("Selector one");
    let daemon = scene.start(&mut scene.serve());
    scene.write("Selector two\nNopeOption yes\nSyslogFacility nowhere");
    assert!(daemon.reload(Signal::SIGHUP).contains("the old one stays"));
    let file = scene.config();
    for line in [7, 8] {
        daemon.expect_line(&format!(
            "{}: configuration error at line {line}: ",
            file.display()
        ));
    }
    let signed = signature(&scene.client().message(&message()).unwrap());
    assert!(signed.contains("s=one;"), "{signed}");
    scene.write("Selector three");
    assert!(daemon.reload(Signal::SIGHUP).contains("reloaded"));
    let signed = signature(&scene.client().message(&message()).unwrap());
    assert!(signed.contains("s=three;"), "{signed}");
}

#[test]
fn a_message_under_way_is_finished_with_the_configuration_it_began_with() {
    let scene = Scene::new("Selector one");
    let daemon = scene.start(&mut scene.serve());
    let mut mta = scene.client();
    let message = message();
    assert_eq!(mta.send_header(&message).unwrap(), None);
    // An answered message on another connection: the first has been read by then.
    scene.client().message(&message).unwrap();
    scene.write("Selector two");
    daemon.reload(Signal::SIGUSR1);
    mta.send_body(&message.body).unwrap();
    assert!(signature(&mta.end().unwrap()).contains("s=one;"));
    mta.send(b'A', b"").unwrap();
    assert!(signature(&mta.message(&message).unwrap()).contains("s=two;"));
}

#[test]
fn sigterm_finishes_the_message_under_way_and_ends_with_0() {
    let scene = Scene::new("Selector one");
    let mut daemon = scene.start(&mut scene.serve());
    let mut mta = scene.client();
    let mut idle = scene.client();
    let message = message();
    mta.send_header(&message).unwrap();
    scene.client().message(&message).unwrap();
    daemon.signal(Signal::SIGTERM);
    daemon.expect_notice("STOPPING=1");
    // Meanwhile open sessions and new ones are served.
    assert!(signature(&idle.message(&message).unwrap()).contains("s=one;"));
    assert!(signature(&scene.client().message(&message).unwrap()).contains("s=one;"));
    assert_eq!(
        daemon.child.try_wait().unwrap(),
        None,
        "a message is under way"
    );
    mta.send_body(&message.body).unwrap();
    assert!(signature(&mta.end().unwrap()).contains("s=one;"));
    assert_eq!(daemon.wait().code(), Some(0));
    daemon.expect_line("terminating with status 0");
    assert!(idle.answer().is_err(), "an idle connection is closed");
    assert!(!scene.socket().exists());
}

#[test]
fn a_second_sigterm_waits_for_nothing() {
    let scene = Scene::new("Selector one");
    let mut daemon = scene.start(&mut scene.serve());
    let mut mta = scene.client();
    mta.send_header(&message()).unwrap();
    scene.client().message(&message()).unwrap();
    daemon.signal(Signal::SIGTERM);
    daemon.expect_notice("STOPPING=1");
    assert_eq!(daemon.child.try_wait().unwrap(), None);
    // Sooner it would count as an echo of the first; and the stop waits while a body flows.
    let end = Instant::now() + dkimd_server::process::signals::ECHO * 3 / 2;
    while Instant::now() < end {
        mta.send_body(&[b'x'; 65_535]).unwrap();
        mta.flush().unwrap();
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(daemon.child.try_wait().unwrap(), None);
    daemon.signal(Signal::SIGTERM);
    let asked = Instant::now();
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_millis(900));
    assert!(mta.end().is_err());
}

#[test]
fn the_watchdog_is_fed_as_often_as_asked() {
    let scene = Scene::new("Selector one");
    let daemon = scene.start(scene.serve().env("WATCHDOG_USEC", "200000"));
    for _ in 0..3 {
        daemon.expect_notice("WATCHDOG=1");
    }
}

#[test]
fn a_socket_handed_over_is_served_without_a_socket_line() {
    let scene = Scene::new("Selector one");
    let listener = UnixListener::bind(scene.path("given.sock")).unwrap();
    let mut daemon = scene.start(&mut scene.serve_on(&listener));
    let given = scene.path("given.sock");
    assert!(signature(&client(&given).message(&message()).unwrap()).contains("s=one;"));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(given.exists(), "it belongs to the service manager");
}

#[test]
fn the_pid_file_names_the_daemon_and_goes_with_it() {
    let scene = Scene::new("Selector one\nBaseDirectory .\nPidFile run.pid");
    let mut daemon = scene.start(&mut scene.serve());
    let text = fs::read_to_string(scene.path("run.pid")).unwrap();
    assert_eq!(text, format!("{}\n", daemon.child.id()));
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!scene.path("run.pid").exists());
}

#[test]
fn relative_paths_start_from_base_directory() {
    let scene = Scene::new("");
    fs::create_dir(scene.path("base")).unwrap();
    scene.write(&format!(
        "Selector one\nBaseDirectory {}\nPidFile run.pid\nSocket local:s.sock",
        scene.path("base").display()
    ));
    let _daemon = scene.start(&mut scene.opendkim(&["-f"]));
    assert!(scene.path("base/run.pid").exists());
    assert!(
        signature(
            &client(&scene.path("base/s.sock"))
                .message(&message())
                .unwrap()
        )
        .contains("s=one;")
    );
}

#[test]
fn the_socket_belongs_to_the_user_of_user_id_with_the_mode_that_umask_leaves() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    // An account that is in further groups, if there is one; else a bare number.
    let groups = fs::read_to_string("/etc/group").unwrap();
    let member = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let number: u32 = fields.nth(2)?.parse().ok()?;
        let user = fields
            .next()?
            .split(',')
            .find(|user| !user.is_empty() && *user != "root")?;
        let user = nix::unistd::User::from_name(user).ok()??;
        (user.gid.as_raw() != number).then_some((user, number))
    });
    let (written, uid, gid, further) = match member {
        Some((user, number)) => (
            user.name,
            user.uid.as_raw(),
            user.gid.as_raw(),
            Some(number),
        ),
        None => {
            let (uid, gid) = support_daemon::anybody::unused_numbers();
            (format!("{uid}:{gid}"), uid, gid, None)
        }
    };
    let scene = Scene::reachable(&format!("Selector one\nUMask 007\nUserID {written}"));
    fs::create_dir(scene.path("run")).unwrap();
    std::os::unix::fs::chown(scene.path("run"), Some(uid), Some(gid)).unwrap();
    let socket = scene.path("run/s.sock");
    let option = format!("local:{}", socket.display());
    let daemon = scene.start(&mut scene.opendkim(&["-f", "-p", &option]));
    let found = fs::metadata(&socket).unwrap();
    assert_eq!(
        (found.uid(), found.gid(), found.mode() & 0o7777),
        (uid, gid, 0o770)
    );
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).unwrap();
    assert!(
        status.contains(&format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n")),
        "{status}"
    );
    assert!(
        status.contains(&format!("Gid:\t{gid}\t{gid}\t{gid}\t{gid}\n")),
        "{status}"
    );
    if let Some(further) = further {
        let list = status
            .lines()
            .find_map(|line| line.strip_prefix("Groups:"))
            .unwrap();
        assert!(
            list.split_whitespace()
                .any(|group| group == further.to_string()),
            "{status}"
        );
    }
    // KeyFile, mode 0600 and root's, was read before.
    assert!(signature(&client(&socket).message(&message()).unwrap()).contains("s=one;"));
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not_stolen() {
    let scene = Scene::new("Selector one");
    drop(UnixListener::bind(scene.socket()).unwrap());
    let daemon = scene.start(&mut scene.serve());
    scene.client().message(&message()).unwrap();
    let second = scene.serve().output().unwrap();
    assert_eq!(second.status.code(), Some(69));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains("Address already in use"), "{told}");
    scene.client().message(&message()).unwrap();
    drop(daemon);
}

#[test]
fn in_the_background_the_exit_status_is_that_of_the_start() {
    let scene = Scene::new("Selector one\nBackground yes\nPidFile run.pid\nBaseDirectory .");
    let started = scene
        .opendkim(&["-p", "local:/nonexistent/s.sock"])
        .output()
        .unwrap();
    assert_eq!(started.status.code(), Some(69));
    let told = String::from_utf8_lossy(&started.stderr).into_owned();
    assert!(
        told.contains("the directory /nonexistent of the socket does not exist"),
        "{told}"
    );

    let socket = scene.socket_option();
    let started = scene.opendkim(&["-p", &socket]).output().unwrap();
    assert_eq!(started.status.code(), Some(0), "{started:?}");
    // The starter is gone and the socket open.
    let pid: i32 = fs::read_to_string(scene.path("run.pid"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    assert!(signature(&scene.client().message(&message()).unwrap()).contains("s=one;"));
    kill(pid, Signal::SIGTERM).unwrap();
    let end = Instant::now() + PATIENCE;
    while scene.path("run.pid").exists() || kill(pid, None).is_ok() {
        assert!(Instant::now() < end, "still running");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until that gives something.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn with_auto_restart_a_worker_that_was_killed_is_followed_by_another() {
    let scene = Scene::new("Selector one\nAutoRestart yes\nAutoRestartRate 5/1h\nPidFile run.pid");
    // Without a service manager: with one, that starts it again.
    let mut supervisor = scene
        .opendkim(&["-f", "-p", &scene.socket_option()])
        .env_remove("NOTIFY_SOCKET")
        .spawn()
        .unwrap();
    let number = supervisor.id();
    let listening = || std::os::unix::net::UnixStream::connect(scene.socket()).ok();
    let worker = || -> Option<i32> {
        let list = format!("/proc/{number}/task/{number}/children");
        fs::read_to_string(list).ok()?.trim().parse().ok()
    };
    eventually("no socket", listening);
    let text = fs::read_to_string(scene.path("run.pid")).unwrap();
    assert_eq!(text, format!("{number}\n"));
    let first = worker().unwrap();
    kill(nix::unistd::Pid::from_raw(first), Signal::SIGKILL).unwrap();
    // The new one replaces the socket that the killed one left.
    eventually("no other worker", || {
        worker().filter(|worker| *worker != first)
    });
    eventually("no new socket", listening);
    assert!(signature(&scene.client().message(&message()).unwrap()).contains("s=one;"));
    let number = nix::unistd::Pid::from_raw(i32::try_from(number).unwrap());
    kill(number, Signal::SIGTERM).unwrap();
    assert_eq!(supervisor.wait().unwrap().code(), Some(0));
    assert!(!scene.path("run.pid").exists());
}

#[test]
fn without_descriptors_accepting_pauses_and_goes_on() {
    let scene = Scene::new("Selector one");
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "ulimit -n 40; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_dkimd"))
        .args(["serve", "-p", &scene.socket_option(), "--config"])
        .arg(scene.config())
        .stdin(Stdio::null());
    let mut daemon = scene.start(&mut command);
    let crowd: Vec<_> = (0..60)
        .map(|_| std::os::unix::net::UnixStream::connect(scene.socket()).unwrap())
        .collect();
    let line = daemon.expect_line("cannot accept connections for now");
    assert!(line.contains("LimitNOFILE"), "{line}");
    drop(crowd);
    assert!(signature(&scene.client().message(&message()).unwrap()).contains("s=one;"));
    daemon.expect_line("accepting connections again");
    let paused = daemon
        .told()
        .iter()
        .filter(|line| line.contains("cannot accept"))
        .count();
    assert!(paused <= 3, "told {paused} times");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn two_thousand_connections_are_served_at_once() {
    const CONNECTIONS: usize = 2000;
    let limit = nix::sys::resource::Resource::RLIMIT_NOFILE;
    let (_, hard) = nix::sys::resource::getrlimit(limit).unwrap();
    nix::sys::resource::setrlimit(limit, hard, hard).unwrap();
    assert!(
        hard > CONNECTIONS as u64 + 100,
        "run with ulimit -Hn 4096 or more"
    );
    let scene = Scene::new("Selector one");
    let mut daemon = scene.start(&mut scene.serve());
    let message = message();
    let mut crowd: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut mta = scene.client();
            assert_eq!(mta.send_header(&message).unwrap(), None);
            mta
        })
        .collect();
    // All are in the middle of their message; the first is finished last.
    for mta in crowd.iter_mut().rev() {
        mta.send_body(&message.body).unwrap();
        assert!(signature(&mta.end().unwrap()).contains("s=one;"));
    }
    drop(crowd);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_stops_no_mail() {
    let scene = Scene::new("Selector one\nSyslogSuccess yes");
    let mut child = scene.serve().stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + PATIENCE;
    while !scene.socket().exists() {
        assert!(Instant::now() < end, "no socket");
        thread::sleep(Duration::from_millis(10));
    }
    // Far more lines than the pipe of standard error holds.
    let mut mta = scene.client();
    for _ in 0..2000 {
        signature(&mta.message(&message()).unwrap());
    }
    drop(mta);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let stderr = child.stderr.take().unwrap();
    let reader = thread::spawn(move || std::io::read_to_string(stderr).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let told = reader.join().unwrap();
    let signed = told
        .lines()
        .filter(|line| line.contains("DKIM-Signature field added"))
        .count();
    assert_eq!(signed, 2000, "none is lost: the queue had room");
}

/// The text of a syslog datagram behind the time: `<22>`, then `name[pid]: text`.
fn parsed(datagram: &str) -> (String, String) {
    let (priority, rest) = datagram.split_once('>').unwrap();
    // `Nov 23 19:00:00 `
    (
        priority[1..].to_owned(),
        rest[16..].trim_end_matches('\0').to_owned(),
    )
}

#[test]
fn syslog_lines_have_name_level_and_facility_follow_a_reload_and_wait_for_a_log_that_hangs() {
    // A /dev of the daemon's own, with a log of ours in it, leaves the log of this machine alone.
    const OWN_DEV: &str = r#"
        set -e
        mkdir "$1/dev"
        for node in null urandom; do
            : >"$1/dev/$node"
            mount --bind "/dev/$node" "$1/dev/$node"
        done
        : >"$1/dev/log"
        mount --bind "$1/log.sock" "$1/dev/log"
        mount --rbind "$1/dev" /dev
        shift
        exec "$@""#;
    let own_mounts = Command::new("unshare").args(["-m", "true"]).output();
    if !own_mounts.is_ok_and(|output| output.status.success()) {
        return absent::absent("mounts can't be made here");
    }
    let scene = Scene::new("Selector one\nSyslog yes\nSyslogSuccess yes");
    let log = std::os::unix::net::UnixDatagram::bind(scene.path("log.sock")).unwrap();
    log.set_read_timeout(Some(PATIENCE)).unwrap();
    let program = scene.path("opendkim");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_dkimd"), &program).unwrap();
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", OWN_DEV, "sh"])
        .args([scene.folder.path(), &program])
        .args(["-f", "-p", &scene.socket_option(), "-x"])
        .arg(scene.config())
        .stdin(Stdio::null());
    let daemon = scene.start(&mut command);
    let mut buffer = [0; 8192];
    let mut next = |part: &str| loop {
        let length = log
            .recv(&mut buffer)
            .unwrap_or_else(|error| panic!("no {part}: {error}"));
        let line = parsed(&String::from_utf8_lossy(&buffer[..length]));
        if line.1.contains(part) {
            return line;
        }
    };
    let name = format!("opendkim[{}]: ", daemon.child.id());
    let started = next("starting");
    assert_eq!(started.0, "22", "mail.info");
    let text = format!("{name}OpenDKIM Filter v2.11.0 starting (args: -f -p ");
    assert!(started.1.starts_with(&text), "{started:?}");

    let mut mta = scene.client();
    signature(&mta.message(&message()).unwrap());
    let added = "4XyZ012345: DKIM-Signature field added (s=one, d=example.com)";
    assert_eq!(
        next("field added"),
        ("22".to_owned(), format!("{name}{added}"))
    );

    scene.write(
        "Selector one\nSyslog yes\nSyslogSuccess yes\nSyslogName other\nSyslogFacility local3",
    );
    daemon.reload(Signal::SIGHUP);
    // The kernel holds but a dozen lines for a log that does not read.
    const MESSAGES: usize = 200;
    for _ in 0..MESSAGES {
        signature(&mta.message(&message()).unwrap());
    }
    let name = format!("other[{}]: ", daemon.child.id());
    for _ in 0..MESSAGES {
        assert_eq!(
            next("field added"),
            ("158".to_owned(), format!("{name}{added}"))
        );
    }
    drop(mta);
    daemon.signal(Signal::SIGTERM);
    let ended = next("terminating");
    assert_eq!(
        ended.1,
        format!("{name}OpenDKIM Filter v2.11.0 terminating with status 0, errno = 0")
    );
}

#[test]
fn the_macros_of_one_message_never_speak_for_the_next() {
    let scene = Scene::new(
        "Selector one\nInternalHosts 192.0.2.200\nMacroList tag=yes\nExemptDomains exempt.example",
    );
    let _daemon = scene.start(&mut scene.serve());
    let mut mta = scene.client();
    let signed = |answers: &[support::Answer]| answers.iter().any(|a| b"hi".contains(&a.kind));

    mta.macros(b'M', &["{tag}", "yes"]);
    let exempt = mta.message(&support::Message::usual("joe@exempt.example", 300));
    assert!(
        !signed(&exempt.unwrap()),
        "decided at the end of its header"
    );
    mta.send(b'A', b"").unwrap();
    assert!(!signed(&mta.message(&message()).unwrap()), "a stranger's");
    mta.send(b'A', b"").unwrap();
    mta.macros(b'M', &["{tag}", "yes"]);
    assert!(
        signed(&mta.message(&message()).unwrap()),
        "ours by its own macro"
    );
}

#[test]
fn a_reload_that_wants_more_of_the_mta_leaves_open_connections_with_the_last_that_does_not() {
    let scene = Scene::new("Selector one");
    let daemon = scene.start(&mut scene.serve());
    let mut mta = scene.client();
    assert!(signature(&mta.message(&message()).unwrap()).contains("s=one;"));
    scene.write("Selector two");
    daemon.reload(Signal::SIGHUP);
    mta.send(b'A', b"").unwrap();
    assert!(signature(&mta.message(&message()).unwrap()).contains("s=two;"));
    scene.write("Selector three\nMaximumSignedBytes 10");
    daemon.reload(Signal::SIGHUP);
    mta.send(b'A', b"").unwrap();
    let again = signature(&mta.message(&message()).unwrap());
    assert!(again.contains("s=two;"), "{again}");
    let fresh = signature(&scene.client().message(&message()).unwrap());
    assert!(
        fresh.contains("s=three;") && fresh.contains("l=10;"),
        "{fresh}"
    );
}
