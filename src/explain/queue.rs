//! Gathering what the mail log and the queue hold about a queue id. Logs are read from their ends,
//! within bounds; the journal is asked where there is no file.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use super::log_line::{LogLine, UNKNOWN_JOB};
use dkimd_postfix::Postfix;
use dkimd_server::secret;

/// Octets of one log that are read, counted from its end.
const MAX_LOG_OCTETS: u64 = 256 * 1024 * 1024;
/// Logs that were rotated away and are read too, the newest.
const MAX_ROTATED: usize = 4;
/// Lines of one message that are kept.
const MAX_LINES: usize = 2_000;
/// Lines without a queue id that are kept: Postfix's warnings about milters, the milter's about keys.
const MAX_WARNINGS: usize = 5_000;
/// Lines that the journal is asked for.
const JOURNAL_LINES: &str = "1000000";
/// How long a program may take.
const PROGRAM_TIME: Duration = Duration::from_secs(30);
/// Where systems write their mail log if Postfix does not write its own.
const USUAL_LOGS: [&str; 3] = [
    "/var/log/mail.log",
    "/var/log/maillog",
    "/var/log/mail/info",
];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gathered {
    /// The lines of the id, in the order of the log.
    pub(super) lines: Vec<String>,
    /// Lines that name no queue id and stand in the same seconds: Postfix's warnings about milters,
    /// the milter's complaints about keys.
    pub(super) warnings: Vec<String>,
    /// The names that the milter logs under.
    pub(super) milters: Vec<String>,
    /// Lines of the milter that say that it was told no queue id.
    pub(super) unknown_jobs: usize,
    /// Where was looked.
    pub(super) looked_at: Vec<String>,
    /// What could not be read, and why.
    pub(super) unreadable: Vec<String>,
    /// The message as it waits in the queue.
    pub(super) waiting: Option<Waiting>,
}

/// A message in the queue, as `postqueue -j` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Waiting {
    /// `active`, `deferred`, `hold`, `incoming`.
    pub(super) queue_name: String,
    queue_id: String,
    /// Who has not got it yet.
    pub(super) recipients: Vec<WaitingRecipient>,
}

/// A recipient who has not got a message yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct WaitingRecipient {
    pub(super) address: String,
    /// Why not.
    #[serde(default)]
    pub(super) delay_reason: Option<String>,
}

/// Gathers everything: from these logs, or from the system's and the queue. The milter logs as
/// `opendkim` or `dkimd`, or under the name of SyslogName.
pub(super) fn gather(id: &str, logs: &[PathBuf], syslog_name: Option<String>) -> Gathered {
    let usual = ["opendkim", "dkimd"].map(str::to_owned);
    let mut gathered = Gathered {
        milters: usual.into_iter().chain(syslog_name).collect(),
        ..Gathered::default()
    };
    if logs.is_empty() {
        let postfix = Postfix::read(None).ok();
        let logs = system_logs(postfix.as_ref());
        if logs.is_empty() {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            let logs = USUAL_LOGS.join(", ");
            gathered.unreadable.push(format!("{logs}: {missing}"));
        }
        for log in logs {
            gathered.read_log(id, &log);
        }
        if gathered.lines.is_empty() {
            gathered.read_journal(id);
        }
        gathered.waiting = postfix.and_then(|_| waiting(id));
    } else {
        for log in logs {
            gathered.read_log(id, log);
        }
    }
    gathered.keep_near_warnings();
    gathered
}

/// The logs of this system, the oldest first.
fn system_logs(postfix: Option<&Postfix>) -> Vec<PathBuf> {
    let own = postfix.and_then(|postfix| postfix.main.get("maillog_file"));
    let bases: Vec<PathBuf> = match own.filter(|file| !file.is_empty()) {
        Some(file) => vec![file.into()],
        None => USUAL_LOGS.iter().map(PathBuf::from).collect(),
    };
    bases.iter().flat_map(|base| with_rotated(base)).collect()
}

