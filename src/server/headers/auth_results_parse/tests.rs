use super::*;

fn ours(value: &str) -> bool {
    RemovalRules::new("mail.example.com").matches(value.as_bytes())
}

#[test]
fn our_id_is_found_however_it_is_written() {
    for value in [
        " mail.example.com; dkim=pass",
        "mail.example.com",
        "\r\n\tMAIL.example.COM ;dkim=pass",
        " mail.example.com. 1; spf=pass",
        " \"mail.example.com\"; dkim=pass",
        " \"mail.ex\\ample.com\" 1 (x); none",
        " (a (b \\) c) d) mail.example.com (e); none",
        " mail.example.com/4XyZ1a2b3c; dkim=pass",
        " mail . example . com; dkim=pass",
        " mail(x).example(y).com; dkim=pass",
        " mail.example.com; dkim=pass foo.bar=x",
        " mail.example.com dkim=pass",
        " mail . example . com. dkim=pass",
        " mail.example.com (never closed; dkim=pass",
        " \"mail.example.com; dkim=pass",
        " mail.\"example\".com; dkim=pass",
        " mail.exam\0ple.com; \0",
        " ｍａｉｌ.example.com; dkim=pass",
        " mail。example。com; dkim=pass",
        // The cases trust-forged-results-backslash and trust-forged-results-parenthesis.
        " \\mail.example.com; dkim=pass",
        " \\mail.example.com 1; dkim=pass",
        " )mail.example.com; dkim=pass",
        " ) mail.example.com; dkim=pass",
        " mail.example.com ); dkim=pass",
        " ma)il.exam\\ple.com; dkim=pass",
        // Comments and quotes, escapes in them or not.
        " (\\) mail.example.com; dkim=pass",
        " (\\() mail.example.com; dkim=pass",
        " (\") mail.example.com; dkim=pass",
        " \"(\" mail.example.com; dkim=pass",
        " \"(x)\" mail.example.com; dkim=pass",
        " \"(x\" mail.example.com; dkim=pass",
        " \\(x mail.example.com; dkim=pass",
        " mail \"(x)\".example.com; dkim=pass",
        " \\;mail.example.com; dkim=pass",
        " \"; \" mail.example.com; dkim=pass",
        // Never closed.
        " (mail.example.com; dkim=pass",
        " (mail.example.com; dkim=pass (2048-bit key)",
        " (x) (mail.example.com; dkim=pass",
        " ((x) mail.example.com; dkim=pass",
        " \"(x) mail.example.com; dkim=pass",
        // Octets that no name has.
        " \x0b\x0cmail.example.com\x01; dkim=pass",
        " \u{a0}mail.example.com\u{a0}; dkim=pass",
        " =mail.example.com; dkim=pass",
        " ,@:<[mail.example.com]>; dkim=pass",
        " /mail.example.com; dkim=pass",
        " mail.example.com:25; dkim=pass",
        " mail.example.com@evil.example; dkim=pass",
        " m a i l . e x a m p l e . c o m ; dkim=pass",
        " .mail..example.com..; dkim=pass",
        // What readers pass over.
        " 1 mail.example.com; dkim=pass",
        " Authentication-Results: mail.example.com; dkim=pass",
    ] {
        assert!(ours(value), "{value:?}");
    }
}

