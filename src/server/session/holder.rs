//! Whoever holds the private keys.
//!
//! The session knows keys by their names in the KeyTable alone. Their holder looks the names up, holds the
//! keys and signs with them; every answer may come later. Today the holder is this process ([`KeyStore`]);
//! nothing else in the session would notice if it were another.

use std::{fmt::Debug, sync::Arc};

use crate::{
    config::snapshot::{SigningIdentities, Snapshot},
    dataset::Answer,
    decide::{Identity, IdentityError},
    dkim::{
        Algorithm,
        crypto::{PrivateKey, Sha256Digest, SignatureFailed},
        name::{Domain, Selector},
    },
    keys::{
        KeySource,
        store::{KeyError, KeyRules, KeyStore, Loaded},
    },
    secret,
    tables::key_table::KeyEntry,
};

/// Holds private keys: finds them by their names, and signs with them.
pub trait KeyHolder: Debug + Send + Sync {
    /// What the KeyTable of a configuration says of `name` for mail of `author_domain`.
    ///
    /// # Errors
    /// When there is no such entry, or it is no use.
    fn find<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        name: &'a str,
        author_domain: &'a str,
    ) -> Answer<'a, Result<Named, IdentityError>>;

    /// The key of an identity, ready to sign.
    ///
    /// # Errors
    /// When its name leads to no key, or the key can't be used.
    fn ready<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        identity: &'a Identity,
    ) -> Answer<'a, Result<Ready, NotReady>>;
}

/// The public half of a KeyTable entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// `d=`.
    pub domain: Domain,
    /// `s=`.
    pub selector: Selector,
}

/// A key that signs when it is asked to, wherever it is.
pub trait SigningKey: Debug + Send + Sync {
    /// `a=`.
    fn algorithm(&self) -> Algorithm;

    /// The signature of the digest of a canonical header section.
    fn sign<'a>(&'a self, digest: &'a Sha256Digest)
    -> Answer<'a, Result<Vec<u8>, SignatureFailed>>;
}

/// A key that was found.
#[derive(Debug)]
pub struct Ready {
    /// The key.
    pub key: Arc<dyn SigningKey>,
    /// What is to be told of it; empty unless it was read just now.
    pub warnings: Vec<String>,
}

/// Why no key is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// The name leads to no key.
    Identity(IdentityError),
    /// The key can't be used.
    Key(KeyError),
}

/// The keys in this process.
impl KeyHolder for KeyStore {
    fn find<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        name: &'a str,
        author_domain: &'a str,
    ) -> Answer<'a, Result<Named, IdentityError>> {
        entry(snapshot, name, author_domain).map(|entry| {
            entry.map(|entry| Named {
                domain: entry.domain,
                selector: entry.selector,
            })
        })
    }

    fn ready<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        identity: &'a Identity,
    ) -> Answer<'a, Result<Ready, NotReady>> {
        key(snapshot, self, identity).map(|loaded| {
            loaded.map(|(key, warnings)| Ready {
                key: Arc::new(InThisProcess(key)),
                warnings,
            })
        })
    }
}

/// A parsed key, which signs at once.
#[derive(Debug)]
struct InThisProcess(Arc<dyn PrivateKey>);

impl SigningKey for InThisProcess {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn sign<'a>(
        &'a self,
        digest: &'a Sha256Digest,
    ) -> Answer<'a, Result<Vec<u8>, SignatureFailed>> {
        Answer::Now(self.0.sign(digest))
    }
}

/// The rules that keys must satisfy under a configuration.
pub fn key_rules(snapshot: &Snapshot) -> KeyRules {
    let settings = &snapshot.settings.signing;
    KeyRules {
        require_safe: settings.require_safe_keys,
        minimum_bits: settings.minimum_key_bits,
    }
}

/// Where the key of an identity is kept, for whoever holds keys and for tools that an administrator runs.
///
/// # Errors
/// As [`KeyHolder::find`].
pub fn source<'a>(
    snapshot: &'a Snapshot,
    identity: &'a Identity,
) -> Answer<'a, Result<KeySource, IdentityError>> {
    match (&identity.key_name, &snapshot.signing) {
        (None, SigningIdentities::Single { key, .. }) => Answer::Now(Ok(key.clone())),
        // Where the entry says `%`, `d=` is the author's domain.
        (Some(name), SigningIdentities::Tables { keys, .. }) => keys
            .key(name, identity.domain.as_str())
            .map(|key| key?.ok_or_else(|| unknown(name))),
        (name, _) => Answer::Now(Err(unknown(name.as_deref().unwrap_or_default()))),
    }
}

/// The private key of an identity from this process's own store, and what is to be told of it.
///
/// # Errors
/// As [`KeyHolder::ready`].
pub fn key<'a>(
    snapshot: &'a Snapshot,
    store: &'a KeyStore,
    identity: &'a Identity,
) -> Answer<'a, Result<Loaded, NotReady>> {
    source(snapshot, identity).map(|source| {
        let source = source.map_err(NotReady::Identity)?;
        store
            .get(&source, key_rules(snapshot))
            .map_err(NotReady::Key)
    })
}

fn entry<'a>(
    snapshot: &'a Snapshot,
    name: &'a str,
    author_domain: &'a str,
) -> Answer<'a, Result<KeyEntry, IdentityError>> {
    let found = match &snapshot.signing {
        SigningIdentities::Tables { keys, .. } => keys.find(name, author_domain),
        SigningIdentities::Single { .. } | SigningIdentities::None => Answer::Now(Ok(None)),
    };
    found.map(|found| found?.ok_or_else(|| unknown(name)))
}

