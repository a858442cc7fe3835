//! Values from mail in a field of ours (RFC 8601 section 2.2).
//!
//! Strangers choose them, and many readers part a field at every semicolon or look for words without
//! regard to quotes. So a value is shown only where it is a plain token or address; nothing is quoted.

use std::borrow::Cow;

/// `i=`: as it is where its local part is a dot-atom without an equal sign, else its domain alone.
pub(super) fn shown_auid(auid: &str) -> Option<Cow<'_, str>> {
    let (local, domain) = auid.rsplit_once('@')?;
    if !is_token(domain) {
        None
    } else if is_plain_local_part(local) {
        Some(Cow::Borrowed(auid))
    } else {
        Some(Cow::Owned(format!("@{domain}")))
    }
}

/// Whether a value is a `token`, and so can be shown as it is.
pub(super) fn is_token(value: &str) -> bool {
    !value.is_empty() && value.chars().all(is_token_char)
}

/// RFC 2045 section 5.1 `token`; non-ASCII letters stand for themselves (RFC 8616 section 5).
pub(super) fn is_token_char(c: char) -> bool {
    match c {
        '(' | ')' | '<' | '>' | '@' | ',' | ';' | ':' | '\\' | '"' | '/' | '[' | ']' | '?'
        | '=' => false,
        c if c.is_ascii() => c.is_ascii_graphic(),
        // What is not seen, or turns the direction of writing, could show another text.
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => false,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' => false,
        c => !c.is_control() && !c.is_whitespace(),
    }
}

/// RFC 5322 section 3.2.3 `dot-atom-text`, or nothing. With an equal sign it could read as a result.
fn is_plain_local_part(text: &str) -> bool {
    text.is_empty()
        || text.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .chars()
                    .all(|c| is_token_char(c) || matches!(c, '/' | '?'))
        })
}

/// A `quoted-string` of `text`; control characters become `?`.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => quoted.push('?'),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Letters of base64; padding could read as a result.
pub(super) fn is_unpadded_base64(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_as_they_are() {
        for auid in [
            "@example.com",
            "a.b+c-d/e?@example.com",
            "jörg@bücher.example",
        ] {
            assert_eq!(shown_auid(auid).as_deref(), Some(auid));
        }
    }

    #[test]
    fn of_other_local_parts_only_the_domain_is_shown() {
        for local in [
            "a b",
            "a..b",
            "\"a\"",
            "\"a\"b\"",
            "\"; dkim=pass header.d=bank.example\"",
            "dkim=pass",
            "(x)",
            "\\",
            "a;b",
            "x@y",
            "\r\n dkim",
            "\u{202e}ssap",
            "a\u{200b}b",
        ] {
            let auid = format!("{local}@example.com");
            assert_eq!(shown_auid(&auid).as_deref(), Some("@example.com"), "{auid}");
        }
        for auid in ["x@", "x", "", "a@b;c", "@a b"] {
            assert_eq!(shown_auid(auid), None, "{auid}");
        }
    }
}
