//! A message file: its header section, its body, and the line ends it is written with.

use std::io::{self, Read};

use memchr::memmem;

use dkim_core::header::{HeaderSection, LeadingSpace};

/// The largest message a tool reads; far above what mail servers take.
pub const MAX_MESSAGE_OCTETS: u64 = 1024 * 1024 * 1024;

/// How a file ends its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// As on the wire.
    CrLf,
    /// As in files on Unix. Single lines may still end in CRLF, such as those of a signature that
    /// was put on top.
    Lf,
}

impl LineEnd {
    /// The octets.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CrLf => "\r\n",
            Self::Lf => "\n",
        }
    }
}

/// A message read from a file or from standard input.
#[derive(Clone, Debug)]
pub struct MessageFile {
    /// As read.
    pub octets: Vec<u8>,
    /// CRLF if every line of the header section ends so.
    pub line_end: LineEnd,
    /// The header section.
    pub section: HeaderSection,
    body_start: usize,
}

/// Why a file is no message.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It could not be read.
    #[error("can't read the message: {0}")]
    Read(#[from] io::Error),
    /// It is too large.
    #[error("the message is larger than {MAX_MESSAGE_OCTETS} octets")]
    TooLarge,
    /// A line of the header section is neither a field nor the continuation of one.
    #[error("line {line} of the header is not a header field: {text:?}")]
    NotAField {
        /// Counted from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
}

impl MessageFile {
    /// Reads a message to its end.
    ///
    /// # Errors
    /// If it can't be read, is too large, or does not begin with header fields.
    pub fn read(source: impl Read) -> Result<Self, MessageError> {
        let mut octets = Vec::new();
        source
            .take(MAX_MESSAGE_OCTETS + 1)
            .read_to_end(&mut octets)?;
        if octets.len() as u64 > MAX_MESSAGE_OCTETS {
            return Err(MessageError::TooLarge);
        }
        let line_end = header_line_end(&octets);
        let (header_end, body_start) = split(&octets, line_end);
        let section = parse_header(&octets[..header_end], line_end)?;
        Ok(Self {
            octets,
            line_end,
            section,
            body_start,
        })
    }

    /// Feeds the body in wire form, with CRLF line ends.
    pub fn feed_body(&self, mut sink: impl FnMut(&[u8])) {
        let body = &self.octets[self.body_start..];
        if self.line_end == LineEnd::CrLf {
            return sink(body);
        }
        for line in body.split_inclusive(|&octet| octet == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(text) => {
                    sink(text.strip_suffix(b"\r").unwrap_or(text));
                    sink(b"\r\n");
                }
                None => sink(line),
            }
        }
    }
}

/// In a file of wire form a bare LF of the body must stay one, so the header section decides.
fn header_line_end(octets: &[u8]) -> LineEnd {
    let mut lines = octets
        .split_inclusive(|&octet| octet == b'\n')
        .take_while(|line| !matches!(*line, b"\n" | b"\r\n"))
        .filter(|line| line.ends_with(b"\n"))
        .peekable();
    let blank_first = octets.starts_with(b"\r\n");
    let wire = (lines.peek().is_some() || blank_first) && lines.all(|line| line.ends_with(b"\r\n"));
    match wire {
        true => LineEnd::CrLf,
        false => LineEnd::Lf,
    }
}

/// Where the header section ends and where the body begins.
fn split(octets: &[u8], line_end: LineEnd) -> (usize, usize) {
    let mut at = 0;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        let blank = line == b"\r\n" || (line == b"\n" && line_end == LineEnd::Lf);
        if blank {
            return (at, at + line.len());
        }
        at += line.len();
    }
    (octets.len(), octets.len())
}

fn parse_header(mut rest: &[u8], line_end: LineEnd) -> Result<HeaderSection, MessageError> {
    let mut section = HeaderSection::default();
    let end = line_end.as_str().as_bytes();
    let fits = |name: &[u8]| {
        let name = name.trim_ascii_end();
        !name.is_empty() && !name.iter().any(u8::is_ascii_whitespace)
    };
    let mut line = 1;
    while !rest.is_empty() {
        let length = field_length(rest, end);
        let (field, after) = rest.split_at(length);
        let text = field.strip_suffix(end).unwrap_or(field);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match memchr::memchr(b':', text) {
            Some(colon) if fits(&text[..colon]) => {
                section.push(&text[..colon], &text[colon + 1..], LeadingSpace::Kept);
            }
            _ => {
                let text = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
                return Err(MessageError::NotAField { line, text });
            }
        }
        line += memmem::find_iter(field, end).count();
        rest = after;
    }
    Ok(section)
}

/// Octets of the first field, its continuation lines and final line end included.
fn field_length(octets: &[u8], end: &[u8]) -> usize {
    memmem::find_iter(octets, end)
        .map(|at| at + end.len())
        .find(|&next| !matches!(octets.get(next), Some(b' ' | b'\t')))
        .unwrap_or(octets.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(message: &MessageFile) -> Vec<u8> {
        let mut body = Vec::new();
        message.feed_body(|octets| body.extend_from_slice(octets));
        body
    }

    #[test]
    fn both_line_ends_give_the_same_wire_form() {
        let wire = b"From: a@b\r\nSubject: x\r\n\ty\r\n\r\nhello\r\nworld";
        let unix = b"From: a@b\nSubject: x\n\ty\n\nhello\nworld";
        let (wire, unix) = (
            MessageFile::read(&wire[..]).unwrap(),
            MessageFile::read(&unix[..]).unwrap(),
        );
        assert_eq!((wire.line_end, unix.line_end), (LineEnd::CrLf, LineEnd::Lf));
        assert_eq!(body(&wire), body(&unix));
        assert!(wire.section.iter().eq(unix.section.iter()));
        assert_eq!(wire.section.get(1).unwrap().value, b" x\r\n\ty");
    }

    #[test]
    fn a_signature_with_crlf_may_stand_on_top_of_a_unix_file() {
        let mixed = MessageFile::read(&b"S: 1\r\n\t2\r\nFrom: a@b\n\nx\n"[..]).unwrap();
        assert_eq!(mixed.line_end, LineEnd::Lf);
        assert_eq!(mixed.section.get(0).unwrap().value, b" 1\r\n\t2");
        assert_eq!(mixed.section.get(1).unwrap().value, b" a@b");
        assert_eq!(body(&mixed), b"x\r\n");
    }

    #[test]
    fn a_bare_lf_in_the_body_of_a_wire_file_stays_one() {
        let wire = MessageFile::read(&b"From: a@b\r\n\r\nx\ny\n\nz\r\n"[..]).unwrap();
        assert_eq!(wire.line_end, LineEnd::CrLf);
        assert_eq!(body(&wire), b"x\ny\n\nz\r\n");
    }

    #[test]
    fn a_message_may_lack_its_body_or_its_header() {
        assert_eq!(body(&MessageFile::read(&b"From: a@b\n"[..]).unwrap()), b"");
        let headless = MessageFile::read(&b"\r\nbody\r\n"[..]).unwrap();
        assert_eq!(
            (headless.section.len(), body(&headless)),
            (0, b"body\r\n".to_vec())
        );
    }

    #[test]
    fn a_line_that_is_no_field_is_named() {
        let error =
            MessageFile::read(&b"From: a@b\nSubject: x\n y\nnonsense\n\nbody"[..]).unwrap_err();
        assert!(
            matches!(error, MessageError::NotAField { line: 4, .. }),
            "{error}"
        );
    }
}
