//! Whether a published record serves a private key: the test behind `dkimd testkey` and
//! `opendkim-testkey`.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use dkim_core::{
    Algorithm,
    crypto::PrivateKey,
    key_answer::KeyAnswer,
    key_record::{KeyRecord, KeyRecordError, PublishedKeyData},
    name::{Domain, Selector},
};
use dkimd_message::verdicts::ask_all;
use dkimd_server::{
    config::snapshot::NamedKey,
    dns::{Dnssec, TxtAnswer, TxtLookup, key::retrieval_detail, name::DnsName},
    keys::{
        KeySource,
        error::path_shown,
        store::{KeyRules, KeyStore},
    },
    secret,
};

/// Keys asked for at once when a whole table is tested.
const ASKED_AT_ONCE: usize = 64;
/// Group or others may read or write.
const SHARED_BITS: u32 = 0o066;

/// A key to be tested.
#[derive(Clone, Debug)]
pub struct Target {
    /// How it is spoken of: its name in the KeyTable, or its name in DNS.
    pub label: String,
    /// Where the record should be; `None`: that depends on the author's domain.
    pub name: Option<String>,
    /// The private key; `None`: only the record is looked at.
    pub key: Option<KeySource>,
}

/// A key that was tested.
#[derive(Clone, Debug)]
pub struct Tested {
    /// What was tested.
    pub target: Target,
    /// What DNS said, where it was asked.
    pub answer: Option<TxtAnswer>,
    /// What the record holds, in a few words: `2048-bit RSA`.
    pub kind: Option<String>,
    /// Whether the domain is testing (`t=y`).
    pub testing: bool,
    /// A private key's file that others may read or write.
    pub unsafe_file: bool,
    /// What came out.
    pub verdict: Verdict,
}

/// What a test comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The record is good, and fits the private key if there is one.
    Good,
    /// It can't be told without a message.
    NotTested,
    /// The record is not there, or is no good.
    Record(String),
    /// The record is that of another private key.
    Mismatch,
    /// The private key's file can't be had.
    File(String),
    /// What the file holds is no private key.
    Key(String),
}

impl Target {
    /// The key `selector` of `domain`.
    ///
    /// # Errors
    /// If one of them can't be a name.
    pub fn single(domain: &str, selector: &str, key: Option<KeySource>) -> Result<Self, String> {
        Domain::parse(domain).map_err(|cause| format!("the domain {domain:?} {cause}"))?;
        Selector::parse(selector).map_err(|cause| format!("the selector {selector:?} {cause}"))?;
        let name = format!("{selector}._domainkey.{domain}");
        Ok(Self {
            label: name.clone(),
            name: Some(name),
            key,
        })
    }
}

impl From<NamedKey<'_>> for Target {
    fn from(named: NamedKey<'_>) -> Self {
        Self {
            label: secret::line(named.name).into_owned(),
            // A key in the place of the selector is neither told nor asked for in DNS.
            name: named
                .domain
                .filter(|_| !secret::is_in(named.selector))
                .map(|domain| format!("{}._domainkey.{domain}", named.selector)),
            key: named.key,
        }
    }
}

impl Verdict {
    /// Whether something is wrong.
    pub fn failed(&self) -> bool {
        !matches!(self, Self::Good | Self::NotTested)
    }
}

impl Tested {
    /// What DNSSEC says of the record.
    pub fn dnssec(&self) -> Dnssec {
        self.answer
            .as_ref()
            .map_or(Dnssec::Unknown, |answer| answer.dnssec)
    }

    fn of(target: Target, verdict: Verdict) -> Self {
        Self {
            target,
            answer: None,
            kind: None,
            testing: false,
            unsafe_file: false,
            verdict,
        }
    }
}

