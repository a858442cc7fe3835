//! The signer: header section in, body chunks in, DKIM-Signature fields out (RFC 6376 section 5).

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest;
use data_encoding::BASE64;

use super::{
    Algorithm, Canon, Canonicalization, UnixTime,
    body_hash::{BodyHashId, BodyHashSpec, BodyHashes, DigestAlgorithm},
    canon::{canonical_field, canonical_signature_field},
    crypto::{PrivateKey, Sha256Digest},
    fold::FoldedValue,
    header::{Field, HeaderSection},
    name::{Auid, Domain, Selector},
    select::HeaderSelection,
    signature::{self, SignatureTags},
};

/// What is the same for every message signed under one configuration. New fields may come: begin with
/// `..SigningPolicy::default()`.
#[derive(Clone, Debug)]
pub struct SigningPolicy {
    /// `c=`, how much may change on the way.
    pub canonicalization: Canonicalization,
    /// Which fields go into `h=`.
    pub headers: HeaderSelection,
    /// How long the signature counts: `x=` is `t=` plus this. `None`: for ever, without `x=`.
    pub lifetime: Option<Duration>,
    /// Add `z=` with the signed fields as they are, for whoever looks for the change that broke the
    /// signature.
    pub copied_headers: bool,
    /// Add `r=y`, which asks verifiers to report failures (RFC 6651).
    pub request_reports: bool,
    /// Treat bare CR and bare LF of the body as line ends before hashing, as the MTA will send them.
    pub fix_crlf: bool,
}

/// How much of the body a signature covers (`l=`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLength {
    /// All of it, without `l=`.
    #[default]
    Whole,
    /// All of it, its canonical length told in `l=`.
    Told,
    /// At most that many canonical octets, with `l=`.
    AtMost(u64),
}

/// One signature wanted on the message.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    /// `d=`, the domain that takes responsibility.
    pub domain: Domain,
    /// `s=`, under which `d=` publishes the public key.
    pub selector: Selector,
    /// `i=`, left out when `None`.
    pub auid: Option<Auid>,
    /// `a=`: what the key signs with.
    pub algorithm: Algorithm,
    /// How much of the body is covered, and whether `l=` says so.
    pub body_length: BodyLength,
    /// Tags between the known ones and `bh=` (`r`, `atps`, `atpsh`, extensions), in the order of
    /// their addition; they are written in reverse.
    pub extra_tags: Vec<(String, String)>,
}

/// A DKIM-Signature field whose `b=` is still empty: what is to be signed, by whoever holds the key.
#[derive(Clone, Debug)]
pub struct UnsignedField {
    /// What the key signs.
    pub digest: Sha256Digest,
    /// `d=`, the domain that signs.
    pub domain: Domain,
    /// `s=`, which names the key among the domain's.
    pub selector: Selector,
    /// `a=`, of the key that is to sign or has signed.
    pub algorithm: Algorithm,
    value: FoldedValue,
}

impl UnsignedField {
    /// The field with the signature that the key made of [`Self::digest`].
    pub fn with_signature(self, signature: &[u8]) -> SignatureField {
        let mut value = self.value;
        value.push_anywhere(&BASE64.encode(signature));
        SignatureField {
            value: value.into_string(),
            domain: self.domain,
            selector: self.selector,
            algorithm: self.algorithm,
        }
    }

    /// The field, signed by a key at hand.
    ///
    /// # Errors
    /// When the key's holder fails.
    pub fn sign(self, key: &dyn PrivateKey) -> Result<SignatureField, SignError> {
        match key.sign(&self.digest) {
            Ok(signature) => Ok(self.with_signature(&signature)),
            Err(_) => Err(self.failed()),
        }
    }

    /// What is to be said when the key's holder did not sign.
    pub fn failed(self) -> SignError {
        SignError::KeyFailed {
            domain: self.domain,
            selector: self.selector,
        }
    }
}

/// A finished DKIM-Signature field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureField {
    /// What stands after `DKIM-Signature:`, without a leading space, folded with CRLF TAB.
    pub value: String,
    /// `d=`, the domain that signs.
    pub domain: Domain,
    /// `s=`, which names the key among the domain's.
    pub selector: Selector,
    /// `a=`, of the key that is to sign or has signed.
    pub algorithm: Algorithm,
}

/// Why no signature could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key's holder failed.
    #[error("signing with s={selector} d={domain}: the private-key operation failed")]
    KeyFailed {
        /// `d=` of the request.
        domain: Domain,
        /// `s=` of the request.
        selector: Selector,
    },
}

