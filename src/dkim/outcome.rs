//! What verifying one signature came to, and the words for it: RFC 8601's, and OpenDKIM's.

use super::{
    key_answer::DnsFailure,
    key_record::KeyRecordError,
    public_key::PublicKeyError,
    tag_list::Printable,
    verify::{KeyProtection, SignatureError},
};

/// The one cause that decided about a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The signature is good.
    Pass,
    /// Not verified: beyond MaximumSignaturesToVerify, not of a trusted domain, or over a budget.
    Ignored,
    /// The DKIM-Signature field is not one.
    Malformed(SignatureError),
    /// `x=` lies in the past, ClockDrift considered.
    Expired,
    /// `t=` lies in the future, ClockDrift considered.
    FromTheFuture,
    /// rsa-sha1, which RFC 8301 section 3.1 forbids.
    AlgorithmRefused,
    /// A field of MustBeSigned is there but not covered.
    FieldUnprotected(Printable),
    /// `l=` is larger than the canonical body.
    BodyShorterThanSigned,
    /// `l=` leaves out more than Minimum allows.
    BodyTooLittleSigned,
    /// The body hash differs: the body was changed.
    BodyChanged,
    /// The body is as it was, but the signature does not fit: a covered field was changed, or the
    /// key is another.
    SignatureWrong,
    /// No key at the name.
    KeyNotFound,
    /// Several TXT records at the name.
    SeveralKeys,
    /// DNS gave no answer.
    DnsFailed(DnsFailure),
    /// The TXT record is no key record.
    KeyRecordInvalid(KeyRecordError),
    /// `p=` is empty.
    KeyRevoked,
    /// `p=` holds no key.
    KeyUnusable(PublicKeyError),
    /// The key is RSA and the signature Ed25519, or the other way round.
    KeyTypeMismatch,
    /// `h=` of the key does not list the signature's hash.
    KeyHashMismatch,
    /// `s=` of the key does not list e-mail.
    KeyNotForEmail,
    /// The RSA key is smaller than MinimumKeyBits.
    KeyTooSmall,
    /// `t=s` of the key, but `i=` is below `d=`.
    SubdomainUnauthorized,
    /// A good signature, but DNSSEC does not protect its key (UnprotectedKey).
    KeyUnprotected(KeyProtection),
    /// A good signature, but DNSSEC says that its key is forged (BogusKey).
    KeyBogus(KeyProtection),
}

/// A result word of RFC 8601 section 2.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultWord {
    /// Signed and acceptable.
    Pass,
    /// Signed, but it does not verify.
    Fail,
    /// Signed, but not judged.
    Neutral,
    /// Signed, but not acceptable here.
    Policy,
    /// Try again later.
    Temperror,
    /// Never verifiable.
    Permerror,
}

/// What OpenDKIM says of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenDkimWords {
    /// The word after `dkim=`.
    pub result: ResultWord,
    /// `reason="…"`, where OpenDKIM writes one.
    pub reason: Option<&'static str>,
    /// The text of its log lines and of LogResults.
    pub text: &'static str,
}

/// The option that decides the reply when this outcome decides about the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Governor {
    /// None: the message is let through.
    Nobody,
    /// On-BadSignature.
    OnBadSignature,
    /// On-KeyNotFound.
    OnKeyNotFound,
    /// On-DNSError, where it was set.
    OnDnsError,
    /// On-NoSignature.
    OnNoSignature,
}

impl ResultWord {
    /// As written after `dkim=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Neutral => "neutral",
            Self::Policy => "policy",
            Self::Temperror => "temperror",
            Self::Permerror => "permerror",
        }
    }
}

