//! Passwords and private keys of a configuration, which no command may print (data-set-password-shown).

mod support;
#[path = "support/daemon.rs"]
mod support_daemon;

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use support::Message;
use support_daemon::{Scene, message, signature};

/// What stands in each password, so that no part of one goes unseen.
const SECRETS: [&str; 3] = ["corr3ct", "h0rse", "batt3ry"];
const PASSWORD: &str = "corr3ct-h0rse-batt3ry";
/// A key in one line, which is none: its numbers are made up.
const DER: &str = "MIIEpAIBAAKCAQEAcorr3ct7tK9s2mYw0kq3Vt8pXb5cN1Lr6oQeZfGhJ4uDxWyTaSiRvPch0rse9Zq";

/// Lines of `opendkim.conf` that hold a secret, some beside tables.
fn configurations(folder: &Path) -> Vec<String> {
    let table = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut lines: Vec<String> = Vec::new();
    let odd = [
        "corr3ct-h0rse-batt3ry",
        "corr3ct@h0rse@batt3ry",
        "corr3ct/h0rse/batt3ry",
        "corr3ct:h0rse:batt3ry",
        "corr3ct%2Fh0rse%40batt3ry",
        "corr3ct?h0rse&batt3ry",
        "corr3ct=3Ah0rse;batt3ry",
        "corr3ct h0rse batt3ry",
        "corr3ct,h0rse,batt3ry",
        "'corr3ct\"h0rse'batt3ry",
    ];
    for (number, password) in odd.into_iter().enumerate() {
        let sets = [
            format!(
                "dsn:pgsql://mailuser:{password}@127.0.0.1/mail/table=dkim?keycol=id?datacol=x"
            ),
            format!("DSN:mysql://u:{password}@3306+localhost/d/table=t?keycol=k?datacol=a,b"),
            format!("dsn:mysql:://:{password}@localhost/d/table=t?keycol=k?datacol=a"),
            format!("ldap://cn:{password}@h:389/dc=x?uid?sub?(uid=$d)"),
            format!("mysql://user:{password}@host/db"),
            format!("Postgres://user:{password}@host/db"),
            format!("mysql:user:{password}@host"),
            format!("\"dsn:mysql://u:{password}@host/d\""),
            format!("unknown:{password}"),
        ];
        // Each password in two of the forms, the first in all.
        for (form, set) in sets.into_iter().enumerate() {
            if number == 0 || form % 5 == number % 5 {
                lines.push(format!("KeyTable {set}\nSigningTable {set}"));
            }
        }
    }
    for line in [
        format!("SigningTable dsn:mysql://u:{PASSWORD}"),
        format!("Domain dsn:mysql://h/d/table=t?keycol=k?datacol=d?filter=password='{PASSWORD}'"),
        format!("InternalHosts dsn:mysql://h/d?user=u;password={PASSWORD}"),
        format!("PeerList ldaps://h/dc=x?uid?sub?bindpw={PASSWORD}"),
        format!("KeyTable erlang:node@host:{PASSWORD}:module:function"),
        format!("InternalHosts csl:127.0.0.1,mysql://u:{PASSWORD}@h/d,dsn:mysql://u:corr3ct,h0rse@h/d"),
        "InternalHosts 127.0.0.1,mysql://u:corr3ct,h0rse,batt3ry@h/d".to_owned(),
        format!("LDAPBindPassword {PASSWORD}\nLDAPUseTLS maybe"),
        format!("LDAPBindPassword={PASSWORD}"),
        format!("LDAPBindPassword: {PASSWORD}\nLDAPBindPassword \"{PASSWORD}\"\nLDAPBindPassword {PASSWORD}"),
        format!("LDAPBindPassword\n    {PASSWORD}"),
        format!("LDAPBindPassword\n{PASSWORD}"),
        format!("KeyTable dsn:mysql://u:\\\n    {PASSWORD}@h/d"),
        "KeyTable dsn:mysql://u:\\\n  corr3ct\\\n  h0rse\\\n  batt3ry@h/d".to_owned(),
        format!("Socket mysql://u:{PASSWORD}@h/d\nMode mysql://u:{PASSWORD}@h/d"),
        format!("UserID mysql://u:{PASSWORD}@h\nOn-Default mysql://u:{PASSWORD}@h/d"),
        format!("Include mysql://u:{PASSWORD}@h/d"),
        format!("TrustAnchorFile mysql://u:{PASSWORD}@h/d\nUMask password={PASSWORD}"),
        format!("SigningTable file:dsn:mysql://u:{PASSWORD}@h/d\nKeyTable refile:ldap://u:{PASSWORD}@h/d"),
        format!("Domain example.com\nSelector mail\nKeyFile {DER}"),
        format!("Domain example.com\nSelector {DER}\nKeyFile /nonexistent"),
        "Domain example.com\nSelector mail\nKeyFile -----BEGIN RSA PRIVATE KEY-----\nMIIEcorr3ct\nh0rse\nbatt3ry==\n".into(),
        format!("KeyTable csl:k=example.com:{DER}\nSigningTable csl:example.com=k"),
        format!("KeyTable csl:k=example.com:mail:{DER}\nSigningTable csl:example.com=k"),
        format!("KeyTable csl:{DER}\nSigningTable csl:example.com={DER}"),
        // Without a data set or colon before it, a token alone, a query.
        format!("SigningTable https://{PASSWORD}@h/x\nKeyTable https://{PASSWORD}@h/x"),
        format!("SigningTable http://h/x?key={PASSWORD}"),
        format!("KeyTable http://h/x?{PASSWORD}"),
        format!("Canonicalization u:{PASSWORD}@h\nMode u:{PASSWORD}@h"),
        format!("Socket inet:8891@u:{PASSWORD}@h"),
        format!("Socket inet6:8891@u:{PASSWORD}@h"),
        format!("UserID u:{PASSWORD}@h"),
    ] {
        lines.push(line);
    }
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{DER}\ncorr3ct\nh0rse+batt3ry==\n-----END PRIVATE KEY-----\n"
    );
    let tables = [
        format!("k example.com:mail:{DER}\n"),
        format!("k example.com:{DER}:mail\n"),
        format!("k {DER}\n"),
        format!("{DER}\n"),
        format!("k example.com:mail:/etc/{DER} broken\n"),
        format!("k example.com:mail:{pem}"),
        pem.clone(),
        format!("k example.com:mail:dsn:mysql://u:{PASSWORD}@h/d\n"),
        format!("k dsn:mysql://u:{PASSWORD}@h/d\n"),
        format!("k mysql://u:{PASSWORD}@h/d\n"),
        format!("k unheard-of://u:{PASSWORD}@h/d\n"),
        format!("k https://{PASSWORD}@h/d\n"),
        format!("k ldap:u:{PASSWORD}@h/d\n"),
        format!("k example.com:mysql://u:{PASSWORD}@h/d\n"),
        format!("k example.com:s:/nonexistent/k.pem:{PASSWORD}\n"),
    ];
    for (number, text) in tables.iter().enumerate() {
        let path = table(&format!("table{number}"), text);
        let signing = table("signing", "*@example.com k\nexample.com k\n");
        lines.push(format!("KeyTable {path}\nSigningTable refile:{signing}"));
        let name = text.split_whitespace().next_back().unwrap();
        let swapped = table(
            &format!("swapped{number}"),
            &format!("*@example.com {name}\n{text}"),
        );
        let keys = table("keys", "x example.com:mail:/nonexistent\n");
        lines.push(format!(
            "KeyTable {keys}\nSigningTable refile:{swapped}\nInternalHosts refile:{path}"
        ));
    }
    lines
}

