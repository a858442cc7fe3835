//! A stop that loses no message and is soon over.
//!
//! The next process can't listen before this one has ended, and a service manager starts it no
//! sooner. So nothing that a stranger may draw out is waited for: not an SMTP client that thinks
//! between two commands, nor one that sends an octet now and then. Meanwhile everybody is served.
//!
//! 1. *Finishing*: connections are accepted and served as ever until the messages that were under
//!    way at the request have ended. One of which less than [`LEAST_PROGRESS`] octets came within
//!    [`SILENCE_LIMIT`] is given up: its connection is closed, the MTA defers it, and its client
//!    tries again. One that waits for us so long gets a temporary reply.
//! 2. *Closing*: the listeners are closed, and the idle connections; messages that began since have
//!    [`CLOSE_LIMIT`] to end.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{self, Instant},
};

/// How long a stop waits for a message of which nothing comes.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(1);

/// What has to come of a message within [`SILENCE_LIMIT`] for a stop to wait on: a body that flows
/// brings far more, somebody who types less.
pub const LEAST_PROGRESS: usize = 64 * 1024;

/// How long a stop waits for messages that do come.
pub const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// How long it then waits for those that began meanwhile.
pub const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// When, of that, those that wait for us get their temporary reply.
const LAST_WORD: Duration = Duration::from_millis(400);

/// An MTA that said something less than this long ago has just begun a session and is about to begin
/// a message. Where connections wait in a queue that stays, its session is kept so long.
pub const FRESH_SESSION: Duration = Duration::from_millis(400);

/// How far the stop has come, and since when.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Serving,
    Finishing(Instant),
    Closing(Instant),
}

/// The handle to stop [`serve()`](super::serve()), and to ask how busy it is.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stage: watch::Sender<Stage>,
    active: AtomicUsize,
    /// Messages under way: those that began before the stop was asked for, and those since.
    before: AtomicUsize,
    since: AtomicUsize,
    given_up: AtomicUsize,
    finished: Notify,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            stage: watch::Sender::new(Stage::Serving),
            active: AtomicUsize::new(0),
            before: AtomicUsize::new(0),
            since: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
            finished: Notify::new(),
        }
    }
}

impl Shutdown {
    /// A handle for one call of [`serve()`](super::serve()).
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the stop that the head of this file describes.
    pub fn stop(&self) {
        self.0.stage.send_if_modified(|stage| {
            let first = matches!(stage, Stage::Serving);
            if first {
                *stage = Stage::Finishing(Instant::now());
            }
            first
        });
    }

    /// How many connections are open.
    pub fn active(&self) -> usize {
        self.0.active.load(Ordering::Relaxed)
    }

    /// Counts a connection for as long as what is returned lives.
    pub(super) fn count_connection(&self) -> impl Drop + Send + use<> {
        self.0.active.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// Waits until a stop is asked for and the messages of before have ended or been given up.
    pub(super) async fn finished(&self) {
        let mut stage = self.0.stage.subscribe();
        // The sender lives as long as this handle.
        let _ = stage
            .wait_for(|stage| !matches!(stage, Stage::Serving))
            .await;
        let _ = time::timeout(FINISH_LIMIT, async {
            while self.0.before.load(Ordering::Acquire) > 0 {
                self.0.finished.notified().await;
            }
        })
        .await;
    }

    /// Lets the idle connections go.
    pub(super) fn close(&self) {
        self.0.stage.send_replace(Stage::Closing(Instant::now()));
    }

    /// How many messages were given up, or are under way still.
    pub(super) fn unfinished(&self) -> usize {
        [&self.0.given_up, &self.0.before, &self.0.since]
            .iter()
            .map(|count| count.load(Ordering::Acquire))
            .sum()
    }

    /// One connection's view. `patience`: how long one that is idle may have said nothing to be kept
    /// for its next message while the stop is closing.
    pub(super) fn view(&self, patience: Duration) -> Stopping {
        let receiver = self.0.stage.subscribe();
        Stopping {
            shared: Arc::clone(&self.0),
            changed: changed(receiver.clone()),
            receiver,
            patience,
            message: None,
            window: None,
        }
    }
}

struct Counted(Shutdown);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A message under way, counted for as long as it lives.
struct UnderWay {
    shared: Arc<Shared>,
    /// It began before the stop was asked for.
    before: bool,
}

impl UnderWay {
    fn begin(shared: &Arc<Shared>) -> Self {
        // One that begins in this very moment may count as begun before: it then has the shorter time.
        let before = matches!(*shared.stage.borrow(), Stage::Serving);
        let message = Self {
            shared: Arc::clone(shared),
            before,
        };
        message.count().fetch_add(1, Ordering::AcqRel);
        message
    }

