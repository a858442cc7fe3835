//! The options of `opendkim.conf` that make the daemon sign for the domain.

use super::{
    config_file,
    draft::{Draft, Words},
    need::Need,
    refusal::Refusal,
    situation::{Situation, Wanted},
    table_lines::{table_directory, uses_tables},
};
use dkim_core::{Canon, Canonicalization};
use dkimd_advice::text;
use dkimd_server::config::settings::Identities;

/// Plans them.
///
/// # Errors
/// When a configuration file can't be read.
pub(super) fn plan(
    situation: &Situation,
    wanted: &Wanted,
    needs: &[Need],
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
            true => text!("The daemon signs by these tables."),
            false => text!(
                "Tables take the place of Domain, Selector and KeyFile, whose lines may stay; the \
                 tables hold the same key for the same domains."
            ),
        };
        set(&options, text!("Name the tables in the configuration"), why)?;
    }
    let waits = needs.iter().any(Need::waits);
    if needs.len() > 1 && !settings.signing.multiple && !waits {
        set(
            &[("MultipleSignatures", "yes".to_owned())],
            text!("Sign with every line of the SigningTable that fits"),
            text!("The RSA and the Ed25519 key sign side by side."),
        )?;
    }
    if !configuration.signs {
        set(
            &[("Mode", "sv".to_owned())],
            text!("Sign, not only verify"),
            text!("With the present Mode nothing is signed at all."),
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
        text!("Make signatures that survive forwarding"),
        text!("Forwarders change white space, and nobody may add a second From."),
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
