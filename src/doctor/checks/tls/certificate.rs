//! What is wrong with a certificate, for those who verify: `tls-certificate-expired`,
//! `tls-certificate-ending`, `tls-certificate-not-yet`, `tls-certificate-untrusted`,
//! `tls-certificate-name`, `tls-certificate-unusable`.

use std::time::{Duration, SystemTime};

use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, InvalidNameContext, KeyUsage,
    anchor_from_trusted_cert,
};

use crate::calendar::{DAY_SECONDS, day, unix_seconds};
use crate::codes;
use dkimd_advice::{Finding, text};

/// Days before its end from which a certificate that is renewed by itself would have been renewed.
const ENDING_DAYS: u64 = 14;

/// The authorities that are believed.
#[derive(Debug)]
pub(super) struct Trust(Vec<TrustAnchor<'static>>);

/// There is nobody to believe; why, as far as it is known.
#[derive(Debug, thiserror::Error)]
#[error("no certificate of an authority is found{0}")]
pub(super) struct NoAuthorities(String);

/// Something wrong with a certificate. Times in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It has ended.
    Expired { not_after: u64 },
    /// It ends soon.
    Ending { not_after: u64, days: u64 },
    /// It has not begun.
    NotYet { not_before: u64 },
    /// Signed by itself.
    SelfSigned,
    /// By an authority that nobody knows, or whose own certificate is not sent along.
    UnknownIssuer { sent: usize },
    /// For other names.
    OtherName {
        missing: Vec<String>,
        presented: Vec<String>,
        none_fits: bool,
    },
    /// What else the verifier says.
    Unusable(String),
}

impl Trust {
    /// Those of the operating system.
    ///
    /// # Errors
    /// If it has none.
    pub(super) fn of_system() -> Result<Self, NoAuthorities> {
        let found = rustls_native_certs::load_native_certs();
        let trust = Self::in_those(&found.certs);
        match trust.0.is_empty() {
            false => Ok(trust),
            true => {
                let reasons = found.errors.iter().map(|error| format!("; {error}"));
                Err(NoAuthorities(reasons.collect()))
            }
        }
    }

