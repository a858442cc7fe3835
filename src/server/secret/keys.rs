//! Private keys in texts: PEM, the base64 of DER, raw seeds, and pieces of them.

use data_encoding::BASE64_NOPAD;
use memchr::memmem;

use super::{HIDDEN, begins_as_path, is_in_path};

/// Fewer letters of base64 in a row are no piece of a key worth hiding by its looks alone.
const LEAST_PIECE: usize = 40;
/// What the base64 of each public RSA key has in it: the name of its kind.
const PUBLIC_RSA: &str = "ANBgkqhkiG9w0BAQEFAAO";
const PEM_BEGIN: &[u8] = b"-----BEGIN ";

/// Whether a text is, or holds, a private key: PEM, base64 of its DER, or a raw Ed25519 seed.
pub fn is_private_key(text: &str) -> bool {
    is_armour(text) || runs(text).any(|run| key_begin(run).is_some() || is_seed(run))
}

/// Whether a text is the path of a key's file by its beginning, as OpenDKIM has it. However much the
/// rest looks like a secret, only a key itself is none: a path may have any name in it.
pub fn is_path_of_key(text: &str) -> bool {
    begins_as_path(text) && !is_armour(text) && !runs(text).any(|run| key_begin(run).is_some())
}

/// Whether a line of a file belongs to a private key pasted there, so that it is no entry of a
/// table; `after_one` says that the line before did.
pub fn is_key_line(line: &str, after_one: bool) -> bool {
    let line = line.trim();
    if is_armour(line) {
        return true;
    }
    let alone = !line.is_empty() && line.bytes().all(is_base64);
    alone && (after_one || (line.len() >= LEAST_PIECE && looks_random(line)))
}

/// `-----BEGIN … PRIVATE KEY-----` or its end.
fn is_armour(text: &str) -> bool {
    memmem::find(text.as_bytes(), b"-----").is_some()
        && memmem::find(text.as_bytes(), b"PRIVATE KEY").is_some()
}

/// Hides what follows the first line of a private key's armour.
pub(super) fn without_armour(text: &str) -> Option<String> {
    let begin = memmem::find(text.as_bytes(), PEM_BEGIN)?;
    if !text[begin..].contains("PRIVATE KEY") {
        return None;
    }
    Some(format!(
        "{}-----BEGIN PRIVATE KEY-----{HIDDEN}",
        &text[..begin]
    ))
}

/// Hides private keys in base64, and what looks like pieces of them.
pub(super) fn without_keys(text: &str) -> Option<String> {
    let mut shown = String::new();
    let mut copied = 0;
    let mut after_key = false;
    for run in runs(text) {
        let start = run.as_ptr() as usize - text.as_ptr() as usize;
        let between = &text[copied..start];
        let continues = after_key && between.bytes().all(|o| b" \t\"'\\,".contains(&o));
        let from = match key_begin(run) {
            // What precedes it in a path is none of it.
            Some(at) if run.starts_with('/') => Some(run[..at].rfind('/').map_or(at, |at| at + 1)),
            Some(_) => Some(0),
            None if is_seed(run) => Some(0),
            None if is_piece(run) && !is_in_path(text, start) => Some(0),
            None if continues && !is_a_word(run) => Some(0),
            None => None,
        };
        after_key = from.is_some();
        if let Some(from) = from {
            if !continues {
                shown.push_str(&text[copied..start + from]);
                shown.push_str(HIDDEN);
            }
            copied = start + run.len();
        }
    }
    (copied > 0).then(|| shown + &text[copied..])
}

/// The stretches of letters that base64 uses.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii() || !is_base64(c as u8))
        .filter(|run| !run.is_empty())
}

fn is_base64(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"+/=".contains(&octet)
}

/// Where the base64 of a DER private key begins: a SEQUENCE whose first member is a version number.
/// (A public key's or a certificate's is another SEQUENCE.)
fn key_begin(run: &str) -> Option<usize> {
    run.match_indices('M').map(|(at, _)| at).find(|at| {
        let Some(head) = run.as_bytes().get(*at..at + 12) else {
            return false;
        };
        let Ok(der) = BASE64_NOPAD.decode(head) else {
            return false;
        };
        let version = match der.as_slice() {
            [0x30, 0x82, _, _, rest @ ..] | [0x30, 0x81, _, rest @ ..] => rest,
            [0x30, length, rest @ ..] if *length < 0x80 => rest,
            _ => return false,
        };
        matches!(version, [2, 1, 0 | 1, ..]) && run.len() - at >= LEAST_PIECE
    })
}

/// What looks like a piece of a key, and neither like a path nor like public tags of a record.
fn is_piece(run: &str) -> bool {
    let public = ["p=", "b=", "bh="].iter().any(|tag| run.starts_with(tag));
    run.len() >= LEAST_PIECE
        && looks_random(run)
        && !run.starts_with('/')
        && !public
        && !run.contains(PUBLIC_RSA)
}

/// 32 octets in base64 with its padding, as raw Ed25519 keys are written.
fn is_seed(run: &str) -> bool {
    run.len() == 44 && run.ends_with('=') && !run[..43].contains('=') && looks_random(run)
}

/// Whether large and small letters and digits are as mixed as chance makes them.
fn looks_random(text: &str) -> bool {
    let count = |of: fn(&u8) -> bool| text.bytes().filter(of).count();
    count(u8::is_ascii_uppercase) * 8 >= text.len()
        && count(u8::is_ascii_lowercase) * 8 >= text.len()
        && count(u8::is_ascii_digit) >= 1
}

/// A word of a sentence: small letters, perhaps after a large one.
fn is_a_word(run: &str) -> bool {
    run.len() < LEAST_PIECE
        && run.bytes().skip(1).all(|octet| octet.is_ascii_lowercase())
        && run.starts_with(|c: char| c.is_ascii_alphabetic())
}
