//! Adding lines to tables in the tables' own format.

/// What stands between key and value unless the table has a habit of its own.
const BLANK: &str = " ";

/// The text of a table of lines with new entries before the line numbered `before` (counted from
/// 1), or at its end. Comments, order, line ends and an unfinished last line stay as they are.
pub fn with_entries(text: &[u8], entries: &[(String, String)], before: Option<u32>) -> Vec<u8> {
    let blank = habit(text);
    let line_end = match text.windows(2).any(|pair| pair == b"\r\n") {
        true => "\r\n",
        false => "\n",
    };
    let new: Vec<String> = entries
        .iter()
        .map(|(key, value)| format!("{key}{blank}{value}"))
        .collect();
    let at = before.map_or(text.len(), |line| beginning(text, line));
    let (head, tail) = text.split_at(at);
    let unfinished = !head.is_empty() && !head.ends_with(b"\n");
    let mut all = head.to_vec();
    if unfinished {
        all.extend_from_slice(line_end.as_bytes());
    }
    all.extend_from_slice(new.join(line_end).as_bytes());
    if !unfinished {
        all.extend_from_slice(line_end.as_bytes());
    }
    all.extend_from_slice(tail);
    all
}

/// A list in an option's value with new items.
pub fn with_items(list: &str, entries: &[(String, String)]) -> String {
    let mut items = vec![list.trim().trim_end_matches(',').to_owned()];
    items.extend(entries.iter().map(|(key, value)| format!("{key}={value}")));
    items.retain(|item| !item.is_empty());
    items.join(",")
}

/// The text of a SigningTable in which the lines of a domain name other keys: pairs of old and new
/// names. What then stands there twice stands there once; all else stays as it is.
pub fn renamed(text: &[u8], domain: &str, pairs: &[(String, String)]) -> Vec<u8> {
    let mut new = Vec::with_capacity(text.len());
    let mut made: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let Some((pattern, value, at)) = entry_of(line) else {
            new.extend_from_slice(line);
            continue;
        };
        let mut changed = value.to_owned();
        if !rename(pattern, &mut changed, domain, pairs) {
            new.extend_from_slice(line);
            continue;
        }
        let entry = (pattern.to_owned(), changed);
        if !made.contains(&entry) {
            new.extend_from_slice(&line[..at]);
            new.extend_from_slice(entry.1.as_bytes());
            new.extend_from_slice(&line[at + value.len()..]);
            made.push(entry);
        }
    }
    new
}

/// The same in a list in an option's value.
pub fn renamed_items(list: &str, domain: &str, pairs: &[(String, String)]) -> String {
    let mut items: Vec<String> = Vec::new();
    for item in list.split(',') {
        let (pattern, value) = item.split_once('=').unwrap_or((item, ""));
        // The kind of the list stands before its first item.
        let bare = pattern.rsplit_once(':').map_or(pattern, |(_, bare)| bare);
        let mut changed = value.trim().to_owned();
        let new = match rename(bare.trim(), &mut changed, domain, pairs) {
            true => format!("{pattern}={changed}"),
            false => item.to_owned(),
        };
        if new == item || !items.contains(&new) {
            items.push(new);
        }
    }
    items.join(",")
}

/// Puts a new key's name in the place of an old one, where the entry is the domain's; says whether it
/// did. A signer (`NAME:@DOMAIN`) stays.
pub fn rename(pattern: &str, value: &mut String, domain: &str, pairs: &[(String, String)]) -> bool {
    let (name, signer) = match value.split_once(':') {
        Some((name, _)) => (name, &value[name.len()..]),
        None => (value.as_str(), ""),
    };
    let Some((_, new)) = pairs.iter().find(|(old, _)| old == name) else {
        return false;
    };
    if !belongs(pattern, domain) {
        return false;
    }
    *value = format!("{new}{signer}");
    true
}

/// Whether a pattern is for authors of a domain or of names below it alone.
fn belongs(pattern: &str, domain: &str) -> bool {
    let (_, example) = example_of(pattern);
    let (example, domain) = (example.to_ascii_lowercase(), domain.to_ascii_lowercase());
    example == domain || example.ends_with(&format!(".{domain}"))
}

/// Pattern and value of a line, and where the value begins.
fn entry_of(line: &[u8]) -> Option<(&str, &str, usize)> {
    let text = str::from_utf8(line).ok()?;
    let content = text.trim_ascii();
    if content.is_empty() || content.starts_with('#') {
        return None;
    }
    let (pattern, value) = content.split_once(|c: char| c.is_ascii_whitespace())?;
    let value = value.trim_ascii();
    let at = text.trim_ascii_end().len() - value.len();
    Some((pattern, value, at))
}

