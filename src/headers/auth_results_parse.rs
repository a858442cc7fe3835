//! Finding incoming Authentication-Results fields that claim to be ours (RFC 8601 section 5).
//!
//! A field counts as ours by its authserv-id alone, whatever follows it and however it is written:
//! case, comments, quoting, folding, a trailing dot, a job after `/`, a version number, and U-labels
//! make no difference, and garbage after the id does not save a field. OpenDKIM deletes only fields
//! that it can parse to the end and that hold a `dkim` result, so forged ones survive it; nothing
//! that a receiver further down could take for our word survives here. A filter that runs before
//! dkimd and writes results of its own therefore needs an authserv-id of its own (or
//! KeepAuthResults).

use std::collections::HashSet;

use crate::{dkim::header::HeaderSection, dns::name::to_a_labels};

/// The field's name.
pub const NAME: &str = "Authentication-Results";

/// Words of which an authserv-id may be put together with blanks and comments in between, where no
/// semicolon ends it.
const MAX_BEGINNINGS: usize = 16;

/// Octets of a host's name (RFC 1035 section 3.1); a longer authserv-id is nobody's.
const MAX_HOST_OCTETS: usize = 255;

/// Which incoming fields are deleted.
#[derive(Clone, Debug, Default)]
pub struct RemovalRules {
    own: Option<String>,
    hosts: HashSet<String>,
    below: HashSet<String>,
    all_methods: bool,
    keep: bool,
}

impl RemovalRules {
    /// Deletes every field whose authserv-id is `own`.
    pub fn new(own: &str) -> Self {
        Self {
            own: Some(normalized(own.as_bytes())),
            ..Self::default()
        }
    }

    /// RemoveARFrom: deletes the fields of these too. `.example.com` stands for every host below
    /// example.com (OpenDKIM documents that form but does not match it).
    ///
    /// Of these hosts, only fields that speak of DKIM are deleted unless
    /// [`RemovalRules::all_methods`] is set.
    pub fn remove_from<'a>(mut self, entries: impl IntoIterator<Item = &'a str>) -> Self {
        for entry in entries {
            match entry.trim().strip_prefix('.') {
                Some(domain) => self.below.insert(normalized(domain.as_bytes())),
                None => self.hosts.insert(normalized(entry.as_bytes())),
            };
        }
        self
    }

    /// RemoveARAll: of the hosts in RemoveARFrom, delete fields of any method.
    pub fn all_methods(mut self, all: bool) -> Self {
        self.all_methods = all;
        self
    }

    /// KeepAuthResults: delete nothing.
    pub fn keep(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// Whether a field with this value is deleted.
    pub fn matches(&self, value: &[u8]) -> bool {
        if self.keep {
            return false;
        }
        let ids = AuthservIds::read(value);
        ids.any(|id| self.own.as_deref() == Some(id))
            || ids.any(|id| self.lists(id)) && (self.all_methods || mentions_dkim(ids.rest))
    }

    fn lists(&self, id: &str) -> bool {
        if id.len() > MAX_HOST_OCTETS {
            return false;
        }
        self.hosts.contains(id)
            || id
                .match_indices('.')
                .any(|(dot, _)| self.below.contains(&id[dot + 1..]))
    }
}

/// The occurrences of Authentication-Results to delete, counted from 1 among the fields of that
/// name, the last first: so that a deletion never moves one that is still to come.
pub fn fields_to_delete(section: &HeaderSection, rules: &RemovalRules) -> Vec<u32> {
    let mut occurrences: Vec<u32> = section
        .iter()
        // RFC 5322 section 4.5.8 lets blanks stand before the colon, and Postfix counts such
        // fields under their name.
        .filter(|field| field.bare_name().eq_ignore_ascii_case(NAME.as_bytes()))
        .zip(1..)
        .filter(|(field, _)| rules.matches(field.value))
        .map(|(_, occurrence)| occurrence)
        .collect();
    occurrences.reverse();
    occurrences
}

/// The authserv-id of a field's value, normalised: lower case, A-labels, without comments, quotes,
/// folds, trailing dots, version number or job. Empty if there is none.
pub fn authserv_id(value: &[u8]) -> String {
    AuthservIds::read(value).whole
}

