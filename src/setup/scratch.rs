//! A private directory for trying things out, gone afterwards.

use std::{
    env,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Names tried before giving up.
const TRIES: u32 = 100;

/// A directory that only this user may look into; removed on drop.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one where the system keeps temporary files.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new() -> io::Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..TRIES {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("dkimd-{}-{number}", process::id()));
            // Fails where somebody has planted a directory of this name.
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing more can be done about what is left in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
