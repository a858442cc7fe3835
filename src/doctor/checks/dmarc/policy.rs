//! The text of one DMARC record, tag by tag (RFC 9989 section 4.7).

use dkimd_advice::{text, text::Text};
use dkimd_questions::is_readable_dmarc;

/// What `psd=` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Psd {
    /// A public suffix, such as a bank's or a country's own.
    Yes,
    /// The organisation's domain.
    No,
    /// Nothing, or `u`.
    Unsaid,
}

/// A record as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// Tags in order, names in lower case.
    pub tags: Vec<(String, String)>,
    /// What makes receivers ignore the record or the tag.
    pub faults: Vec<Text>,
}

/// Tags that RFC 7489 had and RFC 9989 has no more.
pub(super) const REMOVED: [&str; 3] = ["pct", "rf", "ri"];
/// Tags of RFC 9989.
const KNOWN: [&str; 11] = [
    "v", "p", "sp", "np", "adkim", "aspf", "fo", "psd", "rua", "ruf", "t",
];
const POLICIES: [&str; 3] = ["none", "quarantine", "reject"];

/// Whether a TXT record is a DMARC record: `v=DMARC1` in front, alone or followed by a semicolon.
pub(super) fn is_dmarc(text: &str) -> bool {
    let Some((name, rest)) = text.split_once('=') else {
        return false;
    };
    let value = rest.split(';').next().unwrap_or_default();
    name.trim() == "v" && value.trim() == "DMARC1"
}

/// Whether it was meant as one.
pub(super) fn is_meant_as_dmarc(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    !is_dmarc(text)
        && (lower.contains("dmarc")
            || POLICIES
                .iter()
                .any(|policy| lower.contains(&format!("p={policy}"))))
}

/// What `psd=` of a record says.
pub(super) fn psd_of(text: &str) -> Psd {
    match Policy::parse(text).value("psd") {
        Some("y") => Psd::Yes,
        Some("n") => Psd::No,
        _ => Psd::Unsaid,
    }
}

impl Policy {
    /// Reads a record.
    pub(super) fn parse(text: &str) -> Self {
        let mut policy = Self::default();
        for part in text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match part.split_once('=') {
                Some((name, value)) => {
                    let name = name.trim().to_ascii_lowercase();
                    policy.tags.push((name, value.trim().to_owned()));
                }
                None => policy.faults.push(text!("“{part}” has no = in it")),
            }
        }
        policy.judge(text);
        policy
    }

    /// The value of a tag.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let tag = self.tags.iter().find(|(known, _)| known == name)?;
        Some(&tag.1)
    }

    /// Whether a tag of two choices says `s`.
    pub(super) fn is_strict(&self, name: &str) -> bool {
        self.value(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("s"))
    }

    fn judge(&mut self, text: &str) {
        if !is_dmarc(text) {
            let first = text.split(';').next().unwrap_or_default().trim();
            self.faults
                .push(text!("it must begin with v=DMARC1, not with “{first}”"));
        }
        for (name, value) in &self.tags {
            let allowed: &[&str] = match name.as_str() {
                "p" | "sp" | "np" => &POLICIES,
                "adkim" | "aspf" => &["r", "s"],
                "t" => &["y", "n"],
                "psd" => &["y", "n", "u"],
                _ => continue,
            };
            if !allowed.iter().any(|word| word.eq_ignore_ascii_case(value)) {
                let choices = allowed.join(", ");
                self.faults
                    .push(text!("{name}={value} is none of {choices}"));
            }
        }
        let unknown = self
            .tags
            .iter()
            .find(|(name, _)| !KNOWN.contains(&name.as_str()) && !REMOVED.contains(&name.as_str()));
        let has_policy = self.value("p").is_some();
        match unknown {
            Some((name, value)) if !has_policy => self.faults.push(text!(
                "there is no p=; {name}={value} is a tag that DMARC does not know"
            )),
            None if !has_policy => self
                .faults
                .push(text!("there is no p= (none, quarantine or reject)")),
            _ => {}
        }
        if self.faults.is_empty() && !is_readable_dmarc(text) {
            self.faults.push(text!("its tags can't be read"));
        }
    }

    /// The record without faults and removed tags.
    pub(super) fn mended(&self) -> String {
        let value_of = |name: &str, choices: &[&str]| {
            let value = self.value(name)?.to_ascii_lowercase();
            choices.contains(&value.as_str()).then_some(value)
        };
        let policy = value_of("p", &POLICIES).unwrap_or_else(|| "none".to_owned());
        let mut text = format!("v=DMARC1; p={policy}");
        for (name, value) in &self.tags {
            let keep = match name.as_str() {
                "sp" | "np" => value_of(name, &POLICIES).is_some(),
                "adkim" | "aspf" => value_of(name, &["r", "s"]).is_some(),
                "t" => value_of(name, &["y", "n"]).is_some(),
                "fo" | "ruf" => true,
                _ => false,
            };
            if keep {
                text.push_str(&format!("; {name}={value}"));
            }
            if name == "rua" {
                text.push_str(&format!("; rua={}", mended_addresses(value)));
            }
        }
        text
    }
}

