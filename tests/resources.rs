//! What strangers send costs linear time and bounded memory, and stops nobody else's mail: the real
//! program under attack, its memory and its processor time read from /proc.

mod support;
#[path = "support/daemon.rs"]
mod support_daemon;

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use dkimd_milter::frame::put as put_frame;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use support::{Answer, Message, MilterClient, POSTFIX_OFFER, strings};
use support_daemon::{Running, Scene, client, message, signature};

/// Without optimisation all takes several times as long.
const SLOWNESS: u32 = if cfg!(debug_assertions) { 8 } else { 1 };

const MIB: u64 = 1024 * 1024;

/// Signs for example.com and verifies all else.
fn scene(lines: &str) -> Scene {
    let scene = Scene::new("");
    fs::write(scene.path("keys"), "").unwrap();
    scene.write(&format!(
        "Mode sv\nSelector mail\nTestPublicKeys {}\n{lines}",
        scene.path("keys").display()
    ));
    let text = fs::read_to_string(scene.config()).unwrap();
    fs::write(scene.config(), text.replacen("Mode s\n", "", 1)).unwrap();
    scene
}

/// A negotiated connection of a stranger's client.
fn stranger(scene: &Scene) -> MilterClient {
    let mut client = MilterClient::unix(&scene.socket()).unwrap();
    client.negotiate(POSTFIX_OFFER).unwrap();
    client.connect("mail.example.org", "192.0.2.7").unwrap();
    client
}

fn status(daemon: &Running, line: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let found = text.lines().find(|found| found.starts_with(line)).unwrap();
    let kib: u64 = found
        .split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib * 1024
}

fn resident(daemon: &Running) -> u64 {
    status(daemon, "VmRSS:")
}

/// Processor time of the process.
fn processor(daemon: &Running) -> Duration {
    let text = fs::read_to_string(format!("/proc/{}/schedstat", daemon.pid())).unwrap_or_default();
    let of_main: u64 = text
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let of_all: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    Duration::from_nanos(of_all.max(of_main))
}

/// Waits until the daemon has read all that the clients wrote: it answers another client at rest.
fn settle(daemon: &Running) {
    let end = Instant::now() + Duration::from_secs(30);
    let mut last = processor(daemon);
    loop {
        thread::sleep(Duration::from_millis(200));
        let now = processor(daemon);
        if now - last < Duration::from_millis(2) {
            return;
        }
        assert!(Instant::now() < end, "never at rest");
        last = now;
    }
}

/// A field of so many octets, folded as mail allows.
fn folded(unit: &str, octets: usize) -> Vec<u8> {
    let line = unit.repeat(900 / unit.len());
    let lines = vec![line; octets / 900];
    format!(" {}", lines.join("\n ")).into_bytes()
}

/// `make 95` of the case `trust-slow-results`.
fn slow_results() -> Message {
    let mut message = Message::usual("x@bank.example", 10);
    let field = (
        b"Authentication-Results".to_vec(),
        [b" \"", folded("\\\"", 90_000).as_slice()].concat(),
    );
    let fields = std::iter::repeat_n(field, 95);
    message.header.splice(0..0, fields);
    message
}

/// Signs message after message of 4 KB until told to stop; gives their number, and the time within which
/// nine of ten were signed (the machine may have other work to do).
fn sign_meanwhile(scene: &Scene, attack: impl FnOnce() + Send) -> (usize, Duration) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let mut mta = scene.client();
            let usual = Message::usual("joe@example.com", 4096);
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) || times.is_empty() {
                let begun = Instant::now();
                signature(&mta.message(&usual).unwrap());
                times.push(begun.elapsed());
                thread::sleep(Duration::from_millis(1));
            }
            times.sort();
            (times.len(), times[times.len() * 9 / 10])
        });
        attack();
        over.store(true, Ordering::Relaxed);
        honest.join().unwrap()
    })
}

fn final_text(answers: &[Answer]) -> String {
    String::from_utf8_lossy(&answers.last().unwrap().payload).into_owned()
}

