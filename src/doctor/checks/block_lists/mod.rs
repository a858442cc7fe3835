//! Block lists: is an address that mail leaves from, or a domain, on one that receivers use?
//!
//! Findings: `listed-address`, `listed-by-policy`, `listed-domain`, `block-lists-unusable` (here);
//! `block-lists-dead`, `block-lists-refuse-all` ([`used`]). A listing is never a failure by itself:
//! lists err, and receivers choose theirs.

mod ask;
mod lists;
mod used;

use std::sync::Arc;

use self::{
    ask::{Listed, Said, Subjects, Unusable, ask_all},
    lists::{BlockList, lists, refusal},
};
use crate::{addresses::Seen, codes, host::Host, report::Report};
use dkimd_advice::{Finding, text, text::Lang};

/// Asks.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let mut report = Report::default();
    let Some(dns) = &host.dns else {
        return report;
    };
    if let Some(postfix) = host.postfix() {
        for used in used::used(postfix) {
            let Some(name) = used.never() else {
                report.findings.extend(used.dead());
                continue;
            };
            // A list that gives no answer refuses nobody.
            let answers = dns.a(&name).await.map(|found| found.records);
            match answers.unwrap_or_default().first() {
                Some(answer) => report.add(used.refuses_everybody(&format!("{name}: {answer}"))),
                None => report.findings.extend(used.dead()),
            }
        }
    }
    let seen = Seen::of(&host).await;
    let subjects = Subjects {
        addresses: seen.addresses(),
        names: names(&host),
    };
    let said = ask_all(dns, lists(), &subjects).await;
    for finding in judge(&said, &subjects) {
        report.add(finding);
    }
    report
}

