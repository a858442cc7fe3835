//! Lines for the domain in KeyTable and SigningTable, in the tables' own format; and tables in the
//! place of one key for all.

use std::path::{Path, PathBuf};

use super::{
    config_file,
    draft::{Draft, Words},
    need::Need,
    present::{Present, usual_key_name},
    refusal::Refusal,
    situation::{Configuration, Situation, Wanted},
    tables,
    waiting::why_now,
};
use dkimd_advice::{text, text::Text};
use dkimd_hand::Attributes;
use dkimd_server::{
    config::{settings::Identities, snapshot::SigningIdentities},
    dataset::{DataSetKind, DataSetSpec, entries::Entries},
    keys::KeySource,
};

const KEY_TABLE_HEAD: &str = "# The keys: name, then domain:selector:file.\n";
const SIGNING_TABLE_HEAD: &str = "# Whose mail is signed: author, then the name of a key.\n";

/// The two tables as the configuration names them, or as it will.
struct TablePlaces {
    keys: Place,
    signing: Place,
    /// Lines that take over what one key for all did.
    converted: Vec<(Entry, Entry)>,
}

type Entry = (String, String);

enum Place {
    /// A file; whether its keys are patterns.
    File { path: PathBuf, patterns: bool },
    /// A list in an option.
    List { option: &'static str, list: String },
}

/// Plans the lines.
///
/// # Errors
/// When a table can't be extended or read.
pub(super) fn plan(
    wanted: &Wanted,
    situation: &Situation,
    present: &Present,
    needs: &[Need],
    lines: &Lines,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    let configuration = &situation.configuration;
    let domain = wanted.domain.as_str();
    if !uses_tables(configuration, needs) {
        return Ok(());
    }
    let places = places(wanted, configuration, needs)?;
    let (new_keys, new_lines): (Vec<Entry>, Vec<Entry>) = places.converted.iter().cloned().unzip();
    let single = matches!(
        configuration.settings().signing.identities,
        Identities::Single { .. }
    );
    let mut key_entries = new_keys;
    let mut signing_entries = Vec::new();
    for need in needs {
        let KeySource::File(path) = &need.key.source else {
            continue;
        };
        let value = format!("{domain}:{}:{}", need.key.selector, path.display());
        if !need.in_key_table || single {
            key_entries.push((need.name.clone(), value));
        }
        if !need.waits() && (!need.in_signing_table() || single) {
            let pattern = match &places.signing {
                Place::File { patterns: true, .. } => format!("*@{domain}"),
                _ => domain.to_owned(),
            };
            signing_entries.push((pattern, need.name.clone()));
        }
    }
    // Mail that the domain's old keys signed is signed by the new ones; a line of another's that catches
    // it, too, gets one before it.
    let mut before = present.caught_by;
    let mut new_lines = new_lines;
    if let Lines::Renamed(pairs) = lines {
        before = before.or(present.first_line);
        if rename(
            configuration,
            draft,
            &places.signing,
            domain,
            pairs,
            why_now(needs),
            &mut new_lines,
        )? {
            signing_entries.clear();
        }
    }
    signing_entries.extend(new_lines);
    let because = text!("It says which key file belongs to which domain and selector.");
    write_table(
        configuration,
        draft,
        &places.keys,
        KEY_TABLE_HEAD,
        &key_entries,
        None,
        &because,
    )?;
    let because = text!("It says whose mail is signed: every author's of {domain}.");
    write_table(
        configuration,
        draft,
        &places.signing,
        SIGNING_TABLE_HEAD,
        &signing_entries,
        before,
        &because,
    )
}

/// What happens to the lines of the SigningTable.
pub(super) enum Lines {
    /// New keys get lines of their own.
    Added,
    /// Lines name new keys in the place of old ones: pairs of names in the KeyTable.
    Renamed(Vec<(String, String)>),
}

/// Puts the new names in the place of the old ones; says whether any line had an old one.
fn rename(
    configuration: &Configuration,
    draft: &mut Draft,
    place: &Place,
    domain: &str,
    pairs: &[(String, String)],
    why: Text,
    converted: &mut [Entry],
) -> Result<bool, Refusal> {
    let names: Vec<_> = pairs.iter().map(|(_, new)| new.as_str()).collect();
    let names = names.join(", ");
    let words = Words::own(
        text!("Let {names} sign for {domain} in the place of the old key"),
        why,
    );
    let mut any = false;
    for (pattern, name) in converted {
        any |= tables::rename(pattern, name, domain, pairs);
    }
    match place {
        Place::File { path, .. } => {
            let present = draft.content(path)?.unwrap_or_default().to_vec();
            let new = tables::renamed(&present, domain, pairs);
            if new != present {
                any = true;
                draft.write(path, new, Attributes::PUBLIC_FILE, words)?;
            }
        }
        Place::List { option, list } => {
            let new = tables::renamed_items(list, domain, pairs);
            if new != *list {
                any = true;
                config_file::set(
                    draft,
                    &configuration.file,
                    &configuration.written,
                    &[(option, new)],
                    &words,
                )?;
            }
        }
    }
    Ok(any)
}

/// One key for all stays as it is where it signs for the domain already and nothing is added.
pub(super) fn uses_tables(configuration: &Configuration, needs: &[Need]) -> bool {
    match configuration.settings().signing.identities {
        Identities::None | Identities::Tables { .. } => true,
        Identities::Single { .. } => needs.iter().any(|need| !need.in_signing_table()),
    }
}

fn places(
    wanted: &Wanted,
    configuration: &Configuration,
    needs: &[Need],
) -> Result<TablePlaces, Refusal> {
    let settings = configuration.settings();
    if let Identities::Tables { signing, keys } = &settings.signing.identities {
        return Ok(TablePlaces {
            keys: place(keys, configuration)?,
            signing: place(signing, configuration)?,
            converted: Vec::new(),
        });
    }
    let directory = table_directory(wanted);
    Ok(TablePlaces {
        keys: Place::File {
            path: directory.join("KeyTable"),
            patterns: false,
        },
        signing: Place::File {
            path: directory.join("SigningTable"),
            patterns: true,
        },
        converted: converted(configuration, wanted.domain.as_str(), needs)?,
    })
}

/// Where new tables go: `/etc/opendkim` for `/etc/opendkim.conf`.
pub(super) fn table_directory(wanted: &Wanted) -> PathBuf {
    wanted.table_directory.clone().unwrap_or_else(|| {
        let beside = wanted.config.parent().unwrap_or(Path::new("/etc"));
        beside.join("opendkim")
    })
}

fn place(spec: &DataSetSpec, configuration: &Configuration) -> Result<Place, Refusal> {
    let process = &configuration.settings().process;
    match &spec.kind {
        DataSetKind::File(path) => Ok(Place::File {
            path: process.resolve(path),
            patterns: false,
        }),
        DataSetKind::Refile(path) => Ok(Place::File {
            path: process.resolve(path),
            patterns: true,
        }),
        DataSetKind::Csl(_) => {
            let option = spec.origin.option;
            let written = configuration.written.iter().rev();
            let list = written
                .into_iter()
                .find(|written| written.name == option)
                .map_or_else(String::new, |written| written.value.clone());
            Ok(Place::List { option, list })
        }
        DataSetKind::Unsupported(value) => {
            Err(Refusal::new(text!("setup can't add to the table {value}")))
        }
    }
}

/// The lines that do what Domain, Selector and KeyFile did: tables take their place. The domain
/// itself is left out, its lines are made with the others.
fn converted(
    configuration: &Configuration,
    domain: &str,
    needs: &[Need],
) -> Result<Vec<(Entry, Entry)>, Refusal> {
    let SigningIdentities::Single {
        domains,
        sub_domains,
        selector,
        key: KeySource::File(key),
    } = &configuration.snapshot.signing
    else {
        return Ok(Vec::new());
    };
    let Some(listed) = domains.entries() else {
        return Err(Refusal::new(text!(
            "Domain is a table of patterns, which setup can't turn into a SigningTable. Name the \
             domains one by one."
        )));
    };
    let selector = selector.as_str();
    let value = |domain: &str| format!("{domain}:{selector}:{}", key.display());
    let mut lines = Vec::new();
    let mut of_sub_domains = Vec::new();
    let mut of_all = Vec::new();
    for (name, _) in listed {
        if name == "*" {
            let entry = (format!("{selector}._domainkey"), value("%"));
            of_all.push((entry.clone(), ("*".to_owned(), entry.0)));
            continue;
        }
        let entry = (usual_key_name(selector, &name), value(&name));
        let with_own_need = name.eq_ignore_ascii_case(domain)
            && needs.iter().any(|need| need.key.selector == selector);
        if !with_own_need {
            lines.push((entry.clone(), (format!("*@{name}"), entry.0.clone())));
        }
        if *sub_domains {
            of_sub_domains.push((entry.clone(), (format!("*@*.{name}"), entry.0)));
        }
    }
    lines.extend(of_sub_domains);
    lines.extend(of_all);
    Ok(lines)
}

fn write_table(
    configuration: &Configuration,
    draft: &mut Draft,
    place: &Place,
    head: &str,
    entries: &[Entry],
    before: Option<u32>,
    why: &Text,
) -> Result<(), Refusal> {
    let mut entries = entries.to_vec();
    let mut seen = Vec::with_capacity(entries.len());
    entries.retain(|entry| {
        !seen.contains(entry) && {
            seen.push(entry.clone());
            true
        }
    });
    match place {
        Place::File { path, .. } => {
            let present = match draft.content(path)? {
                Some(text) => text.to_vec(),
                // One without entries, too: the configuration names it.
                None => {
                    new_table(draft, path, head)?;
                    head.as_bytes().to_vec()
                }
            };
            let text = String::from_utf8_lossy(&present).into_owned();
            let known = Entries::of_lines(text, path.as_path().into());
            entries.retain(|(key, value)| {
                !known
                    .iter()
                    .any(|entry| entry.key == key && entry.value == value)
            });
            if entries.is_empty() {
                return Ok(());
            }
            let new = tables::with_entries(&present, &entries, before);
            let (shown, count) = (path.display(), entries.len());
            let what = match count {
                1 => text!("Add a line to {shown}"),
                _ => text!("Add {count} lines to {shown}"),
            };
            let words = Words::own(what, why.clone());
            draft.write(path, new, Attributes::PUBLIC_FILE, words)?;
        }
        Place::List { option, list } => {
            if entries.is_empty() {
                return Ok(());
            }
            let words = Words::own(text!("Add to the list of {option}"), why.clone());
            config_file::set(
                draft,
                &configuration.file,
                &configuration.written,
                &[(option, tables::with_items(list, &entries))],
                &words,
            )?;
        }
    }
    Ok(())
}

fn new_table(draft: &mut Draft, path: &Path, head: &str) -> Result<(), Refusal> {
    if let Some(directory) = path.parent() {
        draft.directories(
            directory,
            Attributes::PUBLIC_DIRECTORY,
            &text!("The tables of the daemon go there."),
        )?;
    }
    let shown = path.display();
    let words = Words::shared(
        text!("Begin the table {shown}"),
        text!("With tables each further domain is one more line."),
    );
    draft.write(path, head.into(), Attributes::PUBLIC_FILE, words)?;
    Ok(())
}
