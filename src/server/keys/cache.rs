//! A bounded map that gives up the entry not asked for lately (the CLOCK policy).

use std::{
    hash::Hash,
    path::{Path, PathBuf},
};

use hashbrown::{Equivalent, HashMap};

/// What a key is filed under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CacheKey {
    /// Its file, as configured.
    File(PathBuf),
    /// The SHA-256 of its text.
    Inline([u8; 32]),
}

/// The same, borrowed. It must hash as [`CacheKey`] does: same variants in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheKeyRef<'a> {
    /// Its file, as configured.
    File(&'a Path),
    /// The SHA-256 of its text.
    Inline([u8; 32]),
}

impl Equivalent<CacheKey> for CacheKeyRef<'_> {
    fn equivalent(&self, key: &CacheKey) -> bool {
        match (self, key) {
            (Self::File(a), CacheKey::File(b)) => *a == b,
            (Self::Inline(a), CacheKey::Inline(b)) => a == b,
            _ => false,
        }
    }
}

/// At most `capacity` values.
#[derive(Debug)]
pub struct Cache<V> {
    capacity: usize,
    places: HashMap<CacheKey, usize>,
    slots: Vec<Slot<V>>,
    hand: usize,
}

#[derive(Debug)]
struct Slot<V> {
    key: CacheKey,
    value: V,
    /// Asked for since the hand last came by.
    used: bool,
}

impl<V> Cache<V> {
    /// An empty one for `capacity` values, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            places: HashMap::new(),
            slots: Vec::new(),
            hand: 0,
        }
    }

    /// The value, which counts as used.
    pub fn get(&mut self, key: &CacheKeyRef<'_>) -> Option<&V> {
        let slot = self.slots.get_mut(*self.places.get(key)?)?;
        slot.used = true;
        Some(&slot.value)
    }

    /// Puts a value in, and returns the one that had to go: its predecessor, or one not used
    /// lately.
    pub fn insert(&mut self, key: CacheKey, value: V) -> Option<V> {
        if let Some(&place) = self.places.get(&key) {
            return Some(std::mem::replace(&mut self.slots[place].value, value));
        }
        let new = Slot {
            key: key.clone(),
            value,
            used: false,
        };
        if self.slots.len() < self.capacity {
            self.places.insert(key, self.slots.len());
            self.slots.push(new);
            return None;
        }
        // Ends after two rounds at most: the first takes every mark away.
        while std::mem::take(&mut self.slots[self.hand].used) {
            self.advance();
        }
        let old = std::mem::replace(&mut self.slots[self.hand], new);
        self.places.remove(&old.key);
        self.places.insert(key, self.hand);
        self.advance();
        Some(old.value)
    }

    fn advance(&mut self) {
        self.hand = (self.hand + 1) % self.slots.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(name: &str) -> CacheKey {
        CacheKey::File(name.into())
    }

    fn borrowed(name: &str) -> CacheKeyRef<'_> {
        CacheKeyRef::File(Path::new(name))
    }

    #[test]
    fn a_borrowed_key_finds_what_was_filed_under_the_owned_one() {
        let mut cache = Cache::new(4);
        cache.insert(owned("/a//b/"), 1);
        cache.insert(CacheKey::Inline([7; 32]), 2);
        assert_eq!(cache.get(&borrowed("/a/b")), Some(&1));
        assert_eq!(cache.get(&CacheKeyRef::Inline([7; 32])), Some(&2));
        assert_eq!(cache.get(&CacheKeyRef::Inline([8; 32])), None);
    }

    #[test]
    fn it_never_holds_more_than_its_capacity_and_keeps_what_is_used() {
        let mut cache = Cache::new(3);
        cache.insert(owned("hot"), 0);
        for n in 1..100 {
            assert_eq!(cache.get(&borrowed("hot")), Some(&0));
            cache.insert(owned(&n.to_string()), n);
            assert!(cache.slots.len() <= 3 && cache.places.len() == cache.slots.len());
            assert!(cache.places.contains_key(&owned(&n.to_string())));
        }
        assert_eq!(cache.get(&borrowed("hot")), Some(&0));
    }

    #[test]
    fn a_value_put_in_again_replaces_the_old_one() {
        let mut cache = Cache::new(2);
        assert_eq!(cache.insert(owned("a"), 1), None);
        assert_eq!(cache.insert(owned("a"), 2), Some(1));
        assert_eq!(cache.get(&borrowed("a")), Some(&2));
    }
}
