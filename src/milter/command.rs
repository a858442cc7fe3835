//! What the MTA says: the letter and the payload of each frame, read once as they come in.
//!
//! Behind here nobody sees a payload: a [`Command`] is what the protocol says, or the connection
//! ends. Names, values and addresses are borrowed from the read buffer.

use std::{net::Ipv4Addr, str};

use bytes::Bytes;
pub use indymilter::message::command::CommandKind;
use indymilter::message::command::OptNegPayload;

use super::{
    Client, ConnectionError, Stage,
    frame::{Piece, strings},
};

/// Octets of a client's name that can be one (RFC 1035 section 2.3.4, in presentation form, with room
/// for an address in brackets); what is longer is none, and must not be cut to look like one.
const MAX_CLIENT_NAME: usize = 300;

/// What MTAs call a client without a name.
const UNKNOWN_CLIENT: &str = "unknown";

/// One command, or a part of one that carries body octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `O`: protocol version, actions and options that the MTA offers.
    Negotiate(OptNegPayload),
    /// `D`: macros of the command that comes next.
    Macros(Macros<'a>),
    /// `C`: the client of the MTA.
    Connect(Client),
    /// `H`: HELO, of which nothing is needed.
    Helo,
    /// `M`: the sender, which begins a message.
    Mail(&'a [u8]),
    /// `R`: a recipient; `None` where it was let go for want of memory.
    Recipient(Option<&'a [u8]>),
    /// `T`: the DATA command.
    Data,
    /// `L`: a header field; `None` where it was let go.
    Header(Option<Field<'a>>),
    /// `N`: the end of the header section.
    EndOfHeader,
    /// Octets of a `B` or an `E`, never none.
    Body(&'a [u8]),
    /// The end of a `B`.
    EndOfChunk,
    /// The end of an `E`, and so of the message.
    EndOfMessage,
    /// `A`: the message is given up.
    Abort,
    /// `K`: the client has gone, the next one comes over the same connection.
    QuitNewConnection,
    /// `Q`: the MTA hangs up.
    Quit,
    /// `U`: an SMTP command that the MTA does not know.
    Unknown,
}

/// A header field as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The value, folded with LF; whether its leading space is there is negotiated.
    pub value: &'a [u8],
}

/// The macros of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macros<'a> {
    /// The letter of the command that they belong to.
    command: Option<u8>,
    definitions: &'a [u8],
}

impl<'a> Macros<'a> {
    fn read(payload: &'a [u8]) -> Self {
        Self {
            command: payload.first().copied(),
            definitions: payload.get(1..).unwrap_or_default(),
        }
    }

    /// How long they hold.
    pub fn stage(self) -> Stage {
        match self.command {
            Some(b'C' | b'H') => Stage::Connection,
            _ => Stage::Message,
        }
    }

    /// Whether they belong to the command that begins a message.
    pub fn begins_message(self) -> bool {
        self.command == Some(b'M')
    }

    /// Names and values in the order of the wire; a name without a value is none.
    ///
    /// sendmail and Postfix write `{name}` or a letter; libmilter takes `{i}` for `i`.
    pub fn pairs(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut parts = strings(self.definitions);
        std::iter::from_fn(move || {
            let (name, value) = (parts.next()?, parts.next()?);
            let name = match name {
                [b'{', letter, b'}'] => std::slice::from_ref(letter),
                name => name,
            };
            Some((name, value))
        })
    }
}

impl<'a> Command<'a> {
    /// Reads a piece of the stream.
    ///
    /// # Errors
    /// [`ConnectionError::Malformed`] for a payload that the protocol does not know, and
    /// [`ConnectionError::Unexpected`] for a letter that it does not know.
    #[inline]
    pub fn read(piece: Piece<'a>) -> Result<Self, ConnectionError> {
        let (letter, payload) = match piece {
            Piece::Command { command, payload } => (command, payload),
            Piece::Body(octets) => return Ok(Self::Body(octets)),
            Piece::ChunkEnd => return Ok(Self::EndOfChunk),
            Piece::MessageEnd => return Ok(Self::EndOfMessage),
            Piece::Skipped(b'R') => return Ok(Self::Recipient(None)),
            Piece::Skipped(b'L') => return Ok(Self::Header(None)),
            Piece::Skipped(letter) => return Err(ConnectionError::Unexpected(char::from(letter))),
        };
        let malformed = || ConnectionError::Malformed(char::from(letter));
        let first = || strings(payload).next();
        match letter {
            b'O' => OptNegPayload::parse_buffer(Bytes::copy_from_slice(payload))
                .map(Self::Negotiate)
                .map_err(|_| malformed()),
            b'D' => Ok(Self::Macros(Macros::read(payload))),
            b'C' => client(payload).map(Self::Connect).ok_or_else(malformed),
            b'H' => Ok(Self::Helo),
            b'M' => first().map(Self::Mail).ok_or_else(malformed),
            b'R' => first()
                .map(|address| Self::Recipient(Some(address)))
                .ok_or_else(malformed),
            b'T' => Ok(Self::Data),
            b'L' => {
                let mut parts = strings(payload);
                match (parts.next(), parts.next()) {
                    (Some(name), Some(value)) => Ok(Self::Header(Some(Field { name, value }))),
                    _ => Err(malformed()),
                }
            }
            b'N' => Ok(Self::EndOfHeader),
            b'A' => Ok(Self::Abort),
            b'K' => Ok(Self::QuitNewConnection),
            b'Q' => Ok(Self::Quit),
            b'U' => Ok(Self::Unknown),
            _ => Err(ConnectionError::Unexpected(char::from(letter))),
        }
    }

    /// Which command it is, or belongs to.
    #[inline]
    pub fn kind(&self) -> CommandKind {
        match self {
            Self::Negotiate(_) => CommandKind::OptNeg,
            Self::Macros(_) => CommandKind::DefMacros,
            Self::Connect(_) => CommandKind::ConnInfo,
            Self::Helo => CommandKind::Helo,
            Self::Mail(_) => CommandKind::Mail,
            Self::Recipient(_) => CommandKind::Rcpt,
            Self::Data => CommandKind::Data,
            Self::Header(_) => CommandKind::Header,
            Self::EndOfHeader => CommandKind::Eoh,
            Self::Body(_) | Self::EndOfChunk => CommandKind::BodyChunk,
            Self::EndOfMessage => CommandKind::BodyEnd,
            Self::Abort => CommandKind::Abort,
            Self::QuitNewConnection => CommandKind::QuitNc,
            Self::Quit => CommandKind::Quit,
            Self::Unknown => CommandKind::Unknown,
        }
    }
}

/// Reads the payload of `C`: host name, family, port, address.
///
/// sendmail writes `IPv6:` before an address of that family. An address that does not parse ends
/// the connection: taking it for none could make a stranger trusted.
fn client(payload: &[u8]) -> Option<Client> {
    let name = strings(payload).next()?;
    let (family, rest) = payload[name.len() + 1..].split_first()?;
    let address = match family {
        b'U' => Some(Ipv4Addr::LOCALHOST.into()),
        b'L' => None,
        b'4' | b'6' => {
            let text = str::from_utf8(strings(rest.get(2..)?).next()?).ok()?;
            let text = match text.split_at_checked(5) {
                Some((prefix, address)) if prefix.eq_ignore_ascii_case("IPv6:") => address,
                _ => text,
            };
            Some(text.parse().ok()?)
        }
        _ => return None,
    };
    let name = match name.len() {
        ..=MAX_CLIENT_NAME => String::from_utf8_lossy(name).into_owned(),
        _ => UNKNOWN_CLIENT.to_owned(),
    };
    Some(Client { name, address })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(command: u8, payload: &[u8]) -> Result<Command<'_>, String> {
        Command::read(Piece::Command { command, payload }).map_err(|error| error.to_string())
    }

    #[test]
    fn the_client_is_read_as_postfix_and_sendmail_write_it() {
        let address = |payload: &[u8]| client(payload).unwrap().address;
        assert_eq!(
            client(b"mail.example.com\x004\x01\xbb192.0.2.7\0").unwrap(),
            Client {
                name: "mail.example.com".into(),
                address: Some("192.0.2.7".parse().unwrap()),
            }
        );
        let v6 = Some("2001:db8::1".parse().unwrap());
        assert_eq!(address(b"h\x006\0\x192001:db8::1\0"), v6);
        assert_eq!(address(b"h\x006\0\x19IPv6:2001:db8::1\0"), v6);
        assert_eq!(address(b"h\0U"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(address(b"localhost\0L\0\0/run/x\0"), None);
    }

    #[test]
    fn a_client_whose_address_does_not_parse_is_not_taken_for_a_trusted_one() {
        for payload in [
            b"h\x004\0\x19nonsense\0".as_slice(),
            b"h\x004\0\x19192.0.2.7",
            b"h\x004\0\x19\xff\0",
            b"h\x004\0",
            b"h\0",
            b"h",
            b"h\0X",
        ] {
            let told = read(b'C', payload).unwrap_err();
            assert_eq!(told, "milter protocol error: malformed command 'C'");
        }
    }

    #[test]
    fn a_name_too_long_for_a_host_is_not_cut_to_look_like_one() {
        for (length, cut) in [(MAX_CLIENT_NAME, false), (MAX_CLIENT_NAME + 1, true)] {
            let name = "h".repeat(length);
            let payload = format!("{name}\0L");
            let wanted = if cut { UNKNOWN_CLIENT } else { &name };
            assert_eq!(client(payload.as_bytes()).unwrap().name, wanted);
        }
    }

    #[test]
    fn a_payload_that_lacks_what_its_command_needs_ends_the_connection() {
        for (command, payload) in [
            (b'O', b"\0\0\0\x06\0\0\0\x01\0\0\0".as_slice()),
            (b'M', b"<a@example.com>"),
            (b'R', b""),
            (b'L', b"From\0 a@example.com"),
            (b'L', b"From\0"),
        ] {
            let told = read(command, payload).unwrap_err();
            let letter = char::from(command);
            let wanted = format!("milter protocol error: malformed command '{letter}'");
            assert_eq!(told, wanted);
        }
        let told = read(b'Z', b"").unwrap_err();
        assert_eq!(told, "milter protocol error: unexpected command 'Z'");
    }

    #[test]
    fn macros_are_told_by_the_command_they_belong_to() {
        let macros = |payload| match read(b'D', payload).unwrap() {
            Command::Macros(macros) => macros,
            other => panic!("{other:?}"),
        };
        let mail = macros(b"M{i}\x004XyZ\0{auth_type}\0plain\0left\0");
        assert_eq!(
            (mail.stage(), mail.begins_message()),
            (Stage::Message, true)
        );
        let pairs: Vec<_> = mail.pairs().collect();
        let wanted: [(&[u8], &[u8]); 2] = [(b"i", b"4XyZ"), (b"{auth_type}", b"plain")];
        assert_eq!(pairs, wanted);
        for of_connection in [b"C".as_slice(), b"Hj\0mail.example.com\0"] {
            assert_eq!(macros(of_connection).stage(), Stage::Connection);
        }
        assert_eq!(macros(b"").stage(), Stage::Message);
        assert!(!macros(b"R").begins_message());
    }

    proptest! {
        /// Every letter but those of body octets, which come in pieces of their own.
        #[test]
        fn each_letter_is_read_as_its_command_or_not_at_all(
            letter in any::<u8>(),
            payload in prop::collection::vec(prop::sample::select(b"\0\0\0a4U:@i{}".to_vec()), 0..40),
        ) {
            prop_assume!(!b"BE".contains(&letter));
            match read(letter, &payload) {
                Ok(command) => prop_assert_eq!(u8::from(command.kind()), letter),
                Err(told) => prop_assert!(told.ends_with(&format!("'{}'", char::from(letter))), "{}", told),
            }
        }
    }
}
