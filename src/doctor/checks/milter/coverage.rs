//! Whether every way that mail takes leads past our server, and none past it twice.

use super::{
    place::{ListPlace, Site},
    remedy::{Edit, How, Mended},
    wiring::{Caller, Fit, Role},
};
use crate::codes;
use dkimd_advice::{Finding, text, text::Text};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::{
    Postfix,
    change::Change,
    main_cf::words,
    milters::{Milter, endpoint_of, items},
};

/// What keeps a service from its filters.
const OFF: &str = "no_milters";
/// Where it stands.
const OPTIONS: &str = "receive_override_options";

/// Judges all ways together.
pub(super) fn judge(site: &Site<'_>, callers: &[Caller<'_>], signs: bool) -> Vec<Mended> {
    let has = |caller: &Caller<'_>| site.ours(caller.used()).is_some();
    let of = |role| callers.iter().filter(move |caller| caller.role == role);
    let entrances = || of(Role::Arriving).chain(of(Role::Submission));
    let mut findings = Vec::new();
    if !entrances().any(has) && !of(Role::Reinjection).any(has) {
        findings.push(not_configured(site, callers));
        return findings;
    }
    let later = of(Role::Reinjection).any(has);
    if !later {
        let missing = of(Role::Submission).filter(|caller| !has(caller));
        findings.extend(missing.map(|caller| service_without(site, callers, caller, signs)));
        let missing = of(Role::Arriving).filter(|caller| !has(caller));
        findings.extend(missing.map(|caller| port_without(caller).into()));
    }
    if signs && !later && !of(Role::Local).any(has) {
        findings.push(local_unsigned(site, callers));
    }
    if signs {
        findings.extend(callers.iter().find_map(|caller| named_twice(site, caller)));
    }
    if signs && entrances().any(has) {
        findings.extend(
            of(Role::Reinjection)
                .filter(|caller| has(caller))
                .map(|caller| twice(site.postfix, caller)),
        );
    }
    findings.extend(disabled_for_clients(site.postfix).map(Mended::from));
    findings
}

/// The address that other services use, or else the one that leads to our server.
fn wanted_address(site: &Site<'_>, callers: &[Caller<'_>], chroot: bool) -> Option<String> {
    let used = callers
        .iter()
        .filter_map(|caller| Some((site.ours(caller.used())?, caller.service.chroot)))
        .find(|((milter, fit), inside)| {
            // What the one finds, the other may not.
            *fit == Fit::Ours && site.is_seen(milter, *inside) && site.is_seen(milter, chroot)
        });
    match used {
        Some(((milter, _), _)) => Some(milter.written.clone()),
        None => site.address(chroot),
    }
}

fn unsigned() -> Text {
    text!(
        "mail that takes this way is not signed; Gmail, Yahoo and Microsoft refuse unsigned bulk mail"
    )
}

fn not_configured(site: &Site<'_>, callers: &[Caller<'_>]) -> Mended {
    let value = site.postfix.main.value("smtpd_milters");
    let finding = Finding::fail(
        codes::MILTER_NOT_CONFIGURED,
        "smtpd_milters",
        text!("Postfix does not hand any mail to dkimd: smtpd_milters does not name its socket"),
    )
    .evidence(format!("smtpd_milters = {value}"))
    .why(unsigned());
    let of_role = |role| callers.iter().filter(move |caller| caller.role == role);
    let all: Vec<_> = of_role(Role::Arriving)
        .chain(of_role(Role::Submission))
        .collect();
    // Where others use their filters, whoever was told not to is meant to be without.
    let is_meant = |caller: &&&Caller<'_>| !caller.switched_off || caller.role == Role::Submission;
    let open: Vec<_> = all.iter().filter(is_meant).copied().collect();
    let entrances = if open.is_empty() { all } else { open };
    let local: Vec<_> = of_role(Role::Local).collect();
    let chroot = entrances
        .iter()
        .chain(&local)
        .any(|caller| caller.service.chroot);
    let plain = finding.clone();
    let Some((mut mended, wanted)) = reaching(site, callers, chroot, finding) else {
        return unknown_address(plain);
    };
    for caller in entrances {
        mended = named(mended, site.postfix, caller, &wanted);
    }
    // Local mail takes the same list where it has none of its own.
    let main = site.postfix.main.value("non_smtpd_milters");
    let own = !main.is_empty() && main != value;
    for caller in local {
        let has = site.ours(caller.used()).is_some();
        let inherits = !caller.service.overrides.contains_key(caller.parameter);
        mended = match inherits && !own {
            _ if has => mended,
            true => mended.with(Edit::main(caller.parameter, "$smtpd_milters")),
            false => named(mended, site.postfix, caller, &wanted),
        };
    }
    mended
}

