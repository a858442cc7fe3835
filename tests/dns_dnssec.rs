//! DNSSEC validation against a root zone of our own, served by nsd and signed with ldns.
//!
//! Skipped where nsd or ldns-signzone is not installed.

#[path = "support/absent.rs"]
mod absent;
#[path = "support/dns/mod.rs"]
mod support_dns;
#[path = "support/dns/nsd.rs"]
mod support_nsd;

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use dkimd_server::{
    dns::{
        Absence, DnsFailure, Dnssec, TxtAnswer, TxtLookup, TxtRecords,
        name::DnsName,
        nameservers::NameServers,
        resolver::{Resolver, ResolverSettings},
        trust_anchor::TrustAnchor,
    },
    log::{Level, Log},
};
use support_nsd::{Nsd, Zones};

#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn line(&self, _: Level, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

const ROOT: &str = "\
. 300 IN SOA ns.test. admin.test. 1 3600 600 86400 60
. 300 IN NS ns.test.
ns.test. 300 IN A 127.0.0.1
good._domainkey.test. 300 IN TXT \"v=DKIM1; p=good\"
bogus._domainkey.test. 300 IN TXT \"v=DKIM1; p=honest\"
alias._domainkey.test. 300 IN CNAME good._domainkey.test.
leaves._domainkey.test. 300 IN CNAME key._domainkey.plain.
plain. 300 IN NS ns.test.
";

const PLAIN: &str = "\
plain. 300 IN SOA ns.test. admin.test. 1 3600 600 86400 60
plain. 300 IN NS ns.test.
key._domainkey.plain. 300 IN TXT \"v=DKIM1; p=plain\"
";

const CHILD: &str = "\
signed. 300 IN SOA ns.test. admin.test. 1 3600 600 86400 60
signed. 300 IN NS ns.test.
key._domainkey.signed. 300 IN TXT \"v=DKIM1; p=child\"
";

/// `None` where the programs are missing.
fn start() -> Option<Nsd> {
    support_nsd::start(&Zones {
        root: ROOT,
        signed: CHILD,
        plain: PLAIN,
        forged: &[("p=honest", "p=forged")],
    })
}

fn resolver(nsd: &Nsd, server: SocketAddr, log: &Arc<Lines>) -> Resolver {
    let settings = ResolverSettings {
        servers: NameServers::Listed(vec![server]),
        timeout: Some(Duration::from_secs(4)),
        trust_anchor: Some(TrustAnchor::load(&nsd.anchor()).unwrap()),
    };
    Resolver::new(settings, Arc::<Lines>::clone(log)).unwrap()
}

async fn ask(resolver: &Resolver, name: &str) -> TxtAnswer {
    resolver.txt(&DnsName::parse(name).unwrap()).await
}

fn one(text: &str) -> TxtRecords {
    TxtRecords::One(Arc::from(text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_secure_insecure_or_bogus() {
    let Some(nsd) = start() else {
        absent::absent("nsd or ldns-signzone is not installed");
        return;
    };
    let log = Arc::default();
    let resolver = resolver(&nsd, nsd.address, &log);
    for (name, records, dnssec) in [
        (
            "good._domainkey.test",
            one("v=DKIM1; p=good"),
            Dnssec::Secure,
        ),
        (
            "alias._domainkey.test",
            one("v=DKIM1; p=good"),
            Dnssec::Secure,
        ),
        (
            "key._domainkey.signed",
            one("v=DKIM1; p=child"),
            Dnssec::Secure,
        ),
        (
            "key._domainkey.plain",
            one("v=DKIM1; p=plain"),
            Dnssec::Insecure,
        ),
        (
            "leaves._domainkey.test",
            one("v=DKIM1; p=plain"),
            Dnssec::Insecure,
        ),
        (
            "bogus._domainkey.test",
            one("v=DKIM1; p=forged"),
            Dnssec::Bogus,
        ),
        (
            "no._domainkey.test",
            TxtRecords::None(Absence::NoName),
            Dnssec::Secure,
        ),
        ("ns.test", TxtRecords::None(Absence::NoData), Dnssec::Secure),
        (
            "no._domainkey.plain",
            TxtRecords::None(Absence::NoName),
            Dnssec::Insecure,
        ),
    ] {
        let answer = ask(&resolver, name).await;
        assert_eq!(
            (answer.result, answer.dnssec),
            (Ok(records), dnssec),
            "{name}"
        );
    }
    assert!(log.0.lock().unwrap().is_empty());
}

/// A forwarder that knows nothing of EDNS: it cuts the additional section off every question.
fn stripping_forwarder(upstream: SocketAddr) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let onward = UdpSocket::bind("127.0.0.1:0").unwrap();
        onward
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        let mut packet = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            let mut end = 12;
            while packet[end] != 0 && end < length {
                end += 1 + usize::from(packet[end]);
            }
            packet[10..12].fill(0);
            onward.send_to(&packet[..end + 5], upstream).unwrap();
            let mut reply = [0; 4096];
            if let Ok(length) = onward.recv(&mut reply) {
                let _ = socket.send_to(&reply[..length], from);
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forwarder_without_dnssec_makes_keys_unprotected_with_one_warning() {
    let Some(nsd) = start() else {
        absent::absent("nsd or ldns-signzone is not installed");
        return;
    };
    let log = Arc::default();
    let resolver = resolver(&nsd, stripping_forwarder(nsd.address), &log);
    for (name, text) in [
        ("good._domainkey.test", "v=DKIM1; p=good"),
        ("key._domainkey.plain", "v=DKIM1; p=plain"),
        ("key._domainkey.signed", "v=DKIM1; p=child"),
    ] {
        let answer = ask(&resolver, name).await;
        assert_eq!(answer.result, Ok(one(text)), "{name}");
        assert_eq!(answer.dnssec, Dnssec::Insecure, "{name}");
    }
    let lines = log.0.lock().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("does not pass DNSSEC records on"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_about_dnssec_is_a_failure_that_passes_and_no_downgrade() {
    let Some(nsd) = start() else {
        absent::absent("nsd or ldns-signzone is not installed");
        return;
    };
    // Silent for every question with DNSSEC OK, and for DNSSEC's own types.
    let server = support_dns::FaultyServer::start(|question, _| {
        if question.dnssec_ok {
            return Vec::new();
        }
        let text = support_dns::txt(&support_dns::ASKED, b"v=DKIM1; p=x", 255);
        vec![question.reply(0, &[text])]
    });
    let log = Arc::default();
    let resolver = resolver(&nsd, server.address, &log);
    for _ in 0..2 {
        let answer = ask(&resolver, "good._domainkey.test").await;
        assert_eq!(answer.result, Err(DnsFailure::Timeout));
        assert_eq!(answer.dnssec, Dnssec::Unknown);
    }
    assert!(log.0.lock().unwrap().is_empty());
}
