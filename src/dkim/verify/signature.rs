//! A DKIM-Signature field as received, parsed by RFC 6376 section 3.5 without leniency.

use std::ops::Range;

use crate::{
    Algorithm, Canon, Canonicalization, UnixTime,
    key_record::words,
    name::{Auid, Domain, Selector, ascii_name},
    signature_error::{MAX_SIGNED_FIELDS, SignatureError},
    tag_list::{Printable, Tag, TagList, decode_base64, is_white},
};

/// A number of more digits counts as endless (RFC 6376 section 3.5, `x=`).
const MAX_TIME_DIGITS: usize = 12;

/// A signature whose syntax is right.
#[derive(Clone, Debug)]
pub struct Signature {
    /// `a=`, which names key type and hash.
    pub algorithm: Algorithm,
    /// `c=`; what it leaves out is simple.
    pub canonicalization: Canonicalization,
    /// `d=`, the domain that signs.
    pub domain: Domain,
    /// `s=`, which names the key among the domain's.
    pub selector: Selector,
    /// `i=`, decoded; absent: `@d`.
    pub auid: Option<Auid>,
    /// `h=`, the names of the covered fields in their order.
    pub signed_fields: Vec<Box<str>>,
    /// `bh=`, the hash of the canonical body, decoded.
    pub body_hash: Vec<u8>,
    /// `b=`, the signature itself, decoded.
    pub signature: Vec<u8>,
    /// `l=`, how many canonical octets of the body are covered; `None`: all.
    pub body_length: Option<u64>,
    /// `t=`, when it was signed, where it says so.
    pub signed_at: Option<UnixTime>,
    /// `x=`, when it ceases to count, where it says so.
    pub expires_at: Option<UnixTime>,
    /// `r=y`: the signer would like failure reports (RFC 6651).
    pub reports_requested: bool,
    /// `z=` as written: fields as they were when signed, for diagnosis only.
    pub copied_fields: Option<Box<str>>,
    /// `atps=` and `atpsh=` (RFC 6541).
    pub third_party: Option<ThirdParty>,
    /// Where the octets between `b=` and the next `;` lie in the field's value.
    pub(super) signature_span: Range<usize>,
}

/// The tags of RFC 6541: `d=` signs by leave of another domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThirdParty {
    /// `atps=`: the author domain.
    pub author_domain: Box<str>,
    /// `atpsh=`: how the name of the permission is made.
    pub hash: Option<Box<str>>,
}

impl Signature {
    /// Parses a field's value: all between the colon and the final line end.
    ///
    /// ```
    /// use dkim_core::verify::Signature;
    ///
    /// let value = b" v=1; a=rsa-sha256; d=example.com; s=2026; h=From:Subject;\r\n\t\
    ///     bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=AAAA";
    /// let signature = Signature::parse(value)?;
    /// assert_eq!(signature.domain.as_str(), "example.com");
    /// let error = Signature::parse(b"v=1; a=rsa-sha256; d=example.com").unwrap_err();
    /// assert_eq!(error.to_string(), "tag s is missing");
    /// # Ok::<(), dkim_core::verify::SignatureError>(())
    /// ```
    pub fn parse(value: &[u8]) -> Result<Self, SignatureError> {
        Self::from_tags(&TagList::parse(value)?)
    }

