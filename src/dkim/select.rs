//! Which header fields are signed (RFC 6376 section 5.4): SignHeaders, OmitHeaders, OversignHeaders.

use super::header::HeaderSection;

/// The compiled choice of fields, made once per load.
#[derive(Clone, Debug)]
pub struct HeaderSelection {}

/// A SignHeaders or OmitHeaders entry that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} {reason}")]
pub struct SelectionError {
    /// The entry as written.
    pub entry: String,
    /// What is wrong with it.
    pub reason: String,
}

impl HeaderSelection {
    /// Compiles the entries of SignHeaders and OmitHeaders (`None`: OpenDKIM's defaults, delta
    /// mode with `*`, `+name`, `-name` included) and OversignHeaders (as written, in order).
    ///
    /// From is always signed; an OmitHeaders entry that names it is a [`SelectionError`].
    pub fn compile(
        sign: Option<&[String]>,
        omit: Option<&[String]>,
        oversign: &[String],
    ) -> Result<Self, SelectionError> {
        todo!("H1: {sign:?} {omit:?} {oversign:?}")
    }

    /// The indexes of the fields to be signed, in message order as `h=` names them.
    pub fn choose(&self, section: &HeaderSection) -> Vec<usize> {
        todo!("H1: {section:?}")
    }
}
