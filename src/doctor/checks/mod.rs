//! The table of all checks, causes before consequences: in this order findings of one level are
//! told.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{
    host::Host,
    report::{Cause, Report},
};
use dkimd_advice::{text, text::Text};

mod addresses;
mod authors;
mod block_lists;
mod breakers;
mod clock;
mod configuration;
mod dkim;
mod dmarc;
mod domains;
mod each;
mod hostname;
mod milter;
mod mx;
mod policies;
mod port25;
mod postfix;
mod postmaster;
mod queue;
mod relay;
mod reputation;
mod resolver;
mod reverse;
mod self_test;
mod spf;
mod submission;
mod tls;
mod unsubscribe;

/// The time that a check may take unless it says otherwise.
const USUAL_LIMIT: Duration = Duration::from_secs(20);

/// The time of checks that ask many questions, one after the other.
const LONG_LIMIT: Duration = Duration::from_secs(40);

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name, for `--only` and `--skip`.
    pub name: &'static str,
    /// What it looks at, in a few words.
    pub title: fn() -> Text,
    /// What it needs beside this host.
    pub needs: Needs,
    /// The checks whose findings may keep this one from looking.
    pub hidden_by: &'static [&'static str],
    /// The time it may take.
    pub limit: Duration,
    /// The chapter of the course (`docs/course.md`) that teaches it.
    pub chapter: &'static str,
    /// Does it.
    pub run: fn(Arc<Host>) -> Running,
}

/// A check under way.
pub type Running = Pin<Box<dyn Future<Output = Report> + Send>>;

/// What a check needs beside this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Answers from DNS.
    Dns,
    /// DNS, and SMTP greetings of others, which are named before it runs.
    Greetings,
}

/// Providers whose mail servers' greetings are read, to see whether port 25 is open on the way out:
/// several, because one alone may be unreachable for reasons of its own.
pub const GREETED: &[&str] = &["gmail.com", "outlook.com", "yahoo.com", "icloud.com"];

