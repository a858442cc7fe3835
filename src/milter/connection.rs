//! One connection of the MTA, from negotiation to its end.
//!
//! Order of commands: negotiation first; `M`, `R`, `L`, `N`, `B`, `E` in that order, all but `M`,
//! `N` and `E` optional. As with libmilter, `C` may be missing, `M` may come in the middle of a
//! message (which then is aborted), and `A` may come without one. Any other order ends the
//! connection, upon which the MTA does what its default action says.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    str,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use indymilter::message::reply::Reply as WireReply;
use tokio::{
    task,
    time::{self, Instant, MissedTickBehavior, Sleep},
};

use super::{
    Client, ConnectionError, Conversation, EndOfMessage, READ_TIMEOUT, Reply, Stage,
    frame::{FrameReader, Piece, strings},
    memory::{Account, PATIENCE, STALL_LIMIT},
    negotiate::Terms,
    reply,
    scratch::{Input, Pool, READ_SIZE},
    stop::Stopping,
};
use crate::socket::Stream;

/// How often the MTA hears that the end of a message is still being worked on.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(3);

/// What a reply buffer may hold on to between messages.
const KEPT_CAPACITY: usize = 1024;

/// Replies that wait are written when there are more octets of them than this.
const FULL_REPLIES: usize = 16 * 1024;

/// How long a connection may work on what it is sent without letting others have their turn.
const TURN: Duration = Duration::from_millis(2);

/// The least that is read at once: a connection that may hold no more waits for memory first.
const LEAST_READ: usize = 2 * 1024;

/// How often a connection that waits for the MTA looks whether others wait for what it holds.
const LOOK_INTERVAL: Duration = Duration::from_secs(3);

/// Octets of a client's name that can be one (RFC 1035 section 2.3.4, in presentation form, with room
/// for an address in brackets); what is longer is none, and must not be cut to look like one.
const MAX_CLIENT_NAME: usize = 300;

/// What MTAs call a client without a name.
const UNKNOWN_CLIENT: &str = "unknown";

/// Where in the protocol the connection stands.
#[derive(Debug)]
enum Phase {
    /// Before negotiation.
    Opening,
    /// Between messages.
    Idle,
    /// From MAIL on.
    Envelope,
    /// From the first header field on.
    Header,
    /// From the end of the header on.
    Body {
        /// Whether the conversation still wants octets.
        wanted: bool,
    },
    /// Decided, but the reply can only be given at the end of the message.
    Decided(Reply),
    /// The client was let through at connect: no more questions.
    Released,
}

/// What the loop has to do after a piece.
enum Step {
    Next,
    EndOfHeader,
    EndOfMessage,
    Quit,
}

pub(super) struct Connection<C, F> {
    stream: Stream,
    conversation: C,
    make: Arc<F>,
    pool: Pool,
    stopping: Stopping,
    phase: Phase,
    terms: Option<Terms>,
    /// The frame before this one held macros of a new message.
    mail_announced: bool,
    out: Vec<u8>,
    silence: Pin<Box<Sleep>>,
    last_read: Instant,
    /// Since when nobody else had a turn on this thread.
    turn: Instant,
    account: Account,
}

impl<C: Conversation, F: Fn() -> C> Connection<C, F> {
    pub(super) fn new(
        stream: Stream,
        make: Arc<F>,
        pool: Pool,
        stopping: Stopping,
        account: Account,
    ) -> Self {
        let last_read = Instant::now();
        Self {
            stream,
            conversation: make(),
            make,
            pool,
            stopping,
            phase: Phase::Opening,
            terms: None,
            mail_announced: false,
            out: Vec::new(),
            silence: Box::pin(time::sleep_until(last_read + LOOK_INTERVAL)),
            last_read,
            turn: last_read,
            account,
        }
    }

    /// Serves the MTA until it quits, breaks the protocol, or the daemon stops.
    pub(super) async fn run(mut self) -> Result<(), ConnectionError> {
        let ended = self.serve().await;
        if self.in_message() {
            self.conversation.abort();
        }
        ended
    }

