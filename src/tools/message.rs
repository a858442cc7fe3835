//! A message file: its header section, its body, and the line ends it is written with.

use std::io::{self, Read};

use memchr::memmem;

use crate::dkim::header::{HeaderSection, LeadingSpace};

/// The largest message a tool reads; far above what mail servers take.
pub const MAX_MESSAGE_OCTETS: u64 = 1024 * 1024 * 1024;

/// How a file ends its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// As on the wire.
    CrLf,
    /// As in files on Unix.
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
    /// As its first line ends.
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
        let first_end = memchr::memchr(b'\n', &octets);
        let line_end = match first_end {
            Some(end) if end > 0 && octets[end - 1] == b'\r' => LineEnd::CrLf,
            _ => LineEnd::Lf,
        };
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
                    sink(text);
                    sink(b"\r\n");
                }
                None => sink(line),
            }
        }
    }
}

/// Where the header section ends and where the body begins.
fn split(octets: &[u8], line_end: LineEnd) -> (usize, usize) {
    let blank_line: &[u8] = match line_end {
        LineEnd::CrLf => b"\r\n\r\n",
        LineEnd::Lf => b"\n\n",
    };
    let line_end = line_end.as_str().len();
    if octets.starts_with(&blank_line[..line_end]) {
        return (0, line_end);
    }
    match memmem::find(octets, blank_line) {
        Some(at) => (at + line_end, at + blank_line.len()),
        None => (octets.len(), octets.len()),
    }
}

fn parse_header(mut rest: &[u8], line_end: LineEnd) -> Result<HeaderSection, MessageError> {
    let mut section = HeaderSection::default();
    let end = line_end.as_str().as_bytes();
    let mut line = 1;
    while !rest.is_empty() {
        let length = field_length(rest, end);
        let (field, after) = rest.split_at(length);
        let text = field.strip_suffix(end).unwrap_or(field);
        match memchr::memchr(b':', text) {
            Some(colon) if colon > 0 && !text[..colon].iter().any(u8::is_ascii_whitespace) => {
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
