//! The log: where lines go ([`sink`]), what keeps a slow one from stopping mail ([`queue`]), and every line's text, one function each: [`lines`] about
//! messages, [`daemon`] about the daemon itself.

pub mod daemon;
pub mod lines;
pub mod queue;
pub mod sink;

use std::fmt::Debug;

use crate::config::settings::LogSettings;

/// Syslog levels (RFC 5424 section 6.2.1) that dkimd uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something is broken and needs the administrator.
    Err,
    /// Something is wrong, dkimd goes on.
    Warning,
    /// Normal but worth noticing.
    Notice,
    /// What happened.
    Info,
    /// Detail.
    Debug,
}

/// Where log lines go: syslog, standard error, or a test.
pub trait Log: Debug + Send + Sync {
    /// Writes one line, without line end; never blocks for long, never fails.
    fn line(&self, level: Level, text: &str);

    /// Takes up changed settings (SyslogName, SyslogFacility) after a reload.
    fn reconfigure(&self, _settings: &LogSettings) {}
}
