//! The account of `dkimd setup` for people.

use std::io::{self, Write};

use super::{Account, Form};
use crate::{
    change::Change,
    draft::Step,
    records::{Record, State, forms, sheet::Sheet},
    services::{Service, Told},
};
use dkimd_advice::{
    text,
    text::{Lang, Text},
};

/// The form's name in a web panel, in both languages.
fn label(name: &str) -> Text {
    match name {
        "name" => text!("name"),
        "full name" => text!("full name"),
        "type" => text!("type"),
        "priority" => text!("priority"),
        _ => text!("value"),
    }
}

/// Writes the plan or what was done, the records, and what comes next.
pub(super) fn account(account: &Account, form: Form, lang: Lang) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let domain = &account.domain;
    let head = match (account.steps.is_empty(), account.applied) {
        (true, _) => text!("{domain} is set up already; there is nothing to change on this host."),
        (false, true) => text!("Done for {domain}:"),
        (false, false) => text!("Plan for {domain}. Nothing is changed yet."),
    };
    writeln!(out, "{}", head.to(lang))?;
    for (number, step) in (1..).zip(&account.steps) {
        write_step(&mut out, number, step, account.applied, lang)?;
    }
    for told in &account.told {
        write_told(&mut out, told, lang)?;
    }
    for note in account.notes.iter().chain(&account.sheet.notes) {
        let word = text!("Note");
        writeln!(out, "\n{}: {}", word.to(lang), note.to(lang))?;
    }
    records(&mut out, account, form, lang)?;
    reverse(&mut out, &account.sheet, lang)?;
    next(&mut out, account, lang)
}

fn write_step(
    out: &mut impl Write,
    number: usize,
    step: &Step,
    applied: bool,
    lang: Lang,
) -> io::Result<()> {
    writeln!(out, "\n{number:2}. {}", step.words.what.to(lang))?;
    if applied {
        return Ok(());
    }
    writeln!(out, "    {}", step.words.why.to(lang))?;
    if let Change::File(change) = &step.entry.change {
        for place in &step.places {
            writeln!(out, "    {}:{}", change.path.display(), place.line)?;
            for line in &place.removed {
                writeln!(out, "      - {line}")?;
            }
            for line in &place.added {
                writeln!(out, "      + {line}")?;
            }
        }
    }
    if let Some(command) = &step.words.command {
        writeln!(out, "    $ {command}")?;
    }
    Ok(())
}

pub(super) fn write_told(out: &mut impl Write, told: &Told, lang: Lang) -> io::Result<()> {
    let text = match told {
        Told::By(command) => text!("The service has taken it up: {command}"),
        Told::ToDo(command) => text!("Still to do: {command}"),
        Told::Failed {
            service: Service::Postfix,
            command,
            complaint,
        } => {
            let check = command.replace(" reload", " check");
            text!(
                "Failed: {command}: {complaint}. Postfix goes on with its old settings. See why: \
             {check}; then repeat {command}"
            )
        }
        Told::Failed {
            service: Service::Daemon,
            command,
            complaint,
        } => text!("Failed: {command}: {complaint}. See why: dkimd check; journalctl -u opendkim"),
    };
    writeln!(out, "\n{}", text.to(lang))
}

