//! The DKIM-Signature field as it is written (RFC 6376 section 3.5): tags, their order, encodings.

use std::fmt::Write;

use data_encoding::BASE64;

use super::{
    Algorithm, Canon, Canonicalization, UnixTime,
    fold::{Break, FoldedValue},
    header::Field,
    name::{Auid, Domain, Selector},
};

/// The field's name as written.
pub const FIELD_NAME: &str = "DKIM-Signature";

/// Everything that a DKIM-Signature says, but for the signature itself.
#[derive(Clone, Debug)]
pub struct SignatureTags<'a> {
    /// `a=`, which names key type and hash.
    pub algorithm: Algorithm,
    /// `c=`, which names the canonicalization of header section and body.
    pub canonicalization: Canonicalization,
    /// `d=`, the domain that signs.
    pub domain: &'a Domain,
    /// `s=`, which names the key among the domain's.
    pub selector: &'a Selector,
    /// `t=`, when it was signed.
    pub time: UnixTime,
    /// `x=`, when it ceases to count.
    pub expiry: Option<UnixTime>,
    /// `i=`, for whom the domain signs.
    pub auid: Option<&'a Auid>,
    /// Further tags in the order of their addition; written in reverse.
    pub extra_tags: &'a [(String, String)],
    /// `r=y` (RFC 6651), written after the further tags.
    pub request_reports: bool,
    /// `bh=`, the hash of the canonical body.
    pub body_hash: &'a [u8],
    /// `l=`, how many canonical octets of the body are covered.
    pub body_length: Option<u64>,
    /// `h=`, the names of the covered fields, between colons.
    pub signed_names: &'a str,
    /// `z=`, the covered fields as they were (see [`append_copied_field`]).
    pub copied_fields: Option<&'a str>,
}

impl SignatureTags<'_> {
    /// The value as far as `b=`, which is the last tag and still empty. It ends with `b=`, at the
    /// place where the signature is to be appended with [`FoldedValue::push_anywhere`].
    pub fn unsigned_value(&self) -> FoldedValue {
        let mut value = FoldedValue::new(FIELD_NAME.len() + ": ".len());
        let mut rest = String::new();
        let mut tag = |head: &str, content: &dyn std::fmt::Display, breaks| {
            rest.clear();
            // Writing to a String never fails.
            let _ = write!(rest, "{content};");
            value.push_tag(head, &rest, breaks);
        };
        tag("v=", &1, Break::Never);
        tag("a=", &self.algorithm.as_str(), Break::Never);
        tag("c=", &CanonTag(self.canonicalization), Break::Never);
        tag("d=", &self.domain, Break::Never);
        tag("s=", &self.selector, Break::Never);
        tag("t=", &self.time.0, Break::Never);
        if let Some(expiry) = self.expiry {
            tag("x=", &expiry.0, Break::Never);
        }
        if let Some(auid) = self.auid {
            tag("i=", &encoded_auid(auid), Break::Never);
        }
        for (name, content) in self.extra_tags.iter().rev() {
            tag(&format!("{name}="), content, Break::Never);
        }
        if self.request_reports {
            tag("r=", &"y", Break::Never);
        }
        tag("bh=", &BASE64.encode(self.body_hash), Break::Anywhere);
        if let Some(length) = self.body_length {
            tag("l=", &length, Break::Never);
        }
        tag("h=", &self.signed_names, Break::AtColons);
        if let Some(copied) = self.copied_fields {
            tag("z=", &copied, Break::Anywhere);
        }
        // The shortest signature there is, 64 octets, is 88 columns of base64: it never fits on a
        // line with anything else.
        value.begin_tag_on_new_line("b=");
        value
    }
}

/// The words of `c=`.
struct CanonTag(Canonicalization);

impl std::fmt::Display for CanonTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |canon| match canon {
            Canon::Simple => "simple",
            Canon::Relaxed => "relaxed",
        };
        write!(f, "{}/{}", word(self.0.header), word(self.0.body))
    }
}

/// `i=` in dkim-quoted-printable as far as it must be: SP, `;` and `=`. Other characters than
/// ASCII stay as they are (RFC 8616 section 3).
fn encoded_auid(auid: &Auid) -> String {
    let mut encoded = String::with_capacity(auid.as_str().len());
    for char in auid.as_str().chars() {
        match char {
            ' ' | ';' | '=' => push_hex(char as u8, &mut encoded),
            other => encoded.push(other),
        }
    }
    encoded
}

/// Appends a field to the content of `z=` (RFC 6376 section 3.5): name, colon, and value in
/// dkim-quoted-printable with `|` encoded, since that parts the fields.
pub fn append_copied_field(field: Field<'_>, copied: &mut String) {
    if !copied.is_empty() {
        copied.push('|');
    }
    append_quoted_printable(field.bare_name(), copied);
    copied.push(':');
    append_quoted_printable(field.value, copied);
}

fn append_quoted_printable(octets: &[u8], encoded: &mut String) {
    for &octet in octets {
        match octet {
            b';' | b'=' | b'|' => push_hex(octet, encoded),
            graphic if graphic.is_ascii_graphic() => encoded.push(char::from(graphic)),
            other => push_hex(other, encoded),
        }
    }
}

fn push_hex(octet: u8, encoded: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    encoded.push('=');
    encoded.push(char::from(DIGITS[usize::from(octet >> 4)]));
    encoded.push(char::from(DIGITS[usize::from(octet & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_fields_are_quoted_so_that_they_can_be_told_apart() {
        let mut copied = String::new();
        for (name, value) in [("Subject", " a;b=c|d\u{e9}\r\n\te"), ("To", "")] {
            let field = Field {
                name: name.as_bytes(),
                value: value.as_bytes(),
            };
            append_copied_field(field, &mut copied);
        }
        assert_eq!(copied, "Subject:=20a=3Bb=3Dc=7Cd=C3=A9=0D=0A=09e|To:");
    }

    #[test]
    fn an_identifier_never_breaks_the_tag_list() {
        let auid = Auid::parse("\"a b;c=d\"@example.com").unwrap();
        assert_eq!(encoded_auid(&auid), "\"a=20b=3Bc=3Dd\"@example.com");
    }
}
