//! The resolver against name servers that lie, stutter, or keep silent.

#[path = "support/dns/mod.rs"]
mod support_dns;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use dkimd_server::{
    dns::{
        Absence, DnsFailure, Dnssec, TxtAnswer, TxtLookup, TxtRecords,
        cache::{Cache, Lifetimes},
        name::DnsName,
        nameservers::NameServers,
        resolver::{Resolver, ResolverSettings},
    },
    log::{Level, Log},
};
use support_dns::{ASKED, FaultyServer, Question, cname, txt, wire_name};

const TIMEOUT: Duration = Duration::from_millis(1500);

#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn line(&self, _: Level, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

fn resolver(servers: &[SocketAddr]) -> Resolver {
    let settings = ResolverSettings {
        servers: NameServers::Listed(servers.to_vec()),
        timeout: Some(TIMEOUT),
        trust_anchor: None,
    };
    Resolver::new(settings, Arc::new(Lines::default())).unwrap()
}

async fn ask(resolver: &Resolver, name: &str) -> Result<TxtRecords, DnsFailure> {
    let begun = Instant::now();
    let answer = resolver.txt(&DnsName::parse(name).unwrap()).await;
    assert!(
        begun.elapsed() < TIMEOUT + Duration::from_millis(500),
        "{name} took {:?}",
        begun.elapsed()
    );
    answer.result
}

fn one(text: &[u8]) -> Result<TxtRecords, DnsFailure> {
    Ok(TxtRecords::One(Arc::from(text)))
}

