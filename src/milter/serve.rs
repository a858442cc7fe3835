//! Accepting connections, and stopping without losing a message.
//!
//! Each connection is a task of its own: a panic in one ends that connection alone. Accepting
//! never ends by an error; when descriptors or memory run out it pauses.

use std::{
    future::{Future, poll_fn},
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use nix::errno::Errno;
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time,
};

use super::{
    ConnectionError, Conversation,
    connection::{Connection, FRESH_SESSION},
    memory::{Account, Budget},
    scratch::Pool,
};
use crate::socket::{Listener, Stream};

/// How long accepting rests when the kernel has no descriptor or memory for it.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a stop waits for the messages under way: less than service managers wait before they
/// kill (the unit 30 s, the init script 25 s).
pub const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// Something to be told to the administrator.
#[derive(Debug, thiserror::Error)]
pub enum Incident {
    /// Accepting failed and rests for a while; told once until it works again.
    #[error("cannot accept connections for now: {0}; raise the limit of open files (LimitNOFILE)")]
    AcceptPaused(io::Error),
    /// Accepting works again.
    #[error("accepting connections again")]
    AcceptResumed,
    /// A connection came from an address that may not connect, and was closed unread.
    #[error("connection from {0} closed: its address is not in MilterPeers")]
    Stranger(IpAddr),
    /// A connection ended before its time.
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    /// A fault of ours ended a connection; the MTA does what its default action says.
    #[error("internal fault, one connection was closed: {0}")]
    Fault(JoinError),
    /// The stop's limit was reached.
    #[error("stopping with {0} messages unfinished after {limit} s", limit = DRAIN_LIMIT.as_secs())]
    Undrained(usize),
}

/// The handle to stop [`serve`], and to ask how busy it is.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    stop: watch::Sender<bool>,
    active: Arc<AtomicUsize>,
}

impl Shutdown {
    /// A handle for one call of [`serve`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes the listeners and the idle connections; messages under way are finished first. Where
    /// the listeners were inherited, sessions that have just begun may send theirs, too.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// How many connections are open.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    fn stopping(&self, patience: Duration) -> Stopping {
        let receiver = self.stop.subscribe();
        let mut waiting = receiver.clone();
        Stopping {
            receiver,
            // The sender lives as long as `serve`; its loss would mean a stop as well.
            requested: Box::pin(async move {
                let _ = waiting.wait_for(|stop| *stop).await;
            }),
            patience,
        }
    }
}

/// One task's view of the stop.
pub(super) struct Stopping {
    receiver: watch::Receiver<bool>,
    requested: Pin<Box<dyn Future<Output = ()> + Send>>,
    patience: Duration,
}

impl Stopping {
    pub(super) fn requested(&self) -> bool {
        *self.receiver.borrow()
    }

    /// How long an idle connection may have said nothing to be kept for its next message.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Ready when a stop is wanted; to be polled no more after that.
    pub(super) fn poll_requested(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.requested.as_mut().poll(cx)
    }
}

/// Serves all connections until `shutdown` is stopped, then the messages under way to their end,
/// for at most [`DRAIN_LIMIT`]. `make` is called once for each connection; `admits` says whether a
/// peer with that address may connect; and no more connections are accepted than the `budget` has
/// room for.
pub async fn serve<C, F, R>(
    listeners: Vec<Listener>,
    admits: impl Fn(IpAddr) -> bool,
    make: F,
    budget: &Budget,
    shutdown: &Shutdown,
    report: R,
) where
    C: Conversation + 'static,
    F: Fn() -> C + Send + Sync + 'static,
    R: Fn(Incident) + Send + Sync + 'static,
{
    let (make, report) = (Arc::new(make), Arc::new(report));
    let pool = Pool::default();
    let mut connections = JoinSet::new();
    // Waiting costs those who meet a closed listener meanwhile more than those who are waited for gain.
    let patience = match listeners.iter().all(Listener::is_inherited) {
        true => FRESH_SESSION,
        false => Duration::ZERO,
    };
    let mut stopping = shutdown.stopping(patience);
    let mut paused = false;
    let mut room = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = poll_fn(|cx| stopping.poll_requested(cx)) => break,
            Some(ended) = connections.join_next() => {
                tell_fault(ended, &*report);
                continue;
            }
            accepted = accept(&listeners, budget, &mut room) => accepted,
        };
        match accepted {
            Ok((_, Some(peer), _)) if !admits(peer) => report(Incident::Stranger(peer)),
            Ok((stream, _, account)) => {
                if std::mem::take(&mut paused) {
                    report(Incident::AcceptResumed);
                }
                let counted = Counted::new(&shutdown.active);
                let (make, report) = (Arc::clone(&make), Arc::clone(&report));
                let (pool, stopping) = (pool.clone(), shutdown.stopping(patience));
                connections.spawn(async move {
                    let _counted = counted;
                    let connection = Connection::new(stream, make, pool, stopping, account);
                    if let Err(error) = connection.run().await {
                        report(error.into());
                    }
                });
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut paused, true) {
                    report(Incident::AcceptPaused(error));
                }
                tokio::select! {
                    () = poll_fn(|cx| stopping.poll_requested(cx)) => break,
                    () = time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listeners);
    let drained = time::timeout(DRAIN_LIMIT, async {
        while let Some(ended) = connections.join_next().await {
            tell_fault(ended, &*report);
        }
    });
    if drained.await.is_err() {
        report(Incident::Undrained(connections.len()));
        connections.shutdown().await;
    }
}

/// The next connection, the address of a peer that has one, and what the connection may hold. Beyond
/// the budget they wait in the kernel's queue.
async fn accept(
    listeners: &[Listener],
    budget: &Budget,
    room: &mut Option<Account>,
) -> io::Result<(Stream, Option<IpAddr>, Account)> {
    if room.is_none() {
        // Kept when another event comes first.
        *room = Some(budget.open().await);
    }
    let (stream, peer) = poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await?;
    let account = match room.take() {
        Some(account) => account,
        None => budget.open().await,
    };
    Ok((stream, peer, account))
}

/// Whether the error concerns only the connection that was to be accepted.
fn of_one_connection(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::ECONNABORTED | Errno::EPROTO | Errno::EINTR)
    )
}

fn tell_fault(ended: Result<(), JoinError>, report: &impl Fn(Incident)) {
    if let Err(fault) = ended {
        report(Incident::Fault(fault));
    }
}

/// Counts a connection for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(active: &Arc<AtomicUsize>) -> Self {
        active.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(active))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