/// `trust-slow-results`: under each of the ways in which such a message is dealt with.
#[test]
fn a_message_of_awkward_results_costs_little_and_nobody_waits_for_it() {
    for (lines, accepted) in [
        ("", false),
        ("On-Security reject", false),
        ("On-Security accept", true),
        ("MaximumHeaders 0", true),
        ("MaximumHeaders 20000000\nRemoveARFrom relay.example", true),
    ] {
        let scene = scene(lines);
        let daemon = scene.start(&mut scene.serve());
        let slow = slow_results();
        let mut answers = Vec::new();
        let before = processor(&daemon);
        stranger(&scene).message(&slow).unwrap();
        let cost = processor(&daemon) - before;
        let (signed, longest) = sign_meanwhile(&scene, || {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(2) {
                answers = stranger(&scene).message(&slow).unwrap();
            }
        });
        println!("{lines:?}: {cost:?} a message, {signed} signed meanwhile within {longest:?}");
        let most = Duration::from_millis(200) * SLOWNESS;
        assert!(cost < most, "{lines}: {cost:?}");
        assert!(signed > 5, "{lines}: {signed}");
        let most = Duration::from_millis(100) * SLOWNESS;
        assert!(longest < most, "{lines}: {longest:?}");
        let last = answers.last().unwrap();
        assert_eq!(
            last.kind == b'a',
            accepted,
            "{lines}: {}",
            final_text(&answers)
        );
    }
}

/// A header section beyond MaximumHeaders that On-Security lets through is cleaned all the same.
#[test]
fn forged_results_go_from_mail_that_on_security_lets_through() {
    let scene = scene("On-Security accept");
    let _daemon = scene.start(&mut scene.serve());
    let mut message = Message::usual("x@bank.example", 10);
    let result = |value: &str| {
        (
            b"Authentication-Results".to_vec(),
            value.as_bytes().to_vec(),
        )
    };
    message
        .header
        .insert(0, result(" mail.example.com; dkim=pass"));
    message
        .header
        .push((b"X-Big".to_vec(), folded("x", 100_000)));
    for _ in 0..3000 {
        message.header.push(result(" mail.example.com; dkim=pass"));
        message.header.push(result(" other.example; dkim=pass"));
    }
    let answers = stranger(&scene).message(&message).unwrap();
    assert_eq!(answers.last().unwrap().kind, b'a');
    let deleted: Vec<u32> = answers
        .iter()
        .filter(|answer| answer.kind == b'm')
        .map(|answer| u32::from_be_bytes(*answer.payload.first_chunk().unwrap()))
        .collect();
    let mut forged: Vec<u32> = (1..=3001)
        .map(|number| if number == 1 { 1 } else { 2 * number - 2 })
        .collect();
    forged.reverse();
    assert_eq!(deleted, forged);
}

/// `trust-results-memory`: what a message makes the filter keep is MaximumHeaders and little more,
/// whatever its fields are.
#[test]
fn thirty_strangers_in_the_middle_of_large_header_sections_cost_next_to_nothing() {
    for (name, value, fields) in [
        (
            "Authentication-Results",
            [b" relay.example; ", folded("x", 98_000).as_slice()].concat(),
            90,
        ),
        ("X-Other", folded("x", 98_000), 90),
        (
            "Authentication-Results",
            b" relay.example; none".to_vec(),
            10_000,
        ),
        ("a", Vec::new(), 30_000),
    ] {
        let scene = scene("On-Security accept");
        let daemon = scene.start(&mut scene.serve());
        let mut field = Vec::new();
        put_frame(&mut field, b'L', &strings(&[name.as_bytes(), &value]));
        let mut open = Vec::new();
        for _ in 0..30 {
            let mut client = stranger(&scene);
            client.send(b'M', &strings(&["<x@bank.example>"])).unwrap();
            for _ in 0..fields {
                client.send_raw(&field).unwrap();
            }
            open.push(client);
        }
        settle(&daemon);
        let (all, own) = (resident(&daemon), status(&daemon, "RssAnon:"));
        println!(
            "{name}: {} KiB, {} KiB of them the program's own data",
            all / 1024,
            own / 1024
        );
        // Unoptimised, the program's code alone takes most of that.
        assert!(all < 20 * MIB || cfg!(debug_assertions), "{name}: {all}");
        assert!(own < 8 * MIB, "{name}: {own}");
        signature(&scene.client().message(&message()).unwrap());
    }
}

