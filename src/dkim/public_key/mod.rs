//! The public-key operation: digest and signature in, yes or no out.

mod ed25519;

use std::fmt;

use aws_lc_rs::{
    digest::{self, Digest},
    signature::{
        ParsedPublicKey, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    },
};
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey, traits::PublicKeyParts};

use self::ed25519::Ed25519PublicKey;
use super::crypto::PrivateKey;

/// RSA moduli above this many bits are not used: verifying with them costs too much.
pub const MAX_RSA_BITS: u32 = 8192;

/// RSA moduli below this many bits are not used whatever the administrator allows: a signature's
/// padding and SHA-256 digest would not fit.
pub const MIN_RSA_BITS: u32 = 512;

/// From here on RSA is verified by AWS-LC, which refuses smaller keys.
const AWS_MIN_RSA_BITS: u32 = 1024;

/// DigestInfo up to the digest itself (RFC 8017 section 9.2, note 1).
const SHA1_DIGEST_INFO: [u8; 15] = [
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
];
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// The algorithm identifier of `rsaEncryption`, OBJECT IDENTIFIER and NULL.
const RSA_ENCRYPTION: [u8; 13] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// A hash as the verifier computed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashValue {
    /// SHA-256, of `rsa-sha256` and `ed25519-sha256`.
    Sha256([u8; 32]),
    /// SHA-1, of `rsa-sha1`.
    Sha1([u8; 20]),
}

/// A public key from the `p=` of a key record, ready for use.
pub struct PublicKey(Kind);

/// The key with whoever verifies under it; `bits` is the size of the modulus.
enum Kind {
    /// RSA from 1024 bits up, prepared for SHA-256.
    Rsa {
        key: ParsedPublicKey,
        bits: u32,
    },
    /// RSA below 1024 bits.
    SmallRsa {
        key: RsaPublicKey,
        bits: u32,
    },
    Ed25519(Ed25519PublicKey),
}

/// Why `p=` holds no key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// `p=` is not base64 (white space apart).
    #[error("p= is not base64")]
    NotBase64,
    /// Neither SubjectPublicKeyInfo nor RSAPublicKey, or octets left over.
    #[error("p= is no RSA public key in DER")]
    NotRsa,
    /// Not 32 octets, or not the one encoding of a point of the curve (RFC 8463 section 4, RFC 8032
    /// section 5.1.3).
    #[error("p= is no Ed25519 public key of 32 octets")]
    NotEd25519,
    /// A point whose order divides 8. Under such a key anybody can make a signature that fits nearly
    /// every message, so it proves nothing.
    #[error(
        "p= is a weak Ed25519 public key (a point of small order), under which anybody can sign"
    )]
    WeakEd25519,
    /// A modulus outside [`MIN_RSA_BITS`] and [`MAX_RSA_BITS`].
    #[error("the RSA key has {0} bits, which is outside {MIN_RSA_BITS} to {MAX_RSA_BITS}")]
    RsaSize(u32),
}

/// The signature does not fit the digest and the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct SignatureMismatch;

