//! Key records: the TXT data at `selector._domainkey.domain` (RFC 6376 section 3.6.1).

use std::borrow::Cow;

use super::{
    Algorithm,
    public_key::{PublicKey, PublicKeyError},
    tag_list::{Printable, TagList, TagListError, decode_base64, is_white},
};

/// Longer records are not read; a 4096-bit RSA key needs about 800 octets.
pub const MAX_KEY_RECORD_OCTETS: usize = 8192;

/// A key record whose syntax is right.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyRecord {
    /// The key (`k=`, `p=`).
    pub key: PublishedKeyData,
    /// The hashes it may be used with (`h=`); `None`: any.
    pub hashes: Option<AcceptableHashes>,
    /// Whether `s=` lets it sign mail.
    pub for_email: bool,
    /// `t=y`: the domain is testing DKIM.
    pub testing: bool,
    /// `t=s`: `i=` must be in `d=` itself, not below it.
    pub strict_domain: bool,
    /// `n=`, a note for people.
    pub note: Option<Printable>,
}

/// What stands in `p=`, read as the key type (`k=`) demands.
#[derive(Debug)]
pub enum PublishedKeyData {
    /// A key that can be used.
    Key(PublicKey),
    /// Nothing: the key was revoked.
    Revoked,
    /// Something that is no key of the kind that `k=` says.
    Unusable(PublicKeyError),
}

/// The known words of `h=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptableHashes {
    /// Whether SHA-256 is listed.
    pub sha256: bool,
    /// Whether SHA-1 is listed.
    pub sha1: bool,
}

/// Why TXT data is no key record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRecordError {
    /// Nothing but white space.
    #[error("the key record is empty")]
    Empty,
    /// More octets than [`MAX_KEY_RECORD_OCTETS`]; it is not even read.
    #[error("the key record has {0} octets, more than {MAX_KEY_RECORD_OCTETS}")]
    TooLong(usize),
    /// Not a tag list.
    #[error("the key record is no tag list: {0}")]
    Syntax(#[from] TagListError),
    /// `v=` is there but is not `DKIM1`, or not the first tag.
    #[error("the key record's v= is {0:?}, or not the first tag")]
    Version(Printable),
    /// A `k=` nobody knows.
    #[error("the key type {0:?} is unknown")]
    KeyType(Printable),
    /// `p=` is missing; an empty one would be a revoked key.
    #[error("the key record has no p=")]
    NoKeyData,
    /// `h=` names no hash that is known.
    #[error("the key record's h={0:?} names no known hash")]
    Hashes(Printable),
}

impl KeyRecord {
    /// Parses the joined strings of one TXT record by the letter.
    ///
    /// ```
    /// use dkim_core::key_record::{KeyRecord, PublishedKeyData};
    ///
    /// let txt = b"v=DKIM1; k=ed25519; t=y; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    /// let record = KeyRecord::parse(txt)?;
    /// assert!(record.testing && record.for_email);
    /// assert!(matches!(record.key, PublishedKeyData::Key(_)));
    /// assert!(matches!(KeyRecord::parse(b"p=")?.key, PublishedKeyData::Revoked));
    /// # Ok::<(), dkim_core::key_record::KeyRecordError>(())
    /// ```
    pub fn parse(txt: &[u8]) -> Result<Self, KeyRecordError> {
        Self::read(txt, Reading::Letter)
    }

    /// Parses it as verifiers do who meet other people's mistakes: hashes in any case, and in `p=` no
    /// account is taken of quotation marks and backslashes, which a zone file left there.
    pub fn tolerant(txt: &[u8]) -> Result<Self, KeyRecordError> {
        Self::read(txt, Reading::Tolerant)
    }

