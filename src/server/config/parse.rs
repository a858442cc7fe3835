//! The grammar of `opendkim.conf`: lines into options that know where they stand.

use std::{
    fs,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use super::options::{self, Kind, OptionSpec};
use crate::{
    dataset::open::{read_file, unreadable},
    diagnostic::Diagnostic,
    secret,
};

/// How many files deep `Include` may go below the first, as in OpenDKIM.
pub const MAX_INCLUDE_DEPTH: usize = 5;

/// No option's name is longer; what is, is none, and not shown.
const LONGEST_NAME: usize = 40;

/// One option as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenOption {
    /// The name in its official spelling.
    pub name: &'static str,
    /// The value, outer blanks trimmed.
    pub value: String,
    /// The file it stands in.
    pub file: Arc<Path>,
    /// Its line, counted from 1; 0 on the command line.
    pub line: u32,
}

impl WrittenOption {
    /// The finding at this option's place.
    pub fn place(&self, finding: Diagnostic) -> Diagnostic {
        finding.at(&self.file, self.line)
    }
}

/// Reads a file (`-`: standard input) with all that it includes.
///
/// Options come in the order in which they take effect. Every finding is returned, not only the
/// first.
pub fn read(file: &Path) -> (Vec<WrittenOption>, Vec<Diagnostic>) {
    let mut reader = Reader::default();
    let text = if file == Path::new("-") {
        let mut octets = Vec::new();
        io::stdin().lock().read_to_end(&mut octets).map(|_| octets)
    } else {
        read_file(file)
    };
    let file = match file == Path::new("-") {
        true => Path::new("(stdin)"),
        false => file,
    };
    match text {
        Ok(text) => reader.text(&text, &Arc::from(file)),
        Err(error) => reader.findings.push(unreadable_file(file, &error)),
    }
    (reader.written, reader.findings)
}

/// Parses a text that needs no file, as if it stood in `file`.
pub fn parse(text: &str, file: &Path) -> (Vec<WrittenOption>, Vec<Diagnostic>) {
    let mut reader = Reader::default();
    reader.text(text.as_bytes(), &Arc::from(file));
    (reader.written, reader.findings)
}

fn unreadable_file(file: &Path, error: &io::Error) -> Diagnostic {
    let (reason, remedy) = unreadable(file, error);
    Diagnostic::error(format!(
        "{}: configuration error at line 0: error reading configuration file: {reason}",
        file.display()
    ))
    .remedy(remedy)
    .denied_if(error.kind() == io::ErrorKind::PermissionDenied)
}

#[derive(Default)]
struct Reader {
    written: Vec<WrittenOption>,
    findings: Vec<Diagnostic>,
    /// The files under way, each included by the one before it.
    open: Vec<Arc<Path>>,
    /// The line before broke off: what follows may be the rest of its value, a password even.
    broken_off: bool,
    /// The line before was one of a private key.
    in_key: bool,
}

impl Reader {
    fn text(&mut self, text: &[u8], file: &Arc<Path>) {
        self.open.push(Arc::clone(file));
        for (line, number) in text.split(|octet| *octet == b'\n').zip(1..) {
            let end = memchr::memchr2(b'#', b'\r', line).unwrap_or(line.len());
            let content = String::from_utf8_lossy(&line[..end]);
            let content = content.trim_ascii();
            if !content.is_empty() {
                self.line(content, file, number);
            }
        }
        self.open.pop();
    }

    fn line(&mut self, content: &str, file: &Arc<Path>, line: u32) {
        let (name, value) = content
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((content, ""));
        let value = value.trim_ascii();
        let after_one = self.in_key;
        self.in_key = secret::is_key_line(content, after_one);
        let broken_off = self.broken_off;
        self.broken_off = value.is_empty() || value.ends_with('\\');
        let Some(option) = options::find(name) else {
            let rest_of_value = broken_off || after_one || self.in_key;
            self.broken_off |= after_one || self.in_key;
            self.findings
                .push(unknown(name, rest_of_value).at(file, line));
            return;
        };
        if value.is_empty() {
            self.findings.push(
                Diagnostic::error(format!("{}: required value missing", option.name))
                    .at(file, line)
                    .remedy(format!("write: {} {}", option.name, example(option))),
            );
        } else if option.name == "Include" {
            self.include(Path::new(value), file, line);
        } else {
            self.written.push(WrittenOption {
                name: option.name,
                value: value.to_owned(),
                file: Arc::clone(file),
                line,
            });
        }
    }

    fn include(&mut self, wanted: &Path, file: &Arc<Path>, line: u32) {
        // Two names of one file are a cycle too.
        let same = |open: &Arc<Path>| {
            **open == *wanted
                || matches!(
                    (fs::canonicalize(open), fs::canonicalize(wanted)),
                    (Ok(a), Ok(b)) if a == b
                )
        };
        let finding = if self.open.iter().any(same) {
            Diagnostic::error(format!(
                "nesting too deep: {} includes itself",
                wanted.display()
            ))
            .remedy("delete this line")
        } else if self.open.len() > MAX_INCLUDE_DEPTH {
            Diagnostic::error(format!(
                "nesting too deep: more than {MAX_INCLUDE_DEPTH} files include one another"
            ))
            .remedy(format!(
                "include {} from a file further up",
                wanted.display()
            ))
        } else {
            match read_file(wanted) {
                Ok(text) => return self.text(&text, &Arc::from(wanted)),
                Err(error) => unreadable_file(wanted, &error),
            }
        };
        self.findings.push(finding.at(file, line));
    }
}

