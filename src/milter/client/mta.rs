//! The MTA's half of the protocol without a connection: what it says goes out of [`Mta::output`], what it
//! hears goes into [`Mta::input`].
//!
//! Frames come as Postfix sends them: macros with the queue id before every step from MAIL on, and no
//! step that the milter does not want.

use std::net::IpAddr;

use indymilter::{
    ProtoOpts,
    message::{command::CommandKind, reply::ReplyKind},
};

use crate::frame::{self, FrameError, FrameReader, Piece, nul_ended};

/// Octets of a body chunk.
pub const CHUNK: usize = 65_535;

/// What an MTA offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Version of the protocol.
    pub version: u32,
    /// Which changes a milter may ask for (`SMFIF_…`).
    pub actions: u32,
    /// Which steps and replies it may leave out (`SMFIP_…`).
    pub options: u32,
}

/// What Postfix offers: protocol 6, all actions, all options.
pub const POSTFIX: Offer = Offer {
    version: 6,
    actions: 0x1ff,
    options: 0x001f_ffff,
};

/// What a sendmail of protocol 2 offers.
pub const PROTOCOL_2: Offer = Offer {
    version: 2,
    actions: 0x3f,
    options: 0x7f,
};

impl Offer {
    /// As it goes over the wire, both ways.
    pub fn payload(self) -> [u8; 12] {
        let mut payload = [0; 12];
        let words = [self.version, self.actions, self.options];
        for (place, word) in payload.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        payload
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let (words, _) = payload.as_chunks::<4>();
        match words {
            [version, actions, options, ..] => Some(Self {
                version: u32::from_be_bytes(*version),
                actions: u32::from_be_bytes(*actions),
                options: u32::from_be_bytes(*options),
            }),
            _ => None,
        }
    }
}

/// A frame of the milter's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its letter.
    pub kind: u8,
    /// What follows the letter.
    pub payload: Vec<u8>,
}

impl Answer {
    /// Whether the milter only tells that it is still at work.
    pub fn is_progress(&self) -> bool {
        self.kind == u8::from(ReplyKind::Progress)
    }
}

/// The MTA's side of one connection.
#[derive(Debug)]
pub struct Mta {
    queue_id: &'static str,
    options: ProtoOpts,
    output: Vec<u8>,
    reader: FrameReader,
    input: Vec<u8>,
}

impl Mta {
    /// An MTA before negotiation, whose messages have this queue id.
    pub fn new(queue_id: &'static str) -> Self {
        Self {
            queue_id,
            options: ProtoOpts::empty(),
            output: Vec::new(),
            reader: FrameReader::default(),
            input: Vec::new(),
        }
    }

    /// Octets that are to be written; whoever writes them empties it.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Octets that were read.
    pub fn input(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
    }

    /// The next answer; `None` where more has to be read first.
    ///
    /// # Errors
    /// If what came is not the milter protocol.
    pub fn answer(&mut self) -> Result<Option<Answer>, FrameError> {
        let (used, piece) = self.reader.next(&self.input)?;
        let answer = match piece {
            Some(Piece::Command { command, payload }) => Some(Answer {
                kind: command,
                payload: payload.to_vec(),
            }),
            // No answer has the letter of a body's octets.
            _ => None,
        };
        self.input.drain(..used);
        Ok(answer)
    }

    /// Offers terms, for an answer.
    pub fn offer(&mut self, offer: Offer) {
        self.put(CommandKind::OptNeg, &offer.payload());
    }

    /// Keeps to the terms of the answer to the offer, and gives them; `None` where it has none.
    pub fn agree(&mut self, answer: &Answer) -> Option<Offer> {
        let is_terms = answer.kind == u8::from(ReplyKind::OptNeg);
        let terms = Offer::read(&answer.payload).filter(|_| is_terms)?;
        self.options = ProtoOpts::from_bits_truncate(terms.options);
        Some(terms)
    }

    /// Tells the client, and whether an answer is due.
    pub fn connect(&mut self, macros: &[&str], name: &str, address: IpAddr) -> bool {
        self.macros(CommandKind::ConnInfo, macros);
        let mut payload = nul_ended(&[name]);
        payload.push(if address.is_ipv6() { b'6' } else { b'4' });
        payload.extend_from_slice(&25_u16.to_be_bytes());
        payload.extend(nul_ended(&[address.to_string()]));
        self.step(CommandKind::ConnInfo, &payload)
    }

    /// A header field, and whether an answer is due. Its value is given with the leading space, which is
    /// left out where that was agreed on.
    pub fn header(&mut self, name: &[u8], value: &[u8]) -> bool {
        let value = match value {
            [b' ', rest @ ..] if !self.options.contains(ProtoOpts::LEADING_SPACE) => rest,
            value => value,
        };
        self.step(CommandKind::Header, &nul_ended(&[name, value]))
    }

    /// The value of a field that the milter adds, with its leading space.
    pub fn added_value(&self, value: &str) -> String {
        if self.options.contains(ProtoOpts::LEADING_SPACE) {
            value.to_owned()
        } else {
            format!(" {value}")
        }
    }

    /// A step with its macros, if the milter wants it, and whether an answer is due.
    pub fn step(&mut self, command: CommandKind, payload: &[u8]) -> bool {
        let (not_wanted, no_reply) = terms_of(command);
        if self.options.intersects(not_wanted) {
            return false;
        }
        if !matches!(command, CommandKind::ConnInfo | CommandKind::Helo) {
            self.macros(command, &["i", self.queue_id]);
        }
        self.put(command, payload);
        !self.options.intersects(no_reply)
    }

    /// Macros of a command: names and values in turn.
    pub fn macros(&mut self, command: CommandKind, pairs: &[&str]) {
        let mut payload = vec![command.into()];
        payload.extend(nul_ended(pairs));
        self.put(CommandKind::DefMacros, &payload);
    }

    /// A frame as it is.
    pub fn put(&mut self, command: CommandKind, payload: &[u8]) {
        frame::put(&mut self.output, command.into(), payload);
    }
}

/// Which options spare a command, and which its reply.
fn terms_of(command: CommandKind) -> (ProtoOpts, ProtoOpts) {
    match command {
        CommandKind::ConnInfo => (ProtoOpts::NO_CONNECT, ProtoOpts::NOREPLY_CONNECT),
        CommandKind::Helo => (ProtoOpts::NO_HELO, ProtoOpts::NOREPLY_HELO),
        CommandKind::Mail => (ProtoOpts::NO_MAIL, ProtoOpts::NOREPLY_MAIL),
        CommandKind::Rcpt => (ProtoOpts::NO_RCPT, ProtoOpts::NOREPLY_RCPT),
        CommandKind::Data => (ProtoOpts::NO_DATA, ProtoOpts::NOREPLY_DATA),
        CommandKind::Header => (ProtoOpts::NO_HEADER, ProtoOpts::NOREPLY_HEADER),
        CommandKind::Eoh => (ProtoOpts::NO_EOH, ProtoOpts::NOREPLY_EOH),
        CommandKind::BodyChunk => (ProtoOpts::NO_BODY, ProtoOpts::NOREPLY_BODY),
        CommandKind::Unknown => (ProtoOpts::NO_UNKNOWN, ProtoOpts::NOREPLY_UNKNOWN),
        _ => (ProtoOpts::empty(), ProtoOpts::empty()),
    }
}
