//! Runs the checks side by side, each within its time, and puts what they found in order.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{task::JoinSet, time::timeout};

use super::{
    checks::{CHECKS, Check, Needs},
    finding::{Finding, Level, Report},
    host::Host,
};
use crate::{dns::DnsFailure, text::Text};

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
}

/// What became of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is wrong.
    Fine,
    /// It found something.
    Found,
    /// It had nothing to look at, or was told not to ask others.
    Skipped(Text),
    /// It did not end in its time.
    TimedOut,
    /// DNS gave no answer to some question, and nothing else is wrong.
    Unanswered,
    /// A fault of this program.
    Broken,
}

impl State {
    /// The word for it in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Found => "found",
            Self::Skipped(_) => "skipped",
            Self::TimedOut => "timed-out",
            Self::Unanswered => "unanswered",
            Self::Broken => "broken",
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
    /// How long it took.
    pub took: Duration,
}

impl Examined {
    /// Whether it could not be said that all is well.
    pub fn is_unfinished(&self) -> bool {
        matches!(
            self.state,
            State::TimedOut | State::Unanswered | State::Broken
        )
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
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is wrong.
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
            _ if self.checks.iter().any(Examined::is_unfinished) => Verdict::Warned,
            _ => Verdict::Healthy,
        }
    }
}

/// Runs `checks` together; `ended` hears of each as it ends, for progress.
pub async fn examine(
    host: &Arc<Host>,
    checks: &[&'static Check],
    mut ended: impl FnMut(&Examined),
) -> Examination {
    let mut running = JoinSet::new();
    let mut results: Vec<Option<(Examined, Report)>> = checks.iter().map(|_| None).collect();
    for (index, check) in checks.iter().copied().enumerate() {
        if check.needs != Needs::Nothing && host.dns.is_none() {
            let offline = crate::text!(
                "left out: nothing is asked with --offline",
                "omitida: con --offline no se pregunta nada"
            );
            let examined = concluded(check, Report::skipped(offline), Duration::ZERO);
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
            Ok(_) => unfinished(check, State::Broken, took),
            Err(_) => unfinished(check, State::TimedOut, took),
        };
        ended(&result.0);
        results[index] = Some(result);
    }
    in_order(results.into_iter().flatten())
}

fn concluded(check: &'static Check, report: Report, took: Duration) -> (Examined, Report) {
    let state = match &report {
        Report {
            skipped: Some(why), ..
        } if report.findings.is_empty() => State::Skipped(why.clone()),
        report if !report.findings.is_empty() => State::Found,
        report if !report.unanswered.is_empty() => State::Unanswered,
        _ => State::Fine,
    };
    let examined = Examined {
        check,
        state,
        unanswered: report.unanswered.clone(),
        took,
    };
    (examined, report)
}

fn unfinished(check: &'static Check, state: State, took: Duration) -> (Examined, Report) {
    let (examined, report) = concluded(check, Report::default(), took);
    (Examined { state, ..examined }, report)
}

fn in_order(results: impl Iterator<Item = (Examined, Report)>) -> Examination {
    let mut examination = Examination::default();
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
    use crate::text;

    fn report(levels: &[Level]) -> Report {
        let finding = |&level| Finding::new(level, "code", "subject", text!("what", "qué"));
        levels.iter().map(finding).collect::<Vec<_>>().into()
    }

    fn examined(report: Report) -> Examination {
        in_order(std::iter::once(concluded(
            &CHECKS[0],
            report,
            Duration::ZERO,
        )))
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
        assert_eq!(examined(silent).verdict(), Verdict::Warned);
    }
}