/// Runs it to its end, or for as long as a start that goes well may take, and returns all it said.
fn said(mut command: Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn command(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dkimd"));
    command.arg0(name).args(args).env("LC_ALL", "C");
    command
}

/// All that a configuration is told of by.
fn tell_all(file: &str, text: &str) -> Vec<(String, String)> {
    let nowhere = "local:/nonexistent/directory/s.sock";
    let first = text.lines().next().unwrap_or_default();
    let set = match first.split_once(' ') {
        Some((option, set)) if option.ends_with("Table") || option.ends_with("Hosts") => set,
        _ => "",
    };
    let old_line = format!("opendkim: {file}: {set}: dkimf_db_open(): Unknown database type");
    let echoed = format!(
        "Nov 23 21:24:52 mail opendkim[812]: {file}: configuration error at line 1: {set}: dkimf_db_open(): Unknown database type (\"x\")"
    );
    let asked: [(&str, &[&str], &str); 18] = [
        ("dkimd", &["check", "--config", file], ""),
        ("dkimd", &["check", "--json", "--config", file], ""),
        ("dkimd", &["serve", "--config", file, "-p", nowhere], ""),
        ("opendkim", &["-f", "-x", file, "-p", nowhere], ""),
        (
            "opendkim",
            &["-f", "-x", file, "-d", set, "-p", nowhere],
            "",
        ),
        ("opendkim", &["-n", "-x", file], ""),
        ("opendkim", &["-x", file, "-e", "KeyTable"], ""),
        ("opendkim", &["-x", file, "-e", "LDAPBindPassword"], ""),
        ("opendkim", &["-Q"], set),
        (
            "dkimd",
            &[
                "doctor",
                "--offline",
                "--verbose",
                "--only",
                "configuration",
                "-x",
                file,
            ],
            "",
        ),
        (
            "dkimd",
            &["explain", "--author", "joe@example.com", "-x", file],
            "",
        ),
        (
            "dkimd",
            &[
                "explain",
                "--json",
                "--author",
                "joe@example.com",
                "-x",
                file,
            ],
            "",
        ),
        ("dkimd", &["explain", "--line", &old_line], ""),
        ("dkimd", &["explain", "--json", "--line", &echoed], ""),
        (
            "dkimd",
            &["setup", "example.com", "--offline", "-x", file],
            "",
        ),
        ("dkimd", &["testkey", "-x", file], ""),
        ("opendkim-genzone", &["-x", file, set], ""),
        ("opendkim-atpszone", &[set], ""),
    ];
    asked
        .into_iter()
        .map(|(name, args, input)| (format!("{name} {args:?}"), said(command(name, args), input)))
        .collect()
}

#[test]
fn no_command_prints_a_password_or_a_private_key() {
    let scene = Scene::new("");
    let texts = configurations(scene.folder.path());
    assert!(texts.len() > 60);
    let next = AtomicUsize::new(0);
    let shown = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 0..4 {
            let (texts, next, scene, shown) = (&texts, &next, &scene, &shown);
            scope.spawn(move || {
                let file = scene.path(&format!("{worker}.conf"));
                while let Some(text) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    fs::write(&file, format!("{text}\n")).unwrap();
                    let file = file.display().to_string();
                    for (command, told) in tell_all(&file, text) {
                        if SECRETS.iter().any(|secret| told.contains(secret)) {
                            shown
                                .lock()
                                .unwrap()
                                .push(format!("{text}\n{command}\n{told}"));
                        }
                    }
                }
            });
        }
    });
    let shown = shown.into_inner().unwrap();
    assert!(
        shown.is_empty(),
        "{} times:\n{}",
        shown.len(),
        shown.join("\n\n")
    );
}

