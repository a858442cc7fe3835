//! Keys, KeyTable and SigningTable: who signs for the domain.

use std::path::{Path, PathBuf};

use super::{
    change::Change,
    config_file,
    disk::Attributes,
    draft::{Draft, Words},
    key_files::{self, Layout, PublicKey, public_key},
    present::{self, Present, usual_key_name},
    situation::{Configuration, Refusal, Situation, Wanted},
    tables,
};
use crate::{
    config::{settings::Identities, snapshot::SigningIdentities},
    dataset::{DataSetKind, DataSetSpec, entries::Entries},
    dkim::{Canon, Canonicalization},
    keys::{KeySource, generate::KeyKind},
    text,
    text::Text,
};

/// The selector of a domain that has none yet.
const USUAL_SELECTOR: &str = "mail";
/// What the Ed25519 key's selector ends with.
const ED25519_SUFFIX: &str = "-ed25519";
/// Only the daemon reads a private key.
const KEY_MODE: u32 = 0o600;
/// Only the daemon looks into a directory of keys.
const KEY_DIRECTORY_MODE: u32 = 0o700;
const KEY_TABLE_HEAD: &str = "# The keys: name, then domain:selector:file.\n";
const SIGNING_TABLE_HEAD: &str = "# Whose mail is signed: author, then the name of a key.\n";

/// The keys of the domain once the plan is done.
#[derive(Clone, Debug, Default)]
pub struct Signing {
    /// The keys whose records must be published.
    pub keys: Vec<SigningKey>,
    /// What the administrator should know.
    pub notes: Vec<Text>,
    /// Whether the keys sign at once. In a rotation the old ones go on until the new records are
    /// published.
    pub in_force: bool,
}

/// A key of the domain.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// `s=`.
    pub selector: String,
    /// RSA or Ed25519.
    pub kind: KeyKind,
    /// Where it is or will be.
    pub source: KeySource,
    /// Its public half; `None`: it is yet to be made.
    pub public: Option<PublicKey>,
}

/// What one key needs.
struct Need {
    key: SigningKey,
    /// Its line in the KeyTable is missing.
    in_key_table: bool,
    /// Its line in the SigningTable is missing.
    in_signing_table: bool,
    /// Its name in the KeyTable.
    name: String,
}

/// Plans keys and tables. `one_signature` says why there must not be two.
///
/// # Errors
/// When the present configuration can't be extended.
pub fn plan(
    wanted: &Wanted,
    situation: &Situation,
    one_signature: Option<Text>,
    draft: &mut Draft,
) -> Result<Signing, Refusal> {
    let configuration = &situation.configuration;
    let snapshot = &configuration.snapshot;
    let domain = wanted.domain.as_str();
    let present = Present::of(snapshot, domain);
    let mut signing = Signing {
        in_force: true,
        ..Signing::default()
    };

    let rsa = choose_rsa(wanted, situation, &present)?;
    let rotation = !present.own.is_empty()
        && wanted
            .selector
            .as_ref()
            .is_some_and(|selector| present.with_selector(selector.as_str()).is_none());
    let ed25519 = match two_signatures(wanted, situation, &present, one_signature, rotation) {
        Ok(()) => Some(choose_ed25519(situation, domain, &present, &rsa, wanted)?),
        Err(why) => {
            signing.notes.extend(why);
            None
        }
    };
    let mut needs: Vec<Need> = [Some(rsa), ed25519].into_iter().flatten().collect();
    if rotation {
        signing.in_force = false;
        signing.notes.push(rotation_note(&present, &needs, domain));
        for need in &mut needs {
            need.in_signing_table = false;
        }
    }
    for need in &needs {
        key_step(situation, &need.key, draft)?;
    }
    table_steps(wanted, situation, &present, &needs, draft)?;
    option_steps(situation, wanted, &needs, rotation, draft)?;
    signing.keys = needs.into_iter().map(|need| need.key).collect();
    signing.notes.extend(weak_key(&signing.keys, domain));
    Ok(signing)
}

fn choose_rsa(wanted: &Wanted, situation: &Situation, present: &Present) -> Result<Need, Refusal> {
    let is_rsa = |key: &present::OwnKey| !matches!(&key.public, Ok(public) if public.kind == KeyKind::Ed25519);
    let own = match &wanted.selector {
        Some(selector) => present.with_selector(selector.as_str()),
        None => present.own.iter().find(|key| is_rsa(key)),
    };
    if let Some(own) = own {
        return need_of_own(own, wanted.domain.as_str(), key_files::RSA);
    }
    let selector = match &wanted.selector {
        Some(selector) => selector.as_str(),
        None => USUAL_SELECTOR,
    };
    new_need(wanted, situation, selector, key_files::RSA)
}