fn records(out: &mut impl Write, account: &Account, form: Form, lang: Lang) -> io::Result<()> {
    let sheet = &account.sheet;
    let to_do: Vec<&Record> = sheet.records.iter().filter(|r| r.is_to_do()).collect();
    let present = sheet.records.len() - to_do.len();
    if !to_do.is_empty() {
        let head = text!("DNS records to publish");
        writeln!(out, "\n{}", head.to(lang))?;
        for record in &to_do {
            let (word, old) = mark(record, account.asked);
            let (name, kind) = (&record.name, record.data.kind());
            writeln!(out, "  [{}] {name} {kind}", word.to(lang))?;
            for old in old {
                let instead = text!("in the place of {old}");
                writeln!(out, "      {}", instead.to(lang))?;
            }
        }
    }
    if present > 0 {
        let names: Vec<_> = sheet
            .records
            .iter()
            .filter(|record| !record.is_to_do())
            .map(|record| format!("{} {}", record.name, record.data.kind()))
            .collect();
        let names = names.join(", ");
        let text = text!("Published already: {names}");
        writeln!(out, "\n{}", text.to(lang))?;
    }
    if account.keys_to_make > 0 {
        let text = text!("The DKIM records are printed by --apply, which makes the keys.");
        writeln!(out, "\n{}", text.to(lang))?;
    }
    if to_do.is_empty() {
        return Ok(());
    }
    if matches!(form, Form::All) {
        let text =
            text!("The same records in three forms: take one. (--records prints one alone.)");
        writeln!(out, "\n{}", text.to(lang))?;
    }
    if matches!(form, Form::Zone | Form::All) {
        let head = text!("For a zone file:");
        writeln!(out, "\n{}\n", head.to(lang))?;
        for record in &to_do {
            write!(out, "{}", forms::zone(record))?;
        }
    }
    if matches!(form, Form::Lines | Form::All) {
        let head = text!("For a web panel (one block is one record; copy each value whole):");
        writeln!(out, "\n{}", head.to(lang))?;
        for record in &to_do {
            writeln!(out)?;
            for (name, value) in forms::lines(record, &sheet.zone) {
                writeln!(out, "{:<18}{value}", format!("{}:", label(name).to(lang)))?;
            }
        }
    }
    if matches!(form, Form::Nsupdate | Form::All) {
        let head = text!("For nsupdate:");
        writeln!(out, "\n{}\n", head.to(lang))?;
        let wrong: Vec<_> = sheet.reverse.iter().filter(|r| !r.is_right()).collect();
        let known = |record: &&Record| record.state != State::Unknown;
        if !to_do.iter().all(known) || wrong.iter().any(|reverse| reverse.present.is_none()) {
            let text = text!(
                "(Lines with prereq let the server refuse, with YXRRSET, what would come beside a \
                 record of the same name and type: look at that record then.)"
            );
            writeln!(out, "{}\n", text.to(lang))?;
        }
        write!(out, "{}", forms::nsupdates(&to_do, &wrong, &sheet.zones))?;
    }
    Ok(())
}

/// The word for a record's state, and what it replaces.
fn mark(record: &Record, asked: bool) -> (Text, Vec<String>) {
    match &record.state {
        State::Unknown if asked => (text!("no answer"), Vec::new()),
        State::Unknown => (text!("not asked"), Vec::new()),
        State::Present => (text!("present"), Vec::new()),
        State::New => (text!("new"), Vec::new()),
        State::Change(old) => (
            text!("change"),
            old.iter().map(forms::presentation).collect(),
        ),
    }
}

fn reverse(out: &mut impl Write, sheet: &Sheet, lang: Lang) -> io::Result<()> {
    let wrong: Vec<_> = sheet.reverse.iter().filter(|r| !r.is_right()).collect();
    let Some(first) = wrong.first() else {
        return Ok(());
    };
    let addresses: Vec<_> = wrong.iter().map(|r| r.address.to_string()).collect();
    let (addresses, host) = (addresses.join(", "), &first.host);
    let text = text!(
        "Ask the provider of this server's addresses (in its panel: reverse DNS, rDNS or PTR):\n\n  \
         Please set the reverse name (PTR record) of {addresses} to {host}.\n\nGmail, Outlook and \
         others refuse mail from an address without it."
    );
    writeln!(out, "\n{}", text.to(lang))?;
    for reverse in wrong {
        if let Some(present) = reverse.present.as_deref().filter(|names| !names.is_empty()) {
            let (address, present) = (reverse.address, present.join(", "));
            let text = text!("{address} is called {present} now.");
            writeln!(out, "{}", text.to(lang))?;
        }
    }
    Ok(())
}

fn next(out: &mut impl Write, account: &Account, lang: Lang) -> io::Result<()> {
    let domain = &account.domain;
    let planned = !account.applied && !account.steps.is_empty();
    let command = &account.command;
    if account.waiting {
        let text = text!("Next, when the records are published: {command} --apply");
        // The plan has the same command to begin with.
        if !planned {
            return writeln!(out, "\n{}", text.to(lang));
        }
    }
    let text = match planned {
        true => text!("To do it: {command} --apply"),
        false => text!("Next, when the records are published: dkimd doctor {domain}"),
    };
    writeln!(out, "\n{}", text.to(lang))
}