    async fn serve(&mut self) -> Result<(), ConnectionError> {
        let pool = self.pool.clone();
        let mut reader = FrameReader::default();
        while let Some(mut input) = self.read(&mut reader).await? {
            let mut position = 0;
            loop {
                let (used, piece) = reader.next(&input[position..])?;
                position += used;
                let Some(piece) = piece else { break };
                match self.step(piece)? {
                    Step::Next => {}
                    Step::Quit => return Ok(()),
                    Step::EndOfHeader => {
                        self.stopping.message(true);
                        let decision = {
                            let mut deciding = pin!(self.conversation.end_of_header());
                            match poll_once(deciding.as_mut()).await {
                                Poll::Ready(decision) => decision,
                                Poll::Pending => {
                                    input = input.keep_from(position, &pool);
                                    position = 0;
                                    tokio::select! {
                                        biased;
                                        decision = deciding => decision,
                                        () = self.stopping.out_of_time() => Reply::Tempfail,
                                    }
                                }
                            }
                        };
                        self.end_of_header(decision);
                    }
                    Step::EndOfMessage => {
                        self.stopping.message(true);
                        let ended = {
                            let mut ending = pin!(self.conversation.end_of_message());
                            match poll_once(ending.as_mut()).await {
                                Poll::Ready(end) => Some(end),
                                Poll::Pending => {
                                    input = input.keep_from(position, &pool);
                                    position = 0;
                                    let out_of_time = self.stopping.out_of_time();
                                    with_progress(
                                        ending,
                                        out_of_time,
                                        &mut self.stream,
                                        &mut self.out,
                                    )
                                    .await?
                                }
                            }
                        };
                        let end = ended.unwrap_or_else(|| {
                            self.conversation.abort();
                            EndOfMessage {
                                changes: Vec::new(),
                                reply: Reply::Tempfail,
                            }
                        });
                        {
                            let mut telling = pin!(self.end_of_message(end));
                            match poll_once(telling.as_mut()).await {
                                Poll::Ready(told) => told?,
                                Poll::Pending => {
                                    input = input.keep_from(position, &pool);
                                    position = 0;
                                    telling.await?;
                                }
                            }
                        }
                        self.stopping.message(self.in_message());
                        if self.stopping.is_closing() {
                            input.release(&pool);
                            return Ok(());
                        }
                    }
                }
                if !self.account.settle(self.held(&reader)) {
                    input = input.keep_from(position, &pool);
                    position = 0;
                    self.make_room(&mut reader, 0).await?;
                }
            }
            input.release(&pool);
            self.flush().await?;
        }
        Ok(())
    }

    /// Octets that this connection holds.
    fn held(&self, reader: &FrameReader) -> usize {
        self.conversation.held() + reader.held() + self.out.capacity()
    }

    /// Waits until so many octets more than now may be held. If that takes too long the message is
    /// given up, or the connection where there is none.
    async fn make_room(
        &mut self,
        reader: &mut FrameReader,
        more: usize,
    ) -> Result<(), ConnectionError> {
        if self.account.grow(self.held(reader) + more).await {
            return Ok(());
        }
        self.give_up(reader)
    }

    fn give_up(&mut self, reader: &mut FrameReader) -> Result<(), ConnectionError> {
        if !self.conversation.in_message() || !reader.skip() {
            return Err(ConnectionError::MemoryShort);
        }
        self.conversation.give_up();
        if self.account.settle(self.held(reader)) {
            Ok(())
        } else {
            Err(ConnectionError::MemoryShort)
        }
    }

