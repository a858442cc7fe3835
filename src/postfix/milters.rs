//! Lists of filters as Postfix writes them: `smtpd_milters`, `non_smtpd_milters`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use dkimd_milter::socket::{SocketSpec, spec::SocketSpecError};

/// One filter of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milter {
    /// As it is written.
    pub written: String,
    /// Where Postfix connects to.
    pub endpoint: Result<SocketSpec, SocketSpecError>,
    /// Settings of its own in braces (Postfix 3.0): `default_action`, `command_timeout`, …
    pub settings: BTreeMap<String, String>,
}

/// The filters of a list, in order.
pub fn parse(list: &str) -> Vec<Milter> {
    items(list).into_iter().map(milter).collect()
}

impl Milter {
    /// Where a Unix socket is for a service: its path, seen from outside the queue directory that
    /// a chrooted service can't leave. Relative paths begin in the queue directory either way.
    pub fn path_for(&self, chroot: bool, queue_directory: &Path) -> Option<PathBuf> {
        let Ok(SocketSpec::Unix(path)) = &self.endpoint else {
            return None;
        };
        Some(match (path.strip_prefix("/"), chroot) {
            (Ok(inside), true) => queue_directory.join(inside),
            _ => queue_directory.join(path),
        })
    }
}

/// The address of an item of a list, without braces and settings.
pub fn endpoint_of(written: &str) -> &str {
    let first = written.trim_start_matches(['{', ' ']);
    let end = first.find([',', ' ', '}']).unwrap_or(first.len());
    &first[..end]
}

/// The items of a list, split at commas and white space outside of braces.
pub fn items(list: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut depth = 0_u32;
    let mut begin = None;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let between = depth == 0 && (c == ',' || c.is_ascii_whitespace());
        match (begin, between) {
            (None, false) => begin = Some(at),
            (Some(from), true) => {
                found.push(&list[from..at]);
                begin = None;
            }
            _ => {}
        }
    }
    found.extend(begin.map(|from| &list[from..]));
    found
}

fn milter(written: &str) -> Milter {
    let braced = written
        .strip_prefix('{')
        .and_then(|inner| inner.strip_suffix('}'));
    let (endpoint, settings) = match braced {
        None => (written, BTreeMap::new()),
        Some(inner) => {
            let mut parts = items(inner).into_iter();
            let endpoint = parts.next().unwrap_or_default();
            // `name = value` may stand with blanks around the sign only inside further braces.
            let setting = |part: &str| {
                let part = part.trim_start_matches('{').trim_end_matches('}');
                let (name, value) = part.split_once('=')?;
                Some((name.trim().to_owned(), value.trim().to_owned()))
            };
            (endpoint, parts.filter_map(setting).collect())
        }
    };
    Milter {
        written: written.to_owned(),
        endpoint: SocketSpec::parse(endpoint),
        settings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_stand_one_beside_the_other_or_in_braces_with_settings() {
        let list = parse(
            "inet:127.0.0.1:8891, local:opendkim/opendkim.sock \
             { unix:/run/x.sock, default_action=tempfail, { command_timeout = 10s } }",
        );
        assert_eq!(list.len(), 3);
        assert!(list[0].settings.is_empty());
        assert_eq!(list[2].settings["default_action"], "tempfail");
        assert_eq!(list[2].settings["command_timeout"], "10s");
        assert!(matches!(
            &list[0].endpoint,
            Ok(SocketSpec::Inet { port: 8891, .. })
        ));
        assert_eq!(parse(""), []);
    }

    #[test]
    fn a_chrooted_service_looks_for_every_path_inside_the_queue_directory() {
        let queue = Path::new("/var/spool/postfix");
        let at = |text: &str, chroot| parse(text)[0].path_for(chroot, queue).unwrap();
        let inside = Path::new("/var/spool/postfix/opendkim/opendkim.sock");
        assert_eq!(at("local:/opendkim/opendkim.sock", true), inside);
        assert_eq!(at("local:opendkim/opendkim.sock", true), inside);
        assert_eq!(at("local:opendkim/opendkim.sock", false), inside);
        assert_eq!(
            at("local:/opendkim/opendkim.sock", false),
            Path::new("/opendkim/opendkim.sock")
        );
    }
}
