use std::collections::HashSet;

use aws_lc_rs::{
    digest::{self, SHA512},
    rand::{SecureRandom, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::Scalar,
    traits::IsIdentity,
};
use data_encoding::HEXLOWER_PERMISSIVE;

use super::*;

/// The group's order L = 2^252 + 27742317777372353535851937790883648493, lowest octet first.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// An honest signer whose nonce is known, so that signatures can be bent in every way.
struct Signer {
    secret: Scalar,
    public: EdwardsPoint,
}

impl Signer {
    fn new() -> Self {
        let secret = Scalar::from(0x0123_4567_89ab_cdef_u64) * Scalar::from(u64::MAX);
        Self {
            secret,
            public: ED25519_BASEPOINT_POINT * secret,
        }
    }

    /// What `R`, as it is encoded, and `A` make of a message.
    fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
        let hash = digest::digest(&SHA512, &[&r[..], a, message].concat());
        Scalar::from_bytes_mod_order_wide(hash.as_ref().try_into().unwrap())
    }

    /// A signature with `bend` added to `R` under the key with `twist` added.
    fn sign(&self, message: &[u8], bend: EdwardsPoint, twist: EdwardsPoint) -> [u8; 64] {
        let nonce = Scalar::from(0xfeed_beef_u64);
        let r = (ED25519_BASEPOINT_POINT * nonce + bend)
            .compress()
            .to_bytes();
        let a = (self.public + twist).compress().to_bytes();
        let s = nonce + Self::challenge(&r, &a, message) * self.secret;
        joined(&r, s.as_bytes())
    }
}

fn joined(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    signature[32..].copy_from_slice(s);
    signature
}

/// S + L, which is the same number to those who do not look.
fn with_order_added(signature: &[u8; 64]) -> [u8; 64] {
    let mut bent = *signature;
    let mut carry = 0_u16;
    for (octet, order) in bent[32..].iter_mut().zip(L) {
        let sum = u16::from(*octet) + u16::from(order) + carry;
        (*octet, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    bent
}

/// Every 32 octets that some decoder takes for a point of small order.
fn small_orders() -> HashSet<[u8; 32]> {
    let mut all = HashSet::new();
    for point in EIGHT_TORSION {
        let octets = point.compress().to_bytes();
        let mut negative = octets;
        negative[31] ^= 0x80;
        all.extend([octets, negative]);
    }
    // 0 and 1 as the prime and its successor.
    for low in [0xed, 0xee] {
        for high in [0x7f, 0xff] {
            let mut octets = [0xff; 32];
            (octets[0], octets[31]) = (low, high);
            all.insert(octets);
        }
    }
    all
}

fn refusal(octets: &[u8]) -> Option<PublicKeyError> {
    Ed25519PublicKey::parse(octets).err()
}

#[test]
fn no_point_of_small_order_is_a_key_however_it_is_encoded() {
    let all = small_orders();
    assert_eq!(all.len(), 14);
    for octets in all {
        let point = CompressedEdwardsY(octets).decompress().unwrap();
        assert!(point.mul_by_cofactor().is_identity());
        assert_eq!(
            refusal(&octets),
            Some(PublicKeyError::WeakEd25519),
            "{octets:02x?}"
        );
    }
}

#[test]
fn an_encoding_beyond_the_prime_is_no_key() {
    let mut points = 0;
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut octets = [0xff; 32];
            (octets[0], octets[31]) = (low, high);
            points += usize::from(CompressedEdwardsY(octets).decompress().is_some());
            assert!(refusal(&octets).is_some(), "{low:02x} {high:02x}");
        }
    }
    assert!(points > 4, "only points of small order were tried");
    // The largest y below the prime that is a point.
    let below = (0..0xed).rev().find_map(|low| {
        let mut octets = [0xff; 32];
        (octets[0], octets[31]) = (low, 0x7f);
        let point = CompressedEdwardsY(octets).decompress()?;
        (!point.is_small_order()).then_some(octets)
    });
    assert_eq!(refusal(&below.unwrap()), None);
}

#[test]
fn what_is_no_point_and_what_has_not_32_octets_is_no_key() {
    let mut no_point = [0; 32];
    no_point[0] = 2;
    for octets in [&no_point[..], &[1; 31], &[1; 33], &[]] {
        assert_eq!(
            refusal(octets),
            Some(PublicKeyError::NotEd25519),
            "{octets:?}"
        );
    }
}

