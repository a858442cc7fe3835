//! RSA keys: aws-lc-rs where it takes the key, the `rsa` crate with blinding for the sizes it
//! refuses.

use std::fmt::{self, Formatter};

use aws_lc_rs::{
    digest::{Digest, SHA256},
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rsa::{
    Pkcs1v15Sign,
    pkcs1::{self, DecodeRsaPrivateKey},
    pkcs8::{der::Encode, spki::SubjectPublicKeyInfo},
    rand_core::OsRng,
    sha2::Sha256,
};

use super::{Algorithm, KeyMaterialError, PrivateKey, Sha256Digest, SignatureFailed};

/// Below this a SHA-256 signature doesn't fit into the modulus with room to spare.
pub const SMALLEST_RSA_BITS: u32 = 512;
/// Signers should use at least this (RFC 8301 section 3.2).
pub const ADVISED_RSA_BITS: u32 = 2048;
/// The sizes that aws-lc-rs signs with.
const FAST_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// An RSA key held in this process.
pub struct RsaPrivateKey {
    bits: u32,
    /// SubjectPublicKeyInfo.
    public: Vec<u8>,
    holder: Holder,
}

enum Holder {
    Fast(RsaKeyPair),
    /// Some four times slower; blinded, since the plain operation leaks time (RUSTSEC-2023-0071).
    Blinded(Box<rsa::RsaPrivateKey>),
}

impl RsaPrivateKey {
    /// Takes a key in PKCS#1 DER.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyMaterialError> {
        let numbers =
            pkcs1::RsaPrivateKey::try_from(der).map_err(|_| KeyMaterialError::Malformed)?;
        let bits = bit_length(numbers.modulus.as_bytes());
        if bits < SMALLEST_RSA_BITS {
            return Err(KeyMaterialError::TooSmall(bits));
        }
        let public = public_key_info(&numbers).ok_or(KeyMaterialError::Malformed)?;
        let holder = if FAST_BITS.contains(&bits) {
            RsaKeyPair::from_der(der).ok().map(Holder::Fast)
        } else {
            rsa::RsaPrivateKey::from_pkcs1_der(der)
                .ok()
                .map(|key| Holder::Blinded(Box::new(key)))
        };
        Ok(Self {
            bits,
            public,
            holder: holder.ok_or(KeyMaterialError::Inconsistent)?,
        })
    }

    /// Takes an RSA key in PKCS#8 DER.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyMaterialError> {
        let info =
            rsa::pkcs8::PrivateKeyInfo::try_from(der).map_err(|_| KeyMaterialError::Malformed)?;
        if info.algorithm.oid != pkcs1::ALGORITHM_OID {
            let name = super::algorithm_name(&info.algorithm.oid);
            return Err(KeyMaterialError::OtherAlgorithm(name));
        }
        Self::from_pkcs1_der(info.private_key)
    }
}

impl PrivateKey for RsaPrivateKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RsaSha256
    }

    fn bits(&self) -> u32 {
        self.bits
    }

    fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignatureFailed> {
        match &self.holder {
            Holder::Fast(key) => {
                let digest =
                    Digest::import_less_safe(digest, &SHA256).map_err(|_| SignatureFailed)?;
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign_digest(&RSA_PKCS1_SHA256, &digest, &mut signature)
                    .map_err(|_| SignatureFailed)?;
                Ok(signature)
            }
            Holder::Blinded(key) => key
                .sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha256>(), digest)
                .map_err(|_| SignatureFailed),
        }
    }

    fn public_key(&self) -> Vec<u8> {
        self.public.clone()
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPrivateKey({} bits)", self.bits)
    }
}

/// SubjectPublicKeyInfo (RFC 5280 section 4.1) of the public half.
fn public_key_info(numbers: &pkcs1::RsaPrivateKey<'_>) -> Option<Vec<u8>> {
    let key = numbers.public_key().to_der().ok()?;
    SubjectPublicKeyInfo {
        algorithm: pkcs1::ALGORITHM_ID,
        subject_public_key: rsa::pkcs8::der::asn1::BitStringRef::from_bytes(&key).ok()?,
    }
    .to_der()
    .ok()
}

/// Bits of an unsigned big-endian number.
fn bit_length(number: &[u8]) -> u32 {
    let significant = number.iter().skip_while(|&&octet| octet == 0);
    let mut bits = 0;
    for (index, octet) in significant.enumerate() {
        bits = if index == 0 {
            8 - octet.leading_zeros()
        } else {
            bits + 8
        };
    }
    bits
}
