//! Tag lists (RFC 6376 section 3.2), the common grammar of signatures and key records.
//!
//! Parsing borrows the raw octets and keeps each value's place in them, because a signature's
//! header hash needs its own field with the `b=` value cut out (section 3.7).

use std::{fmt, ops::Range};

/// More tags than this in one list are refused; the standards name 14 in all.
pub const MAX_TAGS: usize = 256;

/// So many names are compared with each other; more are sorted.
const FEW_TAGS: usize = 16;

/// A parsed tag list: names are unique, values are UTF-8 without controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList<'a> {
    tags: Vec<Tag<'a>>,
}

/// One tag of a list, `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name, whose case counts.
    pub name: &'a str,
    /// The value without surrounding white space; folding inside is kept.
    pub value: &'a str,
    /// Where everything between `=` and the next `;` (or the end) lies in the raw octets,
    /// white space included.
    pub span: Range<usize>,
}

/// Why octets are no tag list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagListError {
    /// No tag at all.
    #[error("no tags")]
    Empty,
    /// Nothing between two semicolons.
    #[error("empty tag before position {0}")]
    EmptyTag(usize),
    /// A name that does not begin with a letter or holds something else than letters, digits, `_`.
    #[error("bad tag name {0:?}")]
    BadName(Printable),
    /// A tag without `=`.
    #[error("tag {0} without value")]
    NoEquals(Printable),
    /// The same name twice.
    #[error("tag {0} occurs more than once")]
    Duplicate(Printable),
    /// A control character, a bare CR or LF, or octets that are not UTF-8 (RFC 8616 section 3).
    #[error("tag {0} holds an octet that can't stand there")]
    BadValue(Printable),
    /// More tags than [`MAX_TAGS`].
    #[error("more than {MAX_TAGS} tags")]
    TooMany,
}

/// Text from outside, cut short and without controls, fit for logs and reports.
#[derive(Clone, PartialEq, Eq)]
pub struct Printable(Box<str>);

impl Printable {
    const MAX_CHARS: usize = 64;

    /// Takes at most 64 characters; what can't be printed becomes `?`.
    pub fn new(octets: &[u8]) -> Self {
        let head = &octets[..octets.len().min(4 * Self::MAX_CHARS)];
        let text = String::from_utf8_lossy(head);
        Self(
            text.chars()
                .take(Self::MAX_CHARS)
                .map(|c| if c.is_control() { '?' } else { c })
                .collect(),
        )
    }

    /// The text, fit to be shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'a> TagList<'a> {
    /// Parses a whole field value or key record.
    ///
    /// White space may follow the last semicolon: the grammar does not say so, but signers write
    /// it and most verifiers take it.
    ///
    /// ```
    /// use dkim_core::tag_list::TagList;
    ///
    /// let tags = TagList::parse(b"v=DKIM1; k=rsa; p=")?;
    /// assert_eq!(tags.value("k"), Some("rsa"));
    /// assert!(TagList::parse(b"v=1; v=1").is_err());
    /// # Ok::<(), dkim_core::tag_list::TagListError>(())
    /// ```
    pub fn parse(raw: &'a [u8]) -> Result<Self, TagListError> {
        let mut tags: Vec<Tag<'a>> = Vec::with_capacity(12);
        let mut start = 0;
        loop {
            let end = memchr::memchr(b';', &raw[start..]).map_or(raw.len(), |at| start + at);
            let spec = &raw[start..end];
            if !is_blank(spec) {
                let tag = Tag::parse(spec, start)?;
                if tags.len() == MAX_TAGS {
                    return Err(TagListError::TooMany);
                }
                tags.push(tag);
            } else if end < raw.len() {
                return Err(TagListError::EmptyTag(end));
            } else if !folds_well(spec) {
                return Err(TagListError::BadName(Printable::new(spec)));
            }
            if end >= raw.len() {
                break;
            }
            start = end + 1;
        }
        if tags.is_empty() {
            return Err(TagListError::Empty);
        }
        match repeated(&tags) {
            Some(name) => Err(TagListError::Duplicate(Printable::new(name.as_bytes()))),
            None => Ok(Self { tags }),
        }
    }

