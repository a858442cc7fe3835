//! Long computations stand aside, so that all other connections keep their turn.
//!
//! A task that computes keeps what was queued behind it on its thread waiting. So what may take longer
//! than a few milliseconds (a header section of many times the usual limit, dozens of signatures) hands
//! its thread's other tasks to another thread first. Usual mail never comes here. What can't be parted
//! is one RSA signature: about 1 ms with 2048 bits, 5 ms with 4096.

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task,
};

/// Octets to be read and hashed from which on work stands aside: a millisecond or two.
pub(super) const LONG: usize = 256 * 1024;

/// What a private-key operation counts for, in octets hashed in the same time.
pub(super) const SIGNING_WEIGHT: usize = 64 * 1024;

/// What a public-key operation counts for.
pub(super) const VERIFYING_WEIGHT: usize = 16 * 1024;

/// So many long computations at once; the others wait for their turn. Each takes a thread.
static TURNS: Semaphore = Semaphore::const_new(4);

/// Does work of so many octets: at once where it is short, else aside.
pub(super) async fn aside<T>(octets: usize, work: impl FnOnce() -> T) -> T {
    if octets <= LONG {
        return work();
    }
    let _turn = TURNS.acquire().await;
    by_itself(octets, work)
}

/// The same where nothing can be awaited.
pub(super) fn by_itself<T>(octets: usize, work: impl FnOnce() -> T) -> T {
    // A runtime of one thread has nobody to hand over to.
    let threads = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    match threads && octets > LONG {
        true => task::block_in_place(work),
        false => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Two threads, four long computations: tasks that only want a moment get it meanwhile.
    #[test]
    fn others_get_their_turn_while_something_long_is_computed() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let long: Vec<_> = (0..4)
                .map(|_| {
                    tokio::spawn(aside(LONG + 1, || {
                        std::thread::sleep(Duration::from_millis(500));
                    }))
                })
                .collect();
            let begun = Instant::now();
            for _ in 0..20 {
                tokio::spawn(tokio::time::sleep(Duration::from_millis(1)))
                    .await
                    .unwrap();
            }
            assert!(begun.elapsed() < Duration::from_millis(400));
            for task in long {
                task.await.unwrap();
            }
        });
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_does_it_in_place() {
        assert_eq!(aside(LONG + 1, || 7).await, 7);
        assert_eq!(aside(1, || 8).await, 8);
    }
}
