//! `dkimd check`: the full dry run of a configuration.

use std::path::PathBuf;

use clap::Args;

use super::{opendkim::DEFAULT_FILE, report};
use crate::{
    config::{resolve::Overrides, snapshot::Snapshot},
    process::ExitCode,
};

/// Arguments of `dkimd check`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Exit codes: 0 no errors (there may be warnings), 78 errors.")]
pub struct CheckArgs {
    /// Configuration file
    #[arg(short = 'x', long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub config: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Tells all findings on standard output.
pub fn run(args: &CheckArgs) -> ExitCode {
    let (snapshot, findings) = Snapshot::load(Some(&args.config), &Overrides::default());
    let printed = match args.json {
        true => report::print_json(&findings),
        false => report::print(&findings),
    };
    match (snapshot, printed) {
        (None, _) => ExitCode::Config,
        (Some(_), Err(_)) => ExitCode::Unavailable,
        (Some(_), Ok(())) => ExitCode::Ok,
    }
}
