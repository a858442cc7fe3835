//! The files of certificate and key: `tls-file-missing`, `tls-file-unusable`, `tls-key-differs`,
//! `tls-key-open`.

mod public_half;

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use webpki::EndEntityCert;

use self::public_half::public_half;
use crate::codes;
use crate::listeners::{self, SMTP, SUBMISSION, SUBMISSIONS};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{Postfix, Service, main_cf::words};

/// Octets of a file with certificates or a key.
const MAX_FILE: u64 = 1024 * 1024;

/// A certificate and its key, by the parameters that name them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    certificate: (&'static str, PathBuf),
    key: (&'static str, PathBuf),
}

/// What is wrong with a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Missing(&'static str, PathBuf),
    Unusable(&'static str, PathBuf, String),
    Differs,
    /// Anybody on this host can read the key.
    Open(u32),
}

/// What is wrong with the files of all services that speak TLS, each once.
pub(super) fn findings(postfix: &Postfix) -> Vec<Finding> {
    let mut pairs: Vec<Pair> = Vec::new();
    for listener in listeners::of(postfix) {
        if ![SMTP, SUBMISSION, SUBMISSIONS].contains(&listener.port) {
            continue;
        }
        for pair in pairs_of(postfix, listener.service) {
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
    }
    let mut findings: Vec<Finding> = Vec::new();
    for pair in &pairs {
        let hostname = postfix.main.value("myhostname");
        findings.extend(
            faults(pair)
                .iter()
                .map(|fault| fault.finding(pair, hostname)),
        );
    }
    findings
}

/// The files that this process may not read, so that what is in them is not known.
pub(super) fn denied(postfix: &Postfix) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for service in postfix.services_of("smtpd") {
        for pair in pairs_of(postfix, service) {
            for path in [pair.certificate.1, pair.key.1] {
                let denied =
                    read(&path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
                if denied && !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
    }
    paths
}

fn pairs_of(postfix: &Postfix, service: &Service) -> Vec<Pair> {
    let path = |parameter| {
        let value = postfix.value_for(service, parameter).unwrap_or_default();
        // `none` means that there is no certificate on purpose.
        (!value.is_empty() && value != "none").then(|| PathBuf::from(value))
    };
    let names = [
        ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
        ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
    ];
    // chain_files take the place of the others.
    if let Some(chains) = path("smtpd_tls_chain_files") {
        let chains = chains.display().to_string();
        let parameter = "smtpd_tls_chain_files";
        return words(&chains)
            .into_iter()
            .map(|file| Pair {
                certificate: (parameter, file.into()),
                key: (parameter, file.into()),
            })
            // Key and certificates may stand in files of their own, one behind the other.
            .filter(|pair| {
                read(&pair.key.1).is_ok_and(|octets| {
                    CertificateDer::from_pem_slice(&octets).is_ok()
                        && PrivateKeyDer::from_pem_slice(&octets).is_ok()
                })
            })
            .collect();
    }
    let pair = |(certificate, key)| {
        let at = path(certificate)?;
        Some(Pair {
            key: (key, path(key).unwrap_or_else(|| at.clone())),
            certificate: (certificate, at),
        })
    };
    names.into_iter().filter_map(pair).collect()
}

fn faults(pair: &Pair) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (certificate_name, certificate_path) = &pair.certificate;
    let (key_name, key_path) = &pair.key;
    let mut get = |name, path: &PathBuf| match read(path) {
        Ok(octets) => Some(octets),
        // Not root: what Postfix sees is not known.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            faults.push(Fault::Missing(name, path.clone()));
            None
        }
        Err(error) => {
            faults.push(Fault::Unusable(name, path.clone(), error.to_string()));
            None
        }
    };
    let certificate = get(certificate_name, certificate_path);
    let key = match key_path == certificate_path {
        true => certificate.clone(),
        false => get(key_name, key_path),
    };
    if let (Some(certificate), Some(key)) = (certificate, key) {
        faults.extend(fit(pair, &certificate, &key));
        faults.extend(open(key_path));
    }
    faults
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut octets)?;
    Ok(octets)
}

