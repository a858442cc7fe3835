//! Reading `po/es.po`, once for each crate that is compiled.

use std::{collections::BTreeMap, sync::OnceLock};

use polib::po_file::parse_from_reader;

const FILE: &str = "po/es.po";
const CONTENT: &str = include_str!("../../../po/es.po");

/// English to Spanish.
pub type Entries = BTreeMap<String, String>;

/// All entries; the error says what keeps the file from being read.
pub fn all() -> Result<&'static Entries, &'static str> {
    static ENTRIES: OnceLock<Result<Entries, String>> = OnceLock::new();
    ENTRIES
        .get_or_init(|| read(CONTENT))
        .as_ref()
        .map_err(String::as_str)
}

/// The Spanish of a text; the error says what to do about its lack.
pub fn spanish(english: &str) -> Result<&'static str, String> {
    match all()?.get(english) {
        Some(spanish) => Ok(spanish),
        None => Err(format!(
            "{FILE} does not have this text: run po/update, then translate the new entry"
        )),
    }
}

fn read(content: &str) -> Result<Entries, String> {
    let catalogue = parse_from_reader(content.as_bytes())
        .map_err(|error| format!("{FILE} can't be read: {error}"))?;
    let mut entries = Entries::new();
    for message in catalogue.messages() {
        let (english, spanish) = (message.msgid(), message.msgstr().unwrap_or_default());
        let fault = if spanish.is_empty() {
            Some("has no translation".to_owned())
        } else if message.is_fuzzy() {
            Some("is marked fuzzy: look its translation through, and remove the mark".to_owned())
        } else {
            (placeholders(english) != placeholders(spanish)).then(|| {
                format!(
                    "has the placeholders {:?}, its translation {:?}",
                    placeholders(english),
                    placeholders(spanish)
                )
            })
        };
        if let Some(fault) = fault {
            return Err(format!("{FILE}: the text {english:?} {fault}"));
        }
        entries.insert(english.to_owned(), spanish.to_owned());
    }
    Ok(entries)
}

/// The names in braces, sorted, each once.
fn placeholders(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            rest = after;
        } else if let Some(close) = rest.find('}') {
            names.push(rest[..close].split(':').next().unwrap_or_default());
            rest = &rest[close + 1..];
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entry: &str) -> Result<Entries, String> {
        let head = "msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=UTF-8\\n\"\n\n";
        read(&format!("{head}{entry}\n"))
    }

    #[test]
    fn what_is_not_translated_stops_the_build() {
        let good = of("msgid \"{a} is {{b}}\"\nmsgstr \"{a} es {{b}}\"").unwrap();
        assert_eq!(good["{a} is {{b}}"], "{a} es {{b}}");
        for (entry, fault) in [
            ("msgid \"a\"\nmsgstr \"\"", "has no translation"),
            ("#, fuzzy\nmsgid \"a\"\nmsgstr \"b\"", "fuzzy"),
            ("msgid \"a {b}\"\nmsgstr \"a {c}\"", "placeholders [\"b\"]"),
            ("msgid \"a {b}\"\nmsgstr \"a {{b}}\"", "placeholders"),
        ] {
            let error = of(entry).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
        assert!(spanish("nobody wrote this").is_err());
    }

    #[test]
    fn a_placeholder_is_its_name_alone() {
        assert_eq!(placeholders("{b:?} {a} {{c}} {a:>5}"), ["a", "b"]);
    }
}
