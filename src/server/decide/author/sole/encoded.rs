//! Encoded words (RFC 2047) in which an address could hide.
//!
//! No address holds one, yet there are readers who decode first and look for addresses then.

use crate::dkim::tag_list::decode_base64;

/// Beginnings of the names of character sets in which an at sign is one octet, 0x40.
const LIKE_ASCII: &[&str] = &[
    "us-ascii",
    "ascii",
    "utf-8",
    "utf8",
    "iso-8859-",
    "iso8859-",
    "windows-125",
    "cp125",
    "koi8-",
    "iso-2022-",
    "euc-",
    "gb2312",
    "gbk",
    "gb18030",
    "big5",
    "shift_jis",
    "tis-620",
];

/// Whether an encoded word stands where an address begins, hides an at sign, or can't be read.
pub(super) fn may_hide_address(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, word)) = rest.split_once("=?") {
        if before.trim_ascii_end().ends_with('<') {
            return true;
        }
        match encoded_word(word) {
            Some((decoded, behind)) if !decoded.contains(&b'@') => rest = behind,
            _ => return true,
        }
    }
    false
}

/// The octets of the word whose beginning was taken, and what follows it.
fn encoded_word(word: &str) -> Option<(Vec<u8>, &str)> {
    let (charset, word) = word.split_once('?')?;
    let (encoding, word) = word.split_once('?')?;
    let (content, behind) = word.split_once("?=")?;
    let charset = charset.to_ascii_lowercase();
    if !LIKE_ASCII.iter().any(|begin| charset.starts_with(begin)) {
        return None;
    }
    let decoded = match encoding {
        "b" | "B" => decode_base64(content)?,
        "q" | "Q" => unquoted(content),
        _ => return None,
    };
    Some((decoded, behind))
}

/// What a text in the encoding "Q" comes to; underscores, which are blanks, stay.
fn unquoted(content: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(content.len());
    let mut rest = content.as_bytes();
    while let Some((&octet, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| octet == b'=');
        let number = digits
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(number.unwrap_or(octet));
        rest = &behind[if number.is_some() { 2 } else { 0 }..];
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_no_at_sign_is_harmless() {
        for text in [
            "Ana",
            "=?utf-8?q?Ex=C3=A4mple?=, Ana",
            "=?UTF-8?B?RXjDpG1wbGU=?= =?ISO-8859-1*de?Q?=E4_=?=",
            "<x> =?utf-8?q?a?b?=",
        ] {
            assert!(!may_hide_address(text), "{text}");
        }
        for text in [
            "=?utf-8?q?=40?=",
            "=?utf-8?q?a?= =?utf-8?B?QA==?=",
            "=?utf-8?b?QA?=",
            "=?utf-8?b?Q-A=?=",
            "=?utf-16?q?a?=",
            "=?utf-8?x?a?=",
            "=?utf-8?q?a",
            "=?",
            "<\r\n =?utf-8?q?a?=",
        ] {
            assert!(may_hide_address(text), "{text}");
        }
    }
}
