//! Body hashes of one message: each distinct one computed once, whoever asks for it.
//!
//! Signing and verifying share it: a message may carry several signatures with the same or other
//! canonicalizations, limits and digests. Each canonicalization runs once over a chunk, and its
//! output goes to all hashes that want it. Nothing of the body is kept.

use aws_lc_rs::digest;

use super::{
    Canon,
    canon::{BodyCanonicalizer, LineEndRepair},
};

/// The hash function of a signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// SHA-256, for `rsa-sha256` and `ed25519-sha256`.
    Sha256,
    /// SHA-1, only to verify old `rsa-sha1` signatures where the administrator allows it.
    Sha1,
}

impl DigestAlgorithm {
    /// A digest of nothing yet.
    pub fn begin(self) -> digest::Context {
        digest::Context::new(match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        })
    }
}

/// What a signature says about its body hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BodyHashSpec {
    /// The hash function, from `a=`.
    pub digest: DigestAlgorithm,
    /// The body's canonicalization, from `c=`.
    pub canon: Canon,
    /// At most so many canonical octets (`l=`); all when `None`.
    pub limit: Option<u64>,
}

/// Names one of the hashes asked for; good for the [`BodyHashes`] that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyHashId(usize);

/// Body hashes under way.
///
/// ```
/// use dkim_core::{Canon, body_hash::{BodyHashSpec, BodyHashes, DigestAlgorithm}};
///
/// let mut hashes = BodyHashes::new(false);
/// let id = hashes.ask(BodyHashSpec {
///     digest: DigestAlgorithm::Sha256,
///     canon: Canon::Relaxed,
///     limit: None,
/// });
/// hashes.update(b"Let us  meet.\r\n");
/// hashes.update(b"\r\n");
/// assert_eq!(hashes.finish().get(id).hashed, b"Let us meet.\r\n".len() as u64);
/// ```
#[derive(Clone, Debug, Default)]
pub struct BodyHashes {
    repair: Option<LineEndRepair>,
    passes: Vec<Pass>,
    asked: Vec<BodyHashSpec>,
}

/// One canonicalization and all hashes of its output.
#[derive(Clone)]
struct Pass {
    canon: Canon,
    canonicalizer: BodyCanonicalizer,
    /// Canonical octets so far.
    length: u64,
    hashers: Vec<Hasher>,
}

#[derive(Clone)]
struct Hasher {
    id: BodyHashId,
    limit: Option<u64>,
    hashed: u64,
    context: digest::Context,
}

/// A finished body hash.
#[derive(Clone, Copy, Debug)]
pub struct BodyHash {
    /// The digest, for `bh=`.
    pub digest: digest::Digest,
    /// Canonical octets hashed: never more than the limit, less where the body ended before.
    pub hashed: u64,
    /// Canonical octets of the body as far as it was fed (to a caller who stopped because
    /// [`BodyHashes::wants_body`] said so it is no more than a lower bound).
    pub length: u64,
}

/// All hashes of a body, by the id under which each was asked for.
#[derive(Clone, Debug)]
pub struct FinishedBodyHashes(Vec<BodyHash>);

impl BodyHashes {
    /// Without hashes yet; `fix_crlf` makes bare CR and bare LF line ends before hashing.
    pub fn new(fix_crlf: bool) -> Self {
        Self {
            repair: fix_crlf.then(LineEndRepair::default),
            ..Self::default()
        }
    }

    /// Asks for a hash. To be called before the first chunk; the same hash asked for twice is
    /// computed once.
    pub fn ask(&mut self, spec: BodyHashSpec) -> BodyHashId {
        if let Some(known) = self.asked.iter().position(|asked| *asked == spec) {
            return BodyHashId(known);
        }
        let id = BodyHashId(self.asked.len());
        self.asked.push(spec);
        let hasher = Hasher {
            id,
            limit: spec.limit,
            hashed: 0,
            context: spec.digest.begin(),
        };
        match self.passes.iter_mut().find(|pass| pass.canon == spec.canon) {
            Some(pass) => pass.hashers.push(hasher),
            None => self.passes.push(Pass {
                canon: spec.canon,
                canonicalizer: BodyCanonicalizer::new(spec.canon),
                length: 0,
                hashers: vec![hasher],
            }),
        }
        id
    }

    /// Feeds a chunk of any size.
    pub fn update(&mut self, chunk: &[u8]) {
        let passes = &mut self.passes;
        let mut feed = |octets: &[u8]| passes.iter_mut().for_each(|pass| pass.update(octets));
        match &mut self.repair {
            Some(repair) => repair.update(chunk, &mut feed),
            None => feed(chunk),
        }
    }

    /// Whether more body could change any of the hashes.
    pub fn wants_body(&self) -> bool {
        self.passes
            .iter()
            .flat_map(|pass| &pass.hashers)
            .any(|hasher| hasher.limit.is_none_or(|limit| hasher.hashed < limit))
    }

    /// Ends the body and gives all hashes asked for.
    pub fn finish(mut self) -> FinishedBodyHashes {
        if let Some(mut repair) = self.repair.take() {
            repair.finish(&mut |octets| {
                self.passes.iter_mut().for_each(|pass| pass.update(octets));
            });
        }
        let mut finished: Vec<(usize, BodyHash)> =
            self.passes.into_iter().flat_map(Pass::finish).collect();
        finished.sort_unstable_by_key(|(id, _)| *id);
        FinishedBodyHashes(finished.into_iter().map(|(_, hash)| hash).collect())
    }
}

impl FinishedBodyHashes {
    /// The hash asked for under `id`.
    pub fn get(&self, id: BodyHashId) -> &BodyHash {
        &self.0[id.0]
    }
}