fn unknown(name: &str) -> IdentityError {
    IdentityError::UnknownKey {
        // A key written in the place of its name is not told.
        key_name: secret::line(name).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use dkimd_keygen::generate::{KeyKind, generate};
    use tokio::task::yield_now;

    use super::*;
    use crate::{
        config::resolve::Overrides,
        decide::{Decision, origin::OriginFacts},
        dkim::{
            UnixTime,
            header::{HeaderSection, LeadingSpace},
            sign::BodyLength,
        },
        milter::Client,
        session::{inquiry::inquire, signing::Signing},
    };

    /// A holder in another place: every answer comes later.
    #[derive(Debug)]
    struct Elsewhere(KeyStore);

    #[derive(Debug)]
    struct KeyElsewhere(Arc<dyn SigningKey>);

    fn later<'a, T: Send + 'a>(answer: Answer<'a, T>) -> Answer<'a, T> {
        Answer::Later(Box::pin(async {
            yield_now().await;
            answer.get().await
        }))
    }

    impl KeyHolder for Elsewhere {
        fn find<'a>(
            &'a self,
            snapshot: &'a Snapshot,
            name: &'a str,
            author_domain: &'a str,
        ) -> Answer<'a, Result<Named, IdentityError>> {
            later(self.0.find(snapshot, name, author_domain))
        }

        fn ready<'a>(
            &'a self,
            snapshot: &'a Snapshot,
            identity: &'a Identity,
        ) -> Answer<'a, Result<Ready, NotReady>> {
            later(self.0.ready(snapshot, identity).map(|ready| {
                let Ready { key, warnings } = ready?;
                let key = Arc::new(KeyElsewhere(key));
                Ok(Ready { key, warnings })
            }))
        }
    }

    impl SigningKey for KeyElsewhere {
        fn algorithm(&self) -> Algorithm {
            self.0.algorithm()
        }

        fn sign<'a>(
            &'a self,
            digest: &'a Sha256Digest,
        ) -> Answer<'a, Result<Vec<u8>, SignatureFailed>> {
            later(self.0.sign(digest))
        }
    }

    struct Local(Client);

    impl OriginFacts for Local {
        fn client(&self) -> &Client {
            &self.0
        }

        fn macro_value(&self, _: &str) -> Option<&str> {
            None
        }
    }

    async fn signed(snapshot: &Snapshot, holder: &dyn KeyHolder, author: &str) -> String {
        let mut section = HeaderSection::default();
        section.push(b"From", format!(" {author}").as_bytes(), LeadingSpace::Kept);
        let local = Local(Client {
            name: "localhost".to_owned(),
            address: Some([127, 0, 0, 1].into()),
        });
        let findings = inquire(snapshot, &section, &local, &[], holder).await;
        let identities = match findings.decide(snapshot) {
            Decision::Sign(identities) => identities,
            other => return format!("{other:?}"),
        };
        let begun = Signing::begin(snapshot, holder, &identities, BodyLength::Whole, &[]).await;
        let (mut signing, _) = match begun {
            Ok(begun) => begun,
            Err(failure) => return failure.line(),
        };
        signing.body(b"Hi\r\n");
        let fields = signing.finish(&section, UnixTime(1)).await.unwrap();
        fields.into_iter().map(|field| field.value + "\n").collect()
    }

    #[tokio::test]
    async fn a_holder_that_answers_later_signs_the_same() {
        let scene = tempfile::tempdir().unwrap();
        let path = |name: &str| scene.path().join(name);
        for (name, kind) in [("rsa", KeyKind::Rsa(2048)), ("ed", KeyKind::Ed25519)] {
            fs::write(path(name), generate(kind).unwrap().pem.as_bytes()).unwrap();
        }
        let shown = |name: &str| path(name).display().to_string();
        let keys = [
            format!("rsa %:s1:{}", shown("rsa")),
            format!("ed example.com:s2:{}", shown("ed")),
            format!("gone example.com:s3:{}", shown("gone")),
            "corrupt example.com".to_owned(),
        ];
        fs::write(path("keys"), keys.join("\n")).unwrap();
        let signing = "joe@example.com rsa\njoe@example.com ed\nann@example.com gone\n\
                       bob@example.com corrupt\neve@example.com nothing\n";
        fs::write(path("signing"), signing).unwrap();
        let conf = format!(
            "Mode s\nMultipleSignatures yes\nRequireSafeKeys no\nSigningTable file:{}\nKeyTable file:{}\n\
             Socket local:/nowhere\n",
            shown("signing"),
            shown("keys")
        );
        fs::write(path("conf"), conf).unwrap();
        let (snapshot, findings) = Snapshot::load(Some(&path("conf")), &Overrides::default());
        let snapshot = snapshot.unwrap_or_else(|| panic!("{findings:?}"));
        let (here, elsewhere) = (KeyStore::new(8), Elsewhere(KeyStore::new(8)));
        for (author, expected) in [
            ("joe@example.com", "s=s2;"),
            ("ann@example.com", "can't load key from"),
            ("bob@example.com", "corrupt"),
            ("eve@example.com", "UnknownKey"),
            ("max@example.org", "Leave"),
        ] {
            let at_once = signed(&snapshot, &here, author).await;
            assert!(at_once.contains(expected), "{author}: {at_once}");
            assert_eq!(signed(&snapshot, &elsewhere, author).await, at_once);
        }
    }
}
