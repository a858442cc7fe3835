//! The socket between Postfix and the daemon: where it is, and who may reach it.

use std::path::{Path, PathBuf};

use nix::unistd::User;

use super::{
    change::{Change, is_member},
    config_file,
    draft::{Draft, Words},
    refusal::Refusal,
    situation::{IN_QUEUE, Situation, WITHOUT_POSTFIX},
};
use dkimd_advice::text;
use dkimd_hand::{Attributes, Kind, Place, PlaceError, resolved};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::Postfix;
use dkimd_server::keys::accounts::{group_name, user_name};

/// Takes every permission from others and none from the group.
const UMASK: &str = "007";
/// The group's right to write, which is the right to connect.
const GROUP_WRITE: u32 = 0o020;
/// Set-group-ID: what is made in the directory belongs to the directory's group.
const SET_GROUP_ID: u32 = 0o2000;
/// The daemon may do everything, Postfix's group may look for the socket.
const DIRECTORY_MODE: u32 = 0o2750;
/// Directories of Postfix's and of the system's whose owner and mode are not ours to change.
const OF_OTHERS: [&str; 8] = [
    "/run", "/var/run", "/tmp", "/var/tmp", "private", "public", "pid", "",
];

/// Where the daemon listens once the plan is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As `opendkim.conf` says it.
    pub socket: SocketSpec,
    /// As Postfix says it, `unix:opendkim/opendkim.sock`.
    pub for_postfix: String,
    /// Whether the daemon must be restarted to listen there.
    pub restart: bool,
}

/// Plans the socket.
///
/// # Errors
/// When the present Socket can't be understood or its files can't be read.
pub fn plan(situation: &Situation, draft: &mut Draft) -> Result<Endpoint, Refusal> {
    let Some(postfix) = &situation.postfix else {
        return without_postfix(situation);
    };
    let process = &situation.configuration.settings().process;
    let chrooted = talks_to_milters(postfix).any(|service| service.chroot);
    let queue = resolved(postfix.queue_directory());
    let (socket, moved) = match &process.socket {
        Some(SocketSpec::Unix(path)) => {
            let path = Place::find(path)?.path().to_owned();
            match chrooted && !path.starts_with(&queue) {
                true => (SocketSpec::Unix(queue.join(IN_QUEUE)), true),
                false => (SocketSpec::Unix(path), false),
            }
        }
        Some(SocketSpec::Inherited(_)) => {
            return Err(Refusal::new(text!(
                "Socket names a descriptor that the service manager hands over, so setup can't \
                 tell where Postfix is to connect. Write the path into Socket, or use \
                 --without-postfix and set smtpd_milters yourself."
            )));
        }
        Some(other) => (other.clone(), false),
        None => (SocketSpec::Unix(queue.join(IN_QUEUE)), true),
    };
    let mut restart = moved;
    if let SocketSpec::Unix(path) = &socket {
        directory(situation, draft, postfix, path)?;
        restart |= open_to_group(situation, draft)?;
    }
    if moved {
        move_socket(situation, draft, &socket)?;
    }
    Ok(Endpoint {
        for_postfix: for_postfix(&socket, &queue),
        socket,
        restart,
    })
}

/// The services of Postfix that connect to milters.
pub fn talks_to_milters(postfix: &Postfix) -> impl Iterator<Item = &dkimd_postfix::Service> {
    let daemons = ["smtpd", "cleanup", "qmqpd"];
    postfix
        .services
        .iter()
        .filter(move |service| daemons.contains(&service.command.as_str()))
}

fn without_postfix(situation: &Situation) -> Result<Endpoint, Refusal> {
    let socket = situation.configuration.settings().process.socket.clone();
    let socket = socket.unwrap_or_else(|| SocketSpec::Unix(WITHOUT_POSTFIX.into()));
    Ok(Endpoint {
        for_postfix: for_postfix(&socket, Path::new("/")),
        socket,
        restart: false,
    })
}

fn move_socket(
    situation: &Situation,
    draft: &mut Draft,
    socket: &SocketSpec,
) -> Result<(), Refusal> {
    let configuration = &situation.configuration;
    let words = match &configuration.settings().process.socket {
        Some(old) => text!("Put the socket into Postfix's queue directory; so far it is {old}"),
        None => text!("Put the socket into Postfix's queue directory"),
    };
    let why =
        text!("Postfix's services run in a chroot and see nothing outside of that directory.");
    let options = [("Socket", socket.to_string())];
    config_file::set(
        draft,
        &configuration.file,
        &configuration.written,
        &options,
        &Words::shared(words, why),
    )?;
    Ok(())
}

/// UMask must leave the group its right to connect. Says whether it changes.
fn open_to_group(situation: &Situation, draft: &mut Draft) -> Result<bool, Refusal> {
    let configuration = &situation.configuration;
    let umask = configuration.settings().process.umask;
    if umask.is_some_and(|mask| mask & GROUP_WRITE == 0) {
        return Ok(false);
    }
    let words = Words::shared(
        text!("Let the socket's group connect, and nobody else"),
        text!("With the usual umask only the daemon itself could connect to its socket."),
    );
    config_file::set(
        draft,
        &configuration.file,
        &configuration.written,
        &[("UMask", UMASK.to_owned())],
        &words,
    )?;
    Ok(true)
}

