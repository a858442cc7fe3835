//! Why nothing can be planned, and what to do about it.

use std::io;

use dkimd_advice::{text, text::Text};
use dkimd_hand::PlaceError;

/// Why nothing can be planned.
#[derive(Debug)]
pub struct Refusal {
    /// What stands in the way, and what to do about it.
    pub text: Text,
    /// Findings of the configuration, untranslated.
    pub findings: Vec<String>,
}

impl Refusal {
    /// One without findings.
    pub fn new(text: Text) -> Self {
        Self {
            text,
            findings: Vec::new(),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.downcast::<PlaceError>() {
            Ok(error) => error.into(),
            Err(error) => Self::new(text!("{error}")),
        }
    }
}

impl From<PlaceError> for Refusal {
    fn from(error: PlaceError) -> Self {
        Self::new(error.text())
    }
}
