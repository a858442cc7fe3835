//! The keys that sign the mail of a domain, as the configuration has them.

use std::{fs::File, io, sync::Arc};

use dkim_core::{Algorithm, crypto::PrivateKey, name::Domain};
use dkimd_keygen::{generate::KeyKind, record::KeyRecord};
use dkimd_server::{
    config::snapshot::{NamedKey, SigningIdentities, Snapshot},
    keys::{
        KeySource,
        store::{KeyRules, KeyStore},
    },
    tables::{key_table::KeyTable, signing_table::SigningTable},
};

/// Whoever writes to a domain's postmaster gets answers signed by its usual key.
const USUAL_AUTHOR: &str = "postmaster";
/// Keys of one domain that are looked at.
const MOST_KEYS: usize = 16;

/// A key, and where its record ought to be.
#[derive(Clone, Debug)]
pub(in crate::checks) struct OwnKey {
    /// `d=`.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// Where the configuration names it: `/etc/dkim/KeyTable:3`.
    pub place: Option<String>,
    /// The private key; none where it can't be read.
    pub private: Option<Arc<dyn PrivateKey>>,
    /// Whether this process may not read it.
    pub denied: bool,
    /// Whether some line of the SigningTable leads to it.
    pub used: bool,
}

impl OwnKey {
    /// Where the record ought to be.
    pub(super) fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The record's text.
    pub(super) fn expected(&self) -> Option<String> {
        let private = self.private.as_ref()?;
        let kind = match private.algorithm() {
            Algorithm::Ed25519Sha256 => KeyKind::Ed25519,
            Algorithm::RsaSha256 | Algorithm::RsaSha1 => KeyKind::Rsa(private.bits()),
        };
        let record = KeyRecord {
            selector: self.selector.clone(),
            domain: self.domain.clone(),
            full_name: true,
            hashes: Some("sha256".to_owned()),
            note: None,
            email_only: false,
            no_subdomains: false,
            test_mode: false,
            kind,
            public: private.public_key(),
        };
        Some(record.text())
    }
}

/// The keys whose `d=` is the domain, and those that its mail is signed with besides.
pub(in crate::checks) async fn keys_of(server: &Snapshot, domain: &Domain) -> Vec<OwnKey> {
    let mut found: Vec<OwnKey> = Vec::new();
    match &server.signing {
        SigningIdentities::None => {}
        SigningIdentities::Single { domains, .. } => {
            let signs = domains.lookup(domain.as_str()).get().await;
            let signs = matches!(signs, Ok(Some(_)));
            for key in server.keys().filter(|_| signs) {
                found.push(own_key(&key, domain.as_str(), key.key.as_ref(), true));
            }
        }
        SigningIdentities::Tables { signing, keys } => {
            for row in server.keys() {
                if row
                    .domain
                    .is_some_and(|own| own.eq_ignore_ascii_case(domain.as_str()))
                {
                    let used = is_used(signing, row.name, domain.as_str());
                    found.push(own_key(&row, domain.as_str(), row.key.as_ref(), used));
                }
            }
            for key in of_authors(signing, keys, domain).await {
                let known = found.iter_mut().find(|known| known.name() == key.name());
                match known {
                    Some(known) => known.used = true,
                    None => found.push(key),
                }
            }
        }
    }
    found.truncate(MOST_KEYS);
    found
}

fn own_key(named: &NamedKey<'_>, domain: &str, key: Option<&KeySource>, used: bool) -> OwnKey {
    OwnKey {
        domain: domain.to_owned(),
        selector: named.selector.to_owned(),
        place: named
            .file
            .map(|file| format!("{}:{}", file.display(), named.line)),
        private: key.and_then(read),
        denied: key.is_some_and(is_denied),
        used,
    }
}

fn is_used(signing: &SigningTable, key_name: &str, domain: &str) -> bool {
    signing.rows().any(|row| match row.key_name {
        Some(name) => name == key_name || key_name.contains('*'),
        None => key_name == domain || key_name.contains('*'),
    })
}

/// The keys that the tables lead the domain's postmaster to.
async fn of_authors(signing: &SigningTable, keys: &KeyTable, domain: &Domain) -> Vec<OwnKey> {
    let entries = signing
        .find(USUAL_AUTHOR, domain.as_str(), true)
        .get()
        .await;
    let mut found = Vec::new();
    for entry in entries.unwrap_or_default() {
        let key = keys.find(&entry.key_name, domain.as_str()).get().await;
        let Ok(Some(key)) = key else {
            continue;
        };
        found.push(OwnKey {
            domain: key.domain.as_str().to_owned(),
            selector: key.selector.as_str().to_owned(),
            place: Some(keys.file().display().to_string()),
            private: read(&key.key),
            denied: is_denied(&key.key),
            used: true,
        });
    }
    found
}

/// The private key, whatever its size and safety, which other checks speak of.
fn read(source: &KeySource) -> Option<Arc<dyn PrivateKey>> {
    let rules = KeyRules {
        require_safe: false,
        minimum_bits: 0,
    };
    let (key, _) = KeyStore::new(1).get(source, rules).ok()?;
    Some(key)
}

/// Whether this process may not read the key, which tells nothing of whoever is to read it.
fn is_denied(source: &KeySource) -> bool {
    match source {
        KeySource::File(path) => {
            File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        }
        KeySource::Inline(_) => false,
    }
}
