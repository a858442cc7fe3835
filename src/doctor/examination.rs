//! Runs the checks side by side, each within its time, and puts what they found in order.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{task::JoinSet, time::timeout};

use super::{
    checks::{CHECKS, Check, Needs},
    host::Host,
    report::{Cause, Omission, Report},
};
use crate::codes;
use dkimd_advice::{Code, Finding, Level};
use dkimd_server::dns::DnsFailure;

/// Findings that keep others from being made: they are told whichever checks are wanted.
const HIDING: [Code; 7] = [
    codes::CONFIGURATION_ERROR,
    codes::RESOLVER_SILENT,
    codes::DOMAIN_MISSING,
    codes::DNSSEC_BOGUS,
    codes::POSTFIX_NOT_INSTALLED,
    codes::POSTFIX_UNREADABLE,
    codes::POSTFIX_NOT_RUNNING,
];

/// Which checks are wanted.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// These alone; none: all.
    pub only: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
}

impl Selection {
    /// The wanted checks, in the order of the table.
    pub fn checks(&self) -> Vec<&'static Check> {
        let named = |names: &[String], check: &Check| names.iter().any(|name| name == check.name);
        CHECKS
            .iter()
            .filter(|check| self.only.is_empty() || named(&self.only, check))
            .filter(|check| !named(&self.skip, check))
            .collect()
    }

    /// The checks beside those whose findings may hide what the wanted ones would find.
    pub fn causes(&self) -> Vec<&'static Check> {
        let wanted = self.checks();
        let hiding = |check: &Check| wanted.iter().any(|one| one.hidden_by.contains(&check.name));
        CHECKS
            .iter()
            .filter(|check| hiding(check))
            .filter(|check| !wanted.iter().any(|one| one.name == check.name))
            .filter(|check| !self.skip.iter().any(|name| name == check.name))
            .collect()
    }
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is wrong.
    Fine,
    /// It found something.
    Found,
    /// Nothing is wrong with what it looked at, and some it did not look at.
    Partly,
    /// It looked at nothing.
    NotExamined(Cause),
}

impl State {
    /// The word for it in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Found => "found",
            Self::Partly => "partly",
            Self::NotExamined(_) => "not-examined",
        }
    }
}

/// A check that ran.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Which.
    pub check: &'static Check,
    /// What became of it.
    pub state: State,
    /// What it asked DNS in vain.
    pub unanswered: Vec<(String, DnsFailure)>,
    /// What it did not look at.
    pub omitted: Vec<Omission>,
    /// How long it took.
    pub took: Duration,
}

impl Examined {
    /// Whether it was to be examined and could not be, for no reason that was known before.
    pub fn is_unfinished(&self) -> bool {
        use Cause::{Fault, Time, Unanswered, Unavailable};
        let unexpected = |cause| matches!(cause, Fault | Time | Unanswered | Unavailable);
        let whole = matches!(self.state, State::NotExamined(cause) if unexpected(cause));
        whole
            || self
                .omitted
                .iter()
                .any(|omission| unexpected(omission.cause))
    }

    /// Whether all or some of it was not examined.
    pub fn is_incomplete(&self) -> bool {
        matches!(self.state, State::Partly | State::NotExamined(_)) || !self.omitted.is_empty()
    }

    /// Whether it was examined, or some of it.
    pub fn is_examined(&self) -> bool {
        !matches!(self.state, State::NotExamined(_))
    }
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// The worst first; among equals in the order of the checks.
    pub findings: Vec<(&'static Check, Finding)>,
    /// Every check, in the order of the table.
    pub checks: Vec<Examined>,
}

/// How it ended, for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing was examined.
    NotExamined,
    /// Nothing is wrong with what was examined.
    Healthy,
    /// Something should be mended.
    Warned,
    /// Something must be mended.
    Failing,
}

