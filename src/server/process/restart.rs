//! AutoRestart: a small supervisor process that starts the worker again when it ends.

use std::{
    collections::VecDeque,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{SigSet, Signal, kill, raise},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, getppid},
};

use super::{
    daemonize::{ReadyPipe, WaitPipe, fork_alone, ready_pipe},
    exit::{ExitCode, Failure},
};
use crate::{
    config::settings::AutoRestart,
    log::{Level, Log},
    process::lines,
};

/// A worker that lives shorter than this is not started again before this time has passed, so
/// that one that crashes at once does not eat the machine.
pub const LEAST_LIFE: Duration = Duration::from_secs(1);

/// What the supervisor hands on to the worker.
const FORWARDED: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
];

/// Runs `worker` in a child process, again and again within the limits, and returns the exit code
/// that the whole ends with.
///
/// * Signals to stop or reload are forwarded; after a stop the worker's own code is returned.
/// * 78 and 70 are final, as in OpenDKIM. So is a first worker that never got ready: the
///   administrator is still watching, and another start would fail the same way.
/// * Beyond the limits the code is 69.
///
/// `ready` is called when the first worker says so. `worker` is told which start it is, from 0.
pub fn supervise(
    limits: AutoRestart,
    log: &dyn Log,
    mut ready: impl FnMut(),
    mut worker: impl FnMut(u32, ReadyPipe) -> ExitCode,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::block()?;
    let mut history = History::new(limits);
    let mut start = 0;
    loop {
        let born = Instant::now();
        let (wait, say) = ready_pipe()?;
        let child = match fork_alone()? {
            ForkResult::Child => {
                drop(wait);
                signals.unblock();
                let code = worker(start, say);
                // Not `_exit`: the worker's buffers are its own.
                std::process::exit(i32::from(code.number()));
            }
            ForkResult::Parent { child } => child,
        };
        drop(say);
        let end = signals.follow(child, wait, || {
            if start == 0 {
                ready();
            }
        })?;
        if end.stopping {
            return Ok(end.code());
        }
        if let Some(code) = end.is_final(start == 0) {
            if let WaitStatus::Exited(_, status) = end.status {
                log.line(Level::Err, &lines::ended(status));
            }
            return Ok(code);
        }
        if let Err(limit) = history.admit(Instant::now()) {
            log.line(
                Level::Err,
                &match limit {
                    Limit::Count => lines::restart_count_exceeded(),
                    Limit::Rate => lines::restart_rate_exceeded(),
                },
            );
            return Ok(ExitCode::Unavailable);
        }
        log.line(
            Level::Notice,
            &match end.status {
                WaitStatus::Signaled(_, signal, _) => lines::restarting_after_signal(signal as i32),
                WaitStatus::Exited(_, status) => lines::restarting_after_exit(status),
                _ => lines::restarting_after_exit(i32::from(ExitCode::Software.number())),
            },
        );
        if signals.stop_within(LEAST_LIFE.saturating_sub(born.elapsed()))? {
            return Ok(ExitCode::Ok);
        }
        start += 1;
    }
}

/// Makes the worker, which this is, stop as if asked to when its supervisor dies: a worker that
/// nobody watches would keep the socket and the pid file from the next start. Belongs after the user
/// change, which resets it.
pub(super) fn end_with(supervisor: Pid) {
    let _ = prctl::set_pdeathsig(Signal::SIGTERM);
    if getppid() != supervisor {
        // It died before that was said.
        let _ = raise(Signal::SIGTERM);
    }
}

/// How a worker ended.
#[derive(Debug)]
struct End {
    status: WaitStatus,
    /// The supervisor was asked to stop.
    stopping: bool,
    was_ready: bool,
}

impl End {
    fn code(&self) -> ExitCode {
        match self.status {
            WaitStatus::Exited(_, status) => {
                ExitCode::from_number(status).unwrap_or(ExitCode::Software)
            }
            // It took the signal before it had a handler for it.
            WaitStatus::Signaled(_, Signal::SIGTERM | Signal::SIGINT, _) => ExitCode::Ok,
            _ => ExitCode::Software,
        }
    }

    fn is_final(&self, first: bool) -> Option<ExitCode> {
        let code = self.code();
        let exited = matches!(self.status, WaitStatus::Exited(..));
        let hopeless = exited && matches!(code, ExitCode::Config | ExitCode::Software);
        (hopeless || (first && !self.was_ready)).then_some(code)
    }
}

/// The supervisor's signals, taken from a descriptor rather than by handlers.
struct Signals {
    set: SigSet,
    descriptor: SignalFd,
}

impl Signals {
    fn block() -> Result<Self, Failure> {
        let failed =
            |e: Errno| Failure::new(ExitCode::OsError, format!("blocking signals: {}", e.desc()));
        let mut set: SigSet = FORWARDED.into_iter().collect();
        set.add(Signal::SIGCHLD);
        set.thread_block().map_err(failed)?;
        let descriptor = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(failed)?;
        Ok(Self { set, descriptor })
    }

    /// In the worker: all signals but those of reload, which wait for their handlers.
    fn unblock(&self) {
        let mut set = self.set;
        set.remove(Signal::SIGHUP);
        set.remove(Signal::SIGUSR1);
        let _ = set.thread_unblock();
    }

