//! The part of the daemon that knows about mail: binds the socket and serves the MTA.

use std::sync::Arc;

use super::{Connection, Server, diagnostics::Diagnostics, reports::Reports, verifying::host_name};
use crate::{
    dkim::UnixTime,
    dns::source::KeySources,
    keys::store::KeyStore,
    log::Level,
    milter::{self, Incident, Shutdown},
    process::{
        reload::Reloader,
        signals::{Stage, Stop},
        start::Daemon,
    },
    socket::{Listener, SocketSpec},
};

/// Parsed private keys held at once: about 4 KB each. A domain whose key was displaced costs one
/// more reading of its file.
pub const KEYS_HELD: usize = 4096;

/// Serves the MTA.
#[derive(Clone, Copy, Debug)]
pub struct MilterDaemon {
    /// The clock behind `t=`.
    pub clock: fn() -> UnixTime,
}

impl Daemon for MilterDaemon {
    type Listener = Vec<Listener>;

    /// Takes the sockets that systemd hands over, if any; else binds the one of Socket.
    async fn bind(&self, socket: Option<&SocketSpec>) -> Result<Self::Listener, String> {
        let handed_over = Listener::handed_over().map_err(|error| error.to_string())?;
        if !handed_over.is_empty() {
            return Ok(handed_over);
        }
        let Some(socket) = socket else {
            return Err("milter socket must be specified; add a Socket line".to_owned());
        };
        Listener::open(socket)
            .map(|listener| vec![listener])
            .map_err(|error| error.to_string())
    }

    async fn serve(&self, listeners: Self::Listener, configuration: Arc<Reloader>, mut stop: Stop) {
        let log = Arc::clone(configuration.log());
        let server = Arc::new(Server {
            configuration,
            keys: KeyStore::new(KEYS_HELD),
            public_keys: KeySources::new(Arc::clone(&log)),
            diagnostics: Diagnostics::default(),
            reports: Reports::default(),
            host_name: host_name().unwrap_or_else(|_| "localhost".to_owned()),
            log: Arc::clone(&log),
            clock: self.clock,
            told_no_queue_id: false.into(),
        });
        let shutdown = Shutdown::new();
        let make = move || Connection::new(Arc::clone(&server));
        let report = move |incident: Incident| log.line(level(&incident), &incident.to_string());
        let serving = milter::serve(listeners, make, &shutdown, report);
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return,
            () = stop.reached(Stage::Drain) => shutdown.stop(),
        }
        serving.await;
    }
}

fn level(incident: &Incident) -> Level {
    match incident {
        Incident::AcceptResumed => Level::Notice,
        Incident::Connection(_) => Level::Warning,
        Incident::AcceptPaused(_) | Incident::Fault(_) | Incident::Undrained(_) => Level::Err,
    }
}
