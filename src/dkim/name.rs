//! The names of RFC 6376: signing domain (SDID), selector, agent or user identifier (AUID).

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
    hash::{Hash, Hasher},
};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Longest domain name that DNS can hold, in its textual form (RFC 1035 section 3.1).
pub(crate) const LONGEST_DOMAIN: usize = 253;
/// Longest label (RFC 1035 section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// A signing domain (`d=`), as written by the administrator or the signer; compared without case.
///
/// ```
/// use dkim_core::name::Domain;
///
/// let domain = Domain::parse("Example.com")?;
/// assert_eq!(domain, Domain::parse("example.com.")?);
/// assert!(domain.covers("mail.example.COM") && !domain.covers("badexample.com"));
/// # Ok::<(), dkim_core::name::NameError>(())
/// ```
#[derive(Clone, Debug, Eq)]
pub struct Domain(Box<str>);

/// A selector (`s=`): the name of one key among those of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector(Box<str>);

/// An agent or user identifier (`i=`): `[local-part]@domain`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Auid(Box<str>);

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no text, or none after the `@`.
    #[error("is empty")]
    Empty,
    /// Longer than DNS allows (253 octets for a domain, 63 for a label).
    #[error("is too long for DNS")]
    TooLong,
    /// A character that can't stand in a domain name.
    #[error("contains {0:?}, which can't stand in a domain name")]
    BadCharacter(char),
    /// Two dots side by side, or one at the start.
    #[error("contains an empty label (two dots side by side, or a dot at the start)")]
    EmptyLabel,
    /// An identifier without `@`.
    #[error("has no @")]
    NoAt,
}

impl Domain {
    /// Parses letters, digits, `-`, `_`, dots and (RFC 8616) non-ASCII letters. A dot at the end,
    /// as zone files have it, is left out.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        check_labels(text)?;
        Ok(Self(text.into()))
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this domain or one below it (without case).
    pub fn covers(&self, other: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), other.as_bytes());
        let Some(above) = other.len().checked_sub(own.len()) else {
            return false;
        };
        other[above..].eq_ignore_ascii_case(own) && (above == 0 || other[above - 1] == b'.')
    }
}

