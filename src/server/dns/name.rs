//! Names as DNS knows them: absolute, in A-labels, without case.
//!
//! A signature may write its domain and selector with non-ASCII letters (U-labels, RFC 8616
//! section 4); DNS is asked for the A-labels. Nothing in a name is ever taken as an escape, so a
//! backslash in a signature can't reach another name.

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
};

use hickory_resolver::proto::rr::Name;

/// Octets of a label (RFC 1035 section 2.3.4).
const MAX_LABEL_OCTETS: usize = 63;
/// Octets of a name in presentation form, without the final dot.
const MAX_NAME_OCTETS: usize = 253;

/// A name to be looked up: lower case, A-labels, no final dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsName(Box<str>);

/// Why a text can't be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DnsNameError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Two dots side by side, or one at the start.
    #[error("has an empty label")]
    EmptyLabel,
    /// A label above 63 octets or a name above 253.
    #[error("is too long for DNS")]
    TooLong,
    /// Non-ASCII letters without a valid A-label form (RFC 5891).
    #[error("has letters that internationalised domain names don't allow")]
    BadLetters,
}

impl DnsName {
    /// Parses a name as written in mail or in a table; one dot at the end is allowed.
    pub fn parse(text: &str) -> Result<Self, DnsNameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(DnsNameError::Empty);
        }
        let name = to_a_labels(text)?;
        if name.len() > MAX_NAME_OCTETS {
            return Err(DnsNameError::TooLong);
        }
        for label in name.split('.') {
            match label.len() {
                0 => return Err(DnsNameError::EmptyLabel),
                1..=MAX_LABEL_OCTETS => {}
                _ => return Err(DnsNameError::TooLong),
            }
        }
        Ok(Self(name.to_ascii_lowercase().into_boxed_str()))
    }

    /// Where the key of a signature is: `<selector>._domainkey.<domain>` (RFC 6376 section
    /// 3.6.2.1).
    pub fn key_of(selector: &str, domain: &str) -> Result<Self, DnsNameError> {
        if selector.is_empty() || domain.is_empty() {
            return Err(DnsNameError::Empty);
        }
        Self::parse(&format!("{selector}._domainkey.{domain}"))
    }

    /// The text, without a final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name on the wire, absolute.
    pub fn to_wire(&self) -> Option<Name> {
        let mut name = Name::from_labels(self.0.split('.').map(str::as_bytes)).ok()?;
        name.set_fqdn(true);
        Some(name)
    }
}

impl Display for DnsName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` with its non-ASCII labels as A-labels; ASCII comes back as it is, underscores and all.
pub fn to_a_labels(text: &str) -> Result<Cow<'_, str>, DnsNameError> {
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text));
    }
    idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY)
        .map_err(|_| DnsNameError::BadLetters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_are_lower_case_and_without_final_dot() {
        let name = DnsName::key_of("Sel.2024", "Example.COM.").unwrap();
        assert_eq!(name.as_str(), "sel.2024._domainkey.example.com");
        let wire = name.to_wire().unwrap();
        assert!(wire.is_fqdn());
        assert_eq!(wire.num_labels(), 5);
    }

    #[test]
    fn u_labels_become_a_labels_and_underscores_stay() {
        let name = DnsName::key_of("schlüssel", "bücher.example").unwrap();
        assert_eq!(
            name.as_str(),
            "xn--schlssel-95a._domainkey.xn--bcher-kva.example"
        );
    }

    #[test]
    fn a_backslash_is_an_octet_and_no_escape() {
        let name = DnsName::parse("a\\046b.example").unwrap();
        let wire = name.to_wire().unwrap();
        assert_eq!(wire.num_labels(), 2);
        assert_eq!(wire.iter().next().unwrap(), b"a\\046b");
    }

    #[test]
    fn names_that_dns_can_not_hold_are_refused() {
        for (text, error) in [
            ("", DnsNameError::Empty),
            (".", DnsNameError::Empty),
            ("a..b", DnsNameError::EmptyLabel),
            (".a", DnsNameError::EmptyLabel),
            ("a..", DnsNameError::EmptyLabel),
        ] {
            assert_eq!(DnsName::parse(text), Err(error), "{text}");
        }
        assert_eq!(DnsName::parse(&"a".repeat(64)), Err(DnsNameError::TooLong));
        assert_eq!(
            DnsName::parse(&format!("{0}.{0}.{0}.{0}", "a".repeat(63))),
            Err(DnsNameError::TooLong)
        );
        assert!(DnsName::parse("\u{0}\u{200b}\u{FFFD}.example").is_err());
        assert_eq!(DnsName::key_of("", "example.com"), Err(DnsNameError::Empty));
    }
}
