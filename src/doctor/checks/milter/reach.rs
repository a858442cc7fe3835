//! What it means when a service of Postfix does not reach our server's socket: nothing there, shut
//! on the way, nobody behind it, or somebody elsewhere.

use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::{
    access::{Kind, Visitor, Way, opening},
    listening::{Place, Server},
    place::{ListPlace, Site},
    remedy::{Edit, How, Mended},
    wiring::{Caller, Fit, Role, callers, same_file},
};
use crate::codes;
use crate::knock::Knocked;
use dkimd_advice::{Code, Finding, text, text::Text};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::{
    change::quoted_path,
    milters::{Milter, endpoint_of},
};

/// What the judgement looks at besides the knock.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// Postfix's settings.
    pub(super) site: &'a Site<'a>,
    /// Postfix's user with the groups that it has by now.
    pub(super) visitor: Option<Visitor>,
    /// The milters that run.
    pub(super) servers: &'a [Server],
    /// Socket, of the configuration.
    pub(super) socket: Option<&'a SocketSpec>,
    /// The configuration file.
    pub(super) config: &'a Path,
}

/// One place that services of Postfix connect to, and what a knock there came to.
#[derive(Debug)]
pub(super) struct Door<'a> {
    /// Services that connect there, all in the chroot or none.
    pub(super) callers: Vec<&'a Caller<'a>>,
    pub(super) milter: &'a Milter,
    /// Whether the address is our server's, or only seems to be.
    pub(super) fit: Fit,
    pub(super) chroot: bool,
    /// `tempfail`, `accept`, …: what Postfix does without the filter.
    pub(super) default_action: String,
    pub(super) knocked: Knocked,
}

impl Door<'_> {
    fn services(&self) -> String {
        let ids: Vec<_> = self
            .callers
            .iter()
            .map(|caller| caller.service.id())
            .collect();
        ids.join(", ")
    }

    /// Where its Unix socket is, seen from outside of the chroot.
    fn path(&self, queue: &Path) -> Option<PathBuf> {
        self.milter.path_for(self.chroot, queue)
    }

    pub(super) fn fail(&self, code: Code, what: Text) -> Finding {
        let (written, services) = (&self.milter.written, self.services());
        let chroot = if self.chroot { "y" } else { "n" };
        Finding::fail(code, written.clone(), what)
            .evidence(format!("{services}: {written} (chroot: {chroot})"))
            .why(consequence(&self.default_action))
    }

    /// The finding, mended by making Postfix connect to `place`.
    fn connecting_to(&self, mended: Mended, site: &Site<'_>, place: &str) -> Mended {
        let how = || How::Replace(self.milter.written.clone(), self.with_settings(place));
        self.callers.iter().fold(mended, |mended, caller| {
            let list = ListPlace::of(caller, site.postfix);
            mended.with(Edit::List(list, how()))
        })
    }

    /// The filter at another place, with the settings that it has in braces.
    fn with_settings(&self, place: &str) -> String {
        let written = &self.milter.written;
        match written.starts_with('{') {
            true => written.replacen(endpoint_of(written), place, 1),
            false => place.to_owned(),
        }
    }
}

/// What happens to mail while the filter can't be reached.
pub(super) fn consequence(default_action: &str) -> Text {
    match default_action {
        "accept" => {
            text!("Postfix sends all mail unsigned meanwhile (milter_default_action = accept)")
        }
        "reject" | "shutdown" => {
            text!("Postfix refuses all mail meanwhile (milter_default_action = {default_action})")
        }
        "quarantine" => text!(
            "Postfix holds all mail in its queue meanwhile (milter_default_action = quarantine)"
        ),
        _ => text!("Postfix answers 451 4.7.1 Service unavailable to every message meanwhile"),
    }
}

/// Judges one door; `None` where it is open.
pub(super) fn judge(door: &Door<'_>, scene: &Scene<'_>) -> Option<Mended> {
    match &door.knocked {
        Knocked::Open { .. } => somebody_else(door, scene),
        Knocked::NotAsPostfix { .. } => None,
        Knocked::Silent => Some(silent(door).into()),
        Knocked::Unresolvable { host, cause } => Some(unresolvable(door, scene, host, cause)),
        Knocked::Closed { errno, tries } => {
            let mut mended = match (door.path(scene.site.queue()), Errno::from_raw(*errno)) {
                (Some(path), Errno::EACCES | Errno::EPERM) => denied(door, scene, &path).into(),
                (Some(path), Errno::ENOENT | Errno::ENOTDIR) => missing(door, scene, &path),
                (Some(path), errno) => nobody_behind(door, scene, &path, errno),
                (None, errno) => closed_port(door, scene, errno),
            };
            mended.finding.evidence.extend(tries.iter().cloned());
            Some(mended)
        }
    }
}

