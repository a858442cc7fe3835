//! A root zone of our own, signed with ldns and served by nsd.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// A running nsd; ends when dropped.
pub struct Nsd {
    pub address: SocketAddr,
    process: Child,
    dir: tempfile::TempDir,
}

/// What it serves: a signed root, a signed zone `signed.` below it, and an unsigned one, `plain.`.
pub struct Zones<'z> {
    /// The root without its delegation of `signed.`.
    pub root: &'z str,
    pub signed: &'z str,
    pub plain: &'z str,
    /// Words of the root zone that are others after signing.
    pub forged: &'z [(&'z str, &'z str)],
}

impl Nsd {
    /// The trust anchor of the root.
    pub fn anchor(&self) -> PathBuf {
        self.dir.path().join("anchor")
    }
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

/// Starts one; `None` where the programs are missing.
pub fn start(zones: &Zones) -> Option<Nsd> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let child = sign(path, "signed.", "signed", zones.signed)?;
    let ds = fs::read_to_string(path.join(format!("{child}.ds"))).unwrap();
    let ksk = sign(
        path,
        ".",
        "root",
        &format!("{}signed. 300 IN NS ns.test.\n{ds}", zones.root),
    )?;
    fs::copy(path.join(format!("{ksk}.key")), path.join("anchor")).unwrap();
    fs::write(path.join("plain"), zones.plain).unwrap();
    let mut signed = fs::read_to_string(path.join("root.signed")).unwrap();
    for (honest, forged) in zones.forged {
        assert!(signed.contains(honest), "{honest} is not in {signed}");
        signed = signed.replace(honest, forged);
    }
    fs::write(path.join("root.signed"), signed).unwrap();

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