/// An address that an entry of a SigningTable is there for, in words that tables of patterns and
/// of exact keys understand alike.
pub fn example_of(pattern: &str) -> (String, String) {
    const SOMEBODY: &str = "somebody";
    const SOME_DOMAIN: &str = "some.example";
    let (local, domain) = match pattern.split_once('@') {
        Some((local, domain)) => (local, domain),
        None if pattern == "*" => (SOMEBODY, SOME_DOMAIN),
        None => (SOMEBODY, pattern),
    };
    let local = match local {
        "" => SOMEBODY.to_owned(),
        local => local.replace('*', SOMEBODY),
    };
    let domain = match domain {
        "*" => SOME_DOMAIN.to_owned(),
        domain => domain.replace('*', "some"),
    };
    let domain = match domain.strip_prefix('.') {
        Some(parent) => format!("some.{parent}"),
        None => domain,
    };
    (local, domain)
}

/// Where a line begins.
fn beginning(text: &[u8], line: u32) -> usize {
    let ends = memchr::memchr_iter(b'\n', text).map(|end| end + 1);
    let mut begins = std::iter::once(0).chain(ends);
    begins
        .nth(line.saturating_sub(1) as usize)
        .unwrap_or(text.len())
}

/// What stands between key and value in the last entry.
fn habit(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let last = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    let gap = last.and_then(|line| {
        let from = line.find(|c: char| c.is_ascii_whitespace())?;
        let rest = &line[from..];
        let length = rest.find(|c: char| !c.is_ascii_whitespace())?;
        Some(&rest[..length])
    });
    // A run of blanks aligns with keys of another length; a tab does so by itself.
    match gap {
        Some(gap) if gap.contains('\t') => gap.to_owned(),
        _ => BLANK.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, before: Option<u32>) -> String {
        let entries = [("k".to_owned(), "v".to_owned())];
        String::from_utf8(with_entries(text.as_bytes(), &entries, before)).unwrap()
    }

    #[test]
    fn a_line_more_leaves_the_others_as_they_are() {
        for (text, before, expected) in [
            ("", None, "k v\n"),
            ("# c\na   1\n", None, "# c\na   1\nk v\n"),
            ("a\t\t1\r\n", None, "a\t\t1\r\nk\t\tv\r\n"),
            ("a 1", None, "a 1\nk v"),
            ("# c\n* 1\n", Some(2), "# c\nk v\n* 1\n"),
            ("* 1", Some(1), "k v\n* 1"),
        ] {
            assert_eq!(with(text, before), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_of_a_domain_name_the_new_key_and_others_stay() {
        let pairs = [("old", "new"), ("older", "new")];
        let pairs = pairs.map(|(old, new)| (old.to_owned(), new.to_owned()));
        let text = "# old\n*@a.example\told\r\n*@a.example  older\n*@*.A.example old:@a.example \n\
                    joe@a.example old2\n*@b.example old\n* old\n*@ba.example old\nx@a.example old";
        let new = renamed(text.as_bytes(), "a.example", &pairs);
        assert_eq!(
            String::from_utf8(new).unwrap(),
            "# old\n*@a.example\tnew\r\n*@*.A.example new:@a.example \n\
             joe@a.example old2\n*@b.example old\n* old\n*@ba.example old\nx@a.example new"
        );
        assert_eq!(
            renamed_items(
                "csl:a.example=old,b.example=old, x@a.example=older",
                "a.example",
                &pairs
            ),
            "csl:a.example=new,b.example=old, x@a.example=new"
        );
    }

    #[test]
    fn an_item_more_comes_after_a_comma() {
        let entries = [("k".to_owned(), "v".to_owned())];
        assert_eq!(with_items("a=b, ", &entries), "a=b,k=v");
        assert_eq!(with_items("", &entries), "k=v");
    }

    #[test]
    fn every_kind_of_entry_has_an_example() {
        for (pattern, expected) in [
            ("*@example.com", "somebody@example.com"),
            ("*@*.example.com", "somebody@some.example.com"),
            ("joe@example.com", "joe@example.com"),
            ("example.com", "somebody@example.com"),
            (".example.com", "somebody@some.example.com"),
            ("*", "somebody@some.example"),
            ("joe@*", "joe@some.example"),
        ] {
            let (local, domain) = example_of(pattern);
            assert_eq!(format!("{local}@{domain}"), expected);
        }
    }
}
