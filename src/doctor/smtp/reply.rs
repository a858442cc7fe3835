//! Replies of SMTP servers (RFC 5321 section 4.2), read with bounds.

use std::fmt::{self, Display, Formatter};

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use super::SmtpError;

/// Octets of one line; RFC 5321 allows 512.
const MAX_LINE: usize = 2048;
/// Lines of one reply.
const MAX_LINES: usize = 100;
/// Characters that are shown of what is no reply.
const SHOWN: usize = 60;

/// A reply, all of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 220, 250, 554, …
    pub code: u16,
    /// The text of each line, without the code.
    pub lines: Vec<String>,
}

impl Reply {
    /// Reads one.
    ///
    /// # Errors
    /// If the connection breaks or ends, or what comes is no reply or has no end.
    pub async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Self, SmtpError> {
        let mut lines = Vec::new();
        while lines.len() < MAX_LINES {
            let line = read_line(from).await?;
            let (code, last, text) =
                taken_apart(&line).ok_or_else(|| SmtpError::NotSmtp(shown(&line)))?;
            lines.push(text);
            if last {
                return Ok(Self { code, lines });
            }
        }
        Err(SmtpError::TooLong)
    }

    /// Whether the server goes along: 2xx or 3xx.
    pub fn is_positive(&self) -> bool {
        matches!(self.code, 200..400)
    }

    /// The first word, where a greeting and the reply to EHLO name the host.
    pub fn host(&self) -> &str {
        let first = self.lines.first().map(String::as_str);
        first
            .and_then(|line| line.split_ascii_whitespace().next())
            .unwrap_or_default()
    }

    /// Whether a reply to EHLO has an extension.
    pub fn offers(&self, keyword: &str) -> bool {
        self.lines.iter().skip(1).any(|line| {
            let word = line.split([' ', '=']).next().unwrap_or_default();
            word.eq_ignore_ascii_case(keyword)
        })
    }
}

impl Display for Reply {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.lines.join(" / "))
    }
}

async fn read_line(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>, SmtpError> {
    let mut line = Vec::new();
    loop {
        let buffer = from.fill_buf().await?;
        if buffer.is_empty() {
            return Err(SmtpError::Closed);
        }
        let end = memchr::memchr(b'\n', buffer);
        let taken = end.map_or(buffer.len(), |end| end + 1);
        if line.len() + taken > MAX_LINE {
            return Err(SmtpError::TooLong);
        }
        line.extend_from_slice(&buffer[..taken]);
        from.consume(taken);
        if end.is_some() {
            line.truncate(line.trim_ascii_end().len());
            return Ok(line);
        }
    }
}

/// The code, whether it is the last line, and the text.
fn taken_apart(line: &[u8]) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = std::str::from_utf8(code).ok()?.parse().ok()?;
    let (last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    (200..600)
        .contains(&code)
        .then(|| (code, last, printable(text)))
}

/// Text from outside, fit for a terminal.
pub fn printable(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn shown(line: &[u8]) -> String {
    printable(line).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(octets: &[u8]) -> Result<Reply, SmtpError> {
        let mut octets = octets;
        Reply::read(&mut octets).await
    }

    #[tokio::test]
    async fn a_reply_of_several_lines_is_read_to_its_end() {
        let reply = read(b"250-mail.example.com\r\n250-STARTTLS\r\n250 SIZE 100\r\n250 more\r\n")
            .await
            .unwrap();
        assert_eq!(reply.code, 250);
        assert_eq!(reply.host(), "mail.example.com");
        assert!(reply.offers("starttls") && reply.offers("SIZE") && !reply.offers("8BITMIME"));
        assert!(!reply.offers("mail.example.com"));
        assert_eq!(read(b"220\n").await.unwrap().lines, [""]);
    }

    #[tokio::test]
    async fn what_has_no_end_is_given_up() {
        let long = vec![b'2'; 4 * MAX_LINE];
        assert!(matches!(read(&long).await, Err(SmtpError::TooLong)));
        let many = b"250-x\r\n".repeat(2 * MAX_LINES);
        assert!(matches!(read(&many).await, Err(SmtpError::TooLong)));
        let mut endless = tokio::io::BufReader::new(tokio::io::repeat(b'2'));
        let read = Reply::read(&mut endless).await;
        assert!(matches!(read, Err(SmtpError::TooLong)));
    }

    #[tokio::test]
    async fn garbage_is_no_reply() {
        for garbage in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"\x15\x03\x01\x00\x02\x02\x0a\r\n",
            b"2\r\n",
            b"22\xff ok\r\n",
            b"999 no\r\n",
            b"220!no\r\n",
            b"\r\n",
        ] {
            let read = read(garbage).await;
            assert!(matches!(read, Err(SmtpError::NotSmtp(_))), "{garbage:?}");
        }
        let cut = read(b"220 mail.exam").await;
        assert!(matches!(cut, Err(SmtpError::Closed)));
        let reply = read(b"220 \x1b[31mred\r\n").await.unwrap();
        assert_eq!(reply.lines, ["\u{fffd}[31mred"]);
    }
}
