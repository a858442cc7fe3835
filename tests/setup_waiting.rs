//! When a new key begins to sign, with real name servers in a network of their own; and records that
//! nsupdate takes (by bind9).

#[path = "support/absent.rs"]
mod absent;
mod support;
#[path = "support/setup.rs"]
mod support_setup;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use absent::absent;
use nix::unistd::geteuid;
use serde_json::Value;
use support_setup::{Scene, Told, postfix_is_there};

/// Waits until somebody answers on port 53.
const READY: &str = "n=0; until drill -Q @127.0.0.1 example.com SOA > /dev/null 2>&1; do \
                     n=$((n+1)); [ $n -lt 100 ] || exit 99; sleep 0.1; done";
const SOA: &str = "@ 60 IN SOA ns.example.com. root.example.com. 1 60 60 60 60\n";

fn can_run() -> bool {
    if !geteuid().is_root() || !postfix_is_there() {
        return false;
    }
    for program in [
        "/usr/sbin/nsd",
        "/usr/sbin/named",
        "/usr/bin/nsupdate",
        "/usr/bin/drill",
    ] {
        if !Path::new(program).exists() {
            absent(program);
            return false;
        }
    }
    true
}

struct Net {
    scene: Scene,
}

impl Net {
    fn new() -> Option<Self> {
        if !can_run() {
            return None;
        }
        let scene = Scene::new();
        scene.add_options("Nameservers 127.0.0.1\n");
        fs::create_dir(scene.path("dns")).unwrap();
        Some(Self { scene })
    }

    /// Runs a script in a network of its own, beside a name server that serves these records of
    /// example.com.
    fn beside(&self, name_server: &str, records: &str, script: &str) -> Told {
        let zone = format!("$ORIGIN example.com.\n{SOA}{name_server}{records}");
        self.scene.write("dns/zone", &zone);
        self.scene.write(
            "dns/nsd.conf",
            "server:\n  ip-address: 127.0.0.1\n  port: 53\n  username: root\n  chroot: \"\"\n  \
             zonesdir: DIR/dns\n  pidfile: DIR/dns/pid\n  database: \"\"\n  xfrdfile: DIR/dns/xfrd\n  \
             zonelistfile: DIR/dns/list\n  xfrdir: DIR/dns\n\
             remote-control:\n  control-enable: no\n\
             zone:\n  name: example.com\n  zonefile: DIR/dns/zone\n",
        );
        self.in_net(&format!(
            "nsd -d -c DIR/dns/nsd.conf > DIR/dns/log 2>&1 & {READY}; {script}; code=$?; \
             kill $(cat DIR/dns/pid); exit $code"
        ))
    }

    fn in_net(&self, script: &str) -> Told {
        let script = format!("ip link set lo up; {}", self.scene.expand(script));
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("unshare")
            .args(["--net", "sh", "-c", &script])
            .env("LC_ALL", "C")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        Told {
            said,
            code: status.code(),
        }
    }

    fn command(&self, flags: &str) -> String {
        self.scene.expand(&format!(
            "'{}' setup example.com --no-reload --ip 203.0.113.10 --config DIR/etc/opendkim.conf \
             --postfix-config DIR/postfix --key-directory DIR/keys --journal DIR/lib/setup {flags}",
            env!("CARGO_BIN_EXE_dkimd")
        ))
    }

    fn setup(&self, records: &str, flags: &str) -> String {
        let ns = "@ IN NS ns\nns IN A 127.0.0.1\n";
        self.beside(ns, records, &self.command(flags)).ok()
    }

    /// The zone-file lines of the key records that a run prints.
    fn key_records(&self, records: &str, flags: &str) -> String {
        let told = self.setup(records, &format!("--json {flags} 2> /dev/null"));
        let account: Value = serde_json::from_str(&told).unwrap();
        let records = account["records"].as_array().unwrap().iter();
        records
            .filter(|record| record["name"].as_str().unwrap().contains("._domainkey."))
            .map(|record| {
                let text = |name: &str| record[name].as_str().unwrap().to_owned();
                format!("{}. IN TXT {}\n", text("name"), text("presentation"))
            })
            .collect()
    }

    fn signers(&self) -> Vec<String> {
        self.scene.signers_by_dkimd("joe@example.com")
    }
}

