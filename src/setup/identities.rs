//! Keys and selectors of the domain: which are there, which are made, which sign.

use std::path::{Path, PathBuf};

use super::{
    change::Change,
    draft::{Draft, Word, Words},
    key_files::{self, Layout, public_key},
    need::{Need, Signing, SigningKey, State},
    options,
    present::{self, Present, usual_key_name},
    publication::{Asker, Held, Standing},
    records::{Data, Record},
    refusal::Refusal,
    situation::{Keys, Situation, Wanted},
    table_lines::{self, Lines},
    waiting,
};
use dkimd_advice::{text, text::Text};
use dkimd_hand::{Attributes, Place};
use dkimd_keygen::generate::KeyKind;
use dkimd_server::{config::settings::Identities, dataset::DataSetKind, keys::KeySource};

/// The selector of a domain that has none yet.
const USUAL_SELECTOR: &str = "mail";
/// What the Ed25519 key's selector ends with.
const ED25519_SUFFIX: &str = "-ed25519";
/// Selectors that are tried where DNS holds other keys.
const MOST_SELECTORS: u32 = 9;
/// Only the daemon reads a private key.
const KEY_MODE: u32 = 0o600;
/// Only the daemon looks into a directory of keys.
const KEY_DIRECTORY_MODE: u32 = 0o700;

/// Plans keys and tables. `one_signature` says why there must not be two.
///
/// A domain's first keys sign at once. A key that comes beside or after another, here or elsewhere, signs
/// only when its record is seen in DNS.
///
/// # Errors
/// When the present configuration can't be extended.
pub fn plan(
    wanted: &Wanted,
    situation: &Situation,
    one_signature: Option<Text>,
    dns: &Asker<'_>,
    draft: &mut Draft,
) -> Result<Signing, Refusal> {
    let domain = wanted.domain.as_str();
    let present = Present::of(&situation.configuration.snapshot, domain);
    let mut signing = Signing {
        in_force: true,
        ..Signing::default()
    };

    let rsa = choose_rsa(wanted, situation, &present, dns)?;
    let rotation = !present.own.is_empty()
        && wanted
            .selector
            .as_ref()
            .is_some_and(|selector| present.with_selector(selector.as_str()).is_none());
    let ed25519 = match two_signatures(wanted, situation, &present, one_signature, rotation) {
        Ok(()) => Some(choose_ed25519(
            wanted, situation, &present, &rsa, rotation, dns,
        )?),
        Err(why) => {
            signing.notes.extend(why);
            None
        }
    };
    let mut needs: Vec<Need> = [Some(rsa), ed25519].into_iter().flatten().collect();
    waiting::decide(wanted, &present, &mut needs, &mut signing);
    let lines = match (rotation, signing.in_force) {
        (true, true) => Lines::Renamed(waiting::successors(&present, &needs)),
        _ => Lines::Added,
    };
    let word = word_of_key_table(wanted, situation)?;
    for need in &needs {
        if let (Some(word), KeySource::File(path), None) =
            (&word, &need.key.source, &need.key.public)
        {
            word.permits(&Place::find(path)?)?;
        }
        key_step(situation, &need.key, draft)?;
    }
    table_lines::plan(wanted, situation, &present, &needs, &lines, draft)?;
    options::plan(situation, wanted, &needs, draft)?;
    signing.keys = needs.into_iter().map(|need| need.key).collect();
    signing.notes.extend(weak_key(&signing.keys, domain));
    Ok(signing)
}

fn choose_rsa(
    wanted: &Wanted,
    situation: &Situation,
    present: &Present,
    dns: &Asker<'_>,
) -> Result<Need, Refusal> {
    let is_rsa = |key: &present::OwnKey| !matches!(&key.public, Ok(public) if public.kind == KeyKind::Ed25519);
    let own = match &wanted.selector {
        Some(selector) => present
            .with_selector(selector.as_str())
            .filter(|key| is_rsa(key)),
        None => present.own.iter().find(|key| is_rsa(key)),
    };
    if let Some(own) = own {
        return need_of_own(own, wanted.domain.as_str(), key_files::RSA);
    }
    let selector = match &wanted.selector {
        Some(selector) => selector.as_str(),
        None => USUAL_SELECTOR,
    };
    free_need(wanted, situation, present, selector, key_files::RSA, dns)
}