/// Signs one message, with all signatures sharing the body hashes that are the same.
///
/// ```
/// use std::sync::Arc;
///
/// use dkim_core::{
///     UnixTime,
///     crypto::private_key_from_pkcs8_der,
///     header::HeaderSection,
///     name::{Domain, Selector},
///     sign::{Signer, SigningRequest},
/// };
///
/// # let der = include_bytes!("crypto/testdata/ed25519.pkcs8.der");
/// let key = private_key_from_pkcs8_der(der)?;
/// let (domain, selector) = (Domain::parse("example.com")?, Selector::parse("2026")?);
/// let request = SigningRequest::new(domain, selector, key.algorithm());
/// let message = b"From: joe@example.com\r\nSubject: Hello\r\n\r\nLet us meet.\r\n";
/// let (section, body) = HeaderSection::parse(message)?;
///
/// let mut signer = Signer::new(Arc::default(), vec![request]);
/// for chunk in body.chunks(5) {
///     signer.body(chunk);
/// }
/// // What comes out is a digest for each request; the key may be anywhere.
/// for unsigned in signer.finish(&section, UnixTime(1_800_000_000)) {
///     let field = unsigned.sign(&*key)?;
///     assert!(field.value.starts_with("v=1; a=ed25519-sha256; c=relaxed/relaxed;"));
///     assert!(field.value.contains("h=From:Subject;"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Signer {
    policy: Arc<SigningPolicy>,
    requests: Vec<(SigningRequest, BodyHashId)>,
    body: BodyHashes,
}

impl Default for SigningPolicy {
    /// Both parts relaxed, which mail survives best; the advised fields; no expiry, no extras.
    fn default() -> Self {
        Self {
            canonicalization: Canonicalization {
                header: Canon::Relaxed,
                body: Canon::Relaxed,
            },
            headers: HeaderSelection::default(),
            lifetime: None,
            copied_headers: false,
            request_reports: false,
            fix_crlf: false,
        }
    }
}

impl SigningRequest {
    /// A signature over the whole body, without `i=` and `l=`.
    pub fn new(domain: Domain, selector: Selector, algorithm: Algorithm) -> Self {
        Self {
            domain,
            selector,
            auid: None,
            algorithm,
            body_length: BodyLength::Whole,
            extra_tags: Vec::new(),
        }
    }
}

impl Signer {
    /// Begins a message: its body comes next, its header section when it is finished.
    pub fn new(policy: Arc<SigningPolicy>, requests: Vec<SigningRequest>) -> Self {
        let mut body = BodyHashes::new(policy.fix_crlf);
        let requests = requests
            .into_iter()
            .map(|request| {
                let hash = body.ask(BodyHashSpec {
                    digest: DigestAlgorithm::Sha256,
                    canon: policy.canonicalization.body,
                    limit: match request.body_length {
                        BodyLength::Whole | BodyLength::Told => None,
                        BodyLength::AtMost(limit) => Some(limit),
                    },
                });
                (request, hash)
            })
            .collect();
        Self {
            policy,
            requests,
            body,
        }
    }

    /// How many signatures are to be made.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Feeds body octets, in chunks of any size.
    pub fn body(&mut self, chunk: &[u8]) {
        self.body.update(chunk);
    }

    /// Whether more body could change any hash (RFC 6376 section 3.5, `l=`).
    pub fn wants_body(&self) -> bool {
        self.body.wants_body()
    }

    /// Ends the body. `section` is hashed exactly as it stands. Fields come in request order, each to be
    /// signed by its key.
    pub fn finish(self, section: &HeaderSection, now: UnixTime) -> Vec<UnsignedField> {
        let bodies = self.body.finish();
        let header = SignedHeader::new(&self.policy, section);
        let expiry = self
            .policy
            .lifetime
            .map(|lifetime| UnixTime(now.0.saturating_add(lifetime.as_secs())));
        let mut scratch = Vec::new();
        let mut fields = Vec::with_capacity(self.requests.len());
        for (request, body) in self.requests {
            let body = bodies.get(body);
            let value = SignatureTags {
                algorithm: request.algorithm,
                canonicalization: self.policy.canonicalization,
                domain: &request.domain,
                selector: &request.selector,
                time: now,
                expiry,
                auid: request.auid.as_ref(),
                extra_tags: &request.extra_tags,
                request_reports: self.policy.request_reports,
                body_hash: body.digest.as_ref(),
                body_length: (request.body_length != BodyLength::Whole).then_some(body.hashed),
                signed_names: &header.names,
                copied_fields: header.copied.as_deref(),
            }
            .unsigned_value();
            fields.push(UnsignedField {
                digest: header.digest_with(value.as_str(), &mut scratch),
                domain: request.domain,
                selector: request.selector,
                algorithm: request.algorithm,
                value,
            });
        }
        fields
    }
}

