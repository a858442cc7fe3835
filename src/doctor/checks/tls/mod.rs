//! TLS: is it offered where mail arrives, with a certificate that holds, and used where mail leaves?
//!
//! Findings: `tls-not-offered`, `tls-refused`, `tls-handshake`, `tls-not-tried`, `tls-not-shown`,
//! `tls-no-roots`
//! (here); those of the certificate in [`certificate`]; of its files in [`files`]; of settings in
//! [`settings`].

mod certificate;
mod files;
mod handshake;
mod settings;

use std::{sync::Arc, time::Duration};

use rustls_pki_types::CertificateDer;

use self::{
    certificate::{Obtained, Trust},
    handshake::{Offer, offer},
};
use crate::{
    addresses::Seen,
    arriving::Arriving,
    codes,
    host::Host,
    listeners::{self, Listener, SMTP, SUBMISSION, SUBMISSIONS},
    report::{Cause, Report},
    smtp::session::Patience,
};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{
    Postfix,
    finger::{Call, Finger},
};

/// How long our own server may take.
const NEAR: Patience = Patience {
    connect: Duration::from_secs(2),
    reply: Duration::from_secs(8),
};

/// What was seen at one of our ports.
struct Looked<'a> {
    listener: Listener<'a>,
    at: String,
    offer: Offer,
}

/// Looks at settings and files, then calls every port of ours.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(postfix) = host.postfix() else {
        return super::no_postfix();
    };
    let mut report = Report::default();
    let seen = Seen::of(&host).await;
    let arriving = Arriving::at(&host, &seen).await;
    if let Some((name, failure)) = &arriving.unanswered {
        report.unanswered(name, *failure);
    }
    let names = names(&arriving, postfix);
    let looked = look(postfix, &names).await;
    let lacking = lacking(&looked, !arriving.here.is_empty());
    for port in silent_ports(postfix, &looked) {
        report.omit(
            Cause::Told,
            text!("TLS at port {port}: nobody answers there"),
        );
    }
    for path in files::denied(postfix) {
        let path = path.display();
        report.omit(
            Cause::Rights,
            text!("the file {path}, and whether key and certificate belong together"),
        );
    }
    let faults = files::findings(postfix);
    let broken_files = !faults.is_empty();
    for finding in faults {
        report.add(finding);
    }
    // Files that can't be used are the cause where TLS is not offered.
    if !broken_files {
        for finding in lacking {
            report.add(finding);
        }
    }
    for finding in not_tried(&looked).into_iter().chain(not_shown(&looked)) {
        report.add(finding);
    }
    for finding in certificates(&looked, &names, &host) {
        report.add(finding);
    }
    for finding in settings::findings(postfix) {
        report.add(finding);
    }
    report
}

/// The names that a certificate of this server should have: those of MX records, then `myhostname`.
fn names(arriving: &Arriving, postfix: &Postfix) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let hostname = postfix.main.value("myhostname");
    for name in arriving.names().into_iter().chain([hostname]) {
        if name.contains('.') && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The public ports where nobody answered.
fn silent_ports(postfix: &Postfix, looked: &[Looked<'_>]) -> Vec<u16> {
    let mut ports: Vec<u16> = listeners::of(postfix)
        .iter()
        .filter(|listener| listener.is_public(postfix))
        .map(|listener| listener.port)
        .filter(|port| [SMTP, SUBMISSION, SUBMISSIONS].contains(port))
        .filter(|port| !looked.iter().any(|seen| seen.listener.port == *port))
        .collect();
    ports.dedup();
    ports
}

async fn look<'a>(postfix: &'a Postfix, names: &[String]) -> Vec<Looked<'a>> {
    let finger = Finger::of(postfix);
    let name = names.first().map_or("localhost", String::as_str);
    // As `posttls-finger` names itself.
    let helo = postfix.main.get("myhostname").unwrap_or("localhost");
    let mut looked = Vec::new();
    for listener in listeners::of(postfix) {
        let wanted = [SMTP, SUBMISSION, SUBMISSIONS].contains(&listener.port);
        if !wanted || !listener.is_public(postfix) {
            continue;
        }
        let wraps = listener.wraps(postfix);
        for to in listener.addresses(postfix).await {
            let call = Call {
                to,
                wraps,
                name,
                patience: NEAR.reply,
            };
            // Where nobody answers, the check of the port says so.
            if let Ok(offer) = offer(&finger, call, helo).await {
                looked.push(Looked {
                    listener,
                    at: to.to_string(),
                    offer,
                });
                break;
            }
        }
    }
    looked
}

/// Ports where no TLS came about.
fn lacking(looked: &[Looked<'_>], mail_arrives: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in looked {
        let (at, port) = (&seen.at, seen.listener.port);
        if port == SMTP && !mail_arrives {
            continue;
        }
        match &seen.offer {
            Offer::Done(_) | Offer::Untried(_) => {}
            Offer::Missing(ehlo) => {
                findings.push(not_offered(port, &ehlo.to_string()));
            }
            Offer::Refused(reply) => findings.push(
                Finding::fail(
                    codes::TLS_REFUSED,
                    at,
                    text!("this server offers STARTTLS on port {port}, but refuses to begin"),
                )
                .evidence(reply.to_string())
                .why(senders_go_away())
                .command("journalctl -t postfix/smtpd -t postfix/tlsproxy -n 50 | grep -i tls"),
            ),
            Offer::Failed(error) => findings.push(
                Finding::fail(
                    codes::TLS_HANDSHAKE,
                    at,
                    text!("no TLS 1.2 or 1.3 comes about with this server on port {port}"),
                )
                .evidence(error)
                .why(senders_go_away())
                .command("postconf -e 'smtpd_tls_protocols=>=TLSv1.2' && postfix reload"),
            ),
        }
    }
    findings
}

