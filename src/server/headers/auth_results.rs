//! Writing Authentication-Results (RFC 8601) in OpenDKIM's layout.
//!
//! Items stand in the order of the signatures. What a message says of itself (`d=`, `i=`, `a=`, `s=`,
//! `b=`) can't show a result of its own to any reader: it is shown only where it is a token, or an
//! address whose local part is a dot-atom.

use std::{borrow::Cow, fmt::Write};

use super::value::{is_token, is_token_char, is_unpadded_base64, quoted, shown_auid};
use crate::{
    decide::opendkim::OpenDkimWords,
    dkim::{
        key_answer::Dnssec,
        outcome::{Outcome, ResultWord},
        verify::SignatureResult,
    },
};

/// Column at which OpenDKIM believes a value to begin.
const FIRST_COLUMN: usize = 25;
/// Column after a fold.
const FOLD_COLUMN: usize = 8;
/// An item that would reach this column goes on a new line.
const MAX_COLUMN: usize = 75;
/// Octets of an item on one line; RFC 5322 section 2.1.1 allows 998 a line.
const MAX_ITEM_OCTETS: usize = 960;
/// Octets of one value; a longer one is left out.
const MAX_VALUE_OCTETS: usize = 900;
/// Octets of `b=` shown, unless more are needed to tell signatures apart (RFC 6008 section 4).
const SIGNATURE_OCTETS: usize = 8;

/// The result of ATPS (RFC 6541 section 8.2), where it is in play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtpsResult {
    /// Nothing was asked for.
    Neutral,
    /// The author domain has authorised the signer.
    Pass,
    /// It has not.
    Fail,
}

impl AtpsResult {
    fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// What is told of an RSA key that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyComment {
    /// Size of the modulus.
    pub bits: u32,
    /// Shown as `secure`, `unprotected` or `bogus`, if the key comes from DNS.
    pub dnssec: Dnssec,
}

/// One item: a signature's result, or that of the message as a whole.
///
/// Tags are as in the signature, white space removed; `None` where the signature has none, and
/// then they are left out of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultItem<'a> {
    /// The result.
    pub result: ResultWord,
    /// `reason="…"`.
    pub reason: Option<&'a str>,
    /// `(…-bit key; …)`.
    pub key: Option<KeyComment>,
    /// A comment in place of the key's: plain words without parentheses.
    pub comment: Option<&'static str>,
    /// `d=`.
    pub domain: Option<&'a str>,
    /// `i=`, decoded; where the signature has none, `@` and `d=` is shown.
    pub auid: Option<&'a str>,
    /// `a=`.
    pub algorithm: Option<&'a str>,
    /// `s=`.
    pub selector: Option<&'a str>,
    /// `b=`.
    pub signature: Option<&'a str>,
}

impl ResultItem<'_> {
    /// An item that says no more than its result.
    pub const fn of(result: ResultWord) -> Self {
        Self {
            result,
            reason: None,
            key: None,
            comment: None,
            domain: None,
            auid: None,
            algorithm: None,
            selector: None,
            signature: None,
        }
    }

    /// The one item of a message whose header section can't be judged.
    pub const MALFORMED: ResultItem<'static> = ResultItem {
        comment: Some("bad message/signature format"),
        ..ResultItem::of(ResultWord::Permerror)
    };
}

impl<'a> From<&'a SignatureResult> for ResultItem<'a> {
    /// The item in OpenDKIM's words.
    fn from(result: &'a SignatureResult) -> Self {
        let words = OpenDkimWords::from(&result.outcome);
        let bits = result.key.and_then(|key| key.rsa_bits);
        Self {
            result: words.result,
            reason: words.reason,
            key: result
                .key
                .zip(bits)
                .filter(|_| tells_key(&result.outcome))
                .map(|(key, bits)| KeyComment {
                    bits,
                    dnssec: key.dnssec,
                }),
            comment: None,
            domain: result.identity.domain.as_deref(),
            auid: result.identity.auid.as_deref(),
            algorithm: result.identity.algorithm.as_deref(),
            selector: result.identity.selector.as_deref(),
            signature: result.identity.signature.as_deref(),
        }
    }
}

/// OpenDKIM tells the size of keys that it went on to use.
fn tells_key(outcome: &Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Ignored | Outcome::KeyHashMismatch | Outcome::KeyNotForEmail
    )
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct AuthResults<'a> {
    /// AuthservID.
    pub authserv_id: &'a str,
    /// AuthservIDWithJobID: the job.
    pub job: Option<&'a str>,
    /// The results; without any, `dkim=none` is written.
    pub items: &'a [ResultItem<'a>],
    /// The item `dkim-atps`, where ATPS is in play.
    pub atps: Option<AtpsResult>,
    /// NoHeaderB: no `header.b`.
    pub omit_signature: bool,
}

