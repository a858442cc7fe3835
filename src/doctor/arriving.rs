//! Which of the examined domains have their mail sent to this host.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    addresses::{Seen, own_addresses},
    host::Host,
};
use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// What the MX records of the examined domains say of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arriving {
    /// Domain and mail exchanger, where that is this host.
    pub here: Vec<(String, String)>,
    /// The question that got no answer; no further ones were asked.
    pub unanswered: Option<(String, DnsFailure)>,
}

impl Arriving {
    /// Asks; nothing is known without DNS.
    pub async fn at(host: &Host, seen: &Seen) -> Self {
        let mut arriving = Self::default();
        let Some(dns) = &host.dns else {
            return arriving;
        };
        let own = own_addresses(host, seen);
        for domain in &host.domains {
            let domain = domain.as_str();
            match exchangers_among(dns, domain, &own).await {
                Ok(here) => {
                    let here = here.into_iter().map(|name| (domain.to_owned(), name));
                    arriving.here.extend(here);
                }
                Err(unanswered) => {
                    arriving.unanswered = Some(unanswered);
                    break;
                }
            }
        }
        arriving
    }

    /// The names of this host in MX records, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.here.iter().map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The domain's exchangers with an address among `own`; the domain itself where it has no MX
/// (RFC 5321 section 5.1).
async fn exchangers_among(
    dns: &Questions,
    domain: &str,
    own: &BTreeSet<IpAddr>,
) -> Result<Vec<String>, (String, DnsFailure)> {
    let told = |name: &str, failure| (name.to_owned(), failure);
    let found = dns.mx(domain).await.map_err(|f| told(domain, f))?;
    let names = match found.records.is_empty() {
        true => vec![domain.to_owned()],
        false => found.records.into_iter().map(|mx| mx.host).collect(),
    };
    let mut here = Vec::new();
    for name in names.into_iter().filter(|name| name != ".") {
        let addresses = dns.addresses(&name).await.map_err(|f| told(&name, f))?;
        if addresses
            .records
            .iter()
            .any(|address| own.contains(address))
        {
            here.push(name);
        }
    }
    Ok(here)
}
