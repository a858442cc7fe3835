//! What makes an SPF record weaker than it need be, though it can be evaluated.

use super::{
    facts::{SpfFacts, permerror, publish},
    proposal::mended,
    record::{Kind, Qualifier, Record},
};
use crate::codes;
use dkimd_advice::{Finding, Level, text};
use dkimd_postfix::leaving::is_private;

/// All of them.
pub(super) fn weaknesses(facts: &SpfFacts, text: &str, record: &Record) -> Vec<Finding> {
    [
        wide_mx(facts),
        end(facts, text, record),
        ptr(facts, record),
        behind_all(facts, text, record),
        private_addresses(facts, record),
        relayed(facts, text, record),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn wide_mx(facts: &SpfFacts) -> Option<Finding> {
    let domain = &facts.domain;
    let term = facts
        .tree
        .all()
        .into_iter()
        .find_map(|node| node.wide.first())?;
    let what = text!("{term} in the SPF of {domain} leads to more than 10 mail exchangers");
    Some(Finding::warn(codes::SPF_WIDE_MX, domain, what).why(permerror()))
}

fn end(facts: &SpfFacts, text: &str, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let (code, level, what) = match (record.all(), record.redirect()) {
        (Some(Qualifier::Fail | Qualifier::SoftFail), _) | (None, Some(_)) => return None,
        (Some(Qualifier::Pass), _) => (
            codes::SPF_PASS_ALL,
            Level::Warn,
            text!("the SPF record of {domain} lets the whole world send in its name (+all)"),
        ),
        (Some(Qualifier::Neutral), _) => (
            codes::SPF_NEUTRAL_ALL,
            Level::Warn,
            text!("the SPF record of {domain} ends in ?all, which says nothing about forgers"),
        ),
        (None, None) => (
            codes::SPF_NO_ALL,
            Level::Warn,
            text!(
                "the SPF record of {domain} has no all at its end, so it says nothing about forgers"
            ),
        ),
    };
    let repaired = mended(std::slice::from_ref(record), &facts.uncovered(), |_| true);
    let finding = Finding::new(level, code, domain, what).evidence(text);
    let finding = finding.why(text!(
        "receivers trust a domain less that lets others send in its name, and forgers choose it"
    ));
    Some(publish(finding, facts, &repaired))
}

fn ptr(facts: &SpfFacts, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let term = record.terms.iter().find(|term| term.kind == Kind::Ptr)?;
    let what = text!("the SPF record of {domain} uses {term}, which the standard tells not to use");
    let finding = Finding::warn(codes::SPF_PTR, domain, what).why(text!(
        "it is slow and unreliable, and some receivers skip it (RFC 7208 section 5.5)"
    ));
    let repaired = mended(std::slice::from_ref(record), &facts.addresses, |_| true);
    Some(publish(finding, facts, &repaired))
}

fn behind_all(facts: &SpfFacts, text: &str, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let behind = record.behind_all();
    let term = behind.first()?;
    let what =
        text!("{term} stands behind all in the SPF record of {domain}, where nobody looks at it");
    let finding = Finding::warn(codes::SPF_BEHIND_ALL, domain, what).evidence(text);
    let repaired = mended(std::slice::from_ref(record), &[], |_| true);
    Some(publish(finding, facts, &repaired))
}

fn private_addresses(facts: &SpfFacts, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let private = |kind: &Kind| matches!(kind, Kind::Ip(address) if is_private(*address));
    let term = record.terms.iter().find(|term| private(&term.kind))?;
    let what = text!(
        "the SPF record of {domain} names a private address, which no receiver ever sees: {term}"
    );
    let repaired = mended(std::slice::from_ref(record), &facts.uncovered(), |kept| {
        let kept = record.terms.iter().find(|term| term.text == kept);
        !kept.is_some_and(|term| private(&term.kind))
    });
    let finding = Finding::warn(codes::SPF_PRIVATE_ADDRESS, domain, what);
    Some(publish(finding, facts, &repaired))
}

fn relayed(facts: &SpfFacts, text: &str, record: &Record) -> Option<Finding> {
    let (domain, relay) = (&facts.domain, facts.relay.as_ref()?);
    let names_others = record
        .terms
        .iter()
        .any(|term| matches!(term.kind, Kind::Include(_) | Kind::Redirect(_)));
    let finding = match names_others {
        true => Finding::info(
            codes::SPF_RELAY,
            domain,
            text!(
                "mail leaves through {relay}: the SPF record of {domain} must let that provider \
                 send, which can't be seen from here"
            ),
        ),
        false => Finding::warn(
            codes::SPF_RELAY_NOT_INCLUDED,
            domain,
            text!(
                "mail leaves through {relay}, but the SPF record of {domain} includes no provider"
            ),
        ),
    };
    Some(finding.evidence(text).advice(text!(
        "look up in the documentation of {relay} which include: it wants in your SPF record"
    )))
}
