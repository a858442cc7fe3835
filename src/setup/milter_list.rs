//! The daemon among Postfix's filters: found, added, given its temporary failure.

use super::socket::{Endpoint, talks_to_milters};
use dkimd_hand::resolved;
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::{
    Postfix,
    milters::{self, Milter},
};

/// Since this version filters may have settings of their own in braces.
const BRACES_SINCE: (u32, u32) = (3, 0);
/// Words in an endpoint that tell OpenDMARC, which reads what the verifier writes.
const DMARC_FILTERS: [&str; 3] = ["dmarc", ":8893", ":54321"];

/// Whether Postfix reaches the daemon by this filter.
pub(super) fn is_ours(postfix: &Postfix, milter: &Milter, endpoint: &Endpoint) -> bool {
    let local = |host: &Option<String>| {
        let host = host.as_deref().unwrap_or("localhost");
        ["localhost", "127.0.0.1", "::1", "0.0.0.0", "::"].contains(&host)
    };
    match (&milter.endpoint, &endpoint.socket) {
        (Ok(SocketSpec::Unix(_)), SocketSpec::Unix(path)) => {
            let queue = postfix.queue_directory();
            [true, false].into_iter().any(|chroot| {
                let there = milter.path_for(chroot, queue);
                let used = talks_to_milters(postfix).any(|service| service.chroot == chroot);
                used && there.is_some_and(|there| resolved(&there) == resolved(path))
            })
        }
        (
            Ok(SocketSpec::Inet { host, port } | SocketSpec::Inet6 { host, port }),
            SocketSpec::Inet {
                host: own_host,
                port: own,
            }
            | SocketSpec::Inet6 {
                host: own_host,
                port: own,
            },
        ) => port == own && (host == own_host || (local(host) && local(own_host))),
        _ => false,
    }
}

/// Whether mail waits when this filter is away.
pub(super) fn waits(postfix: &Postfix, milter: &Milter) -> bool {
    let action = milter.settings.get("default_action").map_or_else(
        || postfix.main.value("milter_default_action"),
        String::as_str,
    );
    action != "accept"
}

pub(super) fn braces(postfix: &Postfix) -> bool {
    version(postfix.main.value("mail_version")) >= BRACES_SINCE
}

fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// The daemon as one filter of a list.
pub(super) fn item(postfix: &Postfix, endpoint: &Endpoint) -> String {
    let address = &endpoint.for_postfix;
    match braces(postfix) {
        true => format!("{{ {address}, default_action=tempfail }}"),
        false => address.clone(),
    }
}

/// A filter with `default_action=tempfail` and its other settings.
pub(super) fn with_tempfail(milter: &Milter) -> String {
    let inner = milter.written.trim_start_matches('{').trim_end_matches('}');
    let mut parts = milters::items(inner).into_iter();
    let mut kept = vec![parts.next().unwrap_or_default()];
    kept.extend(parts.filter(|part| {
        !part
            .trim_start_matches('{')
            .trim_start()
            .starts_with("default_action")
    }));
    format!("{{ {}, default_action=tempfail }}", kept.join(", "))
}

/// A list with one filter more: the last, so that nothing changes mail after it is signed, but
/// before OpenDMARC, which reads the verifier's results.
pub(super) fn inserted(raw: &str, list: &[Milter], item: &str) -> String {
    if raw.is_empty() {
        return item.to_owned();
    }
    let reads_results = |milter: &&Milter| {
        DMARC_FILTERS
            .iter()
            .any(|word| milter.written.contains(word))
    };
    match list.iter().find(reads_results) {
        Some(reader) if raw.contains(&reader.written) => {
            raw.replacen(&reader.written, &format!("{item}, {}", reader.written), 1)
        }
        _ => format!("{raw}, {item}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signer_comes_last_but_before_opendmarc() {
        let inserted = |raw: &str| inserted(raw, &milters::parse(raw), "ME");
        assert_eq!(inserted(""), "ME");
        assert_eq!(inserted("inet:localhost:11332"), "inet:localhost:11332, ME");
        assert_eq!(
            inserted("inet:localhost:11332, inet:localhost:8893"),
            "inet:localhost:11332, ME, inet:localhost:8893"
        );
        assert_eq!(
            inserted("{ unix:opendmarc/opendmarc.sock, default_action=accept }"),
            "ME, { unix:opendmarc/opendmarc.sock, default_action=accept }"
        );
    }

    #[test]
    fn a_filter_that_lets_mail_through_gets_its_own_action_and_keeps_the_rest() {
        let with = |text: &str| with_tempfail(&milters::parse(text)[0]);
        assert_eq!(
            with("inet:localhost:8891"),
            "{ inet:localhost:8891, default_action=tempfail }"
        );
        assert_eq!(
            with("{ unix:x, default_action=accept, command_timeout=10s }"),
            "{ unix:x, command_timeout=10s, default_action=tempfail }"
        );
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("3.10.2") > version("3.9"));
        assert!(version("2.11.3") < BRACES_SINCE);
        assert_eq!(version("3.9-20240101"), (3, 9));
    }
}
