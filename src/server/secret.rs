//! What is shown of a text that may hold a password or a private key: all but that.
//!
//! Configuration files hold passwords (`dsn:` and `ldap:` data sets, LDAPBindPassword) and private
//! keys (in a KeyTable), and are often readable to few for that reason; logs, terminals and tickets
//! have more readers. Whatever a configuration, a table or a log line held goes through here on its
//! way to a person: [`line`](fn@line) for a sentence, a value or a log line, [`unknown_set`] for a value of which
//! nothing is known. Both err on the side of hiding. Pure.

use std::{borrow::Cow, ops::Range};

mod keys;
mod users;

pub use keys::{is_key_line, is_path_of_key, is_private_key};

use keys::{without_armour, without_keys};
use users::{is_plain_user, is_port, link_shown, user_shown, without_users};

/// What stands in the place of a secret.
pub const HIDDEN: &str = "...";

/// Data sets, and the schemes of databases behind them, that carry credentials.
const WITH_CREDENTIALS: [&str; 28] = [
    "dsn",
    "ldap",
    "ldaps",
    "ldapi",
    "erlang",
    "odbx",
    "mysql",
    "mysqli",
    "mariadb",
    "pgsql",
    "postgres",
    "postgresql",
    "sqlite",
    "sqlite3",
    "odbc",
    "mssql",
    "sybase",
    "oracle",
    "firebird",
    "redis",
    "rediss",
    "mongodb",
    "memcache",
    "memcached",
    "amqp",
    "repute",
    "socket",
    "sql",
];
/// Schemes of links, whose text after the host is no credential.
const OF_LINKS: [&str; 7] = ["http", "https", "ftp", "smtp", "smtps", "imap", "file"];
/// What a path may follow.
const OF_FILES: [&str; 4] = ["file:", "refile:", "local:", "unix:"];
/// Names, in small letters, after which a secret follows.
const NAMES_OF_SECRETS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pass",
    "pwd",
    "pw",
    "bindpw",
    "secret",
    "cookie",
    "token",
    "contraseña",
];
/// An option whose whole value is a password.
const PASSWORD_OPTION: &str = "LDAPBindPassword";
/// What a data set is followed by in OpenDKIM's error lines and ours.
const AFTER_A_SET: [&str; 5] = [
    ": dkimf_db_",
    ": this kind of data set",
    ": configuration error",
    ": No such file",
    ": Permission denied",
];
const UNKNOWN_TYPE: &str = ": dkimf_db_open(): Unknown database type";
/// A data set of a type that nobody knows: a path is shown, credentials of any form are not.
pub fn unknown_set(text: &str) -> Cow<'_, str> {
    Cow::Owned(unknown_set_shown(&line(text)))
}

fn unknown_set_shown(text: &str) -> String {
    let Some((kind, rest)) = text.split_once(':') else {
        return text.to_owned();
    };
    let kind = Some(kind).filter(|kind| is_plain_user(kind.trim_matches(['"', '\''])));
    let kind = kind.unwrap_or(HIDDEN);
    // An address has gone through `line`.
    if let Some((link, _)) = rest.split_once('?').filter(|_| rest.starts_with("//")) {
        return format!("{kind}:{link}?{HIDDEN}");
    }
    if rest.starts_with("//") || (rest.starts_with('/') && !rest.contains('@')) {
        return format!("{kind}:{rest}");
    }
    format!("{kind}:{HIDDEN}")
}

/// An item of a list: what stands before an at sign may be the end of a password with a comma.
pub fn item(text: &str) -> Cow<'_, str> {
    match text.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{HIDDEN}@{host}")),
        None => line(text),
    }
}

/// The value of the option `name`.
pub fn option_value<'v>(name: &str, text: &'v str) -> Cow<'v, str> {
    if name.eq_ignore_ascii_case(PASSWORD_OPTION) {
        return Cow::Borrowed(HIDDEN);
    }
    line(text)
}

/// A sentence or log line, without the passwords and keys that can be told for such.
pub fn line(text: &str) -> Cow<'_, str> {
    let shown = without_secrets(text);
    match without_users(&shown) {
        Some(changed) => Cow::Owned(changed),
        None => shown,
    }
}

fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    for hide in [
        without_unknown_set,
        without_armour,
        without_credentials,
        without_named,
        without_keys,
    ] {
        if let Some(changed) = hide(&shown) {
            shown = Cow::Owned(changed);
        }
    }
    shown
}

/// [`line`](fn@line) of a text that is one's own already.
pub fn owned(text: String) -> String {
    match line(&text) {
        Cow::Owned(changed) => changed,
        Cow::Borrowed(_) => text,
    }
}

