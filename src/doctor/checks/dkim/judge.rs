//! What is to be said of one key's record.

use super::{
    accident::accident,
    keys::OwnKey,
    recognise::{Recognised, Traits, looks_like_a_record, recognise, traits},
    served::{Answered, Served, Server},
};
use crate::codes;
use crate::record_line;
use dkim_core::{
    crypto::{ADVISED_RSA_BITS, PrivateKey},
    key_record::{KeyRecord, PublishedKeyData},
};
use dkimd_advice::{Finding, Level, text, text::Text};
use dkimd_server::dns::DnsFailure;

/// Receivers count RSA keys below this as no keys at all (RFC 8301 section 3.2).
const LEAST_RSA_BITS: u32 = 1024;
/// Characters of a record that are shown as evidence.
const SHOWN: usize = 120;

/// All that is to be said of a key.
pub(super) fn judge(key: &OwnKey, served: &Served) -> Vec<Finding> {
    if !key.used {
        return unused(key, served).into_iter().collect();
    }
    let mut findings = of_record(key, served);
    findings.extend(
        key.private
            .as_deref()
            .and_then(|private| size(key, private)),
    );
    findings
}

fn why() -> Text {
    text!(
        "receivers then count the signature as broken: Gmail, Outlook and Yahoo refuse such mail \
         or put it into the spam folder"
    )
}

/// A record as evidence: cut short, where it comes from in front.
fn shown(from: &str, text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let printable: String = text
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    match printable.char_indices().nth(SHOWN) {
        Some((end, _)) => format!(
            "{from}: {}… ({} characters)",
            &printable[..end],
            printable.chars().count()
        ),
        None => format!("{from}: {printable}"),
    }
}

fn publish(finding: Finding, key: &OwnKey) -> Finding {
    match key.expected() {
        Some(text) => finding.record(record_line::txt(&key.name(), &text)),
        None => finding,
    }
}

/// A key that signs nothing: it is to sign soon, or does no more. Silent where nobody answered.
fn unused(key: &OwnKey, served: &Served) -> Option<Finding> {
    let answers: Vec<&Answered> = served
        .servers
        .iter()
        .filter_map(|server| server.answer.as_ref().ok())
        .chain(&served.resolver)
        .collect();
    let first = answers.first()?;
    let name = key.name();
    if answers.iter().all(|answer| is_good(key, answer)) {
        let what =
            text!("no line of the SigningTable uses the key {name}; its record is published");
        return Some(found_in(
            key,
            Finding::info(codes::DKIM_KEY_UNUSED, name, what),
        ));
    }
    if answers.iter().all(|answer| is_revoked(answer)) {
        let what = text!(
            "no line of the SigningTable uses the key {name}, and its record says that it is no longer \
             valid"
        );
        return Some(found_in(
            key,
            Finding::info(codes::DKIM_KEY_UNUSED, name, what),
        ));
    }
    let somewhere = answers.iter().any(|answer| is_good(key, answer));
    let what = match (somewhere, first.texts.is_empty()) {
        (true, _) => text!(
            "the record of the key {name}, which no line of the SigningTable uses yet, is not published \
             everywhere yet"
        ),
        (false, true) => text!(
            "the record of the key {name}, which no line of the SigningTable uses yet, is not published yet"
        ),
        (false, false) => text!(
            "the record at {name}, whose key no line of the SigningTable uses yet, is not that of the key"
        ),
    };
    let finding = found_in(
        key,
        Finding::warn(codes::DKIM_NOT_YET_PUBLISHED, &name, what),
    );
    let servers = served.servers.iter().filter_map(|server| {
        let answer = server.answer.as_ref().ok()?;
        Some((format!("{} ({})", server.name, server.address), answer))
    });
    let resolver = served
        .resolver
        .iter()
        .map(|answer| ("DNS".to_owned(), answer));
    let finding = servers
        .chain(resolver)
        .fold(finding, |finding, (from, answer)| {
            match (is_good(key, answer), answer.texts.first()) {
                (true, _) => finding.evidence(format!("{from}: ok")),
                (false, None) => finding.evidence(format!("{from}: -")),
                (false, Some(text)) => finding.evidence(shown(&from, text)),
            }
        });
    let finding = finding.why(text!(
        "whoever lets it sign before every receiver can see the record sends broken signatures"
    ));
    let finding = match somewhere {
        true => finding,
        false => publish(finding, key),
    };
    Some(finding.advice(text!("let the SigningTable lead to it when this is no longer found; a key that will sign no more is \
         taken out of the KeyTable")))
}

