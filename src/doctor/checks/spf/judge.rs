//! What is to be said of a domain's SPF record, causes before consequences.

use std::net::IpAddr;

use super::{
    facts::{SpfFacts, permerror, publish},
    proposal::{fresh, mended},
    record::{Kind, Record, is_meant_as_spf, mended_text},
    walk::Found,
    weaknesses::weaknesses,
};
use crate::codes;
use dkimd_advice::{
    Finding, Level, text,
    text::{Lang, Text},
};
use dkimd_questions::SpfResult;

/// Questions that evaluating a record may cost (RFC 7208 section 4.6.4).
const MOST_LOOKUPS: usize = 10;
/// Questions without answer that evaluating a record may meet.
const MOST_VOIDS: usize = 2;

/// All that is to be said.
pub(super) fn judge(facts: &SpfFacts) -> Vec<Finding> {
    match &facts.tree.found {
        Found::None => vec![absent(facts)],
        Found::Several(records) => vec![several(facts, records)],
        Found::One(text, record) => of_record(facts, text, record),
        Found::Unanswered(_) | Found::Circle | Found::NotFollowed => Vec::new(),
    }
}

fn demanded() -> Text {
    text!(
        "Gmail, Outlook and Yahoo demand an SPF pass of everybody who sends in bulk, and put mail \
         without it into the spam folder or refuse it from the rest"
    )
}

fn absent(facts: &SpfFacts) -> Finding {
    let domain = &facts.domain;
    if let Some(text) = facts.texts.iter().find(|text| is_meant_as_spf(text)) {
        let finding = Finding::fail(
            codes::SPF_MISSPELT,
            domain,
            text!("the SPF record of {domain} does not begin with v=spf1, so nobody recognises it"),
        );
        let finding = finding.evidence(text).why(demanded());
        return publish(finding, facts, &mended_text(text));
    }
    if let Some((name, text)) = facts.elsewhere.first() {
        let finding = Finding::fail(
            codes::SPF_WRONG_NAME,
            domain,
            text!("{domain} has no SPF record; there is one at {name}, where nobody looks"),
        );
        let finding = finding.evidence(format!("{name}: {text}")).why(demanded());
        return publish(finding, facts, text);
    }
    let finding = Finding::fail(
        codes::SPF_MISSING,
        domain,
        text!("{domain} has no SPF record"),
    )
    .why(demanded());
    let finding = facts.texts.iter().fold(finding, Finding::evidence);
    match &facts.relay {
        Some(relay) => finding.advice(text!(
            "mail leaves through {relay}: publish the SPF record that its operator names, \
             usually \"v=spf1 include:… ~all\""
        )),
        None => publish(finding, facts, &fresh(&facts.addresses)),
    }
}

fn several(facts: &SpfFacts, records: &[String]) -> Finding {
    let domain = &facts.domain;
    let count = records.len();
    let finding = Finding::fail(
        codes::SPF_SEVERAL_RECORDS,
        domain,
        text!("{domain} has {count} SPF records; there may be only one"),
    );
    let parsed: Vec<Record> = records.iter().map(|text| Record::parse(text)).collect();
    let finding = records.iter().fold(finding, Finding::evidence);
    let finding = finding
        .why(permerror())
        .advice(text!("delete all of them and publish this one instead"));
    publish(finding, facts, &mended(&parsed, &[], |_| true))
}

fn of_record(facts: &SpfFacts, text: &str, record: &Record) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(syntax(facts, text, record));
    findings.extend(broken_includes(facts, text, record));
    // With an error in the record, what it evaluates to is only that error again.
    if findings.is_empty() {
        findings.extend(too_many_lookups(facts, record));
    }
    if findings.is_empty() {
        findings.extend(not_covered(facts, text, record));
    }
    findings.extend(too_many_voids(facts, record));
    findings.extend(weaknesses(facts, text, record));
    findings
}

fn syntax(facts: &SpfFacts, text: &str, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let first = record.faults.first()?;
    let (term, why) = (&first.term, first.why.words());
    let (en, es) = (why.to(Lang::En).to_owned(), why.to(Lang::Es).to_owned());
    let what = Text::new(
        format!("the SPF record of {domain} can't be evaluated: {term} {en}"),
        format!("el registro SPF de {domain} no se puede evaluar: {term} {es}"),
    );
    let finding = Finding::fail(codes::SPF_SYNTAX, domain, what).evidence(text);
    let others = record.faults.iter().skip(1);
    let finding = others.fold(finding, |finding, fault| {
        finding.evidence(fault.term.clone())
    });
    let missing = facts.uncovered();
    let repaired = mended(std::slice::from_ref(record), &missing, |_| true);
    Some(publish(finding.why(permerror()), facts, &repaired))
}

