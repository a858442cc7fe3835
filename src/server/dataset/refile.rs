//! `refile:` sets: patterns in file order, found without trying them all.
//!
//! Every pattern that is literal text and `*` goes into one of three hash indexes, by the literal
//! text it must equal, end with or begin with. A lookup probes the ends of its key that start at a
//! dot or `@`, and those lengths that odd patterns ask for; what is found is matched in full.
//! Only the rest (real regular expressions, `*` alone, `*x*`) is tried one by one, and only as far
//! as the best entry already found: the answer is always that of trying all in file order.

use std::collections::BTreeSet;

use regex::bytes::Regex;

use super::{
    Answer, Case, DataSet, Lookup,
    entries::Entries,
    index::Index,
    posix::{self, PatternError},
};

/// A compiled `refile:` set.
#[derive(Debug)]
pub struct PatternSet {
    entries: Entries,
    case: Case,
    /// Patterns without `*`, by the whole.
    whole: Index,
    /// Patterns that end in literal text, by what follows their last `*`.
    end: Index,
    /// Lengths of such ends that do not begin with a dot or `@`.
    end_lengths: Box<[usize]>,
    /// Patterns whose only literal certainty is their beginning.
    begin: Index,
    /// Lengths of such beginnings.
    begin_lengths: Box<[usize]>,
    /// Patterns that must be tried, in file order.
    tried: Vec<Tried>,
}

#[derive(Debug)]
struct Tried {
    number: u32,
    /// `None`: literal text and `*` only.
    regex: Option<Regex>,
}

/// The index that a pattern belongs to.
enum Shape<'p> {
    Whole,
    End(&'p str),
    Begin(&'p str),
    Tried,
}

fn shape(pattern: &str) -> Shape<'_> {
    if !posix::is_plain(pattern) {
        return Shape::Tried;
    }
    let Some(last_star) = memchr::memrchr(b'*', pattern.as_bytes()) else {
        return Shape::Whole;
    };
    let end = &pattern[last_star + 1..];
    if !end.is_empty() {
        return Shape::End(end);
    }
    match pattern.split('*').next() {
        None | Some("") => Shape::Tried,
        Some(begin) => Shape::Begin(begin),
    }
}

/// What [`PatternSet::whole`] stores.
fn whole(pattern: &str) -> &str {
    pattern
}

/// What [`PatternSet::end`] stores: all patterns there have a `*` and text after it.
fn end(pattern: &str) -> &str {
    memchr::memrchr(b'*', pattern.as_bytes()).map_or(pattern, |star| &pattern[star + 1..])
}

/// What [`PatternSet::begin`] stores: all patterns there have text before a `*`.
fn begin(pattern: &str) -> &str {
    memchr::memchr(b'*', pattern.as_bytes()).map_or(pattern, |star| &pattern[..star])
}

fn is_boundary(octet: u8) -> bool {
    matches!(octet, b'.' | b'@')
}

impl PatternSet {
    /// Compiles the patterns; those that can't be are left out and returned with their lines.
    pub fn new(entries: Entries, case: Case) -> (Self, Vec<(u32, PatternError)>) {
        let mut errors = Vec::new();
        let mut tried = Vec::new();
        let (mut end_lengths, mut begin_lengths) = (BTreeSet::new(), BTreeSet::new());
        let mut indexes = [Index::new(case), Index::new(case), Index::new(case)];
        let [whole_index, end_index, begin_index] = &mut indexes;
        let whole_of = |number| whole(entries.key(number));
        let end_of = |number| end(entries.key(number));
        let begin_of = |number| begin(entries.key(number));
        let (wholes, ends) =
            entries
                .iter()
                .fold((0, 0), |(wholes, ends), entry| match shape(entry.key) {
                    Shape::Whole => (wholes + 1, ends),
                    Shape::End(_) => (wholes, ends + 1),
                    _ => (wholes, ends),
                });
        whole_index.reserve(wholes, whole_of);
        end_index.reserve(ends, end_of);
        for number in 0..entries.len() as u32 {
            let entry = entries.get(number);
            match shape(entry.key) {
                Shape::Whole => whole_index.insert(number, entry.key, whole_of),
                Shape::End(piece) => {
                    if !is_boundary(piece.as_bytes()[0]) {
                        end_lengths.insert(piece.len());
                    }
                    end_index.insert(number, piece, end_of);
                }
                Shape::Begin(piece) => {
                    begin_lengths.insert(piece.len());
                    begin_index.insert(number, piece, begin_of);
                }
                Shape::Tried if posix::is_plain(entry.key) => tried.push(Tried {
                    number,
                    regex: None,
                }),
                Shape::Tried => match posix::compile(entry.key, case) {
                    Ok(regex) => tried.push(Tried {
                        number,
                        regex: Some(regex),
                    }),
                    Err(error) => errors.push((entry.line, error)),
                },
            }
        }
        let [whole, end, begin] = indexes;
        let set = Self {
            case,
            whole,
            end,
            end_lengths: end_lengths.into_iter().collect(),
            begin,
            begin_lengths: begin_lengths.into_iter().collect(),
            tried,
            entries,
        };
        (set, errors)
    }