    /// In the holders of these certificates. Old ones that can't be read are left out.
    fn in_those(certificates: &[CertificateDer<'_>]) -> Self {
        let anchors = certificates
            .iter()
            .filter_map(|one| anchor_from_trusted_cert(one).ok());
        Self(anchors.map(|anchor| anchor.to_owned()).collect())
    }

    /// What a verifier at the time `now` would dislike, the worst first. Without `names`, what it
    /// would dislike whatever name it had asked for.
    pub(super) fn flaws(
        &self,
        chain: &[CertificateDer<'_>],
        names: &[String],
        now: SystemTime,
    ) -> Vec<Flaw> {
        let Some((leaf, others)) = chain.split_first() else {
            return Vec::new();
        };
        let now = unix_seconds(now);
        let leaf = match EndEntityCert::try_from(leaf) {
            Ok(leaf) => leaf,
            Err(error) => return vec![Flaw::Unusable(described(&error))],
        };
        if let Err(error) = self.believes(&leaf, others, now) {
            return vec![flaw(&error, chain, now)];
        }
        let mut flaws = match fit(&leaf, names) {
            Ok(flaw) => Vec::from_iter(flaw),
            Err(error) => return vec![Flaw::Unusable(error)],
        };
        let later = now + ENDING_DAYS * DAY_SECONDS;
        if let Err(Error::CertExpired { not_after, .. }) = self.believes(&leaf, others, later) {
            let not_after = not_after.as_secs();
            let days = not_after.saturating_sub(now) / DAY_SECONDS;
            flaws.push(Flaw::Ending { not_after, days });
        }
        flaws
    }

    /// Whether the certificate leads to an authority that is believed, and is good for a server.
    fn believes(
        &self,
        leaf: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        seconds: u64,
    ) -> Result<(), Error> {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &self.0,
            others,
            time,
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map(|_| ())
    }
}

/// Which of the names a certificate lacks.
///
/// # Errors
/// What hinders to compare them.
fn fit(leaf: &EndEntityCert<'_>, names: &[String]) -> Result<Option<Flaw>, String> {
    let mut missing = Vec::new();
    let mut presented = Vec::new();
    for name in names {
        let asked = ServerName::try_from(name.as_str()).map_err(|error| error.to_string())?;
        match leaf.verify_is_valid_for_subject_name(&asked) {
            Ok(()) => {}
            Err(Error::CertNotValidForName(InvalidNameContext { presented: has, .. })) => {
                missing.push(name.clone());
                presented = has;
            }
            Err(error) => return Err(described(&error)),
        }
    }
    Ok((!missing.is_empty()).then_some(Flaw::OtherName {
        none_fits: missing.len() == names.len(),
        missing,
        presented,
    }))
}

fn flaw(error: &Error, chain: &[CertificateDer<'_>], now: u64) -> Flaw {
    match error {
        Error::CertExpired { not_after, .. } => Flaw::Expired {
            not_after: not_after.as_secs(),
        },
        Error::CertNotValidYet { not_before, .. } => Flaw::NotYet {
            not_before: not_before.as_secs(),
        },
        Error::UnknownIssuer if is_self_signed(chain, now) => Flaw::SelfSigned,
        Error::UnknownIssuer => Flaw::UnknownIssuer { sent: chain.len() },
        // What `openssl req -x509` makes by default: an authority's certificate, used as a server's.
        Error::CaUsedAsEndEntity => Flaw::SelfSigned,
        other => Flaw::Unusable(described(other)),
    }
}

/// Whether the server's certificate is its own issuer: whoever believes it and nobody else finds the
/// chain complete.
fn is_self_signed(chain: &[CertificateDer<'_>], now: u64) -> bool {
    let Some(leaf) = chain.first() else {
        return false;
    };
    let alone = Trust::in_those(std::slice::from_ref(leaf));
    EndEntityCert::try_from(leaf).is_ok_and(|leaf| alone.believes(&leaf, &[], now).is_ok())
}

/// The verifier's word for an error, without the octets that some come with.
fn described(error: &Error) -> String {
    let words = match error {
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "signed by an algorithm that is not in use, or with a key too small"
        }
        Error::RequiredEkuNotFoundContext(_) => "not made for TLS servers (extended key usage)",
        other => return other.to_string(),
    };
    words.to_owned()
}

/// Where the certificate is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obtained {
    /// certbot, which renews it.
    ByCertbot,
    /// Elsewhere.
    Otherwise,
}

impl Obtained {
    /// By the file that Postfix serves.
    pub(super) fn of(certificate: &str) -> Self {
        match certificate.starts_with("/etc/letsencrypt/") {
            true => Self::ByCertbot,
            false => Self::Otherwise,
        }
    }
}

impl Flaw {
    /// The finding about it. `places` are the ports where it was shown.
    pub(super) fn finding(&self, places: &str, names: &[String], by: Obtained) -> Finding {
        let known = names.first().map(String::as_str);
        let name = known.unwrap_or("smtpd_tls_cert_file");
        let seen = |finding: Finding, what: String| finding.evidence(format!("{what} ({places})"));
        match self {
            Self::Expired { not_after } => {
                let ended = day(*not_after);
                let finding = Finding::fail(
                    codes::TLS_CERTIFICATE_EXPIRED,
                    name,
                    text!("the certificate of this server ended on {ended}"),
                );
                renewed(seen(finding, format!("notAfter {ended}")), known, by).why(text!(
                    "mail programs refuse to go on, and so do servers that verify (MTA-STS, DANE)"
                ))
            }
            Self::Ending { not_after, days } => {
                let ends = day(*not_after);
                let finding = Finding::warn(
                    codes::TLS_CERTIFICATE_ENDING,
                    name,
                    text!("the certificate of this server ends in {days} days, on {ends}"),
                );
                renewed(seen(finding, format!("notAfter {ends}")), known, by).why(text!(
                    "certbot and others renew 30 days before the end: the renewal does not run, or \
                     Postfix was not reloaded after it"
                ))
            }
            Self::NotYet { not_before } => {
                let begins = day(*not_before);
                let finding = Finding::fail(
                    codes::TLS_CERTIFICATE_NOT_YET,
                    name,
                    text!("the certificate of this server begins only on {begins}"),
                );
                seen(finding, format!("notBefore {begins}"))
                    .why(text!("most likely this host's clock is wrong"))
                    .command("timedatectl set-ntp true")
            }
            Self::SelfSigned => {
                let finding = Finding::warn(
                    codes::TLS_CERTIFICATE_UNTRUSTED,
                    name,
                    text!("the certificate of this server is self-signed"),
                );
                obtained(seen(finding, "issuer = subject".to_owned()), known)
            }
            Self::UnknownIssuer { sent } => {
                let finding = Finding::warn(
                    codes::TLS_CERTIFICATE_UNTRUSTED,
                    name,
                    text!("the certificate of this server leads to no authority that is known"),
                );
                let finding = seen(
                    finding,
                    format!("unknown issuer, certificates sent: {sent}"),
                );
                let finding = match sent {
                    1 => finding.advice(text!(
                        "it is sent without the authority's own certificate: name fullchain.pem, \
                         not cert.pem, in smtpd_tls_cert_file"
                    )),
                    _ => finding,
                };
                obtained(finding, known)
            }
            Self::OtherName {
                missing,
                presented,
                none_fits,
            } => other_name(missing, presented, *none_fits, &seen),
            Self::Unusable(error) => {
                let finding = Finding::warn(
                    codes::TLS_CERTIFICATE_UNUSABLE,
                    name,
                    text!("the certificate of this server can't be verified"),
                );
                obtained(seen(finding, error.clone()), known)
            }
        }
    }
}

fn other_name(
    missing: &[String],
    presented: &[String],
    none_fits: bool,
    seen: &dyn Fn(Finding, String) -> Finding,
) -> Finding {
    let wanted = missing.join(", ");
    let has: Vec<_> = presented
        .iter()
        .map(|name| {
            name.trim_start_matches("DnsName(\"")
                .trim_end_matches("\")")
        })
        .collect();
    let has = has.join(", ");
    let what = text!("the certificate of this server is not for {wanted}, but for {has}");
    let finding = match none_fits {
        true => Finding::warn(codes::TLS_CERTIFICATE_NAME, &wanted, what),
        // Mail programs use one name, servers another; one of them fits.
        false => Finding::info(codes::TLS_CERTIFICATE_NAME, &wanted, what),
    };
    let domains: Vec<_> = missing.iter().map(|name| format!("-d {name}")).collect();
    let domains = domains.join(" ");
    let finding = seen(finding, format!("names: {has}"))
        .why(text!(
            "mail programs warn or refuse, and so do servers that verify the MX name (MTA-STS)"
        ))
        .command(format!("certbot certonly --standalone --expand {domains}"));
    // certbot names its directory by the first name that it is asked for.
    match missing.first().filter(|_| none_fits) {
        Some(name) => finding.command(taking_into_use(name)),
        None => finding,
    }
}

fn renewed(finding: Finding, name: Option<&str>, by: Obtained) -> Finding {
    // certbot renews what it has obtained itself, and nothing else.
    if by == Obtained::Otherwise {
        return obtained_for(finding, name);
    }
    finding
        .command("certbot renew && systemctl reload postfix")
        .advice(text!(
            "a hook reloads Postfix after each renewal: certbot renew --deploy-hook 'systemctl \
             reload postfix'"
        ))
}

fn obtained(finding: Finding, name: Option<&str>) -> Finding {
    let finding = finding.why(text!(
        "other servers mostly still deliver over it, but mail programs warn or refuse, and \
             servers that verify (MTA-STS) do not deliver"
    ));
    obtained_for(finding, name)
}

/// The commands that obtain a certificate for a server that has a name.
fn obtained_for(finding: Finding, name: Option<&str>) -> Finding {
    match name {
        Some(name) => finding
            .command(format!("certbot certonly --standalone -d {name}"))
            .command(taking_into_use(name)),
        None => finding,
    }
}

/// The command that has Postfix serve the certificate that certbot has obtained for `name`.
fn taking_into_use(name: &str) -> String {
    format!(
        "postconf -e smtpd_tls_cert_file=/etc/letsencrypt/live/{name}/fullchain.pem \
         smtpd_tls_key_file=/etc/letsencrypt/live/{name}/privkey.pem && postfix reload"
    )
}

#[cfg(test)]
mod tests;
