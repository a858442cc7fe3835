//! The command line of opendkim(8): its flags, turned into settings and one action.

use std::{ffi::OsString, path::PathBuf};

use super::flags::{self, FLAGS};
use dkimd_server::{
    config::{DEFAULT_FILE, resolve::Overrides},
    process::{ExitCode, Failure},
};
use dkimd_tools::getopt::{self, Misuse};

/// What is to be done.
///
/// Of several the graver one counts, in this order: `-V`, `-n`, `-e`, `-Q`, `-t`, as in OpenDKIM.
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
        let (given, end) = getopt::parse(&letters(), args);
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
                    let flag = flags::find(letter);
                    if let Some((flag, name)) = flag.and_then(|flag| Some((flag, flag.option?))) {
                        let value = match flag.value.is_empty() {
                            true => flag.fixed.to_owned(),
                            false => text(),
                        };
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

    fn act(&mut self, action: Action) {
        if rank(&action) >= rank(&self.action) {
            self.action = action;
        }
    }
}

/// Which of several actions counts: the highest.
fn rank(action: &Action) -> u8 {
    match action {
        Action::Serve => 0,
        Action::TestFiles(_) => 1,
        Action::Query => 2,
        Action::PrintOption(_) => 3,
        Action::CheckOnly => 4,
        Action::Version => 5,
    }
}

/// The flags as getopt wants them: a letter that takes a value is followed by `:`.
fn letters() -> String {
    FLAGS
        .iter()
        .map(|flag| match flag.value {
            "" => flag.letter.to_string(),
            _ => format!("{}:", flag.letter),
        })
        .collect()
}

fn usage(misuse: Misuse) -> Failure {
    let text = flags::usage();
    Failure::new(
        ExitCode::Usage,
        format!(
            "{misuse}
opendkim: {text}"
        ),
    )
}

/// What `-V` prints, in OpenDKIM's layout.
pub fn version() -> String {
    format!(
        "opendkim: OpenDKIM Filter v{} compatible (dkimd {})\n\
         \tSupported signing algorithms:\n\t\trsa-sha256\n\t\ted25519-sha256\n\
         \tSupported canonicalization algorithms:\n\t\trelaxed\n\t\tsimple\n",
        dkimd_server::process::lines::OPENDKIM_VERSION,
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
            assert!(
                failure.message.contains("\nopendkim: usage: opendkim "),
                "{failure}"
            );
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
    fn of_several_actions_the_one_that_opendkim_takes_counts() {
        let action = |args: &[&str]| parse(args).unwrap().action;
        assert_eq!(action(&["-n", "-e", "Mode"]), Action::CheckOnly);
        assert_eq!(action(&["-Q", "-n"]), Action::CheckOnly);
        assert_eq!(action(&["-n", "-t", "a"]), Action::CheckOnly);
        assert_eq!(
            action(&["-e", "Mode", "-e", "MTA", "-Q"]),
            Action::PrintOption("MTA".to_owned())
        );
    }

    #[test]
    fn every_flag_is_understood_and_stands_in_the_usage_text() {
        let told = parse(&["-?"]).unwrap_err().message;
        for flag in &FLAGS {
            assert!(
                told.contains(&format!("	-{} ", flag.letter)),
                "-{}",
                flag.letter
            );
            let value = if flag.letter == 'F' || flag.letter == 'T' {
                "7"
            } else {
                "x"
            };
            let mut args = vec![format!("-{}", flag.letter)];
            if !flag.value.is_empty() {
                args.push(value.to_owned());
            }
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let line = parse(&args).unwrap();
            let acted = line.action != Action::Serve
                || !line.overrides.options.is_empty()
                || line.file.is_some()
                || line.verbosity > 0
                || line.fixed_time.is_some();
            assert!(acted || flag.letter == 'X', "-{}", flag.letter);
        }
    }
}
