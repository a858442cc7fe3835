//! What was done to a body after it was signed: undone change by change until the hash is that of
//! `bh=` again. What is found is therefore proved, not guessed.

use aws_lc_rs::digest;

use super::mime;
use dkim_core::{
    Canon,
    body_hash::{BodyHashSpec, BodyHashes, DigestAlgorithm},
    canon::BodyCanonicalizer,
    verify::Signature,
};

/// Octets that may be hashed in the search for lines that were added in the middle.
const MAX_HASHED: usize = 256 * 1024 * 1024;

/// What was done to a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyDamage {
    /// Lines were added.
    Added {
        /// The first of them, counted from 0.
        first: usize,
        /// Their text.
        lines: Vec<String>,
        /// Whether they are all that follows.
        to_end: bool,
    },
    /// The whole was rewritten in a known way.
    Rewritten(Rewriting),
}

/// A known way of rewriting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewriting {
    /// 8-bit text became quoted-printable.
    QuotedPrintable,
    /// Text became base64.
    Base64,
    /// Long lines were split.
    LinesSplit,
    /// `From ` at the beginning of a line became `>From `.
    FromQuoted,
    /// A dot at the beginning of a line was doubled, or an added one not taken off.
    DotDoubled,
    /// White space at the ends of lines came, went or changed.
    WhiteSpace,
    /// An empty line was added at the top.
    BlankLineOnTop,
    /// An empty line at the top went.
    BlankLineGone,
    /// UTF-8 became Latin-1.
    ToLatin1,
    /// Latin-1 became UTF-8.
    ToUtf8,
    /// Line ends were doubled or broken.
    LineEnds,
}

/// The hash that a body must have.
#[derive(Debug)]
pub struct Wanted<'a> {
    spec: BodyHashSpec,
    expected: &'a [u8],
}

impl<'a> Wanted<'a> {
    /// Of a signature.
    pub fn of(signature: &'a Signature) -> Self {
        let sha1 = signature.body_hash.len() == digest::SHA1_OUTPUT_LEN;
        Self {
            spec: BodyHashSpec {
                digest: match sha1 {
                    true => DigestAlgorithm::Sha1,
                    false => DigestAlgorithm::Sha256,
                },
                canon: signature.canonicalization.body,
                limit: signature.body_length,
            },
            expected: &signature.body_hash,
        }
    }

    /// Whether a body, in wire form, has it.
    pub fn fits(&self, body: &[u8]) -> bool {
        let mut hashes = BodyHashes::new(false);
        let id = hashes.ask(self.spec);
        hashes.update(body);
        *hashes.finish().get(id).digest.as_ref() == *self.expected
    }
}

/// What was done to the body, in wire form; `None` if it is whole or nothing known explains it.
pub fn find(body: &[u8], wanted: &Wanted<'_>) -> Option<BodyDamage> {
    if wanted.fits(body) {
        return None;
    }
    for (rewriting, undo) in UNDOING {
        if undo(body).is_some_and(|undone| wanted.fits(&undone)) {
            return Some(BodyDamage::Rewritten(*rewriting));
        }
    }
    added_lines(body, wanted)
}

type Undo = fn(&[u8]) -> Option<Vec<u8>>;

/// Each way of rewriting, and how it is undone.
const UNDOING: &[(Rewriting, Undo)] = &[
    (Rewriting::QuotedPrintable, mime::without_quoted_printable),
    (Rewriting::Base64, mime::without_base64),
    (Rewriting::LinesSplit, |body| joined(body, b"\r\n ")),
    (Rewriting::LinesSplit, |body| joined(body, b"!\r\n ")),
    (Rewriting::LinesSplit, |body| joined(body, b"\r\n")),
    (Rewriting::FromQuoted, |body| {
        by_line(body, |line| match line.strip_prefix(b">") {
            Some(rest) if rest.starts_with(b"From ") => rest.to_vec(),
            _ => line.to_vec(),
        })
    }),
    (Rewriting::FromQuoted, |body| {
        by_line(body, |line| match line.starts_with(b"From ") {
            true => [b">", line].concat(),
            false => line.to_vec(),
        })
    }),
    (Rewriting::DotDoubled, |body| {
        by_line(body, |line| match line.strip_prefix(b".") {
            Some(rest) if rest.starts_with(b".") => rest.to_vec(),
            _ => line.to_vec(),
        })
    }),
    (Rewriting::DotDoubled, |body| {
        by_line(body, |line| match line.starts_with(b".") {
            true => [b".", line].concat(),
            false => line.to_vec(),
        })
    }),
    (Rewriting::LineEnds, |body| {
        Some(replaced(body, b"\r\r\n", b"\r\n"))
    }),
    (Rewriting::LineEnds, |body| {
        Some(replaced(&replaced(body, b"\r\n", b"\n"), b"\n", b"\r\n"))
    }),
    (Rewriting::LineEnds, |body| {
        body.strip_suffix(b"\r\n").map(<[u8]>::to_vec)
    }),
    (Rewriting::WhiteSpace, |body| {
        by_line(body, |line| line.trim_ascii_end().to_vec())
    }),
    (Rewriting::WhiteSpace, |body| {
        by_line(body, |line| match line {
            b"--" => b"-- ".to_vec(),
            _ => line.to_vec(),
        })
    }),
    (Rewriting::WhiteSpace, |body| {
        by_line(body, |line| replaced(line, b"\t", b" "))
    }),
    (Rewriting::BlankLineOnTop, |body| {
        body.strip_prefix(b"\r\n").map(<[u8]>::to_vec)
    }),
    (Rewriting::BlankLineGone, |body| {
        Some([b"\r\n", body].concat())
    }),
    (Rewriting::ToLatin1, |body| {
        (!body.is_ascii()).then(|| {
            let text: String = body.iter().map(|&octet| char::from(octet)).collect();
            text.into_bytes()
        })
    }),
    (Rewriting::ToUtf8, |body| {
        let text = std::str::from_utf8(body)
            .ok()
            .filter(|text| !text.is_ascii())?;
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).ok())
            .collect()
    }),
];