/// Tests all, asking for many records at a time; the results come in the targets' order.
pub async fn test_all(source: &Arc<dyn TxtLookup>, targets: Vec<Target>) -> Vec<Tested> {
    let keys = KeyStore::new(1);
    let mut tested = Vec::with_capacity(targets.len());
    for batch in targets.chunks(ASKED_AT_ONCE) {
        let names: Vec<Box<str>> = batch
            .iter()
            .filter_map(|target| target.name.as_deref().map(Into::into))
            .collect();
        let mut answers = ask_all(source, names).await.into_iter();
        for target in batch {
            let answer = target.name.as_ref().and_then(|_| answers.next());
            let answer = answer.map(|(_, answer)| answer);
            tested.push(test(target.clone(), answer, &keys));
        }
    }
    tested
}

fn test(target: Target, answer: Option<TxtAnswer>, keys: &KeyStore) -> Tested {
    let private = match target.key.as_ref().map(|source| load(source, keys)) {
        None => None,
        Some(Ok(private)) => Some(private),
        Some(Err(verdict)) => return Tested::of(target, verdict),
    };
    let (Some(answer), Some(name)) = (answer, &target.name) else {
        return Tested::of(target, Verdict::NotTested);
    };
    let key_answer = KeyAnswer::from(answer.clone());
    let (verdict, record) = match &key_answer {
        KeyAnswer::Found(published) => match published.record.as_ref() {
            Ok(record) => (judge(record, private.as_deref()), Some(record)),
            Err(error) => (Verdict::Record(record_fault(error)), None),
        },
        _ => {
            let text = match DnsName::parse(name) {
                Ok(name) => retrieval_detail(&key_answer, &name),
                Err(cause) => Some(format!("'{name}' {cause}")),
            };
            (Verdict::Record(text.unwrap_or_default()), None)
        }
    };
    Tested {
        kind: record.and_then(kind),
        testing: record.is_some_and(|record| record.testing),
        unsafe_file: matches!(&target.key, Some(KeySource::File(path)) if is_shared(path)),
        target,
        answer: Some(answer),
        verdict,
    }
}

/// The private key, whatever its size and safety.
fn load(source: &KeySource, keys: &KeyStore) -> Result<Arc<dyn PrivateKey>, Verdict> {
    if let KeySource::File(path) = source {
        let shown = path_shown(path);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => {
                return Err(Verdict::File(format!(
                    "{shown}: stat(): not a regular file"
                )));
            }
            Err(error) => {
                let text = dkimd_server::dataset::open::errno_text(&error);
                return Err(Verdict::File(format!("{shown}: stat(): {text}")));
            }
        }
    }
    let rules = KeyRules {
        require_safe: false,
        minimum_bits: 0,
    };
    match keys.get(source, rules) {
        Ok((key, _)) => Ok(key),
        Err(error) => Err(Verdict::Key(error.to_string())),
    }
}

fn is_shared(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & SHARED_BITS != 0)
}

fn judge(record: &KeyRecord, private: Option<&dyn PrivateKey>) -> Verdict {
    if !record.for_email {
        return Verdict::Record("key type mismatch".to_owned());
    }
    let public = match (&record.key, private) {
        (PublishedKeyData::Key(public), _) => public,
        (PublishedKeyData::Revoked, _) => return Verdict::Record("Revoked key".to_owned()),
        (PublishedKeyData::Unusable(_), Some(_)) => return Verdict::Mismatch,
        (PublishedKeyData::Unusable(error), None) => return Verdict::Record(error.to_string()),
    };
    if !record.accepts_hash_of(Algorithm::RsaSha256) {
        return Verdict::Record("the key is not meant for sha256 (h=)".to_owned());
    }
    match private {
        Some(private) if !public.fits(private) => Verdict::Mismatch,
        _ => Verdict::Good,
    }
}

/// OpenDKIM's words.
fn record_fault(error: &KeyRecordError) -> String {
    match error {
        KeyRecordError::Empty => "empty key record".to_owned(),
        KeyRecordError::Version(version) => format!("invalid key version '{version}'"),
        KeyRecordError::KeyType(kind) => format!("unknown key type '{kind}'"),
        KeyRecordError::Hashes(list) => format!("unknown hash '{list}'"),
        KeyRecordError::NoKeyData => "key missing".to_owned(),
        // OpenDKIM has no words for the rest.
        other => other.to_string(),
    }
}

