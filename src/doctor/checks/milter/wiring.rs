//! Which services of Postfix hand their mail to which filters.

use std::path::Path;

use crate::checks::filters;
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::{
    Postfix, Service,
    main_cf::words,
    milters::{self, Milter},
};

/// Ports that dkimd and OpenDKIM are found at by custom.
const USUAL_PORTS: [u16; 3] = [8891, 12301, 54321];

/// What kind of mail a service takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Mail of the world, and of clients in `mynetworks`: port 25.
    Arriving,
    /// Mail of users who authenticate.
    Submission,
    /// Mail that comes back from a content filter on this host.
    Reinjection,
    /// Mail of programs on this host, and Postfix's own notices.
    Local,
}

/// A service that may hand mail to filters.
#[derive(Clone, Debug)]
pub(super) struct Caller<'a> {
    pub(super) service: &'a Service,
    pub(super) role: Role,
    /// Where its filters are listed.
    pub(super) parameter: &'static str,
    pub(super) filters: Vec<Milter>,
    /// `no_milters` among its `receive_override_options`.
    pub(super) switched_off: bool,
}

impl Caller<'_> {
    /// The filters that it really uses.
    pub(super) fn used(&self) -> &[Milter] {
        match self.switched_off {
            true => &[],
            false => &self.filters,
        }
    }
}

/// Every service that may hand mail to filters, in the order of `master.cf`.
pub(super) fn callers(postfix: &Postfix) -> Vec<Caller<'_>> {
    let caller = |service| {
        let role = role(postfix, service)?;
        let parameter = match role {
            Role::Local => "non_smtpd_milters",
            _ => "smtpd_milters",
        };
        let value = |parameter| postfix.value_for(service, parameter).unwrap_or_default();
        let switched_off =
            role != Role::Local && words(value("receive_override_options")).contains(&"no_milters");
        Some(Caller {
            service,
            role,
            parameter,
            filters: milters::parse(value(parameter)),
            switched_off,
        })
    };
    postfix.services.iter().filter_map(caller).collect()
}

fn role(postfix: &Postfix, service: &Service) -> Option<Role> {
    match service.command.as_str() {
        "cleanup" => return Some(Role::Local),
        "smtpd" => {}
        _ => return None,
    }
    let (host, port) = match service.name.rsplit_once(':') {
        Some((host, port)) => (host, port),
        None => ("", service.name.as_str()),
    };
    let loopback = host.starts_with("127.") || ["localhost", "[::1]", "::1"].contains(&host);
    let own_sasl = service
        .overrides
        .get("smtpd_sasl_auth_enable")
        .is_some_and(|value| value.eq_ignore_ascii_case("yes"));
    let port_25 = ["smtp", "25", "smtpd"].contains(&port);
    Some(match port {
        "submission" | "submissions" | "smtps" | "587" | "465" => Role::Submission,
        _ if own_sasl && !port_25 => Role::Submission,
        _ if port_25 => Role::Arriving,
        _ if loopback && takes_from_this_host_alone(postfix, service) => Role::Reinjection,
        _ => Role::Arriving,
    })
}

/// What a listener on the loopback address is otherwise: one of this host's programs alone.
fn takes_from_this_host_alone(postfix: &Postfix, service: &Service) -> bool {
    let networks = postfix.value_for(service, "mynetworks").unwrap_or_default();
    words(networks)
        .iter()
        .any(|network| network.starts_with("127.") || network.contains("::1"))
}

/// How a filter of Postfix's relates to our server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Another filter.
    Other,
    /// By its name or port it should be ours, but our server is set up for another place.
    SeemsOurs,
    /// It is the place that our server is set up for.
    Ours,
}

/// Compares a filter with our server's socket.
pub(super) fn fit(milter: &Milter, queue: &Path, socket: Option<&SocketSpec>) -> Fit {
    let Ok(endpoint) = &milter.endpoint else {
        return seems_ours(milter);
    };
    use SocketSpec::{Inet, Inet6, Unix};
    let same = match (endpoint, socket) {
        // Inside and outside of the chroot: whether it is reached there is another question.
        (Unix(_), Some(Unix(listening))) => [true, false]
            .into_iter()
            .filter_map(|chroot| milter.path_for(chroot, queue))
            .any(|path| same_file(&path, listening)),
        (
            Inet { port, .. } | Inet6 { port, .. },
            Some(Inet { port: ours, .. } | Inet6 { port: ours, .. }),
        ) => port == ours,
        _ => false,
    };
    match same {
        true => Fit::Ours,
        false => seems_ours(milter),
    }
}