/// The address of our server for services that are to use it, and what makes it reachable there.
fn reaching(
    site: &Site<'_>,
    callers: &[Caller<'_>],
    chroot: bool,
    finding: Finding,
) -> Option<(Mended, String)> {
    if let Some(address) = wanted_address(site, callers, chroot) {
        return Some((finding.into(), address));
    }
    match site.socket {
        Some(SocketSpec::Unix(_)) => Some(Mended::moved_into_queue(site, finding)),
        _ => None,
    }
}

/// A service gets our server at the end of its filters.
fn named(mended: Mended, postfix: &Postfix, caller: &Caller<'_>, wanted: &str) -> Mended {
    let mended = match caller.switched_off {
        true => mended.with(switched_on(caller, postfix)),
        false => mended,
    };
    let id = caller.service.id();
    let parameter = caller.parameter;
    match caller.service.overrides.get(parameter) {
        // Taken away from it alone: what all others have is right for it, too.
        Some(own) if own.is_empty() && postfix.main.value(parameter).contains(wanted) => mended
            .with(Edit::Set(Change::Inherit {
                service: id,
                parameter: parameter.to_owned(),
            })),
        _ => {
            let place = ListPlace::of(caller, postfix);
            mended.with(Edit::List(place, How::Append(wanted.to_owned())))
        }
    }
}

/// The change that lets a service use its filters.
fn switched_on(caller: &Caller<'_>, postfix: &Postfix) -> Edit {
    let id = caller.service.id();
    let value = postfix
        .value_for(caller.service, OPTIONS)
        .unwrap_or_default();
    let kept: Vec<_> = words(value)
        .into_iter()
        .filter(|word| *word != OFF)
        .collect();
    let in_main = words(postfix.main.value(OPTIONS)).contains(&OFF);
    match caller.service.overrides.contains_key(OPTIONS) {
        true if kept.is_empty() && !in_main => Edit::Set(Change::Inherit {
            service: id,
            parameter: OPTIONS.to_owned(),
        }),
        true => Edit::service(&id, OPTIONS, &kept.join(",")),
        false => Edit::service(&id, OPTIONS, &kept.join(",")),
    }
}

fn unknown_address(finding: Finding) -> Mended {
    Mended::from(finding.advice(text!("name the server's socket in smtpd_milters and non_smtpd_milters; where it listens is not known \
         here")))
}

fn service_without(
    site: &Site<'_>,
    callers: &[Caller<'_>],
    caller: &Caller<'_>,
    signs: bool,
) -> Mended {
    let id = caller.service.id();
    let what = text!("the service {id} does not hand its mail to dkimd");
    let finding = match signs {
        true => Finding::fail(codes::MILTER_SERVICE_WITHOUT, id.clone(), what).why(unsigned()),
        false => Finding::info(codes::MILTER_SERVICE_WITHOUT, id.clone(), what),
    };
    let finding = finding.evidence(evidence(caller));
    if caller.switched_off && site.ours(&caller.filters).is_some() {
        return Mended::from(finding).with(switched_on(caller, site.postfix));
    }
    let plain = finding.clone();
    match reaching(site, callers, caller.service.chroot, finding) {
        Some((mended, wanted)) => named(mended, site.postfix, caller, &wanted),
        None => unknown_address(plain),
    }
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
        codes::MILTER_SERVICE_WITHOUT,
        id.clone(),
        text!("the service {id} does not hand its mail to dkimd: arriving mail is not verified, and clients in mynetworks are not signed"),
    )
    .evidence(evidence(caller))
}

fn local_unsigned(site: &Site<'_>, callers: &[Caller<'_>]) -> Mended {
    let value = site.postfix.main.value("non_smtpd_milters");
    let finding = Finding::fail(
        codes::MILTER_LOCAL_MAIL_UNSIGNED,
        "non_smtpd_milters",
        text!("mail that programs of this host send (sendmail, cron, PHP) is not signed: non_smtpd_milters does not name dkimd"),
    )
    .evidence(format!("non_smtpd_milters = {value}"))
    .why(unsigned());
    let local: Vec<_> = callers
        .iter()
        .filter(|caller| caller.role == Role::Local)
        .collect();
    let chroot = local.iter().any(|caller| caller.service.chroot);
    let plain = finding.clone();
    let Some((mut mended, wanted)) = reaching(site, callers, chroot, finding) else {
        return unknown_address(plain);
    };
    let same = items(site.postfix.main.value("smtpd_milters")).contains(&wanted.as_str());
    for caller in local {
        let inherits = !caller.service.overrides.contains_key(caller.parameter);
        mended = match inherits && same && value.is_empty() {
            true => mended.with(Edit::main(caller.parameter, "$smtpd_milters")),
            false => named(mended, site.postfix, caller, &wanted),
        };
    }
    mended
}