/// Whether a text looks like a data set, or like having a secret in it. Of a path
/// [`is_path_of_key`] is to be asked first.
pub fn is_in(text: &str) -> bool {
    matches!(without_secrets(text), Cow::Owned(_))
}

/// Whether the value of a KeyTable's entry, `DOMAIN:SELECTOR:KEY`, is a data set or a link as a
/// whole, whose parts between colons are no fields but pieces of its password.
pub fn is_set_for_entry(value: &str) -> bool {
    let is_known =
        |name: &str| WITH_CREDENTIALS.contains(&name.trim().to_ascii_lowercase().as_str());
    let mut parts = value.splitn(3, ':').map(str::trim_start);
    let (Some(first), Some(second)) = (parts.next(), parts.next()) else {
        return false;
    };
    if second.starts_with("//") {
        return true;
    }
    let Some(key) = parts.next() else {
        return is_known(first);
    };
    if is_known(first) {
        // Such a word may be the name of a domain in one's own network, too.
        return key.starts_with("//") || !begins_as_path(key) || key.contains('@');
    }
    is_known(second) && key.starts_with("//") && key.contains('@')
}

fn begins_as_path(text: &str) -> bool {
    ["/", "./", "../"]
        .iter()
        .any(|begin| text.starts_with(begin))
}

/// Whether what stands at `at` is within a word that begins as a path.
fn is_in_path(text: &str, at: usize) -> bool {
    let word = text[..at]
        .rfind(|c: char| c.is_whitespace() || "\"'`(<,".contains(c))
        .map_or(0, |at| at + 1);
    let word = &text[word..at];
    let path = OF_FILES.iter().find_map(|kind| word.strip_prefix(kind));
    let path = path.unwrap_or(word);
    // What follows a file's name and a colon may be a line of it.
    let within = path
        .rsplit_once(':')
        .is_none_or(|(_, rest)| rest.contains('/'));
    begins_as_path(path) && within && !path.contains('?')
}

/// Where a list of items between commas holds a data set with its password, which may have commas
/// in it: from the first octet of its first item to the end of its last.
pub fn in_list(text: &str) -> Option<Range<usize>> {
    let (begin, of_link) = first_set(text)?;
    let rest = &text[begin..];
    if of_link || !rest.contains("://") {
        return None;
    }
    let last = rest.rfind('@').unwrap_or_default();
    let end = rest[last..]
        .find(',')
        .map_or(rest.len(), |comma| last + comma);
    let item = text[..begin].rfind(',').map_or(0, |comma| comma + 1);
    Some(item..begin + end)
}

/// Hides what an error line says of a data set of no known type: `FILE: SET: dkimf_db_open(): …`.
fn without_unknown_set(text: &str) -> Option<String> {
    let end = text.find(UNKNOWN_TYPE)?;
    // The file's name may be preceded by the program's.
    let file = text[..end].find(['/', '.']).unwrap_or(0);
    let begin = text[file..end].find(": ").map_or(0, |at| file + at + 2);
    let place = "configuration error at line ";
    let begin = match text[begin..end]
        .strip_prefix(place)
        .and_then(|rest| rest.split_once(": "))
    {
        Some((_, set)) => end - set.len(),
        None => begin,
    };
    let set = &text[begin..end];
    let shown = unknown_set_shown(set);
    Some(format!("{}{shown}{}", &text[..begin], &text[end..]))
}

/// Hides user information of data sets and addresses, and parameters that may hold more.
fn without_credentials(text: &str) -> Option<String> {
    let (begin, of_link) = first_set(text)?;
    let (before, rest) = text.split_at(begin);
    if of_link {
        let (scheme, after) = rest.split_once("://")?;
        let end = after
            .find(|c: char| c.is_whitespace() || "\"'<>".contains(c))
            .unwrap_or(after.len());
        let (link, beyond) = after.split_at(end);
        let link = link_shown(link);
        let beyond = without_credentials(beyond).unwrap_or_else(|| beyond.to_owned());
        return Some(format!("{before}{scheme}://{link}{beyond}"));
    }
    let (set, after) = rest.split_at(end_of_set(rest));
    let after = without_credentials(after).unwrap_or_else(|| after.to_owned());
    Some(format!("{before}{}{after}", set_shown(set)))
}