/// The same path, or another way to the same file.
pub(super) fn same_file(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| {
        let (parent, name) = (path.parent()?, path.file_name()?);
        Some(parent.canonicalize().ok()?.join(name))
    };
    one == other || canonical(one).is_some_and(|one| canonical(other) == Some(one))
}

/// Whether a filter is one of those that everybody knows by their names and ports.
fn is_known_other(milter: &Milter) -> bool {
    let written = milter.written.to_ascii_lowercase();
    let port = match &milter.endpoint {
        Ok(SocketSpec::Inet { port, .. } | SocketSpec::Inet6 { port, .. }) => Some(*port),
        _ => None,
    };
    let by_port = port.and_then(filters::at_port);
    filters::named(&written)
        .chain(by_port)
        .any(|filter| filter.foreign)
}

fn seems_ours(milter: &Milter) -> Fit {
    let written = milter.written.to_ascii_lowercase();
    let by_port = match &milter.endpoint {
        Ok(SocketSpec::Inet { port, .. } | SocketSpec::Inet6 { port, .. }) => {
            USUAL_PORTS.contains(port)
        }
        _ => USUAL_PORTS.iter().any(|port| {
            written
                .split(|c: char| !c.is_ascii_digit())
                .any(|digits| digits == port.to_string())
        }),
    };
    match written.contains("dkim") || by_port {
        true => Fit::SeemsOurs,
        false => Fit::Other,
    }
}

/// The filter of a list that is ours, or seems to be: by its place, by its name, or as the only
/// one that is nobody else's.
pub(super) fn ours<'a>(
    filters: &'a [Milter],
    queue: &Path,
    socket: Option<&SocketSpec>,
) -> Option<(&'a Milter, Fit)> {
    let known = filters
        .iter()
        .map(|filter| (filter, fit(filter, queue, socket)))
        .filter(|(_, fit)| *fit > Fit::Other)
        // Of several the surest, of those the first.
        .rev()
        .max_by_key(|(_, fit)| *fit);
    let mut strangers = filters.iter().filter(|filter| !is_known_other(filter));
    known.or_else(|| match (strangers.next(), strangers.next()) {
        (Some(only), None) => Some((only, Fit::SeemsOurs)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_the_roles_that_their_names_and_addresses_tell() {
        let postfix = Postfix::from_texts(
            "mynetworks = 127.0.0.0/8\nsmtpd_milters = unix:a\nnon_smtpd_milters = unix:b\n",
            "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n\
             127.0.0.1:10025 inet n - n - - smtpd\n2525 inet n - n - - smtpd\n\
             cleanup unix n - y - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n",
            "127.0.0.1:10025/inet/receive_override_options = no_header_body_checks, no_milters\n\
             2525/inet/smtpd_sasl_auth_enable = yes\n",
        );
        let callers = callers(&postfix);
        let roles: Vec<_> = callers.iter().map(|caller| caller.role).collect();
        use Role::{Arriving, Local, Reinjection, Submission};
        assert_eq!(
            roles,
            [Arriving, Submission, Reinjection, Submission, Local]
        );
        assert!(callers[2].used().is_empty() && callers[0].used().len() == 1);
        assert_eq!(callers[4].used()[0].written, "unix:b");
    }

    #[test]
    fn our_filter_is_known_by_its_place_or_else_by_its_name() {
        let queue = Path::new("/var/spool/postfix");
        let socket = SocketSpec::parse("local:/var/spool/postfix/opendkim/opendkim.sock").ok();
        let fit = |text: &str| fit(&milters::parse(text)[0], queue, socket.as_ref());
        assert_eq!(fit("unix:opendkim/opendkim.sock"), Fit::Ours);
        assert_eq!(fit("unix:/opendkim/opendkim.sock"), Fit::Ours);
        assert_eq!(fit("unix:/run/opendkim/opendkim.sock"), Fit::SeemsOurs);
        assert_eq!(fit("inet:localhost:8891"), Fit::SeemsOurs);
        assert_eq!(fit("inet:localhost:11332"), Fit::Other);
        let list = milters::parse(
            "unix:/run/opendkim/x, inet:localhost:8893, unix:opendkim/opendkim.sock",
        );
        let (found, fit) = ours(&list, queue, socket.as_ref()).unwrap();
        assert_eq!(
            (found.written.as_str(), fit),
            ("unix:opendkim/opendkim.sock", Fit::Ours)
        );
        let only = |text: &str| {
            let list = milters::parse(text);
            ours(&list, queue, socket.as_ref()).map(|(_, fit)| fit)
        };
        assert_eq!(
            only("inet:localhost:8899, inet:localhost:11332"),
            Some(Fit::SeemsOurs)
        );
        assert_eq!(only("inet:localhost:11332"), None);
        assert_eq!(only("unix:a, unix:b"), None);
    }
}