    /// The tag of that name.
    pub fn find(&self, name: &str) -> Option<&Tag<'a>> {
        self.tags.iter().find(|tag| tag.name == name)
    }

    /// The value of the tag of that name.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|tag| tag.value)
    }

    /// All tags in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Tag<'a>> {
        self.tags.iter()
    }
}

/// A name that occurs twice.
fn repeated<'a>(tags: &[Tag<'a>]) -> Option<&'a str> {
    if tags.len() <= FEW_TAGS {
        let mut rest = tags;
        while let Some((tag, behind)) = rest.split_first() {
            if behind.iter().any(|other| other.name == tag.name) {
                return Some(tag.name);
            }
            rest = behind;
        }
        return None;
    }
    let mut names: Vec<&str> = tags.iter().map(|tag| tag.name).collect();
    names.sort_unstable();
    names
        .windows(2)
        .find_map(|pair| (pair[0] == pair[1]).then_some(pair[0]))
}

impl<'a> Tag<'a> {
    fn parse(spec: &'a [u8], offset: usize) -> Result<Self, TagListError> {
        let Some(equals) = memchr::memchr(b'=', spec) else {
            return Err(TagListError::NoEquals(Printable::new(trim(spec))));
        };
        let (before, after) = (&spec[..equals], &spec[equals + 1..]);
        let name = trim(before);
        let well_formed = name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'_')
            && folds_well(before);
        let name = match std::str::from_utf8(name) {
            Ok(name) if well_formed => name,
            _ => return Err(TagListError::BadName(Printable::new(name))),
        };
        let bad_value = || TagListError::BadValue(Printable::new(name.as_bytes()));
        let value = std::str::from_utf8(trim(after)).map_err(|_| bad_value())?;
        let readable = |c: u8| matches!(c, b'\t' | b'\r' | b'\n' | b' '..=b'~' | 0x80..);
        if !value.bytes().all(readable) || !folds_well(after) {
            return Err(bad_value());
        }
        Ok(Self {
            name,
            value,
            span: offset + equals + 1..offset + spec.len(),
        })
    }
}

/// Space, tab, and the two octets of a folded line's end.
pub fn is_white(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_blank(octets: &[u8]) -> bool {
    octets.iter().copied().all(is_white)
}

fn trim(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|c| !is_white(*c));
    let end = octets.iter().rposition(|c| !is_white(*c));
    match (start, end) {
        (Some(start), Some(end)) => &octets[start..=end],
        _ => &[],
    }
}

/// Whether CR and LF come only as CRLF, and only before a space or a tab (or at the very end,
/// where the next part begins with the white space or the field is over).
fn folds_well(octets: &[u8]) -> bool {
    memchr::memchr2_iter(b'\r', b'\n', octets).all(|at| match octets[at] {
        b'\r' => octets.get(at + 1) == Some(&b'\n'),
        _ => at > 0 && octets[at - 1] == b'\r' && matches!(octets.get(at + 1), Some(b' ' | b'\t')),
    })
}

/// The value without any folding white space (base64, numbers in key records).
pub fn without_white(value: &str) -> Vec<u8> {
    value.bytes().filter(|c| !is_white(*c)).collect()
}

