//! The clock: signatures carry the time, and receivers look at it.
//!
//! Findings: `clock-impossible`, `clock-behind`, `clock-unsynchronised`; the time in a receiver's
//! greeting is compared by the check of port 25 (`clock-differs`).

use std::{fs, path::Path, sync::Arc};

use crate::{
    calendar::{DAY_SECONDS, day, unix_seconds},
    codes,
    host::Host,
    report::Report,
};
use dkimd_advice::{Finding, text};

/// 2026-11-01: before it this program did not exist.
const EARLIEST: u64 = 1_793_491_200;
/// Ten years later.
const LATEST: u64 = EARLIEST + 3653 * DAY_SECONDS;
/// Seconds by which a file may be younger than now.
const MAX_AHEAD: u64 = 60 * 60;
/// Files that others touch as time goes by.
const TOUCHED: &[&str] = &[
    "/var/lib/systemd/timesync/clock",
    "/var/lib/chrony/drift",
    "/var/log/mail.log",
    "/var/log/maillog",
    "/var/log/syslog",
    "/var/log/wtmp",
];

/// What is known of the clock.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// Seconds since 1970.
    now: u64,
    /// Whether the kernel says that somebody keeps the clock right; `None`: it does not say.
    synchronised: Option<bool>,
    /// The file that was touched last, and when.
    youngest: Option<(String, u64)>,
}

/// Looks at the kernel's word and at files' times.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let facts = Facts {
        now: unix_seconds(host.now),
        synchronised: kernel_says(),
        youngest: youngest(TOUCHED),
    };
    judge(&facts).into_iter().collect::<Vec<_>>().into()
}

fn judge(facts: &Facts) -> Option<Finding> {
    let now = facts.now;
    let today = day(now);
    if !(EARLIEST..LATEST).contains(&now) {
        let finding = Finding::fail(
            codes::CLOCK_IMPOSSIBLE,
            "clock",
            text!("this host's clock shows {today}, which can't be"),
        );
        return Some(mended(finding).why(text!(
            "signatures with such a time (t=) are refused, certificates seem invalid, DNSSEC fails"
        )));
    }
    if let Some((file, touched)) = &facts.youngest
        && *touched > now + MAX_AHEAD
    {
        let hours = (touched - now) / 3600;
        let finding = Finding::warn(
            codes::CLOCK_BEHIND,
            "clock",
            text!(
                "this host's clock seems to be {hours} hours behind: {file} was written in its \
                 future"
            ),
        )
        .evidence(format!("now {today}, {file} {}", day(*touched)));
        return Some(mended(finding).why(text!(
            "signatures that end (x=) may have ended when they arrive, and certificates seem not \
             yet valid"
        )));
    }
    if facts.synchronised == Some(false) {
        let finding = Finding::info(
            codes::CLOCK_UNSYNCHRONISED,
            "clock",
            text!("the kernel knows of nobody who keeps this host's clock right"),
        )
        .evidence("adjtimex: STA_UNSYNC");
        return Some(mended(finding).why(text!(
            "a clock that goes fast dates signatures (t=) in the future, and some receivers do not \
             accept them; in a container or virtual machine the host may do it"
        )));
    }
    None
}

fn mended(finding: Finding) -> Finding {
    finding
        .command("timedatectl set-ntp true")
        .command("apt-get install systemd-timesyncd")
        .advice(text!(
            "or chrony, where that is missing: apt-get install chrony"
        ))
}

/// The kernel's own word on it (adjtimex(2)).
fn kernel_says() -> Option<bool> {
    // SAFETY: a timex is plain integers, for which zeroes are valid; modes 0 asks and sets nothing.
    let mut answer: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a timex that lives until the call is over.
    let state = unsafe { libc::adjtimex(&raw mut answer) };
    let kept = state != libc::TIME_ERROR && answer.status & libc::STA_UNSYNC == 0;
    (state >= 0).then_some(kept)
}

fn youngest(files: &[&str]) -> Option<(String, u64)> {
    files
        .iter()
        .filter_map(|file| {
            let touched = fs::metadata(Path::new(file)).ok()?.modified().ok()?;
            Some(((*file).to_owned(), unix_seconds(touched)))
        })
        .max_by_key(|(_, touched)| *touched)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_467_937;

    fn code(facts: Facts) -> Option<&'static str> {
        judge(&facts).map(|finding| finding.code.word())
    }

    #[test]
    fn impossible_times_are_failures() {
        for now in [0, EARLIEST - 1, LATEST] {
            let facts = Facts {
                now,
                ..Facts::default()
            };
            assert_eq!(code(facts), Some("clock-impossible"), "{now}");
        }
        assert_eq!(day(EARLIEST), "2026-11-01");
        assert_eq!(day(LATEST), "2036-11-01");
    }

    #[test]
    fn a_file_from_the_future_shows_a_clock_that_is_behind() {
        let facts = |ahead| Facts {
            now: NOW,
            synchronised: Some(true),
            youngest: Some(("/var/log/mail.log".to_owned(), NOW + ahead)),
        };
        assert_eq!(code(facts(2 * MAX_AHEAD)), Some("clock-behind"));
        assert_eq!(code(facts(10)), None);
    }

    #[test]
    fn the_kernels_word_is_told() {
        let facts = |synchronised| Facts {
            now: NOW,
            synchronised,
            youngest: None,
        };
        assert_eq!(code(facts(Some(false))), Some("clock-unsynchronised"));
        assert_eq!(code(facts(Some(true))), None);
        assert_eq!(code(facts(None)), None);
    }

    #[test]
    fn the_youngest_file_counts() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        fs::write(&file, "x").unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(youngest(&["/nonexistent", file]).unwrap().0, file);
        assert_eq!(youngest(&["/nonexistent"]), None);
    }
}
