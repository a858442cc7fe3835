//! Undoing the transfer encodings that a server on the way put on a body (RFC 2045 section 6).

use data_encoding::BASE64;

/// The body with its quoted-printable taken off: the whole, or each part of a multipart body that
/// says that it is encoded so. `None` if nothing looks encoded.
pub(super) fn without_quoted_printable(body: &[u8]) -> Option<Vec<u8>> {
    undone(body, "quoted-printable", decode_quoted_printable)
}

/// The same for base64.
pub(super) fn without_base64(body: &[u8]) -> Option<Vec<u8>> {
    undone(body, "base64", |lines| {
        let dense: Vec<u8> = lines
            .iter()
            .copied()
            .filter(|octet| !octet.is_ascii_whitespace())
            .collect();
        BASE64.decode(&dense).ok()
    })
}

type Decode = fn(&[u8]) -> Option<Vec<u8>>;

fn undone(body: &[u8], encoding: &str, decode: Decode) -> Option<Vec<u8>> {
    let undone = match body.starts_with(b"--") || memchr::memmem::find(body, b"\r\n--").is_some() {
        true => undone_in_parts(body, encoding, decode).or_else(|| decode(body)),
        false => decode(body),
    }?;
    (undone != body).then_some(undone)
}

/// Parts between boundary lines: their own header says how they are encoded, and said `8bit` before
/// the conversion.
fn undone_in_parts(body: &[u8], encoding: &str, decode: Decode) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(body.len());
    let mut part: Vec<u8> = Vec::new();
    let (mut in_header, mut encoded, mut found) = (false, false, false);
    for line in body.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b"--") && line.len() > 4 {
            whole.extend(end_part(&mut part, encoded, decode)?);
            whole.extend(line);
            (in_header, encoded) = (true, false);
        } else if in_header {
            let text = String::from_utf8_lossy(line).to_ascii_lowercase();
            if text.starts_with("content-transfer-encoding:") && text.contains(encoding) {
                (encoded, found) = (true, true);
                whole.extend(b"Content-Transfer-Encoding: 8bit\r\n");
            } else {
                whole.extend(line);
            }
            in_header = line != b"\r\n";
        } else {
            part.extend(line);
        }
    }
    whole.extend(end_part(&mut part, encoded, decode)?);
    found.then_some(whole)
}

fn end_part(part: &mut Vec<u8>, encoded: bool, decode: Decode) -> Option<Vec<u8>> {
    let octets = std::mem::take(part);
    match encoded {
        true => decode(&octets),
        false => Some(octets),
    }
}

/// RFC 2045 section 6.7; `None` if an `=` is followed by what it can't be.
pub(super) fn decode_quoted_printable(octets: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        if octet != b'=' {
            plain.push(octet);
        } else if let Some(behind) = after.strip_prefix(b"\r\n") {
            rest = behind;
        } else {
            let (pair, behind) = after.split_at_checked(2)?;
            plain.extend(data_encoding::HEXUPPER_PERMISSIVE.decode(pair).ok()?);
            rest = behind;
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_is_undone() {
        let decoded = decode_quoted_printable(b"ma=C3=B1ana, a =\r\nlong line=20\r\n").unwrap();
        assert_eq!(decoded, "mañana, a long line \r\n".as_bytes());
        assert_eq!(decode_quoted_printable(b"a=b"), None);
        assert_eq!(without_quoted_printable(b"plain\r\n"), None);
    }

    #[test]
    fn only_the_parts_that_say_so_are_undone() {
        let body = "--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                    ma=C3=B1ana\r\n--b\r\n\r\na=b\r\n--b--\r\n";
        let undone = without_quoted_printable(body.as_bytes()).unwrap();
        let undone = String::from_utf8(undone).unwrap();
        assert!(
            undone.contains(
                "Content-Transfer-Encoding: 8bit\r\n\r\nmañana\r\n--b\r\n\r\na=b\r\n--b--\r\n"
            ),
            "{undone}"
        );
    }

    #[test]
    fn base64_is_undone() {
        assert_eq!(without_base64(b"aGVs\r\nbG8K\r\n").unwrap(), b"hello\n");
        assert_eq!(without_base64(b"not base64!\r\n"), None);
    }
}
