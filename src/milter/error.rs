//! Why a connection ends before its time.

use std::io;

use indymilter::message::command::CommandKind;

use super::{READ_TIMEOUT, frame::FrameError};

/// Why a connection ended before the MTA wanted it to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The stream of frames is broken.
    #[error("milter protocol error: {0}")]
    Frame(#[from] FrameError),
    /// A command's payload is not what the protocol says.
    #[error("milter protocol error: malformed command '{0}'")]
    Malformed(char),
    /// A command that the protocol does not allow at this place, or does not know.
    #[error("milter protocol error: unexpected command '{0}'")]
    Unexpected(char),
    /// A protocol older than 2.
    #[error("the MTA speaks milter protocol {0}, 2 or newer is needed; set milter_protocol = 6")]
    OldProtocol(u32),
    /// The MTA does not let us add header fields.
    #[error(
        "mlfi_negotiate(): required milter action(s) not available (got {got:#x}, need {need:#x})"
    )]
    MissingActions {
        /// The offer.
        got: u32,
        /// What can't be done without.
        need: u32,
    },
    /// Other connections needed the memory.
    #[error("too much is under way: no memory for what the MTA sends")]
    MemoryShort,
    /// Nothing came for [`READ_TIMEOUT`].
    #[error("the MTA was silent for {limit} s", limit = READ_TIMEOUT.as_secs())]
    Timeout,
    /// The connection broke.
    #[error("connection to the MTA: {0}")]
    Io(#[from] io::Error),
}

impl ConnectionError {
    /// A command that may not come now.
    pub(super) fn unexpected(kind: CommandKind) -> Self {
        Self::Unexpected(char::from(u8::from(kind)))
    }
}
