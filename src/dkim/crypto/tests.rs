use std::{io::Write, process::Command};

use super::*;

const RSA_512: &[u8] = include_bytes!("testdata/rsa512.pkcs1.der");
const RSA_1024: &[u8] = include_bytes!("testdata/rsa1024.pkcs1.der");
const RSA_1536: &[u8] = include_bytes!("testdata/rsa1536.pkcs1.der");
const RSA_2048: &[u8] = include_bytes!("testdata/rsa2048.pkcs1.der");
const RSA_2048_PKCS8: &[u8] = include_bytes!("testdata/rsa2048.pkcs8.der");
const RSA_4096: &[u8] = include_bytes!("testdata/rsa4096.pkcs1.der");
const ED25519: &[u8] = include_bytes!("testdata/ed25519.pkcs8.der");
const EC: &[u8] = include_bytes!("testdata/ec.pkcs8.der");

/// Asks OpenSSL whether a signature is right.
fn openssl_accepts(public: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let file = |octets: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(octets).unwrap();
        file
    };
    let (public, digest, signature) = (file(public), file(digest), file(signature));
    Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey"])
        .arg(public.path())
        .args([
            "-pkeyopt",
            "rsa_padding_mode:pkcs1",
            "-pkeyopt",
            "digest:sha256",
            "-in",
        ])
        .arg(digest.path())
        .arg("-sigfile")
        .arg(signature.path())
        .output()
        .expect("openssl runs")
        .status
        .success()
}

#[test]
fn rsa_keys_of_every_size_sign_what_openssl_accepts() {
    let cases = [
        (512, RSA_512),
        (1024, RSA_1024),
        (1536, RSA_1536),
        (2048, RSA_2048),
        (4096, RSA_4096),
    ];
    for (bits, der) in cases {
        let key = private_key_from_pkcs1_der(der).unwrap();
        assert_eq!(key.bits(), bits);
        assert_eq!(key.algorithm(), Algorithm::RsaSha256);
        let signature = key.sign(&[7; 32]).unwrap();
        assert_eq!(signature.len() * 8, bits as usize);
        assert!(
            openssl_accepts(&key.public_key(), &[7; 32], &signature),
            "{bits}"
        );
        assert!(
            !openssl_accepts(&key.public_key(), &[8; 32], &signature),
            "{bits}"
        );
    }
}

#[test]
fn pkcs8_tells_rsa_from_ed25519() {
    let rsa = private_key_from_pkcs8_der(RSA_2048_PKCS8).unwrap();
    assert_eq!(rsa.algorithm(), Algorithm::RsaSha256);
    let same = private_key_from_pkcs1_der(RSA_2048).unwrap();
    assert_eq!(rsa.public_key(), same.public_key());
    let ed25519 = private_key_from_pkcs8_der(ED25519).unwrap();
    assert_eq!(ed25519.algorithm(), Algorithm::Ed25519Sha256);
    assert_eq!(ed25519.bits(), 256);
}

#[test]
fn an_ed25519_signature_is_over_the_octets_of_the_digest() {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    let key = private_key_from_pkcs8_der(self::ED25519).unwrap();
    let signature = key.sign(&[7; 32]).unwrap();
    let public = UnparsedPublicKey::new(&ED25519, key.public_key());
    assert!(public.verify(&[7; 32], &signature).is_ok());
}

#[test]
fn what_is_no_key_for_dkim_says_why() {
    let refusal = |result: Result<Arc<dyn PrivateKey>, _>| result.unwrap_err();
    assert_eq!(
        refusal(private_key_from_pkcs8_der(EC)),
        KeyMaterialError::OtherAlgorithm("EC".into())
    );
    for octets in [&b""[..], b"hello", &RSA_2048[..100]] {
        assert_eq!(
            refusal(private_key_from_pkcs1_der(octets)),
            KeyMaterialError::Malformed
        );
        assert_eq!(
            refusal(private_key_from_pkcs8_der(octets)),
            KeyMaterialError::Malformed
        );
    }
    for original in [RSA_1024, RSA_2048] {
        let mut damaged = original.to_vec();
        // Inside the modulus.
        damaged[40] ^= 1;
        assert_eq!(
            refusal(private_key_from_pkcs1_der(&damaged)),
            KeyMaterialError::Inconsistent
        );
    }
}

#[test]
fn debug_output_never_shows_the_secret() {
    let rsa = private_key_from_pkcs1_der(RSA_1024).unwrap();
    assert_eq!(format!("{rsa:?}"), "RsaPrivateKey(1024 bits)");
    let ed25519 = private_key_from_pkcs8_der(ED25519).unwrap();
    let secret = data_encoding::HEXLOWER.encode(&ED25519[16..]);
    assert!(!format!("{ed25519:?}").contains(&secret));
}

#[test]
fn a_public_key_tells_what_its_private_half_signed() {
    use crate::public_key::PublicKey;

    let digest = [7; 32];
    let keys = [RSA_1024, RSA_2048].map(|der| private_key_from_pkcs1_der(der).unwrap());
    let public = keys
        .each_ref()
        .map(|key| PublicKey::rsa(&key.public_key()).unwrap());
    for (key, own, other) in [
        (&keys[0], &public[0], &public[1]),
        (&keys[1], &public[1], &public[0]),
    ] {
        let mut signature = key.sign(&digest).unwrap();
        assert_eq!(own.signed_digest(&signature).as_deref(), Some(&digest[..]));
        assert_eq!(other.signed_digest(&signature), None);
        signature[20] ^= 1;
        assert_eq!(own.signed_digest(&signature), None);
    }
    let ed25519 = private_key_from_pkcs8_der(ED25519).unwrap();
    let public = PublicKey::ed25519(&ed25519.public_key()).unwrap();
    let signature = ed25519.sign(&digest).unwrap();
    assert_eq!(public.signed_digest(&signature), None);
}
