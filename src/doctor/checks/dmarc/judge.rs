//! What is to be said of the policy that applies to a domain's mail.

use super::{
    policy::{Policy, REMOVED, is_dmarc, is_meant_as_dmarc, report_addresses},
    tree::{Step, applied},
};
use crate::codes;
use crate::record_line;
use dkimd_advice::{Finding, Level, text, text::Text};

/// What is known of a domain's DMARC.
#[derive(Clone, Debug)]
pub(super) struct DmarcFacts {
    /// The domain of the From field.
    pub domain: String,
    /// The tree walk.
    pub steps: Vec<Step>,
    /// Records found under names where nobody looks.
    pub elsewhere: Vec<(String, String)>,
    /// The signatures that its mail gets.
    pub signed_by: Vec<Signer>,
    /// Domains of other organisations that reports go to, and whether they agreed.
    pub strangers: Vec<(String, bool)>,
}

/// A signature as DMARC sees it.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    /// `d=`.
    pub domain: String,
    /// Whether that is a domain of the author's organisation.
    pub same_organisation: bool,
    /// Whether a receiver counts it.
    pub counts: bool,
}

/// All that is to be said.
pub(super) fn judge(facts: &DmarcFacts) -> Vec<Finding> {
    let own = facts.steps.first();
    let several = own.filter(|step| step.texts.iter().filter(|text| is_dmarc(text)).count() > 1);
    if let Some(step) = several {
        return vec![twice(facts, step)];
    }
    let Some(step) = applied(&facts.steps) else {
        return vec![absent(facts)];
    };
    let Some(text) = step.record() else {
        return Vec::new();
    };
    let policy = Policy::parse(text);
    let name = format!("_dmarc.{}", step.domain);
    let mut findings = Vec::new();
    findings.extend(syntax(&name, text, &policy));
    findings.extend(not_aligned(facts, &name, text, &policy));
    findings.extend(bad_report_addresses(&name, text, &policy));
    findings.extend(strangers(facts, &name, step, text));
    findings.extend(removed_tags(&name, text, &policy));
    findings.extend(public_suffix(&name, text, &policy));
    findings.extend(lenient(&name, text, &policy));
    findings
}

fn demanded() -> Text {
    text!("Gmail, Yahoo and Microsoft demand a DMARC record of everybody who sends in bulk")
}

fn begin_with(domain: &str) -> String {
    format!("v=DMARC1; p=none; rua=mailto:postmaster@{domain}")
}

fn absent(facts: &DmarcFacts) -> Finding {
    let domain = &facts.domain;
    let name = format!("_dmarc.{domain}");
    let texts = facts.steps.iter().flat_map(|step| &step.texts);
    if let Some(text) = texts.clone().find(|text| is_meant_as_dmarc(text)) {
        let policy = Policy::parse(text);
        return syntax(&name, text, &policy).unwrap_or_else(|| missing(&name, domain));
    }
    let finding = missing(&name, domain).why(demanded());
    match facts.elsewhere.first() {
        Some((other, text)) => finding
            .evidence(format!("{other}: {text}"))
            .advice(text!("move the record from {other} to {name}:"))
            .record(record_line::txt(&name, text)),
        None => finding.record(record_line::txt(&name, &begin_with(domain))),
    }
}

fn missing(name: &str, domain: &str) -> Finding {
    let what = text!("{domain} has no DMARC record: there is none at {name}");
    Finding::warn(codes::DMARC_MISSING, domain, what)
}

fn twice(facts: &DmarcFacts, step: &Step) -> Finding {
    let name = format!("_dmarc.{}", step.domain);
    let records: Vec<&String> = step.texts.iter().filter(|text| is_dmarc(text)).collect();
    let count = records.len();
    let what = text!("there are {count} DMARC records at {name}; receivers then use none of them");
    let finding = Finding::warn(codes::DMARC_SEVERAL, &facts.domain, what);
    let finding = records
        .iter()
        .fold(finding, |f, text| f.evidence(text.as_str()));
    // The strictest policy is the one somebody worked towards.
    let rank = |text: &str| match Policy::parse(text).value("p") {
        Some("reject") => 2,
        Some("quarantine") => 1,
        _ => 0,
    };
    let best = records.iter().max_by_key(|text| rank(text));
    let finding = finding
        .why(demanded())
        .advice(text!("delete all but one of them, such as:"));
    match best {
        Some(text) => finding.record(record_line::txt(&name, text)),
        None => finding,
    }
}

