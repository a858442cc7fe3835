//! The typed settings: what the lines of `opendkim.conf` mean.
//!
//! Pure values; data sets appear as they are named ([`DataSetSpec`]) and are opened by
//! [`super::snapshot`].

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    dataset::DataSetSpec,
    decide::Mode,
    dkim::{Algorithm, Canonicalization},
    log::LogSettings,
    socket::SocketSpec,
};

/// Every setting that dkimd acts on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Process, socket and start-up; not re-read on reload.
    pub process: ProcessSettings,
    /// What is logged and where.
    pub logging: LogSettings,
    /// Who is signed, who is verified.
    pub decision: DecisionSettings,
    /// How signatures look and which keys make them.
    pub signing: SigningSettings,
    /// Replies to what went wrong.
    pub on_failure: OnFailure,
    /// How signatures are verified and results told.
    pub verifying: VerifySettings,
}

/// The process and its socket.
#[derive(Clone, Debug)]
pub struct ProcessSettings {
    /// Socket.
    pub socket: Option<SocketSpec>,
    /// MilterPeers; this one is re-read on reload.
    pub milter_peers: Option<DataSetSpec>,
    /// PidFile.
    pub pid_file: Option<PathBuf>,
    /// UserID as written: `user[:group]`.
    pub user: Option<String>,
    /// UMask.
    pub umask: Option<u32>,
    /// Background.
    pub background: bool,
    /// AutoRestart with its count and rate.
    pub auto_restart: Option<AutoRestart>,
    /// BaseDirectory.
    pub base_directory: Option<PathBuf>,
    /// ChangeRootDirectory.
    pub change_root: Option<PathBuf>,
    /// EnableCoredumps.
    pub core_dumps: bool,
    /// TrustAnchorFile: read and checked at load, used when verifying.
    pub trust_anchor_file: Option<PathBuf>,
    /// StrictTestMode: test messages must have CRLF line ends.
    pub strict_test_mode: bool,
}

impl ProcessSettings {
    /// `path` as OpenDKIM would open it after changing to BaseDirectory.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match &self.base_directory {
            Some(base) => base.join(path),
            None => path.to_owned(),
        }
    }
}

/// AutoRestart, AutoRestartCount, AutoRestartRate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoRestart {
    /// AutoRestartCount; `None`: no limit.
    pub count: Option<u32>,
    /// AutoRestartRate: at most `.0` restarts in `.1`.
    pub rate: Option<(u32, Duration)>,
}

/// Whose mail is signed, whose is verified.
#[derive(Clone, Debug)]
pub struct DecisionSettings {
    /// Mode.
    pub mode: Mode,
    /// InternalHosts; `None`: 127.0.0.1 and ::1.
    pub internal_hosts: Option<DataSetSpec>,
    /// ExternalIgnoreList.
    pub external_ignore: Option<DataSetSpec>,
    /// PeerList.
    pub peers: Option<DataSetSpec>,
    /// ExemptDomains.
    pub exempt_domains: Option<DataSetSpec>,
    /// DontSignMailTo.
    pub dont_sign_mail_to: Option<DataSetSpec>,
    /// MTA: names compared with the macro `{daemon_name}`, case counts.
    pub mta_names: Option<DataSetSpec>,
    /// MacroList.
    pub macros: Option<DataSetSpec>,
    /// SenderHeaders, in order; `From` by default.
    pub sender_headers: Option<DataSetSpec>,
    /// SenderMacro, as written.
    pub sender_macro: Option<String>,
    /// StrictHeaders.
    pub strict_headers: bool,
    /// RequiredHeaders.
    pub required_headers: bool,
    /// IgnoreMalformedMail.
    pub ignore_malformed: bool,
    /// MaximumHeaders in octets; `None`: no limit (but see `session::connection::MAX_HEADER_OCTETS`).
    pub maximum_headers: Option<u64>,
}

/// Which keys sign, and how signatures look.
#[derive(Clone, Debug)]
pub struct SigningSettings {
    /// Which keys sign for whom.
    pub identities: Identities,
    /// MultipleSignatures.
    pub multiple: bool,
    /// SignatureAlgorithm: what the administrator prefers; the key's type decides.
    pub preferred_algorithm: Option<Algorithm>,
    /// Canonicalization.
    pub canonicalization: Canonicalization,
    /// SignatureTTL; `None`: no `x=`.
    pub lifetime: Option<Duration>,
    /// MinimumKeyBits, 1024 by default.
    pub minimum_key_bits: u32,
    /// RequireSafeKeys.
    pub require_safe_keys: bool,
    /// Diagnostics (`z=`).
    pub copied_headers: bool,
    /// RequestReports (`r=y`).
    pub request_reports: bool,
    /// BodyLengthDB.
    pub body_length: Option<DataSetSpec>,
    /// MaximumSignedBytes.
    pub maximum_signed_bytes: Option<u64>,
    /// SignHeaders.
    pub sign_headers: Option<DataSetSpec>,
    /// OmitHeaders.
    pub omit_headers: Option<DataSetSpec>,
    /// OversignHeaders.
    pub oversign_headers: Option<DataSetSpec>,
    /// RemoveOldSignatures.
    pub remove_old_signatures: bool,
    /// SoftwareHeader (or X-Header).
    pub software_header: bool,
    /// FixCRLF.
    pub fix_crlf: bool,
    /// ATPSDomains.
    pub atps_domains: Option<DataSetSpec>,
    /// ATPSHashAlgorithm: `sha256`, `sha1` or `none`.
    pub atps_hash: &'static str,
}