fn broken_includes(facts: &SpfFacts, text: &str, record: &Record) -> Vec<Finding> {
    let domain = &facts.domain;
    let mut findings = Vec::new();
    let children = facts.tree.children.iter();
    for (own, node) in children.flat_map(|own| own.all().into_iter().map(move |node| (own, node))) {
        let (target, term) = (&node.domain, node.via.as_deref().unwrap_or_default());
        let (code, what) = match &node.found {
            Found::None => (
                codes::SPF_INCLUDE_MISSING,
                text!("the SPF record of {domain} has {term}, but {target} has no SPF record"),
            ),
            Found::Several(records) => {
                let count = records.len();
                (
                    codes::SPF_INCLUDE_SEVERAL,
                    text!(
                        "the SPF record of {domain} has {term}, but {target} has {count} SPF records"
                    ),
                )
            }
            Found::One(_, inner) => match inner.faults.first() {
                Some(fault) => {
                    let fault = &fault.term;
                    (
                        codes::SPF_INCLUDE_SYNTAX,
                        text!(
                            "the SPF record of {domain} has {term}, but {target}'s record can't be \
                             evaluated because of {fault}"
                        ),
                    )
                }
                None => continue,
            },
            Found::Circle => (
                codes::SPF_CIRCLE,
                text!("the SPF record of {domain} includes itself through {term}"),
            ),
            Found::Unanswered(_) | Found::NotFollowed => continue,
        };
        // Where a record of others is at fault, what can go is the term that leads to it.
        let repaired = mended(std::slice::from_ref(record), &facts.uncovered(), |kept| {
            own.via.as_deref() != Some(kept)
        });
        let finding = Finding::fail(code, domain, what)
            .evidence(text)
            .why(permerror());
        findings.push(publish(finding, facts, &repaired));
    }
    findings
}

fn too_many_lookups(facts: &SpfFacts, record: &Record) -> Option<Finding> {
    let (domain, cost) = (&facts.domain, facts.tree.lookups());
    if cost <= MOST_LOOKUPS {
        return None;
    }
    // Who is matched by an early term never meets the limit.
    let passes = !facts.evaluated.is_empty() && facts.uncovered().is_empty();
    let level = if passes { Level::Warn } else { Level::Fail };
    let what = text!(
        "evaluating the SPF record of {domain} costs {cost} DNS questions; {MOST_LOOKUPS} are allowed"
    );
    let finding = Finding::new(level, codes::SPF_TOO_MANY_LOOKUPS, domain, what);
    let lines = facts.tree.breakdown().into_iter();
    let finding = lines.fold(finding, Finding::evidence);
    let finding = finding.why(permerror()).advice(text!(
        "take out the includes of services that no longer send for you, and name your own \
         addresses by ip4: and ip6:, which cost nothing, instead of a and mx"
    ));
    if facts.addresses.is_empty() || facts.relay.is_some() {
        return Some(finding);
    }
    let own = |term: &str| {
        let terms = record.terms.iter();
        terms
            .filter(|known| matches!(known.kind, Kind::A(None) | Kind::Mx(None)))
            .any(|known| known.text == term)
    };
    let repaired = mended(std::slice::from_ref(record), &facts.addresses, |term| {
        !own(term) && !facts.tree.voids().contains(&(domain.as_str(), term))
    });
    let saved = record.terms.iter().filter(|term| own(&term.text)).count();
    match cost - saved <= MOST_LOOKUPS {
        true => Some(publish(finding, facts, &repaired)),
        false => Some(finding),
    }
}

fn not_covered(facts: &SpfFacts, text: &str, record: &Record) -> Vec<Finding> {
    let domain = &facts.domain;
    let missing = facts.uncovered();
    let mut findings = Vec::new();
    for (address, result) in &facts.evaluated {
        let (code, family) = match address {
            IpAddr::V4(_) => (codes::SPF_IPV4_NOT_COVERED, "IPv4"),
            IpAddr::V6(_) => (codes::SPF_IPV6_NOT_COVERED, "IPv6"),
        };
        match result {
            SpfResult::Pass | SpfResult::TempError => continue,
            _ => {}
        }
        let what = text!(
            "mail leaves from {address}, which the SPF record of {domain} does not let send ({result})"
        );
        let finding = Finding::fail(code, domain, what)
            .evidence(text)
            .why(demanded());
        let repaired = mended(std::slice::from_ref(record), &missing, |_| true);
        let finding = publish(finding, facts, &repaired);
        let other_passes = facts
            .evaluated
            .iter()
            .any(|(other, result)| other.is_ipv4() && *result == SpfResult::Pass);
        findings.push(match family == "IPv6" && other_passes {
            true => finding
                .advice(text!(
                    "or, if IPv6 is not meant to be used for mail, send by IPv4 alone:"
                ))
                .command("postconf -e inet_protocols=ipv4 && systemctl restart postfix"),
            false => finding,
        });
    }
    findings
}

fn too_many_voids(facts: &SpfFacts, record: &Record) -> Option<Finding> {
    let voids = facts.tree.voids();
    let (domain, count) = (&facts.domain, voids.len());
    if count == 0 {
        return None;
    }
    let terms: Vec<String> = voids
        .iter()
        .map(|(of, term)| format!("{of}: {term}"))
        .collect();
    let own = |term: &str| voids.contains(&(domain.as_str(), term));
    let repaired = mended(std::slice::from_ref(record), &facts.uncovered(), |term| {
        !own(term)
    });
    let finding = match count > MOST_VOIDS {
        true => Finding::fail(
            codes::SPF_TOO_MANY_VOIDS,
            domain,
            text!(
                "{count} names in the SPF record of {domain} do not exist; {MOST_VOIDS} are allowed"
            ),
        )
        .why(permerror()),
        false => Finding::info(
            codes::SPF_VOID,
            domain,
            text!("the SPF record of {domain} has terms whose names have no such record"),
        ),
    };
    let finding = terms.into_iter().fold(finding, Finding::evidence);
    match voids.iter().any(|(of, _)| of == domain) {
        true => Some(publish(finding, facts, &repaired)),
        false => Some(finding.advice(text!(
            "take out the include that leads there, or tell its operator"
        ))),
    }
}

#[cfg(test)]
mod tests;
