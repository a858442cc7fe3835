use super::*;
use crate::dataset::{DataSetKind, Origin};

fn listed(set: &HostSet, name: &str, address: &str) -> bool {
    let name = Some(name).filter(|name| !name.is_empty());
    let found = set.find(name, address.parse().ok());
    matches!(found, HostMatch::Listed(_))
}

fn csl(list: &str) -> HostSet {
    HostSet::of_list(list.split(','))
}

fn refile(text: &str) -> (HostSet, Vec<Diagnostic>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let spec = DataSetSpec {
        kind: DataSetKind::Refile(file.path().into()),
        origin: Origin {
            option: "InternalHosts",
            file: Path::new("opendkim.conf").into(),
            line: 3,
        },
    };
    let mut findings = Vec::new();
    (HostSet::open(&spec, None, &mut findings), findings)
}

#[test]
fn a_pattern_that_fits_every_host_lists_nobody() {
    // conf-hosts-star
    for star in ["*", "**", "*.*", "(*|x)", "*:*", "[^x]*"] {
        let (set, findings) = refile(&format!("127.0.0.1\nlocalhost\n{star}\n"));
        let told = findings.iter().any(|finding| {
            finding.line == Some(3) && finding.what.contains("would list every host")
        });
        assert!(told, "{star}: {findings:?}");
        assert!(!listed(&set, "mail.example.net", "2001:db8::9"), "{star}");
    }
    let (set, _) = refile("127.0.0.1\nlocalhost\n*\n");
    assert!(!listed(&set, "localhost", "127.0.0.1"));
    for fine in [
        "*.example.org",
        "192.0.2.*",
        "mail*",
        "*1*",
        "!*",
        "2001:db8:*",
    ] {
        let (_, findings) = refile(&format!("{fine}\n"));
        assert!(
            !findings.iter().any(|f| f.what.contains("every host")),
            "{fine}"
        );
    }
}

#[test]
fn networks_that_take_in_strangers_are_kept_and_told_once() {
    let told = |text: &str| {
        let (set, findings) = refile(text);
        let found: Vec<_> = findings
            .iter()
            .filter(|f| f.what.contains("forged mail too"))
            .collect();
        (
            listed(&set, "", "203.0.113.9"),
            found.iter().map(|f| f.line).collect::<Vec<_>>(),
        )
    };
    assert_eq!(told("127.0.0.1\n0.0.0.0/0\n"), (true, vec![Some(2)]));
    assert_eq!(told("0.0.0.0/1\n128.0.0.0/1\n"), (true, vec![Some(1)]));
    assert_eq!(
        told("192.0.0.0/2\n10.0.0.0/8\n128.0.0.0/2\n"),
        (true, vec![Some(3)])
    );
    assert_eq!(
        told("::/0\n::ffff:0:0/96\n"),
        (true, vec![Some(1), Some(2)])
    );
    assert_eq!(told("2000::/4\n3000::/4\n"), (false, vec![Some(2)]));
    assert_eq!(
        told("10.0.0.0/8\n172.16.0.0/12\n192.168.0.0/16\nfc00::/7\n"),
        (false, vec![])
    );
}

#[test]
fn a_dotted_domain_means_the_hosts_below_it_and_a_name_means_itself() {
    let set = csl(".example.org,h.example.com");
    assert!(listed(&set, "a.b.example.org", ""));
    assert!(listed(&set, "A.Example.ORG.", ""));
    assert!(!listed(&set, "example.org", ""));
    assert!(listed(&set, "h.example.com", ""));
    assert!(!listed(&set, "x.h.example.com", ""));
}

#[test]
fn a_name_negation_ends_the_name_test_only() {
    let set = csl("!h.example.org,.example.org,192.0.2.7");
    assert!(listed(&set, "h.example.org", "192.0.2.7"));
    assert!(listed(&set, "g.example.org", "192.0.2.8"));
    assert_eq!(
        set.find(Some("h.example.org"), "192.0.2.8".parse().ok()),
        HostMatch::Excluded("!h.example.org")
    );
}

#[test]
fn the_longest_prefix_decides_and_an_exclusion_before_a_member_of_its_length() {
    let set = csl("10.0.0.0/8,!10.1.0.0/16,10.1.2.0/24,10.3.0.0/16,!10.3.0.0/16");
    assert!(listed(&set, "", "10.9.9.9"));
    assert!(!listed(&set, "", "10.1.9.9"));
    assert!(listed(&set, "", "10.1.2.9"));
    assert!(!listed(&set, "", "10.3.0.1"));
}

#[test]
fn every_spelling_of_an_address_matches() {
    for entry in [
        "2001:db8:0:0::/32",
        "2001:DB8::/32",
        "[2001:db8::]/32",
        "[2001:db8::/32]",
        "2001:db8::7/32",
        "2001:db8:0:0:0:0:0:9",
    ] {
        assert!(listed(&csl(entry), "", "2001:db8::9"), "{entry}");
    }
    for entry in [
        "192.0.2.7/24",
        "192.0.2/24",
        "[192.0.2.9]",
        "::ffff:192.0.2.9",
    ] {
        assert!(listed(&csl(entry), "", "192.0.2.9"), "{entry}");
        assert!(listed(&csl(entry), "", "::ffff:192.0.2.9"), "{entry}");
    }
    assert!(listed(&csl("0.0.0.0/0"), "", "192.0.2.9"));
    assert!(!listed(&csl("0.0.0.0/0"), "", "2001:db8::9"));
    assert!(listed(&csl("::/0"), "", "2001:db8::9"));
}

#[test]
fn host_bits_and_left_out_octets_are_warned_of() {
    let (_, findings) = refile("192.0.2.7/24\n10/8\n192.0.2.0/24\n");
    let remedies: Vec<_> = findings.iter().map(|f| f.remedy.as_deref()).collect();
    assert_eq!(
        remedies,
        [Some("write 192.0.2.0/24"), Some("write 10.0.0.0/8")]
    );
    assert_eq!(findings[1].line, Some(2));
}

#[test]
fn globs_of_a_refile_set_list_hosts_and_exclude_only_with_a_mark() {
    let (set, findings) = refile("*.example.org\n!bad.*\n192.168.*\n10.0.0.0/8\nplain.ex\n");
    assert_eq!(findings, []);
    assert!(listed(&set, "h.example.org", ""));
    assert!(!listed(&set, "bad.example.org", ""));
    assert!(listed(&set, "", "192.168.3.4"));
    assert!(listed(&set, "", "10.3.4.5"));
    assert!(listed(&set, "plain.ex", ""));
    assert!(!listed(&set, "example.net", "192.0.2.1"));
}

#[test]
fn a_starred_domain_in_a_plain_list_is_read_as_the_dotted_one() {
    let mut set = HostSet::default();
    let entry = Entry {
        key: "*.example.org",
        value: "",
        line: 1,
    };
    let finding = set.add(entry, false).unwrap();
    assert_eq!(finding.remedy.as_deref(), Some("write .example.org"));
    assert!(listed(&set, "h.example.org", ""));
}

#[test]
fn entries_that_never_match_are_warned_of() {
    let (_, findings) = refile("192.0.2.0/33\nhost:25\n10.0.0.1,\n");
    assert_eq!(findings.len(), 3);
}

#[test]
fn names_in_brackets_are_addresses_and_unknown_is_a_name() {
    assert!(!listed(&csl("[192.0.2.7]"), "[192.0.2.7]", ""));
    assert!(listed(&csl("[192.0.2.7]"), "[192.0.2.7]", "192.0.2.7"));
    assert!(listed(&csl("unknown"), "unknown", "192.0.2.7"));
}