    /// The entries in order, those with unusable patterns included.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The number of the first entry in file order that matches.
    pub fn first(&self, key: &str) -> Option<u32> {
        let mut best = None;
        self.indexed(key, |candidates| {
            let found = candidates
                .take_while(|number| best.is_none_or(|best| *number < best))
                .find(|number| self.fits(*number, key));
            best = found.or(best);
        });
        let tried = self
            .tried
            .iter()
            .take_while(|tried| best.is_none_or(|best| tried.number < best))
            .find(|tried| self.fits_tried(tried, key));
        tried.map(|tried| tried.number).or(best)
    }

    /// The numbers of all entries that match, in file order.
    pub fn all(&self, key: &str) -> Vec<u32> {
        let mut found = Vec::new();
        self.indexed(key, |candidates| {
            found.extend(candidates.filter(|number| self.fits(*number, key)));
        });
        found.extend(
            self.tried
                .iter()
                .filter(|tried| self.fits_tried(tried, key))
                .map(|tried| tried.number),
        );
        found.sort_unstable();
        found
    }

    /// Shows `visit` the ascending candidates of every probe; no entry comes twice.
    fn indexed(&self, key: &str, mut visit: impl FnMut(&mut dyn Iterator<Item = u32>)) {
        let end_of = |number| end(self.entries.key(number));
        visit(
            &mut self
                .whole
                .find(key, |number| whole(self.entries.key(number))),
        );
        let octets = key.as_bytes();
        let reach = octets.len().saturating_sub(self.end.longest());
        for at in reach..octets.len() {
            if is_boundary(octets[at]) {
                visit(&mut self.end.find(&key[at..], end_of));
            }
        }
        for length in &self.end_lengths {
            let at = octets.len().wrapping_sub(*length);
            if let Some(rest) = key.get(at..)
                && !rest.starts_with(['.', '@'])
            {
                visit(&mut self.end.find(rest, end_of));
            }
        }
        for length in &self.begin_lengths {
            if let Some(piece) = key.get(..*length) {
                visit(
                    &mut self
                        .begin
                        .find(piece, |number| begin(self.entries.key(number))),
                );
            }
        }
    }

    fn fits(&self, number: u32, key: &str) -> bool {
        posix::plain_matches(self.entries.key(number), key, self.case)
    }

    fn fits_tried(&self, tried: &Tried, key: &str) -> bool {
        match &tried.regex {
            Some(regex) => regex.is_match(key.as_bytes()),
            None => self.fits(tried.number, key),
        }
    }
}

impl DataSet for PatternSet {
    fn lookup<'a>(&'a self, key: &'a str) -> Answer<'a, Lookup> {
        let value = self
            .first(key)
            .map(|number| self.entries.get(number).value.to_owned());
        Answer::Now(Ok(value))
    }

    fn entries(&self) -> Option<Vec<(String, String)>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn set(patterns: &[String], case: Case) -> PatternSet {
        let text = patterns.join("\n");
        let (set, errors) = PatternSet::new(Entries::of_lines(text, Path::new("t").into()), case);
        assert_eq!(errors, []);
        set
    }

    /// What OpenDKIM does: every pattern as a regular expression, in file order.
    fn naive(patterns: &[String], case: Case, key: &str) -> Vec<u32> {
        (0..)
            .zip(patterns)
            .filter(|(_, pattern)| {
                posix::compile(pattern, case)
                    .unwrap()
                    .is_match(key.as_bytes())
            })
            .map(|(number, _)| number)
            .collect()
    }

    #[test]
    fn the_first_line_wins_whatever_its_kind() {
        let patterns = ["(u|v)@a.ex", "*@a.ex", "u@a.ex", "*", "u@*"].map(str::to_owned);
        let forward = set(&patterns, Case::Ignored);
        assert_eq!(forward.first("u@A.ex"), Some(0));
        assert_eq!(forward.first("w@a.ex"), Some(1));
        assert_eq!(forward.all("u@a.ex"), [0, 1, 2, 3, 4]);
        assert_eq!(forward.first("u@b.ex"), Some(3));
    }

    #[test]
    fn a_key_of_many_dots_costs_no_more_probes_than_the_longest_pattern() {
        let set = set(&["*@a.example".to_owned()], Case::Ignored);
        let long = ".".repeat(1 << 20) + "@a.example";
        assert_eq!(set.first(&long), Some(0));
    }

    fn pattern() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "[aAb@.*]{1,6}",
            2 => "\\*@[ab]\\.[ab]",
            2 => "\\*[.@a][ab.]{0,3}",
            1 => "[ab@]{1,3}\\*",
            1 => "\\(a\\|b\\)[*@ab.]{0,3}",
            1 => "[ab]\\?[*@ab.+]{0,3}",
            1 => "\\[ab\\][*@ab.]{0,3}",
            1 => "\\*é?[ab]",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_index_answers_as_trying_all_in_order(
            patterns in prop::collection::vec(pattern(), 1..12),
            keys in prop::collection::vec("[aAbB@.é+]{0,8}", 1..8),
            counts in any::<bool>(),
        ) {
            let case = if counts { Case::Counts } else { Case::Ignored };
            let set = set(&patterns, case);
            for key in &keys {
                let expected = naive(&patterns, case, key);
                prop_assert_eq!(set.all(key), expected.clone(), "{} in {:?}", key, patterns);
                prop_assert_eq!(set.first(key), expected.first().copied());
            }
        }
    }
}
