//! Where the milter that runs on this host really listens, as the kernel tells.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::{ffi::OsStringExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::wiring::same_file;
use crate::host::ReadCommandLine;
use dkimd_milter::socket::SocketSpec;
use dkimd_server::config::DEFAULT_FILE;

/// Names that the server's process goes by.
const PROCESS_NAMES: [&str; 2] = ["opendkim", "dkimd"];
/// What tells a container from this host, and its network from this host's, in `/proc/PID/ns`.
const NAMESPACES: [&str; 2] = ["pid", "net"];
/// `__SO_ACCEPTCON` in the flags of `/proc/net/unix`.
const UNIX_LISTENS: u32 = 1 << 16;
/// `TCP_LISTEN` in `/proc/net/tcp`.
const TCP_LISTENS: &str = "0A";

/// A place where a process listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Place {
    /// As Postfix writes it, seen from outside of its chroot.
    pub(super) fn for_postfix(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix:{}", path.display()),
            Self::Tcp(address) if address.ip().is_unspecified() => match address {
                SocketAddr::V4(v4) => format!("inet:127.0.0.1:{}", v4.port()),
                SocketAddr::V6(v6) => format!("inet:[::1]:{}", v6.port()),
            },
            Self::Tcp(address) => format!("inet:{address}"),
        }
    }

    /// As our server's configuration would have it.
    pub(super) fn socket(&self) -> SocketSpec {
        let host = |ip: IpAddr| (!ip.is_unspecified()).then(|| ip.to_string());
        match self {
            Self::Unix(path) => SocketSpec::Unix(path.clone()),
            Self::Tcp(SocketAddr::V4(v4)) => SocketSpec::Inet {
                host: host((*v4.ip()).into()),
                port: v4.port(),
            },
            Self::Tcp(SocketAddr::V6(v6)) => SocketSpec::Inet6 {
                host: host((*v6.ip()).into()),
                port: v6.port(),
            },
        }
    }

    /// Whether it is where a configuration says.
    pub(super) fn is(&self, socket: &SocketSpec) -> bool {
        use SocketSpec::{Inet, Inet6, Unix};
        match (self, socket) {
            (Self::Unix(path), Unix(other)) => same_file(path, other),
            (Self::Tcp(address), Inet { port, .. } | Inet6 { port, .. }) => address.port() == *port,
            _ => false,
        }
    }
}

/// A milter that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) pid: u32,
    pub(super) name: String,
    pub(super) places: Vec<Place>,
}

/// Those of our servers that run with the configuration file `config`, on this host: not a second
/// instance, nor one in a container. Those of other users only root sees through.
pub(super) fn servers(config: &Path, command_line: ReadCommandLine) -> Vec<Server> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| server(pid, config, command_line))
        .collect()
}

fn server(pid: u32, config: &Path, command_line: ReadCommandLine) -> Option<Server> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let name = fs::read_to_string(directory.join("comm")).ok()?;
    let name = name.trim().to_owned();
    if !PROCESS_NAMES.contains(&name.as_str()) {
        return None;
    }
    let arguments = fs::read(directory.join("cmdline")).ok()?;
    let root = directory.join("root");
    if !is_here(&directory) || !runs_with(command_line(words(&arguments))?, &root, config) {
        return None;
    }
    let held = held_sockets(&directory);
    let table =
        |name: &str| fs::read_to_string(directory.join("net").join(name)).unwrap_or_default();
    let mut places = unix_places(&table("unix"), &held);
    places.extend(tcp_places(&table("tcp"), &held));
    places.extend(tcp_places(&table("tcp6"), &held));
    // A supervising parent holds no socket and adds nothing.
    (!places.is_empty()).then_some(Server { pid, name, places })
}

/// Whether a process belongs to this host, not to a container, and sees its network. Where that can't be
/// told it is taken for so: its sockets can't be seen then either. The namespace of its mounts tells
/// nothing, since a service of systemd has one of its own as soon as it is confined.
fn is_here(directory: &Path) -> bool {
    NAMESPACES.iter().all(|name| {
        let of = |process: &Path| fs::read_link(process.join("ns").join(name)).ok();
        match (of(directory), of(Path::new("/proc/self"))) {
            (Some(its), Some(ours)) => its == ours,
            _ => true,
        }
    })
}

/// The words of a command line as `/proc` has it.
fn words(command_line: &[u8]) -> Vec<OsString> {
    let words = command_line.split(|octet| *octet == 0);
    words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect()
}

