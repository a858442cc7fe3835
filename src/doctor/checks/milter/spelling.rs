//! Addresses of filters as people write them, and as Postfix reads them: `inet:HOST:PORT` and
//! `unix:PATH` (also called `local:`) alone, no comments, no quotes.

use super::{
    place::{ListPlace, Site},
    remedy::{How, Mended},
    wiring::{Caller, Fit},
};
use crate::codes;
use dkimd_advice::{Finding, text};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::{
    expand::{expanded, sole_reference},
    milters::{self, Milter, endpoint_of, items},
};

/// What people write in front of a host and a port.
const TCP: [&str; 7] = ["tcp", "tcp4", "tcp6", "inet4", "ipv4", "ipv6", "inet6"];
/// What people write in front of a path.
const PATHS: [&str; 4] = ["file", "sock", "socket", "path"];
/// References to parameters that are followed.
const DEEPEST: usize = 8;

/// What a list should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repair {
    /// The first item that Postfix does not understand, or what stands around the items.
    pub(super) wrong: String,
    /// The whole list as it should be; `None`: what was meant can't be told.
    pub(super) right: Option<String>,
}

/// One item, compared with what it should be.
enum Item {
    Fine,
    Right(String),
    /// Nothing should stand there.
    Nothing,
    Unknown,
}

/// Judges every list that some service reads, each once.
pub(super) fn judge(site: &Site<'_>, callers: &[Caller<'_>]) -> Vec<Mended> {
    let mut places: Vec<(ListPlace, bool)> = Vec::new();
    for caller in callers {
        let (place, chroot) = (ListPlace::of(caller, site.postfix), caller.service.chroot);
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, inside)) => *inside |= chroot,
            None => places.push((place, chroot)),
        }
    }
    let found = places.into_iter().filter_map(|(place, chroot)| {
        let list = place.list(site.postfix);
        // Only the lines tell where a comment ends.
        let lines = place
            .lines(site.postfix)
            .filter(|lines| list.contains('#') && !lines.contains('$'));
        let mut repair = repair(lines.as_deref().unwrap_or(list), &place, site, chroot)?;
        // A reference with marks around it stays one, where what it refers to is right.
        let bare = without_marks(place.written(site.postfix));
        let bare = bare.trim();
        let meant = expanded(bare, &site.postfix.plain);
        if sole_reference(bare).is_some() && repair.right.as_ref() == Some(&meant) {
            repair.right = Some(bare.to_owned());
        }
        Some(finding(place, list, repair))
    });
    found.collect()
}

fn finding(place: ListPlace, list: &str, repair: Repair) -> Mended {
    let (written, shown) = (repair.wrong, place.shown());
    let what = text!(
        "Postfix does not understand {shown} at {written}: it writes inet:HOST:PORT and unix:PATH, \
         without quotes, and knows no comment behind a value"
    );
    let finding = Finding::fail(codes::MILTER_ADDRESS_SPELLING, shown.clone(), what)
        .evidence(format!("{shown} = {list}"));
    match repair.right {
        Some(right) => Mended::list(finding, place, How::Whole(right)),
        None => Mended::from(finding.advice(text!(
            "write every filter of {shown} as inet:HOST:PORT or unix:PATH"
        ))),
    }
}

/// What a list at `place` should say instead of `list`, which may be several lines of the file;
/// `None` where Postfix understands all of it. `chroot` tells whether a service that reads it sees the
/// queue directory alone.
pub(super) fn repair(
    list: &str,
    place: &ListPlace,
    site: &Site<'_>,
    chroot: bool,
) -> Option<Repair> {
    let bare = without_marks(list);
    let found = joined(items(&bare));
    let marked = items(&bare) != items(list) || found.len() != items(list).len();
    let mut wrong = marked.then(|| items(list).join(" "));
    let mut right: Option<Vec<String>> = Some(Vec::new());
    for item in &found {
        let now = match compared(item, place, site, chroot) {
            Item::Fine => Some(item.clone()),
            Item::Right(text) => {
                wrong.get_or_insert_with(|| item.clone());
                Some(text)
            }
            Item::Nothing => {
                wrong.get_or_insert_with(|| item.clone());
                continue;
            }
            Item::Unknown => {
                wrong.get_or_insert_with(|| item.clone());
                None
            }
        };
        right = right.zip(now).map(|(mut right, now)| {
            // Twice the same, as soon as both are spelt alike.
            if !right.contains(&now) || found.iter().filter(|known| **known == now).count() > 1 {
                right.push(now);
            }
            right
        });
    }
    let right = right.map(|right| right.join(", "));
    Some(Repair {
        wrong: wrong?,
        right,
    })
}

/// Whether Postfix understands an item of a list.
pub(super) fn is_misspelt(milter: &Milter) -> bool {
    !is_fine(endpoint_of(&milter.written)) || milter.written.contains(['"', '\'', ';', '#'])
}

fn is_fine(endpoint: &str) -> bool {
    match endpoint.split_once(':') {
        Some(("unix" | "local", path)) => !path.is_empty(),
        Some(("inet", place)) => {
            place.contains(':')
                && !place.contains(['@', '/'])
                && SocketSpec::parse(endpoint).is_ok()
        }
        _ => false,
    }
}

