//! Asking a list: first whether it can be believed from here (RFC 5782 section 5), then about us.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use tokio::sync::Semaphore;

use super::{
    super::each::side_by_side,
    lists::{BlockList, Meaning},
};
use crate::smtp::reply::printable;
use dkimd_questions::{Questions, reversed};
use dkimd_server::dns::DnsFailure;

/// Questions to lists under way at once.
const AT_ONCE: usize = 8;
/// Listed as a test in every list of IPv4 addresses, and never listed.
const TEST_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 1)];
/// The same in every list of IPv6 addresses.
const TEST_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x7f00, 2),
    Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x7f00, 1),
];
/// Never listed in a list of names.
const NEVER_A_NAME: &str = "invalid";
/// Reasons that are shown of one entry.
const MOST_REASONS: usize = 3;

/// What a list says.
#[derive(Debug)]
pub(super) struct Said {
    /// The list.
    pub list: &'static BlockList,
    /// Why it can't be believed, or what is listed.
    pub outcome: Result<Vec<Listed>, Unusable>,
}

/// Something of ours that is listed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The address or name.
    pub subject: String,
    /// Places in the list's table of entries.
    pub entries: Vec<usize>,
    /// The list's own words.
    pub reasons: Vec<String>,
}

/// Why a list can't be believed from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It answers with an error.
    Refused(Ipv4Addr),
    /// The test entry is not listed.
    TestMissing,
    /// What is never listed is.
    ListsEverybody(Ipv4Addr),
    /// An answer that it does not document.
    Foreign(Ipv4Addr),
    /// None.
    NoAnswer(DnsFailure),
}

/// What is asked about.
#[derive(Clone, Debug, Default)]
pub(super) struct Subjects {
    /// Our addresses.
    pub addresses: Vec<IpAddr>,
    /// Our names.
    pub names: Vec<String>,
}

/// Asks all lists side by side.
pub(super) async fn ask_all(
    dns: &Questions,
    lists: &'static [BlockList],
    subjects: &Subjects,
) -> Vec<Said> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let asking = lists.iter().map(|list| {
        let asker = Asker {
            dns: dns.clone(),
            places: Arc::clone(&places),
            list,
        };
        let subjects = subjects.clone();
        async move { asker.ask(&subjects).await }
    });
    side_by_side(asking).await
}

struct Asker {
    dns: Questions,
    places: Arc<Semaphore>,
    list: &'static BlockList,
}

impl Asker {
    async fn ask(&self, subjects: &Subjects) -> Said {
        Said {
            list: self.list,
            outcome: self.outcome(subjects).await,
        }
    }

    async fn outcome(&self, subjects: &Subjects) -> Result<Vec<Listed>, Unusable> {
        let mut questions: Vec<(String, String)> = Vec::new();
        if self.list.names {
            self.test(self.list.test_name, NEVER_A_NAME).await?;
            let names = subjects.names.iter();
            questions.extend(names.map(|name| (name.clone(), name.clone())));
        } else {
            let test = TEST_V4.map(|address| reversed(address.into()));
            self.test(&test[0], &test[1]).await?;
            let (v4, v6): (Vec<&IpAddr>, Vec<&IpAddr>) = subjects
                .addresses
                .iter()
                .partition(|address| address.is_ipv4());
            let question = |address: &&IpAddr| (address.to_string(), reversed(**address));
            questions.extend(v4.iter().map(question));
            // Many lists know IPv4 alone: without the test entry nothing is concluded.
            let test = TEST_V6.map(|address| reversed(address.into()));
            if !v6.is_empty() && self.test(&test[0], &test[1]).await.is_ok() {
                questions.extend(v6.iter().map(question));
            }
        }
        let mut listed = Vec::new();
        for (subject, label) in questions {
            match self.meaning(&label).await? {
                Meaning::NotListed => {}
                Meaning::Listed(entries) => listed.push(Listed {
                    subject,
                    entries,
                    reasons: self.reasons(&label).await,
                }),
                Meaning::Refused(code) => return Err(Unusable::Refused(code)),
                Meaning::Foreign(answer) => return Err(Unusable::Foreign(answer)),
            }
        }
        Ok(listed)
    }

    async fn test(&self, listed: &str, never: &str) -> Result<(), Unusable> {
        let (listed, never) = tokio::join!(self.meaning(listed), self.meaning(never));
        proven(&listed?, &never?)
    }

    async fn meaning(&self, label: &str) -> Result<Meaning, Unusable> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let name = format!("{label}.{}", self.list.zone);
        match self.dns.a(&name).await {
            Ok(found) => Ok(self.list.meaning(&found.records)),
            Err(failure) => Err(Unusable::NoAnswer(failure)),
        }
    }

    async fn reasons(&self, label: &str) -> Vec<String> {
        let _place = self.places.acquire().await;
        let name = format!("{label}.{}", self.list.zone);
        let found = self.dns.txt(&name).await;
        let texts = found.map(|found| found.records).unwrap_or_default();
        let texts = texts.iter().take(MOST_REASONS);
        texts.map(|text| printable(text)).collect()
    }
}

/// Whether the two test entries are as they must be.
fn proven(listed: &Meaning, never: &Meaning) -> Result<(), Unusable> {
    match (listed, never) {
        (Meaning::Refused(code), _) | (_, Meaning::Refused(code)) => Err(Unusable::Refused(*code)),
        (_, Meaning::Foreign(answer)) => Err(Unusable::ListsEverybody(*answer)),
        (_, Meaning::Listed(_)) => Err(Unusable::ListsEverybody(Ipv4Addr::new(127, 0, 0, 2))),
        (Meaning::Foreign(answer), _) => Err(Unusable::Foreign(*answer)),
        (Meaning::NotListed, _) => Err(Unusable::TestMissing),
        (Meaning::Listed(_), Meaning::NotListed) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_believed_only_with_both_test_entries_right() {
        let listed = Meaning::Listed(vec![0]);
        let code = Ipv4Addr::new(127, 255, 255, 254);
        let odd = Ipv4Addr::new(203, 0, 113, 1);
        assert_eq!(proven(&listed, &Meaning::NotListed), Ok(()));
        for (listed, never, why) in [
            (
                Meaning::NotListed,
                Meaning::NotListed,
                Unusable::TestMissing,
            ),
            (
                Meaning::Refused(code),
                Meaning::Refused(code),
                Unusable::Refused(code),
            ),
            (
                Meaning::Foreign(odd),
                Meaning::Foreign(odd),
                Unusable::ListsEverybody(odd),
            ),
            (
                Meaning::Foreign(odd),
                Meaning::NotListed,
                Unusable::Foreign(odd),
            ),
        ] {
            assert_eq!(proven(&listed, &never), Err(why));
        }
        assert!(matches!(
            proven(&listed, &Meaning::Listed(vec![0])),
            Err(Unusable::ListsEverybody(_))
        ));
    }
}