/// That nobody is there to begin TLS, if so; one reason of several will do.
fn not_tried(looked: &[Looked<'_>]) -> Option<Finding> {
    let (at, error) = looked.iter().find_map(|seen| match &seen.offer {
        Offer::Untried(error) => Some((&seen.at, error)),
        _ => None,
    })?;
    let finding = Finding::info(
        codes::TLS_NOT_TRIED,
        at,
        text!(
            "TLS with this server was not tried, so the certificates that it shows are not judged"
        ),
    );
    Some(finding.evidence(error).advice(text!(
        "make posttls-finger work, with which TLS is tried: it comes with Postfix"
    )))
}

/// That TLS came about, but the server sent us away before its certificate was shown, if so.
fn not_shown(looked: &[Looked<'_>]) -> Option<Finding> {
    let seen = looked
        .iter()
        .find(|seen| matches!(&seen.offer, Offer::Done(chain) if chain.is_empty()))?;
    let finding = Finding::info(
        codes::TLS_NOT_SHOWN,
        &seen.at,
        text!(
            "this server begins TLS, but refuses to talk afterwards, so its certificate is not judged"
        ),
    );
    Some(finding.command("journalctl -t postfix/smtpd -t postfix/smtps/smtpd -n 50"))
}

fn senders_go_away() -> Text {
    text!(
        "large providers want to send over TLS; some do not deliver at all without it, and mail \
         programs refuse to send passwords"
    )
}

fn not_offered(port: u16, ehlo: &str) -> Finding {
    let finding = Finding::fail(
        codes::TLS_NOT_OFFERED,
        format!("port {port}"),
        text!(
            "this server does not offer STARTTLS on port {port}: mail comes in clear or not at all"
        ),
    )
    .evidence(ehlo)
    .why(senders_go_away());
    match port {
        SMTP => finding.command("postconf -e smtpd_tls_security_level=may && postfix reload"),
        _ => finding.setting(
            "/etc/postfix/master.cf",
            "  -o smtpd_tls_security_level=encrypt",
        ),
    }
    .advice(text!(
        "it needs a certificate: certbot certonly, then name fullchain.pem in smtpd_tls_cert_file \
         and privkey.pem in smtpd_tls_key_file"
    ))
}

/// Each certificate once, whatever ports it was shown at.
fn certificates(looked: &[Looked<'_>], names: &[String], host: &Host) -> Vec<Finding> {
    let mut shown: Vec<(&[CertificateDer<'static>], Vec<&str>)> = Vec::new();
    for seen in looked {
        let Offer::Done(chain) = &seen.offer else {
            continue;
        };
        if chain.is_empty() {
            continue;
        }
        match shown
            .iter_mut()
            .find(|(known, _)| *known == chain.as_slice())
        {
            Some((_, places)) => places.push(&seen.at),
            None => shown.push((chain, vec![&seen.at])),
        }
    }
    if shown.is_empty() {
        return Vec::new();
    }
    let trust = match Trust::of_system() {
        Ok(trust) => trust,
        Err(error) => {
            let finding = Finding::info(
                codes::TLS_NO_ROOTS,
                "/etc/ssl/certs",
                text!(
                    "this host knows no certificate authorities, so certificates can't be judged"
                ),
            )
            .evidence(error.to_string())
            .command("apt-get install ca-certificates");
            return vec![finding];
        }
    };
    let certificate = host
        .postfix()
        .map_or("", |postfix| postfix.main.value("smtpd_tls_cert_file"));
    let by = Obtained::of(certificate);
    let mut findings = Vec::new();
    for (chain, places) in shown {
        let places = places.join(", ");
        // A server without a full name is another check's; its certificate may still end.
        let flaws = trust.flaws(chain, names, host.now);
        findings.extend(flaws.iter().map(|flaw| flaw.finding(&places, names, by)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Level;

    #[test]
    fn nothing_is_concluded_where_nobody_could_try() {
        let postfix = Postfix::from_texts("", "smtp inet n - y - - smtpd\n", "");
        let looked = |offer: fn() -> Offer| -> Vec<_> {
            let listeners = listeners::of(&postfix).into_iter();
            let looked = listeners.map(|listener| Looked {
                listener,
                at: "127.0.0.1:25".to_owned(),
                offer: offer(),
            });
            looked.collect()
        };
        let untried = looked(|| Offer::Untried("posttls-finger does not start".to_owned()));
        let unseen = looked(|| Offer::Done(Vec::new()));
        assert_eq!(lacking(&untried, true), []);
        assert_eq!(lacking(&unseen, true), []);
        let told = not_tried(&untried).unwrap();
        assert_eq!(
            (told.level, told.code.word()),
            (Level::Info, "tls-not-tried")
        );
        assert_eq!(told.evidence, ["posttls-finger does not start"]);
        let told = not_shown(&unseen).unwrap();
        assert_eq!(
            (told.level, told.code.word()),
            (Level::Info, "tls-not-shown")
        );
        assert_eq!((not_tried(&unseen), not_shown(&untried)), (None, None));
    }
}
