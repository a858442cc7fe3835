//! The one table of option names: what each is, what it does, and whether dkimd acts on it.
//!
//! Parser, resolver, `check` and the manual page all read this table and nothing else.

mod deciding;
mod historic;
mod process;
mod signing;
mod surroundings;
mod verifying;

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The official spelling; files may use any case.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What holds when it is not set; empty: nothing.
    pub default: &'static str,
    /// When a changed value takes effect.
    pub reload: Reload,
    /// Whether dkimd acts on it.
    pub status: Status,
    /// What it does, in sentences for the manual page.
    pub help: &'static str,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `yes` or `no`; only the first letter counts.
    Bool,
    /// A number, with C's prefixes `0x` and `0`.
    Integer,
    /// Any text.
    String,
    /// A data set.
    DataSet,
}

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// At the next reload.
    OnReload,
    /// At the next start.
    AtStart,
}

/// Whether dkimd acts on an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Acts,
    /// It will; until then a value other than the default is warned of.
    NotYet,
    /// It never will, for this reason; set at all, it is warned of.
    Historic(&'static str),
}

impl OptionSpec {
    const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            default,
            reload: Reload::OnReload,
            status: Status::Acts,
            help,
        }
    }

    const fn bool(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Bool, default, help)
    }

    const fn integer(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Integer, default, help)
    }

    const fn string(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::String, default, help)
    }

    const fn data_set(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::DataSet, default, help)
    }

    const fn at_start(mut self) -> Self {
        self.reload = Reload::AtStart;
        self
    }

    const fn not_yet(mut self) -> Self {
        self.status = Status::NotYet;
        self
    }

    const fn historic(mut self, reason: &'static str) -> Self {
        self.status = Status::Historic(reason);
        self
    }
}

impl Kind {
    /// The word for it in messages and the manual page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "Boolean",
            Self::Integer => "integer",
            Self::String => "string",
            Self::DataSet => "data set",
        }
    }
}

/// Every option, grouped by subject.
pub fn all() -> impl Iterator<Item = &'static OptionSpec> {
    [
        signing::OPTIONS,
        deciding::OPTIONS,
        verifying::OPTIONS,
        surroundings::OPTIONS,
        process::OPTIONS,
        historic::OPTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The option of that name, whatever its case.
pub fn find(name: &str) -> Option<&'static OptionSpec> {
    all().find(|option| option.name.eq_ignore_ascii_case(name))
}

/// The name most like a misspelt one, if any is like it.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    // Names beyond this are not worth comparing.
    if name.len() > 64 {
        return None;
    }
    let allowed = 1 + name.len() / 5;
    all()
        .filter(|option| !matches!(option.status, Status::Historic(_)))
        .map(|option| {
            (
                distance(&name, &option.name.to_ascii_lowercase()),
                option.name,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_stands_once_and_has_help_in_sentences() {
        let mut seen = HashSet::new();
        for option in all() {
            assert!(
                seen.insert(option.name.to_ascii_lowercase()),
                "{}",
                option.name
            );
            assert!(option.help.ends_with('.'), "{}", option.name);
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(find("oversignHEADERS").unwrap().name, "OversignHeaders");
        assert!(find("Domains").is_none());
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour_and_nonsense_finds_none() {
        assert_eq!(nearest("SigningTabel"), Some("SigningTable"));
        assert_eq!(nearest("InternalHost"), Some("InternalHosts"));
        assert_eq!(nearest("Cannonicalization"), Some("Canonicalization"));
        assert_eq!(nearest("xyzzy"), None);
    }
}
