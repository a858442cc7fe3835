//! What each authoritative name server says at a key's name, what the system's resolver says, and
//! where else the record may have ended up.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::time::timeout;

use super::{
    super::{each::side_by_side, resolver::probe::probe},
    keys::OwnKey,
};
use crate::host::Host;
use dkimd_questions::{Questions, Zone};
use dkimd_server::dns::DnsFailure;

/// The DNS port.
const PORT: u16 = 53;
/// Addresses of name servers that are asked about one key.
const MOST_SERVERS: usize = 12;
/// The time that one of them has for its answer.
const SERVER_LIMIT: Duration = Duration::from_secs(6);
/// Selectors that others use, and that one's own is mistaken for.
const USUAL_SELECTORS: [&str; 10] = [
    "mail",
    "default",
    "dkim",
    "s1",
    "selector1",
    "key1",
    "rsa",
    "ed25519",
    "2025",
    "2026",
];

/// All that is known of one key's record.
#[derive(Clone, Debug)]
pub(super) struct Served {
    /// What the system's resolver says.
    pub resolver: Result<Answered, DnsFailure>,
    /// What each authoritative server says; none where they could not be found out.
    pub servers: Vec<Server>,
    /// The name that the key's name is an alias of, where nothing is there.
    pub dangling: Option<String>,
    /// The zone that the record belongs to.
    pub zone: Option<String>,
    /// Texts under other names, asked for where the right name has none.
    pub elsewhere: Vec<(String, Vec<u8>)>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// The TXT records, sorted.
    pub texts: Vec<Vec<u8>>,
    /// The names that CNAME records led through.
    pub aliases: Vec<String>,
    /// How long it may be remembered.
    pub ttl: Duration,
}

/// One authoritative server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// What it says.
    pub answer: Result<Answered, DnsFailure>,
    /// Whether it answers over UDP but not over TCP, looked at where it gave no usable answer.
    pub lacks_tcp: bool,
}

/// Asks everybody.
pub(super) async fn ask(host: &Host, dns: &Questions, key: &OwnKey) -> Served {
    let name = key.name();
    let resolver = answered(dns, &name).await;
    let real_name = match &resolver {
        Ok(answer) => answer
            .aliases
            .last()
            .cloned()
            .unwrap_or_else(|| name.clone()),
        Err(_) => name.clone(),
    };
    let zone = dns.zone_of(&real_name).await.ok().flatten();
    let servers = match &zone {
        Some(zone) => ask_servers(host, dns, zone, &real_name).await,
        None => Vec::new(),
    };
    let found = |answer: &Result<Answered, DnsFailure>| matches!(answer, Ok(answer) if !answer.texts.is_empty());
    let anywhere = found(&resolver) || servers.iter().any(|server| found(&server.answer));
    let elsewhere = match resolver.is_ok() && !anywhere {
        true => look_elsewhere(host, dns, key).await,
        false => Vec::new(),
    };
    let dangling = match anywhere {
        true => None,
        false => {
            let alias = dns.cname(&name).await.map(|found| found.records);
            alias.unwrap_or_default().into_iter().next()
        }
    };
    Served {
        resolver,
        servers,
        dangling,
        zone: zone.map(|zone| zone.apex),
        elsewhere,
    }
}

async fn answered(dns: &Questions, name: &str) -> Result<Answered, DnsFailure> {
    let found = dns.txt(name).await?;
    let mut texts = found.records;
    texts.sort();
    Ok(Answered {
        texts,
        aliases: found.aliases,
        ttl: found.ttl,
    })
}

async fn ask_servers(host: &Host, dns: &Questions, zone: &Zone, name: &str) -> Vec<Server> {
    let has_v6 = host.leaving.v6.is_some();
    let addresses = zone.servers.iter().flat_map(|server| {
        let addresses = server.addresses.iter();
        addresses.map(|address| (server.name.clone(), *address))
    });
    let asking: Vec<_> = addresses
        // Without IPv6 of its own a host can't ask such servers.
        .filter(|(_, address)| address.is_ipv4() || has_v6)
        .take(MOST_SERVERS)
        .filter_map(|(server, address)| {
            let there = dns.only_at(address).ok()?;
            let (name, apex) = (name.to_owned(), zone.apex.clone());
            Some(async move {
                let answer = timeout(SERVER_LIMIT, answered(&there, &name)).await;
                let answer = answer.unwrap_or(Err(DnsFailure::Timeout));
                let lacks_tcp = match answer {
                    // Who is silent by UDP would only cost more time.
                    Ok(_) | Err(DnsFailure::Timeout) => false,
                    Err(_) => {
                        let shown = probe(SocketAddr::new(address, PORT), Some(&apex)).await;
                        shown.answers && !shown.useless && !shown.tcp
                    }
                };
                Server {
                    name: server,
                    address,
                    answer,
                    lacks_tcp,
                }
            })
        })
        .collect();
    side_by_side(asking).await
}

/// The names that a record ends up under by accident.
fn wrong_names(host: &Host, key: &OwnKey) -> Vec<String> {
    let OwnKey {
        domain, selector, ..
    } = key;
    let mut names = vec![
        // The panel appended the domain itself.
        format!("{selector}._domainkey.{domain}.{domain}"),
        format!("{selector}.domainkey.{domain}"),
        format!("{selector}._domainkeys.{domain}"),
        format!("{selector}_domainkey.{domain}"),
        format!("{selector}.{domain}"),
        format!("_domainkey.{domain}"),
        format!("{selector}._domainkey.www.{domain}"),
        format!("{selector}._domainkey.mail.{domain}"),
    ];
    if let Some((_, parent)) = domain
        .split_once('.')
        .filter(|(_, rest)| rest.contains('.'))
    {
        names.push(format!("{selector}._domainkey.{parent}"));
    }
    let helo = host.helo().filter(|helo| helo.contains('.'));
    names.extend(helo.map(|helo| format!("{selector}._domainkey.{helo}")));
    names.extend(
        USUAL_SELECTORS
            .iter()
            .map(|usual| format!("{usual}._domainkey.{domain}")),
    );
    names.retain(|name| *name != key.name());
    names
}

async fn look_elsewhere(host: &Host, dns: &Questions, key: &OwnKey) -> Vec<(String, Vec<u8>)> {
    let asking = wrong_names(host, key).into_iter().map(|name| {
        let dns = dns.clone();
        async move {
            let texts = dns.txt(&name).await.map(|found| found.records);
            (name, texts.unwrap_or_default())
        }
    });
    side_by_side(asking)
        .await
        .into_iter()
        .flat_map(|(name, texts)| texts.into_iter().map(move |text| (name.clone(), text)))
        .collect()
}