    /// Reads the tags of a field whose value is a tag list.
    pub fn from_tags(tags: &TagList<'_>) -> Result<Self, SignatureError> {
        let version = required(tags, "v")?;
        if version.value != "1" {
            return Err(invalid("v", version.value));
        }
        let algorithm = match required(tags, "a")?.value {
            "rsa-sha256" => Algorithm::RsaSha256,
            "ed25519-sha256" => Algorithm::Ed25519Sha256,
            "rsa-sha1" => Algorithm::RsaSha1,
            other => return Err(invalid("a", other)),
        };
        let domain = required(tags, "d")?.value;
        let domain = domain_name(domain).ok_or_else(|| invalid("d", domain))?;
        let selector = required(tags, "s")?.value;
        let selector = Some(selector)
            .filter(|text| ascii_name(text).is_some())
            .and_then(|text| Selector::parse(text).ok())
            .ok_or_else(|| invalid("s", selector))?;
        let canonicalization = tags
            .value("c")
            .map_or(Ok(Default::default()), canonicalization)?;
        if let Some(methods) = tags.value("q")
            && !words(methods).any(|method| method == "dns/txt")
        {
            return Err(invalid("q", methods));
        }
        let signed_fields = signed_fields(required(tags, "h")?.value)?;
        let auid = tags
            .value("i")
            .map(|text| auid(text, &domain))
            .transpose()?;
        let body_length = number(tags, "l", usize::MAX)?;
        let signed_at = number(tags, "t", MAX_TIME_DIGITS)?.map(UnixTime);
        let expires_at = number(tags, "x", MAX_TIME_DIGITS)?.map(UnixTime);
        if let (Some(signed_at), Some(expires_at)) = (signed_at, expires_at)
            && expires_at <= signed_at
        {
            return Err(SignatureError::ExpiresBeforeSigned);
        }
        let body_hash = base64(required(tags, "bh")?)?;
        if body_hash.len() != algorithm.digest_octets() {
            return Err(invalid("bh", required(tags, "bh")?.value));
        }
        let signature = required(tags, "b")?;
        Ok(Self {
            algorithm,
            canonicalization,
            domain,
            selector,
            auid,
            signed_fields,
            body_hash,
            signature: base64(signature)?,
            body_length,
            signed_at,
            expires_at,
            reports_requested: tags.value("r") == Some("y"),
            copied_fields: tags.value("z").map(Into::into),
            third_party: tags.value("atps").map(|author_domain| ThirdParty {
                author_domain: author_domain.into(),
                hash: tags.value("atpsh").map(Into::into),
            }),
            signature_span: signature.span.clone(),
        })
    }

    /// The field's value as it is hashed for its own signature: without what stands in `b=`
    /// (RFC 6376 section 3.7).
    pub fn without_signature(&self, value: &[u8]) -> Vec<u8> {
        let Range { start, end } = self.signature_span;
        let before = value.get(..start).unwrap_or_default();
        let after = value.get(end..).unwrap_or_default();
        [before, after].concat()
    }

    /// Whether `i=` lies below `d=` rather than in it, which `t=s` in the key forbids.
    pub fn auid_is_below_domain(&self) -> bool {
        self.auid
            .as_ref()
            .is_some_and(|auid| ascii_name(auid.domain()) != ascii_name(self.domain.as_str()))
    }
}

impl Algorithm {
    /// Length of its digest, and so of `bh=`.
    pub(super) fn digest_octets(self) -> usize {
        match self {
            Self::RsaSha256 | Self::Ed25519Sha256 => 32,
            Self::RsaSha1 => 20,
        }
    }
}

fn required<'t, 'a>(
    tags: &'t TagList<'a>,
    name: &'static str,
) -> Result<&'t Tag<'a>, SignatureError> {
    let tag = tags.find(name).ok_or(SignatureError::Missing(name))?;
    if tag.value.is_empty() {
        return Err(SignatureError::Empty(name));
    }
    Ok(tag)
}

fn invalid(tag: &'static str, value: &str) -> SignatureError {
    SignatureError::Invalid {
        tag,
        value: Printable::new(value.as_bytes()),
    }
}

/// `d=`: a name that DNS can hold, without the dot of zone files at its end.
pub(super) fn domain_name(text: &str) -> Option<Domain> {
    if text.ends_with('.') {
        return None;
    }
    ascii_name(text)?;
    Domain::parse(text).ok()
}

fn canonicalization(text: &str) -> Result<Canonicalization, SignatureError> {
    let canon = |word: &str| match word {
        "simple" => Some(Canon::Simple),
        "relaxed" => Some(Canon::Relaxed),
        _ => None,
    };
    let (header, body) = text.split_once('/').unwrap_or((text, "simple"));
    Ok(Canonicalization {
        header: canon(header).ok_or_else(|| invalid("c", text))?,
        body: canon(body)
            .ok_or_else(|| SignatureError::BodyCanonicalization(Printable::new(body.as_bytes())))?,
    })
}

fn signed_fields(list: &str) -> Result<Vec<Box<str>>, SignatureError> {
    let mut names: Vec<Box<str>> = Vec::with_capacity(24);
    for name in words(list) {
        if name.is_empty() || !name.bytes().all(|c| matches!(c, b'!'..=b'~')) {
            return Err(invalid("h", list));
        }
        if names.len() == MAX_SIGNED_FIELDS {
            return Err(SignatureError::TooManySignedFields);
        }
        names.push(Box::from(name));
    }
    if !names.iter().any(|name| name.eq_ignore_ascii_case("From")) {
        return Err(SignatureError::FromUnsigned);
    }
    Ok(names)
}