const OTHERS: &str =
    "mail._domainkey IN TXT \"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\"\n";

#[test]
fn another_key_at_the_selector_stays_and_the_new_one_waits_for_its_record() {
    let Some(net) = Net::new() else { return };
    let told = net.setup(OTHERS, "--keys rsa --apply");
    for words in [
        "DNS holds another key at selector mail",
        "mail2._domainkey.example.com. IN TXT",
        "not seen yet at the domain's name servers (ns.example.com)",
        "leaves the domain's mail unsigned",
        "--keys rsa --apply",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(
        !told.contains("mail._domainkey.example.com. IN TXT"),
        "{told}"
    );
    assert!(net.scene.errors_of_check().is_empty());
    assert_eq!(net.signers(), [""; 0]);
    // The same again changes nothing.
    let tree = || {
        let mut tree = net.scene.tree();
        tree.retain(|path, _| !path.starts_with(net.scene.path("dns")));
        tree
    };
    let before = tree();
    net.setup(OTHERS, "--keys rsa --apply");
    assert_eq!(tree(), before);
    let records = net.key_records(OTHERS, "--keys rsa");
    // With the record there, it signs.
    let told = net.setup(&format!("{OTHERS}{records}"), "--keys rsa --apply");
    assert!(told.contains("Its record is published"), "{told}");
    assert_eq!(net.signers(), ["example.com/mail2"]);
}

#[test]
fn the_first_key_signs_at_once_and_says_so() {
    let Some(net) = Net::new() else { return };
    let told = net.setup("", "--apply");
    assert!(
        told.contains("first key of example.com here, so it signs at once"),
        "{told}"
    );
    assert_eq!(net.signers().len(), 2);
}

#[test]
fn another_selector_takes_over_when_its_records_are_seen() {
    let Some(net) = Net::new() else { return };
    net.setup("", "--apply");
    let old = net.key_records("", "");
    let told = net.setup(&old, "--selector new --apply");
    assert!(
        told.contains("mail is signed with mail, mail-ed25519 as before"),
        "{told}"
    );
    let both = "they wait, together, for new._domainkey.example.com and \
                new-ed25519._domainkey.example.com (not seen yet at the domain's name servers";
    assert!(told.contains(both), "{told}");
    assert_eq!(
        net.signers(),
        ["example.com/mail", "example.com/mail-ed25519"]
    );
    let new = net.key_records(&old, "--selector new");
    assert_eq!(new.lines().count(), 2, "{new}");
    // One of the two is not enough.
    let first = new.lines().next().unwrap();
    let told = net.setup(&format!("{old}{first}\n"), "--selector new --apply");
    let other = "they wait, together, for new-ed25519._domainkey.example.com (not seen yet";
    assert!(told.contains(other), "{told}");
    assert_eq!(
        net.signers(),
        ["example.com/mail", "example.com/mail-ed25519"]
    );
    let all = format!("{old}{new}");
    let told = net.setup(&all, "--selector new --apply");
    assert!(
        told.contains("Leave the records of mail, mail-ed25519"),
        "{told}"
    );
    assert_eq!(
        net.signers(),
        ["example.com/new", "example.com/new-ed25519"]
    );
    let told = net.setup(&all, "--apply");
    assert!(told.contains("there is nothing to change"), "{told}");
    // The last run alone is taken back, and that leaves nothing unsigned.
    let told = net.beside("", "", &net.command("--undo")).ok();
    assert!(
        told.contains("+ *@example.com mail._domainkey.example.com"),
        "{told}"
    );
    assert!(told.contains("Earlier runs stay: 2"), "{told}");
    assert!(!told.contains("unsigned"), "{told}");
    assert_eq!(
        net.signers(),
        ["example.com/new", "example.com/new-ed25519"]
    );
    net.beside("", "", &net.command("--undo --apply")).ok();
    assert_eq!(
        net.signers(),
        ["example.com/mail", "example.com/mail-ed25519"]
    );
    let told = net.beside("", "", &net.command("--undo --all")).ok();
    assert!(
        told.contains("mail of example.com leaves unsigned"),
        "{told}"
    );
    assert!(told.contains("Postfix no longer asks the daemon"), "{told}");
}

#[test]
fn a_second_signature_waits_for_its_record() {
    let Some(net) = Net::new() else { return };
    net.setup("", "--keys rsa --apply");
    let old = net.key_records("", "--keys rsa");
    net.setup(&old, "--apply");
    assert_eq!(net.signers(), ["example.com/mail"]);
    let both = net.key_records(&old, "");
    net.setup(&both, "--apply");
    assert_eq!(
        net.signers(),
        ["example.com/mail", "example.com/mail-ed25519"]
    );
}

#[test]
fn the_configured_resolver_is_asked_where_the_servers_can_not_be() {
    let Some(net) = Net::new() else { return };
    net.setup("", "--keys rsa --apply");
    let old = net.key_records("", "--keys rsa");
    let away = "@ IN NS ns\nns IN A 192.0.2.1\n";
    let command = net.command("--keys rsa --selector new --apply");
    let told = net.beside(away, &old, &command).ok();
    assert!(
        told.contains("not seen yet at the configured resolver"),
        "{told}"
    );
    let new = net.key_records(&old, "--keys rsa --selector new");
    net.beside(away, &format!("{old}{new}"), &command).ok();
    assert_eq!(net.signers(), ["example.com/new"]);
}

#[test]
fn without_dns_it_waits_and_says_so_unless_told_otherwise() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene
        .setup("example.com", &["--keys", "rsa", "--apply"])
        .ok();
    let told = scene
        .setup(
            "example.com",
            &["--keys", "rsa", "--selector", "new", "--apply"],
        )
        .ok();
    assert!(told.contains("DNS was not asked (--offline)"), "{told}");
    assert!(told.contains("--sign-now"), "{told}");
    let plan = |lang: &str| {
        let flags = [
            "--keys",
            "rsa",
            "--selector",
            "new",
            "--sign-now",
            "--lang",
            lang,
        ];
        scene.setup("example.com", &flags).ok()
    };
    let told = plan("en");
    assert!(
        told.contains("As --sign-now says; whether the records are published was not examined."),
        "{told}"
    );
    assert!(!told.contains("are published, so"), "{told}");
    let told = plan("es");
    assert!(
        told.contains("no se ha examinado si los registros están publicados."),
        "{told}"
    );
    assert_eq!(
        scene.signers_by_dkimd("joe@example.com"),
        ["example.com/mail"]
    );
    scene
        .setup(
            "example.com",
            &[
                "--keys",
                "rsa",
                "--selector",
                "new",
                "--sign-now",
                "--apply",
            ],
        )
        .ok();
    assert_eq!(
        scene.signers_by_dkimd("joe@example.com"),
        ["example.com/new"]
    );
    assert_eq!(
        scene
            .read("etc/opendkim/SigningTable")
            .matches("example.com")
            .count(),
        2
    );
}

