//! The names under which keys are asked for (RFC 6376 section 3.6.2.1, RFC 8616 section 4).

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::signature::Signature;

/// Longest name in DNS, as text (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;
/// Longest label.
const MAX_LABEL: usize = 63;

/// A TXT lookup that one or more signatures need.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyQuery {
    /// The name to ask for: lower case, A-labels, no final dot.
    pub name: Box<str>,
}

impl KeyQuery {
    /// `selector._domainkey.domain`; `None` when that is longer than DNS allows.
    pub(super) fn of(signature: &Signature) -> Option<Self> {
        let selector = ascii_name(signature.selector.as_str())?;
        let domain = ascii_name(signature.domain.as_str())?;
        let name = format!("{selector}._domainkey.{domain}");
        (name.len() <= MAX_NAME).then(|| Self { name: name.into() })
    }
}

/// A name in lower case with A-labels for U-labels; `None` when DNS can't hold it.
pub(super) fn ascii_name(name: &str) -> Option<Cow<'_, str>> {
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
    let fits = ascii.len() <= MAX_NAME
        && ascii
            .split('.')
            .all(|label| (1..=MAX_LABEL).contains(&label.len()));
    fits.then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

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
