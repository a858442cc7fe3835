//! The one program: under its own name a set of subcommands, under OpenDKIM's names OpenDKIM.

use std::process::ExitCode;

use dkimd_server::{process::clock, session::daemon::MilterDaemon};

fn main() -> ExitCode {
    dkimd::main(&MilterDaemon::new(clock::now))
}
