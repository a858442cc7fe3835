//! The list of doctor's findings for administrators names every finding that there is, and none
//! that there is not, in both languages.

use std::{collections::BTreeSet, fs, path::Path};

use dkimd_doctor::checks::CHECKS;

const LISTS: &[&str] = &["docs/doctor.md", "docs/es/doctor.md"];

/// Literals in the checks that only look like codes: programs, an SPF accident, causes of refusals.
const NO_CODES: &[&str] = &[
    "v-spf",
    "connection-timeout",
    "dns-failure",
    "filter-down",
    "ipv6-unreachable",
    "signing-failed",
    "unix-stream",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All sources below a directory, without their unit tests.
fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            sources(&path, text);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let code = fs::read_to_string(&path).unwrap();
            let end = code.find("#[cfg(test)]").unwrap_or(code.len());
            text.push_str(&code[..end]);
        }
    }
}

/// Whether a text is written as the codes of findings are: `spf-too-many-lookups`.
fn is_code(text: &str) -> bool {
    let mut words = text.split('-');
    text.contains('-')
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && words.all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit())
        })
}

/// The codes that the checks give: all literals of their shape.
fn given() -> BTreeSet<String> {
    let mut code = String::new();
    sources(&root().join("src/doctor/checks"), &mut code);
    let names: BTreeSet<_> = CHECKS
        .iter()
        .flat_map(|check| [check.name, check.chapter])
        .collect();
    code.split('"')
        .filter(|literal| is_code(literal))
        .filter(|literal| !names.contains(literal) && !NO_CODES.contains(literal))
        .map(str::to_owned)
        .collect()
}

/// The first column of every table.
fn listed(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split('`').next().unwrap().to_owned())
        .collect()
}

#[test]
fn both_lists_name_every_finding_and_no_other() {
    let given = given();
    assert!(given.len() > 60, "only {} codes were read", given.len());
    for file in LISTS {
        let listed = listed(file);
        let missing: Vec<_> = given.difference(&listed).collect();
        let gone: Vec<_> = listed.difference(&given).collect();
        assert!(
            missing.is_empty() && gone.is_empty(),
            "{file} lacks {missing:?}, and names {gone:?}, which no check gives"
        );
    }
}

/// What stands between the parenthesis that a text begins with and its partner.
fn in_parentheses(text: &str) -> &str {
    let mut depth = 0;
    for (at, octet) in text.bytes().enumerate() {
        depth += match octet {
            b'(' => 1,
            b')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

/// A format string without what is put into it.
fn without_values(literal: &str) -> String {
    let mut typed = String::new();
    let mut depth = 0;
    for character in literal.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth == 0 => typed.push(character),
            _ => {}
        }
    }
    typed
}

/// Advice is a promise: what can be typed is complete. The zoo looks at the same in what is printed.
#[test]
fn no_command_record_or_line_leaves_anything_to_be_filled_in() {
    const PLACEHOLDERS: [&str; 15] = [
        "DOMAIN",
        "SELECTOR",
        "HOST",
        "ADDRESS",
        "TOKEN",
        "PATH",
        "NAME",
        "FILE",
        "USER",
        "…",
        ".example",
        "203.0.113.",
        "192.0.2.",
        "198.51.100.",
        "2001:db8:",
    ];
    let mut code = String::new();
    sources(&root().join("src/doctor/checks"), &mut code);
    let mut seen = 0;
    for printer in [
        ".command",
        ".record",
        ".setting",
        "Fix::Command",
        "Fix::Record",
    ] {
        for (at, _) in code.match_indices(&format!("{printer}(")) {
            let arguments = in_parentheses(&code[at + printer.len()..]);
            for literal in arguments.split('"').skip(1).step_by(2) {
                seen += 1;
                let typed = without_values(literal);
                let found = PLACEHOLDERS.iter().find(|word| typed.contains(*word));
                assert_eq!(found, None, "{printer}: {literal}");
            }
        }
    }
    assert!(seen > 60, "only {seen} texts were read");
}

#[test]
fn both_lists_have_a_section_for_every_check_in_order() {
    for file in LISTS {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let sections: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .filter(|title| CHECKS.iter().any(|check| check.name == *title))
            .collect();
        let names: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(sections, names, "{file}");
    }
}
