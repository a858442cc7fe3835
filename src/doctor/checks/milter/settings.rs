//! How Postfix treats its filters: what it does without them, which protocol it speaks, how long
//! it waits, what it tells them.

use std::time::Duration;

use super::wiring::{Caller, Role, ours};
use crate::{
    config::snapshot::Snapshot,
    dns::MESSAGE_DEADLINE,
    doctor::finding::Finding,
    postfix::{Postfix, main_cf::time, milters::Milter},
    socket::SocketSpec,
    text,
};

/// The protocol that our server speaks best.
const PROTOCOL: u32 = 6;
/// What Postfix does unless told otherwise.
const USUAL_ACTION: &str = "tempfail";
/// What our server reads of what Postfix tells, and where Postfix tells it.
const MACROS: [(&str, &str); 2] = [
    ("milter_mail_macros", "{auth_type}"),
    ("milter_connect_macros", "{daemon_name}"),
];

/// What Postfix does with a caller's mail when this filter is away.
pub(super) fn default_action(postfix: &Postfix, caller: &Caller<'_>, milter: &Milter) -> String {
    milter
        .settings
        .get("default_action")
        .map(String::as_str)
        .or_else(|| postfix.value_for(caller.service, "milter_default_action"))
        .filter(|action| !action.is_empty())
        .unwrap_or(USUAL_ACTION)
        .to_owned()
}

/// Judges all settings.
pub(super) fn judge(
    postfix: &Postfix,
    callers: &[Caller<'_>],
    socket: Option<&SocketSpec>,
    server: Option<&Snapshot>,
) -> Vec<Finding> {
    let queue = postfix.queue_directory();
    let pairs: Vec<_> = callers
        .iter()
        .filter_map(|caller| Some((caller, ours(caller.used(), queue, socket)?.0)))
        .collect();
    let Some((first, milter)) = pairs.first() else {
        return Vec::new();
    };
    let signs = server.is_none_or(|server| server.settings.decision.mode.sign);
    let verifies = server.is_none_or(|server| server.settings.decision.mode.verify);
    let mut findings = Vec::new();
    if signs {
        let weak = pairs
            .iter()
            .find(|(caller, milter)| default_action(postfix, caller, milter) != USUAL_ACTION);
        findings.extend(weak.and_then(|(caller, milter)| action(postfix, caller, milter)));
    }
    findings.extend(protocol(postfix, first, milter));
    if verifies {
        findings.extend(patience(postfix, first, milter));
    }
    if signs && pairs.iter().any(|(caller, _)| caller.role != Role::Local) {
        findings.extend(macros(postfix, server));
        findings.extend(daemon_names(postfix, callers, server));
    }
    findings
}

/// A setting of the filter's own in braces, of its service, or of `main.cf`.
fn setting<'a>(
    postfix: &'a Postfix,
    caller: &'a Caller<'_>,
    milter: &'a Milter,
    own: &str,
    parameter: &str,
) -> &'a str {
    let own = milter.settings.get(own).map(String::as_str);
    own.or_else(|| postfix.value_for(caller.service, parameter))
        .unwrap_or_default()
}

fn action(postfix: &Postfix, caller: &Caller<'_>, milter: &Milter) -> Option<Finding> {
    let action = default_action(postfix, caller, milter);
    let what = match action.as_str() {
        "accept" => text!(
            "whenever dkimd is away, Postfix sends mail unsigned: milter_default_action = accept",
            "cuando dkimd no responde, Postfix envía el correo sin firmar: milter_default_action = accept"
        ),
        "reject" | "shutdown" => text!(
            "whenever dkimd is away, Postfix refuses mail for good: milter_default_action = {action}",
            "cuando dkimd no responde, Postfix rechaza el correo definitivamente: milter_default_action = {action}"
        ),
        _ => return None,
    };
    let parameter = match milter.settings.contains_key("default_action") {
        true => caller.parameter,
        false => "milter_default_action",
    };
    let endpoint = milter
        .written
        .trim_start_matches(['{', ' '])
        .split([',', ' '])
        .next()
        .unwrap_or_default();
    let others = caller.used().len() > 1 || parameter != "milter_default_action";
    let command = match others {
        // The other filters keep what they have.
        true => caller.command(&caller.list_with(
            milter,
            &format!("{{ {endpoint}, default_action=tempfail }}"),
        )),
        false => "postconf -e 'milter_default_action = tempfail'".to_owned(),
    };
    Some(
        Finding::warn("milter-default-action", parameter, what)
            .evidence(format!("{}: {}", caller.service.id(), milter.written))
            .evidence(format!("milter_default_action = {action}"))
            .why(text!(
                "a signature that is missing now and then costs reputation, and nobody notices; with tempfail mail waits at its sender until dkimd is back",
                "una firma que falta de vez en cuando cuesta reputación y nadie lo nota; con tempfail el correo espera en su origen hasta que dkimd vuelve"
            ))
            .command(command)
            .command("postfix reload"),
    )
}

