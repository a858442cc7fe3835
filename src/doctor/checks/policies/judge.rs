//! What does not fit together.

use crate::codes;
use crate::record_line;
use dkimd_advice::{Finding, text};

/// Longest `id=` of an MTA-STS record (RFC 8461 section 3.1).
const MOST_ID: usize = 32;

/// What is known of one domain.
#[derive(Clone, Debug, Default)]
pub(super) struct PolicyFacts {
    /// The domain.
    pub domain: String,
    /// TXT records at `_mta-sts`.
    pub sts: Vec<String>,
    /// Whether `mta-sts.domain`, where the policy is fetched, has an address.
    pub sts_host_exists: bool,
    /// TXT records at `_smtp._tls`.
    pub reports: Vec<String>,
    /// TXT records at `default._bimi`.
    pub bimi: Vec<String>,
    /// Whether DMARC asks to quarantine or reject.
    pub enforced: bool,
    /// TLSA records of the mail exchangers.
    pub tlsa: Vec<Tlsa>,
}

/// TLSA records at one name.
#[derive(Clone, Debug)]
pub(super) struct Tlsa {
    /// `_25._tcp.mail.example.com`.
    pub name: String,
    /// In presentation form.
    pub records: Vec<String>,
    /// Whether DNSSEC protects them, if that could be found out.
    pub signed: Option<bool>,
}

/// All that is to be said.
pub(super) fn judge(facts: &PolicyFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(sts(facts));
    findings.extend(reports(facts));
    findings.extend(bimi(facts));
    findings.extend(facts.tlsa.iter().filter_map(tlsa));
    findings
}

fn of_version<'a>(texts: &'a [String], version: &str) -> Vec<&'a String> {
    let begins = |text: &&String| {
        let first = text.split(';').next().unwrap_or_default();
        first.trim() == version
    };
    texts.iter().filter(begins).collect()
}

fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').find_map(|tag| {
        let (known, value) = tag.split_once('=')?;
        (known.trim() == name).then(|| value.trim())
    })
}

fn sts(facts: &PolicyFacts) -> Option<Finding> {
    let domain = &facts.domain;
    let name = format!("_mta-sts.{domain}");
    if facts.sts.is_empty() {
        return None;
    }
    let records = of_version(&facts.sts, "v=STSv1");
    let id_is_good = |id: &str| {
        (1..=MOST_ID).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_alphanumeric())
    };
    let one = match records.as_slice() {
        [one] if tag(one, "id").is_some_and(id_is_good) => true,
        [] => false,
        _ => false,
    };
    let meant = facts
        .sts
        .iter()
        .any(|text| text.to_ascii_lowercase().contains("sts"));
    if !one && !meant {
        return None;
    }
    let finding = if !one {
        let what = text!(
            "the MTA-STS record at {name} can't be used: there must be one, with v=STSv1 and an id= \
             of letters and digits"
        );
        Finding::warn(codes::MTA_STS_SYNTAX, domain, what)
            .record(record_line::txt(&name, "v=STSv1; id=20260101000000"))
    } else if !facts.sts_host_exists {
        let what = text!(
            "{name} announces an MTA-STS policy, but mta-sts.{domain}, where it is fetched, has no address"
        );
        Finding::warn(codes::MTA_STS_NO_HOST, domain, what).advice(text!(
            "serve https://mta-sts.{domain}/.well-known/mta-sts.txt, or delete the record"
        ))
    } else {
        return None;
    };
    let finding = facts.sts.iter().fold(finding, Finding::evidence);
    Some(finding.why(text!(
        "senders ignore the policy, and mail to you may travel without protection"
    )))
}

fn reports(facts: &PolicyFacts) -> Option<Finding> {
    let domain = &facts.domain;
    let name = format!("_smtp._tls.{domain}");
    let meant = facts
        .reports
        .iter()
        .any(|text| text.to_ascii_lowercase().contains("tlsrpt"));
    if !meant {
        return None;
    }
    let records = of_version(&facts.reports, "v=TLSRPTv1");
    let good = match records.as_slice() {
        [one] => tag(one, "rua").is_some_and(|uris| {
            uris.split(',').map(str::trim).all(|uri| {
                uri.starts_with("https://") || (uri.starts_with("mailto:") && uri.contains('@'))
            })
        }),
        _ => false,
    };
    if good {
        return None;
    }
    let what = text!(
        "the record for TLS reports at {name} can't be used: there must be one, with v=TLSRPTv1 and \
         rua=mailto:…"
    );
    let finding = Finding::warn(codes::TLS_RPT_SYNTAX, domain, what);
    let finding = facts.reports.iter().fold(finding, Finding::evidence);
    let text = format!("v=TLSRPTv1; rua=mailto:postmaster@{domain}");
    Some(finding.record(record_line::txt(&name, &text)))
}

fn bimi(facts: &PolicyFacts) -> Option<Finding> {
    let domain = &facts.domain;
    let records = of_version(&facts.bimi, "v=BIMI1");
    let record = records.first()?;
    // An empty l= declines to take part.
    if facts.enforced || tag(record, "l").is_none_or(str::is_empty) {
        return None;
    }
    let what = text!(
        "{domain} publishes a logo (BIMI), but its DMARC policy does not ask to quarantine or reject"
    );
    let finding = Finding::warn(codes::BIMI_WITHOUT_POLICY, domain, what).evidence(record.as_str());
    Some(
        finding
            .why(text!(
                "no receiver shows the logo of a domain that lets itself be forged"
            ))
            .record(record_line::txt(
                &format!("_dmarc.{domain}"),
                &format!("v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}"),
            )),
    )
}