    fn read(txt: &[u8], reading: Reading) -> Result<Self, KeyRecordError> {
        if txt.len() > MAX_KEY_RECORD_OCTETS {
            return Err(KeyRecordError::TooLong(txt.len()));
        }
        if txt.iter().copied().all(is_white) {
            return Err(KeyRecordError::Empty);
        }
        let tags = TagList::parse(txt)?;
        let version = tags.value("v");
        let version_is_first = tags.iter().next().is_some_and(|tag| tag.name == "v");
        if version.is_some_and(|version| version != "DKIM1" || !version_is_first) {
            let version = version.unwrap_or_default();
            return Err(KeyRecordError::Version(Printable::new(version.as_bytes())));
        }
        let kind = match tags.value("k") {
            None | Some("rsa") => KeyKind::Rsa,
            Some("ed25519") => KeyKind::Ed25519,
            Some(other) => return Err(KeyRecordError::KeyType(Printable::new(other.as_bytes()))),
        };
        let hashes = match tags.value("h") {
            None => None,
            Some(list) => {
                let lists = |hash: &str| words(list).any(|word| reading.is_word(word, hash));
                let known = AcceptableHashes {
                    sha256: lists("sha256"),
                    sha1: lists("sha1"),
                };
                if !known.sha256 && !known.sha1 {
                    return Err(KeyRecordError::Hashes(Printable::new(list.as_bytes())));
                }
                Some(known)
            }
        };
        let data = tags.value("p").ok_or(KeyRecordError::NoKeyData)?;
        let flags = tags.value("t").unwrap_or_default();
        Ok(Self {
            key: PublishedKeyData::parse(kind, &reading.key_data(data)),
            hashes,
            for_email: tags
                .value("s")
                .is_none_or(|list| words(list).any(|word| word == "*" || word == "email")),
            testing: words(flags).any(|flag| flag == "y"),
            strict_domain: words(flags).any(|flag| flag == "s"),
            note: tags.value("n").map(|note| Printable::new(note.as_bytes())),
        })
    }

    /// Whether `h=` lets the key be used with the algorithm's hash.
    pub fn accepts_hash_of(&self, algorithm: Algorithm) -> bool {
        self.hashes.is_none_or(|hashes| match algorithm {
            Algorithm::RsaSha256 | Algorithm::Ed25519Sha256 => hashes.sha256,
            Algorithm::RsaSha1 => hashes.sha1,
        })
    }
}

impl PublishedKeyData {
    fn parse(kind: KeyKind, data: &str) -> Self {
        if data.is_empty() {
            return Self::Revoked;
        }
        decode_base64(data)
            .ok_or(PublicKeyError::NotBase64)
            .and_then(|octets| match kind {
                KeyKind::Rsa => PublicKey::rsa(&octets),
                KeyKind::Ed25519 => PublicKey::ed25519(&octets),
            })
            .map_or_else(Self::Unusable, Self::Key)
    }
}

/// How much is made of a record that is not by the letter.
#[derive(Clone, Copy)]
enum Reading {
    Letter,
    Tolerant,
}

impl Reading {
    fn is_word(self, word: &str, known: &str) -> bool {
        match self {
            Self::Letter => word == known,
            Self::Tolerant => word.eq_ignore_ascii_case(known),
        }
    }

    fn key_data(self, data: &str) -> Cow<'_, str> {
        const LEFT_BY_ZONE_FILES: [char; 2] = ['"', '\\'];
        match self {
            Self::Tolerant if data.contains(LEFT_BY_ZONE_FILES) => {
                Cow::Owned(data.replace(LEFT_BY_ZONE_FILES, ""))
            }
            _ => Cow::Borrowed(data),
        }
    }
}

#[derive(Clone, Copy)]
enum KeyKind {
    Rsa,
    Ed25519,
}