fn choose_ed25519(
    wanted: &Wanted,
    situation: &Situation,
    present: &Present,
    rsa: &Need,
    rotation: bool,
    dns: &Asker<'_>,
) -> Result<Need, Refusal> {
    let domain = wanted.domain.as_str();
    let is_ed25519 =
        |key: &&present::OwnKey| matches!(&key.public, Ok(key) if key.kind == KeyKind::Ed25519);
    let selector = format!("{}{ED25519_SUFFIX}", rsa.key.selector);
    let own = present
        .with_selector(&selector)
        .or_else(|| present.own.iter().find(is_ed25519))
        .filter(|_| !rotation);
    match own {
        Some(own) => need_of_own(own, domain, KeyKind::Ed25519),
        None => free_need(wanted, situation, present, &selector, KeyKind::Ed25519, dns),
    }
}

/// A new key with this selector or, where DNS holds another key there, with the next that is free:
/// `mail`, `mail2`, `mail3`, …
fn free_need(
    wanted: &Wanted,
    situation: &Situation,
    present: &Present,
    selector: &str,
    kind: KeyKind,
    dns: &Asker<'_>,
) -> Result<Need, Refusal> {
    let domain = wanted.domain.as_str();
    for number in 1..=MOST_SELECTORS {
        let candidate = match number {
            1 => selector.to_owned(),
            number => format!("{selector}{number}"),
        };
        // One that signs already is no new key.
        if number > 1 && present.with_selector(&candidate).is_some() {
            continue;
        }
        let mut need = new_need(wanted, situation, &candidate, kind)?;
        let record = need.key.public.as_ref().and_then(|public| {
            let public = public.clone();
            match Record::dkim(domain, &candidate, public.kind, public.public).data {
                Data::Txt(text) => Some(text),
                _ => None,
            }
        });
        let held = dns(&usual_key_name(&candidate, domain));
        let standing = held.standing(record.as_deref());
        if standing != Standing::Another {
            need.state = State::New {
                standing,
                by: held.by(),
                instead_of: (number > 1).then(|| selector.to_owned()),
            };
            return Ok(need);
        }
    }
    Err(Refusal::new(text!(
        "DNS holds other keys at selector {selector} of {domain} and at the {MOST_SELECTORS} that would \
         come next. Choose another one: --selector NAME"
    )))
}

/// A key that signs already, or will as soon as its file is there.
fn need_of_own(own: &present::OwnKey, domain: &str, kind: KeyKind) -> Result<Need, Refusal> {
    let public = match (&own.public, &own.source) {
        (Ok(public), _) => Some(public.clone()),
        (Err(_), KeySource::File(path)) if is_missing(path) => None,
        (Err(cause), _) => return Err(unusable(cause)),
    };
    Ok(Need {
        key: SigningKey {
            selector: own.selector.clone(),
            kind: public.as_ref().map_or(kind, |public| public.kind),
            source: own.source.clone(),
            public,
        },
        in_key_table: true,
        state: State::Signs,
        name: usual_key_name(&own.selector, domain),
    })
}

/// Whether there certainly is no such file; in a directory that only root may look into, nobody
/// else can tell.
fn is_missing(path: &Path) -> bool {
    matches!(Place::find(path).and_then(|place| place.look()), Ok(None))
}

fn unusable(cause: &str) -> Refusal {
    Refusal::new(text!(
        "The domain's present key can't be used: {cause}. Mend that first (dkimd check), or take a \
         new one with --selector."
    ))
}

/// A key that does not sign yet; its file or its KeyTable line may be there.
fn new_need(
    wanted: &Wanted,
    situation: &Situation,
    selector: &str,
    kind: KeyKind,
) -> Result<Need, Refusal> {
    let configuration = &situation.configuration;
    let domain = wanted.domain.as_str();
    let listed = present::in_key_table(&configuration.snapshot, domain, selector);
    let in_key_table = listed.is_some();
    let (name, source) = listed.unwrap_or_else(|| {
        let file = Layout::find(wanted, configuration).file(domain, selector);
        (usual_key_name(selector, domain), KeySource::File(file))
    });
    let public = match &source {
        KeySource::File(path) if is_missing(path) => None,
        source => Some(public_key(source).map_err(|cause| unusable(&cause))?),
    };
    if let Some(public) = &public
        && public.kind.tag() != kind.tag()
    {
        let there = public.kind;
        return Err(Refusal::new(text!(
            "There is a key for selector {selector} already ({there}), but {kind} is wanted. \
             Choose another --selector."
        )));
    }
    Ok(Need {
        key: SigningKey {
            selector: selector.to_owned(),
            kind: public.as_ref().map_or(kind, |public| public.kind),
            source,
            public,
        },
        in_key_table,
        state: State::New {
            standing: Standing::NotAsked,
            by: Held::NotAsked.by(),
            instead_of: None,
        },
        name,
    })
}

