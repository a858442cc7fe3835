//! PidFile: who may keep a start away, and where root writes.

mod support;
#[path = "support/daemon.rs"]
mod support_daemon;

use std::{
    fs::{self, File, Permissions},
    os::{
        fd::AsFd,
        unix::{
            fs::{MetadataExt, PermissionsExt, chown, symlink},
            process::CommandExt,
        },
    },
    path::Path,
    process::{Child, Command},
    thread,
    time::Duration,
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::signal::{Signal, kill, killpg},
    unistd::{Pid, geteuid},
};
use support_daemon::{Running, Scene, client, message, signature};

/// Nobody's.
const STRANGER: u32 = 65_534;

/// Far from any account of a machine.
const FILTER_USER: u32 = 54_321;

/// Ended with the test, together with what it runs.
struct Holder(Child);

impl Holder {
    fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().unwrap())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.0.id()).unwrap())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// `flock WAY FILE`, as a user who may only read the file.
fn flock(way: &str, file: &Path) -> Holder {
    let mut command = Command::new("flock");
    command.args([way]).arg(file).args(["sleep", "3600"]);
    if geteuid().is_root() {
        command.uid(STRANGER).gid(STRANGER);
    }
    Holder::start(&mut command)
}

fn scene_with_open_directory() -> Scene {
    let scene = Scene::reachable("");
    fs::create_dir(scene.path("run")).unwrap();
    fs::set_permissions(scene.path("run"), Permissions::from_mode(0o755)).unwrap();
    scene.write(&format!(
        "Selector one\nPidFile {}",
        scene.path("run/opendkim.pid").display()
    ));
    scene
}

/// The start succeeds, the file names the process, and it is the only one.
fn starts_alone(scene: &Scene) -> Running {
    let daemon = scene.start(&mut scene.serve());
    let text = fs::read_to_string(scene.path("run/opendkim.pid")).unwrap();
    assert_eq!(text, format!("{}\n", daemon.child.id()));
    assert!(!daemon.told().iter().any(|line| line.contains("write pid")));
    let other = format!("local:{}", scene.path("other.sock").display());
    let second = scene.opendkim(&["-f", "-p", &other]).output().unwrap();
    assert_eq!(second.status.code(), Some(69));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    let running = format!("process {} is running with this file", daemon.child.id());
    assert!(told.contains(&running), "{told}");
    daemon
}

fn kill_at_once(mut daemon: Running) {
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
}

/// trust-pid-file-lock
#[test]
fn nobody_who_may_only_read_the_pid_file_keeps_a_start_away() {
    let scene = scene_with_open_directory();
    let file = scene.path("run/opendkim.pid");
    let mut daemon = starts_alone(&scene);
    let mut holders = Vec::new();
    for way in ["-x", "-s"] {
        holders.push(flock(way, &file));
        // It has had the time to wait for the lock, which it gets when the daemon dies.
        thread::sleep(Duration::from_millis(200));
        kill_at_once(daemon);
        thread::sleep(Duration::from_millis(200));
        daemon = starts_alone(&scene);
    }
    // And the read lock of fcntl(2), which really keeps a write lock away.
    let read_only = File::open(&file).unwrap();
    let waiting = thread::spawn(move || {
        let wanted = libc::flock {
            l_type: libc::F_RDLCK as i16,
            l_whence: libc::SEEK_SET as i16,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(read_only.as_fd(), FcntlArg::F_OFD_SETLKW(&wanted)).unwrap();
        read_only
    });
    kill_at_once(daemon);
    let held = waiting.join().unwrap();
    let daemon = starts_alone(&scene);
    kill_at_once(daemon);
    drop(held);
    drop(starts_alone(&scene));
}

#[test]
fn the_start_after_a_kill_waits_for_the_end_of_the_killed() {
    let scene = scene_with_open_directory();
    let mut daemon = scene.start(&mut scene.serve());
    daemon.signal(Signal::SIGKILL);
    let next = scene.start(&mut scene.serve());
    daemon.wait();
    let text = fs::read_to_string(scene.path("run/opendkim.pid")).unwrap();
    assert_eq!(text, format!("{}\n", next.child.id()));
}

#[test]
fn a_worker_ends_with_its_supervisor_and_the_next_start_succeeds() {
    let scene = scene_with_open_directory();
    scene.write(&format!(
        "Selector one\nAutoRestart yes\nPidFile {}",
        scene.path("run/opendkim.pid").display()
    ));
    let supervised = || {
        let mut command = scene.opendkim(&["-f", "-p", &scene.socket_option()]);
        let supervisor = Holder::start(command.env_remove("NOTIFY_SOCKET"));
        for _ in 0..1000 {
            let text = fs::read_to_string(scene.path("run/opendkim.pid")).unwrap_or_default();
            let listens = std::os::unix::net::UnixStream::connect(scene.socket()).is_ok();
            if text == format!("{}\n", supervisor.0.id()) && listens {
                return supervisor;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no socket, or a pid file of another");
    };
    let mut first = supervised();
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let mut second = supervised();
    assert!(signature(&client(&scene.socket()).message(&message()).unwrap()).contains("s=one;"));
    // Properly, so that the worker goes, too.
    kill(second.pid(), Signal::SIGTERM).unwrap();
    assert_eq!(second.0.wait().unwrap().code(), Some(0));
    assert!(!scene.path("run/opendkim.pid").exists());
}

/// A directory that belongs to the filter's user, below one of root's.
fn scene_of_another_user() -> Option<Scene> {
    geteuid().is_root().then(|| {
        let scene = scene_with_open_directory();
        chown(scene.path("run"), Some(FILTER_USER), Some(FILTER_USER)).unwrap();
        scene
    })
}

#[test]
fn in_a_directory_of_another_user_the_file_is_that_users() {
    let Some(scene) = scene_of_another_user() else {
        return;
    };
    let file = scene.path("run/opendkim.pid");
    // As earlier versions left it.
    fs::write(&file, "12345\n").unwrap();
    let mut daemon = starts_alone(&scene);
    let found = fs::metadata(&file).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o777), (FILTER_USER, 0o644));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!file.exists());
}

