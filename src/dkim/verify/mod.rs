//! The verifier: header section in, key names out, body chunks and keys in, one result for each
//! DKIM-Signature field out (RFC 6376 section 6).
//!
//! Everything that can be decided without a key is decided at once, so that no name is asked for
//! in vain; the body is hashed while DNS is being asked.

mod fields;
mod policy;
mod query;
mod result;
mod signature;

use std::{sync::Arc, time::Duration};

use self::{
    fields::{FieldIndex, canonical_header, header_hash},
    policy::Standing,
};
pub use self::{
    policy::{MinimumBody, SignatureLimit, VerificationPolicy},
    query::KeyQuery,
    result::{BodyFacts, Identity, KeyFacts, SignatureResult, deciding},
    signature::{Signature, ThirdParty},
};
use super::{
    Algorithm, UnixTime,
    body_hash::{BodyHashId, BodyHashSpec, BodyHashes, DigestAlgorithm, FinishedBodyHashes},
    header::HeaderSection,
    key_answer::{DnsFailure, Dnssec, KeyAnswer},
    key_record::{KeyRecord, KeyRecordError, PublishedKeyData},
    name::{Domain, ascii_name},
    outcome::Outcome,
    public_key::{HashValue, PublicKey, PublicKeyError},
    tag_list::{Printable, TagList},
};
pub use super::{
    outcome::KeyProtection,
    signature_error::{MAX_SIGNED_FIELDS, SignatureError},
};

/// So many DKIM-Signature fields have a result; where there are more, those that would be verified
/// last go without, the lowest first.
pub const MAX_SIGNATURE_FIELDS: usize = 64;

/// DKIM-Signature fields beyond so many, counted from the top, are not even read. A header section
/// of 64 KB has no room for more.
pub const MAX_FIELDS_READ: usize = 4096;

/// Verifies one message; signatures that need the same hash or the same key share it.
///
/// ```
/// # use std::sync::Arc;
/// # use dkim_core::{
/// #     UnixTime,
/// #     crypto::private_key_from_pkcs8_der,
/// #     name::{Domain, Selector},
/// #     sign::{Signer, SigningRequest},
/// # };
/// use dkim_core::{
///     header::HeaderSection,
///     key_answer::{Dnssec, KeyAnswer},
///     verify::Verifier,
/// };
///
/// # let key = private_key_from_pkcs8_der(include_bytes!("../crypto/testdata/ed25519.pkcs8.der"))?;
/// # let p = data_encoding::BASE64.encode(&key.public_key());
/// # let (domain, selector) = (Domain::parse("example.com")?, Selector::parse("2026")?);
/// # let request = SigningRequest::new(domain, selector, key.algorithm());
/// # let now = UnixTime(1_800_000_000);
/// # let body = b"Let us meet.\r\n";
/// # let (unsigned, _) = HeaderSection::parse(b"From: joe@example.com\r\n")?;
/// # let mut signer = Signer::new(Arc::default(), vec![request]);
/// # signer.body(body);
/// # let field = signer.finish(&unsigned, now).remove(0).sign(&*key)?;
/// # let message = format!("DKIM-Signature: {}\r\nFrom: joe@example.com\r\n\r\n", field.value);
/// # let message = [message.as_bytes(), body].concat();
/// # let record = format!("v=DKIM1; k=ed25519; p={p}");
/// let (section, body) = HeaderSection::parse(&message)?;
/// let mut verifier = Verifier::new(&section, Arc::default(), None, now);
/// // These names are to be asked for in DNS, here there is one.
/// assert_eq!(&*verifier.queries()[0].name, "2026._domainkey.example.com");
/// verifier.body(body);
/// let answers = [KeyAnswer::found(record.as_bytes(), Dnssec::Unknown)];
/// let results = verifier.finish(&answers);
/// assert!(results[0].passed());
/// assert_eq!(results[0].word().as_str(), "pass");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Verifier {
    policy: Arc<VerificationPolicy>,
    signatures: Vec<Candidate>,
    queries: Vec<KeyQuery>,
    body: BodyHashes,
    needs_whole_body: bool,
}

/// A DKIM-Signature field on its way to a result.
#[derive(Debug)]
struct Candidate {
    field: usize,
    identity: Identity,
    signature: Option<Signature>,
    state: State,
}

#[derive(Debug)]
enum State {
    Decided(Outcome),
    Waiting(Waiting),
}

