//! Finding incoming Authentication-Results fields that claim to be ours (RFC 8601 section 5).
//!
//! A field counts as ours by its authserv-id alone, whatever follows it. Of two readings of what
//! stands before the first semicolon, the one that makes the field ours wins, and octets that can't be
//! part of a name count as blanks: so case, comments, quoting, folding, dots at the ends, a job after
//! `/`, a port, a version number and U-labels make no difference, and garbage after the id does not
//! save a field. OpenDKIM deletes only fields that it can parse to the end and that hold a `dkim`
//! result, so forged ones survive it; nothing that a receiver further down could take for our word
//! survives here. A filter that runs before dkimd and writes results of its own therefore needs an
//! authserv-id of its own (or KeepAuthResults).

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
};

use super::authserv_readings::{Beginning, Worth, any_reading, is_name_octet, standard_reading};
use crate::{dkim::header::HeaderSection, dns::name::to_a_labels};

/// The field's name.
pub const NAME: &str = "Authentication-Results";

/// Octets of a host's name (RFC 1035 section 3.1); a longer authserv-id is nobody's.
const MAX_HOST_OCTETS: usize = 255;

/// How many texts of one field are turned into A-labels, which costs more than all the rest. A field
/// that takes more is removed: no name is written so, and any further text could be ours.
const MAX_CONVERSIONS: usize = 16;

/// Which incoming fields are deleted.
#[derive(Clone, Debug, Default)]
pub struct RemovalRules {
    own: String,
    /// The same in U-labels, as [`written`] has it.
    own_written: String,
    hosts: Names,
    below: Names,
    all_methods: bool,
    keep: bool,
}

/// Names, in A-labels and in U-labels, and the lengths that there are among them.
#[derive(Clone, Debug, Default)]
struct Names {
    names: HashSet<String>,
    lengths: BTreeSet<usize>,
}

impl Names {
    fn insert(&mut self, name: String) {
        for name in [in_u_labels(&name), name] {
            if !name.is_empty() {
                self.lengths.insert(name.len());
                self.names.insert(name);
            }
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.lengths.contains(&name.len()) && self.names.contains(name)
    }

    /// Whether `name` is a host below one of these.
    fn holds_domain_of(&self, name: &str) -> bool {
        self.lengths.iter().any(|&length| {
            name.len().checked_sub(length + 1).is_some_and(|dot| {
                name.as_bytes()[dot] == b'.' && self.names.contains(&name[dot + 1..])
            })
        })
    }
}

impl RemovalRules {
    /// Deletes every field whose authserv-id is `own`.
    pub fn new(own: &str) -> Self {
        let own = reduced(own);
        Self {
            own_written: in_u_labels(&own),
            own,
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
                Some(domain) => self.below.insert(reduced(domain)),
                None => self.hosts.insert(reduced(entry)),
            }
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

    /// Whether a field with this value is deleted. The time is linear in the value's octets.
    pub fn matches(&self, value: &[u8]) -> bool {
        if self.keep || self.own.is_empty() && self.lists_nobody() {
            return false;
        }
        let mut search = Search {
            rules: self,
            value,
            converted: Vec::new(),
            mentions_dkim: None,
        };
        any_reading(value, |beginning| search.judge(beginning))
    }

    fn lists(&self, id: &str) -> bool {
        self.hosts.contains(id) || self.below.holds_domain_of(id)
    }

    fn lists_nobody(&self) -> bool {
        self.hosts.names.is_empty() && self.below.names.is_empty()
    }
}

/// The search for a name in one field.
struct Search<'a> {
    rules: &'a RemovalRules,
    value: &'a [u8],
    /// Texts that were turned into A-labels, with what they came to.
    converted: Vec<(Vec<u8>, String)>,
    /// Whether the results speak of DKIM, once somebody has asked.
    mentions_dkim: Option<bool>,
}

impl Search<'_> {
    fn judge(&mut self, beginning: Beginning<'_>) -> Worth {
        let Beginning {
            text, before, end, ..
        } = beginning;
        let whole = self.worth(text, end);
        let rest = match before {
            0 => Worth::Never,
            before => self.worth(&text[before..], end),
        };
        match (whole, rest) {
            (Worth::Found, _) | (_, Worth::Found) => Worth::Found,
            (Worth::Never, Worth::Never) => Worth::Never,
            _ => Worth::Open,
        }
    }

    fn worth(&mut self, text: &[u8], end: usize) -> Worth {
        let text = text.strip_prefix(b".").unwrap_or(text);
        let id = text.strip_suffix(b".").unwrap_or(text);
        match str::from_utf8(id) {
            Ok(id) if id.is_ascii() => self.worth_of(id, end),
            _ => self.worth_beyond_ascii(id, end),
        }
    }

    /// The same where not all is ASCII. Only texts that begin our own name and so many others as can be
    /// converted are looked at closely, so that the time stays linear.
    fn worth_beyond_ascii(&mut self, id: &[u8], end: usize) -> Worth {
        let rules = self.rules;
        // Conversion leaves labels that are all ASCII as they are.
        if rules.lists_nobody() && !rules.own.as_bytes().starts_with(ascii_labels(id)) {
            return Worth::Never;
        }
        let known = self.converted.iter().position(|(text, _)| text == id);
        let known = known.map(|at| self.converted[at].1.clone());
        let a_labels = match known {
            Some(a_labels) => a_labels,
            None => {
                let (written, is_whole) = written(id);
                if self.is_looked_for(&written, end) {
                    return Worth::Found;
                }
                if is_whole && rules.own_written.starts_with(&written) {
                    // Only more letters make it ours.
                    return Worth::Open;
                }
                if self.converted.len() == MAX_CONVERSIONS {
                    return Worth::Found;
                }
                let a_labels = in_a_labels(&valid(id));
                self.converted.push((id.to_vec(), a_labels.clone()));
                a_labels
            }
        };
        if self.is_looked_for(&a_labels, end) {
            Worth::Found
        } else {
            Worth::Open
        }
    }