/// Somebody answers at an address that is not our server's.
fn somebody_else(door: &Door<'_>, scene: &Scene<'_>) -> Option<Mended> {
    let socket = scene.socket.filter(|_| door.fit == Fit::SeemsOurs)?;
    let ours = |place: &Place| match (place, &door.milter.endpoint) {
        (Place::Unix(place), _) => door.path(scene.site.queue()).as_deref() == Some(place),
        (
            Place::Tcp(address),
            Ok(SocketSpec::Inet { port, .. } | SocketSpec::Inet6 { port, .. }),
        ) => address.port() == *port,
        (Place::Tcp(_), _) => false,
    };
    // A server that was started with another socket than its file has is still ours.
    let running = scene
        .servers
        .iter()
        .flat_map(|server| &server.places)
        .any(ours);
    (!running).then(|| set_up_elsewhere(door, scene, socket))
}

fn silent(door: &Door<'_>) -> Finding {
    let place = &door.milter.written;
    door.fail(
        codes::MILTER_TIMEOUT,
        text!("nobody answers at {place}: Postfix waits there in vain"),
    )
    .advice(text!(
        "see whether a firewall drops the packets (nft list ruleset), and whether the server hangs"
    ))
    .command("systemctl restart opendkim")
}

fn unresolvable(door: &Door<'_>, scene: &Scene<'_>, host: &str, cause: &str) -> Mended {
    let what = match door.chroot {
        true => text!("Postfix's chrooted service does not find the address of {host}"),
        false => text!("Postfix does not find the address of {host}"),
    };
    let finding = door
        .fail(codes::MILTER_HOST_UNRESOLVABLE, what)
        .evidence(format!("{host}: {cause}"));
    match (host, &door.milter.endpoint) {
        ("localhost", Ok(SocketSpec::Inet { port, .. } | SocketSpec::Inet6 { port, .. })) => door
            .connecting_to(
                finding.into(),
                scene.site,
                &format!("inet:127.0.0.1:{port}"),
            ),
        _ => Mended::from(finding.advice(text!("write the address instead of the name"))),
    }
}

/// EACCES: some part of the path is shut.
fn denied(door: &Door<'_>, scene: &Scene<'_>, path: &Path) -> Finding {
    let root = root_of(door, scene);
    let way = Way::to(path, root);
    let barrier = scene
        .visitor
        .as_ref()
        .and_then(|visitor| Some((visitor, way.barrier(visitor)?)));
    let Some((visitor, barrier)) = barrier else {
        let shown = path.display();
        return door
            .fail(
                codes::MILTER_SOCKET_DENIED,
                text!("Postfix may not connect to {shown}, though its permissions allow it"),
            )
            .evidence(way.steps.last().map_or_else(String::new, |step| step.shown()))
            .advice(text!("see what AppArmor, SELinux or an access list forbids: journalctl -k | grep -i denied; getfacl {shown}"));
    };
    let (name, at) = (&visitor.name, barrier.path.display());
    let what = match barrier.kind {
        Kind::Directory => text!("user {name} may not enter {at}, where the milter's socket is"),
        _ => text!("user {name} may not write to the milter's socket {at}"),
    };
    let mut finding = door
        .fail(codes::MILTER_SOCKET_DENIED, what)
        .evidence(barrier.shown());
    if barrier.kind != Kind::Directory && !barrier.opens_to_group() {
        // Or the next start makes it shut again.
        let file = scene.config.display().to_string();
        finding = finding.setting(file, "UMask 007");
    }
    for command in opening(barrier, visitor) {
        finding = finding.command(command);
    }
    finding
}