impl Examination {
    /// The worst of all findings. A check that could not be finished counts as a warning.
    pub fn verdict(&self) -> Verdict {
        match self.findings.iter().map(|(_, finding)| finding.level).max() {
            Some(Level::Fail) => Verdict::Failing,
            Some(Level::Warn) => Verdict::Warned,
            _ if !self.checks.iter().any(Examined::is_examined) => Verdict::NotExamined,
            _ if self.checks.iter().any(Examined::is_unfinished) => Verdict::Warned,
            _ => Verdict::Healthy,
        }
    }

    /// Whether it was for want of rights alone that nothing was examined.
    pub fn lacks_rights_alone(&self) -> bool {
        let of_rights = |examined: &Examined| examined.state == State::NotExamined(Cause::Rights);
        !self.checks.is_empty() && self.checks.iter().all(of_rights)
    }
}

/// Runs the wanted checks together, and those beside them that find what hides others; `ended` hears
/// of each as it ends, for progress.
pub async fn examine(
    host: &Arc<Host>,
    selection: &Selection,
    mut ended: impl FnMut(&Examined),
) -> Examination {
    let wanted = selection.checks();
    let mut checks = wanted.clone();
    checks.extend(selection.causes());
    let mut running = JoinSet::new();
    let mut results: Vec<Option<(Examined, Report)>> = checks.iter().map(|_| None).collect();
    for (index, check) in checks.iter().copied().enumerate() {
        if check.needs != Needs::Nothing && host.dns.is_none() {
            let offline = dkimd_advice::text!("left out: nothing is asked with --offline");
            let report = Report::not_examined(Cause::Offline, offline);
            let examined = concluded(check, report, Duration::ZERO);
            ended(&examined.0);
            results[index] = Some(examined);
            continue;
        }
        let work = (check.run)(Arc::clone(host));
        running.spawn(async move {
            let begun = Instant::now();
            // In a task of its own, so that a fault in one check does not end the others.
            let mut task = JoinSet::new();
            task.spawn(work);
            let report = timeout(check.limit, task.join_next()).await;
            (index, report, begun.elapsed())
        });
    }
    while let Some(Ok((index, report, took))) = running.join_next().await {
        let Some(check) = checks.get(index).copied() else {
            continue;
        };
        let result = match report {
            Ok(Some(Ok(report))) => concluded(check, report, took),
            Ok(_) => concluded(check, broken(), took),
            Err(_) => concluded(check, late(), took),
        };
        ended(&result.0);
        results[index] = Some(result);
    }
    let mut hiding = Vec::new();
    for (examined, report) in results.drain(wanted.len()..).flatten() {
        let hides = |finding: &Finding| {
            HIDING.contains(&finding.code)
                && (finding.code != codes::CONFIGURATION_ERROR || !host.server_could_start)
        };
        let found = report.findings.into_iter().filter(hides);
        hiding.extend(found.map(|finding| (examined.check, finding)));
    }
    in_order(hiding, results.into_iter().flatten())
}

fn broken() -> Report {
    Report::not_examined(
        Cause::Fault,
        dkimd_advice::text!("could not be finished: a fault of dkimd, please report it"),
    )
}

fn late() -> Report {
    Report::not_examined(Cause::Time, dkimd_advice::text!("did not end in its time"))
}

fn concluded(check: &'static Check, report: Report, took: Duration) -> (Examined, Report) {
    let state = match report.omitted.first() {
        _ if !report.findings.is_empty() => State::Found,
        Some(omission) if report.idle => State::NotExamined(omission.cause),
        _ if !report.unanswered.is_empty() => State::NotExamined(Cause::Unanswered),
        Some(_) => State::Partly,
        None => State::Fine,
    };
    let examined = Examined {
        check,
        state,
        unanswered: report.unanswered.clone(),
        omitted: report.omitted.clone(),
        took,
    };
    (examined, report)
}