    /// Waits for octets, no more than may be held; `None` at the end of the stream, and when an idle
    /// connection is to stop.
    async fn read(&mut self, reader: &mut FrameReader) -> Result<Option<Input>, ConnectionError> {
        if self.last_read.duration_since(self.turn) > TURN {
            task::yield_now().await;
            self.turn = Instant::now();
        }
        let held = self.held(reader);
        if self.account.allowance() < held + LEAST_READ && !self.account.settle(held + LEAST_READ) {
            self.make_room(reader, LEAST_READ).await?;
        }
        let room = self.account.allowance().saturating_sub(self.held(reader));
        let most = (room.max(LEAST_READ) + reader.passing()).min(READ_SIZE);
        self.stopping.message(self.in_message());
        let mut waited = false;
        let (length, buffer) = poll_fn(|cx| {
            let mut buffer = self.pool.take();
            match self.stream.poll_read(cx, &mut buffer[..most]) {
                Poll::Ready(Ok(length)) => return Poll::Ready(Ok((length, Some(buffer)))),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => self.pool.put(buffer),
            }
            waited = true;
            let leaves_at = self.stopping.poll_leaves_at(cx, self.last_read);
            if let Some(leaves_at) = leaves_at {
                if Instant::now() >= leaves_at {
                    self.stopping.leave();
                    return Poll::Ready(Ok((0, None)));
                }
                self.silence.as_mut().reset(leaves_at);
            }
            while self.silence.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                // It may have become time to leave only after the look at the clock above.
                if leaves_at.is_some_and(|leaves_at| now >= leaves_at) {
                    cx.waker().wake_by_ref();
                    break;
                }
                // Set anew only here, so that a read costs no timer.
                let deadline = self.last_read + READ_TIMEOUT;
                if now >= deadline {
                    return Poll::Ready(Err(ConnectionError::Timeout));
                }
                if self.account.is_wanted_back()
                    && let Err(error) = self.give_up(reader)
                {
                    return Poll::Ready(Err(error));
                }
                if self.account.shuts_out()
                    && now.duration_since(self.last_read) >= STALL_LIMIT
                    && self.in_the_middle(reader)
                {
                    return Poll::Ready(Err(ConnectionError::MemoryShort));
                }
                self.silence
                    .as_mut()
                    .reset(deadline.min(now + LOOK_INTERVAL));
            }
            Poll::Pending
        })
        .await?;
        self.last_read = Instant::now();
        self.stopping.heard(length);
        if waited {
            self.turn = self.last_read;
        }
        Ok(match buffer {
            Some(buffer) if length > 0 => Some(Input::Lent { buffer, length }),
            Some(buffer) => {
                self.pool.put(buffer);
                None
            }
            None => None,
        })
    }

    /// Whether the MTA is where it has no reason to wait: before its first word, or in a frame, a
    /// header or a body.
    fn in_the_middle(&self, reader: &FrameReader) -> bool {
        let phase = matches!(
            self.phase,
            Phase::Opening | Phase::Header | Phase::Body { .. } | Phase::Decided(_)
        );
        phase || reader.is_in_frame()
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            // Whoever holds what others need has to listen.
            let patience = match self.account.has_share() || self.account.shuts_out() {
                true => PATIENCE,
                false => READ_TIMEOUT,
            };
            write(&mut self.stream, &mut self.out, patience).await?;
            self.out.shrink_to(KEPT_CAPACITY);
        }
        Ok(())
    }

    fn in_message(&self) -> bool {
        matches!(self.phase, Phase::Decided(_)) || self.conversation.in_message()
    }

    fn step(&mut self, piece: Piece<'_>) -> Result<Step, ConnectionError> {
        match piece {
            Piece::Body(octets) => self.body(octets),
            Piece::ChunkEnd => self.end_of_chunk(),
            Piece::MessageEnd => self.message_end(),
            Piece::Skipped(command) => self.skipped(command),
            Piece::Command { command, payload } => self.command(command, payload),
        }
    }

    /// A recipient or a field that was let go, with the message that it belongs to.
    fn skipped(&mut self, command: u8) -> Result<Step, ConnectionError> {
        self.mail_announced = false;
        match (command, &self.phase) {
            (b'R', Phase::Envelope) => {}
            (b'L', Phase::Envelope | Phase::Header) => self.phase = Phase::Header,
            _ => return Err(ConnectionError::Unexpected(char::from(command))),
        }
        if self.terms.is_some_and(|terms| terms.reply_due(command)) {
            reply::put(&mut self.out, WireReply::Continue);
        }
        Ok(Step::Next)
    }

    fn command(&mut self, command: u8, payload: &[u8]) -> Result<Step, ConnectionError> {
        let unexpected = ConnectionError::Unexpected(char::from(command));
        let Some(terms) = self.terms else {
            return match command {
                b'O' => self.negotiate(payload),
                b'Q' => Ok(Step::Quit),
                _ => Err(unexpected),
            };
        };
        let mut reply = WireReply::Continue;
        if command != b'D' {
            self.mail_announced = false;
        }
        match (command, &self.phase) {
            (b'D', _) => {
                let of_mail = payload.first() == Some(&b'M');
                if of_mail && !self.mail_announced {
                    // A new message begins with its macros; nothing of the last one may stay.
                    self.forget_message();
                }
                self.mail_announced = of_mail;
                self.define_macros(payload);
                return Ok(Step::Next);
            }
            (b'A', _) => {
                self.forget_message();
                return Ok(Step::Next);
            }
            (b'Q', _) => return Ok(Step::Quit),
            (b'K', _) => {
                self.abort();
                self.conversation = (self.make)();
                self.conversation.agreed(terms.agreed());
                self.phase = Phase::Idle;
                return Ok(Step::Next);
            }
            (b'C', Phase::Idle) => {
                let answer = self.conversation.connect(client(payload)?);
                if answer != Reply::Continue {
                    self.phase = Phase::Released;
                }
                reply = reply::wire_reply(answer);
            }
            (b'M', Phase::Opening | Phase::Released) => return Err(unexpected),
            (b'M', _) => {
                self.abort();
                self.conversation.mail(first_string(command, payload)?);
                self.phase = Phase::Envelope;
            }
            (b'R', Phase::Envelope) => {
                self.conversation.recipient(first_string(command, payload)?);
            }
            (b'L', Phase::Envelope | Phase::Header) => {
                let mut parts = strings(payload);
                let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
                    return Err(ConnectionError::Malformed('L'));
                };
                self.conversation.header(name, value);
                self.phase = Phase::Header;
            }
            (b'N', Phase::Envelope | Phase::Header) => return Ok(Step::EndOfHeader),
            (b'H' | b'U', _) | (b'T', Phase::Envelope) => {}
            _ => return Err(unexpected),
        }
        if terms.reply_due(command) {
            reply::put(&mut self.out, reply);
        }
        Ok(Step::Next)
    }

    fn negotiate(&mut self, offer: &[u8]) -> Result<Step, ConnectionError> {
        let (terms, answer) = Terms::settle(offer, &self.conversation.wishes())?;
        self.conversation.agreed(terms.agreed());
        self.terms = Some(terms);
        self.phase = Phase::Idle;
        reply::put(&mut self.out, answer);
        Ok(Step::Next)
    }

    /// The first octet says which command the macros belong to; they are told as they come.
    fn define_macros(&mut self, payload: &[u8]) {
        let stage = match payload.first() {
            Some(b'C' | b'H') => Stage::Connection,
            _ => Stage::Message,
        };
        let mut parts = strings(payload.get(1..).unwrap_or_default());
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            // sendmail and Postfix write `{name}` or a letter; libmilter takes `{i}` for `i`.
            let name = match name {
                [b'{', letter, b'}'] => std::slice::from_ref(letter),
                name => name,
            };
            self.conversation.define_macro(stage, name, value);
        }
    }

    /// Nothing that was told about an earlier message holds any more: macros that outlived their
    /// message would let a stranger's mail pass for an authenticated user's.
    fn forget_message(&mut self) {
        self.abort();
        self.conversation.forget_macros();
    }

    /// The message under way, if any, is gone.
    fn abort(&mut self) {
        match self.phase {
            Phase::Envelope | Phase::Header | Phase::Body { .. } | Phase::Decided(_) => {
                self.conversation.abort();
                self.phase = Phase::Idle;
            }
            Phase::Opening | Phase::Idle | Phase::Released => {}
        }
    }

    fn end_of_header(&mut self, decision: Reply) {
        let due = self.terms.is_some_and(|terms| terms.reply_due(b'N'));
        self.phase = match &decision {
            Reply::Continue => Phase::Body { wanted: true },
            _ if due => Phase::Idle,
            _ => Phase::Decided(decision.clone()),
        };
        if due {
            if decision != Reply::Continue {
                // The MTA says no more about this message.
                self.conversation.abort();
            }
            reply::put(&mut self.out, reply::wire_reply(decision));
        }
    }

    fn body(&mut self, octets: &[u8]) -> Result<Step, ConnectionError> {
        match &mut self.phase {
            Phase::Body { wanted } => *wanted = *wanted && self.conversation.body(octets),
            Phase::Decided(_) => {}
            _ => return Err(ConnectionError::Unexpected('B')),
        }
        Ok(Step::Next)
    }

    fn end_of_chunk(&mut self) -> Result<Step, ConnectionError> {
        let wanted = match self.phase {
            Phase::Body { wanted } => wanted,
            Phase::Decided(_) => false,
            _ => return Err(ConnectionError::Unexpected('B')),
        };
        if let Some(terms) = self.terms.filter(|terms| terms.reply_due(b'B')) {
            let skip = !wanted && terms.skip();
            let reply = if skip {
                WireReply::Skip
            } else {
                WireReply::Continue
            };
            reply::put(&mut self.out, reply);
        }
        Ok(Step::Next)
    }

    fn message_end(&mut self) -> Result<Step, ConnectionError> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Body { wanted } => {
                // Should the daemon lose the connection now, the message counts as under way.
                self.phase = Phase::Body { wanted };
                Ok(Step::EndOfMessage)
            }
            Phase::Decided(decision) => {
                self.conversation.abort();
                reply::put(&mut self.out, reply::wire_reply(decision));
                Ok(Step::Next)
            }
            _ => Err(ConnectionError::Unexpected('E')),
        }
    }

    async fn end_of_message(&mut self, end: EndOfMessage) -> io::Result<()> {
        if let Some(terms) = self.terms {
            let agreed = terms.agreed();
            for change in end.changes {
                for change in reply::wire_changes(change, agreed) {
                    reply::put(&mut self.out, change);
                    if self.out.len() > FULL_REPLIES {
                        self.flush().await?;
                    }
                }
            }
        }
        reply::put(&mut self.out, reply::wire_reply(end.reply));
        self.phase = Phase::Idle;
        self.flush().await
    }
}