/// What all signatures of a message share: `h=`, `z=`, and the hash up to the signature's own
/// field.
struct SignedHeader {
    canon: Canon,
    names: String,
    copied: Option<String>,
    hash: digest::Context,
}

impl SignedHeader {
    fn new(policy: &SigningPolicy, section: &HeaderSection) -> Self {
        let chosen = policy.headers.choose(section);
        let oversigned = policy.headers.oversigned();
        let canon = policy.canonicalization.header;
        let mut hash = DigestAlgorithm::Sha256.begin();
        let mut scratch = Vec::new();
        let hashed = bottom_up(section, &chosen);
        for index in hashed
            .into_iter()
            .chain(unchosen(section, &chosen, oversigned))
        {
            match canon {
                Canon::Simple => hash.update(section.line(index).unwrap_or_default()),
                Canon::Relaxed => {
                    scratch.clear();
                    if let Some(field) = section.get(index) {
                        canonical_field(canon, field, &mut scratch);
                    }
                    hash.update(&scratch);
                }
            }
        }
        let fields = || chosen.iter().filter_map(|&index| section.get(index));
        Self {
            canon,
            names: names(fields(), oversigned),
            copied: policy.copied_headers.then(|| {
                let mut copied = String::new();
                fields().for_each(|field| signature::append_copied_field(field, &mut copied));
                copied
            }),
            hash,
        }
    }

    /// The digest to be signed: the header section, then the signature field itself as the MTA
    /// will write it, with one space after the colon and `b=` empty (RFC 6376 section 3.7).
    fn digest_with(&self, unsigned_value: &str, scratch: &mut Vec<u8>) -> Sha256Digest {
        let mut hash = self.hash.clone();
        match self.canon {
            Canon::Simple => {
                hash.update(signature::FIELD_NAME.as_bytes());
                hash.update(b": ");
                hash.update(unsigned_value.as_bytes());
            }
            Canon::Relaxed => {
                let own = Field {
                    name: signature::FIELD_NAME.as_bytes(),
                    value: unsigned_value.as_bytes(),
                };
                scratch.clear();
                canonical_signature_field(self.canon, own, scratch);
                hash.update(scratch);
            }
        }
        let mut digest = Sha256Digest::default();
        digest.copy_from_slice(hash.finish().as_ref());
        digest
    }
}

/// The content of `h=`.
fn names<'a>(fields: impl Iterator<Item = Field<'a>>, oversigned: &[String]) -> String {
    let mut names = String::new();
    let signed = fields.map(|field| String::from_utf8_lossy(field.bare_name()));
    let oversigned = oversigned.iter().map(|name| name.as_str().into());
    for name in signed.chain(oversigned) {
        if !names.is_empty() {
            names.push(':');
        }
        names.push_str(&name);
    }
    names
}

/// The fields in the order in which they are hashed: each name in `h=` stands for the lowest field
/// of that name not taken yet (RFC 6376 section 5.4.2).
fn bottom_up(section: &HeaderSection, chosen: &[usize]) -> Vec<usize> {
    let name = |place: usize| {
        section
            .get(chosen[place])
            .map_or(&b""[..], |field| field.bare_name())
    };
    let lower = |place: usize| name(place).iter().map(u8::to_ascii_lowercase);
    let mut by_name: Vec<usize> = (0..chosen.len()).collect();
    by_name.sort_by(|&one, &other| {
        name(one)
            .len()
            .cmp(&name(other).len())
            .then_with(|| lower(one).cmp(lower(other)))
    });
    let mut hashed = chosen.to_vec();
    for same in by_name.chunk_by(|&one, &other| name(one).eq_ignore_ascii_case(name(other))) {
        for (&place, &taken) in same.iter().zip(same.iter().rev()) {
            hashed[place] = chosen[taken];
        }
    }
    hashed
}

/// The fields that oversigned names stand for: mostly none, but where a field of that name is
/// there and the policy doesn't choose it, a verifier takes it, so it is hashed.
fn unchosen(section: &HeaderSection, chosen: &[usize], oversigned: &[String]) -> Vec<usize> {
    let mut taken = Vec::new();
    for name in oversigned {
        let lowest = (0..section.len()).rev().find(|index| {
            let named = |field: Field<'_>| field.bare_name().eq_ignore_ascii_case(name.as_bytes());
            section.get(*index).is_some_and(named)
                && !taken.contains(index)
                && chosen.binary_search(index).is_err()
        });
        taken.extend(lowest);
    }
    taken
}

#[cfg(test)]
mod tests;