impl AuthResults<'_> {
    /// The field's value, without the blank after the colon, folded with LF TAB.
    pub fn value(&self) -> String {
        let mut folded = Folded::new(self.authserv_id(), self.job);
        let shown = shown_signature_octets(self.items);
        if self.items.is_empty() {
            folded.push(&["dkim=none".to_owned()], self.atps.is_none());
        }
        for (index, item) in self.items.iter().enumerate() {
            let last = index + 1 == self.items.len() && self.atps.is_none();
            if item.comment.is_some() {
                // OpenDKIM writes this one apart from the others, and never folds it.
                folded.column = 0;
            }
            folded.push(&self.item(item, shown), last);
        }
        if let Some(atps) = self.atps {
            folded.push(&[format!("dkim-atps={}", atps.as_str())], true);
        }
        folded.text
    }

    fn authserv_id(&self) -> String {
        let plain = self
            .authserv_id
            .chars()
            .all(|c| is_token_char(c) || c == '/');
        if plain && !self.authserv_id.is_empty() {
            self.authserv_id.to_owned()
        } else {
            quoted(self.authserv_id)
        }
    }

    /// The words of an item; they stand on one line unless that gets too long.
    fn item(&self, item: &ResultItem<'_>, shown: usize) -> Vec<String> {
        let mut words = vec![format!("dkim={}", item.result.as_str())];
        if let Some(reason) = item.reason {
            words.push(format!("reason={}", quoted(reason)));
        }
        match (item.key, item.comment) {
            (Some(KeyComment { bits, dnssec }), _) => {
                let mut comment = format!("({bits}-bit key");
                if let Some(word) = dnssec_word(dnssec) {
                    let _ = write!(comment, "; {word}");
                }
                comment.push(')');
                words.push(comment);
            }
            (None, Some(comment)) => words.push(format!("({comment})")),
            (None, None) => {}
        }
        let default_auid = item.domain.map(|domain| format!("@{domain}"));
        let auid = item.auid.or(default_auid.as_deref());
        for (name, value) in [
            ("d", token(item.domain)),
            ("i", auid.and_then(shown_auid)),
            ("a", token(item.algorithm)),
            ("s", token(item.selector)),
        ] {
            if let Some(value) = value.filter(|value| value.len() <= MAX_VALUE_OCTETS) {
                words.push(format!("header.{name}={value}"));
            }
        }
        let signature = item.signature.unwrap_or_default();
        let shown = shown.min(signature.len()).min(MAX_VALUE_OCTETS);
        let beginning = signature.get(..shown).unwrap_or_default();
        if !self.omit_signature && !beginning.is_empty() && is_unpadded_base64(beginning) {
            words.push(format!("header.b={beginning}"));
        }
        words
    }
}

/// A value that can be shown as it is.
fn token(value: Option<&str>) -> Option<Cow<'_, str>> {
    value.filter(|value| is_token(value)).map(Cow::Borrowed)
}

/// A value under way, with the column as OpenDKIM counts it: blanks don't count.
struct Folded {
    text: String,
    column: usize,
}

impl Folded {
    fn new(mut authserv_id: String, job: Option<&str>) -> Self {
        if let Some(job) = job {
            authserv_id.push('/');
            authserv_id.extend(job.chars().filter(|&c| is_token_char(c)));
        }
        authserv_id.push(';');
        Self {
            column: FIRST_COLUMN + authserv_id.len(),
            text: authserv_id,
        }
    }

    fn push(&mut self, words: &[String], last: bool) {
        let end = if last { "" } else { ";" };
        let length = words.iter().map(|word| word.len() + 1).sum::<usize>() - 1 + end.len();
        if self.column + length >= MAX_COLUMN {
            self.text.push_str("\n\t");
            self.column = FOLD_COLUMN;
        } else {
            self.text.push(' ');
        }
        let between = if length > MAX_ITEM_OCTETS {
            "\n\t"
        } else {
            " "
        };
        self.text.push_str(&words.join(between));
        self.text.push_str(end);
        self.column += length;
    }
}

/// OpenDKIM's word for a key's DNSSEC state.
fn dnssec_word(dnssec: Dnssec) -> Option<&'static str> {
    match dnssec {
        Dnssec::Unknown => None,
        Dnssec::Secure => Some("secure"),
        Dnssec::Insecure => Some("unprotected"),
        Dnssec::Bogus => Some("bogus"),
    }
}

