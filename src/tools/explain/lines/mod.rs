//! Every line about mail that dkimd, OpenDKIM and Postfix write, and what each means: tables of the
//! lines as they are written, one file for each kind.

mod daemon;
mod deciding;
mod keys;
mod postfix;
mod verifying;

#[cfg(test)]
mod tests;

use super::{
    log_line::LogLine,
    template::{Parts, Template},
    words::{self, Facts},
};
use crate::{
    doctor::finding::{Finding, Fix},
    text::Text,
};

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

/// The milter's lines; of those that fit, the first counts.
const MILTER: [&[Line]; 4] = [
    deciding::LINES,
    verifying::LINES,
    keys::LINES,
    daemon::LINES,
];

/// What stands between the cause and the remedy in lines of dkimd's.
const REMEDY: &str = "; to mend it: ";
/// Programs that a remedy begins with when it is a command.
const COMMANDS: [&str; 4] = ["chmod ", "chown ", "dkimd ", "openssl "];

/// What a line says; `None` if its program is not known to write it.
pub(super) fn explain<'t>(log: &LogLine<'t>) -> Option<Finding> {
    let (postfix, program) = (log.is_postfix(), log.program.is_some());
    let milter = MILTER.iter().copied().flatten();
    let milter = milter.filter(|_| !postfix);
    let tables = milter
        .chain(postfix::LINES.iter().filter(|_| postfix || !program))
        .chain(daemon::OTHER_LINES.iter().filter(|_| !postfix && program));
    let read = |known: &Line, text: &'t str| Some((known.explain)(&known.written.read(text)?));
    let mut tables = tables.into_iter();
    let (known, finding) = tables.find_map(|known| Some((known, read(known, log.text)?)))?;
    let Some((cause, remedy)) = log.text.split_once(REMEDY) else {
        return Some(finding);
    };
    // Mail can put anything between the quotes of other lines: a command stands in these alone.
    let of_key = keys::LINES.iter().any(|line| line.written == known.written);
    match keys::LINES.iter().find_map(|known| read(known, cause)) {
        Some(mut finding) if of_key && finding.code.starts_with("key-") => {
            if COMMANDS.iter().any(|command| remedy.starts_with(command)) {
                finding.fix = vec![Fix::Command(remedy.to_owned())];
            }
            Some(finding)
        }
        _ => Some(finding),
    }
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
        "unknown-word",
        word,
        crate::text!(
            "this release does not know the word {word}: {line}",
            "esta versión no conoce la palabra {word}: {line}"
        ),
    )
}

/// A line that says that all is well, or merely what happens.
fn note(code: &'static str, what: Text) -> Finding {
    Finding::info(code, "", what)
}