#[test]
fn the_data_set_is_told_without_its_password_and_with_file_and_line() {
    let scene = Scene::new("");
    let text = format!(
        "SigningTable dsn:pgsql://mailuser:{PASSWORD}@127.0.0.1/mail/table=dkim?keycol=a?datacol=b\n\
         KeyTable ldap://user:{PASSWORD}@host/dc=x?y\n"
    );
    fs::write(scene.config(), text).unwrap();
    let config = scene.config().display().to_string();
    let told = said(command("dkimd", &["check", "--config", &config]), "");
    let line = format!(
        "{config}:1: error: SigningTable: dsn:pgsql://mailuser:...@127.0.0.1/mail/table=dkim?...: dkimf_db_open()"
    );
    assert!(told.contains(&line), "{line} is missing in\n{told}");
}

/// However much a path looks like a secret, a key that can be read there signs.
#[test]
fn a_key_may_lie_below_any_path() {
    let scene = Scene::new("");
    let (mut keys, mut signing) = (String::new(), String::new());
    let folders = [
        "keys_2Xb9QmK4Rt7LpVw3ZsA8cD5fG6hJ1nM0qYuE",
        "Schluessel-AB12cdEF34ghIJ56klMN78opQR90stUV12wxYZ34",
        "my=pass=x",
        "socket:x",
        "a:b@c",
    ];
    let common = "Mode s\nRequireSafeKeys no\nLogWhy yes\n";
    for (number, folder) in folders.into_iter().enumerate() {
        fs::create_dir(scene.path(folder)).unwrap();
        let path = scene.path(folder).join("k.pem");
        fs::copy(scene.path("mail.private"), &path).unwrap();
        let path = path.display();
        fs::write(
            scene.config(),
            format!("{common}Domain example.com\nSelector s\nKeyFile {path}\n"),
        )
        .unwrap();
        let daemon = scene.start(&mut scene.serve());
        let mut client = scene.client();
        assert!(signature(&client.message(&message()).unwrap()).contains("s=s;"));
        drop((client, daemon));
        keys += &format!("k{number}a example.com:s{number}a:{path}\n");
        keys += &format!("k{number}b example.com:s{number}b:./{folder}/k.pem\n");
        signing += &format!("a{number}@example.com k{number}a\nb{number}@example.com k{number}b\n");
    }
    fs::write(scene.path("keys"), keys).unwrap();
    fs::write(scene.path("signing"), signing).unwrap();
    let (key_table, signing_table) = (scene.path("keys"), scene.path("signing"));
    fs::write(
        scene.config(),
        format!(
            "{common}KeyTable {}\nSigningTable refile:{}\n",
            key_table.display(),
            signing_table.display()
        ),
    )
    .unwrap();
    let _daemon = scene.start(&mut scene.serve());
    let mut client = scene.client();
    for number in 0..folders.len() {
        for form in ["a", "b"] {
            let mail = Message::usual(&format!("{form}{number}@example.com"), 300);
            let signed = signature(&client.message(&mail).unwrap());
            assert!(signed.contains(&format!("s=s{number}{form};")), "{signed}");
        }
    }
}
