//! Authorized third-party signatures (RFC 6541): which TXT record says that a signature by another
//! domain counts as the author's own, and whether it says so.

use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
};

use aws_lc_rs::digest;
use data_encoding::BASE32;

use super::{tag_list::TagList, verify::SignatureResult};

/// The one version of the record.
const VERSION: &str = "ATPS1";

/// `atpsh=`: how the signer's domain becomes a label (RFC 6541 section 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AtpsHash {
    /// The domain as it is.
    None,
    /// The domain's SHA-1 in base32.
    Sha1,
    /// The domain's SHA-256 in base32.
    #[default]
    Sha256,
}

/// The hash is none of `none`, `sha1` and `sha256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is none of none, sha1 and sha256")]
pub struct UnknownAtpsHash;

/// The record that one signature depends on.
///
/// ```
/// use dkim_core::atps::{AtpsHash, AtpsQuery};
///
/// let query = AtpsQuery::new("esp.example", AtpsHash::None, "author.example");
/// assert_eq!(&*query.name, "esp.example._atps.author.example");
/// assert!(query.is_granted_by(b"v=ATPS1; d=esp.example"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtpsQuery {
    /// The name to ask TXT for.
    pub name: Box<str>,
    /// `d=` of the signature.
    signer: Box<str>,
}

impl AtpsHash {
    /// The label, or for [`AtpsHash::None`] the labels, that stand before `._atps` (RFC 6541
    /// section 4.3): base32 in full, with its padding, which OpenDKIM asks for.
    pub fn label(self, signer: &str) -> String {
        let signer = signer.to_ascii_lowercase();
        let algorithm = match self {
            Self::None => return signer,
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        };
        BASE32.encode(digest::digest(algorithm, signer.as_bytes()).as_ref())
    }
}

impl FromStr for AtpsHash {
    type Err = UnknownAtpsHash;

    fn from_str(text: &str) -> Result<Self, UnknownAtpsHash> {
        match text.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            _ => Err(UnknownAtpsHash),
        }
    }
}

impl Display for AtpsHash {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        })
    }
}

impl AtpsQuery {
    /// What must be asked for a message whose From is in `author`: nothing if the author's domain
    /// itself has signed, or if no good signature says that it signs for the author.
    pub fn of(results: &[SignatureResult], author: &str) -> Option<Self> {
        let mut passed = results
            .iter()
            .filter(|result| result.passed())
            .filter_map(|result| result.signature.as_ref());
        if passed
            .clone()
            .any(|signature| signature.domain.as_str().eq_ignore_ascii_case(author))
        {
            return None;
        }
        passed.find_map(|signature| {
            let claim = signature.third_party.as_ref()?;
            let hash: AtpsHash = claim.hash.as_deref()?.parse().ok()?;
            claim
                .author_domain
                .eq_ignore_ascii_case(author)
                .then(|| Self::new(signature.domain.as_str(), hash, author))
        })
    }

    /// The question whether `author` lets `signer` sign.
    pub fn new(signer: &str, hash: AtpsHash, author: &str) -> Self {
        Self {
            name: format!("{}._atps.{author}", hash.label(signer)).into(),
            signer: signer.into(),
        }
    }

    /// Whether a TXT record, its strings joined, grants the leave: `v=ATPS1`, and no `d=` of
    /// somebody else (RFC 6541 section 4.4).
    pub fn is_granted_by(&self, record: &[u8]) -> bool {
        let Ok(tags) = TagList::parse(record) else {
            return false;
        };
        tags.value("v") == Some(VERSION)
            && tags
                .value("d")
                .is_none_or(|domain| domain.eq_ignore_ascii_case(&self.signer))
    }
}

/// The text of a record that every verifier accepts: OpenDKIM knows no other.
pub fn record_text() -> String {
    format!("v={VERSION}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outcome::Outcome,
        verify::{Identity, Signature},
    };

    fn result(domain: &str, tags: &str, outcome: Outcome) -> SignatureResult {
        let value = format!(
            "v=1; a=rsa-sha256; d={domain}; s=s; h=from; b=AAAA; \
             bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA={tags}"
        );
        SignatureResult {
            field: 0,
            identity: Identity::default(),
            outcome,
            key: None,
            body: None,
            signature: Some(Signature::parse(value.as_bytes()).unwrap()),
        }
    }

    fn name(results: &[SignatureResult]) -> Option<String> {
        AtpsQuery::of(results, "Author.example").map(|query| query.name.into())
    }

    #[test]
    fn labels_are_those_of_opendkim_for_sha1_and_complete_for_sha256() {
        assert_eq!(
            AtpsHash::Sha1.label("Example.com"),
            "BSVPESVRUDBTIQGANL7JTX4YMNS3A6A7"
        );
        let sha256 = AtpsHash::Sha256.label("example.com");
        assert!(
            sha256.starts_with("UN42N5XOV642KXRXRQIYANHCOUPGQL5L") && sha256.ends_with("===="),
            "{sha256}"
        );
        assert_eq!(sha256.len(), 56);
        assert_eq!(AtpsHash::None.label("example.com"), "example.com");
    }

    #[test]
    fn a_good_third_party_signature_that_names_the_author_leads_to_a_question() {
        let third = |tags| result("esp.example", tags, Outcome::Pass);
        assert_eq!(
            name(&[third("; atps=author.EXAMPLE; atpsh=none")]).as_deref(),
            Some("esp.example._atps.Author.example")
        );
        assert_eq!(name(&[third("")]), None);
        assert_eq!(name(&[third("; atps=author.example")]), None, "no atpsh=");
        assert_eq!(name(&[third("; atps=author.example; atpsh=md5")]), None);
        assert_eq!(name(&[third("; atps=other.example; atpsh=none")]), None);
    }

    #[test]
    fn the_author_s_own_signature_and_bad_ones_ask_nothing() {
        let tags = "; atps=author.example; atpsh=sha256";
        let own = result("author.example", "", Outcome::Pass);
        let third = result("esp.example", tags, Outcome::Pass);
        let bad = result("esp.example", tags, Outcome::BodyChanged);
        assert_eq!(name(&[third, own]), None);
        assert_eq!(name(&[bad]), None);
    }

    #[test]
    fn a_record_for_another_signer_or_of_another_kind_grants_nothing() {
        let query = AtpsQuery::new("esp.example", AtpsHash::Sha1, "author.example");
        for granted in ["v=ATPS1", "v=ATPS1; d=ESP.example", record_text().as_str()] {
            assert!(query.is_granted_by(granted.as_bytes()), "{granted}");
        }
        for refused in ["", "v=ATPS1; d=other.example", "v=ATPS2", "x=1", "ATPS1"] {
            assert!(!query.is_granted_by(refused.as_bytes()), "{refused}");
        }
    }
}