/// What a signature waits for.
#[derive(Debug)]
struct Waiting {
    query: usize,
    body: BodyHashId,
    header: HashValue,
    /// A field that must be covered and is there, but is not.
    unprotected: Option<Printable>,
}

impl Verifier {
    /// Begins a message whose header section is complete.
    ///
    /// `author` is the domain of From: its signatures are verified before strangers'.
    pub fn new(
        section: &HeaderSection,
        policy: Arc<VerificationPolicy>,
        author: Option<&str>,
        now: UnixTime,
    ) -> Self {
        let author = author.and_then(ascii_name);
        let found = Found::all(section, &policy.limit, author.as_deref());
        let standings: Vec<Standing> = found.iter().map(|found| found.standing).collect();
        let admitted = policy.limit.admit(&standings);
        let mut verifier = Self {
            body: BodyHashes::new(policy.fix_crlf),
            policy,
            signatures: found.into_iter().map(Candidate::from).collect(),
            queries: Vec::new(),
            needs_whole_body: false,
        };
        if admitted.is_empty() {
            return verifier;
        }
        let index = FieldIndex::new(section);
        let mut candidates = std::mem::take(&mut verifier.signatures);
        for place in admitted {
            let candidate = &mut candidates[place];
            if let Some(signature) = &candidate.signature {
                candidate.state = verifier
                    .begin(section, &index, candidate.field, signature, now)
                    .map_or_else(State::Decided, State::Waiting);
            }
        }
        verifier.signatures = candidates;
        verifier
    }

    /// The keys needed, each name once; none when every signature is decided already.
    pub fn queries(&self) -> &[KeyQuery] {
        &self.queries
    }

    /// The domains of the signatures that limit or trust leaves unverified.
    pub fn ignored_domains(&self) -> impl Iterator<Item = &Domain> {
        self.signatures
            .iter()
            .filter(|candidate| matches!(candidate.state, State::Decided(Outcome::Ignored)))
            .filter_map(|candidate| Some(&candidate.signature.as_ref()?.domain))
    }

    /// The signatures whose syntax is right.
    pub fn signatures(&self) -> impl Iterator<Item = &Signature> {
        self.signatures
            .iter()
            .filter_map(|candidate| candidate.signature.as_ref())
    }

    /// Number of DKIM-Signature fields that will have a result.
    pub fn len(&self) -> usize {
        self.signatures.len()
    }

    /// Whether the message carries no signature.
    pub fn is_empty(&self) -> bool {
        self.signatures.is_empty()
    }

    /// How many signatures are left unverified by limit or trust.
    pub fn ignored(&self) -> usize {
        self.signatures
            .iter()
            .filter(|candidate| matches!(candidate.state, State::Decided(Outcome::Ignored)))
            .count()
    }

    /// Feeds body octets, in chunks of any size.
    pub fn body(&mut self, chunk: &[u8]) {
        self.body.update(chunk);
    }

    /// Whether more body could change any verdict.
    pub fn wants_body(&self) -> bool {
        self.body.wants_body() || self.needs_whole_body
    }

    /// Ends the body and judges, with the answers in the order of [`Self::queries`]. An answer
    /// that is missing counts as a timeout. Results come in message order.
    pub fn finish(self, answers: &[KeyAnswer]) -> Vec<SignatureResult> {
        let Self {
            policy,
            signatures,
            body,
            ..
        } = self;
        let hashes = body.finish();
        signatures
            .into_iter()
            .map(|candidate| candidate.finish(&policy, &hashes, answers))
            .collect()
    }

    /// All that can be judged without key and body; then the hashes and the key are asked for.
    fn begin(
        &mut self,
        section: &HeaderSection,
        index: &FieldIndex,
        field: usize,
        signature: &Signature,
        now: UnixTime,
    ) -> Result<Waiting, Outcome> {
        check_times(signature, now, self.policy.clock_drift)?;
        if signature.algorithm == Algorithm::RsaSha1 && !self.policy.allow_sha1 {
            return Err(Outcome::AlgorithmRefused);
        }
        let unprotected = unprotected_field(section, signature, &self.policy.must_be_signed);
        let query = self.ask(signature)?;
        let chosen = index.choose(section, &signature.signed_fields, field);
        self.needs_whole_body |=
            signature.body_length.is_some() && self.policy.minimum_body.is_some();
        Ok(Waiting {
            query,
            body: self.body.ask(BodyHashSpec {
                digest: match signature.algorithm {
                    Algorithm::RsaSha256 | Algorithm::Ed25519Sha256 => DigestAlgorithm::Sha256,
                    Algorithm::RsaSha1 => DigestAlgorithm::Sha1,
                },
                canon: signature.canonicalization.body,
                limit: signature.body_length,
            }),
            header: header_hash(section, &chosen, field, signature),
            unprotected,
        })
    }

