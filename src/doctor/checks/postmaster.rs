//! Whether somebody reads postmaster@ (RFC 5321 section 4.5.1) and abuse@ (RFC 2142): the tables
//! are asked, nothing is sent.

use std::{collections::BTreeSet, sync::Arc};

use tokio::task::spawn_blocking;

use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkim_core::name::Domain;
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{Postfix, PostfixError, main_cf::words};

/// Where everybody turns to with questions, and with complaints.
const MAILBOXES: [&str; 2] = ["postmaster", "abuse"];

/// How Postfix takes in mail for a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// `mydestination`: aliases and accounts of this host.
    Local,
    /// `virtual_alias_domains`.
    Alias,
    /// `virtual_mailbox_domains`.
    Mailbox,
}

/// Asks the tables.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let asked = Arc::clone(&host);
    let report = spawn_blocking(move || {
        let Some(postfix) = asked.postfix() else {
            return super::no_postfix();
        };
        judge(postfix, &asked.domains)
    });
    report.await.unwrap_or_else(|error| {
        let error = error.to_string();
        Report::not_examined(Cause::Fault, Text::new(&error, &error))
    })
}

fn judge(postfix: &Postfix, domains: &[Domain]) -> Report {
    let mut report = Report::default();
    let mut hosted = false;
    let mut broken = BTreeSet::new();
    for domain in domains.iter().map(Domain::as_str) {
        let Some(class) = class_of(postfix, domain) else {
            continue;
        };
        hosted = true;
        for mailbox in MAILBOXES {
            match delivered(postfix, class, mailbox, domain) {
                Ok(true) => {}
                Ok(false) => report.add(missing(postfix, class, mailbox, domain)),
                Err((table, error)) => {
                    if broken.insert(table.clone()) {
                        report.add(unreadable(&table, &error));
                    }
                }
            }
        }
    }
    match hosted {
        true => report,
        false => Report::not_examined(
            Cause::Nothing,
            text!("this Postfix takes in mail for none of the domains"),
        ),
    }
}

fn class_of(postfix: &Postfix, domain: &str) -> Option<Class> {
    let lists = |parameter: &str| {
        postfix.main.list(parameter).into_iter().any(|item| {
            item.eq_ignore_ascii_case(domain)
                || (item.contains(':') && matches!(postfix.lookup(item, domain), Ok(Some(_))))
        })
    };
    if lists("mydestination") {
        Some(Class::Local)
    } else if lists("virtual_mailbox_domains") {
        Some(Class::Mailbox)
    } else if lists("virtual_alias_domains") {
        Some(Class::Alias)
    } else {
        None
    }
}

type Asked = Result<bool, (String, PostfixError)>;

/// Whether any of these tables has any of these keys.
fn found(postfix: &Postfix, parameter: &str, keys: &[String]) -> Asked {
    for table in tables(postfix.main.value(parameter)) {
        for key in keys {
            match postfix.lookup(&table, key) {
                Ok(Some(_)) => return Ok(true),
                Ok(None) => {}
                Err(error) => return Err((table, error)),
            }
        }
    }
    Ok(false)
}

fn tables(list: &str) -> Vec<String> {
    let items = dkimd_postfix::milters::items(list);
    items
        .into_iter()
        .filter(|item| item.contains(':'))
        .map(ToOwned::to_owned)
        .collect()
}

fn delivered(postfix: &Postfix, class: Class, mailbox: &str, domain: &str) -> Asked {
    let address = format!("{mailbox}@{domain}");
    let everybody = format!("@{domain}");
    let by_address = [address, everybody];
    // In the local domains a bare name in a virtual alias table counts as well.
    let virtual_keys = match class {
        Class::Local => [&by_address[..], &[mailbox.to_owned()]].concat(),
        _ => by_address.to_vec(),
    };
    if found(postfix, "virtual_alias_maps", &virtual_keys)? {
        return Ok(true);
    }
    match class {
        Class::Alias => Ok(false),
        Class::Mailbox => found(postfix, "virtual_mailbox_maps", &by_address),
        Class::Local => {
            // With no list of its recipients Postfix takes everything in.
            if postfix.main.value("local_recipient_maps").is_empty() {
                return Ok(true);
            }
            let names = [mailbox.to_owned()];
            Ok(found(postfix, "alias_maps", &names)?
                || found(postfix, "local_recipient_maps", &names)?)
        }
    }
}

