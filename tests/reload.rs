//! Reloads while files are being written, by the real program: no message may leave unsigned
//! (trust-reload-empty-signing-table, conf-chroot-keyfile).

mod support;
#[path = "support/daemon.rs"]
mod support_daemon;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{Answer, Message, MilterClient};
use support_daemon::{PATIENCE, Running, Scene, client, message, signature};

const TABLE: &str = "# who signs\n*@example.com k\n*@example.org k\n";

/// A scene with tables.
fn with_tables(hosts: &str) -> Scene {
    let scene = Scene::new("");
    let folder = scene.folder.path().display().to_string();
    fs::write(
        scene.config(),
        format!(
            "Syslog yes\nRequireSafeKeys no\nKeyTable {folder}/KeyTable\n\
             SigningTable refile:{folder}/SigningTable\nInternalHosts {folder}/Hosts\n"
        ),
    )
    .unwrap();
    fs::write(scene.path("SigningTable"), TABLE).unwrap();
    fs::write(
        scene.path("KeyTable"),
        format!("k example.com:mail:{folder}/mail.private\n"),
    )
    .unwrap();
    fs::write(scene.path("Hosts"), hosts).unwrap();
    scene
}

fn is_signed(answers: &[Answer]) -> bool {
    answers.iter().any(|answer| b"hi".contains(&answer.kind))
}

fn signs(mta: &mut MilterClient, message: &Message) -> bool {
    is_signed(&mta.message(message).unwrap())
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Truncates the file and then writes it, in two pieces, as editors and scripts do.
fn write_in_place(path: &Path, text: &str, pause: Duration) {
    let mut file = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .unwrap();
    thread::sleep(pause);
    let (first, rest) = text.split_at(text.len() / 2);
    file.write_all(first.as_bytes()).unwrap();
    thread::sleep(pause);
    file.write_all(rest.as_bytes()).unwrap();
}

#[test]
fn no_message_leaves_unsigned_while_tables_are_written_and_reloaded() {
    let scene = with_tables("127.0.0.1\n::1\n");
    let daemon = scene.start(&mut scene.serve());
    let (over, sent, unsigned) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut mta = scene.client();
                let message = message();
                while !over.load(Ordering::Relaxed) {
                    if !signs(&mut mta, &message) {
                        unsigned.fetch_add(1, Ordering::Relaxed);
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(2));
                }
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                daemon.signal(Signal::SIGHUP);
                thread::sleep(Duration::from_millis(20));
            }
        });
        let pauses = [0, 3, 40, 1, 300, 15].map(Duration::from_millis);
        let begun = Instant::now();
        for pause in pauses.iter().cycle() {
            if begun.elapsed() > Duration::from_secs(12) {
                break;
            }
            for file in ["SigningTable", "KeyTable", "Hosts", "opendkim.conf"] {
                let text = fs::read_to_string(scene.path(file)).unwrap();
                write_in_place(&scene.path(file), &text, *pause);
                thread::sleep(Duration::from_millis(30));
            }
        }
        // The last word, cut in the middle of a line, then emptied.
        fs::write(scene.path("SigningTable"), "# who signs\n*@exam").unwrap();
        thread::sleep(Duration::from_secs(3));
        fs::write(scene.path("SigningTable"), "").unwrap();
        thread::sleep(Duration::from_secs(3));
        over.store(true, Ordering::Relaxed);
    });
    let (sent, unsigned) = (sent.into_inner(), unsigned.into_inner());
    assert!(sent > 500, "only {sent} messages were sent");
    assert_eq!(unsigned, 0, "of {sent}; {:?}", daemon.told());
    // What is whole is taken up without being asked again.
    fs::write(
        scene.path("SigningTable"),
        format!("{TABLE}*@example.net k\n"),
    )
    .unwrap();
    let mut mta = scene.client();
    let of_net = Message::usual("joe@example.net", 300);
    wait_until("the whole table is taken up", || signs(&mut mta, &of_net));
}