#[test]
fn bind_takes_what_is_printed_for_nsupdate_though_there_are_several_zones() {
    let Some(net) = Net::new() else { return };
    net.scene.replace_option("Nameservers", "127.0.0.1");
    let main_cf = net.scene.read("postfix/main.cf");
    let main_cf = main_cf.replace("mail.example.com", "mx.other.example");
    net.scene.write("postfix/main.cf", &main_cf);
    net.scene.write(
        "dns/named.conf",
        "options { directory \"DIR/dns\"; pid-file \"DIR/dns/pid\"; listen-on { 127.0.0.1; }; \
         listen-on-v6 { none; }; recursion no; dnssec-validation no; session-keyfile \"DIR/dns/key\"; };\n\
         controls { };\n\
         zone example.com { type primary; file \"a\"; allow-update { any; }; };\n\
         zone other.example { type primary; file \"b\"; allow-update { any; }; };\n\
         zone 113.0.203.in-addr.arpa { type primary; file \"c\"; allow-update { any; }; };\n",
    );
    let zone = |name: &str, more: &str| {
        let records = format!("$TTL 60\n{SOA}@ NS ns\nns A 127.0.0.1\n{more}");
        net.scene.write(&format!("dns/{name}"), &records);
    };
    zone("a", "@ TXT \"v=spf1 a -all\"\n");
    zone("b", "mx A 192.0.2.99\n");
    zone("c", "10 PTR old.example.\n");
    let command = net.command("--records nsupdate --apply");
    let script = format!(
        "named -f -u root -c DIR/dns/named.conf > DIR/dns/log 2>&1 & {READY}; \
         {command} > DIR/told 2> DIR/errors && \
         {{ echo 'server 127.0.0.1'; grep -E '^(zone|update|send)' DIR/told; }} > DIR/input && \
         nsupdate -v DIR/input && {} --json 2> /dev/null; code=$?; kill $(cat DIR/dns/pid); exit $code",
        net.command("")
    );
    let told = net.in_net(&script);
    let printed = net.scene.read("input");
    let account: Value = serde_json::from_str(&told.ok()).unwrap();
    assert_eq!(printed.matches("send\n").count(), 3, "{printed}");
    for record in account["records"].as_array().unwrap() {
        assert_eq!(record["state"], "present", "{record} after {printed}");
    }
    assert_eq!(account["reverse"][0]["right"], true);
}