fn found_in(key: &OwnKey, finding: Finding) -> Finding {
    key.place.iter().fold(finding, Finding::evidence)
}

fn is_revoked(answer: &Answered) -> bool {
    let [text] = answer.texts.as_slice() else {
        return false;
    };
    matches!(KeyRecord::parse(text), Ok(record) if matches!(record.key, PublishedKeyData::Revoked))
}

fn size(key: &OwnKey, private: &dyn PrivateKey) -> Option<Finding> {
    let (name, bits) = (key.name(), private.bits());
    let is_rsa = private.algorithm() != dkim_core::Algorithm::Ed25519Sha256;
    let (level, code) = match bits {
        _ if !is_rsa => return None,
        ..LEAST_RSA_BITS => (Level::Fail, codes::DKIM_KEY_TOO_SMALL),
        LEAST_RSA_BITS..ADVISED_RSA_BITS => (Level::Warn, codes::DKIM_KEY_SMALL),
        _ => return None,
    };
    let what = text!("the RSA key {name} has only {bits} bits");
    let finding = Finding::new(level, code, &name, what).why(text!(
        "receivers ignore keys below 1024 bits; Google and Yahoo ask for 2048"
    ));
    let (selector, domain) = (&key.selector, &key.domain);
    Some(
        finding
            .command(format!(
                "dkimd keygen -b 2048 -s {selector}-2048 -d {domain}"
            ))
            .advice(text!(
                "publish the new record, then name the new selector and key in the KeyTable"
            )),
    )
}

fn of_record(key: &OwnKey, served: &Served) -> Vec<Finding> {
    let fits = |answer: &Answered| is_good(key, answer);
    let answers: Vec<(&Server, &Answered)> = served
        .servers
        .iter()
        .filter_map(|server| Some((server, server.answer.as_ref().ok()?)))
        .collect();
    let mut findings = Vec::new();
    let good = answers.iter().filter(|(_, answer)| fits(answer)).count();
    if good > 0 && good < answers.len() {
        findings.push(disagreement(key, &answers));
    } else if let (Some((_, first)), false) = (answers.first(), answers.is_empty()) {
        let differing = answers
            .iter()
            .any(|(_, answer)| answer.texts != first.texts);
        let whole = match &served.resolver {
            // Where all are wrong, each in its way, the resolver's view is as good as any.
            Ok(answer) if differing && !fits(answer) => answer,
            _ => first,
        };
        findings.extend(of_answer(key, served, whole));
        let stale = matches!(&served.resolver, Ok(answer) if good > 0 && !fits(answer));
        if let (true, Ok(answer)) = (stale, &served.resolver) {
            findings.push(remembered(key, answer));
        }
    } else if let Ok(answer) = &served.resolver {
        findings.extend(of_answer(key, served, answer));
    }
    findings.extend(silent_servers(key, served));
    findings
}

fn is_good(key: &OwnKey, answer: &Answered) -> bool {
    let [text] = answer.texts.as_slice() else {
        return false;
    };
    match &key.private {
        Some(private) => matches!(recognise(text, &**private), Recognised::Ours(_)),
        None => {
            matches!(KeyRecord::parse(text), Ok(record) if matches!(record.key, PublishedKeyData::Key(_)))
        }
    }
}

fn disagreement(key: &OwnKey, answers: &[(&Server, &Answered)]) -> Finding {
    let name = key.name();
    let what = text!(
        "the name servers do not agree about {name}: some serve the right record, some do not"
    );
    let mut finding = Finding::fail(codes::DKIM_SERVERS_DISAGREE, &name, what);
    for (server, answer) in answers {
        let from = format!("{} ({})", server.name, server.address);
        let ttl = answer.ttl.as_secs();
        finding = match (is_good(key, answer), answer.texts.first()) {
            (true, _) => finding.evidence(format!("{from}: ok, TTL {ttl}")),
            (false, None) => finding.evidence(format!("{from}: -")),
            (false, Some(text)) => finding.evidence(shown(&format!("{from}, TTL {ttl}"), text)),
        };
    }
    finding.why(why()).advice(text!(
        "wait for the zone's transfer to the servers that lag; if it does not come, raise the \
         serial number of the SOA record and look into their logs"
    ))
}

