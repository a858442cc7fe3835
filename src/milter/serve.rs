//! Accepting connections, and stopping without losing a message.
//!
//! Each connection is a task of its own: a panic in one ends that connection alone. Accepting
//! never ends by an error; when descriptors or memory run out it pauses.

use std::{future::poll_fn, io, net::IpAddr, pin::pin, sync::Arc, task::Poll, time::Duration};

use nix::errno::Errno;
use tokio::{
    task::{JoinError, JoinSet},
    time,
};

use super::{
    ConnectionError, Conversation,
    connection::Connection,
    memory::{Account, Budget},
    scratch::Pool,
    stop::{CLOSE_LIMIT, FRESH_SESSION, SILENCE_LIMIT, Shutdown},
};
use crate::socket::{Listener, Stream};

/// How long accepting rests when the kernel has no descriptor or memory for it.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    /// Messages were given up, since nothing more came of them.
    #[error("stopping with {0} messages unfinished after {limit} s", limit = SILENCE_LIMIT.as_secs())]
    Undrained(usize),
}

/// Serves all connections until `shutdown` is stopped, and then as [`super::stop`] says. `make` is
/// called once for each connection; `admits` says whether a peer with that address may connect; and no
/// more connections are accepted than the `budget` has room for.
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
    // Where nobody else holds the listener, those who meet it closed lose more by waiting than those
    // who are waited for gain.
    let patience = match listeners.iter().all(Listener::is_inherited) {
        true => FRESH_SESSION,
        false => Duration::ZERO,
    };
    let mut finished = pin!(shutdown.finished());
    let mut paused = false;
    let mut room = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut finished => break,
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
                let counted = shutdown.count_connection();
                let (make, report) = (Arc::clone(&make), Arc::clone(&report));
                let (pool, stopping) = (pool.clone(), shutdown.view(patience));
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
                    () = &mut finished => break,
                    () = time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listeners);
    shutdown.close();
    let closed = time::timeout(CLOSE_LIMIT, async {
        while let Some(ended) = connections.join_next().await {
            tell_fault(ended, &*report);
        }
    });
    let closed = closed.await.is_ok();
    let unfinished = shutdown.unfinished();
    if unfinished > 0 {
        report(Incident::Undrained(unfinished));
    }
    if !closed {
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
