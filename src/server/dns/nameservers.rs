//! Which name servers are asked: the Nameservers option, or those of `/etc/resolv.conf`.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Where the system keeps its name servers.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The DNS port.
const PORT: u16 = 53;
/// Name servers taken from `resolv.conf`, as the C library does.
const MAX_SYSTEM_SERVERS: usize = 3;

/// Where name servers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameServers {
    /// These, from the Nameservers option.
    Listed(Vec<SocketAddr>),
    /// Those of a `resolv.conf`, read again when it changes.
    System(PathBuf),
}

impl Default for NameServers {
    fn default() -> Self {
        Self::System(PathBuf::from(RESOLV_CONF))
    }
}

/// Reads an entry of Nameservers: `address` or `address@port`, the address with or without brackets.
pub fn parse_address(entry: &str) -> Option<SocketAddr> {
    let (address, port) = match entry.split_once('@') {
        Some((address, port)) => (address, port.parse().ok().filter(|&port| port != 0)?),
        None => (entry, PORT),
    };
    let address = address
        .strip_prefix('[')
        .and_then(|address| address.strip_suffix(']'))
        .unwrap_or(address);
    Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, port))
}

/// The name servers in the text of a `resolv.conf`; this host if it names none, as the C library
/// does.
pub(super) fn system_servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let mut servers: Vec<_> = resolv_conf
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next())?
        })
        .filter_map(|address| address.parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, PORT))
        .take(MAX_SYSTEM_SERVERS)
        .collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
    }
    servers
}

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileState(Option<(SystemTime, u64)>);

impl FileState {
    /// The state of a file now; one state stands for all files that can't be looked at.
    pub(super) fn of(path: &Path) -> Self {
        Self(
            fs::metadata(path)
                .and_then(|data| Ok((data.modified()?, data.len())))
                .ok(),
        )
    }
}

/// The servers named by the file at `path`, or this host if it can't be read.
pub fn read_system_servers(path: &Path) -> Vec<SocketAddr> {
    let text = fs::read(path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Ok(Vec::new()),
        _ => Err(error),
    });
    system_servers(&String::from_utf8_lossy(&text.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn nameservers_take_ports_after_an_at_sign() {
        for (entry, address) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.2@5353", "192.0.2.2:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::2]@54", "[2001:db8::2]:54"),
        ] {
            assert_eq!(parse_address(entry), address.parse().ok(), "{entry}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "ns.example.com",
            "192.0.2.1@",
            "192.0.2.1@0",
            "192.0.2.1@65536",
            "[192.0.2.1",
            "",
        ] {
            assert_eq!(parse_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn resolv_conf_is_read_as_the_c_library_reads_it() {
        let text = "# nameserver 192.0.2.9\nsearch example.com\nnameserver\t192.0.2.1 # first\n\
                    nameserver fe80::1%eth0\nnameserver bad\nnameserver 2001:db8::1\n\
                    nameserver 192.0.2.3\nnameserver 192.0.2.4\noptions edns0\n";
        assert_eq!(
            system_servers(text),
            addresses(&["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:53"])
        );
        assert_eq!(system_servers("domain x\n"), addresses(&["127.0.0.1:53"]));
        assert_eq!(
            read_system_servers(Path::new("/nonexistent/resolv.conf")),
            addresses(&["127.0.0.1:53"])
        );
    }
}
