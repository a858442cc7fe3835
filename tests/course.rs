//! The course for administrators: whatever points into it finds its chapter, in both languages.

use std::{collections::HashSet, fs, path::Path};

use clap::Parser;
use dkimd::{Cli, Command};
use dkimd_doctor::checks::CHECKS;

const COURSES: &[&str] = &["docs/course.md", "docs/es/course.md"];

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// What stands between each `begin` and the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: char) -> Vec<&'a str> {
    text.split(begin)
        .skip(1)
        .filter_map(|rest| rest.split(end).next())
        .collect()
}

fn anchors(text: &str) -> Vec<&str> {
    between(text, "<a id=\"", '"')
}

/// The commands of the indented blocks, lines that go on joined.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| line.strip_prefix("    "));
    lines
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect()
}

#[test]
fn every_check_points_to_a_chapter_that_both_courses_have() {
    for file in COURSES {
        let text = text(file);
        let anchors: HashSet<_> = anchors(&text).into_iter().collect();
        for check in CHECKS.iter() {
            let (name, chapter) = (check.name, check.chapter);
            assert!(
                anchors.contains(chapter),
                "{file} has no {chapter} for {name}"
            );
        }
    }
}

#[test]
fn every_check_is_taught_with_the_command_that_runs_it() {
    for file in COURSES {
        let text = text(file);
        let named: HashSet<_> = between(&text, "doctor --only ", '\n')
            .into_iter()
            .filter_map(|rest| rest.split([' ', '`']).next())
            .flat_map(|names| names.split(','))
            .collect();
        for check in CHECKS.iter() {
            assert!(
                named.contains(check.name),
                "{file} never runs {}",
                check.name
            );
        }
    }
}

#[test]
fn links_within_a_course_lead_somewhere() {
    for file in COURSES {
        let text = text(file);
        let anchors = anchors(&text);
        let once: HashSet<_> = anchors.iter().collect();
        assert_eq!(once.len(), anchors.len(), "{file}: an anchor stands twice");
        for target in between(&text, "](#", ')') {
            assert!(anchors.contains(&target), "{file}: #{target} is not there");
        }
    }
}

#[test]
fn both_languages_teach_the_same_chapters_and_commands() {
    let [english, spanish] = [COURSES[0], COURSES[1]].map(text);
    assert_eq!(anchors(&english), anchors(&spanish));
    let programs = |text: &str| -> Vec<String> {
        let of_root = ["dkimd ", "postconf ", "systemctl ", "apt ", "certbot "];
        commands(text)
            .into_iter()
            .filter(|line| of_root.iter().any(|program| line.starts_with(program)))
            .collect()
    };
    assert!(programs(&english).len() > 30);
    assert_eq!(programs(&english), programs(&spanish));
}

/// Every `dkimd …` that a reader may type, in blocks and in the text.
fn dkimd_commands(text: &str) -> Vec<String> {
    let in_text = between(text, "`dkimd ", '`').into_iter();
    let in_text = in_text.map(|rest| format!("dkimd {}", rest.replace('\n', " ")));
    let in_blocks = commands(text).into_iter();
    in_blocks
        .filter(|line| line.starts_with("dkimd "))
        .chain(in_text)
        .collect()
}

/// The words of a shell command; single quotes hold words together.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in command.split('\'').enumerate() {
        let mut pieces = match index % 2 {
            0 => part.split(' ').collect(),
            _ => vec![part],
        }
        .into_iter();
        if let (Some(last), Some(first)) = (words.last_mut(), pieces.next()) {
            last.push_str(first);
        }
        words.extend(pieces.map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_is_one_that_dkimd_takes() {
    for file in COURSES {
        let commands = dkimd_commands(&text(file));
        assert!(commands.len() > 30, "{file}: only {}", commands.len());
        for command in commands {
            let parsed = Cli::try_parse_from(words(&command));
            let cli = parsed.unwrap_or_else(|error| panic!("{file}: {command}: {error}"));
            if let Command::Doctor(doctor) = cli.command {
                for name in doctor.only {
                    let known = CHECKS.iter().any(|check| check.name == name);
                    assert!(known, "{file}: {command}: there is no check {name}");
                }
            }
        }
    }
}
