use std::{fs, os::unix::fs::PermissionsExt, os::unix::net::UnixListener};

use super::*;
use crate::checks::milter::{trial::Trial, wiring::callers};
use dkimd_advice::Fix;
use dkimd_postfix::Postfix;
use dkimd_server::decide::Mode;

struct World {
    folder: tempfile::TempDir,
    postfix: Postfix,
    servers: Vec<Server>,
    socket: Option<SocketSpec>,
    fit: Fit,
}

impl World {
    /// Postfix connects to `milter` from its chroot (`y`) or not (`n`).
    fn new(milter: &str, chroot: char) -> Self {
        let master = format!("smtp inet n - {chroot} - - smtpd\n");
        let folder = tempfile::tempdir().unwrap();
        let queue = folder.path().display();
        let main = format!("queue_directory = {queue}\nsmtpd_milters = {milter}\n");
        Self {
            folder,
            postfix: Postfix::from_texts(&main, &master, ""),
            servers: Vec::new(),
            socket: None,
            fit: Fit::Ours,
        }
    }

    fn running_at(mut self, place: Place) -> Self {
        self.servers.push(Server {
            pid: 7,
            name: "opendkim".to_owned(),
            places: vec![place],
        });
        self
    }

    fn judge(&self, knocked: Knocked) -> Option<Finding> {
        let callers = callers(&self.postfix);
        let door = Door {
            milter: &callers[0].filters[0],
            fit: self.fit,
            chroot: callers[0].service.chroot,
            callers: vec![&callers[0]],
            default_action: "accept".to_owned(),
            knocked,
        };
        let site = Site::new(&self.postfix, self.socket.as_ref());
        let scene = Scene {
            site: &site,
            visitor: Some(Visitor {
                name: "postfix".to_owned(),
                uid: 60101,
                groups: vec![60101],
            }),
            servers: &self.servers,
            socket: self.socket.as_ref(),
            config: Path::new("/etc/opendkim.conf"),
        };
        let mode = Mode {
            sign: true,
            verify: false,
        };
        let trial = Trial { mode, server: None };
        trial
            .told(judge(&door, &scene).into_iter().collect(), &site)
            .pop()
    }
}

fn closed(errno: Errno) -> Knocked {
    Knocked::Closed {
        errno: errno as i32,
        tries: Vec::new(),
    }
}

fn commands(finding: &Finding) -> Vec<&str> {
    let commands = finding.fix.iter().filter_map(|fix| match fix {
        Fix::Command(command) => Some(command.as_str()),
        _ => None,
    });
    commands.collect()
}

#[test]
fn an_open_door_is_no_finding() {
    let open = Knocked::Open { at: "x".into() };
    assert_eq!(World::new("unix:o/s", 'y').judge(open), None);
}

#[test]
fn somebody_else_behind_the_door_is_not_our_server() {
    let open = || Knocked::Open { at: "x".into() };
    let mut world = World::new("inet:localhost:7000", 'y');
    world.fit = Fit::SeemsOurs;
    world.socket = SocketSpec::parse("inet:8891@localhost").ok();
    assert_eq!(world.judge(open()).unwrap().code, "milter-socket-differs");
    let place = Place::Tcp("127.0.0.1:7000".parse().unwrap());
    assert_eq!(world.running_at(place).judge(open()), None);
}

#[test]
fn a_socket_outside_of_the_chroot_is_moved_into_it() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("s");
    let _listener = UnixListener::bind(&path).unwrap();
    let world = World::new(&format!("unix:{}", path.display()), 'y');
    let finding = world.judge(closed(Errno::ENOENT)).unwrap();
    assert_eq!(finding.code.word(), "milter-chroot");
    assert!(commands(&finding)[0].starts_with("install -d -o opendkim -g postfix -m 2750"));
    assert!(
        commands(&finding).contains(&"postconf -e 'smtpd_milters = unix:opendkim/opendkim.sock'")
    );
}

#[test]
fn a_path_meant_for_the_chroot_is_made_relative_where_there_is_none() {
    let world = World::new("unix:/o/s", 'n');
    fs::create_dir(world.folder.path().join("o")).unwrap();
    let _listener = UnixListener::bind(world.folder.path().join("o/s")).unwrap();
    let finding = world.judge(closed(Errno::ENOENT)).unwrap();
    assert_eq!(finding.code.word(), "milter-chroot");
    assert_eq!(
        commands(&finding),
        ["postconf -e 'smtpd_milters = unix:o/s'", "postfix reload"]
    );
}

