//! From octets to a key that signs: PEM PKCS#1 and PKCS#8, base64 of DER, DER; RSA and Ed25519.
//!
//! Everything OpenDKIM reads, and what it trips over: a newline or comment before
//! the armour, CRLF, binary DER, base64 of an Ed25519 key. What is no usable private key is named
//! for what it is.

use std::sync::Arc;

use data_encoding::BASE64_NOPAD;
use rsa::pkcs8::der::{Decode, Header, Reader, SliceReader, Tag, asn1::AnyRef};
use zeroize::Zeroizing;

use crate::dkim::crypto::{
    KeyMaterialError, PrivateKey, private_key_from_pkcs1_der, private_key_from_pkcs8_der,
};

/// Why a text or file holds no key that can sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// Something else than a private key for DKIM.
    #[error("is {0}, not a private key for DKIM")]
    NotAKey(&'static str),
    /// Neither armour nor base64 nor DER.
    #[error("holds no private key: neither PEM nor base64 nor DER")]
    Unknown,
    /// Only to be had with a pass phrase, which a daemon doesn't have.
    #[error("is encrypted with a pass phrase, which dkimd has no way to ask for")]
    Encrypted,
    /// A `-----BEGIN` without its `-----END`.
    #[error("is cut short: its -----END line is missing")]
    CutShort,
    /// What stands inside the armour is not base64.
    #[error("is damaged: what stands between its BEGIN and END lines is not base64")]
    BadArmour,
    /// A private key that can't be used.
    #[error(transparent)]
    Material(#[from] KeyMaterialError),
}

/// The octets before a raw Ed25519 seed that make it PKCS#8 (RFC 8410 section 7).
const ED25519_PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const ED25519_SEED_OCTETS: usize = 32;

/// Reads a private key in any form.
pub fn private_key(octets: &[u8]) -> Result<Arc<dyn PrivateKey>, Unusable> {
    if octets.trim_ascii().is_empty() {
        return Err(Unusable::Empty);
    }
    if memchr::memmem::find(octets, b"-----BEGIN ").is_some() {
        return from_pem(octets);
    }
    if octets.starts_with(b"openssh-key-v1") {
        return Err(Unusable::NotAKey(OPENSSH));
    }
    if let Some(der) = base64(octets) {
        if der.len() == ED25519_SEED_OCTETS {
            let pkcs8 = Zeroizing::new([&ED25519_PKCS8_PREFIX[..], &der].concat());
            return Ok(private_key_from_pkcs8_der(&pkcs8)?);
        }
        return from_der(&der);
    }
    from_der(octets)
}

/// The octets behind base64 with any white space and any padding; `None` if it is no base64.
fn base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut dense = Zeroizing::new(Vec::with_capacity(text.len()));
    dense.extend(text.iter().filter(|octet| !octet.is_ascii_whitespace()));
    while dense.last() == Some(&b'=') {
        dense.pop();
    }
    BASE64_NOPAD.decode(&dense).ok().map(Zeroizing::new)
}

const OPENSSH: &str = "an OpenSSH key";
const EC: &str = "an elliptic curve (EC) key";
const PUBLIC: &str = "a public key";
const CERTIFICATE: &str = "a certificate";

fn from_pem(octets: &[u8]) -> Result<Arc<dyn PrivateKey>, Unusable> {
    let blocks = pem::parse_many(octets).map_err(|_| Unusable::BadArmour)?;
    let mut first_other = None;
    for block in blocks {
        let kind = block.tag().to_owned();
        let encrypted = block
            .headers()
            .iter()
            .any(|(name, value)| name == "Proc-Type" && value.contains("ENCRYPTED"));
        let contents = Zeroizing::new(block.into_contents());
        let other = match kind.as_str() {
            _ if encrypted => Unusable::Encrypted,
            "ENCRYPTED PRIVATE KEY" => Unusable::Encrypted,
            "PRIVATE KEY" | "RSA PRIVATE KEY" => return from_der(&contents),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Unusable::NotAKey(PUBLIC),
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                Unusable::NotAKey(CERTIFICATE)
            }
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                Unusable::NotAKey("a certificate request")
            }
            "EC PRIVATE KEY" | "EC PARAMETERS" => Unusable::NotAKey(EC),
            "DSA PRIVATE KEY" => Unusable::NotAKey("a DSA key"),
            "OPENSSH PRIVATE KEY" => Unusable::NotAKey(OPENSSH),
            kind if kind.starts_with("PGP ") => Unusable::NotAKey("an OpenPGP file"),
            _ => Unusable::Unknown,
        };
        first_other.get_or_insert(other);
    }
    Err(first_other.unwrap_or(Unusable::CutShort))
}

fn from_der(octets: &[u8]) -> Result<Arc<dyn PrivateKey>, Unusable> {
    let der = first_value(octets).ok_or(Unusable::Unknown)?;
    match private_key_from_pkcs8_der(der) {
        Err(KeyMaterialError::Malformed) => {}
        settled => return Ok(settled?),
    }
    match private_key_from_pkcs1_der(der) {
        Err(KeyMaterialError::Malformed) => Err(what_else(der)),
        settled => Ok(settled?),
    }
}

/// The first DER value, without what a text editor or a copy has left after it.
fn first_value(octets: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(octets).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    if header.tag != Tag::Sequence {
        return None;
    }
    let end = usize::try_from((reader.position() + header.length).ok()?).ok()?;
    octets.get(..end)
}

/// Names a DER structure that is no private key for DKIM by the kinds of its parts.
fn what_else(der: &[u8]) -> Unusable {
    let Ok(parts) = Vec::<AnyRef<'_>>::from_der(der) else {
        return KeyMaterialError::Malformed.into();
    };
    let tags: Vec<Tag> = parts.iter().map(rsa::pkcs8::der::Tagged::tag).collect();
    match tags.as_slice() {
        // SubjectPublicKeyInfo, RSAPublicKey.
        [Tag::Sequence, Tag::BitString] | [Tag::Integer, Tag::Integer] => Unusable::NotAKey(PUBLIC),
        // EncryptedPrivateKeyInfo.
        [Tag::Sequence, Tag::OctetString] => Unusable::Encrypted,
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Unusable::NotAKey(CERTIFICATE),
        // ECPrivateKey (RFC 5915).
        [Tag::Integer, Tag::OctetString, ..] => Unusable::NotAKey(EC),
        _ => KeyMaterialError::Malformed.into(),
    }
}

#[cfg(test)]
mod tests;
