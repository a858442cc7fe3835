//! Commands beside the daemon, each in its own file.

pub mod atpszone;
pub mod configuration;
pub mod doctor;
pub mod explain;
pub mod genzone;
pub mod keygen;
pub mod message;
pub mod old_name;
pub mod retired;
pub mod setup;
pub mod sign;
pub mod statistics;
pub mod test_files;
pub mod testkey;
pub mod testmsg;
pub mod verify;
pub mod zone;
