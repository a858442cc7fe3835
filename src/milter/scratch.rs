//! Read buffers, shared by all connections: one is out only while its octets are being worked on.
//!
//! So thousands of idle connections hold none, and a message of any size needs one at a time.

use std::{
    ops::Deref,
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

/// What one read brought.
pub(super) enum Input {
    /// In a buffer of the pool.
    Lent { buffer: Box<[u8]>, length: usize },
    /// What was left of it when the conversation had to wait.
    Kept(Vec<u8>),
}

impl Input {
    /// Gives the buffer back to the pool, keeping only the octets from `start` on.
    pub(super) fn keep_from(self, start: usize, pool: &Pool) -> Self {
        let rest = self[start..].to_vec();
        self.release(pool);
        Self::Kept(rest)
    }

    /// Gives the buffer back to the pool.
    pub(super) fn release(self, pool: &Pool) {
        if let Self::Lent { buffer, .. } = self {
            pool.put(buffer);
        }
    }
}

impl Deref for Input {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Lent { buffer, length } => &buffer[..*length],
            Self::Kept(rest) => rest,
        }
    }
}
