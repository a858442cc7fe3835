//! `dkimd man` and `dkimd completions`: made from the same definitions as `--help`.

use std::{io, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use crate::process::{ExitCode, Failure};

/// Arguments of `dkimd man`.
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Write all pages into this directory instead of printing dkimd(1)
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Arguments of `dkimd completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Prints or writes the pages.
pub fn run(args: &ManArgs) -> ExitCode {
    let done = match &args.output {
        Some(directory) => clap_mangen::generate_to(Cli::command(), directory),
        None => Man::new(Cli::command()).render(&mut io::stdout()),
    };
    match done {
        Ok(()) => ExitCode::Ok,
        Err(error) => {
            let failure = Failure::new(ExitCode::Unavailable, format!("manual pages: {error}"));
            failure.tell("dkimd");
            failure.code
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_its_page() {
        let dir = tempfile::tempdir().unwrap();
        clap_mangen::generate_to(Cli::command(), dir.path()).unwrap();
        for command in Cli::command().get_subcommands() {
            let page = dir.path().join(format!("dkimd-{}.1", command.get_name()));
            let text = std::fs::read_to_string(&page).unwrap();
            assert!(text.contains(".SH OPTIONS"), "{}", page.display());
        }
    }
}
