//! Verifying one message: signatures parsed and keys asked for at the end of the header, the body
//! hashed as it comes, the verdict told at the end.

use std::{io, sync::Arc};

use super::{
    journal::Journal,
    reports::ReportRequests,
    verdict::{self, Verdict},
};
use crate::{
    config::snapshot::Snapshot,
    dkim::{
        UnixTime,
        header::HeaderSection,
        key_answer::{DnsFailure, KeyAnswer},
        verify::{Verifier, deciding},
    },
    dns::{fetch::KeyFetch, key::retrieval_detail, name::DnsName, source::KeySources},
    log::{Level, lines},
};

/// A message that is being verified.
#[derive(Debug)]
pub struct Verifying {
    verifier: Verifier,
    /// `None` when the resolver could not be set up: every key is then unavailable for now.
    keys: Option<KeyFetch>,
    names: Vec<Box<str>>,
    reports: ReportRequests,
}

impl Verifying {
    /// Begins with a complete header section: all keys are asked for at once.
    pub fn begin(
        snapshot: &Arc<Snapshot>,
        sources: &KeySources,
        section: &HeaderSection,
        author_domain: Option<&str>,
        now: UnixTime,
    ) -> Self {
        let policy = Arc::clone(&snapshot.verification_policy);
        let verifier = Verifier::new(section, policy, author_domain, now);
        let names = verifier
            .queries()
            .iter()
            .map(|query| query.name.clone())
            .collect();
        let cache = match verifier.queries() {
            [] => None,
            _ => sources.of(snapshot).ok(),
        };
        let reports = match &cache {
            Some(cache) if snapshot.settings.verifying.send_reports => {
                ReportRequests::ask(cache.source(), verifier.signatures())
            }
            _ => ReportRequests::default(),
        };
        let keys = cache.map(|cache| KeyFetch::start(&cache, verifier.queries()));
        Self {
            verifier,
            keys,
            names,
            reports,
        }
    }

    /// Tells which signatures limit or trust leaves unverified, in OpenDKIM's words.
    pub fn log_ignored(&self, journal: &Journal, maximum: u32) {
        if maximum == 0 {
            for domain in self.verifier.ignored_domains() {
                journal.line(Level::Info, &lines::signature_ignored(domain));
            }
        } else if self.verifier.ignored() > 0 {
            let line = lines::signatures_ignored(self.verifier.ignored());
            journal.line(Level::Info, &line);
        }
    }

    /// Feeds body octets; `false` when no more can change a verdict.
    pub fn body(&mut self, octets: &[u8]) -> bool {
        self.verifier.body(octets);
        self.verifier.wants_body()
    }

    /// Waits for the keys and judges. Never longer than the DNS deadline. With the verdict comes
    /// what the signers want to be told.
    pub async fn finish(self) -> (Verdict, ReportRequests) {
        let answers = match self.keys {
            Some(keys) => keys.answers().await,
            None => vec![KeyAnswer::Failed(DnsFailure::Unreachable); self.names.len()],
        };
        let details = self
            .names
            .iter()
            .zip(&answers)
            .filter_map(|(name, answer)| {
                let parsed = DnsName::parse(name).ok()?;
                Some((name.clone(), retrieval_detail(answer, &parsed)?))
            })
            .collect();
        let results = self.verifier.finish(&answers);
        let testing = deciding(&results)
            .and_then(|result| result.key)
            .is_some_and(|key| key.testing);
        let verdict = Verdict {
            governor: verdict::governor(&results),
            testing,
            results,
            details,
            signer_text: None,
        };
        (verdict, self.reports)
    }
}

/// This machine's name, for `AuthservID HOSTNAME`.
///
/// # Errors
/// When the operating system does not tell it.
pub fn host_name() -> io::Result<String> {
    let name = nix::unistd::gethostname()?;
    Ok(name.to_string_lossy().into_owned())
}