/// All checks.
pub const CHECKS: &[Check] = &[
    Check {
        name: "configuration",
        title: || text!("options, tables and keys"),
        needs: Needs::Nothing,
        hidden_by: &[],
        limit: USUAL_LIMIT,
        chapter: "sign",
        run: |host| Box::pin(configuration::run(host)),
    },
    Check {
        name: "resolver",
        title: || text!("name servers that this host asks"),
        needs: Needs::Nothing,
        hidden_by: &[],
        limit: USUAL_LIMIT,
        chapter: "resolver",
        run: |host| Box::pin(resolver::run(host)),
    },
    Check {
        name: "domains",
        title: || text!("the domains in DNS"),
        needs: Needs::Dns,
        hidden_by: &["resolver"],
        limit: USUAL_LIMIT,
        chapter: "names",
        run: |host| Box::pin(domains::run(host)),
    },
    Check {
        name: "postfix",
        title: || text!("Postfix"),
        needs: Needs::Nothing,
        hidden_by: &[],
        limit: USUAL_LIMIT,
        chapter: "postfix",
        run: |host| Box::pin(postfix::run(host)),
    },
    Check {
        name: "hostname",
        title: || text!("the server's name"),
        needs: Needs::Nothing,
        hidden_by: &["postfix"],
        limit: USUAL_LIMIT,
        chapter: "hostname",
        run: |host| Box::pin(hostname::run(host)),
    },
    Check {
        name: "addresses",
        title: || text!("addresses that mail leaves from"),
        needs: Needs::Nothing,
        hidden_by: &["postfix"],
        limit: USUAL_LIMIT,
        chapter: "addresses",
        run: |host| Box::pin(addresses::run(host)),
    },
    Check {
        name: "reverse",
        title: || text!("reverse names"),
        needs: Needs::Dns,
        hidden_by: &["resolver", "postfix"],
        limit: USUAL_LIMIT,
        chapter: "reverse",
        run: |host| Box::pin(reverse::run(host)),
    },
    Check {
        name: "milter",
        title: || text!("Postfix's way to the milter"),
        needs: Needs::Nothing,
        hidden_by: &["configuration", "postfix"],
        limit: USUAL_LIMIT,
        chapter: "milter",
        run: |host| Box::pin(milter::run(host)),
    },
    Check {
        name: "breakers",
        title: || text!("what breaks signatures"),
        needs: Needs::Nothing,
        hidden_by: &["configuration", "postfix"],
        limit: USUAL_LIMIT,
        chapter: "breakers",
        run: |host| Box::pin(breakers::run(host)),
    },
    Check {
        name: "self-test",
        title: || text!("a message signed on trial"),
        needs: Needs::Nothing,
        hidden_by: &["configuration"],
        limit: USUAL_LIMIT,
        chapter: "self-test",
        run: |host| Box::pin(self_test::run(host)),
    },
    Check {
        name: "port25",
        title: || text!("port 25, in and out"),
        needs: Needs::Greetings,
        hidden_by: &["resolver", "postfix"],
        limit: port25::LIMIT,
        chapter: "port25",
        run: |host| Box::pin(port25::run(host)),
    },
    Check {
        name: "relay",
        title: || text!("open relay"),
        needs: Needs::Nothing,
        hidden_by: &["postfix"],
        limit: USUAL_LIMIT,
        chapter: "relay",
        run: |host| Box::pin(relay::run(host)),
    },
    Check {
        name: "submission",
        title: || text!("submission by users"),
        needs: Needs::Nothing,
        hidden_by: &["postfix"],
        limit: USUAL_LIMIT,
        chapter: "submission",
        run: |host| Box::pin(submission::run(host)),
    },
    Check {
        name: "tls",
        title: || text!("TLS and certificates"),
        needs: Needs::Nothing,
        hidden_by: &["postfix"],
        limit: LONG_LIMIT,
        chapter: "tls",
        run: |host| Box::pin(tls::run(host)),
    },
    Check {
        name: "mx",
        title: || text!("where mail for the domain goes"),
        needs: Needs::Dns,
        hidden_by: &["resolver", "domains"],
        limit: USUAL_LIMIT,
        chapter: "mx",
        run: |host| Box::pin(mx::run(host)),
    },
    Check {
        name: "spf",
        title: || text!("SPF records"),
        needs: Needs::Dns,
        hidden_by: &["resolver", "domains"],
        limit: LONG_LIMIT,
        chapter: "spf",
        run: |host| Box::pin(spf::run(host)),
    },
    Check {
        name: "dkim",
        title: || text!("DKIM records and keys"),
        needs: Needs::Dns,
        hidden_by: &["configuration", "resolver", "domains"],
        limit: LONG_LIMIT,
        chapter: "dkim",
        run: |host| Box::pin(dkim::run(host)),
    },
    Check {
        name: "dmarc",
        title: || text!("DMARC policy"),
        needs: Needs::Dns,
        hidden_by: &["resolver", "domains"],
        limit: LONG_LIMIT,
        chapter: "dmarc",
        run: |host| Box::pin(dmarc::run(host)),
    },
    Check {
        name: "policies",
        title: || text!("MTA-STS, TLS reports, DANE, BIMI, CAA"),
        needs: Needs::Dns,
        hidden_by: &["resolver", "domains"],
        limit: LONG_LIMIT,
        chapter: "policies",
        run: |host| Box::pin(policies::run(host)),
    },
    Check {
        name: "unsubscribe",
        title: || text!("a sample, and one-click unsubscription"),
        needs: Needs::Nothing,
        hidden_by: &[],
        limit: USUAL_LIMIT,
        chapter: "unsubscribe",
        run: |host| Box::pin(unsubscribe::run(host)),
    },
    Check {
        name: "postmaster",
        title: || text!("postmaster and abuse"),
        needs: Needs::Nothing,
        hidden_by: &["postfix"],
        limit: USUAL_LIMIT,
        chapter: "postmaster",
        run: |host| Box::pin(postmaster::run(host)),
    },
    Check {
        name: "block-lists",
        title: || text!("block lists"),
        needs: Needs::Dns,
        hidden_by: &["resolver"],
        limit: LONG_LIMIT,
        chapter: "block-lists",
        run: |host| Box::pin(block_lists::run(host)),
    },
    Check {
        name: "clock",
        title: || text!("the clock"),
        needs: Needs::Nothing,
        hidden_by: &[],
        limit: USUAL_LIMIT,
        chapter: "clock",
        run: |host| Box::pin(clock::run(host)),
    },
    Check {
        name: "queue",
        title: || text!("the mail queue"),
        needs: Needs::Nothing,
        hidden_by: &["postfix"],
        limit: USUAL_LIMIT,
        chapter: "queue",
        run: |host| Box::pin(queue::run(host)),
    },
    Check {
        name: "reputation",
        title: || text!("reputation with receivers"),
        needs: Needs::Nothing,
        hidden_by: &[],
        limit: USUAL_LIMIT,
        chapter: "reputation",
        run: |host| Box::pin(reputation::run(host)),
    },
];

/// Whether DNS knows the domain; where it does not, one check says so, and the others keep silent.
/// Without an answer it is taken for existing.
async fn exists(host: &Host, domain: &str) -> bool {
    match &host.dns {
        Some(dns) => {
            let found = dns.txt(domain).await;
            found.map_or(true, |found| found.name_exists)
        }
        None => true,
    }
}

/// The report of a check that examines domains where there is none.
fn no_domain() -> Report {
    Report::not_examined(
        Cause::NoDomain,
        text!("no domain is known from the configuration: name one after `dkimd doctor`"),
    )
}

/// The report about a domain that does not exist, as the check of the domains says.
fn no_such_domain(domain: &str) -> Report {
    Report::not_examined(Cause::Told, text!("{domain} does not exist in DNS"))
}

/// The report of a check that looks at Postfix where its settings can't be read, as its own check says.
fn no_postfix() -> Report {
    Report::not_examined(Cause::Told, text!("Postfix's settings can't be read"))
}

/// The report of a check that takes the server's configuration where that can't be used, as its own
/// check says.
fn no_configuration(host: &Host) -> Report {
    let file = host.config.display();
    match host.config_is_denied {
        true => Report::not_examined(
            Cause::Rights,
            text!("{file}, or a file that it names, can't be read"),
        ),
        false => Report::not_examined(
            Cause::Told,
            text!("the server's configuration can't be used"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let names: HashSet<_> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), CHECKS.len());
    }
}
