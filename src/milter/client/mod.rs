//! The MTA's side of the conversation: hands one message to a milter as Postfix would and tells
//! what it wants done with it. Nothing is delivered.
//!
//! [`Mta`] is the protocol alone, for whoever reads and writes in a way of its own.

mod mta;

use std::{future::poll_fn, io};

use indymilter::message::command::CommandKind;

pub use mta::{Answer, CHUNK, Mta, Offer, POSTFIX, PROTOCOL_2};

use tokio::net::{TcpStream, UnixStream};

use super::frame::{FrameError, nul_ended};
use crate::socket::{SocketSpec, Stream};

/// Octets of one read.
const READ: usize = 16 * 1024;

/// A message, and how it comes to the MTA.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The queue ID that the milter is told.
    pub queue_id: &'static str,
    /// The client's host name.
    pub client_name: String,
    /// The client's IPv4 address.
    pub client_address: std::net::Ipv4Addr,
    /// Macros told at connect, names as Postfix spells them (`j`, `{daemon_name}`).
    pub macros: Vec<(String, String)>,
    /// The envelope sender, without angle brackets.
    pub sender: String,
    /// The envelope recipient, likewise.
    pub recipient: String,
    /// Names and values, the values with their leading space and LF folds.
    pub header: Vec<(String, String)>,
    /// The body, with CRLF line ends.
    pub body: Vec<u8>,
}

/// A header field that the milter wants added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedField {
    /// Its name.
    pub name: String,
    /// Its value with leading white space and LF folds.
    pub value: String,
}

/// How the milter lets go of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It may pass.
    Accepted,
    /// It is refused; the reply's text, or the MTA's word for it.
    Refused(String),
    /// It is swallowed.
    Discarded,
}

/// What the milter wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Fields to add, in the order in which they were asked for.
    pub added: Vec<AddedField>,
    /// The reason why the message is to be held.
    pub quarantine: Option<String>,
    /// How it ends.
    pub ending: Ending,
}

impl From<Ending> for Wanted {
    /// Nothing but that.
    fn from(ending: Ending) -> Self {
        Self {
            added: Vec::new(),
            quarantine: None,
            ending,
        }
    }
}

/// Why the conversation failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is no frame.
    #[error("the answer is not the milter protocol: {0}")]
    Frame(#[from] FrameError),
    /// The connection was closed in the middle.
    #[error("the connection was closed before the answer came")]
    Closed,
    /// The offer was not answered with terms.
    #[error("the answer to the negotiation is none")]
    NoTerms,
}

