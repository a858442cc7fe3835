//! Body canonicalization against a slow, literal transcription of RFC 6376 section 3.4: every body
//! of up to eight symbols over {CR, LF, SP, TAB, a}, whole and in chunks.

use dkim_core::{Canon, canon::BodyCanonicalizer};

const SYMBOLS: [u8; 5] = [b'\r', b'\n', b' ', b'\t', b'a'];
const LONGEST: usize = 8;

/// A body as lines: each as `(content, ends with CRLF)`. Only the last may lack its CRLF.
fn lines(body: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut at = 0;
    while at < body.len() {
        if body[at..].starts_with(b"\r\n") {
            lines.push((std::mem::take(&mut line), true));
            at += 2;
        } else {
            line.push(body[at]);
            at += 1;
        }
    }
    if !line.is_empty() {
        lines.push((line, false));
    }
    lines
}

/// "The 'simple' body canonicalization algorithm ignores all empty lines at the end of the message
/// body. [...] If there is no body or no trailing CRLF on the message body, a CRLF is added."
fn simple_by_the_letter(body: &[u8]) -> Vec<u8> {
    let mut lines = lines(body);
    while lines.last().is_some_and(|(line, _)| line.is_empty()) {
        lines.pop();
    }
    if lines.is_empty() {
        return b"\r\n".to_vec();
    }
    let mut out = Vec::new();
    for (line, _) in lines {
        out.extend(line);
        out.extend(b"\r\n");
    }
    out
}

/// "a. Reduce whitespace: Ignore all whitespace at the end of lines. [...] Reduce all sequences of
/// WSP within a line to a single SP character. b. Ignore all empty lines at the end of the message
/// body. [...] If the body is non-empty but does not end with a CRLF, a CRLF is added."
fn relaxed_by_the_letter(body: &[u8]) -> Vec<u8> {
    let mut reduced: Vec<Vec<u8>> = Vec::new();
    for (line, _) in lines(body) {
        let mut line = line;
        while matches!(line.last(), Some(b' ' | b'\t')) {
            line.pop();
        }
        let mut one_space = Vec::new();
        for octet in line {
            match octet {
                b' ' | b'\t' if one_space.last() == Some(&b' ') => {}
                b' ' | b'\t' => one_space.push(b' '),
                other => one_space.push(other),
            }
        }
        reduced.push(one_space);
    }
    while reduced.last().is_some_and(Vec::is_empty) {
        reduced.pop();
    }
    let mut out = Vec::new();
    for line in reduced {
        out.extend(line);
        out.extend(b"\r\n");
    }
    out
}

fn canonical<'a>(canon: Canon, chunks: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    out.clear();
    let mut canonicalizer = BodyCanonicalizer::new(canon);
    for chunk in chunks {
        canonicalizer.update(chunk, &mut |octets| out.extend_from_slice(octets));
    }
    canonicalizer.finish(&mut |octets| out.extend_from_slice(octets));
}

fn assert_by_the_letter(canon: Canon, body: &[u8], out: &mut Vec<u8>) {
    let expected = match canon {
        Canon::Simple => simple_by_the_letter(body),
        Canon::Relaxed => relaxed_by_the_letter(body),
    };
    canonical(canon, [body], out);
    assert_eq!(*out, expected, "{canon:?} {body:?}, whole");
    for size in 1..=3 {
        canonical(canon, body.chunks(size), out);
        assert_eq!(*out, expected, "{canon:?} {body:?} by {size}");
    }
    for cut in 1..body.len() {
        let (first, second) = body.split_at(cut);
        canonical(canon, [first, b"", second], out);
        assert_eq!(*out, expected, "{canon:?} {body:?} cut at {cut}");
    }
}

/// All bodies of exactly `length` symbols.
fn for_each_body(length: usize, mut check: impl FnMut(&[u8])) -> usize {
    let count = SYMBOLS.len().pow(length as u32);
    let mut body = vec![0; length];
    for number in 0..count {
        let mut rest = number;
        for octet in &mut body {
            *octet = SYMBOLS[rest % SYMBOLS.len()];
            rest /= SYMBOLS.len();
        }
        check(&body);
    }
    count
}

fn every_short_body(canon: Canon) {
    let mut out = Vec::new();
    let count: usize = (0..=LONGEST)
        .map(|length| for_each_body(length, |body| assert_by_the_letter(canon, body, &mut out)))
        .sum();
    assert_eq!(count, 488_281);
}

#[test]
fn every_short_body_is_simple_by_the_letter_in_every_chunking() {
    every_short_body(Canon::Simple);
}

#[test]
fn every_short_body_is_relaxed_by_the_letter_in_every_chunking() {
    every_short_body(Canon::Relaxed);
}

/// Long runs take other paths than short ones: the search by blocks, the gathering of pieces, the
/// counting of line ends.
#[test]
fn short_bodies_inside_long_ones_are_canonical_by_the_letter() {
    let surroundings: [(&[u8], usize); 5] = [
        (b"a", 61),
        (b"a b ", 40),
        (b"\r\n", 300),
        (b" \t", 70),
        (b"a\t", 700),
    ];
    let mut out = Vec::new();
    for (unit, times) in surroundings {
        for (before, after) in [(times, 0), (0, times), (times, times), (times + 1, 3)] {
            for_each_body(4, |middle| {
                let body = [&unit.repeat(before), middle, &unit.repeat(after)].concat();
                for canon in [Canon::Simple, Canon::Relaxed] {
                    let expected = match canon {
                        Canon::Simple => simple_by_the_letter(&body),
                        Canon::Relaxed => relaxed_by_the_letter(&body),
                    };
                    for size in [body.len(), 1, 65] {
                        canonical(canon, body.chunks(size), &mut out);
                        assert!(out == expected, "{canon:?} {body:?} by {size}");
                    }
                }
            });
        }
    }
}
