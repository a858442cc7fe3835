//! How users hand in their mail: whether there is a service for it that asks for passwords, under
//! TLS alone, and lets each user write in his own name alone.

use std::sync::Arc;

use crate::{
    doctor::{
        finding::{Finding, Report},
        host::Host,
    },
    postfix::{Postfix, Service, main_cf::words},
    text,
};

/// Services that speak TLS from the first octet on.
const WRAPPED: [&str; 3] = ["submissions", "smtps", "465"];
/// Those that begin in the clear.
const PLAIN: [&str; 2] = ["submission", "587"];
/// Restrictions that bind senders to their logins.
const BINDING: [&str; 3] = [
    "reject_sender_login_mismatch",
    "reject_authenticated_sender_login_mismatch",
    "reject_known_sender_login_mismatch",
];

/// Looks at it.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(postfix) = host.postfix() else {
        return Report::skipped(text!(
            "Postfix's settings can't be read",
            "no se pueden leer los ajustes de Postfix"
        ));
    };
    judge(postfix).into()
}

fn judge(postfix: &Postfix) -> Vec<Finding> {
    let services: Vec<_> = postfix
        .services_of("smtpd")
        .filter(|service| is_submission(service))
        .collect();
    if services.is_empty() {
        return vec![missing(postfix)];
    }
    let mut findings = Vec::new();
    for service in &services {
        match asks_passwords(postfix, service) {
            false => findings.push(no_passwords(service)),
            true => findings.extend(in_the_clear(postfix, service)),
        }
    }
    // Port 25 may take passwords, too, as in old set-ups.
    let port_25 = postfix.services_of("smtpd").filter(|service| {
        ["smtp", "25"].contains(&service.name.as_str()) && asks_passwords(postfix, service)
    });
    for service in port_25 {
        findings.extend(in_the_clear(postfix, service));
    }
    let unbound = services
        .iter()
        .find(|service| asks_passwords(postfix, service) && !binds_senders(postfix, service));
    findings.extend(unbound.map(|service| unbound_senders(service)));
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

fn missing(postfix: &Postfix) -> Finding {
    let file = postfix.directory.join("master.cf").display().to_string();
    Finding::info(
        "submission-missing",
        file.clone(),
        text!(
            "there is no submission service (ports 587 and 465): users can't send through this server from outside",
            "no hay servicio de envío (puertos 587 y 465): los usuarios no pueden enviar por este servidor desde fuera"
        ),
    )
    .setting(file, "submission inet n - y - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes -o milter_macro_daemon_name=ORIGINATING")
    .command("postfix reload")
}

fn no_passwords(service: &Service) -> Finding {
    let id = service.id();
    Finding::fail(
        "submission-no-sasl",
        id.clone(),
        text!(
            "{id} does not ask for a password (smtpd_sasl_auth_enable is not yes), so no user can send through it",
            "{id} no pide contraseña (smtpd_sasl_auth_enable no es yes), así que ningún usuario puede enviar por él"
        ),
    )
    .evidence(shown(service))
    .why(text!(
        "mail of your users is refused with Relay access denied, or taken from anybody",
        "el correo de sus usuarios se rechaza con Relay access denied, o se acepta de cualquiera"
    ))
    .command(format!("postconf -P '{id}/smtpd_sasl_auth_enable=yes'"))
    .command("postfix reload")
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
                "submission-not-wrapped",
                id.clone(),
                text!(
                    "{id} does not begin with TLS as port 465 must (smtpd_tls_wrappermode): mail programs hang",
                    "{id} no empieza con TLS como debe el puerto 465 (smtpd_tls_wrappermode): los programas de correo se quedan colgados"
                ),
            )
            .evidence(shown(service))
            .command(format!("postconf -P '{id}/smtpd_tls_wrappermode=yes'"))
            .command("postfix reload"),
        );
    }
    if safe {
        return None;
    }
    Some(
        Finding::fail(
            "submission-auth-in-clear",
            id.clone(),
            text!(
                "{id} takes passwords without TLS (smtpd_tls_auth_only is not yes)",
                "{id} acepta contraseñas sin TLS (smtpd_tls_auth_only no es yes)"
            ),
        )
        .evidence(format!("{id}: smtpd_tls_security_level = {level}"))
        .evidence(shown(service))
        .why(text!(
            "whoever listens on the way learns the password and sends spam with your signature",
            "quien escuche por el camino obtiene la contraseña y envía spam con la firma de usted"
        ))
        .command(match PLAIN.contains(&port) {
            true => format!(
                "postconf -P '{id}/smtpd_tls_security_level=encrypt' '{id}/smtpd_tls_auth_only=yes'"
            ),
            false => "postconf -e 'smtpd_tls_auth_only = yes'".to_owned(),
        })
        .command("postfix reload"),
    )
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
fn unbound_senders(service: &Service) -> Finding {
    let id = service.id();
    Finding::info(
        "submission-sender-not-bound",
        id.clone(),
        text!(
            "every user of {id} may send in the name of any other, with your signature",
            "cualquier usuario de {id} puede enviar en nombre de otro, con la firma de usted"
        ),
    )
    .why(text!(
        "with several users or customers, one stolen password signs for all",
        "con varios usuarios o clientes, una contraseña robada firma por todos"
    ))
    .command(format!(
        "postconf -P '{id}/smtpd_sender_restrictions=reject_sender_login_mismatch'"
    ))
    .advice(text!(
        "name in smtpd_sender_login_maps who may send as whom",
        "ponga en smtpd_sender_login_maps quién puede enviar como quién"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    const MASTER: &str = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n";
    const GOOD: &str = "submission/inet/smtpd_sasl_auth_enable = yes\nsubmission/inet/smtpd_tls_security_level = encrypt\n\
                        submission/inet/smtpd_sender_restrictions = reject_sender_login_mismatch\n";

    fn found(main: &str, master: &str, overrides: &str) -> Vec<(&'static str, Level)> {
        let findings = judge(&Postfix::of_texts(main, master, overrides));
        findings
            .iter()
            .map(|finding| (finding.code, finding.level))
            .collect()
    }

    #[test]
    fn a_usual_submission_service_gives_no_finding() {
        assert_eq!(found("smtpd_tls_security_level = may\n", MASTER, GOOD), []);
        let wrapped = GOOD
            .replace("submission/", "submissions/")
            .replace("security_level = encrypt", "wrappermode = yes");
        assert_eq!(
            found("", &MASTER.replace("submission", "submissions"), &wrapped),
            []
        );
    }

    #[test]
    fn what_a_service_lacks_is_named() {
        let without = |line: &str| {
            GOOD.lines()
                .filter(|known| !known.contains(line))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(
            found("", MASTER, &without("sasl")),
            [("submission-no-sasl", Level::Fail)]
        );
        assert_eq!(
            found("", MASTER, &without("tls")),
            [("submission-auth-in-clear", Level::Fail)]
        );
        assert_eq!(
            found("", MASTER, &without("mismatch")),
            [("submission-sender-not-bound", Level::Info)]
        );
        assert_eq!(
            found(
                "smtpd_tls_auth_only = yes\n",
                &MASTER.replace("submission", "smtps"),
                &GOOD.replace("submission/", "smtps/")
            ),
            [("submission-not-wrapped", Level::Fail)]
        );
    }

    #[test]
    fn passwords_on_port_25_want_tls_as_well() {
        let main = "smtpd_sasl_auth_enable = yes\n";
        assert_eq!(
            found(main, MASTER, GOOD),
            [("submission-auth-in-clear", Level::Fail)]
        );
    }

    #[test]
    fn no_submission_service_is_only_told() {
        assert_eq!(
            found("", "smtp inet n - y - - smtpd\n", ""),
            [("submission-missing", Level::Info)]
        );
    }
}
