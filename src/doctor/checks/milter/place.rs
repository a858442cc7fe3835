//! Where lists of filters stand, and how our server is written there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::wiring::{self, Caller, Fit, ours, same_file};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::{Postfix, expand::sole_reference, milters::Milter};

/// The names that a chrooted service finds, in its queue directory.
const HOSTS: &str = "etc/hosts";
/// Our server's configuration, and its user, where nothing else is said.
const CONFIG: &str = "/etc/opendkim.conf";
const USER: &str = "opendkim";
/// Parameters that hold lists of filters.
const LISTS: [&str; 2] = ["smtpd_milters", "non_smtpd_milters"];

/// Where a list stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListPlace {
    /// The service whose `-o` it is; `None`: `main.cf`.
    pub(super) service: Option<String>,
    /// The parameter.
    pub(super) parameter: String,
}

impl ListPlace {
    /// A parameter of `main.cf`.
    pub(super) fn main(parameter: &str) -> Self {
        Self {
            service: None,
            parameter: parameter.to_owned(),
        }
    }

    /// Where the list of a caller stands: where a parameter is nothing but another name of the other
    /// list, there.
    pub(super) fn of(caller: &Caller<'_>, postfix: &Postfix) -> Self {
        let parameter = caller.parameter;
        if let Some(written) = caller.service.written.get(parameter) {
            return match sole_reference(written).filter(|name| LISTS.contains(name)) {
                Some(name) => Self::main(name).resolved(postfix),
                None => Self {
                    service: Some(caller.service.id()),
                    parameter: parameter.to_owned(),
                },
            };
        }
        Self::main(parameter).resolved(postfix)
    }

    fn resolved(self, postfix: &Postfix) -> Self {
        let value = postfix.plain.value(&self.parameter);
        match sole_reference(value).filter(|name| LISTS.contains(name) && **name != self.parameter)
        {
            Some(name) => Self::main(name),
            None => self,
        }
    }

    /// The list that stands there, `$names` expanded.
    pub(super) fn list<'a>(&self, postfix: &'a Postfix) -> &'a str {
        match &self.service {
            None => postfix.main.value(&self.parameter),
            Some(id) => {
                let service = postfix.services.iter().find(|service| service.id() == *id);
                let value = service.and_then(|service| service.overrides.get(&self.parameter));
                value.map_or("", String::as_str)
            }
        }
    }

    /// The same as it is written.
    pub(super) fn written<'a>(&self, postfix: &'a Postfix) -> &'a str {
        match &self.service {
            None => postfix.plain.value(&self.parameter),
            Some(id) => {
                let service = postfix.services.iter().find(|service| service.id() == *id);
                let value = service.and_then(|service| service.written.get(&self.parameter));
                value.map_or("", String::as_str)
            }
        }
    }

    /// The lines of `main.cf` that the list stands in, whose ends `postconf` forgets; none where it is
    /// written another way.
    pub(super) fn lines(&self, postfix: &Postfix) -> Option<String> {
        if self.service.is_some() {
            return None;
        }
        let text = fs::read_to_string(postfix.directory.join("main.cf")).ok()?;
        lines_of(&text, &self.parameter)
    }

    /// As it is named to people.
    pub(super) fn shown(&self) -> String {
        match &self.service {
            None => self.parameter.clone(),
            Some(service) => format!("{service}/{}", self.parameter),
        }
    }
}

/// The last definition of a parameter, line by line.
fn lines_of(text: &str, parameter: &str) -> Option<String> {
    let mut found: Option<Vec<&str>> = None;
    let mut inside = false;
    for line in text.lines() {
        if line.trim_start().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            if let (true, Some(found)) = (inside, &mut found) {
                found.push(line);
            }
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        inside = name.trim() == parameter;
        if inside {
            found = Some(vec![value.trim_start()]);
        }
    }
    Some(found?.join("\n"))
}

/// An instance of Postfix, and where our server is.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    pub(super) postfix: &'a Postfix,
    /// Where our server listens.
    pub(super) socket: Option<&'a SocketSpec>,
    /// The file of host names inside the chroot.
    pub(super) chroot_hosts: String,
    /// Our server's configuration file.
    pub(super) config: &'a Path,
    /// Whose rights our server has.
    pub(super) user: &'a str,
}

impl<'a> Site<'a> {
    /// That of an instance.
    pub(super) fn new(postfix: &'a Postfix, socket: Option<&'a SocketSpec>) -> Self {
        let hosts = postfix.queue_directory().join(HOSTS);
        Self {
            postfix,
            socket,
            chroot_hosts: fs::read_to_string(hosts).unwrap_or_default(),
            config: Path::new(CONFIG),
            user: USER,
        }
    }

    /// The same, as it is after a change.
    pub(super) fn after<'b>(&self, postfix: &'b Postfix, socket: Option<&'b SocketSpec>) -> Site<'b>
    where
        'a: 'b,
    {
        Site {
            postfix,
            socket,
            chroot_hosts: self.chroot_hosts.clone(),
            config: self.config,
            user: self.user,
        }
    }

    /// Postfix's queue directory.
    pub(super) fn queue(&self) -> &Path {
        self.postfix.queue_directory()
    }

    /// How a filter relates to our server.
    pub(super) fn fit(&self, milter: &Milter) -> Fit {
        wiring::fit(milter, self.queue(), self.socket)
    }

