//! Bounces and other notices of Postfix's own: whether they reach the signer, and whether it has a
//! rule for the name that they come from.

use std::{fs, path::Path};

use super::wiring::{Caller, Role, ours};
use crate::checks::authors::findings_for;
use crate::codes;
use dkimd_advice::{Finding, text};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::Postfix;
use dkimd_server::{config::snapshot::Snapshot, decide::Decision};

/// Who Postfix's notices come from.
const NOTIFIER: &str = "MAILER-DAEMON";
/// What lets them pass by the filters of local mail.
const FILTERED: &str = "internal_mail_filter_classes = bounce, notify";

/// Judges them. Silent where local mail does not reach the signer at all: that is told elsewhere.
pub(super) async fn judge(
    postfix: &Postfix,
    callers: &[Caller<'_>],
    socket: Option<&SocketSpec>,
    server: &Snapshot,
    config: &Path,
) -> Option<Finding> {
    let queue = postfix.queue_directory();
    let reaches = callers
        .iter()
        .filter(|caller| caller.role == Role::Local)
        .any(|caller| ours(caller.used(), queue, socket).is_some());
    if !reaches || !server.settings.decision.mode.sign {
        return None;
    }
    let classes = postfix.main.list("internal_mail_filter_classes");
    let origin = origin(postfix);
    let author = format!("{NOTIFIER}@{origin}");
    let decision = findings_for(server, &author).await.decide(server);
    let fits = matches!(decision, Decision::Sign(_));
    match (classes.contains(&"bounce"), fits) {
        (true, true) => None,
        (true, false) => Some(without_rule(server, config, &origin, &author)),
        (false, true) => Some(
            unfiltered(postfix)
                .command(format!("postconf -e '{FILTERED}'"))
                .command("postfix reload"),
        ),
        // Handed to the signer they would not be signed either.
        (false, false) => {
            let finding = ruled(unfiltered(postfix), server, config, &origin);
            Some(finding.advice(text!(
                "no signing rule fits {author}; once one does, hand the bounces to the signer \
                 ({FILTERED} in main.cf)"
            )))
        }
    }
}

/// `myorigin`, which may name a file.
fn origin(postfix: &Postfix) -> String {
    let value = postfix.main.value("myorigin");
    let of_file = value
        .starts_with('/')
        .then(|| fs::read_to_string(value).ok())
        .flatten()
        .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()));
    of_file.unwrap_or_else(|| value.to_owned())
}

fn unfiltered(postfix: &Postfix) -> Finding {
    let value = postfix.main.value("internal_mail_filter_classes");
    Finding::info(
        codes::MILTER_BOUNCES_UNSIGNED,
        "internal_mail_filter_classes",
        text!("bounces and notices of Postfix itself are not signed"),
    )
    .evidence(format!("internal_mail_filter_classes = {value}"))
    .why(text!(
        "they seldom matter, but under a DMARC policy of reject they do not arrive"
    ))
}

fn without_rule(server: &Snapshot, config: &Path, host: &str, author: &str) -> Finding {
    let finding = Finding::warn(
        codes::MILTER_BOUNCES_UNSIGNED,
        host,
        text!("bounces come from {author}, and no signing rule fits {host}: they go out unsigned"),
    )
    .why(text!("under a DMARC policy of reject they do not arrive"));
    ruled(finding, server, config, host)
}

/// With the rule that is missing.
fn ruled(finding: Finding, server: &Snapshot, config: &Path, host: &str) -> Finding {
    use dkimd_server::config::snapshot::SigningIdentities::{None, Single, Tables};
    match &server.signing {
        Tables { signing, .. } => {
            let file = signing.file().display().to_string();
            match signing.rows().find_map(|row| row.key_name) {
                Some(key) => finding
                    .setting(file, format!("*@{host} {key}"))
                    .command("systemctl reload opendkim"),
                Option::None => finding,
            }
        }
        Single { domains, .. } => {
            let config = config.display().to_string();
            let entries = domains.entries().unwrap_or_default();
            let below = entries.iter().any(|(domain, _)| {
                let rest = host.strip_suffix(domain.as_str());
                rest.is_some_and(|rest| rest.ends_with('.'))
            });
            match below {
                true => finding
                    .setting(config, "SubDomains yes")
                    .command("systemctl reload opendkim"),
                false => finding.advice(text!(
                    "write {host} behind the other domains of Domain in {config}"
                )),
            }
        }
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::checks::milter::wiring::callers;
    use dkimd_advice::{Fix, Level};
    use dkimd_server::config::resolve::Overrides;

    /// What is told where the SigningTable has a row for `pattern` alone.
    async fn told(classes: &str, pattern: &str) -> Option<Finding> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../keys.example/mail.private");
        fs::copy(key, path("k.pem")).unwrap();
        fs::write(path("keys"), format!("k example.com:s:{}\n", path("k.pem"))).unwrap();
        fs::write(path("rules"), format!("{pattern} k\n")).unwrap();
        let options = [
            ("KeyTable", path("keys")),
            ("SigningTable", format!("refile:{}", path("rules"))),
            ("RequireSafeKeys", "no".to_owned()),
        ];
        let overrides = Overrides {
            options: options.into_iter().collect(),
        };
        let (server, found) = Snapshot::load(None, &overrides);
        let server = server.unwrap_or_else(|| panic!("{found:?}"));
        let main = format!(
            "non_smtpd_milters = unix:opendkim/o.sock\nmyorigin = mail.example.com\n\
             internal_mail_filter_classes = {classes}\n"
        );
        let postfix = Postfix::from_texts(&main, "cleanup unix n - y - 0 cleanup\n", "");
        let config = Path::new("/etc/opendkim.conf");
        judge(&postfix, &callers(&postfix), None, &server, config).await
    }

    #[tokio::test]
    async fn bounces_are_handed_to_the_signer_only_where_it_would_sign_them() {
        let command = Fix::Command(format!("postconf -e '{FILTERED}'"));
        let fitting = told("", "*@mail.example.com").await.unwrap();
        assert!(fitting.fix.contains(&command), "{fitting:?}");
        assert_eq!(told("bounce, notify", "*@mail.example.com").await, None);
        let first = told("", "*@example.com").await.unwrap();
        assert_eq!(first.level, Level::Info);
        assert!(!first.fix.contains(&command), "{first:?}");
        assert!(
            matches!(&first.fix[0], Fix::Setting { line, .. } if line == "*@mail.example.com k")
        );
        let warned = told("bounce, notify", "*@example.com").await.unwrap();
        assert_eq!(warned.level, Level::Warn);
    }
}
