//! dkimd: a DKIM signing and verifying milter that takes OpenDKIM's place.
//!
//! The daemon is a crate of its own ([`dkimd_server`]), as are the milter ([`dkimd_milter`]) and the core
//! ([`dkim_core`]). Here stand the rooms that advise people in the shape of [`advice`], and the command line.

#![warn(clippy::unwrap_used)]

pub mod cli;

pub use dkim_core as dkim;
pub use dkimd_advice as advice;
pub use dkimd_advice::text;
pub use dkimd_doctor as doctor;
pub use dkimd_explain as explain;
pub use dkimd_hand as hand;
pub use dkimd_message as message;
pub use dkimd_milter as milter;
pub use dkimd_milter::socket;
pub use dkimd_postfix as postfix;
pub use dkimd_server::{
    config, dataset, decide, diagnostic, headers, log, process, secret, session, tables,
};
pub use dkimd_setup as setup;
pub use dkimd_tools as tools;

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