/// A log and those that were rotated away (`mail.log.1`, `mail.log.2.gz`, `maillog-20261122`), the
/// oldest first.
fn with_rotated(base: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (base.parent(), base.file_name()) else {
        return Vec::new();
    };
    let name = name.to_string_lossy().into_owned();
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut rotated: Vec<(SystemTime, PathBuf)> = entries
        .filter(|entry| {
            let found = entry.file_name().to_string_lossy().into_owned();
            found
                .strip_prefix(&name)
                .is_some_and(|rest| rest.starts_with(['.', '-']))
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    rotated.sort();
    let skipped = rotated.len().saturating_sub(MAX_ROTATED);
    rotated
        .into_iter()
        .skip(skipped)
        .map(|(_, path)| path)
        .chain(base.exists().then(|| base.to_owned()))
        .collect()
}

impl Gathered {
    fn read_log(&mut self, id: &str, log: &Path) {
        match end_of(log) {
            Ok(octets) => {
                self.looked_at.push(log.display().to_string());
                self.take_lines(id, &octets);
            }
            Err(error) => self.unreadable.push(format!("{}: {error}", log.display())),
        }
    }

    /// The lines of the mail system, and those of the milter wherever it logs.
    fn read_journal(&mut self, id: &str) {
        let mut journal = Command::new("journalctl");
        journal.args(["--no-pager", "-q", "-o", "short-iso", "-n", JOURNAL_LINES]);
        journal.arg("SYSLOG_FACILITY=2");
        for name in &self.milters {
            journal.args(["+", &format!("SYSLOG_IDENTIFIER={name}")]);
        }
        if let Ok(octets) = output_of(journal) {
            self.looked_at.push("journalctl".to_owned());
            self.take_lines(id, &octets);
        }
    }

    fn take_lines(&mut self, id: &str, octets: &[u8]) {
        let marks = [
            id,
            "ilter ",
            UNKNOWN_JOB,
            KEY_COMPLAINTS[0],
            KEY_COMPLAINTS[1],
        ];
        let finders = marks.map(|mark| memchr::memmem::Finder::new(mark.as_bytes()));
        for line in octets.split(|&octet| octet == b'\n') {
            if !finders.iter().any(|finder| finder.find(line).is_some()) {
                continue;
            }
            let line = secret::owned(String::from_utf8_lossy(line).into_owned());
            let parsed = LogLine::parse(&line);
            if parsed.queue_id == Some(id) {
                if self.lines.len() < MAX_LINES {
                    self.lines.push(line.trim().to_owned());
                }
            } else if parsed.queue_id == Some(UNKNOWN_JOB) {
                self.unknown_jobs += 1;
            } else if self.is_beside(&parsed) {
                if self.warnings.len() == MAX_WARNINGS {
                    self.warnings.remove(0);
                }
                self.warnings.push(line.trim().to_owned());
            }
        }
    }

    /// Whether a line without a queue id may tell of what happened to a message.
    fn is_beside(&self, line: &LogLine<'_>) -> bool {
        let milter = line
            .program
            .is_some_and(|program| self.milters.iter().any(|name| name == program));
        match line.is_postfix() {
            true => about_milter(line.text),
            false => milter && KEY_COMPLAINTS.iter().any(|words| line.text.contains(words)),
        }
    }

    /// Lines without a queue id belong to a message that was there in the same second.
    fn keep_near_warnings(&mut self) {
        let seconds: Vec<String> = self.lines.iter().map(|line| second_of(line)).collect();
        self.warnings.retain(|line| {
            let second = second_of(line);
            !second.is_empty() && seconds.contains(&second)
        });
    }
}

/// OpenDKIM complains of keys without naming the message.
const KEY_COMPLAINTS: [&str; 2] = ["key data is not secure", "can't load key from"];

fn about_milter(text: &str) -> bool {
    text.starts_with("warning: connect to Milter service") || text.starts_with("warning: milter ")
}

/// A line's time without fractions of seconds and zone.
fn second_of(line: &str) -> String {
    let time = LogLine::parse(line).time.unwrap_or_default();
    match time.find(':') {
        // The colon behind the hour is followed by `MM:SS`.
        Some(at) => time.get(..at + 6).unwrap_or(time).to_owned(),
        None => String::new(),
    }
}

/// The end of a log, unpacked where its name says that it is packed.
fn end_of(log: &Path) -> io::Result<Vec<u8>> {
    if log.extension().is_some_and(|extension| extension == "gz") {
        // The failure to open tells more than gzip's.
        File::open(log)?;
        let mut unpack = Command::new("gzip");
        unpack.arg("-dc").arg(log);
        return output_of(unpack);
    }
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(MAX_LOG_OCTETS);
    file.seek(SeekFrom::Start(start))?;
    let mut octets = Vec::new();
    file.take(MAX_LOG_OCTETS).read_to_end(&mut octets)?;
    if start > 0 {
        let whole = octets.iter().position(|&octet| octet == b'\n');
        octets.drain(..whole.map_or(octets.len(), |at| at + 1));
    }
    Ok(octets)
}

/// What a program writes, within time and size.
fn output_of(mut command: Command) -> io::Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let Some(output) = child.stdout.take() else {
        return Ok(Vec::new());
    };
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        let mut octets = Vec::new();
        let read = output.take(MAX_LOG_OCTETS).read_to_end(&mut octets);
        let _ = done.send(read.map(|_| octets));
    });
    let octets = wait
        .recv_timeout(PROGRAM_TIME)
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))
        .flatten();
    // It may still be writing what is not wanted.
    let _ = child.kill();
    let _ = child.wait();
    octets
}

