//! What makes an SPF record weaker than it need be, though it can be evaluated.

use super::{
    facts::{SpfFacts, permerror, publish},
    proposal::mended,
    record::{Kind, Qualifier, Record},
};
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
    let what = text!(
        "{term} in the SPF of {domain} leads to more than 10 mail exchangers",
        "{term} en el SPF de {domain} lleva a más de 10 servidores de correo"
    );
    Some(Finding::warn("spf-wide-mx", domain, what).why(permerror()))
}

fn end(facts: &SpfFacts, text: &str, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let (code, level, what) = match (record.all(), record.redirect()) {
        (Some(Qualifier::Fail | Qualifier::SoftFail), _) | (None, Some(_)) => return None,
        (Some(Qualifier::Pass), _) => (
            "spf-pass-all",
            Level::Warn,
            text!(
                "the SPF record of {domain} lets the whole world send in its name (+all)",
                "el registro SPF de {domain} deja que todo el mundo envíe en su nombre (+all)"
            ),
        ),
        (Some(Qualifier::Neutral), _) => (
            "spf-neutral-all",
            Level::Warn,
            text!(
                "the SPF record of {domain} ends in ?all, which says nothing about forgers",
                "el registro SPF de {domain} termina en ?all, que no dice nada de los falsificadores"
            ),
        ),
        (None, None) => (
            "spf-no-all",
            Level::Warn,
            text!(
                "the SPF record of {domain} has no all at its end, so it says nothing about forgers",
                "el registro SPF de {domain} no termina en all, así que no dice nada de los falsificadores"
            ),
        ),
    };
    let repaired = mended(std::slice::from_ref(record), &facts.uncovered(), |_| true);
    let finding = Finding::new(level, code, domain, what).evidence(text);
    let finding = finding.why(text!(
        "receivers trust a domain less that lets others send in its name, and forgers choose it",
        "los receptores confían menos en un dominio que deja enviar a cualquiera en su nombre, y \
         los falsificadores lo prefieren"
    ));
    Some(publish(finding, facts, &repaired))
}

fn ptr(facts: &SpfFacts, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let term = record.terms.iter().find(|term| term.kind == Kind::Ptr)?;
    let what = text!(
        "the SPF record of {domain} uses {term}, which the standard tells not to use",
        "el registro SPF de {domain} usa {term}, que la norma desaconseja"
    );
    let finding = Finding::warn("spf-ptr", domain, what).why(text!(
        "it is slow and unreliable, and some receivers skip it (RFC 7208 section 5.5)",
        "es lento y poco fiable, y algunos receptores lo pasan por alto (RFC 7208, sección 5.5)"
    ));
    let repaired = mended(std::slice::from_ref(record), &facts.addresses, |_| true);
    Some(publish(finding, facts, &repaired))
}

fn behind_all(facts: &SpfFacts, text: &str, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let behind = record.behind_all();
    let term = behind.first()?;
    let what = text!(
        "{term} stands behind all in the SPF record of {domain}, where nobody looks at it",
        "{term} está después de all en el registro SPF de {domain}, donde nadie lo mira"
    );
    let finding = Finding::warn("spf-behind-all", domain, what).evidence(text);
    let repaired = mended(std::slice::from_ref(record), &[], |_| true);
    Some(publish(finding, facts, &repaired))
}

fn private_addresses(facts: &SpfFacts, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let private = |kind: &Kind| matches!(kind, Kind::Ip(address) if is_private(*address));
    let term = record.terms.iter().find(|term| private(&term.kind))?;
    let what = text!(
        "the SPF record of {domain} names a private address, which no receiver ever sees: {term}",
        "el registro SPF de {domain} nombra una dirección privada, que ningún receptor ve jamás: {term}"
    );
    let repaired = mended(std::slice::from_ref(record), &facts.uncovered(), |kept| {
        let kept = record.terms.iter().find(|term| term.text == kept);
        !kept.is_some_and(|term| private(&term.kind))
    });
    let finding = Finding::warn("spf-private-address", domain, what);
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
            "spf-relay",
            domain,
            text!(
                "mail leaves through {relay}: the SPF record of {domain} must let that provider \
                 send, which can't be seen from here",
                "el correo sale por {relay}: el registro SPF de {domain} debe autorizar a ese \
                 proveedor, cosa que desde aquí no se puede ver"
            ),
        ),
        false => Finding::warn(
            "spf-relay-not-included",
            domain,
            text!(
                "mail leaves through {relay}, but the SPF record of {domain} includes no provider",
                "el correo sale por {relay}, pero el registro SPF de {domain} no incluye a ningún proveedor"
            ),
        ),
    };
    Some(finding.evidence(text).advice(text!(
        "look up in the documentation of {relay} which include: it wants in your SPF record",
        "busque en la documentación de {relay} qué include: debe llevar su registro SPF"
    )))
}
