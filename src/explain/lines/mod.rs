//! Every line about mail that dkimd, OpenDKIM and Postfix write, and what each means: tables of the
//! lines as they are written, one file for each kind.

mod daemon;
mod deciding;
mod keys;
mod postfix;
mod verifying;

#[cfg(test)]
mod key_remedies;
#[cfg(test)]
mod tests;

use super::{
    log_line::LogLine,
    template::{Parts, Template},
    words::{self, Facts},
};
use dkimd_advice::{Code, Finding, Fix, text::Text};
use dkimd_server::keys::remedy;

/// A line and its meaning.
pub(super) struct Line {
    /// As it is written.
    written: Template,
    /// What it means.
    explain: fn(&Parts<'_>) -> Finding,
}

const fn line(written: &'static str, explain: fn(&Parts<'_>) -> Finding) -> Line {
    Line {
        written: Template(written),
        explain,
    }
}

/// What stands between the cause and the remedy in lines of dkimd's.
const REMEDY: &str = "; to mend it: ";

/// What a line says; `None` if its program is not known to write it.
pub(super) fn explain(log: &LogLine<'_>) -> Option<Finding> {
    let (text, postfix, program) = (log.text, log.is_postfix(), log.program.is_some());
    if postfix {
        return find(postfix::LINES, text);
    }
    // Lines that hold text from mail come first, and whole: nothing in them is taken for a remedy.
    find(deciding::LINES, text)
        .or_else(|| find(verifying::LINES, text))
        .or_else(|| of_key(text))
        .or_else(|| find(daemon::LINES, text))
        .or_else(|| match program {
            true => find(daemon::OTHER_LINES, text),
            false => find(postfix::LINES, text),
        })
}

/// The first line that fits.
fn find(lines: &[Line], text: &str) -> Option<Finding> {
    lines.iter().find_map(|known| {
        let parts = known.written.read(text)?;
        Some((known.explain)(&parts))
    })
}

/// Lines about tables and keys, which dkimd ends with their remedy. A command among those about key
/// files, which hold names of the configuration alone, takes the place of the general remedy.
fn of_key(text: &str) -> Option<Finding> {
    let (cause, remedy) = text.split_once(REMEDY).unwrap_or((text, ""));
    let mut finding = find(keys::LINES, cause)?;
    let of_file = cause.starts_with('/') || cause.starts_with("can't load key from /");
    if of_file
        && finding.code.word().starts_with("key-")
        && let Some(command) = remedy::command(remedy)
    {
        finding.fix = vec![Fix::Command(command.to_owned())];
    }
    Some(finding)
}

/// The meaning of a stable word that the table names itself.
fn of_word(word: &'static str, facts: &Facts<'_>) -> Finding {
    words::explain(word, facts).unwrap_or_else(|| unknown_word(word, word))
}

/// The meaning of a stable word that the line names.
fn of_told_word(word: &str, line: &str, facts: &Facts<'_>) -> Finding {
    words::explain(word, facts).unwrap_or_else(|| unknown_word(word, line))
}

/// A word of another release.
fn unknown_word(word: &str, line: &str) -> Finding {
    Finding::warn(
        Code::new("unknown-word"),
        word,
        dkimd_advice::text!("this release does not know the word {word}: {line}"),
    )
    .command("dkimd explain --codes")
}

/// A line that says that all is well, or merely what happens.
fn note(code: &'static str, what: Text) -> Finding {
    Finding::info(Code::new(code), "", what)
}
