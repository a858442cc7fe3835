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

use dkimd_hand::Place;

/// Where temporary files go by default.
const USUAL: &str = "/tmp";
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
        let directory = directory();
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..TRIES {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("dkimd-{}-{number}", process::id()));
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

/// Where temporary files go; not where another user could put something else in the place of ours.
fn directory() -> PathBuf {
    let wanted = env::temp_dir();
    match Place::find(&wanted.join("dkimd")) {
        Ok(place) if place.owner().is_none() => wanted,
        _ => PathBuf::from(USUAL),
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing more can be done about what is left in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