/// The list without comments, quotes and semicolons, which mean nothing to Postfix.
fn without_marks(list: &str) -> String {
    let uncommented = |line: &str| {
        let mut from = 0;
        while let Some(at) = line[from..].find('#') {
            let at = from + at;
            if line[..at].ends_with(|c: char| c.is_ascii_whitespace() || c == ',') || at == 0 {
                return line[..at].to_owned();
            }
            from = at + 1;
        }
        line.to_owned()
    };
    let lines: Vec<_> = list.lines().map(uncommented).collect();
    let text = lines.join(" ");
    let text = text.trim_end_matches([' ', ',', ';', '\t']);
    text.replace(['"', '\'', ';'], " ")
}

/// The items, with those put together again that a blank has torn apart: `unix :path`, `inet: host:1`.
fn joined(items: Vec<&str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for item in items {
        match found.last_mut() {
            Some(last) if item.starts_with(':') || last.ends_with(':') => last.push_str(item),
            _ => found.push(item.to_owned()),
        }
    }
    found
}

fn compared(item: &str, place: &ListPlace, site: &Site<'_>, chroot: bool) -> Item {
    if let Some(inner) = item.strip_prefix('{') {
        let inner = inner.strip_suffix('}').unwrap_or(inner);
        let mut parts = items(inner).into_iter();
        let endpoint = parts.next().unwrap_or_default();
        return match compared(endpoint, place, site, chroot) {
            Item::Right(right) => {
                let parts: Vec<_> = std::iter::once(right.as_str()).chain(parts).collect();
                Item::Right(format!("{{ {} }}", parts.join(", ")))
            }
            other => other,
        };
    }
    if is_fine(item) {
        return Item::Fine;
    }
    if let Some(value) = site.postfix.plain.get(item).filter(|_| is_name(item)) {
        // Another parameter's name in place of its value.
        return match leads_back(value, item, place, site) {
            true => Item::Nothing,
            false => Item::Right(format!("${item}")),
        };
    }
    match guess(item) {
        Some(guess) => Item::Right(written_right(&guess, site, chroot)),
        None if item.to_ascii_lowercase().contains("dkim") => match site.address(chroot) {
            Some(address) => Item::Right(address),
            None => Item::Unknown,
        },
        None => Item::Unknown,
    }
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}

/// Whether a parameter's value is the list that is to name it.
fn leads_back(value: &str, name: &str, place: &ListPlace, site: &Site<'_>) -> bool {
    let own = |name: &str| *place == ListPlace::main(name);
    let mut value = value;
    if own(name) {
        return true;
    }
    for _ in 0..DEEPEST {
        match sole_reference(value) {
            Some(name) if own(name) => return true,
            Some(name) => value = site.postfix.plain.value(name),
            None => return false,
        }
    }
    true
}

/// Which socket is meant by an address that Postfix does not understand.
fn guess(item: &str) -> Option<SocketSpec> {
    let parsed = |text: String| SocketSpec::parse(&text).ok();
    let (kind, rest) = item.split_once(':').unwrap_or(("", item));
    let lower = kind.to_ascii_lowercase();
    match lower.as_str() {
        "unix" | "local" => return parsed(format!("{lower}:{rest}")),
        _ if lower == "inet" || TCP.contains(&lower.as_str()) => {
            // Written like a URL.
            let place = rest.strip_prefix("//").unwrap_or(rest);
            let place = place.strip_suffix('/').unwrap_or(place);
            let meant = (!place.contains('/')).then(|| parsed(format!("inet:{place}")));
            return meant.flatten();
        }
        _ if PATHS.contains(&lower.as_str()) => return parsed(format!("unix:{rest}")),
        _ => {}
    }
    if item.contains('/') && !item.contains('@') {
        return item
            .split_once(':')
            .is_none()
            .then(|| SocketSpec::Unix(item.into()));
    }
    let numbered = item.bytes().any(|octet| octet.is_ascii_digit());
    numbered.then(|| parsed(format!("inet:{item}"))).flatten()
}

/// How Postfix writes it. What seems to be our server, and is not where our server is, becomes our
/// server's address.
fn written_right(guess: &SocketSpec, site: &Site<'_>, chroot: bool) -> String {
    let written = site.written(guess, chroot);
    let [milter] = &milters::parse(&written)[..] else {
        return written;
    };
    let elsewhere = match guess {
        SocketSpec::Inet { host, .. } | SocketSpec::Inet6 { host, .. } => {
            host.as_deref().is_some_and(|host| !is_this_host(host))
        }
        _ => false,
    };
    match site.fit(milter) {
        Fit::Ours if matches!(guess, SocketSpec::Unix(_)) => {}
        Fit::SeemsOurs if !elsewhere => {}
        _ => return written,
    }
    site.address(chroot).unwrap_or(written)
}

