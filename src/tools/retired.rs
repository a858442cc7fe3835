//! The programs of opendkim-tools that need what dkimd does not keep: each says what it did and
//! what to use instead.

use dkimd_server::process::ExitCode;

/// A program that is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Its name.
    pub name: &'static str,
    /// What it did, after its name.
    did: &'static str,
    /// What to do instead.
    instead: &'static str,
}

const STATISTICS: &str = "dkimd keeps no statistics file; its log tells each message's result \
                          (LogResults yes), and log tools count them";

/// All of them.
pub const RETIRED: [Retired; 7] = [
    Retired {
        name: "opendkim-importstats",
        did: "loaded statistics files into an SQL database",
        instead: STATISTICS,
    },
    Retired {
        name: "opendkim-genstats",
        did: "wrote reports from the statistics database",
        instead: STATISTICS,
    },
    Retired {
        name: "opendkim-gengraphs",
        did: "drew graphs from the statistics database",
        instead: STATISTICS,
    },
    Retired {
        name: "opendkim-expire",
        did: "deleted old rows of the statistics database",
        instead: "dkimd writes no rows; old ones go with an SQL DELETE",
    },
    Retired {
        name: "opendkim-spam",
        did: "marked a message as spam in the statistics database",
        instead: "dkimd keeps no reputation; train your spam filter, for instance with \
                  rspamc learn_spam or sa-learn --spam",
    },
    Retired {
        name: "opendkim-convert-keylist",
        did: "turned a KeyList file into tables",
        instead: "write KeyTable and SigningTable; dkimd check names every line that is wrong",
    },
    Retired {
        name: "opendkim-lua",
        did: "ran a policy script for a test",
        instead: "dkimd runs no scripts; dkimd explain tells what is done with a message and why",
    },
];

impl Retired {
    /// The program of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        RETIRED.iter().find(|retired| retired.name == name)
    }

    /// Says it on standard error.
    pub fn tell(&self) -> ExitCode {
        eprintln!("{}", self.text());
        ExitCode::Unavailable
    }

    fn text(&self) -> String {
        let Self { name, did, instead } = self;
        format!("{name}: this program {did}; {instead}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_what_it_did_and_what_to_use_instead_in_one_line() {
        for retired in RETIRED {
            let text = retired.text();
            assert!(text.starts_with(retired.name) && text.contains("; "));
            assert!(!text.contains("  ") && !text.contains('\n'), "{text}");
            assert_eq!(Retired::find(retired.name), Some(&retired));
        }
    }
}
