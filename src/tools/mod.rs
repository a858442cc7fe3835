//! Commands beside the daemon, each in its own file.

pub mod configuration;
pub mod explain;
pub mod keygen;
pub mod message;
pub mod sign;
pub mod testkey;
pub mod verify;
