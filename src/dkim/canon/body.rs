//! Streaming body canonicalization (RFC 6376 sections 3.4.3 and 3.4.4).
//!
//! Feed chunks of any size; canonical bytes come out as soon as they are certain, as slices of the
//! chunk itself wherever the RFC changes nothing. Between chunks nothing is held but a count of
//! line ends, and whether white space and a CR stand at the end. Where the RFC leaves room:
//!
//! * A line ends with CRLF and nothing else. Bare CR and bare LF are content, in both algorithms.
//! * A last line without CRLF is a line: both algorithms complete it with CRLF, and `relaxed` drops
//!   the white space at its end as on every other line. If nothing remains of it, it is empty.
//! * A body without content is CRLF in `simple` and nothing at all in `relaxed`.

use crate::{Canon, header::is_wsp};

/// Pieces shorter than this are gathered before they go on: a call per piece costs more than the
/// copy.
const SHORT_PIECE: usize = 64;
/// Room in which short pieces are gathered.
const GATHER: usize = 512;
/// In bodies full of irregular white space the next is so near that no block is worth its while.
const NEAR: usize = 12;
/// Octets of which one step of the search for irregular white space makes sure.
const BLOCK: usize = 64;

/// Makes the canonical form of one body.
#[derive(Clone, Debug)]
pub struct BodyCanonicalizer {
    canon: Canon,
    /// CRLFs seen and not handed on, since they may turn out to end the body.
    line_ends: u64,
    /// White space follows those line ends (`relaxed` only).
    blank: bool,
    /// A CR follows all that, and the next octet tells what it is.
    cr: bool,
    /// Something was handed on already.
    begun: bool,
}

impl BodyCanonicalizer {
    /// At the start of a body.
    pub fn new(canon: Canon) -> Self {
        Self {
            canon,
            line_ends: 0,
            blank: false,
            cr: false,
            begun: false,
        }
    }

    /// Feeds a chunk of any size; canonical octets go to `sink`.
    pub fn update(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        let Some(&first) = chunk.first() else {
            return;
        };
        let mut chunk = chunk;
        if std::mem::take(&mut self.cr) {
            if first == b'\n' {
                self.end_line();
                chunk = &chunk[1..];
            } else {
                self.hand_on_pending(sink);
                sink(b"\r");
            }
        }
        match self.canon {
            Canon::Simple => self.update_simple(chunk, sink),
            Canon::Relaxed => self.update_relaxed(chunk, sink),
        }
    }

    /// Ends the body: what was held back goes out, and a line end where one is missing.
    pub fn finish(mut self, sink: &mut impl FnMut(&[u8])) {
        if self.cr {
            self.hand_on_pending(sink);
            sink(b"\r");
        }
        if self.begun || self.canon == Canon::Simple {
            sink(b"\r\n");
        }
    }

    fn update_simple(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        let mut content = chunk;
        let cr = content.last() == Some(&b'\r');
        if cr {
            content = &content[..content.len() - 1];
        }
        let mut line_ends = 0;
        while let Some(shorter) = content.strip_suffix(b"\r\n") {
            content = shorter;
            line_ends += 1;
        }
        if !content.is_empty() {
            self.hand_on_pending(sink);
            sink(content);
        }
        self.line_ends += line_ends;
        self.cr = cr;
    }

    fn update_relaxed(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        let content_end = chunk.len() - trailing_blank_length(chunk);
        let (content, tail) = chunk.split_at(content_end);
        if !content.is_empty() {
            let content = &content[self.note_blank(content)..];
            let mut gather = Gather::new(sink);
            self.hand_on_pending(&mut |octets| gather.add(octets));
            relax_content(content, &mut gather);
            gather.flush();
        }
        let noted = self.note_blank(tail);
        self.cr = noted < tail.len();
    }