fn protocol(postfix: &Postfix, caller: &Caller<'_>, milter: &Milter) -> Option<Finding> {
    let written = setting(postfix, caller, milter, "protocol", "milter_protocol");
    let version: u32 = written.split_whitespace().next()?.parse().ok()?;
    (version < PROTOCOL).then(|| {
        Finding::warn(
            "milter-protocol-old",
            "milter_protocol",
            text!(
                "Postfix speaks version {version} of the milter protocol to dkimd",
                "Postfix habla con dkimd la versión {version} del protocolo milter"
            ),
        )
        .evidence(format!("milter_protocol = {written}"))
        .why(text!(
            "before version 6 white space at the beginning of header values gets lost, and signatures with a simple header break",
            "antes de la versión 6 se pierden los espacios iniciales de las cabeceras y se rompen las firmas con cabecera simple"
        ))
        .command("postconf -e 'milter_protocol = 6'")
        .command("postfix reload")
    })
}

/// Our answers wait for DNS while mail is verified.
fn patience(postfix: &Postfix, caller: &Caller<'_>, milter: &Milter) -> Option<Finding> {
    let deadline = MESSAGE_DEADLINE.as_secs();
    ["command_timeout", "content_timeout"].iter().find_map(|own| {
        let parameter = format!("milter_{own}");
        let written = setting(postfix, caller, milter, own, &parameter);
        let given = time(written)?;
        (given <= MESSAGE_DEADLINE && given > Duration::ZERO).then(|| {
            Finding::warn(
                "milter-timeout-short",
                parameter.clone(),
                text!(
                    "Postfix waits only {written} for dkimd, which may wait {deadline} s for DNS",
                    "Postfix espera a dkimd solo {written}, y dkimd puede esperar {deadline} s al DNS"
                ),
            )
            .evidence(format!("{parameter} = {written}"))
            .why(text!(
                "when DNS is slow, Postfix gives dkimd up and defers the message",
                "cuando el DNS va lento, Postfix da a dkimd por perdido y aplaza el mensaje"
            ))
            .command(format!("postconf -# {parameter}"))
            .command("postfix reload")
        })
    })
}

/// What Postfix would have to tell and was told to keep to itself.
fn macros(postfix: &Postfix, server: Option<&Snapshot>) -> Option<Finding> {
    let by_name = server.is_some_and(|server| !server.mta_names.is_empty());
    let needed = MACROS
        .iter()
        .filter(|(_, name)| *name != "{daemon_name}" || by_name);
    let mut missing = needed.filter(|(parameter, name)| {
        postfix
            .main
            .get(parameter)
            .is_some_and(|list| !list.contains(name))
    });
    let (parameter, name) = missing.next()?;
    let value = postfix.main.value(parameter);
    Some(
        Finding::fail(
            "milter-macro-missing",
            *parameter,
            text!(
                "Postfix does not tell dkimd the macro {name}, by which it knows mail of your users",
                "Postfix no comunica a dkimd la macro {name}, con la que reconoce el correo de sus usuarios"
            ),
        )
        .evidence(format!("{parameter} = {value}"))
        .why(text!(
            "mail of authenticated users counts as a stranger's and is not signed",
            "el correo de los usuarios autenticados pasa por ajeno y no se firma"
        ))
        .command(format!("postconf -# {parameter}"))
        .command("postfix reload"),
    )
}

