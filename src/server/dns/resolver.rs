//! TXT records from DNS, over UDP with TCP where that is too small, validated if a trust anchor is
//! configured.
//!
//! One lookup ends within DNSTimeout, whatever the servers do. Names are absolute; neither search
//! lists nor the hosts file take part. Answers are not remembered here beyond hickory's own keys
//! and delegations: see [`super::cache`].
//!
//! DNSSEC must never make things worse than without it. A forwarder that strips signatures makes
//! every validation fail, so before an answer is called bogus the trust anchor's own zone is
//! validated through the same servers. If that zone comes without its signatures too, validation is
//! off for a while, keys are "unprotected", and one warning says so. Where the servers don't say,
//! that one lookup fails for now.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RecordType},
    },
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    DnsFailure, Dnssec, MESSAGE_DEADLINE, TxtAnswer, TxtFuture, TxtLookup,
    name::DnsName,
    nameservers::{FileState, NameServers, read_system_servers},
    reply::{self, Reply},
    trust_anchor::TrustAnchor,
};
use crate::log::{Level, Log};

/// DNSTimeout where the option is not set.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often at most `resolv.conf` is looked at.
const SYSTEM_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How long it is believed that the servers pass DNSSEC on, or that they don't.
const CAPABILITY_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Delegations and keys that hickory may keep for validation.
const HICKORY_CACHE_ENTRIES: u64 = 256;
/// How long hickory may keep what is there, and what is not: a key published late must be found.
const HICKORY_PRESENCE_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const HICKORY_ABSENCE_LIFETIME: Duration = Duration::from_secs(300);
/// UDP payload offered with EDNS (DNS flag day 2020); more comes over TCP.
const EDNS_PAYLOAD: u16 = 1232;

/// What a resolver is told by the configuration.
#[derive(Clone, Debug, Default)]
pub struct ResolverSettings {
    /// Nameservers, or the system's.
    pub servers: NameServers,
    /// DNSTimeout: the time for one name, all tries together; `None`: [`DEFAULT_TIMEOUT`]. Zero
    /// (which waits for ever in OpenDKIM) and everything beyond [`MESSAGE_DEADLINE`] is
    /// [`MESSAGE_DEADLINE`].
    pub timeout: Option<Duration>,
    /// TrustAnchorFile: validate.
    pub trust_anchor: Option<TrustAnchor>,
}

/// A resolver for TXT records.
#[derive(Debug)]
pub struct Resolver {
    servers: NameServers,
    timeout: Duration,
    trust_anchor: Option<TrustAnchor>,
    log: Arc<dyn Log>,
    upstream: ArcSwap<Upstream>,
    next_check: Mutex<Instant>,
    warned: AtomicBool,
}

/// The name servers of the moment, and what is known of them.
#[derive(Debug)]
struct Upstream {
    file: Option<FileState>,
    servers: Vec<SocketAddr>,
    plain: TokioResolver,
    validating: Option<TokioResolver>,
    /// Whether they pass DNSSEC records on, and until when that is believed.
    passes_dnssec: Mutex<Option<(bool, Instant)>>,
}

