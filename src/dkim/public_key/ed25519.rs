//! Ed25519 public keys (RFC 8463), judged by ed25519-dalek: AWS-LC neither knows weak keys nor refuses
//! an `R` of small order.

use ed25519_dalek::{PUBLIC_KEY_LENGTH, Signature, VerifyingKey};

use super::PublicKeyError;

/// A point of the curve whose order is large.
pub(super) struct Ed25519PublicKey(VerifyingKey);

impl Ed25519PublicKey {
    pub fn parse(octets: &[u8]) -> Result<Self, PublicKeyError> {
        let octets: &[u8; PUBLIC_KEY_LENGTH] =
            octets.try_into().map_err(|_| PublicKeyError::NotEd25519)?;
        let key = VerifyingKey::from_bytes(octets).map_err(|_| PublicKeyError::NotEd25519)?;
        if key.is_weak() {
            return Err(PublicKeyError::WeakEd25519);
        }
        if !is_reduced(octets) {
            return Err(PublicKeyError::NotEd25519);
        }
        Ok(Self(key))
    }

    /// Whether the signature fits by the strict rules: `S` below the group's order, `R` encoded in
    /// the one way and not of small order, the equation without the cofactor.
    pub fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// Whether `y` lies below the prime 2^255 - 19: another encoding of a point does not decode (RFC 8032
/// section 5.1.3), but ed25519-dalek takes it.
fn is_reduced(octets: &[u8; PUBLIC_KEY_LENGTH]) -> bool {
    let [lowest, middle @ .., highest] = octets;
    let above = *lowest >= 0xed && middle.iter().all(|octet| *octet == 0xff);
    !(above && highest & 0x7f == 0x7f)
}

#[cfg(test)]
mod tests;