#[test]
fn the_ids_of_others_are_not_ours() {
    for value in [
        "",
        ";",
        " ; mail.example.com",
        " mail.example.org; dkim=pass header.d=mail.example.com",
        " xmail.example.com; dkim=pass",
        " example.com; dkim=pass",
        " mx.mail.example.com; dkim=pass",
        " (mail.example.com) mx.example.net; dkim=pass",
        " mx.example.net (mail.example.com); dkim=pass",
        " mx.example.net/mail.example.com; dkim=pass",
        " mail.example.com.evil.example; dkim=pass",
        " mx.example.net:25; dkim=pass header.d=mail.example.com",
        " mx.example.net 1 (mail.example.com); dkim=pass",
        " (a (b) mail.example.com) mx.example.net; dkim=pass",
        " (\\( mail.example.com) mx.example.net; dkim=pass",
        " (mail.example.com; dkim=pass) mx.example.net; dkim=pass",
        " \"mx.example.net\"; dkim=pass (mail.example.com; never closed",
        " mx.example.net, mail.example.com; dkim=pass",
        " 1.mail.example.com; dkim=pass",
        " 1mail.example.com; dkim=pass",
    ] {
        assert!(!ours(value), "{value:?}");
    }
}

#[test]
fn u_labels_and_a_labels_are_one_id() {
    let rules = RemovalRules::new("post.bücher.example");
    assert!(rules.matches(b" post.xn--bcher-kva.example; dkim=pass"));
    assert!(rules.matches(" POST.BÜCHER.example; dkim=pass".as_bytes()));
    let rules = RemovalRules::new("post.xn--bcher-kva.example");
    assert!(rules.matches(" post.bücher.example; dkim=pass".as_bytes()));
}

/// Each octet, or each letter, a word of its own; and words that are none of the name's.
#[test]
fn u_labels_are_found_in_however_many_words() {
    const OWN: &str = "post.bücher.example.com";
    let octet_by_octet = |name: &str, between: &str| {
        let mut value = Vec::new();
        for octet in name.bytes() {
            value.push(octet);
            value.extend(between.bytes());
        }
        value
    };
    let letter_by_letter = |name: &str| {
        let letters = name.chars().map(|letter| format!("\"{letter}\""));
        letters.collect::<String>().into_bytes()
    };
    let names = [
        OWN,
        "POST.BÜCHER.EXAMPLE.COM",
        "post.bu\u{308}cher.example.com",
        "post.bücher.ｅｘａｍｐｌｅ.com",
        "\u{a0}post.bücher.example.com\u{a0}",
        "post\u{3002}bücher\u{3002}example\u{3002}com",
    ];
    let mut fields: Vec<Vec<u8>> = vec![
        "post.bü\"c\"\"h\"\"e\"\"r\"\".\"\"e\"\"x\"\"a\"\"m\"\"p\"\"l\"\"e\"\".\"\"c\"\"o\"\"m\""
            .into(),
    ];
    for name in names {
        fields.push(letter_by_letter(name));
        for between in [" ", "(x)", "\"\"", "\r\n\t", "\0"] {
            fields.push(octet_by_octet(name, between));
        }
    }
    for field in fields {
        let shown = String::from_utf8_lossy(&field).into_owned();
        let value = [b" ", &field[..], b"; dkim=pass header.d=evil.example"].concat();
        for rules in [
            RemovalRules::new(OWN),
            RemovalRules::new("post.xn--bcher-kva.example.com"),
            RemovalRules::new("us.example").remove_from([OWN]),
            RemovalRules::new("us.example").remove_from([".bücher.example.com"]),
        ] {
            assert!(rules.matches(&value), "{shown}");
        }
    }
}

#[test]
fn words_of_others_beyond_ascii_make_no_field_ours() {
    let letters = "ä ö ü ".repeat(20);
    for own in ["post.bücher.example.com", "mail.example.com"] {
        let rules = RemovalRules::new(own);
        for value in [
            " mx.bücher.example.com; dkim=pass".to_owned(),
            " mx.example.net é; dkim=pass".to_owned(),
            " bücher.example.com; dkim=pass".to_owned(),
            " post.bücher.example.com.evil.example; dkim=pass".to_owned(),
            " post.bücher.example; dkim=pass".to_owned(),
            format!(" mx.example.net ({letters}); dkim=pass"),
            format!(" mx.example.net; dkim=pass ({letters}"),
            format!(" mx.example.net {letters}; dkim=pass"),
        ] {
            assert!(!rules.matches(value.as_bytes()), "{own}: {value}");
        }
    }
}

