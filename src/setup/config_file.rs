//! Changing `opendkim.conf` and what it includes: one value or one line, everything else stays.

use std::{io, path::Path};

use super::draft::{Draft, Words};
use dkimd_hand::Attributes;
use dkimd_server::config::parse::WrittenOption;

/// Where values begin in the packaged configuration.
const VALUE_COLUMN: usize = 24;

/// Plans options with new values: where an option is written, its value is replaced at that place
/// (the last one counts), otherwise a line is added at the end of `file`.
///
/// # Errors
/// When a file can't be read.
pub fn set(
    draft: &mut Draft,
    file: &Path,
    written: &[WrittenOption],
    options: &[(&'static str, String)],
    words: &Words,
) -> io::Result<()> {
    let mut by_file: Vec<(&Path, Vec<u8>)> = Vec::new();
    for (name, value) in options {
        let place = written.iter().rev().find(|option| option.name == *name);
        let target = place.map_or(file, |option| &*option.file);
        let at = match by_file.iter().position(|(known, _)| *known == target) {
            Some(at) => at,
            None => {
                let text = draft.content(target)?.unwrap_or_default().to_vec();
                by_file.push((target, text));
                by_file.len() - 1
            }
        };
        let text = &mut by_file[at].1;
        *text = match place {
            Some(option) => with_value(text, option.line, value),
            None => with_line(text, &format!("{name:<VALUE_COLUMN$}{value}")),
        };
    }
    for (file, text) in by_file {
        draft.write(file, text, Attributes::PUBLIC_FILE, words.clone())?;
    }
    Ok(())
}

/// The text with another value in one line; name, blanks, comment and line end stay.
fn with_value(text: &[u8], line: u32, value: &str) -> Vec<u8> {
    let mut new = Vec::with_capacity(text.len() + value.len());
    for (content, number) in text.split_inclusive(|octet| *octet == b'\n').zip(1..) {
        if number != line {
            new.extend_from_slice(content);
            continue;
        }
        let end = memchr::memchr3(b'#', b'\r', b'\n', content).unwrap_or(content.len());
        let (option, rest) = content.split_at(end);
        let blank = |octet: &u8| octet.is_ascii_whitespace();
        let name = option.iter().position(|octet| !blank(octet)).unwrap_or(0);
        let after = |from: usize, what: fn(&u8) -> bool| {
            option[from..].iter().position(what).map(|at| from + at)
        };
        let gap = after(name, u8::is_ascii_whitespace).unwrap_or(end);
        let begin = after(gap, |octet| !octet.is_ascii_whitespace()).unwrap_or(end);
        let old = option[begin..].trim_ascii_end().len();
        new.extend_from_slice(&option[..begin]);
        new.extend_from_slice(value.as_bytes());
        new.extend_from_slice(&option[begin + old..]);
        new.extend_from_slice(rest);
    }
    new
}

/// The text with one line more at its end, which has the line end of the others.
pub fn with_line(text: &[u8], line: &str) -> Vec<u8> {
    let mut new = text.to_vec();
    let line_end: &[u8] = match text.windows(2).any(|pair| pair == b"\r\n") {
        true => b"\r\n",
        false => b"\n",
    };
    let unfinished = !text.is_empty() && !text.ends_with(b"\n");
    if unfinished {
        new.extend_from_slice(line_end);
    }
    new.extend_from_slice(line.as_bytes());
    if !unfinished {
        new.extend_from_slice(line_end);
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::text;
    use dkimd_server::config::parse;

    fn value(text: &str, line: u32, value: &str) -> String {
        String::from_utf8(with_value(text.as_bytes(), line, value)).unwrap()
    }

    #[test]
    fn nothing_but_the_value_of_a_line_changes() {
        for (text, expected) in [
            ("Socket\tlocal:/x\n", "Socket\tlocal:/y\n"),
            (
                "  socket  local:/x  # why\r\n",
                "  socket  local:/y  # why\r\n",
            ),
            ("Socket local:/x", "Socket local:/y"),
        ] {
            assert_eq!(value(text, 1, "local:/y"), expected);
            let (before, after) = (format!("a\n\n{text}"), format!("a\n\n{expected}"));
            assert_eq!(value(&before, 3, "local:/y"), after);
        }
    }

    #[test]
    fn a_new_line_ends_as_the_others_do() {
        for (text, expected) in [
            ("", "l\n"),
            ("a\n", "a\nl\n"),
            ("a\r\n", "a\r\nl\r\n"),
            ("a\nb", "a\nb\nl"),
        ] {
            assert_eq!(with_line(text.as_bytes(), "l"), expected.as_bytes());
        }
    }

    #[test]
    fn the_last_place_of_an_option_counts_even_in_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let (main, inner) = (dir.path().join("main"), dir.path().join("inner"));
        std::fs::write(&inner, "UMask 002\n").unwrap();
        let text = format!("UMask 000\nInclude {}\n", inner.display());
        std::fs::write(&main, &text).unwrap();
        let (written, _) = parse::read(&main);
        let mut draft = Draft::default();
        let options = [("UMask", "007".to_owned()), ("Mode", "sv".to_owned())];
        let words = Words::shared(text!("x"), text!("y"));
        set(&mut draft, &main, &written, &options, &words).unwrap();
        assert_eq!(draft.content(&inner).unwrap(), Some(&b"UMask 007\n"[..]));
        let expected = format!("{text}Mode                    sv\n");
        assert_eq!(draft.content(&main).unwrap(), Some(expected.as_bytes()));
    }
}