#[test]
fn a_server_that_does_not_run_is_on_the_other_side_of_the_chroot_all_the_same() {
    let mut world = World::new("unix:/o/s", 'n');
    let queue = world.folder.path().to_owned();
    fs::create_dir(queue.join("o")).unwrap();
    let own = queue.join("o/s");
    world.socket = Some(SocketSpec::Unix(own.clone()));
    let list = |written: &str, chroot| {
        let mut world = World::new(written, chroot);
        world.postfix = Postfix::from_texts(
            &format!(
                "queue_directory = {}\nsmtpd_milters = {written}\n",
                queue.display()
            ),
            &format!("smtp inet n - {chroot} - - smtpd\n"),
            "",
        );
        world.socket = Some(SocketSpec::Unix(own.clone()));
        world.judge(closed(Errno::ENOENT)).unwrap()
    };
    let full = format!("local:{}", own.display());
    for finding in [list(&full, 'y'), list("unix:/o/s", 'n')] {
        assert_eq!(finding.code.word(), "milter-chroot");
        let what = finding.what.to(text::Lang::En);
        assert!(what.ends_with(&format!("the server's is {}", own.display())));
        let twice = what.matches(&*own.to_string_lossy()).count();
        assert_eq!(
            twice,
            if what.contains("nothing but") { 2 } else { 1 },
            "{what}"
        );
        assert_eq!(
            commands(&finding),
            [
                "postconf -e 'smtpd_milters = unix:o/s'",
                "postfix reload",
                "systemctl start opendkim"
            ]
        );
    }
}

#[test]
fn a_server_that_listens_elsewhere_is_named() {
    let tcp = Place::Tcp("127.0.0.1:8891".parse().unwrap());
    let world = World::new("inet:localhost:12301", 'y').running_at(tcp);
    let finding = world.judge(closed(Errno::ECONNREFUSED)).unwrap();
    assert_eq!(finding.code.word(), "milter-socket-differs");
    assert_eq!(
        commands(&finding)[0],
        "postconf -e 'smtpd_milters = inet:127.0.0.1:8891'"
    );
}

#[test]
fn a_server_that_does_not_run_is_started_or_pointed_to() {
    let mut world = World::new("unix:o/s", 'y');
    world.socket = Some(SocketSpec::Unix(world.folder.path().join("o/s")));
    let finding = world.judge(closed(Errno::ENOENT)).unwrap();
    assert_eq!(finding.code.word(), "milter-not-listening");
    assert_eq!(commands(&finding)[0], "systemctl start opendkim");
    world.socket = SocketSpec::parse("inet:8891@localhost").ok();
    let finding = world.judge(closed(Errno::ENOENT)).unwrap();
    assert_eq!(finding.code.word(), "milter-socket-differs");
}

#[test]
fn a_shut_directory_and_a_shut_socket_are_told_apart() {
    let world = World::new("unix:o/s", 'y');
    let directory = world.folder.path().join("o");
    fs::create_dir(&directory).unwrap();
    let _listener = UnixListener::bind(directory.join("s")).unwrap();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&directory, 0o700);
    let finding = world.judge(closed(Errno::EACCES)).unwrap();
    assert_eq!(finding.code.word(), "milter-socket-denied");
    assert!(finding.evidence[1].starts_with("drwx------"), "{finding:?}");
    mode(&directory, 0o755);
    mode(&directory.join("s"), 0o755);
    let finding = world.judge(closed(Errno::EACCES)).unwrap();
    assert!(finding.evidence[1].starts_with("srwxr-xr-x"), "{finding:?}");
    assert!(
        finding
            .fix
            .iter()
            .any(|fix| matches!(fix, Fix::Setting { line, .. } if line == "UMask 007"))
    );
    mode(&directory.join("s"), 0o777);
    let finding = world.judge(closed(Errno::EACCES)).unwrap();
    assert!(
        finding
            .what
            .to(text::Lang::En)
            .contains("though its permissions")
    );
}

#[test]
fn a_stale_socket_and_a_file_that_is_none_are_told_apart() {
    let mut world = World::new("unix:s", 'n');
    let path = world.folder.path().join("s");
    world.socket = Some(SocketSpec::Unix(path.clone()));
    drop(UnixListener::bind(&path).unwrap());
    let finding = world.judge(closed(Errno::ECONNREFUSED)).unwrap();
    assert_eq!(finding.code.word(), "milter-not-listening");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    let finding = world.judge(closed(Errno::ECONNREFUSED)).unwrap();
    assert_eq!(finding.code.word(), "milter-socket-missing");
}