    /// The place of the signature's key among the queries.
    fn ask(&mut self, signature: &Signature) -> Result<usize, Outcome> {
        let query = KeyQuery::of(signature).ok_or(Outcome::KeyNotFound)?;
        if let Some(known) = self.queries.iter().position(|known| *known == query) {
            return Ok(known);
        }
        if self.queries.len() >= self.policy.maximum_key_names {
            return Err(Outcome::Ignored);
        }
        self.queries.push(query);
        Ok(self.queries.len() - 1)
    }
}

/// The canonical header section that the signature in `field` covers, itself at the end: the very
/// octets that are hashed. For diagnosis.
pub fn hashed_header(section: &HeaderSection, field: usize, signature: &Signature) -> Vec<u8> {
    let chosen = FieldIndex::new(section).choose(section, &signature.signed_fields, field);
    let mut octets = Vec::new();
    canonical_header(section, &chosen, field, signature, |piece| {
        octets.extend_from_slice(piece);
    });
    octets
}

/// A DKIM-Signature field as it was read.
struct Found {
    field: usize,
    identity: Identity,
    parsed: Result<Signature, SignatureError>,
    standing: Standing,
}

impl Found {
    /// Those that will have a result, from the top.
    fn all(section: &HeaderSection, limit: &SignatureLimit, author: Option<&str>) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let fields = section
            .iter()
            .enumerate()
            .filter(|(_, field)| field.bare_name().eq_ignore_ascii_case(b"DKIM-Signature"))
            .take(MAX_FIELDS_READ);
        for (field, content) in fields {
            let (identity, parsed) = parse(content.value);
            let standing = parsed.as_ref().map_or(Standing::Malformed, |signature| {
                limit.standing(&signature.domain, author)
            });
            found.push(Self {
                field,
                identity,
                parsed,
                standing,
            });
            if found.len() > MAX_SIGNATURE_FIELDS {
                let last = (0..found.len()).max_by_key(|place| found[*place].standing);
                found.remove(last.unwrap_or_default());
            }
        }
        found
    }
}

impl From<Found> for Candidate {
    /// Not verified yet, and so ignored, unless it is decided already.
    fn from(found: Found) -> Self {
        let (signature, outcome) = match found.parsed {
            Ok(signature) => (Some(signature), Outcome::Ignored),
            Err(error) => (None, Outcome::Malformed(error)),
        };
        Self {
            field: found.field,
            identity: found.identity,
            signature,
            state: State::Decided(outcome),
        }
    }
}

fn parse(value: &[u8]) -> (Identity, Result<Signature, SignatureError>) {
    match TagList::parse(value) {
        Ok(tags) => (Identity::of(&tags), Signature::from_tags(&tags)),
        Err(error) => (Identity::default(), Err(error.into())),
    }
}

fn check_times(signature: &Signature, now: UnixTime, drift: Duration) -> Result<(), Outcome> {
    let (now, drift) = (now.0, drift.as_secs());
    if signature
        .expires_at
        .is_some_and(|at| at.0.saturating_add(drift) < now)
    {
        return Err(Outcome::Expired);
    }
    if signature
        .signed_at
        .is_some_and(|at| at.0 > now.saturating_add(drift))
    {
        return Err(Outcome::FromTheFuture);
    }
    Ok(())
}

fn unprotected_field(
    section: &HeaderSection,
    signature: &Signature,
    must_be_signed: &[String],
) -> Option<Printable> {
    let present = |name: &str| {
        section
            .iter()
            .any(|field| field.bare_name().eq_ignore_ascii_case(name.as_bytes()))
    };
    let covered = |name: &str| {
        signature
            .signed_fields
            .iter()
            .any(|signed| signed.eq_ignore_ascii_case(name))
    };
    must_be_signed
        .iter()
        .find(|name| present(name) && !covered(name))
        .map(|name| Printable::new(name.as_bytes()))
}

