//! Block lists: what each may answer, what that means, and where to ask for removal, as `lists.toml`
//! has it.
//!
//! Lists that died are there too, so that Postfix's settings can be searched for them: their names
//! answer anything.

use std::{net::Ipv4Addr, sync::LazyLock};

use serde::Deserialize;

use crate::checks::data;
use dkimd_advice::text::Text;

/// A list that may be asked by a small server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockList {
    /// Its zone.
    pub zone: &'static str,
    /// Whether it lists names; otherwise addresses.
    #[serde(default)]
    pub names: bool,
    /// What must be listed as a test (RFC 5782 section 5); addresses have their own.
    #[serde(default)]
    pub test_name: &'static str,
    /// What it answers for what is listed.
    pub entries: Vec<Entry>,
    /// Where to look it up and ask for removal; the address or name is appended.
    removal: &'static str,
}

/// A kind of entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// What means it.
    answers: Answers,
    /// Its name with the list's keeper.
    pub name: &'static str,
    /// Policy, not an accusation.
    #[serde(default)]
    pub policy: bool,
}

/// A list's error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    answers: Answers,
    meaning: Text,
}

/// An address, or a range of its last octet: `127.0.0.4-7`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "&str")]
struct Answers {
    first: Ipv4Addr,
    last: Ipv4Addr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    #[serde(bound(deserialize = "'de: 'static"))]
    list: Vec<BlockList>,
    error: Vec<Refusal>,
    dead: Dead,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dead {
    zones: Vec<String>,
}

static KNOWN: LazyLock<Known> =
    LazyLock::new(|| data::read("lists.toml", include_str!("lists.toml")));

/// The lists that are asked.
pub(super) fn lists() -> &'static [BlockList] {
    &KNOWN.list
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing is listed.
    NotListed,
    /// Listed; the entries' places in the list's table.
    Listed(Vec<usize>),
    /// The list refuses to answer whoever asked.
    Refused(Ipv4Addr),
    /// Something that the list does not document.
    Foreign(Ipv4Addr),
}

impl BlockList {
    /// Where to look an address or a name up; the list's own pages where there is none.
    pub(super) fn page(&self, subject: Option<&str>) -> String {
        let removal = self.removal;
        match subject {
            Some(subject) => format!("{removal}{subject}"),
            None => {
                let host = removal.split('/').nth(2).unwrap_or_default();
                format!("https://{host}/")
            }
        }
    }

    /// Takes the addresses of an answer apart. One that is an error or unknown spoils them all.
    pub(super) fn meaning(&self, answers: &[Ipv4Addr]) -> Meaning {
        let mut listed = Vec::new();
        for answer in answers {
            if refusal(*answer).is_some() {
                return Meaning::Refused(*answer);
            }
            let mut entries = self.entries.iter();
            let found = entries.position(|entry| entry.answers.contain(*answer));
            match found {
                Some(found) if listed.contains(&found) => {}
                Some(found) => listed.push(found),
                None => return Meaning::Foreign(*answer),
            }
        }
        match listed.is_empty() {
            true => Meaning::NotListed,
            false => Meaning::Listed(listed),
        }
    }
}

impl Answers {
    fn contain(&self, answer: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&answer)
    }
}

impl TryFrom<&str> for Answers {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is neither an address nor a range such as 127.0.0.4-7");
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (first, Some(last)),
            None => (text, None),
        };
        let first: Ipv4Addr = first.parse().map_err(|_| wrong())?;
        let [one, two, three, four] = first.octets();
        let last = match last {
            Some(last) => last.parse().map_err(|_| wrong())?,
            None => four,
        };
        let last = Ipv4Addr::new(one, two, three, last);
        if first <= last {
            Ok(Self { first, last })
        } else {
            Err(wrong())
        }
    }
}

/// What an error of a list means: none means listed.
pub(super) fn refusal(answer: Ipv4Addr) -> Option<Text> {
    let mut errors = KNOWN.error.iter();
    let found = errors.find(|error| error.answers.contain(answer))?;
    Some(found.meaning.clone())
}

/// Whether a zone is one of the dead, or below one.
pub(super) fn is_dead(zone: &str) -> bool {
    KNOWN.dead.zones.iter().any(|dead| {
        let rest = zone.strip_suffix(dead.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::text::Lang;

    fn meaning(zone: &str, answers: &[&str]) -> Meaning {
        let list = lists().iter().find(|list| list.zone == zone).unwrap();
        let answers: Vec<Ipv4Addr> = answers.iter().map(|text| text.parse().unwrap()).collect();
        list.meaning(&answers)
    }

    #[test]
    fn only_documented_answers_mean_listed() {
        let zen = "zen.spamhaus.org";
        assert_eq!(meaning(zen, &[]), Meaning::NotListed);
        assert_eq!(
            meaning(zen, &["127.0.0.2", "127.0.0.4", "127.0.0.5"]),
            Meaning::Listed(vec![0, 2])
        );
        let foreign = |text: &str| Meaning::Foreign(text.parse().unwrap());
        assert_eq!(meaning(zen, &["127.0.0.1"]), foreign("127.0.0.1"));
        assert_eq!(
            meaning(zen, &["127.0.0.2", "203.0.113.9"]),
            foreign("203.0.113.9")
        );
        assert_eq!(
            meaning("psbl.surriel.com", &["127.0.0.3"]),
            foreign("127.0.0.3")
        );
        assert_eq!(
            meaning("dbl.spamhaus.org", &["127.0.1.104"]),
            Meaning::Listed(vec![4])
        );
        assert_eq!(
            meaning("dbl.spamhaus.org", &["127.0.0.2"]),
            foreign("127.0.0.2")
        );
    }

    #[test]
    fn error_codes_never_mean_listed() {
        for code in [
            "127.255.255.252",
            "127.255.255.254",
            "127.255.255.255",
            "127.0.1.255",
        ] {
            for zone in ["zen.spamhaus.org", "dbl.spamhaus.org", "bl.spamcop.net"] {
                let found = meaning(zone, &["127.0.0.2", code]);
                let spoilt = matches!(found, Meaning::Refused(_) | Meaning::Foreign(_));
                assert!(spoilt, "{zone} {code}: {found:?}");
            }
        }
    }

    #[test]
    fn no_dead_list_is_asked() {
        assert!(lists().iter().all(|list| !is_dead(list.zone)));
        assert!(is_dead("dnsbl.sorbs.net") && is_dead("cbl.abuseat.org"));
        assert!(!is_dead("notsorbs.net"));
    }

    #[test]
    fn a_range_is_of_the_last_octet_and_not_empty() {
        let read = |text: &str| Answers::try_from(text);
        let range = read("127.0.0.4-7").unwrap();
        let within = [3, 4, 7, 8].map(|last| range.contain(Ipv4Addr::new(127, 0, 0, last)));
        assert_eq!(within, [false, true, true, false]);
        for wrong in ["127.0.0", "127.0.0.7-4", "127.0.0.2-256", "127.0.0.2-"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn errors_are_told_in_both_languages() {
        for error in &KNOWN.error {
            let english = error.meaning.to(Lang::En);
            assert!(
                Text::from_catalogue(english).is_some(),
                "po/update: {english}"
            );
        }
    }
}
