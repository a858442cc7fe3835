//! Single values: Booleans, numbers, words, data sets, and what is wrong with them.

use std::{collections::HashMap, path::PathBuf};

use crate::{
    config::{
        options::{self, Kind},
        parse::WrittenOption,
    },
    dataset::{DataSetSpec, Origin},
    diagnostic::Diagnostic,
};

/// The options as they stand after repetition, and where findings go.
pub(super) struct Values<'a> {
    options: &'a HashMap<&'static str, WrittenOption>,
    findings: &'a mut Vec<Diagnostic>,
}

impl<'a> Values<'a> {
    pub(super) fn new(
        options: &'a HashMap<&'static str, WrittenOption>,
        findings: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self { options, findings }
    }

    /// Finds wrong values of all options, those without effect included.
    pub(super) fn check_types(&mut self) {
        for option in self.options.values() {
            let Some(spec) = options::find(option.name) else {
                continue;
            };
            let remedy = match spec.kind {
                Kind::Bool if parse_bool(&option.value).is_none() => "write yes or no",
                Kind::Integer if parse_integer(&option.value).is_none() => {
                    "write a number, as 7, 0x7 (hexadecimal) or 07 (octal)"
                }
                Kind::DataSet => {
                    if let Err(error) = spec_of(option) {
                        self.error(option.name, error.to_string(), &error.remedy());
                    }
                    continue;
                }
                _ => continue,
            };
            let what = format!("{}: illegal value {:?}", option.name, option.value);
            self.error(option.name, what, remedy);
        }
    }

    pub(super) fn written(&self, name: &'static str) -> Option<&'a WrittenOption> {
        debug_assert!(
            options::find(name).is_some_and(|spec| spec.name == name),
            "{name}"
        );
        self.options.get(name)
    }

    pub(super) fn is_set(&self, name: &'static str) -> bool {
        self.written(name).is_some()
    }

    /// Adds an error at the place of option `name`.
    pub(super) fn error(&mut self, name: &'static str, what: impl Into<String>, remedy: &str) {
        self.push(name, Diagnostic::error(what).remedy(remedy));
    }

    /// Adds a warning at the place of option `name`.
    pub(super) fn warning(&mut self, name: &'static str, what: impl Into<String>, remedy: &str) {
        self.push(name, Diagnostic::warning(what).remedy(remedy));
    }

    fn push(&mut self, name: &'static str, finding: Diagnostic) {
        self.findings.push(match self.written(name) {
            Some(option) => option.place(finding),
            None => finding,
        });
    }

    pub(super) fn text(&self, name: &'static str) -> Option<&'a str> {
        self.written(name).map(|option| option.value.as_str())
    }

    pub(super) fn string(&self, name: &'static str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub(super) fn path(&self, name: &'static str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// A Boolean; the default comes from the option table.
    pub(super) fn bool(&self, name: &'static str) -> bool {
        let default = || parse_bool(options::find(name)?.default);
        self.text(name)
            .and_then(parse_bool)
            .or_else(default)
            .unwrap_or_default()
    }

    /// A number within bounds; `None` if unset or wrong.
    pub(super) fn integer(&mut self, name: &'static str, least: i64, most: i64) -> Option<i64> {
        let value = parse_integer(self.text(name)?)?;
        if !(least..=most).contains(&value) {
            self.error(
                name,
                format!("{name}: illegal value {value}"),
                &format!("write a number from {least} to {most}"),
            );
            return None;
        }
        Some(value)
    }

    /// A number that is not negative.
    pub(super) fn count(&mut self, name: &'static str, most: u32) -> Option<u32> {
        self.integer(name, 0, most.into())
            .and_then(|value| value.try_into().ok())
    }

    /// One of some words, whatever its case; `what` says "unknown …" in OpenDKIM's words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        what: impl Fn(&str) -> String,
    ) -> Option<T> {
        let value = self.text(name)?;
        let known = words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(value));
        if known.is_none() {
            let right: Vec<_> = words
                .iter()
                .filter(|(word, _)| word.len() > 1)
                .map(|(word, _)| *word)
                .collect();
            self.error(
                name,
                what(value),
                &format!("write one of: {}", right.join(", ")),
            );
        }
        known.map(|(_, value)| *value)
    }

    /// A data set as named; a wrong one was told by [`Self::check_types`].
    pub(super) fn data_set(&self, name: &'static str) -> Option<DataSetSpec> {
        spec_of(self.written(name)?).ok()
    }
}

fn spec_of(option: &WrittenOption) -> Result<DataSetSpec, crate::dataset::spec::SpecError> {
    DataSetSpec::parse(
        &option.value,
        Origin {
            option: option.name,
            file: option.file.clone(),
            line: option.line,
        },
    )
}

/// `yes`, `true`, `1` and so on; only the first character counts.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.chars().next()? {
        't' | 'T' | 'y' | 'Y' | '1' => Some(true),
        'f' | 'F' | 'n' | 'N' | '0' => Some(false),
        _ => None,
    }
}

/// A number as C's `strtol` with base 0 reads it, without anything after it.
pub fn parse_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lowered = digits.to_ascii_lowercase();
    let (digits, base) = if let Some(hex) = lowered.strip_prefix("0x") {
        (hex, 16)
    } else if lowered.len() > 1 && lowered.starts_with('0') {
        (&lowered[1..], 8)
    } else {
        (lowered.as_str(), 10)
    };
    // A second sign is no digit.
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let value = i64::from_str_radix(digits, base).ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_rules_of_c() {
        for (text, value) in [
            ("7", 7),
            ("007", 7),
            ("077", 63),
            ("77", 77),
            ("0x1F", 31),
            ("-1", -1),
            ("+5", 5),
            ("0", 0),
        ] {
            assert_eq!(parse_integer(text), Some(value), "{text}");
        }
        for text in [
            "",
            "x",
            "5s",
            "08",
            "0x",
            "--1",
            "1 2",
            "99999999999999999999",
        ] {
            assert_eq!(parse_integer(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_first_letter_of_a_boolean_counts() {
        assert_eq!(parse_bool("Yup"), Some(true));
        assert_eq!(parse_bool("0x"), Some(false));
        assert_eq!(parse_bool("on"), None);
    }
}