    /// Notes the white space and line ends at the start of `octets` as pending, and tells how many
    /// octets these are.
    fn note_blank(&mut self, octets: &[u8]) -> usize {
        let mut at = 0;
        loop {
            match octets[at..] {
                [b' ' | b'\t', ..] => {
                    self.blank = true;
                    at += 1;
                }
                [b'\r', b'\n', ..] => {
                    self.end_line();
                    at += 2;
                }
                _ => return at,
            }
        }
    }

    fn end_line(&mut self) {
        self.blank = false;
        self.line_ends += 1;
    }

    /// Content follows, so what was pending is certain.
    fn hand_on_pending(&mut self, sink: &mut impl FnMut(&[u8])) {
        const LINE_ENDS: [u8; 256] = {
            let mut octets = [b'\n'; 256];
            let mut at = 0;
            while at < octets.len() {
                octets[at] = b'\r';
                at += 2;
            }
            octets
        };
        const AT_ONCE: u64 = LINE_ENDS.len() as u64 / 2;
        while self.line_ends >= AT_ONCE {
            sink(&LINE_ENDS);
            self.line_ends -= AT_ONCE;
        }
        if self.line_ends > 0 {
            sink(&LINE_ENDS[..2 * self.line_ends as usize]);
            self.line_ends = 0;
        }
        if std::mem::take(&mut self.blank) {
            sink(b" ");
        }
        self.begun = true;
    }
}

/// Length of the longest suffix made of WSP and CRLF, and possibly one CR at the very end.
fn trailing_blank_length(chunk: &[u8]) -> usize {
    let mut end = chunk.len();
    if chunk.last() == Some(&b'\r') {
        end -= 1;
    }
    loop {
        match chunk[..end] {
            [.., b' ' | b'\t'] => end -= 1,
            [.., b'\r', b'\n'] => end -= 2,
            _ => return chunk.len() - end,
        }
    }
}

/// Relaxes octets that neither begin nor end with white space or CRLF.
fn relax_content<F: FnMut(&[u8])>(content: &[u8], gather: &mut Gather<'_, F>) {
    let mut from = 0;
    while let Some(offset) = find_irregular_blank(&content[from..]) {
        let start = from + offset;
        let length = content[start..]
            .iter()
            .take_while(|&&octet| is_wsp(octet))
            .count();
        let end = start + length;
        if content[end..].starts_with(b"\r\n") {
            gather.add(&content[from..start]);
        } else if content[start] == b' ' {
            gather.add(&content[from..=start]);
        } else {
            gather.add(&content[from..start]);
            gather.add(b" ");
        }
        from = end;
    }
    gather.add(&content[from..]);
}

/// The first white space that isn't simply one SP between two octets of content; a run of it is
/// found at its start.
fn find_irregular_blank(octets: &[u8]) -> Option<usize> {
    let near = first_irregular(&octets[..octets.len().min(NEAR + 1)]);
    if near.is_some() || octets.len() <= NEAR {
        return near;
    }
    let mut at = NEAR;
    // The octet after the block must exist, to be looked at.
    while at + BLOCK < octets.len() {
        let irregular = {
            let block = &octets[at..at + BLOCK];
            let next = &octets[at + 1..at + 1 + BLOCK];
            // Without a branch, so that the compiler makes it a handful of vector instructions.
            block.iter().zip(next).fold(false, |found, (&here, &next)| {
                found | is_irregular(here, next)
            })
        };
        if irregular {
            break;
        }
        at += BLOCK;
    }
    first_irregular(&octets[at..]).map(|offset| at + offset)
}

fn first_irregular(octets: &[u8]) -> Option<usize> {
    octets
        .windows(2)
        .position(|pair| is_irregular(pair[0], pair[1]))
}

/// TAB, or SP before white space or before what may be CRLF.
fn is_irregular(here: u8, next: u8) -> bool {
    (here == b'\t') | ((here == b' ') & ((next == b' ') | (next == b'\t') | (next == b'\r')))
}