#[test]
fn an_emptied_table_waits_until_it_is_whole_or_meant() {
    let scene = with_tables("127.0.0.1\n");
    let daemon = scene.start(&mut scene.serve());
    let table = scene.path("SigningTable");
    let mut mta = scene.client();
    for cut in ["", "\n", "# who signs\n", "# who signs\n*@exam"] {
        fs::write(&table, cut).unwrap();
        let status = daemon.reload(Signal::SIGHUP);
        assert!(status.contains("half written"), "{cut:?}: {status}");
        assert!(signs(&mut mta, &message()), "{cut:?}");
    }
    let line = daemon.expect_line("reload put off: SigningTable ");
    assert!(line.contains("comment line"), "{line}");
    // Said, and taken up without a signal.
    fs::write(&table, "# nobody\n").unwrap();
    wait_until("a comment is meant", || !signs(&mut mta, &message()));
    daemon.expect_line("SigningTable has no entry: no mail is signed");
}

#[test]
fn an_emptied_list_of_hosts_gives_way_after_a_while_and_its_mail_is_told_of() {
    let scene = with_tables("127.0.0.1\n");
    let daemon = scene.start(&mut scene.serve());
    let begun = Instant::now();
    fs::write(scene.path("Hosts"), "").unwrap();
    assert!(daemon.reload(Signal::SIGHUP).contains("half written"));
    let mut mta = scene.client();
    wait_until("the list gives way", || !signs(&mut mta, &message()));
    assert!(
        begun.elapsed() >= Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    daemon.expect_line("taken up in doubt: InternalHosts ");
    daemon.expect_line("localhost [127.0.0.1] is not internal any more: its entry 127.0.0.1 left");
    fs::write(scene.path("Hosts"), "127.0.0.1\n").unwrap();
    daemon.reload(Signal::SIGHUP);
    assert!(signs(&mut mta, &message()));
}

#[test]
fn a_file_that_is_half_written_at_the_start_is_waited_for() {
    let scene = with_tables("127.0.0.1\n");
    let table = scene.path("SigningTable");
    fs::write(&table, "").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(150));
            fs::write(&table, TABLE).unwrap();
        });
        let _daemon = scene.start(&mut scene.serve());
        assert!(signs(&mut scene.client(), &message()));
    });
}

#[test]
fn a_table_whose_time_the_writer_sets_back_is_taken_up_whole() {
    let scene = with_tables("127.0.0.1\n");
    let table = scene.path("SigningTable");
    let mut time = SystemTime::now() - Duration::from_secs(3600);
    let daemon = scene.start(&mut scene.serve());
    let mut mta = scene.client();
    for _ in 0..3 {
        // As `cp -p`, `tar -x` and `rsync --inplace -t` do.
        time += Duration::from_secs(1);
        let mut file = fs::File::create(&table).unwrap();
        file.write_all(b"*@example.org k\n").unwrap();
        file.set_modified(time).unwrap();
        daemon.signal(Signal::SIGHUP);
        thread::sleep(Duration::from_millis(150));
        file.write_all(b"*@example.com k\n").unwrap();
        file.set_modified(time).unwrap();
        daemon.expect_notice("STATUS=configuration reloaded");
        assert!(signs(&mut mta, &message()), "{:?}", daemon.told());
    }
}

/// Writes a line each 100 ms until it is over, or as often as asked.
fn write_on(path: &Path, lines: usize, over: &AtomicBool) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    for number in 0..lines {
        if over.load(Ordering::Relaxed) {
            return;
        }
        writeln!(file, "*@d{number}.example k").unwrap();
        thread::sleep(Duration::from_millis(100));
    }
    writeln!(file, "*@example.com k").unwrap();
}

#[test]
fn a_start_in_the_middle_of_long_writing_says_so_and_takes_up_the_whole() {
    let scene = with_tables("127.0.0.1\n");
    let table = scene.path("SigningTable");
    fs::write(&table, "*@example.org k\n").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| write_on(&table, 50, &AtomicBool::new(false)));
        let daemon = scene.start(&mut scene.serve());
        daemon.expect_line("started in doubt: SigningTable ");
        let mut mta = scene.client();
        wait_until("the whole table is taken up", || {
            signs(&mut mta, &message())
        });
        daemon.expect_line("configuration reloaded from ");
    });
}

