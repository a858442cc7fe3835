//! Postfix's side: its name, its milters, what happens when the milter is away.

use super::{
    draft::{Draft, Words},
    milter_list::{braces, inserted, is_ours, item, waits, with_tempfail},
    refusal::Refusal,
    scratch::Scratch,
    situation::{Situation, Wanted},
    socket::{Endpoint, talks_to_milters},
};
use dkimd_advice::{text, text::Text};
use dkimd_hand::Attributes;
use dkimd_postfix::{Postfix, edit::with_parameter, leaving, main_cf::mentions, milters};

/// Endings of names that mean nothing outside of one's own network.
const LOCAL_ENDINGS: [&str; 7] = [
    ".local",
    ".localdomain",
    ".localhost",
    ".lan",
    ".internal",
    ".home.arpa",
    ".invalid",
];
/// The service that takes mail from everybody; those for users.
const SUBMISSION: [&str; 6] = ["smtp", "25", "submission", "587", "submissions", "smtps"];
/// The protocol version that milters speak.
const MILTER_PROTOCOL: &str = "6";

/// What the plan says of Postfix beyond its steps.
#[derive(Clone, Debug, Default)]
pub struct Mta {
    /// What the administrator should know.
    pub notes: Vec<Text>,
}

/// The name that this host has in mail, once the plan is done: as wanted, as Postfix says, or
/// `mail.` and the domain where that is no name for the internet.
pub fn hostname(wanted: &Wanted, postfix: Option<&Postfix>) -> String {
    if let Some(hostname) = &wanted.hostname {
        return hostname.as_str().to_ascii_lowercase();
    }
    let own = postfix.and_then(|postfix| {
        ["smtp_helo_name", "myhostname"]
            .into_iter()
            .find_map(|name| postfix.main.get(name).filter(|value| is_public_name(value)))
    });
    own.map_or_else(
        || format!("mail.{}", wanted.domain.as_str()),
        str::to_ascii_lowercase,
    )
}

/// Whether a name can be a host's name in the internet.
pub fn is_public_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains('.')
        && name.parse::<std::net::IpAddr>().is_err()
        && !name.starts_with("localhost.")
        && !LOCAL_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Why mail must not bear two signatures of ours.
pub fn one_signature(postfix: &Postfix) -> Option<Text> {
    let relay = postfix.main.value("relayhost");
    if !relay.contains("amazonaws.com") {
        return None;
    }
    Some(text!(
        "RSA alone: mail leaves through {relay}, and Amazon SES refuses mail with two signatures \
         (554 Transaction failed: Duplicate header 'DKIM-Signature'). If SES signs for the domain \
         itself (Easy DKIM), switch that off there."
    ))
}

/// Plans Postfix's parameters.
///
/// # Errors
/// When `postconf` fails or `main.cf` can't be read.
pub fn plan(
    hostname: &str,
    situation: &Situation,
    endpoint: &Endpoint,
    draft: &mut Draft,
) -> Result<Mta, Refusal> {
    let Some(postfix) = &situation.postfix else {
        return Ok(Mta::default());
    };
    let mut edit = Edit { postfix, draft };
    let mut mta = Mta::default();
    name(hostname, &mut edit, &mut mta)?;
    let alone = network_milters(endpoint, &mut edit, &mut mta)?;
    local_milters(endpoint, alone, &mut edit, &mut mta)?;
    overrides(postfix, endpoint, &mut mta);
    let protocol = postfix.main.value("milter_protocol");
    if !protocol.is_empty() && protocol != MILTER_PROTOCOL {
        mta.notes.push(text!(
            "milter_protocol is {protocol}; {MILTER_PROTOCOL}, Postfix's default, keeps header \
             white space as it is: postconf -X milter_protocol"
        ));
    }
    Ok(mta)
}

/// Changes parameters.
struct Edit<'a> {
    postfix: &'a Postfix,
    draft: &'a mut Draft,
}

