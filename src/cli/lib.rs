//! dkimd: a DKIM signing and verifying milter that takes OpenDKIM's place.
//!
//! This is the command line alone: subcommands, the names it answers to, flags and man pages. The daemon is
//! [`dkimd_server`]; what advises people stands in [`dkimd_doctor`], [`dkimd_setup`] and [`dkimd_explain`], every
//! other command in [`dkimd_tools`].

#![warn(clippy::unwrap_used)]

pub mod flags;
pub mod man;
pub mod opendkim;
pub mod serve;
pub mod started;

use std::{env, ffi::OsString, path::Path};

use clap::{Parser, Subcommand, error::ErrorKind};

use dkimd_doctor::{
    self, DoctorArgs,
    knock::{helper as knock, helper::KnockArgs},
};
use dkimd_explain::ExplainArgs;
use dkimd_server::process::{ExitCode, start::Daemon};
use dkimd_setup::SetupArgs;
use dkimd_tools::{
    atpszone::{self, AtpszoneArgs},
    check::{self, CheckArgs},
    genzone::{self, GenzoneArgs},
    health::{self, HealthArgs},
    keygen::{self, KeygenArgs},
    reload::{self, ReloadArgs},
    retired::Retired,
    sign::{self, SignArgs},
    statistics,
    testkey::{self, TestkeyArgs},
    testmsg::{self, TestmsgArgs},
    verify::{self, VerifyArgs},
};

const EXAMPLES: &str = "\
dkimd check --config /etc/opendkim.conf    every problem at once, with file and line
dkimd serve --config /etc/opendkim.conf    in the foreground, log on standard error
dkimd man --output /usr/local/share        install manual pages and completions";

const NAMES: &str = "Called by the name opendkim, it takes the flags of opendkim(8); by the names \
                     opendkim-genkey, -testkey, -testmsg, -genzone, -atpszone and -stats, those of \
                     these programs.";

/// What `--help` ends with.
fn after_help() -> String {
    let mut text = "Examples:".to_owned();
    for line in EXAMPLES.lines() {
        text += &format!("\n  {line}");
    }
    text += &format!("\n\n{NAMES}\n\nExit codes:");
    for code in ExitCode::ALL {
        text += &format!("\n  {:2}  {}", code.number(), code.meaning());
    }
    text
}

/// Signs and verifies mail with DKIM as a milter for Postfix, in OpenDKIM's place
#[derive(Debug, Parser)]
#[command(name = "dkimd", version, after_help = after_help())]
pub struct Cli {
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the MTA in the foreground
    Serve(serve::ServeArgs),
    /// Read options, tables and keys, and name every problem with file, line and remedy
    Check(CheckArgs),
    /// Ask a running daemon to load its configuration again, if that can be loaded
    Reload(ReloadArgs),
    /// Ask a milter whether it serves
    Health(HealthArgs),
    /// Set up a domain: keys, tables, Postfix, and the DNS records to publish
    Setup(SetupArgs),
    /// Examine this host, its DNS records and Postfix, and name what keeps mail from arriving
    Doctor(DoctorArgs),
    /// Connect to a milter's socket as a service of Postfix would; doctor runs it
    #[command(hide = true)]
    Knock(KnockArgs),
    /// Tell what happened and why: for a log line, a queue id, a message, a reply or an address
    Explain(ExplainArgs),
    /// Sign a message from standard input
    Sign(SignArgs),
    /// Verify a message file: what was hashed, what failed, what the key record says
    Verify(VerifyArgs),
    /// Test whether published key records serve the private keys
    Testkey(TestkeyArgs),
    /// Sign or verify one message with nothing but the command line
    Testmsg(TestmsgArgs),
    /// Write the DNS records of all keys in a KeyTable
    Genzone(GenzoneArgs),
    /// Write the DNS records that let other domains sign for one (ATPS, RFC 6541)
    Atpszone(AtpszoneArgs),
    /// Make a key, and the DNS record that publishes it
    Keygen(KeygenArgs),
    /// Print the manual page, or install all pages and completions
    Man(man::ManArgs),
    /// Print the completions of a shell
    Completions(man::CompletionsArgs),
}

/// Runs the program by the name it was called by, with the process's arguments. `daemon` is what
/// serves mail.
pub fn main(daemon: &impl Daemon) -> std::process::ExitCode {
    let mut args = env::args_os();
    let name = args.next().unwrap_or_default();
    match Path::new(&name).file_name().and_then(|name| name.to_str()) {
        Some("opendkim-genkey") => return keygen::genkey_main(args),
        Some("opendkim-testkey") => testkey::original_main(args),
        Some("opendkim-testmsg") => testmsg::original_main(args),
        Some("opendkim-stats") => statistics::original_main(args),
        Some("opendkim-genzone") => genzone::original_main(args),
        Some("opendkim-atpszone") => atpszone::original_main(args),
        Some("opendkim") => serve::opendkim(args.collect(), daemon),
        Some(name) => match Retired::find(name) {
            Some(retired) => retired.tell(),
            None => dkimd(args, daemon),
        },
        None => dkimd(args, daemon),
    }
    .into()
}

/// Under the name `dkimd`, or any other.
fn dkimd(args: impl Iterator<Item = OsString>, daemon: &impl Daemon) -> ExitCode {
    let args: Vec<_> = args.collect();
    let cli = match Cli::try_parse_from([OsString::from("dkimd")].iter().chain(&args)) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe behind `--help` is nobody's problem.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::Ok,
                _ => ExitCode::Usage,
            };
        }
    };
    match cli.command {
        Command::Serve(serve) => serve::run(&serve, &args, daemon),
        Command::Check(check) => check::run(&check),
        Command::Reload(reload) => reload::run(&reload, started::started_with),
        Command::Health(health) => health::run(&health),
        Command::Setup(setup) => dkimd_setup::run(&setup),
        Command::Doctor(doctor) => dkimd_doctor::run(&doctor, started::file_of),
        Command::Knock(args) => knock::run(&args),
        Command::Explain(explain) => dkimd_explain::run(&explain),
        Command::Sign(sign) => sign::run(&sign),
        Command::Verify(verify) => verify::run(&verify),
        Command::Testkey(testkey) => testkey::run(&testkey),
        Command::Testmsg(testmsg) => testmsg::run(&testmsg),
        Command::Genzone(genzone) => genzone::run(&genzone),
        Command::Atpszone(atpszone) => atpszone::run(&atpszone),
        Command::Keygen(keygen) => keygen::run(&keygen),
        Command::Man(man) => man::run(&man),
        Command::Completions(completions) => man::completions(&completions),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_exit_code() {
        let help = Cli::command().render_help().to_string();
        for code in ExitCode::ALL {
            let line = format!("{:4}  {}", code.number(), code.meaning());
            assert!(help.contains(&line), "{line} in {help}");
        }
    }
}
