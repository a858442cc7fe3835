//! A bounded cache before a [`TxtLookup`]: what was made of an answer, for as long as its TTL says.
//!
//! The value kept is the parsed one (a key record, say), so that a second message from the same
//! signer parses nothing. Many askers of one name share one query. Absent names are remembered too,
//! and failures for a moment (RFC 2308, RFC 9520), so that a dead server is not asked once for each
//! signature.
//!
//! Two generations bound the memory: when the young one is full it becomes the old one, and the
//! former old one is dropped. An old entry that is asked for becomes young again.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use super::{TxtAnswer, TxtLookup, TxtRecords, name::DnsName};

/// For how long the different answers are kept, whatever their TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// At most so long for records: a revoked key shall not live for ever.
    pub found_at_most: Duration,
    /// At most so long for an absent name: a key that was published late shall soon be seen.
    pub absent_at_most: Duration,
    /// At most so long for a failure.
    pub failed_at_most: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            found_at_most: Duration::from_secs(24 * 60 * 60),
            absent_at_most: Duration::from_secs(5 * 60),
            failed_at_most: Duration::from_secs(5),
        }
    }
}

impl Lifetimes {
    fn of(self, answer: &TxtAnswer) -> Duration {
        answer.ttl.min(match answer.result {
            Ok(TxtRecords::None(_)) => self.absent_at_most,
            Ok(_) => self.found_at_most,
            Err(_) => self.failed_at_most,
        })
    }
}

/// The figures of QueryCache's log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Lookups.
    pub queries: u64,
    /// Lookups answered without asking the source.
    pub hits: u64,
    /// Entries found too old.
    pub expired: u64,
    /// Entries held now.
    pub entries: usize,
}

/// A cache of `V`, each made from one answer by the function given to [`Cache::new`].
#[derive(Debug)]
pub struct Cache<V> {
    source: Arc<dyn TxtLookup>,
    make: fn(TxtAnswer) -> V,
    lifetimes: Lifetimes,
    generation_size: usize,
    generations: Mutex<Generations<V>>,
    queries: AtomicU64,
    hits: AtomicU64,
    expired: AtomicU64,
}

type Slots<V> = HashMap<DnsName, Arc<OnceCell<Entry<V>>>>;

#[derive(Debug)]
struct Generations<V> {
    young: Slots<V>,
    old: Slots<V>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    until: Instant,
}

