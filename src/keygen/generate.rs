//! New keys: RSA and Ed25519, in PEM as OpenSSL 3 writes it (PKCS#8).

use std::fmt::{self, Display, Formatter};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{Ed25519KeyPair, KeyPair},
};
use rsa::{
    pkcs8::{EncodePrivateKey, EncodePublicKey},
    rand_core::OsRng,
};
use zeroize::{Zeroize, Zeroizing};

/// The sizes of RSA key that can be made: less holds no SHA-256 signature, more takes minutes to
/// make and is too much for every verifier.
pub const RSA_BITS: std::ops::RangeInclusive<u32> = 512..=16384;

/// Which key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with that many bits.
    Rsa(u32),
    /// Ed25519 (RFC 8463).
    Ed25519,
}

impl KeyKind {
    /// The word in the record's `k=` tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl Display for KeyKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA, {bits} bits"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// A key just made.
pub struct NewKey {
    /// The private key in PEM (`BEGIN PRIVATE KEY`).
    pub pem: Zeroizing<String>,
    /// The `p=` data: SubjectPublicKeyInfo for RSA, the raw 32 octets for Ed25519.
    pub public: Vec<u8>,
}

impl fmt::Debug for NewKey {
    /// Never shows the secret.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").finish_non_exhaustive()
    }
}

/// Why no key could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// No such size.
    #[error("can't make an RSA key of {0} bits: {low} to {high} are possible",
        low = RSA_BITS.start(), high = RSA_BITS.end())]
    Size(u32),
    /// The library failed, for instance for want of random numbers.
    #[error("the cryptographic library could not make a key")]
    Library,
}

/// Makes a key. RSA takes from 50 ms (2048 bits) to minutes (odd sizes beyond 4096).
pub fn generate(kind: KeyKind) -> Result<NewKey, GenerateError> {
    match kind {
        KeyKind::Ed25519 => ed25519(),
        KeyKind::Rsa(2048) => fast_rsa(KeySize::Rsa2048),
        KeyKind::Rsa(3072) => fast_rsa(KeySize::Rsa3072),
        KeyKind::Rsa(4096) => fast_rsa(KeySize::Rsa4096),
        KeyKind::Rsa(8192) => fast_rsa(KeySize::Rsa8192),
        KeyKind::Rsa(bits) if RSA_BITS.contains(&bits) => odd_rsa(bits),
        KeyKind::Rsa(bits) => Err(GenerateError::Size(bits)),
    }
}

fn ed25519() -> Result<NewKey, GenerateError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| GenerateError::Library)?;
    let pkcs8 = pair.to_pkcs8v1().map_err(|_| GenerateError::Library)?;
    Ok(NewKey {
        pem: armour(pkcs8.as_ref()),
        public: pair.public_key().as_ref().to_vec(),
    })
}

fn fast_rsa(size: KeySize) -> Result<NewKey, GenerateError> {
    let pair = RsaKeyPair::generate(size).map_err(|_| GenerateError::Library)?;
    let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| GenerateError::Library)?;
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key())
        .map_err(|_| GenerateError::Library)?;
    Ok(NewKey {
        pem: armour(pkcs8.as_ref()),
        public: public.as_ref().to_vec(),
    })
}

/// The sizes that aws-lc-rs doesn't make, 1024 bits above all.
fn odd_rsa(bits: u32) -> Result<NewKey, GenerateError> {
    let key =
        rsa::RsaPrivateKey::new(&mut OsRng, bits as usize).map_err(|_| GenerateError::Library)?;
    let pkcs8 = key.to_pkcs8_der().map_err(|_| GenerateError::Library)?;
    let public = key
        .to_public_key()
        .to_public_key_der()
        .map_err(|_| GenerateError::Library)?;
    Ok(NewKey {
        pem: armour(pkcs8.as_bytes()),
        public: public.into_vec(),
    })
}

fn armour(pkcs8: &[u8]) -> Zeroizing<String> {
    let block = pem::Pem::new("PRIVATE KEY", pkcs8);
    let unix = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    let text = Zeroizing::new(pem::encode_config(&block, unix));
    block.into_contents().zeroize();
    text
}

#[cfg(test)]
mod tests {
    use dkim_core::crypto::private_key_from_pkcs8_der;

    use super::*;

    #[test]
    fn every_kind_of_key_made_is_read_again_with_the_same_public_half() {
        for (kind, bits) in [
            (KeyKind::Ed25519, 256),
            (KeyKind::Rsa(1024), 1024),
            (KeyKind::Rsa(1111), 1111),
            (KeyKind::Rsa(2048), 2048),
            (KeyKind::Rsa(3072), 3072),
        ] {
            let new = generate(kind).unwrap();
            let block = pem::parse(new.pem.as_bytes()).unwrap();
            let read = private_key_from_pkcs8_der(block.contents()).unwrap();
            assert_eq!(
                (read.bits(), read.public_key()),
                (bits, new.public),
                "{kind}"
            );
        }
    }

    #[test]
    fn the_armour_is_that_of_openssl_3() {
        let pem = generate(KeyKind::Ed25519).unwrap().pem;
        let lines: Vec<&str> = pem.split_terminator('\n').collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "-----BEGIN PRIVATE KEY-----");
        assert!(lines[1].len() == 64 && lines[1].starts_with("MC4CAQAwBQYDK2VwBCIEI"));
        assert_eq!(lines[2], "-----END PRIVATE KEY-----");
    }

    #[test]
    fn sizes_that_hold_no_signature_are_refused() {
        let error = generate(KeyKind::Rsa(100)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "can't make an RSA key of 100 bits: 512 to 16384 are possible"
        );
    }
}
