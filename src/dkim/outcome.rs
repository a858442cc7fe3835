//! What verifying one signature came to, and the words for it (RFC 8601).

use std::borrow::Cow;

use super::{
    key_answer::DnsFailure, key_record::KeyRecordError, public_key::PublicKeyError,
    signature_error::SignatureError, tag_list::Printable,
};

/// The one cause that decided about a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The signature is good.
    Pass,
    /// Not verified: beyond the limit of signatures, not of a trusted domain, or over the budget of
    /// key names.
    Ignored,
    /// The DKIM-Signature field is not one.
    Malformed(SignatureError),
    /// `x=` lies in the past, beyond the drift that clocks may have.
    Expired,
    /// `t=` lies in the future, beyond the drift that clocks may have.
    FromTheFuture,
    /// rsa-sha1, which RFC 8301 section 3.1 forbids.
    AlgorithmRefused,
    /// A field that must be signed where it is present is not covered.
    FieldUnprotected(Printable),
    /// `l=` is larger than the canonical body.
    BodyShorterThanSigned,
    /// `l=` leaves out more of the body than the policy accepts.
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
    /// The RSA key is smaller than the policy accepts.
    KeyTooSmall,
    /// `t=s` of the key, but `i=` is below `d=`.
    SubdomainUnauthorized,
    /// A good signature, but DNSSEC does not protect its key.
    KeyUnprotected(KeyProtection),
    /// A good signature, but DNSSEC says that its key is forged.
    KeyBogus(KeyProtection),
}

/// A result word of RFC 8601 section 2.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultWord {
    /// Some key of the domain signed it, and nothing speaks against that.
    Pass,
    /// Signed, but it does not verify.
    Fail,
    /// Signed, but not judged.
    Neutral,
    /// Signed, but not acceptable here.
    Policy,
    /// Not known now; asking again later may tell.
    Temperror,
    /// Signature or key are such that it will never verify.
    Permerror,
}

/// What becomes of a good signature whose key DNSSEC does not protect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyProtection {
    /// It passes all the same.
    #[default]
    Ignore,
    /// It is neutral, as if it had not been judged.
    Neutral,
    /// It is not acceptable (`policy`).
    Fail,
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

impl KeyProtection {
    /// The word for a good signature whose key is so judged.
    pub fn result(self) -> ResultWord {
        match self {
            Self::Ignore => ResultWord::Pass,
            Self::Neutral => ResultWord::Neutral,
            Self::Fail => ResultWord::Policy,
        }
    }
}

impl Outcome {
    /// The cause as one stable word for programs.
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
            Self::KeyUnprotected(action) | Self::KeyBogus(action) => action.result(),
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

    /// One sentence for people, which names the tag, the field or the record at fault.
    pub fn explanation(&self) -> Cow<'static, str> {
        match self {
            Self::Malformed(error) => error.to_string().into(),
            Self::FieldUnprotected(name) => {
                format!("the field {name} is present but not signed").into()
            }
            Self::DnsFailed(failure) => format!("asking for the key: {failure}").into(),
            Self::KeyRecordInvalid(error) => error.to_string().into(),
            Self::KeyUnusable(error) => error.to_string().into(),
            other => other.plain().into(),
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
            Self::BodyTooLittleSigned => "l= leaves more of the body unsigned than is acceptable",
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
            Self::KeyTooSmall => "the RSA key is smaller than is acceptable",
            Self::SubdomainUnauthorized => {
                "the key (t=s) does not sign for subdomains, but i= is one"
            }
            Self::KeyUnprotected(_) => "the key is not protected by DNSSEC",
            Self::KeyBogus(_) => "DNSSEC says that the key is forged",
            Self::Malformed(_) => "the field is malformed",
            Self::FieldUnprotected(_) => "a field is present but not signed",
            Self::DnsFailed(_) => "DNS gave no answer",
            Self::KeyRecordInvalid(_) | Self::KeyUnusable(_) => "the key record is unusable",
        }
    }
}
