//! Sets of exact keys: `file:` and `csl:`.

use super::{
    Answer, Case, DataSet, Lookup,
    entries::Entries,
    index::{Index, Numbers},
};

/// Entries found by their whole key.
#[derive(Debug)]
pub struct KeyedSet {
    entries: Entries,
    index: Index,
}

impl KeyedSet {
    /// Compiles the index.
    pub fn new(entries: Entries, case: Case) -> Self {
        let mut index = Index::new(case);
        index.reserve(entries.len(), |n| entries.key(n));
        for number in 0..entries.len() as u32 {
            index.insert(number, entries.key(number), |n| entries.key(n));
        }
        Self { entries, index }
    }

    /// The entries in order.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The numbers of the entries with that key, in file order. A plain lookup means the first.
    pub fn find(&self, key: &str) -> Numbers<'_> {
        self.index.find(key, |n| self.entries.key(n))
    }

    /// Numbers of entries whose key stands on an earlier line too, with that earlier one.
    pub fn repeated(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.index.repeated()
    }
}

impl DataSet for KeyedSet {
    fn lookup<'a>(&'a self, key: &'a str) -> Answer<'a, Lookup> {
        let value = self
            .find(key)
            .next()
            .map(|number| self.entries.get(number).value.to_owned());
        Answer::Now(Ok(value))
    }

    fn entries(&self) -> Option<Vec<(String, String)>> {
        Some(self.entries.pairs())
    }
}
