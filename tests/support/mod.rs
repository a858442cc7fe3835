//! An MTA's side of the milter protocol: for tests, and for load.
//!
//! Blocking and literal. Frames are sent as Postfix sends them: a `D` frame with the queue id
//! before every step from MAIL on, header values with their leading space, body in chunks of
//! 65,535 octets, an empty `E`, and `A` after each message.

#![allow(
    dead_code,
    reason = "each user of this module needs another part of it"
)]

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
};

/// What Postfix 3.7 offers.
pub const POSTFIX_OFFER: Offer = Offer {
    version: 6,
    actions: 0x1ff,
    options: 0x001f_ffff,
};

/// What a sendmail of protocol 2 offers.
pub const OLD_OFFER: Offer = Offer {
    version: 2,
    actions: 0x3f,
    options: 0x7f,
};

/// Octets of a body chunk.
pub const CHUNK: usize = 65_535;

/// What an MTA offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub version: u32,
    pub actions: u32,
    pub options: u32,
}

/// A frame from the milter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub kind: u8,
    pub payload: Vec<u8>,
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    pub sender: Vec<u8>,
    pub recipients: Vec<Vec<u8>>,
    pub header: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Message {
    /// A usual message of a dozen header fields from that author, with a body of `size` octets.
    pub fn usual(from: &str, size: usize) -> Self {
        let line = b"A line of quite usual text, as long as the lines of letters often are.\r\n";
        let mut body: Vec<u8> = line.iter().copied().cycle().take(size).collect();
        if size >= 2 {
            body.truncate(size - 2);
            body.extend_from_slice(b"\r\n");
        }
        let from_value = format!(" Somebody <{from}>");
        let header = [
            (
                "Received",
                " from client.example.com (client.example.com [192.0.2.7])\n\tby mail.example.com (Postfix) with ESMTPSA id 4XyZ012345\n\tfor <rcpt@example.net>; Mon, 23 Nov 2026 18:00:00 +0000 (UTC)",
            ),
            (
                "Message-ID",
                " <20261123180000.4XyZ012345@mail.example.com>",
            ),
            ("Date", " Mon, 23 Nov 2026 18:00:00 +0000"),
            ("MIME-Version", " 1.0"),
            ("User-Agent", " Mozilla Thunderbird"),
            ("Content-Language", " en-US"),
            ("To", " Recipient <rcpt@example.net>"),
            ("From", &from_value),
            (
                "Subject",
                " A message of the usual kind, neither short nor long",
            ),
            ("Reply-To", " replies@example.com"),
            ("Content-Type", " text/plain; charset=UTF-8; format=flowed"),
            ("Content-Transfer-Encoding", " 7bit"),
        ];
        Self {
            sender: format!("<{from}>").into_bytes(),
            recipients: vec![b"<rcpt@example.net>".to_vec()],
            header: header
                .iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect(),
            body,
        }
    }
}

/// Appends a frame.
pub fn put_frame(out: &mut Vec<u8>, command: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len() + 1).expect("a frame has less than 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.push(command);
    out.extend_from_slice(payload);
}

/// Strings, each with its NUL.
pub fn strings<S: AsRef<[u8]>>(parts: &[S]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(part.as_ref());
        out.push(0);
    }
    out
}

pub trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

/// A connection to a milter.
pub struct MilterClient {
    connection: Box<dyn Connection>,
    out: Vec<u8>,
    input: Vec<u8>,
    options: u32,
    /// Reads and writes made, as a measure of wake-ups.
    pub reads: usize,
    pub writes: usize,
}

impl MilterClient {
    pub fn new(connection: impl Connection + 'static) -> Self {
        Self {
            connection: Box::new(connection),
            out: Vec::new(),
            input: Vec::new(),
            options: 0,
            reads: 0,
            writes: 0,
        }
    }

