//! The planned configuration, loaded from copies before anything is put in place: one with which
//! the daemon would not start, or that would sign other domains' mail otherwise than now, is never
//! left behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    draft::Draft,
    need::Signing,
    present::{signers, signers_of},
    refusal::Refusal,
    scratch::Scratch,
    situation::Configuration,
    tables::example_of,
};
use dkimd_advice::text;
use dkimd_hand::resolved;
use dkimd_server::{
    config::{
        parse,
        resolve::Overrides,
        snapshot::{SigningIdentities, Snapshot},
    },
    dataset::open::read_file,
};

/// Lines of the present tables whose mail is compared before and after.
const MOST_COMPARED: usize = 100_000;
/// Prefixes of values that name a file.
const FILE_KINDS: [&str; 2] = ["refile:", "file:"];

/// Tries the draft.
///
/// # Errors
/// What the daemon would refuse, or whose mail would be signed otherwise.
pub fn run(
    configuration: &Configuration,
    domain: &str,
    signing: &Signing,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    let scratch = Scratch::new()?;
    let copies = copies(configuration, draft, &scratch)?;
    let copy = &copies[&resolved(&configuration.file)];
    let (snapshot, findings) = Snapshot::load(Some(copy), &Overrides::default());
    let Some(snapshot) = snapshot else {
        let original = |mut text: String| {
            for (path, copy) in &copies {
                text = text.replace(&copy.display().to_string(), &path.display().to_string());
            }
            text
        };
        return Err(Refusal {
            text: text!("With these changes the daemon would not start, so nothing was changed."),
            findings: findings
                .iter()
                .filter(|finding| finding.is_error())
                .map(|finding| original(finding.to_string()))
                .collect(),
        });
    };
    signs_as_planned(&snapshot, domain, signing)?;
    others_stay(configuration, &snapshot, domain)
}

/// The domains whose mail is signed now and would not be with other contents of some files; with files
/// that the daemon would not load nothing would be signed.
///
/// # Errors
/// When there is no room for copies.
pub fn left_unsigned(
    config: &Path,
    files: &BTreeMap<PathBuf, Option<Vec<u8>>>,
    named: &BTreeSet<String>,
) -> io::Result<Vec<String>> {
    let (written, _) = parse::read(config);
    let (Some(before), _) = Snapshot::load(Some(config), &Overrides::default()) else {
        return Ok(Vec::new());
    };
    let scratch = Scratch::new()?;
    let mut after = BTreeMap::new();
    let config = resolved(config);
    let mut paths: Vec<PathBuf> = files.keys().cloned().collect();
    paths.extend(written.iter().map(|option| resolved(&option.file)));
    paths.push(config.clone());
    for path in paths {
        let content = match files.get(&path) {
            Some(content) => content.clone(),
            None => read_file(&path).ok(),
        };
        after.insert(path, content);
    }
    let copies: BTreeMap<PathBuf, PathBuf> = after
        .keys()
        .enumerate()
        .map(|(number, path)| (path.clone(), scratch.path().join(number.to_string())))
        .collect();
    let base = before.settings.process.base_directory.as_deref();
    for (path, copy) in &copies {
        let Some(Some(content)) = after.get(path) else {
            continue;
        };
        let is_configuration =
            *path == config || written.iter().any(|option| resolved(&option.file) == *path);
        let content = match is_configuration {
            true => naming_copies(content, &copies, base),
            false => content.clone(),
        };
        fs::write(copy, content)?;
    }
    let snapshot = match after.get(&config) {
        Some(Some(_)) => Snapshot::load(Some(&copies[&config]), &Overrides::default()).0,
        _ => None,
    };
    let signed = |snapshot: &Snapshot, domain: &str| {
        snapshot.settings.decision.mode.sign && !signers_of(snapshot, domain).is_empty()
    };
    let mut domains: BTreeSet<String> = named.clone();
    domains.extend(
        before
            .keys()
            .filter_map(|key| key.domain.map(str::to_owned)),
    );
    Ok(domains
        .into_iter()
        .filter(|domain| {
            signed(&before, domain)
                && !snapshot
                    .as_ref()
                    .is_some_and(|snapshot| signed(snapshot, domain))
        })
        .collect())
}

