//! The child that works with the rights of a directory's owner.
//!
//! It is forked, becomes that user with all of its groups and for good, does one task, reports through
//! a pipe, and ends. Only ever from root to a user, never the other way round. The parent waits a
//! bounded time for a bounded report and believes it no more than it would believe that user.

use std::{
    ffi::CString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{
        ForkResult, Gid, Pid, Uid, User, fork, getgrouplist, getresgid, getresuid, pipe2, read,
        setgroups, setresgid, setresuid, write,
    },
};

use super::{
    Attributes,
    act::{Report, Rights, State, Task, act},
};
use dkimd_server::keys::accounts::user_name;

/// How long the child may take: whoever owns the directory may have mounted something on it that never
/// answers.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long a child may take to end: one that waits for such a mount may not even hear SIGKILL.
const END_PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked whether the child has ended.
const END_STEP: Duration = Duration::from_millis(2);
/// The group of an owner without an account.
const NO_GROUP: u32 = 65534;
/// Permission bits that are passed on; none that lend the user's rights to others.
const PLAIN_BITS: u32 = 0o2777;
/// A report: so many numbers of eight octets.
const NUMBERS: usize = 7;
const REPORT_OCTETS: usize = NUMBERS * 8;

/// A user who can change a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User number; never root's.
    pub uid: u32,
    /// Login name.
    pub name: String,
    /// The topmost directory that the user can change.
    pub directory: PathBuf,
    gid: u32,
    groups: Vec<Gid>,
}

/// Why there is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The system refuses to make the child.
    System(Errno),
    /// It took too long.
    Silent,
    /// What it said is no report.
    Garbled,
}

impl Owner {
    pub(super) fn new(uid: u32, directory: &Path) -> Self {
        let account = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let gid = account
            .as_ref()
            .map_or(NO_GROUP, |account| account.gid.as_raw());
        let groups = account.and_then(|account| {
            let name = CString::new(account.name).ok()?;
            getgrouplist(&name, account.gid).ok()
        });
        Self {
            uid,
            name: user_name(uid),
            directory: directory.to_owned(),
            gid,
            groups: groups.unwrap_or_default(),
        }
    }

    /// The attributes that something made by this user will have: its own, in the wanted group where it
    /// belongs to that.
    pub(super) fn attributes(&self, wanted: Attributes) -> Attributes {
        let belongs = self
            .groups
            .iter()
            .any(|group| group.as_raw() == wanted.group);
        Attributes {
            owner: self.uid,
            group: match belongs {
                true => wanted.group,
                false => self.gid,
            },
            mode: wanted.mode & PLAIN_BITS,
        }
    }

    /// Has a task done; with what was read.
    pub(super) fn perform(
        &self,
        base: BorrowedFd<'_>,
        names: &[CString],
        task: &Task<'_>,
        most: u64,
    ) -> Result<(Report, Vec<u8>), Fault> {
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).map_err(Fault::System)?;
        // SAFETY: the child calls nothing but what may be called after a fork among threads: system
        // calls and the C library's setters of ids, which here meet one thread. It neither allocates
        // nor takes a lock, and leaves by _exit, also where it panics.
        match unsafe { fork() }.map_err(Fault::System)? {
            ForkResult::Child => {
                let end = End;
                let report = match self.become_it() {
                    Ok(()) => act(base, names, task, Rights::Lent, &mut |octets| {
                        say(&theirs, octets)
                    }),
                    Err(errno) => Report {
                        state: State::NoRights,
                        errno: errno as i32,
                        ..Report::default()
                    },
                };
                say(&theirs, &encode(&report));
                drop(end);
                unreachable!("the end has ended this process")
            }
            ForkResult::Parent { child } => {
                drop(theirs);
                let bound = usize::try_from(most).unwrap_or(usize::MAX);
                let heard = listen(&ours, bound.saturating_add(REPORT_OCTETS));
                if heard.is_err() || !ends_within(child, END_PATIENCE) {
                    // It may have ended meanwhile; until it is waited for, its number is its own.
                    let _ = kill(child, Signal::SIGKILL);
                    if !ends_within(child, END_PATIENCE) {
                        // Nothing ends it before the mount answers; it is left behind.
                        return Err(Fault::Silent);
                    }
                }
                decode(heard?, names.len())
            }
        }
    }

    /// Becomes the user, for good.
    fn become_it(&self) -> Result<(), Errno> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        setgroups(&self.groups)?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        let (users, groups) = (getresuid()?, getresgid()?);
        let is_user = [users.real, users.effective, users.saved] == [uid; 3];
        let is_group = [groups.real, groups.effective, groups.saved] == [gid; 3];
        let root = Uid::from_raw(0);
        if uid.is_root() || !is_user || !is_group || setresuid(root, root, root).is_ok() {
            return Err(Errno::EPERM);
        }
        Ok(())
    }
}

/// Ends the process when it goes, without anything that the parent would do at its end.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: `_exit` has no preconditions.
        unsafe { libc::_exit(0) }
    }
}

