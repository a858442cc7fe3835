//! Where dkimd listens: the forms of Socket, Unix and TCP listeners, sockets handed over.

mod error;
pub mod listen;
pub mod spec;
pub mod stream;
mod unix;

pub use error::ListenError;
pub use listen::Listener;
pub use spec::SocketSpec;
pub use stream::Stream;

/// How many connections may wait to be accepted; the kernel lowers it to net.core.somaxconn.
const BACKLOG: i32 = 4096;
