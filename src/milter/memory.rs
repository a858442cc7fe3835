//! What connections may hold in memory: an account for each, and one budget for all.
//!
//! Each connection has a [`RESERVE`] of its own, so that mail of usual size never waits for memory;
//! while no reserve is free, new connections wait before they are accepted. What a connection holds
//! beyond that comes out of one pot for all. Where the pot is empty a connection reads no more until
//! others have given back; after [`PATIENCE`] its message is given up, which the MTA hears as a
//! temporary failure. Whoever keeps others waiting and has held more than its reserve for
//! [`HOLD_LIMIT`] is given up, too, and so is a connection that has stopped in the middle of a message
//! for [`STALL_LIMIT`] while new ones wait: nobody starves anybody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Instant},
};

/// Octets that every connection may hold whatever the others do: a message with a header section of
/// usual size and some recipients.
pub const RESERVE: usize = 32 * 1024;

/// What a connection costs besides: its task, its socket, and what allocating leaves unused.
pub const CONNECTION_OVERHEAD: usize = 16 * 1024;

/// The pot never holds less: one frame of the largest size, and what is made of it.
pub const LEAST_GROWTH: usize = 4 * 1024 * 1024;

/// The pot never holds more: several hundred messages with headers of the usual limit at once.
pub const MOST_GROWTH: usize = 32 * 1024 * 1024;

/// Fewer connections than this are never served at once.
pub const LEAST_CONNECTIONS: usize = 64;

/// How long a connection waits for its share of the pot.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may hold a share of the pot while others wait for theirs. Less than
/// [`PATIENCE`], so that those get it in time.
pub const HOLD_LIMIT: Duration = Duration::from_secs(4);

/// How long the MTA may stop in the middle of a header or a body while new connections wait.
pub const STALL_LIMIT: Duration = Duration::from_secs(10);

/// The pot is shared out in pieces of so many octets.
const UNIT: usize = 4 * 1024;

/// The memory for all connections.
#[derive(Clone, Debug)]
pub struct Budget {
    reserves: Arc<Semaphore>,
    pot: Arc<Pot>,
}

#[derive(Debug)]
struct Pot {
    units: Arc<Semaphore>,
    size: usize,
    /// Connections that wait for units.
    waiting: AtomicUsize,
    /// Whether new connections wait for a reserve.
    shut_out: AtomicUsize,
}

impl Budget {
    /// Of the memory that is free for mail, half for the connections' reserves and an eighth for the
    /// pot; the rest is for what is not counted here: key caches, replies from DNS, log lines that
    /// wait, and what allocating leaves unused.
    pub fn within(free: u64) -> Self {
        let free = usize::try_from(free).unwrap_or(usize::MAX);
        let connections = free / 2 / (RESERVE + CONNECTION_OVERHEAD);
        let growth = (free / 8).clamp(LEAST_GROWTH, MOST_GROWTH);
        let connections = connections.clamp(LEAST_CONNECTIONS, Semaphore::MAX_PERMITS);
        let units = growth / UNIT;
        Self {
            reserves: Arc::new(Semaphore::new(connections)),
            pot: Arc::new(Pot {
                units: Arc::new(Semaphore::new(units)),
                size: units,
                waiting: AtomicUsize::new(0),
                shut_out: AtomicUsize::new(0),
            }),
        }
    }

    /// The account of one more connection, as soon as there is room for it.
    pub(super) async fn open(&self) -> Account {
        let reserve = match Arc::clone(&self.reserves).try_acquire_owned() {
            Ok(reserve) => Some(reserve),
            Err(_) => {
                let _waiting = Waiting::new(&self.pot, |pot| &pot.shut_out);
                Arc::clone(&self.reserves).acquire_owned().await.ok()
            }
        };
        Account {
            _reserve: reserve,
            pot: Arc::clone(&self.pot),
            share: None,
        }
    }
}

/// What one connection may hold.
#[derive(Debug)]
pub(super) struct Account {
    /// Never `None`: the semaphore is never closed.
    _reserve: Option<OwnedSemaphorePermit>,
    pot: Arc<Pot>,
    share: Option<Share>,
}

/// What is held of the pot.
#[derive(Debug)]
struct Share {
    units: OwnedSemaphorePermit,
    since: Instant,
}

impl Account {
    /// Octets that may be held now.
    pub(super) fn allowance(&self) -> usize {
        RESERVE + self.units() * UNIT
    }

    fn units(&self) -> usize {
        self.share
            .as_ref()
            .map_or(0, |share| share.units.num_permits())
    }

