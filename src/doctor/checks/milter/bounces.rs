//! Bounces and other notices of Postfix's own: whether they reach the signer, and whether it has a
//! rule for the name that they come from.

use std::{fs, path::Path};

use super::wiring::{Caller, Role, ours};
use crate::{
    config::snapshot::Snapshot,
    decide::Decision,
    doctor::{checks::authors::findings_for, finding::Finding},
    postfix::Postfix,
    socket::SocketSpec,
    text,
};

/// Who Postfix's notices come from.
const NOTIFIER: &str = "MAILER-DAEMON";

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
    if !classes.contains(&"bounce") {
        return Some(unfiltered(postfix));
    }
    let origin = origin(postfix);
    let author = format!("{NOTIFIER}@{origin}");
    match findings_for(server, &author).await.decide(server) {
        Decision::Sign(_) => None,
        _ => Some(without_rule(server, config, &origin, &author)),
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
        "milter-bounces-unsigned",
        "internal_mail_filter_classes",
        text!(
            "bounces and notices of Postfix itself are not signed",
            "los rebotes y avisos del propio Postfix salen sin firmar"
        ),
    )
    .evidence(format!("internal_mail_filter_classes = {value}"))
    .why(text!(
        "they seldom matter, but under a DMARC policy of reject they do not arrive",
        "rara vez importan, pero con una política DMARC reject no llegan"
    ))
    .command("postconf -e 'internal_mail_filter_classes = bounce, notify'")
    .command("postfix reload")
}

fn without_rule(server: &Snapshot, config: &Path, host: &str, author: &str) -> Finding {
    use crate::config::snapshot::SigningIdentities::{None, Single, Tables};
    let finding = Finding::warn(
        "milter-bounces-unsigned",
        host,
        text!(
            "bounces come from {author}, and no signing rule fits {host}: they go out unsigned",
            "los rebotes salen de {author}, y ninguna regla de firma encaja con {host}: salen sin firmar"
        ),
    )
    .why(text!(
        "under a DMARC policy of reject they do not arrive",
        "con una política DMARC reject no llegan"
    ));
    match &server.signing {
        Tables { signing, .. } => {
            let file = signing.file().display().to_string();
            let key = signing.rows().find_map(|row| row.key_name).unwrap_or("KEY");
            finding
                .setting(file, format!("*@{host} {key}"))
                .command("systemctl reload opendkim")
        }
        Single { .. } => finding
            .setting(config.display().to_string(), "SubDomains yes")
            .command("systemctl reload opendkim"),
        None => finding,
    }
}