impl Selector {
    /// Parses one or more labels.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_labels(text)?;
        Ok(Self(text.into()))
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Auid {
    /// Parses `[local-part]@domain`. What stands before the last `@` is taken as it is, but for
    /// control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (local, domain) = text.rsplit_once('@').ok_or(NameError::NoAt)?;
        if let Some(bad) = local.chars().find(|char| char.is_control()) {
            return Err(NameError::BadCharacter(bad));
        }
        check_labels(domain)?;
        Ok(Self(text.into()))
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after the last `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Hash for Domain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in self.0.bytes() {
            state.write_u8(octet.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

/// Labels of letters, digits, `-` and `_`, between single dots. A non-ASCII character counts as
/// one, since its length in DNS is that of the A-label.
fn check_labels(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let mut total = 0;
    for label in text.split('.') {
        let mut length = 0;
        for char in label.chars() {
            let allowed = match char {
                '-' | '_' => true,
                ascii if ascii.is_ascii() => ascii.is_ascii_alphanumeric(),
                other => !other.is_control() && !other.is_whitespace(),
            };
            if !allowed {
                return Err(NameError::BadCharacter(char));
            }
            length += 1;
        }
        match length {
            0 => return Err(NameError::EmptyLabel),
            1..=LONGEST_LABEL => total += length + 1,
            _ => return Err(NameError::TooLong),
        }
    }
    if total - 1 > LONGEST_DOMAIN {
        return Err(NameError::TooLong);
    }
    Ok(())
}

/// A name in lower case with A-labels for U-labels; `None` when DNS can't hold it.
pub(crate) fn ascii_name(name: &str) -> Option<Cow<'_, str>> {
    let ascii = if name.is_ascii() {
        if name.bytes().any(|c| c.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        }
    } else {
        let mapped = Uts46::new().to_ascii(
            name.as_bytes(),
            AsciiDenyList::EMPTY,
            Hyphens::Allow,
            DnsLength::Ignore,
        );
        Cow::Owned(mapped.ok()?.into_owned())
    };
    let fits = ascii.len() <= LONGEST_DOMAIN
        && ascii
            .split('.')
            .all(|label| (1..=LONGEST_LABEL).contains(&label.len()));
    fits.then_some(ascii)
}

impl Display for Domain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for Auid {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_labels_between_single_dots() {
        for good in [
            "example.com",
            "a",
            "_x.ex-ample.com",
            "b\u{fc}cher.example",
            "1.2",
        ] {
            assert_eq!(Domain::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(
            Domain::parse("example.com.").unwrap().as_str(),
            "example.com"
        );
        assert_eq!(Domain::parse(""), Err(NameError::Empty));
        assert_eq!(Domain::parse("."), Err(NameError::Empty));
        for empty in ["a..b", ".a", "a.."] {
            assert_eq!(Domain::parse(empty), Err(NameError::EmptyLabel), "{empty}");
        }
        for (text, bad) in [
            ("a b", ' '),
            ("a;b", ';'),
            ("a@b", '@'),
            ("a\u{85}b", '\u{85}'),
        ] {
            assert_eq!(Domain::parse(text), Err(NameError::BadCharacter(bad)));
        }
    }

    #[test]
    fn names_keep_to_the_lengths_of_dns() {
        let label = "a".repeat(63);
        assert!(Selector::parse(&label).is_ok());
        assert_eq!(
            Selector::parse(&format!("{label}a")),
            Err(NameError::TooLong)
        );
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(longest.len(), 253);
        assert!(Domain::parse(&longest).is_ok());
        assert_eq!(
            Domain::parse(&format!("{longest}a")),
            Err(NameError::TooLong)
        );
    }

    #[test]
    fn a_domain_covers_itself_and_what_lies_below_without_case() {
        let domain = Domain::parse("Example.com").unwrap();
        assert!(domain.covers("example.COM"));
        assert!(domain.covers("mail.example.com"));
        for other in ["ample.com", "badexample.com", "com", "example.com.org", ""] {
            assert!(!domain.covers(other), "{other}");
        }
    }

    #[test]
    fn domains_are_equal_without_case() {
        let hash = |domain: &Domain| {
            let mut state = std::hash::DefaultHasher::new();
            domain.hash(&mut state);
            state.finish()
        };
        let (one, other) = (Domain::parse("A.b").unwrap(), Domain::parse("a.B").unwrap());
        assert_eq!(one, other);
        assert_eq!(hash(&one), hash(&other));
        assert_ne!(one, Domain::parse("a.c").unwrap());
    }

    #[test]
    fn an_identifier_is_split_at_its_last_at_sign() {
        assert_eq!(Auid::parse("@a.b").unwrap().domain(), "a.b");
        assert_eq!(Auid::parse("\"x@y\"@a.b").unwrap().domain(), "a.b");
        assert_eq!(Auid::parse("a.b"), Err(NameError::NoAt));
        assert_eq!(Auid::parse("a@"), Err(NameError::Empty));
        assert_eq!(Auid::parse("a\r@b"), Err(NameError::BadCharacter('\r')));
    }

    #[test]
    fn names_are_lower_case_a_labels_that_dns_can_hold() {
        assert_eq!(
            ascii_name("Sel_1.Example.COM").unwrap(),
            "sel_1.example.com"
        );
        assert_eq!(
            ascii_name("B\u{dc}CHER.example").unwrap(),
            "xn--bcher-kva.example"
        );
        assert_eq!(ascii_name(&"a".repeat(64)), None);
        assert_eq!(ascii_name(&"\u{fc}".repeat(63)), None);
        assert_eq!(ascii_name(&["abc"; 64].join(".")), None);
        assert_eq!(ascii_name("a..b"), None);
    }
}
