//! How users hand in their mail: whether there is a service for it that asks for passwords, under
//! TLS alone, and lets each user write in his own name alone. [`sasl`] tries whoever checks the
//! passwords, [`talk`] speaks to the ports.

mod proposal;
mod sasl;
mod talk;

use std::sync::Arc;

use self::{
    sasl::{Sasl, Seen},
    talk::{Heard, Port},
};
use super::postfix::runs;
use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{
    Postfix, Service,
    change::{Change, quoted},
    main_cf::words,
};

/// Services that speak TLS from the first octet on.
const WRAPPED: [&str; 3] = ["submissions", "smtps", "465"];
/// Those that begin in the clear.
const PLAIN: [&str; 2] = ["submission", "587"];
/// The usual one of those below.
const BOUND: &str = "reject_sender_login_mismatch";
/// Restrictions that bind senders to their logins.
const BINDING: [&str; 3] = [
    "reject_sender_login_mismatch",
    "reject_authenticated_sender_login_mismatch",
    "reject_known_sender_login_mismatch",
];

/// What a service takes its certificate from.
const CERTIFICATES: [&str; 3] = [
    "smtpd_tls_chain_files",
    "smtpd_tls_cert_file",
    "smtpd_tls_eccert_file",
];

/// What is known beside the settings.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// What came of looking for those who check passwords, each as some service sees it.
    passwords: Vec<(Sasl, bool, Option<Seen>)>,
}

/// Looks at it.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(postfix) = host.postfix() else {
        return super::no_postfix();
    };
    let facts = Facts::gathered(postfix).await;
    let mut findings = judge(postfix, &facts);
    let mut omitted = Report::default();
    if facts.unseen(postfix) {
        omitted.omit(
            Cause::Rights,
            text!("whether Postfix's services reach whoever checks the passwords"),
        );
    }
    if matches!(runs(postfix.queue_directory()), Ok(false)) {
        omitted.omit(
            Cause::Told,
            text!("what the ports 587 and 465 answer: Postfix does not run"),
        );
    } else {
        let dead = [
            codes::SUBMISSION_SASL_UNREACHABLE,
            codes::SUBMISSION_NO_SASL,
        ];
        let known = |port: &Port<'_>| {
            let id = port.listener.service.id();
            let mut of_service = findings.iter().filter(|found| found.subject == id);
            of_service.any(|found| dead.contains(&found.code))
        };
        let ports = talk::listen(postfix).await;
        for port in &ports {
            let at = port.at;
            match &port.heard {
                Heard::NoTls(_) => omitted.omit(
                    Cause::Told,
                    text!(
                        "whether {at} asks for passwords: there is no TLS, as the check tls says"
                    ),
                ),
                Heard::NotTried(cause) => omitted.omit(
                    Cause::Unavailable,
                    text!("whether {at} asks for passwords: {cause}"),
                ),
                _ => {}
            }
        }
        let heard: Vec<_> = ports
            .iter()
            .filter(|port| !known(port))
            .filter_map(|port| of_port(postfix, port))
            .collect();
        findings.splice(0..0, heard);
    }
    let mut report = Report::from(findings);
    report.merge(omitted);
    report
}

impl Facts {
    async fn gathered(postfix: &Postfix) -> Self {
        let mut facts = Self::default();
        let services: Vec<_> = postfix.services_of("smtpd").collect();
        let places = services.iter().flat_map(|service| {
            [Sasl::of(postfix, service), Sasl::usual()].map(|sasl| (sasl, service.chroot))
        });
        for (sasl, chroot) in places {
            if facts.seen(&sasl, chroot).is_none() {
                let seen = sasl.seen(postfix, chroot).await;
                facts.passwords.push((sasl, chroot, Some(seen)));
            }
        }
        facts
    }

    /// Whether some service asks for passwords at a socket that only root could try.
    fn unseen(&self, postfix: &Postfix) -> bool {
        let asking = postfix
            .services_of("smtpd")
            .filter(|service| asks_passwords(postfix, service));
        asking
            .map(|service| (Sasl::of(postfix, service), service.chroot))
            .any(|(sasl, chroot)| {
                sasl.kind == "dovecot" && self.seen(&sasl, chroot) == Some(&Seen::Unexamined)
            })
    }

