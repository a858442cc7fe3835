//! The octets of one connection: read as far as memory, fairness and a stop allow, written with
//! patience.

use std::{future::poll_fn, io, pin::Pin, task::Poll, time::Duration};

use tokio::{
    task,
    time::{self, Instant, Sleep},
};

use super::{
    ConnectionError, Conversation, READ_TIMEOUT,
    frame::FrameReader,
    memory::{Account, PATIENCE, STALL_LIMIT},
    protocol::Protocol,
    scratch::{Input, Pool, READ_SIZE},
    stop::Stopping,
};
use crate::socket::Stream;

/// What a reply buffer may hold on to between messages.
const KEPT_CAPACITY: usize = 1024;

/// How long a connection may work on what it is sent without letting others have their turn.
const TURN: Duration = Duration::from_millis(2);

/// The least that is read at once: a connection that may hold no more waits for memory first.
const LEAST_READ: usize = 2 * 1024;

/// How often a connection that waits for the MTA looks whether others wait for what it holds.
const LOOK_INTERVAL: Duration = Duration::from_secs(3);

/// The stream, and all that says when it is read.
pub(super) struct Wire {
    pub(super) reader: FrameReader,
    pub(super) stopping: Stopping,
    stream: Stream,
    pool: Pool,
    silence: Pin<Box<Sleep>>,
    last_read: Instant,
    /// Since when nobody else had a turn on this thread.
    turn: Instant,
    account: Account,
}

impl Wire {
    pub(super) fn new(stream: Stream, pool: Pool, stopping: Stopping, account: Account) -> Self {
        let last_read = Instant::now();
        Self {
            reader: FrameReader::default(),
            stopping,
            stream,
            pool,
            silence: Box::pin(time::sleep_until(last_read + LOOK_INTERVAL)),
            last_read,
            turn: last_read,
            account,
        }
    }

    /// Waits for octets, no more than may be held; `None` at the end of the stream, and when an idle
    /// connection is to stop.
    pub(super) async fn read<C: Conversation, F: Fn() -> C>(
        &mut self,
        protocol: &mut Protocol<C, F>,
    ) -> Result<Option<Input>, ConnectionError> {
        if self.last_read.duration_since(self.turn) > TURN {
            task::yield_now().await;
            self.turn = Instant::now();
        }
        let held = self.held(protocol);
        if self.account.allowance() < held + LEAST_READ && !self.account.settle(held + LEAST_READ) {
            self.make_room(protocol, LEAST_READ).await?;
        }
        let room = self.account.allowance().saturating_sub(self.held(protocol));
        let most = (room.max(LEAST_READ) + self.reader.passing()).min(READ_SIZE);
        self.stopping.message(protocol.in_message());
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
                    && let Err(error) = self.give_up(protocol)
                {
                    return Poll::Ready(Err(error));
                }
                if self.account.shuts_out()
                    && now.duration_since(self.last_read) >= STALL_LIMIT
                    && (protocol.in_the_middle() || self.reader.is_in_frame())
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
        let input = buffer.map(|buffer| Input::new(buffer, length, &self.pool));
        Ok(input.filter(|_| length > 0))
    }

    /// Octets that the connection holds.
    fn held<C: Conversation, F: Fn() -> C>(&self, protocol: &Protocol<C, F>) -> usize {
        protocol.held() + self.reader.held()
    }

    /// Whether what is held now may be held.
    pub(super) fn settle<C: Conversation, F: Fn() -> C>(
        &mut self,
        protocol: &Protocol<C, F>,
    ) -> bool {
        let held = self.held(protocol);
        self.account.settle(held)
    }

    /// Waits until so many octets more than now may be held. If that takes too long the message is
    /// given up, or the connection where there is none.
    pub(super) async fn make_room<C: Conversation, F: Fn() -> C>(
        &mut self,
        protocol: &mut Protocol<C, F>,
        more: usize,
    ) -> Result<(), ConnectionError> {
        if self.account.grow(self.held(protocol) + more).await {
            return Ok(());
        }
        self.give_up(protocol)
    }

    fn give_up<C: Conversation, F: Fn() -> C>(
        &mut self,
        protocol: &mut Protocol<C, F>,
    ) -> Result<(), ConnectionError> {
        if !protocol.conversation.in_message() || !self.reader.skip() {
            return Err(ConnectionError::MemoryShort);
        }
        protocol.conversation.give_up();
        if self.settle(protocol) {
            Ok(())
        } else {
            Err(ConnectionError::MemoryShort)
        }
    }

    /// Writes the replies that wait.
    pub(super) async fn flush(&mut self, replies: &mut Vec<u8>) -> io::Result<()> {
        if !replies.is_empty() {
            // Whoever holds what others need has to listen.
            let patience = match self.account.has_share() || self.account.shuts_out() {
                true => PATIENCE,
                false => READ_TIMEOUT,
            };
            write(&mut self.stream, replies, patience).await?;
            replies.shrink_to(KEPT_CAPACITY);
        }
        Ok(())
    }

    /// The stream for writing, and the stop, while the conversation works.
    pub(super) fn meanwhile(&mut self) -> (&mut Stream, &mut Stopping) {
        (&mut self.stream, &mut self.stopping)
    }
}

/// Writes what is due.
pub(super) async fn write(
    stream: &mut Stream,
    out: &mut Vec<u8>,
    patience: Duration,
) -> io::Result<()> {
    time::timeout(patience, stream.write_all(out)).await??;
    out.clear();
    Ok(())
}