/// Writes what is due.
async fn write(stream: &mut Stream, out: &mut Vec<u8>, patience: Duration) -> io::Result<()> {
    time::timeout(patience, stream.write_all(out)).await??;
    out.clear();
    Ok(())
}

async fn poll_once<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Waits for the end of the message while keeping the MTA from giving up. `None`: it takes longer than
/// a stop waits.
async fn with_progress(
    mut ending: Pin<&mut impl Future<Output = EndOfMessage>>,
    out_of_time: impl Future<Output = ()>,
    stream: &mut Stream,
    out: &mut Vec<u8>,
) -> io::Result<Option<EndOfMessage>> {
    let mut out_of_time = pin!(out_of_time);
    let mut ticks = time::interval_at(Instant::now() + PROGRESS_INTERVAL, PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            end = &mut ending => return Ok(Some(end)),
            () = &mut out_of_time => return Ok(None),
            _ = ticks.tick() => {
                reply::put(out, WireReply::Progress);
                write(stream, out, READ_TIMEOUT).await?;
            }
        }
    }
}

fn first_string(command: u8, payload: &[u8]) -> Result<&[u8], ConnectionError> {
    strings(payload)
        .next()
        .ok_or(ConnectionError::Malformed(char::from(command)))
}

/// Reads the payload of `C`: host name, family, port, address.
///
/// sendmail writes `IPv6:` before an address of that family. An address that does not parse ends
/// the connection: taking it for none could make a stranger trusted.
fn client(payload: &[u8]) -> Result<Client, ConnectionError> {
    const MALFORMED: ConnectionError = ConnectionError::Malformed('C');
    let name = strings(payload).next().ok_or(MALFORMED)?;
    let rest = &payload[name.len() + 1..];
    let (family, rest) = rest.split_first().ok_or(MALFORMED)?;
    let address = match family {
        b'U' => Some(std::net::Ipv4Addr::LOCALHOST.into()),
        b'L' => None,
        b'4' | b'6' => {
            let text = strings(rest.get(2..).ok_or(MALFORMED)?)
                .next()
                .and_then(|text| str::from_utf8(text).ok())
                .ok_or(MALFORMED)?;
            let text = match text.split_at_checked(5) {
                Some((prefix, address)) if prefix.eq_ignore_ascii_case("IPv6:") => address,
                _ => text,
            };
            Some(text.parse().map_err(|_| MALFORMED)?)
        }
        _ => return Err(MALFORMED),
    };
    let name = match name.len() {
        ..=MAX_CLIENT_NAME => String::from_utf8_lossy(name).into_owned(),
        _ => UNKNOWN_CLIENT.to_owned(),
    };
    Ok(Client { name, address })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            b"h\0",
            b"h",
            b"h\0X",
        ] {
            assert!(client(payload).is_err(), "{payload:?}");
        }
    }
}
