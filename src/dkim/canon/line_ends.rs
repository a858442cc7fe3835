//! Repair of line ends before hashing, for bodies whose line ends an MTA will mend.

/// Turns each bare CR and each bare LF of a streamed body into CRLF; what is CRLF already stays.
///
/// Holds one bit between chunks, and cuts only where something must be put in.
#[derive(Clone, Debug, Default)]
pub struct LineEndRepair {
    /// The last octet fed was a CR, not handed on yet.
    cr: bool,
}

impl LineEndRepair {
    /// Feeds a chunk of any size; repaired octets go to `sink` at once.
    pub fn update(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        let Some(&first) = chunk.first() else {
            return;
        };
        let mut copied = 0;
        if self.cr {
            self.cr = false;
            sink(b"\r\n");
            copied = usize::from(first == b'\n');
        }
        let mut at = copied;
        while let Some(offset) = memchr::memchr2(b'\r', b'\n', &chunk[at..]) {
            let end = at + offset;
            if chunk[end] == b'\n' {
                sink(&chunk[copied..end]);
                sink(b"\r\n");
                at = end + 1;
                copied = at;
            } else {
                match chunk.get(end + 1) {
                    Some(b'\n') => at = end + 2,
                    Some(_) => {
                        sink(&chunk[copied..end]);
                        sink(b"\r\n");
                        at = end + 1;
                        copied = at;
                    }
                    None => {
                        sink(&chunk[copied..end]);
                        self.cr = true;
                        return;
                    }
                }
            }
        }
        sink(&chunk[copied..]);
    }

    /// Ends the body: a CR at its very end is a line end too.
    pub fn finish(&mut self, sink: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.cr) {
            sink(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(body: &[u8], chunk: usize) -> Vec<u8> {
        let mut repair = LineEndRepair::default();
        let mut out = Vec::new();
        for piece in body.chunks(chunk) {
            repair.update(piece, &mut |octets| out.extend_from_slice(octets));
        }
        repair.finish(&mut |octets| out.extend_from_slice(octets));
        out
    }

    #[test]
    fn bare_line_ends_become_crlf_in_every_chunking() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"a\nb\r\nc\rd", b"a\r\nb\r\nc\r\nd"),
            (b"\n\n", b"\r\n\r\n"),
            (b"\r\r\n\n", b"\r\n\r\n\r\n"),
            (b"a\r", b"a\r\n"),
            (b"\n\r", b"\r\n\r\n"),
            (b"", b""),
        ];
        for (body, expected) in cases {
            for chunk in 1..=body.len().max(1) {
                assert_eq!(repaired(body, chunk), expected, "{body:?} by {chunk}");
            }
        }
    }
}