impl Edit<'_> {
    fn set(&mut self, name: &str, value: &str, what: Text, why: Text) -> Result<(), Refusal> {
        let main_cf = self.postfix.directory.join("main.cf");
        let present = self.draft.content(&main_cf)?.unwrap_or_default().to_vec();
        let scratch = Scratch::new()?;
        let new = with_parameter(&present, name, value, scratch.path())
            .map_err(|error| Refusal::new(text!("{error}")))?;
        let command = format!("{} '{name} = {value}'", postconf_e(self.postfix));
        let words = Words::shared(what, why).by(command);
        self.draft
            .write(&main_cf, new, Attributes::PUBLIC_FILE, words)?;
        Ok(())
    }

    fn as_written(&self, name: &str) -> Result<String, Refusal> {
        self.postfix
            .as_written(name)
            .map_err(|error| Refusal::new(text!("{error}")))
    }
}

fn postconf_e(postfix: &Postfix) -> String {
    match postfix.directory.to_str() {
        Some(dkimd_postfix::DEFAULT_DIRECTORY) => "postconf -e".to_owned(),
        _ => format!("postconf -c {} -e", postfix.directory.display()),
    }
}

fn name(hostname: &str, edit: &mut Edit<'_>, mta: &mut Mta) -> Result<(), Refusal> {
    let main = &edit.postfix.main;
    let (present, helo) = (main.value("myhostname"), main.value("smtp_helo_name"));
    if present.eq_ignore_ascii_case(hostname) || helo.eq_ignore_ascii_case(hostname) {
        return Ok(());
    }
    if !helo.eq_ignore_ascii_case(present) {
        mta.notes.push(text!(
            "smtp_helo_name is {helo}, so Postfix will greet with that name when it sends, not \
             with {hostname}."
        ));
    }
    let present = present.to_owned();
    keep_domain(hostname, edit)?;
    edit.set(
        "myhostname",
        hostname,
        text!("Give Postfix its name {hostname}; so far it is {present}"),
        text!(
            "It greets with this name, which must exist in DNS and be the reverse name of its \
             address; Gmail and others refuse mail otherwise."
        ),
    )
}

/// Another name of the host would give it another `mydomain` unless that is set: then the mail
/// domain could become one of local users, and mail for virtual ones be refused.
fn keep_domain(hostname: &str, edit: &mut Edit<'_>) -> Result<(), Refusal> {
    let present = edit.postfix.main.value("mydomain").to_owned();
    let derived = hostname.split_once('.').map(|(_, domain)| domain);
    if present.is_empty() || derived.is_some_and(|new| new.eq_ignore_ascii_case(&present)) {
        return Ok(());
    }
    let written = edit
        .postfix
        .written()
        .map_err(|error| Refusal::new(text!("{error}")))?;
    let users: Vec<_> = written
        .iter()
        .filter(|(_, value)| mentions(value, "mydomain"))
        .map(|(name, _)| name)
        .collect();
    if written.get("mydomain").is_some() || users.is_empty() {
        return Ok(());
    }
    let users = users.join(", ");
    edit.set(
        "mydomain",
        &present,
        text!("Keep Postfix's domain {present}, which would change with its name"),
        text!(
            "{users} in its configuration mention $mydomain; what is local mail, and what is \
             added to bare addresses, stays the same."
        ),
    )
}

/// The daemon in the list of filters for mail from the network. Says whether it is alone there.
fn network_milters(
    endpoint: &Endpoint,
    edit: &mut Edit<'_>,
    mta: &mut Mta,
) -> Result<bool, Refusal> {
    let raw = edit.as_written("smtpd_milters")?;
    let list = milters::parse(edit.postfix.main.value("smtpd_milters"));
    let alone = list
        .iter()
        .all(|milter| is_ours(edit.postfix, milter, endpoint));
    let new = match list
        .iter()
        .find(|milter| is_ours(edit.postfix, milter, endpoint))
    {
        None => inserted(&raw, &list, &item(edit.postfix, endpoint)),
        Some(ours) if waits(edit.postfix, ours) => return Ok(alone),
        Some(ours) if braces(edit.postfix) && raw.contains(&ours.written) => {
            raw.replacen(&ours.written, &with_tempfail(ours), 1)
        }
        Some(_) => {
            mta.notes.push(text!(
                "When the daemon is away, mail goes out unsigned, since milter_default_action is \
                 accept: postconf -e 'milter_default_action = tempfail'"
            ));
            return Ok(alone);
        }
    };
    let what = match list.is_empty() {
        true => text!("Let Postfix hand mail from the network to the daemon"),
        false => text!(
            "Let Postfix hand mail from the network to the daemon; the other filters keep their \
             order"
        ),
    };
    edit.set(
        "smtpd_milters",
        &new,
        what,
        text!(
            "With default_action=tempfail mail waits when the daemon is away; it never goes out \
             unsigned."
        ),
    )?;
    Ok(alone)
}

