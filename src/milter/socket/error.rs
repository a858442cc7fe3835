//! Why listening fails, and what to do about it.

/// Why dkimd cannot listen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct ListenError {
    /// What is wrong.
    pub what: String,
    /// What to do, with the command where there is one.
    pub remedy: String,
    taken: bool,
}

impl ListenError {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            taken: false,
        }
    }

    /// The same, because another program listens there.
    pub(super) fn by_another(self) -> Self {
        Self {
            taken: true,
            ..self
        }
    }

    /// Whether another program listens there. It may be just ending.
    pub fn is_taken(&self) -> bool {
        self.taken
    }
}
