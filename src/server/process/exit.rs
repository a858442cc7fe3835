//! Exit codes, as `sysexits.h` numbers them and OpenDKIM uses them.

use std::fmt::{self, Display, Formatter};

use crate::secret;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, or stopped by a signal that asks for a stop.
    Ok = 0,
    /// What was tested is not good: no signature passes, a zone has records missing.
    Failed = 1,
    /// Something must be mended (`dkimd doctor`).
    Broken = 2,
    /// Nothing was examined (`dkimd doctor`).
    NotExamined = 3,
    /// The command line is wrong.
    Usage = 64,
    /// Something named does not exist (user, option), or a message is malformed.
    DataError = 65,
    /// The socket can't be had, a message file can't be read, or AutoRestart gave up.
    Unavailable = 69,
    /// A fault of the program, or a data set that can't be opened for `-Q`.
    Software = 70,
    /// The system refused a fork, a change of directory or of the root.
    OsError = 71,
    /// Output can't be written.
    IoError = 74,
    /// Mail would be deferred (`dkimd explain`), or DNS gave no answer (`dkimd verify`).
    TryAgain = 75,
    /// The change to the user of UserID failed.
    NoPermission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl ExitCode {
    /// Every code, in order.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::Failed,
        Self::Broken,
        Self::NotExamined,
        Self::Usage,
        Self::DataError,
        Self::Unavailable,
        Self::Software,
        Self::OsError,
        Self::IoError,
        Self::TryAgain,
        Self::NoPermission,
        Self::Config,
    ];

    /// The number that the parent process sees.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The code of that number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|code| i32::from(code.number()) == number)
    }

    /// What it means, for `--help` and the manual.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done, or stopped by a signal",
            Self::Failed => {
                "what was tested is not good (verify, genzone, doctor, explain); \
                 can't be taken back (setup)"
            }
            Self::Broken => "something must be mended (doctor)",
            Self::NotExamined => "nothing was examined (doctor)",
            Self::Usage => "wrong command line",
            Self::DataError => "no such user, group or option; malformed message",
            Self::Unavailable => "socket or file not available; too many restarts",
            Self::Software => "internal fault; data set can't be opened",
            Self::OsError => "the system refused a fork, directory or root change",
            Self::IoError => "output can't be written",
            Self::TryAgain => "mail would be deferred (explain); DNS gives no answer (verify)",
            Self::NoPermission => {
                "privileges can't be dropped; too few rights to examine it \
                 (check, doctor, explain, sign)"
            }
            Self::Config => "configuration error",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

/// Why the program can't go on: the exit code, and what to tell whoever started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the program ends.
    pub code: ExitCode,
    /// One line without program name; empty if everything has been said already.
    pub message: String,
}

impl Failure {
    /// A failure that is still to be told.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: secret::owned(message.into()),
        }
    }

    /// A failure that has been told already.
    pub fn told(code: ExitCode) -> Self {
        Self::new(code, "")
    }

    /// Tells it on standard error, after the program's name.
    pub fn tell(&self, program: &str) {
        if !self.message.is_empty() {
            eprintln!("{program}: {self}");
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_codes_belong_together() {
        for code in ExitCode::ALL {
            assert_eq!(ExitCode::from_number(i32::from(code.number())), Some(code));
        }
        assert_eq!(ExitCode::from_number(4), None);
    }
}