impl Candidate {
    fn finish(
        self,
        policy: &VerificationPolicy,
        hashes: &FinishedBodyHashes,
        answers: &[KeyAnswer],
    ) -> SignatureResult {
        let mut result = SignatureResult::new(self.field, self.identity, Outcome::Ignored);
        result.signature = self.signature;
        match (self.state, &result.signature) {
            (State::Decided(outcome), _) => result.outcome = outcome,
            (State::Waiting(waiting), Some(signature)) => {
                let hash = hashes.get(waiting.body);
                let body = BodyFacts {
                    hashed: hash.hashed,
                    length: hash.length,
                    hash: hash.digest.as_ref().into(),
                };
                let answer = answers.get(waiting.query);
                let key = answer.and_then(KeyFacts::of);
                result.outcome = judge(policy, signature, &waiting, &body, answer)
                    .map_or_else(|outcome| outcome, |()| Outcome::Pass);
                result.key = key;
                result.body = Some(body);
            }
            (State::Waiting(_), None) => {}
        }
        result
    }
}

/// Judges a signature with everything at hand: the key first, since without one nothing is known.
fn judge(
    policy: &VerificationPolicy,
    signature: &Signature,
    waiting: &Waiting,
    body: &BodyFacts,
    answer: Option<&KeyAnswer>,
) -> Result<(), Outcome> {
    let published = match answer {
        Some(KeyAnswer::Found(published)) => published,
        Some(KeyAnswer::NotFound { .. }) => return Err(Outcome::KeyNotFound),
        Some(KeyAnswer::Several { .. }) => return Err(Outcome::SeveralKeys),
        Some(KeyAnswer::Failed(failure)) => return Err(Outcome::DnsFailed(*failure)),
        None => return Err(Outcome::DnsFailed(DnsFailure::Timeout)),
    };
    let record = match published.record.as_ref() {
        Ok(record) => record,
        Err(error) => return Err(Outcome::KeyRecordInvalid(KeyRecordError::clone(error))),
    };
    let key = applicable_key(policy, signature, record)?;
    if signature
        .body_length
        .is_some_and(|limit| body.hashed < limit)
    {
        return Err(Outcome::BodyShorterThanSigned);
    }
    if let Some(name) = &waiting.unprotected {
        return Err(Outcome::FieldUnprotected(name.clone()));
    }
    if *body.hash != *signature.body_hash {
        return Err(Outcome::BodyChanged);
    }
    if key.verify(&waiting.header, &signature.signature).is_err() {
        return Err(Outcome::SignatureWrong);
    }
    if key.is_rsa() && key.bits() < policy.minimum_key_bits {
        return Err(Outcome::KeyTooSmall);
    }
    if signature.body_length.is_some()
        && policy
            .minimum_body
            .is_some_and(|least| !least.is_met(body.hashed, body.length))
    {
        return Err(Outcome::BodyTooLittleSigned);
    }
    match published.dnssec {
        Dnssec::Insecure if policy.unprotected_key != KeyProtection::Ignore => {
            Err(Outcome::KeyUnprotected(policy.unprotected_key))
        }
        Dnssec::Bogus if policy.bogus_key != KeyProtection::Ignore => {
            Err(Outcome::KeyBogus(policy.bogus_key))
        }
        _ => Ok(()),
    }
}

/// The record's key, if it may be used for this signature (RFC 6376 section 6.1.2).
fn applicable_key<'r>(
    policy: &VerificationPolicy,
    signature: &Signature,
    record: &'r KeyRecord,
) -> Result<&'r PublicKey, Outcome> {
    if !record.for_email {
        return Err(Outcome::KeyNotForEmail);
    }
    if !record.accepts_hash_of(signature.algorithm) {
        return Err(Outcome::KeyHashMismatch);
    }
    let key = match &record.key {
        PublishedKeyData::Key(key) => key,
        PublishedKeyData::Revoked => return Err(Outcome::KeyRevoked),
        PublishedKeyData::Unusable(PublicKeyError::RsaSize(bits))
            if *bits < policy.minimum_key_bits =>
        {
            return Err(Outcome::KeyTooSmall);
        }
        PublishedKeyData::Unusable(error) => return Err(Outcome::KeyUnusable(*error)),
    };
    if key.is_rsa() != (signature.algorithm != Algorithm::Ed25519Sha256) {
        return Err(Outcome::KeyTypeMismatch);
    }
    if record.strict_domain && signature.auid_is_below_domain() {
        return Err(Outcome::SubdomainUnauthorized);
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
