//! The account of `dkimd setup` for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Account;
use crate::{
    change::Change,
    draft::{Spot, Step, places},
    hunks,
    records::{Record, State, forms},
    services::Told,
    undo::{Preview, Undone},
};
use dkimd_advice::{
    Code, Finding,
    render::{FORMAT, finding_json},
    text::{Lang, Text},
};

/// Prints the plan or what was done, with the records.
pub(super) fn print(account: &Account, lang: Lang) -> io::Result<()> {
    let sheet = &account.sheet;
    let notes = account.notes.iter().chain(&sheet.notes);
    let value = json!({
        "format": FORMAT,
        "command": "setup",
        "domain": account.domain,
        "hostname": account.hostname,
        "applied": account.applied,
        "steps": account.steps.iter().map(|s| step(s, lang)).collect::<Vec<_>>(),
        "services": account.told.iter().map(told).collect::<Vec<_>>(),
        "findings": notes
            .map(|note| Finding::info(Code::new("setup-note"), account.domain.as_str(), note.clone()))
            .map(|finding| finding_json(&finding, lang))
            .collect::<Vec<_>>(),
        "keys_to_make": account.keys_to_make,
        "waiting": account.waiting,
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

/// Prints what an undo would do.
pub(super) fn undo_plan(
    domain: Option<&str>,
    preview: &Preview,
    unsigned: &[Text],
    lang: Lang,
) -> io::Result<()> {
    let files = preview.files.iter().map(|file| {
        let now = file.now.as_deref().unwrap_or_default();
        let new = file.after.as_deref().unwrap_or_default();
        json!({
            "path": file.path,
            "removed": file.after.is_none(),
            "places": spots(&places(now, &hunks::diff(now, new))),
        })
    });
    let value = json!({
        "format": FORMAT,
        "command": "setup",
        "domain": domain,
        "applied": false,
        "files": files.collect::<Vec<_>>(),
        "runs": preview.runs.0,
        "earlier_runs": preview.runs.1,
        "relied_on_by": preview.relied_on_by,
        "findings": unsigned
            .iter()
            .map(|text| Finding::warn(Code::new("setup-undo-unsigned"), domain.unwrap_or_default(), text.clone()))
            .map(|finding| finding_json(&finding, lang))
            .collect::<Vec<_>>(),
    });
    writeln!(io::stdout().lock(), "{value:#}")
}

fn spots(spots: &[Spot]) -> Value {
    spots
        .iter()
        .map(|spot| {
            json!({
                "line": spot.line,
                "removed": spot.removed,
                "added": spot.added,
            })
        })
        .collect()
}

/// Prints what was taken back.
pub(super) fn undone(domain: Option<&str>, undone: &Undone, services: &[Told]) -> io::Result<()> {
    let value = json!({
        "format": FORMAT,
        "command": "setup",
        "domain": domain,
        "applied": true,
        "restored": undone.restored,
        "removed": undone.removed,
        "left_groups": undone.left,
        "keys_kept": undone.keys,
        "directories_kept": undone.directories,
        "relied_on_by": undone.relied_on_by,
        "services": services.iter().map(told).collect::<Vec<_>>(),
        "findings": Vec::<Value>::new(),
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
        "places": spots(&step.places),
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
