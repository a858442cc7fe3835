//! The part of the daemon that knows about mail: binds the socket and serves the MTA.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use super::{
    Connection, Server, diagnostics::Diagnostics, holder::key_rules, reports::Reports,
    throttle::Throttle, verifying::host_name,
};
use crate::{
    config::snapshot::{SigningIdentities, Snapshot},
    diagnostic::Diagnostic,
    dkim::UnixTime,
    keys::{
        KeySource,
        accounts::Identity,
        check::check_key,
        store::{KeyError, KeyStore},
    },
    log::Level,
    milter::{
        self, Incident, Shutdown,
        memory::Budget,
        stop::{CLOSE_LIMIT, FINISH_LIMIT},
    },
    process::{
        lines as daemon, memory,
        reload::{Keys, Reloader},
        signals::{Stage, Stop},
        start::Daemon,
    },
    session::{key_sources::KeySources, lines},
    socket::{Listener, SocketSpec},
    tables::peers::serves_everybody,
};

/// Parsed private keys held at once: about 4 KB each. A domain whose key was displaced costs one
/// more reading of its file.
pub const KEYS_HELD: usize = 4096;

/// How long a start waits for a daemon that still listens, since it may be just ending: longer than that
/// can take.
const PREDECESSOR_PATIENCE: Duration = FINISH_LIMIT
    .saturating_add(CLOSE_LIMIT)
    .saturating_add(Duration::from_millis(500));
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How many lines a period tell of peers that may not connect: as many as they like may knock.
const STRANGERS_TOLD: u32 = 5;
const STRANGERS_PERIOD: Duration = Duration::from_secs(60);

/// Serves the MTA.
#[derive(Debug)]
pub struct MilterDaemon {
    clock: fn() -> UnixTime,
    keys: Arc<KeyStore>,
    budget: OnceLock<Budget>,
}

impl MilterDaemon {
    /// A daemon that takes the time for `t=` from `clock`.
    pub fn new(clock: fn() -> UnixTime) -> Self {
        Self {
            clock,
            keys: Arc::new(KeyStore::new(KEYS_HELD)),
            budget: OnceLock::new(),
        }
    }

    /// The memory for connections, found out while limits can be read.
    fn budget(&self) -> &Budget {
        self.budget.get_or_init(|| Budget::within(memory::free()))
    }
}

impl Daemon for MilterDaemon {
    type Listener = Vec<Listener>;

    /// Reads KeyFile, which root alone may be able to read. A missing or unsafe file stops the
    /// start, as in OpenDKIM; a file that holds no key defers mail until it is mended.
    fn prepare(&self, snapshot: &Snapshot, user: Option<u32>) -> Result<Vec<String>, String> {
        self.budget();
        let SigningIdentities::Single {
            key: KeySource::File(path),
            ..
        } = &snapshot.signing
        else {
            return Ok(Vec::new());
        };
        let me = user.map_or_else(Identity::current, Identity::of_uid);
        if snapshot.settings.process.change_root.is_some() {
            self.keys.seal();
        }
        let loaded = self.keys.preload(path, key_rules(snapshot), &me);
        told(snapshot, loaded)
    }

    fn keys(&self) -> Arc<dyn Keys> {
        Arc::new(HeldKeys(Arc::clone(&self.keys)))
    }

