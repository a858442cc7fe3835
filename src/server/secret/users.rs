//! Users and their passwords before an at sign: of links, and of no data set at all.

use std::{net::Ipv6Addr, ops::Range};

use super::{HIDDEN, NAMES_OF_SECRETS};

/// Names, in small letters, by which links have secrets besides.
const SECRETS_OF_QUERIES: [&str; 7] = ["key", "auth", "sig", "signature", "session", "sid", "code"];

/// Words before a colon that are no user before a password.
const OF_NO_USERS: [&str; 9] = [
    "inet", "inet6", "local", "unix", "fd", "csl", "file", "refile", "mailto",
];

/// A link from its authority on: neither user information, which may be a token alone, nor a query
/// with a secret. (Other queries are of use: mail servers refuse with links that have them.)
pub(super) fn link_shown(link: &str) -> String {
    let mut end = link.find(['/', '?', '#']).unwrap_or(link.len());
    let has_password = |authority: &str| {
        let after = authority.split_once(':').map(|(_, after)| after);
        after.is_some_and(|after| {
            !after.is_empty() && !is_port(after) && !authority.starts_with('[')
        })
    };
    // A password may hold what ends an authority.
    if !link[..end].contains('@')
        && has_password(&link[..end])
        && let Some(at) = link.rfind('@')
    {
        let host = &link[at..];
        end = at + host.find(['/', '?', '#']).unwrap_or(host.len());
    }
    let (authority, beyond) = link.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", user_shown(user)),
        None if has_password(authority) => user_shown(authority),
        None => authority.to_owned(),
    };
    match beyond.split_once('?') {
        Some((path, query)) if has_named_secret(query) => format!("{authority}{path}?{HIDDEN}"),
        _ => format!("{authority}{beyond}"),
    }
}

fn has_named_secret(query: &str) -> bool {
    query.split(['&', ';']).any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        let mut names = NAMES_OF_SECRETS.iter().chain(&SECRETS_OF_QUERIES);
        names.any(|secret| name.ends_with(secret))
    })
}

/// Hides the passwords of users that no data set or link precedes: `user:secret@host`.
pub(super) fn without_users(text: &str) -> Option<String> {
    let mut shown = String::new();
    let mut copied = 0;
    for word in text.split(|c: char| c.is_whitespace() || "\"'`<>()".contains(c)) {
        if let Some(secret) = password_of_user(word) {
            let begin = word.as_ptr() as usize - text.as_ptr() as usize;
            shown.push_str(&text[copied..begin + secret.start]);
            shown.push_str(HIDDEN);
            copied = begin + secret.end;
        }
    }
    (copied > 0).then(|| shown + &text[copied..])
}

/// Where the password stands in a word that begins with `user:secret@`, after a socket's port too.
fn password_of_user(word: &str) -> Option<Range<usize>> {
    let last = word.rfind('@')?;
    let mut begin = 0;
    loop {
        let rest = &word[begin..last];
        let (user, secret) = rest.split_once(':')?;
        let after_user = begin + user.len() + 1;
        if OF_NO_USERS.contains(&user.to_ascii_lowercase().as_str()) {
            let digits = secret.bytes().take_while(u8::is_ascii_digit).count();
            let port = digits > 0 && secret[digits..].starts_with('@');
            begin = after_user + if port { digits + 1 } else { 0 };
            continue;
        }
        let address = rest.split([',', '/', '@']).next().unwrap_or_default();
        let hidden = secret.is_empty() || secret.ends_with(HIDDEN);
        let of_path = secret.starts_with('/') || secret.contains(":/");
        let is_user = !user.is_empty() && is_plain_user(user);
        return (is_user && !hidden && !of_path && address.parse::<Ipv6Addr>().is_err())
            .then_some(after_user..last);
    }
}

/// `mailuser:...` of `mailuser:secret`; a lone word may be the secret itself.
pub(super) fn user_shown(user: &str) -> String {
    match user.split_once(':') {
        Some((name, _)) if is_plain_user(name) => format!("{name}:{HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}

pub(super) fn is_plain_user(name: &str) -> bool {
    name.bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || b"._-".contains(&octet))
}

/// Whether digits and then the end of an authority follow.
pub(super) fn is_port(after: &str) -> bool {
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    (1..=5).contains(&digits) && matches!(after.as_bytes().get(digits), None | Some(b'/' | b' '))
}