    /// The filter of a list that is ours, or seems to be.
    pub(super) fn ours<'m>(&self, filters: &'m [Milter]) -> Option<(&'m Milter, Fit)> {
        ours(filters, self.queue(), self.socket)
    }

    /// The address of our server for services of which some are in the chroot, or none; `None` where
    /// there is none for them, or it is not known.
    pub(super) fn address(&self, chroot: bool) -> Option<String> {
        let socket = self.socket?;
        match socket {
            SocketSpec::Inherited(_) => None,
            SocketSpec::Unix(path) if chroot && self.inside(path).is_none() => None,
            _ => Some(self.written(socket, chroot)),
        }
    }

    /// How Postfix writes a socket.
    pub(super) fn written(&self, socket: &SocketSpec, chroot: bool) -> String {
        let host_for = |host: &Option<String>, loopback: &str| match host.as_deref() {
            None | Some("*" | "0.0.0.0" | "::") => loopback.to_owned(),
            Some("localhost") if chroot && !self.is_known("localhost") => loopback.to_owned(),
            Some(host) => host.to_owned(),
        };
        match socket {
            // Relative paths begin in the queue directory, with and without chroot.
            SocketSpec::Unix(path) => {
                let path = self.inside(path).unwrap_or_else(|| path.clone());
                format!("unix:{}", path.display())
            }
            SocketSpec::Inet { host, port } => {
                format!("inet:{}:{port}", host_for(host, "127.0.0.1"))
            }
            SocketSpec::Inet6 { host, port } => {
                let host = host_for(host, "::1");
                match host.contains(':') {
                    true => format!("inet:[{host}]:{port}"),
                    false => format!("inet:{host}:{port}"),
                }
            }
            SocketSpec::Inherited(_) => String::new(),
        }
    }

    /// A path below the queue directory, from there; relative ones begin there.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let queue = self.queue();
        if path.is_relative() {
            return Some(path.to_owned());
        }
        if let Ok(inside) = path.strip_prefix(queue) {
            return Some(inside.to_owned());
        }
        let parent = path.parent()?.canonicalize().ok()?;
        let inside = parent.join(path.file_name()?);
        let inside = inside.strip_prefix(queue.canonicalize().ok()?).ok()?;
        Some(inside.to_owned())
    }

    fn is_known(&self, host: &str) -> bool {
        self.chroot_hosts
            .lines()
            .filter_map(|line| line.split('#').next())
            .any(|line| line.split_whitespace().skip(1).any(|word| word == host))
    }

    /// Whether a service finds our server at a filter's address, as far as its path tells.
    pub(super) fn is_seen(&self, milter: &Milter, chroot: bool) -> bool {
        match (self.socket, milter.path_for(chroot, self.queue())) {
            (Some(SocketSpec::Unix(socket)), Some(path)) => same_file(&path, socket),
            (Some(SocketSpec::Unix(_)), None) => false,
            (Some(SocketSpec::Inherited(_)) | None, _) => true,
            (Some(_), _) => self.fit(milter) == Fit::Ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::milter::wiring::callers;

    #[test]
    fn a_list_stands_where_it_can_be_changed_for_all_who_share_it() {
        let postfix = Postfix::from_texts(
            "smtpd_milters = unix:a\nnon_smtpd_milters = ${smtpd_milters}\n",
            "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n\
             2525 inet n - y - - smtpd\ncleanup unix n - y - 0 cleanup\n",
            "submission/inet/smtpd_milters = unix:b\n2525/inet/smtpd_milters = $non_smtpd_milters\n",
        );
        let places: Vec<_> = callers(&postfix)
            .iter()
            .map(|caller| ListPlace::of(caller, &postfix).shown())
            .collect();
        let main = "smtpd_milters";
        assert_eq!(places, [main, "submission/inet/smtpd_milters", main, main]);
    }

    #[test]
    fn the_last_definition_in_the_file_counts_line_by_line() {
        let text = "a = 1\nsmtpd_milters = x\nb = 2\n  3\nsmtpd_milters =\n # c\n\n  unix:a # d\n\tunix:b\nc=\n";
        let found = lines_of(text, "smtpd_milters").unwrap();
        assert_eq!(found, "\n  unix:a # d\n\tunix:b");
        assert_eq!(lines_of(text, "none"), None);
    }

    #[test]
    fn our_server_is_written_for_those_who_are_to_see_it() {
        let postfix = Postfix::from_texts("", "", "");
        let address = |socket: &str, chroot: bool| {
            let socket = SocketSpec::parse(socket).ok();
            let mut site = Site::new(&postfix, socket.as_ref());
            site.chroot_hosts = String::new();
            site.address(chroot)
        };
        let inside = "local:/var/spool/postfix/opendkim/o";
        for (socket, chrooted, free) in [
            (inside, Some("unix:opendkim/o"), "unix:opendkim/o"),
            ("local:/run/opendkim/o", None, "unix:/run/opendkim/o"),
            (
                "inet:8891",
                Some("inet:127.0.0.1:8891"),
                "inet:127.0.0.1:8891",
            ),
            (
                "inet:8891@localhost",
                Some("inet:127.0.0.1:8891"),
                "inet:localhost:8891",
            ),
            (
                "inet:8891@0.0.0.0",
                Some("inet:127.0.0.1:8891"),
                "inet:127.0.0.1:8891",
            ),
            (
                "inet6:8891@localhost",
                Some("inet:[::1]:8891"),
                "inet:localhost:8891",
            ),
            (
                "inet6:8891@[::]",
                Some("inet:[::1]:8891"),
                "inet:[::1]:8891",
            ),
        ] {
            assert_eq!(address(socket, true).as_deref(), chrooted, "{socket}");
            assert_eq!(address(socket, false).as_deref(), Some(free), "{socket}");
        }
        assert_eq!(address("fd:3", false), None);
    }
}
