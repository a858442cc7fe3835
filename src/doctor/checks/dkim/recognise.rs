//! What is wrong with one text that stands where a key record ought to stand: the usual accidents
//! on its way from the key file through a web panel into DNS.

use dkim_core::{
    Algorithm,
    crypto::PrivateKey,
    key_record::{KeyRecord, KeyRecordError, PublishedKeyData},
    public_key::PublicKeyError,
    tag_list::decode_base64,
};

/// SubjectPublicKeyInfo of an Ed25519 key, up to the key itself (RFC 8410 section 4).
const ED25519_WRAPPER: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// A key this similar to ours is ours with a typing error, not another: keys of one kind share
/// their first and last characters alone.
const SIMILAR_PERCENT: usize = 80;
/// Octets of `p=` that tell a piece of our key from chance.
const TELLING: usize = 60;

/// What a text is, beside what it ought to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recognised {
    /// The record of our key.
    Ours(Traits),
    /// `p=` is empty.
    Revoked,
    /// Quotation marks within the text.
    Quotes,
    /// Parentheses of a zone file within the text.
    Parentheses,
    /// Backslashes of a zone file within the text.
    Backslashes,
    /// A whole line of a zone file, name and type included.
    WholeLine,
    /// The key ends early, after so many of so many characters.
    CutOff(usize, usize),
    /// Letters of the key were changed to lower case.
    LowerCase,
    /// The key differs from ours in so many characters.
    Typo(usize),
    /// An Ed25519 key in the DER wrapper of OpenSSL.
    Wrapped,
    /// Our key, but `k=` says another kind (or none).
    WrongKind,
    /// `v=` is not `DKIM1`, or not the first tag.
    Version,
    /// There is no `p=`.
    NoKey,
    /// The record of another key.
    Other,
    /// No key record at all: some other text.
    Foreign,
    /// Broken in another way.
    Broken(String),
}

/// What else the record of our key says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traits {
    /// `s=` leaves mail out.
    pub not_for_email: bool,
    /// `h=` leaves SHA-256 out.
    pub not_for_sha256: bool,
    /// `t=y`.
    pub testing: bool,
}

/// Recognises what `text` is; `private` is the key that it ought to belong to.
pub(super) fn recognise(text: &[u8], private: &dyn PrivateKey) -> Recognised {
    let parsed = KeyRecord::parse(text);
    if let Ok(record) = &parsed
        && let PublishedKeyData::Key(public) = &record.key
        && public.fits(private)
    {
        return Recognised::Ours(traits(record));
    }
    let text = String::from_utf8_lossy(text);
    if let Some(accident) = pasted_wrongly(&text) {
        return accident;
    }
    if matches!(&parsed, Ok(record) if matches!(record.key, PublishedKeyData::Revoked)) {
        return Recognised::Revoked;
    }
    let Some(published) = published_key(&text) else {
        return match looks_like_a_record(&text) {
            true => Recognised::NoKey,
            false => Recognised::Foreign,
        };
    };
    if let Some(accident) = compared(&published, private) {
        return match (accident, &parsed) {
            (Recognised::WrongKind, Err(KeyRecordError::Version(_))) => Recognised::Version,
            (Recognised::WrongKind, Err(error)) => match error {
                KeyRecordError::KeyType(_) => Recognised::WrongKind,
                error => Recognised::Broken(error.to_string()),
            },
            (accident, _) => accident,
        };
    }
    match parsed {
        Err(KeyRecordError::Version(_)) => Recognised::Version,
        Err(error) => Recognised::Broken(error.to_string()),
        Ok(record) => match record.key {
            PublishedKeyData::Unusable(error @ PublicKeyError::WeakEd25519) => {
                Recognised::Broken(error.to_string())
            }
            PublishedKeyData::Unusable(error) if decode_base64(&published).is_none() => {
                Recognised::Broken(error.to_string())
            }
            _ => Recognised::Other,
        },
    }
}