/// Where signing identities come from (tables win silently).
#[derive(Clone, Debug)]
pub enum Identities {
    /// Nothing is signed.
    None,
    /// Domain, Selector, KeyFile, SubDomains.
    Single {
        /// Domain.
        domains: DataSetSpec,
        /// SubDomains.
        sub_domains: bool,
        /// Selector.
        selector: String,
        /// KeyFile.
        key_file: PathBuf,
    },
    /// SigningTable and KeyTable.
    Tables {
        /// SigningTable.
        signing: DataSetSpec,
        /// KeyTable.
        keys: DataSetSpec,
    },
}

/// The On-* options, after On-Default has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnFailure {
    /// On-BadSignature.
    pub bad_signature: FailureAction,
    /// On-KeyNotFound.
    pub key_not_found: FailureAction,
    /// On-DNSError; `None`: not set, so accept.
    pub dns_error: Option<FailureAction>,
    /// On-NoSignature.
    pub no_signature: FailureAction,
    /// On-InternalError: unusable keys and tables among them.
    pub internal_error: FailureAction,
    /// On-Security.
    pub security: FailureAction,
    /// On-SignatureError: signing refused, for instance a key below MinimumKeyBits.
    pub signature_error: FailureAction,
}

/// A word of the On-* options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureAction {
    /// Let the message through.
    Accept,
    /// Refuse it for good.
    Reject,
    /// Refuse it for now.
    Tempfail,
    /// Swallow it.
    Discard,
    /// Hold it in the MTA's quarantine.
    Quarantine,
}

/// How mail is verified, and how results are told.
#[derive(Clone, Debug)]
pub struct VerifySettings {
    /// AlwaysAddARHeader: say `dkim=none` of unsigned mail.
    pub always_add_results: bool,
    /// AuthservID.
    pub authserv_id: AuthservId,
    /// AuthservIDWithJobID: append `/` and the queue id.
    pub authserv_id_with_job: bool,
    /// NoHeaderB: leave `header.b` out.
    pub no_header_b: bool,
    /// KeepAuthResults: delete no Authentication-Results field.
    pub keep_results: bool,
    /// RemoveARAll: delete matching fields of any method.
    pub remove_all_results: bool,
    /// RemoveARFrom: whose fields are deleted; `None`: our own authserv-id's.
    pub remove_results_from: Option<DataSetSpec>,
    /// MaximumSignaturesToVerify, 3 by default; 0: only those of the author's domain and of
    /// TrustSignaturesFrom.
    pub maximum_signatures: u32,
    /// TrustSignaturesFrom: `d=` domains that are always verified.
    pub trust_signatures_from: Option<DataSetSpec>,
    /// MustBeSigned: fields that a signature must cover if they are there.
    pub must_be_signed: Option<DataSetSpec>,
    /// Minimum: how much of the body a signature must cover.
    pub minimum: Option<MinimumCover>,
    /// ClockDrift: tolerance for `t=` and `x=`, 300 s by default.
    pub clock_drift: Duration,
    /// AllowSHA1Only: rsa-sha1 may pass, against RFC 8301.
    pub allow_sha1: bool,
    /// WeakSyntaxChecks: verify although From can't be parsed.
    pub weak_syntax: bool,
    /// BogusKey: result for keys whose DNSSEC proof is false.
    pub bogus_key: KeyAction,
    /// UnprotectedKey: result for keys that DNSSEC doesn't protect.
    pub unprotected_key: KeyAction,
    /// RedirectFailuresTo: mailbox that gets mail with bad signatures.
    pub redirect_failures_to: Option<String>,
    /// CaptureUnknownErrors: quarantine on internal errors.
    pub capture_unknown_errors: bool,
    /// DiagnosticDirectory: where `z=` comparisons are written.
    pub diagnostic_directory: Option<PathBuf>,
    /// SendReports (RFC 6651).
    pub send_reports: bool,
    /// ReportAddress: From of reports.
    pub report_address: Option<String>,
    /// ReportBccAddress.
    pub report_bcc: Option<String>,
    /// MTACommand, `/usr/sbin/sendmail` by default.
    pub mta_command: String,
    /// Nameservers, in order; empty: the system's.
    pub nameservers: Vec<SocketAddr>,
    /// DNSTimeout for one key; `None`: no limit of its own (0 in the file).
    pub dns_timeout: Option<Duration>,
    /// QueryCache.
    pub query_cache: bool,
    /// TestDNSData: answers instead of DNS.
    pub test_dns_data: Option<DataSetSpec>,
    /// TestPublicKeys: a file of keys instead of DNS.
    pub test_public_keys: Option<PathBuf>,
}

/// AuthservID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthservId {
    /// Not set: the MTA's macro `j`.
    MtaName,
    /// The literal `HOSTNAME`: this machine's name.
    HostName,
    /// As written.
    Named(String),
}

/// Minimum: how much of the body a signature must cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumCover {
    /// `n`: at least n octets.
    Octets(u64),
    /// `n%`: at least n per cent, 0 to 100.
    Percent(u8),
    /// `n+`: all but at most n octets.
    AllBut(u64),
}

/// BogusKey and UnprotectedKey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// The key is good.
    None,
    /// The result is `neutral`.
    Neutral,
    /// The signature fails by policy.
    Fail,
}

/// Settings shared by all who hold them.
pub type SharedSettings = Arc<Settings>;
