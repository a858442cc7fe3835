//! What the package says of Postfix when it goes (`packaging/debian/postfix.sh`): every setting that
//! still names the daemon, and commands that take it out.

#[path = "support/absent.rs"]
mod absent;

use std::{fs, path::Path, process::Command};

use absent::absent;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/debian/postfix.sh");

struct Host(tempfile::TempDir);

impl Host {
    fn new(main_cf: &str, master_cf: &str, socket: &str) -> Option<Self> {
        if !Path::new("/usr/sbin/postconf").exists() {
            absent("Postfix");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let head = "compatibility_level = 3.6\nqueue_directory = /var/spool/postfix\n";
        write("main.cf", &format!("{head}{main_cf}"));
        write("master.cf", master_cf);
        write(
            "opendkim.conf",
            &format!("UMask 007\nSocket {socket} # where\n"),
        );
        Some(Self(dir))
    }

    fn shell(&self, command: &str) -> String {
        let output = Command::new("sh")
            .args(["-euc", command])
            .env("MAIL_CONFIG", self.0.path())
            .env("config", self.0.path().join("opendkim.conf"))
            .env("DPKG_ROOT", "")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn told(&self) -> String {
        self.shell(&format!(". '{SCRIPT}'; postfix_still_asks"))
    }

    /// Does what is told, but for the reload.
    fn obey(&self) {
        let told = self.told();
        let commands: Vec<_> = told
            .lines()
            .filter(|line| line.starts_with("    "))
            .collect();
        let (reload, changes) = commands.split_last().unwrap();
        assert_eq!(reload.trim(), "postfix reload");
        for command in changes {
            self.shell(command);
        }
        assert_eq!(self.told(), "", "{told}");
    }

    fn postconf(&self, arguments: &str) -> String {
        self.shell(&format!("postconf {arguments}"))
            .trim()
            .to_owned()
    }
}

#[test]
fn the_daemon_is_taken_out_by_the_commands_and_other_filters_stay() {
    const OTHER: &str = "inet:127.0.0.1:11332";
    const DMARC: &str = "{ inet:localhost:8893, default_action = accept }";
    for (socket, ours) in [
        ("inet:8891@localhost", "inet:localhost:8891"),
        (
            "inet:8891@127.0.0.1",
            "{ inet:127.0.0.1:8891, default_action=tempfail }",
        ),
        ("inet6:8891@::1", "inet:[::1]:8891"),
        (
            "local:/var/spool/postfix/opendkim/opendkim.sock",
            "{ unix:opendkim/opendkim.sock, default_action=tempfail }",
        ),
        (
            "local:/var/spool/postfix/opendkim/opendkim.sock",
            "local:/opendkim/opendkim.sock",
        ),
        ("/run/dkim.sock", "unix:/run/dkim.sock"),
        ("local:/nowhere", "unix:/run/opendkim/opendkim.sock"),
    ] {
        let main_cf = format!(
            "smtpd_milters = {OTHER}, {ours}\n  {DMARC}\nnon_smtpd_milters = $smtpd_milters\n"
        );
        let master_cf = format!(
            "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o {{ smtpd_milters = {ours} }}\n\
             smtps inet n - y - - smtpd\n  -o smtpd_milters={OTHER}\n"
        );
        let Some(host) = Host::new(&main_cf, &master_cf, socket) else {
            return;
        };
        host.obey();
        assert_eq!(
            host.postconf("-h smtpd_milters"),
            format!("{OTHER}, {DMARC}")
        );
        assert_eq!(host.postconf("-h non_smtpd_milters"), "$smtpd_milters");
        let of = |service: &str| host.postconf(&format!("-P {service}/inet/smtpd_milters"));
        assert_eq!(
            of("submission"),
            "submission/inet/smtpd_milters =",
            "{ours}"
        );
        assert_eq!(of("smtps"), format!("smtps/inet/smtpd_milters = {OTHER}"));
    }
}

#[test]
fn lists_behind_names_are_taken_apart() {
    let main_cf = "dkim = unix:opendkim/opendkim.sock\nsmtpd_milters = $dkim inet:127.0.0.1:1\n\
                   non_smtpd_milters = $dkim\n";
    let Some(host) = Host::new(
        main_cf,
        "",
        "local:/var/spool/postfix/opendkim/opendkim.sock",
    ) else {
        return;
    };
    host.obey();
    assert_eq!(host.postconf("-h smtpd_milters"), "inet:127.0.0.1:1");
    assert_eq!(host.postconf("-h non_smtpd_milters"), "");
}

#[test]
fn nothing_is_said_where_postfix_asks_nobody_or_others() {
    for main_cf in [
        "",
        "smtpd_milters = inet:127.0.0.1:11332\n",
        "smtpd_milters = inet:mail.example.com:8891, inet:127.0.0.1:88910, unix:/run/opendkim/opendkim.sock2\n",
    ] {
        let Some(host) = Host::new(
            main_cf,
            "smtp inet n - y - - smtpd\n",
            "inet:8891@localhost",
        ) else {
            return;
        };
        assert_eq!(host.told(), "", "{main_cf}");
    }
}
