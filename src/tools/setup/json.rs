//! The account of `dkimd setup` for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Account;
use crate::{
    setup::{
        change::Change,
        draft::Step,
        records::{Record, State, forms},
        services::Told,
        undo::Undone,
    },
    text::Lang,
};

/// Prints the plan or what was done, with the records.
pub(super) fn print(account: &Account, lang: Lang) -> io::Result<()> {
    let sheet = &account.sheet;
    let notes = account.notes.iter().chain(&sheet.notes);
    let value = json!({
        "domain": account.domain,
        "hostname": account.hostname,
        "applied": account.applied,
        "steps": account.steps.iter().map(|s| step(s, lang)).collect::<Vec<_>>(),
        "services": account.told.iter().map(told).collect::<Vec<_>>(),
        "notes": notes.map(|note| note.to(lang)).collect::<Vec<_>>(),
        "keys_to_make": account.keys_to_make,
        "zone": sheet.zone,
        "records": sheet.records.iter().map(record).collect::<Vec<_>>(),
        "reverse": sheet.reverse.iter().map(|reverse| json!({
            "address": reverse.address.to_string(),
            "name": reverse.host,
            "present": reverse.present,
            "right": reverse.is_right(),
        })).collect::<Vec<_>>(),
    });
    writeln!(io::stdout().lock(), "{value:#}")
}

/// Prints what was taken back.
pub(super) fn undone(domain: Option<&str>, undone: &Undone, services: &[Told]) -> io::Result<()> {
    let value = json!({
        "domain": domain,
        "restored": undone.restored,
        "removed": undone.removed,
        "left_groups": undone.left,
        "keys_kept": undone.keys,
        "directories_kept": undone.directories,
        "relied_on_by": undone.relied_on_by,
        "services": services.iter().map(told).collect::<Vec<_>>(),
    });
    writeln!(io::stdout().lock(), "{value:#}")
}

fn step(step: &Step, lang: Lang) -> Value {
    let kind = match &step.entry.change {
        Change::File(_) => "file",
        Change::Directory { .. } => "directory",
        Change::Attributes { .. } => "attributes",
        Change::Member { .. } => "group",
        Change::Key { .. } => "key",
    };
    json!({
        "kind": kind,
        "what": step.words.what.to(lang),
        "why": step.words.why.to(lang),
        "path": step.entry.change.path(),
        "command": step.words.command,
        "places": step.places.iter().map(|place| json!({
            "line": place.line,
            "removed": place.removed,
            "added": place.added,
        })).collect::<Vec<_>>(),
    })
}

fn told(told: &Told) -> Value {
    match told {
        Told::By(command) => json!({"state": "done", "command": command}),
        Told::ToDo(command) => json!({"state": "to-do", "command": command}),
        Told::Failed {
            command, complaint, ..
        } => json!({"state": "failed", "command": command, "complaint": complaint}),
    }
}

fn record(record: &Record) -> Value {
    let (state, old) = match &record.state {
        State::Unknown => ("unknown", Vec::new()),
        State::Present => ("present", Vec::new()),
        State::New => ("new", Vec::new()),
        State::Change(old) => ("change", old.iter().map(forms::presentation).collect()),
    };
    let value = forms::lines(record, "").pop().map(|(_, value)| value);
    json!({
        "name": record.name,
        "type": record.data.kind(),
        "value": value,
        "presentation": forms::presentation(&record.data),
        "state": state,
        "instead_of": old,
    })
}
