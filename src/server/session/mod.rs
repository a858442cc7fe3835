//! One connection of the MTA, and the message under way on it.
//!
//! The milter loop calls [`Connection`] step by step. It collects the [`envelope`], the [`macros`]
//! and the header section; `end_of_header` asks [`inquiry`] and [`crate::decide`] what is to be
//! done and begins it ([`signing`], [`verifying`]); the body flows through without being kept;
//! `end_of_message` turns the result into [`changes`] of the message and a reply ([`failure`],
//! [`verdict`]). What happened is one [`record`], of which the lines in the [`journal`] are views.

mod aside;
pub mod atps;
pub mod changes;
pub mod connection;
pub mod daemon;
pub mod diagnostics;
mod end_of_header;
mod end_of_message;
pub mod envelope;
pub mod failure;
pub mod holder;
pub mod inquiry;
pub mod journal;
pub mod key_sources;
pub mod lines;
pub mod macros;
mod message;
pub mod record;
pub mod reports;
pub mod signing;
pub mod throttle;
pub mod too_large;
pub mod verdict;
pub mod verifying;
pub mod wishes;

use std::sync::{Arc, atomic::AtomicBool};

pub use self::connection::Connection;
use self::{diagnostics::Diagnostics, holder::KeyHolder, reports::Reports};
use crate::{
    dkim::UnixTime, log::Log, process::reload::Reloader, session::key_sources::KeySources,
};

/// What all connections share.
#[derive(Debug)]
pub struct Server {
    /// The current configuration, swapped whole on reload.
    pub configuration: Arc<Reloader>,
    /// Whoever holds the private keys.
    pub keys: Arc<dyn KeyHolder>,
    /// Public keys, as the configuration wants them found.
    pub public_keys: KeySources,
    /// DiagnosticDirectory's files.
    pub diagnostics: Diagnostics,
    /// Failure reports to signers.
    pub reports: Reports,
    /// This machine's name, for `AuthservID HOSTNAME`.
    pub host_name: String,
    /// Where log lines go.
    pub log: Arc<dyn Log>,
    /// The clock behind `t=`.
    pub clock: fn() -> UnixTime,
    /// Whether the MTA's lack of a queue id was told.
    pub told_no_queue_id: AtomicBool,
}