/// ENOENT: nothing at the path, as the service sees it.
fn missing(door: &Door<'_>, scene: &Scene<'_>, path: &Path) -> Mended {
    let other_side = door
        .milter
        .path_for(!door.chroot, scene.site.queue())
        .filter(|other| other != path && is_socket(other));
    if let Some(outside) = other_side {
        return across_the_chroot(door, scene, path, &outside);
    }
    if let Some(place) = elsewhere(scene, |place| *place != Place::Unix(path.to_owned())) {
        return listens_elsewhere(door, scene, &place);
    }
    let shown = path.display();
    match scene.socket {
        Some(SocketSpec::Unix(socket)) if same_file(socket, path) => {
            not_running(door, codes::MILTER_NOT_LISTENING, path).into()
        }
        Some(socket) => match across_when_it_runs(door, scene, path, socket) {
            Some(mended) => mended,
            None => set_up_elsewhere(door, scene, socket),
        },
        None => {
            let part = Way::to(path, Path::new("/")).missing;
            let part = part.unwrap_or_else(|| path.to_owned());
            let part = part.display();
            door.fail(
                codes::MILTER_SOCKET_MISSING,
                text!("there is no socket at {shown}: {part} does not exist"),
            )
            .command("systemctl restart opendkim")
            .into()
        }
    }
}

/// The path is right on the one side of the chroot, and Postfix is on the other.
fn across_the_chroot(door: &Door<'_>, scene: &Scene<'_>, path: &Path, outside: &Path) -> Mended {
    let (services, queue) = (door.services(), scene.site.queue().display());
    let (inside, outside_shown) = (path.display(), outside.display());
    let what = match door.chroot {
        true => text!(
            "{services} sees nothing but {queue} (chroot), so it looks for the socket at {inside}; the server's is {outside_shown}"
        ),
        false => text!(
            "{services} is not in the chroot, so it looks for the socket at {inside}; the server's is {outside_shown}"
        ),
    };
    let finding = door.fail(codes::MILTER_CHROOT, what);
    leading_to(door, scene, finding, &SocketSpec::Unix(outside.to_owned()))
}

/// The same of a server that does not run: its configuration names the path that is right on the other
/// side of the chroot.
fn across_when_it_runs(
    door: &Door<'_>,
    scene: &Scene<'_>,
    path: &Path,
    socket: &SocketSpec,
) -> Option<Mended> {
    let outside = door.milter.path_for(!door.chroot, scene.site.queue())?;
    if !matches!(socket, SocketSpec::Unix(own) if same_file(own, &outside)) {
        return None;
    }
    let config = scene.config.display();
    let mut mended = across_the_chroot(door, scene, path, &outside);
    let line = format!("{config}: Socket {socket}");
    mended.finding.evidence.push(line);
    mended.then.push("systemctl start opendkim".to_owned());
    Some(mended)
}

/// The remedy that leads Postfix to a socket, or the socket to where Postfix can see it.
fn leading_to(door: &Door<'_>, scene: &Scene<'_>, finding: Finding, socket: &SocketSpec) -> Mended {
    let site = scene.site.after(scene.site.postfix, Some(socket));
    // Others may read the same list from the other side of the chroot.
    let place = |caller: &Caller<'_>| ListPlace::of(caller, site.postfix);
    let places: Vec<_> = door.callers.iter().map(|caller| place(caller)).collect();
    let chroot = callers(site.postfix)
        .iter()
        .any(|caller| caller.service.chroot && places.contains(&place(caller)));
    match (site.address(chroot), socket) {
        (Some(address), _) => Mended {
            socket: Some(socket.clone()),
            ..door.connecting_to(finding.into(), &site, &address)
        },
        (None, SocketSpec::Unix(_)) => {
            let (mended, address) = Mended::moved_into_queue(&site, finding);
            door.connecting_to(mended, &site, &address)
        }
        (None, _) => finding.into(),
    }
}

/// The server runs, and listens at another place than Postfix connects to.
fn listens_elsewhere(door: &Door<'_>, scene: &Scene<'_>, place: &Place) -> Mended {
    let (written, found) = (&door.milter.written, place.for_postfix());
    let finding = door.fail(
        codes::MILTER_SOCKET_DIFFERS,
        text!("Postfix connects to {written}, but the server listens at {found}"),
    );
    let finding = scene.servers.iter().fold(finding, |finding, server| {
        finding.evidence(format!(
            "{}[{}] listens at {found}",
            server.name, server.pid
        ))
    });
    leading_to(door, scene, finding, &place.socket())
}

