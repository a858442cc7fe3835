//! All checks: what `checks.toml` says of them, and what does them.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde::Deserialize;

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
mod data;
mod dkim;
mod dmarc;
mod domains;
mod each;
mod filters;
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

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its name, for `--only` and `--skip`.
    pub name: &'static str,
    /// What it looks at, in a few words.
    pub title: Text,
    /// What it needs beside this host.
    pub needs: Needs,
    /// The checks whose findings may keep this one from looking.
    pub hidden_by: Vec<&'static str>,
    /// The time it may take.
    pub limit: Duration,
    /// The chapter of the course (`docs/course.md`) that teaches it.
    pub chapter: &'static str,
    /// Does it.
    pub run: Run,
}

/// What does a check.
pub type Run = fn(Arc<Host>) -> Running;

/// A check under way.
pub type Running = Pin<Box<dyn Future<Output = Report> + Send>>;

/// What a check needs beside this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// Nothing.
    #[default]
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
pub static CHECKS: LazyLock<Vec<Check>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Checks {
        #[serde(bound(deserialize = "'de: 'static"))]
        check: Vec<Row>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        name: &'static str,
        title: Text,
        chapter: &'static str,
        #[serde(default)]
        needs: Needs,
        #[serde(borrow, default)]
        hidden_by: Vec<&'static str>,
        #[serde(default = "usual_seconds")]
        seconds: u64,
    }

    let checks: Checks = data::read("checks.toml", include_str!("checks.toml"));
    let check = |row: Row| Check {
        name: row.name,
        title: row.title,
        needs: row.needs,
        hidden_by: row.hidden_by,
        limit: Duration::from_secs(row.seconds),
        chapter: row.chapter,
        run: run_of(row.name),
    };
    checks.check.into_iter().map(check).collect()
});

fn usual_seconds() -> u64 {
    20
}

/// What does the check of a name; a test looks up all.
fn run_of(name: &str) -> Run {
    match name {
        "configuration" => |host| Box::pin(configuration::run(host)),
        "resolver" => |host| Box::pin(resolver::run(host)),
        "domains" => |host| Box::pin(domains::run(host)),
        "postfix" => |host| Box::pin(postfix::run(host)),
        "hostname" => |host| Box::pin(hostname::run(host)),
        "addresses" => |host| Box::pin(addresses::run(host)),
        "reverse" => |host| Box::pin(reverse::run(host)),
        "milter" => |host| Box::pin(milter::run(host)),
        "breakers" => |host| Box::pin(breakers::run(host)),
        "self-test" => |host| Box::pin(self_test::run(host)),
        "port25" => |host| Box::pin(port25::run(host)),
        "relay" => |host| Box::pin(relay::run(host)),
        "submission" => |host| Box::pin(submission::run(host)),
        "tls" => |host| Box::pin(tls::run(host)),
        "mx" => |host| Box::pin(mx::run(host)),
        "spf" => |host| Box::pin(spf::run(host)),
        "dkim" => |host| Box::pin(dkim::run(host)),
        "dmarc" => |host| Box::pin(dmarc::run(host)),
        "policies" => |host| Box::pin(policies::run(host)),
        "unsubscribe" => |host| Box::pin(unsubscribe::run(host)),
        "postmaster" => |host| Box::pin(postmaster::run(host)),
        "block-lists" => |host| Box::pin(block_lists::run(host)),
        "clock" => |host| Box::pin(clock::run(host)),
        "queue" => |host| Box::pin(queue::run(host)),
        "reputation" => |host| Box::pin(reputation::run(host)),
        _ => panic!("checks.toml: no function does the check {name}"),
    }
}

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
    use dkimd_advice::text::Lang;

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let names: HashSet<_> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), CHECKS.len());
        assert!(CHECKS.len() > 20);
    }

    #[test]
    fn every_check_is_hidden_by_earlier_ones_alone_and_has_a_title_in_both_languages() {
        for (at, check) in CHECKS.iter().enumerate() {
            for hiding in &check.hidden_by {
                let mut earlier = CHECKS[..at].iter();
                assert!(earlier.any(|one| one.name == *hiding), "{check:?}");
            }
            let title = check.title.to(Lang::En);
            assert!(Text::from_catalogue(title).is_some(), "po/update: {title}");
        }
    }
}
