//! The table of all checks, causes before consequences: in this order findings of one level are
//! told.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{finding::Report, host::Host};
use crate::{text, text::Text};

mod block_lists;
mod clock;
mod configuration;
mod port25;
mod queue;
mod reputation;
mod tls;

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
        title: || text!("options, tables and keys", "opciones, tablas y claves"),
        needs: Needs::Nothing,
        limit: USUAL_LIMIT,
        chapter: "sign",
        run: |host| Box::pin(configuration::run(host)),
    },
    Check {
        name: "port25",
        title: || {
            text!(
                "port 25, in and out",
                "el puerto 25, de entrada y de salida"
            )
        },
        needs: Needs::Greetings,
        limit: port25::LIMIT,
        chapter: "port25",
        run: |host| Box::pin(port25::run(host)),
    },
    Check {
        name: "tls",
        title: || text!("TLS and certificates", "TLS y certificados"),
        needs: Needs::Nothing,
        limit: LONG_LIMIT,
        chapter: "tls",
        run: |host| Box::pin(tls::run(host)),
    },
    Check {
        name: "block-lists",
        title: || text!("block lists", "listas de bloqueo"),
        needs: Needs::Dns,
        limit: LONG_LIMIT,
        chapter: "block-lists",
        run: |host| Box::pin(block_lists::run(host)),
    },
    Check {
        name: "clock",
        title: || text!("the clock", "el reloj"),
        needs: Needs::Nothing,
        limit: USUAL_LIMIT,
        chapter: "clock",
        run: |host| Box::pin(clock::run(host)),
    },
    Check {
        name: "queue",
        title: || text!("the mail queue", "la cola de correo"),
        needs: Needs::Nothing,
        limit: USUAL_LIMIT,
        chapter: "queue",
        run: |host| Box::pin(queue::run(host)),
    },
    Check {
        name: "reputation",
        title: || {
            text!(
                "reputation with receivers",
                "la reputación ante los receptores"
            )
        },
        needs: Needs::Nothing,
        limit: USUAL_LIMIT,
        chapter: "reputation",
        run: |host| Box::pin(reputation::run(host)),
    },
];

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
