//! What OpenDKIM makes of a signature's outcome: its words for results field and log, and the option
//! that decides what becomes of the message. Kept as it is, since filters and log watchers know it.

use crate::dkim::{
    key_record::KeyRecordError,
    outcome::{KeyProtection, Outcome, ResultWord},
    signature_error::SignatureError,
};

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

impl From<&Outcome> for OpenDkimWords {
    /// Where OpenDKIM has no such outcome, or gives up on the whole message, the words are those it
    /// would have.
    fn from(outcome: &Outcome) -> Self {
        use ResultWord::{Fail, Neutral, Pass, Permerror, Policy, Temperror};
        let quiet = |result, text| Self {
            result,
            reason: None,
            text,
        };
        let told = |result, text| Self {
            result,
            reason: Some(text),
            text,
        };
        match outcome {
            Outcome::Pass => quiet(Pass, "no signature error"),
            Outcome::Ignored => quiet(Neutral, "no signature error"),
            // OpenDKIM compares the text of bh=, so to it a corrupt one is another hash.
            Outcome::Malformed(SignatureError::Invalid { tag: "bh", .. }) => {
                told(Fail, "signature verification failed")
            }
            Outcome::Malformed(error) => quiet(Permerror, malformed_text(error)),
            Outcome::Expired => quiet(Permerror, "signature expired"),
            Outcome::FromTheFuture => quiet(Permerror, "signature timestamp in the future"),
            Outcome::AlgorithmRefused => told(Policy, "rsa-sha1 not acceptable"),
            Outcome::FieldUnprotected(_) => told(Fail, "unprotected header field"),
            Outcome::BodyShorterThanSigned => told(Fail, "length tag value exceeds body size"),
            Outcome::BodyTooLittleSigned => told(Policy, "too much of the body unsigned"),
            Outcome::BodyChanged | Outcome::SignatureWrong => {
                told(Fail, "signature verification failed")
            }
            Outcome::KeyNotFound => told(Fail, "key not found in DNS"),
            // OpenDKIM says temperror of this and of broken records, though trying again changes nothing
            // (RFC 6376 section 6.1.2).
            Outcome::SeveralKeys => quiet(Permerror, "multiple keys found"),
            Outcome::DnsFailed(_) => quiet(Temperror, "key DNS query failed"),
            Outcome::KeyRecordInvalid(error) => match error {
                KeyRecordError::Version(_) => told(Fail, "unknown key version"),
                KeyRecordError::KeyType(_) => told(Fail, "unknown key type"),
                KeyRecordError::Hashes(_) => told(Fail, "unknown key hash"),
                // Whatever else keeps a text from being a key record.
                _ => quiet(Permerror, "key DNS reply corrupt"),
            },
            Outcome::KeyRevoked => told(Fail, "key revoked"),
            Outcome::KeyUnusable(_) | Outcome::KeyTypeMismatch => {
                quiet(Permerror, "unable to apply public key")
            }
            Outcome::KeyHashMismatch => told(Fail, "signature-key hash mismatch"),
            Outcome::KeyNotForEmail => told(Fail, "not an e-mail key"),
            Outcome::KeyTooSmall => told(Policy, "signing key too small"),
            Outcome::SubdomainUnauthorized => told(Fail, "unauthorized subdomain"),
            Outcome::KeyUnprotected(action) | Outcome::KeyBogus(action) => {
                quiet(action.result(), "no signature error")
            }
        }
    }
}

impl From<&Outcome> for Governor {
    /// As in OpenDKIM no option acts on records that are there and broken: the signer's administrator
    /// is at fault, not the message.
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::BodyChanged | Outcome::SignatureWrong | Outcome::KeyRevoked => {
                Self::OnBadSignature
            }
            Outcome::Malformed(SignatureError::Invalid { tag: "bh", .. }) => Self::OnBadSignature,
            Outcome::Malformed(error) if stops_opendkim(error) => Self::OnBadSignature,
            Outcome::KeyUnprotected(KeyProtection::Fail)
            | Outcome::KeyBogus(KeyProtection::Fail) => Self::OnBadSignature,
            Outcome::KeyNotFound => Self::OnKeyNotFound,
            Outcome::DnsFailed(_) => Self::OnDnsError,
            Outcome::Ignored => Self::OnNoSignature,
            _ => Self::Nobody,
        }
    }
}

