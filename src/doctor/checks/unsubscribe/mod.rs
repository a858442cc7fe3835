//! One-click unsubscription (RFC 8058) in a given sample, and its [`shape`].

mod shape;

use std::sync::Arc;

use super::authors::findings_for;
use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkim_core::{header::HeaderSection, name::Domain};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_message::{
    MessageFile,
    verdicts::{Verdicts, author_domain},
};
use dkimd_server::{
    config::snapshot::Snapshot,
    decide::{Decision, opendkim},
    log::sink::Capture,
    process::clock,
    session::key_sources,
};

const LINK: &str = "List-Unsubscribe";
const POST: &str = "List-Unsubscribe-Post";
/// The only value that the second field may have.
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// Looks at the sample.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(sample) = &host.sample else {
        return Report::not_examined(
            Cause::Nothing,
            text!("no message to look at: --sample FILE"),
        );
    };
    let message = match MessageFile::read(&sample[..]) {
        Ok(message) => message,
        Err(error) => return Report::from(vec![malformed(&error.to_string())]),
    };
    let mut report = Report::from(shape::judge(&message));
    match fields(&message.section) {
        Err(finding) => report.add(finding),
        Ok(()) => report.findings.extend(coverage(&host, &message).await),
    }
    report
}

fn malformed(cause: &str) -> Finding {
    Finding::fail(
        codes::SAMPLE_MALFORMED,
        "--sample",
        text!("the sample is no message: {cause}"),
    )
    .advice(text!(
        "save the message with all its headers, as the program makes it"
    ))
}

fn demanded() -> Text {
    text!("Gmail and Yahoo demand one-click unsubscription (RFC 8058) of whoever sends much mail")
}

