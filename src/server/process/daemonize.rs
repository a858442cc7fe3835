//! Going to the background without hiding a failed start.
//!
//! The process that was started waits until the daemon is ready or has ended, so that its exit
//! status is the truth. (OpenDKIM leaves right after the fork: a socket that can't be had, or a
//! user that can't be assumed, shows nowhere but in the log.)

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::fd::{AsRawFd, OwnedFd},
    process,
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe2, read, setsid},
};

use super::exit::{ExitCode, Failure};

/// One octet through the pipe means: ready.
const READY: u8 = b'R';

/// The daemon's end of the wait: tells the waiting process that all is well.
#[derive(Debug)]
pub struct ReadyPipe(OwnedFd);

impl ReadyPipe {
    /// Says ready. Nobody may be waiting any more; that is no fault.
    pub fn ready(self) {
        let _ = std::fs::File::from(self.0).write_all(&[READY]);
    }
}

/// The waiting end.
#[derive(Debug)]
pub struct WaitPipe(pub(super) OwnedFd);

impl WaitPipe {
    /// Waits; `false` when all who could have said ready have ended.
    pub fn wait(&self) -> bool {
        let mut octet = [0];
        loop {
            match read(&self.0, &mut octet) {
                Ok(count) => return count == 1 && octet[0] == READY,
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }
}

/// Both ends; neither outlives an exec.
pub fn ready_pipe() -> Result<(WaitPipe, ReadyPipe), Failure> {
    let (wait, ready) = pipe2(OFlag::O_CLOEXEC).map_err(|e| os_error("pipe", e))?;
    Ok((WaitPipe(wait), ReadyPipe(ready)))
}

/// Goes to the background: returns in the new process, which leads a session of its own.
///
/// The process that was started never returns from here: it ends with 0 when the new one says
/// ready, and with the new one's exit code when that ends before. Standard error stays open until
/// [`leave_terminal`], so messages of the start are seen. The working directory stays: relative
/// paths keep their meaning on reload.
pub fn into_background() -> Result<ReadyPipe, Failure> {
    let (wait, ready) = ready_pipe()?;
    match fork_alone()? {
        ForkResult::Child => {
            drop(wait);
            setsid().map_err(|e| os_error("setsid", e))?;
            Ok(ready)
        }
        ForkResult::Parent { child } => {
            drop(ready);
            let code = match wait.wait() {
                true => ExitCode::Ok.number(),
                false => wait_for_end(child),
            };
            // Straight out: what this process holds (lock, log, buffers) belongs to the child.
            // SAFETY: `_exit` has no preconditions.
            unsafe { libc::_exit(i32::from(code)) }
        }
    }
}

/// Lets go of the starter's input, output and terminal.
pub fn leave_terminal() -> io::Result<()> {
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    debug_assert!(null.as_raw_fd() > 2, "/dev/null took a standard descriptor");
    Ok(())
}

/// Forks. Belongs before the first thread: only the calling one lives on in the child.
pub(super) fn fork_alone() -> Result<ForkResult, Failure> {
    // SAFETY: the start has not made any threads yet (the runtime comes last), so no lock can be
    // held by a thread that is missing in the child.
    unsafe { fork() }.map_err(|e| os_error("fork", e))
}

/// The exit code of a child that has ended or is about to; 70 if a signal ended it.
fn wait_for_end(child: Pid) -> u8 {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, status)) => {
                return u8::try_from(status).unwrap_or(ExitCode::Software.number());
            }
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                eprintln!(
                    "process {} ended by {signal} before it was ready",
                    process::id()
                );
                return ExitCode::Software.number();
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return ExitCode::Software.number(),
        }
    }
}

fn os_error(call: &str, errno: Errno) -> Failure {
    Failure::new(ExitCode::OsError, format!("{call}(): {}", errno.desc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_heard_once_said() {
        let (wait, ready) = ready_pipe().unwrap();
        ready.ready();
        assert!(wait.wait());
    }

    #[test]
    fn an_end_without_ready_is_noticed() {
        let (wait, ready) = ready_pipe().unwrap();
        drop(ready);
        assert!(!wait.wait());
    }
}