fn fit(pair: &Pair, certificate: &[u8], key: &[u8]) -> Option<Fault> {
    let unusable = |(name, path): &(&'static str, PathBuf), error: String| {
        Some(Fault::Unusable(name, path.clone(), error))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let leaf = match chain.map(|chain| chain.into_iter().next()) {
        Ok(Some(leaf)) => leaf,
        Ok(None) => return unusable(&pair.certificate, "no BEGIN CERTIFICATE".to_owned()),
        Err(error) => return unusable(&pair.certificate, error.to_string()),
    };
    let key = match PrivateKeyDer::from_pem_slice(key) {
        Ok(key) => key,
        Err(error) => return unusable(&pair.key, error.to_string()),
    };
    // OpenSSL may know kinds of certificates and keys that we don't.
    let certified = EndEntityCert::try_from(&leaf).ok()?;
    let own = public_half(&key)?;
    (own != *certified.subject_public_key_info()).then_some(Fault::Differs)
}

fn open(key: &Path) -> Option<Fault> {
    let mode = std::fs::metadata(key).ok()?.permissions().mode();
    let others_read = mode & 0o004 != 0;
    others_read.then_some(Fault::Open(mode & 0o7777))
}

fn consequence() -> Text {
    text!(
        "Postfix then offers no TLS at all, or breaks it off: mail comes in clear or not at all, \
         and mail programs can't log in"
    )
}

impl Fault {
    fn finding(&self, pair: &Pair, hostname: &str) -> Finding {
        let shown = |(name, path): &(&str, PathBuf)| format!("{name} = {}", path.display());
        let (certificate, key) = (pair.certificate.1.display(), pair.key.1.display());
        match self {
            Self::Missing(name, path) => {
                let path = path.display();
                Finding::fail(
                    codes::TLS_FILE_MISSING,
                    path.to_string(),
                    text!("{path}, named in {name}, does not exist"),
                )
                .evidence(format!("{name} = {path}"))
                .why(consequence())
                .command(format!("certbot certonly --standalone -d {hostname}"))
                .command(format!(
                    "postconf -e smtpd_tls_cert_file=/etc/letsencrypt/live/{hostname}/fullchain.pem \
                     smtpd_tls_key_file=/etc/letsencrypt/live/{hostname}/privkey.pem && postfix \
                     reload"
                ))
            }
            Self::Unusable(name, path, error) => {
                let path = path.display();
                Finding::fail(
                    codes::TLS_FILE_UNUSABLE,
                    path.to_string(),
                    text!("{path}, named in {name}, can't be used"),
                )
                .evidence(error)
                .why(consequence())
                .advice(text!(
                    "it must be PEM: -----BEGIN CERTIFICATE----- or -----BEGIN PRIVATE KEY-----, \
                     the key without a password"
                ))
            }
            Self::Differs => {
                let finding = Finding::fail(
                    codes::TLS_KEY_DIFFERS,
                    key.to_string(),
                    text!("the private key {key} does not belong to the certificate {certificate}"),
                )
                .evidence(shown(&pair.certificate))
                .evidence(shown(&pair.key))
                .why(consequence());
                match beside(&pair.certificate.1) {
                    Some(fitting) => finding.command(format!(
                        "postconf -e {}={} && postfix reload",
                        pair.key.0,
                        fitting.display()
                    )),
                    None => finding.advice(text!(
                        "name the key that was made for this certificate, or obtain both anew; to \
                         compare: openssl x509 -noout -pubkey -in {certificate}; openssl pkey \
                         -pubout -in {key}"
                    )),
                }
            }
            Self::Open(mode) => Finding::warn(
                codes::TLS_KEY_OPEN,
                key.to_string(),
                text!("everybody on this host can read the private key {key}"),
            )
            .evidence(format!("{key}: {mode:04o}"))
            .why(text!("whoever reads it can pass for this server"))
            .command(format!("chmod o-rwx {key}")),
        }
    }
}

/// The key that certbot puts beside a certificate.
fn beside(certificate: &Path) -> Option<PathBuf> {
    let name = certificate.file_name()?.to_str()?;
    let key = certificate.with_file_name("privkey.pem");
    (["fullchain.pem", "cert.pem"].contains(&name) && key.exists()).then_some(key)
}

#[cfg(test)]
mod tests;