    /// Waits for the child's end, forwarding signals.
    fn follow(&mut self, child: Pid, wait: WaitPipe, ready: impl FnOnce()) -> Result<End, Failure> {
        let mut unheard = Some((wait, ready));
        let mut stopping = false;
        let mut was_ready = false;
        loop {
            self.sleep(unheard.as_ref().map(|(wait, _)| wait), PollTimeout::NONE)?;
            if let Some((wait, _)) = &unheard
                && is_readable(wait)
                && let Some((wait, ready)) = unheard.take()
            {
                was_ready = wait.wait();
                if was_ready {
                    ready();
                }
            }
            while let Ok(Some(info)) = self.descriptor.read_signal() {
                let Ok(signal) = Signal::try_from(info.ssi_signo as i32) else {
                    continue;
                };
                if FORWARDED.contains(&signal) {
                    stopping |= is_stop(signal);
                    let _ = kill(child, signal);
                }
            }
            match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
                Ok(status @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..))) => {
                    return Ok(End {
                        status,
                        stopping,
                        was_ready,
                    });
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => {
                    return Err(Failure::new(
                        ExitCode::OsError,
                        format!("waitpid(): {}", e.desc()),
                    ));
                }
            }
        }
    }

    /// Sleeps between two workers; `true` if a stop was asked for meanwhile.
    fn stop_within(&mut self, pause: Duration) -> Result<bool, Failure> {
        let until = Instant::now() + pause;
        loop {
            while let Ok(Some(info)) = self.descriptor.read_signal() {
                if Signal::try_from(info.ssi_signo as i32).is_ok_and(is_stop) {
                    return Ok(true);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Rounded up, so that the last fraction of a millisecond is not spent in a loop.
            let left = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::ZERO);
            self.sleep(None, left)?;
        }
    }

    fn sleep(&self, wait: Option<&WaitPipe>, timeout: PollTimeout) -> Result<(), Failure> {
        let mut watched = vec![PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
        if let Some(wait) = wait {
            watched.push(PollFd::new(wait.0.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(Failure::new(
                ExitCode::OsError,
                format!("poll(): {}", e.desc()),
            )),
        }
    }
}

/// SIGUSR1 and SIGHUP reload; the other two stop.
fn is_stop(signal: Signal) -> bool {
    matches!(signal, Signal::SIGTERM | Signal::SIGINT)
}

fn is_readable(wait: &WaitPipe) -> bool {
    let mut watched = [PollFd::new(wait.0.as_fd(), PollFlags::POLLIN)];
    poll(&mut watched, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

/// Which limit does not allow another start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// AutoRestartCount.
    Count,
    /// AutoRestartRate.
    Rate,
}

/// The restarts so far, as far as the limits need them.
#[derive(Debug)]
struct History {
    limits: AutoRestart,
    count: u32,
    recent: VecDeque<Instant>,
}

impl History {
    fn new(limits: AutoRestart) -> Self {
        Self {
            limits,
            count: 0,
            recent: VecDeque::new(),
        }
    }

    /// Enters a restart at `now`, unless it would be one too many.
    fn admit(&mut self, now: Instant) -> Result<(), Limit> {
        if self.limits.count.is_some_and(|most| self.count >= most) {
            return Err(Limit::Count);
        }
        if let Some((most, span)) = self.limits.rate {
            while self
                .recent
                .front()
                .is_some_and(|&then| now.duration_since(then) >= span)
            {
                self.recent.pop_front();
            }
            if self.recent.len() as u64 >= u64::from(most) {
                return Err(Limit::Rate);
            }
            self.recent.push_back(now);
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: WaitStatus, was_ready: bool) -> End {
        End {
            status,
            stopping: false,
            was_ready,
        }
    }

    #[test]
    fn the_count_limits_all_restarts_together() {
        let mut history = History::new(AutoRestart {
            count: Some(2),
            rate: None,
        });
        let now = Instant::now();
        assert_eq!(history.admit(now), Ok(()));
        assert_eq!(history.admit(now + Duration::from_secs(9999)), Ok(()));
        assert_eq!(
            history.admit(now + Duration::from_secs(99999)),
            Err(Limit::Count)
        );
    }

    #[test]
    fn the_rate_forgets_what_is_long_ago() {
        let mut history = History::new(AutoRestart {
            count: None,
            rate: Some((2, Duration::from_secs(60))),
        });
        let at = |seconds| Instant::now() + Duration::from_secs(seconds);
        let start = at(0);
        assert_eq!(history.admit(start), Ok(()));
        assert_eq!(history.admit(start + Duration::from_secs(30)), Ok(()));
        assert_eq!(
            history.admit(start + Duration::from_secs(59)),
            Err(Limit::Rate)
        );
        assert_eq!(history.admit(start + Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn configuration_errors_faults_and_failed_first_starts_are_final() {
        let child = Pid::from_raw(1);
        let exited = |code: i32| WaitStatus::Exited(child, code);
        let killed = WaitStatus::Signaled(child, Signal::SIGKILL, false);
        assert_eq!(
            ended(exited(78), true).is_final(false),
            Some(ExitCode::Config)
        );
        assert_eq!(
            ended(exited(70), true).is_final(false),
            Some(ExitCode::Software)
        );
        assert_eq!(
            ended(exited(69), false).is_final(true),
            Some(ExitCode::Unavailable)
        );
        for (end, first) in [
            (ended(exited(69), true), true),
            (ended(exited(69), false), false),
            (ended(exited(0), true), true),
            (ended(killed, true), true),
            (ended(killed, false), false),
        ] {
            assert_eq!(end.is_final(first), None, "{end:?}");
        }
    }
}