fn remembered(key: &OwnKey, answer: &Answered) -> Finding {
    let (name, ttl) = (key.name(), answer.ttl.as_secs());
    let what = text!(
        "all name servers serve the right record of {name}, but the resolver still remembers the \
         old answer"
    );
    let finding = Finding::warn(codes::DKIM_RESOLVER_STALE, &name, what);
    let finding = match answer.texts.first() {
        Some(text) => finding.evidence(shown(&format!("TTL {ttl}"), text)),
        None => finding,
    };
    finding.advice(text!(
        "wait until its time to live is over: other receivers remember it as long"
    ))
}

fn silent_servers(key: &OwnKey, served: &Served) -> Vec<Finding> {
    let answering = served.servers.iter().any(|server| server.answer.is_ok());
    if !answering {
        return Vec::new();
    }
    let zone = served.zone.as_deref().unwrap_or(&key.domain);
    let silent = served
        .servers
        .iter()
        .filter_map(|server| Some((server, server.answer.as_ref().err()?)));
    silent
        .map(|(server, failure)| silent_server(key, zone, server, *failure))
        .collect()
}

fn silent_server(key: &OwnKey, zone: &str, server: &Server, failure: DnsFailure) -> Finding {
    let name = &server.name;
    let (code, what, advice) = match failure {
        _ if server.lacks_tcp => (
            codes::DKIM_SERVER_NO_TCP,
            text!(
                "the name server {name} of {zone} cuts long answers off and does not answer over TCP"
            ),
            text!("open TCP port 53 of this server in its firewall"),
        ),
        DnsFailure::Refused | DnsFailure::ServerFailure => (
            codes::DKIM_SERVER_LAME,
            text!("the name server {name} is named for {zone}, but does not serve it"),
            text!("set the zone up on this server, or take it out of the NS records"),
        ),
        _ => (
            codes::DKIM_SERVER_SILENT,
            text!("the name server {name} of {zone} does not answer"),
            text!("mend the server, or take it out of the NS records"),
        ),
    };
    Finding::warn(code, &key.domain, what)
        .evidence(format!("{name} ({}): {failure}", server.address))
        .why(text!("receivers that ask this one wait, and some give up"))
        .advice(advice)
}

fn of_answer(key: &OwnKey, served: &Served, answer: &Answered) -> Vec<Finding> {
    match answer.texts.as_slice() {
        [] => vec![missing(key, served)],
        [text] => of_text(key, text, answer),
        texts => vec![several(key, texts)],
    }
}

fn missing(key: &OwnKey, served: &Served) -> Finding {
    let name = key.name();
    let ours = |text: &[u8]| {
        let recognised = key
            .private
            .as_deref()
            .map(|private| recognise(text, private));
        matches!(recognised, Some(Recognised::Ours(_)))
    };
    let doubled = format!("{name}.{}", key.domain);
    let of_this_selector =
        |other: &str| other.starts_with(&key.selector) || other.starts_with("_domainkey.");
    let wrong = served.elsewhere.iter().find(|(other, text)| {
        let meant = looks_like_a_record(&String::from_utf8_lossy(text));
        ours(text) || (meant && of_this_selector(other))
    });
    if let Some(target) = &served.dangling {
        let what = text!(
            "there is no DKIM record at {name}: it is an alias (CNAME) of {target}, where nothing is"
        );
        let finding = Finding::fail(codes::DKIM_MISSING, &name, what)
            .evidence(record_line::of_type(&name, "CNAME", &format!("{target}.")))
            .why(why())
            .advice(text!("publish this at the alias's target, or take the CNAME away and publish it at {name}:"));
        return match key.expected() {
            Some(text) => finding.record(record_line::txt(target, &text)),
            None => finding,
        };
    }
    let Some((other, text)) = wrong else {
        let what = text!("there is no DKIM record at {name}");
        let finding = Finding::fail(codes::DKIM_MISSING, &name, what).why(why());
        return publish(finding, key);
    };
    let (code, what) = if *other == doubled {
        let domain = &key.domain;
        (
            codes::DKIM_NAME_DOUBLED,
            text!(
                "the DKIM record was published with the domain twice, at {other}: the panel adds \
                 {domain} by itself"
            ),
        )
    } else if !of_this_selector(other) {
        (
            codes::DKIM_WRONG_SELECTOR,
            text!("the record of this key is published at {other}, but mail is signed for {name}"),
        )
    } else {
        (
            codes::DKIM_WRONG_NAME,
            text!("the DKIM record is published at {other} instead of {name}"),
        )
    };
    let finding = Finding::fail(code, &name, what)
        .evidence(shown(other, text))
        .why(why());
    let finding = match code {
        codes::DKIM_NAME_DOUBLED => {
            let label = format!("{}._domainkey", key.selector);
            finding.advice(text!("type only {label} into the panel's name field"))
        }
        _ => finding,
    };
    publish(finding, key)
}

