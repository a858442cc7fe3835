//! The command line of opendkim(8): its flags, turned into settings and one action.

use std::{ffi::OsString, path::PathBuf};

use super::getopt::{self, Misuse};
use crate::{
    config::resolve::Overrides,
    process::{ExitCode, Failure},
};

/// The file that is read without `-x`, if it can be read.
pub const DEFAULT_FILE: &str = "/etc/opendkim.conf";

const LETTERS: &str = "Ab:c:d:De:fF:k:lL:no:p:P:QrS:s:t:T:u:vVWx:X";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run the daemon.
    Serve,
    /// `-n`: load the configuration, tell what is wrong with it, and end.
    CheckOnly,
    /// `-e`: print the values of an option, newest first.
    PrintOption(String),
    /// `-Q`: answer data set queries from standard input.
    Query,
    /// `-t`: run messages (`-` is standard input) through the filter.
    TestFiles(Vec<PathBuf>),
    /// `-V`: say what this is.
    Version,
}

/// A command line that was understood.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// What is to be done.
    pub action: Action,
    /// `-x`.
    pub file: Option<PathBuf>,
    /// What the flags set. A value on the command line wins over the file, `-k` too (OpenDKIM lets
    /// the file's KeyFile win over `-k`, and only that).
    pub overrides: Overrides,
    /// `-v`, counted.
    pub verbosity: u8,
    /// `-F`: the time of signatures in test mode, in seconds since 1970.
    pub fixed_time: Option<u64>,
}

impl CommandLine {
    /// Reads the arguments, without the program's name.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let (given, end) = getopt::parse(LETTERS, args);
        // `-V` acts at once: nothing after it is looked at.
        if !given.iter().any(|option| option.letter == 'V') {
            end.map_err(usage)?;
        }
        let mut line = Self {
            action: Action::Serve,
            file: None,
            overrides: Overrides::default(),
            verbosity: 0,
            fixed_time: None,
        };
        for option in given {
            let text = || {
                option
                    .value
                    .as_ref()
                    .map(|value| value.to_string_lossy().into_owned())
                    .unwrap_or_default()
            };
            match option.letter {
                'x' => line.file = option.value.clone().map(PathBuf::from),
                'e' => line.act(Action::PrintOption(text())),
                'n' => line.act(Action::CheckOnly),
                'Q' => line.act(Action::Query),
                'V' => line.act(Action::Version),
                't' => line.act(Action::TestFiles(
                    text().split(',').map(PathBuf::from).collect(),
                )),
                'v' => line.verbosity = line.verbosity.saturating_add(1),
                'F' => {
                    line.fixed_time = Some(
                        text()
                            .parse()
                            .map_err(|_| Failure::new(ExitCode::Usage, "invalid time value"))?,
                    );
                }
                'T' if text().parse::<u32>().is_err() => {
                    return Err(Failure::new(ExitCode::Usage, "invalid value for -T"));
                }
                // Deprecated options are tolerated always.
                'X' => {}
                letter => {
                    if let Some((name, fixed)) = option_of(letter) {
                        let value = fixed.map_or_else(text, str::to_owned);
                        line.overrides.options.push((name, value));
                    }
                }
            }
        }
        Ok(line)
    }

    /// The file to load: that of `-x`, or the usual one if there is one.
    pub fn file_to_load(&self) -> Option<PathBuf> {
        self.file.clone().or_else(|| {
            let usual = PathBuf::from(DEFAULT_FILE);
            std::fs::File::open(&usual).is_ok().then_some(usual)
        })
    }

    /// Several actions: `-V` needs no configuration, so it wins; else the last one counts.
    fn act(&mut self, action: Action) {
        if self.action != Action::Version {
            self.action = action;
        }
    }
}

/// The option that a flag sets, and its value if the flag has none of its own.
fn option_of(letter: char) -> Option<(&'static str, Option<&'static str>)> {
    Some(match letter {
        'A' => ("AutoRestart", Some("yes")),
        'b' => ("Mode", None),
        'c' => ("Canonicalization", None),
        'd' => ("Domain", None),
        'D' => ("SubDomains", Some("yes")),
        'f' => ("Background", Some("no")),
        'k' => ("KeyFile", None),
        'l' => ("Syslog", Some("yes")),
        'L' => ("Minimum", None),
        'o' => ("OmitHeaders", None),
        'p' => ("Socket", None),
        'P' => ("PidFile", None),
        'r' => ("RequiredHeaders", Some("yes")),
        's' => ("Selector", None),
        'S' => ("SignatureAlgorithm", None),
        'T' => ("DNSTimeout", None),
        'u' => ("UserID", None),
        'W' => ("LogWhy", Some("yes")),
        _ => return None,
    })
}