fn auid(text: &str, domain: &Domain) -> Result<Auid, SignatureError> {
    let auid = decoded_auid(text).ok_or_else(|| invalid("i", text))?;
    let below = ascii_name(auid.domain()).ok_or_else(|| invalid("i", text))?;
    let within = domain.covers(auid.domain())
        || ascii_name(domain.as_str())
            .and_then(|ascii| Domain::parse(&ascii).ok())
            .is_some_and(|domain| domain.covers(&below));
    if !within {
        return Err(SignatureError::AuidOutsideDomain(Printable::new(
            text.as_bytes(),
        )));
    }
    Ok(auid)
}

/// `i=` as it stands in the tag: one at sign outside quotes (others are encoded, or in a quoted
/// string), no dot at the end.
pub(super) fn decoded_auid(text: &str) -> Option<Auid> {
    let mut quoted = false;
    let mut escaped = false;
    let bare_ats = text.chars().filter(|c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '@' => return !quoted,
            _ => {}
        }
        false
    });
    if bare_ats.count() != 1 || text.ends_with('.') {
        return None;
    }
    Auid::parse(&decode_quoted_printable(text)?).ok()
}

/// `dkim-quoted-printable` (RFC 6376 section 2.11): white space is ignored.
fn decode_quoted_printable(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'=' => {
                let mut digit = || match rest.next()? {
                    digit @ b'0'..=b'9' => Some(digit - b'0'),
                    digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
                    _ => None,
                };
                decoded.push(digit()? << 4 | digit()?);
            }
            white if is_white(white) => {}
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded).ok()
}

fn number(
    tags: &TagList<'_>,
    name: &'static str,
    finite_digits: usize,
) -> Result<Option<u64>, SignatureError> {
    let Some(text) = tags.value(name) else {
        return Ok(None);
    };
    if text.is_empty() || !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(invalid(name, text));
    }
    let significant = text.trim_start_matches('0');
    if significant.len() > finite_digits {
        return Ok(Some(u64::MAX));
    }
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}

