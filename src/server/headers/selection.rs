//! Which header fields are signed, in the words of SignHeaders, OmitHeaders and OversignHeaders.

use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use crate::dkim::select::{ADVISED, FieldChoice, FieldNames, HeaderSelection, NotAFieldName};

/// Never signed when OmitHeaders says nothing else.
const OMITTED_BY_DEFAULT: [&str; 4] = ["return-path", "received", "comments", "keywords"];

/// Octets of the longest name that is compared with patterns: a name has to stand on one line (RFC 5322
/// section 2.1.1), and with names of many times that length comparing takes long.
const LONGEST_MATCHED: usize = 998;

/// A SignHeaders, OmitHeaders or OversignHeaders entry that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} {reason}")]
pub struct SelectionError {
    /// The entry as written.
    pub entry: String,
    /// What is wrong with it.
    pub reason: String,
}

impl From<NotAFieldName> for SelectionError {
    fn from(error: NotAFieldName) -> Self {
        Self {
            entry: error.name,
            reason: "is not the name of a header field".into(),
        }
    }
}

/// Compiles the entries of SignHeaders and OmitHeaders (`None`: OpenDKIM's defaults, delta mode with
/// `*`, `+name`, `-name` included) and OversignHeaders (as written, in order), once per load.
pub fn compile(
    sign: Option<&[String]>,
    omit: Option<&[String]>,
    oversign: &[String],
) -> Result<HeaderSelection, SelectionError> {
    // The first fault is told in this order.
    let oversigned = HeaderSelection::default().oversigning(oversign.to_vec())?;
    let omitted = NameSet::compile(entries(omit, &OMITTED_BY_DEFAULT))?;
    let signed = NameSet::compile(entries(sign, &ADVISED))?;
    Ok(oversigned.choosing(Arc::new(Entries { signed, omitted })))
}

/// What OmitHeaders leaves of SignHeaders.
#[derive(Debug)]
struct Entries {
    signed: NameSet,
    omitted: NameSet,
}

impl FieldChoice for Entries {
    fn chooses(&self, name: &[u8]) -> bool {
        self.signed.contains(name) && !self.omitted.contains(name)
    }
}

/// The entries in force: those written, or where one of them is `*` the default with the `-` ones
/// taken away and the `+` ones added.
fn entries(written: Option<&[String]>, default: &[&str]) -> Vec<String> {
    let default = default.iter().map(|&name| name.to_owned());
    let Some(written) = written else {
        return default.collect();
    };
    if !written.iter().any(|entry| entry == "*") {
        return written.to_vec();
    }
    let signed_with = |sign| {
        written
            .iter()
            .filter_map(move |entry| entry.strip_prefix(sign))
    };
    default
        .filter(|name| !signed_with('-').any(|taken| taken.eq_ignore_ascii_case(name)))
        .chain(signed_with('+').map(str::to_owned))
        .collect()
}

/// Names and patterns, matched without case and without allocation.
#[derive(Clone, Debug)]
struct NameSet {
    exact: FieldNames,
    patterns: Vec<Regex>,
}