fn usage(misuse: Misuse) -> Failure {
    Failure::new(ExitCode::Usage, format!("{misuse}\n{USAGE}"))
}

/// What a wrong command line is answered with, on standard error.
const USAGE: &str = "\
usage: opendkim [-x FILE] [-p SOCKET] [options]
	-A          	start again after a crash (AutoRestart)
	-b MODES    	s: sign, v: verify (Mode)
	-c CANON    	canonicalization of new signatures
	-d DOMAINS  	domains to sign for
	-D          	sign for their subdomains, too
	-e NAME     	print the values of an option, and end
	-f          	stay in the foreground
	-F TIME     	time of signatures, with -t only
	-k KEYFILE  	private key
	-l          	log to syslog
	-L LIMIT    	how much of a body must be signed
	-n          	check the configuration, and end
	-o HEADERS  	header fields not to sign
	-p SOCKET   	where to listen: local:PATH, inet:PORT@HOST
	-P PIDFILE  	where to write the process number
	-Q          	answer data set queries from standard input
	-r          	require the header fields of RFC 5322
	-s SELECTOR 	selector of new signatures
	-S ALGORITHM	algorithm of new signatures
	-t FILES    	run messages through the filter, and end
	-T SECONDS  	time to wait for DNS
	-u USER     	user[:group] to become
	-v          	say more, with -t
	-V          	print the version, and end
	-W          	log why a message is signed or not
	-x FILE     	configuration file
	-X          	tolerate deprecated options";

/// What `-V` prints, in OpenDKIM's layout.
pub fn version() -> String {
    format!(
        "opendkim: OpenDKIM Filter v{} compatible (dkimd {})\n\
         \tSupported signing algorithms:\n\t\trsa-sha256\n\t\ted25519-sha256\n\
         \tSupported canonicalization algorithms:\n\t\trelaxed\n\t\tsimple\n",
        crate::log::daemon::OPENDKIM_VERSION,
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<CommandLine, Failure> {
        CommandLine::parse(args.iter().map(OsString::from))
    }

    #[test]
    fn the_flags_of_debians_unit_become_settings_in_order() {
        let line = parse(&[
            "-fl",
            "-x/etc/dkim.conf",
            "-u",
            "opendkim:mail",
            "-Plocal.pid",
            "-p",
            "inet:8891@::1",
            "-b",
            "sv",
            "-A",
        ])
        .unwrap();
        assert_eq!(line.action, Action::Serve);
        assert_eq!(line.file_to_load(), Some(PathBuf::from("/etc/dkim.conf")));
        let options: Vec<_> = line
            .overrides
            .options
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        assert_eq!(
            options,
            [
                "Background no",
                "Syslog yes",
                "UserID opendkim:mail",
                "PidFile local.pid",
                "Socket inet:8891@::1",
                "Mode sv",
                "AutoRestart yes"
            ]
        );
    }

    #[test]
    fn usage_is_shown_with_64() {
        for args in [
            &["-h"][..],
            &["-q"],
            &["-?"],
            &["stray"],
            &["-x"],
            &["--help"],
        ] {
            let failure = parse(args).unwrap_err();
            assert_eq!(failure.code, ExitCode::Usage);
            assert!(failure.message.contains("\nusage: opendkim "), "{failure}");
        }
    }

    #[test]
    fn times_that_are_none_are_refused_in_opendkims_words() {
        assert_eq!(
            parse(&["-F", "abc"]).unwrap_err().message,
            "invalid time value"
        );
        assert_eq!(
            parse(&["-T", "x"]).unwrap_err().message,
            "invalid value for -T"
        );
        assert_eq!(
            parse(&["-F", "1700000000"]).unwrap().fixed_time,
            Some(1_700_000_000)
        );
    }

    #[test]
    fn actions_are_told_apart() {
        assert_eq!(parse(&["-n"]).unwrap().action, Action::CheckOnly);
        assert_eq!(parse(&["-V", "-n"]).unwrap().action, Action::Version);
        assert_eq!(
            parse(&["-e", "Mode"]).unwrap().action,
            Action::PrintOption("Mode".to_owned())
        );
        assert_eq!(
            parse(&["-t", "a,-", "-vv"]).unwrap().action,
            Action::TestFiles(vec!["a".into(), "-".into()])
        );
    }

    #[test]
    fn every_letter_has_a_meaning() {
        for letter in LETTERS.chars().filter(|&letter| letter != ':') {
            let known = option_of(letter).is_some() || "xenQVtvFX".contains(letter);
            assert!(known, "-{letter}");
            assert!(USAGE.contains(&format!("\t-{letter} ")), "-{letter}");
        }
    }
}