/// Lines of at least so many octets may be the first part of one that was split: Postfix does so at
/// smtp_line_length_limit (998), others at 990.
const LEAST_SPLIT: usize = 980;

/// Long lines that were split with this break between the parts.
fn joined(body: &[u8], gap: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(body.len());
    let (mut rest, mut line) = (body, 0);
    let mut changed = false;
    while let Some(&octet) = rest.first() {
        if line >= LEAST_SPLIT && rest.starts_with(gap) {
            rest = &rest[gap.len()..];
            line = 0;
            changed = true;
            continue;
        }
        line = if octet == b'\n' { 0 } else { line + 1 };
        whole.push(octet);
        rest = &rest[1..];
    }
    changed.then_some(whole)
}

/// Every line, without its end, as `change` has it; `None` if that changes nothing.
fn by_line(body: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    let mut changed = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|&octet| octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                changed.extend(change(text));
                changed.extend(b"\r\n");
            }
            None => changed.extend(line),
        }
    }
    (changed != body).then_some(changed)
}

fn replaced(octets: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut copied = 0;
    for at in memchr::memmem::find_iter(octets, old) {
        out.extend_from_slice(&octets[copied..at]);
        out.extend_from_slice(new);
        copied = at + old.len();
    }
    out.extend_from_slice(&octets[copied..]);
    out
}

/// Lines that were added at the end, at the top, or somewhere in between.
fn added_lines(body: &[u8], wanted: &Wanted<'_>) -> Option<BodyDamage> {
    if wanted.spec.limit.is_some() {
        return None;
    }
    let canonical = canonical(body, wanted.spec.canon);
    let lines: Vec<&[u8]> = canonical.split_inclusive(|&octet| octet == b'\n').collect();
    let found = added_at_end(&lines, wanted)
        .map(|first| first..lines.len())
        .or_else(|| added_in_between(&lines, wanted, canonical.len()))?;
    Some(BodyDamage::Added {
        first: found.start,
        to_end: found.end == lines.len(),
        lines: lines[found]
            .iter()
            .map(|line| String::from_utf8_lossy(line).trim_end().to_owned())
            .collect(),
    })
}

fn canonical(body: &[u8], canon: Canon) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(body.len());
    let mut sink = |octets: &[u8]| canonical.extend_from_slice(octets);
    let mut canonicalizer = BodyCanonicalizer::new(canon);
    canonicalizer.update(body, &mut sink);
    canonicalizer.finish(&mut sink);
    canonical
}

/// How many lines the signed body had, if all behind them was added. Empty lines at its end were not
/// hashed.
fn added_at_end(lines: &[&[u8]], wanted: &Wanted<'_>) -> Option<usize> {
    let mut context = wanted.spec.digest.begin();
    if wanted.fits(b"") {
        return Some(0);
    }
    let mut blank: Vec<u8> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if *line == b"\r\n" {
            blank.extend_from_slice(line);
            continue;
        }
        context.update(&blank);
        blank.clear();
        context.update(line);
        if context.clone().finish().as_ref() == wanted.expected {
            return (number + 1 < lines.len()).then_some(number + 1);
        }
    }
    None
}