/// The same filter two times in one list.
fn named_twice(site: &Site<'_>, caller: &Caller<'_>) -> Option<Mended> {
    let (milter, _) = site.ours(caller.used())?;
    let same = |filter: &&Milter| filter.endpoint == milter.endpoint;
    let all: Vec<_> = caller.filters.iter().filter(same).collect();
    let (_, more) = all.split_first().filter(|(_, more)| !more.is_empty())?;
    let place = ListPlace::of(caller, site.postfix);
    let (parameter, written) = (place.shown(), &milter.written);
    let finding = Finding::warn(
        codes::MILTER_DOUBLE_SIGNING,
        parameter.clone(),
        text!("{parameter} names {written} twice: every message is signed twice"),
    )
    .evidence(evidence(caller));
    let endpoint = endpoint_of(&milter.written).to_owned();
    // Two spellings of one address become one spelling first.
    let alike = more
        .iter()
        .filter(|other| endpoint_of(&other.written) != endpoint)
        .map(|other| {
            Edit::List(
                place.clone(),
                How::Replace(other.written.clone(), milter.written.clone()),
            )
        });
    let mended = alike.fold(Mended::from(finding), Mended::with);
    Some(mended.with(Edit::List(place.clone(), How::Once(endpoint))))
}

fn twice(postfix: &Postfix, caller: &Caller<'_>) -> Mended {
    let id = caller.service.id();
    let old = postfix
        .value_for(caller.service, OPTIONS)
        .unwrap_or_default();
    let options: Vec<_> = words(old).into_iter().chain([OFF]).collect();
    let finding = Finding::warn(
        codes::MILTER_DOUBLE_SIGNING,
        id.clone(),
        text!("mail that comes back from the content filter through {id} is signed a second time"),
    )
    .evidence(evidence(caller))
    .why(text!("the first signature is broken by what the filter changed, and Amazon SES refuses mail with two (554 Duplicate header)"));
    Mended::from(finding).with(Edit::service(&id, OPTIONS, &options.join(",")))
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
        codes::MILTER_DISABLED_FOR_CLIENTS,
        "smtpd_milter_maps",
        text!(
            "smtpd_milter_maps switches the filters off for some clients: their mail is not signed"
        ),
    )
    .evidence(format!("smtpd_milter_maps = {maps}"));
    let finding = lines.into_iter().fold(finding, Finding::evidence);
    Some(finding.advice(text!(
        "leave clients whose mail is to be signed out of the table"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::milter::{spelling, trial::Trial, wiring::callers};
    use dkimd_advice::{Fix, Level};
    use dkimd_server::decide::Mode;

    const MASTER: &str = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n\
                          127.0.0.1:10025 inet n - n - - smtpd\ncleanup unix n - y - 0 cleanup\n";
    const BOTH: &str = "smtpd_milters = unix:opendkim/opendkim.sock\n\
                        non_smtpd_milters = unix:opendkim/opendkim.sock\nmynetworks = 127.0.0.0/8\n";
    const QUIET: &str = "127.0.0.1:10025/inet/receive_override_options = no_milters\n";

    fn judged(main: &str, overrides: &str) -> Vec<Finding> {
        at(
            "local:/var/spool/postfix/opendkim/opendkim.sock",
            main,
            overrides,
        )
    }

    /// With our server's Socket.
    fn at(socket: &str, main: &str, overrides: &str) -> Vec<Finding> {
        let postfix = Postfix::from_texts(main, MASTER, overrides);
        let socket = SocketSpec::parse(socket).ok();
        let mut site = Site::new(&postfix, socket.as_ref());
        site.chroot_hosts = "127.0.0.1 localhost\n".to_owned();
        let mode = Mode {
            sign: true,
            verify: true,
        };
        let trial = Trial { mode, server: None };
        let callers = callers(&postfix);
        let mut found = spelling::judge(&site, &callers);
        if found.is_empty() {
            found = judge(&site, &callers, true);
        }
        trial.told(found, &site)
    }

    fn commands(found: &[Finding]) -> Vec<&str> {
        fn command(fix: &Fix) -> Option<&str> {
            match fix {
                Fix::Command(command) => Some(command),
                _ => None,
            }
        }
        found
            .iter()
            .flat_map(|finding| &finding.fix)
            .filter_map(command)
            .collect()
    }

    fn codes(main: &str, overrides: &str) -> Vec<&'static str> {
        judged(main, overrides)
            .iter()
            .map(|finding| finding.code.word())
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
            (found[0].code.word(), found[0].level),
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
        let found = at("inet:8891@localhost", &main, QUIET);
        assert_eq!(found[0].code, "milter-address-spelling");
        assert_eq!(
            found[0].fix[0],
            Fix::Command("postconf -e 'smtpd_milters = inet:localhost:8891'".to_owned())
        );
    }

    // The class of `doctor-remedy-for-milter-address`: a printed command leads to where Postfix finds us.
    #[test]
    fn a_list_without_us_gets_the_address_that_its_services_see() {
        let none = "smtpd_milters =\nnon_smtpd_milters =\n";
        let told = |socket: &str, main: &str, overrides: &str| {
            let found = at(socket, main, overrides);
            assert_eq!(found[0].code, "milter-not-configured");
            commands(&found).join("; ")
        };
        let inside = "local:/var/spool/postfix/opendkim/o";
        assert_eq!(
            told(inside, none, QUIET),
            "postconf -e 'smtpd_milters = unix:opendkim/o' 'non_smtpd_milters = $smtpd_milters'; \
             postfix reload"
        );
        assert_eq!(
            told("inet:8891@localhost", none, QUIET),
            "postconf -e 'smtpd_milters = inet:localhost:8891' 'non_smtpd_milters = $smtpd_milters'; \
             postfix reload"
        );
        // The chrooted services do not see it where it is: it comes to them.
        let found = at("local:/run/opendkim/o", none, QUIET);
        assert!(
            found[0].fix.contains(&Fix::Setting {
                file: "/etc/opendkim.conf".to_owned(),
                line: "Socket local:/var/spool/postfix/opendkim/opendkim.sock".to_owned()
            }),
            "{found:?}"
        );
        assert!(commands(&found)[2].contains("'smtpd_milters = unix:opendkim/opendkim.sock'"));
        // Other filters stay, each way with its own; what comes back from the filter is not signed again.
        let others = "smtpd_milters = inet:localhost:11332\nnon_smtpd_milters = inet:localhost:8893\n\
                      mynetworks = 127.0.0.0/8\n";
        let own = "submission/inet/smtpd_milters = inet:localhost:11334,inet:localhost:11335\n";
        assert_eq!(
            told(inside, others, own),
            "postconf -e 'smtpd_milters = inet:localhost:11332, unix:opendkim/o'; \
             postconf -P 'submission/inet/smtpd_milters=inet:localhost:11334,inet:localhost:11335,unix:opendkim/o'; \
             postconf -e 'non_smtpd_milters = inet:localhost:8893, unix:opendkim/o'; \
             postconf -P '127.0.0.1:10025/inet/receive_override_options=no_milters'; postfix reload"
        );
    }

    #[test]
    fn options_of_a_service_stay_when_its_filters_come_back() {
        let options = "submission/inet/receive_override_options = no_address_mappings,no_milters\n";
        let found = judged(BOTH, &format!("{QUIET}{options}"));
        assert_eq!(
            commands(&found)[0],
            "postconf -P 'submission/inet/receive_override_options=no_address_mappings'"
        );
    }

    #[test]
    fn one_wrong_list_is_one_finding_wherever_it_is_read() {
        let main = "smtpd_milters = unix:opendkim/opendkim.sock # opendkim\n\
                    non_smtpd_milters = $smtpd_milters\n";
        let found = judged(main, QUIET);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            commands(&found)[0],
            "postconf -e 'smtpd_milters = unix:opendkim/opendkim.sock'"
        );
        let main =
            "smtpd_milters = unix:opendkim/opendkim.sock\nnon_smtpd_milters = smtpd_milters\n";
        assert_eq!(
            commands(&judged(main, QUIET))[0],
            "postconf -e 'non_smtpd_milters = $smtpd_milters'"
        );
        let own = format!("{QUIET}submission/inet/smtpd_milters = inet:8891@localhost\n");
        assert_eq!(
            commands(&at(
                "inet:8891@localhost",
                &BOTH.replace("unix:opendkim/opendkim.sock", "inet:localhost:8891"),
                &own
            ))[0],
            "postconf -P 'submission/inet/smtpd_milters=inet:localhost:8891'"
        );
    }
}
