//! Data sets and configurations judged by Debian's opendkim: `-Q` for lookups, `-n` for files.
//!
//! Without opendkim these tests fail, unless DKIMD_WITHOUT_PEERS=1 says that it is missing on
//! purpose.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use dkimd_server::{
    config::{resolve::Overrides, snapshot::Snapshot},
    dataset::{Answer, Case, DataSet, DataSetSpec, Origin, open::OpenSet},
};

const ABSENT: &str = "record not found";

fn peer_is_here() -> bool {
    let found = Command::new("opendkim").arg("-V").output().is_ok();
    let without = std::env::var_os("DKIMD_WITHOUT_PEERS").is_some_and(|value| value == "1");
    assert!(
        found || without,
        "opendkim is not installed: apt-get install opendkim, or set DKIMD_WITHOUT_PEERS=1"
    );
    found
}

/// The first value for each key, as opendkim's query mode gives it.
fn theirs(set: &str, keys: &[&str]) -> Vec<Option<String>> {
    let mut child = Command::new("opendkim")
        .arg("-Q")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = format!("{set}\n");
    for key in keys {
        input += &format!("{key}/1\n");
    }
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<_> = answers.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(answers.len(), keys.len(), "{set}: {answers:?}");
    answers
        .iter()
        .map(|answer| match answer.strip_prefix('\'') {
            Some(value) => Some(value.trim_end_matches('\'').to_owned()),
            None => {
                assert!(answer.contains(ABSENT), "{set}: {answer}");
                None
            }
        })
        .collect()
}

/// Query mode tells case; so does this.
fn ours(set: &str, keys: &[&str]) -> Vec<Option<String>> {
    let origin = Origin {
        option: "KeyTable",
        file: Arc::from(Path::new("opendkim.conf")),
        line: 1,
    };
    let spec = DataSetSpec::parse(set, origin).unwrap();
    let mut findings = Vec::new();
    let open = OpenSet::open(&spec, None, Case::Counts, &mut findings).unwrap();
    assert_eq!(findings, []);
    let set: Box<dyn DataSet> = open.boxed();
    keys.iter()
        .map(|key| match set.lookup(key) {
            Answer::Now(found) => found.unwrap(),
            Answer::Later(_) => panic!("a compiled set answers at once"),
        })
        .collect()
}

fn assert_same(set: &str, keys: &[&str]) {
    assert_eq!(ours(set, keys), theirs(set, keys), "{set} {keys:?}");
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn lists_split_and_match_alike() {
    if peer_is_here() {
        assert_same(
            "csl: a = b , c,, d=e=f,C=9",
            &["a", "c", "d", "C", "A", "e"],
        );
        assert_same("a b, c", &["a b", "a", "c", "x"]);
    }
}

#[test]
fn files_split_and_match_alike() {
    if peer_is_here() {
        let table = file("# c\nk1 v1 w # c\n  k2\tv2  \nk1 v3\nk4\n\nk5#x y\r\nk6 v6\r\nlast v");
        let set = format!("file:{}", table.path().display());
        assert_same(&set, &["k1", "k2", "k4", "k5", "k6", "last", "K1", "x"]);
    }
}

#[test]
fn patterns_match_alike() {
    if peer_is_here() {
        let patterns = [
            "*@a.example",
            "u@a.example",
            "b|c",
            "^x$",
            "foo?bar",
            "*.h.ex",
            "[a-c]*@z",
            "[^b]q",
            "a{2}@z",
            "(u|v)@w",
            "a[.]b",
            "c\\.d",
            "e[*]f",
            "g\\*h",
            "c)",
            "u+*@t",
            "[[:digit:]]@n",
            "*",
            "x*",
            "*@*",
            "*y",
            "a*b*c",
            "noval",
        ];
        let keys = [
            "u@a.example",
            "u@A.example",
            "bzz",
            "zzc",
            "zbz",
            "x",
            "fobar",
            "foobar",
            "a.h.ex",
            "h.ex",
            "bb@z",
            "cq",
            "bq",
            "aa@z",
            "v@w",
            "a.b",
            "a\\b",
            "c.d",
            "c\\xd",
            "e*f",
            "e.f",
            "gh",
            "g*h",
            "c)",
            "u+tag@t",
            "uu@t",
            "7@n",
            "xx",
            "aXbYc",
            "acb",
            "noval",
            "my",
        ];
        for pattern in patterns {
            let table = file(&format!("{pattern} found\n"));
            let set = format!("refile:{}", table.path().display());
            assert_same(&set, &keys);
        }
    }
}

#[test]
fn configurations_are_taken_and_refused_alike() {
    if !peer_is_here() {
        return;
    }
    let same = [
        "",
        "Syslog yes\n",
        "Syslog on\n",
        "Syslog\n",
        "syslog 1\r\n",
        "Nonsense x\n",
        "Mode sv\n",
        "Mode sx\n",
        "Mode S\n",
        "UMask 07x\n",
        "UMask 0x7\n",
        "Canonicalization relaxed\n",
        "Canonicalization RELAXED/Simple\n",
        "Canonicalization relaxed/x\n",
        "SignatureAlgorithm RSA-sha256\n",
        "SignatureAlgorithm x\n",
        "Minimum 50%\n",
        "Minimum 5x\n",
        "Minimum 5+\n",
        "BogusKey FAIL\n",
        "BogusKey x\n",
        "ATPSHashAlgorithm none\n",
        "ATPSHashAlgorithm x\n",
        "InternalHosts 10.0.0.0/8,!h.example\n",
        "InternalHosts bogus:x\n",
        "InternalHosts /nowhere\n",
        "InternalHosts refile:/nowhere\n",
        "Domain a.example\n",
        "Mode v\nDomain a.example\n",
        "Selector x\n",
        "SigningTable csl:a=b\n",
        "KeyTable csl:a=b:c:/d\n",
        "SigningTable csl:a=b\nKeyTable csl:b=c:d:/e\n",
        "Include /nowhere\n",
        "BaseDirectory /nowhere\n",
        "BaseDirectory /tmp\n",
        "Syslog yes # x\n",
        "  LogWhy\tyes\n",
        "SingleAuthResult:\n",
        "QueryCache maybe\n",
        "TemporaryDirectory /x y\n",
    ];
    let mut differing = Vec::new();
    for text in same {
        let config = file(text);
        let status = Command::new("opendkim")
            .arg("-n")
            .arg("-x")
            .arg(config.path())
            .output();
        let theirs = status.unwrap().status.success();
        let ours = Snapshot::load(Some(config.path()), &Overrides::default())
            .0
            .is_some();
        if ours != theirs {
            differing.push((text, ours, theirs));
        }
    }
    assert!(differing.is_empty(), "(text, ours, theirs): {differing:#?}");
}

#[test]
fn what_only_opendkim_refuses_is_taken_here() {
    if !peer_is_here() {
        return;
    }
    for text in [
        "InternalHosts ::1,127.0.0.1\n",
        "ADSPDiscard no\n",
        "IdentityHeader X-User\n",
        "SigningTable csl:a=b\nKeyTable csl:b=c:d:/e\nSelector x\n",
    ] {
        let config = file(text);
        assert!(
            Snapshot::load(Some(config.path()), &Overrides::default())
                .0
                .is_some(),
            "{text}"
        );
    }
    let config = file("InternalHosts ::1,127.0.0.1\n");
    let output = Command::new("opendkim")
        .arg("-n")
        .arg("-x")
        .arg(config.path())
        .output()
        .unwrap();
    assert!(
        !output.status.success(),
        "opendkim learnt to take a list that begins with an IPv6 address"
    );
}
