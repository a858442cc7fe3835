//! The names under which keys are asked for (RFC 6376 section 3.6.2.1, RFC 8616 section 4).

use super::signature::Signature;
use crate::name::{LONGEST_DOMAIN, ascii_name};

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
        (name.len() <= LONGEST_DOMAIN).then(|| Self { name: name.into() })
    }
}