fn in_order(
    hiding: Vec<(&'static Check, Finding)>,
    results: impl Iterator<Item = (Examined, Report)>,
) -> Examination {
    let mut examination = Examination {
        findings: hiding,
        ..Examination::default()
    };
    for (examined, report) in results {
        let check = examined.check;
        let findings = report.findings.into_iter().map(|finding| (check, finding));
        examination.findings.extend(findings);
        examination.checks.push(examined);
    }
    // Stable: causes stay before consequences.
    examination
        .findings
        .sort_by_key(|(_, finding)| std::cmp::Reverse(finding.level));
    examination
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::text;

    fn report(levels: &[Level]) -> Report {
        let finding = |&level| Finding::new(level, Code::new("code"), "subject", text!("what"));
        levels.iter().map(finding).collect::<Vec<_>>().into()
    }

    fn examined(report: Report) -> Examination {
        let one = concluded(&CHECKS[0], report, Duration::ZERO);
        in_order(Vec::new(), std::iter::once(one))
    }

    #[test]
    fn the_worst_finding_comes_first_and_gives_the_verdict() {
        let found = examined(report(&[Level::Info, Level::Fail, Level::Warn]));
        let levels: Vec<_> = found.findings.iter().map(|(_, f)| f.level).collect();
        assert_eq!(levels, [Level::Fail, Level::Warn, Level::Info]);
        assert_eq!(found.verdict(), Verdict::Failing);
        assert_eq!(examined(report(&[Level::Info])).verdict(), Verdict::Healthy);
        assert_eq!(examined(report(&[])).checks[0].state, State::Fine);
    }

    #[test]
    fn a_check_that_dns_left_without_answer_is_not_healthy() {
        let mut silent = Report::default();
        silent.unanswered("example.com", DnsFailure::Timeout);
        // Alone: nothing is known at all.
        assert_eq!(examined(silent.clone()).verdict(), Verdict::NotExamined);
        let beside = [silent, report(&[])];
        let both = beside.map(|report| concluded(&CHECKS[0], report, Duration::ZERO));
        let both = in_order(Vec::new(), both.into_iter());
        assert_eq!(both.verdict(), Verdict::Warned);
    }

    #[test]
    fn what_was_not_examined_is_never_well() {
        let omitted = |cause| Report::not_examined(cause, text!("x"));
        for (cause, rights) in [
            (Cause::Offline, false),
            (Cause::Nothing, false),
            (Cause::Rights, true),
            (Cause::Time, false),
        ] {
            let found = examined(omitted(cause));
            assert_eq!(found.checks[0].state, State::NotExamined(cause));
            assert_eq!(found.verdict(), Verdict::NotExamined);
            assert_eq!(found.lacks_rights_alone(), rights);
        }
        let mut partly = report(&[]);
        partly.omit(Cause::Rights, text!("x"));
        let found = examined(partly.clone());
        assert_eq!(found.checks[0].state, State::Partly);
        assert_eq!(found.verdict(), Verdict::Healthy);
        partly.omit(Cause::Unavailable, text!("y"));
        assert_eq!(examined(partly).verdict(), Verdict::Warned);
        // Of two domains one was looked at.
        let mut all = Report::idle();
        all.merge(omitted(Cause::Told));
        assert!(all.idle);
        all.merge(report(&[]));
        assert_eq!(examined(all).checks[0].state, State::Partly);
    }

    #[test]
    fn whatever_is_wanted_its_hiding_causes_are_looked_for() {
        let names = |only: &[&str], skip: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let selection = Selection {
                only: owned(only),
                skip: owned(skip),
            };
            let causes = selection.causes();
            causes.iter().map(|check| check.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[], &[]), Vec::<&str>::new());
        assert_eq!(names(&["clock"], &[]), Vec::<&str>::new());
        assert_eq!(
            names(&["dkim"], &[]),
            ["configuration", "resolver", "domains"]
        );
        assert_eq!(names(&["milter", "postfix"], &[]), ["configuration"]);
        assert_eq!(
            names(&["dkim"], &["resolver"]),
            ["configuration", "domains"]
        );
        for check in CHECKS.iter() {
            for name in &check.hidden_by {
                assert!(CHECKS.iter().any(|check| check.name == *name), "{name}");
            }
        }
    }
}
