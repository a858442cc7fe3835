//! What the running server holds: settings with their data sets opened and tables compiled.

mod open;

use std::{path::Path, sync::Arc};

use super::{
    parse::{self, WrittenOption},
    resolve::{self, Overrides},
    settings::{Identities, Settings},
};
use crate::{
    dataset::DataSet,
    diagnostic::Diagnostic,
    dkim::{sign::SigningPolicy, verify::VerificationPolicy},
    dns::{file::FileRecords, trust_anchor::TrustAnchor},
    keys::{
        KeySource,
        purpose::{NamedIn, Purpose},
    },
    tables::{
        hosts::HostSet, key_table::KeyTable, macros::MacroList, peers::PeerSet,
        signing_table::SigningTable,
    },
};

/// One load of the configuration, immutable. A message under way keeps the snapshot it began with.
#[derive(Debug)]
pub struct Snapshot {
    /// The typed settings.
    pub settings: Settings,
    /// How signatures look.
    pub signing_policy: Arc<SigningPolicy>,
    /// Whose mail is signed by which key.
    pub signing: SigningIdentities,
    /// InternalHosts.
    pub internal_hosts: HostSet,
    /// ExternalIgnoreList.
    pub external_ignore: HostSet,
    /// PeerList.
    pub peers: HostSet,
    /// MilterPeers; `None`: everybody who reaches the socket.
    pub milter_peers: Option<PeerSet>,
    /// ExemptDomains.
    pub exempt_domains: Option<Box<dyn DataSet>>,
    /// DontSignMailTo.
    pub dont_sign_mail_to: Option<Box<dyn DataSet>>,
    /// BodyLengthDB.
    pub body_length: Option<Box<dyn DataSet>>,
    /// ATPSDomains.
    pub atps_domains: Option<Box<dyn DataSet>>,
    /// MTA, in order.
    pub mta_names: Vec<String>,
    /// MacroList.
    pub macros: MacroList,
    /// SenderHeaders, in order, never empty.
    pub sender_headers: Vec<String>,
    /// How signatures are judged.
    pub verification_policy: Arc<VerificationPolicy>,
    /// What verifying looks up.
    pub verifying: VerifySets,
    /// The one before, where its InternalHosts gave way to a list that may not be meant: mail that it
    /// would have had signed is told of.
    pub formerly: Option<Arc<Snapshot>>,
}

/// The data sets of the verifying side, opened.
#[derive(Debug, Default)]
pub struct VerifySets {
    /// RemoveARFrom, besides our own authserv-id.
    pub remove_results_from: Vec<String>,
    /// MustBeSigned, in order.
    pub must_be_signed: Vec<String>,
    /// Where keys come from.
    pub keys: KeyOrigin,
}

/// Where public keys come from.
#[derive(Debug)]
pub enum KeyOrigin {
    /// DNS, validated from this trust anchor where there is one.
    Dns(Option<TrustAnchor>),
    /// TestDNSData.
    DataSet(Arc<dyn DataSet>),
    /// TestPublicKeys.
    File(Arc<FileRecords>),
}

impl Default for KeyOrigin {
    fn default() -> Self {
        Self::Dns(None)
    }
}

/// Identities with their tables opened.
#[derive(Debug)]
pub enum SigningIdentities {
    /// Nothing is signed.
    None,
    /// Domain, Selector, KeyFile.
    Single {
        /// Domain: exact names and `*`.
        domains: Box<dyn DataSet>,
        /// SubDomains.
        sub_domains: bool,
        /// Selector.
        selector: crate::dkim::name::Selector,
        /// KeyFile.
        key: KeySource,
    },
    /// SigningTable and KeyTable.
    Tables {
        /// SigningTable.
        signing: SigningTable,
        /// KeyTable.
        keys: KeyTable,
    },
}

