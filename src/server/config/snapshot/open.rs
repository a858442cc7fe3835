//! Opening all that the settings name: data sets, tables, the trust anchor.

use std::{io, path::Path, sync::Arc, thread};

use super::{KeyOrigin, SigningIdentities, Snapshot, VerifySets};
use crate::{
    config::settings::{Identities, KeyAction, MinimumCover, Settings},
    dataset::{
        Case, DataSet, DataSetSpec,
        open::{OpenSet, at, in_base, push_bounded, read_text, unreadable},
    },
    diagnostic::Diagnostic,
    dkim::{
        name::{Domain, Selector},
        sign::SigningPolicy,
        verify::{KeyProtection, MinimumBody, SignatureLimit, VerificationPolicy},
    },
    dns::{
        file::FileRecords,
        trust_anchor::{TrustAnchor, TrustAnchorError},
    },
    headers::selection,
    keys::KeySource,
    tables::{
        hosts::HostSet, key_table::KeyTable, macros::MacroList, peers::PeerSet,
        signing_table::SigningTable,
    },
};

/// Opens everything; `None` comes with an error among the findings.
pub(super) fn open(settings: Settings, findings: &mut Vec<Diagnostic>) -> Option<Snapshot> {
    let base = settings.process.base_directory.clone();
    let base = base.as_deref();
    let keys = key_origin(&settings, base, findings);
    let signing = identities(&settings.signing.identities, base, findings);
    let mut opener = Opener { base, findings };
    let decision = &settings.decision;
    let internal_hosts = match &decision.internal_hosts {
        Some(spec) => HostSet::open(spec, base, opener.findings),
        None => HostSet::localhost(),
    };
    let external_ignore = opener.hosts(&decision.external_ignore);
    let peers = opener.hosts(&decision.peers);
    let milter_peers = settings.process.milter_peers.as_ref();
    let milter_peers = milter_peers.map(|spec| PeerSet::open(spec, base, opener.findings));
    let exempt_domains = opener.set(&decision.exempt_domains, |_| false);
    let dont_sign_mail_to = opener.set(&decision.dont_sign_mail_to, |_| false);
    let body_length = opener.set(&settings.signing.body_length, |key| {
        key == "*" || key.ends_with("@*") || key.starts_with("*@")
    });
    let atps_domains = opener.set(&settings.signing.atps_domains, |_| false);
    let mta_names = opener.names(&decision.mta_names, Case::Counts);
    let macros = opener.macros(&decision.macros);
    let mut sender_headers = opener
        .names(&decision.sender_headers, Case::Ignored)
        .unwrap_or_default();
    if sender_headers.is_empty() {
        sender_headers.push("From".to_owned());
    }
    let verify = &settings.verifying;
    let verifying = VerifySets {
        remove_results_from: opener
            .names(&verify.remove_results_from, Case::Ignored)
            .unwrap_or_default(),
        must_be_signed: opener
            .names(&verify.must_be_signed, Case::Ignored)
            .unwrap_or_default(),
        keys,
    };
    let trusted = opener.domains(&verify.trust_signatures_from);
    let verification_policy = Arc::new(verification_policy(&settings, &verifying, trusted));
    let signing_policy = Arc::new(opener.signing_policy(&settings)?);
    Some(Snapshot {
        signing_policy,
        signing: signing?,
        internal_hosts,
        external_ignore,
        peers,
        milter_peers,
        exempt_domains,
        dont_sign_mail_to,
        body_length,
        atps_domains,
        mta_names: mta_names.unwrap_or_default(),
        macros,
        sender_headers,
        verification_policy,
        verifying,
        formerly: None,
        settings,
    })
}

/// The SigningTable lines whose key the KeyTable does not have.
pub(super) fn missing_keys<'a>(
    signing: &'a SigningTable,
    keys: &'a KeyTable,
) -> impl Iterator<Item = Diagnostic> + 'a {
    signing.rows().filter_map(move |row| {
        let name = row.key_name.filter(|name| !keys.contains(name))?;
        Some(
            Diagnostic::warning(format!(
                "SigningTable entry {:?}: could not find valid key record \"{name}\" in KeyTable",
                row.pattern
            ))
            .at(signing.file(), row.line)
            .leaves_unsigned()
            .remedy(format!(
                "add a line to {}: {name} DOMAIN:SELECTOR:/PATH/OF/KEY",
                keys.file().display()
            )),
        )
    })
}