/// No server runs; its configuration names another place than Postfix.
fn set_up_elsewhere(door: &Door<'_>, scene: &Scene<'_>, socket: &SocketSpec) -> Mended {
    let (written, config) = (&door.milter.written, scene.config.display());
    let finding = door
        .fail(
            codes::MILTER_SOCKET_DIFFERS,
            text!("Postfix connects to {written}, but {config} has Socket {socket}"),
        )
        .evidence(format!("{config}: Socket {socket}"));
    let mut mended = leading_to(door, scene, finding, socket);
    mended.then.push("systemctl start opendkim".to_owned());
    mended
}

fn not_running(door: &Door<'_>, code: Code, at: &Path) -> Finding {
    let at = at.display();
    door.fail(
        code,
        text!("the server does not run: nobody listens at {at}"),
    )
    .command("systemctl start opendkim")
    .command("journalctl -u opendkim -n 20")
}

/// There is something at the path, but it does not answer.
fn nobody_behind(door: &Door<'_>, scene: &Scene<'_>, path: &Path, errno: Errno) -> Mended {
    let shown = path.display();
    if errno != Errno::ECONNREFUSED || !is_socket(path) {
        return door
            .fail(codes::MILTER_SOCKET_MISSING, text!("{shown} is no socket"))
            .evidence(format!("connect: {}", errno.desc()))
            .command(format!("rm {}", quoted_path(&path.to_string_lossy())))
            .command("systemctl restart opendkim")
            .into();
    }
    let mut mended = match elsewhere(scene, |place| *place != Place::Unix(path.to_owned())) {
        Some(place) => listens_elsewhere(door, scene, &place),
        None => not_running(door, codes::MILTER_NOT_LISTENING, path).into(),
    };
    let cause = format!("{shown}: {}", errno.desc());
    mended.finding.evidence.push(cause);
    mended
}

/// The port is shut, or can't be reached.
fn closed_port(door: &Door<'_>, scene: &Scene<'_>, errno: Errno) -> Mended {
    if errno == Errno::EACCES || errno == Errno::EPERM {
        return door
            .fail(
                codes::MILTER_SOCKET_DENIED,
                text!("the system forbids Postfix to connect to the milter's port"),
            )
            .advice(text!("see what the firewall or SELinux forbids: nft list ruleset; semanage port -l | grep milter"))
            .into();
    }
    if let Some(place) = elsewhere(scene, |_| true) {
        return listens_elsewhere(door, scene, &place);
    }
    let written = &door.milter.written;
    if let Some(socket) = scene
        .socket
        .filter(|socket| !names_same_port(socket, door.milter))
    {
        return set_up_elsewhere(door, scene, socket);
    }
    not_running(door, codes::MILTER_NOT_LISTENING, Path::new(written))
        .evidence(format!("connect: {}", errno.desc()))
        .into()
}

fn names_same_port(socket: &SocketSpec, milter: &Milter) -> bool {
    use SocketSpec::{Inet, Inet6};
    match (socket, &milter.endpoint) {
        (
            Inet { port, .. } | Inet6 { port, .. },
            Ok(Inet { port: other, .. } | Inet6 { port: other, .. }),
        ) => port == other,
        _ => false,
    }
}

/// A place where a running server listens, other than what has been tried.
fn elsewhere(scene: &Scene<'_>, untried: impl Fn(&Place) -> bool) -> Option<Place> {
    scene
        .servers
        .iter()
        .flat_map(|server| &server.places)
        .find(|place| untried(place))
        .cloned()
}

fn is_socket(path: &Path) -> bool {
    Way::to(path, Path::new("/"))
        .end()
        .is_some_and(|end| end.kind == Kind::Socket)
}

/// What a service sees as the root of all paths.
fn root_of<'a>(door: &Door<'_>, scene: &Scene<'a>) -> &'a Path {
    match door.chroot {
        true => scene.site.queue(),
        false => Path::new("/"),
    }
}

/// Whether a caller's mail is what the server signs, so that it must reach it.
pub(super) fn matters(caller: &Caller<'_>) -> bool {
    caller.role != Role::Reinjection
}

#[cfg(test)]
mod tests;
