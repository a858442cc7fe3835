//! Where log lines end: syslog, standard error, both, or a test's memory.
//!
//! Whoever writes a line decides whether it is wanted (`Syslog`, `SyslogSuccess`, `LogWhy`); a
//! sink writes what it is given, after [`one_line`] has made it harmless: text from mail must not
//! be able to begin a second line, nor to send escape sequences to the terminal that reads the log.

use std::{
    borrow::Cow,
    ffi::CString,
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use nix::sys::stat::fstat;

use super::{Level, Log, LogSettings};

/// Longest line that is written, in octets; longer ones are cut and end in `...`.
///
/// Half of what rsyslog takes by default, so that its own prefix fits besides.
pub const MAX_LINE_OCTETS: usize = 4096;

/// The words of SyslogFacility and what they mean to syslog.
const FACILITIES: [(&str, libc::c_int); 20] = [
    ("auth", libc::LOG_AUTH),
    ("cron", libc::LOG_CRON),
    ("daemon", libc::LOG_DAEMON),
    ("kern", libc::LOG_KERN),
    ("lpr", libc::LOG_LPR),
    ("mail", libc::LOG_MAIL),
    ("news", libc::LOG_NEWS),
    ("security", libc::LOG_AUTH),
    ("syslog", libc::LOG_SYSLOG),
    ("user", libc::LOG_USER),
    ("uucp", libc::LOG_UUCP),
    ("authpriv", libc::LOG_AUTHPRIV),
    ("local0", libc::LOG_LOCAL0),
    ("local1", libc::LOG_LOCAL1),
    ("local2", libc::LOG_LOCAL2),
    ("local3", libc::LOG_LOCAL3),
    ("local4", libc::LOG_LOCAL4),
    ("local5", libc::LOG_LOCAL5),
    ("local6", libc::LOG_LOCAL6),
    ("local7", libc::LOG_LOCAL7),
];

/// The system log, by the C library, which reconnects by itself when the log daemon restarts.
///
/// One at a time in a process: the C library keeps a single identity.
#[derive(Debug)]
pub struct Syslog {
    /// The C library keeps a pointer to the name, so it lives as long as the log is open.
    ident: RwLock<CString>,
    /// The name where SyslogName is not set.
    program: String,
}

impl Syslog {
    /// Opens the log under `settings.name`, or `program` if that is not set.
    ///
    /// The connection is made at once, so that it survives a change of the root directory.
    pub fn open(settings: &LogSettings, program: &str) -> Self {
        let syslog = Self {
            ident: RwLock::default(),
            program: program.to_owned(),
        };
        syslog.reconfigure(settings);
        syslog
    }
}

impl Log for Syslog {
    /// Opens the log again, under the name and facility of `settings`.
    fn reconfigure(&self, settings: &LogSettings) {
        let name = settings.name.as_deref().unwrap_or(&self.program);
        let name: Vec<u8> = name.bytes().filter(|&octet| octet != 0).collect();
        let new = CString::new(name).unwrap_or_default();
        let facility = facility_number(settings.facility);
        let mut ident = self.ident.write().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the old identity is still alive here and no other thread is inside `syslog`
        // (they hold the read lock); the new one is moved, not its heap buffer, into `self`.
        unsafe {
            libc::closelog();
            libc::openlog(new.as_ptr(), libc::LOG_PID | libc::LOG_NDELAY, facility);
        }
        *ident = new;
    }

    fn line(&self, level: Level, text: &str) {
        let line = one_line(text);
        // `one_line` leaves no control characters, so no NUL either.
        let Ok(line) = CString::new(line.as_bytes()) else {
            return;
        };
        let _open = self.ident.read().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: both strings end in NUL, the format takes exactly one string, and the identity
        // that the C library points to can't change while the read lock is held.
        unsafe {
            libc::syslog(priority(level), c"%s".as_ptr(), line.as_ptr());
        }
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        // SAFETY: takes no arguments; afterwards the C library no longer points to the identity.
        unsafe { libc::closelog() }
    }
}

/// Standard error: plain lines, or with systemd's `<N>` level in front when the journal reads it.
#[derive(Debug)]
pub struct Stderr {
    journal: bool,
    least: Level,
}

impl Stderr {
    /// Writes every line.
    pub fn new() -> Self {
        Self::from_level(Level::Debug)
    }

    /// Writes lines of this level and the graver ones.
    pub fn from_level(least: Level) -> Self {
        Self {
            journal: is_journal(
                std::env::var("JOURNAL_STREAM").ok().as_deref(),
                io::stderr(),
            ),
            least,
        }
    }
}

impl Default for Stderr {
    fn default() -> Self {
        Self::new()
    }
}

impl Log for Stderr {
    fn line(&self, level: Level, text: &str) {
        if level > self.least {
            return;
        }
        let line = one_line(text);
        let line = match self.journal {
            true => format!("<{}>{line}\n", priority(level)),
            false => format!("{line}\n"),
        };
        // One write per line, so that lines of several threads never mix. Where standard error
        // is gone there is nobody left to tell.
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

/// Two sinks at once.
#[derive(Debug)]
pub struct Both(pub Arc<dyn Log>, pub Arc<dyn Log>);

impl Log for Both {
    fn line(&self, level: Level, text: &str) {
        self.0.line(level, text);
        self.1.line(level, text);
    }

    fn reconfigure(&self, settings: &LogSettings) {
        self.0.reconfigure(settings);
        self.1.reconfigure(settings);
    }
}

/// Keeps lines for a test to look at.
#[derive(Debug, Default)]
pub struct Capture {
    lines: Mutex<Vec<(Level, String)>>,
}

impl Capture {
    /// What has been written so far, oldest first.
    pub fn lines(&self) -> Vec<(Level, String)> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Log for Capture {
    fn line(&self, level: Level, text: &str) {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((level, one_line(text).into_owned()));
    }
}

/// Whether standard error is a terminal: then whoever started the daemon is watching.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Makes text from anywhere into one line: control characters and line separators become `\xNN`
/// or `\u{NNNN}`, and what goes beyond [`MAX_LINE_OCTETS`] is cut.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LINE_OCTETS && !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    const CUT: &str = "...";
    let mut line = String::with_capacity(text.len().min(MAX_LINE_OCTETS));
    for character in text.chars() {
        let before = line.len();
        match character {
            c if is_unfit(c) && (c as u32) < 0x80 => {
                // Writing to a String can't fail.
                let _ = write!(line, "\\x{:02x}", c as u32);
            }
            c if is_unfit(c) => {
                let _ = write!(line, "\\u{{{:x}}}", c as u32);
            }
            c => line.push(c),
        }
        if line.len() > MAX_LINE_OCTETS - CUT.len() {
            line.truncate(before);
            line.push_str(CUT);
            break;
        }
    }
    Cow::Owned(line)
}

/// Control characters, Unicode's line and paragraph separators, and the marks that turn the
/// writing direction around, which make a log show what is not there.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether this stream is the one that systemd says (as `device:inode`) leads to the journal.
fn is_journal(journal_stream: Option<&str>, stream: impl AsFd) -> bool {
    let Some((device, inode)) = journal_stream.and_then(|named| named.split_once(':')) else {
        return false;
    };
    fstat(stream)
        .is_ok_and(|found| device.parse() == Ok(found.st_dev) && inode.parse() == Ok(found.st_ino))
}

fn priority(level: Level) -> libc::c_int {
    match level {
        Level::Err => libc::LOG_ERR,
        Level::Warning => libc::LOG_WARNING,
        Level::Notice => libc::LOG_NOTICE,
        Level::Info => libc::LOG_INFO,
        Level::Debug => libc::LOG_DEBUG,
    }
}

fn facility_number(name: &str) -> libc::c_int {
    FACILITIES
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(name))
        .map_or(libc::LOG_MAIL, |&(_, number)| number)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn an_ordinary_line_is_not_copied() {
        assert!(matches!(
            one_line("4Xyz: DKIM-Signature field added (s=mail, d=müller.example)"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn mail_cannot_begin_a_second_line_or_steer_a_terminal() {
        assert_eq!(
            one_line("a\r\nJan 1 opendkim: forged\0\x1b[2J\u{85}\u{2028}\u{202e}\tz"),
            "a\\x0d\\x0aJan 1 opendkim: forged\\x00\\x1b[2J\\u{85}\\u{2028}\\u{202e}\\x09z"
        );
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_says_so() {
        for (text, name) in [("é".repeat(4000), "wide"), ("\n".repeat(4000), "escaped")] {
            let line = one_line(&text);
            assert!(line.len() <= MAX_LINE_OCTETS, "{name}: {}", line.len());
            assert!(line.len() > MAX_LINE_OCTETS - 16, "{name}: {}", line.len());
            assert!(line.ends_with("..."), "{name}");
        }
        let longest = "x".repeat(MAX_LINE_OCTETS);
        assert_eq!(one_line(&longest), longest);
    }

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        let file = tempfile::tempfile().unwrap();
        let meta = file.metadata().unwrap();
        let named = format!("{}:{}", meta.dev(), meta.ino());
        assert!(is_journal(Some(&named), &file));
        let other = format!("{}:{}", meta.dev(), meta.ino() + 1);
        assert!(!is_journal(Some(&other), &file));
        assert!(!is_journal(Some("nonsense"), &file));
        assert!(!is_journal(None, &file));
    }

    #[test]
    fn capture_keeps_levels_and_order() {
        let capture = Capture::default();
        capture.line(Level::Err, "one\n");
        capture.line(Level::Info, "two");
        assert_eq!(
            capture.lines(),
            [
                (Level::Err, "one\\x0a".to_owned()),
                (Level::Info, "two".to_owned())
            ]
        );
    }

    #[test]
    fn every_facility_word_differs_from_the_fallback_but_mail() {
        for (word, number) in FACILITIES {
            assert_eq!(facility_number(word), number);
            assert_eq!(word == "mail", number == libc::LOG_MAIL, "{word}");
        }
    }
}