fn identities(
    identities: &Identities,
    base: Option<&Path>,
    findings: &mut Vec<Diagnostic>,
) -> Option<SigningIdentities> {
    match identities {
        Identities::None => Some(SigningIdentities::None),
        Identities::Single {
            domains,
            sub_domains,
            selector,
            key_file,
        } => {
            let set = OpenSet::open(domains, base, Case::Ignored, findings)?;
            set.warn_of_wildcards(domains, |key| key == "*", findings);
            let selector = match Selector::parse(selector) {
                Ok(selector) => selector,
                Err(cause) => {
                    let what = format!("the Selector {selector:?} {cause}");
                    findings
                        .push(at(domains, Diagnostic::error(what)).remedy("write Selector mail"));
                    return None;
                }
            };
            Some(SigningIdentities::Single {
                domains: set.boxed(),
                sub_domains: *sub_domains,
                selector,
                key: KeySource::File(in_base(base, key_file)),
            })
        }
        Identities::Tables { signing, keys } => tables(signing, keys, base, findings),
    }
}

/// Large tables take seconds, so the two are compiled side by side.
fn tables(
    signing: &DataSetSpec,
    keys: &DataSetSpec,
    base: Option<&Path>,
    findings: &mut Vec<Diagnostic>,
) -> Option<SigningIdentities> {
    let mut found_in_keys = Vec::new();
    let (signing, keys) = thread::scope(|scope| {
        let keys = scope.spawn(|| KeyTable::open(keys, base, &mut found_in_keys));
        let signing = SigningTable::open(signing, base, findings);
        let keys = keys
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (signing, keys)
    });
    findings.append(&mut found_in_keys);
    let (signing, keys) = (signing?, keys?);
    push_bounded(findings, missing_keys(&signing, &keys));
    Some(SigningIdentities::Tables { signing, keys })
}

/// Where keys come from. Without a readable anchor OpenDKIM does not start; neither does dkimd.
fn key_origin(
    settings: &Settings,
    base: Option<&Path>,
    findings: &mut Vec<Diagnostic>,
) -> KeyOrigin {
    let anchor = trust_anchor(settings, findings);
    let verify = &settings.verifying;
    if let Some(spec) = &verify.test_dns_data {
        return match OpenSet::open(spec, base, Case::Ignored, findings) {
            Some(set) => KeyOrigin::DataSet(set.boxed().into()),
            None => KeyOrigin::default(),
        };
    }
    if let Some(path) = &verify.test_public_keys {
        let path = in_base(base, path);
        return match test_keys(&path) {
            Ok(records) => KeyOrigin::File(Arc::new(records)),
            Err(finding) => {
                findings.push(finding);
                KeyOrigin::default()
            }
        };
    }
    KeyOrigin::Dns(anchor)
}

fn test_keys(path: &Path) -> Result<FileRecords, Diagnostic> {
    let text = read_text(path).map_err(|error| {
        let (reason, remedy) = unreadable(path, &error);
        Diagnostic::error(format!("TestPublicKeys {}: {reason}", path.display()))
            .remedy(remedy)
            .denied_if(error.kind() == io::ErrorKind::PermissionDenied)
    })?;
    FileRecords::parse(&text).map_err(|error| {
        Diagnostic::error(error.to_string())
            .in_file(&Arc::from(path))
            .remedy("write SELECTOR._domainkey.DOMAIN v=DKIM1; p=…")
    })
}

fn trust_anchor(settings: &Settings, findings: &mut Vec<Diagnostic>) -> Option<TrustAnchor> {
    let path = settings
        .process
        .resolve(settings.process.trust_anchor_file.as_ref()?);
    match TrustAnchor::load(&path) {
        Ok(anchor) => Some(anchor),
        Err(TrustAnchorError::Unreadable { cause, .. }) => {
            let (reason, remedy) = unreadable(&path, &cause);
            let what = format!("TrustAnchorFile {}: {reason}", path.display());
            let denied = cause.kind() == io::ErrorKind::PermissionDenied;
            findings.push(Diagnostic::error(what).remedy(remedy).denied_if(denied));
            None
        }
        Err(error) => {
            findings.push(
                Diagnostic::warning(format!("{error}; keys count as unprotected"))
                    .remedy("write TrustAnchorFile /usr/share/dns/root.key"),
            );
            None
        }
    }
}

fn verification_policy(
    settings: &Settings,
    sets: &VerifySets,
    trusted: Vec<Domain>,
) -> VerificationPolicy {
    let verify = &settings.verifying;
    let protection = |action| match action {
        KeyAction::None => KeyProtection::Ignore,
        KeyAction::Neutral => KeyProtection::Neutral,
        KeyAction::Fail => KeyProtection::Fail,
    };
    VerificationPolicy {
        limit: SignatureLimit {
            maximum: verify.maximum_signatures as usize,
            trusted,
        },
        minimum_key_bits: settings.signing.minimum_key_bits,
        allow_sha1: verify.allow_sha1,
        clock_drift: verify.clock_drift,
        must_be_signed: sets.must_be_signed.clone(),
        minimum_body: verify.minimum.map(|cover| match cover {
            MinimumCover::Octets(least) => MinimumBody::Octets(least),
            MinimumCover::Percent(share) => MinimumBody::Percent(share),
            MinimumCover::AllBut(most) => MinimumBody::LeftOut(most),
        }),
        unprotected_key: protection(verify.unprotected_key),
        bogus_key: protection(verify.bogus_key),
        fix_crlf: settings.signing.fix_crlf,
        ..VerificationPolicy::default()
    }
}

