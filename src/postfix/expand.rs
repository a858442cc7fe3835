//! `$name` in values, as Postfix expands it.

use super::MainCf;

/// References inside references that are followed.
const DEEPEST: usize = 12;

/// A value with its references replaced by what `plain` (values as they are written) has for them.
/// What is no reference that is known here (comparisons in braces) stays as it is.
pub fn expanded(value: &str, plain: &MainCf) -> String {
    into(value, plain, DEEPEST)
}

fn into(value: &str, plain: &MainCf, depth: usize) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            text.push('$');
            rest = after;
            continue;
        }
        let Some((inner, after)) = reference(rest) else {
            text.push('$');
            continue;
        };
        match depth
            .checked_sub(1)
            .and_then(|depth| meant(inner, plain, depth))
        {
            Some(meant) => text.push_str(&meant),
            None => {
                text.push('$');
                text.push_str(&rest[..rest.len() - after.len()]);
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// What stands behind a `$`, without its braces, and what comes after it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (open, close) = match text.chars().next()? {
        '{' => ('{', '}'),
        '(' => ('(', ')'),
        _ => {
            let (name, rest) = text.split_at(name_length(text));
            return (!name.is_empty()).then_some((name, rest));
        }
    };
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some((&text[1..at], &text[at + 1..]));
            }
        }
    }
    None
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// The value of `name`, `name?text`, `name:text`, `name?{text}:{text}`; `None`: another form.
fn meant(inner: &str, plain: &MainCf, depth: usize) -> Option<String> {
    let inner = inner.trim();
    let (name, condition) = inner.split_at(name_length(inner));
    if name.is_empty() {
        return None;
    }
    let value = into(plain.value(name), plain, depth);
    let condition = condition.trim();
    let (sign, text) = match condition.chars().next() {
        None => return Some(value),
        Some(sign @ ('?' | ':')) => (sign, condition[1..].trim()),
        Some(_) => return None,
    };
    let (first, second) = match text.starts_with('{') {
        false => (text, ""),
        true => {
            let (first, rest) = reference(text)?;
            let second = match rest.trim().strip_prefix(':') {
                None => "",
                Some(rest) => reference(rest.trim()).map_or(rest.trim(), |(second, _)| second),
            };
            (first, second)
        }
    };
    let chosen = match (sign, value.is_empty()) {
        ('?', false) | (':', true) => first,
        _ => second,
    };
    Some(into(chosen, plain, depth))
}

/// The parameter that a value is another name of, where it is nothing but that.
pub fn sole_reference(value: &str) -> Option<&str> {
    let (inner, rest) = reference(value.trim().strip_prefix('$')?)?;
    let name = inner.trim();
    (rest.is_empty() && !name.is_empty() && name_length(name) == name.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_followed_in_every_spelling() {
        let plain = MainCf::parse("a = 1\nb = $a 2\nempty =\nloop = $loop\n");
        for (value, expected) in [
            ("$a", "1"),
            ("${b},$(a)x $nothing.", "1 2,1x ."),
            ("$$a $", "$a $"),
            ("${a?yes}${a:no}${empty?yes}${empty:no}", "yesno"),
            ("${a?{yes $b}:{no}}${empty?{yes}:{no}}", "yes 1 2no"),
            ("${{$a} == {1} ? {x} : {y}}", "${{$a} == {1} ? {x} : {y}}"),
            ("${a", "${a"),
        ] {
            assert_eq!(expanded(value, &plain), expected, "{value}");
        }
        assert!(expanded("$loop", &plain).len() < 20);
    }

    #[test]
    fn a_value_that_is_but_another_name_is_known() {
        for (value, name) in [
            ("$smtpd_milters", Some("smtpd_milters")),
            (" ${ smtpd_milters } ", Some("smtpd_milters")),
            ("$(a)", Some("a")),
            ("$a, b", None),
            ("${a?b}", None),
            ("a", None),
        ] {
            assert_eq!(sole_reference(value), name, "{value}");
        }
    }
}