impl Outcome {
    /// The cause as one word for programs (`dkimd verify --json`).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Ignored => "ignored",
            Self::Malformed(_) => "malformed-signature",
            Self::Expired => "expired",
            Self::FromTheFuture => "from-the-future",
            Self::AlgorithmRefused => "algorithm-refused",
            Self::FieldUnprotected(_) => "field-unprotected",
            Self::BodyShorterThanSigned => "body-shorter-than-signed",
            Self::BodyTooLittleSigned => "body-too-little-signed",
            Self::BodyChanged => "body-changed",
            Self::SignatureWrong => "signature-wrong",
            Self::KeyNotFound => "key-not-found",
            Self::SeveralKeys => "several-keys",
            Self::DnsFailed(_) => "dns-failed",
            Self::KeyRecordInvalid(_) => "key-record-invalid",
            Self::KeyRevoked => "key-revoked",
            Self::KeyUnusable(_) => "key-unusable",
            Self::KeyTypeMismatch => "key-type-mismatch",
            Self::KeyHashMismatch => "key-hash-mismatch",
            Self::KeyNotForEmail => "key-not-for-email",
            Self::KeyTooSmall => "key-too-small",
            Self::SubdomainUnauthorized => "subdomain-unauthorized",
            Self::KeyUnprotected(_) => "key-unprotected",
            Self::KeyBogus(_) => "key-bogus",
        }
    }

    /// RFC 8601's word, with RFC 6376 section 6.1 telling PERMFAIL from TEMPFAIL.
    pub fn result(&self) -> ResultWord {
        match self {
            Self::Pass => ResultWord::Pass,
            Self::BodyChanged | Self::SignatureWrong => ResultWord::Fail,
            Self::Ignored => ResultWord::Neutral,
            Self::DnsFailed(_) => ResultWord::Temperror,
            Self::AlgorithmRefused
            | Self::KeyTooSmall
            | Self::FieldUnprotected(_)
            | Self::BodyTooLittleSigned => ResultWord::Policy,
            Self::KeyUnprotected(action) | Self::KeyBogus(action) => protection_word(*action),
            Self::Malformed(_)
            | Self::Expired
            | Self::FromTheFuture
            | Self::BodyShorterThanSigned
            | Self::KeyNotFound
            | Self::SeveralKeys
            | Self::KeyRecordInvalid(_)
            | Self::KeyRevoked
            | Self::KeyUnusable(_)
            | Self::KeyTypeMismatch
            | Self::KeyHashMismatch
            | Self::KeyNotForEmail
            | Self::SubdomainUnauthorized => ResultWord::Permerror,
        }
    }

    /// OpenDKIM's words. Where OpenDKIM has no such outcome, or gives up on the whole message, the
    /// words are those it would have.
    pub fn opendkim(&self) -> OpenDkimWords {
        use ResultWord::{Fail, Neutral, Pass, Permerror, Policy, Temperror};
        let quiet = |result, text| OpenDkimWords {
            result,
            reason: None,
            text,
        };
        let told = |result, text| OpenDkimWords {
            result,
            reason: Some(text),
            text,
        };
        match self {
            Self::Pass => quiet(Pass, "no signature error"),
            Self::Ignored => quiet(Neutral, "no signature error"),
            // OpenDKIM compares the text of bh=, so to it a corrupt one is another hash.
            Self::Malformed(SignatureError::Invalid { tag: "bh", .. }) => {
                told(Fail, "signature verification failed")
            }
            Self::Malformed(error) => quiet(Permerror, malformed_text(error)),
            Self::Expired => quiet(Permerror, "signature expired"),
            Self::FromTheFuture => quiet(Permerror, "signature timestamp in the future"),
            Self::AlgorithmRefused => told(Policy, "rsa-sha1 not acceptable"),
            Self::FieldUnprotected(_) => told(Fail, "unprotected header field"),
            Self::BodyShorterThanSigned => told(Fail, "length tag value exceeds body size"),
            Self::BodyTooLittleSigned => told(Policy, "too much of the body unsigned"),
            Self::BodyChanged | Self::SignatureWrong => told(Fail, "signature verification failed"),
            Self::KeyNotFound => told(Fail, "key not found in DNS"),
            // OpenDKIM says temperror of this and of broken records, though trying again changes nothing
            // (RFC 6376 section 6.1.2).
            Self::SeveralKeys => quiet(Permerror, "multiple keys found"),
            Self::DnsFailed(_) => quiet(Temperror, "key DNS query failed"),
            Self::KeyRecordInvalid(error) => match error {
                KeyRecordError::Version(_) => told(Fail, "unknown key version"),
                KeyRecordError::KeyType(_) => told(Fail, "unknown key type"),
                KeyRecordError::Hashes(_) => told(Fail, "unknown key hash"),
                KeyRecordError::Empty
                | KeyRecordError::TooLong(_)
                | KeyRecordError::Syntax(_)
                | KeyRecordError::NoKeyData => quiet(Permerror, "key DNS reply corrupt"),
            },
            Self::KeyRevoked => told(Fail, "key revoked"),
            Self::KeyUnusable(_) | Self::KeyTypeMismatch => {
                quiet(Permerror, "unable to apply public key")
            }
            Self::KeyHashMismatch => told(Fail, "signature-key hash mismatch"),
            Self::KeyNotForEmail => told(Fail, "not an e-mail key"),
            Self::KeyTooSmall => told(Policy, "signing key too small"),
            Self::SubdomainUnauthorized => told(Fail, "unauthorized subdomain"),
            Self::KeyUnprotected(action) | Self::KeyBogus(action) => {
                quiet(protection_word(*action), "no signature error")
            }
        }
    }

    /// Which On-* option acts when this outcome decides about the message. As in OpenDKIM none acts
    /// on records that are there and broken: the signer's administrator is at fault, not the message.
    pub fn governor(&self) -> Governor {
        match self {
            Self::BodyChanged | Self::SignatureWrong | Self::KeyRevoked => Governor::OnBadSignature,
            Self::Malformed(SignatureError::Invalid { tag: "bh", .. }) => Governor::OnBadSignature,
            Self::Malformed(error) if error.stops_opendkim() => Governor::OnBadSignature,
            Self::KeyUnprotected(KeyProtection::Fail) | Self::KeyBogus(KeyProtection::Fail) => {
                Governor::OnBadSignature
            }
            Self::KeyNotFound => Governor::OnKeyNotFound,
            Self::DnsFailed(_) => Governor::OnDnsError,
            Self::Ignored => Governor::OnNoSignature,
            _ => Governor::Nobody,
        }
    }

    /// One sentence for people, which names the tag, the field or the record at fault.
    pub fn explanation(&self) -> String {
        match self {
            Self::Malformed(error) => error.to_string(),
            Self::FieldUnprotected(name) => format!("the field {name} is present but not signed"),
            Self::DnsFailed(failure) => format!("asking for the key: {failure}"),
            Self::KeyRecordInvalid(error) => error.to_string(),
            Self::KeyUnusable(error) => error.to_string(),
            other => other.plain().to_owned(),
        }
    }

    fn plain(&self) -> &'static str {
        match self {
            Self::Pass => "the signature is good",
            Self::Ignored => "not verified: too many signatures, or none that counts here",
            Self::Expired => "the signature's lifetime (x=) is over",
            Self::FromTheFuture => "the signature was made in the future (t=)",
            Self::AlgorithmRefused => "rsa-sha1 is not acceptable (RFC 8301)",
            Self::BodyShorterThanSigned => "the body is shorter than l= says",
            Self::BodyTooLittleSigned => "l= leaves more of the body unsigned than Minimum allows",
            Self::BodyChanged => "the body was changed after signing (bh= differs)",
            Self::SignatureWrong => {
                "the body is unchanged, but a signed header field was changed, or the key is not \
                 the signer's"
            }
            Self::KeyNotFound => "there is no key at that name",
            Self::SeveralKeys => "there are several TXT records at the key's name",
            Self::KeyRevoked => "the key was revoked (empty p=)",
            Self::KeyTypeMismatch => "the key is of another type than the signature (a=, k=)",
            Self::KeyHashMismatch => "the key is not meant for this hash (h=)",
            Self::KeyNotForEmail => "the key is not meant for e-mail (s=)",
            Self::KeyTooSmall => "the RSA key is smaller than MinimumKeyBits",
            Self::SubdomainUnauthorized => {
                "the key (t=s) does not sign for subdomains, but i= is one"
            }
            Self::KeyUnprotected(_) => "the key is not protected by DNSSEC (UnprotectedKey)",
            Self::KeyBogus(_) => "DNSSEC says that the key is forged (BogusKey)",
            Self::Malformed(_) => "the field is malformed",
            Self::FieldUnprotected(_) => "a field is present but not signed",
            Self::DnsFailed(_) => "DNS gave no answer",
            Self::KeyRecordInvalid(_) | Self::KeyUnusable(_) => "the key record is unusable",
        }
    }
}

