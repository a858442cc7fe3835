use super::*;
use crate::checks::spf::record::Record;
use crate::checks::spf::walk::Node;
use dkimd_advice::{Fix, Level};

const V4: &str = "203.0.113.10";
const V6: &str = "2001:db8::10";

fn facts(text: &str, evaluated: &[(&str, SpfResult)]) -> SpfFacts {
    let evaluated: Vec<(IpAddr, SpfResult)> = evaluated
        .iter()
        .map(|(address, result)| (address.parse().unwrap(), *result))
        .collect();
    let record = Record::parse(text);
    SpfFacts {
        domain: "example.com".to_owned(),
        texts: vec![text.to_owned()],
        tree: Node {
            domain: "example.com".to_owned(),
            via: None,
            found: Found::One(text.to_owned(), record),
            own_lookups: 0,
            voids: Vec::new(),
            wide: Vec::new(),
            children: Vec::new(),
        },
        addresses: evaluated.iter().map(|(address, _)| *address).collect(),
        evaluated,
        elsewhere: Vec::new(),
        relay: None,
    }
}

fn told(facts: &SpfFacts) -> Vec<(Level, &'static str, Option<String>)> {
    let record = |finding: &Finding| {
        finding.fix.iter().find_map(|fix| match fix {
            Fix::Record(record) => Some(record.clone()),
            _ => None,
        })
    };
    let findings = judge(facts);
    findings
        .iter()
        .map(|finding| (finding.level, finding.code.word(), record(finding)))
        .collect()
}

fn line(text: &str) -> Option<String> {
    Some(format!("example.com. IN TXT \"{text}\""))
}

#[test]
fn a_good_record_gives_nothing_to_say() {
    let facts = facts("v=spf1 mx ~all", &[(V4, SpfResult::Pass)]);
    assert_eq!(told(&facts), []);
}

#[test]
fn an_address_that_may_not_send_is_added_to_the_record() {
    let found = [(V4, SpfResult::Pass), (V6, SpfResult::SoftFail)];
    assert_eq!(
        told(&facts("v=spf1 ip4:203.0.113.10 ~all", &found)),
        [(
            Level::Fail,
            "spf-ipv6-not-covered",
            line("v=spf1 ip6:2001:db8::10 ip4:203.0.113.10 ~all")
        )]
    );
}

#[test]
fn a_syntax_error_is_the_cause_and_not_what_it_evaluates_to() {
    let found = [(V4, SpfResult::PermError)];
    assert_eq!(
        told(&facts("v=spf1 mx ip:203.0.113.10 ~all", &found)),
        [(
            Level::Fail,
            "spf-syntax",
            line("v=spf1 ip4:203.0.113.10 mx ~all")
        )]
    );
}

#[test]
fn too_many_questions_are_a_failure_only_where_the_address_is_not_reached_before() {
    let mut facts = facts("v=spf1 mx include:a.example ~all", &[(V4, SpfResult::Pass)]);
    facts.tree.own_lookups = 11;
    let first = |facts: &SpfFacts| told(facts).remove(0);
    assert_eq!(
        first(&facts),
        (
            Level::Warn,
            "spf-too-many-lookups",
            line("v=spf1 ip4:203.0.113.10 include:a.example ~all")
        )
    );
    facts.evaluated[0].1 = SpfResult::PermError;
    assert_eq!(first(&facts).0, Level::Fail);
    assert_eq!(told(&facts).len(), 1);
}

#[test]
fn absent_records_are_looked_for_where_people_put_them_by_mistake() {
    let mut facts = facts("v=spf mx -all", &[(V4, SpfResult::None)]);
    facts.tree.found = Found::None;
    assert_eq!(
        told(&facts),
        [(Level::Fail, "spf-misspelt", line("v=spf1 mx -all"))]
    );
    facts.texts.clear();
    let record = "v=spf1 mx -all".to_owned();
    facts.elsewhere = vec![("_spf.example.com".to_owned(), record)];
    assert_eq!(told(&facts)[0].1, "spf-wrong-name");
    facts.elsewhere.clear();
    assert_eq!(
        told(&facts),
        [(
            Level::Fail,
            "spf-missing",
            line("v=spf1 ip4:203.0.113.10 mx ~all")
        )]
    );
}

#[test]
fn a_provider_that_sends_must_be_included() {
    let mut facts = facts("v=spf1 mx ~all", &[]);
    facts.relay = Some("[smtp.example.net]:587".to_owned());
    assert_eq!(told(&facts)[0].1, "spf-relay-not-included");
    let Found::One(_, record) = &mut facts.tree.found else {
        panic!("a record was made above");
    };
    *record = Record::parse("v=spf1 include:spf.example.net ~all");
    assert_eq!(told(&facts)[0].0, Level::Info);
}

#[test]
fn ends_that_let_everybody_send_are_told() {
    for (end, code) in [
        ("+all", "spf-pass-all"),
        ("all", "spf-pass-all"),
        ("?all", "spf-neutral-all"),
        ("", "spf-no-all"),
    ] {
        let text = format!("v=spf1 mx {end}");
        let found = told(&facts(&text, &[(V4, SpfResult::Pass)]));
        assert_eq!(
            found,
            [(Level::Warn, code, line("v=spf1 mx ~all"))],
            "{end}"
        );
    }
}
