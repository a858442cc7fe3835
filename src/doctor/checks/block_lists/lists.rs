//! Block lists: what each may answer, what that means, and where to ask for removal.
//!
//! Only answers inside a list's documented range count. Lists that died are here too, so that
//! Postfix's settings can be searched for them: their names answer anything.

use std::net::Ipv4Addr;

use dkimd_advice::{text, text::Text};

/// A list that may be asked by a small server.
#[derive(Debug)]
pub(super) struct BlockList {
    /// Its zone.
    pub zone: &'static str,
    /// Whether it lists names; otherwise addresses.
    pub names: bool,
    /// What must be listed as a test (RFC 5782 section 5); addresses have their own.
    pub test_name: &'static str,
    /// What it answers for what is listed.
    pub entries: &'static [Entry],
    /// Where to look it up and ask for removal; the address or name is appended.
    pub removal: &'static str,
}

/// A range of answers of 127.0.x.y.
#[derive(Debug)]
pub(super) struct Entry {
    /// The third octet.
    third: u8,
    /// The fourth, first and last.
    fourth: (u8, u8),
    /// Its name with the list's keeper.
    pub name: &'static str,
    /// Policy, not an accusation.
    pub policy: bool,
}

const fn entry(third: u8, first: u8, last: u8, name: &'static str) -> Entry {
    Entry {
        third,
        fourth: (first, last),
        name,
        policy: false,
    }
}

/// The lists that are asked.
pub(super) const LISTS: &[BlockList] = &[
    BlockList {
        zone: "zen.spamhaus.org",
        names: false,
        test_name: "",
        entries: &[
            entry(0, 2, 2, "SBL"),
            entry(0, 3, 3, "CSS"),
            entry(0, 4, 7, "XBL"),
            entry(0, 9, 9, "DROP"),
            Entry {
                third: 0,
                fourth: (10, 11),
                name: "PBL",
                policy: true,
            },
            entry(0, 30, 30, "BCL"),
        ],
        removal: "https://check.spamhaus.org/results/?query=",
    },
    BlockList {
        zone: "dbl.spamhaus.org",
        names: true,
        test_name: "dbltest.com",
        entries: &[
            entry(1, 2, 2, "spam domain"),
            entry(1, 4, 4, "phishing domain"),
            entry(1, 5, 5, "malware domain"),
            entry(1, 6, 6, "botnet domain"),
            entry(1, 102, 106, "abused legitimate domain"),
        ],
        removal: "https://check.spamhaus.org/results/?query=",
    },
    BlockList {
        zone: "bl.spamcop.net",
        names: false,
        test_name: "",
        entries: &[entry(0, 2, 2, "SCBL")],
        removal: "https://www.spamcop.net/bl.shtml?",
    },
    BlockList {
        zone: "psbl.surriel.com",
        names: false,
        test_name: "",
        entries: &[entry(0, 2, 2, "PSBL")],
        removal: "https://psbl.org/listing?ip=",
    },
];

/// Lists that are no more; some list everybody now.
pub(super) const DEAD: &[&str] = &[
    "sorbs.net",
    "ix.dnsbl.manitu.net",
    "njabl.org",
    "ahbl.org",
    "ordb.org",
    "inps.de",
    "dnsbl.inps.de",
    "unsubscore.com",
    "dul.ru",
    "emailbasura.org",
    "msrbl.net",
    "megarbl.net",
    "cbl.abuseat.org",
    "bl.spamcannibal.org",
    "dnsbl.ahbl.org",
];

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
            let [127, 0, third, fourth] = answer.octets() else {
                return Meaning::Foreign(*answer);
            };
            let found = self.entries.iter().position(|entry| {
                entry.third == third && (entry.fourth.0..=entry.fourth.1).contains(&fourth)
            });
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

/// What Spamhaus's error codes mean: none of them means listed.
pub(super) fn refusal(answer: Ipv4Addr) -> Option<Text> {
    match answer.octets() {
        [127, 255, 255, 252] => Some(text!("the zone's name is misspelt")),
        [127, 255, 255, 254] => Some(text!(
            "asked through a public or shared resolver, which the list does not answer"
        )),
        [127, 255, 255, 255] => Some(text!("the resolver asked too often")),
        [127, 255, 255, _] => Some(text!("an error code")),
        [127, 0, 1, 255] => Some(text!(
            "the list was asked about an address, and it lists names"
        )),
        _ => None,
    }
}

/// Whether a zone is one of the dead, or below one.
pub(super) fn is_dead(zone: &str) -> bool {
    DEAD.iter().any(|dead| {
        let rest = zone.strip_suffix(dead);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(zone: &str, answers: &[&str]) -> Meaning {
        let list = LISTS.iter().find(|list| list.zone == zone).unwrap();
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
        assert!(LISTS.iter().all(|list| !is_dead(list.zone)));
        assert!(is_dead("dnsbl.sorbs.net") && is_dead("cbl.abuseat.org"));
        assert!(!is_dead("notsorbs.net"));
    }
}