struct Opener<'a> {
    base: Option<&'a Path>,
    findings: &'a mut Vec<Diagnostic>,
}

impl Opener<'_> {
    fn set(
        &mut self,
        spec: &Option<DataSetSpec>,
        meant: impl Fn(&str) -> bool,
    ) -> Option<Box<dyn DataSet>> {
        let spec = spec.as_ref()?;
        let set = OpenSet::open(spec, self.base, Case::Ignored, self.findings)?;
        set.warn_of_wildcards(spec, meant, self.findings);
        Some(set.boxed())
    }

    fn hosts(&mut self, spec: &Option<DataSetSpec>) -> HostSet {
        spec.as_ref().map_or_else(HostSet::default, |spec| {
            HostSet::open(spec, self.base, self.findings)
        })
    }

    /// A set that is read as a list; patterns can't be.
    fn listed(&mut self, spec: &Option<DataSetSpec>, case: Case) -> Option<OpenSet> {
        let spec = spec.as_ref()?;
        let set = OpenSet::open(spec, self.base, case, self.findings)?;
        if matches!(set, OpenSet::Patterns(_)) {
            let what = format!("{} can't be a refile: set", spec.origin.option);
            let finding = at(spec, Diagnostic::error(what));
            self.findings
                .push(finding.remedy(format!("write {} file:/PATH", spec.origin.option)));
            return None;
        }
        Some(set)
    }

    fn names(&mut self, spec: &Option<DataSetSpec>, case: Case) -> Option<Vec<String>> {
        let set = self.listed(spec, case)?;
        Some(set.entries().iter().map(|e| e.key.to_owned()).collect())
    }

    /// TrustSignaturesFrom: a name that is no domain trusts nobody, and is told.
    fn domains(&mut self, spec: &Option<DataSetSpec>) -> Vec<Domain> {
        let names = self.names(spec, Case::Ignored).unwrap_or_default();
        let mut domains = Vec::with_capacity(names.len());
        for name in names {
            match (Domain::parse(&name), spec) {
                (Ok(domain), _) => domains.push(domain),
                (Err(cause), Some(spec)) => {
                    let what = format!("{}: {name:?} {cause}", spec.origin.option);
                    self.findings.push(at(spec, Diagnostic::warning(what)));
                }
                (Err(_), None) => {}
            }
        }
        domains
    }

    fn macros(&mut self, spec: &Option<DataSetSpec>) -> MacroList {
        let set = self.listed(spec, Case::Counts);
        match (spec, set) {
            (Some(spec), Some(set)) => MacroList::new(spec, set.entries(), self.findings),
            _ => MacroList::default(),
        }
    }

    fn signing_policy(&mut self, settings: &Settings) -> Option<SigningPolicy> {
        let signing = &settings.signing;
        let sign = self.names(&signing.sign_headers, Case::Ignored);
        let omit = self.names(&signing.omit_headers, Case::Ignored);
        let oversign = self
            .names(&signing.oversign_headers, Case::Ignored)
            .unwrap_or_default();
        match selection::compile(sign.as_deref(), omit.as_deref(), &oversign) {
            Ok(headers) => Some(SigningPolicy {
                canonicalization: signing.canonicalization,
                headers,
                lifetime: signing.lifetime,
                copied_headers: signing.copied_headers,
                request_reports: signing.request_reports,
                fix_crlf: signing.fix_crlf,
            }),
            Err(error) => {
                let names = |list: &Option<Vec<String>>| {
                    list.as_ref()
                        .is_some_and(|list| list.contains(&error.entry))
                };
                let spec = if names(&omit) {
                    &signing.omit_headers
                } else if names(&sign) {
                    &signing.sign_headers
                } else {
                    &signing.oversign_headers
                };
                let option = spec
                    .as_ref()
                    .map_or("SignHeaders", |spec| spec.origin.option);
                let finding = Diagnostic::error(format!("{option}: {error}"))
                    .remedy(format!("take {:?} out of {option}", error.entry));
                self.findings.push(match spec {
                    Some(spec) => at(spec, finding),
                    None => finding,
                });
                None
            }
        }
    }
}
