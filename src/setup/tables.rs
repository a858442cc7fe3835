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