fn syntax(name: &str, text: &str, policy: &Policy) -> Option<Finding> {
    use dkimd_advice::text::Lang;
    let fault = policy.faults.first()?;
    let (en, es) = (fault.to(Lang::En), fault.to(Lang::Es));
    let what = Text::new(
        format!("the DMARC record at {name} is no good: {en}"),
        format!("el registro DMARC de {name} no sirve: {es}"),
    );
    let finding = Finding::warn(codes::DMARC_SYNTAX, name, what).evidence(text);
    let finding = finding.why(text!(
        "receivers ignore a record or a tag that they can't read"
    ));
    Some(finding.record(record_line::txt(name, &policy.mended())))
}

fn not_aligned(facts: &DmarcFacts, name: &str, text: &str, policy: &Policy) -> Option<Finding> {
    if facts.signed_by.is_empty() || facts.signed_by.iter().any(|signer| signer.counts) {
        return None;
    }
    let strict = policy.is_strict("adkim");
    let domain = &facts.domain;
    let signers: Vec<_> = facts
        .signed_by
        .iter()
        .map(|signer| format!("d={}", signer.domain))
        .collect();
    let signers = signers.join(", ");
    let what = match strict {
        true => text!(
            "mail of {domain} is signed with {signers}, which does not count for its DMARC: adkim=s \
             asks for the very same domain"
        ),
        false => text!(
            "mail of {domain} is signed with {signers}, which does not count for its DMARC: that is \
             another organisation"
        ),
    };
    let finding = Finding::fail(codes::DMARC_NOT_ALIGNED, domain, what)
        .evidence(format!("{name}: {text}"))
        .why(text!(
            "DMARC then hangs on SPF alone, which breaks with every forwarding; with p=reject or \
             p=quarantine such mail is lost"
        ))
        .command(format!("dkimd setup {domain} --apply"));
    let would_be = facts
        .signed_by
        .iter()
        .any(|signer| signer.same_organisation);
    if !(strict && would_be) {
        return Some(finding);
    }
    let relaxed = policy.mended().replace("; adkim=s", "");
    Some(
        finding
            .advice(text!("or ask for less:"))
            .record(record_line::txt(name, &relaxed)),
    )
}

fn bad_report_addresses(name: &str, text: &str, policy: &Policy) -> Option<Finding> {
    let tag = ["rua", "ruf"].into_iter().find_map(|tag| {
        let addresses = report_addresses(policy.value(tag)?);
        let bad = addresses.iter().find(|(_, domain)| domain.is_none())?;
        Some((tag, bad.0.to_owned()))
    });
    let (tag, uri) = tag?;
    let what = text!(
        "{tag}= in the DMARC record at {name} needs mailto: in front of an address, and has “{uri}”"
    );
    let finding = Finding::warn(codes::DMARC_REPORT_ADDRESS, name, what).evidence(text);
    let finding = finding.why(text!(
        "no report ever comes, so nobody sees what goes wrong"
    ));
    Some(finding.record(record_line::txt(name, &policy.mended())))
}

fn strangers(facts: &DmarcFacts, name: &str, step: &Step, text: &str) -> Vec<Finding> {
    let refused = facts.strangers.iter().filter(|(_, agreed)| !agreed);
    refused
        .map(|(stranger, _)| {
            let permission = format!("{}._report._dmarc.{stranger}", step.domain);
            let what = text!("reports are to go to {stranger}, which has not agreed: there is no record at {permission}");
            Finding::warn(codes::DMARC_REPORT_NOT_ALLOWED, name, what)
                .evidence(text)
                .why(text!("receivers send reports to another domain only if it agrees (RFC 9990)"))
                .advice(text!("have {stranger} publish this, or name an address of your own in rua="))
                .record(record_line::txt(&permission, "v=DMARC1"))
        })
        .collect()
}

fn removed_tags(name: &str, text: &str, policy: &Policy) -> Option<Finding> {
    let removed: Vec<&str> = policy
        .tags
        .iter()
        .map(|(tag, _)| tag.as_str())
        .filter(|tag| REMOVED.contains(tag))
        .collect();
    if removed.is_empty() {
        return None;
    }
    // With a share below 100 the policy meant less than it says now.
    let weighed = policy.value("pct").is_some_and(|share| share != "100")
        && policy
            .value("p")
            .is_some_and(|p| !p.eq_ignore_ascii_case("none"));
    let level = if weighed { Level::Warn } else { Level::Info };
    let tags = removed.join("=, ") + "=";
    let what = text!("the DMARC record at {name} has {tags}, which RFC 9989 took away");
    let finding = Finding::new(level, codes::DMARC_REMOVED_TAGS, name, what).evidence(text);
    let finding = match weighed {
        true => finding.why(text!("receivers that follow it apply the policy to all mail, not to a share; t=y is what asks \
             them to be lenient")),
        false => finding,
    };
    Some(finding.record(record_line::txt(name, &policy.mended())))
}