/// A password may hold anything, blanks too; only words that follow a whole set end it. A set
/// without an address in it (`ldap:accounts`, as Postfix has them) ends at a blank.
fn end_of_set(text: &str) -> usize {
    let of_dkim = ["dsn:", "erlang:"].iter().any(|kind| {
        text.get(..kind.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(kind))
    });
    let whole = match of_dkim || text.contains("://") {
        true => text.len(),
        false => text.find(char::is_whitespace).unwrap_or(text.len()),
    };
    let words = AFTER_A_SET.iter().filter_map(|words| text.find(words));
    words.chain([whole]).min().unwrap_or(whole)
}

/// Where the first data set or address begins that may hold credentials, and whether it is a link.
fn first_set(text: &str) -> Option<(usize, bool)> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.match_indices(':').find_map(|(colon, _)| {
        let scheme = text[..colon]
            .rfind(|c: char| !is_scheme(c))
            .map_or(0, |at| {
                at + text[at..].chars().next().map_or(1, char::len_utf8)
            });
        let name = text[scheme..colon].to_ascii_lowercase();
        let rest = &text[colon + 1..];
        if WITH_CREDENTIALS.contains(&name.as_str()) {
            let said = rest.is_empty() || rest.starts_with(char::is_whitespace);
            let of_path = !rest.starts_with("//") && is_in_path(text, scheme);
            return (!said && !of_path).then_some((scheme, false));
        }
        let address = rest.starts_with("//") && !name.is_empty();
        address.then_some((scheme, OF_LINKS.contains(&name.as_str())))
    })
}

/// A data set from its type on: the type, the user if it is plain, the host; no parameters.
fn set_shown(set: &str) -> String {
    // A colon too many (`mysql:://`, as OpenDKIM's manual has it) still parts scheme and rest.
    let (scheme, rest) = match set.find("://") {
        Some(at) => (&set[..at + 3], &set[at + 3..]),
        None => {
            let known = set
                .match_indices(':')
                .take_while(|(at, _)| {
                    let word = set[..*at].rsplit(':').next().unwrap_or_default();
                    WITH_CREDENTIALS.contains(&word.to_ascii_lowercase().as_str())
                })
                .last();
            let at = known.map_or(0, |(at, _)| at + 1);
            (&set[..at], &set[at..])
        }
    };
    let lowered = scheme.to_ascii_lowercase();
    if lowered.starts_with("erlang") {
        return format!("{scheme}{HIDDEN}");
    }
    let is_path = rest.starts_with('/') && !lowered.contains("://");
    if is_path && !lowered.contains("dsn") {
        return set.to_owned();
    }
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user_shown(user)), rest),
        None => (None, rest),
    };
    let plain = rest.split(['?', ';', '&']).next().unwrap_or(rest);
    let cut = plain.len() < rest.len();
    // Without an at sign, what follows a colon may be a password whose rest was a comment.
    let (plain, cut) = match plain.split_once(':') {
        Some((host, after)) if !is_port(after) || lowered.contains("dsn") => {
            let host = if is_plain_user(host) { host } else { HIDDEN };
            (format!("{host}:"), true)
        }
        _ => (plain.to_owned(), cut),
    };
    let user = user.map_or_else(String::new, |user| user + "@");
    match cut {
        true if rest.contains('?') && !plain.ends_with(':') => {
            format!("{scheme}{user}{plain}?{HIDDEN}")
        }
        true => format!("{scheme}{user}{plain}{HIDDEN}"),
        false => format!("{scheme}{user}{plain}"),
    }
}

/// Hides what follows the name of a secret: `password=…`, `LDAPBindPassword …`.
fn without_named(text: &str) -> Option<String> {
    let lowered = text.to_ascii_lowercase();
    let option = PASSWORD_OPTION.to_ascii_lowercase();
    if let Some(at) = lowered.find(&option) {
        let end = at + option.len();
        let rest = &text[end..];
        let value = rest.trim_start_matches(|c: char| c.is_whitespace() || "=:".contains(c));
        let spoken = value.is_empty() || value.len() == rest.len() || is_said_of_it(value);
        return (!spoken).then(|| format!("{} {HIDDEN}", &text[..end]));
    }
    let at = lowered.match_indices('=').map(|(at, _)| at).find(|at| {
        let name = lowered[..*at].trim_end_matches([' ', '"', '\'']);
        NAMES_OF_SECRETS.iter().any(|secret| name.ends_with(secret))
            && !is_in_path(text, *at)
            && !text[at + 1..].trim_start().is_empty()
    })?;
    Some(format!("{}={HIDDEN}", &text[..at]))
}

