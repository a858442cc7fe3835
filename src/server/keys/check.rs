//! The dry run for one key: everything that would stop it or that deserves a word.

use std::{path::Path, sync::Arc};

use super::{
    KeySource,
    accounts::Identity,
    error::{KeyError, KeyOrigin},
    file::KeyFile,
    load,
    purpose::Purpose,
    store::{KeyRules, check_size, size_warning},
};
use crate::{
    diagnostic::Diagnostic,
    dkim::{Algorithm, crypto::PrivateKey},
};

/// What a dry run finds out about a key.
#[derive(Debug)]
pub struct KeyReport {
    /// The key, if it can be parsed, even when the rules forbid its use.
    pub key: Option<Arc<dyn PrivateKey>>,
    /// Everything wrong with it.
    pub findings: Vec<Diagnostic>,
}

/// Reads a key as the signer would, running as `me`, and reports everything at once.
///
/// Whether `me` may read the file can only be tried by a process that runs as `me`. What the key is
/// for makes commands of remedies.
pub fn check_key(
    source: &KeySource,
    purpose: Option<&Purpose>,
    rules: KeyRules,
    me: &Identity,
) -> KeyReport {
    let mut report = KeyReport {
        key: None,
        findings: Vec::new(),
    };
    if let Err(error) = examine(source, purpose, rules, me, &mut report) {
        report.findings.push(diagnostic(source, purpose, &error));
    }
    report
}

fn examine(
    source: &KeySource,
    purpose: Option<&Purpose>,
    rules: KeyRules,
    me: &Identity,
    report: &mut KeyReport,
) -> Result<(), KeyError> {
    let (loaded, origin) = match source {
        KeySource::File(path) => {
            let mut opened = KeyFile::open(path, me)?;
            if let Some(finding) = opened.finding.take() {
                let mut finding = diagnostic(
                    source,
                    purpose,
                    &KeyError::Unsafe {
                        path: path.clone(),
                        finding,
                    },
                );
                if !rules.require_safe {
                    finding.severity = crate::diagnostic::Severity::Warning;
                }
                report.findings.push(finding);
            }
            (
                load::private_key(&opened.read()?),
                KeyOrigin::File(path.clone()),
            )
        }
        KeySource::Inline(text) => (load::private_key(text.as_bytes()), KeyOrigin::Inline),
    };
    let key = loaded.map_err(|problem| KeyError::Unusable {
        origin: origin.clone(),
        problem,
    })?;
    let key = report.key.insert(key);
    check_size(&**key, rules, || origin.clone())?;
    report
        .findings
        .extend(size_warning(&**key, &origin).map(|what| place(source, Diagnostic::warning(what))));
    Ok(())
}

fn diagnostic(source: &KeySource, purpose: Option<&Purpose>, error: &KeyError) -> Diagnostic {
    place(
        source,
        Diagnostic::error(error.to_string())
            .remedy(error.remedy_for(purpose))
            .denied_if(matches!(error, KeyError::Unreadable(_))),
    )
}

fn place(source: &KeySource, diagnostic: Diagnostic) -> Diagnostic {
    match source {
        KeySource::File(path) => diagnostic.in_file(&Arc::<Path>::from(path.as_path())),
        KeySource::Inline(_) => diagnostic,
    }
}

/// `RSA, 2048 bits` or `Ed25519`.
pub fn describe(key: &dyn PrivateKey) -> String {
    match key.algorithm() {
        Algorithm::Ed25519Sha256 => "Ed25519".to_owned(),
        Algorithm::RsaSha256 | Algorithm::RsaSha1 => format!("RSA, {} bits", key.bits()),
    }
}