#[test]
fn a_stop_does_not_wait_for_a_load() {
    let scene = with_tables("127.0.0.1\n");
    let table = scene.path("SigningTable");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| write_on(&table, 600, &over));
        let mut daemon = scene.start(&mut scene.serve());
        daemon.signal(Signal::SIGHUP);
        daemon.expect_notice("RELOADING=1");
        thread::sleep(Duration::from_millis(50));
        let asked = Instant::now();
        daemon.signal(Signal::SIGTERM);
        let status = daemon.wait();
        let took = asked.elapsed();
        over.store(true, Ordering::Relaxed);
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_millis(1200), "{took:?}");
        daemon.expect_line("terminating with status 0");
    });
}

#[test]
fn an_empty_signing_table_is_told_at_the_start() {
    let scene = with_tables("127.0.0.1\n");
    fs::write(scene.path("SigningTable"), "").unwrap();
    let daemon = scene.start(&mut scene.serve());
    daemon.expect_line("SigningTable has no entry: no mail is signed");
}

#[test]
fn keys_of_a_table_that_can_not_be_used_are_counted_at_start_and_reload() {
    let scene = with_tables("127.0.0.1\n");
    let folder = scene.folder.path().display().to_string();
    let mut table = fs::read_to_string(scene.path("KeyTable")).unwrap();
    table += &format!("a a.example:s:{folder}/absent\nb b.example:s:{folder}/KeyTable\n");
    fs::write(scene.path("KeyTable"), &table).unwrap();
    let daemon = scene.start(&mut scene.serve());
    daemon.expect_line(
        "2 of 3 keys of the KeyTable can't be used (a, b): mail that they sign is deferred",
    );
    assert!(signs(&mut scene.client(), &message()));
    fs::write(
        scene.path("KeyTable"),
        format!("{table}c c.example:s:{folder}/absent\n"),
    )
    .unwrap();
    assert!(daemon.reload(Signal::SIGHUP).contains("reloaded"));
    daemon.expect_line("3 of 4 keys of the KeyTable can't be used (a, b, c)");
}

/// `dkimd reload`: its exit code and what it says.
fn command_reload(daemon: &Running) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .args(["reload", &daemon.pid().to_string()])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), told)
}

/// Without the right to look at every process (CAP_SYS_PTRACE) only such a daemon's answer can be read.
const READABLE: &str = "EnableCoredumps yes\nSelector one\n";

fn expect_refusal(daemon: &Running, reason: &str) {
    let (code, told) = command_reload(daemon);
    assert_eq!(code, Some(78), "{reason}: {told}");
    assert!(told.contains(reason), "{told}");
    assert!(
        told.contains("goes on with the configuration before"),
        "{told}"
    );
}

#[test]
fn the_command_reload_fails_where_the_daemon_puts_the_load_off() {
    let scene = with_tables("127.0.0.1\n");
    let config = fs::read_to_string(scene.config()).unwrap() + "EnableCoredumps yes\n";
    fs::write(scene.config(), &config).unwrap();
    let daemon = scene.start(&mut scene.serve());
    assert_eq!(command_reload(&daemon), (Some(0), String::new()));
    for cut in ["", "# who signs\n*@exam"] {
        fs::write(scene.path("SigningTable"), cut).unwrap();
        expect_refusal(&daemon, "reload put off: SigningTable ");
    }
    fs::write(scene.path("SigningTable"), TABLE).unwrap();
    assert_eq!(command_reload(&daemon), (Some(0), String::new()));
    fs::write(scene.config(), "").unwrap();
    expect_refusal(&daemon, "reload put off: configuration ");
    assert!(signs(&mut scene.client(), &message()));
    fs::write(scene.config(), &config).unwrap();
    // Several at once: each has the answer to a load that began after it was asked for.
    thread::scope(|scope| {
        let asked: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| command_reload(&daemon)))
            .collect();
        for asked in asked {
            assert_eq!(asked.join().unwrap(), (Some(0), String::new()));
        }
    });
}

#[test]
fn the_command_reload_fails_where_the_key_can_not_be_used() {
    let scene = Scene::new(READABLE);
    let key = scene.path("mail.private");
    let whole = fs::read(&key).unwrap();
    let daemon = scene.start(&mut scene.serve());
    fs::write(&key, "no key\n").unwrap();
    expect_refusal(&daemon, "can't load key from ");
    fs::remove_file(&key).unwrap();
    expect_refusal(&daemon, "can't load key from ");
    fs::write(&key, whole).unwrap();
    assert_eq!(command_reload(&daemon), (Some(0), String::new()));
    assert!(signs(&mut scene.client(), &message()));
}