    pub fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self::new(UnixStream::connect(path)?))
    }

    pub fn tcp(address: &str) -> io::Result<Self> {
        Ok(Self::new(TcpStream::connect(address)?))
    }

    /// Negotiates; gives version, actions and options of the answer.
    pub fn negotiate(&mut self, offer: Offer) -> io::Result<(u32, u32, u32)> {
        let words: Vec<u8> = [offer.version, offer.actions, offer.options]
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .collect();
        self.send(b'O', &words)?;
        let answer = self.answer()?;
        if answer.kind != b'O' || answer.payload.len() < 12 {
            return Err(io::Error::other(format!("no negotiation: {answer:?}")));
        }
        let mut words = answer
            .payload
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
        let mut word = || words.next().unwrap_or_default();
        let agreed = (word(), word(), word());
        self.options = agreed.2;
        Ok(agreed)
    }

    /// Tells the client of the MTA; gives the answer.
    pub fn connect(&mut self, name: &str, address: &str) -> io::Result<Answer> {
        self.macros(
            b'C',
            &["j", "mail.example.com", "{daemon_name}", "mail.example.com"],
        );
        let mut payload = strings(&[name]);
        payload.push(if address.contains(':') { b'6' } else { b'4' });
        payload.extend_from_slice(&25_u16.to_be_bytes());
        payload.extend_from_slice(&strings(&[address]));
        put_frame(&mut self.out, b'C', &payload);
        self.flush()?;
        self.answer()
    }

    /// Queues a macro frame.
    pub fn macros(&mut self, command: u8, pairs: &[&str]) {
        let mut payload = vec![command];
        payload.extend_from_slice(&strings(pairs));
        put_frame(&mut self.out, b'D', &payload);
    }

    /// Sends a frame at once, with those queued before it.
    pub fn send(&mut self, command: u8, payload: &[u8]) -> io::Result<()> {
        put_frame(&mut self.out, command, payload);
        self.flush()
    }

    /// Sends octets as they are.
    pub fn send_raw(&mut self, octets: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(octets);
        self.flush()
    }

    /// A step of the conversation: sends it and waits for the reply if one is due, else queues it.
    pub fn step(&mut self, command: u8, payload: &[u8]) -> io::Result<Option<Answer>> {
        let (not_asked, no_reply) = match command {
            b'H' => (0x2, 0x2000),
            b'M' => (0x4, 0x4000),
            b'R' => (0x8, 0x8000),
            b'T' => (0x200, 0x1_0000),
            b'L' => (0x20, 0x80),
            b'N' => (0x40, 0x4_0000),
            b'B' => (0x10, 0x8_0000),
            _ => (0, 0),
        };
        if self.options & not_asked != 0 {
            return Ok(None);
        }
        if command != b'H' {
            self.macros(command, &["i", "4XyZ012345"]);
        }
        put_frame(&mut self.out, command, payload);
        if self.options & no_reply != 0 {
            // Postfix's buffer has room for a small message.
            if self.out.len() > 4 * CHUNK {
                self.flush()?;
            }
            return Ok(None);
        }
        self.flush()?;
        self.answer().map(Some)
    }

    /// Sends everything before the body; gives a reply other than Continue, if one came.
    pub fn send_header(&mut self, message: &Message) -> io::Result<Option<Answer>> {
        let mut replies = vec![self.step(b'M', &strings(&[&message.sender]))?];
        for recipient in &message.recipients {
            replies.push(self.step(b'R', &strings(&[recipient]))?);
        }
        replies.push(self.step(b'T', b"")?);
        // Here the client's data begins, and Postfix's buffer goes out.
        self.flush()?;
        for (name, value) in &message.header {
            let value = if self.options & 0x10_0000 == 0 {
                value.strip_prefix(b" ").unwrap_or(value)
            } else {
                value
            };
            replies.push(self.step(b'L', &strings(&[name.as_slice(), value]))?);
        }
        replies.push(self.step(b'N', b"")?);
        Ok(replies
            .into_iter()
            .flatten()
            .find(|reply| reply.kind != b'c'))
    }

    /// Sends body octets in chunks; gives a reply other than Continue, at which it stops.
    pub fn send_body(&mut self, body: &[u8]) -> io::Result<Option<Answer>> {
        for chunk in body.chunks(CHUNK) {
            if let Some(reply) = self.step(b'B', chunk)?
                && reply.kind != b'c'
            {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Ends the message; gives all answers, the final one last.
    pub fn end(&mut self) -> io::Result<Vec<Answer>> {
        self.macros(b'E', &["i", "4XyZ012345"]);
        self.send(b'E', b"")?;
        let mut answers = Vec::new();
        loop {
            let answer = self.answer()?;
            let last = b"acdrty".contains(&answer.kind);
            answers.push(answer);
            if last {
                return Ok(answers);
            }
        }
    }

    /// A whole message, and the abort that Postfix sends after it.
    pub fn message(&mut self, message: &Message) -> io::Result<Vec<Answer>> {
        let mut answers = match self.send_header(message)? {
            Some(reply) => vec![reply],
            None => match self.send_body(&message.body)? {
                Some(reply) if reply.kind != b's' => vec![reply],
                _ => self.end()?,
            },
        };
        answers.retain(|answer| answer.kind != b'p');
        put_frame(&mut self.out, b'A', b"");
        Ok(answers)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.writes += 1;
            self.connection.write_all(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    /// The next frame; an error of kind UnexpectedEof when the milter closed the connection.
    pub fn answer(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(head) = self.input.first_chunk::<4>() {
                let length = u32::from_be_bytes(*head) as usize;
                if self.input.len() >= 4 + length && length > 0 {
                    let frame: Vec<u8> = self.input.drain(..4 + length).collect();
                    return Ok(Answer {
                        kind: frame[4],
                        payload: frame[5..].to_vec(),
                    });
                }
            }
            let mut buffer = [0; 4096];
            self.reads += 1;
            let length = self.connection.read(&mut buffer)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.input.extend_from_slice(&buffer[..length]);
        }
    }
}