/// The message as it waits in the queue.
fn waiting(id: &str) -> Option<Waiting> {
    let usual = Path::new("/usr/sbin/postqueue");
    let program = match usual.exists() {
        true => usual,
        false => Path::new("postqueue"),
    };
    let mut queue = Command::new(program);
    queue.arg("-j");
    let octets = output_of(queue).ok()?;
    octets
        .split(|&octet| octet == b'\n')
        .filter(|line| memchr::memmem::find(line, id.as_bytes()).is_some())
        .filter_map(|line| serde_json::from_slice::<Waiting>(line).ok())
        .find(|message| message.queue_id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
Nov 23 21:24:50 mail postfix/smtpd[1]: warning: connect to Milter service local:x: Permission denied
Nov 23 21:24:52 mail postfix/smtpd[1]: 4F3A21C0E1: client=localhost[127.0.0.1]
Nov 23 21:24:52 mail postfix/smtpd[1]: warning: connect to Milter service local:x: Connection refused
Nov 23 21:24:52 mail opendkim[2]: (unknown-jobid): not authenticated
Nov 23 21:24:52 mail postfix/qmgr[3]: 5F3A21C0E1: from=<4F3A21C0E1@example.com>, size=1, nrcpt=1 (queue active)
Nov 23 21:24:53 mail postfix/qmgr[3]: 4F3A21C0E1: removed
";

    #[test]
    fn the_lines_of_one_id_are_gathered_and_the_warnings_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("mail.log");
        fs::write(&log, LOG).unwrap();
        let gathered = gather("4F3A21C0E1", &[log], None);
        assert_eq!(gathered.lines.len(), 2, "{gathered:?}");
        assert_eq!(gathered.unknown_jobs, 1);
        assert_eq!(gathered.warnings.len(), 1);
        assert!(gathered.warnings[0].contains("Connection refused"));
    }

    #[test]
    fn rotated_logs_are_read_oldest_first_and_packed_ones_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, age) in [
            ("mail.log", 0),
            ("mail.log.1", 100),
            ("mail.log.2", 200),
            ("mail.log.3", 300),
            ("mail.log.4", 400),
            ("mail.log.5", 500),
            ("mail.logic", 50),
        ] {
            let file = File::create(path(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age))
                .unwrap();
        }
        let names: Vec<_> = with_rotated(&path("mail.log"))
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            names,
            [
                "mail.log.4",
                "mail.log.3",
                "mail.log.2",
                "mail.log.1",
                "mail.log"
            ]
        );

        fs::write(path("old.log.2"), LOG).unwrap();
        let packed = Command::new("gzip")
            .arg(path("old.log.2"))
            .status()
            .unwrap();
        assert!(packed.success());
        let gathered = gather("4F3A21C0E1", &[path("old.log.2.gz"), path("missing")], None);
        assert_eq!(gathered.lines.len(), 2);
        assert_eq!(gathered.unreadable.len(), 1);
    }

    #[test]
    fn times_are_compared_by_the_second() {
        for (line, second) in [
            ("Nov 23 21:24:52 mail a[1]: x", "Nov 23 21:24:52"),
            (
                "2026-11-23T21:24:52.123+00:00 mail a[1]: x",
                "2026-11-23T21:24:52",
            ),
            ("x", ""),
        ] {
            assert_eq!(second_of(line), second, "{line}");
        }
    }
}