fn kind(record: &KeyRecord) -> Option<String> {
    match &record.key {
        PublishedKeyData::Key(key) if key.is_rsa() => Some(format!("{}-bit RSA", key.bits())),
        PublishedKeyData::Key(_) => Some("Ed25519".to_owned()),
        PublishedKeyData::Revoked | PublishedKeyData::Unusable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_keygen::{
        generate::{KeyKind, generate},
        record::RecordFormat,
    };
    use dkimd_server::dns::file::FileRecords;

    fn verdict(text: &str, key: Option<&str>) -> Verdict {
        let mut records = FileRecords::default();
        records
            .add("s._domainkey.a.example", text.as_bytes())
            .unwrap();
        let source: Arc<dyn TxtLookup> = Arc::new(records);
        let key = key.map(|text| KeySource::Inline(text.to_owned()));
        let targets = vec![Target::single("a.example", "s", key).unwrap()];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let mut tested = runtime.block_on(test_all(&source, targets));
        tested.remove(0).verdict
    }

    fn pair(kind: KeyKind) -> (String, String) {
        let key = generate(kind).unwrap();
        let record = dkimd_keygen::record::KeyRecord {
            selector: "s".into(),
            domain: "a.example".into(),
            full_name: false,
            hashes: None,
            note: None,
            email_only: false,
            no_subdomains: false,
            test_mode: false,
            kind,
            public: key.public,
        };
        let json: serde_json::Value =
            serde_json::from_str(&record.write(RecordFormat::Json)).unwrap();
        (
            key.pem.to_string(),
            json["value"].as_str().unwrap().to_owned(),
        )
    }

    #[test]
    fn a_record_fits_its_own_key_and_no_other_of_either_type() {
        let pairs = [
            pair(KeyKind::Rsa(1024)),
            pair(KeyKind::Ed25519),
            pair(KeyKind::Ed25519),
        ];
        for (index, (private, _)) in pairs.iter().enumerate() {
            for (other, (_, record)) in pairs.iter().enumerate() {
                let wanted = match index == other {
                    true => Verdict::Good,
                    false => Verdict::Mismatch,
                };
                assert_eq!(verdict(record, Some(private)), wanted, "{index} {other}");
            }
        }
        assert_eq!(verdict(&pairs[1].1, None), Verdict::Good);
    }

    #[test]
    fn a_weak_ed25519_key_is_told_and_fits_no_private_key() {
        let weak = format!("v=DKIM1; k=ed25519; p=AQ{}=", "A".repeat(41));
        let Verdict::Record(told) = verdict(&weak, None) else {
            panic!("taken for a key");
        };
        assert!(told.contains("weak Ed25519"), "{told}");
        let (private, _) = pair(KeyKind::Ed25519);
        assert_eq!(verdict(&weak, Some(&private)), Verdict::Mismatch);
    }

    #[test]
    fn faults_of_records_are_told_in_opendkims_words() {
        for (record, text) in [
            ("v=DKIM1; p=", "Revoked key"),
            ("v=DKIM1; k=foo; p=AAAA", "unknown key type 'foo'"),
            ("v=DKIM1; k=rsa", "key missing"),
            ("v=DKIM2; p=AAAA", "invalid key version 'DKIM2'"),
            ("v=DKIM1; s=web; p=AAAA", "key type mismatch"),
            ("v=DKIM1; h=foo; p=AAAA", "unknown hash 'foo'"),
            ("", "empty key record"),
            ("!NXDOMAIN", "'s._domainkey.a.example' record not found"),
            ("v=DKIM1; p=!!!", "p= is not base64"),
        ] {
            assert_eq!(verdict(record, None), Verdict::Record(text.to_owned()));
        }
    }
}