#[test]
fn what_another_user_planted_on_the_way_gains_nothing_and_keeps_no_start_away() {
    let Some(scene) = scene_of_another_user() else {
        return;
    };
    let secret = scene.path("secret");
    fs::create_dir(&secret).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o700)).unwrap();
    fs::write(secret.join("opendkim.pid"), "keep").unwrap();
    symlink(&secret, scene.path("run/sub")).unwrap();
    symlink(secret.join("opendkim.pid"), scene.path("run/link.pid")).unwrap();
    symlink(secret.join("new.pid"), scene.path("run/dangling.pid")).unwrap();
    symlink("loop.pid", scene.path("run/loop.pid")).unwrap();
    nix::unistd::mkfifo(
        &scene.path("run/pipe.pid"),
        nix::sys::stat::Mode::from_bits_truncate(0o666),
    )
    .unwrap();
    fs::create_dir(scene.path("run/directory.pid")).unwrap();
    for planted in [
        "sub/opendkim.pid",
        "sub/new.pid",
        "link.pid",
        "dangling.pid",
        "loop.pid",
        "pipe.pid",
        "directory.pid",
    ] {
        let path = scene.path("run").join(planted);
        scene.write(&format!("Selector one\nPidFile {}", path.display()));
        let mut daemon = scene.start(&mut scene.serve());
        daemon.expect_line(&format!("can't write pid to {}: ", path.display()));
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait().code(), Some(0), "{planted}");
    }
    let kept = fs::read_to_string(secret.join("opendkim.pid")).unwrap();
    assert_eq!(kept, "keep");
    assert_eq!(fs::read_dir(&secret).unwrap().count(), 1);
}

#[test]
fn where_several_can_change_the_directory_the_filters_user_writes_and_root_does_not() {
    if !geteuid().is_root() {
        return;
    }
    let scene = scene_with_open_directory();
    let run = scene.path("run");
    chown(&run, Some(0), Some(FILTER_USER)).unwrap();
    fs::set_permissions(&run, Permissions::from_mode(0o775)).unwrap();
    let mut daemon = scene.start(&mut scene.serve());
    let line = daemon.expect_line("can't write pid to ");
    assert!(line.contains("chmod go-w"), "{line}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));

    scene.write(&format!(
        "Selector one\nUserID {FILTER_USER}:{FILTER_USER}\nPidFile {}",
        scene.path("run/opendkim.pid").display()
    ));
    let socket = format!("local:{}", scene.path("run/s.sock").display());
    let daemon = scene.start(&mut scene.opendkim(&["-f", "-p", &socket]));
    let found = fs::metadata(scene.path("run/opendkim.pid")).unwrap();
    assert_eq!(found.uid(), FILTER_USER);
    drop(daemon);
}

#[test]
fn a_file_that_others_planted_or_may_write_decides_nothing() {
    if !geteuid().is_root() {
        return;
    }
    let scene = scene_with_open_directory();
    let file = scene.path("run/opendkim.pid");
    fs::set_permissions(scene.path("run"), Permissions::from_mode(0o1777)).unwrap();
    for (owner, mode) in [(STRANGER, 0o600), (STRANGER, 0o666), (0, 0o666)] {
        fs::write(&file, "1\n").unwrap();
        chown(&file, Some(owner), None).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let writer = File::options().write(true).open(&file).unwrap();
        let wanted = libc::flock {
            l_type: libc::F_WRLCK as i16,
            l_whence: libc::SEEK_SET as i16,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(writer.as_fd(), FcntlArg::F_OFD_SETLK(&wanted)).unwrap();
        let mut daemon = starts_alone(&scene);
        assert_eq!(fs::metadata(&file).unwrap().uid(), 0);
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait().code(), Some(0));
    }
}