/// Whether the domain gets an Ed25519 signature beside the other, or why not; nothing to say where
/// that was the wish.
fn two_signatures(
    wanted: &Wanted,
    situation: &Situation,
    present: &Present,
    one_signature: Option<Text>,
    rotation: bool,
) -> Result<(), Option<Text>> {
    match (wanted.keys, one_signature) {
        (Some(Keys::Rsa), _) => return Err(None),
        (None, Some(why)) => return Err(Some(why)),
        (Some(Keys::Both), _) | (None, None) => {}
    }
    let is_ed25519 =
        |key: &present::OwnKey| matches!(&key.public, Ok(key) if key.kind == KeyKind::Ed25519);
    let has_it = present.own.iter().any(is_ed25519);
    if rotation && !has_it {
        return Err(None);
    }
    let snapshot = &situation.configuration.snapshot;
    if snapshot.settings.signing.multiple {
        return Ok(());
    }
    if present.caught_by.is_some() || present::lines_overlap(snapshot) {
        return Err(Some(text!(
            "RSA alone: two signatures need MultipleSignatures, and with it mail that fits several \
             lines of your SigningTable would get more signatures than now."
        )));
    }
    Ok(())
}

fn weak_key(keys: &[SigningKey], domain: &str) -> Option<Text> {
    let weak = keys
        .iter()
        .find(|key| matches!(key.kind, KeyKind::Rsa(bits) if bits < 2048))?;
    let (kind, selector) = (weak.kind, &weak.selector);
    Some(text!(
        "The present key {selector} is weak ({kind}); receivers advise 2048 bits. Prepare a new \
         one: dkimd setup {domain} --selector NEW"
    ))
}

/// The KeyTable, where others than root can change it: new keys go where its last one is.
fn word_of_key_table(wanted: &Wanted, situation: &Situation) -> Result<Option<Word>, Refusal> {
    let settings = situation.configuration.settings();
    let Identities::Tables { keys, .. } = &settings.signing.identities else {
        return Ok(None);
    };
    let (DataSetKind::File(path) | DataSetKind::Refile(path)) = &keys.kind else {
        return Ok(None);
    };
    let file = settings.process.resolve(path);
    let usual = PathBuf::from(key_files::USUAL_DIRECTORY);
    Ok(dkimd_hand::author(&file)?.map(|user| Word {
        file,
        user,
        free: wanted
            .key_directory
            .iter()
            .cloned()
            .chain([usual])
            .collect(),
    }))
}

/// The key's file, and the directories on its way that are missing.
fn key_step(situation: &Situation, key: &SigningKey, draft: &mut Draft) -> Result<(), Refusal> {
    let (None, KeySource::File(path)) = (&key.public, &key.source) else {
        return Ok(());
    };
    let daemon = &situation.daemon;
    let attributes = |mode| Attributes {
        owner: daemon.uid,
        group: daemon.gid,
        mode,
    };
    if let Some(directory) = path.parent() {
        draft.directories(
            directory,
            attributes(KEY_DIRECTORY_MODE),
            &text!("Only the daemon's user may look for keys there."),
        )?;
    }
    let (kind, shown, user) = (key.kind, path.display(), &daemon.name);
    let words = Words::own(
        text!("Make a private key ({kind}) in {shown}, for user {user} only"),
        match kind {
            KeyKind::Ed25519 => text!(
                "A short modern key beside the RSA key; receivers that don't know it go by the \
                 other signature (RFC 8463)."
            ),
            KeyKind::Rsa(_) => {
                text!("Every receiver verifies RSA; 2048 bits is what they advise (RFC 8301).")
            }
        },
    );
    let change = Change::Key {
        path: path.clone(),
        attributes: attributes(KEY_MODE),
    };
    draft.change(words, change)?;
    Ok(())
}