/// The same for mail from this host itself.
fn local_milters(
    endpoint: &Endpoint,
    alone: bool,
    edit: &mut Edit<'_>,
    mta: &mut Mta,
) -> Result<(), Refusal> {
    let raw = edit.as_written("non_smtpd_milters")?;
    let refers = mentions(&raw, "smtpd_milters");
    let list = milters::parse(edit.postfix.main.value("non_smtpd_milters"));
    let ours = list
        .iter()
        .any(|milter| is_ours(edit.postfix, milter, endpoint));
    if !refers && !ours {
        let new = match (raw.is_empty(), alone) {
            (true, true) => "$smtpd_milters".to_owned(),
            _ => inserted(&raw, &list, &item(edit.postfix, endpoint)),
        };
        edit.set(
            "non_smtpd_milters",
            &new,
            text!("The same for mail from this host itself"),
            text!("Mail of the sendmail command, of web applications and of cron comes this way."),
        )?;
    }
    let notices = edit.postfix.main.value("internal_mail_filter_classes");
    if notices.is_empty() && alone && list.iter().all(|m| is_ours(edit.postfix, m, endpoint)) {
        edit.set(
            "internal_mail_filter_classes",
            "bounce, notify",
            text!("Sign bounces and other notices of Postfix, too"),
            text!("They are mail of this host like any other; without this they go out unsigned."),
        )?;
    } else if notices.is_empty() {
        mta.notes.push(text!(
            "Bounces and notices stay unsigned: there are other filters, and one that refuses a \
             bounce would lose it. If yours never refuse: postconf -e \
             'internal_mail_filter_classes = bounce, notify'"
        ));
    }
    Ok(())
}

/// Services of `master.cf` that go their own way.
fn overrides(postfix: &Postfix, endpoint: &Endpoint, mta: &mut Mta) {
    for service in talks_to_milters(postfix) {
        let name = service.name.rsplit(':').next().unwrap_or(&service.name);
        if service.command != "smtpd" || !SUBMISSION.contains(&name) {
            continue;
        }
        let id = service.id();
        let without = service
            .overrides
            .get("receive_override_options")
            .is_some_and(|options| options.contains("no_milters"));
        if without {
            mta.notes.push(text!(
                "master.cf: the service {id} passes milters by (no_milters in \
                 receive_override_options): mail handed in there is not signed."
            ));
        }
        let Some(own) = service.overrides.get("smtpd_milters") else {
            continue;
        };
        let list = milters::parse(own);
        if list.iter().any(|milter| is_ours(postfix, milter, endpoint)) {
            continue;
        }
        let item = item(postfix, endpoint);
        let value = inserted(own, &list, &item);
        mta.notes.push(text!(
            "master.cf: the service {id} has its own smtpd_milters ({own:?}) without the daemon: \
             mail handed in there is not signed. To mend it: postconf -P \
             '{id}/smtpd_milters = {value}'"
        ));
    }
}

/// The addresses that the internet sees: those that were named, or those of the way out that are
/// no private ones. The second list holds the private ones.
pub fn addresses(
    wanted: &Wanted,
    situation: &Situation,
) -> (Vec<std::net::IpAddr>, Vec<std::net::IpAddr>) {
    if !wanted.addresses.is_empty() {
        return (wanted.addresses.clone(), Vec::new());
    }
    situation
        .leaving
        .iter()
        .map(|leaving| leaving.address)
        .partition(|address| !leaving::is_private(*address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_the_internet_are_told_from_others() {
        for (name, public) in [
            ("mail.example.com", true),
            ("vm", false),
            ("localhost.localdomain", false),
            ("mail.local", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(is_public_name(name), public, "{name}");
        }
    }
}
