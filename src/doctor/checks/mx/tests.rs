use super::*;

fn exchanger(host: &str, address: Option<&str>) -> Exchanger {
    Exchanger {
        preference: 10,
        host: host.to_owned(),
        alias: None,
        addresses: address.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn facts(exchangers: Vec<Exchanger>) -> MxFacts {
    MxFacts {
        domain: "example.com".to_owned(),
        exchangers,
        own_a: Vec::new(),
        here: BTreeSet::from(["203.0.113.10".parse().unwrap()]),
        host_name: Some("mail.example.com".to_owned()),
        taken: Taken::By("mydestination"),
    }
}

fn codes(facts: &MxFacts) -> Vec<&'static str> {
    judge(facts)
        .iter()
        .map(|finding| finding.code.word())
        .collect()
}

#[test]
fn an_exchanger_here_beside_a_backup_elsewhere_is_right() {
    let here = exchanger("mail.example.com", Some("203.0.113.10"));
    let backup = exchanger("backup.example.net", Some("198.51.100.1"));
    assert_eq!(codes(&facts(vec![here, backup])), [""; 0]);
}

#[test]
fn broken_records_are_told_apart() {
    let mut alias = exchanger("mx.example.com", Some("203.0.113.10"));
    alias.alias = Some("mail.example.com".to_owned());
    for (found, code) in [
        (exchanger(".", None), "mx-null"),
        (exchanger("203.0.113.10", None), "mx-is-address"),
        (alias, "mx-is-alias"),
        (exchanger("mx.example.com", None), "mx-without-address"),
        (
            exchanger("mx.example.com", Some("192.168.1.2")),
            "mx-private",
        ),
        (
            exchanger("my_mx.example.com", Some("203.0.113.10")),
            "mx-underscore",
        ),
    ] {
        assert_eq!(codes(&facts(vec![found])), [code]);
    }
    assert_eq!(codes(&facts(Vec::new())), ["mx-missing"]);
}

#[test]
fn postfix_must_take_what_is_sent_here_and_nothing_else() {
    let mut here = facts(vec![exchanger("mail.example.com", Some("203.0.113.10"))]);
    here.taken = Taken::No;
    assert_eq!(codes(&here), ["domain-not-local"]);
    here.taken = Taken::Unknown;
    assert_eq!(codes(&here), [""; 0]);
    let mut there = facts(vec![exchanger("mx.example.net", Some("198.51.100.1"))]);
    assert_eq!(codes(&there), ["mx-elsewhere"]);
    there.taken = Taken::No;
    assert_eq!(codes(&there), ["mx-other-host"]);
}

#[tokio::test]
async fn lists_of_domains_are_read_and_tables_that_cannot_be_asked_left_open() {
    let file = std::env::temp_dir().join(format!("dkimd-domains-{}", std::process::id()));
    fs::write(&file, "# ours\nexample.net\nexample.com anything\n").unwrap();
    let in_file = format!("virtual_alias_domains = {}", file.display());
    for (text, wanted) in [
        (
            "mydestination = mail.example.com, Example.com",
            Taken::By("mydestination"),
        ),
        ("relay_domains = example.net", Taken::No),
        ("relay_domains = com", Taken::By("relay_domains")),
        (in_file.as_str(), Taken::By("virtual_alias_domains")),
        (
            "virtual_mailbox_domains = nosuchkind:/etc/postfix/d.cf",
            Taken::Unknown,
        ),
        (
            "virtual_alias_domains = inline:{ example.com = x }",
            Taken::Unknown,
        ),
    ] {
        let found = taken(&MainCf::parse(text), "example.com").await;
        assert_eq!(found, wanted, "{text}");
    }
    fs::remove_file(file).unwrap();
}