fn missing(postfix: &Postfix, class: Class, mailbox: &str, domain: &str) -> Finding {
    let address = format!("{mailbox}@{domain}");
    let what = text!("nobody gets mail to {address}: Postfix refuses it");
    let finding = match mailbox {
        "postmaster" => Finding::warn(codes::POSTMASTER_MISSING, address.clone(), what).why(text!("every mail server must have it (RFC 5321); receivers and block lists write there, and some test it")),
        _ => Finding::info(codes::POSTMASTER_ABUSE_MISSING, address.clone(), what).why(text!("complaints about spam go there (RFC 2142); feedback loops ask for it")),
    };
    let parameter = match class {
        Class::Local => "alias_maps",
        _ => "virtual_alias_maps",
    };
    let value = postfix.main.value(parameter);
    let finding = finding.evidence(format!("{parameter} = {value}"));
    let file = words(value)
        .first()
        .and_then(|table| table.split_once(":/"))
        .map(|(_, path)| format!("/{path}"));
    match (class, file) {
        (Class::Local, file) => finding
            .setting(
                file.unwrap_or_else(|| "/etc/aliases".to_owned()),
                format!("{mailbox}: root"),
            )
            .command("newaliases"),
        (_, Some(file)) => finding.advice(text!(
            "write a line into {file} that begins with {address} and names the mailbox that is to \
             have its mail, then run: postmap {file}"
        )),
        (_, None) => finding.advice(text!(
            "add {address} to the table of your mailboxes or aliases"
        )),
    }
}

fn unreadable(table: &str, error: &PostfixError) -> Finding {
    let cause = error.to_string();
    let finding = Finding::fail(
        codes::POSTMASTER_TABLE_UNREADABLE,
        table,
        text!("Postfix can't read its table {table}"),
    )
    .evidence(cause)
    .why(text!("mail for this host is deferred with 451 4.3.0"));
    match table.split_once(':') {
        Some((_, path)) if path.contains("aliases") => finding.command("newaliases"),
        Some((_, path)) => finding.command(format!("postmap {path}")),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(main: &str) -> Vec<&'static str> {
        // The host's own main.cf may be anything, or nothing.
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join("main.cf"),
            "compatibility_level = 3.6\n",
        )
        .unwrap();
        let mut postfix = Postfix::from_texts(main, "", "");
        postfix.directory = directory.path().to_owned();
        let domains = [Domain::parse("example.com").unwrap()];
        let report = judge(&postfix, &domains);
        report
            .findings
            .iter()
            .map(|finding| finding.code.word())
            .collect()
    }

    // These run postmap, which comes with Postfix.
    #[test]
    fn mailboxes_are_looked_for_where_the_domain_is_delivered() {
        if !std::path::Path::new("/usr/sbin/postmap").exists() {
            return;
        }
        let local =
            "mydestination = localhost, example.com\nlocal_recipient_maps = inline:{joe=x}\n";
        let both = "alias_maps = inline:{postmaster=root, abuse=root}\n";
        assert_eq!(codes(&format!("{local}{both}")), Vec::<&str>::new());
        assert_eq!(
            codes(&format!("{local}alias_maps = inline:{{root=joe}}\n")),
            ["postmaster-missing", "postmaster-abuse-missing"]
        );
        let hosted = "virtual_mailbox_domains = example.com\nvirtual_mailbox_maps = inline:{postmaster@example.com=x}\n";
        assert_eq!(codes(hosted), ["postmaster-abuse-missing"]);
        let caught =
            "virtual_alias_domains = example.com\nvirtual_alias_maps = inline:{@example.com=joe}\n";
        assert_eq!(codes(caught), Vec::<&str>::new());
        assert_eq!(
            codes(&format!("{local}alias_maps = hash:/nonexistent/aliases\n")),
            ["postmaster-table-unreadable"]
        );
    }

    #[test]
    fn a_domain_that_others_host_is_left_alone() {
        let postfix = Postfix::from_texts("mydestination = localhost\n", "", "");
        let domains = [Domain::parse("example.com").unwrap()];
        assert!(judge(&postfix, &domains).idle);
    }
}