/// The words of a list separated by colons, white space around them removed.
pub fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(':')
        .map(|word| word.trim_matches(|c: char| matches!(c, ' ' | '\t' | '\r' | '\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8463 appendix A.2.
    const ED25519: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    /// RFC 8463 appendix A.2, a 1024-bit key.
    const RSA: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3id\
        Y6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6\
        lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

    fn parse(txt: &str) -> Result<KeyRecord, KeyRecordError> {
        KeyRecord::parse(txt.as_bytes())
    }

    #[test]
    fn a_record_with_p_alone_is_an_rsa_key_for_everything() {
        let record = parse(&format!("p={RSA}")).unwrap();
        assert!(
            matches!(&record.key, PublishedKeyData::Key(key) if key.is_rsa() && key.bits() == 1024)
        );
        assert!(record.for_email && !record.testing && !record.strict_domain);
        assert!(record.accepts_hash_of(Algorithm::RsaSha1));
    }

    #[test]
    fn p_may_be_folded_anywhere() {
        let folded: String = RSA.chars().flat_map(|c| [c, ' ']).collect();
        let record = parse(&format!("v=DKIM1; p={folded}")).unwrap();
        assert!(matches!(record.key, PublishedKeyData::Key(_)));
    }

    #[test]
    fn an_ed25519_key_is_32_octets_and_nothing_else() {
        let key = |p: &str| parse(&format!("k=ed25519; p={p}")).unwrap().key;
        assert!(matches!(key(ED25519), PublishedKeyData::Key(key) if !key.is_rsa()));
        let wrapped = format!("MCowBQYDK2VwAyEA{ED25519}");
        let unusable = |p: &str| match key(p) {
            PublishedKeyData::Unusable(error) => error,
            _ => panic!("{p}"),
        };
        for wrong in [wrapped.as_str(), RSA] {
            assert_eq!(unusable(wrong), PublicKeyError::NotEd25519);
        }
        for weak in [
            "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            // The prime and its successor, with either sign: 0 and 1 written otherwise.
            "7f///////////////////////////////////////38=",
            "7v///////////////////////////////////////38=",
            "7f////////////////////////////////////////8=",
            "7v////////////////////////////////////////8=",
        ] {
            assert_eq!(unusable(weak), PublicKeyError::WeakEd25519);
        }
    }

    #[test]
    fn an_empty_p_is_a_revoked_key_and_a_missing_p_is_no_record() {
        assert!(matches!(
            parse("v=DKIM1; p=").unwrap().key,
            PublishedKeyData::Revoked
        ));
        assert_eq!(parse("v=DKIM1").unwrap_err(), KeyRecordError::NoKeyData);
        assert_eq!(parse(" ").unwrap_err(), KeyRecordError::Empty);
    }

    #[test]
    fn the_version_comes_first_and_is_dkim1() {
        for txt in ["v=DKIM2; p=", "v=dkim1; p=", "p=; v=DKIM1", "v=; p="] {
            assert!(
                matches!(parse(txt), Err(KeyRecordError::Version(_))),
                "{txt}"
            );
        }
        assert!(matches!(
            parse("k=dsa; p="),
            Err(KeyRecordError::KeyType(_))
        ));
    }

    #[test]
    fn lists_are_separated_by_colons_with_blanks_around_and_unknown_words_pass() {
        let record = parse("h= x : sha1 ; s=tlsrpt; t= y:z : s; p=").unwrap();
        assert!(record.accepts_hash_of(Algorithm::RsaSha1));
        assert!(!record.accepts_hash_of(Algorithm::RsaSha256));
        assert!(!record.for_email && record.testing && record.strict_domain);
        assert!(parse("s= x : email; p=").unwrap().for_email);
        assert!(matches!(parse("h=md5; p="), Err(KeyRecordError::Hashes(_))));
    }

    #[test]
    fn what_zone_files_and_panels_leave_is_read_where_others_read_it() {
        let (start, end) = RSA.split_at(40);
        for txt in [
            format!("v=DKIM1; p={start}\" \"{end}"),
            format!("v=DKIM1; p=\"{RSA}\""),
            format!("v=DKIM1; p={start}\\{end}"),
            format!("v=DKIM1; h=SHA256; p={RSA}"),
        ] {
            let record = KeyRecord::tolerant(txt.as_bytes()).unwrap();
            assert!(matches!(record.key, PublishedKeyData::Key(_)), "{txt}");
            assert!(record.accepts_hash_of(Algorithm::RsaSha256));
            let by_the_letter = parse(&txt).map(|record| record.key);
            assert!(
                !matches!(by_the_letter, Ok(PublishedKeyData::Key(_))),
                "{txt}"
            );
        }
        for txt in [format!("v=DKIM1; p={RSA}!"), "v=DKIM1; p=\"\"".to_owned()] {
            let record = KeyRecord::tolerant(txt.as_bytes()).unwrap();
            assert!(!matches!(record.key, PublishedKeyData::Key(_)), "{txt}");
        }
        for txt in [
            format!("v=DKIM1; s=EMAIL; p={RSA}"),
            format!("v=DKIM1; h=; p={RSA}"),
            format!("v=DKIM1; k=RSA; p={RSA}"),
            format!("v=DKIM1; x-y=1; p={RSA}"),
        ] {
            let usable = KeyRecord::tolerant(txt.as_bytes()).is_ok_and(|record| record.for_email);
            assert!(!usable, "{txt}");
        }
    }

    #[test]
    fn octets_after_the_key_make_it_unusable() {
        let der = decode_base64(RSA).unwrap();
        assert!(PublicKey::rsa(&der).is_ok());
        let glued = [der.as_slice(), &der].concat();
        assert_eq!(PublicKey::rsa(&glued).unwrap_err(), PublicKeyError::NotRsa);
        for cut in 0..der.len() {
            assert!(PublicKey::rsa(&der[..cut]).is_err());
        }
        assert!(PublicKey::rsa(&der[22..]).is_ok(), "RSAPublicKey alone");
    }

    #[test]
    fn records_of_absurd_length_are_not_parsed() {
        let long = format!("n={}; p=", "x".repeat(MAX_KEY_RECORD_OCTETS));
        assert!(matches!(parse(&long), Err(KeyRecordError::TooLong(_))));
    }
}
