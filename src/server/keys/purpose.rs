//! The signature that a key is to make: with it a remedy can be a whole command.

use std::path::Path;

use super::safe::shell_word;
use crate::dkim::name::{Domain, Selector};

/// Whose signature a key is for, and where the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    domain: Domain,
    selector: Selector,
    named_in: NamedIn,
}

/// Where a key is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedIn {
    /// In an entry of the KeyTable.
    KeyTable,
    /// In KeyFile.
    KeyFile,
}

impl NamedIn {
    /// In a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyTable => "the KeyTable",
            Self::KeyFile => "KeyFile",
        }
    }
}

impl Purpose {
    /// Names that have been parsed.
    pub fn new(domain: Domain, selector: Selector, named_in: NamedIn) -> Self {
        Self {
            domain,
            selector,
            named_in,
        }
    }

    /// Names as a table has them; `None` if they can't stand in a signature.
    pub fn parse(domain: &str, selector: &str, named_in: NamedIn) -> Option<Self> {
        Some(Self::new(
            Domain::parse(domain).ok()?,
            Selector::parse(selector).ok()?,
            named_in,
        ))
    }

    /// What `keygen` calls the private key.
    pub(super) fn file_name(&self) -> String {
        format!("{}.private", self.selector)
    }

    /// How a key is made in the place of one that is not at `path`; `None` if keygen would refuse, since
    /// files of its names are there.
    pub(super) fn made_in_place(&self, path: &Path) -> Option<String> {
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let file = directory.join(self.file_name());
        let text = directory.join(format!("{}.txt", self.selector));
        if [&file, &text]
            .iter()
            .any(|path| path.symlink_metadata().is_ok())
        {
            return None;
        }
        let word = shell_word(&directory.to_string_lossy());
        let first = match directory.is_dir() {
            true => String::new(),
            false => format!("mkdir -p {word} && "),
        };
        let keygen = format!(
            "{first}dkimd keygen -d {} -s {} -D {word}",
            shell_word(self.domain.as_str()),
            shell_word(self.selector.as_str())
        );
        let is_there = path.file_name() == file.file_name();
        Some(match is_there {
            true => format!("make a key there with `{keygen}`"),
            false => format!(
                "make a key with `{keygen}` and write {} in the place of {} in {}",
                file.display(),
                path.display(),
                self.named_in.as_str()
            ),
        })
    }

    /// The command that plans a change to a new key; `None` if no selector can be made of this one.
    pub(super) fn next_key(&self) -> Option<String> {
        let selector = next_selector(self.selector.as_str());
        let selector = Selector::parse(&selector).ok()?;
        Some(format!(
            "dkimd setup {} --selector {}",
            shell_word(self.domain.as_str()),
            shell_word(selector.as_str())
        ))
    }
}

/// Another name in the row: `mail2` after `mail`, `2025` after `2024`.
fn next_selector(selector: &str) -> String {
    let stem = selector.trim_end_matches(|c: char| c.is_ascii_digit());
    let zeros = selector[stem.len()..].trim_start_matches('0');
    let (before, number) = selector.split_at(selector.len() - zeros.len());
    match number.parse::<u32>().map(|number| number.checked_add(1)) {
        Ok(Some(next)) => format!("{before}{next}"),
        Ok(None) | Err(_) => format!("{selector}2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_selector_is_never_the_present_one() {
        for (now, next) in [
            ("mail", "mail2"),
            ("mail2", "mail3"),
            ("mail9", "mail10"),
            ("mail0", "mail02"),
            ("s007", "s008"),
            ("2024", "2025"),
            ("a.b", "a.b2"),
            ("s4294967295", "s42949672952"),
        ] {
            assert_eq!(next_selector(now), next);
        }
        let long = "s".repeat(63);
        let purpose = Purpose::parse("example.com", &long, NamedIn::KeyFile).unwrap();
        assert_eq!(purpose.next_key(), None);
    }

    #[test]
    fn what_can_not_stand_in_a_signature_gives_no_command() {
        for (domain, selector) in [("%", "s"), ("a..b", "s"), ("example.com", "a b")] {
            assert_eq!(Purpose::parse(domain, selector, NamedIn::KeyTable), None);
        }
    }
}
