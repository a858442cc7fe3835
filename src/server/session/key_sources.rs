//! The source of public keys that a configuration names, behind its cache.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    config::snapshot::{KeyOrigin, Snapshot},
    dns::{
        TxtLookup,
        cache::CacheFigures,
        file::DataSetRecords,
        key::{KeyCache, key_cache},
        nameservers::NameServers,
        resolver::{Resolver, ResolverError, ResolverSettings},
        trust_anchor::TrustAnchor,
    },
    log::Log,
};

/// The cache's figures are told at most so often, as in OpenDKIM.
pub const FIGURES_INTERVAL: Duration = Duration::from_secs(300);

/// What decides whether a reload may keep the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DnsSettings {
    servers: Vec<SocketAddr>,
    timeout: Option<Duration>,
    /// The keys themselves: the file may have changed in place.
    trust_anchor: Option<TrustAnchor>,
}

/// The key cache in force; replaced when the configuration wants another source.
#[derive(Debug)]
pub struct KeySources {
    log: Arc<dyn Log>,
    current: Mutex<Option<Current>>,
    figures_told: Mutex<Instant>,
}

#[derive(Debug)]
struct Current {
    snapshot: Arc<Snapshot>,
    settings: DnsSettings,
    cache: Arc<KeyCache>,
}

impl KeySources {
    /// No source yet. Findings about name servers go to `log`.
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self {
            log,
            current: Mutex::new(None),
            figures_told: Mutex::new(Instant::now()),
        }
    }

    /// The keys as `snapshot` wants them. A cache filled under an older snapshot is kept if both
    /// ask the same servers in the same way. Must be called within the Tokio runtime.
    ///
    /// # Errors
    /// When the operating system refuses the resolver its sockets.
    pub fn of(&self, snapshot: &Arc<Snapshot>) -> Result<Arc<KeyCache>, ResolverError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = settings_of(snapshot);
        if let Some(held) = current.as_mut() {
            let same_load = Arc::ptr_eq(&held.snapshot, snapshot);
            let both_dns = matches!(
                (&held.snapshot.verifying.keys, &snapshot.verifying.keys),
                (KeyOrigin::Dns(_), KeyOrigin::Dns(_))
            );
            if same_load || (both_dns && held.settings == settings) {
                held.snapshot = Arc::clone(snapshot);
                return Ok(Arc::clone(&held.cache));
            }
        }
        let cache = Arc::new(key_cache(open(snapshot, Arc::clone(&self.log))?));
        *current = Some(Current {
            snapshot: Arc::clone(snapshot),
            settings,
            cache: Arc::clone(&cache),
        });
        Ok(cache)
    }

    /// The cache's figures, if there is a cache and they were not told for [`FIGURES_INTERVAL`].
    pub fn figures_due(&self, now: Instant) -> Option<CacheFigures> {
        let mut told = self
            .figures_told
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(*told) < FIGURES_INTERVAL {
            return None;
        }
        *told = now;
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Some(current.as_ref()?.cache.figures())
    }
}

/// The source that a configuration names. Must be called within the Tokio runtime.
///
/// # Errors
/// When the operating system refuses the resolver its sockets.
pub fn open(snapshot: &Snapshot, log: Arc<dyn Log>) -> Result<Arc<dyn TxtLookup>, ResolverError> {
    match &snapshot.verifying.keys {
        KeyOrigin::DataSet(set) => Ok(Arc::new(DataSetRecords::new(Arc::clone(set)))),
        KeyOrigin::File(records) => Ok(Arc::clone(records) as Arc<dyn TxtLookup>),
        KeyOrigin::Dns(anchor) => {
            let verify = &snapshot.settings.verifying;
            let servers = match verify.nameservers.as_slice() {
                [] => NameServers::default(),
                given => NameServers::Listed(given.to_vec()),
            };
            let timeout = Some(verify.dns_timeout.unwrap_or(Duration::ZERO));
            let settings = ResolverSettings {
                servers,
                timeout,
                trust_anchor: anchor.clone(),
            };
            Ok(Arc::new(Resolver::new(settings, log)?))
        }
    }
}

fn settings_of(snapshot: &Snapshot) -> DnsSettings {
    let verify = &snapshot.settings.verifying;
    DnsSettings {
        servers: verify.nameservers.clone(),
        timeout: verify.dns_timeout,
        trust_anchor: match &snapshot.verifying.keys {
            KeyOrigin::Dns(anchor) => anchor.clone(),
            KeyOrigin::DataSet(_) | KeyOrigin::File(_) => None,
        },
    }
}