fn several(key: &OwnKey, texts: &[Vec<u8>]) -> Finding {
    let (name, count) = (key.name(), texts.len());
    let what = text!("there are {count} TXT records at {name}; there may be only one");
    let finding = Finding::fail(codes::DKIM_SEVERAL_RECORDS, &name, what);
    let finding = texts.iter().fold(finding, |finding, text| {
        finding.evidence(shown("TXT", text))
    });
    let finding = finding
        .why(text!(
            "which of them a receiver takes is left to chance (RFC 6376 section 3.6.2.2)"
        ))
        .advice(text!("delete all but this one"));
    publish(finding, key)
}

fn of_text(key: &OwnKey, text: &[u8], answer: &Answered) -> Vec<Finding> {
    let name = key.name();
    let from = match answer.aliases.last() {
        Some(alias) => format!("{name} → {alias}"),
        None => name.clone(),
    };
    let Some(private) = key.private.as_deref() else {
        return match KeyRecord::parse(text) {
            Ok(record) => of_traits(key, text, traits(&record)),
            Err(error) => vec![broken(key, &from, text, &error.to_string())],
        };
    };
    let (code, what) = match recognise(text, private) {
        Recognised::Ours(traits) => return of_traits(key, text, traits),
        Recognised::Broken(error) => return vec![broken(key, &from, text, &error)],
        other => accident(key, other),
    };
    let finding = Finding::fail(code, &name, what)
        .evidence(shown(&from, text))
        .why(why());
    vec![publish(finding, key)]
}

fn broken(key: &OwnKey, from: &str, text: &[u8], error: &str) -> Finding {
    let name = key.name();
    let what = text!("the DKIM record at {name} can't be read: {error}");
    let finding = Finding::fail(codes::DKIM_BAD_RECORD, &name, what)
        .evidence(shown(from, text))
        .why(why());
    publish(finding, key)
}

fn of_traits(key: &OwnKey, text: &[u8], traits: Traits) -> Vec<Finding> {
    let name = key.name();
    let mut findings = Vec::new();
    if traits.not_for_email {
        let what = text!(
            "the record at {name} keeps its key from signing mail (s= names neither email nor *)"
        );
        let finding = Finding::fail(codes::DKIM_NOT_FOR_EMAIL, &name, what);
        findings.push(publish(
            finding.evidence(shown(&name, text)).why(why()),
            key,
        ));
    }
    if traits.not_for_sha256 {
        let what = text!("the record at {name} forbids SHA-256 (h=), with which mail is signed");
        let finding = Finding::fail(codes::DKIM_NOT_FOR_SHA256, &name, what);
        findings.push(publish(
            finding.evidence(shown(&name, text)).why(why()),
            key,
        ));
    }
    if traits.testing {
        let what = text!("the record at {name} says that the domain is only testing DKIM (t=y)");
        let finding = Finding::warn(codes::DKIM_TESTING, &name, what).why(text!(
            "receivers may treat the mail as if it were not signed (RFC 6376 section 3.6.1)"
        ));
        findings.push(publish(finding.evidence(shown(&name, text)), key));
    }
    findings
}

#[cfg(test)]
mod tests;