    fn count(&self) -> &AtomicUsize {
        match self.before {
            true => &self.shared.before,
            false => &self.shared.since,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.count().fetch_sub(1, Ordering::AcqRel) == 1 && self.before {
            self.shared.finished.notify_one();
        }
    }
}

/// What came of a message while a stop waits for it.
struct Window {
    until: Instant,
    octets: usize,
}

type Changed = Pin<Box<dyn Future<Output = watch::Receiver<Stage>> + Send>>;

fn changed(mut receiver: watch::Receiver<Stage>) -> Changed {
    Box::pin(async move {
        // The sender lives as long as the views.
        let _ = receiver.changed().await;
        receiver
    })
}

/// One connection's view of the stop.
pub(super) struct Stopping {
    shared: Arc<Shared>,
    receiver: watch::Receiver<Stage>,
    changed: Changed,
    patience: Duration,
    message: Option<UnderWay>,
    window: Option<Window>,
}

impl Stopping {
    /// Whether the connection is to end with its message.
    pub(super) fn is_closing(&self) -> bool {
        matches!(*self.receiver.borrow(), Stage::Closing(_))
    }

    /// To be told whether a message is under way before each wait.
    pub(super) fn message(&mut self, under_way: bool) {
        match (under_way, &self.message) {
            (true, None) => self.message = Some(UnderWay::begin(&self.shared)),
            (false, Some(_)) => {
                self.message = None;
                self.window = None;
            }
            _ => {}
        }
    }

    /// So many octets came.
    pub(super) fn heard(&mut self, octets: usize) {
        if let Some(window) = &mut self.window {
            window.octets += octets;
        }
    }

    /// When a connection from which nothing has come since `last_read` is to be left; `None`: not
    /// for the stop's sake. Wakes the task when that changes.
    pub(super) fn poll_leaves_at(
        &mut self,
        cx: &mut Context<'_>,
        last_read: Instant,
    ) -> Option<Instant> {
        match (self.poll_stage(cx), &self.message) {
            (Stage::Serving, _) | (Stage::Finishing(_), None) => None,
            (Stage::Closing(_), None) => Some(last_read + self.patience),
            // Its time is that of the closing as a whole.
            (_, Some(message)) if !message.before => None,
            (_, Some(_)) => {
                let now = Instant::now();
                let fresh = || Window {
                    until: now + SILENCE_LIMIT,
                    octets: 0,
                };
                let window = self.window.get_or_insert_with(fresh);
                if now >= window.until && window.octets >= LEAST_PROGRESS {
                    *window = fresh();
                }
                Some(window.until)
            }
        }
    }

    /// The connection is left: its message, if any, is given up.
    pub(super) fn leave(&mut self) {
        if self.message.is_some() {
            // In this order: the end of the last message lets the stop go on, and count.
            self.shared.given_up.fetch_add(1, Ordering::AcqRel);
            self.message = None;
        }
    }

    /// Waits until the MTA, which waits for us, is to get a temporary reply.
    pub(super) async fn out_of_time(&mut self) {
        let before = self.message.as_ref().is_none_or(|message| message.before);
        loop {
            let end = match *self.receiver.borrow_and_update() {
                Stage::Serving => None,
                Stage::Finishing(since) => before.then_some(since + SILENCE_LIMIT),
                Stage::Closing(since) => Some(since + LAST_WORD),
            };
            let time_is_up = async {
                match end {
                    Some(end) => time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = time_is_up => return,
                _ = self.receiver.changed() => {}
            }
        }
    }

    fn poll_stage(&mut self, cx: &mut Context<'_>) -> Stage {
        loop {
            let stage = *self.receiver.borrow();
            if matches!(stage, Stage::Closing(_)) {
                return stage;
            }
            match self.changed.as_mut().poll(cx) {
                Poll::Ready(receiver) => self.changed = changed(receiver),
                Poll::Pending => return stage,
            }
        }
    }
}
