//! Postfix as it is set up on this host: what `setup`, `doctor` and `explain` need to know of it.
//!
//! [`Postfix::read`] asks `postconf`, so that defaults, `$names` and overrides mean here what they
//! mean to Postfix. [`milters`] reads its lists of filters, [`leaving`] finds the addresses that
//! its mail leaves from, [`refusal`] knows what receivers' replies mean, [`finger`] begins TLS with a
//! server, [`change`] plans changes of settings and tries them in memory, [`edit`] makes one of a file.
//!
//! It knows nothing of DKIM: no option, key or table of ours, and no command that asks.

pub mod change;
pub mod edit;
pub mod expand;
pub mod finger;
pub mod leaving;
pub mod main_cf;
pub mod master_cf;
pub mod milters;
mod program;
pub mod queue;
pub mod refusal;

use std::path::{Path, PathBuf};

pub use self::{main_cf::MainCf, master_cf::Service, program::PostfixError};

/// Where Postfix keeps its configuration unless told otherwise.
pub const DEFAULT_DIRECTORY: &str = "/etc/postfix";

/// The settings of one Postfix instance.
#[derive(Clone, Debug)]
pub struct Postfix {
    /// Where `main.cf` and `master.cf` are.
    pub directory: PathBuf,
    /// The parameters of `main.cf`, with defaults, all `$names` expanded.
    pub main: MainCf,
    /// The same, `$name` as it is written.
    pub plain: MainCf,
    /// The services of `master.cf`, in order.
    pub services: Vec<Service>,
    /// What `postconf` complained about: misspelt parameters, unreadable tables.
    pub complaints: Vec<String>,
}

impl Postfix {
    /// Reads the settings in `directory` (`None`: those of the system's instance).
    ///
    /// # Errors
    /// If Postfix is not installed, or its configuration can't be read.
    pub fn read(directory: Option<&Path>) -> Result<Self, PostfixError> {
        let parameters = program::postconf(directory, &["-x"])?;
        let plain = program::postconf(directory, &[])?;
        let services = program::postconf(directory, &["-M"])?;
        let overrides = program::postconf(directory, &["-P", "-x"])?;
        let written = program::postconf(directory, &["-P"])?;
        let main = MainCf::parse(&parameters.output);
        let mut complaints = parameters.complaints;
        for complaint in services.complaints.into_iter().chain(overrides.complaints) {
            if !complaints.contains(&complaint) {
                complaints.push(complaint);
            }
        }
        let directory = match directory {
            Some(directory) => directory.to_owned(),
            None => main
                .get("config_directory")
                .map_or_else(|| DEFAULT_DIRECTORY.into(), PathBuf::from),
        };
        Ok(Self {
            services: master_cf::parse(&services.output, &overrides.output, &written.output),
            plain: MainCf::parse(&plain.output),
            directory,
            main,
            complaints,
        })
    }

    /// The value of a parameter as it is written or by default, `$names` not expanded; empty where
    /// this Postfix does not know it.
    ///
    /// # Errors
    /// If `postconf` fails.
    pub fn as_written(&self, parameter: &str) -> Result<String, PostfixError> {
        let told = program::postconf(Some(&self.directory), &["-h", parameter])?;
        Ok(told.output.trim().to_owned())
    }

    /// The parameters that `main.cf` itself sets, as written: `$name` stays. Runs `postconf`.
    ///
    /// # Errors
    /// If `postconf` fails.
    pub fn written(&self) -> Result<MainCf, PostfixError> {
        let told = program::postconf(Some(&self.directory), &["-n"])?;
        Ok(MainCf::parse(&told.output))
    }

    /// The value of a parameter for one service: its override, or that of `main.cf`.
    pub fn value_for<'a>(&'a self, service: &'a Service, parameter: &str) -> Option<&'a str> {
        service
            .overrides
            .get(parameter)
            .map(String::as_str)
            .or_else(|| self.main.get(parameter))
    }

    /// The enabled services that run `command`: `smtpd`, `smtp`, `cleanup`.
    pub fn services_of<'a>(&'a self, command: &'a str) -> impl Iterator<Item = &'a Service> {
        self.services
            .iter()
            .filter(move |service| service.command == command)
    }

    /// What a table (`hash:/etc/aliases`) has for a key, as Postfix would find it; `proxy:` is left
    /// out, since its service may not run. Runs `postmap`.
    ///
    /// # Errors
    /// If the table can't be asked.
    pub fn lookup(&self, table: &str, key: &str) -> Result<Option<String>, PostfixError> {
        let table = table.strip_prefix("proxy:").unwrap_or(table);
        program::postmap(&self.directory, key, table)
    }

    /// Postfix's queue directory, into which its chrooted services see.
    pub fn queue_directory(&self) -> &Path {
        Path::new(
            self.main
                .get("queue_directory")
                .unwrap_or("/var/spool/postfix"),
        )
    }
}

impl Postfix {
    /// An instance made of what `postconf`, `-M` and `-P` would print: settings that are not this
    /// host's, to be judged without a Postfix that has them.
    pub fn from_texts(main: &str, services: &str, overrides: &str) -> Self {
        let plain = MainCf::parse(main);
        let value_of = |line: &str| match line.split_once('=') {
            Some((name, value)) => format!("{name}={}\n", expand::expanded(value, &plain)),
            None => String::new(),
        };
        let expanded = |text: &str| text.lines().map(value_of).collect::<String>();
        Self {
            directory: DEFAULT_DIRECTORY.into(),
            main: MainCf::parse(&expanded(main)),
            services: master_cf::parse(services, &expanded(overrides), overrides),
            plain,
            complaints: Vec::new(),
        }
    }
}