#[test]
fn the_command_reload_finds_the_worker_of_a_supervisor() {
    let scene = Scene::new(&format!("{READABLE}AutoRestart yes"));
    let mut child = scene
        .opendkim(&["-f", "-p", &scene.socket_option()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    wait_until("it listens", || scene.socket().exists());
    let reload = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dkimd"));
        let output = command.args(["reload", &pid]).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let good = reload();
    fs::write(scene.path("mail.private"), "no key\n").unwrap();
    let bad = reload();
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGTERM).unwrap();
    child.wait().unwrap();
    assert_eq!(good, (Some(0), String::new()));
    assert_eq!(bad.0, Some(78), "{}", bad.1);
}

#[test]
fn the_command_reload_needs_no_account_for_the_daemons_user() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let scene = Scene::reachable("");
    scene.write(&format!("{READABLE}UserID 412345:454321"));
    for path in [
        scene.folder.path(),
        &scene.config(),
        &scene.path("mail.private"),
    ] {
        chown(path, Some(412345), Some(454321)).unwrap();
    }
    let daemon = scene.start(&mut scene.opendkim(&["-f", "-p", &scene.socket_option()]));
    let (code, told) = command_reload(&daemon);
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("no such user"), "{told}");
    fs::write(scene.path("mail.private"), "no key\n").unwrap();
    fs::write(scene.config(), "Nope yes\n").unwrap();
    assert_eq!(command_reload(&daemon).0, Some(78));
}

#[test]
fn the_command_reload_tells_the_daemon_only_of_a_configuration_that_loads() {
    let scene = Scene::new("Selector one");
    let daemon = scene.start(&mut scene.opendkim(&["-f", "-l", "-p", &scene.socket_option()]));
    let reload = || command_reload(&daemon);
    scene.write("Selector two\nNopeOption yes");
    let (code, told) = reload();
    assert_eq!(code, Some(78), "{told}");
    assert!(
        told.contains(&format!(
            "{}:7: error: NopeOption",
            scene.config().display()
        )),
        "{told}"
    );
    scene.write("Selector two");
    assert_eq!(reload().0, Some(0));
    daemon.expect_notice("RELOADING=1");
    daemon.expect_notice("STATUS=configuration reloaded");
    let signed = signature(&scene.client().message(&message()).unwrap());
    assert!(signed.contains("s=two;"), "{signed}");
    let absent = Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .args(["reload", "1"])
        .status();
    assert_eq!(absent.unwrap().code(), Some(69));
}

#[test]
fn the_key_read_before_the_root_changes_signs_on() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let scene = Scene::new("");
    let root = scene.path("root");
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(&root).unwrap();
    for directory in [scene.folder.path(), &root] {
        mode(directory, 0o755);
    }
    chown(&root, Some(65534), None).unwrap();
    scene.write(&format!(
        "{READABLE}Syslog yes\nUserID nobody\nChangeRootDirectory {}",
        root.display()
    ));
    // So that a reload finds its configuration, but no key.
    let inside = root.join(scene.config().strip_prefix("/").unwrap());
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    fs::copy(scene.config(), &inside).unwrap();
    // Whatever the umask.
    mode(&inside, 0o644);
    for directory in inside.ancestors().skip(1).take_while(|path| *path != root) {
        mode(directory, 0o755);
    }
    let daemon = scene.start(&mut scene.opendkim(&["-f", "-p", "local:/s.sock"]));
    let mut mta = client(&root.join("s.sock"));
    for _ in 0..3 {
        assert!(signs(&mut mta, &message()));
    }
    assert!(daemon.reload(Signal::SIGUSR1).contains("reloaded"));
    for _ in 0..3 {
        assert!(signs(&mut mta, &message()));
    }
    // What the command would load stands in another root directory than what the daemon loads. To know
    // that takes the right to look at the process.
    if fs::metadata(format!("/proc/{}/root/", daemon.pid())).is_err() {
        return;
    }
    fs::write(scene.config(), "Nope yes\n").unwrap();
    assert_eq!(command_reload(&daemon), (Some(0), String::new()));
    fs::remove_file(&inside).unwrap();
    expect_refusal(&daemon, "configuration file");
}
