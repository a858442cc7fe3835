//! The command line: dkimd's subcommands, and the names it answers to (H5).

use std::process::ExitCode;

/// Runs the program by the name it was called by, with the process's arguments.
pub fn main() -> ExitCode {
    todo!("H5")
}