/// What the record says beside the key.
pub(super) fn traits(record: &KeyRecord) -> Traits {
    Traits {
        not_for_email: !record.for_email,
        not_for_sha256: !record.accepts_hash_of(Algorithm::RsaSha256),
        testing: record.testing,
    }
}

/// Signs of a zone file or a web panel that are no part of any key record.
fn pasted_wrongly(text: &str) -> Option<Recognised> {
    let words = || text.split_ascii_whitespace();
    let is_line = words().any(|word| word == "TXT")
        || words()
            .next()
            .is_some_and(|word| word.contains("._domainkey"));
    if !looks_like_a_record(text) && !is_line {
        return None;
    }
    match text {
        _ if is_line => Some(Recognised::WholeLine),
        text if text.contains(['"', '“', '”', '\'']) => Some(Recognised::Quotes),
        text if text.contains('\\') => Some(Recognised::Backslashes),
        text if text.contains(['(', ')']) => Some(Recognised::Parentheses),
        _ => None,
    }
}

/// Whether a text was ever meant as a key record.
pub(super) fn looks_like_a_record(text: &str) -> bool {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let lower = squeezed.to_ascii_lowercase();
    lower.contains("dkim")
        || lower.contains("p=mi")
        || lower.contains("k=rsa")
        || lower.contains("k=ed25519")
}

/// The value of `p=`, white space taken out, whatever the rest of the record is.
fn published_key(text: &str) -> Option<String> {
    let tag = text.split(';').find_map(|tag| {
        let tag = tag.trim_start();
        let value = tag.strip_prefix('p')?.trim_start();
        value.strip_prefix('=')
    })?;
    let value: String = tag.chars().filter(|c| !c.is_whitespace()).collect();
    (!value.is_empty()).then_some(value)
}