/// Decodes `base64string` (RFC 6376 section 2.10): white space anywhere, padding optional.
pub fn decode_base64(value: &str) -> Option<Vec<u8>> {
    let mut digits = without_white(value);
    let padding = digits.iter().rev().take_while(|c| **c == b'=').count();
    if padding > 2 {
        return None;
    }
    digits.truncate(digits.len() - padding);
    let mut permissive = data_encoding::BASE64_NOPAD.specification();
    permissive.check_trailing_bits = false;
    permissive.encoding().ok()?.decode(&digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(raw: &[u8]) -> Result<Vec<(&str, &str)>, TagListError> {
        Ok(TagList::parse(raw)?
            .tags
            .iter()
            .map(|tag| (tag.name, tag.value))
            .collect())
    }

    #[test]
    fn white_space_around_names_and_values_is_no_part_of_them() {
        assert_eq!(
            pairs(b" v = 1 ;\r\n\td=example.com\r\n ;h = a\r\n\t: b;").unwrap(),
            [("v", "1"), ("d", "example.com"), ("h", "a\r\n\t: b")]
        );
    }

    #[test]
    fn a_value_may_be_empty_and_may_hold_equals_signs() {
        assert_eq!(
            pairs(b"p=; b=AA==; n=").unwrap(),
            [("p", ""), ("b", "AA=="), ("n", "")]
        );
    }

    #[test]
    fn the_last_semicolon_and_white_space_after_it_are_optional() {
        assert_eq!(pairs(b"a=1"), pairs(b"a=1;"));
        assert_eq!(pairs(b"a=1"), pairs(b"a=1; \r\n\t"));
        assert_eq!(pairs(b"a=1;;"), Err(TagListError::EmptyTag(4)));
        assert_eq!(pairs(b";a=1"), Err(TagListError::EmptyTag(0)));
    }

    #[test]
    fn names_keep_their_case_and_never_come_twice() {
        assert_eq!(pairs(b"a=1; A=2").unwrap().len(), 2);
        assert_eq!(
            pairs(b"a=1; b=2; a=1"),
            Err(TagListError::Duplicate(Printable::new(b"a")))
        );
    }

    #[test]
    fn many_tags_are_read_but_not_any_number() {
        let many = |count: usize| -> String { (0..count).map(|n| format!("x{n}=;")).collect() };
        assert_eq!(pairs(many(MAX_TAGS).as_bytes()).unwrap().len(), MAX_TAGS);
        assert_eq!(
            pairs(many(MAX_TAGS + 1).as_bytes()),
            Err(TagListError::TooMany)
        );
    }

    #[test]
    fn names_begin_with_a_letter() {
        for raw in [
            &b"1a=x"[..],
            b"_a=x",
            b"a-b=x",
            b"=x",
            b"a b=x",
            "\u{e4}=x".as_bytes(),
        ] {
            assert!(
                matches!(pairs(raw), Err(TagListError::BadName(_))),
                "{raw:?}"
            );
        }
        assert!(pairs(b"a_1=x").is_ok());
        assert!(matches!(pairs(b"a=1; b"), Err(TagListError::NoEquals(_))));
        for raw in [&b""[..], b" \t", b"\r\n "] {
            assert_eq!(pairs(raw), Err(TagListError::Empty), "{raw:?}");
        }
    }

    #[test]
    fn values_are_utf8_without_controls_and_fold_with_crlf() {
        assert_eq!(
            pairs("d=b\u{fc}cher.example".as_bytes()).unwrap()[0].1,
            "b\u{fc}cher.example"
        );
        for raw in [
            &b"d=b\xfccher"[..],
            b"d=a\0b",
            b"d=a\nb",
            b"d=a\rb",
            b"d=a\r\nb",
            b"d=\x7f",
        ] {
            assert!(
                matches!(pairs(raw), Err(TagListError::BadValue(_))),
                "{raw:?}"
            );
        }
    }

    #[test]
    fn the_span_holds_all_white_space_around_the_value() {
        let raw = b"a=1; b =\r\n\tAB\r\n\tCD ; c=2";
        let list = TagList::parse(raw).unwrap();
        assert_eq!(
            &raw[list.find("b").unwrap().span.clone()],
            b"\r\n\tAB\r\n\tCD "
        );
    }

    #[test]
    fn base64_may_be_folded_and_lack_its_padding() {
        for text in ["AQI=", "AQI", "A Q\r\n\tI =", "AQJ="] {
            assert_eq!(decode_base64(text), Some(vec![1, 2]), "{text:?}");
        }
        for text in ["A", "AQ=I", "AQI===", "AQ*="] {
            assert_eq!(decode_base64(text), None, "{text:?}");
        }
    }
}
