//! Whether every way that mail takes leads past our server, and none past it twice.

use std::path::Path;

use super::wiring::{Caller, Fit, Role, misspelt, ours};
use crate::{
    doctor::finding::Finding,
    postfix::{Postfix, main_cf::words, milters::Milter},
    socket::SocketSpec,
    text,
    text::Text,
};

/// Judges all ways together.
pub(super) fn judge(
    postfix: &Postfix,
    callers: &[Caller<'_>],
    socket: Option<&SocketSpec>,
    signs: bool,
) -> Vec<Finding> {
    let queue = postfix.queue_directory();
    let has = |caller: &Caller<'_>| ours(caller.used(), queue, socket).is_some();
    let wanted = wanted_address(callers, queue, socket);
    let mut findings: Vec<_> = callers.iter().flat_map(|caller| spelling(caller)).collect();
    findings.dedup_by(|one, other| one.evidence == other.evidence);
    let of = |role| callers.iter().filter(move |caller| caller.role == role);
    let entrances = || of(Role::Arriving).chain(of(Role::Submission));
    if !entrances().any(has) && !of(Role::Reinjection).any(has) {
        findings.push(not_configured(postfix, &wanted));
        return findings;
    }
    let later = of(Role::Reinjection).any(has);
    if !later {
        let missing = of(Role::Submission).filter(|caller| !has(caller));
        findings.extend(missing.map(|caller| service_without(caller, &wanted, signs)));
        let missing = of(Role::Arriving).filter(|caller| !has(caller));
        findings.extend(missing.map(port_without));
    }
    if signs && !later && !of(Role::Local).any(has) {
        findings.push(local_unsigned(postfix, &wanted));
    }
    if signs {
        findings.extend(
            callers
                .iter()
                .find_map(|caller| named_twice(caller, queue, socket)),
        );
    }
    if signs && entrances().any(has) {
        findings.extend(
            of(Role::Reinjection)
                .filter(|caller| has(caller))
                .map(twice),
        );
    }
    findings.extend(disabled_for_clients(postfix));
    findings
}

/// The address that other services use, or else the one that goes with the configuration.
fn wanted_address(callers: &[Caller<'_>], queue: &Path, socket: Option<&SocketSpec>) -> String {
    let used = callers
        .iter()
        .filter_map(|caller| ours(caller.used(), queue, socket))
        .find(|(_, fit)| *fit == Fit::Ours);
    if let Some((milter, _)) = used {
        return milter.written.clone();
    }
    match socket {
        Some(SocketSpec::Unix(path)) => {
            let path = path.strip_prefix(queue).unwrap_or(path);
            format!("unix:{}", path.display())
        }
        Some(SocketSpec::Inet { host, port }) => {
            format!("inet:{}:{port}", host.as_deref().unwrap_or("127.0.0.1"))
        }
        Some(SocketSpec::Inet6 { host, port }) => {
            format!("inet:[{}]:{port}", host.as_deref().unwrap_or("::1"))
        }
        _ => "unix:opendkim/opendkim.sock".to_owned(),
    }
}

fn spelling(caller: &Caller<'_>) -> Vec<Finding> {
    let finding = |filter| {
        let right = misspelt(filter)?;
        let (parameter, written) = (caller.parameter, &filter.written);
        let value = caller.list_with(filter, &right);
        let finding = Finding::fail(
            "milter-address-spelling",
            parameter,
            text!(
                "Postfix does not understand the address {written}; it writes host before port, and unix: before a path",
                "Postfix no entiende la dirección {written}: en Postfix el host va antes del puerto, y unix: delante de una ruta"
            ),
        );
        Some(
            finding
                .evidence(format!("{parameter} = {written}"))
                .command(caller.command(&value))
                .command("postfix reload"),
        )
    };
    caller.filters.iter().filter_map(finding).collect()
}

fn unsigned() -> Text {
    text!(
        "mail that takes this way is not signed; Gmail, Yahoo and Microsoft refuse unsigned bulk mail",
        "el correo que pasa por aquí sale sin firmar; Gmail, Yahoo y Microsoft rechazan los envíos masivos sin firma"
    )
}

fn not_configured(postfix: &Postfix, wanted: &str) -> Finding {
    let value = postfix.main.value("smtpd_milters");
    let list = joined(value, wanted);
    Finding::fail(
        "milter-not-configured",
        "smtpd_milters",
        text!(
            "Postfix does not hand any mail to dkimd: smtpd_milters does not name its socket",
            "Postfix no entrega ningún correo a dkimd: smtpd_milters no nombra su socket"
        ),
    )
    .evidence(format!("smtpd_milters = {value}"))
    .why(unsigned())
    .command(format!(
        "postconf -e 'smtpd_milters = {list}' 'non_smtpd_milters = $smtpd_milters'"
    ))
    .command("postfix reload")
}

fn joined(list: &str, more: &str) -> String {
    match list.is_empty() {
        true => more.to_owned(),
        false => format!("{list}, {more}"),
    }
}

fn service_without(caller: &Caller<'_>, wanted: &str, signs: bool) -> Finding {
    let id = caller.service.id();
    let what = text!(
        "the service {id} does not hand its mail to dkimd",
        "el servicio {id} no entrega su correo a dkimd"
    );
    let finding = match signs {
        true => Finding::fail("milter-service-without", id.clone(), what).why(unsigned()),
        false => Finding::info("milter-service-without", id.clone(), what),
    };
    let finding = finding.evidence(evidence(caller));
    let finding = match caller.switched_off {
        true => finding.command(format!("postconf -PX '{id}/receive_override_options'")),
        false if caller.service.overrides.contains_key(caller.parameter) => {
            match caller.filters.is_empty() {
                true => finding.command(format!("postconf -PX '{id}/{}'", caller.parameter)),
                false => {
                    let written: Vec<_> =
                        caller.filters.iter().map(|f| f.written.as_str()).collect();
                    finding.command(caller.command(&joined(&written.join(", "), wanted)))
                }
            }
        }
        false => finding.command(caller.command(wanted)),
    };
    finding.command("postfix reload")
}

fn evidence(caller: &Caller<'_>) -> String {
    let id = caller.service.id();
    match (
        caller.switched_off,
        caller.service.overrides.get(caller.parameter),
    ) {
        (true, _) => format!("{id}: receive_override_options = … no_milters …"),
        (false, Some(value)) => format!("master.cf: {id}: -o {}={value}", caller.parameter),
        (false, None) => {
            let written: Vec<_> = caller.filters.iter().map(|f| f.written.as_str()).collect();
            format!("main.cf: {} = {}", caller.parameter, written.join(", "))
        }
    }
}

/// Submission has it and port 25 not: clients in `mynetworks` are not signed, nothing is verified.
fn port_without(caller: &Caller<'_>) -> Finding {
    let id = caller.service.id();
    Finding::info(
        "milter-service-without",
        id.clone(),
        text!(
            "the service {id} does not hand its mail to dkimd: arriving mail is not verified, and clients in mynetworks are not signed",
            "el servicio {id} no entrega su correo a dkimd: no se verifica el correo entrante ni se firma el de los clientes de mynetworks"
        ),
    )
    .evidence(evidence(caller))
}

fn local_unsigned(postfix: &Postfix, wanted: &str) -> Finding {
    let value = postfix.main.value("non_smtpd_milters");
    let same = postfix.main.value("smtpd_milters").contains(wanted);
    let list = match (same, value.is_empty()) {
        (true, true) => "$smtpd_milters".to_owned(),
        _ => joined(value, wanted),
    };
    Finding::fail(
        "milter-local-mail-unsigned",
        "non_smtpd_milters",
        text!(
            "mail that programs of this host send (sendmail, cron, PHP) is not signed: non_smtpd_milters does not name dkimd",
            "el correo que envían los programas de este servidor (sendmail, cron, PHP) sale sin firmar: non_smtpd_milters no nombra dkimd"
        ),
    )
    .evidence(format!("non_smtpd_milters = {value}"))
    .why(unsigned())
    .command(format!("postconf -e 'non_smtpd_milters = {list}'"))
    .command("postfix reload")
}

/// The same filter two times in one list.
fn named_twice(caller: &Caller<'_>, queue: &Path, socket: Option<&SocketSpec>) -> Option<Finding> {
    let (milter, _) = ours(caller.used(), queue, socket)?;
    let same = |filter: &&Milter| filter.endpoint == milter.endpoint;
    if caller.filters.iter().filter(same).count() < 2 {
        return None;
    }
    let mut once: Vec<&str> = Vec::new();
    for filter in &caller.filters {
        if !same(&filter) || !once.contains(&milter.written.as_str()) {
            once.push(&filter.written);
        }
    }
    let (parameter, written) = (caller.parameter, &milter.written);
    Some(
        Finding::warn(
            "milter-double-signing",
            parameter,
            text!(
                "{parameter} names {written} twice: every message is signed twice",
                "{parameter} nombra dos veces {written}: cada mensaje se firma dos veces"
            ),
        )
        .evidence(evidence(caller))
        .command(caller.command(&once.join(", ")))
        .command("postfix reload"),
    )
}

fn twice(caller: &Caller<'_>) -> Finding {
    let id = caller.service.id();
    let old = caller.service.overrides.get("receive_override_options");
    let options = joined(old.map_or("", String::as_str), "no_milters").replace(", ", ",");
    Finding::warn(
        "milter-double-signing",
        id.clone(),
        text!(
            "mail that comes back from the content filter through {id} is signed a second time",
            "el correo que vuelve del filtro de contenido por {id} se firma por segunda vez"
        ),
    )
    .evidence(evidence(caller))
    .why(text!(
        "the first signature is broken by what the filter changed, and Amazon SES refuses mail with two (554 Duplicate header)",
        "la primera firma queda rota por los cambios del filtro, y Amazon SES rechaza el correo con dos (554 Duplicate header)"
    ))
    .command(format!(
        "postconf -P '{id}/receive_override_options={options}'"
    ))
    .command("postfix reload")
}

/// `smtpd_milter_maps` may switch filters off for some clients.
fn disabled_for_clients(postfix: &Postfix) -> Option<Finding> {
    let maps = postfix
        .main
        .get("smtpd_milter_maps")
        .filter(|maps| !maps.is_empty())?;
    let files = words(maps)
        .into_iter()
        .filter_map(|map| map.split_once(":/"))
        .map(|(_, path)| format!("/{path}"));
    let disabling = files.filter_map(|path| {
        let text = std::fs::read_to_string(&path).ok()?;
        let (number, line) = text
            .lines()
            .enumerate()
            .find(|(_, line)| !line.starts_with('#') && line.contains("DISABLE"))?;
        Some(format!("{path}:{}: {line}", number + 1))
    });
    let lines: Vec<_> = disabling.collect();
    if lines.is_empty() && !maps.contains("DISABLE") {
        return None;
    }
    let finding = Finding::warn(
        "milter-disabled-for-clients",
        "smtpd_milter_maps",
        text!(
            "smtpd_milter_maps switches the filters off for some clients: their mail is not signed",
            "smtpd_milter_maps desactiva los filtros para algunos clientes: su correo sale sin firmar"
        ),
    )
    .evidence(format!("smtpd_milter_maps = {maps}"));
    let finding = lines.into_iter().fold(finding, Finding::evidence);
    Some(finding.advice(text!(
        "leave clients whose mail is to be signed out of the table",
        "quite de la tabla a los clientes cuyo correo deba firmarse"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{
        checks::milter::wiring::callers,
        finding::{Fix, Level},
    };

    const MASTER: &str = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n\
                          127.0.0.1:10025 inet n - n - - smtpd\ncleanup unix n - y - 0 cleanup\n";
    const BOTH: &str = "smtpd_milters = unix:opendkim/opendkim.sock\n\
                        non_smtpd_milters = unix:opendkim/opendkim.sock\nmynetworks = 127.0.0.0/8\n";
    const QUIET: &str = "127.0.0.1:10025/inet/receive_override_options = no_milters\n";

    fn judged(main: &str, overrides: &str) -> Vec<Finding> {
        let postfix = Postfix::of_texts(main, MASTER, overrides);
        let socket = SocketSpec::parse("local:/var/spool/postfix/opendkim/opendkim.sock").ok();
        judge(&postfix, &callers(&postfix), socket.as_ref(), true)
    }

    fn codes(main: &str, overrides: &str) -> Vec<&'static str> {
        judged(main, overrides)
            .iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn a_server_that_is_wired_well_gives_no_finding() {
        assert_eq!(judged(BOTH, QUIET), []);
    }

    #[test]
    fn each_way_past_the_filter_is_named() {
        assert_eq!(codes("smtpd_milters =\n", QUIET), ["milter-not-configured"]);
        let local = BOTH.replace(
            "non_smtpd_milters = unix:opendkim/opendkim.sock",
            "non_smtpd_milters =",
        );
        assert_eq!(codes(&local, QUIET), ["milter-local-mail-unsigned"]);
        let submission = format!("{QUIET}submission/inet/smtpd_milters =\n");
        let found = judged(BOTH, &submission);
        assert_eq!(
            (found[0].code, found[0].level),
            ("milter-service-without", Level::Fail)
        );
        assert_eq!(
            found[0].fix[0],
            Fix::Command("postconf -PX 'submission/inet/smtpd_milters'".to_owned())
        );
    }

    #[test]
    fn a_filter_on_both_sides_of_a_content_filter_signs_twice() {
        let found = judged(
            BOTH,
            "127.0.0.1:10025/inet/receive_override_options = no_address_mappings\n",
        );
        assert_eq!(found[0].code, "milter-double-signing");
        assert_eq!(
            found[0].fix[0],
            Fix::Command(
                "postconf -P '127.0.0.1:10025/inet/receive_override_options=no_address_mappings,no_milters'".to_owned()
            )
        );
    }

    #[test]
    fn a_filter_that_stands_twice_in_a_list_is_named() {
        let main = BOTH.replacen(
            "unix:opendkim/opendkim.sock",
            "unix:opendkim/opendkim.sock unix:opendkim/opendkim.sock",
            1,
        );
        let found = judged(&main, QUIET);
        assert_eq!(found[0].code, "milter-double-signing");
        assert_eq!(
            found[0].fix[0],
            Fix::Command("postconf -e 'smtpd_milters = unix:opendkim/opendkim.sock'".to_owned())
        );
    }

    #[test]
    fn signing_after_the_content_filter_alone_is_right() {
        let overrides = "127.0.0.1:10025/inet/smtpd_milters = unix:opendkim/opendkim.sock\n";
        assert_eq!(
            codes("smtpd_milters =\nmynetworks = 127.0.0.0/8\n", overrides),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn port_25_alone_without_the_filter_is_only_told() {
        let found = judged(BOTH, &format!("{QUIET}smtp/inet/smtpd_milters =\n"));
        assert_eq!((found.len(), found[0].level), (1, Level::Info));
    }

    #[test]
    fn opendkims_spelling_is_named_with_the_right_one() {
        let main = BOTH.replace("unix:opendkim/opendkim.sock", "inet:8891@localhost");
        let found = judged(&main, QUIET);
        assert_eq!(found[0].code, "milter-address-spelling");
        assert_eq!(
            found[0].fix[0],
            Fix::Command("postconf -e 'smtpd_milters = inet:localhost:8891'".to_owned())
        );
    }
}
