//! Values from mail in a field of ours (RFC 8601 section 2.2): plain where the grammar allows it,
//! quoted where not.

/// A `pvalue` (RFC 8601 section 2.2): as it is if it is a token or like an address, else quoted.
pub(super) fn pvalue(value: &str) -> String {
    let plain = match value.rsplit_once('@') {
        None => value.chars().all(is_token_char),
        Some((local, domain)) => {
            !domain.is_empty()
                && domain.chars().all(is_token_char)
                && (is_dot_atom(local) || is_quoted_string(local))
        }
    };
    if plain {
        value.to_owned()
    } else {
        quoted(value)
    }
}

/// RFC 2045 section 5.1 `token`; non-ASCII letters stand for themselves (RFC 8616 section 5).
pub(super) fn is_token_char(c: char) -> bool {
    match c {
        '(' | ')' | '<' | '>' | '@' | ',' | ';' | ':' | '\\' | '"' | '/' | '[' | ']' | '?'
        | '=' => false,
        c if c.is_ascii() => c.is_ascii_graphic(),
        c => !c.is_control() && !c.is_whitespace(),
    }
}

/// RFC 5322 section 3.2.3 `dot-atom-text`, or nothing.
fn is_dot_atom(text: &str) -> bool {
    text.is_empty()
        || text.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .chars()
                    .all(|c| is_token_char(c) || matches!(c, '/' | '=' | '?'))
        })
}

/// RFC 5322 section 3.2.4 `quoted-string`, without folds.
fn is_quoted_string(text: &str) -> bool {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return false;
    };
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            c if c.is_control() => return false,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
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

/// Letters of base64, padding included.
pub(super) fn is_base64(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_as_they_are() {
        for auid in [
            "@example.com",
            "a.b+c=d/e?@example.com",
            "\"a b\\\";\"@example.com",
            "jörg@bücher.example",
        ] {
            assert_eq!(pvalue(auid), auid);
        }
        for auid in [
            "a b@example.com",
            "a..b@example.com",
            "\"a\"b\"@example.com",
            "x@",
        ] {
            assert!(pvalue(auid).starts_with('"'), "{auid}");
        }
    }
}