fn choose_ed25519(
    situation: &Situation,
    domain: &str,
    present: &Present,
    rsa: &Need,
    wanted: &Wanted,
) -> Result<Need, Refusal> {
    let is_ed25519 = |key: &&present::OwnKey| matches!(&key.public, Ok(public) if public.kind == KeyKind::Ed25519);
    let selector = format!("{}{ED25519_SUFFIX}", rsa.key.selector);
    let own = present
        .with_selector(&selector)
        .or_else(|| present.own.iter().find(is_ed25519))
        .filter(|_| rsa_is_old(present, rsa));
    match own {
        Some(own) => need_of_own(own, domain, KeyKind::Ed25519),
        None => new_need(wanted, situation, &selector, KeyKind::Ed25519),
    }
}

/// Whether the RSA key signs already; in a rotation both keys are new.
fn rsa_is_old(present: &Present, rsa: &Need) -> bool {
    present.with_selector(&rsa.key.selector).is_some()
}

/// A key that signs already, or will as soon as its file is there.
fn need_of_own(own: &present::OwnKey, domain: &str, kind: KeyKind) -> Result<Need, Refusal> {
    let public = match (&own.public, &own.source) {
        (Ok(public), _) => Some(public.clone()),
        (Err(_), KeySource::File(path)) if !path.exists() => None,
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
        in_signing_table: true,
        name: usual_key_name(&own.selector, domain),
    })
}

