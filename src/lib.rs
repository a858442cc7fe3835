//! dkimd: a DKIM signing and verifying milter that takes OpenDKIM's place.
//!
//! The daemon is a crate of its own ([`dkimd_server`]), as are the milter ([`dkimd_milter`]) and the core
//! ([`dkim_core`]). Here stand the rooms that advise people in the shape of [`advice`], and the command line.

#![warn(clippy::unwrap_used)]

pub mod cli;
pub mod doctor;
pub mod explain;
pub mod message;
pub mod setup;
pub mod tools;

pub use dkim_core as dkim;
pub use dkimd_advice as advice;
pub use dkimd_advice::text;
pub use dkimd_hand as hand;
pub use dkimd_milter as milter;
pub use dkimd_milter::socket;
pub use dkimd_postfix as postfix;
pub use dkimd_server::{
    config, dataset, decide, diagnostic, headers, log, process, secret, session, tables,
};

/// Keys as the daemon reads them, and new ones.
pub mod keys {
    pub use dkimd_keygen::{generate, record};
    pub use dkimd_server::keys::*;
}

/// DNS as the daemon asks it, and as people's commands do.
pub mod dns {
    pub use dkimd_questions as questions;
    pub use dkimd_server::dns::*;
}
