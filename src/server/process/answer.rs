//! What became of the last reload, kept where whoever asked for it can read it.
//!
//! A signal has no answer. The daemon therefore holds a file in memory, which it writes anew when a load
//! begins and when it ends. It has no path: root, and the daemon's own user as far as the kernel lets that
//! look at the process, find it by its name among the daemon's descriptors. So it needs no place that
//! can be written, works in another root directory, and nobody else can forge it.

use std::{
    fs::{File, OpenOptions, read_dir, read_link, read_to_string},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use nix::sys::{
    memfd::{MFdFlags, memfd_create},
    statfs::{TMPFS_MAGIC, fstatfs},
};

use crate::secret;

/// The file's whole content; nobody reads more.
const OCTETS: usize = 4096;
/// Where its descriptor leads.
const LINK: &str = "/memfd:dkimd-reload (deleted)";
/// AutoRestart's supervisor has one child.
const MOST_CHILDREN: usize = 16;
/// A file is written in far less than this.
const WRITTEN: Duration = Duration::from_millis(5);
const MOST_READS: usize = 20;

/// What became of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The new configuration is in force.
    Done,
    /// It is broken; the old one stays in force.
    Kept,
    /// Files in it look half written; the old one stays in force until they change.
    PutOff,
    /// There is no file to load again.
    NoFile,
}

impl Reload {
    /// One line for the service manager.
    pub fn status(self) -> &'static str {
        match self {
            Self::Done => "configuration reloaded",
            Self::NoFile => "nothing to reload: started without a file",
            Self::Kept => "the changed configuration is broken; the old one stays (see the log)",
            Self::PutOff => "a file looks half written; the old configuration stays (see the log)",
        }
    }
}

/// The daemon's side.
#[derive(Debug)]
pub struct Answers {
    /// `None` where the system has no such files: then nobody can be answered.
    file: Option<File>,
    loads: AtomicU64,
}

impl Answers {
    /// Nothing has been loaded again so far.
    pub fn none_yet() -> Self {
        let file = memfd_create(c"dkimd-reload", MFdFlags::MFD_CLOEXEC).ok();
        let answers = Self {
            file: file.map(File::from),
            loads: AtomicU64::new(0),
        };
        answers.write(0, Some(Reload::Done), &[]);
        answers
    }

    /// A load begins; gives its number.
    pub fn begin(&self) -> u64 {
        let load = self.loads.fetch_add(1, Ordering::Relaxed) + 1;
        self.write(load, None, &[]);
        load
    }

    /// It has ended, for these reasons unless it went well.
    pub fn end(&self, load: u64, outcome: Reload, reasons: &[String]) {
        self.write(load, Some(outcome), reasons);
    }

    fn write(&self, load: u64, outcome: Option<Reload>, reasons: &[String]) {
        if let Some(file) = &self.file {
            // Whoever waits for it gives up after a while and looks at the log.
            let _ = file.write_all_at(&Answer::octets(load, outcome, reasons), 0);
        }
    }
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of the load.
    pub load: u64,
    /// How it ended; `None`: it goes on.
    pub outcome: Option<Reload>,
    /// Why, one reason a line. Not to be trusted: the daemon reads what strangers send.
    pub reasons: String,
}

impl Answer {
    /// `LOAD OUTCOME`, the reasons, `LOAD` again, which shows that nothing was written meanwhile: both
    /// sides go from the first octet to the last.
    fn octets(load: u64, outcome: Option<Reload>, reasons: &[String]) -> Vec<u8> {
        let mut text = format!("{load} {}\n", word(outcome));
        let end = format!("{load}\n");
        for reason in reasons {
            let line = secret::line(reason).replace(['\n', '\0'], " ");
            if text.len() + line.len() + 1 + end.len() > OCTETS {
                break;
            }
            text += &line;
            text.push('\n');
        }
        text += &end;
        let mut octets = text.into_bytes();
        octets.resize(OCTETS, 0);
        octets
    }

    fn parse(octets: &[u8]) -> Option<Self> {
        let text = octets.split(|octet| *octet == 0).next()?;
        let text = String::from_utf8_lossy(text);
        let (first, rest) = text.split_once('\n')?;
        let (load, said) = first.split_once(' ')?;
        let reasons = rest.strip_suffix(&format!("{load}\n"))?;
        if !reasons.is_empty() && !reasons.ends_with('\n') {
            return None;
        }
        let outcome = OUTCOMES
            .into_iter()
            .find(|outcome| word(*outcome) == said)?;
        Some(Self {
            load: load.parse().ok()?,
            outcome,
            reasons: reasons.to_owned(),
        })
    }
}

