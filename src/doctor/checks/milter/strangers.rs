//! Who may connect to the server over TCP: everybody who reaches it, or so few that Postfix is not
//! among them.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::{
    listening::{Place, Server},
    reach::{Door, Scene},
    wiring::{Caller, ours},
};
use crate::codes;
use crate::knock::Knocked;
use dkimd_advice::{Finding, text};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::Postfix;
use dkimd_server::{config::snapshot::Snapshot, dataset::DataSetKind};

/// What connects from this host itself.
const THIS_HOST: [&str; 2] = ["127.0.0.1", "::1"];

/// Where the server can be reached from other machines: as it runs, else as it is set up. Looks names
/// up.
pub(super) fn open_places(servers: &[Server], socket: Option<&SocketSpec>) -> Vec<String> {
    let running: Vec<_> = servers
        .iter()
        .flat_map(|server| &server.places)
        .filter_map(|place| match place {
            Place::Tcp(address) if !address.ip().to_canonical().is_loopback() => {
                Some(address.to_string())
            }
            Place::Tcp(_) | Place::Unix(_) => None,
        })
        .collect();
    if !servers.is_empty() {
        return running;
    }
    let open = |socket: &&SocketSpec| socket.reaches_beyond_this_host();
    socket
        .filter(open)
        .map(ToString::to_string)
        .into_iter()
        .collect()
}

/// The addresses from which this host's Postfix connects to the server. Looks names up.
pub(super) fn postfix_addresses(
    postfix: &Postfix,
    callers: &[Caller<'_>],
    socket: Option<&SocketSpec>,
) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for caller in callers {
        let milter = ours(caller.used(), postfix.queue_directory(), socket);
        let Some(Ok(SocketSpec::Inet { host, port } | SocketSpec::Inet6 { host, port })) =
            milter.map(|(milter, _)| &milter.endpoint)
        else {
            continue;
        };
        let addresses = host
            .as_deref()
            .and_then(|host| (host, *port).to_socket_addrs().ok());
        // Who connects to an address of his own host does so from that address.
        found.extend(addresses.into_iter().flatten().map(|address| address.ip()));
    }
    found.retain(|address| !address.is_loopback());
    found.sort_unstable();
    found.dedup();
    found
}

/// Judges who may connect, where others than this host can.
pub(super) fn judge(
    places: &[String],
    postfix_at: &[IpAddr],
    server: &Snapshot,
    config: &str,
) -> Option<Finding> {
    let first = places.first().filter(|_| server.milter_peers.is_none())?;
    let peers = THIS_HOST.map(str::to_owned).into_iter();
    let peers = peers.chain(postfix_at.iter().map(ToString::to_string));
    let finding = Finding::warn(
        codes::MILTER_SERVES_EVERYBODY,
        first.clone(),
        text!("whoever reaches {first} can have any mail signed: dkimd serves every address that connects there"),
    )
    .why(text!("the milter protocol knows no password; a stranger only has to say that a message comes from 127.0.0.1"))
    .setting(config, format!("MilterPeers {}", peers.collect::<Vec<_>>().join(", ")))
    .command("systemctl reload opendkim");
    Some(places.iter().fold(finding, |finding, place| {
        finding.evidence(format!("listens at {place}; no MilterPeers in {config}"))
    }))
}

/// Postfix reaches the server, which closes the connection because of its address.
pub(super) fn shut_out(door: &Door<'_>, scene: &Scene<'_>, server: &Snapshot) -> Option<Finding> {
    let Knocked::Open { at } = &door.knocked else {
        return None;
    };
    let address = at.parse::<SocketAddr>().ok()?.ip().to_canonical();
    let peers = server.milter_peers.as_ref();
    if peers.is_none_or(|peers| peers.admits(address)) {
        return None;
    }
    let settings = &server.settings.process;
    let (file, line) = match settings.milter_peers.as_ref().map(|spec| &spec.kind) {
        Some(DataSetKind::File(path) | DataSetKind::Refile(path)) => {
            (settings.resolve(path), address.to_string())
        }
        Some(DataSetKind::Csl(list)) => (
            scene.config.to_owned(),
            format!("MilterPeers {list}, {address}"),
        ),
        Some(DataSetKind::Unsupported(_)) | None => return None,
    };
    let finding = door.fail(
        codes::MILTER_PEER_SHUT_OUT,
        text!("Postfix connects to {at} from {address}, and MilterPeers does not list that address: dkimd closes the connection"),
    );
    let finding = finding.setting(file.display().to_string(), line);
    Some(finding.command("systemctl reload opendkim"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Fix;

    fn server(name: &str, places: &[&str]) -> Server {
        Server {
            pid: 1,
            name: name.to_owned(),
            places: places
                .iter()
                .map(|place| Place::Tcp(place.parse().unwrap()))
                .collect(),
        }
    }

    #[test]
    fn where_it_runs_counts_before_where_it_is_set_up() {
        let everywhere = SocketSpec::parse("inet:8891").unwrap();
        let here = server("dkimd", &["127.0.0.1:8891", "[::1]:8891"]);
        assert!(open_places(&[here], Some(&everywhere)).is_empty());
        let there = server("opendkim", &["127.0.0.1:8891", "[::]:8891"]);
        assert_eq!(open_places(&[there], None), ["[::]:8891"]);
        assert_eq!(open_places(&[], Some(&everywhere)), ["inet:8891"]);
        let local = SocketSpec::parse("inet:8891@localhost").unwrap();
        assert!(open_places(&[], Some(&local)).is_empty());
    }

    #[test]
    fn the_remedy_lists_this_host_and_the_address_that_postfix_connects_from() {
        let (snapshot, _) = Snapshot::load(None, &Default::default());
        let places = ["0.0.0.0:8891".to_owned()];
        let postfix_at = ["192.0.2.7".parse().unwrap()];
        let finding = judge(
            &places,
            &postfix_at,
            &snapshot.unwrap(),
            "/etc/opendkim.conf",
        )
        .unwrap();
        let Fix::Setting { line, .. } = &finding.fix[0] else {
            panic!("{finding:?}");
        };
        assert_eq!(line, "MilterPeers 127.0.0.1, ::1, 192.0.2.7");
    }
}