/// Whether a server that was started with `file` goes by `config`: the same file, as the process with the
/// root directory `root` sees its files. The usual one counts where none is named.
fn runs_with(file: Option<PathBuf>, root: &Path, config: &Path) -> bool {
    let file = file.unwrap_or_else(|| DEFAULT_FILE.into());
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    let seen = root.join(file.strip_prefix("/").unwrap_or(&file));
    match (identity(&seen), identity(config)) {
        (Ok(its), Ok(ours)) if file.is_absolute() => its == ours,
        _ => same_file(&file, config),
    }
}

/// The inodes of the sockets that a process holds.
fn held_sockets(directory: &Path) -> HashSet<u64> {
    let Ok(descriptors) = fs::read_dir(directory.join("fd")) else {
        return HashSet::new();
    };
    descriptors
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            let target = target.to_str()?;
            let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect()
}

fn unix_places(table: &str, held: &HashSet<u64>) -> Vec<Place> {
    let place = |line: &str| {
        // Num RefCount Protocol Flags Type St Inode Path
        let mut words = line.split_ascii_whitespace();
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        let inode = words.nth(2)?.parse().ok()?;
        let path = words.next()?;
        let wanted = flags & UNIX_LISTENS != 0 && held.contains(&inode);
        (wanted && path.starts_with('/')).then(|| Place::Unix(path.into()))
    };
    table.lines().skip(1).filter_map(place).collect()
}

fn tcp_places(table: &str, held: &HashSet<u64>) -> Vec<Place> {
    let place = |line: &str| {
        // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let inode = words.get(9)?.parse().ok()?;
        if *words.get(3)? != TCP_LISTENS || !held.contains(&inode) {
            return None;
        }
        let (address, port) = words.get(1)?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        Some(Place::Tcp(SocketAddr::new(address_of(address)?, port)))
    };
    table.lines().skip(1).filter_map(place).collect()
}

/// The kernel prints each 32-bit word of an address in the machine's own order.
fn address_of(hexadecimal: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hexadecimal.get(at..at + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match hexadecimal.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut octets = [0; 16];
            for (number, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(number * 8)?);
            }
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn listening_sockets_of_a_process_are_found_in_the_kernels_tables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let this = Path::new("/proc/self");
        let held = held_sockets(this);
        let table = |name: &str| fs::read_to_string(this.join("net").join(name)).unwrap();
        let mut places = unix_places(&table("unix"), &held);
        places.extend(tcp_places(&table("tcp"), &held));
        assert!(places.contains(&Place::Unix(path)), "{places:?}");
        assert!(places.contains(&Place::Tcp(tcp.local_addr().unwrap())));
        assert!(unix.as_raw_fd() > 0);
        assert!(unix_places(&table("unix"), &HashSet::new()).is_empty());
    }

    #[test]
    fn only_a_server_with_the_same_file_is_ours() {
        let host = tempfile::tempdir().unwrap();
        let container = tempfile::tempdir().unwrap();
        let file = |root: &Path, name: &str| root.join("etc").join(name);
        for root in [host.path(), container.path()] {
            fs::create_dir(root.join("etc")).unwrap();
            for name in ["opendkim.conf", "two.conf"] {
                fs::write(file(root, name), "").unwrap();
            }
        }
        let ours = |named: Option<&str>, root: &Path, name: &str| {
            runs_with(named.map(PathBuf::from), root, &file(host.path(), name))
        };
        for (named, usual, other) in [
            (Some("/etc/opendkim.conf"), true, false),
            (Some("/etc/two.conf"), false, true),
            (None, true, false),
        ] {
            let root = host.path();
            assert_eq!(ours(named, root, "opendkim.conf"), usual, "{named:?}");
            assert_eq!(ours(named, root, "two.conf"), other, "{named:?}");
            assert!(!ours(named, container.path(), "opendkim.conf"), "{named:?}");
        }
        let nowhere = host.path().join("nowhere");
        assert!(runs_with(None, &nowhere, Path::new(DEFAULT_FILE)));
        assert!(!runs_with(None, &nowhere, Path::new("/x.conf")));
        assert_eq!(words(b"opendkim\0-x\0/x\0"), ["opendkim", "-x", "/x", ""]);
        assert!(is_here(Path::new("/proc/self")));
    }

    #[test]
    fn ipv6_addresses_are_read_word_by_word() {
        let loopback = "00000000000000000000000001000000";
        assert_eq!(address_of(loopback), Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(address_of("0100007F"), Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(address_of("01"), None);
    }

    #[test]
    fn a_place_is_written_as_postfix_reads_it() {
        let tcp = |text: &str| Place::Tcp(text.parse().unwrap()).for_postfix();
        assert_eq!(tcp("0.0.0.0:8891"), "inet:127.0.0.1:8891");
        assert_eq!(tcp("[::1]:8891"), "inet:[::1]:8891");
        assert_eq!(Place::Unix("/x".into()).for_postfix(), "unix:/x");
    }
}