/// How much of each `b=` is shown: as much as tells all of them apart, the same for all.
fn shown_signature_octets(items: &[ResultItem<'_>]) -> usize {
    let signatures: Vec<&str> = items.iter().filter_map(|item| item.signature).collect();
    let mut shown = SIGNATURE_OCTETS;
    for (index, one) in signatures.iter().enumerate() {
        for other in &signatures[..index] {
            if one == other {
                continue;
            }
            let common = one
                .bytes()
                .zip(other.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            shown = shown.max(common + 1);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dkim::verify::{Identity, KeyFacts};

    const SIGNED: ResultItem<'static> = ResultItem {
        result: ResultWord::Pass,
        reason: None,
        key: Some(KeyComment {
            bits: 2048,
            dnssec: Dnssec::Insecure,
        }),
        comment: None,
        domain: Some("example.com"),
        auid: None,
        algorithm: Some("rsa-sha256"),
        selector: Some("sel"),
        signature: Some("GilHhoYNabcdefgh"),
    };

    fn value(items: &[ResultItem<'_>]) -> String {
        AuthResults {
            authserv_id: "mail.example.com",
            job: None,
            items,
            atps: None,
            omit_signature: false,
        }
        .value()
    }

    #[test]
    fn a_signature_stands_on_its_own_line() {
        assert_eq!(
            value(&[SIGNED]),
            "mail.example.com;\n\tdkim=pass (2048-bit key; unprotected) header.d=example.com \
             header.i=@example.com header.a=rsa-sha256 header.s=sel header.b=GilHhoYN"
        );
    }

    #[test]
    fn nothing_checked_is_none_and_a_malformed_message_is_permerror() {
        assert_eq!(value(&[]), "mail.example.com; dkim=none");
        assert_eq!(
            value(&[ResultItem::MALFORMED]),
            "mail.example.com; dkim=permerror (bad message/signature format)"
        );
    }

    #[test]
    fn tags_that_are_not_there_are_left_out() {
        let item = ResultItem {
            auid: None,
            domain: None,
            selector: None,
            algorithm: None,
            key: None,
            result: ResultWord::Permerror,
            ..SIGNED
        };
        assert_eq!(
            value(&[item]),
            "mail.example.com; dkim=permerror header.b=GilHhoYN"
        );
    }

    #[test]
    fn values_from_mail_can_not_break_the_syntax() {
        let item = ResultItem {
            key: None,
            domain: Some("example.com; spf=pass"),
            auid: Some("a b\r\nX: y\"\\@example.com"),
            algorithm: Some("rsa-sha256 (x"),
            selector: Some("s;el"),
            signature: Some("abc;d"),
            ..SIGNED
        };
        assert_eq!(
            value(&[item]),
            "mail.example.com; dkim=pass header.i=@example.com"
        );
    }

    #[test]
    fn a_verdict_is_written_in_opendkim_s_words() {
        let identity = Identity {
            domain: Some("example.com".into()),
            selector: Some("s768".into()),
            auid: Some("a@example.com".into()),
            algorithm: Some("rsa-sha256".into()),
            signature: Some("QdNI3/wVxyz".into()),
        };
        let mut key = KeyFacts::default();
        key.dnssec = Dnssec::Secure;
        let mut ed25519 = SignatureResult::new(0, Identity::default(), Outcome::Pass);
        ed25519.key = Some(key);
        key.rsa_bits = Some(768);
        let mut result = SignatureResult::new(0, identity, Outcome::KeyTooSmall);
        result.key = Some(key);
        assert_eq!(
            value(&[(&result).into(), (&ed25519).into()]),
            "mail.example.com;\n\tdkim=policy reason=\"signing key too small\" \
             (768-bit key; secure) header.d=example.com header.i=a@example.com \
             header.a=rsa-sha256 header.s=s768 header.b=QdNI3/wV;\n\tdkim=pass"
        );
    }

    #[test]
    fn no_line_is_longer_than_mail_allows() {
        let long = "l".repeat(MAX_VALUE_OCTETS - 12) + "@example.com";
        let item = ResultItem {
            auid: Some(&long),
            ..SIGNED
        };
        assert!(value(&[item]).lines().all(|line| line.len() < 998));
        let too_long = "l".repeat(MAX_VALUE_OCTETS) + "@example.com";
        let item = ResultItem {
            auid: Some(&too_long),
            ..SIGNED
        };
        assert!(!value(&[item]).contains("header.i"));
    }

    #[test]
    fn an_authserv_id_with_odd_characters_is_quoted() {
        let field = AuthResults {
            authserv_id: "mail example",
            job: Some("4XyZ;1"),
            items: &[],
            atps: Some(AtpsResult::Neutral),
            omit_signature: false,
        };
        assert_eq!(
            field.value(),
            "\"mail example\"/4XyZ1; dkim=none; dkim-atps=neutral"
        );
    }
}
