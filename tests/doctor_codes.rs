//! The list of doctor's findings for administrators is printed from the codes, in both languages; and what doctor
//! prints can be typed as it is.

use std::{collections::BTreeSet, env, fs, path::Path};

use dkimd_advice::text::Lang;
use dkimd_doctor::{checks::CHECKS, codes};

const LISTS: [(Lang, &str, &str); 2] = [
    (Lang::En, "docs/doctor.md", "| code | meaning |"),
    (Lang::Es, "docs/es/doctor.md", "| código | significado |"),
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

/// The tables of a language: one section for each check.
fn printed(lang: Lang, head: &str) -> String {
    let mut text = String::new();
    for (name, meanings) in codes::all() {
        let check = CHECKS.iter().find(|check| check.name == name).unwrap();
        let title = check.title.to(lang);
        let mut letters = title.chars();
        let first = letters.next().unwrap().to_uppercase();
        text += &format!(
            "\n## {name}\n\n{first}{}.\n\n{head}\n|---|---|\n",
            letters.as_str()
        );
        for one in meanings {
            text += &format!("| `{}` | {} |\n", one.code, one.meaning.to(lang));
        }
    }
    text
}

/// `DKIMD_UPDATE=1 cargo test --test doctor_codes` writes them anew.
#[test]
fn both_lists_are_those_of_the_codes() {
    for (lang, file, head) in LISTS {
        let path = root().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let (before, _) = text.split_once("\n## ").unwrap();
        let wanted = format!("{before}{}", printed(lang, head));
        if env::var_os("DKIMD_UPDATE").is_some() {
            fs::write(&path, &wanted).unwrap();
        }
        let now = fs::read_to_string(&path).unwrap();
        assert!(
            now == wanted,
            "{file}: DKIMD_UPDATE=1 cargo test --test doctor_codes writes it anew"
        );
    }
}

#[test]
fn every_check_has_codes_and_every_code_stands_once() {
    let all = codes::all();
    let named: Vec<_> = all.iter().map(|(check, _)| *check).collect();
    let checks: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(named, checks);
    let words: Vec<_> = all
        .iter()
        .flat_map(|(_, meanings)| meanings.iter().map(|one| one.code))
        .collect();
    let once: BTreeSet<_> = words.iter().collect();
    assert_eq!(once.len(), words.len());
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
