//! What signals ask of a running daemon: SIGUSR1 and SIGHUP reload, SIGTERM and SIGINT stop.

use std::{io, sync::OnceLock, time::Duration};

use nix::sys::signal::{SigSet, Signal};
use tokio::{
    signal::unix::{self, SignalKind, signal},
    sync::watch,
    time::Instant,
};

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Serve.
    Run,
    /// Accept no more connections; end when the messages under way are finished.
    Drain,
    /// End now: asked a second time.
    Now,
}

/// What those who serve hold to learn of a stop. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Stage>);

impl Stop {
    /// How far it has come.
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits for this stage or a later one.
    pub async fn reached(&mut self, stage: Stage) {
        // The sender lives as long as the daemon; without it there is nothing left to serve.
        let _ = self.0.wait_for(|&current| current >= stage).await;
    }
}

/// A second request within this time is an echo of the first, not impatience: a supervisor and a
/// service manager may both tell one process group to stop.
pub const ECHO: Duration = Duration::from_secs(1);

/// The asking side of a [`Stop`].
#[derive(Debug)]
pub struct Stopper {
    stage: watch::Sender<Stage>,
    first_asked: OnceLock<Instant>,
}

impl Stopper {
    /// The two sides.
    pub fn new() -> (Self, Stop) {
        let (stage, receiver) = watch::channel(Stage::Run);
        let stopper = Self {
            stage,
            first_asked: OnceLock::new(),
        };
        (stopper, Stop(receiver))
    }

    /// Asks for a stop; a second time, for one without delay. Returns the stage reached.
    pub fn ask(&self) -> Stage {
        let now = Instant::now();
        let impatient = now.duration_since(*self.first_asked.get_or_init(|| now)) >= ECHO;
        self.stage.send_modify(|stage| {
            *stage = match stage {
                Stage::Drain if impatient => Stage::Now,
                Stage::Run | Stage::Drain => Stage::Drain,
                Stage::Now => Stage::Now,
            };
        });
        *self.stage.borrow()
    }
}

/// A signal, by what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Load the configuration again.
    Reload,
    /// Come to an end.
    Stop,
}

/// Keeps reload signals waiting until [`Signals::register`], so that one that comes during the
/// start does not end the process.
pub fn hold_reload_signals() {
    // Can't fail for a valid set.
    let _ = reload_set().thread_block();
}

/// The daemon's signal handlers.
#[derive(Debug)]
pub struct Signals {
    user1: unix::Signal,
    hang_up: unix::Signal,
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    /// Installs the handlers and lets reload signals in that came during the start. Belongs in the
    /// runtime, on the thread that called [`hold_reload_signals`].
    pub fn register() -> io::Result<Self> {
        let signals = Self {
            user1: signal(SignalKind::user_defined1())?,
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        reload_set().thread_unblock()?;
        Ok(signals)
    }

    /// The next request.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.user1.recv() => Request::Reload,
            _ = self.hang_up.recv() => Request::Reload,
        }
    }
}

fn reload_set() -> SigSet {
    [Signal::SIGUSR1, Signal::SIGHUP].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_impatient_request_to_stop_does_not_wait_for_messages_but_an_echo_does() {
        let (stopper, mut stop) = Stopper::new();
        assert_eq!(stop.stage(), Stage::Run);
        assert_eq!(stopper.ask(), Stage::Drain);
        stop.reached(Stage::Drain).await;
        assert_eq!(stopper.ask(), Stage::Drain);
        tokio::time::advance(ECHO).await;
        assert_eq!(stopper.ask(), Stage::Now);
        stop.reached(Stage::Drain).await;
        stop.reached(Stage::Now).await;
        assert_eq!(stopper.ask(), Stage::Now);
    }
}
