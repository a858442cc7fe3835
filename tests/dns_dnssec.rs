//! DNSSEC validation against a root zone of our own, served by nsd and signed with ldns.
//!
//! Skipped where nsd or ldns-signzone is not installed.

#[path = "support/absent.rs"]
mod absent;
#[path = "support/dns/mod.rs"]
mod support_dns;

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use dkimd::{
    dns::{
        Absence, DnsFailure, Dnssec, TxtAnswer, TxtLookup, TxtRecords,
        name::DnsName,
        nameservers::NameServers,
        resolver::{Resolver, ResolverSettings},
        trust_anchor::TrustAnchor,
    },
    log::{Level, Log},
};

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

struct Nsd {
    address: SocketAddr,
    process: Child,
    dir: tempfile::TempDir,
}

impl Drop for Nsd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(dir: &Path, program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .output()
        .ok()?;
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Signs a zone with a key-signing and a zone-signing key; returns the former's base name.
fn sign(dir: &Path, zone: &str, file: &str, text: &str) -> Option<String> {
    fs::write(dir.join(file), text).unwrap();
    let ksk = run(dir, "ldns-keygen", &["-k", "-a", "ECDSAP256SHA256", zone])?;
    let zsk = run(dir, "ldns-keygen", &["-a", "ECDSAP256SHA256", zone])?;
    let signed = format!("{file}.signed");
    run(
        dir,
        "ldns-signzone",
        &["-o", zone, "-f", &signed, file, &ksk, &zsk],
    )?;
    Some(ksk)
}

/// `None` where the programs are missing.
fn start() -> Option<Nsd> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let child = sign(path, "signed.", "signed", CHILD)?;
    let ds = fs::read_to_string(path.join(format!("{child}.ds"))).unwrap();
    let ksk = sign(
        path,
        ".",
        "root",
        &format!("{ROOT}signed. 300 IN NS ns.test.\n{ds}"),
    )?;
    fs::copy(path.join(format!("{ksk}.key")), path.join("anchor")).unwrap();
    fs::write(path.join("plain"), PLAIN).unwrap();
    let signed = fs::read_to_string(path.join("root.signed")).unwrap();
    assert!(signed.contains("p=honest"));
    fs::write(
        path.join("root.signed"),
        signed.replace("p=honest", "p=forged"),
    )
    .unwrap();

    let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = probe.local_addr().unwrap();
    drop(probe);
    let here = path.display();
    fs::write(
        path.join("nsd.conf"),
        format!(
            "server:\n ip-address: 127.0.0.1\n port: {}\n username: \"\"\n chroot: \"\"\n \
             zonesdir: \"{here}\"\n pidfile: \"{here}/pid\"\n database: \"\"\n \
             zonelistfile: \"{here}/zone.list\"\n xfrdfile: \"{here}/xfrd\"\n \
             logfile: \"{here}/log\"\n rrl-ratelimit: 0\nremote-control:\n control-enable: no\n\
             zone:\n name: \".\"\n zonefile: root.signed\n\
             zone:\n name: \"signed.\"\n zonefile: signed.signed\n\
             zone:\n name: \"plain.\"\n zonefile: plain\n",
            address.port()
        ),
    )
    .unwrap();
    let process = Command::new("nsd")
        .args(["-d", "-c"])
        .arg(path.join("nsd.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let nsd = Nsd {
        address,
        process,
        dir,
    };
    for _ in 0..100 {
        if std::net::TcpStream::connect(address).is_ok() {
            return Some(nsd);
        }
        thread::sleep(Duration::from_millis(50));
    }
    let log = fs::read_to_string(nsd.dir.path().join("log")).unwrap_or_default();
    panic!("nsd does not start: {log}");
}

fn resolver(nsd: &Nsd, server: SocketAddr, log: &Arc<Lines>) -> Resolver {
    let settings = ResolverSettings {
        servers: NameServers::Listed(vec![server]),
        timeout: Some(Duration::from_secs(4)),
        trust_anchor: Some(TrustAnchor::load(&nsd.dir.path().join("anchor")).unwrap()),
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