/// `trust-macros-bounded`: macros that are new, and known ones that change.
#[test]
fn macros_that_grow_are_not_kept_and_those_that_tell_the_origin_are() {
    let scene = scene("MacroList listed=yes");
    let daemon = scene.start(&mut scene.serve());
    let mut mta = stranger(&scene);
    let before = resident(&daemon);
    let names: Vec<String> = (0..150).map(|number| format!("m{number}")).collect();
    let pairs: Vec<&str> = names.iter().flat_map(|name| [name.as_str(), "v"]).collect();
    mta.macros(b'C', &pairs);
    mta.flush().unwrap();
    let long = "v".repeat(1_000_000);
    for name in names
        .iter()
        .map(String::as_str)
        .chain(["i", "{auth_type}", "{daemon_name}"])
    {
        mta.macros(b'C', &[name, &long]);
        mta.flush().unwrap();
    }
    // The last word about the origin counts, whatever came before it.
    let usual = Message::usual("joe@example.com", 300);
    mta.macros(b'M', &["{listed}", "yes"]);
    signature(&mta.message(&usual).unwrap());
    let grown = resident(&daemon).saturating_sub(before);
    println!("{} KiB more", grown / 1024);
    assert!(grown < 8 * MIB, "{grown}");
}

/// `trust-macros-bounded`: recipients without octets. Where something depends on them and they can't
/// all be looked at, the message waits; it does not go out as if they had been.
#[test]
fn recipients_are_counted_and_too_many_are_not_decided_about() {
    let scene = scene("DontSignMailTo nobody@example.net");
    let daemon = scene.start(&mut scene.serve());
    let mut usual = message();
    usual.recipients = vec![b"<>".to_vec(); 300_000];
    let before = resident(&daemon);
    let answers = scene.client().message(&usual).unwrap();
    assert!(
        final_text(&answers).contains("(too-many-recipients)"),
        "{answers:?}"
    );
    let grown = resident(&daemon).saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown}");
    usual.recipients = vec![b"<somebody@example.net>".to_vec(); 10_000];
    signature(&scene.client().message(&usual).unwrap());
    // Where nothing depends on them, any number is welcome.
    scene.write("Mode sv\nSelector mail");
    daemon.reload(nix::sys::signal::Signal::SIGHUP);
    usual.recipients = vec![b"<>".to_vec(); 100_000];
    signature(&scene.client().message(&usual).unwrap());
}

/// Writes what the daemon takes without waiting; gives the number of octets.
fn write_some(stream: &mut UnixStream, octets: &[u8]) -> usize {
    let mut written = 0;
    let mut patience = 20;
    while written < octets.len() && patience > 0 {
        match stream.write(&octets[written..]) {
            Ok(length) => written += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                patience -= 1;
                thread::sleep(Duration::from_millis(1));
            }
            Err(_) => break,
        }
    }
    written
}

/// Connections that stop in the middle of a frame of 1 MB, in the header of a message.
fn half_frames(scene: &Scene, number: usize) -> Vec<UnixStream> {
    let mut octets = Vec::new();
    put_frame(&mut octets, b'O', &POSTFIX_OFFER.payload());
    put_frame(&mut octets, b'M', &strings(&["<x@bank.example>"]));
    put_frame(&mut octets, b'L', &vec![b'x'; 1_000_000]);
    octets.truncate(octets.len() - 10);
    (0..number)
        .map(|_| {
            let mut stream = UnixStream::connect(scene.socket()).unwrap();
            stream.set_nonblocking(true).unwrap();
            write_some(&mut stream, &octets);
            stream
        })
        .collect()
}

fn raise_open_files() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

/// `trust-macros-bounded`: half frames come out of the budget, and those who hold it are given up when
/// somebody else needs it.
#[test]
fn half_frames_cost_no_more_than_the_budget_and_large_mail_still_passes() {
    raise_open_files();
    let scene = scene("");
    let daemon = scene.start(&mut scene.serve());
    let before = resident(&daemon);
    let stalled = half_frames(&scene, 400);
    settle(&daemon);
    let grown = resident(&daemon).saturating_sub(before);
    println!("{} half frames: {} MiB", stalled.len(), grown / MIB);
    assert!(grown < 64 * MIB, "{grown}");
    // Usual mail needs nothing of what they hold; mail with a large header gets it from them.
    signature(&scene.client().message(&message()).unwrap());
    let mut large = message();
    large
        .header
        .push((b"X-Large".to_vec(), folded("x", 60_000)));
    signature(&scene.client().message(&large).unwrap());
    drop(stalled);
}

/// A control group of the tests' own with a limit of memory, removed when dropped; `None` where there
/// is no right to make one.
struct ControlGroup(PathBuf);

