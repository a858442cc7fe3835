//! Running a tool under the name that it has in opendkim-tools.

use std::ffi::OsString;

use clap::Parser;

use dkimd_server::process::{ExitCode, Failure};

/// Parses `args`, the program's name not among them, and runs `tool` on them.
pub fn run<P: Parser>(
    program: &str,
    args: impl Iterator<Item = OsString>,
    tool: impl FnOnce(&P) -> Result<(), Failure>,
) -> ExitCode {
    match P::try_parse_from([program.into()].into_iter().chain(args)) {
        Ok(parsed) => told(program, tool(&parsed)),
        Err(error) => {
            // A closed standard error is nobody's problem.
            let _ = error.print();
            match error.use_stderr() {
                true => ExitCode::Usage,
                false => ExitCode::Ok,
            }
        }
    }
}

/// Tells what failed, if anything did, and gives the exit code.
pub fn told(program: &str, result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            failure.tell(program);
            failure.code
        }
    }
}
