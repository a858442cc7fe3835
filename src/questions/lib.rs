//! Every kind of question that `setup` and `doctor` ask, answered through the same name servers and
//! the same resolver as the daemon's, or by one server directly.
//!
//! SPF and DMARC are judged here, as a receiver does, and nowhere else ([`Questions::spf`]).
//!
//! The daemon itself needs TXT records alone ([`dkimd_server::dns::resolver`]); this is for people who wait.

#![warn(clippy::unwrap_used)]

mod judgement;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    net::{DnsError, NetError},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, Record, RecordType},
    },
};
use tokio::time::timeout;

use dkimd_server::{
    config::snapshot::Snapshot,
    dns::{
        DnsFailure,
        name::DnsName,
        nameservers::{NameServers, RESOLV_CONF, read_system_servers},
        reply,
        resolver::{BuildOptions, DEFAULT_TIMEOUT, ResolverError, build},
    },
};

pub use judgement::{SpfResult, is_readable_dmarc};

/// Answers remembered for the run of one command.
const CACHED_ANSWERS: u64 = 2048;
/// The DNS port.
const PORT: u16 = 53;
/// Labels above which no zone cut is looked for.
const MOST_LABELS: usize = 127;

/// Somebody to ask DNS: the servers that the daemon asks, or the system's. Must be called within
/// the Tokio runtime.
///
/// # Errors
/// When the operating system refuses the resolver its sockets.
pub fn questions(server: Option<&Snapshot>) -> Result<Questions, ResolverError> {
    let Some(server) = server else {
        return Questions::of_system();
    };
    let verifying = &server.settings.verifying;
    let servers = match verifying.nameservers.as_slice() {
        [] => NameServers::default(),
        given => NameServers::Listed(given.to_vec()),
    };
    Questions::new(&servers, verifying.dns_timeout)
}

/// Asks.
#[derive(Clone, Debug)]
pub struct Questions {
    resolver: TokioResolver,
    servers: Vec<SocketAddr>,
    patience: Duration,
}

/// The records of one name and type, aliases followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records<T> {
    /// The records; none where the name or the type does not exist.
    pub records: Vec<T>,
    /// Whether there is such a name at all.
    pub name_exists: bool,
    /// The names that CNAME records led through, the asked one left out.
    pub aliases: Vec<String>,
    /// The least TTL of the answer.
    pub ttl: Duration,
}

/// What came of a question; absence is an answer, not a failure.
pub type Answer<T> = Result<Records<T>, DnsFailure>;

/// A mail exchanger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailExchanger {
    /// The lower, the sooner it is tried.
    pub preference: u16,
    /// Its name; `.` in a null MX (RFC 7505).
    pub host: String,
}

/// A server that is responsible for a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its name in the NS record.
    pub name: String,
    /// Its addresses; none where its name has none.
    pub addresses: Vec<IpAddr>,
}

/// A zone and its servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Where the zone begins: `example.com`.
    pub apex: String,
    /// Its name servers.
    pub servers: Vec<Authority>,
}

impl Questions {
    /// Asks the servers that the daemon asks. `patience` (DNSTimeout) is for one question, all
    /// tries together. Must be called within the Tokio runtime.
    ///
    /// # Errors
    /// When the operating system refuses the resolver its sockets.
    pub fn new(servers: &NameServers, patience: Option<Duration>) -> Result<Self, ResolverError> {
        let servers = match servers {
            NameServers::Listed(servers) => servers.clone(),
            NameServers::System(path) => read_system_servers(path),
        };
        let patience = patience
            .filter(|patience| !patience.is_zero())
            .unwrap_or(DEFAULT_TIMEOUT);
        Self::of(servers, patience, true)
    }

    /// Asks the servers of `/etc/resolv.conf`.
    ///
    /// # Errors
    /// As [`Questions::new`].
    pub fn of_system() -> Result<Self, ResolverError> {
        Self::new(&NameServers::System(RESOLV_CONF.into()), None)
    }

    /// Asks one server alone for what it knows itself (without recursion), as to compare it with
    /// others.
    ///
    /// # Errors
    /// As [`Questions::new`].
    pub fn only_at(&self, server: IpAddr) -> Result<Self, ResolverError> {
        Self::of(vec![SocketAddr::new(server, PORT)], self.patience, false)
    }

