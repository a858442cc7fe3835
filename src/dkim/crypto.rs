//! The private-key operation: digest in, signature out.
//!
//! This is the whole interface between the signer and a secret, so that a key may live in another
//! process or in a hardware token without the rest noticing.

use std::fmt::Debug;

use super::Algorithm;

/// A SHA-256 digest.
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