    /// Takes the sockets that systemd hands over, if any; else binds the one of Socket.
    async fn bind(&self, socket: Option<&SocketSpec>) -> Result<Self::Listener, String> {
        let handed_over = Listener::handed_over().map_err(|error| error.to_string())?;
        if !handed_over.is_empty() {
            return Ok(handed_over);
        }
        let Some(socket) = socket else {
            return Err("milter socket must be specified; add a Socket line".to_owned());
        };
        let end = Instant::now() + PREDECESSOR_PATIENCE;
        loop {
            match Listener::open(socket) {
                Ok(listener) => return Ok(vec![listener]),
                Err(error) if error.is_taken() && Instant::now() < end => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    async fn serve(&self, listeners: Self::Listener, configuration: Arc<Reloader>, mut stop: Stop) {
        let log = Arc::clone(configuration.log());
        if configuration.snapshot().milter_peers.is_none() {
            for listener in listeners.iter().filter(|l| l.reaches_beyond_this_host()) {
                if let Ok(socket) = listener.local_spec() {
                    log.line(Level::Warning, &daemon::finding(&serves_everybody(&socket)));
                }
            }
        }
        let current = Arc::clone(&configuration);
        let admits = move |address| {
            let snapshot = current.snapshot();
            snapshot
                .milter_peers
                .as_ref()
                .is_none_or(|peers| peers.admits(address))
        };
        let server = Arc::new(Server {
            configuration,
            keys: Arc::<KeyStore>::clone(&self.keys),
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
        let strangers = Throttle::new(STRANGERS_TOLD, STRANGERS_PERIOD);
        let report = move |incident: Incident| {
            if matches!(incident, Incident::Stranger(_)) && !strangers.admits("", Instant::now()) {
                return;
            }
            log.line(level(&incident), &incident.to_string());
        };
        let serving = milter::serve(listeners, admits, make, self.budget(), &shutdown, report);
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return,
            () = stop.reached(Stage::Drain) => shutdown.stop(),
        }
        serving.await;
    }
}

/// What a start says of KeyFile: one that holds no key defers mail until it is mended. (A reload fails.)
fn told(snapshot: &Snapshot, loaded: Result<Vec<String>, KeyError>) -> Result<Vec<String>, String> {
    let line =
        |error: &KeyError| lines::key_unusable(error, snapshot.purpose_of_key_file().as_ref());
    match loaded {
        Ok(warnings) => Ok(warnings),
        Err(error @ (KeyError::Unusable { .. } | KeyError::TooSmall { .. })) => {
            Ok(vec![line(&error)])
        }
        Err(error) => Err(line(&error)),
    }
}

/// The keys of the running daemon, for reloads.
#[derive(Debug)]
struct HeldKeys(Arc<KeyStore>);

impl Keys for HeldKeys {
    /// Reads KeyFile with the rights that are left. Where that can't be done, the key that was read
    /// from there before goes on signing.
    fn renew(&self, snapshot: &Snapshot) -> Result<Vec<String>, String> {
        let SigningIdentities::Single {
            key: KeySource::File(path),
            ..
        } = &snapshot.signing
        else {
            return Ok(Vec::new());
        };
        if self.0.holds_current(path) {
            return Ok(Vec::new());
        }
        match self
            .0
            .preload(path, key_rules(snapshot), &Identity::current())
        {
            Err(error) if self.0.signs_without(path, &error) => {
                let purpose = snapshot.purpose_of_key_file();
                Ok(vec![lines::key_kept(&error, purpose.as_ref())])
            }
            loaded => loaded.map_err(|error| {
                lines::key_unusable(&error, snapshot.purpose_of_key_file().as_ref())
            }),
        }
    }

    fn unusable(&self, snapshot: &Snapshot) -> Option<String> {
        let rules = key_rules(snapshot);
        let me = Identity::current();
        let (mut read, mut bad, mut named) = (0, 0, Vec::new());
        let keys = snapshot
            .keys()
            .filter_map(|named| Some((named.name, named.key?)));
        for (name, key) in keys.take(MOST_READ_AHEAD) {
            read += 1;
            let report = check_key(&key, None, rules, &me);
            if report.findings.iter().any(Diagnostic::is_error) {
                bad += 1;
                if named.len() < NAMED_KEYS {
                    named.push(name);
                }
            }
        }
        let tables = matches!(snapshot.signing, SigningIdentities::Tables { .. });
        (tables && bad > 0).then(|| lines::keys_unusable(bad, read, &named))
    }
}

/// Keys of a table that are tried at a start or reload; with more, `dkimd check` tells the rest.
const MOST_READ_AHEAD: usize = 10_000;
/// Keys that are told by name.
const NAMED_KEYS: usize = 3;

fn level(incident: &Incident) -> Level {
    match incident {
        Incident::AcceptResumed => Level::Notice,
        Incident::Connection(_) | Incident::Stranger(_) => Level::Warning,
        Incident::AcceptPaused(_) | Incident::Fault(_) | Incident::Undrained(_) => Level::Err,
    }
}