    fn seen(&self, sasl: &Sasl, chroot: bool) -> Option<&Seen> {
        let known = self
            .passwords
            .iter()
            .find(|(known, inside, _)| known == sasl && *inside == chroot);
        known.and_then(|(_, _, seen)| seen.as_ref())
    }

    /// The settings that a service lacks to have passwords checked; `None`: nobody checks them, as far
    /// as is known here.
    fn settings(
        &self,
        postfix: &Postfix,
        service: &Service,
    ) -> Option<Vec<(&'static str, String)>> {
        let own = Sasl::of(postfix, service);
        if self.seen(&own, service.chroot) == Some(&Seen::Open) {
            return Some(Vec::new());
        }
        let usual = Sasl::usual();
        (self.seen(&usual, service.chroot) == Some(&Seen::Open)).then(|| {
            vec![
                ("smtpd_sasl_type", usual.kind),
                ("smtpd_sasl_path", usual.path),
            ]
        })
    }
}

/// What a port let hear that is wrong.
fn of_port(postfix: &Postfix, port: &Port<'_>) -> Option<Finding> {
    let (service, at) = (port.listener.service, port.at);
    let id = service.id();
    match &port.heard {
        Heard::AsksPasswords | Heard::NotTried(_) | Heard::NoTls(_) => None,
        Heard::NoAuth(_) if !asks_passwords(postfix, service) => None,
        Heard::NoAuth(words) => {
            let finding = Finding::fail(
                codes::SUBMISSION_NO_AUTH_OFFERED,
                id.clone(),
                text!("{id} is set up for passwords, but does not ask for them: no AUTH at {at}"),
            );
            Some(
                finding
                    .evidence(words.clone())
                    .why(text!("mail programs can't log in, and mail of your users is refused"))
                    .advice(text!("see whether smtpd_sasl_security_options, smtpd_sasl_exceptions_networks or \
                         smtpd_discard_ehlo_keywords takes AUTH away")),
            )
        }
        Heard::Nothing(cause) => Some(
            Finding::fail(
                codes::SUBMISSION_NOT_ANSWERING,
                id.clone(),
                text!("nobody greets at {at}, where {id} should answer"),
            )
            .evidence(format!("{at}: {cause}"))
            .why(text!("your users can't send"))
            .advice(text!("a new line of master.cf needs a restart of Postfix; where smtpd ends at once, its last \
                 words in the mail log tell why: journalctl -u 'postfix*' -n 30")),
        ),
    }
}

fn judge(postfix: &Postfix, facts: &Facts) -> Vec<Finding> {
    let services: Vec<_> = postfix
        .services_of("smtpd")
        .filter(|service| is_submission(service))
        .collect();
    if services.is_empty() {
        return vec![missing(postfix, facts)];
    }
    let mut findings = Vec::new();
    for service in &services {
        match asks_passwords(postfix, service) {
            false => findings.push(no_passwords(postfix, facts, service)),
            true => {
                findings.extend(nobody_checks(postfix, facts, service));
                findings.extend(in_the_clear(postfix, service));
            }
        }
    }
    // Port 25 may take passwords, too, as in old set-ups.
    let port_25 = postfix.services_of("smtpd").filter(|service| {
        ["smtp", "25"].contains(&service.name.as_str()) && asks_passwords(postfix, service)
    });
    for service in port_25 {
        findings.extend(nobody_checks(postfix, facts, service));
        findings.extend(in_the_clear(postfix, service));
    }
    let unbound = services
        .iter()
        .find(|service| asks_passwords(postfix, service) && !binds_senders(postfix, service));
    findings.extend(unbound.map(|service| unbound_senders(postfix, service)));
    findings
}

fn is_submission(service: &Service) -> bool {
    let port = service.name.rsplit(':').next().unwrap_or_default();
    WRAPPED.contains(&port) || PLAIN.contains(&port)
}

fn yes(postfix: &Postfix, service: &Service, parameter: &str) -> bool {
    postfix
        .value_for(service, parameter)
        .is_some_and(|value| value.eq_ignore_ascii_case("yes"))
}

fn asks_passwords(postfix: &Postfix, service: &Service) -> bool {
    yes(postfix, service, "smtpd_sasl_auth_enable")
}

