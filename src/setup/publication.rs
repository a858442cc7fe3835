//! Whether a key's record is published: what the servers of its zone say, or the configured resolver
//! where those can't be asked.

use std::{io, time::Duration};

use tokio::{runtime::Runtime, time::timeout};

use super::records::sheet::publishes_the_same;
use dkimd_advice::{text, text::Text};
use dkimd_questions::{Questions, Zone, questions};
use dkimd_server::config::snapshot::Snapshot;

/// Addresses of name servers that are asked about one name.
const MOST_SERVERS: usize = 12;
/// The time that one of them has for its answer.
const SERVER_LIMIT: Duration = Duration::from_secs(6);

/// What DNS holds at a name.
pub type Asker<'a> = dyn Fn(&str) -> Held + 'a;

/// DNS as setup asks it.
#[derive(Debug)]
pub struct Dns {
    runtime: Runtime,
    questions: Questions,
}

impl Dns {
    /// Through the servers that the configuration names, or the system's.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(snapshot: &Snapshot) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let questions = runtime
            .block_on(async { questions(Some(snapshot)) })
            .map_err(io::Error::other)?;
        Ok(Self { runtime, questions })
    }

    /// What DNS holds at a name.
    pub fn held(&self, name: &str) -> Held {
        self.block_on(held(name, &self.questions))
    }

    /// Waits for an answer.
    pub fn block_on<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// Whom it asks.
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    /// Ends without waiting for answers that nobody needs any more.
    pub fn end(self) {
        self.runtime.shutdown_background();
    }
}

/// What DNS holds at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nobody was asked.
    NotAsked,
    /// Nobody answered.
    Unknown,
    /// The TXT records in each answer.
    Answers {
        /// Who gave them.
        by: By,
        /// One for each that answered; never empty.
        answers: Vec<Vec<String>>,
    },
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Servers of the zone, by name.
    Servers(Vec<String>),
    /// The configured resolver.
    Resolver,
}

/// How a key's record stands in DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody was asked.
    NotAsked,
    /// Nobody answered.
    Unknown,
    /// It is nowhere.
    Absent,
    /// Some servers have it, others don't yet.
    Partly,
    /// All that answered have it.
    Published,
    /// Another record is there.
    Another,
}

impl Held {
    /// How the record of a key stands; `None`: the key is yet to be made, so whatever is there is
    /// another's.
    pub fn standing(&self, record: Option<&str>) -> Standing {
        let answers = match self {
            Self::NotAsked => return Standing::NotAsked,
            Self::Unknown => return Standing::Unknown,
            Self::Answers { answers, .. } => answers,
        };
        let is_it = |texts: &&Vec<String>| match (texts.as_slice(), record) {
            ([one], Some(record)) => publishes_the_same(one, record),
            _ => false,
        };
        let there = answers.iter().filter(is_it).count();
        let absent = answers.iter().filter(|texts| texts.is_empty()).count();
        if there + absent < answers.len() {
            return Standing::Another;
        }
        match (there, absent) {
            (0, _) => Standing::Absent,
            (_, 0) => Standing::Published,
            _ => Standing::Partly,
        }
    }

    /// Who says so, in words.
    pub fn by(&self) -> Text {
        match self {
            Self::Answers {
                by: By::Servers(names),
                ..
            } => {
                let names = names.join(", ");
                text!("the domain's name servers ({names})")
            }
            _ => {
                text!("the configured resolver (the domain's own name servers could not be asked)")
            }
        }
    }
}

async fn held(name: &str, dns: &Questions) -> Held {
    let resolver = dns.txt(name).await;
    // The servers of the zone that it is an alias into know the record.
    let real = match &resolver {
        Ok(found) => found.aliases.last().cloned(),
        Err(_) => None,
    };
    let real = real.unwrap_or_else(|| name.to_owned());
    if let Ok(Some(zone)) = dns.zone_of(&real).await {
        let (names, answers): (Vec<_>, Vec<_>) =
            at_servers(&real, zone, dns).await.into_iter().unzip();
        if !answers.is_empty() {
            let mut names = names;
            names.dedup();
            return Held::Answers {
                by: By::Servers(names),
                answers,
            };
        }
    }
    match resolver {
        Ok(found) => Held::Answers {
            by: By::Resolver,
            answers: vec![texts(found.records)],
        },
        Err(_) => Held::Unknown,
    }
}

/// The servers that answered, with what they said.
async fn at_servers(name: &str, zone: Zone, dns: &Questions) -> Vec<(String, Vec<String>)> {
    let addresses = zone.servers.into_iter().flat_map(|server| {
        let name = server.name;
        let addresses = server.addresses.into_iter();
        addresses.map(move |address| (name.clone(), address))
    });
    let asking: Vec<_> = addresses
        .take(MOST_SERVERS)
        .filter_map(|(server, address)| {
            let there = dns.only_at(address).ok()?;
            let name = name.to_owned();
            Some(tokio::spawn(async move {
                let answer = timeout(SERVER_LIMIT, there.txt(&name)).await;
                let found = answer.ok()?.ok()?;
                Some((server, texts(found.records)))
            }))
        })
        .collect();
    let mut answers = Vec::with_capacity(asking.len());
    for answer in asking {
        answers.extend(answer.await.ok().flatten());
    }
    answers
}

fn texts(records: Vec<Vec<u8>>) -> Vec<String> {
    records
        .into_iter()
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_published_when_every_server_that_answers_has_it_alone() {
        const OURS: &str = "v=DKIM1; h=sha256; k=rsa; p=AAAA";
        let held = |answers: &[&[&str]]| Held::Answers {
            by: By::Resolver,
            answers: answers
                .iter()
                .map(|texts| texts.iter().map(|text| (*text).to_owned()).collect())
                .collect(),
        };
        for (answers, expected) in [
            (
                &[&[OURS][..], &["v=DKIM1;p=AA AA"]][..],
                Standing::Published,
            ),
            (&[&[OURS], &[]], Standing::Partly),
            (&[&[], &[]], Standing::Absent),
            (&[&[OURS, "v=DKIM1; p=BBBB"]], Standing::Another),
            (&[&["v=DKIM1; p="]], Standing::Another),
        ] {
            let found = held(answers).standing(Some(OURS));
            assert_eq!(found, expected, "{answers:?}");
        }
        assert_eq!(held(&[&[OURS]]).standing(None), Standing::Another);
        assert_eq!(held(&[&[]]).standing(None), Standing::Absent);
        assert_eq!(Held::NotAsked.standing(None), Standing::NotAsked);
    }
}
