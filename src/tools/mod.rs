//! Commands beside the daemon, each in its own file.

pub mod keygen;