fn missing(postfix: &Postfix, facts: &Facts) -> Finding {
    let file = postfix.directory.join("master.cf").display().to_string();
    let finding = Finding::info(
        codes::SUBMISSION_MISSING,
        file,
        text!(
            "there is no submission service (ports 587 and 465): users can't send through this server from outside"
        ),
    );
    let Some(port_25) = postfix.services_of("smtpd").next() else {
        return finding;
    };
    if !has_certificate(postfix, port_25) {
        return finding.advice(no_certificate());
    }
    match facts.settings(postfix, port_25) {
        None => finding.advice(nobody_known()),
        Some(passwords) => finding
            .command(proposal::submission(postfix, port_25, &passwords))
            .command(postfix.reload()),
    }
}

/// Without a certificate a service that demands TLS serves nobody.
fn has_certificate(postfix: &Postfix, service: &Service) -> bool {
    CERTIFICATES.iter().any(|parameter| {
        postfix
            .value_for(service, parameter)
            .is_some_and(|value| !["", "none"].contains(&value))
    })
}

fn no_certificate() -> Text {
    text!(
        "first give Postfix a certificate (smtpd_tls_cert_file, smtpd_tls_key_file); then run doctor again"
    )
}

fn nobody_known() -> Text {
    text!(
        "first let somebody check passwords for Postfix, for instance Dovecot at the socket private/auth in \
         the queue directory, as the course has it; then run doctor again: a service that asks for \
         passwords nobody checks serves nobody"
    )
}

/// Passwords are asked for, and whoever should check them is not there: smtpd then serves nobody.
fn nobody_checks(postfix: &Postfix, facts: &Facts, service: &Service) -> Option<Finding> {
    let sasl = Sasl::of(postfix, service);
    let cause = match facts.seen(&sasl, service.chroot)? {
        Seen::Open | Seen::Unexamined => return None,
        Seen::Shut(errno) => errno.desc().to_owned(),
        Seen::Silent => "no answer".to_owned(),
    };
    let (id, path) = (service.id(), &sasl.path);
    let finding = Finding::fail(
        codes::SUBMISSION_SASL_UNREACHABLE,
        id.clone(),
        text!("{id} asks for passwords, but nobody checks them: {path} can't be reached"),
    )
    .evidence(format!("smtpd_sasl_type = {}", sasl.kind))
    .evidence(format!("smtpd_sasl_path = {path}: {cause}"))
    .why(text!("smtpd ends instead of greeting (fatal: no SASL authentication mechanisms): nobody can send through it"));
    let finding = match facts.settings(postfix, service) {
        Some(lacking) => with_settings(finding, postfix, &id, &lacking, &[]),
        None => finding.advice(text!(
            "see that Dovecot runs (systemctl status dovecot) and listens there for user postfix: \
             unix_listener in its service auth, user = postfix, mode = 0660"
        )),
    };
    Some(finding)
}

