//! The DNS tree walk of DMARC: which records lie on the way from a domain to the top, and which
//! domain is the organisation's (RFC 9989 section 4.10).

use super::policy::{Psd, is_dmarc, psd_of};
use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// Where the walk goes on after a name that is longer than this.
const LABELS_AFTER_JUMP: usize = 7;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The domain.
    pub domain: String,
    /// The TXT records at `_dmarc` below it.
    pub texts: Vec<String>,
}

impl Step {
    /// The record that counts here: several count for none.
    pub(super) fn record(&self) -> Option<&str> {
        let mut records = self.texts.iter().filter(|text| is_dmarc(text));
        match (records.next(), records.next()) {
            (Some(record), None) => Some(record),
            _ => None,
        }
    }
}

/// The domains that are asked about, the longest first.
fn names(domain: &str) -> Vec<String> {
    let labels: Vec<&str> = domain
        .split('.')
        .filter(|label| !label.is_empty())
        .collect();
    let mut names = Vec::new();
    let mut count = labels.len();
    while count > 0 {
        names.push(labels[labels.len() - count..].join("."));
        count = match count > LABELS_AFTER_JUMP {
            true => LABELS_AFTER_JUMP,
            false => count - 1,
        };
    }
    names
}

/// Walks from `domain` to the top, or to a record with `psd=`.
pub(super) async fn walk(dns: &Questions, domain: &str) -> Result<Vec<Step>, DnsFailure> {
    let mut steps = Vec::new();
    for domain in names(&domain.to_ascii_lowercase()) {
        let found = dns.txt(&format!("_dmarc.{domain}")).await?;
        let text = |octets: &Vec<u8>| String::from_utf8_lossy(octets).into_owned();
        let step = Step {
            domain,
            texts: found.records.iter().map(text).collect(),
        };
        let psd = step.record().map_or(Psd::Unsaid, psd_of);
        steps.push(step);
        if psd != Psd::Unsaid {
            break;
        }
    }
    Ok(steps)
}

/// The organisation's domain (section 4.10.2).
pub(super) fn organisation(steps: &[Step]) -> Option<String> {
    let start = &steps.first()?.domain;
    let mut with_record = steps
        .iter()
        .filter_map(|step| Some((step, psd_of(step.record()?))));
    for (step, psd) in with_record.clone() {
        match psd {
            Psd::No => return Some(step.domain.clone()),
            Psd::Yes if step.domain != *start => return Some(one_below(&step.domain, start)),
            _ => {}
        }
    }
    let last = with_record.next_back();
    Some(last.map_or(start, |(step, _)| &step.domain).clone())
}

/// The domain one label below `upper` on the way to `start`.
fn one_below(upper: &str, start: &str) -> String {
    let below = start
        .strip_suffix(upper)
        .unwrap_or_default()
        .trim_end_matches('.');
    let label = below.rsplit('.').next().unwrap_or_default();
    format!("{label}.{upper}")
}

/// The step whose record is applied to mail of the domain that the walk began with (section
/// 4.10.1): its own, else the organisation's, else the public suffix's.
pub(super) fn applied(steps: &[Step]) -> Option<&Step> {
    let first = steps.first()?;
    if first.record().is_some() {
        return Some(first);
    }
    let organisation = organisation(steps)?;
    let with_record = || steps.iter().filter(|step| step.record().is_some());
    with_record()
        .find(|step| step.domain == organisation)
        .or_else(|| with_record().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(records: &[(&str, &str)]) -> Vec<Step> {
        let step = |(domain, text): &(&str, &str)| Step {
            domain: (*domain).to_owned(),
            texts: text
                .split('|')
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        records.iter().map(step).collect()
    }

    #[test]
    fn a_walk_asks_at_most_eight_times() {
        assert_eq!(
            names("a.example.com"),
            ["a.example.com", "example.com", "com"]
        );
        let long = names("a.b.c.d.e.f.g.h.i.example.com");
        assert_eq!(long.len(), 8);
        assert_eq!(long[1], "e.f.g.h.i.example.com");
    }

    #[test]
    fn the_organisation_is_the_shortest_name_with_a_record_unless_psd_says_otherwise() {
        fn org(records: &[(&str, &str)]) -> String {
            organisation(&steps(records)).unwrap()
        }
        let record = "v=DMARC1; p=none";
        assert_eq!(
            org(&[
                ("a.example.com", record),
                ("example.com", record),
                ("com", "")
            ]),
            "example.com"
        );
        assert_eq!(
            org(&[
                ("a.b.bank.example", record),
                ("b.bank.example", ""),
                ("bank.example", "v=DMARC1; p=reject; psd=y"),
            ]),
            "b.bank.example"
        );
        assert_eq!(
            org(&[
                ("a.example.com", "v=DMARC1; p=none; psd=n"),
                ("example.com", record)
            ]),
            "a.example.com"
        );
        assert_eq!(
            org(&[("a.example.com", ""), ("example.com", "")]),
            "a.example.com"
        );
    }

    #[test]
    fn several_records_at_one_name_count_for_none() {
        let twice = "v=DMARC1; p=none|v=DMARC1; p=reject";
        let steps = steps(&[
            ("a.example.com", twice),
            ("example.com", "v=DMARC1; p=reject|other"),
        ]);
        assert_eq!(applied(&steps).unwrap().domain, "example.com");
    }
}