#[test]
fn listed_hosts_lose_what_speaks_of_dkim_and_all_only_if_asked() {
    let rules = RemovalRules::new("us.example").remove_from(["Relay.example.net.", ".example.org"]);
    for value in [
        " relay.example.net; dkim=pass",
        " relay.example.net; spf=pass; DKIM=pass",
        " a.b.example.org; dkim=fail",
        " relay.example.net; spf=pass (never closed",
        " relay.example.net; \"dk\\im\"=pass",
        " \\relay.example.net; dkim=pass",
        " )a.example.org; dkim=pass",
        " (\\) relay.example.net 1; dkim=pass",
        " \"(x\" =a.example.org/job; dkim=pass",
        " relay.example.net; spf=pass \"(\" ; dkim=pass \")\"",
        " relay.example.net; spf=pass (\\); dkim=pass (x)",
    ] {
        assert!(rules.matches(value.as_bytes()), "{value}");
    }
    for value in [
        " relay.example.net; spf=pass (dkim=pass)",
        " relay.example.net; spf=pass header.d=kim.example",
        " example.org; dkim=pass",
        " badexample.org; dkim=pass",
        " other.example.net; dkim=pass",
    ] {
        assert!(!rules.matches(value.as_bytes()), "{value}");
    }
    let rules = rules.all_methods(true);
    assert!(rules.matches(b" relay.example.net; spf=pass (dkim=pass)"));
    assert!(!rules.matches(b" other.example.net; spf=pass"));
    assert!(rules.matches(b" us.example; spf=pass"));
    assert!(!rules.keep(true).matches(b" us.example; dkim=pass"));
}

#[test]
fn an_endless_id_is_nobody_s_and_takes_no_time() {
    let rules = RemovalRules::new("us.example").remove_from([".example.org", "a.example"]);
    let dots = ".".repeat(60_000);
    let labels = "a.".repeat(30_000);
    let begun = std::time::Instant::now();
    assert!(!rules.matches(format!(" {labels}example.org; dkim=pass").as_bytes()));
    for value in [
        format!(" x{dots}example.org; dkim=pass"),
        format!(" us.example {labels}; dkim=pass"),
        format!(" a.example {dots}; dkim=pass"),
        format!(" b.example.org ({labels}) {labels}; dkim=pass"),
    ] {
        assert!(rules.matches(value.as_bytes()));
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(2));
}

#[test]
fn the_time_grows_with_the_octets_whatever_they_are() {
    const OCTETS: usize = 1 << 18;
    let rules = RemovalRules::new("us.example").remove_from([".example.org", "a.example"]);
    let time = |unit: &[u8], octets: usize| {
        let value: Vec<u8> = unit.iter().copied().cycle().take(octets).collect();
        let begun = std::time::Instant::now();
        rules.matches(&value);
        begun.elapsed()
    };
    for unit in [
        "\"",
        "\\",
        "(",
        ")",
        "\"\\\"",
        "\"(",
        "(\\",
        ")(",
        "(a",
        "a ",
        "a.",
        "1 ",
        "é ",
        "\u{e9}\u{ff} ",
        "ü\"\"",
        "us.example.",
        "\\\"(é",
        "(\")\"",
        "\"(\\)\"a/",
    ] {
        // Quadratic time would be sixteen times as much, and noise is never that long.
        let limit = time(unit.as_bytes(), OCTETS / 4) * 8 + std::time::Duration::from_millis(400);
        assert!(time(unit.as_bytes(), OCTETS) < limit, "{unit:?}");
    }
}

#[test]
fn an_own_id_with_a_slash_is_found_with_any_job() {
    let rules = RemovalRules::new("mail.example.com/site");
    assert!(rules.matches(b" mail.example.com/site; dkim=pass"));
    assert!(rules.matches(b" mail.example.com/job; dkim=pass"));
}
