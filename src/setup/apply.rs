//! Doing what was planned: keys first in memory, then the journal, then one change after the other
//! until the end or the first failure.

use zeroize::Zeroizing;

use super::{
    change::{Change, ChangeError},
    draft::Step,
    journal::{Journal, JournalError, Run},
    key_files::PublicKey,
    need::SigningKey,
    plan::Plan,
    situation::Wanted,
};
use dkimd_keygen::generate::{GenerateError, NewKey, generate};
use dkimd_server::keys::{KeySource, accounts::Identity, check::check_key, store::KeyRules};

/// A plan that is being carried out.
#[derive(Debug)]
pub struct Work {
    steps: Vec<Step>,
    before_postfix: usize,
    done: usize,
    keys: Vec<(Change, NewKey)>,
    signing: Vec<KeySource>,
}

/// Why the work stopped.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The journal can't be written; nothing was changed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key can't be made; nothing was changed.
    #[error(transparent)]
    Key(#[from] GenerateError),
    /// A change can't be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The daemon would refuse a key.
    #[error("the daemon would refuse a key: {0}")]
    Refused(String),
}

impl Work {
    /// Makes the keys in memory and writes the journal. From here on everything can be taken back.
    ///
    /// # Errors
    /// When there is no key or no journal; nothing has changed then.
    pub fn begin(plan: &mut Plan, wanted: &Wanted, journal: &Journal) -> Result<Self, ApplyError> {
        let mut keys = Vec::new();
        for key in &mut plan.signing.keys {
            if let Some(made) = new_key(key)? {
                keys.push(made);
            }
        }
        let steps = std::mem::take(&mut plan.steps);
        let keys = keys
            .into_iter()
            .filter_map(|(source, new)| {
                let change = steps.iter().map(|step| &step.entry.change).find(|change| {
                    matches!((change, &source), (Change::Key { path, .. }, KeySource::File(file)) if path == file)
                })?;
                Some((change.clone(), new))
            })
            .collect();
        if !steps.is_empty() {
            journal.add(&Run {
                domain: wanted.domain.as_str().to_owned(),
                config: wanted.config.clone(),
                postfix: plan.postfix.iter().cloned().collect(),
                changes: steps.iter().map(|step| step.entry.clone()).collect(),
            })?;
        }
        Ok(Self {
            steps,
            before_postfix: plan.before_postfix,
            done: 0,
            keys,
            signing: plan
                .signing
                .keys
                .iter()
                .map(|key| key.source.clone())
                .collect(),
        })
    }

    /// Changes what the daemon needs: the keys, and everything else only once all keys, those of
    /// earlier runs too, are such as it takes.
    ///
    /// # Errors
    /// At the first change that can't be made, and when the daemon would refuse a key.
    pub fn for_daemon(&mut self, daemon: u32, rules: KeyRules) -> Result<(), ApplyError> {
        let me = Identity::of_uid(daemon);
        let is_key = |step: &Step| matches!(step.entry.change, Change::Key { .. });
        let last_key = self.steps.iter().rposition(is_key);
        self.until(last_key.map_or(0, |at| at + 1))?;
        for key in &self.signing {
            refused(key, rules, &me)?;
        }
        self.until(self.before_postfix)
    }

    /// Changes what Postfix needs.
    ///
    /// # Errors
    /// At the first change that can't be made.
    pub fn for_postfix(&mut self) -> Result<(), ApplyError> {
        self.until(self.steps.len())
    }

    /// The steps that are done.
    pub fn done(&self) -> &[Step] {
        &self.steps[..self.done]
    }

    /// The steps that are not.
    pub fn left(&self) -> &[Step] {
        &self.steps[self.done..]
    }

    /// Whether a step is Postfix's.
    pub fn touches_postfix(&self) -> bool {
        self.steps.len() > self.before_postfix
    }

    /// Whether a step is the daemon's.
    pub fn touches_daemon(&self) -> bool {
        self.before_postfix > 0
    }

    fn until(&mut self, end: usize) -> Result<(), ApplyError> {
        while self.done < end {
            let change = &self.steps[self.done].entry.change;
            let new = self.keys.iter().find(|(of, _)| of == change);
            let pem = new.map(|(_, new)| new.pem.as_bytes());
            change.make(pem)?;
            self.done += 1;
        }
        Ok(())
    }
}

/// Whether the daemon would refuse a key, for instance since others may read it. Asked before any
/// table names the key.
fn refused(key: &KeySource, rules: KeyRules, daemon: &Identity) -> Result<(), ApplyError> {
    let report = check_key(key, None, rules, daemon);
    match report.findings.iter().find(|finding| finding.is_error()) {
        Some(error) => Err(ApplyError::Refused(error.to_string())),
        None => Ok(()),
    }
}

type Made = (KeySource, NewKey);

/// Makes the key, unless it is there, and tells its public half.
fn new_key(key: &mut SigningKey) -> Result<Option<Made>, GenerateError> {
    if key.public.is_some() {
        return Ok(None);
    }
    let NewKey { pem, public } = generate(key.kind)?;
    key.public = Some(PublicKey {
        kind: key.kind,
        public: public.clone(),
    });
    let new = NewKey {
        pem: Zeroizing::clone(&pem),
        public,
    };
    Ok(Some((key.source.clone(), new)))
}
