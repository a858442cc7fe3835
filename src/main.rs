//! The one program: under its own name a set of subcommands, under OpenDKIM's names OpenDKIM.

use std::process::ExitCode;

fn main() -> ExitCode {
    dkimd::cli::main()
}
