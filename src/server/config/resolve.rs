//! From written options to typed settings: later lines win, then the command line.

mod deciding;
mod process;
mod signing;
#[cfg(test)]
mod tests;
mod value;
mod verifying;

use std::{collections::HashMap, path::Path, sync::Arc};

use self::value::Values;
pub use self::value::{parse_bool, parse_integer};
use super::{
    options::{self, Kind, Status},
    parse::WrittenOption,
    settings::Settings,
};
use crate::diagnostic::Diagnostic;

/// Settings given on the command line: they win over the file, also after a reload.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Options in the same form as the file's (`Mode`, `Socket`, …), in command-line order.
    pub options: Vec<(&'static str, String)>,
}

impl Overrides {
    /// The options as if they were written in a file after all others.
    fn written(&self) -> impl Iterator<Item = WrittenOption> {
        let place: Arc<Path> = Arc::from(Path::new("command line"));
        self.options.iter().map(move |(name, value)| WrittenOption {
            name,
            value: value.clone(),
            file: Arc::clone(&place),
            line: 0,
        })
    }
}

/// Resolves written options, later ones winning, then the overrides.
///
/// Every finding is returned, not only the first. The settings are there if no finding is an
/// error.
pub fn resolve(
    written: &[WrittenOption],
    overrides: &Overrides,
) -> (Option<Settings>, Vec<Diagnostic>) {
    let (settings, findings) = resolve_anyway(written, overrides);
    let usable = !findings.iter().any(Diagnostic::is_error);
    (usable.then_some(settings), findings)
}

/// As [`resolve`], with defaults in the place of what is wrong, so that what the other options name
/// can be looked at too.
pub(super) fn resolve_anyway(
    written: &[WrittenOption],
    overrides: &Overrides,
) -> (Settings, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    let mut last = HashMap::new();
    for option in written.iter().cloned().chain(overrides.written()) {
        let is_override = option.line == 0;
        if let Some(earlier) = last.insert(option.name, option.clone())
            && !is_override
        {
            findings.push(option.place(Diagnostic::warning(format!(
                "{} was already given in {}, line {}; this line replaces it, they do not add up",
                option.name,
                earlier.file.display(),
                earlier.line
            ))));
        }
    }
    findings.extend(last.values().filter_map(without_effect));
    let mut values = Values::new(&last, &mut findings);
    values.check_types();
    let settings = Settings {
        process: process::process(&mut values),
        logging: process::logging(&mut values),
        decision: deciding::decision(&mut values),
        on_failure: deciding::on_failure(&mut values),
        signing: signing::signing(&mut values),
        verifying: verifying::verifying(&mut values),
    };
    // In the order of the file, whatever the order of resolving.
    findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    (settings, findings)
}

/// The warning about an option that dkimd does not act on.
fn without_effect(option: &WrittenOption) -> Option<Diagnostic> {
    let spec = options::find(option.name)?;
    let warning = match spec.status {
        Status::Acts => return None,
        Status::NotYet if is_default(spec.kind, spec.default, &option.value) => return None,
        Status::NotYet => Diagnostic::warning(format!(
            "{} is known but not acted on by this version",
            option.name
        )),
        Status::Historic(reason) => {
            Diagnostic::warning(format!("{} has no effect: {reason}", option.name))
        }
    };
    Some(option.place(warning))
}

fn is_default(kind: Kind, default: &str, value: &str) -> bool {
    match kind {
        Kind::Bool => parse_bool(value) == parse_bool(default),
        _ => value == default,
    }
}
