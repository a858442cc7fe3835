//! The entries of a `file:`, `refile:` or `csl:` set: one text, and where each entry begins in it.
//!
//! Nothing is copied out of the text, so a table costs its own size and eight octets an entry.

use std::{path::Path, sync::Arc};

use crate::secret;

/// Sets are addressed with 32 bits.
pub const MAX_TEXT_OCTETS: usize = u32::MAX as usize - 1;

/// How a text is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grammar {
    /// `key value` lines, `#` begins a comment.
    Lines,
    /// `key=value` items between commas.
    List,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    start: u32,
    line: u32,
}

/// All entries of one set, in order.
#[derive(Debug)]
pub struct Entries {
    text: Box<str>,
    rows: Vec<Row>,
    grammar: Grammar,
    file: Arc<Path>,
    /// First and last line of a private key among them: no entries.
    key_lines: Option<(u32, u32)>,
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key or pattern.
    pub key: &'a str,
    /// The value, empty when there is none.
    pub value: &'a str,
    /// The line in [`Entries::file`], counted from 1.
    pub line: u32,
}

impl Entries {
    /// The entries of a file's text; lines may have any length.
    pub fn of_lines(text: String, file: Arc<Path>) -> Self {
        debug_assert!(text.len() <= MAX_TEXT_OCTETS);
        let mut rows = Vec::with_capacity(text.len() / 40);
        let mut start = 0;
        let mut line = 1;
        let mut key_lines: Option<(u32, u32)> = None;
        while start < text.len() {
            let end = memchr::memchr(b'\n', &text.as_bytes()[start..])
                .map_or(text.len(), |length| start + length);
            let written = &text[start..end];
            let content = written.trim_ascii_start();
            let after_one = key_lines.is_some_and(|(_, last)| last + 1 == line);
            if secret::is_key_line(content, after_one) {
                key_lines = Some((key_lines.map_or(line, |(first, _)| first), line));
            } else if !content.is_empty() && !content.starts_with('#') {
                let begin = start + written.len() - content.len();
                rows.push(Row {
                    start: begin as u32,
                    line,
                });
            }
            start = end + 1;
            line += 1;
        }
        rows.shrink_to_fit();
        Self {
            text: text.into_boxed_str(),
            rows,
            grammar: Grammar::Lines,
            file,
            key_lines,
        }
    }

    /// The items of a list in an option, which stands at `line` of `file`.
    pub fn of_list(text: &str, file: Arc<Path>, line: u32) -> Self {
        debug_assert!(text.len() <= MAX_TEXT_OCTETS);
        let mut rows = Vec::new();
        let mut start = 0;
        for item in text.split(',') {
            if !item.trim_ascii().is_empty() {
                rows.push(Row {
                    start: start as u32,
                    line,
                });
            }
            start += item.len() + 1;
        }
        Self {
            text: text.into(),
            rows,
            grammar: Grammar::List,
            file,
            key_lines: None,
        }
    }

    /// The first and the last line of private keys pasted into the file, which are no entries.
    pub fn key_lines(&self) -> Option<(u32, u32)> {
        self.key_lines
    }

    /// The file they stand in: the set's own, or for a list the configuration file.
    pub fn file(&self) -> &Arc<Path> {
        &self.file
    }

    /// Whether they come from a list in an option.
    pub fn is_list(&self) -> bool {
        self.grammar == Grammar::List
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The entry numbered `number`, counted from 0.
    ///
    /// # Panics
    ///
    /// If there are not so many; numbers come from the indexes built over these same entries.
    pub fn get(&self, number: u32) -> Entry<'_> {
        let row = self.rows[number as usize];
        let rest = &self.text[row.start as usize..];
        let (key, value) = match self.grammar {
            Grammar::Lines => {
                let line =
                    &rest[..memchr::memchr2(b'\n', b'#', rest.as_bytes()).unwrap_or(rest.len())];
                let blank = line.bytes().position(|octet| octet.is_ascii_whitespace());
                line.split_at(blank.unwrap_or(line.len()))
            }
            Grammar::List => {
                let item = rest.split(',').next().unwrap_or_default();
                item.split_once('=').unwrap_or((item, ""))
            }
        };
        Entry {
            key: key.trim_ascii(),
            value: value.trim_ascii(),
            line: row.line,
        }
    }

    /// The key of the entry numbered `number`.
    pub fn key(&self, number: u32) -> &str {
        self.get(number).key
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.rows.len() as u32).map(|number| self.get(number))
    }

    /// All entries as owned pairs, for short sets that are compiled into something else.
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.iter()
            .map(|entry| (entry.key.to_owned(), entry.value.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(String, String, u32)> {
        collect(&Entries::of_lines(text.to_owned(), Path::new("t").into()))
    }

    fn list(text: &str) -> Vec<(String, String, u32)> {
        collect(&Entries::of_list(text, Path::new("c").into(), 7))
    }

    fn collect(entries: &Entries) -> Vec<(String, String, u32)> {
        entries
            .iter()
            .map(|e| (e.key.to_owned(), e.value.to_owned(), e.line))
            .collect()
    }

    fn entry(key: &str, value: &str, line: u32) -> (String, String, u32) {
        (key.to_owned(), value.to_owned(), line)
    }

    #[test]
    fn a_line_is_a_key_and_the_rest_without_comment_and_outer_blanks() {
        assert_eq!(
            lines("# c\r\n\r\nk1 v1 w # c\r\n  k2\tv2:w  \nk4\nk5#x y\n   # only\nlast v"),
            [
                entry("k1", "v1 w", 3),
                entry("k2", "v2:w", 4),
                entry("k4", "", 5),
                entry("k5", "", 6),
                entry("last", "v", 8)
            ]
        );
    }

    #[test]
    fn lines_longer_than_1023_octets_stay_one_entry() {
        let long = "k ".to_owned() + &"x".repeat(5000);
        assert_eq!(lines(&long), [entry("k", &"x".repeat(5000), 1)]);
    }

    #[test]
    fn a_list_splits_at_commas_and_the_first_equals_sign() {
        assert_eq!(
            list(" a = b , c,, d=e=f,"),
            [entry("a", "b", 7), entry("c", "", 7), entry("d", "e=f", 7)]
        );
    }
}