/// Writes all of it; says whether anybody listens.
fn say(to: &OwnedFd, mut octets: &[u8]) -> bool {
    while !octets.is_empty() {
        match write(to, octets) {
            Ok(count) => octets = octets.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// All that the child says, at most `most` octets.
fn listen(from: &OwnedFd, most: usize) -> Result<Vec<u8>, Fault> {
    let end = Instant::now() + PATIENCE;
    let mut heard = Vec::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(from.as_fd(), PollFlags::POLLIN)], wait) {
            Ok(0) => return Err(Fault::Silent),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(Fault::System(errno)),
        }
        match read(from, &mut buffer) {
            Ok(0) => return Ok(heard),
            Ok(count) if heard.len() + count > most => return Err(Fault::Garbled),
            Ok(count) => heard.extend_from_slice(&buffer[..count]),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Fault::System(errno)),
        }
    }
}

/// Whether the child ends in that time; then it has been waited for.
fn ends_within(child: Pid, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) if Instant::now() >= end => return false,
            Ok(WaitStatus::StillAlive) => thread::sleep(END_STEP),
            Err(Errno::EINTR) => {}
            _ => return true,
        }
    }
}

fn encode(report: &Report) -> [u8; REPORT_OCTETS] {
    let numbers: [u64; NUMBERS] = [
        report.state as u64,
        u64::from(report.errno.unsigned_abs()),
        report.at as u64,
        u64::from(report.mode),
        u64::from(report.uid),
        u64::from(report.gid),
        report.size,
    ];
    let mut octets = [0; REPORT_OCTETS];
    for (place, number) in octets.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_ne_bytes());
    }
    octets
}

/// The report at the end of what was heard, and what came before it. The work was on so many `names`.
fn decode(mut heard: Vec<u8>, names: usize) -> Result<(Report, Vec<u8>), Fault> {
    let begin = heard
        .len()
        .checked_sub(REPORT_OCTETS)
        .ok_or(Fault::Garbled)?;
    let mut numbers = heard[begin..].chunks_exact(8).map(|octets| {
        let octets = <[u8; 8]>::try_from(octets).unwrap_or_default();
        u64::from_ne_bytes(octets)
    });
    let mut number = || numbers.next().ok_or(Fault::Garbled);
    let state = match number()? {
        0 => State::Done,
        1 => State::Missing,
        2 => State::Failed,
        3 => State::Link,
        4 => State::Other,
        5 => State::TooBig,
        6 => State::NoRights,
        _ => return Err(Fault::Garbled),
    };
    let report = Report {
        state,
        errno: i32::try_from(number()?).map_err(|_| Fault::Garbled)?,
        at: usize::try_from(number()?).map_err(|_| Fault::Garbled)?,
        mode: u32::try_from(number()?).map_err(|_| Fault::Garbled)?,
        uid: u32::try_from(number()?).map_err(|_| Fault::Garbled)?,
        gid: u32::try_from(number()?).map_err(|_| Fault::Garbled)?,
        size: number()?,
    };
    if report.at >= names {
        return Err(Fault::Garbled);
    }
    heard.truncate(begin);
    // Something that broke off is no content, nor is one of another length than was told.
    match report.state == State::Done && begin != 0 && report.size != begin as u64 {
        true => Err(Fault::Garbled),
        false => Ok((report, heard)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_comes_back_as_it_was_told() {
        let report = Report {
            state: State::Link,
            errno: 40,
            at: 2,
            mode: 0o120_777,
            uid: 107,
            gid: 113,
            size: 0,
        };
        assert_eq!(
            decode(encode(&report).to_vec(), 3),
            Ok((report, Vec::new()))
        );
        let report = Report {
            size: 2,
            ..Report::default()
        };
        let heard = [b"ab", &encode(&report)[..]].concat();
        assert_eq!(decode(heard, 1), Ok((report, b"ab".to_vec())));
    }

    #[test]
    fn what_is_no_report_is_not_taken_for_one() {
        let whole = [
            b"abc",
            &encode(&Report {
                size: 2,
                ..Report::default()
            })[..],
        ]
        .concat();
        let mut odd_state = encode(&Report::default());
        odd_state[0] = 99;
        let mut odd_owner = encode(&Report::default());
        odd_owner[39] = 1;
        let below_all = encode(&Report {
            at: 2,
            ..Report::default()
        });
        let far_below = encode(&Report {
            at: usize::MAX,
            ..Report::default()
        });
        for heard in [
            &b""[..],
            b"short",
            &whole,
            &odd_state,
            &odd_owner,
            &below_all,
            &far_below,
        ] {
            assert_eq!(decode(heard.to_vec(), 2), Err(Fault::Garbled));
        }
    }

    #[test]
    fn a_child_that_does_not_end_is_not_waited_for_without_bound() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let begun = Instant::now();
        assert!(!ends_within(pid, Duration::from_millis(50)));
        assert!(begun.elapsed() < Duration::from_secs(30));
        kill(pid, Signal::SIGKILL).unwrap();
        assert!(ends_within(pid, Duration::from_secs(30)));
        assert!(child.wait().is_err(), "it has been waited for");
    }
}