fn is_this_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_postfix::Postfix;

    const MASTER: &str = "smtp inet n - y - - smtpd\ncleanup unix n - y - 0 cleanup\n";
    const UNIX: &str = "local:/var/spool/postfix/opendkim/opendkim.sock";
    const TCP: &str = "inet:8891@localhost";

    /// What a list in `smtpd_milters` should say, for a server at `socket`.
    fn right(list: &str, socket: &str) -> String {
        let main = "smtpd_milters =\nmine = inet:localhost:1\nmyhostname = mail.example.com\n";
        let postfix = Postfix::from_texts(main, MASTER, "");
        let socket = SocketSpec::parse(socket).ok();
        let mut site = Site::new(&postfix, socket.as_ref());
        site.chroot_hosts = "127.0.0.1 localhost\n".to_owned();
        match repair(list, &ListPlace::main("smtpd_milters"), &site, true) {
            None => "fine".to_owned(),
            Some(repair) => repair.right.unwrap_or_else(|| "unknown".to_owned()),
        }
    }

    #[test]
    fn what_postfix_understands_is_left_alone() {
        for list in [
            "",
            "unix:opendkim/o.sock",
            "local:/x",
            "inet:localhost:8891, inet:[::1]:8891",
            "{ unix:/x, default_action=accept } inet:localhost:11332",
            "unix:a unix:a",
            "unix:a#b",
        ] {
            assert_eq!(right(list, UNIX), "fine", "{list}");
        }
    }

    // The class of `doctor-remedy-for-milter-address`.
    #[test]
    fn every_spelling_of_ours_becomes_the_address_that_leads_to_our_server() {
        const OURS: &str = "unix:opendkim/opendkim.sock";
        for list in [
            "unix:opendkim/opendkim.sock # opendkim",
            "unix:opendkim/opendkim.sock #, inet:localhost:8891",
            "# dkim\n  unix:opendkim/opendkim.sock # opendkim",
            "/var/spool/postfix/opendkim/opendkim.sock",
            "opendkim/opendkim.sock",
            "unix :opendkim/opendkim.sock",
            "unix: opendkim/opendkim.sock",
            "UNIX:opendkim/opendkim.sock",
            "file:/run/opendkim/opendkim.sock",
            "unix:opendkim/opendkim.sock;",
            "\"unix:opendkim/opendkim.sock\"",
            "opendkim",
            "localhost:8891",
            "tcp:127.0.0.1:8891",
            "inet:8891@localhost",
            "8891",
        ] {
            assert_eq!(right(list, UNIX), OURS, "{list}");
        }
        for (list, wanted) in [
            ("tcp:localhost:8891", "inet:localhost:8891"),
            ("localhost:8891", "inet:localhost:8891"),
            ("inet :localhost:8891", "inet:localhost:8891"),
            ("inet://localhost:8891", "inet:localhost:8891"),
            ("tcp://127.0.0.1:8891/", "inet:127.0.0.1:8891"),
            (
                "{ inet://localhost:8891, command_timeout=9s }",
                "{ inet:localhost:8891, command_timeout=9s }",
            ),
            ("inet:localhost: 8891", "inet:localhost:8891"),
            ("inet:8891", "inet:127.0.0.1:8891"),
            ("8891@127.0.0.1", "inet:127.0.0.1:8891"),
            ("inet6:8891@[::1]", "inet:[::1]:8891"),
            ("[::1]:8891", "inet:[::1]:8891"),
            ("/run/opendkim/opendkim.sock", "inet:localhost:8891"),
            ("opendkim", "inet:localhost:8891"),
        ] {
            assert_eq!(right(list, TCP), wanted, "{list}");
        }
    }

    #[test]
    fn other_filters_keep_their_places_and_settings() {
        for (list, wanted) in [
            (
                "\"unix:opendkim/opendkim.sock\" \"inet:localhost:11332\"",
                "unix:opendkim/opendkim.sock, inet:localhost:11332",
            ),
            (
                "\"unix:opendkim/opendkim.sock inet:localhost:11332\"",
                "unix:opendkim/opendkim.sock, inet:localhost:11332",
            ),
            (
                "unix:opendkim/opendkim.sock # a\n localhost:11332 # b",
                "unix:opendkim/opendkim.sock, inet:localhost:11332",
            ),
            (
                "{ /opendkim/opendkim.sock, default_action=accept }, inet:10.0.0.5:8891",
                "{ unix:opendkim/opendkim.sock, default_action=accept }, inet:10.0.0.5:8891",
            ),
            ("tcp:10.0.0.5:8891", "inet:10.0.0.5:8891"),
            ("mine", "$mine"),
            (
                "smtpd_milters; unix:opendkim/opendkim.sock",
                "unix:opendkim/opendkim.sock",
            ),
            (
                "unix:a; /var/spool/postfix/rspamd/m",
                "unix:a, unix:rspamd/m",
            ),
            ("smtpd_milters", ""),
            ("inet://10.0.0.5:8891", "inet:10.0.0.5:8891"),
            ("inet:/run/x:8891", "unknown"),
            ("none", "unknown"),
            ("yes, unix:a", "unknown"),
        ] {
            assert_eq!(right(list, UNIX), wanted, "{list}");
        }
    }
}
