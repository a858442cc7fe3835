//! The forms of Socket: `local:`, `unix:`, bare path, `inet:port[@host]`, `inet6:`, `fd:N`, and
//! Postfix's `inet:host:port` (reference §7.3) (H3).

use std::path::PathBuf;

/// A parsed Socket option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketSpec {
    /// A Unix socket.
    Unix(PathBuf),
    /// TCP over IPv4 (`inet:`): host (`None`: all addresses) and port.
    Inet {
        /// Host name or address.
        host: Option<String>,
        /// Port.
        port: u16,
    },
    /// TCP over IPv6 (`inet6:`).
    Inet6 {
        /// Host name or address.
        host: Option<String>,
        /// Port.
        port: u16,
    },
    /// An inherited listening descriptor (`fd:N`).
    Inherited(i32),
}

/// Why a text is not a socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; write {remedy}")]
pub struct SocketSpecError {
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

impl SocketSpec {
    /// Parses every form that OpenDKIM or Postfix writes.
    pub fn parse(text: &str) -> Result<Self, SocketSpecError> {
        todo!("H3: {text}")
    }
}
