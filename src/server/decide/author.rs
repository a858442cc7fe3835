//! The author: the address that a From (or SenderHeaders) field names first (RFC 5322 section 3.4).
//!
//! Lenient where real mail is (comments, quoted phrases, an unquoted `@` in a display name, groups,
//! source routes), strict where a guess could sign for the wrong domain: what can't be read is an
//! error, never half an address. A field that is no RFC 5322 still has an author if every way of
//! reading it leads to the same domain (`sole`): a name with a comma outside quotation marks is
//! the usual case.

mod sole;

use std::fmt::{self, Display, Formatter};

/// Longer addresses name nobody: DNS holds 253 octets, which non-ASCII letters may write with more.
const MAX_ADDRESS_OCTETS: usize = 1024;

/// An author's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// What stands before the `@`, as written (quotes included).
    pub local: String,
    /// What stands after it, in lower case.
    pub domain: String,
}

impl Display for Author {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Why a field names no author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorError {
    /// No address in it.
    #[error("it holds no address")]
    NoAddress,
    /// A quote, comment or angle bracket is never closed.
    #[error("a quote, comment or bracket is not closed")]
    Unclosed,
    /// A name that ends at a comma or semicolon before any address came.
    #[error("the display name holds a {}; put it into quotation marks", separator_name(*.0))]
    NameDivided(char),
    /// Nothing before or after the `@`, or no `@`.
    #[error("the address has no local part or no domain")]
    Incomplete,
    /// White space or a control character inside the address, or words around it.
    #[error("the address is not one word; write Name <user@example.com>")]
    Broken,
    /// More than `MAX_ADDRESS_OCTETS`.
    #[error("the address is longer than {MAX_ADDRESS_OCTETS} octets")]
    TooLong,
    /// The domain is not UTF-8 (RFC 6532).
    #[error("the address's domain is not UTF-8")]
    NotUtf8,
    /// Several addresses, or several at signs in one.
    #[error("more than one address could be meant; write one, as Name <user@example.com>")]
    Ambiguous,
}

fn separator_name(separator: char) -> &'static str {
    if separator == ',' {
        "comma"
    } else {
        "semicolon"
    }
}

impl Author {
    /// Reads the first mailbox of a field's value, folding included; where that is no RFC 5322, the
    /// address that every reading of it leads to. Around the address any octets are welcome: old
    /// programs write names in Latin-1.
    pub fn parse(value: &[u8]) -> Result<Self, AuthorError> {
        let text = String::from_utf8_lossy(value);
        Self::first(&text).or_else(|error| sole::author(&text, error))
    }

    /// What is wrong with the form of a field's value, whether or not an author can be read in it:
    /// receivers may refuse it.
    pub fn fault(value: &[u8]) -> Option<AuthorError> {
        Self::first(&String::from_utf8_lossy(value)).err()
    }

    fn first(text: &str) -> Result<Self, AuthorError> {
        Self::from_addr_spec(&first_mailbox(text)?)
    }

    fn from_addr_spec(spec: &str) -> Result<Self, AuthorError> {
        let mut ats = unquoted_ats(spec);
        let at = ats.next().ok_or(AuthorError::Incomplete)?;
        if ats.next().is_some() {
            return Err(AuthorError::Ambiguous);
        }
        let (local, domain) = (&spec[..at], &spec[at + 1..]);
        if local.is_empty() || domain.is_empty() {
            return Err(AuthorError::Incomplete);
        }
        let unfit = |c: char| c.is_control() || c.is_whitespace() || "<>()[]\",;:".contains(c);
        let literal = domain.starts_with('[') && domain.ends_with(']');
        if (!literal && domain.contains(unfit))
            || (!local.starts_with('"') && local.contains(unfit))
        {
            return Err(AuthorError::Broken);
        }
        Self::of(local, domain)
    }

    /// Octets that are no UTF-8 spoil a domain; in the local part they only fit no entry.
    fn of(local: &str, domain: &str) -> Result<Self, AuthorError> {
        if domain.contains(char::REPLACEMENT_CHARACTER) {
            return Err(AuthorError::NotUtf8);
        }
        if local.len() + 1 + domain.len() > MAX_ADDRESS_OCTETS {
            return Err(AuthorError::TooLong);
        }
        // Lower case without allocation surprises: only ASCII letters have a case in DNS.
        Ok(Self {
            local: local.to_owned(),
            domain: domain.to_ascii_lowercase(),
        })
    }
}