/// Whether OpenDKIM would have given up on the whole message for it, under On-BadSignature.
pub fn stops_opendkim(error: &SignatureError) -> bool {
    match error {
        SignatureError::TagList(_) | SignatureError::Missing(_) => true,
        SignatureError::Invalid { tag, .. } => matches!(*tag, "d" | "t" | "x"),
        _ => false,
    }
}

/// One sentence for people, which names the tag, the field or the record at fault, and the option
/// where one of ours decided.
pub fn explanation(outcome: &Outcome) -> String {
    let sentence = match outcome {
        Outcome::BodyTooLittleSigned => "l= leaves more of the body unsigned than Minimum allows",
        Outcome::KeyTooSmall => "the RSA key is smaller than MinimumKeyBits",
        Outcome::KeyUnprotected(_) => "the key is not protected by DNSSEC (UnprotectedKey)",
        Outcome::KeyBogus(_) => "DNSSEC says that the key is forged (BogusKey)",
        other => return other.explanation().into_owned(),
    };
    sentence.to_owned()
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
        E::AuidOutsideDomain(_) => "invalid domain coverage",
        E::ExpiresBeforeSigned => "signature timestamp order error",
        // Whatever else keeps a field from being a signature, such as too many signed fields.
        _ => "signature syntax error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dkim::{key_record::KeyRecord, public_key::PublicKeyError};

    /// Trying again changes nothing (RFC 6376 section 6.1.2), and no On-* option acts, as in OpenDKIM.
    #[test]
    fn a_record_that_is_there_and_broken_is_a_permanent_error_in_the_field_too() {
        let long = format!("v=DKIM1; p=; n={}", "x".repeat(8192));
        let broken = ["v=DKIM1; k=rsa", "p=; n=a; n=b", "p=; x-y=1", "", &long];
        let broken = broken
            .map(|txt| Outcome::KeyRecordInvalid(KeyRecord::tolerant(txt.as_bytes()).unwrap_err()));
        for outcome in broken.into_iter().chain([Outcome::SeveralKeys]) {
            let words = OpenDkimWords::from(&outcome);
            let word = (words.result, words.reason);
            assert_eq!(word, (ResultWord::Permerror, None), "{outcome:?}");
            assert_eq!(Governor::from(&outcome), Governor::Nobody, "{outcome:?}");
        }
    }

    #[test]
    fn a_weak_ed25519_key_is_a_permanent_error_in_the_field() {
        let weak = Outcome::KeyUnusable(PublicKeyError::WeakEd25519);
        let words = OpenDkimWords::from(&weak);
        assert_eq!(words.result, ResultWord::Permerror);
        assert_eq!(
            (words.reason, words.text),
            (None, "unable to apply public key")
        );
        assert_eq!(Governor::from(&weak), Governor::Nobody);
    }

    #[test]
    fn a_field_that_stops_opendkim_is_a_bad_signature_and_others_are_let_through() {
        let governor = |error| Governor::from(&Outcome::Malformed(error));
        let stops = SignatureError::Missing("s");
        assert_eq!(governor(stops), Governor::OnBadSignature);
        assert_eq!(governor(SignatureError::FromUnsigned), Governor::Nobody);
    }

    #[test]
    fn an_explanation_names_the_option_that_decided() {
        for (outcome, option) in [
            (Outcome::BodyTooLittleSigned, "Minimum "),
            (Outcome::KeyTooSmall, "MinimumKeyBits"),
            (
                Outcome::KeyUnprotected(KeyProtection::Fail),
                "UnprotectedKey",
            ),
            (Outcome::KeyBogus(KeyProtection::Fail), "BogusKey"),
        ] {
            let text = explanation(&outcome);
            assert!(text.contains(option), "{text}");
            assert!(!outcome.explanation().contains(option), "{text}");
        }
        let other = Outcome::BodyChanged;
        assert_eq!(explanation(&other), other.explanation());
    }
}