/// Behaves as the first label says.
fn by_label(question: &Question, tcp: bool) -> Vec<Vec<u8>> {
    let good = || vec![question.reply(0, &[txt(&ASKED, b"v=DKIM1; p=x", 255)])];
    match question.label.as_str() {
        "good" => good(),
        "nxdomain" => vec![question.reply(3, &[])],
        "nodata" => vec![question.reply(0, &[])],
        "servfail" => vec![question.reply(2, &[])],
        "refused" => vec![question.reply(5, &[])],
        "formerr" => vec![question.reply(1, &[])],
        "silent" => vec![],
        "truncated" if tcp => good(),
        "truncated" => vec![question.truncated()],
        "always-truncated" => vec![question.truncated()],
        "wrong-id" => {
            let [a, b] = question.id;
            let forged = [txt(&ASKED, b"forged", 255)];
            let mut replies =
                vec![question.raw_reply([a ^ 1, b], 0x81, 0, &question.section, &forged)];
            replies.extend(good());
            replies
        }
        "only-wrong-id" => {
            let [a, b] = question.id;
            let forged = [txt(&ASKED, b"forged", 255)];
            vec![question.raw_reply([a, b ^ 1], 0x81, 0, &question.section, &forged)]
        }
        "wrong-question" => {
            let mut other = wire_name("other.example");
            other.extend([0, 16, 0, 1]);
            let forged = [txt(&ASKED, b"forged", 255)];
            vec![question.raw_reply(question.id, 0x81, 0, &other, &forged)]
        }
        "other-owner" => {
            let other = wire_name("other.example");
            vec![question.reply(0, &[txt(&other, b"forged", 255)])]
        }
        "other-owner-and-asked-additional" => {
            let other = wire_name("other.example");
            let answers = [txt(&other, b"forged", 255)];
            let beside = [txt(&ASKED, b"beside", 255)];
            vec![question.reply_with_additional(&answers, &beside)]
        }
        "asked-additional-alone" => {
            vec![question.reply_with_additional(&[], &[txt(&ASKED, b"beside", 255)])]
        }
        "others-in-both-sections" => {
            let other = wire_name("other.example");
            let forged = [txt(&other, b"forged", 255)];
            vec![question.reply_with_additional(&forged, &forged)]
        }
        "other-owner-beside-ours" => {
            let other = wire_name("other.example");
            let answers = [
                txt(&other, b"forged", 255),
                txt(&ASKED, b"v=DKIM1; p=x", 255),
                txt(&other, b"forged", 255),
            ];
            vec![question.reply(0, &answers)]
        }
        "alias-beside-others" => vec![question.reply(
            0,
            &[
                cname(&wire_name("stray.example"), "other.example"),
                txt(&wire_name("other.example"), b"forged", 255),
                cname(&ASKED, "end.example"),
                txt(&ASKED, b"beside the alias", 255),
                txt(&wire_name("end.example"), b"v=DKIM1; p=x", 255),
            ],
        )],
        "alias-to-another-s-additional" => vec![question.reply_with_additional(
            &[
                cname(&ASKED, "end.example"),
                txt(&wire_name("other.example"), b"forged", 255),
            ],
            &[txt(&wire_name("end.example"), b"beside", 255)],
        )],
        "case" => {
            let mut section = question.section.clone();
            section.make_ascii_uppercase();
            let section_end = section.len() - 4;
            section[section_end..].copy_from_slice(&question.section[section_end..]);
            let answer = [txt(&ASKED, b"v=DKIM1; p=x", 255)];
            vec![question.raw_reply(question.id, 0x81, 0, &section, &answer)]
        }
        "alias" => vec![question.reply(
            0,
            &[
                cname(&ASKED, "step.example"),
                cname(&wire_name("step.example"), "end.example"),
                txt(&wire_name("end.example"), b"v=DKIM1; p=x", 255),
            ],
        )],
        "alias-alone" => vec![question.reply(0, &[cname(&ASKED, "good.example")])],
        "alias-nowhere" => vec![question.reply(0, &[cname(&ASKED, "nxdomain.example")])],
        "loop" => vec![question.reply(0, &[cname(&ASKED, "loop2.example")])],
        "loop2" => vec![question.reply(0, &[cname(&ASKED, "loop.example")])],
        "self" => vec![question.reply(0, &[cname(&ASKED, "self.example")])],
        "several" => vec![question.reply(0, &[txt(&ASKED, b"one", 255), txt(&ASKED, b"two", 255)])],
        "strings" => vec![question.reply(0, &[txt(&ASKED, b"v=DKIM1; p=abcdefgh", 3)])],
        "empty" => vec![question.reply(0, &[support_dns::record(&ASKED, 16, &[0])])],
        "8k" | "12k" if !tcp => vec![question.truncated()],
        "8k" => vec![question.reply(0, &[txt(&ASKED, &[b'k'; 8192], 255)])],
        "12k" => vec![question.reply(0, &[txt(&ASKED, &[b'k'; 12_288], 255)])],
        "garbage" => {
            let mut garbage = question.id.to_vec();
            garbage.extend([0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0xc0, 0xc0, 1, 2, 3]);
            vec![garbage]
        }
        "short" => vec![vec![question.id[0]]],
        "compression-loop" => {
            let answer =
                support_dns::record(&[0xc0, 12 + question.section.len() as u8], 16, b"\x01x");
            vec![question.reply(0, &[answer])]
        }
        "string-overrun" => {
            vec![question.reply(0, &[support_dns::record(&ASKED, 16, b"\xffshort")])]
        }
        other => panic!("no behaviour for {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reply_ends_in_time_with_its_own_outcome() {
    let server = FaultyServer::start(by_label);
    let resolver = resolver(&[server.address]);
    let key = || one(b"v=DKIM1; p=x");
    let several = || {
        Ok(TxtRecords::Several(Arc::from(vec![
            b"one".to_vec().into_boxed_slice(),
            b"two".to_vec().into_boxed_slice(),
        ])))
    };
    let none = |absence| Ok(TxtRecords::None(absence));
    for (name, outcome) in [
        ("good", key()),
        ("nxdomain", none(Absence::NoName)),
        ("nodata", none(Absence::NoData)),
        ("servfail", Err(DnsFailure::ServerFailure)),
        ("refused", Err(DnsFailure::Refused)),
        ("formerr", Err(DnsFailure::Refused)),
        ("silent", Err(DnsFailure::Timeout)),
        ("truncated", key()),
        ("always-truncated", Err(DnsFailure::Malformed)),
        ("wrong-id", key()),
        ("only-wrong-id", Err(DnsFailure::Timeout)),
        ("wrong-question", Err(DnsFailure::Timeout)),
        ("other-owner", none(Absence::NoData)),
        (
            "other-owner-and-asked-additional",
            Err(DnsFailure::Malformed),
        ),
        ("asked-additional-alone", Err(DnsFailure::Malformed)),
        ("others-in-both-sections", none(Absence::NoData)),
        ("other-owner-beside-ours", key()),
        ("alias-beside-others", key()),
        ("alias-to-another-s-additional", Err(DnsFailure::AliasLoop)),
        ("case", key()),
        ("alias", key()),
        ("alias-alone", key()),
        ("alias-nowhere", none(Absence::NoName)),
        ("loop", Err(DnsFailure::AliasLoop)),
        ("self", Err(DnsFailure::AliasLoop)),
        ("several", several()),
        ("strings", one(b"v=DKIM1; p=abcdefgh")),
        ("empty", one(b"")),
        ("8k", one(&[b'k'; 8192])),
        ("12k", Err(DnsFailure::Malformed)),
        ("short", Err(DnsFailure::Timeout)),
    ] {
        assert_eq!(
            ask(&resolver, &format!("{name}.example")).await,
            outcome,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_can_not_be_read_is_a_failure_that_passes() {
    let server = FaultyServer::start(by_label);
    let resolver = resolver(&[server.address]);
    for name in ["garbage", "compression-loop", "string-overrun"] {
        let answer = ask(&resolver, &format!("{name}.example")).await;
        assert!(
            matches!(answer, Err(DnsFailure::Malformed | DnsFailure::Timeout)),
            "{name}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_servers_beside_a_live_one_do_no_harm() {
    let dead = FaultyServer::start(|_, _| Vec::new());
    let also_dead: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let live = FaultyServer::start(by_label);
    let resolver = resolver(&[dead.address, also_dead, live.address]);
    for _ in 0..5 {
        let begun = Instant::now();
        assert_eq!(ask(&resolver, "good.example").await, one(b"v=DKIM1; p=x"));
        assert!(begun.elapsed() < Duration::from_millis(300));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_server_at_all_is_a_failure_that_passes() {
    let resolver = resolver(&["127.0.0.1:1".parse().unwrap()]);
    let answer = ask(&resolver, "good.example").await;
    assert!(
        matches!(answer, Err(DnsFailure::Unreachable | DnsFailure::Timeout)),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_names_and_failures_are_asked_for_once() {
    let server = FaultyServer::start(by_label);
    let resolver = Arc::new(resolver(&[server.address]));
    let cache: Cache<TxtAnswer> = Cache::new(resolver, 100, Lifetimes::default(), |answer| answer);
    for label in ["nxdomain", "servfail", "good"] {
        let name = DnsName::parse(&format!("{label}.example")).unwrap();
        let first = cache.get(&name).await;
        let asked = server.queries();
        for _ in 0..10 {
            assert_eq!(cache.get(&name).await, first);
        }
        assert_eq!(server.queries(), asked, "{label}");
        if first.result.is_ok() {
            assert_eq!(first.dnssec, Dnssec::Insecure);
        }
    }
    let good = cache.get(&DnsName::parse("good.example").unwrap()).await;
    assert_eq!(good.ttl, Duration::from_secs(300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resolv_conf_is_read_again_when_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resolv.conf");
    std::fs::write(&path, "nameserver 127.0.0.2\n").unwrap();
    let settings = ResolverSettings {
        servers: NameServers::System(path.clone()),
        timeout: Some(TIMEOUT),
        trust_anchor: None,
    };
    let resolver = Resolver::new(settings, Arc::new(Lines::default())).unwrap();
    assert_eq!(resolver.name_servers(), ["127.0.0.2:53".parse().unwrap()]);
    std::fs::write(&path, "nameserver 127.0.0.3\nnameserver ::1\n").unwrap();
    tokio::time::sleep(Duration::from_millis(5100)).await;
    assert_eq!(
        resolver.name_servers(),
        ["127.0.0.3:53".parse().unwrap(), "[::1]:53".parse().unwrap()]
    );
}