impl NameSet {
    fn compile(entries: Vec<String>) -> Result<Self, SelectionError> {
        let (patterns, exact): (Vec<String>, Vec<String>) = entries
            .into_iter()
            .filter(|entry| !entry.is_empty())
            .partition(|entry| is_pattern(entry));
        let patterns = patterns
            .into_iter()
            .map(|entry| match pattern(&entry) {
                Ok(pattern) => Ok(pattern),
                Err(_) => Err(SelectionError {
                    entry,
                    reason: "is not a valid pattern (write * for any run of characters)".into(),
                }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            exact: FieldNames::new(exact),
            patterns,
        })
    }

    fn contains(&self, name: &[u8]) -> bool {
        self.exact.contains(name)
            || name.len() <= LONGEST_MATCHED
                && self.patterns.iter().any(|pattern| pattern.is_match(name))
    }
}

/// Whether an entry holds a character that is more than itself in an extended POSIX expression.
/// The dot isn't one: OpenDKIM takes it literally.
fn is_pattern(entry: &str) -> bool {
    entry.contains([
        '*', '+', '?', '[', ']', '(', ')', '{', '}', '|', '^', '$', '\\',
    ])
}

/// Compiles an entry as OpenDKIM does: an extended expression over the whole name, `*` standing for
/// any run of characters, and a dot for itself.
fn pattern(entry: &str) -> Result<Regex, regex::Error> {
    let expression = entry.replace('.', "\\.").replace('*', ".*");
    RegexBuilder::new(&format!("^(?:{expression})$"))
        .case_insensitive(true)
        .unicode(false)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dkim::header::{HeaderSection, LeadingSpace};

    const NAMES: [&str; 18] = [
        "From",
        "To",
        "Resent-To",
        "Resent-Date",
        "Subject",
        "Content-Type",
        "Content-Length",
        "XaB",
        "XcB",
        "X.B",
        "X+B",
        "X+Bc",
        "Xab(c",
        "Date",
        "Received",
        "Comments",
        "To",
        "X-Over",
    ];

    fn list(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    fn chosen(sign: Option<&str>, omit: Option<&str>) -> String {
        let mut section = HeaderSection::default();
        for name in NAMES {
            section.push(name.as_bytes(), b" x", LeadingSpace::Kept);
        }
        let (sign, omit) = (sign.map(list), omit.map(list));
        let selection = compile(sign.as_deref(), omit.as_deref(), &[]).unwrap();
        let names: Vec<&str> = selection
            .choose(&section)
            .into_iter()
            .map(|index| NAMES[index])
            .collect();
        names.join(":")
    }

    /// The results of OpenDKIM 2.11 for the same entries and fields.
    #[test]
    fn sign_headers_chooses_what_opendkim_chooses() {
        let default = "From:To:Resent-To:Resent-Date:Subject:Date:To";
        let cases = [
            ("*", default),
            ("*,-resent-*", default),
            ("*,-*", default),
            ("*,-from", default),
            (
                "*,-Resent-To,+content-*,X-Over",
                "From:To:Resent-Date:Subject:Content-Type:Content-Length:Date:To",
            ),
            ("To,content-*", "From:To:Content-Type:Content-Length:To"),
            ("X.B", "From:X.B"),
            ("X+B", "From"),
            ("X[a-c]b", "From:XaB:XcB"),
            ("To|Subject", "From:To:Subject:To"),
            ("X?B", "From"),
            ("Xa{1}b", "From:XaB"),
            ("x*", "From:XaB:XcB:X.B:X+B:X+Bc:Xab(c:X-Over"),
            ("X\\.B", "From"),
            (".*", "From"),
            ("^To$", "From:To:To"),
            ("T$o", "From"),
        ];
        assert_eq!(chosen(None, None), default);
        for (sign, expected) in cases {
            assert_eq!(chosen(Some(sign), None), expected, "SignHeaders {sign}");
        }
        assert_eq!(chosen(Some("**"), None), {
            let all: Vec<_> = NAMES
                .into_iter()
                .filter(|name| !["Received", "Comments"].contains(name))
                .collect();
            all.join(":")
        });
    }

    #[test]
    fn omit_headers_wins_over_sign_headers() {
        let without_to = "From:Resent-To:Resent-Date:Subject:Date";
        assert_eq!(chosen(None, Some("*,-received,+to")), without_to);
        assert_eq!(chosen(None, Some("to*")), without_to);
        assert_eq!(
            chosen(Some("*,+received,+comments"), Some("*,-comments")),
            "From:To:Resent-To:Resent-Date:Subject:Date:Comments:To"
        );
    }

    #[test]
    fn from_is_signed_even_where_omit_headers_names_it() {
        for omit in ["From", "f*"] {
            assert_eq!(chosen(Some("from,to"), Some(omit)), "From:To:To");
        }
    }

    #[test]
    fn entries_beyond_1024_characters_in_all_are_no_trouble() {
        let many: Vec<String> = (0..1000).map(|n| format!("X-Header-{n}-*")).collect();
        let selection = compile(Some(&many), None, &[]).unwrap();
        assert!(selection.signs(b"x-header-999-z"));
        assert!(!selection.signs(b"x-header-1000-z"));
    }

    #[test]
    fn a_field_whose_name_would_break_the_tag_list_is_not_signed() {
        let selection = compile(Some(&list("x*")), None, &[]).unwrap();
        assert!(selection.signs(b"X-Good"));
        for name in [&b"X;b"[..], b"X b", b"X-\xe9"] {
            assert!(!selection.signs(name), "{name:?}");
        }
    }

    #[test]
    fn a_name_longer_than_a_line_fits_no_pattern() {
        let selection = compile(Some(&list("x*")), None, &[]).unwrap();
        assert!(selection.signs(&[b'x'; LONGEST_MATCHED]));
        assert!(!selection.signs(&[b'x'; LONGEST_MATCHED + 1]));
    }

    #[test]
    fn a_blank_before_the_colon_does_not_belong_to_the_name() {
        let mut section = HeaderSection::default();
        section.push(b"Subject \t", b" x", LeadingSpace::Kept);
        let selection = compile(None, None, &[]).unwrap();
        assert_eq!(selection.choose(&section), [0]);
    }

    #[test]
    fn an_entry_that_cannot_be_used_is_named() {
        for bad in ["(To", "+to", "[a"] {
            let error = compile(Some(&list(bad)), None, &[]).unwrap_err();
            assert_eq!(error.entry, bad);
        }
        for bad in ["", "a:b", "a;b", "a b", "\u{e9}"] {
            let error = compile(None, None, &[bad.to_owned()]).unwrap_err();
            assert_eq!(error.entry, bad);
        }
    }
}