fn tlsa(tlsa: &Tlsa) -> Option<Finding> {
    let name = &tlsa.name;
    let finding = if tlsa.signed == Some(false) {
        let what = text!("{name} has TLSA records (DANE), but DNSSEC does not protect them");
        Finding::warn(codes::TLSA_WITHOUT_DNSSEC, name, what)
            .why(text!("senders ignore unsigned TLSA records"))
            .advice(text!("sign the zone and have the DS record entered at the registrar, or delete the records"))
    } else {
        let usable = |record: &&String| {
            let usage = record.split_whitespace().next();
            matches!(usage, Some("2" | "3"))
        };
        if tlsa.records.iter().find(usable).is_some() {
            return None;
        }
        let what = text!("the TLSA records at {name} have a usage that mail does not use (0 or 1)");
        Finding::warn(codes::TLSA_USAGE, name, what)
            .why(text!(
                "for SMTP only 3 (the server's own key) and 2 (an authority's) count (RFC 7672)"
            ))
            .advice(text!(
                "publish “3 1 1” and the SHA-256 of the server's public key"
            ))
    };
    Some(tlsa.records.iter().fold(finding, Finding::evidence))
}

/// CAA records at `name` that rule certificates of `helo`.
pub(super) fn judge_caa(helo: &str, name: &str, records: &[String]) -> Option<Finding> {
    let issue = records.iter().filter(|record| {
        let mut words = record.split_whitespace();
        words.nth(1) == Some("issue")
    });
    let authority = |record: &&String| {
        let value = record.split_whitespace().nth(2).unwrap_or_default();
        !matches!(value.trim_matches('"').trim(), "" | ";")
    };
    if issue.clone().next().is_none() || issue.clone().any(|record| authority(&record)) {
        return None;
    }
    let what =
        text!("the CAA record at {name} forbids every authority to issue a certificate for {helo}");
    let finding = Finding::warn(codes::CAA_FORBIDS_ALL, name, what);
    let finding = records.iter().fold(finding, Finding::evidence);
    Some(
        finding
            .why(text!("the server's certificate can't be renewed"))
            .record(record_line::of_type(
                name,
                "CAA",
                "0 issue \"letsencrypt.org\"",
            )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(facts: &PolicyFacts) -> Vec<&'static str> {
        judge(facts)
            .iter()
            .map(|finding| finding.code.word())
            .collect()
    }

    fn good() -> PolicyFacts {
        let text = |text: &str| vec![text.to_owned()];
        PolicyFacts {
            domain: "example.com".to_owned(),
            sts: text("v=STSv1; id=20260101T000000;"),
            sts_host_exists: true,
            reports: text("v=TLSRPTv1; rua=mailto:tls@example.com,https://example.com/tls"),
            bimi: text("v=BIMI1; l=https://example.com/logo.svg;"),
            enforced: true,
            tlsa: vec![Tlsa {
                name: "_25._tcp.mail.example.com".to_owned(),
                records: text("3 1 1 AB"),
                signed: Some(true),
            }],
        }
    }

    #[test]
    fn policies_that_fit_together_and_missing_ones_give_nothing_to_say() {
        assert_eq!(codes(&good()), [""; 0]);
        let nothing = PolicyFacts {
            sts_host_exists: true,
            enforced: true,
            ..PolicyFacts::default()
        };
        assert_eq!(codes(&nothing), [""; 0]);
        // A wildcard TXT record answers at every name.
        let wildcard = PolicyFacts {
            sts: vec!["v=spf1 -all".to_owned()],
            ..nothing
        };
        assert_eq!(codes(&wildcard), [""; 0]);
    }

    #[test]
    fn what_does_not_fit_together_is_told() {
        let changed = |change: fn(&mut PolicyFacts)| {
            let mut facts = good();
            change(&mut facts);
            codes(&facts)
        };
        assert_eq!(changed(|f| f.sts_host_exists = false), ["mta-sts-no-host"]);
        assert_eq!(
            changed(|f| f.sts[0] = "v=STSv1; id=2026-01".to_owned()),
            ["mta-sts-syntax"]
        );
        assert_eq!(
            changed(|f| f.sts.push("v=STSv1; id=2".to_owned())),
            ["mta-sts-syntax"]
        );
        assert_eq!(
            changed(|f| f.reports[0] = "v=TLSRPTv1; rua=a@b".to_owned()),
            ["tls-rpt-syntax"]
        );
        assert_eq!(changed(|f| f.enforced = false), ["bimi-without-policy"]);
        assert_eq!(
            changed(|f| f.tlsa[0].signed = Some(false)),
            ["tlsa-without-dnssec"]
        );
        assert_eq!(changed(|f| f.tlsa[0].signed = None), [""; 0]);
        assert_eq!(
            changed(|f| f.tlsa[0].records[0] = "1 1 1 AB".to_owned()),
            ["tlsa-usage"]
        );
    }

    #[test]
    fn caa_records_that_name_nobody_forbid_certificates() {
        let judged = |records: &[&str]| {
            let records: Vec<_> = records.iter().map(|text| (*text).to_owned()).collect();
            judge_caa("mail.example.com", "example.com", &records)
                .map(|finding| finding.code.word())
        };
        assert_eq!(judged(&["0 issue \";\""]), Some("caa-forbids-all"));
        assert_eq!(
            judged(&["0 issue \";\"", "0 issue \"letsencrypt.org\""]),
            None
        );
        assert_eq!(judged(&["0 iodef \"mailto:a@example.com\""]), None);
    }
}
