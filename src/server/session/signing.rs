//! From identities to signing requests: keys from the store, `l=` and extension tags from the
//! configuration.

use crate::{
    config::snapshot::Snapshot,
    decide::Identity,
    dkim::sign::{BodyLength, SigningRequest},
    keys::{
        purpose::{NamedIn, Purpose},
        store::{KeyError, KeyRules, KeyStore},
    },
    session::lines,
};

/// The rules that keys must satisfy under a configuration.
pub fn key_rules(snapshot: &Snapshot) -> KeyRules {
    let settings = &snapshot.settings.signing;
    KeyRules {
        require_safe: settings.require_safe_keys,
        minimum_bits: settings.minimum_key_bits,
    }
}

/// A key that can't be used, and whose signature it is for.
#[derive(Debug)]
pub struct KeyFailure<'a> {
    /// Why.
    pub error: KeyError,
    /// The signature.
    pub identity: &'a Identity,
}

impl KeyFailure<'_> {
    /// The log line.
    pub fn line(&self) -> String {
        let Identity {
            domain, selector, ..
        } = self.identity;
        let named_in = match self.identity.key_name {
            Some(_) => NamedIn::KeyTable,
            None => NamedIn::KeyFile,
        };
        let purpose = Purpose::new(domain.clone(), selector.clone(), named_in);
        lines::key_unusable(&self.error, Some(&purpose))
    }
}

/// One request for each identity, and the warnings of keys that were read just now.
///
/// # Errors
/// The first key that can't be used: a message is signed by all its identities or by none.
pub fn requests<'a>(
    snapshot: &Snapshot,
    keys: &KeyStore,
    identities: &'a [Identity],
    body_length: BodyLength,
    extra_tags: &[(String, String)],
) -> Result<(Vec<SigningRequest>, Vec<String>), KeyFailure<'a>> {
    let rules = key_rules(snapshot);
    let mut warnings = Vec::new();
    let mut requests = Vec::with_capacity(identities.len());
    for identity in identities {
        let (key, of_this_load) = keys
            .get(&identity.key, rules)
            .map_err(|error| KeyFailure { error, identity })?;
        warnings.extend(of_this_load);
        requests.push(SigningRequest {
            domain: identity.domain.clone(),
            selector: identity.selector.clone(),
            auid: identity.auid.clone(),
            key,
            body_length,
            extra_tags: extra_tags.to_vec(),
        });
    }
    Ok((requests, warnings))
}

/// The `l=` that the configuration wants, and the recipient that made BodyLengthDB want it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LengthFinding {
    /// For the requests.
    pub body_length: BodyLength,
    /// For the log.
    pub matched_recipient: Option<String>,
}

/// MaximumSignedBytes, else BodyLengthDB.
pub async fn body_length(snapshot: &Snapshot, recipients: &[String]) -> LengthFinding {
    let mut finding = LengthFinding::default();
    if let Some(set) = snapshot.body_length.as_deref() {
        // The last one first, as OpenDKIM does: the log names one of several.
        'recipients: for recipient in recipients.iter().rev() {
            for key in body_length_keys(recipient) {
                // A source that can't be asked makes no exception: the whole body is signed.
                if let Ok(Some(_)) = set.lookup(&key).get().await {
                    finding.matched_recipient = Some(recipient.clone());
                    finding.body_length = BodyLength::Told;
                    break 'recipients;
                }
            }
        }
    }
    if let Some(limit) = snapshot.settings.signing.maximum_signed_bytes {
        finding.body_length = BodyLength::AtMost(limit);
    }
    finding
}

/// `user@dom`, `*@dom`, both with the domain cut at each dot (the dot stays), `user@*`, `*`.
fn body_length_keys(recipient: &str) -> Vec<String> {
    let (user, domain) = recipient.rsplit_once('@').unwrap_or((recipient, ""));
    let parents = domain.match_indices('.').map(|(dot, _)| &domain[dot..]);
    let mut keys: Vec<String> = std::iter::once(domain)
        .chain(parents)
        .flat_map(|domain| [format!("{user}@{domain}"), format!("*@{domain}")])
        .collect();
    keys.push(format!("{user}@*"));
    keys.push("*".to_owned());
    keys
}

/// ATPSDomains as tags, in the order in which OpenDKIM adds them.
pub async fn extra_tags(snapshot: &Snapshot, author_domain: &str) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    if let Some(set) = snapshot.atps_domains.as_deref()
        && let Ok(Some(_)) = set.lookup(author_domain).get().await
    {
        tags.push(tag("atps", author_domain));
        tags.push(tag("atpsh", snapshot.settings.signing.atps_hash));
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_length_keys_go_from_the_address_to_the_star() {
        assert_eq!(
            body_length_keys("joe@a.example.net"),
            [
                "joe@a.example.net",
                "*@a.example.net",
                "joe@.example.net",
                "*@.example.net",
                "joe@.net",
                "*@.net",
                "joe@*",
                "*",
            ]
        );
    }
}