    /// Takes or gives back what `held` octets ask for; `false` where the pot has not enough.
    pub(super) fn settle(&mut self, held: usize) -> bool {
        let (wanted, units) = (wanted_units(held), self.units());
        if wanted == units {
            return true;
        }
        if wanted == 0 {
            self.share = None;
            return true;
        }
        if wanted < units {
            if let Some(share) = &mut self.share {
                drop(share.units.split(units - wanted));
            }
            return true;
        }
        // Fits: the pot has far fewer units.
        let more = u32::try_from(wanted - units).unwrap_or(u32::MAX);
        match Arc::clone(&self.pot.units).try_acquire_many_owned(more) {
            Ok(taken) => {
                self.add(taken);
                true
            }
            Err(_) => false,
        }
    }

    /// The same, and waits for at most [`PATIENCE`].
    pub(super) async fn grow(&mut self, held: usize) -> bool {
        if self.settle(held) {
            return true;
        }
        let wanted = wanted_units(held);
        if wanted > self.pot.size {
            return false;
        }
        let more = u32::try_from(wanted - self.units()).unwrap_or(u32::MAX);
        let _waiting = Waiting::new(&self.pot, |pot| &pot.waiting);
        let taking = Arc::clone(&self.pot.units).acquire_many_owned(more);
        match time::timeout(PATIENCE, taking).await {
            Ok(Ok(taken)) => {
                self.add(taken);
                true
            }
            _ => false,
        }
    }

    fn add(&mut self, taken: OwnedSemaphorePermit) {
        match &mut self.share {
            Some(share) => share.units.merge(taken),
            None => {
                self.share = Some(Share {
                    units: taken,
                    since: Instant::now(),
                });
            }
        }
    }

    /// Whether more than the reserve is held.
    pub(super) fn has_share(&self) -> bool {
        self.share.is_some()
    }

    /// Whether others wait for what has been held long enough.
    pub(super) fn is_wanted_back(&self) -> bool {
        self.share
            .as_ref()
            .is_some_and(|share| share.since.elapsed() >= HOLD_LIMIT)
            && self.pot.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether new connections wait to be accepted.
    pub(super) fn shuts_out(&self) -> bool {
        self.pot.shut_out.load(Ordering::Relaxed) > 0
    }
}

fn wanted_units(held: usize) -> usize {
    held.saturating_sub(RESERVE).div_ceil(UNIT)
}

/// Counts somebody who waits.
struct Waiting {
    pot: Arc<Pot>,
    queue: fn(&Pot) -> &AtomicUsize,
}

impl Waiting {
    fn new(pot: &Arc<Pot>, queue: fn(&Pot) -> &AtomicUsize) -> Self {
        queue(pot).fetch_add(1, Ordering::Relaxed);
        Self {
            pot: Arc::clone(pot),
            queue,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        (self.queue)(&self.pot).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_beyond_the_reserves_wait() {
        let budget = Budget::within(0);
        let mut accounts = Vec::new();
        for _ in 0..LEAST_CONNECTIONS {
            accounts.push(budget.open().await);
        }
        assert!(!accounts[0].shuts_out());
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.open().await }
        });
        time::sleep(Duration::from_secs(3600)).await;
        assert!(!waiting.is_finished() && accounts[0].shuts_out());
        accounts.pop();
        waiting.await.unwrap();
        assert!(!accounts[0].shuts_out());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pot_is_shared_and_given_back() {
        let budget = Budget::within(0);
        let (mut one, mut other) = (budget.open().await, budget.open().await);
        assert_eq!(one.allowance(), RESERVE);
        assert!(one.settle(RESERVE) && !one.has_share());
        assert!(one.settle(RESERVE + LEAST_GROWTH) && one.has_share());
        assert_eq!(one.allowance(), RESERVE + LEAST_GROWTH);
        assert!(!other.settle(RESERVE + 1) && other.settle(RESERVE));
        assert!(one.settle(RESERVE + LEAST_GROWTH / 2));
        assert!(other.settle(RESERVE + LEAST_GROWTH / 2));
        drop(one);
        assert!(other.settle(RESERVE + LEAST_GROWTH));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_what_is_given_back_and_is_seen_to_wait() {
        let budget = Budget::within(0);
        let (mut one, mut other) = (budget.open().await, budget.open().await);
        assert!(one.grow(RESERVE + LEAST_GROWTH).await);
        let waits = tokio::spawn(async move { other.grow(RESERVE + 100).await });
        tokio::task::yield_now().await;
        assert!(!one.is_wanted_back());
        time::sleep(HOLD_LIMIT).await;
        assert!(one.is_wanted_back());
        assert!(one.settle(0));
        assert!(waits.await.unwrap());
        assert!(!one.is_wanted_back());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_and_what_can_never_be_is_not_waited_for() {
        let budget = Budget::within(0);
        let (mut one, mut other) = (budget.open().await, budget.open().await);
        assert!(one.grow(RESERVE + LEAST_GROWTH).await);
        let begun = Instant::now();
        assert!(!other.grow(RESERVE + LEAST_GROWTH + 1).await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(!other.grow(RESERVE + 1).await);
        assert_eq!(begun.elapsed(), PATIENCE);
    }
}
