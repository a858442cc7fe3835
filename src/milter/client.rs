//! The MTA's side of the conversation: hands one message to a milter as Postfix would and tells
//! what it wants done with it. Nothing is delivered.

use std::{future::poll_fn, io};

use super::frame::{FrameError, FrameReader, Piece};
use crate::socket::stream::Stream;

/// What Postfix offers: protocol 6, all actions, all options.
const OFFER: [u32; 3] = [6, 0x1ff, 0x001f_ffff];
/// `SMFIP_HDR_LEADSPC`.
const LEADING_SPACE: u32 = 0x10_0000;
/// Octets of a body chunk.
const CHUNK: usize = 65_535;
/// The queue id that the milter is told.
pub const QUEUE_ID: &str = "DOCTOR";
/// Octets of one read.
const READ: usize = 16 * 1024;

/// A message, and how it comes to the MTA.
#[derive(Clone, Debug)]
pub struct Submission {
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

/// Hands a message to the milter behind `stream`.
///
/// # Errors
/// If the connection breaks, or the other side does not speak the milter protocol.
pub async fn submit(stream: Stream, message: &Submission) -> Result<Wanted, ClientError> {
    let mut mta = Mta {
        stream,
        reader: FrameReader::default(),
        input: Vec::new(),
        out: Vec::new(),
        options: 0,
    };
    mta.negotiate().await?;
    let wanted = mta.converse(message).await?;
    // Abort and quit: nothing of the message stays behind.
    mta.put(b'A', b"");
    mta.put(b'Q', b"");
    mta.flush().await?;
    Ok(wanted)
}

/// A frame of the milter's.
struct Answer {
    kind: u8,
    payload: Vec<u8>,
}

struct Mta {
    stream: Stream,
    reader: FrameReader,
    input: Vec<u8>,
    out: Vec<u8>,
    options: u32,
}

impl Mta {
    async fn negotiate(&mut self) -> Result<(), ClientError> {
        let offer: Vec<u8> = OFFER.iter().flat_map(|word| word.to_be_bytes()).collect();
        self.put(b'O', &offer);
        self.flush().await?;
        let answer = self.answer().await?;
        let options = answer
            .payload
            .get(8..12)
            .and_then(|word| word.try_into().ok());
        match (answer.kind, options) {
            (b'O', Some(options)) => {
                self.options = u32::from_be_bytes(options);
                Ok(())
            }
            _ => Err(ClientError::NoTerms),
        }
    }

    async fn converse(&mut self, message: &Submission) -> Result<Wanted, ClientError> {
        if let Some(ending) = self.until_body(message).await? {
            return Ok(Wanted {
                added: Vec::new(),
                quarantine: None,
                ending,
            });
        }
        for chunk in message.body.chunks(CHUNK) {
            match self.step(b'B', chunk).await? {
                Some(Answer { kind: b's', .. }) => break,
                Some(answer) => {
                    if let Some(ending) = ending(&answer) {
                        return Ok(Wanted {
                            added: Vec::new(),
                            quarantine: None,
                            ending,
                        });
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
        self.put_macros(b'C', &macros);
        let mut client = strings(&[&message.client_name]);
        client.push(b'4');
        client.extend_from_slice(&25_u16.to_be_bytes());
        client.extend(strings(&[&message.client_address.to_string()]));
        let sender = format!("<{}>", message.sender);
        let recipient = format!("<{}>", message.recipient);
        let mut steps = vec![
            (b'C', client),
            (b'H', strings(&[&message.client_name])),
            (b'M', strings(&[&sender])),
            (b'R', strings(&[&recipient])),
            (b'T', Vec::new()),
        ];
        for (name, value) in &message.header {
            let value = match self.options & LEADING_SPACE {
                0 => value.strip_prefix(' ').unwrap_or(value),
                _ => value,
            };
            steps.push((b'L', strings(&[name, value])));
        }
        steps.push((b'N', Vec::new()));
        for (command, payload) in steps {
            let answer = self.step(command, &payload).await?;
            if let Some(ending) = answer.as_ref().and_then(ending) {
                return Ok(Some(ending));
            }
        }
        Ok(None)
    }

    /// Sends a step; its answer where one is due.
    async fn step(&mut self, command: u8, payload: &[u8]) -> Result<Option<Answer>, ClientError> {
        let (not_wanted, no_reply) = terms_of(command);
        if self.options & not_wanted != 0 {
            return Ok(None);
        }
        if command != b'C' && command != b'H' {
            self.put_macros(command, &["i", QUEUE_ID]);
        }
        self.put(command, payload);
        if self.options & no_reply != 0 {
            return Ok(None);
        }
        self.flush().await?;
        self.answer().await.map(Some)
    }

    async fn end(&mut self) -> Result<Wanted, ClientError> {
        self.put_macros(b'E', &["i", QUEUE_ID]);
        self.put(b'E', b"");
        self.flush().await?;
        let mut wanted = Wanted {
            added: Vec::new(),
            quarantine: None,
            ending: Ending::Accepted,
        };
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
        let value = match self.options & LEADING_SPACE {
            0 => format!(" {value}"),
            _ => value,
        };
        Some(AddedField { name, value })
    }

    fn put(&mut self, command: u8, payload: &[u8]) {
        // Chunks and fields are far below 4 GiB.
        let length = u32::try_from(payload.len() + 1).unwrap_or(u32::MAX);
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.push(command);
        self.out.extend_from_slice(payload);
    }

    fn put_macros(&mut self, command: u8, pairs: &[&str]) {
        let mut payload = vec![command];
        payload.extend(strings(pairs));
        self.put(b'D', &payload);
    }

    async fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        self.stream.write_all(&out).await
    }

    /// The next frame that is no sign of life.
    async fn answer(&mut self) -> Result<Answer, ClientError> {
        loop {
            let (used, answer) = match self.reader.next(&self.input)? {
                (used, Some(Piece::Command { command, payload })) => {
                    let payload = payload.to_vec();
                    (
                        used,
                        Some(Answer {
                            kind: command,
                            payload,
                        }),
                    )
                }
                (used, _) => (used, None),
            };
            self.input.drain(..used);
            match answer {
                Some(Answer { kind: b'p', .. }) => {}
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
        self.input.extend_from_slice(&buffer[..length]);
        Ok(())
    }
}

/// Which options spare a command, and which its reply.
fn terms_of(command: u8) -> (u32, u32) {
    match command {
        b'C' => (0x1, 0x1000),
        b'H' => (0x2, 0x2000),
        b'M' => (0x4, 0x4000),
        b'R' => (0x8, 0x8000),
        b'T' => (0x200, 0x1_0000),
        b'L' => (0x20, 0x80),
        b'N' => (0x40, 0x4_0000),
        b'B' => (0x10, 0x8_0000),
        _ => (0, 0),
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

fn strings(parts: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(part.as_bytes());
        out.push(0);
    }
    out
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
        let length = u32::try_from(payload.len() + 1).unwrap();
        [&length.to_be_bytes(), &[kind][..], payload].concat()
    }

    /// A milter that wants these options and answers the end of the message with these frames.
    async fn told(options: u32, answers: &[Vec<u8>]) -> (Result<Wanted, ClientError>, Vec<u8>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let terms = [6, 1, options].map(u32::to_be_bytes).concat();
        let mut said = frame(b'O', &terms);
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
        let (wanted, _) = told(QUIET | LEADING_SPACE, &answers).await;
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
