//! What is shown of a text that may hold a password or a private key: all but that.
//!
//! Configuration files hold passwords (`dsn:` and `ldap:` data sets, LDAPBindPassword) and private
//! keys (in a KeyTable), and are often readable to few for that reason; logs, terminals and tickets
//! have more readers. Whatever a configuration, a table or a log line held goes through here on its
//! way to a person: [`line`] for a sentence, a value or a log line, [`unknown_set`] for a value of which
//! nothing is known. Both err on the side of hiding. Pure.

use std::{borrow::Cow, ops::Range};

use data_encoding::BASE64_NOPAD;
use memchr::memmem;

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
/// Fewer letters of base64 in a row are no piece of a key worth hiding by its looks alone.
const LEAST_PIECE: usize = 40;
/// What the base64 of each public RSA key has in it: the name of its kind.
const PUBLIC_RSA: &str = "ANBgkqhkiG9w0BAQEFAAO";
const PEM_BEGIN: &[u8] = b"-----BEGIN ";

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

/// [`line`] of a text that is one's own already.
pub fn owned(text: String) -> String {
    match line(&text) {
        Cow::Owned(changed) => changed,
        Cow::Borrowed(_) => text,
    }
}

/// Whether a text has anything in it that is not shown.
pub fn is_in(text: &str) -> bool {
    matches!(line(text), Cow::Owned(_))
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

/// Whether a text is, or holds, a private key: PEM, base64 of its DER, or a raw Ed25519 seed.
pub fn is_private_key(text: &str) -> bool {
    is_armour(text) || runs(text).any(|run| key_begin(run).is_some() || is_seed(run))
}

/// Whether a line of a file belongs to a private key pasted there, so that it is no entry of a
/// table; `after_one` says that the line before did.
pub fn is_key_line(line: &str, after_one: bool) -> bool {
    let line = line.trim();
    if is_armour(line) {
        return true;
    }
    let alone = !line.is_empty() && line.bytes().all(is_base64);
    alone && (after_one || (line.len() >= LEAST_PIECE && looks_random(line)))
}

/// `-----BEGIN … PRIVATE KEY-----` or its end.
fn is_armour(text: &str) -> bool {
    memmem::find(text.as_bytes(), b"-----").is_some()
        && memmem::find(text.as_bytes(), b"PRIVATE KEY").is_some()
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

/// Hides what follows the first line of a private key's armour.
fn without_armour(text: &str) -> Option<String> {
    let begin = memmem::find(text.as_bytes(), PEM_BEGIN)?;
    if !text[begin..].contains("PRIVATE KEY") {
        return None;
    }
    Some(format!(
        "{}-----BEGIN PRIVATE KEY-----{HIDDEN}",
        &text[..begin]
    ))
}

/// Hides user information of data sets and addresses, and parameters that may hold more.
fn without_credentials(text: &str) -> Option<String> {
    let (begin, of_link) = first_set(text)?;
    let (before, rest) = text.split_at(begin);
    if of_link {
        // A link: only what stands before an at sign in its authority.
        let (scheme, after) = rest.split_once("://")?;
        let end = after
            .find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c))
            .unwrap_or(after.len());
        let (authority, beyond) = after.split_at(end);
        let authority = match authority.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => format!("{}@{host}", user_shown(user)),
            _ => authority.to_owned(),
        };
        let beyond = without_credentials(beyond).unwrap_or_else(|| beyond.to_owned());
        return Some(format!("{before}{scheme}://{authority}{beyond}"));
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
            return (!said).then_some((scheme, false));
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

/// `mailuser:...` of `mailuser:secret`; a lone word may be the secret itself.
fn user_shown(user: &str) -> String {
    match user.split_once(':') {
        Some((name, _)) if is_plain_user(name) => format!("{name}:{HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}

fn is_plain_user(name: &str) -> bool {
    name.bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || b"._-".contains(&octet))
}

/// Whether digits and then the end of an authority follow.
fn is_port(after: &str) -> bool {
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    (1..=5).contains(&digits) && matches!(after.as_bytes().get(digits), None | Some(b'/' | b' '))
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

/// Hides private keys in base64, and what looks like pieces of them.
fn without_keys(text: &str) -> Option<String> {
    let mut shown = String::new();
    let mut copied = 0;
    let mut after_key = false;
    for run in runs(text) {
        let start = run.as_ptr() as usize - text.as_ptr() as usize;
        let between = &text[copied..start];
        let continues = after_key && between.bytes().all(|o| b" \t\"'\\,".contains(&o));
        let from = match key_begin(run) {
            // What precedes it in a path is none of it.
            Some(at) if run.starts_with('/') => Some(run[..at].rfind('/').map_or(at, |at| at + 1)),
            Some(_) => Some(0),
            None if is_seed(run) => Some(0),
            None if is_piece(run) => Some(0),
            None if continues && !is_a_word(run) => Some(0),
            None => None,
        };
        after_key = from.is_some();
        if let Some(from) = from {
            if !continues {
                shown.push_str(&text[copied..start + from]);
                shown.push_str(HIDDEN);
            }
            copied = start + run.len();
        }
    }
    (copied > 0).then(|| shown + &text[copied..])
}

/// The stretches of letters that base64 uses.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii() || !is_base64(c as u8))
        .filter(|run| !run.is_empty())
}

fn is_base64(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"+/=".contains(&octet)
}

/// Where the base64 of a DER private key begins: a SEQUENCE whose first member is a version number.
/// (A public key's or a certificate's is another SEQUENCE.)
fn key_begin(run: &str) -> Option<usize> {
    run.match_indices('M').map(|(at, _)| at).find(|at| {
        let Some(head) = run.as_bytes().get(*at..at + 12) else {
            return false;
        };
        let Ok(der) = BASE64_NOPAD.decode(head) else {
            return false;
        };
        let version = match der.as_slice() {
            [0x30, 0x82, _, _, rest @ ..] | [0x30, 0x81, _, rest @ ..] => rest,
            [0x30, length, rest @ ..] if *length < 0x80 => rest,
            _ => return false,
        };
        matches!(version, [2, 1, 0 | 1, ..]) && run.len() - at >= LEAST_PIECE
    })
}

/// What looks like a piece of a key, and neither like a path nor like public tags of a record.
fn is_piece(run: &str) -> bool {
    let public = ["p=", "b=", "bh="].iter().any(|tag| run.starts_with(tag));
    run.len() >= LEAST_PIECE
        && looks_random(run)
        && !run.starts_with('/')
        && !public
        && !run.contains(PUBLIC_RSA)
}

/// 32 octets in base64 with its padding, as raw Ed25519 keys are written.
fn is_seed(run: &str) -> bool {
    run.len() == 44 && run.ends_with('=') && !run[..43].contains('=') && looks_random(run)
}

/// Whether large and small letters and digits are as mixed as chance makes them.
fn looks_random(text: &str) -> bool {
    let count = |of: fn(&u8) -> bool| text.bytes().filter(of).count();
    count(u8::is_ascii_uppercase) * 8 >= text.len()
        && count(u8::is_ascii_lowercase) * 8 >= text.len()
        && count(u8::is_ascii_digit) >= 1
}

/// A word of a sentence: small letters, perhaps after a large one.
fn is_a_word(run: &str) -> bool {
    run.len() < LEAST_PIECE
        && run.bytes().skip(1).all(|octet| octet.is_ascii_lowercase())
        && run.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            (
                "https://h/?u=joe@example.com",
                "https://h/?u=joe@example.com",
            ),
        ] {
            assert_eq!(line(written), told);
        }
        for (written, told) in [
            ("postgres://u:p@h/d", "postgres://u:...@h/d"),
            ("user:horse@h", "user:..."),
            ("user:horse", "user:..."),
            ("regexp:/etc/x", "regexp:/etc/x"),
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