/// Why a resolver can't be made.
#[derive(Debug, thiserror::Error)]
#[error("the DNS resolver can't be set up: {0}")]
pub struct ResolverError(#[from] NetError);

impl Resolver {
    /// A resolver; sends nothing yet. Must be called within the Tokio runtime that will use it.
    pub fn new(settings: ResolverSettings, log: Arc<dyn Log>) -> Result<Self, ResolverError> {
        let timeout = match settings.timeout {
            None => DEFAULT_TIMEOUT,
            Some(Duration::ZERO) => MESSAGE_DEADLINE,
            Some(timeout) => timeout.min(MESSAGE_DEADLINE),
        };
        let upstream = Upstream::new(&settings.servers, timeout, settings.trust_anchor.as_ref())?;
        Ok(Self {
            servers: settings.servers,
            timeout,
            trust_anchor: settings.trust_anchor,
            log,
            upstream: ArcSwap::from_pointee(upstream),
            next_check: Mutex::new(Instant::now() + SYSTEM_CHECK_INTERVAL),
            warned: AtomicBool::new(false),
        })
    }

    /// The name servers asked now.
    pub fn name_servers(&self) -> Vec<SocketAddr> {
        self.upstream().servers.clone()
    }

    async fn look_up(&self, name: &DnsName) -> TxtAnswer {
        let deadline = Instant::now() + self.timeout;
        let Some(wire) = name.to_wire() else {
            return reply::failed(DnsFailure::Unreachable);
        };
        let upstream = self.upstream();
        let validating = upstream
            .validating
            .as_ref()
            .filter(|_| upstream.passes_dnssec() != Some(false))
            .zip(self.trust_anchor.as_ref())
            .filter(|(_, anchor)| anchor.covers(&wire));
        let answer = async {
            match validating {
                None => ask(&upstream.plain, &wire).await.into_insecure(),
                Some((resolver, anchor)) => self.validate(&upstream, resolver, anchor, &wire).await,
            }
        };
        timeout_at(deadline, answer)
            .await
            .unwrap_or_else(|_| reply::failed(DnsFailure::Timeout))
    }

    /// Asks and validates. Takes all of the time if need be; the caller holds the clock.
    async fn validate(
        &self,
        upstream: &Upstream,
        resolver: &TokioResolver,
        anchor: &TrustAnchor,
        name: &Name,
    ) -> TxtAnswer {
        match timeout(self.timeout / 2, ask(resolver, name)).await {
            Ok(Reply::Answer(answer)) if answer.result.is_ok() => return answer,
            // hickory calls it bogus too when a question about a key got no answer; and a server
            // may keep silent, or fail, because of DNSSEC alone.
            Ok(_) | Err(_) => {}
        }
        let fresh = match build(
            &upstream.servers,
            self.timeout,
            Some(anchor),
            BuildOptions::of_daemon(Some(anchor)),
        ) {
            Ok(resolver) => resolver,
            Err(error) => return reply::failed(reply::failure_of(&error)),
        };
        match self.capability(upstream, &fresh, anchor).await {
            Capability::Passes => match ask(&fresh, name).await {
                Reply::Answer(answer) => answer,
                Reply::Bogus => ask(&upstream.plain, name).await.into_bogus(),
            },
            Capability::Strips => {
                let answer = ask(&upstream.plain, name).await.into_insecure();
                if answer.result.is_ok() {
                    self.note_stripping(upstream);
                }
                answer
            }
            Capability::Unknown(failure) => reply::failed(failure),
        }
    }

    /// Whether the zone of the trust anchor validates through these servers. Only an answer that
    /// lacks signatures speaks against them; silence and errors leave the question open.
    async fn capability(
        &self,
        upstream: &Upstream,
        fresh: &TokioResolver,
        anchor: &TrustAnchor,
    ) -> Capability {
        match upstream.passes_dnssec() {
            Some(true) => return Capability::Passes,
            Some(false) => return Capability::Strips,
            None => {}
        }
        let Some(zone) = anchor.zones.first() else {
            return Capability::Strips;
        };
        let capability = probe(fresh, zone, self.timeout / 4).await;
        if capability == Capability::Passes {
            upstream.set_passes_dnssec(true);
            self.warned.store(false, Relaxed);
        }
        capability
    }

    /// The servers answer, but not with DNSSEC.
    fn note_stripping(&self, upstream: &Upstream) {
        upstream.set_passes_dnssec(false);
        if !self.warned.swap(true, Relaxed) {
            let servers: Vec<_> = upstream.servers.iter().map(ToString::to_string).collect();
            self.log.line(
                Level::Warning,
                &format!(
                    "TrustAnchorFile: the name server {} does not pass DNSSEC records on, so keys \
                     count as unprotected; use a validating resolver such as unbound, or remove \
                     TrustAnchorFile",
                    servers.join(", ")
                ),
            );
        }
    }

    /// The name servers of the moment; looks at `resolv.conf` again if it is time.
    fn upstream(&self) -> Arc<Upstream> {
        let current = self.upstream.load_full();
        let NameServers::System(path) = &self.servers else {
            return current;
        };
        {
            let mut next_check = self
                .next_check
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if now < *next_check {
                return current;
            }
            *next_check = now + SYSTEM_CHECK_INTERVAL;
        }
        if current.file.as_ref() == Some(&FileState::of(path)) {
            return current;
        }
        match Upstream::new(&self.servers, self.timeout, self.trust_anchor.as_ref()) {
            Ok(upstream) => {
                let upstream = Arc::new(upstream);
                self.upstream.store(Arc::clone(&upstream));
                upstream
            }
            Err(_) => current,
        }
    }
}

impl TxtLookup for Resolver {
    fn txt<'a>(&'a self, name: &'a DnsName) -> TxtFuture<'a> {
        Box::pin(self.look_up(name))
    }
}

impl Upstream {
    fn new(
        servers: &NameServers,
        timeout: Duration,
        anchor: Option<&TrustAnchor>,
    ) -> Result<Self, NetError> {
        let (file, servers) = match servers {
            NameServers::Listed(servers) => (None, servers.clone()),
            NameServers::System(path) => (Some(FileState::of(path)), read_system_servers(path)),
        };
        Ok(Self {
            file,
            plain: build(&servers, timeout, None, BuildOptions::of_daemon(None))?,
            validating: anchor
                .map(|anchor| {
                    let options = BuildOptions::of_daemon(Some(anchor));
                    build(&servers, timeout, Some(anchor), options)
                })
                .transpose()?,
            servers,
            passes_dnssec: Mutex::new(None),
        })
    }

    fn passes_dnssec(&self) -> Option<bool> {
        let known = self
            .passes_dnssec
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known
            .filter(|(_, until)| Instant::now() < *until)
            .map(|(passes, _)| passes)
    }

    fn set_passes_dnssec(&self, passes: bool) {
        let until = Instant::now() + CAPABILITY_LIFETIME;
        *self
            .passes_dnssec
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((passes, until));
    }
}

/// What name servers do with DNSSEC records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Capability {
    Passes,
    Strips,
    /// They did not say, for this reason.
    Unknown(DnsFailure),
}

