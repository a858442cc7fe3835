//! Each remedy is tried on the settings in memory before it is told: a command that leaves its finding
//! where it is, or brings another, is no remedy.

use std::cmp::Reverse;

use super::{
    coverage, order,
    place::Site,
    remedy::{Edit, Mended},
    settings, spelling,
    wiring::{Role, callers},
};
use dkimd_advice::{Finding, Level, text};
use dkimd_postfix::{Postfix, change::Change};
use dkimd_server::{config::snapshot::Snapshot, decide::Mode};

/// Changes that a change calls for, one after the other, until it is given up.
const MOST_ROUNDS: usize = 4;

/// What remedies are tried by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial<'a> {
    pub(super) mode: Mode,
    pub(super) server: Option<&'a Snapshot>,
}

/// What is wrong with settings: code and subject.
type Fault = (&'static str, String);

impl Trial<'_> {
    /// What the settings alone let see, with what would mend it.
    fn judged(&self, site: &Site<'_>) -> Vec<Mended> {
        let callers = callers(site.postfix);
        let mut found = spelling::judge(site, &callers);
        found.extend(coverage::judge(site, &callers, self.mode.sign));
        found.extend(settings::judge(site, &callers, self.server));
        found.extend(order::judge(site, &callers, self.mode));
        found.retain(|found| found.finding.level > Level::Info);
        found
    }

    fn faults(&self, site: &Site<'_>) -> Vec<Fault> {
        let of = |found: Mended| (found.finding.code.word(), found.finding.subject.clone());
        let mut faults: Vec<_> = self.judged(site).into_iter().map(of).collect();
        for caller in callers(site.postfix) {
            let blind = |(milter, _)| !site.is_seen(milter, caller.service.chroot);
            if caller.role != Role::Reinjection && site.ours(caller.used()).is_some_and(blind) {
                faults.push(("unseen", caller.service.id()));
            }
        }
        faults
    }

    /// The changes that mend a finding and whatever they would call for; `None` where there are none.
    fn changes(&self, found: &Mended, site: &Site<'_>) -> Option<Vec<Change>> {
        let own = (found.finding.code.word(), found.finding.subject.clone());
        let before = self.faults(site);
        let mut changes = Vec::new();
        let mut edits = found.edits.clone();
        for _ in 0..MOST_ROUNDS {
            for edit in &edits {
                let so_far = site.postfix.with(&changes);
                changes.extend(edit.change(&so_far));
            }
            let changed = site.postfix.with(&changes);
            let after = site.after(&changed, found.socket.as_ref().or(site.socket));
            let faults = self.faults(&after);
            let new: Vec<_> = faults
                .into_iter()
                .filter(|fault| match *fault == own {
                    true => !found.elsewhere,
                    false => !before.contains(fault),
                })
                .collect();
            if new.is_empty() {
                return Some(changes);
            }
            edits = self
                .judged(&after)
                .into_iter()
                .filter(|found| {
                    new.contains(&(found.finding.code.word(), found.finding.subject.clone()))
                })
                .filter(|found| found.finding.code != own.0)
                .flat_map(|found| found.edits)
                .collect();
            if edits.is_empty() {
                return None;
            }
        }
        None
    }

    /// The findings, the worst first, each with its commands: whoever runs them in this order is never
    /// led back by one to what another has mended.
    pub(super) fn told(&self, mut found: Vec<Mended>, site: &Site<'_>) -> Vec<Finding> {
        found.sort_by_key(|found| Reverse(found.finding.level));
        let mut postfix = site.postfix.clone();
        let mut socket = site.socket.cloned();
        let mut told = Vec::new();
        for found in found {
            let here = site.after(&postfix, socket.as_ref());
            if found.edits.is_empty() {
                told.push(found.finding);
                continue;
            }
            match self.changes(&found, &here) {
                Some(changes) => {
                    let changed = postfix.with(&changes);
                    told.push(with_commands(&found, &changes, &postfix));
                    postfix = changed;
                    socket = found.socket.or(socket);
                }
                None => told.push(without_command(found, &here)),
            }
        }
        told
    }
}

fn with_commands(found: &Mended, changes: &[Change], postfix: &Postfix) -> Finding {
    let mut finding = found.finding.clone();
    if changes.is_empty() {
        finding = finding.advice(text!("the commands above mend this, too"));
    }
    for command in commands(changes, postfix) {
        finding = finding.command(command);
    }
    if !changes.is_empty() {
        finding = finding.command(postfix.reload());
    }
    found.then.iter().cloned().fold(finding, Finding::command)
}

/// The commands for some changes; those of `main.cf` at once.
fn commands(changes: &[Change], postfix: &Postfix) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut of_main = false;
    for change in changes {
        let command = change.command(postfix);
        let is_main = matches!(change, Change::Main { .. });
        let more = command.split_once(" -e ").map(|(_, setting)| setting);
        match (commands.last_mut(), more) {
            (Some(last), Some(more)) if of_main && is_main => {
                last.push(' ');
                last.push_str(more);
            }
            _ => commands.push(command),
        }
        of_main = is_main;
    }
    commands
}

/// Where no single command is known that leaves everything else as it is.
fn without_command(found: Mended, site: &Site<'_>) -> Finding {
    let mut finding = found.finding;
    finding.fix.clear();
    let socket = match site.socket {
        Some(socket) => socket.to_string(),
        None => "Socket".to_owned(),
    };
    let place = found.edits.iter().find_map(|edit| match edit {
        Edit::List(place, _) => Some(place.shown()),
        Edit::Set(_) => None,
    });
    let place = place.unwrap_or_else(|| finding.subject.clone());
    finding.advice(text!("write the filters in {place} as Postfix reads them (inet:HOST:PORT, or unix:PATH, relative to \
         the queue directory), so that the services reach {socket}; no command is known here that \
         changes nothing else"))
}
