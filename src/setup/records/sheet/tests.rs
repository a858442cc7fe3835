//! Sheets for zones in every state.

use super::*;

fn subject() -> Subject {
    Subject {
        domain: "example.com".to_owned(),
        hostname: "mail.example.com".to_owned(),
        addresses: vec![
            "203.0.113.10".parse().unwrap(),
            "2001:db8::10".parse().unwrap(),
        ],
        relay: None,
        keys: vec![("mail".to_owned(), KeyKind::Ed25519, vec![1; 32])],
    }
}

/// A zone without a single record.
fn empty() -> Published {
    Published {
        zone: Some("example.com".to_owned()),
        zones: BTreeMap::new(),
        mx: Some(vec![]),
        domain_addresses: Some(vec![]),
        domain_texts: Some(vec![]),
        host_addresses: Some(vec![]),
        host_texts: Some(vec![]),
        dmarc: Some(vec![("_dmarc.example.com".to_owned(), vec![])]),
        keys: vec![Some(vec![])],
        reverse: vec![Some(vec![]), Some(vec![])],
        spf_passes: vec![Some(false), Some(false)],
    }
}

fn shown(sheet: &Sheet) -> Vec<String> {
    sheet
        .records
        .iter()
        .map(|record| {
            let state = match &record.state {
                State::Unknown => "?",
                State::Present => "=",
                State::New => "+",
                State::Change(_) => "~",
            };
            let data = super::super::forms::presentation(&record.data);
            format!("{state} {} {} {data}", record.name, record.data.kind())
        })
        .collect()
}

#[test]
fn an_empty_zone_needs_everything() {
    let sheet = sheet(&subject(), &empty());
    let shown = shown(&sheet);
    assert_eq!(
        shown[..5],
        [
            "+ mail.example.com A 203.0.113.10",
            "+ mail.example.com AAAA 2001:db8::10",
            "+ mail.example.com TXT \"v=spf1 a -all\"",
            "+ example.com MX 10 mail.example.com.",
            "+ example.com TXT \"v=spf1 mx ip4:203.0.113.10 ip6:2001:db8::10 ~all\"",
        ]
    );
    assert!(shown[5].starts_with("+ mail._domainkey.example.com TXT"));
    assert_eq!(
        shown[6],
        "+ _dmarc.example.com TXT \"v=DMARC1; p=none; rua=mailto:postmaster@example.com\""
    );
    assert_eq!(sheet.reverse.len(), 2);
}

#[test]
fn without_dns_everything_is_told_and_nothing_is_known() {
    let shown = shown(&sheet(&subject(), &Published::default()));
    assert_eq!(shown.len(), 7);
    assert!(shown.iter().all(|line| line.starts_with("? ")));
}

#[test]
fn what_is_published_stays_as_it_is() {
    let subject = subject();
    let key = Record::dkim("example.com", "mail", KeyKind::Ed25519, vec![1; 32]);
    let Data::Txt(key) = key.data else {
        unreachable!()
    };
    let published = Published {
        mx: Some(vec![(5, "mail.example.com".to_owned())]),
        domain_texts: Some(vec!["google-site".to_owned(), "v=spf1 mx -all".to_owned()]),
        host_addresses: Some(subject.addresses.clone()),
        host_texts: Some(vec!["v=spf1 a ~all".to_owned()]),
        dmarc: Some(vec![(
            "_dmarc.example.com".to_owned(),
            vec!["v=DMARC1;p=reject".to_owned()],
        )]),
        keys: vec![Some(vec![key.replace("h=sha256; ", "")])],
        spf_passes: vec![Some(true), Some(true)],
        ..empty()
    };
    let sheet = sheet(&subject, &published);
    let shown = shown(&sheet);
    assert!(
        shown.iter().all(|line| line.starts_with("= ")),
        "{shown:#?}"
    );
    assert!(shown[3].ends_with("MX 5 mail.example.com."));
}

#[test]
fn an_spf_record_changes_by_what_is_missing_alone() {
    let published = Published {
        domain_texts: Some(vec!["v=spf1 mx -all".to_owned()]),
        mx: Some(vec![(5, "mail.example.com".to_owned())]),
        spf_passes: vec![Some(true), Some(false)],
        ..empty()
    };
    let sheet = sheet(&subject(), &published);
    let spf = sheet
        .records
        .iter()
        .find(|r| r.name == "example.com" && r.data.kind() == "TXT");
    let spf = spf.unwrap();
    assert_eq!(
        spf.data,
        Data::Txt("v=spf1 mx ip6:2001:db8::10 -all".to_owned())
    );
    assert_eq!(
        spf.state,
        State::Change(vec![Data::Txt("v=spf1 mx -all".to_owned())])
    );
}

#[test]
fn keys_in_test_mode_or_twice_or_other_keys_are_changed() {
    let subject = subject();
    let wanted = Record::dkim("example.com", "mail", KeyKind::Ed25519, vec![1; 32]);
    let Data::Txt(good) = wanted.data else {
        unreachable!()
    };
    for texts in [
        vec![good.replace("p=", "t=y; p=")],
        vec![good.replace("p=AQ", "p=BQ")],
        vec![good.replace("h=sha256", "h=sha1")],
        vec![good.replace("k=ed25519", "k=rsa")],
        vec![good.clone(), good.clone()],
    ] {
        let published = Published {
            keys: vec![Some(texts.clone())],
            ..empty()
        };
        let sheet = sheet(&subject, &published);
        let record = sheet
            .records
            .iter()
            .find(|r| r.name.contains("_domainkey"))
            .unwrap();
        assert!(matches!(record.state, State::Change(_)), "{texts:?}");
    }
}

#[test]
fn mail_received_elsewhere_goes_on_to_be() {
    let published = Published {
        mx: Some(vec![(1, "mx.other.example".to_owned())]),
        ..empty()
    };
    let sheet = sheet(&subject(), &published);
    assert!(
        sheet
            .records
            .iter()
            .all(|record| record.data.kind() != "MX")
    );
    assert!(shown(&sheet).contains(
        &"+ example.com TXT \"v=spf1 ip4:203.0.113.10 ip6:2001:db8::10 ~all\"".to_owned()
    ));
    assert_eq!(sheet.notes.len(), 1);
}

#[test]
fn a_relay_is_named_in_spf_by_its_providers_include() {
    for (relay, include) in [
        (
            "[email-smtp.eu-west-1.amazonaws.com]:587",
            Some("amazonses.com"),
        ),
        ("smtp.gmail.com:587", Some("_spf.google.com")),
        ("smtp.notgmail.com", None),
        ("[192.0.2.1]", None),
    ] {
        assert_eq!(include_of(relay), include, "{relay}");
    }
}

#[test]
fn a_domain_below_one_with_dmarc_needs_none() {
    let published = Published {
        dmarc: Some(vec![
            ("_dmarc.sub.example.com".to_owned(), vec![]),
            (
                "_dmarc.example.com".to_owned(),
                vec!["v=DMARC1; p=none".to_owned()],
            ),
        ]),
        ..empty()
    };
    let subject = Subject {
        domain: "sub.example.com".to_owned(),
        ..subject()
    };
    let sheet = sheet(&subject, &published);
    assert!(
        sheet
            .records
            .iter()
            .all(|record| !record.name.contains("_dmarc"))
    );
}
