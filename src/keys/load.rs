//! From bytes to a key that signs: PEM PKCS#1 and PKCS#8, base64 of DER, DER; RSA and Ed25519 (H4).