#[test]
fn a_signature_has_one_form_and_nobody_can_bend_it() {
    let signer = Signer::new();
    let none = EIGHT_TORSION[0];
    assert!(none.is_identity());
    let key = Ed25519PublicKey::parse(signer.public.compress().as_bytes()).unwrap();
    let message = [7; 32];
    let good = signer.sign(&message, none, none);
    assert!(key.accepts(&message, &good));
    assert!(!key.accepts(&[8; 32], &good));
    assert!(
        !key.accepts(&message, &with_order_added(&good)),
        "S beyond L"
    );
    for length in 0..64 {
        assert!(!key.accepts(&message, &good[..length]), "{length}");
    }
    assert!(!key.accepts(&message, &[&good[..], b"x"].concat()));
    // With the cofactor each of these is valid, without it none.
    for torsion in &EIGHT_TORSION[1..] {
        let bent = signer.sign(&message, *torsion, none);
        assert!(!key.accepts(&message, &bent), "R of mixed order");
    }
}

/// `R` of small order and `S` chosen for it: RFC 8032 lets it pass, but nobody signs so.
#[test]
fn r_of_small_order_is_refused() {
    let signer = Signer::new();
    let a = signer.public.compress().to_bytes();
    let key = Ed25519PublicKey::parse(&a).unwrap();
    for r in small_orders() {
        for n in 0..16_u8 {
            let message = [n; 32];
            let s = Signer::challenge(&r, &a, &message) * signer.secret;
            assert!(
                !key.accepts(&message, &joined(&r, s.as_bytes())),
                "{r:02x?}"
            );
        }
    }
    // The test would see it: AWS-LC takes the identity as R.
    let identity = EIGHT_TORSION[0].compress().to_bytes();
    let s = Signer::challenge(&identity, &a, &[1; 32]) * signer.secret;
    let lenient = UnparsedPublicKey::new(&ED25519, a);
    assert!(
        lenient
            .verify(&[1; 32], &joined(&identity, s.as_bytes()))
            .is_ok()
    );
}

/// A key of mixed order is not weak, but what its holder signs passes with the cofactor alone.
#[test]
fn under_a_key_of_mixed_order_the_equation_without_cofactor_decides() {
    let signer = Signer::new();
    for torsion in &EIGHT_TORSION[1..] {
        let public = signer.public + torsion;
        let a = public.compress().to_bytes();
        let key = Ed25519PublicKey::parse(&a).unwrap();
        for n in 0..16_u8 {
            let message = [n; 32];
            let signature = signer.sign(&message, EIGHT_TORSION[0], *torsion);
            let r: [u8; 32] = signature[..32].try_into().unwrap();
            let challenge = Signer::challenge(&r, &a, &message);
            let exact = (torsion * challenge).is_identity();
            assert_eq!(key.accepts(&message, &signature), exact, "{n}");
        }
    }
}

/// RFC 8032 section 7.1, tests 1 to 3: what DKIM signs is a hash, but these are the curve's.
#[test]
fn the_signatures_of_rfc_8032_verify() {
    let octets = |hex: &str| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).unwrap();
    for (public, message, signature) in [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
             d25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c\
             387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659\
             4a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let key = Ed25519PublicKey::parse(&octets(public)).unwrap();
        assert!(
            key.accepts(&octets(message), &octets(signature)),
            "{public}"
        );
    }
}

#[test]
fn two_thousand_keys_and_signatures_are_judged_as_by_aws_lc() {
    let random = SystemRandom::new();
    let mut accepted = 0;
    for n in 0..2000_usize {
        let mut seed = [0; 32];
        let mut message = [0; 32];
        random.fill(&mut seed).unwrap();
        random.fill(&mut message).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let mut signature = pair.sign(&message).as_ref().to_vec();
        let mut public = pair.public_key().as_ref().to_vec();
        // Of four one is left as it is; in the others one bit of signature, key or message differs.
        let flip = |octets: &mut [u8]| octets[n / 4 % octets.len()] ^= 1 << (n % 8);
        match n % 4 {
            0 => {}
            1 => flip(&mut signature),
            2 => flip(&mut public),
            _ => flip(&mut message),
        }
        let theirs = UnparsedPublicKey::new(&ED25519, &public)
            .verify(&message, &signature)
            .is_ok();
        let ours =
            Ed25519PublicKey::parse(&public).is_ok_and(|key| key.accepts(&message, &signature));
        assert_eq!(
            ours, theirs,
            "{public:02x?} {message:02x?} {signature:02x?}"
        );
        accepted += usize::from(ours);
    }
    assert_eq!(accepted, 500);
}
