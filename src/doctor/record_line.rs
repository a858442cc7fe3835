//! DNS records as lines of a zone file, the way `doctor` proposes them.

/// Octets that one string of a TXT record may have (RFC 1035 section 3.3).
const STRING_OCTETS: usize = 255;

/// A TXT record; long text is cut into strings as DNS demands.
pub fn txt(name: &str, text: &str) -> String {
    let mut strings: Vec<String> = Vec::new();
    let mut current = String::new();
    for character in text.chars() {
        if current.len() + character.len_utf8() > STRING_OCTETS {
            strings.push(std::mem::take(&mut current));
        }
        current.push(character);
    }
    strings.push(current);
    let quoted: Vec<String> = strings.iter().map(|string| quoted(string)).collect();
    format!(
        "{}. IN TXT {}",
        name.trim_end_matches('.'),
        quoted.join(" ")
    )
}

/// Any other record.
pub fn of_type(name: &str, kind: &str, data: &str) -> String {
    format!("{}. IN {kind} {data}", name.trim_end_matches('.'))
}

/// An address record.
pub fn address(name: &str, address: std::net::IpAddr) -> String {
    let kind = if address.is_ipv4() { "A" } else { "AAAA" };
    of_type(name, kind, &address.to_string())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_into_strings_that_dns_can_hold() {
        assert_eq!(
            txt("example.com", "v=spf1 -all"),
            "example.com. IN TXT \"v=spf1 -all\""
        );
        let long = txt("a.example", &"x".repeat(300));
        let expected = format!(
            "a.example. IN TXT \"{}\" \"{}\"",
            "x".repeat(255),
            "x".repeat(45)
        );
        assert_eq!(long, expected);
        assert_eq!(
            txt("a.example.", "\"q\""),
            "a.example. IN TXT \"\\\"q\\\"\""
        );
    }
}