fn public_suffix(name: &str, text: &str, policy: &Policy) -> Option<Finding> {
    let says_so = policy
        .value("psd")
        .is_some_and(|psd| psd.eq_ignore_ascii_case("y"));
    says_so.then(|| {
        let what = text!(
            "the DMARC record at {name} says psd=y: that this is a registry's domain, with \
             strangers below it"
        );
        Finding::warn(codes::DMARC_PSD, name, what)
            .evidence(text)
            .why(text!(
                "signatures of the domain then do not count for its subdomains"
            ))
            .record(record_line::txt(name, &policy.mended()))
    })
}

fn lenient(name: &str, text: &str, policy: &Policy) -> Option<Finding> {
    let none = policy
        .value("p")
        .is_some_and(|p| p.eq_ignore_ascii_case("none"));
    let testing = policy
        .value("t")
        .is_some_and(|t| t.eq_ignore_ascii_case("y"));
    if !none && !testing {
        return None;
    }
    let what = match none {
        true => text!("the DMARC policy at {name} only watches (p=none): forged mail is delivered"),
        false => text!("the DMARC policy at {name} is only a test (t=y)"),
    };
    let finding = Finding::info(codes::DMARC_LENIENT, name, what).evidence(text);
    Some(finding.advice(text!(
        "once the reports show nothing but your own servers passing, publish p=quarantine, later \
         p=reject"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Fix;

    fn facts(texts: &[&str]) -> DmarcFacts {
        DmarcFacts {
            domain: "example.com".to_owned(),
            steps: vec![
                Step {
                    domain: "example.com".to_owned(),
                    texts: texts.iter().map(|text| (*text).to_owned()).collect(),
                },
                Step {
                    domain: "com".to_owned(),
                    texts: Vec::new(),
                },
            ],
            elsewhere: Vec::new(),
            signed_by: vec![signer(true, true)],
            strangers: Vec::new(),
        }
    }

    fn signer(same_organisation: bool, counts: bool) -> Signer {
        Signer {
            domain: "mail.example.com".to_owned(),
            same_organisation,
            counts,
        }
    }

    fn codes(facts: &DmarcFacts) -> Vec<(Level, &'static str)> {
        let findings = judge(facts);
        findings.iter().map(|f| (f.level, f.code.word())).collect()
    }

    #[test]
    fn a_policy_that_is_kept_gives_nothing_to_say() {
        assert_eq!(codes(&facts(&["v=DMARC1; p=reject"])), []);
    }

    #[test]
    fn faults_of_the_record_are_told_apart() {
        for (texts, expected) in [
            (&[][..], (Level::Warn, "dmarc-missing")),
            (
                &["v=DMARC1; p=none", "v=DMARC1; p=reject"],
                (Level::Warn, "dmarc-several"),
            ),
            (&["p=reject; v=DMARC1"], (Level::Warn, "dmarc-syntax")),
            (&["v=DMARC1; p=block"], (Level::Warn, "dmarc-syntax")),
            (
                &["v=DMARC1; p=reject; rua=a@example.com"],
                (Level::Warn, "dmarc-report-address"),
            ),
            (
                &["v=DMARC1; p=reject; pct=20"],
                (Level::Warn, "dmarc-removed-tags"),
            ),
            (
                &["v=DMARC1; p=reject; pct=100"],
                (Level::Info, "dmarc-removed-tags"),
            ),
            (&["v=DMARC1; p=reject; psd=y"], (Level::Warn, "dmarc-psd")),
            (&["v=DMARC1; p=none"], (Level::Info, "dmarc-lenient")),
        ] {
            assert_eq!(codes(&facts(texts))[0], expected, "{texts:?}");
        }
    }

    #[test]
    fn a_signature_that_does_not_count_is_told_and_less_is_asked_for_where_that_helps() {
        let mut facts = facts(&["v=DMARC1; p=reject; adkim=s"]);
        facts.signed_by = vec![signer(false, false), signer(true, true)];
        assert_eq!(codes(&facts), []);
        facts.signed_by = vec![signer(true, false)];
        assert_eq!(codes(&facts), [(Level::Fail, "dmarc-not-aligned")]);
        let relaxed = |facts: &DmarcFacts| {
            let fixes = judge(facts)[0].fix.clone();
            fixes.iter().any(|fix| matches!(fix, Fix::Record(_)))
        };
        assert!(relaxed(&facts));
        facts.signed_by = vec![signer(false, false)];
        assert!(!relaxed(&facts));
    }

    #[test]
    fn reports_to_strangers_need_their_agreement() {
        let mut facts = facts(&["v=DMARC1; p=reject; rua=mailto:a@example.net"]);
        facts.strangers = vec![("example.net".to_owned(), true)];
        assert_eq!(codes(&facts), []);
        facts.strangers[0].1 = false;
        assert_eq!(codes(&facts), [(Level::Warn, "dmarc-report-not-allowed")]);
    }
}