/// The addresses of `rua=` or `ruf=`: each as written, and its domain where it is a mail address.
pub(super) fn report_addresses(value: &str) -> Vec<(&str, Option<&str>)> {
    let uris = value
        .split(',')
        .map(str::trim)
        .filter(|uri| !uri.is_empty());
    uris.map(|uri| {
        let scheme = uri.get(..7).filter(|s| s.eq_ignore_ascii_case("mailto:"));
        // The size limit behind an exclamation mark is gone since RFC 9990, but still written.
        let address = scheme.map(|_| uri[7..].split('!').next().unwrap_or_default());
        let domain = address
            .and_then(|address| address.rsplit_once('@'))
            .map(|(_, domain)| domain)
            .filter(|domain| domain.contains('.') && !domain.contains(' '));
        (uri, domain)
    })
    .collect()
}

fn mended_addresses(value: &str) -> String {
    let uris = report_addresses(value)
        .into_iter()
        .map(|(uri, domain)| match domain {
            None if uri.contains('@') && !uri.contains(':') => format!("mailto:{uri}"),
            _ => uri.to_owned(),
        });
    uris.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> usize {
        Policy::parse(text).faults.len()
    }

    #[test]
    fn good_records_have_no_fault() {
        for text in [
            "v=DMARC1; p=none",
            "v=DMARC1;p=reject;sp=quarantine;np=reject;adkim=s;aspf=r;t=y;psd=n;fo=1:d:s",
            "v=DMARC1; p=quarantine; rua=mailto:a@example.com,mailto:b@example.net!10m; pct=50",
            "v = DMARC1 ; p = none ;",
        ] {
            assert_eq!(faults(text), 0, "{text}");
        }
    }

    #[test]
    fn faults_are_counted_and_mended() {
        for (text, mended) in [
            ("p=reject; v=DMARC1", "v=DMARC1; p=reject"),
            ("v=DMARC1; p=block", "v=DMARC1; p=none"),
            ("v=DMARC1; policy=reject", "v=DMARC1; p=none"),
            (
                "v=DMARC1; rua=mailto:a@example.com",
                "v=DMARC1; p=none; rua=mailto:a@example.com",
            ),
            ("v=DMARC1 p=reject", "v=DMARC1; p=none"),
            ("v=DMARC1; p:reject", "v=DMARC1; p=none"),
            ("v=dmarc1; p=reject", "v=DMARC1; p=reject"),
            ("v=DMARC1; p=reject; adkim=strict", "v=DMARC1; p=reject"),
        ] {
            assert!(faults(text) > 0, "{text}");
            assert_eq!(Policy::parse(text).mended(), mended, "{text}");
        }
    }

    #[test]
    fn report_addresses_are_uris_of_mail() {
        assert_eq!(
            report_addresses("mailto:a@example.com!5m, b@example.com,https://example.com/"),
            [
                ("mailto:a@example.com!5m", Some("example.com")),
                ("b@example.com", None),
                ("https://example.com/", None)
            ]
        );
        assert_eq!(mended_addresses("b@example.com"), "mailto:b@example.com");
    }

    #[test]
    fn records_are_told_from_other_texts() {
        assert!(is_dmarc("v=DMARC1") && is_dmarc("v = DMARC1; p=none"));
        for text in [
            "v=dmarc1; p=none",
            "p=none; v=DMARC1",
            "\"v=DMARC1; p=none\"",
            "v=DMARC; p=none",
        ] {
            assert!(!is_dmarc(text) && is_meant_as_dmarc(text), "{text}");
        }
        assert!(!is_meant_as_dmarc("v=spf1 -all"));
    }
}