const OUTCOMES: [Option<Reload>; 5] = [
    None,
    Some(Reload::Done),
    Some(Reload::Kept),
    Some(Reload::PutOff),
    Some(Reload::NoFile),
];

fn word(outcome: Option<Reload>) -> &'static str {
    match outcome {
        None => "loading",
        Some(Reload::Done) => "done",
        Some(Reload::Kept) => "kept",
        Some(Reload::PutOff) => "put-off",
        Some(Reload::NoFile) => "no-file",
    }
}

/// The side of whoever asks; stays readable after a change of the user.
#[derive(Debug)]
pub struct Reader {
    /// The process that answers: the one asked about, or the worker of that supervisor.
    pub pid: i32,
    file: File,
}

impl Reader {
    /// Finds the answers of the process, or of its child if it is a supervisor. `None`: it is of a
    /// release that gives none, or this process has not the right to look.
    pub fn of(pid: i32) -> Option<Self> {
        let children = || read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok();
        let of_one = |pid: i32| {
            let file = held_by(pid)?;
            Some(Self { pid, file })
        };
        of_one(pid).or_else(|| {
            children()?
                .split_whitespace()
                .take(MOST_CHILDREN)
                .filter_map(|child| child.parse().ok())
                .find_map(of_one)
        })
    }

    /// What it says now; `None`: it is just being written.
    pub fn read(&self) -> Option<Answer> {
        let mut octets = [0; OCTETS];
        let length = self.file.read_at(&mut octets, 0).ok()?;
        Answer::parse(&octets[..length])
    }

    /// The same, once nobody is writing; `None`: it is no answer of this release's.
    pub fn read_whole(&self) -> Option<Answer> {
        (0..MOST_READS).find_map(|_| {
            self.read().or_else(|| {
                thread::sleep(WRITTEN);
                None
            })
        })
    }
}

fn held_by(pid: i32) -> Option<File> {
    read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|descriptor| read_link(descriptor).is_ok_and(|to| to == Path::new(LINK)))
        .find_map(|descriptor| opened(&descriptor).ok().flatten())
}

/// Only a regular file in memory is opened: one that bears the name but is a pipe, a device or on a
/// file system of somebody's own could make root wait.
fn opened(descriptor: &Path) -> io::Result<Option<File>> {
    let only_path = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH)
        .open(descriptor)?;
    let in_memory = fstatfs(&only_path).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC);
    if !in_memory || !only_path.metadata()?.is_file() {
        return Ok(None);
    }
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(format!("/proc/self/fd/{}", only_path.as_raw_fd()))
        .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_read_as_it_was_written_and_never_half() {
        let reasons = ["a\nb\0c".to_owned(), "12".to_owned()];
        for outcome in OUTCOMES {
            let octets = Answer::octets(12, outcome, &reasons);
            assert_eq!(octets.len(), OCTETS);
            let read = Answer::parse(&octets).unwrap();
            assert_eq!(read.load, 12);
            assert_eq!(read.outcome, outcome);
            assert_eq!(read.reasons, "a b c\n12\n");
        }
        // The next one has come over it as far as this.
        let (old, new) = (
            Answer::octets(12, None, &reasons),
            Answer::octets(13, Some(Reload::Kept), &["x".repeat(30)]),
        );
        for written in 2..24 {
            let mixed = [&new[..written], &old[written..]].concat();
            assert_eq!(Answer::parse(&mixed), None, "{written}");
        }
        assert_eq!(Answer::parse(b""), None);
        assert_eq!(Answer::parse(b"x done\nx\n"), None);
    }

    #[test]
    fn reasons_without_end_are_cut_between_two_of_them() {
        let reasons = vec!["y".repeat(1000); 9];
        let read = Answer::parse(&Answer::octets(1, Some(Reload::Kept), &reasons)).unwrap();
        assert_eq!(read.reasons.lines().count(), 4);
        let long = ["z".repeat(2 * OCTETS)];
        let read = Answer::parse(&Answer::octets(1, Some(Reload::Kept), &long)).unwrap();
        assert_eq!(read.reasons, "");
    }

    #[test]
    fn a_file_on_a_disk_or_a_pipe_is_not_opened() {
        let pid = std::process::id();
        let of = |fd: i32| opened(Path::new(&format!("/proc/{pid}/fd/{fd}"))).unwrap();
        let (end, _other) = io::pipe().unwrap();
        assert!(of(end.as_raw_fd()).is_none());
        let null = File::open("/dev/null").unwrap();
        assert!(of(null.as_raw_fd()).is_none());
        let answers = Answers::none_yet();
        assert!(of(answers.file.as_ref().unwrap().as_raw_fd()).is_some());
    }
}
