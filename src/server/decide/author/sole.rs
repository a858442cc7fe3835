//! The author of a field that is no RFC 5322: the address that every reading of it leads to.
//!
//! Shops, scanners and scripts write `From: Example, Ana <ana@example.com>`. Readers differ in what
//! they make of the comma, but whoever finds an address finds that one. So it is the author, on one
//! condition that needs no theory of readers: every at sign in the field, be it in quotes, comments
//! or brackets, is followed by the same domain, and none is hidden in an encoded word.

mod encoded;

use std::collections::HashMap;

use super::{Author, AuthorError, Scan};

/// What `text` comes to, which has no first mailbox because of `error`.
pub(super) fn author(text: &str, error: AuthorError) -> Result<Author, AuthorError> {
    let mask = Mask::of(text);
    let Some((local, domain)) = first_address(text, &mask) else {
        return Err(error);
    };
    let comments = Comments::of(text);
    let is_same = |at: usize| {
        let word = word_after(text, at, &comments);
        word.is_some_and(|other| other.eq_ignore_ascii_case(domain))
    };
    let mut ats = text.match_indices('@').map(|(at, _)| at);
    if encoded::may_hide_address(text) || !ats.all(|at| is_lonely(text, at) || is_same(at)) {
        return Err(match error {
            AuthorError::NameDivided(_) => error,
            _ => AuthorError::Ambiguous,
        });
    }
    Author::of(local, domain)
}

/// Local part and domain of the first address outside quotes, comments and square brackets. Between
/// separators what stands in angle brackets goes before what stands in front of them.
fn first_address<'t>(text: &'t str, mask: &Mask) -> Option<(&'t str, &'t str)> {
    let mut start = 0;
    for member in mask.text.split([',', ';']) {
        let bracketed = member
            .split_once('<')
            .filter(|(_, inner)| inner.contains('@'));
        let skipped = bracketed.map_or(0, |(before, _)| before.len() + 1);
        if let Some(at) = member[skipped..].find('@') {
            return address_at(text, mask, start + skipped + at);
        }
        start += member.len() + 1;
    }
    None
}

/// The address around the at sign, if nothing beside it could be taken for more of its domain.
fn address_at<'t>(text: &'t str, mask: &Mask, at: usize) -> Option<(&'t str, &'t str)> {
    let before = mask.text[..at].trim_ascii_end();
    let local_starts = before.rfind(ends_local_part).map_or(0, |delimiter| {
        delimiter + before[delimiter..].chars().next().map_or(0, char::len_utf8)
    });
    let local = &text[local_starts..before.len()];
    let domain = word_after(&mask.text, at, &Comments::default())?;
    let rest = mask.text[at + 1 + domain.len()..].trim_ascii_start();
    // What follows an opening that is never closed is not known, unless the address was over before.
    let is_over = !rest.starts_with('<') && (mask.whole || rest.starts_with(['>', ',', ';']));
    let labels_fit = domain.split('.').all(|label| !label.is_empty());
    (!local.is_empty() && labels_fit && is_over)
        .then(|| (local, &text[at + 1..at + 1 + domain.len()]))
}

/// Whether the at sign is part of no address in any reading: `(@shop)`, `@,`.
fn is_lonely(text: &str, at: usize) -> bool {
    let after = text[at + 1..].trim_ascii_start();
    text[..at].ends_with('(') || after.is_empty() || after.starts_with([',', ';'])
}

fn ends_local_part(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '@'
        )
}

/// The domain right after the at sign; `None` where a reader could take more for it: characters that
/// domains don't have, or words behind white space or comments, which some readers join.
fn word_after<'t>(text: &'t str, at: usize, comments: &Comments) -> Option<&'t str> {
    let rest = &text[at + 1..];
    let end = rest.find(|c| !is_of_domain(c)).unwrap_or(rest.len());
    let word = &rest[..end];
    (!word.is_empty() && is_over(text, at + 1 + end, comments)).then_some(word)
}