impl Snapshot {
    /// Loads a configuration file (`None`: defaults alone) with everything it names.
    ///
    /// Every finding is returned, not only the first; the snapshot is there if no finding is an
    /// error. Keys are not read here (see [`crate::keys`]); `dkimd check` does that besides.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> (Option<Self>, Vec<Diagnostic>) {
        let (written, findings) = file.map_or_else(Default::default, parse::read);
        Self::of_written(&written, findings, overrides)
    }

    /// The same for options that have been read already, with what was found on the way.
    pub fn of_written(
        written: &[WrittenOption],
        findings: Vec<Diagnostic>,
        overrides: &Overrides,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let (_, snapshot, findings) = Self::to_look_at(written, findings, overrides);
        // Errors in lines leave settings that are not what the administrator wrote.
        let usable = !findings.iter().any(Diagnostic::is_error);
        (snapshot.filter(|_| usable), findings)
    }

    /// As much of settings and snapshot as could be made in spite of errors, for a dry run that
    /// looks on after them; never to be served with.
    pub fn to_look_at(
        written: &[WrittenOption],
        mut findings: Vec<Diagnostic>,
        overrides: &Overrides,
    ) -> (Settings, Option<Self>, Vec<Diagnostic>) {
        let (settings, found) = resolve::resolve_anyway(written, overrides);
        findings.extend(found);
        let snapshot = open::open(settings.clone(), &mut findings);
        (settings, snapshot, findings)
    }

    /// Every key that the configuration names, as far as that is known without a message.
    pub fn keys(&self) -> Box<dyn Iterator<Item = NamedKey<'_>> + '_> {
        match &self.signing {
            SigningIdentities::None => Box::new(std::iter::empty()),
            SigningIdentities::Single { selector, key, .. } => {
                let origin = match &self.settings.signing.identities {
                    Identities::Single { domains, .. } => Some(&domains.origin),
                    _ => None,
                };
                Box::new(std::iter::once(NamedKey {
                    name: "KeyFile",
                    domain: None,
                    selector: selector.as_str(),
                    key: Some(key.clone()),
                    file: origin.map(|origin| &origin.file),
                    line: origin.map_or(0, |origin| origin.line),
                }))
            }
            SigningIdentities::Tables { keys, .. } => Box::new(keys.rows().map(|row| NamedKey {
                name: row.name,
                domain: row.domain,
                selector: row.selector,
                key: row.key,
                file: Some(keys.file()),
                line: row.line,
            })),
        }
    }

    /// The signature that a key is for, where the configuration alone tells.
    pub fn purpose(&self, named: &NamedKey<'_>) -> Option<Purpose> {
        match (&self.signing, named.domain) {
            (SigningIdentities::Single { .. }, _) => self.purpose_of_key_file(),
            (_, Some(domain)) => Purpose::parse(domain, named.selector, NamedIn::KeyTable),
            (_, None) => None,
        }
    }

    /// The signature that KeyFile is for, where Domain names one domain alone.
    pub fn purpose_of_key_file(&self) -> Option<Purpose> {
        let SigningIdentities::Single {
            domains, selector, ..
        } = &self.signing
        else {
            return None;
        };
        match domains.entries()?.as_slice() {
            [(domain, _)] => Purpose::parse(domain, selector.as_str(), NamedIn::KeyFile),
            _ => None,
        }
    }

    /// One warning for every SigningTable line whose key the KeyTable does not have.
    pub fn referenced_keys_missing(&self) -> impl Iterator<Item = Diagnostic> + '_ {
        let tables = match &self.signing {
            SigningIdentities::Tables { signing, keys } => Some((signing, keys)),
            _ => None,
        };
        tables
            .into_iter()
            .flat_map(|(signing, keys)| open::missing_keys(signing, keys))
    }
}

/// A key as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey<'a> {
    /// Its name in the KeyTable, or `KeyFile`.
    pub name: &'a str,
    /// Its domain; `None`: depends on the author.
    pub domain: Option<&'a str>,
    /// Its selector.
    pub selector: &'a str,
    /// The key; `None`: its path depends on the author's domain.
    pub key: Option<KeySource>,
    /// Where it is named.
    pub file: Option<&'a Arc<Path>>,
    /// The line there, 0 on the command line.
    pub line: u32,
}