fn unusable(cause: &str) -> Refusal {
    Refusal::new(text!(
        "The domain's present key can't be used: {cause}. Mend that first (dkimd check), or take a \
         new one with --selector.",
        "La clave actual del dominio no se puede usar: {cause}. Corríjalo primero (dkimd check), o \
         use una nueva con --selector."
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
        KeySource::File(path) if !path.exists() => None,
        source => Some(public_key(source).map_err(|cause| unusable(&cause))?),
    };
    if let Some(public) = &public
        && public.kind.tag() != kind.tag()
    {
        let there = public.kind;
        return Err(Refusal::new(text!(
            "There is a key for selector {selector} already ({there}), but {kind} is wanted. \
             Choose another --selector.",
            "Ya existe una clave para el selector {selector} ({there}), pero hace falta {kind}. \
             Elija otro --selector."
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
        in_signing_table: false,
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
    if wanted.rsa_only {
        return Err(None);
    }
    if let Some(why) = one_signature {
        return Err(Some(why));
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
             lines of your SigningTable would get more signatures than now.",
            "Solo RSA: dos firmas requieren MultipleSignatures, y con esa opción el correo que \
             encaja en varias líneas de su SigningTable recibiría más firmas que ahora."
        )));
    }
    Ok(())
}

fn rotation_note(present: &Present, needs: &[Need], domain: &str) -> Text {
    let old: Vec<_> = present
        .own
        .iter()
        .map(|key| key.selector.as_str())
        .collect();
    let new: Vec<_> = needs.iter().map(|need| need.name.as_str()).collect();
    let (old, new) = (old.join(", "), new.join(", "));
    text!(
        "{domain} is signed with selector {old} today, and goes on to be. This prepares a new key: \
         publish its record, see that it is served (dkimd testkey), then put {new} in the place of \
         the old name in the SigningTable and reload. Keep the old record for a week.",
        "{domain} se firma hoy con el selector {old}, y así sigue. Esto prepara una clave nueva: \
         publique su registro, compruebe que se sirve (dkimd testkey), ponga después {new} en lugar \
         del nombre antiguo en la SigningTable y recargue. Conserve el registro antiguo una semana."
    )
}

fn weak_key(keys: &[SigningKey], domain: &str) -> Option<Text> {
    let weak = keys
        .iter()
        .find(|key| matches!(key.kind, KeyKind::Rsa(bits) if bits < 2048))?;
    let (kind, selector) = (weak.kind, &weak.selector);
    Some(text!(
        "The present key {selector} is weak ({kind}); receivers advise 2048 bits. Prepare a new \
         one: dkimd setup {domain} --selector NEW",
        "La clave actual {selector} es débil ({kind}); los receptores aconsejan 2048 bits. Prepare \
         una nueva: dkimd setup {domain} --selector NUEVO"
    ))
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
        directories(
            draft,
            directory,
            attributes(KEY_DIRECTORY_MODE),
            &text!(
                "Only the daemon's user may look for keys there.",
                "Solo el usuario del demonio puede buscar claves ahí."
            ),
        );
    }
    let (kind, shown, user) = (key.kind, path.display(), &daemon.name);
    let words = Words::own(
        text!(
            "Make a private key ({kind}) in {shown}, for user {user} only",
            "Crear una clave privada ({kind}) en {shown}, solo para el usuario {user}"
        ),
        match kind {
            KeyKind::Ed25519 => text!(
                "A short modern key beside the RSA key; receivers that don't know it go by the \
                 other signature (RFC 8463).",
                "Una clave moderna y corta junto a la RSA; los receptores que no la conocen se \
                 guían por la otra firma (RFC 8463)."
            ),
            KeyKind::Rsa(_) => text!(
                "Every receiver verifies RSA; 2048 bits is what they advise (RFC 8301).",
                "Todos los receptores verifican RSA; 2048 bits es lo que aconsejan (RFC 8301)."
            ),
        },
    );
    let change = Change::Key {
        path: path.clone(),
        attributes: attributes(KEY_MODE),
    };
    draft.change(words, change);
    Ok(())
}

/// Plans directories that are missing on the way to and with `directory`.
pub(super) fn directories(draft: &mut Draft, directory: &Path, attributes: Attributes, why: &Text) {
    let planned = |draft: &Draft, path: &Path| {
        draft.steps().iter().any(
            |step| matches!(&step.entry.change, Change::Directory { path: made, .. } if made == path),
        )
    };
    let mut missing: Vec<PathBuf> = directory
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .map(Path::to_owned)
        .collect();
    missing.retain(|path| !planned(draft, path));
    for path in missing.into_iter().rev() {
        let shown = path.display();
        let words = Words::shared(
            text!("Make the directory {shown}", "Crear el directorio {shown}"),
            why.clone(),
        )
        .by(format!("install -d {attributes} {shown}"));
        draft.change(words, Change::Directory { path, attributes });
    }
}

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

fn table_steps(
    wanted: &Wanted,
    situation: &Situation,
    present: &Present,
    needs: &[Need],
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
        if !need.in_signing_table || single {
            let pattern = match &places.signing {
                Place::File { patterns: true, .. } => format!("*@{domain}"),
                _ => domain.to_owned(),
            };
            signing_entries.push((pattern, need.name.clone()));
        }
    }
    if needs.iter().all(|need| !need.in_signing_table) && is_rotation(present, needs) {
        signing_entries.clear();
    }
    signing_entries.extend(new_lines);
    let because = text!(
        "It says which key file belongs to which domain and selector.",
        "Dice qué archivo de clave corresponde a qué dominio y selector."
    );
    write_table(
        configuration,
        draft,
        &places.keys,
        KEY_TABLE_HEAD,
        &key_entries,
        None,
        &because,
    )?;
    let because = text!(
        "It says whose mail is signed: every author's of {domain}.",
        "Dice qué correo se firma: el de todo autor de {domain}."
    );
    let before = present.caught_by;
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

/// One key for all stays as it is where it signs for the domain already and nothing is added.
fn uses_tables(configuration: &Configuration, needs: &[Need]) -> bool {
    match configuration.settings().signing.identities {
        Identities::None | Identities::Tables { .. } => true,
        Identities::Single { .. } => needs.iter().any(|need| !need.in_signing_table),
    }
}

fn is_rotation(present: &Present, needs: &[Need]) -> bool {
    !present.own.is_empty()
        && needs
            .iter()
            .all(|need| present.with_selector(&need.key.selector).is_none())
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
        DataSetKind::Unsupported(value) => Err(Refusal::new(text!(
            "setup can't add to the table {value}",
            "setup no puede añadir nada a la tabla {value}"
        ))),
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
             domains one by one.",
            "Domain es una tabla de patrones que setup no puede convertir en una SigningTable. \
             Nombre los dominios uno por uno."
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
                None if entries.is_empty() => return Ok(()),
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
                1 => text!("Add a line to {shown}", "Añadir una línea a {shown}"),
                _ => text!(
                    "Add {count} lines to {shown}",
                    "Añadir {count} líneas a {shown}"
                ),
            };
            let words = Words::own(what, why.clone());
            draft.write(path, new, Attributes::PUBLIC_FILE, words)?;
        }
        Place::List { option, list } => {
            if entries.is_empty() {
                return Ok(());
            }
            let words = Words::own(
                text!(
                    "Add to the list of {option}",
                    "Añadir a la lista de {option}"
                ),
                why.clone(),
            );
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
        directories(
            draft,
            directory,
            Attributes::PUBLIC_DIRECTORY,
            &text!(
                "The tables of the daemon go there.",
                "Ahí van las tablas del demonio."
            ),
        );
    }
    let shown = path.display();
    let words = Words::shared(
        text!("Begin the table {shown}", "Crear la tabla {shown}"),
        text!(
            "With tables each further domain is one more line.",
            "Con tablas, añadir un dominio es añadir una línea."
        ),
    );
    draft.write(path, head.into(), Attributes::PUBLIC_FILE, words)?;
    Ok(())
}

