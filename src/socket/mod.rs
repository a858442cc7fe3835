//! Where dkimd listens: the forms of Socket, Unix and TCP listeners, sockets handed over (H3).

pub mod listen;
pub mod spec;

pub use spec::SocketSpec;
