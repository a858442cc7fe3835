//! What several checks look at, gathered once: the server's configuration, Postfix's settings, the
//! addresses mail leaves from, and somebody to ask DNS.

use std::{
    collections::HashSet,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use dkim_core::name::Domain;
use dkimd_postfix::{Postfix, PostfixError, leaving::Leaving};
use dkimd_questions::{Questions, questions};
use dkimd_server::{
    config::{
        resolve::Overrides,
        snapshot::{SigningIdentities, Snapshot},
    },
    diagnostic::Diagnostic,
    dns::resolver::ResolverError,
};

/// Domains that are examined where none is named; more must be named.
pub const MOST_DOMAINS: usize = 25;

/// Reads the command line of a process: the configuration file that a daemon was started with, if it
/// names one; `None`: it is no daemon's.
pub type ReadCommandLine = fn(Vec<OsString>) -> Option<Option<PathBuf>>;

/// What is to be examined, from the command line.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Domains; none: those of the configuration.
    pub domains: Vec<Domain>,
    /// The server's configuration.
    pub config: PathBuf,
    /// Reads the command lines of daemons that run.
    pub command_line: ReadCommandLine,
    /// No question leaves the host.
    pub offline: bool,
    /// A message to be looked at.
    pub sample: Option<Vec<u8>>,
}

/// The host that is examined.
#[derive(Debug)]
pub struct Host {
    /// The domains that are examined.
    pub domains: Vec<Domain>,
    /// How many more the configuration names.
    pub domains_left_out: usize,
    /// The server's configuration file.
    pub config: PathBuf,
    /// Reads the command lines of daemons that run.
    pub command_line: ReadCommandLine,
    /// The configuration, as far as it can be used.
    pub server: Option<Arc<Snapshot>>,
    /// Whether a server could start with this configuration; what is wrong with it, the check
    /// `configuration` tells.
    pub server_could_start: bool,
    /// Whether this process may not read the configuration file, or one that it names.
    pub config_is_denied: bool,
    /// Postfix's settings.
    pub postfix: Result<Postfix, PostfixError>,
    /// The addresses that mail leaves from.
    pub leaving: Leaving,
    /// Answers questions; `None`: offline.
    pub dns: Option<Questions>,
    /// When the examination began.
    pub now: SystemTime,
    /// A message to be looked at.
    pub sample: Option<Vec<u8>>,
}

impl Host {
    /// Looks around. Must be called within the Tokio runtime; reads files and runs `postconf`.
    ///
    /// # Errors
    /// When the operating system refuses the resolver its sockets.
    pub fn look_around(wanted: Wanted) -> Result<Self, ResolverError> {
        let loaded = load(&wanted.config);
        let postfix = Postfix::read(None);
        let dns = match wanted.offline {
            true => None,
            false => Some(questions(loaded.server.as_deref())?),
        };
        let (domains, domains_left_out) = match wanted.domains.is_empty() {
            true => domains_of(loaded.server.as_deref()),
            false => (wanted.domains, 0),
        };
        Ok(Self {
            domains,
            domains_left_out,
            config_is_denied: loaded.denied,
            config: wanted.config,
            command_line: wanted.command_line,
            server: loaded.server,
            server_could_start: loaded.could_start,
            leaving: Leaving::of(postfix.as_ref().ok()),
            postfix,
            dns,
            now: SystemTime::now(),
            sample: wanted.sample,
        })
    }

    /// Postfix's settings, where they can be read.
    pub fn postfix(&self) -> Option<&Postfix> {
        self.postfix.as_ref().ok()
    }

    /// The name that Postfix greets with when it sends: `smtp_helo_name`, `myhostname` by default.
    pub fn helo(&self) -> Option<&str> {
        let main = &self.postfix()?.main;
        ["smtp_helo_name", "myhostname"]
            .into_iter()
            .find_map(|name| main.get(name).filter(|value| !value.is_empty()))
    }
}

/// The configuration as this process sees it.
struct Loaded {
    server: Option<Arc<Snapshot>>,
    could_start: bool,
    denied: bool,
}

fn load(file: &Path) -> Loaded {
    let (snapshot, findings) = Snapshot::load(Some(file), &Overrides::default());
    // What root may not read, the server may not either; of anybody else it tells nothing.
    let root = nix::unistd::geteuid().is_root();
    let is_denied = |finding: &&Diagnostic| finding.denied && !root;
    let denied = findings.iter().any(|finding| is_denied(&finding));
    let mut errors = findings.iter().filter(|finding| finding.is_error());
    Loaded {
        could_start: match denied {
            true => !errors.any(|finding| !is_denied(&finding)),
            false => snapshot.is_some() && errors.next().is_none(),
        },
        server: snapshot.map(Arc::new),
        denied,
    }
}

/// The domains whose keys the configuration names, each once, in the order of the KeyTable; those
/// of the Domain option, and those of the SigningTable where a key serves every author's domain.
fn domains_of(server: Option<&Snapshot>) -> (Vec<Domain>, usize) {
    let Some(server) = server else {
        return (Vec::new(), 0);
    };
    let mut names: Vec<String> = server
        .keys()
        .filter_map(|key| key.domain.map(str::to_owned))
        .collect();
    match &server.signing {
        SigningIdentities::None => {}
        SigningIdentities::Single { domains, .. } => {
            let entries = domains.entries().unwrap_or_default();
            names.extend(entries.into_iter().map(|(name, _)| name));
        }
        SigningIdentities::Tables { signing, .. } => {
            if server.keys().any(|key| key.domain.is_none()) {
                let patterns = signing.rows().map(|row| row.pattern);
                let domain = |pattern: &str| match pattern.rsplit_once('@') {
                    Some((_, domain)) => domain.to_owned(),
                    None => pattern.to_owned(),
                };
                names.extend(patterns.map(domain));
            }
        }
    }
    let mut domains: Vec<Domain> = Vec::new();
    let mut seen = HashSet::new();
    for name in names {
        let Ok(domain) = Domain::parse(name.trim_start_matches('.')) else {
            continue;
        };
        if seen.insert(domain.clone()) && domains.len() < MOST_DOMAINS {
            domains.push(domain);
        }
    }
    let left_out = seen.len() - domains.len();
    (domains, left_out)
}
