//! The knocking process: becomes what a service of Postfix is, and tries to connect.

use std::{
    ffi::CString,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::PathBuf,
};

use clap::Args;
use nix::unistd::{User, alarm, chdir, chroot, initgroups, setresgid, setresuid};
use socket2::{SockAddr, Socket, Type};

use super::{Knocked, PATIENCE_SECONDS};
use dkimd_server::process::ExitCode;

/// Arguments of the hidden subcommand `dkimd knock`.
#[derive(Args, Clone, Debug)]
pub struct KnockArgs {
    /// The account to become
    #[arg(long)]
    user: Option<String>,
    /// The directory where relative paths begin
    #[arg(long)]
    directory: PathBuf,
    /// See nothing but that directory
    #[arg(long)]
    chroot: bool,
    /// Use IPv4
    #[arg(long)]
    ipv4: bool,
    /// Use IPv6
    #[arg(long)]
    ipv6: bool,
    /// `unix:PATH` or `inet:HOST:PORT`
    endpoint: String,
}

/// Knocks and prints what came of it. Whoever hears no answer ends by SIGALRM.
pub fn run(args: &KnockArgs) -> ExitCode {
    alarm::set(PATIENCE_SECONDS);
    let knocked = match become_service(args) {
        Ok(()) => connect(args),
        Err(step) => Knocked::NotAsPostfix { step },
    };
    match serde_json::to_string(&knocked) {
        Ok(text) => println!("{text}"),
        Err(_) => return ExitCode::Software,
    }
    ExitCode::Ok
}

/// In the order of Postfix's own `chroot_uid()`: groups by the system's files, then the jail, then
/// the user.
fn become_service(args: &KnockArgs) -> Result<(), String> {
    let account = match &args.user {
        None => None,
        Some(name) => match User::from_name(name) {
            Ok(Some(found)) => Some(found),
            Ok(None) => return Err(format!("there is no user {name}")),
            Err(errno) => return Err(format!("looking up user {name}: {errno}")),
        },
    };
    if let Some(account) = &account {
        let name = CString::new(account.name.as_str()).map_err(|error| error.to_string())?;
        initgroups(&name, account.gid).map_err(|errno| format!("initgroups(): {errno}"))?;
        setresgid(account.gid, account.gid, account.gid)
            .map_err(|errno| format!("setgid(): {errno}"))?;
    }
    chdir(&args.directory)
        .map_err(|errno| format!("chdir({}): {errno}", args.directory.display()))?;
    if args.chroot {
        chroot(&args.directory)
            .and_then(|()| chdir("/"))
            .map_err(|errno| format!("chroot({}): {errno}", args.directory.display()))?;
    }
    if let Some(account) = &account {
        setresuid(account.uid, account.uid, account.uid)
            .map_err(|errno| format!("setuid(): {errno}"))?;
    }
    Ok(())
}

fn connect(args: &KnockArgs) -> Knocked {
    let (kind, place) = args
        .endpoint
        .split_once(':')
        .unwrap_or(("unix", &args.endpoint));
    match kind {
        "inet" => connect_inet(args, place),
        _ => match UnixStream::connect(place) {
            Ok(_) => Knocked::Open {
                at: place.to_owned(),
            },
            Err(error) => closed(&error, Vec::new()),
        },
    }
}

/// Postfix tries every address of the host in turn.
fn connect_inet(args: &KnockArgs, place: &str) -> Knocked {
    let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let unresolvable = |cause: String| Knocked::Unresolvable {
        host: host.to_owned(),
        cause,
    };
    let Ok(port) = port.parse::<u16>() else {
        return unresolvable(format!("{port:?} is no port"));
    };
    let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => match (host, port).to_socket_addrs() {
            Ok(found) => found.collect(),
            Err(error) => return unresolvable(error.to_string()),
        },
    };
    let mut tries = Vec::new();
    let mut last = io::Error::from_raw_os_error(libc::EAFNOSUPPORT);
    for address in addresses {
        let spoken = match address {
            SocketAddr::V4(_) => args.ipv4,
            SocketAddr::V6(_) => args.ipv6,
        };
        if !spoken {
            tries.push(format!("{address}: inet_protocols leaves its family out"));
            continue;
        }
        match connect_to(address) {
            Ok(()) => {
                return Knocked::Open {
                    at: address.to_string(),
                };
            }
            Err(error) => {
                tries.push(format!("{address}: {error}"));
                last = error;
            }
        }
    }
    closed(&last, tries)
}

fn connect_to(address: SocketAddr) -> io::Result<()> {
    let address = SockAddr::from(address);
    Socket::new(address.domain(), Type::STREAM, None)?.connect(&address)
}

fn closed(error: &io::Error, tries: Vec<String>) -> Knocked {
    Knocked::Closed {
        errno: error.raw_os_error().unwrap_or(libc::EINVAL),
        tries,
    }
}