/// The addr-spec of the first mailbox, its comments and outer white space removed.
fn first_mailbox(text: &str) -> Result<String, AuthorError> {
    let mut scan = Scan { rest: text };
    let mut plain = String::new();
    // White space was seen since the last character of `plain`: "joe doe@example.org" is no address.
    let mut gap = false;
    let mut broken = false;
    let mut in_group = false;
    // Whether `plain` holds an at sign that is not quoted; noted, so that nothing is read twice.
    let mut has_at = false;
    while let Some(c) = scan.rest.chars().next() {
        match c {
            '(' => {
                scan.comment()?;
                gap = true;
                continue;
            }
            '"' => {
                let quoted = scan.delimited('"')?;
                broken |= gap && !joins(&plain, quoted);
                plain.push_str(quoted);
                gap = false;
                continue;
            }
            '[' if plain.ends_with('@') => {
                plain.push_str(scan.delimited(']')?);
                gap = false;
                continue;
            }
            '<' => {
                let spec = scan.angle()?;
                scan.expect_no_other(in_group)?;
                return Ok(spec);
            }
            ':' if !has_at => {
                // The words so far name a group; its members follow.
                in_group = true;
                plain.clear();
                (gap, broken) = (false, false);
            }
            ',' | ';' if plain.is_empty() => {}
            ',' | ';' if !has_at && scan.rest.contains('@') => {
                return Err(AuthorError::NameDivided(c));
            }
            ',' | ';' => {
                scan.expect_no_other(in_group)?;
                break;
            }
            c if c.is_ascii_whitespace() => gap = true,
            c => {
                let mut buffer = [0; 4];
                broken |= gap && !joins(&plain, c.encode_utf8(&mut buffer));
                plain.push(c);
                has_at |= c == '@';
                gap = false;
            }
        }
        scan.rest = &scan.rest[c.len_utf8()..];
    }
    if plain.is_empty() {
        Err(AuthorError::NoAddress)
    } else if broken && has_at {
        Err(AuthorError::Broken)
    } else {
        Ok(plain)
    }
}

/// Whether white space may stand between what was read and what follows (obsolete syntax,
/// RFC 5322 section 4.4: around `@` and `.`).
fn joins(before: &str, after: &str) -> bool {
    before.is_empty() || before.ends_with(['@', '.']) || after.starts_with(['@', '.'])
}

/// Where the at signs stand that are not in a quoted string.
fn unquoted_ats(spec: &str) -> impl Iterator<Item = usize> {
    let mut quoted = false;
    let mut escaped = false;
    spec.char_indices().filter_map(move |(i, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '@' if !quoted => return Some(i),
            _ => {}
        }
        None
    })
}

struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    /// Skips a comment, which may hold others.
    fn comment(&mut self) -> Result<(), AuthorError> {
        let mut depth = 0_usize;
        let mut escaped = false;
        for (i, c) in self.rest.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '(' => depth += 1,
                ')' => {
                    depth -= 1;
                    if depth == 0 {
                        self.rest = &self.rest[i + 1..];
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err(AuthorError::Unclosed)
    }

    /// Takes a quoted string or domain literal with its delimiters.
    fn delimited(&mut self, close: char) -> Result<&'a str, AuthorError> {
        let mut escaped = false;
        for (i, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == close => {
                    let (taken, rest) = self.rest.split_at(i + c.len_utf8());
                    self.rest = rest;
                    return Ok(taken);
                }
                _ => {}
            }
        }
        Err(AuthorError::Unclosed)
    }

    /// What follows a mailbox, up to the end of the list's item, may hold words but no second
    /// address; the members of a group count as one item.
    fn expect_no_other(&mut self, in_group: bool) -> Result<(), AuthorError> {
        while let Some(c) = self.rest.chars().next() {
            match c {
                '(' => {
                    self.comment()?;
                    continue;
                }
                '"' => {
                    self.delimited('"')?;
                    continue;
                }
                '<' | '@' => return Err(AuthorError::Ambiguous),
                ',' if !in_group => break,
                ';' => break,
                _ => self.rest = &self.rest[c.len_utf8()..],
            }
        }
        Ok(())
    }

    /// Takes what stands between angle brackets, without a source route.
    fn angle(&mut self) -> Result<String, AuthorError> {
        self.rest = &self.rest[1..];
        let mut spec = String::new();
        while let Some(c) = self.rest.chars().next() {
            match c {
                '>' => {
                    let route = spec.starts_with('@').then(|| spec.find(':')).flatten();
                    return match &spec[route.map_or(0, |colon| colon + 1)..] {
                        "" => Err(AuthorError::NoAddress),
                        address => Ok(address.to_owned()),
                    };
                }
                '(' => {
                    self.comment()?;
                    continue;
                }
                '"' => {
                    spec.push_str(self.delimited('"')?);
                    continue;
                }
                c if c.is_ascii_whitespace() => {}
                c => spec.push(c),
            }
            self.rest = &self.rest[c.len_utf8()..];
        }
        Err(AuthorError::Unclosed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Result<String, AuthorError> {
        Author::parse(value.as_bytes()).map(|author| author.to_string())
    }

    #[test]
    fn usual_forms_name_their_author() {
        for (value, author) in [
            (" joe@example.com", "joe@example.com"),
            (" Joe <joe@Example.COM>", "joe@example.com"),
            (" \"Joe, Inc. <x@y>\" <joe@example.com>", "joe@example.com"),
            (" joe@example.com (Joe)", "joe@example.com"),
            (
                " (a (nested) \\) comment) joe@example.com",
                "joe@example.com",
            ),
            (" a@x.example, b@y.example", "a@x.example"),
            (" Joe\r\n\t<joe@example.com>", "joe@example.com"),
            (" boss@y.example <joe@example.com>", "joe@example.com"),
            (" \"john doe\"@example.com", "\"john doe\"@example.com"),
            (" <\"a@b\"@example.com>", "\"a@b\"@example.com"),
            (" joe . doe @ example.com", "joe.doe@example.com"),
            (" <@relay.example:joe@example.com>", "joe@example.com"),
            (" friends: joe@example.com;", "joe@example.com"),
            (" friends: Joe <joe@example.com>, ;", "joe@example.com"),
            (" joe@example.com;", "joe@example.com"),
            (" , joe@example.com,", "joe@example.com"),
            (" <joe@example.com> Joe (x@y)", "joe@example.com"),
            (" =?utf-8?q?J=C3=B6?= <jo@example.com>", "jo@example.com"),
            (" jö@exämple.com", "jö@exämple.com"),
            (" joe@[192.0.2.7]", "joe@[192.0.2.7]"),
        ] {
            assert_eq!(parsed(value).as_deref(), Ok(author), "{value:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_never_guessed() {
        for (value, error) in [
            ("", AuthorError::NoAddress),
            (" <>", AuthorError::NoAddress),
            (" undisclosed-recipients:;", AuthorError::NoAddress),
            (" joe", AuthorError::Incomplete),
            (" @example.com", AuthorError::Incomplete),
            (" joe@", AuthorError::Incomplete),
            (" joe <joe", AuthorError::Unclosed),
            (" \"joe <joe@example.com>", AuthorError::Unclosed),
            (" (joe@example.com", AuthorError::Unclosed),
            (" joe@example.com evil.example", AuthorError::Broken),
            (" <joe@example.com<x>", AuthorError::Broken),
            (" joe@example.com Joe", AuthorError::Broken),
            (" friends: joe@example.com, b@y;", AuthorError::Ambiguous),
            (
                " friends: Joe <joe@example.com>, <b@y>;",
                AuthorError::Ambiguous,
            ),
            (
                " <joe@example.com> <ann@example.org>",
                AuthorError::Ambiguous,
            ),
            (" <joe@example.com> ann@example.org", AuthorError::Ambiguous),
            (" joe@example.com@example.org", AuthorError::Ambiguous),
            (" <joe@example.com@example.org>", AuthorError::Ambiguous),
        ] {
            assert_eq!(parsed(value), Err(error), "{value:?}");
        }
    }

    #[test]
    fn no_address_is_longer_than_dns_can_hold() {
        let long = format!(" joe@{}com", "a.".repeat(MAX_ADDRESS_OCTETS / 2));
        assert_eq!(parsed(&long), Err(AuthorError::TooLong));
    }

    #[test]
    fn a_name_in_an_old_character_set_does_not_hide_the_address() {
        let author = Author::parse(b" Jos\xe9 <joe@example.com>").unwrap();
        assert_eq!(author.to_string(), "joe@example.com");
    }
}