/// Whether a domain that ends here goes on in no reading.
fn is_over(text: &str, end: usize, comments: &Comments) -> bool {
    let mut rest = &text[end..];
    let mut parted = false;
    loop {
        let trimmed = rest.trim_ascii_start();
        parted |= trimmed.len() < rest.len();
        rest = trimmed;
        match rest.chars().next() {
            None | Some('>' | ',' | ';') => return true,
            // A domain may go on within the brackets, to those who don't heed them.
            Some('<') => return parted,
            Some('(') => match comments.end(text.len() - rest.len()) {
                Some(end) => rest = &text[end..],
                None => return false,
            },
            Some(')' | '"' | ']') => return is_closed(rest),
            Some(_) => return false,
        }
    }
}

/// How many quotes, comments and brackets may close at once; a bound, so that time stays linear where
/// many at signs stand in comments that end together.
const MAX_CLOSERS: usize = 16;

/// Whether what closes here closes the domain, too.
fn is_closed(rest: &str) -> bool {
    let closers = rest.bytes().take(MAX_CLOSERS + 1);
    let closers = closers.take_while(|c| matches!(c, b')' | b'"' | b']'));
    let count = closers.count();
    if count > MAX_CLOSERS {
        return false;
    }
    let rest = &rest[count..];
    let goes_on = |c: char| matches!(c, '.' | '@');
    !rest.starts_with(is_of_domain) && !rest.trim_ascii_start().starts_with(goes_on)
}

fn is_of_domain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || !c.is_ascii()
}

/// Where comments end, nested ones too, found in one pass: so that text full of them takes no longer.
#[derive(Default)]
struct Comments(HashMap<usize, usize>);

impl Comments {
    fn of(text: &str) -> Self {
        let mut ends = HashMap::new();
        let mut open = Vec::new();
        let mut octets = text.bytes().enumerate();
        while let Some((at, octet)) = octets.next() {
            match octet {
                b'\\' => drop(octets.next()),
                b'(' => open.push(at),
                b')' => drop(open.pop().map(|begin| ends.insert(begin, at + 1))),
                _ => {}
            }
        }
        Self(ends)
    }

    /// Behind the comment that begins here.
    fn end(&self, begin: usize) -> Option<usize> {
        self.0.get(&begin).copied()
    }
}

/// A text in which comments and square brackets are blank and quoted strings are one word, each
/// octet where it was.
struct Mask {
    text: String,
    /// Nothing is left open; otherwise the text ends where what is open begins.
    whole: bool,
}

