//! An MTA with a connection that waits: for tests, and for load.
//!
//! The protocol is `dkimd_milter::client`'s. Here is what waits for it, and what can break it: frames
//! of any kind at any time. Whole messages are sent as Postfix sends them: body in chunks of 65,535
//! octets, an empty `E`, and `A` after each message.

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

use dkimd_milter::{
    client::{self, Mta},
    command::CommandKind,
    frame,
};

pub use dkimd_milter::{
    client::{Answer, CHUNK, Offer},
    frame::nul_ended as strings,
};

/// What Postfix offers.
pub const POSTFIX_OFFER: Offer = client::POSTFIX;

/// What a sendmail of protocol 2 offers.
pub const OLD_OFFER: Offer = client::PROTOCOL_2;

/// The queue id of all messages.
const QUEUE_ID: &str = "4XyZ012345";

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

pub trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

/// A connection to a milter.
pub struct MilterClient {
    connection: Box<dyn Connection>,
    mta: Mta,
    /// Reads and writes made, as a measure of wake-ups.
    pub reads: usize,
    pub writes: usize,
}

impl MilterClient {
    pub fn new(connection: impl Connection + 'static) -> Self {
        Self {
            connection: Box::new(connection),
            mta: Mta::new(QUEUE_ID),
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

    /// Negotiates; gives what was answered.
    pub fn negotiate(&mut self, offer: Offer) -> io::Result<Offer> {
        self.mta.offer(offer);
        let answer = self.told()?;
        let no_terms = || io::Error::other(format!("no negotiation: {answer:?}"));
        self.mta.agree(&answer).ok_or_else(no_terms)
    }

    /// Tells the client of the MTA; gives the answer.
    pub fn connect(&mut self, name: &str, address: &str) -> io::Result<Answer> {
        let host = "mail.example.com";
        let address = address.parse().map_err(io::Error::other)?;
        let macros = ["j", host, "{daemon_name}", host];
        self.mta.connect(&macros, name, address);
        self.told()
    }

    /// Queues a macro frame.
    pub fn macros(&mut self, command: u8, pairs: &[&str]) {
        let command = CommandKind::try_from(command).expect("the letter of a command");
        self.mta.macros(command, pairs);
    }

    /// Sends a frame at once, with those queued before it.
    pub fn send(&mut self, command: u8, payload: &[u8]) -> io::Result<()> {
        frame::put(self.mta.output(), command, payload);
        self.flush()
    }

    /// Sends octets as they are.
    pub fn send_raw(&mut self, octets: &[u8]) -> io::Result<()> {
        self.mta.output().extend_from_slice(octets);
        self.flush()
    }

    /// Waits for the reply to a step if one is due.
    fn reply(&mut self, due: bool) -> io::Result<Option<Answer>> {
        if due {
            return self.told().map(Some);
        }
        // Postfix's buffer has room for a small message.
        if self.mta.output().len() > 4 * CHUNK {
            self.flush()?;
        }
        Ok(None)
    }

    fn step(&mut self, command: CommandKind, payload: &[u8]) -> io::Result<Option<Answer>> {
        let due = self.mta.step(command, payload);
        self.reply(due)
    }

    /// Sends everything before the body; gives a reply other than Continue, if one came.
    pub fn send_header(&mut self, message: &Message) -> io::Result<Option<Answer>> {
        let mut replies = vec![self.step(CommandKind::Mail, &strings(&[&message.sender]))?];
        for recipient in &message.recipients {
            replies.push(self.step(CommandKind::Rcpt, &strings(&[recipient]))?);
        }
        replies.push(self.step(CommandKind::Data, b"")?);
        // Here the client's data begins, and Postfix's buffer goes out.
        self.flush()?;
        for (name, value) in &message.header {
            let due = self.mta.header(name, value);
            replies.push(self.reply(due)?);
        }
        replies.push(self.step(CommandKind::Eoh, b"")?);
        Ok(replies
            .into_iter()
            .flatten()
            .find(|reply| reply.kind != b'c'))
    }

    /// Sends body octets in chunks; gives a reply other than Continue, at which it stops.
    pub fn send_body(&mut self, body: &[u8]) -> io::Result<Option<Answer>> {
        for chunk in body.chunks(CHUNK) {
            if let Some(reply) = self.step(CommandKind::BodyChunk, chunk)?
                && reply.kind != b'c'
            {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Ends the message; gives all answers, the final one last.
    pub fn end(&mut self) -> io::Result<Vec<Answer>> {
        self.mta.step(CommandKind::BodyEnd, b"");
        self.flush()?;
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
        answers.retain(|answer| !answer.is_progress());
        self.mta.put(CommandKind::Abort, b"");
        Ok(answers)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        let out = self.mta.output();
        if !out.is_empty() {
            self.writes += 1;
            self.connection.write_all(out)?;
            out.clear();
        }
        Ok(())
    }

    /// Sends what is queued and waits for the next frame.
    fn told(&mut self) -> io::Result<Answer> {
        self.flush()?;
        self.answer()
    }

    /// The next frame; an error of kind UnexpectedEof when the milter closed the connection.
    pub fn answer(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(answer) = self.mta.answer().map_err(io::Error::other)? {
                return Ok(answer);
            }
            let mut buffer = [0; 4096];
            self.reads += 1;
            let length = self.connection.read(&mut buffer)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.mta.input(&buffer[..length]);
        }
    }
}