    /// Asks other recursive servers than those of the configuration.
    ///
    /// # Errors
    /// As [`Questions::new`].
    pub fn through(&self, servers: Vec<SocketAddr>) -> Result<Self, ResolverError> {
        Self::of(servers, self.patience, true)
    }

    fn of(
        servers: Vec<SocketAddr>,
        patience: Duration,
        recursive: bool,
    ) -> Result<Self, ResolverError> {
        let options = BuildOptions {
            cache: CACHED_ANSWERS,
            recursive,
        };
        Ok(Self {
            resolver: build(&servers, patience, None, options)?,
            servers,
            patience,
        })
    }

    /// The servers that are asked.
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// TXT records, each with its character-strings joined.
    pub async fn txt(&self, name: &str) -> Answer<Vec<u8>> {
        self.ask(name, RecordType::TXT, |data| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        })
        .await
    }

    /// IPv4 addresses.
    pub async fn a(&self, name: &str) -> Answer<Ipv4Addr> {
        self.ask(name, RecordType::A, |data| match data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
        .await
    }

    /// IPv6 addresses.
    pub async fn aaaa(&self, name: &str) -> Answer<Ipv6Addr> {
        self.ask(name, RecordType::AAAA, |data| match data {
            RData::AAAA(address) => Some(address.0),
            _ => None,
        })
        .await
    }

    /// Addresses of both families, IPv4 first.
    pub async fn addresses(&self, name: &str) -> Answer<IpAddr> {
        let (v4, v6) = tokio::join!(self.a(name), self.aaaa(name));
        let (v4, v6) = (v4?, v6?);
        let addresses = v4.records.into_iter().map(IpAddr::V4);
        Ok(Records {
            records: addresses
                .chain(v6.records.into_iter().map(IpAddr::V6))
                .collect(),
            name_exists: v4.name_exists || v6.name_exists,
            aliases: v4.aliases,
            ttl: v4.ttl.min(v6.ttl),
        })
    }

    /// Mail exchangers, the first to be tried first.
    pub async fn mx(&self, name: &str) -> Answer<MailExchanger> {
        let mut answer = self
            .ask(name, RecordType::MX, |data| match data {
                RData::MX(mx) => Some(MailExchanger {
                    preference: mx.preference,
                    host: plain(&mx.exchange),
                }),
                _ => None,
            })
            .await?;
        answer.records.sort();
        Ok(answer)
    }

    /// The names of an address.
    pub async fn ptr(&self, address: IpAddr) -> Answer<String> {
        self.ask(&reverse_name(address), RecordType::PTR, |data| match data {
            RData::PTR(name) => Some(plain(&name.0)),
            _ => None,
        })
        .await
    }

    /// The name that a name is an alias of.
    pub async fn cname(&self, name: &str) -> Answer<String> {
        self.ask(name, RecordType::CNAME, |data| match data {
            RData::CNAME(name) => Some(plain(&name.0)),
            _ => None,
        })
        .await
    }

    /// The names of a zone's servers; none where `name` is not a zone's apex.
    pub async fn ns(&self, name: &str) -> Answer<String> {
        self.ask(name, RecordType::NS, |data| match data {
            RData::NS(name) => Some(plain(&name.0)),
            _ => None,
        })
        .await
    }

    /// TLSA records in presentation form (RFC 6698); they count under DNSSEC alone, which is not
    /// looked at here.
    pub async fn tlsa(&self, name: &str) -> Answer<String> {
        self.ask(name, RecordType::TLSA, |data| Some(data.to_string()))
            .await
    }

    /// CAA records in presentation form (RFC 8659).
    pub async fn caa(&self, name: &str) -> Answer<String> {
        self.ask(name, RecordType::CAA, |data| Some(data.to_string()))
            .await
    }

    /// The zone that holds `name`, found by looking for NS records upwards from it, with its
    /// servers' addresses.
    ///
    /// # Errors
    /// When a question on the way got no answer.
    pub async fn zone_of(&self, name: &str) -> Result<Option<Zone>, DnsFailure> {
        let mut rest = name.trim_end_matches('.');
        for _ in 0..MOST_LABELS {
            let found = self.ns(rest).await?;
            if !found.records.is_empty() && found.aliases.is_empty() {
                let mut servers = Vec::with_capacity(found.records.len());
                for name in found.records {
                    let addresses = self.addresses(&name).await.map(|found| found.records);
                    servers.push(Authority {
                        name,
                        addresses: addresses.unwrap_or_default(),
                    });
                }
                return Ok(Some(Zone {
                    apex: rest.to_owned(),
                    servers,
                }));
            }
            match rest.split_once('.') {
                Some((_, parent)) if parent.contains('.') => rest = parent,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Answer<T> {
        let wire = DnsName::parse(name)
            .ok()
            .and_then(|name| name.to_wire())
            .ok_or(DnsFailure::Unreachable)?;
        let reply = timeout(self.patience, self.resolver.lookup(wire.clone(), kind))
            .await
            .unwrap_or(Err(NetError::Timeout));
        match reply {
            Ok(lookup) => Ok(records_of(&wire, lookup.answers(), kind, read)),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => absent(none.response_code),
            Err(NetError::Dns(DnsError::Nsec { response, .. })) => absent(response.response_code),
            Err(error) => Err(reply::failure_of(&error)),
        }
    }
}

fn absent<T>(code: ResponseCode) -> Answer<T> {
    let name_exists = match code {
        ResponseCode::NXDomain => false,
        ResponseCode::NoError => true,
        ResponseCode::Refused => return Err(DnsFailure::Refused),
        _ => return Err(DnsFailure::ServerFailure),
    };
    Ok(Records {
        records: Vec::new(),
        name_exists,
        aliases: Vec::new(),
        ttl: Duration::ZERO,
    })
}

fn records_of<T>(
    asked: &Name,
    answers: &[Record],
    kind: RecordType,
    read: impl Fn(&RData) -> Option<T>,
) -> Records<T> {
    let mut end = asked;
    let mut aliases = Vec::new();
    let mut ttl = u32::MAX;
    while kind != RecordType::CNAME && aliases.len() <= reply::MAX_ALIASES {
        let Some((record, target)) = reply::alias_of(end, answers) else {
            break;
        };
        ttl = ttl.min(record.ttl);
        aliases.push(plain(target));
        end = target;
    }
    let mut records = Vec::new();
    for record in answers.iter().filter(|record| record.name == *end) {
        if let Some(value) = read(&record.data).filter(|_| record.record_type() == kind) {
            ttl = ttl.min(record.ttl);
            records.push(value);
        }
    }
    Records {
        records,
        name_exists: true,
        aliases,
        ttl: Duration::from_secs(ttl.into()),
    }
}

/// A name as people write it: without the final dot, lower case; the root is `.`.
fn plain(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    match text.strip_suffix('.') {
        Some("") | None => text,
        Some(text) => text.to_owned(),
    }
}

/// Where an address has its PTR records: `10.113.0.203.in-addr.arpa`, or nibbles under `ip6.arpa`.
pub fn reverse_name(address: IpAddr) -> String {
    format!(
        "{}.{}",
        reversed(address),
        match address {
            IpAddr::V4(_) => "in-addr.arpa",
            IpAddr::V6(_) => "ip6.arpa",
        }
    )
}

/// An address as reverse zones and block lists write it (RFC 5782 section 2): octets or nibbles
/// backwards.
pub fn reversed(address: IpAddr) -> String {
    let labels: Vec<String> = match address {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => v6
            .octets()
            .iter()
            .rev()
            .flat_map(|octet| [octet & 15, octet >> 4])
            .map(|nibble| format!("{nibble:x}"))
            .collect(),
    };
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_backwards() {
        assert_eq!(
            reverse_name("203.0.113.10".parse().unwrap()),
            "10.113.0.203.in-addr.arpa"
        );
        let v6 = reversed("2001:db8::1".parse().unwrap());
        assert!(v6.starts_with("1.0.0.0.") && v6.ends_with(".8.b.d.0.1.0.0.2"));
        assert_eq!(v6.len(), 63);
    }
}
