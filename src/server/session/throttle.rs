//! Lets so many events through in a while, and no more: what strangers' mail sets off stays bounded.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Keys remembered at once; while so many are known, an unknown one has to wait.
const MAX_KEYS: usize = 1024;

/// At most `most` events for each key in each `period`.
#[derive(Debug)]
pub struct Throttle {
    most: u32,
    period: Duration,
    counts: Mutex<HashMap<Box<str>, Count>>,
}

#[derive(Debug)]
struct Count {
    since: Instant,
    events: u32,
}

impl Throttle {
    /// Nothing has happened yet.
    pub fn new(most: u32, period: Duration) -> Self {
        Self {
            most,
            period,
            counts: Mutex::default(),
        }
    }

    /// Whether one more event for `key` may happen `now`; if so, it is counted.
    pub fn admits(&self, key: &str, now: Instant) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |count: &Count| now.duration_since(count.since) >= self.period;
        if !counts.contains_key(key) && counts.len() >= MAX_KEYS {
            counts.retain(|_, count| !over(count));
            if counts.len() >= MAX_KEYS {
                return false;
            }
        }
        let count = counts.entry(key.into()).or_insert(Count {
            since: now,
            events: 0,
        });
        if over(count) {
            *count = Count {
                since: now,
                events: 0,
            };
        }
        let admitted = count.events < self.most;
        count.events += u32::from(admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_period_and_key() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(throttle.admits("a", at(0)) && throttle.admits("a", at(1)));
        assert!(!throttle.admits("a", at(59)));
        assert!(throttle.admits("b", at(59)));
        assert!(throttle.admits("a", at(60)));
    }

    #[test]
    fn the_number_of_keys_is_bounded_until_old_ones_are_over() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let begin = Instant::now();
        for key in 0..MAX_KEYS {
            assert!(throttle.admits(&key.to_string(), begin));
        }
        assert!(!throttle.admits("one more", begin));
        assert!(throttle.admits("one more", begin + Duration::from_secs(60)));
    }
}
