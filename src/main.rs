//! The one program: under its own name a set of subcommands, under OpenDKIM's names OpenDKIM.

use std::{process::ExitCode, sync::Arc};

use dkimd::{
    process::{reload::Reloader, signals::Stop, start::Daemon},
    socket::SocketSpec,
};

fn main() -> ExitCode {
    dkimd::cli::main(&NoMail)
}

/// A build without the milter: all commands but those that serve mail.
struct NoMail;

impl Daemon for NoMail {
    type Listener = std::convert::Infallible;

    async fn bind(&self, _: &SocketSpec) -> Result<Self::Listener, String> {
        Err("this build does not serve mail".to_owned())
    }

    async fn serve(&self, listener: Self::Listener, _: Arc<Reloader>, _: Stop) {
        match listener {}
    }
}
