//! The stable words that log lines and SMTP replies name their cause by, each with what it means,
//! why it happens and what mends it.

mod failing;
mod signing;
mod verifying;

use dkimd_advice::Finding;

/// What is known of a case besides its word; what is not known is told in general terms.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts<'a> {
    /// The author's address or domain.
    pub(super) author: Option<&'a str>,
    /// `d=` of a signature.
    pub(super) domain: Option<&'a str>,
    /// `s=` of a signature.
    pub(super) selector: Option<&'a str>,
    /// The client's address.
    pub(super) client: Option<&'a str>,
    /// A file, a key's name, a field, a recipient: what the word speaks of.
    pub(super) thing: Option<&'a str>,
}

impl<'a> Facts<'a> {
    fn author(&self) -> &'a str {
        self.author.unwrap_or("USER@DOMAIN")
    }

    fn domain(&self) -> &'a str {
        self.domain.unwrap_or("DOMAIN")
    }

    fn selector(&self) -> &'a str {
        self.selector.unwrap_or("SELECTOR")
    }

    fn client(&self) -> &'a str {
        self.client.unwrap_or("ADDRESS")
    }

    fn thing(&self, unknown: &'a str) -> &'a str {
        self.thing.unwrap_or(unknown)
    }

    /// Where the key of the signature is published.
    fn key_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector(), self.domain())
    }
}

/// A stable word.
pub(super) struct Word {
    /// As it stands in lines and replies.
    pub(super) word: &'static str,
    /// What it means in a case.
    pub(super) explain: fn(&Facts<'_>) -> Finding,
}

const fn word(word: &'static str, explain: fn(&Facts<'_>) -> Finding) -> Word {
    Word { word, explain }
}

/// All words: why mail is not signed, why it can't be signed, what verifying came to.
pub(super) fn all() -> impl Iterator<Item = &'static Word> {
    signing::WORDS
        .iter()
        .chain(failing::WORDS)
        .chain(verifying::WORDS)
}

/// The word's meaning, if it is one.
pub(super) fn explain(word: &str, facts: &Facts<'_>) -> Option<Finding> {
    let known = all().find(|known| known.word == word)?;
    Some((known.explain)(facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::{Level, text::Lang};

    /// The words between quotes in the body of `fn code` of a source file.
    fn words_in(source: &'static str) -> Vec<&'static str> {
        let begun = source.split("fn code(").nth(1).unwrap();
        let body = &begun[..begun.find("\n    }\n").unwrap()];
        let word = |text: &&str| {
            !text.is_empty() && text.bytes().all(|c| c.is_ascii_lowercase() || c == b'-')
        };
        body.split('"').skip(1).step_by(2).filter(word).collect()
    }

    #[test]
    fn every_word_that_a_line_or_a_reply_can_hold_is_explained() {
        for (source, least) in [
            (include_str!("../../server/decide/mod.rs"), 10),
            (include_str!("../../server/decide/identity.rs"), 4),
            (include_str!("../../server/keys/error.rs"), 6),
            (include_str!("../../server/session/failure.rs"), 2),
            (include_str!("../../dkim/outcome.rs"), 24),
        ] {
            let words = words_in(source);
            assert!(words.len() >= least, "{words:?}");
            for word in words {
                let found = explain(word, &Facts::default()).unwrap_or_else(|| panic!("{word}"));
                assert_eq!(found.code.word(), word);
            }
        }
    }

    #[test]
    fn every_word_stands_once_and_says_something_in_both_languages() {
        let mut seen = std::collections::HashSet::new();
        for known in all() {
            assert!(seen.insert(known.word), "{} twice", known.word);
            let found = (known.explain)(&Facts::default());
            assert_eq!(found.code.word(), known.word);
            assert_ne!(found.what.to(Lang::En), found.what.to(Lang::Es));
            let mended = found.level == Level::Info || !found.fix.is_empty();
            assert!(mended, "no remedy: {}", known.word);
        }
    }
}
