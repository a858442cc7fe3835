//! The private-key operation: digest in, signature out.
//!
//! This is the whole interface between the signer and a secret, so that a key may live in another
//! process or in a hardware token without the rest noticing.

mod ed25519;
mod rsa;

use std::{fmt::Debug, sync::Arc};

use ::rsa::pkcs8::{ObjectIdentifier, PrivateKeyInfo};

pub use self::{
    ed25519::Ed25519PrivateKey,
    rsa::{ADVISED_RSA_BITS, RsaPrivateKey, SMALLEST_RSA_BITS},
};
use super::Algorithm;

/// A SHA-256 digest, which is all that a key ever signs.
pub type Sha256Digest = [u8; 32];

/// A key that signs.
pub trait PrivateKey: Debug + Send + Sync {
    /// The algorithm this key signs with.
    fn algorithm(&self) -> Algorithm;

    /// Size of the modulus for RSA, 256 for Ed25519.
    fn bits(&self) -> u32;

    /// Signs the digest of the canonical header section: RSASSA-PKCS1-v1_5 (RFC 6376 section
    /// 3.3.1), or PureEdDSA over the digest's octets (RFC 8463 section 3).
    fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignatureFailed>;

    /// The `p=` data of the key record: SubjectPublicKeyInfo for RSA, the raw 32 octets for
    /// Ed25519 (RFC 8463 section 4).
    fn public_key(&self) -> Vec<u8>;
}

/// The key's holder refused or failed: an inner fault, never the message's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the private-key operation failed")]
pub struct SignatureFailed;

/// Why octets are not a private key that can sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyMaterialError {
    /// Not the DER structure expected.
    #[error("is not a private key in DER (PKCS#1 or PKCS#8)")]
    Malformed,
    /// A private key, but of a kind that DKIM doesn't know.
    #[error("is a key of type {0}, but DKIM signs with RSA or Ed25519 only")]
    OtherAlgorithm(String),
    /// An RSA key below [`SMALLEST_RSA_BITS`], which can't hold a signature.
    #[error("is an RSA key of only {0} bits")]
    TooSmall(u32),
    /// Its numbers contradict each other.
    #[error("is damaged: its numbers do not belong together")]
    Inconsistent,
}

/// `id-Ed25519` (RFC 8410 section 3).
const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Takes an RSA key in PKCS#1 DER (`BEGIN RSA PRIVATE KEY`).
pub fn private_key_from_pkcs1_der(der: &[u8]) -> Result<Arc<dyn PrivateKey>, KeyMaterialError> {
    Ok(Arc::new(RsaPrivateKey::from_pkcs1_der(der)?))
}

/// Takes an RSA or Ed25519 key in PKCS#8 DER (`BEGIN PRIVATE KEY`); the algorithm is told by the
/// structure itself.
///
/// ```
/// use dkim_core::{Algorithm, crypto::private_key_from_pkcs8_der, public_key::PublicKey};
///
/// # let der = include_bytes!("testdata/ed25519.pkcs8.der");
/// let key = private_key_from_pkcs8_der(der)?;
/// assert_eq!(key.algorithm(), Algorithm::Ed25519Sha256);
/// // What `p=` of the key record must hold, in base64.
/// let public = PublicKey::ed25519(&key.public_key())?;
/// assert!(public.fits(&*key));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn private_key_from_pkcs8_der(der: &[u8]) -> Result<Arc<dyn PrivateKey>, KeyMaterialError> {
    let info = PrivateKeyInfo::try_from(der).map_err(|_| KeyMaterialError::Malformed)?;
    match info.algorithm.oid {
        ::rsa::pkcs1::ALGORITHM_OID => private_key_from_pkcs1_der(info.private_key),
        ED25519_OID => Ok(Arc::new(Ed25519PrivateKey::from_pkcs8_der(der)?)),
        other => Err(KeyMaterialError::OtherAlgorithm(algorithm_name(&other))),
    }
}

/// The name under which administrators know an algorithm, or its number.
fn algorithm_name(oid: &ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.2.840.10045.2.1" => "EC".into(),
        "1.2.840.10040.4.1" => "DSA".into(),
        "1.2.840.113549.1.1.10" => "RSA-PSS".into(),
        "1.3.101.110" => "X25519".into(),
        "1.3.101.111" => "X448".into(),
        "1.3.101.113" => "Ed448".into(),
        number => number.to_owned(),
    }
}

#[cfg(test)]
mod tests;