impl Mask {
    fn of(text: &str) -> Self {
        let mut masked = String::with_capacity(text.len());
        let mut scan = Scan { rest: text };
        while let Some(c) = scan.rest.chars().next() {
            let before = scan.rest.len();
            let (taken, stand_in) = match c {
                '(' => (scan.comment(), " "),
                '[' => (scan.delimited(']').map(drop), " "),
                '"' => (scan.delimited('"').map(drop), "q"),
                other => {
                    masked.push(other);
                    scan.rest = &scan.rest[other.len_utf8()..];
                    continue;
                }
            };
            if taken.is_err() {
                return Self {
                    text: masked,
                    whole: false,
                };
            }
            masked.push_str(&stand_in.repeat(before - scan.rest.len()));
        }
        Self {
            text: masked,
            whole: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Result<String, AuthorError> {
        Author::parse(value.as_bytes()).map(|author| author.to_string())
    }

    /// The case `from-unquoted-comma`, and more of its class.
    #[test]
    fn a_field_with_one_address_by_every_reading_has_an_author() {
        for value in [
            " Example, Ana <ana@example.com>",
            " Example Shop, Inc. <ana@example.com>",
            " root, ana@example.com",
            " Ana Example ana@example.com",
            " <<ana@example.com>>",
            " Ana <ana@example.com>>",
            " \"Example\", Ana <ana@example.com>",
            " \"Example, Ana\" Mid, Dr <ana@example.com>",
            " Example, \"Ana\" <ana@example.com>",
            " Ana; Example <ana@example.com>",
            " 'Example, Ana' <ana@example.com>",
            " =?utf-8?q?Ex=C3=A4mple?=, Ana <ana@example.com>",
            " Example,\r\n\tAna\r\n\t<ana@example.com>",
            " <mailto:ana@example.com>",
            " mailto:ana@example.com",
            " Ana Example, PhD <ana@example.com>",
            " Ana Example <ana@example.com>, PhD",
            " Example, Ana (Sales) <ana@example.com>",
            " Shop (@shop), Inc. <ana@example.com>",
            " Example, Ana [Sales] <ana@example.com>",
            " comment) ana@example.com",
            " <ana@example.com",
            " ana@example.com>",
            " <ana@example.com> (c",
            " Example, Ana <ana @example.com>",
            " root, staff, ana@example.com, Ana <ANA@EXAMPLE.COM>",
            " Ana, ana@example.com <ana@example.com>",
            " Ana <<ana@example.com>>, @",
            " [ana@example.com], <ana@example.com>",
            " ana@example.com)",
            " root, ana@example.com, (",
            " <<ana@example.com>>, \"ana@example.com\"",
            " \"ana@example.com\", Ana <ana@example.com>",
            " root, ana@example.com (Ana (Sales))",
            " Shop,(ana@example.com): <ana@example.com>; x",
            " root, (ana@example.com) ana@example.com (c) (d), x",
            " =?utf-8?Q?M=C3=BCller,_Ana?= <ana@example.com>",
            " =?iso-8859-1?B?TfxsbGVyLCBBbmE=?=, x <ana@example.com>",
        ] {
            assert_eq!(parsed(value).as_deref(), Ok("ana@example.com"), "{value:?}");
        }
    }

    #[test]
    fn several_addresses_of_one_domain_have_that_domain_and_the_first_of_them() {
        for (value, author) in [
            (
                " Example, Ana <ana@example.com>, bob@example.com",
                "ana@example.com",
            ),
            (
                " Example, bob@example.com <ana@example.com>",
                "ana@example.com",
            ),
            (
                " friends: ana@example.com, b@Example.com;",
                "ana@example.com",
            ),
            (" x, \"a b\"@example.com", "\"a b\"@example.com"),
        ] {
            assert_eq!(parsed(value).as_deref(), Ok(author), "{value:?}");
        }
    }

    #[test]
    fn another_domain_in_whatever_hiding_place_means_no_author() {
        for (value, error) in [
            (
                " Example, Ana <ana@example.com>, eve@evil.example",
                AuthorError::NameDivided(','),
            ),
            (
                " Example, eve@evil.example <ana@example.com>",
                AuthorError::NameDivided(','),
            ),
            (
                " \"eve@evil.example\", Ana <ana@example.com>",
                AuthorError::NameDivided(','),
            ),
            (
                " Ana (eve@evil.example); X <ana@example.com>",
                AuthorError::NameDivided(';'),
            ),
            (
                " root, ana@example.com evil.example",
                AuthorError::NameDivided(','),
            ),
            (" root, ana@example.com.", AuthorError::NameDivided(',')),
            (" root, ana@example.com!x", AuthorError::NameDivided(',')),
            (
                " x, <ana@example.com@evil.example>",
                AuthorError::NameDivided(','),
            ),
            (" ana@example.com eve@evil.example", AuthorError::Broken),
            (
                " <<ana@example.com>> eve@evil.example",
                AuthorError::Ambiguous,
            ),
            (" <<ana@example.com>> @evil.example", AuthorError::Ambiguous),
            (
                " x =?utf-8?q?eve=40evil.example?=; <ana@example.com>",
                AuthorError::NameDivided(';'),
            ),
            (
                " <<ana@example.com>> =?utf-8?q?eve=40evil.example?=",
                AuthorError::Ambiguous,
            ),
            (" \"ana <ana@example.com>", AuthorError::Unclosed),
            (" ana@example.com (eve", AuthorError::Unclosed),
            (" Ana [ana@example.com]", AuthorError::Broken),
            (" Ana (ana@example.com)", AuthorError::Incomplete),
        ] {
            assert_eq!(parsed(value), Err(error), "{value:?}");
        }
    }

    /// Python's two readers, among others, join what comments part and decode words first.
    #[test]
    fn a_domain_that_goes_on_behind_comments_or_in_encoded_words_means_no_author() {
        for value in [
            " <=?utf-8?q?eve=40evil.example?=>, <ana@example.com>",
            " <=?utf-8?b?ZXZlQGV2aWwuZXhhbXBsZQ==?=>, <ana@example.com>",
            " =?utf-8?q?eve=40evil.example?= , x <ana@example.com>",
            " =?us-ascii*en?Q?eve?= =?utf-8?q?=40evil.example?=, <ana@example.com>",
            " =?utf-7?q?eve+AEA-evil.example?=, <ana@example.com>",
            " =?utf-8?q?eve=40evil.example, x <ana@example.com>",
            " < =?utf-8?q?eve?=>, <ana@example.com>",
            " x, b@example.com<.evil.example> <ana@example.com>",
            " [ana@example.com(c).evil.example], x <ana@example.com>",
            " [ana@example.com (c) .evil.example], x <ana@example.com>",
            " [ana@example.com(c(d)\\)e) (f).evil.example], x <ana@example.com>",
            " Ana [x, ana@example.com(c).evil.example, y] <ana@example.com>, z",
            " x, ana@example.com, ana@example.com(c).evil.example",
            " x, ana@example.com, ana@example.com(c)evil.example",
            " x, ana@example.com, ana@example.com(c)@evil.example",
            " x, ana@example.com, ana@example.com(c",
            " \"ana@example.com(c).evil.example\", x <ana@example.com>",
            " x, <ana@example.com>, ana@example.com\".evil.example\"",
            " x, ana@example.com, \"ana@example.com\" .evil.example",
        ] {
            assert!(parsed(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn comments_behind_each_at_sign_take_no_time() {
        let begun = std::time::Instant::now();
        for unit in [
            "a@example.com(",
            "a@example.com(c)",
            "a@example.com)(",
            "(a@example.com)",
            "a@example.com(c),",
            "=?utf-8?q?a?=",
            "=?utf-8?q?",
            "=?",
            "<=?a",
        ] {
            let value = format!(" x, <a@example.com>, {}", unit.repeat(20_000));
            let closed = value.clone() + &")".repeat(20_000);
            for value in [value, closed] {
                let _ = Author::parse(value.as_bytes());
            }
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn the_reason_names_the_form_and_the_cure() {
        let error = parsed(" Doe, Ana <ana@example.com>, <eve@evil.example>").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the display name holds a comma; put it into quotation marks"
        );
    }

    #[test]
    fn a_fault_is_told_though_an_author_is_read() {
        let fault = |value: &str| Author::fault(value.as_bytes());
        assert_eq!(
            fault(" Doe, Ana <ana@example.com>"),
            Some(AuthorError::NameDivided(','))
        );
        assert_eq!(fault(" \"Doe, Ana\" <ana@example.com>"), None);
    }

    #[test]
    fn names_in_old_character_sets_hide_nothing() {
        for (value, author) in [
            (&b" Jos\xe9, X <joe@example.com>"[..], "joe@example.com"),
            (b" j\xe9@example.com", "j\u{fffd}@example.com"),
        ] {
            assert_eq!(Author::parse(value).unwrap().to_string(), author);
        }
        for value in [&b" x, joe@ex\xe9mple.com"[..], b" joe@ex\xe9mple.com"] {
            assert_eq!(Author::parse(value), Err(AuthorError::NotUtf8));
        }
    }
}
