//! A header section that has passed MaximumHeaders. Nothing of it is kept any more: octets are counted
//! for the log, and where On-Security lets such mail through, each Authentication-Results field is
//! judged as it comes and no more than its number is noted.

use crate::{
    dkim::header::{HeaderSection, bare_name},
    headers::auth_results_parse::{NAME, RemovalRules},
    milter::Change,
};

/// Runs of neighbouring fields to be deleted that are told apart. Beyond so many, what stands between
/// two is deleted as well: no forged result survives, and the memory stays bounded.
pub const MAX_RUNS: usize = 4096;

/// What is known of a header section that is too large.
#[derive(Debug)]
pub(super) struct TooLarge {
    /// Octets of all fields so far, as MaximumHeaders counts them.
    pub(super) octets: usize,
    results: Option<Results>,
}

/// The results among its fields.
#[derive(Debug)]
struct Results {
    rules: RemovalRules,
    seen: u32,
    removals: Removals,
}

impl TooLarge {
    /// Of the fields that were kept so far; `rules` where the message may be let through.
    pub(super) fn new(section: &HeaderSection, octets: usize, rules: Option<RemovalRules>) -> Self {
        let results = rules.map(|rules| {
            let mut results = Results {
                rules,
                seen: 0,
                removals: Removals::default(),
            };
            for field in section.named(NAME.as_bytes()) {
                results.judge(field.value);
            }
            results
        });
        Self { octets, results }
    }

    /// One field more.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        self.octets += name.len() + value.len() + 2;
        if let Some(results) = &mut self.results
            && bare_name(name).eq_ignore_ascii_case(NAME.as_bytes())
        {
            results.judge(value);
        }
    }

    /// Octets that it holds.
    pub(super) fn held(&self) -> usize {
        self.results
            .as_ref()
            .map_or(0, |results| results.removals.held())
    }

    /// The results that claim to be ours, the last first.
    pub(super) fn removals(self) -> Vec<Change> {
        self.results
            .map_or_else(Vec::new, |results| results.removals.changes())
    }
}

impl Results {
    fn judge(&mut self, value: &[u8]) {
        self.seen = self.seen.saturating_add(1);
        if self.rules.matches(value) {
            self.removals.add(self.seen);
        }
    }
}

/// Which Authentication-Results fields are to be deleted, as runs of neighbours.
#[derive(Debug, Default)]
pub(super) struct Removals {
    runs: Vec<(u32, u32)>,
}

impl Removals {
    /// Adds an occurrence, higher than those before it.
    pub(super) fn add(&mut self, occurrence: u32) {
        let full = self.runs.len() == MAX_RUNS;
        match self.runs.last_mut() {
            Some((_, last)) if full || last.saturating_add(1) == occurrence => *last = occurrence,
            _ => self.runs.push((occurrence, occurrence)),
        }
    }

    fn held(&self) -> usize {
        self.runs.capacity() * size_of::<(u32, u32)>()
    }

    /// The last first, because every deletion renumbers what stands below it.
    pub(super) fn changes(self) -> Vec<Change> {
        let runs = self.runs.into_iter().rev();
        runs.map(|(first, last)| Change::DeleteHeaders {
            name: NAME,
            first,
            last,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dkim::header::LeadingSpace;

    fn deleted(changes: Vec<Change>) -> Vec<u32> {
        let mut all = Vec::new();
        for change in changes {
            let Change::DeleteHeaders { first, last, .. } = change else {
                panic!("{change:?}");
            };
            all.extend((first..=last).rev());
        }
        all
    }

    #[test]
    fn results_are_judged_before_and_after_the_limit_by_their_number() {
        let mut section = HeaderSection::default();
        for value in [" mx.example; dkim=pass", " other.example; dkim=pass"] {
            section.push(
                b"authentication-results",
                value.as_bytes(),
                LeadingSpace::Kept,
            );
        }
        let mut large = TooLarge::new(&section, 100, Some(RemovalRules::new("mx.example")));
        large.field(b"Subject", b" x");
        large.field(b"Authentication-Results \t", b" mx.example; dkim=pass");
        large.field(b"Authentication-Results", b" MX.example 1; none");
        large.field(b"Authentication-Results", b" relay.example; none");
        assert_eq!(large.octets, 100 + 11 + 48 + 43 + 44);
        assert_eq!(deleted(large.removals()), [4, 3, 1]);
    }

    #[test]
    fn what_is_refused_anyway_is_not_read() {
        let mut large = TooLarge::new(&HeaderSection::default(), 0, None);
        large.field(b"Authentication-Results", b" mx.example; dkim=pass");
        assert_eq!(large.removals(), []);
    }

    #[test]
    fn too_many_runs_become_one_and_none_is_left_out() {
        let mut removals = Removals::default();
        let forged = (1..).step_by(2).take(3 * MAX_RUNS);
        for occurrence in forged.clone() {
            removals.add(occurrence);
        }
        assert!(removals.runs.len() <= MAX_RUNS);
        let deleted = deleted(removals.changes());
        assert!(deleted.is_sorted_by(|one, other| one > other));
        assert!(forged.into_iter().all(|occurrence| {
            deleted
                .binary_search_by(|known| occurrence.cmp(known))
                .is_ok()
        }));
    }
}