/// MTA must name the daemons of our users, and not the one of the world.
fn daemon_names(
    postfix: &Postfix,
    callers: &[Caller<'_>],
    server: Option<&Snapshot>,
) -> Vec<Finding> {
    let names = server.map_or(&[][..], |server| &server.mta_names);
    if names.is_empty() {
        return Vec::new();
    }
    let name_of = |caller: &Caller<'_>| {
        let name = postfix.value_for(caller.service, "milter_macro_daemon_name");
        name.unwrap_or_default().to_owned()
    };
    let listed = |caller: &&Caller<'_>| names.contains(&name_of(caller));
    let of = |role| callers.iter().filter(move |caller| caller.role == role);
    let mut findings = Vec::new();
    let shown = names.join(", ");
    if let Some(open) = of(Role::Arriving).find(listed) {
        let (id, name) = (open.service.id(), name_of(open));
        findings.push(
            Finding::fail(
                "milter-signs-strangers",
                id.clone(),
                text!(
                    "MTA names {name}, the daemon of {id}: mail of strangers that forges your domain gets your signature",
                    "MTA nombra {name}, el demonio de {id}: el correo ajeno que falsifica su dominio recibe su firma"
                ),
            )
            .evidence(format!("MTA {shown}"))
            .evidence(format!("{id}: milter_macro_daemon_name = {name}"))
            .command("postconf -P 'submission/inet/milter_macro_daemon_name=ORIGINATING'")
            .advice(text!(
                "write MTA ORIGINATING in opendkim.conf",
                "escriba MTA ORIGINATING en opendkim.conf"
            )),
        );
    } else if !callers.iter().any(|caller| listed(&caller)) {
        let first = names.first().map_or("ORIGINATING", String::as_str);
        findings.push(
            Finding::warn(
                "milter-daemon-name",
                "milter_macro_daemon_name",
                text!(
                    "MTA names {shown}, but no service of Postfix goes by that name",
                    "MTA nombra {shown}, pero ningún servicio de Postfix lleva ese nombre"
                ),
            )
            .evidence(format!("MTA {shown}"))
            .command(format!(
                "postconf -P 'submission/inet/milter_macro_daemon_name={first}'"
            ))
            .command("postfix reload"),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::resolve::Overrides,
        doctor::{checks::milter::wiring::callers, finding::Fix},
    };

    const MASTER: &str = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n\
                          cleanup unix n - y - 0 cleanup\n";

    fn judged(main: &str, overrides: &str, options: &[(&'static str, &str)]) -> Vec<Finding> {
        let main = format!("smtpd_milters = unix:opendkim/o.sock\n{main}");
        let postfix = Postfix::of_texts(&main, MASTER, overrides);
        let options = options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let overrides = Overrides {
            options: options.collect(),
        };
        let (server, _) = Snapshot::load(None, &overrides);
        judge(&postfix, &callers(&postfix), None, server.as_ref())
    }

    fn codes(main: &str, overrides: &str, options: &[(&'static str, &str)]) -> Vec<&'static str> {
        judged(main, overrides, options)
            .iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn postfixs_own_defaults_are_fine() {
        let defaults = "milter_default_action = tempfail\nmilter_protocol = 6\nmilter_command_timeout = 30s\n\
                        milter_content_timeout = 300s\nmilter_connect_macros = j {daemon_name} {daemon_addr} v _\n\
                        milter_mail_macros = i {auth_type} {auth_authen} {auth_author} {mail_addr}\n";
        assert_eq!(judged(defaults, "", &[]), []);
    }

    #[test]
    fn accept_is_a_warning_unless_the_filter_has_an_action_of_its_own() {
        assert_eq!(
            codes("milter_default_action = accept\n", "", &[]),
            ["milter-default-action"]
        );
        let own = "smtpd_milters = { unix:opendkim/o.sock, default_action=tempfail }\nmilter_default_action = accept\n";
        assert_eq!(codes(own, "", &[]), Vec::<&str>::new());
        let two = "smtpd_milters = unix:opendkim/o.sock, inet:localhost:11332\nmilter_default_action = accept\n";
        assert_eq!(
            judged(two, "", &[])[0].fix[0],
            Fix::Command(
                "postconf -e 'smtpd_milters = { unix:opendkim/o.sock, default_action=tempfail }, inet:localhost:11332'".to_owned()
            )
        );
    }

    #[test]
    fn an_old_protocol_and_a_short_patience_are_named() {
        assert_eq!(
            codes("milter_protocol = 2\n", "", &[]),
            ["milter-protocol-old"]
        );
        assert_eq!(
            codes("milter_command_timeout = 10s\n", "", &[]),
            ["milter-timeout-short"]
        );
        assert_eq!(
            codes("milter_command_timeout = 10s\n", "", &[("Mode", "s")]),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn what_postfix_does_not_tell_is_named() {
        assert_eq!(
            codes("milter_mail_macros = i {mail_addr}\n", "", &[]),
            ["milter-macro-missing"]
        );
    }

    #[test]
    fn mta_must_name_the_daemon_of_our_users_and_no_other() {
        let main = "milter_macro_daemon_name = mail.example.com\n";
        let own = "submission/inet/milter_macro_daemon_name = ORIGINATING\n";
        assert_eq!(
            codes(main, own, &[("MTA", "ORIGINATING")]),
            Vec::<&str>::new()
        );
        assert_eq!(
            codes(main, "", &[("MTA", "ORIGINATING")]),
            ["milter-daemon-name"]
        );
        assert_eq!(
            codes(main, own, &[("MTA", "mail.example.com")]),
            ["milter-signs-strangers"]
        );
    }
}