impl PublicKey {
    /// Reads an RSA key: SubjectPublicKeyInfo as everybody publishes it, or the RSAPublicKey that
    /// RFC 6376 section 3.6.1 names (erratum 3017).
    pub fn rsa(der: &[u8]) -> Result<Self, PublicKeyError> {
        let parts = RsaParts::parse(der).ok_or(PublicKeyError::NotRsa)?;
        let bits = parts.modulus_bits();
        match bits {
            ..MIN_RSA_BITS => Err(PublicKeyError::RsaSize(bits)),
            MIN_RSA_BITS..AWS_MIN_RSA_BITS => {
                let modulus = BigUint::from_bytes_be(parts.modulus);
                let exponent = BigUint::from_bytes_be(parts.exponent);
                RsaPublicKey::new(modulus, exponent)
                    .map(|key| Self(Kind::SmallRsa { key, bits }))
                    .map_err(|_| PublicKeyError::NotRsa)
            }
            AWS_MIN_RSA_BITS..=MAX_RSA_BITS => {
                ParsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, der)
                    .map(|key| Self(Kind::Rsa { key, bits }))
                    .map_err(|_| PublicKeyError::NotRsa)
            }
            _ => Err(PublicKeyError::RsaSize(bits)),
        }
    }

    /// Reads an Ed25519 key: the 32 octets alone (RFC 8463 section 4).
    ///
    /// ```
    /// use dkim_core::public_key::{PublicKey, PublicKeyError};
    ///
    /// // The neutral point is no key: anybody could sign.
    /// let mut octets = [0; 32];
    /// octets[0] = 1;
    /// assert_eq!(PublicKey::ed25519(&octets).unwrap_err(), PublicKeyError::WeakEd25519);
    /// ```
    pub fn ed25519(octets: &[u8]) -> Result<Self, PublicKeyError> {
        Ed25519PublicKey::parse(octets).map(|key| Self(Kind::Ed25519(key)))
    }

    /// Size of the modulus for RSA, 256 for Ed25519.
    pub fn bits(&self) -> u32 {
        match &self.0 {
            Kind::Rsa { bits, .. } | Kind::SmallRsa { bits, .. } => *bits,
            Kind::Ed25519(_) => 256,
        }
    }

    /// Whether this is an RSA key.
    pub fn is_rsa(&self) -> bool {
        !matches!(self.0, Kind::Ed25519(_))
    }

    /// Whether what `private` signs, this key verifies.
    pub fn fits(&self, private: &dyn PrivateKey) -> bool {
        let digest = [0x5a; 32];
        private
            .sign(&digest)
            .is_ok_and(|signature| self.verify(&HashValue::Sha256(digest), &signature).is_ok())
    }

    /// Verifies RSASSA-PKCS1-v1_5 (RFC 6376 section 3.3), or PureEdDSA over the digest's octets
    /// (RFC 8463 section 3), the latter strictly: one signature is valid or not for everybody.
    pub fn verify(&self, hash: &HashValue, signature: &[u8]) -> Result<(), SignatureMismatch> {
        let verified = match (&self.0, hash) {
            (Kind::Rsa { key, .. }, HashValue::Sha256(octets)) => {
                Digest::import_less_safe(octets, &digest::SHA256)
                    .and_then(|digest| key.verify_digest_sig(&digest, signature))
                    .is_ok()
            }
            (Kind::Rsa { key, .. }, HashValue::Sha1(octets)) => {
                let parsed = ParsedPublicKey::new(
                    &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
                    key.as_ref(),
                );
                let digest = Digest::import_less_safe(octets, &digest::SHA1_FOR_LEGACY_USE_ONLY);
                matches!((parsed, digest), (Ok(key), Ok(digest))
                    if key.verify_digest_sig(&digest, signature).is_ok())
            }
            (Kind::SmallRsa { key, .. }, hash) => {
                let (info, octets): (&[u8], &[u8]) = match hash {
                    HashValue::Sha256(octets) => (&SHA256_DIGEST_INFO, octets),
                    HashValue::Sha1(octets) => (&SHA1_DIGEST_INFO, octets),
                };
                let padding = Pkcs1v15Sign {
                    hash_len: Some(octets.len()),
                    prefix: info.into(),
                };
                key.verify(padding, octets, signature).is_ok()
            }
            (Kind::Ed25519(key), HashValue::Sha256(octets)) => key.accepts(octets, signature),
            (Kind::Ed25519(_), HashValue::Sha1(_)) => false,
        };
        verified.then_some(()).ok_or(SignatureMismatch)
    }

    /// The digest that an RSA signature was made over (RFC 8017 section 8.2.2), for diagnosis: if
    /// there is one, the signature was made with the private half of this key, and what differs is
    /// what was signed. `None` for another key, a damaged signature, and Ed25519, which does not
    /// tell.
    pub fn signed_digest(&self, signature: &[u8]) -> Option<Box<[u8]>> {
        let (modulus, exponent) = match &self.0 {
            Kind::Rsa { key, .. } => {
                let parts = RsaParts::parse(key.as_ref())?;
                (
                    BigUint::from_bytes_be(parts.modulus),
                    BigUint::from_bytes_be(parts.exponent),
                )
            }
            Kind::SmallRsa { key, .. } => (key.n().clone(), key.e().clone()),
            Kind::Ed25519(_) => return None,
        };
        let opened = BigUint::from_bytes_be(signature)
            .modpow(&exponent, &modulus)
            .to_bytes_be();
        // The leading zero octet of the padding is no part of the number.
        let padded = opened.strip_prefix(&[0x01])?;
        let filling = padded.iter().take_while(|&&octet| octet == 0xff).count();
        let info = padded.get(filling..)?.strip_prefix(&[0x00])?;
        let digest = info
            .strip_prefix(&SHA256_DIGEST_INFO)
            .filter(|digest| digest.len() == 32)
            .or_else(|| {
                info.strip_prefix(&SHA1_DIGEST_INFO)
                    .filter(|digest| digest.len() == 20)
            })?;
        Some(digest.into())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_rsa() { "rsa" } else { "ed25519" };
        write!(f, "PublicKey({kind}, {} bits)", self.bits())
    }
}

/// Modulus and exponent, without leading zeros.
struct RsaParts<'a> {
    modulus: &'a [u8],
    exponent: &'a [u8],
}

impl<'a> RsaParts<'a> {
    fn parse(der: &'a [u8]) -> Option<Self> {
        let sequence = whole(der, 0x30)?;
        let key = match element(sequence, 0x30) {
            Some((algorithm, rest)) => {
                if algorithm != RSA_ENCRYPTION {
                    return None;
                }
                let (unused_bits, key) = whole(rest, 0x03)?.split_first()?;
                if *unused_bits != 0 {
                    return None;
                }
                whole(key, 0x30)?
            }
            None => sequence,
        };
        let (modulus, rest) = element(key, 0x02)?;
        let exponent = whole(rest, 0x02)?;
        Some(Self {
            modulus: positive(modulus)?,
            exponent: positive(exponent)?,
        })
    }

    fn modulus_bits(&self) -> u32 {
        let Some(first) = self.modulus.first() else {
            return 0;
        };
        let octets = u32::try_from(self.modulus.len()).unwrap_or(u32::MAX / 8);
        8 * octets - first.leading_zeros()
    }
}

/// The contents of the one DER element that fills `der`.
fn whole(der: &[u8], tag: u8) -> Option<&[u8]> {
    element(der, tag).and_then(|(contents, rest)| rest.is_empty().then_some(contents))
}

/// The contents of the DER element at the start, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [] | [0x80..=0xff, ..] => None,
        [0, magnitude @ ..] => Some(magnitude),
        magnitude => Some(magnitude),
    }
}
