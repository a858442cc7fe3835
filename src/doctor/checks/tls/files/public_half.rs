//! The public key that belongs to a private one, as certificates have it.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        KeyPair, RsaKeyPair,
    },
};
use rustls_pki_types::PrivateKeyDer;

/// The curves that servers' certificates are made with.
const CURVES: [&EcdsaSigningAlgorithm; 3] = [
    &ECDSA_P256_SHA256_ASN1_SIGNING,
    &ECDSA_P384_SHA384_ASN1_SIGNING,
    &ECDSA_P521_SHA512_ASN1_SIGNING,
];

/// SubjectPublicKeyInfo (RFC 5280 section 4.1) of an RSA, ECDSA or Ed25519 key; `None`: of another
/// kind, or damaged.
pub(super) fn public_half(key: &PrivateKeyDer<'_>) -> Option<Vec<u8>> {
    match key {
        PrivateKeyDer::Pkcs1(key) => rsa(RsaKeyPair::from_der(key.secret_pkcs1_der()).ok()?),
        PrivateKeyDer::Sec1(key) => ecdsa(key.secret_sec1_der()),
        PrivateKeyDer::Pkcs8(key) => {
            let der = key.secret_pkcs8_der();
            RsaKeyPair::from_pkcs8(der)
                .ok()
                .and_then(rsa)
                .or_else(|| ecdsa(der))
                .or_else(|| ed25519(der))
        }
        _ => None,
    }
}

fn rsa(pair: RsaKeyPair) -> Option<Vec<u8>> {
    encoded(pair.public_key())
}

/// Of a key in SEC 1 or PKCS#8.
fn ecdsa(der: &[u8]) -> Option<Vec<u8>> {
    let pair = CURVES
        .into_iter()
        .find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok())?;
    encoded(pair.public_key())
}

/// Of a key in PKCS#8.
fn ed25519(der: &[u8]) -> Option<Vec<u8>> {
    encoded(Ed25519KeyPair::from_pkcs8(der).ok()?.public_key())
}

fn encoded(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Option<Vec<u8>> {
    key.as_der().ok().map(|der| der.as_ref().to_vec())
}
