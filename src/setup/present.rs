//! What the present configuration does with a domain's mail.

use crate::{
    key_files::{PublicKey, public_key},
    tables::example_of,
};
use dkimd_server::{
    config::snapshot::{SigningIdentities, Snapshot},
    dataset::Answer,
    keys::KeySource,
    tables::{key_table::KeyTable, signing_table::SigningTable},
};

/// An author who is in no table by name.
const SOMEBODY: &str = "somebody-of-setup";
/// Lines of a SigningTable compared one with the other; a larger one counts as if its lines
/// overlapped.
const MOST_LINES: usize = 1_000_000;

/// What signs a domain's mail today.
#[derive(Clone, Debug, Default)]
pub struct Present {
    /// The domain's own keys, in the order of the SigningTable.
    pub own: Vec<OwnKey>,
    /// The first line of the SigningTable that catches the domain's mail for another domain's key.
    pub caught_by: Option<u32>,
    /// The first line that catches it for its own domain's key.
    pub first_line: Option<u32>,
}

/// A key that signs for its domain.
#[derive(Clone, Debug)]
pub struct OwnKey {
    /// `s=`.
    pub selector: String,
    /// Its name in the KeyTable.
    pub name: String,
    /// The key.
    pub source: KeySource,
    /// What it is; `Err`: why it can't be used.
    pub public: Result<PublicKey, String>,
}

impl Present {
    /// Asks the tables, or the one key's domains.
    pub fn of(snapshot: &Snapshot, domain: &str) -> Self {
        match &snapshot.signing {
            SigningIdentities::None => Self::default(),
            SigningIdentities::Single {
                domains,
                selector,
                key,
                ..
            } => {
                let listed = matches!(now(domains.lookup(domain)), Some(Ok(Some(_))));
                let own = OwnKey {
                    selector: selector.as_str().to_owned(),
                    name: usual_key_name(selector.as_str(), domain),
                    public: public_key(key),
                    source: key.clone(),
                };
                Self {
                    own: if listed { vec![own] } else { Vec::new() },
                    ..Self::default()
                }
            }
            SigningIdentities::Tables { signing, keys } => Self::of_tables(signing, keys, domain),
        }
    }

    fn of_tables(signing: &SigningTable, keys: &KeyTable, domain: &str) -> Self {
        let mut present = Self::default();
        for found in find(signing, SOMEBODY, domain, true) {
            let entry = match now(keys.find(&found.key_name, domain)) {
                Some(Ok(Some(entry))) => entry,
                _ => continue,
            };
            if entry.domain.as_str().eq_ignore_ascii_case(domain) {
                present.first_line = present.first_line.or(found.line);
                present.own.push(OwnKey {
                    selector: entry.selector.as_str().to_owned(),
                    name: found.key_name,
                    public: public_key(&entry.key),
                    source: entry.key,
                });
            } else if present.caught_by.is_none() {
                present.caught_by = found.line;
            }
        }
        present
    }

    /// The own key with this selector.
    pub fn with_selector(&self, selector: &str) -> Option<&OwnKey> {
        self.own
            .iter()
            .find(|key| key.selector.eq_ignore_ascii_case(selector))
    }
}

/// The selectors and signing domains that mail of `somebody@domain` gets.
pub fn signers(snapshot: &Snapshot, local: &str, domain: &str) -> Vec<(String, String)> {
    let SigningIdentities::Tables { signing, keys } = &snapshot.signing else {
        return match &snapshot.signing {
            SigningIdentities::Single {
                domains, selector, ..
            } if matches!(now(domains.lookup(domain)), Some(Ok(Some(_)))) => {
                vec![(selector.as_str().to_owned(), domain.to_owned())]
            }
            _ => Vec::new(),
        };
    };
    let multiple = snapshot.settings.signing.multiple;
    find(signing, local, domain, multiple)
        .into_iter()
        .filter_map(|found| match now(keys.find(&found.key_name, domain)) {
            Some(Ok(Some(entry))) => Some((
                entry.selector.as_str().to_owned(),
                entry.domain.as_str().to_ascii_lowercase(),
            )),
            _ => None,
        })
        .collect()
}

/// Those of somebody of the domain who is in no table by name.
pub fn signers_of(snapshot: &Snapshot, domain: &str) -> Vec<(String, String)> {
    signers(snapshot, SOMEBODY, domain)
}

/// Whether some author's mail is caught by more than one line already, so that it would get more
/// signatures with MultipleSignatures than it has now.
pub fn lines_overlap(snapshot: &Snapshot) -> bool {
    match &snapshot.signing {
        SigningIdentities::None => false,
        SigningIdentities::Single {
            domains,
            sub_domains,
            ..
        } => {
            let Some(entries) = domains.entries() else {
                return true;
            };
            let below = |name: &str| {
                entries.iter().any(|(other, _)| {
                    name.len() > other.len() && name.ends_with(&format!(".{other}"))
                })
            };
            entries
                .iter()
                .any(|(name, _)| name == "*" || (*sub_domains && below(name)))
        }
        SigningIdentities::Tables { signing, .. } => {
            let mut rows = 0;
            signing.rows().any(|row| {
                rows += 1;
                let (local, domain) = example_of(row.pattern);
                rows > MOST_LINES || find(signing, &local, &domain, true).len() > 1
            })
        }
    }
}

/// The names of a domain's keys in the KeyTable, with selector and key.
pub fn in_key_table(
    snapshot: &Snapshot,
    domain: &str,
    selector: &str,
) -> Option<(String, KeySource)> {
    let SigningIdentities::Tables { keys, .. } = &snapshot.signing else {
        return None;
    };
    keys.rows().find_map(|row| {
        let fits =
            row.domain?.eq_ignore_ascii_case(domain) && row.selector.eq_ignore_ascii_case(selector);
        let key = row.key.filter(|_| fits)?;
        Some((row.name.to_owned(), key))
    })
}

/// The usual name of a key in the KeyTable: that of its record in DNS.
pub fn usual_key_name(selector: &str, domain: &str) -> String {
    format!("{selector}._domainkey.{domain}")
}

fn find(
    table: &SigningTable,
    local: &str,
    domain: &str,
    multiple: bool,
) -> Vec<dkimd_server::tables::signing_table::SigningEntry> {
    match now(table.find(local, domain, multiple)) {
        Some(Ok(found)) => found,
        _ => Vec::new(),
    }
}

/// Compiled tables know at once; setup refuses others.
fn now<T>(answer: Answer<'_, T>) -> Option<T> {
    match answer {
        Answer::Now(value) => Some(value),
        Answer::Later(_) => None,
    }
}