    /// Whether the name is our own, or listed before results that count.
    fn is_looked_for(&mut self, id: &str, end: usize) -> bool {
        let rules = self.rules;
        let is_own = id == rules.own || id == rules.own_written;
        !id.is_empty() && (is_own || rules.lists(id) && self.counts(end))
    }

    fn worth_of(&mut self, id: &str, end: usize) -> Worth {
        let rules = self.rules;
        if self.is_looked_for(id, end) {
            return Worth::Found;
        }
        // A label that is all ASCII so far may become a U-label.
        let begun = match rules.own_written.is_ascii() {
            true => id.as_bytes(),
            false => ascii_labels(id.as_bytes()),
        };
        let may_become_own = rules.own.as_bytes().starts_with(begun);
        let may_become_listed = !rules.lists_nobody() && id.len() <= MAX_HOST_OCTETS;
        if may_become_own || may_become_listed {
            Worth::Open
        } else {
            Worth::Never
        }
    }

    /// Whether the results that follow count where the host is one of RemoveARFrom.
    fn counts(&mut self, end: usize) -> bool {
        let results = &self.value[end..];
        self.rules.all_methods
            || *self
                .mentions_dkim
                .get_or_insert_with(|| mentions_dkim(results))
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

/// The authserv-id of a field's value, as RFC 8601 reads it and normalised: lower case, A-labels,
/// without comments, quotes, folds, trailing dots, version number or job. Empty if there is none.
pub fn authserv_id(value: &[u8]) -> String {
    let mut id = Vec::new();
    standard_reading(value, |beginning| {
        let word = &beginning.text[id.len().min(beginning.text.len())..];
        let is_version = !id.is_empty() && word.iter().all(u8::is_ascii_digit);
        if !beginning.in_job && !is_version {
            id = beginning.text.to_vec();
        }
        Worth::Open
    });
    reduced(&String::from_utf8_lossy(&id))
}

/// A name without its job, as the readings find it, in A-labels.
fn reduced(name: &str) -> String {
    let host = name.split('/').find(|part| !part.is_empty());
    let mut id = String::new();
    for c in host.unwrap_or_default().chars() {
        let is_name = !c.is_ascii() || is_name_octet(c as u8);
        if is_name && !(c == '.' && (id.is_empty() || id.ends_with('.'))) {
            id.push(c.to_ascii_lowercase());
        }
    }
    in_a_labels(&id)
}

fn in_a_labels(id: &str) -> String {
    let labels =
        to_a_labels(id).map_or_else(|_| id.to_lowercase(), |labels| labels.to_ascii_lowercase());
    labels.trim_matches('.').to_owned()
}

/// The labels at the beginning that are complete and all ASCII, dots included.
fn ascii_labels(id: &[u8]) -> &[u8] {
    let beyond = id.iter().position(|octet| !octet.is_ascii());
    let before = &id[..beyond.unwrap_or(id.len())];
    let last_dot = before.iter().rposition(|&octet| octet == b'.');
    &id[..last_dot.map_or(0, |dot| dot + 1)]
}

/// A name as somebody would write it who knows U-labels.
fn in_u_labels(id: &str) -> String {
    let (labels, _) = idna::domain_to_unicode(id);
    written(labels.as_bytes()).0
}

/// The letters of a text, in lower case, and whether that is all of it: what is neither ASCII nor a
/// letter or digit, and what is no UTF-8, is left out as blanks are.
fn written(text: &[u8]) -> (String, bool) {
    let valid = valid(text);
    let is_letter = |c: char| c.is_ascii() || c.is_alphanumeric();
    let letters = valid.chars().filter(|&c| is_letter(c));
    let is_whole = valid.len() == text.len() && valid.chars().all(is_letter);
    (letters.flat_map(char::to_lowercase).collect(), is_whole)
}

/// What of a text is UTF-8.
fn valid(text: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(text.utf8_chunks().map(|chunk| chunk.valid()).collect()),
    }
}

/// Whether anything but comments in the results speaks of DKIM; doubt counts as yes.
fn mentions_dkim(results: &[u8]) -> bool {
    [false, true].into_iter().any(|escapes| {
        [false, true]
            .into_iter()
            .any(|quotes| reads_of_dkim(results, escapes, quotes))
    })
}

/// The same for readers who know escapes, or not, and quotes, or not.
fn reads_of_dkim(results: &[u8], escapes: bool, quotes: bool) -> bool {
    const METHOD: &[u8; 4] = b"dkim";
    let mut last = [0; METHOD.len()];
    let mut depth = 0usize;
    let mut in_quotes = false;
    let mut octets = results.iter();
    while let Some(octet) = octets.next() {
        let mut octet = octet.to_ascii_lowercase();
        match octet {
            b'\\' if escapes => octet = octets.next().map_or(0, u8::to_ascii_lowercase),
            b'"' if quotes && depth == 0 => in_quotes = !in_quotes,
            b'(' if !in_quotes => depth += 1,
            b')' if !in_quotes && depth > 0 => depth -= 1,
            _ => {}
        }
        let says_nothing = matches!(octet, 0..=b' ' | 0x7f | b'"' | b'\\' | b'(' | b')');
        if depth == 0 && !says_nothing {
            last.rotate_left(1);
            last[METHOD.len() - 1] = octet;
            if last == *METHOD {
                return true;
            }
        }
    }
    // Quotes or comments that never end may be none.
    depth > 0 || in_quotes
}

#[cfg(test)]
mod tests;
