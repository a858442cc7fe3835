//! A careful SMTP client: it reads greetings and the extensions that servers offer, and sends no
//! mail. Whatever the other side sends is bounded in octets, lines and time.

pub mod reply;
pub mod session;

use std::io;

use self::reply::Reply;

/// Why a talk came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Nobody answered the call in time.
    #[error("no connection in time")]
    NoConnection,
    /// There is a connection, but nothing came over it in time.
    #[error("connected, but no answer in time")]
    Silent,
    /// It was closed before a reply was complete.
    #[error("closed without an answer")]
    Closed,
    /// More than any reply has.
    #[error("an endless answer")]
    TooLong,
    /// No reply of SMTP.
    #[error("no SMTP: {0:?}")]
    NotSmtp(String),
    /// A reply that does not let us go on.
    #[error("{0}")]
    Refused(Reply),
}