/// Somebody of the domain must get the planned signatures and no others.
fn signs_as_planned(snapshot: &Snapshot, domain: &str, signing: &Signing) -> Result<(), Refusal> {
    if !signing.in_force {
        return Ok(());
    }
    let found = signers_of(snapshot, domain);
    let mut missing = signing.keys.iter().filter(|key| {
        !found.iter().any(|(selector, signer)| {
            selector.eq_ignore_ascii_case(&key.selector) && signer.eq_ignore_ascii_case(domain)
        })
    });
    let Some(key) = missing.next() else {
        return Ok(());
    };
    let selector = &key.selector;
    let found: Vec<_> = found
        .iter()
        .map(|(s, d)| format!("{s}._domainkey.{d}"))
        .collect();
    let found = match found.is_empty() {
        true => "-".to_owned(),
        false => found.join(", "),
    };
    Err(Refusal::new(text!(
        "With these lines mail of {domain} would not be signed by selector {selector} (but by: \
         {found}). Lines for the domain that are in the tables already stand in the way; look at \
         them: dkimd explain postmaster@{domain}"
    )))
}

/// Whoever was signed for must be signed for as before.
fn others_stay(
    configuration: &Configuration,
    after: &Snapshot,
    domain: &str,
) -> Result<(), Refusal> {
    let before = &configuration.snapshot;
    let examples: Vec<(String, String)> = match &before.signing {
        SigningIdentities::None => Vec::new(),
        SigningIdentities::Single { domains, .. } => {
            let listed = domains.entries().unwrap_or_default();
            listed.iter().map(|(name, _)| example_of(name)).collect()
        }
        SigningIdentities::Tables { signing, .. } => signing
            .rows()
            .take(MOST_COMPARED)
            .map(|row| example_of(row.pattern))
            .collect(),
    };
    for (local, other) in examples {
        if other.eq_ignore_ascii_case(domain) {
            continue;
        }
        let (old, new) = (
            signers(before, &local, &other),
            signers(after, &local, &other),
        );
        // One key of this domain in the place of another is what is planned.
        let foreign = |signers: &[(String, String)]| -> Vec<(String, String)> {
            let mut signers = signers.to_vec();
            for (selector, signer) in &mut signers {
                if signer.eq_ignore_ascii_case(domain) {
                    selector.clear();
                }
            }
            signers.dedup();
            signers
        };
        if foreign(&old) != foreign(&new) {
            return Err(Refusal::new(text!(
                "With these changes mail of {local}@{other} would be signed otherwise than now. \
                 Nothing was changed; add the domain by hand."
            )));
        }
    }
    Ok(())
}

/// Copies of all files that change and of the configuration files, each naming the copies.
fn copies(
    configuration: &Configuration,
    draft: &mut Draft,
    scratch: &Scratch,
) -> io::Result<BTreeMap<PathBuf, PathBuf>> {
    let mut paths: Vec<PathBuf> = draft.changed().map(|(path, _)| path.to_owned()).collect();
    let files = configuration.written.iter().map(|option| &*option.file);
    for file in files.chain([configuration.file.as_path()]) {
        let path = resolved(file);
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let copies: BTreeMap<PathBuf, PathBuf> = paths
        .into_iter()
        .enumerate()
        .map(|(number, path)| {
            let copy = scratch.path().join(number.to_string());
            (path, copy)
        })
        .collect();
    let base = configuration.settings().process.base_directory.as_deref();
    for (path, copy) in &copies {
        let content = match draft.content(path)? {
            Some(content) => content.to_vec(),
            None => continue,
        };
        let is_configuration = *path == resolved(&configuration.file)
            || configuration
                .written
                .iter()
                .any(|option| resolved(&option.file) == *path);
        let content = match is_configuration {
            true => naming_copies(&content, &copies, base),
            false => content,
        };
        fs::write(copy, content)?;
    }
    Ok(copies)
}

/// A configuration file's text in which values name copies where there are copies.
fn naming_copies(text: &[u8], copies: &BTreeMap<PathBuf, PathBuf>, base: Option<&Path>) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut new = String::with_capacity(text.len());
    for line in text.split('\n') {
        let content = line.split(['#', '\r']).next().unwrap_or_default().trim();
        let replaced = content
            .split_once(|c: char| c.is_ascii_whitespace())
            .and_then(|(name, value)| {
                let value = value.trim();
                let kind = FILE_KINDS
                    .into_iter()
                    .find(|kind| {
                        value
                            .get(..kind.len())
                            .is_some_and(|begin| begin.eq_ignore_ascii_case(kind))
                    })
                    .unwrap_or_default();
                let path = Path::new(value[kind.len()..].trim());
                let path = base.map_or_else(|| path.to_owned(), |base| base.join(path));
                let copy = copies
                    .get(&resolved(&path))
                    .filter(|_| path.is_absolute())?;
                Some(format!("{name} {kind}{}", copy.display()))
            });
        new.push_str(replaced.as_deref().unwrap_or(line));
        new.push('\n');
    }
    new.into_bytes()
}