/// Lines whose removal mends the hash: any block of lines of a small body, a block near the top of a
/// large one.
fn added_in_between(
    lines: &[&[u8]],
    wanted: &Wanted<'_>,
    octets: usize,
) -> Option<std::ops::Range<usize>> {
    // What follows a block is hashed for each block: half the body on average.
    let side = (2 * MAX_HASHED / octets.max(1)).isqrt().max(1);
    let mut before = wanted.spec.digest.begin();
    for first in 0..lines.len().min(side) {
        for end in first + 1..lines.len().min(first + 1 + side) {
            let mut context = before.clone();
            for line in &lines[end..] {
                context.update(line);
            }
            if context.finish().as_ref() == wanted.expected {
                return Some(first..end);
            }
        }
        before.update(lines[first]);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(hash: &digest::Digest, canon: Canon) -> Wanted<'_> {
        Wanted {
            spec: BodyHashSpec {
                digest: DigestAlgorithm::Sha256,
                canon,
                limit: None,
            },
            expected: hash.as_ref(),
        }
    }

    fn damage(signed: &str, arrived: &str, canon: Canon) -> Option<BodyDamage> {
        let hash = digest::digest(&digest::SHA256, &canonical(signed.as_bytes(), canon));
        find(arrived.as_bytes(), &wanted(&hash, canon))
    }

    #[test]
    fn a_footer_is_found_with_its_words() {
        let signed = "Hello\r\n\r\nBye\r\n\r\n\r\n";
        let arrived = "Hello\r\n\r\nBye\r\n\r\n_____\r\nList footer\r\n";
        for canon in [Canon::Simple, Canon::Relaxed] {
            assert_eq!(
                damage(signed, arrived, canon),
                Some(BodyDamage::Added {
                    first: 3,
                    lines: vec![String::new(), "_____".to_owned(), "List footer".to_owned()],
                    to_end: true
                })
            );
        }
        assert_eq!(
            damage("", "Footer\r\n", Canon::Relaxed),
            Some(BodyDamage::Added {
                first: 0,
                lines: vec!["Footer".to_owned()],
                to_end: true
            })
        );
    }

    #[test]
    fn a_banner_on_top_and_a_disclaimer_in_the_middle_are_found() {
        for (arrived, first) in [
            ("[EXTERNAL] Beware\r\na\r\nb\r\nc\r\n", 0),
            ("a\r\nb\r\n[EXTERNAL] Beware\r\nc\r\n", 2),
        ] {
            let found = damage("a\r\nb\r\nc\r\n", arrived, Canon::Simple);
            let Some(BodyDamage::Added {
                first: at,
                lines,
                to_end,
            }) = found
            else {
                panic!("{arrived:?}: {found:?}");
            };
            assert_eq!((at, to_end), (first, false));
            assert_eq!(lines, ["[EXTERNAL] Beware"]);
        }
    }

    #[test]
    fn a_banner_on_top_of_a_large_body_is_found_in_bounded_time() {
        let signed = format!("{}\r\n", "x".repeat(75)).repeat(100_000);
        let begun = std::time::Instant::now();
        let arrived = format!("a\r\nb\r\n{signed}");
        let found = damage(&signed, &arrived, Canon::Relaxed);
        assert!(
            matches!(
                found,
                Some(BodyDamage::Added {
                    first: 0,
                    to_end: false,
                    ..
                })
            ),
            "{found:?}"
        );
        assert_eq!(
            damage(&signed, &arrived.replace('x', "y"), Canon::Relaxed),
            None
        );
        assert!(begun.elapsed() < std::time::Duration::from_secs(60));
    }

    #[test]
    fn each_known_rewriting_is_named() {
        let long = "x".repeat(1500);
        let split = format!("{}\r\n {}\r\n", &long[..998], &long[998..]);
        for (signed, arrived, rewriting) in [
            (format!("{long}\r\n"), split, Rewriting::LinesSplit),
            (
                "From me\r\n".into(),
                ">From me\r\n".into(),
                Rewriting::FromQuoted,
            ),
            (".dot\r\n".into(), "..dot\r\n".into(), Rewriting::DotDoubled),
            ("..dot\r\n".into(), ".dot\r\n".into(), Rewriting::DotDoubled),
            ("a\r\n".into(), "a  \r\n".into(), Rewriting::WhiteSpace),
            (
                "-- \r\nme\r\n".into(),
                "--\r\nme\r\n".into(),
                Rewriting::WhiteSpace,
            ),
            (
                "a\r\n".into(),
                "\r\na\r\n".into(),
                Rewriting::BlankLineOnTop,
            ),
            ("\r\na\r\n".into(), "a\r\n".into(), Rewriting::BlankLineGone),
            (
                "a\r\nb\r\n".into(),
                "a\r\r\nb\r\r\n".into(),
                Rewriting::LineEnds,
            ),
        ] {
            assert_eq!(
                damage(&signed, &arrived, Canon::Simple),
                Some(BodyDamage::Rewritten(rewriting)),
                "{signed:?} {arrived:?}"
            );
        }
    }

    #[test]
    fn a_change_of_the_character_set_is_named() {
        let latin1 = b"ma\xf1ana\r\n";
        let hash = digest::digest(&digest::SHA256, latin1);
        assert_eq!(
            find("mañana\r\n".as_bytes(), &wanted(&hash, Canon::Simple)),
            Some(BodyDamage::Rewritten(Rewriting::ToUtf8))
        );
        let hash = digest::digest(&digest::SHA256, "mañana\r\n".as_bytes());
        assert_eq!(
            find(latin1, &wanted(&hash, Canon::Simple)),
            Some(BodyDamage::Rewritten(Rewriting::ToLatin1))
        );
    }

    #[test]
    fn what_nothing_known_explains_is_not_explained() {
        assert_eq!(damage("one\r\n", "two\r\n", Canon::Relaxed), None);
        assert_eq!(damage("", "", Canon::Relaxed), None);
    }
}
