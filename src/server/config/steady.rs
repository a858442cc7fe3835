//! Whether a file that is loaded again says what its writer means: files are often written in place,
//! so that for a moment they are empty or end in the middle of a line.
//!
//! Pure: stamps, shapes and times come in. [`super::load`] looks at the files.

use std::time::{Duration, SystemTime};

use crate::keys::file::SETTLED;

/// How long a file must stay the same after it was read.
pub const SECOND_LOOK: Duration = Duration::from_millis(250);
/// How long a load waits at most for files that are being written.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// How long a doubtful list of hosts keeps the one before in force.
pub const TRUST_HOLDS: Duration = Duration::from_secs(30);
/// Octets before the first entry that are remembered.
const MAX_HEAD: usize = 4096;

/// What tells one version of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Device and inode.
    pub file: (u64, u64),
    /// Octets.
    pub size: u64,
    /// When it was written last, by its own account: `cp -p`, `tar` and `rsync -t` set this back.
    pub modified: SystemTime,
    /// When it was written last by the account of the file system, which nobody sets.
    pub changed: SystemTime,
}

impl Stamp {
    /// Whether what was read at `read` was complete: nobody had written to it for a while.
    pub fn is_settled(&self, read: SystemTime) -> bool {
        read.duration_since(self.modified.max(self.changed))
            .is_ok_and(|age| age >= SETTLED)
    }
}

/// Whether what was read between two looks at a file can be believed. `None` is a file that is not
/// there; `before` is the look that the last round ended with, at least [`SECOND_LOOK`] ago; `known` is
/// how the load in force found it. One that differs from that is always looked at twice: on a
/// server whose clock lags, what is written this moment looks old.
pub fn is_steady(
    before: Option<Option<Stamp>>,
    known: Option<Option<Stamp>>,
    after: Option<Stamp>,
    read: SystemTime,
) -> bool {
    let is_as_known = known.is_none_or(|known| known == after);
    let is_settled = after.is_some_and(|stamp| stamp.is_settled(read));
    before == Some(after) || is_as_known && is_settled
}

/// What a text looks like, as far as cutting it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    octets: u64,
    has_entries: bool,
    ends_in_line_end: bool,
    /// What stands before the first entry: comments and blank lines.
    head: Box<[u8]>,
    head_has_comment: bool,
}

/// Why a text may not be what its writer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// It had entries and has none.
    Emptied,
    /// It is shorter, and its last line has lost its end.
    CutShort,
    /// It was being written all the time.
    Changing,
}

impl Suspicion {
    /// What is told of the file.
    pub fn what(self) -> &'static str {
        match self {
            Self::Emptied => "has become empty",
            Self::CutShort => "has become shorter and its last line has lost its end",
            Self::Changing => "is being written without end",
        }
    }

    /// How to say that it is meant.
    pub fn how_to_mean_it(self) -> &'static str {
        match self {
            Self::Emptied => {
                "write it whole, or if no entry is meant, a comment line (# none) and nothing else"
            }
            Self::CutShort => "write it whole, and its last line with a line end",
            Self::Changing => "write it once, or put it in place with mv",
        }
    }
}

impl Shape {
    /// The shape of a text of lines in which `#` begins a comment.
    pub fn of(text: &[u8]) -> Self {
        let mut head = 0;
        let mut has_entries = false;
        let mut head_has_comment = false;
        for line in text.split_inclusive(|octet| *octet == b'\n') {
            let content = line.trim_ascii();
            if !content.is_empty() && content[0] != b'#' {
                has_entries = true;
                break;
            }
            head_has_comment |= !content.is_empty();
            head += line.len();
        }
        Self {
            octets: text.len() as u64,
            has_entries,
            ends_in_line_end: text.ends_with(b"\n"),
            head: text[..head.min(MAX_HEAD)].into(),
            head_has_comment,
        }
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        !self.has_entries
    }

