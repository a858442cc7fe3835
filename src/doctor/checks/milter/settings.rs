//! How Postfix treats its filters: what it does without them, which protocol it speaks, how long
//! it waits, what it tells them.

use std::time::Duration;

use super::{
    place::{ListPlace, Site},
    remedy::{Edit, How, Mended},
    wiring::{Caller, Role},
};
use crate::codes;
use dkimd_advice::{Finding, text};
use dkimd_postfix::{
    Postfix,
    change::Change,
    main_cf::time,
    milters::{Milter, endpoint_of, items},
};
use dkimd_server::{config::snapshot::Snapshot, dns::MESSAGE_DEADLINE};

/// The protocol that our server speaks best.
const PROTOCOL: u32 = 6;
/// What Postfix does unless told otherwise.
const USUAL_ACTION: &str = "tempfail";
/// How long Postfix waits by itself.
const PATIENCE: [(&str, &str); 2] = [("command_timeout", "30s"), ("content_timeout", "300s")];
/// The name of our users' daemon by custom.
const USUAL_NAME: &str = "ORIGINATING";
/// Where a daemon's name stands.
const NAME: &str = "milter_macro_daemon_name";
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
    site: &Site<'_>,
    callers: &[Caller<'_>],
    server: Option<&Snapshot>,
) -> Vec<Mended> {
    let postfix = site.postfix;
    let pairs: Vec<_> = callers
        .iter()
        .filter_map(|caller| Some((caller, site.ours(caller.used())?.0)))
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
        findings.extend(daemon_names(site, callers, server));
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

fn action(postfix: &Postfix, caller: &Caller<'_>, milter: &Milter) -> Option<Mended> {
    let action = default_action(postfix, caller, milter);
    let what = match action.as_str() {
        "accept" => text!(
            "whenever dkimd is away, Postfix sends mail unsigned: milter_default_action = accept"
        ),
        "reject" | "shutdown" => text!(
            "whenever dkimd is away, Postfix refuses mail for good: milter_default_action = {action}"
        ),
        _ => return None,
    };
    let of_itself = milter.settings.contains_key("default_action");
    let parameter = match of_itself {
        true => caller.parameter,
        false => "milter_default_action",
    };
    let finding = Finding::warn(codes::MILTER_DEFAULT_ACTION, parameter, what)
        .evidence(format!("{}: {}", caller.service.id(), milter.written))
        .evidence(format!("milter_default_action = {action}"))
        .why(text!("a signature that is missing now and then costs reputation, and nobody notices; with tempfail mail waits at its sender until dkimd is back"));
    let others = caller.used().len() > 1 || of_itself;
    let edit = match others {
        // The other filters keep what they have.
        true => {
            let now = with_setting(milter, "default_action", USUAL_ACTION);
            let place = ListPlace::of(caller, postfix);
            Edit::List(place, How::Replace(milter.written.clone(), now))
        }
        false => changed(postfix, caller, milter, "default_action", USUAL_ACTION),
    };
    Some(Mended::from(finding).with(edit))
}

/// The change of a setting where it comes from: the filter's own in braces, its service's, or that of
/// `main.cf`.
fn changed(
    postfix: &Postfix,
    caller: &Caller<'_>,
    milter: &Milter,
    own: &str,
    value: &str,
) -> Edit {
    let parameter = format!("milter_{own}");
    if milter.settings.contains_key(own) {
        let now = with_setting(milter, own, value);
        let place = ListPlace::of(caller, postfix);
        return Edit::List(place, How::Replace(milter.written.clone(), now));
    }
    match caller.service.overrides.contains_key(&parameter) {
        true => Edit::service(&caller.service.id(), &parameter, value),
        false => Edit::main(&parameter, value),
    }
}

/// The filter with one setting of its own in braces.
fn with_setting(milter: &Milter, name: &str, value: &str) -> String {
    let inner = milter.written.trim_start_matches('{').trim_end_matches('}');
    let is_it = |setting: &&str| {
        let setting = setting.trim_start_matches(['{', ' ']);
        setting
            .strip_prefix(name)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let kept = items(inner).into_iter().skip(1).filter(|part| !is_it(part));
    let now = format!("{name}={value}");
    let parts: Vec<_> = std::iter::once(endpoint_of(&milter.written))
        .chain(kept)
        .chain([now.as_str()])
        .collect();
    format!("{{ {} }}", parts.join(", "))
}

fn protocol(postfix: &Postfix, caller: &Caller<'_>, milter: &Milter) -> Option<Mended> {
    let written = setting(postfix, caller, milter, "protocol", "milter_protocol");
    let version: u32 = written.split_whitespace().next()?.parse().ok()?;
    (version < PROTOCOL).then(|| {
        let finding = Finding::warn(
            codes::MILTER_PROTOCOL_OLD,
            "milter_protocol",
            text!("Postfix speaks version {version} of the milter protocol to dkimd"),
        )
        .evidence(format!("milter_protocol = {written}"))
        .why(text!("before version 6 white space at the beginning of header values gets lost, and signatures with a simple header break"));
        let edit = changed(postfix, caller, milter, "protocol", &PROTOCOL.to_string());
        Mended::from(finding).with(edit)
    })
}

/// Our answers wait for DNS while mail is verified.
fn patience(postfix: &Postfix, caller: &Caller<'_>, milter: &Milter) -> Option<Mended> {
    let deadline = MESSAGE_DEADLINE.as_secs();
    let short: Vec<_> = PATIENCE
        .iter()
        .filter_map(|(own, usual)| {
            let parameter = format!("milter_{own}");
            let written = setting(postfix, caller, milter, own, &parameter);
            let given = time(written)?;
            (given <= MESSAGE_DEADLINE && given > Duration::ZERO)
                .then_some((*own, *usual, written, parameter))
        })
        .collect();
    let (.., written, parameter) = short.first()?;
    let finding = Finding::warn(
        codes::MILTER_TIMEOUT_SHORT,
        parameter,
        text!("Postfix waits only {written} for dkimd, which may wait {deadline} s for DNS"),
    )
    .why(text!(
        "when DNS is slow, Postfix gives dkimd up and defers the message"
    ));
    let finding = short
        .iter()
        .fold(finding, |finding, (.., written, parameter)| {
            finding.evidence(format!("{parameter} = {written}"))
        });
    // All of them at once: with one alone the next would be found.
    let mended = Mended::from(finding);
    Some(short.iter().fold(mended, |mended, (own, usual, ..)| {
        mended.with(changed(postfix, caller, milter, own, usual))
    }))
}

/// What Postfix would have to tell and was told to keep to itself.
fn macros(postfix: &Postfix, server: Option<&Snapshot>) -> Option<Mended> {
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
    let value = postfix.plain.value(parameter);
    let finding = Finding::fail(
        codes::MILTER_MACRO_MISSING,
        *parameter,
        text!("Postfix does not tell dkimd the macro {name}, by which it knows mail of your users"),
    )
    .evidence(format!("{parameter} = {value}"))
    .why(text!(
        "mail of authenticated users counts as a stranger's and is not signed"
    ));
    let value = format!("{value} {name}");
    Some(Mended::from(finding).with(Edit::main(parameter, value.trim_start())))
}

/// MTA must name the daemons of our users, and not the one of the world.
fn daemon_names(
    site: &Site<'_>,
    callers: &[Caller<'_>],
    server: Option<&Snapshot>,
) -> Option<Mended> {
    let names = &server?.mta_names;
    let first = names.first()?;
    let name_of = |caller: &Caller<'_>| {
        let name = site.postfix.value_for(caller.service, NAME);
        name.unwrap_or_default().to_owned()
    };
    let listed = |caller: &&Caller<'_>| names.contains(&name_of(caller));
    let of = |role| callers.iter().filter(move |caller| caller.role == role);
    let shown = names.join(", ");
    if let Some(open) = of(Role::Arriving).find(listed) {
        let (id, name) = (open.service.id(), name_of(open));
        let finding = Finding::fail(
            codes::MILTER_SIGNS_STRANGERS,
            id.clone(),
            text!("MTA names {name}, the daemon of {id}: mail of strangers that forges your domain gets your signature"),
        )
        .evidence(format!("MTA {shown}"))
        .evidence(format!("{id}: {NAME} = {name}"))
        .setting(site.config.display().to_string(), format!("MTA {USUAL_NAME}"))
        .command("systemctl reload opendkim");
        let mut mended = Mended {
            elsewhere: true,
            ..Mended::from(finding)
        };
        for caller in of(Role::Arriving).filter(|caller| name_of(caller) == USUAL_NAME) {
            mended = mended.with(Edit::Set(
                match caller.service.overrides.contains_key(NAME) {
                    true => Change::Inherit {
                        service: caller.service.id(),
                        parameter: NAME.to_owned(),
                    },
                    false => Change::Main {
                        parameter: NAME.to_owned(),
                        value: "$myhostname".to_owned(),
                    },
                },
            ));
        }
        for caller in of(Role::Submission) {
            mended = mended.with(Edit::service(&caller.service.id(), NAME, USUAL_NAME));
        }
        return Some(mended);
    }
    if callers.iter().any(|caller| listed(&caller)) {
        return None;
    }
    let finding = Finding::warn(
        codes::MILTER_DAEMON_NAME,
        NAME,
        text!("MTA names {shown}, but no service of Postfix goes by that name"),
    )
    .evidence(format!("MTA {shown}"));
    let services: Vec<_> = of(Role::Submission)
        .map(|caller| caller.service.id())
        .collect();
    if services.is_empty() {
        return Some(Mended::from(finding.advice(text!("there is no submission service that could have this name: take MTA out of the configuration, \
             or give the name to the service that your users send through"))));
    }
    let named = |mended: Mended, id: &String| mended.with(Edit::service(id, NAME, first));
    Some(services.iter().fold(Mended::from(finding), named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::milter::{trial::Trial, wiring::callers};
    use dkimd_advice::Fix;
    use dkimd_server::config::resolve::Overrides;

    const MASTER: &str = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n\
                          cleanup unix n - y - 0 cleanup\n";

    fn judged(main: &str, overrides: &str, options: &[(&'static str, &str)]) -> Vec<Finding> {
        let main = format!("smtpd_milters = unix:opendkim/o.sock\n{main}");
        let postfix = Postfix::from_texts(&main, MASTER, overrides);
        let options = options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let overrides = Overrides {
            options: options.collect(),
        };
        let (server, _) = Snapshot::load(None, &overrides);
        let site = Site::new(&postfix, None);
        let trial = Trial {
            mode: server.as_ref().unwrap().settings.decision.mode,
            server: server.as_ref(),
        };
        let found = judge(&site, &callers(&postfix), server.as_ref());
        trial.told(found, &site)
    }

    fn codes(main: &str, overrides: &str, options: &[(&'static str, &str)]) -> Vec<&'static str> {
        judged(main, overrides, options)
            .iter()
            .map(|finding| finding.code.word())
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
