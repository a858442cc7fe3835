//! Why the test's message was not signed, by the same inquiry as the daemon's, and what mends it.

use std::path::Path;

use crate::codes;
use dkimd_advice::{Code, Finding, text, text::Text};
use dkimd_server::{
    config::snapshot::{SigningIdentities, Snapshot},
    dataset::{DataSetKind, DataSetSpec},
    decide::{Decision, Reason},
};

const CODE: Code = codes::SELF_TEST_NOT_SIGNED;

/// The finding for a message of `author` that came back without a signature, though the
/// configuration has `decision`.
pub(super) fn finding(
    server: &Snapshot,
    config: &Path,
    author: &str,
    domain: &str,
    decision: &Decision,
) -> Finding {
    // Without `s` the tables are not even opened, so the inquiry finds another reason.
    let reason = match decision {
        _ if !server.settings.decision.mode.sign => &Reason::SigningOff,
        Decision::Verify(reason) | Decision::Leave(reason) | Decision::Reject(reason) => reason,
        Decision::Sign(_) | Decision::Fail(_) => return outdated(author, domain),
    };
    let cause = cause(reason);
    let finding = Finding::fail(
        CODE,
        domain,
        text!("mail of {author} from this host is not signed: {cause}"),
    )
    .evidence(format!("{}: {reason}", reason.code()))
    .why(text!("Gmail, Yahoo and Microsoft refuse bulk mail without a DKIM signature, and DMARC can only rely on SPF"));
    remedied(finding, server, config, author, domain, reason)
}

/// Files say sign, the running server does not.
fn outdated(author: &str, domain: &str) -> Finding {
    Finding::fail(
        CODE,
        domain,
        text!("the running server does not sign mail of {author}, though its configuration files say so: it has not read them yet"),
    )
    .command("systemctl reload opendkim")
    .command("journalctl -u opendkim -n 20")
}

/// The reason in a few words of both languages.
fn cause(reason: &Reason) -> Text {
    match reason {
        Reason::NotOurs => {
            text!("InternalHosts does not list 127.0.0.1, so it counts as a stranger's")
        }
        Reason::NothingConfigured => text!("neither Domain nor SigningTable is set"),
        Reason::NoIdentity => text!("no entry of SigningTable or Domain fits it"),
        Reason::SigningOff => text!("Mode has no s, so nothing is signed"),
        Reason::ExemptDomain => text!("ExemptDomains lists its domain"),
        Reason::NoAuthor(_)
        | Reason::SeveralFrom(_)
        | Reason::HeaderFault(_)
        | Reason::ExcusedRecipient(_) => Text::new(reason.to_string(), reason.to_string()),
    }
}

fn remedied(
    finding: Finding,
    server: &Snapshot,
    config: &Path,
    author: &str,
    domain: &str,
    reason: &Reason,
) -> Finding {
    let config = config.display().to_string();
    let finding = match reason {
        Reason::NotOurs => {
            let hosts = server.settings.decision.internal_hosts.as_ref();
            match hosts.and_then(file_of) {
                Some(file) => finding.setting(file, "127.0.0.1"),
                None => finding.setting(config, "InternalHosts 127.0.0.1, ::1, localhost"),
            }
        }
        Reason::NothingConfigured => finding.command(format!("dkimd setup {domain} --apply")),
        Reason::NoIdentity => match &server.signing {
            SigningIdentities::Tables { signing, keys } => {
                let key = keys
                    .rows()
                    .find(|row| row.domain.is_some_and(|of| of.eq_ignore_ascii_case(domain)))
                    .map(|row| row.name.to_owned());
                match key {
                    Some(key) => {
                        let file = signing.file().display().to_string();
                        finding.setting(file, format!("*@{domain} {key}"))
                    }
                    None => finding.command(format!("dkimd setup {domain} --apply")),
                }
            }
            _ => finding.advice(text!(
                "write {domain} behind the other domains of Domain in {config}"
            )),
        },
        Reason::SigningOff => finding.setting(config, "Mode sv"),
        Reason::ExemptDomain => {
            let exempt = server.settings.decision.exempt_domains.as_ref();
            let file = exempt.and_then(file_of).unwrap_or(config);
            finding.advice(text!("take {domain} out of {file}"))
        }
        _ => return finding.command(format!("dkimd explain {author}")),
    };
    finding.command("systemctl reload opendkim")
}

fn file_of(set: &DataSetSpec) -> Option<String> {
    match &set.kind {
        DataSetKind::File(path) | DataSetKind::Refile(path) => Some(path.display().to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Fix;
    use dkimd_server::config::resolve::Overrides;

    fn server(options: &[(&'static str, &str)]) -> Snapshot {
        let options = options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let overrides = Overrides {
            options: options.collect(),
        };
        Snapshot::load(None, &overrides).0.unwrap()
    }

    fn fixes(options: &[(&'static str, &str)], decision: Decision) -> Vec<Fix> {
        let config = Path::new("/etc/opendkim.conf");
        finding(
            &server(options),
            config,
            "joe@example.com",
            "example.com",
            &decision,
        )
        .fix
        .clone()
    }

    fn setting(line: &str) -> Fix {
        Fix::Setting {
            file: "/etc/opendkim.conf".into(),
            line: line.into(),
        }
    }

    #[test]
    fn each_reason_has_its_remedy() {
        let left = |reason| Decision::Leave(reason);
        let verifying = [("Mode", "v")];
        assert_eq!(
            fixes(&verifying, left(Reason::NothingConfigured))[0],
            setting("Mode sv")
        );
        assert_eq!(
            fixes(&[], left(Reason::NotOurs))[0],
            setting("InternalHosts 127.0.0.1, ::1, localhost")
        );
        assert_eq!(
            fixes(&[], left(Reason::NothingConfigured))[0],
            Fix::Command("dkimd setup example.com --apply".into())
        );
    }

    #[test]
    fn a_server_behind_its_files_is_reloaded() {
        let fixes = fixes(&[], Decision::Sign(Vec::new()));
        assert_eq!(fixes[0], Fix::Command("systemctl reload opendkim".into()));
    }
}
