//! Opening the sockets: what is replaced, what is never touched, and what the errors say.

#[path = "support/anybody.rs"]
mod anybody;

use std::{
    fs,
    os::{
        fd::{AsRawFd, IntoRawFd},
        unix::{fs::PermissionsExt, net::UnixListener, process::CommandExt},
    },
    path::Path,
    process::Command,
};

use dkimd_milter::socket::{ListenError, Listener, SocketSpec};

/// Opens within a runtime that lives as long as the listener.
fn open(text: &str) -> (tokio::runtime::Runtime, Result<Listener, ListenError>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let spec = SocketSpec::parse(text).unwrap();
    let listener = {
        let _entered = runtime.enter();
        Listener::open(&spec)
    };
    (runtime, listener)
}

fn local(path: &Path) -> String {
    format!("local:{}", path.display())
}

#[test]
fn a_stale_socket_is_replaced_and_the_new_one_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (_runtime, listener) = open(&local(&path));
    let listener = listener.unwrap();
    std::os::unix::net::UnixStream::connect(&path).unwrap();
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_live_socket_is_never_stolen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    let theirs = UnixListener::bind(&path).unwrap();
    let (_runtime, listener) = open(&local(&path));
    let error = listener.unwrap_err();
    assert!(error.what.contains("Address already in use"), "{error}");
    theirs.set_nonblocking(true).unwrap();
    theirs.accept().unwrap();
    assert!(path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    fs::write(&path, "data").unwrap();
    let (_runtime, listener) = open(&local(&path));
    let error = listener.unwrap_err();
    assert!(error.what.contains("is not a socket"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "data");
}

#[test]
fn a_missing_directory_is_named_with_the_command_that_creates_it() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("missing");
    let (_runtime, listener) = open(&local(&directory.join("a.sock")));
    let error = listener.unwrap_err();
    let shown = directory.display().to_string();
    assert!(
        error
            .what
            .contains(&format!("{shown} of the socket does not exist"))
    );
    assert!(error.remedy.contains("install -d"), "{error}");
    assert!(error.remedy.ends_with(&shown), "{error}");
}

#[test]
fn a_path_too_long_for_the_kernel_is_named() {
    let (_runtime, listener) = open(&local(&Path::new("/tmp").join("x".repeat(120))));
    assert!(listener.unwrap_err().what.contains("more than 107"));
}

#[test]
fn a_socket_that_somebody_else_put_there_meanwhile_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    let (_runtime, listener) = open(&local(&path));
    fs::rename(&path, folder.path().join("moved")).unwrap();
    let _theirs = UnixListener::bind(&path).unwrap();
    drop(listener.unwrap());
    assert!(path.exists());
}

#[test]
fn tcp_ports_are_opened_in_both_families_and_never_twice() {
    for host in ["127.0.0.1", "[::1]"] {
        // A port that was free may be taken by another program before it is opened here.
        let (port, text, _runtime, listener) = (0..10)
            .find_map(|_| {
                let free = std::net::TcpListener::bind(format!("{host}:0")).unwrap();
                let port = free.local_addr().unwrap().port();
                drop(free);
                let text = format!("inet:{host}:{port}");
                let (runtime, listener) = open(&text);
                Some((port, text, runtime, listener.ok()?))
            })
            .unwrap();
        std::net::TcpStream::connect(format!("{host}:{port}")).unwrap();
        assert_eq!(
            listener.local_spec().unwrap(),
            SocketSpec::parse(&text).unwrap()
        );
        let (_other, second) = open(&text);
        let error = second.unwrap_err();
        assert!(error.what.contains("Address already in use"), "{error}");
        assert!(error.remedy.contains("ss -ltnp"), "{error}");
    }
}

#[test]
fn a_host_without_an_address_of_the_family_is_an_error() {
    let (_runtime, listener) = open("inet6:8891@nosuchhost.invalid");
    let error = listener.unwrap_err();
    assert!(error.what.contains("nosuchhost.invalid"), "{error}");
}

#[test]
fn an_inherited_descriptor_is_used_if_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    let fd = UnixListener::bind(&path).unwrap().into_raw_fd();
    let (_runtime, listener) = open(&format!("fd:{fd}"));
    let listener = listener.unwrap();
    assert_eq!(listener.as_raw_fd(), fd);
    std::os::unix::net::UnixStream::connect(&path).unwrap();
    drop(listener);
    assert!(path.exists(), "whoever made the file removes it");
}

#[test]
fn an_inherited_descriptor_that_does_not_listen_is_an_error() {
    let file = fs::File::open("/dev/null").unwrap().into_raw_fd();
    let (_runtime, listener) = open(&format!("fd:{file}"));
    assert!(listener.unwrap_err().what.contains("is no socket"));
    let (_runtime, listener) = open("fd:1000000");
    assert!(listener.unwrap_err().what.contains("is not open"));
}

#[test]
fn sockets_handed_over_by_systemd_are_used() {
    if std::env::var_os("LISTEN_PID").is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _entered = runtime.enter();
        let listeners = Listener::handed_over().unwrap();
        assert_eq!(listeners.len(), 1);
        assert_eq!(listeners[0].as_raw_fd(), 3);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("a.sock")).unwrap();
    // A copy without close-on-exec, as the service manager leaves it.
    let inherited = nix::unistd::dup(&listener).unwrap();
    let status = Command::new("bash")
        .arg("-c")
        .arg(format!(
            "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" --exact {} 3<&{}",
            "sockets_handed_over_by_systemd_are_used",
            inherited.as_raw_fd()
        ))
        .arg(std::env::current_exe().unwrap())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn without_the_service_manager_nothing_is_handed_over() {
    if std::env::var_os("LISTEN_PID").is_none() {
        assert!(Listener::handed_over().unwrap().is_empty());
    }
}

#[test]
fn a_closed_directory_is_named_with_its_owner_and_mode() {
    let test = "a_closed_directory_is_named_with_its_owner_and_mode";
    if let Some(folder) = std::env::var_os("CLOSED_FOLDER") {
        let (_runtime, listener) = open(&local(&Path::new(&folder).join("a.sock")));
        let error = listener.unwrap_err();
        assert!(error.what.contains("mode 500"), "{error}");
        assert!(error.remedy.contains("chown"), "{error}");
        return;
    }
    // Root may write everywhere, so the test runs again as an unprivileged user.
    let folder = anybody::folder();
    let (_open, program) = anybody::this_program();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", test]).env("CLOSED_FOLDER", closed);
    if nix::unistd::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    assert!(command.status().unwrap().success());
}
