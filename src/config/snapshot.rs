//! What the running server holds: settings with their data sets opened and tables compiled (H2).

use std::{path::Path, sync::Arc};

use super::{resolve::Overrides, settings::Settings};
use crate::{
    dataset::DataSet,
    diagnostic::Diagnostic,
    dkim::sign::SigningPolicy,
    tables::{hosts::HostSet, key_table::KeyTable, macros::MacroList, signing_table::SigningTable},
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
    /// What verifying looks up.
    pub verifying: VerifySets,
}

/// The data sets of the verifying side, opened.
#[derive(Debug, Default)]
pub struct VerifySets {
    /// RemoveARFrom; `None`: only our own authserv-id.
    pub remove_results_from: Option<Box<dyn DataSet>>,
    /// TrustSignaturesFrom.
    pub trust_signatures_from: Option<Box<dyn DataSet>>,
    /// MustBeSigned, in order.
    pub must_be_signed: Vec<String>,
    /// TestDNSData.
    pub test_dns_data: Option<Box<dyn DataSet>>,
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
        key: crate::keys::KeySource,
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
        todo!("H2: {file:?} {overrides:?}")
    }
}