/// The options that make the daemon use tables and keys.
fn option_steps(
    situation: &Situation,
    wanted: &Wanted,
    needs: &[Need],
    rotation: bool,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    let configuration = &situation.configuration;
    let settings = configuration.settings();
    let mut set = |options: &[(&'static str, String)], what, why| {
        config_file::set(
            draft,
            &configuration.file,
            &configuration.written,
            options,
            &Words::shared(what, why),
        )
    };
    let nothing_signed_yet = matches!(settings.signing.identities, Identities::None);
    let tables = matches!(settings.signing.identities, Identities::Tables { .. });
    if !tables && uses_tables(configuration, needs) {
        let directory = table_directory(wanted);
        let directory = directory.display();
        let options = [
            ("KeyTable", format!("{directory}/KeyTable")),
            ("SigningTable", format!("refile:{directory}/SigningTable")),
        ];
        let why = match nothing_signed_yet {
            true => text!(
                "The daemon signs by these tables.",
                "El demonio firma según estas tablas."
            ),
            false => text!(
                "Tables take the place of Domain, Selector and KeyFile, whose lines may stay; the \
                 tables hold the same key for the same domains.",
                "Las tablas sustituyen a Domain, Selector y KeyFile, cuyas líneas pueden quedarse; \
                 las tablas contienen la misma clave para los mismos dominios."
            ),
        };
        set(
            &options,
            text!(
                "Name the tables in the configuration",
                "Nombrar las tablas en la configuración"
            ),
            why,
        )?;
    }
    if needs.len() > 1 && !settings.signing.multiple && !rotation {
        set(
            &[("MultipleSignatures", "yes".to_owned())],
            text!(
                "Sign with every line of the SigningTable that fits",
                "Firmar con cada línea de la SigningTable que encaje"
            ),
            text!(
                "The RSA and the Ed25519 key sign side by side.",
                "Las claves RSA y Ed25519 firman una junto a otra."
            ),
        )?;
    }
    if !configuration.signs {
        set(
            &[("Mode", "sv".to_owned())],
            text!("Sign, not only verify", "Firmar, no solo verificar"),
            text!(
                "With the present Mode nothing is signed at all.",
                "Con el Mode actual no se firma nada."
            ),
        )?;
    }
    if nothing_signed_yet {
        looks(situation, draft)?;
    }
    Ok(())
}

/// Where nothing was signed so far, signatures get the look that survives the way best.
fn looks(situation: &Situation, draft: &mut Draft) -> Result<(), Refusal> {
    let configuration = &situation.configuration;
    let relaxed = Canonicalization {
        header: Canon::Relaxed,
        body: Canon::Relaxed,
    };
    let signing = &configuration.settings().signing;
    let mut options = Vec::new();
    if signing.canonicalization != relaxed {
        options.push(("Canonicalization", "relaxed/relaxed".to_owned()));
    }
    if signing.oversign_headers.is_none() {
        options.push(("OversignHeaders", "From".to_owned()));
    }
    let words = Words::shared(
        text!(
            "Make signatures that survive the way",
            "Hacer firmas que sobrevivan al camino"
        ),
        text!(
            "Forwarders change white space, and nobody may add a second From.",
            "Los reenvíos cambian espacios en blanco, y nadie debe poder añadir un segundo From."
        ),
    );
    config_file::set(
        draft,
        &configuration.file,
        &configuration.written,
        &options,
        &words,
    )?;
    Ok(())
}
