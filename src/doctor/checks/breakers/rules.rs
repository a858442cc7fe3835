//! Postfix's tables of patterns for header and body lines (`header_checks(5)`, `regexp_table(5)`,
//! `pcre_table(5)`), as far as they change mail.

use std::{fmt::Write, fs};

use regex::bytes::RegexBuilder;

use dkimd_postfix::milters::items;

/// A rule that changes what it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The file and line, or the table itself where it is written in `main.cf`.
    pub(super) place: String,
    pattern: String,
    ignores_case: bool,
    /// `IGNORE`, `REPLACE`, … with its text.
    pub(super) action: String,
}

/// Every rule of the tables in a list that removes or replaces lines.
pub(super) fn changing(tables: &str) -> Vec<Rule> {
    let rules = items(tables).into_iter().flat_map(rules_of);
    rules
        .filter(|rule| {
            let word = rule.action.split_whitespace().next().unwrap_or_default();
            ["IGNORE", "REPLACE", "STRIP"]
                .iter()
                .any(|changing| word.eq_ignore_ascii_case(changing))
        })
        .collect()
}

fn rules_of(table: &str) -> Vec<Rule> {
    let table = table.strip_prefix("proxy:").unwrap_or(table);
    let Some((kind, rest)) = table.split_once(':') else {
        return Vec::new();
    };
    if !["regexp", "pcre"].contains(&kind) {
        return Vec::new();
    }
    match rest
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        Some(inline) => items(inline)
            .into_iter()
            .filter_map(|item| rule(item.trim_matches(['{', '}', ' ']), table))
            .collect(),
        None => match fs::read(rest) {
            Ok(octets) => parse(&String::from_utf8_lossy(&octets), rest),
            Err(_) => Vec::new(),
        },
    }
}

/// The rules of a file; a line that begins with white space continues the one before.
fn parse(text: &str, file: &str) -> Vec<Rule> {
    let mut logical: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match logical.last_mut() {
            Some((_, before)) if line.starts_with([' ', '\t']) => {
                before.push(' ');
                before.push_str(line.trim());
            }
            _ => logical.push((number + 1, line.trim().to_owned())),
        }
    }
    logical
        .into_iter()
        .filter_map(|(number, line)| rule(&line, &format!("{file}:{number}")))
        .collect()
}

/// `/pattern/flags action`; the delimiter may be any character that is no letter or digit.
fn rule(line: &str, place: &str) -> Option<Rule> {
    let delimiter = line
        .chars()
        .next()
        .filter(|c| !c.is_alphanumeric() && *c != '!')?;
    let rest = &line[delimiter.len_utf8()..];
    let mut escaped = false;
    let end = rest.char_indices().find_map(|(at, c)| {
        let ends = c == delimiter && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })?;
    let (flags, action) = rest[end + delimiter.len_utf8()..].split_once([' ', '\t'])?;
    Some(Rule {
        place: place.to_owned(),
        pattern: rest[..end].to_owned(),
        // Postfix ignores case; the flag switches that.
        ignores_case: !flags.contains('i'),
        action: action.trim().to_owned(),
    })
}

/// A pattern whose characters beyond ASCII are the octets that Postfix takes them for.
fn octetwise(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    for octet in pattern.bytes() {
        match octet.is_ascii() {
            true => out.push(char::from(octet)),
            false => _ = write!(out, "\\x{octet:02X}"),
        }
    }
    out
}

impl Rule {
    /// The first of these fields that the rule is about, as names and usual values.
    pub(super) fn hits<'a>(&self, fields: &'a [(String, String)]) -> Option<&'a str> {
        let pattern = RegexBuilder::new(&octetwise(&self.pattern))
            .case_insensitive(self.ignores_case)
            .unicode(false)
            .build();
        let lower = self.pattern.to_ascii_lowercase();
        let hit = |(name, value): &&(String, String)| {
            let named = lower.contains(&format!("{}:", name.to_ascii_lowercase()))
                || lower.trim_start_matches(['^', '(']) == name.to_ascii_lowercase();
            // `X-From:` is another field than `From:`.
            let other = lower.contains(&format!("-{}:", name.to_ascii_lowercase()));
            (named && !other)
                || pattern
                    .as_ref()
                    .is_ok_and(|pattern| pattern.is_match(format!("{name}: {value}").as_bytes()))
        };
        fields.iter().find(hit).map(|(name, _)| name.as_str())
    }

    /// As it is shown.
    pub(super) fn shown(&self) -> String {
        format!("{}: /{}/ {}", self.place, self.pattern, self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<(String, String)> {
        [
            ("From", "Joe <joe@example.com>"),
            ("Subject", "News"),
            ("DKIM-Signature", "v=1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn hit(line: &str) -> Option<String> {
        rule(line, "f:1")
            .unwrap()
            .hits(&fields())
            .map(str::to_owned)
    }

    #[test]
    fn rules_are_known_by_the_fields_that_they_hit() {
        assert_eq!(
            hit("/^Subject: .*SPAM/ REPLACE Subject: x").as_deref(),
            Some("Subject")
        );
        assert_eq!(hit("/^(From|To):/ IGNORE").as_deref(), Some("From"));
        assert_eq!(
            hit("~^dkim-signature~ IGNORE").as_deref(),
            Some("DKIM-Signature")
        );
        assert_eq!(hit("/^X-From:/ IGNORE"), None);
        // Letters in brackets are octets, which any of the fields may have.
        assert_eq!(hit("/[áé]spam/ IGNORE"), None);
        let spanish = [("Subject".to_owned(), "éspam".to_owned())];
        let found = rule("/[áé]SPAM/ IGNORE", "f:1").unwrap();
        assert_eq!(found.hits(&spanish), Some("Subject"));
        assert_eq!(hit("/^Received:.*\\/x/ IGNORE"), None);
        assert_eq!(
            hit("/^(?!Subject:)From: (?=x)/ IGNORE").as_deref(),
            Some("From")
        );
    }

    #[test]
    fn only_rules_that_change_lines_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checks");
        let text = "# coment\u{e1}rio\n/^A:/ WARN\n/^Subject:/\n   IGNORE\nif /^x/\n/^B:/ replace B: y\nendif\n";
        // In Latin-1, as old files are.
        let octets: Vec<u8> = text.chars().map(|c| c as u8).collect();
        fs::write(&file, octets).unwrap();
        let rules = changing(&format!("regexp:{}", file.display()));
        let places: Vec<_> = rules
            .iter()
            .map(|rule| rule.place.rsplit(':').next().unwrap())
            .collect();
        assert_eq!(places, ["3", "6"]);
        assert_eq!(changing("hash:/etc/x, pcre:/nonexistent"), []);
    }

    #[test]
    fn a_table_may_stand_in_the_parameter_itself() {
        let rules = changing("pcre:{{/^Subject:/ IGNORE}, {/^X:/ DUNNO}}");
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].action, "IGNORE");
    }
}
