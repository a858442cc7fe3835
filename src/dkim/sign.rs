//! The signer: header section in, body chunks in, DKIM-Signature fields out (RFC 6376 section 5).

use std::{sync::Arc, time::Duration};

use super::{
    Canonicalization, UnixTime,
    crypto::PrivateKey,
    header::HeaderSection,
    name::{Auid, Domain, Selector},
    select::HeaderSelection,
};

/// What is the same for every message signed under one configuration.
#[derive(Clone, Debug)]
pub struct SigningPolicy {
    /// `c=`.
    pub canonicalization: Canonicalization,
    /// Which fields go into `h=`.
    pub headers: HeaderSelection,
    /// SignatureTTL: `x=` is `t=` plus this.
    pub lifetime: Option<Duration>,
    /// Diagnostics: add `z=` with the signed fields.
    pub copied_headers: bool,
    /// RequestReports: add `r=y` (RFC 6651).
    pub request_reports: bool,
    /// FixCRLF: treat bare CR and bare LF as line ends before hashing.
    pub fix_crlf: bool,
}

/// How much of the body a signature covers (`l=`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLength {
    /// All of it, without `l=`.
    #[default]
    Whole,
    /// All of it, its canonical length told in `l=` (BodyLengthDB).
    Told,
    /// At most that many canonical octets, with `l=` (MaximumSignedBytes).
    AtMost(u64),
}

/// One signature wanted on the message.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    /// `d=`.
    pub domain: Domain,
    /// `s=`.
    pub selector: Selector,
    /// `i=`, left out when `None`.
    pub auid: Option<Auid>,
    /// The key; `a=` follows from it.
    pub key: Arc<dyn PrivateKey>,
    /// `l=`.
    pub body_length: BodyLength,
    /// Tags between the known ones and `bh=` (`r`, `atps`, `atpsh`, extensions), in the order of
    /// their addition; OpenDKIM writes them in reverse.
    pub extra_tags: Vec<(String, String)>,
}

/// A finished DKIM-Signature field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureField {
    /// What stands after `DKIM-Signature:`, without a leading space, folded with CRLF TAB.
    pub value: String,
    /// `d=`.
    pub domain: Domain,
    /// `s=`.
    pub selector: Selector,
    /// `a=`.
    pub algorithm: super::Algorithm,
}

/// Why no signature could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
#[derive(Debug)]
pub struct Signer {}

impl Signer {
    /// Begins a message.
    pub fn new(policy: Arc<SigningPolicy>, requests: Vec<SigningRequest>) -> Self {
        todo!("H1: {policy:?} {requests:?}")
    }

    /// Feeds body octets, in chunks of any size.
    pub fn body(&mut self, chunk: &[u8]) {
        todo!("H1: {chunk:?}")
    }

    /// Whether more body could change any hash (RFC 6376 section 3.5, `l=`).
    pub fn wants_body(&self) -> bool {
        todo!("H1")
    }

    /// Ends the body and signs. `section` is hashed exactly as it stands. Fields come in request
    /// order.
    pub fn finish(
        self,
        section: &HeaderSection,
        now: UnixTime,
    ) -> Result<Vec<SignatureField>, SignError> {
        todo!("H1: {section:?} {now:?}")
    }
}
