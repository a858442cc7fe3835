//! Read buffers, shared by all connections: one is out only while its octets are being worked on.
//!
//! So thousands of idle connections hold none, and a message of any size needs one at a time.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Octets of one read, and so the most body that a connection ever holds.
pub(super) const READ_SIZE: usize = 64 * 1024;

/// How many free buffers are kept.
const KEPT: usize = 16;

/// The free buffers.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Box<[u8]>>>>);

impl Pool {
    pub(super) fn take(&self) -> Box<[u8]> {
        let free = self.free().pop();
        free.unwrap_or_else(|| vec![0; READ_SIZE].into_boxed_slice())
    }

    pub(super) fn put(&self, buffer: Box<[u8]>) {
        let mut free = self.free();
        if free.len() < KEPT {
            free.push(buffer);
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Box<[u8]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one read brought, and how far it has been worked on. Dropping it gives its buffer back.
pub(super) struct Input {
    octets: Octets,
    position: usize,
    pool: Pool,
}

enum Octets {
    /// In a buffer of the pool.
    Lent { buffer: Box<[u8]>, length: usize },
    /// What was left of it when the conversation had to wait.
    Kept(Vec<u8>),
}

impl Input {
    /// The first octets of a buffer of the pool.
    pub(super) fn new(buffer: Box<[u8]>, length: usize, pool: &Pool) -> Self {
        Self {
            octets: Octets::Lent { buffer, length },
            position: 0,
            pool: pool.clone(),
        }
    }

    /// What has not been worked on.
    pub(super) fn rest(&self) -> &[u8] {
        match &self.octets {
            Octets::Lent { buffer, length } => &buffer[self.position..*length],
            Octets::Kept(octets) => &octets[self.position..],
        }
    }

    /// So many octets of the rest have been worked on.
    pub(super) fn advance(&mut self, octets: usize) {
        self.position += octets;
    }

    /// Gives the buffer back to the pool before a wait, keeping only the rest.
    pub(super) fn keep(&mut self) {
        if let Octets::Lent { .. } = self.octets {
            let rest = Octets::Kept(self.rest().to_vec());
            self.position = 0;
            self.give_back(rest);
        }
    }

    fn give_back(&mut self, instead: Octets) {
        if let Octets::Lent { buffer, .. } = mem::replace(&mut self.octets, instead) {
            self.pool.put(buffer);
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.give_back(Octets::Kept(Vec::new()));
    }
}
