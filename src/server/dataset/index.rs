//! A hash index over pieces of entries: numbers only, no copy of any key.

use std::{
    hash::{BuildHasher, Hasher},
    iter::{Chain, Copied},
    option, slice,
};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use super::Case;

/// Numbers of entries, ascending.
pub type Numbers<'a> = Chain<option::IntoIter<u32>, Copied<slice::Iter<'a, u32>>>;

/// Finds the numbers of the entries that share a piece of text.
///
/// The pieces themselves stay where they are; every call is told how to get at them.
#[derive(Debug)]
pub struct Index {
    /// The first entry with each piece.
    first: HashTable<u32>,
    /// Further entries with the piece of that first one, ascending.
    further: HashMap<u32, Vec<u32>, DefaultHashBuilder>,
    hashing: DefaultHashBuilder,
    case: Case,
    /// Octets of the longest piece: no longer text need be hashed.
    longest: usize,
}

impl Index {
    /// An empty index.
    pub fn new(case: Case) -> Self {
        Self {
            first: HashTable::new(),
            further: HashMap::default(),
            hashing: DefaultHashBuilder::default(),
            case,
            longest: 0,
        }
    }

    /// Adds an entry; numbers must come in ascending order.
    pub fn insert<'t>(&mut self, number: u32, piece: &str, piece_of: impl Fn(u32) -> &'t str) {
        let Self { hashing, case, .. } = self;
        let hash = hash_of(hashing, *case, piece);
        let same = |&other: &u32| case.equal(piece_of(other).as_bytes(), piece.as_bytes());
        if let Some(&first) = self.first.find(hash, same) {
            self.further.entry(first).or_default().push(number);
            return;
        }
        self.longest = self.longest.max(piece.len());
        let rehash = |&other: &u32| hash_of(hashing, *case, piece_of(other));
        self.first.insert_unique(hash, number, rehash);
    }

    /// Makes room for that many different pieces.
    pub fn reserve<'t>(&mut self, pieces: usize, piece_of: impl Fn(u32) -> &'t str) {
        let Self { hashing, case, .. } = self;
        self.first
            .reserve(pieces, |&other| hash_of(hashing, *case, piece_of(other)));
    }

    /// The entries with that piece, ascending.
    pub fn find<'t>(&self, piece: &str, piece_of: impl Fn(u32) -> &'t str) -> Numbers<'_> {
        let first = if piece.len() > self.longest || self.first.is_empty() {
            None
        } else {
            let hash = hash_of(&self.hashing, self.case, piece);
            let same = |&other: &u32| {
                self.case
                    .equal(piece_of(other).as_bytes(), piece.as_bytes())
            };
            self.first.find(hash, same).copied()
        };
        let further = first
            .and_then(|first| self.further.get(&first))
            .map_or(&[][..], Vec::as_slice);
        first.into_iter().chain(further.iter().copied())
    }

    /// Octets of the longest piece.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Every piece's further entries: those that a first-match lookup never reaches.
    pub fn repeated(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.further
            .iter()
            .map(|(first, further)| (*first, further.as_slice()))
    }
}

fn hash_of(hashing: &DefaultHashBuilder, case: Case, piece: &str) -> u64 {
    let mut hasher = hashing.build_hasher();
    match case {
        Case::Counts => hasher.write(piece.as_bytes()),
        Case::Ignored => {
            let mut lowered = [0; 64];
            for chunk in piece.as_bytes().chunks(lowered.len()) {
                let lowered = &mut lowered[..chunk.len()];
                lowered.copy_from_slice(chunk);
                lowered.make_ascii_lowercase();
                hasher.write(lowered);
            }
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_one_piece_come_in_order() {
        let pieces = ["a", "B", "A", "b", "a", "c"];
        let piece_of = |n: u32| pieces[n as usize];
        let mut index = Index::new(Case::Ignored);
        for (number, piece) in pieces.iter().enumerate() {
            index.insert(number as u32, piece, piece_of);
        }
        assert_eq!(index.find("A", piece_of).collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(index.find("b", piece_of).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(index.find("longer", piece_of).count(), 0);
    }

    #[test]
    fn case_counts_where_it_should() {
        let pieces = ["a", "A"];
        let piece_of = |n: u32| pieces[n as usize];
        let mut index = Index::new(Case::Counts);
        index.insert(0, "a", piece_of);
        index.insert(1, "A", piece_of);
        assert_eq!(index.find("A", piece_of).collect::<Vec<_>>(), [1]);
    }
}
