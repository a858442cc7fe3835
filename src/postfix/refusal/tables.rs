//! Which words and codes mean which cause: the files beside this one, read once.
//!
//! The particular stands before the general: what this server says itself, what each of the known
//! receivers says, and what any server may say. RFC 7372, 7505 and 8617 gave numbers for failed
//! checks; Google gives 27 to 32 other meanings.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Deserializer, de};

use super::{Cause, Enhanced, Receiver, Refusal, Turn};
use dkimd_advice::text::Text;

/// The causes, by their words.
static CAUSES: LazyLock<BTreeMap<&'static str, Cause>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        turn: Turn,
        #[serde(borrow)]
        check: Option<&'static str>,
        meaning: Text,
        remedy: Text,
    }

    let rows: BTreeMap<&'static str, Row> = read("causes.toml", include_str!("causes.toml"));
    let cause = |(word, row): (&'static str, Row)| {
        let cause = Cause {
            word,
            turn: row.turn,
            check: row.check,
            meaning: row.meaning,
            remedy: row.remedy,
        };
        (word, cause)
    };
    rows.into_iter().map(cause).collect()
});

/// Who says what.
static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    ours: read("ours.toml", include_str!("ours.toml")),
    receivers: read::<Receivers>("receivers.toml", include_str!("receivers.toml")).receiver,
    general: read::<General>("general.toml", include_str!("general.toml")).refusal,
});

struct Tables {
    ours: Ours,
    receivers: Vec<Receiver>,
    general: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ours {
    /// This server's own words, or those of its filters: no other host is named.
    here: Vec<Pattern>,
    /// Postfix's own: no server answered with a code.
    postfix: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Receivers {
    #[serde(bound(deserialize = "'de: 'static"))]
    receiver: Vec<Receiver>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct General {
    refusal: Vec<Pattern>,
}

/// A way to refuse: all that is given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pattern {
    /// The enhanced code's subject and detail are one of these; none: any.
    #[serde(default)]
    codes: Vec<Detail>,
    /// One of these stands in the words; none: whatever they say.
    #[serde(default)]
    says: Vec<String>,
    #[serde(deserialize_with = "cause_of_word")]
    cause: &'static Cause,
    /// What it means where an IPv6 address is named: one family alone without a way out is another
    /// fault than none.
    #[serde(default, deserialize_with = "some_cause_of_word")]
    over_ipv6: Option<&'static Cause>,
}

/// An enhanced code without its class: a reply may be temporary or final for the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "&str")]
struct Detail {
    subject: u16,
    detail: u16,
}

impl TryFrom<&str> for Detail {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        let code = Enhanced::parse(&format!("5.{text}"))
            .ok_or_else(|| format!("{text} is no enhanced code without its class, as 7.26 is"))?;
        Ok(Self {
            subject: code.subject,
            detail: code.detail,
        })
    }
}

/// Reads a file that is part of the program; a test reads all of them.
fn read<T: Deserialize<'static>>(file: &str, text: &'static str) -> T {
    toml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn cause_of_word<'de, D: Deserializer<'de>>(from: D) -> Result<&'static Cause, D::Error> {
    let word = String::deserialize(from)?;
    let cause = CAUSES.get(word.as_str());
    cause.ok_or_else(|| de::Error::custom(format_args!("causes.toml has no cause {word}")))
}

fn some_cause_of_word<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<&'static Cause>, D::Error> {
    cause_of_word(from).map(Some)
}

/// The receivers whose codes and texts have a meaning of their own.
pub(super) fn receivers() -> &'static [Receiver] {
    &TABLES.receivers
}

/// What stands behind a refusal.
pub(super) fn find(refusal: &Refusal) -> Option<&'static Cause> {
    let receiver = refusal.receiver();
    let found = speakers()
        .filter(|(speaker, _)| match speaker {
            Speaker::Here => refusal.host.is_none(),
            Speaker::Postfix => refusal.code.is_none(),
            Speaker::One(one) => receiver == Some(*one),
            Speaker::Anyone => true,
        })
        .flat_map(|(_, patterns)| patterns)
        .find(|pattern| pattern.fits(refusal))?;
    match found.over_ipv6 {
        Some(cause) if names_ipv6(&refusal.text) => Some(cause),
        _ => Some(found.cause),
    }
}

/// Whose words they are.
#[derive(Clone, Copy, Debug)]
enum Speaker {
    Here,
    Postfix,
    One(&'static Receiver),
    Anyone,
}

/// All that speak with what they say, the particular before the general.
fn speakers() -> impl Iterator<Item = (Speaker, &'static [Pattern])> {
    let tables = &*TABLES;
    let ours = [
        (Speaker::Here, &*tables.ours.here),
        (Speaker::Postfix, &*tables.ours.postfix),
    ];
    let receivers = tables.receivers.iter();
    ours.into_iter()
        .chain(receivers.map(|receiver| (Speaker::One(receiver), &*receiver.refusals)))
        .chain([(Speaker::Anyone, &*tables.general)])
}

impl Pattern {
    fn fits(&self, refusal: &Refusal) -> bool {
        let coded = self.codes.is_empty()
            || refusal.enhanced.is_some_and(|code| {
                let (subject, detail) = (code.subject, code.detail);
                self.codes.contains(&Detail { subject, detail })
            });
        let said =
            self.says.is_empty() || self.says.iter().any(|words| refusal.text.contains(words));
        coded && said
    }
}

/// Whether an IPv6 address stands in brackets: `gmail.com[2a00:1450::1a]:25`.
fn names_ipv6(text: &str) -> bool {
    text.split('[').skip(1).any(|rest| {
        let inner = rest.split(']').next().unwrap_or_default();
        inner.matches(':').count() > 1
    })
}

#[cfg(test)]
mod tests;
