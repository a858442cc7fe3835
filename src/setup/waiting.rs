//! When a new key begins to sign: the first of a domain at once, any other when its record is seen.

use super::{
    need::{Need, Signing, State},
    present::{OwnKey, Present, usual_key_name},
    publication::Standing,
    situation::Wanted,
};
use dkimd_advice::{
    text,
    text::{Lang, Text},
};
use dkimd_keygen::generate::KeyKind;

/// Decides for the new keys among `needs`, together: keys of one change begin to sign side by side.
pub(super) fn decide(
    wanted: &Wanted,
    present: &Present,
    needs: &mut [Need],
    signing: &mut Signing,
) {
    let domain = wanted.domain.as_str();
    let mut new = 0;
    let mut elsewhere = None;
    let mut unseen = Vec::new();
    for need in needs.iter() {
        let State::New {
            standing,
            by,
            instead_of,
        } = &need.state
        else {
            continue;
        };
        new += 1;
        let selector = need.key.selector.as_str();
        if let Some(taken) = instead_of {
            elsewhere.get_or_insert((taken.clone(), selector.to_owned()));
        }
        if *standing != Standing::Published {
            unseen.push(Unseen {
                record: usual_key_name(selector, domain),
                standing: *standing,
                by: by.clone(),
            });
        }
    }
    if new == 0 {
        return;
    }
    if let Some((taken, selector)) = &elsewhere {
        signing.notes.push(text!("DNS holds another key at selector {taken} of {domain}; perhaps another server signs with \
             it. It stays, and the new key gets the selector {selector}."));
    }
    let first = present.own.is_empty() && elsewhere.is_none();
    match unseen.first() {
        Some(_) if !first && !wanted.sign_now => {
            signing.in_force = false;
            for need in needs.iter_mut() {
                if matches!(need.state, State::New { .. }) {
                    signing.waiting.push(need.key.selector.clone());
                    need.state = State::Waits;
                }
            }
            signing.notes.push(waits(domain, present, new, &unseen));
        }
        Some(one) if first => signing.notes.push(signs_at_once(domain, one.standing)),
        _ if !first => signing
            .notes
            .push(takes_over(domain, present, wanted.sign_now)),
        _ => {}
    }
}

/// The record of a new key that is not seen everywhere.
struct Unseen {
    record: String,
    standing: Standing,
    /// Who says so.
    by: Text,
}

/// Why the new keys take the place of the old ones in this run.
pub(super) fn why_now(needs: &[Need]) -> Text {
    let standings = needs.iter().filter_map(|need| match &need.state {
        State::New { standing, .. } => Some(*standing),
        State::Signs | State::Waits => None,
    });
    let mut worst = standings.filter(|standing| *standing != Standing::Published);
    match worst.next_back() {
        None => text!("The records of the new key are published, so receivers can verify it."),
        Some(Standing::NotAsked) => {
            text!("As --sign-now says; whether the records are published was not examined.")
        }
        Some(Standing::Unknown) => text!(
            "As --sign-now says; DNS gave no answer, so nobody knows whether the records are \
             published."
        ),
        Some(_) => text!("As --sign-now says, though the records are not all seen in DNS yet."),
    }
}

/// Which key of the same kind takes the place of each old one: names in the KeyTable.
pub(super) fn successors(present: &Present, needs: &[Need]) -> Vec<(String, String)> {
    let is_ed25519 = |kind: KeyKind| kind == KeyKind::Ed25519;
    let of_own = |own: &OwnKey| matches!(&own.public, Ok(public) if is_ed25519(public.kind));
    let mut pairs = Vec::new();
    for own in &present.own {
        let successor = needs
            .iter()
            .filter(|need| !need.in_signing_table())
            .find(|need| is_ed25519(need.key.kind) == of_own(own));
        if let Some(successor) = successor {
            pairs.push((own.name.clone(), successor.name.clone()));
        }
    }
    pairs
}

fn old_selectors(present: &Present) -> String {
    let selectors: Vec<_> = present
        .own
        .iter()
        .map(|key| key.selector.as_str())
        .collect();
    selectors.join(", ")
}

/// Says which records the `new` keys wait for.
fn waits(domain: &str, present: &Present, new: usize, unseen: &[Unseen]) -> Text {
    let old = old_selectors(present);
    let now = match old.is_empty() {
        true => text!("until then this server leaves the domain's mail unsigned"),
        false => text!("until then mail is signed with {old} as before"),
    };
    let records = Text::new(
        listed(unseen, Lang::En, " and "),
        listed(unseen, Lang::Es, " y "),
    );
    let publish = match unseen.len() {
        1 => text!("Publish the record, then run the command below again: it looks for the record"),
        _ => {
            text!("Publish the records, then run the command below again: it looks for the records")
        }
    };
    match new {
        1 => text!(
            "The new key of {domain} does not sign yet: it waits for its record {records}; \
             {now}. {publish} and lets the key sign. To let it sign without that: --sign-now"
        ),
        _ => text!(
            "The new keys of {domain} do not sign yet: they wait, together, for {records}; {now}. \
             {publish} and lets the keys sign. To let them sign without that: --sign-now"
        ),
    }
}

/// The records with what DNS says of them; what it says of several is said once.
fn listed(unseen: &[Unseen], lang: Lang, and: &str) -> String {
    let mut groups: Vec<(Vec<&str>, &Unseen)> = Vec::new();
    for one in unseen {
        let same =
            |first: &Unseen| (first.standing, first.by.to(lang)) == (one.standing, one.by.to(lang));
        match groups.iter_mut().find(|(_, first)| same(first)) {
            Some((records, _)) => records.push(&one.record),
            None => groups.push((vec![&one.record], one)),
        }
    }
    let groups = groups.iter().map(|(records, first)| {
        let why = why_unseen(first.standing, &first.by, records.len());
        format!("{} ({})", records.join(and), why.to(lang))
    });
    groups.collect::<Vec<_>>().join(and)
}

fn why_unseen(standing: Standing, by: &Text, records: usize) -> Text {
    match standing {
        Standing::NotAsked => {
            text!("DNS was not asked (--offline), so nobody knows what is published")
        }
        Standing::Unknown => text!("DNS gave no answer, so nobody knows what is published"),
        Standing::Partly if records == 1 => text!("{by} do not all have it yet"),
        Standing::Partly => text!("{by} do not all have them yet"),
        _ => text!("not seen yet at {by}"),
    }
}

fn signs_at_once(domain: &str, standing: Standing) -> Text {
    match standing {
        Standing::NotAsked | Standing::Unknown => text!(
            "This is the first key of {domain} here, so it signs at once. Until its record is published, \
             receivers take the mail for unsigned: publish it soon. Whether DNS holds another key at this \
             selector is not known."
        ),
        _ => text!(
            "This is the first key of {domain} here, so it signs at once. Until its record is published, \
             receivers take the mail for unsigned: publish it soon."
        ),
    }
}

fn takes_over(domain: &str, present: &Present, insisted: bool) -> Text {
    let old = old_selectors(present);
    let why = if insisted {
        text!("As --sign-now says")
    } else {
        text!("Its record is published")
    };
    match old.is_empty() {
        true => text!("{why}: the new key signs for {domain} from now on."),
        false => text!(
            "{why}: the new key signs for {domain} from now on. Leave the records of {old} in DNS for a \
             week, since mail under way was signed with them."
        ),
    }
}
