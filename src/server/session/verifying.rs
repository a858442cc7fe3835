//! Verifying one message: signatures parsed and keys asked for at the end of the header, the body
//! hashed as it comes, the verdict told at the end.

use std::{io, sync::Arc};

use super::{
    aside::{VERIFYING_WEIGHT, aside},
    atps,
    journal::Journal,
    reports::ReportRequests,
    verdict::{self, Verdict},
};
use crate::{
    config::snapshot::Snapshot,
    dkim::{
        UnixTime,
        atps::AtpsQuery,
        header::HeaderSection,
        key_answer::{DnsFailure, KeyAnswer},
        verify::{Signature, Verifier, deciding},
    },
    dns::{
        fetch::KeyFetch,
        key::{KeyCache, retrieval_detail},
        name::DnsName,
    },
    headers::auth_results::AtpsResult,
    log::Level,
    session::{key_sources::KeySources, lines},
};

/// What a name in `h=` costs beside its text: the allocation, and where it is.
const NAME_OVERHEAD: usize = 32;

/// A message that is being verified.
#[derive(Debug)]
pub struct Verifying {
    verifier: Verifier,
    held: usize,
    /// `None` when nothing is asked for, or when the resolver could not be set up: every key is
    /// then unavailable for now.
    keys: Option<(Arc<KeyCache>, KeyFetch)>,
    author_domain: Option<Box<str>>,
    names: Vec<Box<str>>,
    reports: ReportRequests,
}

/// What verifying came to.
#[derive(Debug)]
pub struct Judged {
    /// The results, and what they lead to.
    pub verdict: Verdict,
    /// ATPS, where it is in play.
    pub atps: Option<AtpsResult>,
    /// What the signers want to be told.
    pub reports: ReportRequests,
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
        let keys = cache.map(|cache| {
            let fetch = KeyFetch::start(&cache, verifier.queries());
            (cache, fetch)
        });
        // Counted once: it is asked for after every step.
        let held = verifier
            .signatures()
            .map(|signature| {
                let names = signature.signed_fields.iter();
                let names: usize = names.map(|name| name.len() + NAME_OVERHEAD).sum();
                let copied = signature
                    .copied_fields
                    .as_ref()
                    .map_or(0, |text| text.len());
                size_of::<Signature>() + names + copied + signature.signature.len()
            })
            .sum();
        Self {
            verifier,
            held,
            keys,
            author_domain: author_domain.map(Into::into),
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

    /// Octets that wait here for the end of the message, roughly: what was parsed.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Feeds body octets; `false` when no more can change a verdict.
    pub fn body(&mut self, octets: &[u8]) -> bool {
        self.verifier.body(octets);
        self.verifier.wants_body()
    }

    /// Waits for the keys and judges, and asks for ATPS where a signature claims it. Never longer
    /// than the DNS deadline, and for ATPS one query more.
    pub async fn finish(self) -> Judged {
        let (cache, keys) = self.keys.unzip();
        let answers = match keys {
            Some(keys) => keys.answers().await,
            None => vec![KeyAnswer::Failed(DnsFailure::Unreachable); self.names.len()],
        };
        let details = self
            .names
            .iter()
            .zip(&answers)
            .filter_map(|(name, answer)| {
                let parsed = DnsName::parse(name).ok()?;
                let detail = retrieval_detail(answer, &parsed)?;
                Some((parsed, detail))
            })
            .collect();
        let octets = self.verifier.len() * VERIFYING_WEIGHT;
        let results = aside(octets, || self.verifier.finish(&answers)).await;
        let testing = deciding(&results)
            .and_then(|result| result.key)
            .is_some_and(|key| key.testing);
        let query = self
            .author_domain
            .and_then(|author| AtpsQuery::of(&results, &author))
            .zip(cache);
        let atps = match &query {
            Some((query, cache)) => Some(atps::ask(cache.source().as_ref(), query).await),
            None => None,
        };
        let verdict = Verdict {
            governor: verdict::governor(&results),
            testing,
            results,
            details,
            signer_text: None,
        };
        Judged {
            verdict,
            atps,
            reports: self.reports,
        }
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
