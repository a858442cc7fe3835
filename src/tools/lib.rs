//! Commands beside the daemon, each in its own file.

#![warn(clippy::unwrap_used)]

pub mod atpszone;
pub mod genzone;
pub mod keygen;
pub mod old_name;
pub mod retired;
pub mod sign;
pub mod statistics;
pub mod test_files;
pub mod testkey;
pub mod testmsg;
pub mod verify;
pub mod zone;