fn protection_word(action: KeyProtection) -> ResultWord {
    match action {
        KeyProtection::Ignore => ResultWord::Pass,
        KeyProtection::Neutral => ResultWord::Neutral,
        KeyProtection::Fail => ResultWord::Policy,
    }
}

/// OpenDKIM's text for a field that is no signature.
fn malformed_text(error: &SignatureError) -> &'static str {
    use SignatureError as E;
    match error {
        E::TagList(_) => "signature syntax error",
        E::Missing("v") => "version missing",
        E::Missing("a") => "signature algorithm missing",
        E::Missing("d") => "domain tag missing",
        E::Missing("s") => "selector tag missing",
        E::Missing("h") => "header list missing",
        E::Missing("bh") => "body hash missing",
        E::Missing(_) => "signature data missing",
        E::Empty("v") => "version empty",
        E::Empty("a") => "signature algorithm missing",
        E::Empty("d") => "domain tag empty",
        E::Empty("s") => "selector tag empty",
        E::Empty("h") => "header list tag empty",
        E::Empty("bh") => "body hash empty",
        E::Empty(_) => "signature data empty",
        E::Invalid { tag, .. } => match *tag {
            "v" => "unsupported signature version",
            "a" => "signature algorithm invalid",
            "c" => "invalid header canonicalization",
            "q" => "query method invalid",
            "l" => "body length value invalid",
            "i" => "invalid domain coverage",
            "b" => "signature data corrupt",
            _ => "signature syntax error",
        },
        E::BodyCanonicalization(_) => "invalid body canonicalization",
        E::FromUnsigned => "header list missing required entries",
        E::TooManySignedFields => "signature syntax error",
        E::AuidOutsideDomain(_) => "invalid domain coverage",
        E::ExpiresBeforeSigned => "signature timestamp order error",
    }
}
