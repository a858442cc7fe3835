//! What changed in a text, line by line, so that it can be made and taken back.
//!
//! A change keeps no copy of the whole file: tables may hold a million lines. It knows what it
//! took out, what it put in, and where.

use serde::{Deserialize, Serialize};

use super::octets::Octets;

/// Lines compared one with the other at most, so that two very different texts cost no more than
/// a moment; beyond it they count as wholly different.
const MOST_COMPARISONS: usize = 4_000_000;

/// One place that changed. Whole lines, each with its line end, except for a last one without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunk {
    /// Where it begins in the text before.
    pub at: usize,
    /// What stood there.
    pub old: Octets,
    /// What stands there instead.
    pub new: Octets,
}

/// What turns `before` into `after`.
pub fn diff(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    let (old, new) = (lines(before), lines(after));
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let at = old[..head].iter().map(|line| line.len()).sum();
    middle(
        &old[head..old.len() - tail],
        &new[head..new.len() - tail],
        at,
    )
}

/// The text with the changes made.
///
/// `None` where the text is not the one they were made for.
pub fn forward(before: &[u8], hunks: &[Hunk]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(before.len());
    let mut read = 0;
    for hunk in hunks {
        text.extend_from_slice(before.get(read..hunk.at)?);
        read = hunk.at + hunk.old.0.len();
        if before.get(hunk.at..read)? != hunk.old.0 {
            return None;
        }
        text.extend_from_slice(&hunk.new.0);
    }
    text.extend_from_slice(before.get(read..)?);
    Some(text)
}

/// The text from before the changes, out of the very text that they led to.
pub fn backward(after: &[u8], hunks: &[Hunk]) -> Option<Vec<u8>> {
    let mut shift = 0_isize;
    let reversed: Vec<Hunk> = hunks
        .iter()
        .map(|hunk| {
            let at = hunk.at.checked_add_signed(shift);
            shift += hunk.new.0.len() as isize - hunk.old.0.len() as isize;
            Some(Hunk {
                at: at?,
                old: hunk.new.clone(),
                new: hunk.old.clone(),
            })
        })
        .collect::<Option<_>>()?;
    forward(after, &reversed)
}

/// The changes taken back in a text that others have changed since.
///
/// `None` unless every changed place is still there as it was left, once.
pub fn separated(now: &[u8], hunks: &[Hunk]) -> Option<Vec<u8>> {
    let mut text = now.to_vec();
    for hunk in hunks.iter().rev() {
        let new = &hunk.new.0;
        if new.is_empty() {
            return None;
        }
        let mut places = memchr::memmem::find_iter(&text, new.as_slice()).filter(|at| {
            let begins_line = *at == 0 || text[*at - 1] == b'\n';
            let end = at + new.len();
            let ends_line = new.ends_with(b"\n") || end == text.len();
            begins_line && ends_line
        });
        let at = places.next()?;
        if places.next().is_some() {
            return None;
        }
        text.splice(at..at + new.len(), hunk.old.0.iter().copied());
    }
    Some(text)
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|octet| *octet == b'\n').collect()
}

/// The longest common subsequence of the lines that differ.
fn middle(old: &[&[u8]], new: &[&[u8]], mut at: usize) -> Vec<Hunk> {
    let whole = |at| Hunk {
        at,
        old: Octets(old.concat()),
        new: Octets(new.concat()),
    };
    if old.is_empty() && new.is_empty() {
        return Vec::new();
    }
    let width = new.len() + 1;
    if old.is_empty() || new.is_empty() || old.len().saturating_mul(width) > MOST_COMPARISONS {
        return vec![whole(at)];
    }
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = match old[i] == new[j] {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut open = false;
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            at += old[i].len();
            (i, j, open) = (i + 1, j + 1, false);
            continue;
        }
        if !open {
            hunks.push(Hunk {
                at,
                old: Octets::default(),
                new: Octets::default(),
            });
            open = true;
        }
        let Some(hunk) = hunks.last_mut() else { break };
        let take_old = j == new.len()
            || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]);
        if take_old {
            hunk.old.0.extend_from_slice(old[i]);
            at += old[i].len();
            i += 1;
        } else {
            hunk.new.0.extend_from_slice(new[j]);
            j += 1;
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_more_is_one_hunk_of_one_line() {
        let hunks = diff(b"a\nb\n", b"a\nx\nb\n");
        assert_eq!(
            hunks,
            [Hunk {
                at: 2,
                old: Octets::default(),
                new: Octets(b"x\n".to_vec())
            }]
        );
    }

    #[test]
    fn a_change_is_taken_back_though_others_changed_other_lines() {
        let hunks = diff(b"a\nb\nc\n", b"a\nB\nc\nd\n");
        assert_eq!(hunks.len(), 2);
        assert_eq!(
            separated(b"0\na\nB\nc\nd\ne\n", &hunks),
            Some(b"0\na\nb\nc\ne\n".to_vec())
        );
    }

    #[test]
    fn a_change_that_was_changed_or_doubled_or_is_part_of_a_line_stays() {
        let hunks = diff(b"a\n", b"a\nb\n");
        for now in ["a\nb2\n", "a\nb\nb\n", "a\nxb\n", "a\nb"] {
            assert_eq!(separated(now.as_bytes(), &hunks), None, "{now}");
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        "([abc]{0,1}\n){0,8}[abc]{0,1}".prop_map(String::into_bytes)
    }

    proptest! {
        #[test]
        fn what_changed_leads_there_and_back(before in text(), after in text()) {
            let hunks = diff(&before, &after);
            prop_assert_eq!(forward(&before, &hunks), Some(after.clone()));
            prop_assert_eq!(backward(&after, &hunks), Some(before));
        }
    }
}
