//! Telling the service manager: ready, reloading, stopping, still alive.
//!
//! The words are those of sd_notify(3). The socket is opened once at the start, because after a
//! change of the root directory its path can't be reached any more.

use std::{
    env,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::Path,
    time::Duration,
};

use sd_notify::NotifyState;

/// The way to the service manager; leads nowhere when there is none.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Opens the socket that `NOTIFY_SOCKET` names.
    pub fn from_environment() -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else {
            return Self::default();
        };
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            _ => SocketAddr::from_pathname(Path::new(&name)),
        };
        let socket = address.ok().and_then(|address| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect_addr(&address).ok()?;
            // A service manager that does not read must not stop mail.
            socket.set_nonblocking(true).ok()?;
            Some(socket)
        });
        Self {
            socket,
            watchdog: sd_notify::watchdog_enabled(),
        }
    }

    /// `READY=1`: connections are accepted from now on, or again after a reload.
    pub fn ready(&self) {
        self.send(&[NotifyState::Ready]);
    }

    /// `RELOADING=1`, with the time that lets the service manager tell one reload from the next.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.send(&[NotifyState::Reloading, now]),
            Err(_) => self.send(&[NotifyState::Reloading]),
        }
    }

    /// `STOPPING=1`: no more connections, messages under way are finished.
    pub fn stopping(&self) {
        self.send(&[NotifyState::Stopping]);
    }

    /// `STATUS=`: one line for `systemctl status`.
    pub fn status(&self, text: &str) {
        self.send(&[NotifyState::Status(text)]);
    }

    /// Runs for ever; keeps the watchdog quiet for as long as the runtime gets its tasks done.
    ///
    /// It is a task like those that serve connections, not a thread of its own: when the runtime
    /// hangs, so does this, and the service manager restarts the daemon. The start runs it in the
    /// same task as accepting, so a hang there stops it, too; and each round first sends a task
    /// through the scheduler and waits for it.
    pub async fn keep_alive(&self) {
        let Some(limit) = self.watchdog else {
            return std::future::pending().await;
        };
        loop {
            if tokio::spawn(tokio::task::yield_now()).await.is_ok() {
                self.send(&[NotifyState::Watchdog]);
            }
            // Half the time, as sd_watchdog_enabled(3) recommends.
            tokio::time::sleep(limit / 2).await;
        }
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        let Some(socket) = &self.socket else { return };
        let text: String = states.iter().map(|state| format!("{state}\n")).collect();
        // A lost notice shows at the service manager; there is nothing to do about it here.
        let _ = socket.send(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(watchdog: Option<Duration>) -> (Notifier, UnixDatagram) {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let notifier = Notifier {
            socket: Some(ours),
            watchdog,
        };
        (notifier, theirs)
    }

    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn a_reload_carries_its_time() {
        let (notifier, manager) = pair(None);
        notifier.reloading();
        let text = receive(&manager);
        let time = text
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .and_then(|rest| rest.trim_end().parse::<u64>().ok());
        assert!(time.is_some_and(|time| time > 0), "{text}");
    }

    #[test]
    fn ready_and_stopping_are_their_own_words() {
        let (notifier, manager) = pair(None);
        notifier.ready();
        assert_eq!(receive(&manager), "READY=1\n");
        notifier.stopping();
        assert_eq!(receive(&manager), "STOPPING=1\n");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn the_watchdog_hears_nothing_from_a_runtime_that_hangs() {
        let (notifier, manager) = pair(Some(Duration::from_millis(40)));
        tokio::spawn(async move { notifier.keep_alive().await });
        assert_eq!(receive(&manager), "WATCHDOG=1\n");
        // The one worker thread is kept busy without ever yielding.
        let hang = tokio::spawn(async { std::thread::sleep(Duration::from_millis(400)) });
        std::thread::sleep(Duration::from_millis(100));
        manager.set_nonblocking(true).unwrap();
        let mut buffer = [0; 64];
        while manager.recv(&mut buffer).is_ok() {}
        std::thread::sleep(Duration::from_millis(150));
        assert!(
            manager.recv(&mut buffer).is_err(),
            "a notice in spite of the hang"
        );
        hang.await.unwrap();
        std::thread::sleep(Duration::from_millis(150));
        assert!(
            manager.recv(&mut buffer).is_ok(),
            "no notice after the hang"
        );
    }
}
