//! The plan: everything that `setup` will do for a domain, tried out before anything is done.

use std::path::{Path, PathBuf};

use super::{
    draft::{Draft, Step, Word, Words},
    hosts,
    identities::{self},
    key_files, mta,
    need::Signing,
    publication::Asker,
    refusal::Refusal,
    situation::{IN_QUEUE, Situation, Wanted},
    socket::{self, Endpoint},
    trial,
};
use dkimd_advice::{text, text::Text};
use dkimd_hand::{Attributes, resolved};

/// What will be done.
#[derive(Debug)]
pub struct Plan {
    /// The steps, in order; none where all is done already.
    pub steps: Vec<Step>,
    /// How many of them come before the daemon is told; the others are Postfix's.
    pub before_postfix: usize,
    /// The domain's keys.
    pub signing: Signing,
    /// The name of this host in mail.
    pub hostname: String,
    /// Where the daemon listens.
    pub endpoint: Endpoint,
    /// Postfix's directory; none where it is left alone.
    pub postfix: Option<PathBuf>,
    /// What the administrator should know.
    pub notes: Vec<Text>,
}

/// Plans; `dns` is asked how the records of new keys stand.
///
/// # Errors
/// When the present configuration can't be extended, or would not work afterwards.
pub fn plan(wanted: &Wanted, situation: &Situation, dns: &Asker<'_>) -> Result<Plan, Refusal> {
    let postfix = situation.postfix.as_ref();
    let mut draft = Draft::by_word(word(wanted, situation));
    template(situation, &mut draft)?;
    let one_signature = postfix
        .and_then(mta::one_signature)
        .or_else(|| of_original(situation));
    let signing = identities::plan(wanted, situation, one_signature, dns, &mut draft)?;
    hosts::plan(wanted, situation, &mut draft)?;
    let endpoint = socket::plan(situation, &mut draft)?;
    let domain = wanted.domain.as_str();
    trial::run(&situation.configuration, domain, &signing, &mut draft)?;
    let before_postfix = draft.steps().len();
    let hostname = mta::hostname(wanted, postfix);
    let mta = mta::plan(&hostname, situation, &endpoint, &mut draft)?;
    let mut notes = signing.notes.clone();
    notes.extend(mta.notes);
    notes.extend(old_look(situation));
    Ok(Plan {
        before_postfix,
        postfix: postfix.map(|postfix| postfix.directory.clone()),
        steps: draft.into_steps(),
        signing,
        hostname,
        endpoint,
        notes,
    })
}

/// A configuration that others than root can change does not decide where root changes something.
fn word(wanted: &Wanted, situation: &Situation) -> Option<Word> {
    let configuration = &situation.configuration;
    let (file, user) = configuration.of_others.first()?.clone();
    let own = configuration.of_others.iter().map(|(file, _)| file.clone());
    let named = [&wanted.key_directory, &wanted.table_directory];
    let mut free: Vec<PathBuf> = own.chain(named.into_iter().flatten().cloned()).collect();
    free.push(key_files::USUAL_DIRECTORY.into());
    if let Some(postfix) = &situation.postfix {
        free.push(postfix.directory.clone());
        let socket = postfix.queue_directory().join(IN_QUEUE);
        free.extend(socket.parent().map(Path::to_owned));
    }
    Some(Word {
        file,
        user,
        free: free.iter().map(|path| resolved(path)).collect(),
    })
}

/// Why the original OpenDKIM must not be given two kinds of key.
fn of_original(situation: &Situation) -> Option<Text> {
    let program = situation.original.as_ref()?.display();
    Some(text!(
        "RSA alone: the daemon is OpenDKIM ({program}), which refuses mail when keys of two kinds \
         sign. With dkimd in its place, run this again and the Ed25519 key is added."
    ))
}

/// The configuration file, where there is none.
fn template(situation: &Situation, draft: &mut Draft) -> Result<(), Refusal> {
    let configuration = &situation.configuration;
    let Some(text) = &configuration.template else {
        return Ok(());
    };
    let shown = configuration.file.display();
    let words = Words::shared(
        text!("Write the configuration {shown}"),
        text!("There is none; this is the one that the package brings."),
    );
    draft.write(
        &configuration.file,
        text.clone().into_bytes(),
        Attributes::PUBLIC_FILE,
        words,
    )?;
    Ok(())
}

/// A look of signatures that breaks on the way, where it is in use and so not changed.
fn old_look(situation: &Situation) -> Option<Text> {
    let snapshot = &situation.configuration.snapshot;
    let signs = !matches!(
        snapshot.signing,
        dkimd_server::config::snapshot::SigningIdentities::None
    );
    let simple = snapshot.settings.signing.canonicalization.body == dkim_core::Canon::Simple;
    (signs && simple).then(|| {
        text!(
            "Canonicalization hashes the body as it is, which breaks signatures on forwarded mail; \
             relaxed/relaxed survives. It is left as it is, since other domains sign with it."
        )
    })
}
