//! Verifies a message: `verify KEYS MESSAGE` prints one line for each signature and fails if none is
//! good.
//!
//! KEYS stands for DNS. Each line holds the name of a key and what its TXT record says:
//! `selector._domainkey.example.com=v=DKIM1; k=ed25519; p=...`.

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use dkim_core::{
    UnixTime,
    header::HeaderSection,
    key_answer::{Dnssec, KeyAnswer},
    verify::{VerificationPolicy, Verifier, deciding},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [keys, message] = arguments.as_slice() else {
        return Err("usage: verify KEYS MESSAGE".into());
    };
    let keys = fs::read_to_string(keys)?;
    let keys: HashMap<&str, &str> = keys
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let message = fs::read(message)?;
    let (section, body) = HeaderSection::parse(&message)?;

    let policy = Arc::new(VerificationPolicy {
        // The file may end its lines with LF, but mail ends them with CRLF.
        fix_crlf: true,
        ..VerificationPolicy::default()
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut verifier = Verifier::new(&section, policy, None, UnixTime(now));
    // A mail server asks DNS now, while the body comes in.
    let answers: Vec<KeyAnswer> = verifier
        .queries()
        .iter()
        .map(|query| match keys.get(&*query.name) {
            Some(txt) => KeyAnswer::found(txt.as_bytes(), Dnssec::Unknown),
            None => KeyAnswer::NotFound {
                dnssec: Dnssec::Unknown,
            },
        })
        .collect();
    verifier.body(body);
    let results = verifier.finish(&answers);

    for result in &results {
        println!(
            "dkim={} header.d={}: {}",
            result.word().as_str(),
            result.identity.domain.as_deref().unwrap_or("?"),
            result.outcome.explanation()
        );
    }
    match deciding(&results) {
        Some(result) if result.passed() => Ok(()),
        Some(_) => Err("no signature is good".into()),
        None => Err("the message is not signed".into()),
    }
}
