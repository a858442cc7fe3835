//! From what is wrong with a line to the finding that every command has in common.

use std::path::Path;

use dkimd_advice::{Code, Finding, Level, text, text::Text};
use dkimd_server::{diagnostic::Diagnostic, keys::remedy};

/// The daemon does not start with it, or defers mail.
const ERROR: Code = Code::new("configuration-error");
/// A broken table line: mail that it is for leaves unsigned or waits.
const UNSIGNED: Code = Code::new("configuration-unsigned");
/// Works, but not as it was meant.
const WARNING: Code = Code::new("configuration-warning");
/// Not looked at for want of this process's rights alone.
const NOT_EXAMINED: Code = Code::new("configuration-not-examined");

/// What a line of the configuration `config`, or of a file that it names, is told as.
pub(super) fn finding(config: &Path, diagnostic: &Diagnostic) -> Finding {
    let file = diagnostic.file.as_deref().unwrap_or(config);
    let subject = match diagnostic.line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    };
    let (level, code, why) = if diagnostic.denied {
        (Level::Info, NOT_EXAMINED, None)
    } else if diagnostic.is_error() {
        let why = text!("the server does not start with this, or defers mail that needs it");
        (Level::Fail, ERROR, Some(why))
    } else if diagnostic.unsigned {
        let why = text!("mail that this line is for leaves unsigned, or waits");
        (Level::Fail, UNSIGNED, Some(why))
    } else {
        (Level::Warn, WARNING, None)
    };
    // English, as the log is.
    let words = |words: &String| Text::new(words, words);
    let mut finding =
        Finding::new(level, code, subject.clone(), words(&diagnostic.what)).evidence(subject);
    finding.why = why;
    let Some(remedy) = &diagnostic.remedy else {
        return finding;
    };
    if let Some(command) = remedy::command(remedy) {
        return finding
            .command(command)
            // Keys are read once; the server is to look again.
            .command("systemctl reload opendkim");
    }
    match option_line(remedy) {
        Some(line) => finding
            .setting(config.display().to_string(), line)
            .command("systemctl reload opendkim"),
        None => finding.advice(words(remedy)),
    }
}

/// The line of the configuration that a remedy tells to write.
fn option_line(remedy: &str) -> Option<&str> {
    let line = remedy.strip_prefix("write ")?;
    let (_, value) = line.split_once(' ')?;
    (value.starts_with("refile:/") && !value.contains(' ')).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_that_leaves_mail_unsigned_is_a_failure() {
        let config = Path::new("/etc/opendkim.conf");
        let level = |diagnostic: &Diagnostic| finding(config, diagnostic).level;
        let warning = Diagnostic::warning("w");
        assert_eq!(level(&warning), Level::Warn);
        assert_eq!(level(&warning.clone().denied_if(true)), Level::Info);
        assert_eq!(level(&warning.leaves_unsigned()), Level::Fail);
        assert_eq!(level(&Diagnostic::error("e")), Level::Fail);
    }
}