/// Our own words about the option, not its value.
fn is_said_of_it(rest: &str) -> bool {
    [
        "is known but",
        "was already given",
        "has no effect",
        "required value",
    ]
    .iter()
    .any(|words| rest.starts_with(words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HARMLESS: [&str; 32] = [
        "/root/rc/keys_2Xb9QmK4Rt7LpVw3ZsA8cD5fG6hJ1nM0qYuE/private.key",
        "/root/rc/Schluessel-AB12cdEF34ghIJ56klMN78opQR90stUV12wxYZ34/dkim.pem",
        "/root/rc/my=pass=x/k.pem",
        "/root/rc/socket:x/k.pem",
        "/etc/dkimkeys/a:b@c/k.pem",
        "/etc/dkimkeys/joe@example.com.pem",
        "/etc/dkimkeys/ldap:/k.pem",
        "/etc/dkimkeys/password=/k.pem",
        "/etc/dkimkeys/d=example.com,s=mail.pem",
        "/srv/sql:backup/secret=1/k",
        "./keys/token=a/k.pem",
        "../keys/a=b@c:d.pem",
        "file:/etc/opendkim/pass=word",
        "refile:/etc/opendkim/Signing=Table",
        "local:/run/x",
        "local:/run/opendkim/a@b.sock",
        "unix:/run/opendkim/pw=1.sock",
        "inet:8891@localhost",
        "inet6:8891@::1",
        "inet:8891@[::1]",
        "inet6:8891@[2001:db8::1]",
        "inet:8891",
        "joe@example.com mail._domainkey.example.com",
        "*@example.com example",
        "csl:joe@example.com,ann@example.com",
        "csl:joe@example.com=k",
        "2001:db8::1,joe@example.com",
        "<joe@example.com>",
        "from=<joe+tag@example.com>",
        "https://mail.example/?p=joe@example.com&listing=192.0.2.1",
        "https://example.com:8080/x",
        "opendkim:mail",
    ];
    const DER: &str = "MIIEpAIBAAKCAQEA7tK9s2mYw0kq3Vt8pXb5cN1Lr6oQeZfGhJ4uDxWyTaSiRvPc";

    #[test]
    fn a_data_set_is_shown_without_its_password() {
        for (written, told) in [
            (
                "dsn:pgsql://mailuser:correct-horse@127.0.0.1/mail/table=dkim?keycol=id?datacol=x",
                "dsn:pgsql://mailuser:...@127.0.0.1/mail/table=dkim?...",
            ),
            (
                "dsn:mysql://u:p@ss/w:o@3306+h/d",
                "dsn:mysql://u:...@3306+h/d",
            ),
            ("dsn:mysql://u:horse", "dsn:mysql://u:..."),
            ("dsn:mysql:://u:p@h/d", "dsn:mysql:://u:...@h/d"),
            ("DSN:mysql://h/d/table=t", "DSN:mysql://h/d/table=t"),
            ("ldap://h:389/dc=x?uid?sub", "ldap://h:389/dc=x?..."),
            ("ldaps://cn=a:horse@h/", "ldaps://...@h/"),
            ("erlang:n@h:cookie:m:f", "erlang:..."),
            ("mysql:/etc/postfix/a.cf", "mysql:/etc/postfix/a.cf"),
            ("https://u:p@h/?q=a@b", "https://u:...@h/?q=a@b"),
            ("https://h/?a=b&api_key=horse", "https://h/?..."),
            ("https://horse@h/x", "https://...@h/x"),
            ("see http://h/x?key=horse here", "see http://h/x?... here"),
            ("http://u:ho/rse@h:80/x", "http://u:...@h:80/x"),
            ("http://u:horse", "http://u:..."),
            ("'u:horse@h'", "'u:...@h'"),
            ("UserID u:horse@h", "UserID u:...@h"),
            ("inet:8891@u:horse@h", "inet:8891@u:...@h"),
            ("inet6:u:horse@h", "inet6:u:...@h"),
        ] {
            assert_eq!(line(written), told);
        }
        for (written, told) in [
            ("postgres://u:p@h/d", "postgres://u:...@h/d"),
            ("user:horse@h", "user:..."),
            ("user:horse", "user:..."),
            ("regexp:/etc/x", "regexp:/etc/x"),
            ("http://h/x?horse", "http://h/x?..."),
            ("https://horse@h/x", "https://...@h/x"),
        ] {
            assert_eq!(unknown_set(written), told);
        }
    }

    #[test]
    fn keys_are_told_from_paths_words_and_public_keys() {
        assert_eq!(line(&format!("k d:s:{DER} broken")), "k d:s:... broken");
        assert_eq!(
            line("x -----BEGIN RSA PRIVATE KEY----- MIIE"),
            "x -----BEGIN PRIVATE KEY-----..."
        );
        for harmless in [
            "/etc/opendkim/keys/subdirectory/averylongcompanyname/default",
            "p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxk3Ptn",
            "the key text in the KeyTable is damaged",
            "opendkim: 4F3A21C0E1: no signing table match for 'joe@example.com'",
            "mx.example.com; dkim=pass header.d=example.com header.s=mail",
            "unix:opendkim/opendkim.sock inet:8891@localhost",
        ] {
            assert_eq!(line(harmless), harmless);
        }
        assert!(is_private_key(
            "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
        ));
        assert!(!is_private_key("/etc/dkimkeys/mail.private"));
    }

    #[test]
    fn what_is_harmless_is_shown_as_it_is() {
        for harmless in HARMLESS {
            assert_eq!(line(harmless), harmless);
            let told = format!("can't load key from {harmless}: No such file or directory");
            assert_eq!(line(&told), told);
        }
    }

    #[test]
    fn what_begins_as_a_path_is_one_unless_a_key_is_in_it() {
        for path in HARMLESS.iter().filter(|text| begins_as_path(text)) {
            assert!(is_path_of_key(path), "{path}");
        }
        for other in [
            format!("/etc/{DER}"),
            "./-----BEGIN PRIVATE KEY-----".to_owned(),
            "dsn:mysql://h/d".to_owned(),
            "k.pem".to_owned(),
        ] {
            assert!(!is_path_of_key(&other), "{other}");
        }
    }

    #[test]
    fn sets_in_the_place_of_an_entry_are_told_from_entries() {
        for set in [
            "dsn:mysql://u:horse@h/d",
            "mysql://u:horse@h/d",
            "https://horse@h/x",
            "unheard-of://u:horse@h/d",
            "ldap:u:horse@h/d",
            "DSN:mysql:/u:horse@h/d",
            "example.com:pgsql://u:horse@h/d",
        ] {
            assert!(is_set_for_entry(set), "{set}");
        }
        for entry in [
            "example.com:mail:/k/a.pem",
            "example.com:mail://k/a@b.pem",
            "example.com:mysql://k/a.pem",
            "redis:mail:/k/a.pem",
            "socket:mail:./k",
            "%:s:/k/%",
            "example.com:s:dsn:mysql://u:horse@h/d",
        ] {
            assert!(!is_set_for_entry(entry), "{entry}");
        }
    }

    #[test]
    fn lines_of_files_are_no_paths() {
        for (written, told) in [
            ("/etc/x.cf:password=horse", "/etc/x.cf:password=..."),
            ("/etc/x.cf:3:ldap://u:horse@h", "/etc/x.cf:3:ldap://u:...@h"),
            ("/d/table=t?pass=horse", "/d/table=t?pass=..."),
        ] {
            assert_eq!(line(written), told);
        }
    }

    #[test]
    fn lines_of_a_key_are_told_from_entries() {
        assert!(is_key_line("-----BEGIN PRIVATE KEY-----", false));
        assert!(is_key_line(DER, false));
        assert!(is_key_line("abCd12==", true));
        for entry in [
            "*@example.com mail",
            "abCd12==",
            "a-host-name-that-is-long.Example.0rg",
        ] {
            assert!(!is_key_line(entry, false), "{entry}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// Whatever the password is made of, nothing of it is shown.
        #[test]
        fn no_password_is_shown(
            kind in prop::sample::select(vec!["dsn:mysql://", "ldap://", "DSN:pgsql://", "dsn:mysql:/", "mysql://"]),
            user in "[a-z]{1,6}",
            password in "[A-Z0-9@/:?;&=%+ ,'\"\\\\-]{5,20}",
            after in prop::sample::select(vec!["@h/d", "@3306+h/d/table=t?keycol=k", "@h:389/dc=x?uid"]),
        ) {
            let password = format!("Q{password}Q");
            for text in [
                format!("{kind}{user}:{password}{after}"),
                format!("KeyTable: \"{kind}{user}:{password}{after}\": dkimf_db_open(): x"),
            ] {
                let shown = line(&text);
                prop_assert!(!shown.contains('Q'), "{} of {}", shown, text);
                // Shown again, it stays.
                prop_assert_eq!(line(&shown), shown.as_ref());
            }
        }

        #[test]
        fn any_text_is_shown_without_trouble(text in "\\PC{0,60}") {
            let _ = (line(&text), unknown_set(&text), item(&text), is_key_line(&text, true));
        }
    }
}
