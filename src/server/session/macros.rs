//! The MTA's macros, kept as long as they hold: for the connection or for one message.
//!
//! Only those are kept that something asks for: what the MTA tells besides costs nothing, however
//! much it is, and can push nothing out that decides about trust.

use std::borrow::Cow;

use crate::config::{settings::Settings, snapshot::Snapshot};

/// Octets kept of a macro's value. Whatever is longer is cut and marked with [`CUT`], so that it
/// counts as there (`{auth_type}`) but equals nothing that MacroList names.
pub const MAX_VALUE_OCTETS: usize = 2048;

/// Stands where a value was cut.
pub const CUT: char = '\u{2026}';

/// What the program itself asks for: the queue id, the MTA's name, and what tells a message's origin.
const ALWAYS_WANTED: [&str; 4] = ["i", "j", "auth_type", "daemon_name"];

/// How long a macro holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Sent with the connect or HELO command.
    Connection,
    /// Sent with any later command: gone with the message.
    Message,
}

/// The macros that hold now. Few enough to be searched in line.
#[derive(Debug)]
pub struct Macros {
    /// The names in braces or without, as somebody asks for them.
    wanted: Box<[Box<str>]>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    lifetime: Lifetime,
    /// Index in `wanted`.
    name: usize,
    value: Box<str>,
}

impl Macros {
    /// Keeps what a configuration asks for: MacroList, SenderMacro, and what is always asked for.
    pub fn wanted_by(snapshot: &Snapshot) -> Self {
        let listed = snapshot
            .macros
            .entries
            .iter()
            .map(|(name, _)| name.as_str());
        Self::new(listed.chain(sender_macro(&snapshot.settings)))
    }

    /// Keeps the macros of these names, and what is always asked for.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wanted: Vec<Box<str>> = ALWAYS_WANTED.map(Into::into).to_vec();
        for name in names {
            let name = name.trim_matches(['{', '}']);
            if !wanted.iter().any(|known| **known == *name) {
                wanted.push(name.into());
            }
        }
        Self {
            wanted: wanted.into(),
            entries: Vec::new(),
        }
    }

    /// Notes a macro if somebody asks for it; braces around the name don't count. An empty value
    /// unsets it.
    pub fn define(&mut self, lifetime: Lifetime, name: &[u8], value: &[u8]) {
        let name = bare(name);
        let Some(name) = self
            .wanted
            .iter()
            .position(|wanted| wanted.as_bytes() == name)
        else {
            return;
        };
        let known = self
            .entries
            .iter()
            .position(|entry| entry.name == name && entry.lifetime == lifetime);
        match known {
            Some(at) if value.is_empty() => {
                self.entries.swap_remove(at);
            }
            // Postfix repeats the queue id before every command: the usual case is "nothing new".
            Some(at) if self.entries[at].value.as_bytes() == value => {}
            Some(at) => self.entries[at].value = cut(value),
            None if value.is_empty() => {}
            None => self.entries.push(Entry {
                lifetime,
                name,
                value: cut(value),
            }),
        }
    }

    /// The value that holds now: the message's before the connection's.
    pub fn get(&self, name: &str) -> Option<&str> {
        let of = |lifetime| {
            self.entries
                .iter()
                .find(|entry| entry.lifetime == lifetime && *self.wanted[entry.name] == *name)
        };
        of(Lifetime::Message)
            .or_else(|| of(Lifetime::Connection))
            .map(|entry| &*entry.value)
    }

    /// Forgets what belonged to the message.
    pub fn end_message(&mut self) {
        self.entries
            .retain(|entry| entry.lifetime == Lifetime::Connection);
    }

    /// Octets of all values.
    pub fn octets(&self) -> usize {
        self.entries.iter().map(|entry| entry.value.len()).sum()
    }
}

fn sender_macro(settings: &Settings) -> Option<&str> {
    settings.decision.sender_macro.as_deref()
}

fn bare(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"{")
        .and_then(|name| name.strip_suffix(b"}"))
        .unwrap_or(name)
}

fn cut(value: &[u8]) -> Box<str> {
    let Some(head) = value.get(..MAX_VALUE_OCTETS).filter(|head| *head != value) else {
        return String::from_utf8_lossy(value).into();
    };
    let mut head: Cow<'_, str> = String::from_utf8_lossy(head);
    head.to_mut().push(CUT);
    head.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_macros_end_with_it() {
        let mut macros = Macros::new([]);
        macros.define(Lifetime::Connection, b"j", b"mx.example");
        macros.define(Lifetime::Message, b"i", b"4XyZ");
        macros.define(Lifetime::Message, b"{auth_type}", b"PLAIN");
        assert_eq!(
            (macros.get("i"), macros.get("auth_type")),
            (Some("4XyZ"), Some("PLAIN"))
        );
        macros.end_message();
        assert_eq!((macros.get("i"), macros.get("auth_type")), (None, None));
        assert_eq!(macros.get("j"), Some("mx.example"));
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let mut macros = Macros::new(["tag"]);
        macros.define(Lifetime::Message, b"{auth_type}", b"PLAIN");
        macros.define(Lifetime::Message, b"{auth_type}", b"");
        macros.define(Lifetime::Message, b"tag", b"");
        assert_eq!((macros.get("auth_type"), macros.get("tag")), (None, None));
    }

    #[test]
    fn names_count_with_braces_and_without() {
        let mut macros = Macros::new(["{listed}", "other"]);
        macros.define(Lifetime::Message, b"listed", b"1");
        macros.define(Lifetime::Message, b"{other}", b"2");
        assert_eq!(
            (macros.get("listed"), macros.get("other")),
            (Some("1"), Some("2"))
        );
    }

    /// `trust-macros-bounded`: new ones, changed ones, and what decides about trust among them.
    #[test]
    fn neither_new_macros_nor_changed_ones_pass_the_bound_or_push_out_what_tells_the_origin() {
        let mut macros = Macros::new(["listed"]);
        let long = [b'v'; 1_000_000];
        let names: Vec<String> = (0..1500).map(|number| format!("{{m{number}}}")).collect();
        for value in [&b"v"[..], &long] {
            for lifetime in [Lifetime::Connection, Lifetime::Message] {
                for name in &names {
                    macros.define(lifetime, name.as_bytes(), value);
                }
                for name in ["i", "j", "{listed}", "{daemon_name}"] {
                    macros.define(lifetime, name.as_bytes(), value);
                }
            }
        }
        macros.define(Lifetime::Message, b"{auth_type}", b"PLAIN");
        assert_eq!(macros.get("auth_type"), Some("PLAIN"));
        let most = macros.wanted.len() * 2 * (MAX_VALUE_OCTETS + CUT.len_utf8());
        assert!(macros.octets() <= most, "{}", macros.octets());
        // Cut, it is there, and equals no value that could be listed.
        let listed = macros.get("listed").unwrap();
        assert!(listed.ends_with(CUT) && listed.len() < MAX_VALUE_OCTETS + 4);
        macros.end_message();
        assert_eq!(macros.get("auth_type"), None);
    }
}