impl Pass {
    fn update(&mut self, octets: &[u8]) {
        let Self {
            canonicalizer,
            length,
            hashers,
            ..
        } = self;
        canonicalizer.update(octets, &mut |piece| add(length, hashers, piece));
    }

    fn finish(self) -> impl Iterator<Item = (usize, BodyHash)> {
        let Self {
            canonicalizer,
            mut length,
            mut hashers,
            ..
        } = self;
        canonicalizer.finish(&mut |piece| add(&mut length, &mut hashers, piece));
        hashers.into_iter().map(move |hasher| {
            let hash = BodyHash {
                digest: hasher.context.finish(),
                hashed: hasher.hashed,
                length,
            };
            (hasher.id.0, hash)
        })
    }
}

fn add(length: &mut u64, hashers: &mut [Hasher], piece: &[u8]) {
    *length += piece.len() as u64;
    for hasher in hashers {
        hasher.update(piece);
    }
}

impl Hasher {
    fn update(&mut self, piece: &[u8]) {
        let room = self.limit.map_or(u64::MAX, |limit| limit - self.hashed);
        let wanted = usize::try_from(room).map_or(piece.len(), |room| room.min(piece.len()));
        if wanted > 0 {
            self.context.update(&piece[..wanted]);
            self.hashed += wanted as u64;
        }
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass")
            .field("canonicalizer", &self.canonicalizer)
            .field("length", &self.length)
            .field("hashers", &self.hashers.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    const SHA256_SIMPLE: BodyHashSpec = BodyHashSpec {
        digest: DigestAlgorithm::Sha256,
        canon: Canon::Simple,
        limit: None,
    };
    const SHA256_RELAXED: BodyHashSpec = BodyHashSpec {
        canon: Canon::Relaxed,
        ..SHA256_SIMPLE
    };

    fn hash(spec: BodyHashSpec, fix_crlf: bool, body: &[u8]) -> (String, u64, u64) {
        let mut hashes = BodyHashes::new(fix_crlf);
        let id = hashes.ask(spec);
        hashes.update(body);
        let finished = hashes.finish();
        let hash = finished.get(id);
        (
            BASE64.encode(hash.digest.as_ref()),
            hash.hashed,
            hash.length,
        )
    }

    /// RFC 6376 sections 3.4.3 and 3.4.4 print these four.
    #[test]
    fn empty_bodies_hash_as_the_rfc_prints() {
        let sha1 = |spec| BodyHashSpec {
            digest: DigestAlgorithm::Sha1,
            ..spec
        };
        let cases = [
            (sha1(SHA256_SIMPLE), "uoq1oCgLlTqpdDX/iUbLy7J1Wic=", 2),
            (
                SHA256_SIMPLE,
                "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=",
                2,
            ),
            (sha1(SHA256_RELAXED), "2jmj7l5rSw0yVb/vlWAYkK/YBwk=", 0),
            (
                SHA256_RELAXED,
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                0,
            ),
        ];
        for (spec, expected, length) in cases {
            assert_eq!(hash(spec, false, b""), (expected.into(), length, length));
        }
    }

    #[test]
    fn a_limit_counts_canonical_octets() {
        let limited = BodyHashSpec {
            limit: Some(3),
            ..SHA256_RELAXED
        };
        let whole = hash(SHA256_RELAXED, false, b"a\t\tb").0;
        assert_ne!(hash(limited, false, b"a\t\tb").0, whole);
        let (digest, hashed, length) = hash(limited, false, b"a \t b\r\nmore\r\n");
        assert_eq!(
            digest,
            BASE64.encode(digest::digest(&digest::SHA256, b"a b").as_ref())
        );
        assert_eq!((hashed, length), (3, 11));
    }

    #[test]
    fn a_limit_beyond_the_body_shows_in_the_count() {
        let limited = BodyHashSpec {
            limit: Some(100),
            ..SHA256_SIMPLE
        };
        let (_, hashed, length) = hash(limited, false, b"abc\r\n");
        assert_eq!((hashed, length), (5, 5));
    }

    #[test]
    fn body_is_wanted_until_the_last_limit_is_reached() {
        let at_most = |limit| BodyHashSpec {
            limit: Some(limit),
            ..SHA256_SIMPLE
        };
        assert!(!BodyHashes::new(false).wants_body());
        let mut hashes = BodyHashes::new(false);
        hashes.ask(at_most(0));
        assert!(!hashes.wants_body());
        hashes.ask(at_most(4));
        assert!(hashes.wants_body());
        hashes.update(b"abcd");
        assert!(!hashes.wants_body());
    }

    #[test]
    fn the_same_hash_asked_for_twice_is_computed_once() {
        let mut hashes = BodyHashes::new(false);
        let first = hashes.ask(SHA256_SIMPLE);
        let other = hashes.ask(SHA256_RELAXED);
        assert_eq!(hashes.ask(SHA256_SIMPLE), first);
        assert_ne!(first, other);
        hashes.update(b"a  b\r\n");
        let finished = hashes.finish();
        assert_eq!(finished.get(first).length, 6);
        assert_eq!(finished.get(other).length, 5);
    }

    #[test]
    fn fix_crlf_makes_bare_line_ends_whole() {
        let whole = hash(SHA256_SIMPLE, false, b"a\r\nb\r\nc\r\n");
        assert_eq!(hash(SHA256_SIMPLE, true, b"a\nb\rc\r\n"), whole);
        assert_ne!(hash(SHA256_SIMPLE, false, b"a\nb\rc\r\n"), whole);
        assert_eq!(hash(SHA256_SIMPLE, true, b"a\nb\nc\r"), whole);
    }
}
