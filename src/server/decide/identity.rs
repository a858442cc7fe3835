//! Which keys sign for an author, as Domain or the tables say.

use crate::{
    dkim::name::{Auid, Domain, Selector},
    tables::key_table::KeyTableError,
};

/// What Domain or the tables say of an author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityFinding {
    /// Neither Domain nor SigningTable is configured.
    NothingConfigured,
    /// The tables were not asked: the origin is not trusted.
    NotAsked,
    /// No entry fits.
    NoMatch,
    /// These sign, in order.
    Found(Vec<Identity>),
    /// An entry fits and can't be followed, or a table could not be asked.
    Failed(IdentityError),
}

/// One signature's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The entry that led here, for `explain`: a SigningTable pattern, or the Domain entry.
    pub rule: String,
    /// Name of the KeyTable entry; `None` for KeyFile.
    pub key_name: Option<String>,
    /// `d=`.
    pub domain: Domain,
    /// `s=`.
    pub selector: Selector,
    /// `i=`.
    pub auid: Option<Auid>,
    /// A signer in the table that can't stand in `i=`, and why it was left out.
    pub dropped_signer: Option<DroppedSigner>,
}

/// A signer of the SigningTable that can't stand in `i=` (RFC 6376 section 3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DroppedSigner {
    /// It has no `@`.
    NoAt(String),
    /// Its domain is neither `d=` nor below it.
    OutsideDomain(String),
}

impl DroppedSigner {
    /// The sentence for log and `explain`.
    pub fn describe(&self, domain: &Domain) -> String {
        match self {
            Self::NoAt(signer) => format!("signer '{signer}' has no @, signing without i="),
            Self::OutsideDomain(signer) => {
                format!("signer '{signer}' is not within d={domain}, signing without i=")
            }
        }
    }
}

/// Sorts a table's signer into what may stand in `i=` and what may not.
pub fn auid_within(domain: &Domain, signer: Option<&str>) -> (Option<Auid>, Option<DroppedSigner>) {
    let Some(signer) = signer.filter(|signer| !signer.is_empty()) else {
        return (None, None);
    };
    match Auid::parse(signer) {
        Ok(auid) if domain.covers(auid.domain()) => (Some(auid), None),
        _ if signer.contains('@') => (None, Some(DroppedSigner::OutsideDomain(signer.to_owned()))),
        _ => (None, Some(DroppedSigner::NoAt(signer.to_owned()))),
    }
}

/// Why the tables don't lead to a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The SigningTable or Domain could not be asked.
    #[error("error reading signing table: {0}")]
    SigningTable(crate::dataset::LookupError),
    /// The SigningTable names a key that the KeyTable lacks.
    #[error("signing table references unknown key '{key_name}'")]
    UnknownKey {
        /// The key's name.
        key_name: String,
    },
    /// The SigningTable's line that fits names no key.
    #[error("SigningTable entry '{pattern}'{} names no key", line.map(|line| format!(" (line {line})")).unwrap_or_default())]
    NamesNoKey {
        /// The line's pattern or key.
        pattern: String,
        /// Its line, where there is one.
        line: Option<u32>,
    },
    /// The KeyTable's entry is no use.
    #[error(transparent)]
    KeyTable(#[from] KeyTableError),
    /// The author's domain can't stand in `d=`.
    #[error("the author's domain '{domain}' {cause}")]
    BadDomain {
        /// As in the From field.
        domain: String,
        /// What is wrong.
        cause: crate::dkim::name::NameError,
    },
}

impl IdentityError {
    /// The reason's stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SigningTable(_) | Self::KeyTable(KeyTableError::Lookup(_)) => "table-unavailable",
            Self::UnknownKey { .. } => "key-not-in-table",
            Self::KeyTable(_) | Self::NamesNoKey { .. } => "table-entry-unusable",
            Self::BadDomain { .. } => "bad-domain",
        }
    }

    /// What the administrator should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::SigningTable(_) | Self::KeyTable(KeyTableError::Lookup(_)) => {
                "check that the data source answers; the mail stays queued until it does".to_owned()
            }
            Self::UnknownKey { key_name } => {
                format!(
                    "add a KeyTable entry '{key_name} DOMAIN:SELECTOR:/path/to/key', or correct the SigningTable"
                )
            }
            Self::NamesNoKey { .. } => {
                "write it as 'PATTERN KEYNAME', with KEYNAME as in the KeyTable".to_owned()
            }
            Self::KeyTable(_) => {
                "write the entry as 'NAME DOMAIN:SELECTOR:/path/to/key'".to_owned()
            }
            Self::BadDomain { .. } => {
                "list the domain by name in the KeyTable instead of %".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signer_stands_in_i_only_within_d() {
        let domain = Domain::parse("example.com").unwrap();
        let auid = |signer| {
            auid_within(&domain, Some(signer))
                .0
                .map(|auid| auid.as_str().to_owned())
        };
        assert_eq!(auid("joe@example.com").as_deref(), Some("joe@example.com"));
        assert_eq!(
            auid("@sub.Example.com").as_deref(),
            Some("@sub.Example.com")
        );
        assert_eq!(auid("joe@example.org"), None);
        assert_eq!(auid("joe@notexample.com"), None);
        assert_eq!(
            auid_within(&domain, Some("joe")).1,
            Some(DroppedSigner::NoAt("joe".into()))
        );
        assert_eq!(auid_within(&domain, None), (None, None));
    }
}