/// The finding, mended by parameters of one service.
fn with_settings(
    finding: Finding,
    postfix: &Postfix,
    id: &str,
    lacking: &[(&'static str, String)],
    more: &[(&'static str, String)],
) -> Finding {
    let settings: Vec<_> = lacking
        .iter()
        .chain(more)
        .map(|(parameter, value)| quoted(&format!("{id}/{parameter}={value}")))
        .collect();
    let postconf = postfix.postconf();
    finding
        .command(format!("{postconf} -P {}", settings.join(" ")))
        .command(postfix.reload())
}

fn no_passwords(postfix: &Postfix, facts: &Facts, service: &Service) -> Finding {
    let id = service.id();
    let finding = Finding::fail(
        codes::SUBMISSION_NO_SASL,
        id.clone(),
        text!("{id} does not ask for a password (smtpd_sasl_auth_enable is not yes), so no user can send through it"),
    )
    .evidence(shown(service))
    .why(text!("mail of your users is refused with Relay access denied, or taken from anybody"));
    let asks = [("smtpd_sasl_auth_enable", "yes".to_owned())];
    match facts.settings(postfix, service) {
        Some(lacking) => with_settings(finding, postfix, &id, &lacking, &asks),
        None => finding.advice(nobody_known()),
    }
}

fn shown(service: &Service) -> String {
    format!(
        "{}: {} {}",
        service.id(),
        service.command,
        service.arguments
    )
}

/// Passwords that may be sent without TLS.
fn in_the_clear(postfix: &Postfix, service: &Service) -> Option<Finding> {
    let id = service.id();
    let level = postfix
        .value_for(service, "smtpd_tls_security_level")
        .unwrap_or_default();
    let wrapped = yes(postfix, service, "smtpd_tls_wrappermode");
    let safe = wrapped
        || level == "encrypt"
        || yes(postfix, service, "smtpd_enforce_tls")
        || yes(postfix, service, "smtpd_tls_auth_only");
    let port = service.name.rsplit(':').next().unwrap_or_default();
    if WRAPPED.contains(&port) && !wrapped {
        return Some(
            Finding::fail(
                codes::SUBMISSION_NOT_WRAPPED,
                id.clone(),
                text!("{id} does not begin with TLS as port 465 must (smtpd_tls_wrappermode): mail programs hang"),
            )
            .evidence(shown(service))
            .command(format!(
                "{} -P {}",
                postfix.postconf(),
                quoted(&format!("{id}/smtpd_tls_wrappermode=yes"))
            ))
            .command(postfix.reload()),
        );
    }
    if safe {
        return None;
    }
    let finding = Finding::fail(
        codes::SUBMISSION_AUTH_IN_CLEAR,
        id.clone(),
        text!("{id} takes passwords without TLS (smtpd_tls_auth_only is not yes)"),
    )
    .evidence(format!("{id}: smtpd_tls_security_level = {level}"))
    .evidence(shown(service))
    .why(text!(
        "whoever listens on the way learns the password and sends spam with your signature"
    ));
    if !has_certificate(postfix, service) {
        return Some(finding.advice(no_certificate()));
    }
    let auth_only = [("smtpd_tls_auth_only", "yes".to_owned())];
    if PLAIN.contains(&port) {
        let encrypt = [("smtpd_tls_security_level", "encrypt".to_owned())];
        return Some(with_settings(finding, postfix, &id, &encrypt, &auth_only));
    }
    let own = service.overrides.contains_key("smtpd_tls_auth_only");
    Some(match own {
        true => with_settings(finding, postfix, &id, &auth_only, &[]),
        false => {
            let change = Change::Main {
                parameter: "smtpd_tls_auth_only".to_owned(),
                value: "yes".to_owned(),
            };
            finding
                .command(change.command(postfix))
                .command(postfix.reload())
        }
    })
}

fn binds_senders(postfix: &Postfix, service: &Service) -> bool {
    let lists = postfix
        .main
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("smtpd_") && name.ends_with("_restrictions"));
    let own = service.overrides.keys().map(String::as_str);
    lists
        .chain(own.filter(|name| name.ends_with("_restrictions")))
        .filter_map(|name| postfix.value_for(service, name))
        .any(|list| words(list).iter().any(|word| BINDING.contains(word)))
}

/// A signature vouches for the user, so nobody should write in the name of another.
fn unbound_senders(postfix: &Postfix, service: &Service) -> Finding {
    const PARAMETER: &str = "smtpd_sender_restrictions";
    let id = service.id();
    let finding = Finding::info(
        codes::SUBMISSION_SENDER_NOT_BOUND,
        id.clone(),
        text!("every user of {id} may send in the name of any other, with your signature"),
    )
    .why(text!(
        "with several users or customers, one stolen password signs for all"
    ));
    let named = postfix.value_for(service, "smtpd_sender_login_maps");
    // Without the map nobody would own any address, and nobody could send.
    if named.is_none_or(str::is_empty) {
        return finding.advice(text!("name in a table who may send as whom, set smtpd_sender_login_maps to it, and run doctor \
             again; {BOUND} in {PARAMETER} then holds everybody to it"));
    }
    let old = service.written.get(PARAMETER).map_or("", String::as_str);
    let words = words(old);
    let list: Vec<_> = std::iter::once(BOUND)
        .chain(words.iter().copied())
        .collect();
    let parts = old
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .count();
    // A restriction with an argument has a blank, which postconf -P does not take.
    match parts == words.len() {
        true => with_settings(finding, postfix, &id, &[(PARAMETER, list.join(","))], &[]),
        false => finding.advice(text!(
            "put {BOUND} in front of the {PARAMETER} of {id} in master.cf"
        )),
    }
}

#[cfg(test)]
mod tests;