/// What a field's authserv-id may be taken for, all normalised.
struct AuthservIds<'a> {
    /// All words before the first semicolon, but for a version number.
    whole: String,
    /// The first word, the first two, and so on: garbage may follow in place of a semicolon.
    beginnings: Vec<String>,
    /// What follows the first semicolon.
    rest: &'a [u8],
}

impl<'a> AuthservIds<'a> {
    fn read(value: &'a [u8]) -> Self {
        let Head { mut words, end } = Head::read(value);
        let mut beginning = Vec::new();
        let beginnings = words
            .iter()
            .take(MAX_BEGINNINGS)
            .map(|word| {
                beginning.extend_from_slice(word);
                normalized(&beginning)
            })
            .collect();
        if words.len() > 1 && words.last().is_some_and(|word| is_version(word)) {
            words.pop();
        }
        Self {
            whole: normalized(&words.concat()),
            beginnings,
            rest: value.get(end + 1..).unwrap_or_default(),
        }
    }

    fn any(&self, wanted: impl Fn(&str) -> bool) -> bool {
        std::iter::once(&self.whole)
            .chain(&self.beginnings)
            .any(|id| !id.is_empty() && wanted(id))
    }
}

/// The words before the first semicolon, comments and quotes taken off.
struct Head {
    words: Vec<Vec<u8>>,
    end: usize,
}

impl Head {
    fn read(value: &[u8]) -> Self {
        let mut words: Vec<Vec<u8>> = Vec::new();
        let mut word = Vec::new();
        let mut at = 0;
        while let Some(&octet) = value.get(at) {
            match octet {
                b';' => break,
                b'(' => {
                    at = comment_end(value, at);
                    end_word(&mut words, &mut word);
                    continue;
                }
                b'"' => {
                    // A quote that never ends is taken as not there.
                    if let Some((text, end)) = quoted_string(value, at) {
                        word.extend(text);
                        at = end;
                        continue;
                    }
                }
                b' ' | b'\t' | b'\r' | b'\n' => end_word(&mut words, &mut word),
                0..=0x1f | 0x7f => {}
                octet => word.push(octet),
            }
            at += 1;
        }
        end_word(&mut words, &mut word);
        Self { words, end: at }
    }
}

