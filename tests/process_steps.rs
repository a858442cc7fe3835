//! The steps of the start that fork, change users or take signals, each in a process of its own:
//! this program runs itself again with the name of a scene.

#[path = "support/anybody.rs"]
mod anybody;

use std::{
    env, fs,
    io::Read,
    path::Path,
    process::{Command, Output, Stdio, exit},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use dkimd_server::{
    config::settings::AutoRestart,
    log::sink::Stderr,
    process::{
        ExitCode, Failure,
        daemonize::{into_background, leave_terminal},
        restart::supervise,
        user::Account,
    },
};

fn main() {
    match env::var("DKIMD_SCENE").ok().as_deref() {
        Some("fails in the background") => {
            let _ready = into_background().unwrap();
            Failure::new(ExitCode::Unavailable, "no socket").tell("scene");
            exit(69)
        }
        Some("lives in the background") => {
            let ready = into_background().unwrap();
            leave_terminal().unwrap();
            ready.ready();
            thread::sleep(Duration::from_secs(3));
            exit(0)
        }
        Some("drops privileges") => {
            Account::find(&env::var("ACCOUNT").unwrap())
                .and_then(|account| account.assume())
                .unwrap_or_else(|failure| {
                    failure.tell("scene");
                    exit(i32::from(failure.code.number()))
                });
            print!("{}", fs::read_to_string("/proc/self/status").unwrap());
        }
        Some("crashes at once") => supervised(|_| ExitCode::Unavailable, false),
        Some("crashes when ready") => supervised(|_| ExitCode::Unavailable, true),
        Some("has a bad configuration later") => supervised(
            |start| match start {
                0 => ExitCode::Unavailable,
                _ => ExitCode::Config,
            },
            true,
        ),
        Some("waits for a signal") => supervised(
            |_| {
                thread::sleep(Duration::from_secs(30));
                ExitCode::Software
            },
            true,
        ),
        Some(other) => panic!("no scene {other:?}"),
        None => {
            a_failed_background_start_shows_in_exit_code_and_message();
            a_background_start_returns_when_ready_and_not_at_the_end();
            dropping_privileges_takes_the_supplementary_groups_along();
            a_user_change_by_somebody_else_than_root_is_77();
            the_supervisor_keeps_to_its_count();
            a_first_start_that_fails_is_not_repeated();
            a_configuration_error_ends_the_restarts();
            the_supervisor_forwards_the_stop();
            println!("all scenes as expected");
        }
    }
}

fn supervised(end: impl Fn(u32) -> ExitCode, ready: bool) {
    let limits = AutoRestart {
        count: Some(2),
        rate: None,
    };
    let said = AtomicU32::new(0);
    let code = supervise(
        limits,
        &Stderr::new(),
        || {
            said.fetch_add(1, Ordering::Relaxed);
            eprintln!("ready");
        },
        |start, pipe| {
            if ready {
                pipe.ready();
            }
            end(start)
        },
    )
    .unwrap();
    assert_eq!(said.load(Ordering::Relaxed), u32::from(ready));
    exit(i32::from(code.number()))
}

fn scene(name: &str) -> Command {
    scene_of(&env::current_exe().unwrap(), name)
}

fn scene_of(program: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command.env("DKIMD_SCENE", name).stdin(Stdio::null());
    command
}

fn run(name: &str) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = scene(name).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn a_failed_background_start_shows_in_exit_code_and_message() {
    assert_eq!(
        run("fails in the background"),
        (Some(69), "scene: no socket\n".to_owned())
    );
}

fn a_background_start_returns_when_ready_and_not_at_the_end() {
    let begun = Instant::now();
    // `output` also waits for standard error to close: the daemon must have let go of it.
    assert_eq!(run("lives in the background"), (Some(0), String::new()));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

fn dropping_privileges_takes_the_supplementary_groups_along() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let (uid, gid) = anybody::unused_numbers();
    let output = scene("drops privileges")
        .env("ACCOUNT", format!("{uid}:{gid}"))
        .output()
        .unwrap();
    let status = String::from_utf8(output.stdout).unwrap();
    let has = |line: &str| assert!(status.contains(line), "no {line:?} in {status}");
    has(&format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n"));
    has(&format!("Gid:\t{gid}\t{gid}\t{gid}\t{gid}\n"));
    has(&format!("Groups:\t{gid} \n"));
    // Any account that is a member of further groups will do.
    let groups = fs::read_to_string("/etc/group").unwrap();
    let member = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let number = fields.nth(2)?;
        let user = fields.next()?.split(',').find(|user| !user.is_empty())?;
        (user != "root").then(|| (user.to_owned(), number.to_owned()))
    });
    let Some((user, number)) = member else { return };
    let output = scene("drops privileges")
        .env("ACCOUNT", &user)
        .output()
        .unwrap();
    let status = String::from_utf8(output.stdout).unwrap();
    let has = status
        .lines()
        .find_map(|line| line.strip_prefix("Groups:"))
        .is_some_and(|groups| groups.split_whitespace().any(|group| group == number));
    assert!(has, "{user} lost group {number}: {status}");
}

fn a_user_change_by_somebody_else_than_root_is_77() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let (_open, program) = anybody::this_program();
    let (uid, _) = anybody::unused_numbers();
    let mut command = scene_of(&program, "drops privileges");
    std::os::unix::process::CommandExt::uid(&mut command, uid);
    let output = command.env("ACCOUNT", "daemon").output().unwrap();
    assert_eq!(output.status.code(), Some(77), "{output:?}");
}

fn the_supervisor_keeps_to_its_count() {
    assert_eq!(
        run("crashes when ready"),
        (
            Some(69),
            "ready\nexited with status 69, restarting\nexited with status 69, restarting\n\
             maximum restart count exceeded\n"
                .to_owned()
        )
    );
}

fn a_first_start_that_fails_is_not_repeated() {
    assert_eq!(
        run("crashes at once"),
        (Some(69), "exited with status 69\n".to_owned())
    );
}

fn a_configuration_error_ends_the_restarts() {
    let (code, told) = run("has a bad configuration later");
    assert_eq!(code, Some(78));
    assert!(
        told.ends_with("restarting\nexited with status 78\n"),
        "{told}"
    );
}

fn the_supervisor_forwards_the_stop() {
    let mut child = scene("waits for a signal")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut ready = [0; 6];
    stderr.read_exact(&mut ready).unwrap();
    let begun = Instant::now();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}