fn compared(published: &str, private: &dyn PrivateKey) -> Option<Recognised> {
    let octets = private.public_key();
    let ours = data_encoding::BASE64.encode(&octets);
    if published.trim_end_matches('=') == ours.trim_end_matches('=') {
        return Some(Recognised::WrongKind);
    }
    let unwrapped = decode_base64(published)
        .and_then(|der| der.strip_prefix(&ED25519_WRAPPER).map(<[u8]>::to_vec));
    if unwrapped.is_some_and(|inner| inner == octets) {
        return Some(Recognised::Wrapped);
    }
    let (length, whole) = (published.len(), ours.len());
    // What is cut off may have been filled up with something else.
    let common = published
        .bytes()
        .zip(ours.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    if length < whole && (common == length) && common >= TELLING.min(whole / 2) {
        return Some(Recognised::CutOff(length, whole));
    }
    if published.eq_ignore_ascii_case(&ours) {
        return Some(Recognised::LowerCase);
    }
    let different = published
        .bytes()
        .zip(ours.bytes())
        .filter(|(a, b)| a != b)
        .count();
    if length == whole && different * 100 <= whole * (100 - SIMILAR_PERCENT) {
        return Some(Recognised::Typo(different));
    }
    // A character lost or too many: what stands before and behind it is ours.
    let behind = published
        .bytes()
        .rev()
        .zip(ours.bytes().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let shorter = length.min(whole);
    if common >= TELLING && (common + behind) * 100 >= shorter * SIMILAR_PERCENT {
        return Some(Recognised::Typo(length.abs_diff(whole).max(1)));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use dkimd_keygen::generate::{KeyKind, generate};
    use dkimd_server::keys::load::private_key;

    fn key(kind: KeyKind) -> (Arc<dyn PrivateKey>, String) {
        let key = generate(kind).unwrap();
        let public = data_encoding::BASE64.encode(&key.public);
        (private_key(key.pem.as_bytes()).unwrap(), public)
    }

    #[test]
    fn accidents_of_an_rsa_record_are_told_apart() {
        let (private, p) = key(KeyKind::Rsa(2048));
        let (_, other) = key(KeyKind::Rsa(2048));
        let at = p.len() - 100;
        // Another letter, not the same one in the other case: that is an accident of its own.
        let turned = if p.as_bytes()[at].eq_ignore_ascii_case(&b'A') {
            "B"
        } else {
            "A"
        };
        let typo = format!("{}{turned}{}", &p[..at], &p[at + 1..]);
        let lost = format!("{}{}", &p[..at], &p[at + 1..]);
        let cut = &p[..245];
        for (text, expected) in [
            (
                format!("v=DKIM1; k=rsa; p={p}"),
                Recognised::Ours(Traits::default()),
            ),
            (
                format!("p={} {}", &p[..200], &p[200..]),
                Recognised::Ours(Traits::default()),
            ),
            (
                format!("v=DKIM1; t=y; s=tlsrpt; h=sha1; p={p}"),
                Recognised::Ours(Traits {
                    not_for_email: true,
                    not_for_sha256: true,
                    testing: true,
                }),
            ),
            (format!("\"v=DKIM1; k=rsa; p={p}\""), Recognised::Quotes),
            (
                format!("v=DKIM1; k=rsa; p={}\" \"{}", &p[..250], &p[250..]),
                Recognised::Quotes,
            ),
            (
                format!("( v=DKIM1; k=rsa; p={p} )"),
                Recognised::Parentheses,
            ),
            (
                format!("v=DKIM1\\; k=rsa\\; p={p}"),
                Recognised::Backslashes,
            ),
            (
                format!("mail._domainkey IN TXT ( \"v=DKIM1; k=rsa; p={p}\" )"),
                Recognised::WholeLine,
            ),
            (
                format!("v=DKIM1; k=rsa; p={cut}"),
                Recognised::CutOff(245, p.len()),
            ),
            (
                format!("v=DKIM1; k=rsa; p={}", p.to_ascii_lowercase()),
                Recognised::LowerCase,
            ),
            (format!("v=DKIM1; k=rsa; p={typo}"), Recognised::Typo(1)),
            (format!("v=DKIM1; k=rsa; p={lost}"), Recognised::Typo(1)),
            (format!("v=DKIM1; k=ed25519; p={p}"), Recognised::WrongKind),
            (format!("v=DKIM2; k=rsa; p={p}"), Recognised::Version),
            (format!("k=rsa; v=DKIM1; p={p}"), Recognised::Version),
            (format!("v=DKIM1; k=rsa; p={other}"), Recognised::Other),
            ("v=DKIM1; k=rsa; p=".to_owned(), Recognised::Revoked),
            ("v=DKIM1; k=rsa".to_owned(), Recognised::NoKey),
            ("v=spf1 mx -all".to_owned(), Recognised::Foreign),
            (String::new(), Recognised::Foreign),
        ] {
            assert_eq!(recognise(text.as_bytes(), &*private), expected, "{text}");
        }
        let commas = format!("v=DKIM1, k=rsa, p={p}");
        assert!(matches!(
            recognise(commas.as_bytes(), &*private),
            Recognised::NoKey
        ));
    }

    #[test]
    fn accidents_of_an_ed25519_record_are_told_apart() {
        let (private, p) = key(KeyKind::Ed25519);
        let octets = private.public_key();
        let wrapped = [ED25519_WRAPPER.as_slice(), &octets].concat();
        let wrapped = data_encoding::BASE64.encode(&wrapped);
        let (_, other) = key(KeyKind::Ed25519);
        for (text, expected) in [
            (
                format!("v=DKIM1; k=ed25519; p={p}"),
                Recognised::Ours(Traits::default()),
            ),
            (
                format!("v=DKIM1; k=ed25519; p={wrapped}"),
                Recognised::Wrapped,
            ),
            (format!("v=DKIM1; k=rsa; p={p}"), Recognised::WrongKind),
            (format!("v=DKIM1; p={p}"), Recognised::WrongKind),
            (format!("v=DKIM1; k=ed25519; p={other}"), Recognised::Other),
            (
                format!("v=DKIM1; k=ed25519; p=AQ{}=", "A".repeat(41)),
                Recognised::Broken(PublicKeyError::WeakEd25519.to_string()),
            ),
        ] {
            assert_eq!(recognise(text.as_bytes(), &*private), expected, "{text}");
        }
    }
}