fn base64(tag: &Tag<'_>) -> Result<Vec<u8>, SignatureError> {
    let name = if tag.name == "b" { "b" } else { "bh" };
    match decode_base64(tag.value) {
        Some(octets) if !octets.is_empty() => Ok(octets),
        _ => Err(invalid(name, tag.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = " v=1; a=rsa-sha256; c=relaxed/simple; d=example.com; s=sel;\r\n\t\
        t=100; x=200; i=joe=40x@mail.Example.com; q=foo:dns/txt; l=10; h=From : To\r\n\t:Subject;\r\n\t\
        bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; z=From:a; unknown=x;\r\n\tb=AAAA\r\n\tBBBB";

    fn with(from: &str, to: &str) -> Result<Signature, SignatureError> {
        assert!(GOOD.contains(from), "{from}");
        Signature::parse(GOOD.replace(from, to).as_bytes())
    }

    fn refused(from: &str, to: &str) -> String {
        with(from, to).expect_err(to).to_string()
    }

    #[test]
    fn every_tag_is_read() {
        let signature = with("unknown", "other").unwrap();
        assert_eq!(signature.algorithm, Algorithm::RsaSha256);
        assert_eq!(signature.canonicalization.header, Canon::Relaxed);
        assert_eq!(signature.canonicalization.body, Canon::Simple);
        assert_eq!(
            signature.auid.as_ref().unwrap().as_str(),
            "joe@x@mail.Example.com"
        );
        assert!(signature.auid_is_below_domain());
        assert_eq!(
            signature.signed_fields,
            ["From".into(), "To".into(), "Subject".into()]
        );
        assert_eq!(signature.signed_at, Some(UnixTime(100)));
        assert_eq!(signature.expires_at, Some(UnixTime(200)));
        assert_eq!(signature.body_length, Some(10));
        assert_eq!(signature.signature.len(), 6);
        assert_eq!(signature.copied_fields.as_deref(), Some("From:a"));
    }

    #[test]
    fn one_word_in_c_means_a_simple_body_and_no_c_means_simple_all_over() {
        let canon = |to| with("c=relaxed/simple;", to).unwrap().canonicalization;
        assert_eq!(canon("c=relaxed;").header, Canon::Relaxed);
        assert_eq!(canon("c=relaxed;").body, Canon::Simple);
        assert_eq!(canon(""), Canonicalization::default());
        for wrong in [
            "c=;",
            "c=Relaxed;",
            "c=relaxed/;",
            "c=/simple;",
            "c=simple/simple/simple;",
        ] {
            with("c=relaxed/simple;", wrong).expect_err(wrong);
        }
    }

    #[test]
    fn required_tags_must_be_there_and_must_not_be_empty() {
        for (tag, name) in [
            ("v=1;", "v"),
            ("a=rsa-sha256;", "a"),
            ("d=example.com;", "d"),
            ("s=sel;", "s"),
            ("h=From : To\r\n\t:Subject;", "h"),
            ("bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;", "bh"),
            ("b=AAAA\r\n\tBBBB", "b"),
        ] {
            assert_eq!(
                with(tag, "u=0;").unwrap_err(),
                SignatureError::Missing(name)
            );
            let empty = format!("{name}=;");
            assert_eq!(with(tag, &empty).unwrap_err(), SignatureError::Empty(name));
        }
    }

    #[test]
    fn values_outside_the_grammar_are_refused_with_their_tag() {
        for (from, to, told) in [
            ("v=1", "v=2", "tag v holds \"2\""),
            ("v=1", "v=0.5", "tag v holds"),
            ("rsa-sha256", "RSA-SHA256", "tag a holds"),
            ("d=example.com", "d=example.com.", "tag d holds"),
            ("d=example.com", "d=exam ple.com", "tag d holds"),
            ("s=sel", "s=a..b", "tag s holds"),
            ("t=100", "t=-1", "tag t holds"),
            ("x=200", "x=", "tag x holds"),
            ("x=200", "x=100", "tag x is not later"),
            ("l=10", "l=1 0", "tag l holds"),
            ("q=foo:dns/txt", "q=http", "tag q holds"),
            ("From : To", "From::To", "tag h holds"),
            ("From : To", "To", "does not name From"),
            (
                "joe=40x@mail.Example.com",
                "joe@example.org",
                "not within tag d",
            ),
            (
                "joe=40x@mail.Example.com",
                "joe@badexample.com",
                "not within tag d",
            ),
            ("joe=40x@mail.Example.com", "example.com", "tag i holds"),
            (
                "joe=40x@mail.Example.com",
                "joe=4@example.com",
                "tag i holds",
            ),
            ("bh=47DEQ", "bh=DEQ", "tag bh holds"),
            ("b=AAAA", "b=A*AA", "tag b holds"),
            ("unknown=", "d=", "more than once"),
        ] {
            let text = refused(from, to);
            assert!(text.contains(told), "{to}: {text}");
        }
    }

    #[test]
    fn an_identifier_has_one_at_sign_that_is_neither_quoted_nor_encoded() {
        let identified = |i: &str| with("joe=40x@mail.Example.com", i);
        for good in ["@example.com", "\"a@b\"@example.com", "a=40@example.com"] {
            identified(good).expect(good);
        }
        for wrong in ["@@example.com", "a@b@example.com", "\"a@example.com\"", ""] {
            let error = identified(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with("tag i holds"), "{wrong}: {error}");
        }
    }

    #[test]
    fn u_labels_and_a_labels_are_the_same_domain() {
        let signature = Signature::parse(
            GOOD.replace("d=example.com", "d=b\u{fc}cher.example")
                .replace(
                    "joe=40x@mail.Example.com",
                    "j\u{f6}rg@m.xn--bcher-kva.example",
                )
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(signature.domain.as_str(), "b\u{fc}cher.example");
    }

    #[test]
    fn numbers_beyond_all_bounds_are_endless() {
        let far = with("x=200", "x=1000000000000000000000").unwrap();
        assert_eq!(far.expires_at, Some(UnixTime(u64::MAX)));
        let long = with("l=10", &format!("l={}", "9".repeat(76))).unwrap();
        assert_eq!(long.body_length, Some(u64::MAX));
    }

    #[test]
    fn the_signature_is_cut_out_with_its_white_space() {
        let value = GOOD.replace("b=AAAA\r\n\tBBBB", "b=\r\n AAAA\r\n BBBB \r\n ; n=x");
        let signature = Signature::parse(value.as_bytes()).unwrap();
        let cut = signature.without_signature(value.as_bytes());
        assert!(cut.ends_with(b"\r\n\tb=; n=x"));
    }

    #[test]
    fn too_many_signed_fields_are_refused() {
        let many = format!("From{}", ":a".repeat(MAX_SIGNED_FIELDS));
        assert_eq!(
            with("From : To", &many).unwrap_err(),
            SignatureError::TooManySignedFields
        );
    }
}
