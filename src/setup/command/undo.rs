//! `dkimd setup --undo`: taking back, telling the services, telling what happened.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use super::{End, SetupArgs, json, open_journal, print::write_told};
use crate::{
    change::{Change, Reversal},
    draft::places,
    hunks,
    services::{self, Told},
    trial,
    undo::{self, Meant, Preview, UndoError, Undone},
};
use dkimd_advice::{
    text,
    text::{Lang, Text},
};
use dkimd_hand::resolved;
use dkimd_server::{
    config::{
        parse,
        resolve::{self, Overrides},
    },
    process::ExitCode,
};

/// Which runs it is about.
struct Extent {
    /// After "an undo".
    planned: Text,
    /// After "taken back".
    done: Text,
}

impl Extent {
    fn of(meant: Meant<'_>, preview: &Preview) -> Self {
        match meant.domain {
            Some(domain) => Self {
                planned: text!("for {domain}"),
                done: text!(" for {domain}"),
            },
            None if meant.all => Self {
                planned: text!("for all domains"),
                done: text!(" for all domains"),
            },
            None => {
                let of = preview.domains.iter().map(String::as_str);
                let of = of.collect::<Vec<_>>().join(", ");
                Self {
                    planned: text!("of the last run ({of})"),
                    done: text!(", the last run ({of})"),
                }
            }
        }
    }
}

/// Takes back what was set up for a domain, or for all.
pub(super) fn run(args: &SetupArgs, domain: Option<&str>, lang: Lang) -> Result<ExitCode, End> {
    dkimd_hand::read_by_hand();
    let journal = open_journal(args)?;
    let meant = Meant {
        domain,
        config: &args.config,
        all: args.all,
    };
    let preview = match undo::preview(&journal, meant) {
        Ok(preview) => preview,
        Err(UndoError::Unknown) => {
            let text = match domain {
                Some(domain) => text!(
                    "Nothing to take back for {domain}: nothing was set up here, or it was taken \
                     back already."
                ),
                None => text!(
                    "Nothing to take back: nothing was set up here, or it was taken back already."
                ),
            };
            println!("{}", text.to(lang));
            return Ok(ExitCode::Ok);
        }
        Err(error) => return Err(end(error)),
    };
    let extent = Extent::of(meant, &preview);
    if !args.apply {
        let unsigned = unsigned(args, &preview);
        let written = match args.json {
            true => json::undo_plan(domain, &preview, &unsigned, lang),
            false => write_plan(&extent, &preview, &unsigned, lang),
        };
        return Ok(match written {
            Ok(()) => ExitCode::Ok,
            Err(_) => ExitCode::IoError,
        });
    }
    let unsigned = unsigned(args, &preview);
    let mut undone = undo::undo(&journal, meant).map_err(end)?;
    let told = tell_services(args, &undone);
    undone.remove_emptied();
    let written = match args.json {
        true => json::undone(domain, &undone, &told),
        false => write_account(&extent, &undone, &told, lang).and_then(|()| {
            let mut out = io::stdout().lock();
            unsigned
                .iter()
                .try_for_each(|text| writeln!(out, "\n{}", text.to(lang)))
        }),
    };
    let failed = told.iter().any(Told::is_failed);
    Ok(match (written, failed) {
        (Ok(()), false) => ExitCode::Ok,
        _ => ExitCode::IoError,
    })
}

/// That mail leaves unsigned by it, where it does.
fn unsigned(args: &SetupArgs, preview: &Preview) -> Vec<Text> {
    let mut texts = Vec::new();
    let files = preview
        .files
        .iter()
        .map(|file| (file.path.clone(), file.after.clone()))
        .collect();
    match trial::left_unsigned(&args.config, &files, &preview.domains) {
        Ok(domains) if domains.is_empty() => {}
        Ok(domains) => {
            let domains = domains.join(", ");
            texts.push(text!(
                "Attention: with this, mail of {domains} leaves unsigned."
            ));
        }
        Err(error) => texts.push(text!(
            "Attention: whose mail leaves unsigned with this could not be tried ({error})."
        )),
    }
    let asks = |content: &Option<Vec<u8>>| {
        let text = String::from_utf8_lossy(content.as_deref().unwrap_or_default()).into_owned();
        let set = |line: &str| {
            let line = line.split('=').collect::<Vec<_>>();
            matches!(line.as_slice(), [name, value, ..]
                if ["smtpd_milters", "non_smtpd_milters"].contains(&name.trim()) && !value.trim().is_empty())
        };
        text.lines().filter(|line| set(line)).count()
    };
    for file in &preview.files {
        if file.path.ends_with("main.cf") && asks(&file.after) < asks(&file.now) {
            let path = file.path.display();
            texts.push(text!("Attention: with {path} as before, Postfix no longer asks the daemon for everything that \
                 it asks now; such mail leaves unsigned, whatever the domain."));
        }
    }
    texts
}