impl<V: Clone + Send + Sync> Cache<V> {
    /// A cache of at most `capacity` entries before `source`.
    pub fn new(
        source: Arc<dyn TxtLookup>,
        capacity: usize,
        lifetimes: Lifetimes,
        make: fn(TxtAnswer) -> V,
    ) -> Self {
        Self {
            source,
            make,
            lifetimes,
            generation_size: (capacity / 2).max(1),
            generations: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
            }),
            queries: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        }
    }

    /// What is known of `name`, asking the source if need be.
    ///
    /// Takes as long as the source at most: an asker that joins a query under way gets its answer,
    /// and takes the query over if the one who began it gave up.
    pub async fn get(&self, name: &DnsName) -> V {
        self.queries.fetch_add(1, Relaxed);
        let slot = self.slot(name);
        let mut asked = false;
        let entry = slot
            .get_or_init(async || {
                asked = true;
                let answer = self.source.txt(name).await;
                let until = Instant::now() + self.lifetimes.of(&answer);
                Entry {
                    value: (self.make)(answer),
                    until,
                }
            })
            .await;
        if !asked {
            self.hits.fetch_add(1, Relaxed);
        }
        entry.value.clone()
    }

    /// What is known of `name` without asking; `None` also while a query is under way.
    pub fn held(&self, name: &DnsName) -> Option<V> {
        let generations = self.lock();
        let slot = generations.young.get(name).filter(|slot| !is_over(slot))?;
        let value = slot.get()?.value.clone();
        drop(generations);
        self.queries.fetch_add(1, Relaxed);
        self.hits.fetch_add(1, Relaxed);
        Some(value)
    }

    /// What is asked when the cache does not know.
    pub fn source(&self) -> &Arc<dyn TxtLookup> {
        &self.source
    }

    /// The figures since the start.
    pub fn figures(&self) -> CacheFigures {
        let generations = self.lock();
        CacheFigures {
            queries: self.queries.load(Relaxed),
            hits: self.hits.load(Relaxed),
            expired: self.expired.load(Relaxed),
            entries: generations.young.len() + generations.old.len(),
        }
    }

    /// The slot for `name`: one with an answer that still holds, one that waits for its answer, or
    /// an empty one.
    fn slot(&self, name: &DnsName) -> Arc<OnceCell<Entry<V>>> {
        let mut generations = self.lock();
        let Generations { young, old } = &mut *generations;
        if let Some(slot) = young.get_mut(name) {
            if !is_over(slot) {
                return Arc::clone(slot);
            }
            self.expired.fetch_add(1, Relaxed);
            *slot = Arc::default();
            return Arc::clone(slot);
        }
        let slot = match old.remove(name) {
            Some(slot) if !is_over(&slot) => slot,
            Some(_) => {
                self.expired.fetch_add(1, Relaxed);
                Arc::default()
            }
            None => Arc::default(),
        };
        if young.len() >= self.generation_size {
            *old = std::mem::take(young);
        }
        young.insert(name.clone(), Arc::clone(&slot));
        slot
    }

    fn lock(&self) -> MutexGuard<'_, Generations<V>> {
        // Every change of the maps is whole in itself, so a panic elsewhere leaves them usable.
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over<V>(slot: &OnceCell<Entry<V>>) -> bool {
    slot.get()
        .is_some_and(|entry| entry.until <= Instant::now())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::{
        super::{Absence, DnsFailure, Dnssec, TxtFuture},
        *,
    };

    /// Answers after a second, with a number that grows, and counts how often it is asked.
    #[derive(Debug)]
    struct Slow {
        asked: AtomicUsize,
        result: Result<TxtRecords, DnsFailure>,
        ttl: u64,
    }

    impl TxtLookup for Slow {
        fn txt<'a>(&'a self, _: &'a DnsName) -> TxtFuture<'a> {
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.asked.fetch_add(1, Relaxed);
                TxtAnswer {
                    result: self.result.clone(),
                    dnssec: Dnssec::Insecure,
                    ttl: Duration::from_secs(self.ttl),
                }
            })
        }
    }

    fn slow(
        capacity: usize,
        result: Result<TxtRecords, DnsFailure>,
        ttl: u64,
    ) -> (Arc<Slow>, Arc<Cache<TxtAnswer>>) {
        let source = Arc::new(Slow {
            asked: AtomicUsize::new(0),
            result,
            ttl,
        });
        let cache = Cache::new(
            Arc::<Slow>::clone(&source),
            capacity,
            Lifetimes::default(),
            |answer| answer,
        );
        (source, Arc::new(cache))
    }

    fn found() -> Result<TxtRecords, DnsFailure> {
        Ok(TxtRecords::One(Arc::from(&b"x"[..])))
    }

    fn name(text: &str) -> DnsName {
        DnsName::parse(text).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn askers_of_one_name_share_one_query() {
        let (source, cache) = slow(10, found(), 60);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move { cache.get(&name("a.example")).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().result, found());
        }
        assert_eq!(source.asked.load(Relaxed), 1);
        assert_eq!(cache.figures().hits, 49);
    }

    #[tokio::test(start_paused = true)]
    async fn an_asker_takes_over_when_the_first_gives_up() {
        let (source, cache) = slow(10, found(), 60);
        let first = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move { cache.get(&name("a.example")).await }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        let second = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move { cache.get(&name("a.example")).await }
        });
        tokio::task::yield_now().await;
        first.abort();
        assert_eq!(second.await.unwrap().result, found());
        assert_eq!(source.asked.load(Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_live_as_long_as_their_ttl() {
        let (source, cache) = slow(10, found(), 60);
        cache.get(&name("a.example")).await;
        tokio::time::sleep(Duration::from_secs(59)).await;
        cache.get(&name("a.example")).await;
        assert_eq!(source.asked.load(Relaxed), 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        cache.get(&name("a.example")).await;
        assert_eq!(source.asked.load(Relaxed), 2);
        assert_eq!(cache.figures().expired, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn lifetimes_are_capped_by_kind() {
        for (result, cap) in [
            (found(), 24 * 60 * 60),
            (Ok(TxtRecords::None(Absence::NoName)), 300),
            (Err(DnsFailure::Timeout), 5),
        ] {
            let (source, cache) = slow(10, result.clone(), u64::from(u32::MAX));
            cache.get(&name("a.example")).await;
            tokio::time::sleep(Duration::from_secs(cap - 1)).await;
            cache.get(&name("a.example")).await;
            assert_eq!(source.asked.load(Relaxed), 1, "{result:?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
            cache.get(&name("a.example")).await;
            assert_eq!(source.asked.load(Relaxed), 2, "{result:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_entries_is_bounded_and_used_entries_stay() {
        let (source, cache) = slow(100, found(), 86_400);
        cache.get(&name("kept.example")).await;
        for i in 0..500 {
            cache.get(&name(&format!("n{i}.example"))).await;
            if i % 20 == 0 {
                cache.get(&name("kept.example")).await;
            }
            assert!(cache.figures().entries <= 100);
        }
        assert_eq!(source.asked.load(Relaxed), 501);
    }
}