    /// What speaks against taking this text up in the place of `old`.
    pub fn suspicion(&self, old: &Self) -> Option<Suspicion> {
        if old.has_entries && !self.has_entries {
            // Comments alone are meant, but not those with which the old text began.
            let cut = old.head.starts_with(&self.head);
            return (cut || !self.head_has_comment).then_some(Suspicion::Emptied);
        }
        let lost_its_end = old.ends_in_line_end && !self.ends_in_line_end;
        (lost_its_end && self.octets < old.octets).then_some(Suspicion::CutShort)
    }
}

/// What depends on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Hosts and the like: an old list must not stay in force for long.
    Trust,
    /// Whose mail is signed by what, and the configuration itself: an old one stays until somebody
    /// mends the file.
    Identities,
}

/// What becomes of a load with doubtful files, the first of these doubts being `since` old.
pub fn takes_up(doubts: impl IntoIterator<Item = Role>, since: Duration) -> bool {
    doubts.into_iter().max() != Some(Role::Identities) && since >= TRUST_HOLDS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn suspicion(old: &str, new: &str) -> Option<Suspicion> {
        Shape::of(new.as_bytes()).suspicion(&Shape::of(old.as_bytes()))
    }

    #[test]
    fn a_comment_alone_is_meant_unless_the_old_text_began_with_it() {
        let old = "# who signs\n\n*@example.com k\n*@example.net k\n";
        assert_eq!(suspicion(old, ""), Some(Suspicion::Emptied));
        assert_eq!(suspicion(old, "\n"), Some(Suspicion::Emptied));
        assert_eq!(suspicion(old, "# who signs\n"), Some(Suspicion::Emptied));
        assert_eq!(suspicion(old, "# who"), Some(Suspicion::Emptied));
        assert_eq!(suspicion(old, "# none\n"), None);
        assert_eq!(suspicion(old, "# who signs\n# nobody\n"), None);
        assert_eq!(
            suspicion(old, "# who signs\n\n*@exam"),
            Some(Suspicion::CutShort)
        );
        assert_eq!(suspicion(old, "*@example.com k\n"), None);
        assert_eq!(suspicion("", ""), None);
        assert_eq!(suspicion("a k", "a"), None, "it never had an end");
    }

    #[test]
    fn lists_of_hosts_give_way_and_tables_do_not() {
        let long = Duration::from_secs(3600);
        assert!(!takes_up([Role::Trust], TRUST_HOLDS - SECOND_LOOK));
        assert!(takes_up([Role::Trust, Role::Trust], TRUST_HOLDS));
        assert!(!takes_up([Role::Trust, Role::Identities], long));
    }

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn stamp(inode: u64, size: u64, age: Duration) -> Option<Stamp> {
        let written = SystemTime::UNIX_EPOCH + NOW - age;
        Some(Stamp {
            file: (1, inode),
            size,
            modified: written,
            changed: written,
        })
    }

    #[test]
    fn a_file_is_believed_when_it_was_left_alone() {
        let read = SystemTime::UNIX_EPOCH + NOW;
        let (fresh, old) = (stamp(1, 9, SECOND_LOOK), stamp(1, 9, SETTLED));
        assert!(is_steady(None, None, old, read));
        assert!(!is_steady(None, None, fresh, read));
        assert!(is_steady(Some(fresh), None, fresh, read));
        assert!(!is_steady(
            Some(fresh),
            None,
            stamp(2, 9, SECOND_LOOK),
            read
        ));
        assert!(!is_steady(
            Some(fresh),
            None,
            stamp(1, 8, SECOND_LOOK),
            read
        ));
        assert!(!is_steady(None, None, None, read));
        // Other than in the load in force: twice, however old it seems.
        assert!(is_steady(None, Some(old), old, read));
        assert!(!is_steady(None, Some(stamp(1, 8, SETTLED)), old, read));
        assert!(!is_steady(None, Some(None), old, read));
        assert!(is_steady(Some(old), Some(None), old, read));
        // Its time was set back just now.
        let set_back = Some(Stamp {
            changed: read - SECOND_LOOK,
            ..old.unwrap()
        });
        assert!(!is_steady(None, None, set_back, read));
        // Written in the future, by a clock that was set back.
        let future = Some(Stamp {
            modified: read + SETTLED,
            ..fresh.unwrap()
        });
        assert!(!is_steady(None, None, future, read));
        assert!(is_steady(Some(future), None, future, read));
    }

    /// A file that is written in pieces, the last of which sets its time back.
    #[derive(Debug)]
    struct Writing {
        /// When each piece is written, in milliseconds; before the first one the file is the old one.
        pieces: Vec<u64>,
        set_back_to: u64,
        /// By how much the clock of the file's server differs, in milliseconds.
        lag: i64,
    }

    impl Writing {
        fn version(&self, at: u64) -> usize {
            self.pieces.iter().filter(|piece| **piece <= at).count()
        }

        fn is_whole(&self, version: usize) -> bool {
            version == 0 || version == self.pieces.len()
        }

        fn stamp(&self, at: u64) -> Stamp {
            let time = |ms: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
            let version = self.version(at);
            let changed = match version {
                0 => time(self.set_back_to),
                version => time(self.pieces[version - 1].saturating_add_signed(-self.lag)),
            };
            Stamp {
                file: (1, 1),
                size: 9,
                modified: match self.is_whole(version) {
                    true => time(self.set_back_to),
                    false => changed,
                },
                changed,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// A table cut anywhere but at the end of a line is never taken up, nor an empty one.
        #[test]
        fn a_table_cut_short_is_suspect(
            head in "(#[a-z ]{0,6}\n|\n){0,3}",
            lines in prop::collection::vec("[*@a-z.]{1,8} [a-z]{1,4}", 1..6),
            at in 0.0..1.0,
        ) {
            let old = head + &lines.join("\n") + "\n";
            let cut = &old[..(old.len() as f64 * at) as usize];
            let new = Shape::of(cut.as_bytes());
            if !cut.ends_with('\n') || new.is_empty() {
                prop_assert!(suspicion(&old, cut).is_some(), "{cut:?} of {old:?}");
            }
        }

        /// Whatever times a writer sets, and whatever the server's clock says where the file was
        /// loaded before, what is taken up is whole.
        #[test]
        fn what_is_read_in_the_middle_of_writing_is_not_believed(
            gaps in prop::collection::vec(1..250_u64, 1..12),
            set_back_to in 0..900_000_000_u64,
            lag in -900_000_000..900_000_000_i64,
            is_known in any::<bool>(),
            begin in 0..6_000_u64,
            (reading, part) in (0..400_u64, 0.0..1.0),
        ) {
            let first = NOW.as_millis() as u64 + 2_000;
            let pieces = gaps.iter().scan(first, |at, gap| { *at += gap; Some(*at) }).collect();
            let lag = if is_known { lag } else { 0 };
            let writing = Writing { pieces, set_back_to, lag };
            let known = is_known.then(|| Some(writing.stamp(0)));
            let (mut before, mut at) = (None, NOW.as_millis() as u64 + begin);
            for _ in 0..40 {
                let read = SystemTime::UNIX_EPOCH + Duration::from_millis(at);
                let version = writing.version(at + (reading as f64 * part) as u64);
                let after = Some(writing.stamp(at + reading));
                if is_steady(before, known, after, read) {
                    prop_assert!(writing.is_whole(version), "{version} at {at}");
                    return Ok(());
                }
                before = Some(after);
                at += reading + SECOND_LOOK.as_millis() as u64;
            }
            prop_assert!(false, "never believed");
        }

        /// A whole table is always taken up, however short.
        #[test]
        fn a_whole_table_is_not_suspect(old in "([#a-z]{0,4}\n){0,6}[a-z]{0,3}", new in "([#a-z]{0,4}\n){0,4}[a-z]{1,4}\n") {
            prop_assert_eq!(suspicion(&old, &new), None);
            prop_assert_eq!(suspicion(&old, &old), None);
        }
    }
}
