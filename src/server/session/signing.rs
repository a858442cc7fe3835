//! From identities to signatures: keys that are ready, `l=` and extension tags from the configuration.

use std::sync::Arc;

use super::{
    aside::{SIGNING_WEIGHT, aside},
    holder::{KeyHolder, NotReady, Ready, SigningKey},
};
use crate::{
    config::snapshot::Snapshot,
    decide::Identity,
    dkim::{
        UnixTime,
        header::HeaderSection,
        sign::{BodyLength, SignError, SignatureField, Signer, SigningRequest},
    },
    keys::purpose::{NamedIn, Purpose},
    session::lines,
};

/// A key that is not ready, and whose signature it is for.
#[derive(Debug)]
pub struct KeyFailure<'a> {
    /// Why.
    pub error: NotReady,
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
        match &self.error {
            NotReady::Identity(error) => lines::identity_failed(error),
            NotReady::Key(error) => {
                let purpose = Purpose::new(domain.clone(), selector.clone(), named_in);
                lines::key_unusable(error, Some(&purpose))
            }
        }
    }
}

/// A message that is being signed: hashes of what came so far, and the keys.
#[derive(Debug)]
pub struct Signing {
    signer: Signer,
    keys: Vec<Arc<dyn SigningKey>>,
}

impl Signing {
    /// One signature for each identity, and the warnings of keys that were read just now.
    ///
    /// # Errors
    /// The first key that is not ready: a message is signed by all its identities or by none.
    pub async fn begin<'a>(
        snapshot: &Snapshot,
        holder: &dyn KeyHolder,
        identities: &'a [Identity],
        body_length: BodyLength,
        extra_tags: &[(String, String)],
    ) -> Result<(Self, Vec<String>), KeyFailure<'a>> {
        let mut warnings = Vec::new();
        let mut requests = Vec::with_capacity(identities.len());
        let mut keys = Vec::with_capacity(identities.len());
        for identity in identities {
            let ready = holder.ready(snapshot, identity).get().await;
            let Ready {
                key,
                warnings: of_this_load,
            } = ready.map_err(|error| KeyFailure { error, identity })?;
            warnings.extend(of_this_load);
            requests.push(SigningRequest {
                domain: identity.domain.clone(),
                selector: identity.selector.clone(),
                auid: identity.auid.clone(),
                algorithm: key.algorithm(),
                body_length,
                extra_tags: extra_tags.to_vec(),
            });
            keys.push(key);
        }
        let signer = Signer::new(Arc::clone(&snapshot.signing_policy), requests);
        Ok((Self { signer, keys }, warnings))
    }

    /// Takes octets of the body, in chunks of any size.
    pub fn body(&mut self, octets: &[u8]) {
        self.signer.body(octets);
    }

    /// Whether more of the body could change anything.
    pub fn wants_body(&self) -> bool {
        self.signer.wants_body()
    }

    /// Ends the body, and has the fields signed, in the identities' order.
    ///
    /// # Errors
    /// The first key that doesn't sign.
    pub async fn finish(
        self,
        section: &HeaderSection,
        now: UnixTime,
    ) -> Result<Vec<SignatureField>, SignError> {
        let Self { signer, keys } = self;
        let unsigned = aside(section.octets(), || signer.finish(section, now)).await;
        let weight = section.octets() + keys.len() * SIGNING_WEIGHT;
        let mut fields = Vec::with_capacity(keys.len());
        for (field, key) in unsigned.into_iter().zip(keys) {
            let signature = aside(weight, || key.sign(&field.digest)).await.get().await;
            fields.push(match signature {
                Ok(signature) => field.with_signature(&signature),
                Err(_) => return Err(field.failed()),
            });
        }
        Ok(fields)
    }
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
