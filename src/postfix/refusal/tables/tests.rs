//! What is written in the files is whole, and all of it counts.

use std::collections::HashSet;

use super::*;
use dkimd_advice::text::Lang;

fn patterns() -> impl Iterator<Item = &'static Pattern> {
    speakers().flat_map(|(_, patterns)| patterns)
}

#[test]
fn every_file_is_read_and_every_cause_is_told_in_both_languages_and_can_be_reached() {
    let reached: HashSet<_> = patterns()
        .flat_map(|pattern| [Some(pattern.cause), pattern.over_ipv6])
        .flatten()
        .map(|cause| cause.word)
        .collect();
    for cause in CAUSES.values() {
        for text in [&cause.meaning, &cause.remedy] {
            let (en, es) = (text.to(Lang::En), text.to(Lang::Es));
            assert!(Text::from_catalogue(en).is_some(), "po/update: {en}");
            assert!(!en.is_empty() && !es.is_empty(), "{}", cause.word);
            assert!(!en.contains("  ") && !es.contains("  "), "{}", cause.word);
        }
        let word = cause.word;
        assert!(reached.contains(word), "no pattern leads to {word}");
    }
}

#[test]
fn every_receiver_has_a_name_and_hosts_of_its_own() {
    let mut seen = HashSet::new();
    for receiver in receivers() {
        assert!(seen.insert(receiver.name), "{} twice", receiver.name);
        for host in &receiver.hosts {
            let found = Receiver::of_host(host);
            assert_eq!(found, Some(receiver), "{host}");
        }
    }
}

/// A reply is compared in lower case and on one line, so other words could never be found in it.
#[test]
fn every_pattern_asks_for_something_as_replies_are_compared() {
    for pattern in patterns() {
        assert!(
            !pattern.codes.is_empty() || !pattern.says.is_empty(),
            "{pattern:?}"
        );
        for words in &pattern.says {
            let compared = super::super::plain(words, None, None);
            assert_eq!(words.trim_end(), compared, "{pattern:?}");
        }
    }
}

/// The first that fits counts: what an earlier one already finds would never be reached.
#[test]
fn no_pattern_stands_in_the_shadow_of_an_earlier_one_of_the_same_speaker() {
    for (speaker, patterns) in speakers() {
        for (at, pattern) in patterns.iter().enumerate() {
            let words = |one: &'static Pattern| one.codes.is_empty().then_some(&one.says);
            let codes = |one: &'static Pattern| one.says.is_empty().then_some(&one.codes);
            let mut earlier = patterns[..at].iter();
            let says_all = |before: &[String]| {
                pattern
                    .says
                    .iter()
                    .all(|said| before.iter().any(|words| said.contains(words)))
            };
            let shadow = earlier.find(|before| match (words(before), codes(before)) {
                (Some(before), _) => !pattern.says.is_empty() && says_all(before),
                (_, Some(before)) => {
                    let mut codes = pattern.codes.iter();
                    !pattern.codes.is_empty() && codes.all(|code| before.contains(code))
                }
                _ => false,
            });
            assert!(
                shadow.is_none(),
                "{speaker:?}: {pattern:?} is never reached"
            );
        }
    }
}

#[test]
fn a_line_that_means_nothing_is_refused_with_what_it_should_be() {
    let wrong = |line: &str| toml::from_str::<Pattern>(line).unwrap_err().to_string();
    for (line, told) in [
        ("says = [\"no\"]\ncause = \"nonsense\"", "no cause nonsense"),
        (
            "codes = [\"5.7.26\"]\ncause = \"dkim-failed\"",
            "as 7.26 is",
        ),
        (
            "say = [\"no\"]\ncause = \"dkim-failed\"",
            "unknown field `say`",
        ),
    ] {
        let error = wrong(line);
        assert!(error.contains(told), "{error}");
    }
}
