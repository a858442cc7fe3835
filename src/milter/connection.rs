//! One connection of the MTA, from negotiation to its end.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use indymilter::message::reply::Reply as WireReply;
use tokio::time::{self, Instant, MissedTickBehavior};

use super::{
    ConnectionError, Conversation, EndOfMessage, READ_TIMEOUT, Reply,
    command::Command,
    memory::Account,
    protocol::{Protocol, Step},
    reply,
    scratch::{Input, Pool},
    stop::Stopping,
    wire::{self, Wire},
};
use crate::socket::Stream;

/// How often the MTA hears that the end of a message is still being worked on.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(3);

/// Replies that wait are written when there are more octets of them than this.
const FULL_REPLIES: usize = 16 * 1024;

pub(super) struct Connection<C, F> {
    wire: Wire,
    protocol: Protocol<C, F>,
}

impl<C: Conversation, F: Fn() -> C> Connection<C, F> {
    pub(super) fn new(
        stream: Stream,
        make: Arc<F>,
        pool: Pool,
        stopping: Stopping,
        account: Account,
    ) -> Self {
        Self {
            wire: Wire::new(stream, pool, stopping, account),
            protocol: Protocol::new(make),
        }
    }

    /// Serves the MTA until it quits, breaks the protocol, or the daemon stops.
    pub(super) async fn run(mut self) -> Result<(), ConnectionError> {
        let ended = self.serve().await;
        if self.protocol.in_message() {
            self.protocol.conversation.abort();
        }
        ended
    }

    async fn serve(&mut self) -> Result<(), ConnectionError> {
        while let Some(mut input) = self.wire.read(&mut self.protocol).await? {
            while let Some(step) = self.step(&mut input)? {
                match step {
                    Step::Next => {}
                    Step::Quit => return Ok(()),
                    Step::EndOfHeader => self.end_of_header(&mut input).await,
                    Step::EndOfMessage => {
                        self.end_of_message(&mut input).await?;
                        if self.wire.stopping.is_closing() {
                            return Ok(());
                        }
                    }
                }
                if !self.wire.settle(&self.protocol) {
                    input.keep();
                    self.wire.make_room(&mut self.protocol, 0).await?;
                }
            }
            drop(input);
            self.wire.flush(&mut self.protocol.replies).await?;
        }
        Ok(())
    }

    /// Takes the next command out of what was read; `None` where the rest of it is still to come.
    fn step(&mut self, input: &mut Input) -> Result<Option<Step>, ConnectionError> {
        let (used, piece) = self.wire.reader.next(input.rest())?;
        let step = match piece {
            Some(piece) => Some(self.protocol.step(Command::read(piece)?)?),
            None => None,
        };
        input.advance(used);
        Ok(step)
    }

    async fn end_of_header(&mut self, input: &mut Input) {
        self.wire.stopping.message(true);
        let decision = {
            let mut deciding = pin!(self.protocol.conversation.end_of_header());
            match poll_once(deciding.as_mut()).await {
                Poll::Ready(decision) => decision,
                Poll::Pending => {
                    input.keep();
                    tokio::select! {
                        biased;
                        decision = deciding => decision,
                        () = self.wire.stopping.out_of_time() => Reply::Tempfail,
                    }
                }
            }
        };
        self.protocol.end_of_header(decision);
    }

    async fn end_of_message(&mut self, input: &mut Input) -> Result<(), ConnectionError> {
        self.wire.stopping.message(true);
        let ended = {
            let mut ending = pin!(self.protocol.conversation.end_of_message());
            match poll_once(ending.as_mut()).await {
                Poll::Ready(end) => Some(end),
                Poll::Pending => {
                    input.keep();
                    let (stream, stopping) = self.wire.meanwhile();
                    let out_of_time = stopping.out_of_time();
                    with_progress(ending, out_of_time, stream, &mut self.protocol.replies).await?
                }
            }
        };
        let end = ended.unwrap_or_else(|| {
            self.protocol.conversation.abort();
            EndOfMessage {
                changes: Vec::new(),
                reply: Reply::Tempfail,
            }
        });
        {
            let mut telling = pin!(self.tell(end));
            match poll_once(telling.as_mut()).await {
                Poll::Ready(told) => told?,
                Poll::Pending => {
                    input.keep();
                    telling.await?;
                }
            }
        }
        self.wire.stopping.message(self.protocol.in_message());
        Ok(())
    }

    /// Tells the MTA what becomes of the message.
    async fn tell(&mut self, end: EndOfMessage) -> io::Result<()> {
        if let Some(agreed) = self.protocol.agreed() {
            for change in end.changes {
                for change in reply::wire_changes(change, agreed) {
                    reply::put(&mut self.protocol.replies, change);
                    if self.protocol.replies.len() > FULL_REPLIES {
                        self.wire.flush(&mut self.protocol.replies).await?;
                    }
                }
            }
        }
        self.protocol.end_of_message(end.reply);
        self.wire.flush(&mut self.protocol.replies).await
    }
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
                wire::write(stream, out, READ_TIMEOUT).await?;
            }
        }
    }
}