/// Connects to a milter where it listens; one that listens at all addresses is asked at the loopback.
///
/// # Errors
/// Those of the system; for an inherited descriptor, which has no address, [`io::ErrorKind::Unsupported`].
pub async fn connect(place: &SocketSpec) -> io::Result<Stream> {
    let (host, own, port) = match place {
        SocketSpec::Unix(path) => return Ok(UnixStream::connect(path).await?.into()),
        SocketSpec::Inet { host, port } => (host, "127.0.0.1", *port),
        SocketSpec::Inet6 { host, port } => (host, "::1", *port),
        SocketSpec::Inherited(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    let host = host.as_deref().unwrap_or(own);
    Ok(TcpStream::connect((host, port)).await?.into())
}

/// Agrees on terms with the milter behind `stream`, and leaves.
///
/// # Errors
/// If the connection breaks, or the other side does not speak the milter protocol.
pub async fn greet(stream: Stream) -> Result<(), ClientError> {
    // No message follows that could have one.
    let mut line = Line::new(stream, "");
    line.negotiate().await?;
    line.mta.put(CommandKind::Quit, b"");
    Ok(line.flush().await?)
}

/// Hands a message to the milter behind `stream`.
///
/// # Errors
/// If the connection breaks, or the other side does not speak the milter protocol.
pub async fn submit(stream: Stream, message: &Submission) -> Result<Wanted, ClientError> {
    let mut line = Line::new(stream, message.queue_id);
    line.negotiate().await?;
    let wanted = line.converse(message).await?;
    // Abort and quit: nothing of the message stays behind.
    line.mta.put(CommandKind::Abort, b"");
    line.mta.put(CommandKind::Quit, b"");
    line.flush().await?;
    Ok(wanted)
}

/// An MTA with its connection.
struct Line {
    stream: Stream,
    mta: Mta,
}

impl Line {
    fn new(stream: Stream, queue_id: &'static str) -> Self {
        Self {
            stream,
            mta: Mta::new(queue_id),
        }
    }

    async fn negotiate(&mut self) -> Result<(), ClientError> {
        self.mta.offer(POSTFIX);
        let answer = self.answer().await?;
        self.mta.agree(&answer).ok_or(ClientError::NoTerms)?;
        Ok(())
    }

    async fn converse(&mut self, message: &Submission) -> Result<Wanted, ClientError> {
        if let Some(ending) = self.until_body(message).await? {
            return Ok(ending.into());
        }
        for chunk in message.body.chunks(CHUNK) {
            match self.step(CommandKind::BodyChunk, chunk).await? {
                Some(Answer { kind: b's', .. }) => break,
                Some(answer) => {
                    if let Some(ending) = ending(&answer) {
                        return Ok(ending.into());
                    }
                }
                None => {}
            }
        }
        self.end().await
    }

    /// All that comes before the body; an ending where the milter wants no more.
    async fn until_body(&mut self, message: &Submission) -> Result<Option<Ending>, ClientError> {
        let macros: Vec<&str> = message
            .macros
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()])
            .collect();
        let name = &message.client_name;
        let due = self
            .mta
            .connect(&macros, name, message.client_address.into());
        if let Some(ending) = self.ending_if(due).await? {
            return Ok(Some(ending));
        }
        let sender = format!("<{}>", message.sender);
        let recipient = format!("<{}>", message.recipient);
        for (command, payload) in [
            (CommandKind::Helo, nul_ended(&[name])),
            (CommandKind::Mail, nul_ended(&[sender])),
            (CommandKind::Rcpt, nul_ended(&[recipient])),
            (CommandKind::Data, Vec::new()),
        ] {
            let due = self.mta.step(command, &payload);
            if let Some(ending) = self.ending_if(due).await? {
                return Ok(Some(ending));
            }
        }
        for (name, value) in &message.header {
            let due = self.mta.header(name.as_bytes(), value.as_bytes());
            if let Some(ending) = self.ending_if(due).await? {
                return Ok(Some(ending));
            }
        }
        let due = self.mta.step(CommandKind::Eoh, b"");
        self.ending_if(due).await
    }

    /// Waits for an answer if one is due; an ending where it means that.
    async fn ending_if(&mut self, due: bool) -> Result<Option<Ending>, ClientError> {
        if !due {
            return Ok(None);
        }
        Ok(ending(&self.answer().await?))
    }

    /// Sends a step; its answer where one is due.
    async fn step(
        &mut self,
        command: CommandKind,
        payload: &[u8],
    ) -> Result<Option<Answer>, ClientError> {
        if self.mta.step(command, payload) {
            self.answer().await.map(Some)
        } else {
            Ok(None)
        }
    }

    async fn end(&mut self) -> Result<Wanted, ClientError> {
        self.mta.step(CommandKind::BodyEnd, b"");
        let mut wanted = Wanted::from(Ending::Accepted);
        loop {
            let answer = self.answer().await?;
            match answer.kind {
                b'i' => wanted
                    .added
                    .extend(answer.payload.get(4..).and_then(|rest| self.added(rest))),
                b'h' => wanted.added.extend(self.added(&answer.payload)),
                b'q' => wanted.quarantine = texts(&answer.payload).next(),
                b'c' | b'a' => return Ok(wanted),
                _ => {
                    if let Some(ending) = ending(&answer) {
                        return Ok(Wanted { ending, ..wanted });
                    }
                }
            }
        }
    }

    fn added(&self, payload: &[u8]) -> Option<AddedField> {
        let mut texts = texts(payload);
        let (name, value) = (texts.next()?, texts.next()?);
        let value = self.mta.added_value(&value);
        Some(AddedField { name, value })
    }

    async fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(self.mta.output());
        self.stream.write_all(&out).await
    }

    /// Sends what waits; the next frame that is no sign of life.
    async fn answer(&mut self) -> Result<Answer, ClientError> {
        self.flush().await?;
        loop {
            match self.mta.answer()? {
                Some(answer) if answer.is_progress() => {}
                Some(answer) => return Ok(answer),
                None => self.read().await?,
            }
        }
    }

    async fn read(&mut self) -> Result<(), ClientError> {
        let mut buffer = vec![0; READ];
        let length = poll_fn(|cx| self.stream.poll_read(cx, &mut buffer)).await?;
        if length == 0 {
            return Err(ClientError::Closed);
        }
        self.mta.input(&buffer[..length]);
        Ok(())
    }
}