/// Asks for the records of `zone` that are always there and always signed; each of two questions
/// may take `patience`.
async fn probe(resolver: &TokioResolver, zone: &Name, patience: Duration) -> Capability {
    let question = |kind| async move {
        timeout(patience, resolver.lookup(zone.clone(), kind))
            .await
            .unwrap_or(Err(NetError::Timeout))
    };
    match question(RecordType::SOA).await {
        Ok(reply) => {
            let mut proofs = reply
                .answers()
                .iter()
                .filter(|record| record.record_type() == RecordType::SOA && record.name == *zone)
                .map(|record| record.proof.is_secure())
                .peekable();
            if proofs.peek().is_none() {
                Capability::Unknown(DnsFailure::Malformed)
            } else if proofs.any(|secure| secure) {
                Capability::Passes
            } else {
                Capability::Strips
            }
        }
        // The signature is missing or wrong, or the key that would tell did not come.
        Err(NetError::Dns(DnsError::DnssecBogus)) => match question(RecordType::DNSKEY).await {
            Ok(reply)
                if reply
                    .answers()
                    .iter()
                    .any(|record| record.record_type() == RecordType::RRSIG) =>
            {
                Capability::Unknown(DnsFailure::ServerFailure)
            }
            Ok(_) | Err(NetError::Dns(DnsError::DnssecBogus | DnsError::Nsec { .. })) => {
                Capability::Strips
            }
            Err(error) => Capability::Unknown(reply::failure_of(&error)),
        },
        Err(error) => Capability::Unknown(reply::failure_of(&error)),
    }
}

async fn ask(resolver: &TokioResolver, name: &Name) -> Reply {
    match resolver.lookup(name.clone(), RecordType::TXT).await {
        // Where hickory gives a chain of aliases up, it says that its last name has no records.
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if none.response_code == ResponseCode::NoError
                && none.soa.is_none()
                && is_alias(resolver, none.query.name()).await =>
        {
            Reply::Answer(reply::failed(DnsFailure::AliasLoop))
        }
        reply => Reply::of(name, reply),
    }
}

async fn is_alias(resolver: &TokioResolver, name: &Name) -> bool {
    let reply = resolver.lookup(name.clone(), RecordType::CNAME).await;
    reply.is_ok_and(|reply| {
        reply
            .answers()
            .iter()
            .any(|record| record.record_type() == RecordType::CNAME && record.name == *name)
    })
}

/// How resolvers differ beside their servers.
#[derive(Clone, Copy, Debug)]
pub struct BuildOptions {
    /// Answers that hickory may keep.
    pub cache: u64,
    /// Whether the server shall find out what it does not know.
    pub recursive: bool,
}

impl BuildOptions {
    /// Answers are kept by our own cache; what validation needs again is worth keeping here.
    fn of_daemon(anchor: Option<&TrustAnchor>) -> Self {
        Self {
            cache: anchor.map_or(0, |_| HICKORY_CACHE_ENTRIES),
            recursive: true,
        }
    }
}

/// A resolver that asks `servers`, each of them for `timeout` at most, and validates against `anchor`.
pub fn build(
    servers: &[SocketAddr],
    timeout: Duration,
    anchor: Option<&TrustAnchor>,
    wanted: BuildOptions,
) -> Result<TokioResolver, NetError> {
    let name_servers = servers
        .iter()
        .map(|server| {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = server.port();
            }
            NameServerConfig::new(server.ip(), true, connections)
        })
        .collect();
    let config = ResolverConfig::from_parts(None, Vec::new(), name_servers);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    // Two tries fit into the time, with a little left to say so.
    options.timeout = timeout * 2 / 5;
    options.attempts = 1;
    // All at once: hickory's deadline covers the whole pool, so that a dead server asked alone
    // would leave no time for the next.
    options.num_concurrent_reqs = servers.len().max(2);
    options.edns0 = true;
    options.edns_payload_len = EDNS_PAYLOAD;
    options.use_hosts_file = ResolveHosts::Never;
    options.preserve_intermediates = true;
    options.cache_size = wanted.cache;
    options.recursion_desired = wanted.recursive;
    options.positive_max_ttl = Some(HICKORY_PRESENCE_LIFETIME);
    options.negative_max_ttl = Some(HICKORY_ABSENCE_LIFETIME);
    if let Some(anchor) = anchor {
        builder = builder.with_trust_anchor(Arc::clone(&anchor.anchors));
    }
    builder.build()
}

impl Reply {
    fn into_insecure(self) -> TxtAnswer {
        self.with(Dnssec::Insecure)
    }

    fn into_bogus(self) -> TxtAnswer {
        self.with(Dnssec::Bogus)
    }
}
