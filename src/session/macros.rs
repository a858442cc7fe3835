//! The MTA's macros, kept as long as they hold: for the connection or for one message.

use std::borrow::Cow;

/// Bytes of macro values kept for a connection; a peer that sends more is not heard.
pub const MAX_MACRO_OCTETS: usize = 32 * 1024;

/// How long a macro holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Sent with the connect or HELO command.
    Connection,
    /// Sent with any later command: gone with the message.
    Message,
}

/// The macros that hold now. Few enough to be searched in line.
#[derive(Debug, Default)]
pub struct Macros {
    entries: Vec<Entry>,
    octets: usize,
}

#[derive(Debug)]
struct Entry {
    lifetime: Lifetime,
    name: Box<str>,
    value: Box<str>,
}

impl Macros {
    /// Notes a macro; braces around the name don't count. An empty value unsets it.
    pub fn define(&mut self, lifetime: Lifetime, name: &[u8], value: &[u8]) {
        let name = bare(name);
        if value.is_empty() {
            self.entries
                .retain(|entry| *entry.name != *name || entry.lifetime != lifetime);
            return self.count();
        }
        // Postfix repeats the queue id before every command: the usual case is "nothing new".
        let known = self
            .entries
            .iter_mut()
            .find(|entry| *entry.name == *name && entry.lifetime == lifetime);
        if let Some(entry) = known {
            if entry.value.as_bytes() != value {
                self.octets -= entry.value.len();
                entry.value = String::from_utf8_lossy(value).into();
                self.octets += entry.value.len();
            }
            return;
        }
        if self.octets + name.len() + value.len() > MAX_MACRO_OCTETS {
            return;
        }
        let value: Box<str> = String::from_utf8_lossy(value).into();
        self.octets += name.len() + value.len();
        self.entries.push(Entry {
            lifetime,
            name: name.into(),
            value,
        });
    }

    /// The value that holds now: the message's before the connection's.
    pub fn get(&self, name: &str) -> Option<&str> {
        let of = |lifetime| {
            self.entries
                .iter()
                .find(|entry| entry.lifetime == lifetime && *entry.name == *name)
        };
        of(Lifetime::Message)
            .or_else(|| of(Lifetime::Connection))
            .map(|entry| &*entry.value)
    }

    /// Forgets what belonged to the message.
    pub fn end_message(&mut self) {
        self.entries
            .retain(|entry| entry.lifetime == Lifetime::Connection);
        self.count();
    }

    fn count(&mut self) {
        self.octets = self
            .entries
            .iter()
            .map(|entry| entry.name.len() + entry.value.len())
            .sum();
    }
}

fn bare(name: &[u8]) -> Cow<'_, str> {
    let inner = name
        .strip_prefix(b"{")
        .and_then(|name| name.strip_suffix(b"}"))
        .unwrap_or(name);
    String::from_utf8_lossy(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_macros_end_with_it() {
        let mut macros = Macros::default();
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
        let mut macros = Macros::default();
        macros.define(Lifetime::Message, b"{auth_type}", b"PLAIN");
        macros.define(Lifetime::Message, b"{auth_type}", b"");
        macros.define(Lifetime::Message, b"tag", b"");
        assert_eq!((macros.get("auth_type"), macros.get("tag")), (None, None));
    }

    #[test]
    fn a_flood_of_macros_is_not_kept() {
        let mut macros = Macros::default();
        for i in 0..10_000 {
            macros.define(Lifetime::Message, format!("m{i}").as_bytes(), &[b'x'; 100]);
        }
        assert!(macros.octets <= MAX_MACRO_OCTETS);
        macros.end_message();
        assert_eq!(macros.octets, 0);
    }
}
