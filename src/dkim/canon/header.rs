//! Header field canonicalization (RFC 6376 sections 3.4.1 and 3.4.2).

use crate::{
    Canon,
    header::{Field, is_wsp},
};

/// Appends the canonical form of a field, its final CRLF included.
pub fn canonical_field(canon: Canon, field: Field<'_>, out: &mut Vec<u8>) {
    canonical_signature_field(canon, field, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends the canonical form of a field without the final CRLF, as the DKIM-Signature field under
/// work is hashed, after all others (RFC 6376 section 3.7).
pub fn canonical_signature_field(canon: Canon, field: Field<'_>, out: &mut Vec<u8>) {
    out.reserve(field.name.len() + field.value.len() + 3);
    match canon {
        Canon::Simple => {
            out.extend_from_slice(field.name);
            out.push(b':');
            out.extend_from_slice(field.value);
        }
        Canon::Relaxed => {
            append_relaxed_name(field.name, out);
            out.push(b':');
            append_relaxed_value(field.value, out);
        }
    }
}

/// Lower case, without the white space that RFC 5322's obsolete syntax allows before the colon.
fn append_relaxed_name(name: &[u8], out: &mut Vec<u8>) {
    let end = name
        .iter()
        .rposition(|&octet| !is_wsp(octet))
        .map_or(0, |last| last + 1);
    out.extend(name[..end].iter().map(u8::to_ascii_lowercase));
}

/// Unfolded, each run of white space as one SP, none at either end.
fn append_relaxed_value(value: &[u8], out: &mut Vec<u8>) {
    let start_of_value = out.len();
    let mut rest = value;
    loop {
        let blank = leading_white_space(rest);
        rest = &rest[blank..];
        if rest.is_empty() {
            return;
        }
        if blank > 0 && out.len() > start_of_value {
            out.push(b' ');
        }
        let word = word_length(rest);
        out.extend_from_slice(&rest[..word]);
        rest = &rest[word..];
    }
}

/// Length of the run of WSP and folds at the start.
fn leading_white_space(octets: &[u8]) -> usize {
    let mut length = 0;
    loop {
        match octets.get(length) {
            Some(&octet) if is_wsp(octet) => length += 1,
            Some(b'\r') if is_fold(&octets[length..]) => length += 2,
            _ => return length,
        }
    }
}

/// Length of what stands before the next white space.
fn word_length(octets: &[u8]) -> usize {
    let mut length = 0;
    while let Some(&octet) = octets.get(length) {
        if is_wsp(octet) || (octet == b'\r' && is_fold(&octets[length..])) {
            break;
        }
        length += 1;
    }
    length
}

/// A CRLF is a fold where white space follows (RFC 5322 section 2.2.3).
fn is_fold(octets: &[u8]) -> bool {
    matches!(octets, [b'\r', b'\n', b' ' | b'\t', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(canon: Canon, name: &str, value: &str) -> String {
        let mut out = Vec::new();
        let field = Field {
            name: name.as_bytes(),
            value: value.as_bytes(),
        };
        canonical_field(canon, field, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// RFC 6376 section 3.4.5.
    #[test]
    fn the_rfc_example_fields_come_out_as_printed() {
        assert_eq!(canonical(Canon::Relaxed, "A", " X"), "a:X\r\n");
        assert_eq!(
            canonical(Canon::Relaxed, "B ", " Y\t\r\n\tZ  "),
            "b:Y Z\r\n"
        );
        assert_eq!(canonical(Canon::Simple, "A", " X"), "A: X\r\n");
        assert_eq!(
            canonical(Canon::Simple, "B ", " Y\t\r\n\tZ  "),
            "B : Y\t\r\n\tZ  \r\n"
        );
    }

    #[test]
    fn relaxed_leaves_no_white_space_around_the_value() {
        assert_eq!(canonical(Canon::Relaxed, "Subject", ""), "subject:\r\n");
        assert_eq!(
            canonical(Canon::Relaxed, "Subject", " \r\n\t"),
            "subject:\r\n"
        );
        assert_eq!(
            canonical(Canon::Relaxed, "Subject", "\r\n a \r\n \r\n b\r\n "),
            "subject:a b\r\n"
        );
    }

    #[test]
    fn relaxed_keeps_control_characters_that_are_not_white_space() {
        assert_eq!(
            canonical(Canon::Relaxed, "X", " a\x0cb\x0bc\0d\re"),
            "x:a\x0cb\x0bc\0d\re\r\n"
        );
    }
}
