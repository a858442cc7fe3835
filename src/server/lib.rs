//! The daemon: the trusted base of dkimd, and nothing that it does not need.
//!
//! The modules stand in the order in which mail flows through them. The milter's loop
//! ([`dkimd_milter`]) calls [`session`], which holds one connection and the message under way, and does
//! nothing but ask [`decide`] what is to be done and [`dkim_core`] to do it; [`headers`] writes and reads the
//! fields that come besides.
//!
//! What they need is prepared once per load: [`config`] turns files into typed settings, [`dataset`] and
//! [`tables`] compile lists into indexes, [`keys`] finds and holds private keys, [`dns`] finds public ones.
//! [`secret`] shows what may hold a password or a key, [`diagnostic`] is a finding about a file. [`log`] and [`process`] are the daemon's life.
//!
//! Nothing here knows who reads advice, in which language, or how the command line looks.

#![warn(clippy::unwrap_used)]

pub mod config;
pub mod dataset;
pub mod decide;
pub mod diagnostic;
pub mod dns;
pub mod headers;
pub mod keys;
pub mod log;
pub mod process;
pub mod secret;
pub mod session;
pub mod tables;

pub(crate) use dkim_core as dkim;
pub(crate) use dkimd_milter::{self as milter, socket};