/// Sees to it that the daemon may make the socket and Postfix may reach it.
fn directory(
    situation: &Situation,
    draft: &mut Draft,
    postfix: &Postfix,
    socket: &Path,
) -> Result<(), PlaceError> {
    let daemon = &situation.daemon;
    let owner = match postfix.main.value("mail_owner") {
        "" => "postfix",
        owner => owner,
    };
    let Ok(Some(mail_owner)) = User::from_name(owner) else {
        return Ok(());
    };
    let mail_group = mail_owner.gid.as_raw();
    let Some(path) = socket.parent().map(Path::to_owned) else {
        return Ok(());
    };
    let place = Place::find(&path)?;
    let Some(found) = place.look()? else {
        if !path.starts_with("/run") && !path.starts_with("/var/run") {
            make(draft, path, daemon.uid, mail_group, owner)?;
        }
        return Ok(());
    };
    let present = found.attributes;
    if found.kind != Kind::Directory {
        return Err(PlaceError::Other {
            path,
            kind: found.kind,
            owner: user_name(present.owner),
        });
    }
    let daemon_may_write = daemon.uid == 0
        || (present.owner == daemon.uid && present.mode & 0o300 == 0o300)
        || (present.group == daemon.gid && present.mode & 0o030 == 0o030)
        || present.mode & 0o003 == 0o003;
    let socket_group = match present.mode & SET_GROUP_ID {
        0 => daemon.gid,
        _ => present.group,
    };
    let belongs = |group: u32| group == mail_group || is_member(owner, &group_name(group));
    let may_enter = |with: u32| {
        present.mode & 0o001 != 0
            || (present.mode & 0o010 != 0 && (belongs(present.group) || present.group == with))
    };
    let may_enter_as_is = may_enter(mail_group);
    if daemon_may_write && may_enter_as_is && belongs(socket_group) {
        return Ok(());
    }
    // The guides' way is kept where it was begun: the directory belongs to the daemon's group.
    if daemon_may_write && may_enter(daemon.gid) && socket_group == daemon.gid {
        join(draft, owner, &daemon.group)?;
    } else if !of_others(&path, postfix) {
        attributes(draft, path, present, daemon.uid, mail_group, owner)?;
    }
    Ok(())
}

fn of_others(path: &Path, postfix: &Postfix) -> bool {
    let queue = resolved(postfix.queue_directory());
    OF_OTHERS
        .iter()
        .any(|other| *path == queue.join(other) || (!other.is_empty() && path == Path::new(other)))
}

fn make(
    draft: &mut Draft,
    path: PathBuf,
    uid: u32,
    gid: u32,
    mail_owner: &str,
) -> Result<(), PlaceError> {
    let attributes = Attributes {
        owner: uid,
        group: gid,
        mode: DIRECTORY_MODE,
    };
    let words = Words::shared(
        text!("Make the directory of the socket"),
        text!(
            "What is made in it belongs to the group of user {mail_owner}, so Postfix may connect \
             and nobody has to join a group."
        ),
    )
    .by(format!("install -d {attributes} {}", path.display()));
    draft.change(words, Change::Directory { path, attributes })
}

fn attributes(
    draft: &mut Draft,
    path: PathBuf,
    before: Attributes,
    uid: u32,
    gid: u32,
    mail_owner: &str,
) -> Result<(), PlaceError> {
    let after = Attributes {
        owner: uid,
        group: gid,
        mode: DIRECTORY_MODE,
    };
    let (shown, owner, group) = (path.display(), user_name(uid), group_name(gid));
    let words = Words::shared(
        text!("Give the socket's directory {shown} its owner and mode"),
        text!(
            "As it is ({before}), either the daemon can't make its socket there or user \
             {mail_owner} can't reach it."
        ),
    )
    .by(format!(
        "chown {owner}:{group} {shown} && chmod {DIRECTORY_MODE:o} {shown}"
    ));
    draft.change(
        words,
        Change::Attributes {
            path,
            before,
            after,
        },
    )
}

fn join(draft: &mut Draft, user: &str, group: &str) -> Result<(), PlaceError> {
    let words = Words::shared(
        text!("Let user {user} join the group {group}"),
        text!(
            "The socket and its directory belong to that group; Postfix must be able to connect."
        ),
    )
    .by(format!("gpasswd -a {user} {group}"));
    draft.change(
        words,
        Change::Member {
            user: user.to_owned(),
            group: group.to_owned(),
        },
    )
}

/// A path inside the queue directory is written relative to it: that is right with and without
/// chroot.
fn for_postfix(socket: &SocketSpec, queue: &Path) -> String {
    let loopback = |host: &Option<String>, otherwise: &str| match host.as_deref() {
        None | Some("0.0.0.0" | "::") => otherwise.to_owned(),
        Some(host) if host.contains(':') => format!("[{host}]"),
        Some(host) => host.to_owned(),
    };
    match socket {
        SocketSpec::Unix(path) => {
            let inside = path.strip_prefix(queue).ok();
            let inside = inside.filter(|_| queue != Path::new("/"));
            format!("unix:{}", inside.unwrap_or(path).display())
        }
        SocketSpec::Inet { host, port } => format!("inet:{}:{port}", loopback(host, "127.0.0.1")),
        SocketSpec::Inet6 { host, port } => format!("inet:{}:{port}", loopback(host, "[::1]")),
        SocketSpec::Inherited(number) => format!("fd:{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_has_its_name_in_postfixs_words() {
        let queue = Path::new("/var/spool/postfix");
        for (socket, expected) in [
            (
                "local:/var/spool/postfix/opendkim/opendkim.sock",
                "unix:opendkim/opendkim.sock",
            ),
            ("local:/run/x.sock", "unix:/run/x.sock"),
            ("inet:8891", "inet:127.0.0.1:8891"),
            ("inet:8891@localhost", "inet:localhost:8891"),
            ("inet6:8891@::1", "inet:[::1]:8891"),
            ("inet6:8891", "inet:[::1]:8891"),
        ] {
            let spec = SocketSpec::parse(socket).unwrap();
            assert_eq!(for_postfix(&spec, queue), expected);
        }
    }
}