/// A name that is none. What may be a value, or the rest of one, is not told: it may hold a password.
fn unknown(name: &str, rest_of_value: bool) -> Diagnostic {
    let known = name.split([':', '=']).next().unwrap_or(name);
    if known != name && options::find(known).is_some() {
        let sign = &name[known.len()..=known.len()];
        return Diagnostic::error(format!("{known}{sign}: unrecognized parameter"))
            .remedy(format!("write {known}, a blank, and the value"));
    }
    let nearest = options::nearest(name).filter(|_| !rest_of_value);
    if let Some(nearest) = nearest {
        return Diagnostic::error(format!("{name}: unrecognized parameter"))
            .remedy(format!("did you mean {nearest}?"));
    }
    let is_name = name.len() <= LONGEST_NAME
        && name
            .bytes()
            .all(|o| o.is_ascii_alphanumeric() || b"-_.".contains(&o));
    if rest_of_value || !is_name {
        return Diagnostic::error("unrecognized parameter (not shown: it may be part of a value)")
            .remedy("write a value into the line of its option; a line has no continuation");
    }
    Diagnostic::error(format!("{name}: unrecognized parameter"))
        .remedy("delete the line; opendkim.conf(5) lists all names")
}

fn example(option: &OptionSpec) -> &'static str {
    match option.kind {
        Kind::Bool => "yes",
        Kind::Integer => "NUMBER",
        Kind::String => "VALUE",
        Kind::DataSet => "A,B,C, file:/PATH or refile:/PATH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> (Vec<(&'static str, String, u32)>, Vec<String>) {
        let (written, findings) = parse(text, Path::new("o.conf"));
        (
            written
                .into_iter()
                .map(|w| (w.name, w.value, w.line))
                .collect(),
            findings.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn a_line_is_a_name_and_the_rest() {
        let (written, findings) =
            options("# c\r\n\r\n  syslog\tYes # c\r\nUserID a b \\\nSocket inet:1@h");
        assert_eq!(findings, [""; 0]);
        assert_eq!(
            written,
            [
                ("Syslog", "Yes".to_owned(), 3),
                ("UserID", "a b \\".to_owned(), 4),
                ("Socket", "inet:1@h".to_owned(), 5)
            ]
        );
    }

    #[test]
    fn unknown_names_and_missing_values_are_all_told() {
        let (_, findings) = options("SigningTabel x\nDomain\nMode: s\nxyzzy 1\n");
        assert_eq!(
            findings,
            [
                "o.conf:1: error: SigningTabel: unrecognized parameter; did you mean SigningTable?",
                "o.conf:2: error: Domain: required value missing; write: Domain A,B,C, file:/PATH \
                 or refile:/PATH",
                "o.conf:3: error: Mode:: unrecognized parameter; write Mode, a blank, and the value",
                "o.conf:4: error: xyzzy: unrecognized parameter; delete the line; \
                 opendkim.conf(5) lists all names",
            ]
        );
    }

    #[test]
    fn values_of_any_length_are_kept() {
        let (written, _) = options(&format!("Domain {}", "a".repeat(100_000)));
        assert_eq!(written[0].1.len(), 100_000);
    }

    #[test]
    fn included_files_stand_where_the_line_stood_and_know_their_own_lines() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::write(&inner, "\nSelector b\n").unwrap();
        let (written, findings) = options(&format!(
            "Selector a\nInclude {}\nSelector c\n",
            inner.display()
        ));
        assert_eq!(findings, [""; 0]);
        assert_eq!(
            written.iter().map(|w| w.1.as_str()).collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
        assert_eq!(written[1].2, 2);
    }

    #[test]
    fn five_files_may_nest_and_a_sixth_or_a_circle_may_not() {
        let dir = tempfile::tempdir().unwrap();
        let name = |n: usize| dir.path().join(n.to_string());
        for n in 0..7 {
            fs::write(name(n), format!("Include {}\n", name(n + 1).display())).unwrap();
        }
        fs::write(name(7), "Syslog yes\n").unwrap();
        assert!(read(&name(2)).1.is_empty());
        assert!(read(&name(1)).1[0].what.contains("nesting too deep"));
        fs::write(name(7), format!("Include {}\n", name(6).display())).unwrap();
        let (_, findings) = read(&name(6));
        assert!(
            findings[0].to_string().contains("includes itself"),
            "{findings:?}"
        );
    }

    #[test]
    fn an_unreadable_file_is_told_in_opendkims_words() {
        let (_, findings) = read(Path::new("/nowhere/opendkim.conf"));
        assert!(findings[0].to_string().contains(
            "/nowhere/opendkim.conf: configuration error at line 0: error reading configuration file"
        ));
    }
}
