//! Where dkimd listens: the forms of Socket, Unix and TCP listeners, sockets handed over.

pub mod listen;
pub mod spec;
pub mod stream;
mod unix;

pub use listen::{ListenError, Listener};
pub use spec::SocketSpec;
pub use stream::Stream;
