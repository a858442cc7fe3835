//! From written options to typed settings (H2).

use super::{parse::WrittenOption, settings::Settings};
use crate::diagnostic::Diagnostic;

/// Settings given on the command line: they win over the file, also after a reload.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Options in the same form as the file's (`Mode`, `Socket`, …), in command-line order.
    pub options: Vec<(&'static str, String)>,
}

/// Resolves written options, later ones winning, then the overrides.
///
/// Every finding is returned, not only the first. The settings are there if no finding is an
/// error.
pub fn resolve(
    written: &[WrittenOption],
    overrides: &Overrides,
) -> (Option<Settings>, Vec<Diagnostic>) {
    todo!("H2: {written:?} {overrides:?}")
}
