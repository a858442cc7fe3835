//! Signatures that are made so that they break easily, or that protect too little.

use std::path::Path;

use crate::codes;
use dkim_core::{Canon, sign::BodyLength};
use dkimd_advice::{Finding, text};
use dkimd_server::{config::snapshot::Snapshot, session::signing::body_length};

/// Fields that mailing lists add or change; signing their absence breaks every mail through a list.
const OF_LISTS: [&str; 3] = ["sender", "list-", "resent-"];

/// Judges the configuration's signatures.
pub(super) async fn judge(server: &Snapshot, config: &Path) -> Vec<Finding> {
    let file = config.display().to_string();
    let canonicalization = server.signing_policy.canonicalization;
    let mut findings = Vec::new();
    if canonicalization.header == Canon::Simple {
        findings.push(
            Finding::warn(
                codes::BREAKERS_CANONICALIZATION,
                file.clone(),
                text!("headers are signed in simple form: any server that folds a line anew breaks the signature"),
            )
            .evidence(shown(server))
            .setting(file.clone(), "Canonicalization relaxed/relaxed")
            .command("systemctl reload opendkim"),
        );
    } else if canonicalization.body == Canon::Simple {
        findings.push(
            Finding::info(
                codes::BREAKERS_CANONICALIZATION,
                file.clone(),
                text!("bodies are signed in simple form: white space that is changed on the way breaks the signature"),
            )
            .evidence(shown(server))
            .why(text!("forwarded mail suffers: in one measurement 8 of 22 forwarded messages lost their signature"))
            .setting(file.clone(), "Canonicalization relaxed/relaxed")
            .command("systemctl reload opendkim"),
        );
    }
    if body_length(server, &[]).await.body_length != BodyLength::Whole {
        findings.push(
            Finding::warn(
                codes::BREAKERS_BODY_LENGTH,
                file.clone(),
                text!("only a part of the body is signed (l=): anybody may add text to a signed message"),
            )
            .why(text!("Gmail and others do not trust such signatures"))
            .advice(text!("remove BodyLengths, MaximumSignedBytes and BodyLengthDB from {file}"))
            .command("systemctl reload opendkim"),
        );
    }
    findings.extend(oversigned(server, &file));
    findings
}

fn shown(server: &Snapshot) -> String {
    let word = |canon| match canon {
        Canon::Simple => "simple",
        Canon::Relaxed => "relaxed",
    };
    let canonicalization = server.signing_policy.canonicalization;
    format!(
        "Canonicalization {}/{}",
        word(canonicalization.header),
        word(canonicalization.body)
    )
}

fn oversigned(server: &Snapshot, file: &str) -> Option<Finding> {
    let names = server.signing_policy.headers.oversigned();
    let of_lists = |name: &&String| {
        let name = name.to_ascii_lowercase();
        OF_LISTS.iter().any(|prefix| name.starts_with(prefix))
    };
    let bad: Vec<_> = names.iter().filter(of_lists).map(String::as_str).collect();
    if bad.is_empty() {
        return None;
    }
    let good: Vec<_> = names
        .iter()
        .filter(|name| !of_lists(name))
        .map(String::as_str)
        .collect();
    let bad = bad.join(", ");
    Some(
        Finding::warn(
            codes::BREAKERS_LIST_FIELDS,
            file,
            text!("OversignHeaders names {bad}: every mailing list adds such fields and so breaks the signature"),
        )
        .evidence(format!("OversignHeaders {}", names.join(",")))
        .setting(file, format!("OversignHeaders {}", good.join(",")))
        .command("systemctl reload opendkim"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Level;
    use dkimd_server::config::resolve::Overrides;

    async fn found(options: &[(&'static str, &str)]) -> Vec<(&'static str, Level)> {
        let options = options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let overrides = Overrides {
            options: options.collect(),
        };
        let server = Snapshot::load(None, &overrides).0.unwrap();
        let findings = judge(&server, Path::new("/etc/opendkim.conf")).await;
        findings
            .iter()
            .map(|finding| (finding.code.word(), finding.level))
            .collect()
    }

    #[tokio::test]
    async fn only_a_simple_header_is_a_warning() {
        assert_eq!(found(&[("Canonicalization", "relaxed/relaxed")]).await, []);
        let simple = |form| [("Canonicalization", form)];
        assert_eq!(
            found(&simple("relaxed/simple")).await,
            [("breakers-canonicalization", Level::Info)]
        );
        assert_eq!(
            found(&simple("simple/simple")).await,
            [("breakers-canonicalization", Level::Warn)]
        );
    }

    #[tokio::test]
    async fn a_signature_of_a_part_and_one_that_lists_break_are_warnings() {
        let relaxed = ("Canonicalization", "relaxed/relaxed");
        assert_eq!(
            found(&[relaxed, ("MaximumSignedBytes", "100")]).await,
            [("breakers-body-length", Level::Warn)]
        );
        assert_eq!(
            found(&[relaxed, ("OversignHeaders", "From,List-Id")]).await,
            [("breakers-list-fields", Level::Warn)]
        );
        assert_eq!(
            found(&[relaxed, ("OversignHeaders", "From,Subject")]).await,
            []
        );
    }
}
