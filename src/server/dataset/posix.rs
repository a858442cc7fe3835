//! The patterns of `refile:` sets: POSIX extended regular expressions in which
//! `*` means any text and `.` and `+` mean themselves.

use regex::bytes::{Regex, RegexBuilder};

use super::Case;

/// Memory that one compiled pattern may take.
const MAX_COMPILED_OCTETS: usize = 1 << 20;

/// Octets that keep their meaning in a regular expression.
const LIVE: [bool; 256] = {
    let mut live = [false; 256];
    let octets = b"?[]()|^${}\\";
    let mut at = 0;
    while at < octets.len() {
        live[octets[at] as usize] = true;
        at += 1;
    }
    live
};

/// A pattern that is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Error compiling regular expression {pattern:?}: {cause}")]
pub struct PatternError {
    /// As written.
    pub pattern: String,
    /// What is wrong.
    pub cause: String,
}

/// Whether a pattern is literal text and `*` only.
pub fn is_plain(pattern: &str) -> bool {
    !pattern.bytes().any(|octet| LIVE[usize::from(octet)])
}

/// Whether `text` fits a pattern for which [`is_plain`] holds.
pub fn plain_matches(pattern: &str, text: &str, case: Case) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the latest `*` takes one octet more.
    let mut retry = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
        } else if pattern
            .get(p)
            .is_some_and(|octet| case.equal(&[*octet], &text[t..=t]))
        {
            p += 1;
            t += 1;
        } else if let Some((after_star, taken)) = retry {
            p = after_star;
            t = taken + 1;
            retry = Some((after_star, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|octet| *octet == b'*')
}

/// Compiles any pattern.
pub fn compile(pattern: &str, case: Case) -> Result<Regex, PatternError> {
    let error = |cause: String| PatternError {
        pattern: pattern.to_owned(),
        cause,
    };
    // OpenDKIM anchors by writing `^` before and `$` after, so an alternative is anchored on one
    // side only; that is kept.
    let translated = format!("^{}$", translate(pattern).map_err(|c| error(c.to_owned()))?);
    RegexBuilder::new(&translated)
        .case_insensitive(case == Case::Ignored)
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(MAX_COMPILED_OCTETS)
        .build()
        .map_err(|cause| {
            let text = cause.to_string();
            let last = text.lines().last().unwrap_or_default();
            error(last.trim_start_matches("error: ").to_owned())
        })
}

/// From OpenDKIM's pattern to the syntax of the `regex` crate.
///
/// OpenDKIM rewrites `*`, `.` and `+` as text, knowing neither brackets nor backslashes, and gives
/// the result to the C library: so `\*` comes to mean "any number of dots". Both steps are kept.
fn translate(pattern: &str) -> Result<String, &'static str> {
    let extended = pattern
        .replace('.', "\\.")
        .replace('+', "\\+")
        .replace('*', ".*");
    let mut out = String::with_capacity(extended.len() + 16);
    let mut rest = extended.chars().peekable();
    let mut open_groups = 0_u32;
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                None => return Err("a backslash at the end"),
                Some('1'..='9') => return Err("references to groups can't be used"),
                Some('<' | '>') => out.push_str("\\b"),
                Some(class @ ('w' | 'W' | 's' | 'S' | 'b' | 'B')) => {
                    out.push('\\');
                    out.push(class);
                }
                Some(other) => out.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            },
            '[' => bracket(&mut rest, &mut out)?,
            '(' => {
                open_groups += 1;
                out.push(c);
            }
            ')' if open_groups == 0 => out.push_str("\\)"),
            ')' => {
                open_groups -= 1;
                out.push(c);
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// A bracket expression, in which POSIX has no escapes and `regex` has operators of its own.
fn bracket(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
) -> Result<(), &'static str> {
    const UNCLOSED: &str = "a [ without its ]";
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        match rest.next().ok_or(UNCLOSED)? {
            ']' if !first => break,
            '[' if rest.peek() == Some(&':') => {
                out.push('[');
                loop {
                    let c = rest.next().ok_or(UNCLOSED)?;
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            special @ ('[' | ']' | '\\' | '&' | '~' | '^') => {
                out.push('\\');
                out.push(special);
            }
            c => out.push(c),
        }
        first = false;
    }
    out.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let by_regex = compile(pattern, Case::Ignored)
            .unwrap()
            .is_match(text.as_bytes());
        if is_plain(pattern) {
            let by_walk = plain_matches(pattern, text, Case::Ignored);
            assert_eq!(by_regex, by_walk, "{pattern} {text}");
        }
        by_regex
    }

    #[test]
    fn a_star_is_any_text_and_dot_and_plus_are_themselves() {
        assert!(matches("*@a.example", "u@A.example"));
        assert!(matches("*@a.example", "@a.example"));
        assert!(!matches("*@a.example", "u@aXexample"));
        assert!(matches("u+*@a", "u+tag@a"));
        assert!(!matches("u+@a", "uu@a"));
        assert!(matches("a*b*c", "aXbbYbc"));
        assert!(!matches("a*b*c", "acb"));
    }

    #[test]
    fn other_metacharacters_live() {
        assert!(matches("foo?bar", "fobar"));
        assert!(matches("[a-c]*@z", "bb@z"));
        assert!(matches("(a|b)@z", "b@z"));
        assert!(matches("a{2}@z", "aa@z"));
        assert!(matches("[[:digit:]]@z", "7@z"));
        assert!(matches("[^b]q", "cq"));
        assert!(!matches("[^b]q", "bq"));
        assert!(matches("c)", "c)"));
    }

    #[test]
    fn alternatives_are_anchored_on_one_side_as_opendkim_has_it() {
        assert!(matches("b|c", "bzz"));
        assert!(matches("b|c", "zzc"));
        assert!(!matches("b|c", "zbz"));
    }

    #[test]
    fn brackets_and_backslashes_do_not_protect_from_the_rewriting() {
        assert!(matches("a[.]b", "a.b"));
        assert!(matches("a[.]b", "a\\b"));
        assert!(matches("e[*]f", "e.f"));
        assert!(matches("c\\.d", "c\\xd"));
        assert!(!matches("c\\.d", "c.d"));
        assert!(matches("g\\*h", "gh"));
        assert!(!matches("g\\*h", "g*h"));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for pattern in ["(a", "[a", "a\\", "{x", r"(a)\1"] {
            let error = compile(pattern, Case::Ignored).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("Error compiling regular expression")
            );
        }
    }
}
