//! Ed25519 keys (RFC 8463).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::{Algorithm, KeyMaterialError, PrivateKey, Sha256Digest, SignatureFailed};

/// An Ed25519 key held in this process.
#[derive(Debug)]
pub struct Ed25519PrivateKey(Ed25519KeyPair);

impl Ed25519PrivateKey {
    /// Takes a key in PKCS#8 DER, with or without its public half (RFC 8410 section 7).
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyMaterialError> {
        Ed25519KeyPair::from_pkcs8(der)
            .map(Self)
            .map_err(|_| KeyMaterialError::Malformed)
    }
}

impl PrivateKey for Ed25519PrivateKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519Sha256
    }

    fn bits(&self) -> u32 {
        256
    }

    fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignatureFailed> {
        let signature = self.0.try_sign(digest).map_err(|_| SignatureFailed)?;
        Ok(signature.as_ref().to_vec())
    }

    fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }
}