impl ControlGroup {
    fn with_limit(octets: u64) -> Option<Self> {
        let name = format!("dkimd-test-{}", std::process::id());
        for (parent, limit) in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ] {
            let path = PathBuf::from(parent).join(&name);
            if fs::create_dir(&path).is_err() {
                continue;
            }
            let group = Self(path);
            if fs::write(group.0.join(limit), octets.to_string()).is_ok() {
                let _ = fs::write(group.0.join("memory.swap.max"), "0");
                return Some(group);
            }
        }
        None
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The daemon in a control group of 64 MB, and with an address space of so many octets.
fn limited(scene: &Scene, group: Option<&ControlGroup>, space: Option<u64>) -> Running {
    let serve = scene.serve();
    let mut command = Command::new("/bin/sh");
    let mut script = String::new();
    if let Some(group) = group {
        script += &format!("echo $$ >{}/cgroup.procs && ", group.0.display());
    }
    if let Some(space) = space {
        script += &format!("ulimit -v {} && ", space / 1024);
    }
    command
        .arg("-c")
        .arg(format!("{script}exec \"$0\" \"$@\""))
        .arg(serve.get_program())
        .args(serve.get_args())
        .current_dir(scene.folder.path());
    scene.start(&mut command)
}

/// Everything at once, from many connections, for as long as it takes.
fn attack(scene: &Scene) {
    let large = |name: &str, octets: usize, fields: usize| {
        let mut message = Message::usual("x@bank.example", 10);
        let field = (name.as_bytes().to_vec(), folded("x", octets));
        message
            .header
            .splice(0..0, std::iter::repeat_n(field, fields));
        message
    };
    let messages = [
        large("Authentication-Results", 98_000, 9),
        large("X-Other", 60_000, 1),
        large("X-Other", 900_000, 1),
    ];
    let stalled = half_frames(scene, 200);
    thread::scope(|scope| {
        for thread in 0..4 {
            let messages = &messages;
            scope.spawn(move || {
                let mut open = Vec::new();
                for number in 0..8 {
                    let mut mta = stranger(scene);
                    let message = &messages[(thread + number) % messages.len()];
                    // Either may end such a connection.
                    if mta.send_header(message).is_ok() {
                        open.push(mta);
                    }
                }
            });
        }
    });
    drop(stalled);
}

fn survives(scene: &Scene, mut daemon: Running, name: &str) {
    let (signed, longest) = sign_meanwhile(scene, || attack(scene));
    assert_eq!(
        daemon.child.try_wait().unwrap(),
        None,
        "{:?}",
        daemon.told()
    );
    let peak = status(&daemon, "VmHWM:");
    println!(
        "{name}: {signed} signed meanwhile, each within {longest:?}; peak {} MiB",
        peak / MIB
    );
    signature(&scene.client().message(&message()).unwrap());
}

/// `trust-results-memory`: nobody's mail ends the daemon under a limit of memory, and mail of ours is
/// signed meanwhile and afterwards.
#[test]
fn under_a_limit_of_memory_no_client_ends_the_daemon() {
    raise_open_files();
    let scene = scene("");
    match ControlGroup::with_limit(64 * MIB) {
        Some(group) => survives(
            &scene,
            limited(&scene, Some(&group), None),
            "control group of 64 MiB",
        ),
        None => println!("no right to make a control group: only the address space is limited"),
    }
    // What the program takes of the address space before the first message depends on its build.
    let daemon = limited(&scene, None, None);
    let base = status(&daemon, "VmSize:");
    drop(daemon);
    let space = (base + 32 * MIB).max(64 * MIB);
    let name = format!("address space of {} MiB", space / MIB);
    survives(&scene, limited(&scene, None, Some(space)), &name);
}

/// A peer that takes no replies makes nobody wait and holds no read buffer.
#[test]
fn a_peer_that_never_reads_holds_no_buffer() {
    let scene = scene("");
    let daemon = scene.start(&mut scene.serve());
    let before = resident(&daemon);
    let mut frames = Vec::new();
    let client_of_the_mta = b"mail.example.org\x004\0\x19192.0.2.7\0";
    put_frame(&mut frames, b'C', client_of_the_mta);
    let frames = frames.repeat(40_000);
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut stream = UnixStream::connect(scene.socket()).unwrap();
        let mut octets = Vec::new();
        put_frame(&mut octets, b'O', &POSTFIX_OFFER.payload());
        octets.extend_from_slice(&frames);
        stream.set_nonblocking(true).unwrap();
        write_some(&mut stream, &octets);
        open.push(stream);
    }
    settle(&daemon);
    let grown = resident(&daemon).saturating_sub(before);
    println!("{} KiB more", grown / 1024);
    assert!(grown < 12 * MIB, "{grown}");
    signature(&client(&scene.socket()).message(&message()).unwrap());
}
