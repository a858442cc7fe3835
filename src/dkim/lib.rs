//! DKIM signing and verifying (RFC 6376, with RFC 8301, 8463, 8616 and 6541) as a pure function: nothing in
//! here opens a socket or a file, reads a clock or asks DNS. Such things come in as arguments.
//!
//! # Signing
//!
//! [`HeaderSection::parse`](header::HeaderSection::parse) parts a message, or
//! [`push`](header::HeaderSection::push) takes its fields one by one. A [`sign::Signer`] takes the body in
//! chunks of any size and makes the fields. In the order of the work: [`header`] keeps the header section
//! as received, [`select`] chooses the fields for `h=`, [`canon`] and [`body_hash`] make the canonical
//! bytes, [`sign`] writes the field with the help of [`signature`] and [`fold`], and [`crypto`] holds the
//! one operation that needs a secret.
//!
//! # Verifying
//!
//! A [`verify::Verifier`] reads the DKIM-Signature fields with [`tag_list`], tells which keys it needs,
//! and hashes as the signer does. A [`key_answer`] brings a [`key_record`] with its [`public_key`];
//! [`outcome`] holds every cause and its words; [`atps`] asks whether a third party signed by leave.
//!
//! # What may change
//!
//! Errors and what is told of a message get new variants and fields, and are marked so; policies are begun
//! with their defaults. [`Outcome`]
//! and [`KeyAnswer`] are not: whoever decides about mail must decide about each cause, and be told by the
//! compiler when there is a new one.
//!
//! [`Outcome`]: outcome::Outcome
//! [`KeyAnswer`]: key_answer::KeyAnswer

#![forbid(unsafe_code)]

pub mod atps;
pub mod body_hash;
pub mod canon;
pub mod crypto;
pub mod fold;
pub mod header;
pub mod key_answer;
pub mod key_record;
pub mod name;
pub mod outcome;
pub mod public_key;
pub mod select;
pub mod sign;
pub mod signature;
pub mod signature_error;
pub mod tag_list;
pub mod verify;

/// Seconds since 1970-01-01 00:00 UTC, as in the `t=` and `x=` tags (RFC 6376 section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

/// A canonicalization algorithm (RFC 6376 section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Canon {
    /// Almost no change is tolerated.
    #[default]
    Simple,
    /// White space may change.
    Relaxed,
}

/// The `c=` tag: how the header section and the body are canonicalized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Canonicalization {
    /// How header fields are canonicalized (RFC 6376 sections 3.4.1 and 3.4.2).
    pub header: Canon,
    /// How the body is canonicalized (RFC 6376 sections 3.4.3 and 3.4.4).
    pub body: Canon,
}

/// A signature algorithm (the `a=` tag).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `rsa-sha256`: what every verifier knows.
    RsaSha256,
    /// `ed25519-sha256` (RFC 8463): small keys, which not every verifier knows.
    Ed25519Sha256,
    /// `rsa-sha1`: never made, and verified only where the administrator allows it (RFC 8301).
    RsaSha1,
}

impl Algorithm {
    /// The word in `a=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
            Self::RsaSha1 => "rsa-sha1",
        }
    }
}

/// The code in README.md, compiled as a stranger would.
#[cfg(doctest)]
#[doc = include_str!("README.md")]
struct Readme;