fn end_word(words: &mut Vec<Vec<u8>>, word: &mut Vec<u8>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Where the comment that begins at `start` ends; the end of the value if it never does.
fn comment_end(value: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while let Some(octet) = value.get(at) {
        match octet {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    value.len()
}

/// The text of the quoted-string that begins at `start`, without white space, and where it ends.
fn quoted_string(value: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let mut text = Vec::new();
    let mut at = start + 1;
    loop {
        match value.get(at)? {
            b'"' => return Some((text, at + 1)),
            b'\\' => {
                at += 1;
                text.push(*value.get(at)?);
            }
            0..=b' ' | 0x7f => {}
            &octet => text.push(octet),
        }
        at += 1;
    }
}

fn is_version(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_digit)
}

/// An id without its job, normalised.
fn normalized(id: &[u8]) -> String {
    let host = id.split(|&octet| octet == b'/').next().unwrap_or_default();
    let text = String::from_utf8_lossy(host);
    let text = text.trim();
    let text = to_a_labels(text).map_or_else(
        |_| text.to_lowercase(),
        |labels| labels.to_ascii_lowercase(),
    );
    text.trim_end_matches('.').to_owned()
}

/// Whether anything but comments in the results speaks of DKIM; doubt counts as yes.
fn mentions_dkim(results: &[u8]) -> bool {
    let mut text = Vec::with_capacity(results.len());
    let mut at = 0;
    while let Some(&octet) = results.get(at) {
        match octet {
            b'(' => {
                let end = comment_end(results, at);
                if end == results.len() && results.last() != Some(&b')') {
                    return true;
                }
                at = end;
                continue;
            }
            b'"' | b'\\' | 0..=b' ' | 0x7f => {}
            octet => text.push(octet.to_ascii_lowercase()),
        }
        at += 1;
    }
    text.windows(4).any(|window| window == b"dkim")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(value: &str) -> bool {
        RemovalRules::new("mail.example.com").matches(value.as_bytes())
    }

    #[test]
    fn our_id_is_found_however_it_is_written() {
        for value in [
            " mail.example.com; dkim=pass",
            "mail.example.com",
            "\r\n\tMAIL.example.COM ;dkim=pass",
            " mail.example.com. 1; spf=pass",
            " \"mail.example.com\"; dkim=pass",
            " \"mail.ex\\ample.com\" 1 (x); none",
            " (a (b \\) c) d) mail.example.com (e); none",
            " mail.example.com/4XyZ1a2b3c; dkim=pass",
            " mail . example . com; dkim=pass",
            " mail(x).example(y).com; dkim=pass",
            " mail.example.com; dkim=pass foo.bar=x",
            " mail.example.com dkim=pass",
            " mail . example . com. dkim=pass",
            " mail.example.com (never closed; dkim=pass",
            " \"mail.example.com; dkim=pass",
            " mail.\"example\".com; dkim=pass",
            " mail.exam\0ple.com; \0",
            " ｍａｉｌ.example.com; dkim=pass",
            " mail。example。com; dkim=pass",
        ] {
            assert!(ours(value), "{value:?}");
        }
    }

    #[test]
    fn the_ids_of_others_are_not_ours() {
        for value in [
            "",
            ";",
            " ; mail.example.com",
            " mail.example.org; dkim=pass header.d=mail.example.com",
            " xmail.example.com; dkim=pass",
            " example.com; dkim=pass",
            " mx.mail.example.com; dkim=pass",
            " (mail.example.com) mx.example.net; dkim=pass",
            " mx.example.net (mail.example.com); dkim=pass",
            " mx.example.net/mail.example.com; dkim=pass",
            " mail.example.com.evil.example; dkim=pass",
        ] {
            assert!(!ours(value), "{value:?}");
        }
    }

    #[test]
    fn u_labels_and_a_labels_are_one_id() {
        let rules = RemovalRules::new("post.bücher.example");
        assert!(rules.matches(b" post.xn--bcher-kva.example; dkim=pass"));
        assert!(rules.matches(" POST.BÜCHER.example; dkim=pass".as_bytes()));
        let rules = RemovalRules::new("post.xn--bcher-kva.example");
        assert!(rules.matches(" post.bücher.example; dkim=pass".as_bytes()));
    }

    #[test]
    fn listed_hosts_lose_what_speaks_of_dkim_and_all_only_if_asked() {
        let rules =
            RemovalRules::new("us.example").remove_from(["Relay.example.net.", ".example.org"]);
        for value in [
            " relay.example.net; dkim=pass",
            " relay.example.net; spf=pass; DKIM=pass",
            " a.b.example.org; dkim=fail",
            " relay.example.net; spf=pass (never closed",
            " relay.example.net; \"dk\\im\"=pass",
        ] {
            assert!(rules.matches(value.as_bytes()), "{value}");
        }
        for value in [
            " relay.example.net; spf=pass (dkim=pass)",
            " example.org; dkim=pass",
            " badexample.org; dkim=pass",
            " other.example.net; dkim=pass",
        ] {
            assert!(!rules.matches(value.as_bytes()), "{value}");
        }
        let rules = rules.all_methods(true);
        assert!(rules.matches(b" relay.example.net; spf=pass (dkim=pass)"));
        assert!(!rules.matches(b" other.example.net; spf=pass"));
        assert!(rules.matches(b" us.example; spf=pass"));
        assert!(!rules.keep(true).matches(b" us.example; dkim=pass"));
    }

    #[test]
    fn an_endless_id_is_nobody_s_and_takes_no_time() {
        let rules = RemovalRules::new("us.example").remove_from([".example.org", "a.example"]);
        let dots = ".".repeat(60_000);
        let labels = "a.".repeat(30_000);
        let begun = std::time::Instant::now();
        for value in [
            format!(" x{dots}example.org; dkim=pass"),
            format!(" {labels}example.org; dkim=pass"),
        ] {
            assert!(!rules.matches(value.as_bytes()));
        }
        for value in [
            format!(" us.example {labels}; dkim=pass"),
            format!(" a.example {dots}; dkim=pass"),
            format!(" b.example.org ({labels}) {labels}; dkim=pass"),
        ] {
            assert!(rules.matches(value.as_bytes()));
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    }

    #[test]
    fn an_own_id_with_a_slash_is_found_with_any_job() {
        let rules = RemovalRules::new("mail.example.com/site");
        assert!(rules.matches(b" mail.example.com/site; dkim=pass"));
        assert!(rules.matches(b" mail.example.com/job; dkim=pass"));
    }
}
