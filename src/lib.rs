//! dkimd: a DKIM signing and verifying milter that takes OpenDKIM's place.
//!
//! The modules stand in the order in which mail flows through them:
//!
//! * [`socket`] accepts the MTA's connections, [`milter`] speaks its protocol;
//! * [`session`] holds one connection and the message under way, and does nothing but ask
//!   [`decide`] what is to be done and [`dkim`] to do it;
//! * [`decide`] is pure: facts in, a decision and its reason out;
//! * [`dkim`] is the pure core of RFC 6376: no sockets, clocks, DNS or files inside it.
//!
//! What they need is prepared once per load: [`config`] turns files into typed settings,
//! [`dataset`] and [`tables`] compile lists into indexes, [`keys`] finds and holds private keys.
//! What may hold a password or a key is shown through [`secret`]. Around them stand [`log`], [`process`], the command line ([`cli`]) and the [`tools`];
//! [`doctor`], [`setup`] and [`explain`] advise in the shape of [`advice`].

#![warn(clippy::unwrap_used)]

pub mod advice;
pub mod cli;
pub mod config;
pub mod dataset;
pub mod decide;
pub mod diagnostic;
pub mod dns;
pub mod doctor;
pub mod explain;
pub mod hand;
pub mod headers;
pub mod keys;
pub mod log;
pub mod message;
pub mod postfix;
pub mod process;
pub mod secret;
pub mod session;
pub mod setup;
pub mod tables;
pub mod tools;

pub use advice::text;
pub use dkim_core as dkim;
pub use dkimd_milter as milter;
pub use dkimd_milter::socket;