/// Shows what would be taken back.
fn write_plan(extent: &Extent, preview: &Preview, unsigned: &[Text], lang: Lang) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (back, stay) = preview.runs;
    let runs = back + stay;
    let planned = &extent.planned;
    let head = text!("Plan of an undo {planned}: {back} of {runs} runs. Nothing is changed yet.");
    writeln!(out, "{}", head.to(lang))?;
    for file in &preview.files {
        let shown = file.path.display();
        let now = file.now.as_deref().unwrap_or_default();
        let Some(after) = &file.after else {
            let text = text!("{shown}: removed");
            writeln!(out, "\n  {}", text.to(lang))?;
            continue;
        };
        writeln!(out)?;
        for spot in places(now, &hunks::diff(now, after)) {
            writeln!(out, "  {shown}:{}", spot.line)?;
            for line in &spot.removed {
                writeln!(out, "    - {line}")?;
            }
            for line in &spot.added {
                writeln!(out, "    + {line}")?;
            }
        }
    }
    let mut lines = Vec::new();
    for (change, reversal) in &preview.others {
        let path = change.path().display();
        lines.extend(match (reversal, change) {
            (Reversal::RemoveDirectory | Reversal::KeepDirectory, _) => {
                Some(text!("{path}: removed, if nothing is left in it"))
            }
            (Reversal::GiveBack(attributes), _) => {
                Some(text!("{path}: owner and mode as before ({attributes})"))
            }
            (Reversal::Leave, Change::Member { user, group }) => {
                Some(text!("user {user} leaves the group {group}"))
            }
            (Reversal::KeepKey, _) => Some(text!("{path}: the key stays")),
            _ => None,
        });
    }
    if !lines.is_empty() {
        writeln!(out)?;
    }
    for text in lines {
        writeln!(out, "  {}", text.to(lang))?;
    }
    for text in unsigned {
        writeln!(out, "\n{}", text.to(lang))?;
    }
    for other in &preview.relied_on_by {
        let text = text!(
            "Configuration, socket and Postfix stay: {other} was set up later and needs them."
        );
        writeln!(out, "\n{}", text.to(lang))?;
    }
    if stay > 0 {
        let text = text!("Earlier runs stay: {stay}. To take them back, too: --all");
        writeln!(out, "\n{}", text.to(lang))?;
    }
    let command = super::command_line();
    let text = text!("To do it: {command} --apply");
    writeln!(out, "\n{}", text.to(lang))
}

fn end(error: UndoError) -> End {
    match error {
        UndoError::Changed(paths) => End {
            text: text!(
                "nothing was taken back, because these files were changed since, at the very \
                 places that setup changed. Bring those places back as they were, or undo by hand; \
                 what setup changed is written down in the journal."
            ),
            details: paths
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            code: ExitCode::Failed,
        },
        error => End::new(
            ExitCode::IoError,
            text!("{error}. Mend that and run the same command again."),
        ),
    }
}

/// Tells the services, as far as their files changed; Postfix first, so that it never looks for a
/// daemon that has gone.
fn tell_services(args: &SetupArgs, undone: &Undone) -> Vec<Told> {
    let mut told = Vec::new();
    let mut of_postfix = BTreeSet::new();
    for postfix in &undone.postfix {
        let main_cf = resolved(&postfix.join("main.cf"));
        if undone.restored.contains(&main_cf) && of_postfix.insert(main_cf) {
            told.push(match args.no_reload {
                true => Told::ToDo(services::postfix_command(postfix, "reload")),
                false => services::postfix(postfix),
            });
        }
    }
    let mut restored = undone.restored.iter();
    let others = !undone.removed.is_empty() || restored.any(|path| !of_postfix.contains(path));
    if !others || !dkimd_hand::exists(&args.config).unwrap_or(false) {
        return told;
    }
    let (written, _) = parse::read(&args.config);
    let (settings, _) = resolve::resolve(&written, &Overrides::default());
    let process = settings.map(|settings| settings.process);
    let socket = process.as_ref().and_then(|process| process.socket.clone());
    told.push(match (args.no_reload, socket) {
        (false, Some(socket)) => {
            let pid_file = process.and_then(|process| process.pid_file);
            services::daemon(&args.config, pid_file.as_deref(), &socket, true)
        }
        _ => Told::ToDo(services::daemon_command(&args.config, true)),
    });
    told
}

/// Writes what was taken back.
fn write_account(extent: &Extent, undone: &Undone, told: &[Told], lang: Lang) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let head = match undone.is_empty() {
        true => {
            let planned = &extent.planned;
            text!("Nothing was left to take back {planned}.")
        }
        false => {
            let done = &extent.done;
            text!("Taken back{done}:")
        }
    };
    writeln!(out, "{}", head.to(lang))?;
    let mut line = |text: Text| writeln!(out, "  {}", text.to(lang));
    for path in &undone.restored {
        let path = path.display();
        line(text!("{path}: as before"))?;
    }
    for path in &undone.removed {
        let path = path.display();
        line(text!("{path}: removed"))?;
    }
    for (user, group) in &undone.left {
        line(text!("user {user} left the group {group}"))?;
    }
    for path in &undone.keys {
        let path = path.display();
        line(text!(
            "{path}: the key stays, since its record may be published and mail under way may need \
             it"
        ))?;
    }
    for path in &undone.directories {
        let path = path.display();
        line(text!("{path}: stays, there is something in it"))?;
    }
    for other in &undone.relied_on_by {
        line(text!(
            "configuration, socket and Postfix stay: {other} was set up later and needs them"
        ))?;
    }
    for told in told {
        write_told(&mut out, told, lang)?;
    }
    Ok(())
}
