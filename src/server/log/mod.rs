//! The log: where lines go ([`sink`]), and what keeps a slow reader from stopping mail ([`queue`]).
//!
//! What the lines say stands where it happens: about messages in `session::lines`, about the daemon itself in
//! `process::lines`.

pub mod queue;
pub mod sink;

use std::fmt::Debug;

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

/// What is logged, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Syslog.
    pub syslog: bool,
    /// SyslogSuccess.
    pub success: bool,
    /// SyslogFacility: a word that is known to exist, `mail` by default.
    pub facility: &'static str,
    /// SyslogName; `None`: the name the program was called by.
    pub name: Option<String>,
    /// LogWhy.
    pub why: bool,
    /// LogResults.
    pub results: bool,
}
