//! Whether the certificate that Postfix serves is the one its TLSA records speak of (RFC 7672).

use std::fs;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::judge::Tlsa;
use crate::codes;
use crate::record_line;
use dkimd_advice::{Finding, text};
use dkimd_postfix::Postfix;

/// Parameters that name files of certificates; the later ones are used where the first is empty.
const FILES: [&str; 3] = [
    "smtpd_tls_chain_files",
    "smtpd_tls_cert_file",
    "smtpd_tls_eccert_file",
];

/// A TLSA record (RFC 6698 section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Association {
    usage: u8,
    /// 0: the certificate, 1: its key.
    selector: u8,
    /// 0: as it is, 1: SHA-256, 2: SHA-512.
    matching: u8,
    data: Vec<u8>,
}

impl Association {
    fn parse(record: &str) -> Option<Self> {
        let mut words = record.split_whitespace();
        let mut number = || words.next()?.parse().ok();
        let (usage, selector, matching) = (number()?, number()?, number()?);
        let hex: String = words.collect();
        Some(Self {
            usage,
            selector,
            matching,
            data: HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?,
        })
    }

    fn fits(&self, certificate: &CertificateDer<'_>) -> bool {
        let selected = match self.selector {
            0 => Some(certificate.to_vec()),
            1 => public_key(certificate),
            _ => None,
        };
        let Some(selected) = selected else {
            return false;
        };
        match self.matching {
            0 => self.data == selected,
            1 => self.data == digest(&SHA256, &selected).as_ref(),
            2 => self.data == digest(&SHA512, &selected).as_ref(),
            _ => false,
        }
    }
}

fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = EndEntityCert::try_from(certificate).ok()?;
    Some(parsed.subject_public_key_info().to_vec())
}

/// The certificate chains that Postfix serves; none where they depend on the name asked for, or
/// can't be read.
pub(super) fn served(postfix: &Postfix) -> Vec<Vec<CertificateDer<'static>>> {
    if !postfix.main.value("tls_server_sni_maps").is_empty() {
        return Vec::new();
    }
    let [chains, others @ ..] = FILES;
    let mut files = postfix.main.list(chains);
    if files.is_empty() {
        files = others
            .into_iter()
            .flat_map(|parameter| postfix.main.list(parameter))
            .filter(|file| *file != "none")
            .collect();
    }
    files.into_iter().filter_map(chain_in).collect()
}

fn chain_in(file: &str) -> Option<Vec<CertificateDer<'static>>> {
    let blocks = pem::parse_many(fs::read(file).ok()?).ok()?;
    let chain: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(|block| CertificateDer::from(block.into_contents()))
        .collect();
    (!chain.is_empty()).then_some(chain)
}

/// What is wrong with the TLSA records of an exchanger that is this host.
pub(super) fn judge(tlsa: &Tlsa, chains: &[Vec<CertificateDer<'static>>]) -> Option<Finding> {
    let name = &tlsa.name;
    let records: Vec<_> = tlsa
        .records
        .iter()
        .filter_map(|record| Association::parse(record))
        // Others count for nothing in mail.
        .filter(|record| matches!(record.usage, 2 | 3))
        .collect();
    let fits = |record: &Association| {
        chains.iter().any(|chain| match record.usage {
            3 => chain.first().is_some_and(|leaf| record.fits(leaf)),
            _ => chain.iter().any(|certificate| record.fits(certificate)),
        })
    };
    if records.is_empty() || chains.is_empty() || records.iter().any(fits) {
        return None;
    }
    let what = text!("the TLSA records at {name} do not fit the certificate that Postfix serves");
    let finding = Finding::fail(codes::TLSA_DIFFERS, name, what);
    let finding = tlsa.records.iter().fold(finding, |finding, record| {
        finding.evidence(format!("{name} TLSA {record}"))
    });
    let finding = finding.why(text!(
        "everybody who checks DANE (Microsoft, Comcast, GMX and many others) delivers nothing here"
    ));
    let leaves = chains.iter().filter_map(|chain| chain.first());
    Some(leaves.filter_map(public_key).fold(finding, |finding, key| {
        let hash = HEXLOWER.encode(digest(&SHA256, &key).as_ref());
        finding.record(record_line::of_type(name, "TLSA", &format!("3 1 1 {hash}")))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_in_presentation_form() {
        let record = Association::parse("3 1 1 AB cd01").unwrap();
        assert_eq!((record.usage, record.selector, record.matching), (3, 1, 1));
        assert_eq!(record.data, [0xab, 0xcd, 0x01]);
        assert_eq!(Association::parse("3 1 AB"), None);
    }

    #[test]
    fn a_record_of_another_certificate_is_told_with_the_right_one() {
        let certificate = CertificateDer::from(b"not parsed for selector 0".to_vec());
        let chains = [vec![certificate.clone()]];
        let hash = |data: &[u8]| HEXLOWER.encode(digest(&SHA256, data).as_ref());
        let tlsa = |records: &[String]| Tlsa {
            name: "_25._tcp.mail.example.com".to_owned(),
            records: records.to_vec(),
            signed: Some(true),
        };
        let (right, wrong) = (
            format!("3 0 1 {}", hash(&certificate)),
            format!("3 0 1 {}", hash(b"x")),
        );
        assert_eq!(judge(&tlsa(&[wrong.clone(), right]), &chains), None);
        let found = judge(&tlsa(std::slice::from_ref(&wrong)), &chains);
        assert_eq!(found.unwrap().code, "tlsa-differs");
        assert_eq!(judge(&tlsa(&[wrong]), &[]), None);
    }
}