/// The ending that an answer means; `None`: go on.
fn ending(answer: &Answer) -> Option<Ending> {
    Some(match answer.kind {
        b'a' => Ending::Accepted,
        b'd' => Ending::Discarded,
        b'r' => Ending::Refused("550 5.7.1 Command rejected".to_owned()),
        b't' => Ending::Refused("451 4.7.1 Service unavailable".to_owned()),
        b'y' => Ending::Refused(texts(&answer.payload).next().unwrap_or_default()),
        _ => return None,
    })
}

fn texts(payload: &[u8]) -> impl Iterator<Item = String> {
    super::frame::strings(payload).map(|text| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    };

    use super::*;

    fn message() -> Submission {
        Submission {
            queue_id: "4XyZ012345",
            client_name: "localhost".into(),
            client_address: std::net::Ipv4Addr::LOCALHOST,
            macros: vec![("j".into(), "mail.example.com".into())],
            sender: "joe@example.com".into(),
            recipient: "ann@example.net".into(),
            header: vec![("From".into(), " joe@example.com".into())],
            body: b"hello\r\n".to_vec(),
        }
    }

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        crate::frame::put(&mut frame, kind, payload);
        frame
    }

    /// A milter that wants these options and answers the end of the message with these frames.
    async fn told(options: u32, answers: &[Vec<u8>]) -> (Result<Wanted, ClientError>, Vec<u8>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let terms = Offer {
            actions: 1,
            options,
            ..POSTFIX
        };
        let mut said = frame(b'O', &terms.payload());
        answers.iter().for_each(|answer| said.extend(answer));
        let milter = tokio::spawn(async move {
            theirs.write_all(&said).await.unwrap();
            let mut heard = Vec::new();
            theirs.read_to_end(&mut heard).await.unwrap();
            heard
        });
        let wanted = submit(ours.into(), &message()).await;
        (wanted, milter.await.unwrap())
    }

    /// No replies before the end of the message.
    const QUIET: u32 = 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x1_0000 | 0x80 | 0x4_0000 | 0x8_0000;

    #[tokio::test]
    async fn added_fields_come_back_with_their_leading_space() {
        let field = b"\0\0\0\0DKIM-Signature\0v=1;\n\tb=x\0";
        let answers = [frame(b'p', b""), frame(b'i', field), frame(b'a', b"")];
        let (wanted, heard) = told(QUIET, &answers).await;
        let wanted = wanted.unwrap();
        assert_eq!(wanted.ending, Ending::Accepted);
        assert_eq!(wanted.added[0].value, " v=1;\n\tb=x");
        assert!(heard.ends_with(&[frame(b'A', b""), frame(b'Q', b"")].concat()));
        let (wanted, _) = told(QUIET | 0x10_0000, &answers).await;
        assert_eq!(wanted.unwrap().added[0].value, "v=1;\n\tb=x");
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_milters_words() {
        let (wanted, _) = told(QUIET, &[frame(b'y', b"451 4.7.0 no key\0")]).await;
        let refused = Ending::Refused("451 4.7.0 no key".to_owned());
        assert_eq!(wanted.unwrap().ending, refused);
        // At the connection already.
        let (wanted, heard) = told(QUIET & !0x1000, &[frame(b't', b"")]).await;
        assert!(matches!(wanted.unwrap().ending, Ending::Refused(_)));
        assert!(!heard.windows(4).any(|part| part == b"From"));
    }

    #[tokio::test]
    async fn whoever_does_not_speak_the_protocol_is_told_from_a_milter() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs
            .write_all(b"220 mail.example.com ESMTP\r\n")
            .await
            .unwrap();
        let error = submit(ours.into(), &message()).await.unwrap_err();
        assert!(matches!(error, ClientError::Frame(_)), "{error}");
    }
}