/// The domains, and the name that Postfix greets with where it is below none of them.
fn names(host: &Host) -> Vec<String> {
    let mut names: Vec<String> = host
        .domains
        .iter()
        .map(|domain| domain.as_str().to_owned())
        .collect();
    if let Some(helo) = host.helo().filter(|helo| helo.contains('.')) {
        let helo = helo.to_ascii_lowercase();
        let covered = names.iter().any(|name| {
            let rest = helo.strip_suffix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        if !covered {
            names.push(helo);
        }
    }
    names
}

fn judge(said: &[Said], subjects: &Subjects) -> Vec<Finding> {
    let mut findings = Vec::new();
    for said in said {
        for listed in said.outcome.iter().flatten() {
            findings.push(listing(said.list, listed));
        }
    }
    let unusable: Vec<_> = said
        .iter()
        .filter_map(|said| Some((said.list, *said.outcome.as_ref().err()?)))
        .collect();
    findings.extend(not_asked(&unusable, subjects));
    findings
}

fn listing(list: &BlockList, listed: &Listed) -> Finding {
    let (zone, subject) = (list.zone, &listed.subject);
    let entries: Vec<_> = listed
        .entries
        .iter()
        .filter_map(|place| list.entries.get(*place))
        .collect();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.name).collect();
    let kinds = kinds.join(", ");
    let policy = !entries.is_empty() && entries.iter().all(|entry| entry.policy);
    let finding = match (policy, list.names) {
        (true, _) => Finding::warn(
            codes::LISTED_BY_POLICY,
            subject,
            text!(
                "{subject} is on {zone} ({kinds}), a list of addresses that should not send mail \
                 directly; that is policy, not an accusation"
            ),
        )
        .why(text!(
            "the provider declared the address as one of homes or as not in use for mail; most \
             receivers refuse mail from there"
        ))
        .advice(text!(
            "with a fixed address of your own take it out yourself there; on a home line send \
             through the provider's relay (relayhost)"
        )),
        (false, true) => Finding::warn(
            codes::LISTED_DOMAIN,
            subject,
            text!("the domain {subject} is on the block list {zone} ({kinds})"),
        )
        .why(text!(
            "many receivers refuse mail that names the domain anywhere, even in a link"
        )),
        (false, false) => Finding::warn(
            codes::LISTED_ADDRESS,
            subject,
            text!("{subject}, which mail leaves from, is on the block list {zone} ({kinds})"),
        )
        .why(text!(
            "receivers that use the list refuse the mail or put it into the spam folder"
        )),
    };
    let removal = list.page(Some(subject));
    let reasons = listed.reasons.iter();
    let finding = reasons.fold(finding.evidence(format!("{zone}: {kinds}")), |f, reason| {
        f.evidence(reason)
    });
    finding.advice(text!(
        "find what sent spam first (a hacked account, a web form: look at the queue and the log), \
         then ask for removal at {removal}"
    ))
}

/// One finding about all lists that can't be believed from here.
fn not_asked(unusable: &[(&BlockList, Unusable)], subjects: &Subjects) -> Option<Finding> {
    let (first, why) = unusable.first()?;
    let zones: Vec<_> = unusable.iter().map(|(list, _)| list.zone).collect();
    let zones = zones.join(", ");
    let finding = Finding::info(
        codes::BLOCK_LISTS_UNUSABLE,
        first.zone,
        text!("these block lists can't be asked from here, so nothing is known of them: {zones}"),
    );
    let finding = unusable.iter().fold(finding, |finding, (list, why)| {
        finding.evidence(format!("{}: {}", list.zone, shown(*why)))
    });
    Some(match why {
        Unusable::Refused(code) => {
            let meaning = refusal(*code).unwrap_or_else(|| text!("an error code"));
            finding.why(meaning).advice(text!(
                "run a resolver on this host (apt-get install unbound, nameserver 127.0.0.1 in \
                 /etc/resolv.conf), or look the address up at https://check.spamhaus.org"
            ))
        }
        _ => {
            let subject = match first.names {
                true => subjects.names.first().cloned(),
                false => subjects.addresses.first().map(ToString::to_string),
            };
            let page = first.page(subject.as_deref());
            finding.advice(text!("look it up on the list's own page: {page}"))
        }
    })
}

fn shown(why: Unusable) -> String {
    match why {
        Unusable::Refused(code) => match refusal(code) {
            Some(meaning) => format!("{code}: {}", meaning.to(Lang::En)),
            None => code.to_string(),
        },
        Unusable::TestMissing => "the test entry 127.0.0.2 is not listed".to_owned(),
        Unusable::ListsEverybody(answer) => {
            format!("lists what is never listed (127.0.0.1): {answer}")
        }
        Unusable::Foreign(answer) => format!("an answer that is not documented: {answer}"),
        Unusable::NoAnswer(failure) => failure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Fix;

    fn list(zone: &str) -> &'static BlockList {
        lists().iter().find(|list| list.zone == zone).unwrap()
    }

    fn judge_of(said: &[Said]) -> Vec<Finding> {
        let subjects = Subjects {
            addresses: vec!["203.0.113.10".parse().unwrap()],
            names: vec!["example.com".to_owned()],
        };
        judge(said, &subjects)
    }

    fn said(zone: &str, subject: &str, entries: &[usize]) -> Said {
        Said {
            list: list(zone),
            outcome: Ok(vec![Listed {
                subject: subject.to_owned(),
                entries: entries.to_vec(),
                reasons: vec!["see https://www.example.org".to_owned()],
            }]),
        }
    }

    #[test]
    fn a_listing_is_a_warning_with_its_removal_page() {
        let findings = judge_of(&[
            said("zen.spamhaus.org", "203.0.113.10", &[0, 4]),
            said("dbl.spamhaus.org", "example.com", &[0]),
        ]);
        let codes: Vec<_> = findings.iter().map(|finding| finding.code.word()).collect();
        assert_eq!(codes, ["listed-address", "listed-domain"]);
        assert_eq!(findings[0].evidence[0], "zen.spamhaus.org: SBL, PBL");
        let fix = format!("{:?}", findings[0].fix);
        assert!(fix.contains("check.spamhaus.org/results/?query=203.0.113.10"));
    }

    #[test]
    fn the_policy_list_alone_accuses_nobody() {
        let findings = judge_of(&[said("zen.spamhaus.org", "203.0.113.10", &[4])]);
        assert_eq!(findings[0].code.word(), "listed-by-policy");
    }

    #[test]
    fn lists_that_can_not_be_believed_are_told_together_and_list_nobody() {
        let unusable = |zone, why| Said {
            list: list(zone),
            outcome: Err(why),
        };
        let findings = judge_of(&[
            unusable(
                "zen.spamhaus.org",
                Unusable::Refused([127, 255, 255, 254].into()),
            ),
            unusable("psbl.surriel.com", Unusable::TestMissing),
        ]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code.word(), "block-lists-unusable");
        assert!(findings[0].evidence[0].contains("public or shared resolver"));
    }

    #[test]
    fn the_page_to_look_at_is_asked_about_something_or_not_at_all() {
        let unusable = |zone| [(list(zone), Unusable::TestMissing)];
        let mut subjects = Subjects {
            addresses: vec!["203.0.113.10".parse().unwrap()],
            names: vec!["example.com".to_owned()],
        };
        let page = |zone, subjects: &Subjects| {
            let finding = not_asked(&unusable(zone), subjects).unwrap();
            let Fix::Words(words) = &finding.fix[0] else {
                panic!("{finding:?}");
            };
            let words = words.to(Lang::En).to_owned();
            words.rsplit_once(' ').unwrap().1.to_owned()
        };
        let spamhaus = "https://check.spamhaus.org/";
        for (zone, query) in [
            ("zen.spamhaus.org", "203.0.113.10"),
            ("dbl.spamhaus.org", "example.com"),
        ] {
            let wanted = format!("{spamhaus}results/?query={query}");
            assert_eq!(page(zone, &subjects), wanted);
        }
        subjects.addresses.clear();
        assert_eq!(page("zen.spamhaus.org", &subjects), spamhaus);
        assert_eq!(page("psbl.surriel.com", &subjects), "https://psbl.org/");
    }
}