/// The unfolded value of a field.
fn value_of(section: &HeaderSection, name: &str) -> Option<String> {
    let field = section.named(name.as_bytes()).next()?;
    let text = String::from_utf8_lossy(field.value);
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Both fields, each with what it must have.
fn fields(section: &HeaderSection) -> Result<(), Finding> {
    let (link, post) = (value_of(section, LINK), value_of(section, POST));
    let right = |finding: Finding| {
        finding
            .why(demanded())
            .advice(text!("let the newsletter program write both fields:"))
            .advice(Text::new(
                format!("{LINK}: <https://example.com/unsubscribe/TOKEN>"),
                format!("{LINK}: <https://example.com/unsubscribe/TOKEN>"),
            ))
            .advice(Text::new(
                format!("{POST}: {ONE_CLICK}"),
                format!("{POST}: {ONE_CLICK}"),
            ))
    };
    let Some(link) = link else {
        let finding = Finding::info(
            codes::UNSUBSCRIBE_MISSING,
            LINK,
            text!("the sample has no {LINK}; if it is a newsletter, it needs {LINK} and {POST}"),
        );
        return Err(right(finding));
    };
    let Some(post) = post else {
        let finding = Finding::fail(
            codes::UNSUBSCRIBE_MISSING,
            POST,
            text!("the sample has {LINK} but no {POST}, so it can't be left with one click"),
        );
        return Err(right(finding.evidence(format!("{LINK}: {link}"))));
    };
    if post != ONE_CLICK {
        let finding = Finding::fail(
            codes::UNSUBSCRIBE_VALUE,
            POST,
            text!("{POST} of the sample is not {ONE_CLICK}"),
        );
        return Err(right(finding.evidence(format!("{POST}: {post}"))));
    }
    let https = link.split('<').skip(1).any(|uri| {
        uri.trim_start()
            .to_ascii_lowercase()
            .starts_with("https://")
    });
    if !https {
        let finding = Finding::fail(
            codes::UNSUBSCRIBE_NOT_HTTPS,
            LINK,
            text!("{LINK} of the sample has no https address"),
        );
        return Err(right(finding.evidence(format!("{LINK}: {link}"))));
    }
    Ok(())
}

/// Whether a good, aligned signature covers both fields: one of the sample's own, or the one that
/// the present configuration would make.
async fn coverage(host: &Host, message: &MessageFile) -> Option<Finding> {
    let server = host.server.as_deref()?;
    let author = author_domain(&message.section)?;
    match message.section.named(b"DKIM-Signature").next() {
        Some(_) => signed(host, server, message, &author).await,
        None => would_be_signed(host, server, message).await,
    }
}

async fn signed(
    host: &Host,
    server: &Snapshot,
    message: &MessageFile,
    author: &str,
) -> Option<Finding> {
    host.dns.as_ref()?;
    let source = key_sources::open(server, Arc::new(Capture::default())).ok()?;
    let verdicts = Verdicts::of(message, server, &source, clock::now()).await;
    let passed: Vec<_> = verdicts
        .results
        .iter()
        .filter(|result| result.passed())
        .filter_map(|result| result.signature.as_ref())
        .collect();
    if passed.is_empty() {
        let result = verdicts.results.first()?;
        let explanation = opendkim::explanation(&result.outcome);
        return Some(
            Finding::fail(
                codes::UNSUBSCRIBE_UNSIGNED,
                "DKIM-Signature",
                text!("no signature of the sample is good: {explanation}"),
            )
            .why(demanded())
            .advice(text!("see what was changed: dkimd verify FILE")),
        );
    }
    let aligned = |domain: &Domain| {
        let from = Domain::parse(author);
        domain.covers(author) || from.is_ok_and(|from| from.covers(domain.as_str()))
    };
    let passed: Vec<_> = passed
        .into_iter()
        .filter(|signature| aligned(&signature.domain))
        .collect();
    if passed.is_empty() {
        return Some(
            Finding::fail(
                codes::UNSUBSCRIBE_UNALIGNED,
                "DKIM-Signature",
                text!("no good signature of the sample is of the author's domain {author}"),
            )
            .why(demanded())
            .command(format!("dkimd setup {author} --apply")),
        );
    }
    let covered = passed.iter().any(|signature| {
        [LINK, POST].iter().all(|name| {
            let fields = &signature.signed_fields;
            fields.iter().any(|field| field.eq_ignore_ascii_case(name))
        })
    });
    (!covered).then(|| {
        let names: Vec<_> = passed
            .iter()
            .map(|signature| format!("h={}", signature.signed_fields.join(":")))
            .collect();
        uncovered(host, server, &names.join("; "))
    })
}

async fn would_be_signed(host: &Host, server: &Snapshot, message: &MessageFile) -> Option<Finding> {
    let from = value_of(&message.section, "From")?;
    let findings = findings_for(server, &from).await;
    if !matches!(findings.decide(server), Decision::Sign(_)) {
        return Some(
            Finding::fail(
                codes::UNSUBSCRIBE_UNSIGNED,
                "From",
                text!("the configuration would not sign the sample, and one-click unsubscription counts under a signature alone"),
            )
            .evidence(format!("From: {from}"))
            .why(demanded())
            .command(format!("dkimd explain '{from}'")),
        );
    }
    let section = &message.section;
    let names: Vec<String> = server
        .signing_policy
        .headers
        .choose(section)
        .into_iter()
        .filter_map(|index| section.get(index))
        .map(|field| String::from_utf8_lossy(field.bare_name()).into_owned())
        .collect();
    let covers = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    (!covers(LINK) || !covers(POST))
        .then(|| uncovered(host, server, &format!("h={}", names.join(":"))))
}

fn uncovered(host: &Host, server: &Snapshot, evidence: &str) -> Finding {
    use dkimd_server::dataset::DataSetKind::Csl;
    let written = match &server.settings.signing.sign_headers {
        Some(set) => match &set.kind {
            Csl(text) => Some(text.trim().to_owned()),
            _ => None,
        },
        None => Some(String::new()),
    };
    let finding = Finding::fail(
        codes::UNSUBSCRIBE_UNSIGNED,
        "SignHeaders",
        text!("the signature does not cover {LINK} and {POST}"),
    )
    .evidence(evidence)
    .why(demanded());
    let line = match written.as_deref() {
        Some("") => format!("SignHeaders *,+{POST}"),
        Some(list) if list.contains('*') => format!("SignHeaders {list},+{LINK},+{POST}"),
        Some(list) => format!("SignHeaders {list},{LINK},{POST}"),
        None => format!("SignHeaders *,+{POST}"),
    };
    finding
        .setting(host.config.display().to_string(), line)
        .command("systemctl reload opendkim")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(head: &str) -> Result<(), &'static str> {
        let text = format!("From: joe@example.com\r\n{head}\r\n\r\n");
        let message = MessageFile::read(text.as_bytes()).unwrap();
        fields(&message.section).map_err(|finding| finding.code.word())
    }

    #[test]
    fn both_fields_are_needed_and_each_as_it_must_be() {
        let link = "List-Unsubscribe: <mailto:leave@example.com>,\r\n <HTTPS://example.com/leave>";
        let post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click";
        assert_eq!(judged(&format!("{link}\r\n{post}")), Ok(()));
        assert_eq!(judged(link), Err("unsubscribe-missing"));
        assert_eq!(judged("Subject: x"), Err("unsubscribe-missing"));
        let plain = "List-Unsubscribe: <http://example.com/leave>";
        assert_eq!(
            judged(&format!("{plain}\r\n{post}")),
            Err("unsubscribe-not-https")
        );
        let slip = "List-Unsubscribe-Post: One-Click";
        assert_eq!(
            judged(&format!("{link}\r\n{slip}")),
            Err("unsubscribe-value")
        );
    }
}