/// Hands long slices on as they are and short ones together.
struct Gather<'a, F> {
    sink: &'a mut F,
    octets: [u8; GATHER],
    used: usize,
}

impl<'a, F: FnMut(&[u8])> Gather<'a, F> {
    fn new(sink: &'a mut F) -> Self {
        Self {
            sink,
            octets: [0; GATHER],
            used: 0,
        }
    }

    fn add(&mut self, piece: &[u8]) {
        if piece.len() >= SHORT_PIECE {
            self.flush();
            (self.sink)(piece);
            return;
        }
        if self.used + piece.len() > GATHER {
            self.flush();
        }
        self.octets[self.used..self.used + piece.len()].copy_from_slice(piece);
        self.used += piece.len();
    }

    fn flush(&mut self) {
        if self.used > 0 {
            (self.sink)(&self.octets[..self.used]);
            self.used = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(canon: Canon, body: &str) -> String {
        let mut out = Vec::new();
        let mut canonicalizer = BodyCanonicalizer::new(canon);
        canonicalizer.update(body.as_bytes(), &mut |octets| out.extend_from_slice(octets));
        canonicalizer.finish(&mut |octets| out.extend_from_slice(octets));
        String::from_utf8(out).unwrap()
    }

    /// RFC 6376 section 3.4.5.
    #[test]
    fn the_rfc_example_body_comes_out_as_printed() {
        let body = " C \r\nD \t E\r\n\r\n\r\n";
        assert_eq!(canonical(Canon::Relaxed, body), " C\r\nD E\r\n");
        assert_eq!(canonical(Canon::Simple, body), " C \r\nD \t E\r\n");
    }

    #[test]
    fn a_body_without_content_is_crlf_in_simple_and_nothing_in_relaxed() {
        for body in ["", "\r\n", "\r\n\r\n\r\n"] {
            assert_eq!(canonical(Canon::Simple, body), "\r\n");
            assert_eq!(canonical(Canon::Relaxed, body), "");
        }
        for body in [" ", "\t\r\n", " \r\n\r\n\t "] {
            assert_eq!(canonical(Canon::Relaxed, body), "");
        }
    }

    #[test]
    fn a_last_line_without_crlf_is_completed() {
        assert_eq!(canonical(Canon::Simple, "a"), "a\r\n");
        assert_eq!(canonical(Canon::Simple, "a\r"), "a\r\r\n");
        assert_eq!(canonical(Canon::Simple, "a\n"), "a\n\r\n");
        assert_eq!(canonical(Canon::Relaxed, "a \t"), "a\r\n");
        assert_eq!(canonical(Canon::Relaxed, "a \r"), "a \r\r\n");
    }

    #[test]
    fn bare_cr_and_lf_are_content() {
        assert_eq!(canonical(Canon::Relaxed, "a\rb\nc\r\n"), "a\rb\nc\r\n");
        assert_eq!(canonical(Canon::Relaxed, "a  \n\r\n"), "a \n\r\n");
        assert_eq!(canonical(Canon::Simple, "\r\r\n\r\n"), "\r\r\n");
    }

    #[test]
    fn irregular_white_space_is_found_at_any_place_of_a_block() {
        for length in [1, 63, 64, 65, 127, 128, 129, 300] {
            for place in 0..length {
                let mut body = "x y".repeat(length);
                body.truncate(length);
                body.insert_str(place, "a\t \tb");
                let mut out = Vec::new();
                let regular: Vec<&str> =
                    body.split(['\t', ' ']).filter(|w| !w.is_empty()).collect();
                let mut canonicalizer = BodyCanonicalizer::new(Canon::Relaxed);
                canonicalizer.update(body.as_bytes(), &mut |o| out.extend_from_slice(o));
                canonicalizer.finish(&mut |o| out.extend_from_slice(o));
                let text = String::from_utf8(out).unwrap();
                assert_eq!(text.trim_end(), regular.join(" "), "{body:?}");
            }
        }
    }
}