/// A second SPF or DMARC record makes both invalid, and a reverse name may be another's.
#[test]
fn bind_keeps_what_is_published_when_nobody_asked_or_nobody_answered() {
    for flags in ["--offline", ""] {
        let Some(net) = Net::new() else { return };
        net.scene.write(
            "dns/named.conf",
            "options { directory \"DIR/dns\"; pid-file \"DIR/dns/pid\"; listen-on { 127.0.0.1; }; \
             listen-on-v6 { none; }; recursion no; dnssec-validation no; session-keyfile \"DIR/dns/key\"; };\n\
             controls { };\n\
             zone example.com { type primary; file \"a\"; allow-update { any; }; };\n\
             zone 113.0.203.in-addr.arpa { type primary; file \"c\"; allow-update { any; }; };\n",
        );
        let head = format!("$TTL 60\n{SOA}@ NS ns\nns A 127.0.0.1\n");
        let records = "@ MX 5 mx.other.example.\n@ TXT \"v=spf1 a -all\"\n@ TXT \"site=1\"\n\
                       _dmarc TXT \"v=DMARC1; p=reject\"\n";
        net.scene.write("dns/a", &format!("{head}{records}"));
        net.scene
            .write("dns/c", &format!("{head}10 PTR old.example.\n"));
        let command = net.command(&format!("{flags} --records nsupdate --apply"));
        let told = net
            .in_net(&format!(
                "{command} > DIR/told 2> DIR/errors; code=$?; cat DIR/told; exit $code"
            ))
            .ok();
        let (word, note) = match flags {
            "" => ("no answer", "DNS gave no answer about "),
            _ => ("not asked", "DNS was not asked (--offline): publish only"),
        };
        let word = format!("[{word}] ");
        assert_eq!(told.matches(&word).count(), 7, "{told}");
        assert_eq!(told.matches(note).count(), 1, "{told}");
        assert!(!told.contains("update delete"), "{told}");
        let ask = "for q in 'example.com MX' 'example.com TXT' '_dmarc.example.com TXT' \
                   'mail._domainkey.example.com TXT' 'mail-ed25519._domainkey.example.com TXT' \
                   'mail.example.com A' '10.113.0.203.in-addr.arpa PTR'; \
                   do drill -Q @127.0.0.1 $q; done";
        let script = format!(
            "named -f -u root -c DIR/dns/named.conf > DIR/dns/log 2>&1 & {READY}; \
             {{ echo 'server 127.0.0.1'; grep -E '^(zone|prereq|update|send)' DIR/told; }} > DIR/input; \
             nsupdate -v DIR/input 2> DIR/refused; {ask}; kill $(cat DIR/dns/pid)"
        );
        let served = net.in_net(&script).ok();
        let refused = net.scene.read("refused");
        assert_eq!(refused.matches("YXRRSET").count(), 4, "{refused}");
        for kept in [
            "5 mx.other.example.",
            "\"v=spf1 a -all\"",
            "\"v=DMARC1; p=reject\"",
            "old.example.",
            "203.0.113.10",
            "k=ed25519",
            "k=rsa",
        ] {
            assert_eq!(served.matches(kept).count(), 1, "{kept}: {served}");
        }
        assert_eq!(served.matches("v=DMARC1").count(), 1, "{served}");
        // That of the server's own name is new.
        let spf = served.lines().filter(|line| line.contains("v=spf1"));
        assert_eq!(spf.count(), 1, "{served}");
        assert_eq!(served.matches("PTR").count(), 0, "{served}");
    }
}
