use std::time::Duration;

use super::*;
use dkimd_keygen::generate::{KeyKind, generate};
use dkimd_server::keys::load::private_key;

fn key(kind: KeyKind) -> OwnKey {
    let made = generate(kind).unwrap();
    OwnKey {
        domain: "example.com".to_owned(),
        selector: "mail".to_owned(),
        place: None,
        private: Some(private_key(made.pem.as_bytes()).unwrap()),
        denied: false,
        used: true,
    }
}

fn answer(texts: &[&str]) -> Answered {
    Answered {
        texts: texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
        aliases: Vec::new(),
        ttl: Duration::from_secs(300),
    }
}

fn server(number: u8, answer: Result<Answered, DnsFailure>) -> Server {
    Server {
        name: format!("ns{number}.example.com"),
        address: [203, 0, 113, number].into(),
        answer,
        lacks_tcp: false,
    }
}

fn served(resolver: Answered, servers: Vec<Server>) -> Served {
    Served {
        resolver: Ok(resolver),
        servers,
        dangling: None,
        zone: Some("example.com".to_owned()),
        elsewhere: Vec::new(),
    }
}

fn codes(key: &OwnKey, served: &Served) -> Vec<&'static str> {
    let findings = judge(key, served);
    findings.iter().map(|finding| finding.code.word()).collect()
}

#[test]
fn a_server_that_lags_is_named_and_nothing_else_is_said() {
    let key = key(KeyKind::Ed25519);
    let good = answer(&[&key.expected().unwrap()]);
    let old = answer(&["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]);
    let lagging = served(
        good.clone(),
        vec![server(1, Ok(good.clone())), server(2, Ok(old.clone()))],
    );
    assert_eq!(codes(&key, &lagging), ["dkim-servers-disagree"]);
    let finding = judge(&key, &lagging).remove(0);
    assert!(finding.evidence[1].contains("ns2.example.com"));

    let all_good = vec![server(1, Ok(good.clone())), server(2, Ok(good.clone()))];
    assert_eq!(codes(&key, &served(good, all_good.clone())), [""; 0]);
    assert_eq!(
        codes(&key, &served(old.clone(), all_good)),
        ["dkim-resolver-stale"]
    );
    let all_old = vec![server(1, Ok(old.clone())), server(2, Ok(old.clone()))];
    assert_eq!(codes(&key, &served(old, all_old)), ["dkim-other-key"]);
}

#[test]
fn a_silent_server_is_told_only_where_another_answers() {
    let key = key(KeyKind::Ed25519);
    let good = answer(&[&key.expected().unwrap()]);
    let silent = server(2, Err(DnsFailure::Timeout));
    let one = vec![server(1, Ok(good.clone())), silent.clone()];
    assert_eq!(
        codes(&key, &served(good.clone(), one)),
        ["dkim-server-silent"]
    );
    for (failure, lacks_tcp, code) in [
        (DnsFailure::Refused, false, "dkim-server-lame"),
        (DnsFailure::Malformed, true, "dkim-server-no-tcp"),
    ] {
        let mut bad = server(2, Err(failure));
        bad.lacks_tcp = lacks_tcp;
        let servers = vec![server(1, Ok(good.clone())), bad];
        assert_eq!(codes(&key, &served(good.clone(), servers)), [code]);
    }
    // A firewall on the way out, more likely than that all of them are dead.
    assert_eq!(codes(&key, &served(good, vec![silent])), [""; 0]);
}

#[test]
fn a_missing_record_is_found_where_it_was_published_by_accident() {
    let key = key(KeyKind::Ed25519);
    let record = key.expected().unwrap();
    for (name, code) in [
        (
            "mail._domainkey.example.com.example.com",
            "dkim-name-doubled",
        ),
        ("mail.domainkey.example.com", "dkim-wrong-name"),
        ("default._domainkey.example.com", "dkim-wrong-selector"),
    ] {
        let mut facts = served(answer(&[]), Vec::new());
        facts.elsewhere = vec![(name.to_owned(), record.clone().into_bytes())];
        assert_eq!(codes(&key, &facts), [code], "{name}");
    }
    let mut facts = served(answer(&[]), Vec::new());
    let other = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_vec();
    facts.elsewhere = vec![("default._domainkey.example.com".to_owned(), other)];
    assert_eq!(codes(&key, &facts), ["dkim-missing"]);
}

#[test]
fn small_keys_are_told_beside_the_record_and_unused_ones_only_mentioned() {
    let mut small = key(KeyKind::Rsa(1024));
    let facts = served(answer(&[&small.expected().unwrap()]), Vec::new());
    assert_eq!(codes(&small, &facts), ["dkim-key-small"]);
    small.used = false;
    let finding = judge(&small, &facts).remove(0);
    assert_eq!(
        (finding.level, finding.code.word()),
        (Level::Info, "dkim-key-unused")
    );
}

#[test]
fn a_key_that_is_to_sign_soon_is_not_well_before_everybody_sees_its_record() {
    let mut next = key(KeyKind::Ed25519);
    next.used = false;
    let good = answer(&[&next.expected().unwrap()]);
    let none = answer(&[]);
    let everywhere = vec![server(1, Ok(good.clone())), server(2, Ok(good.clone()))];
    let somewhere = vec![server(1, Ok(good.clone())), server(2, Ok(none.clone()))];
    let nowhere = vec![server(1, Ok(none.clone())), server(2, Ok(none.clone()))];
    let other = answer(&["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]);
    for (facts, code) in [
        (served(good.clone(), everywhere.clone()), "dkim-key-unused"),
        (served(none.clone(), everywhere), "dkim-not-yet-published"),
        (served(good.clone(), somewhere), "dkim-not-yet-published"),
        (served(none.clone(), nowhere), "dkim-not-yet-published"),
        (served(none, Vec::new()), "dkim-not-yet-published"),
        (served(other, Vec::new()), "dkim-not-yet-published"),
        (
            served(answer(&["v=DKIM1; p="]), Vec::new()),
            "dkim-key-unused",
        ),
    ] {
        let found = judge(&next, &facts).remove(0);
        assert_eq!(found.code.word(), code, "{facts:?}");
        let level = match code {
            "dkim-key-unused" => Level::Info,
            _ => Level::Warn,
        };
        assert_eq!(found.level, level);
    }
    let mut silent = served(good, vec![server(1, Err(DnsFailure::Timeout))]);
    silent.resolver = Err(DnsFailure::Timeout);
    assert_eq!(judge(&next, &silent), []);
}

#[test]
fn a_key_that_cannot_be_read_has_its_record_looked_at_all_the_same() {
    let mut unreadable = key(KeyKind::Ed25519);
    let record = unreadable.expected().unwrap();
    unreadable.private = None;
    assert_eq!(
        codes(&unreadable, &served(answer(&[&record]), Vec::new())),
        [""; 0]
    );
    let facts = served(answer(&["v=DKIM1; k=rsa"]), Vec::new());
    assert_eq!(codes(&unreadable, &facts), ["dkim-bad-record"]);
}
