//! What the MTA is told when a message should be signed and can't be: one table of replies.
//!
//! Never unsigned mail unless the administrator chose so (On-InternalError, On-SignatureError,
//! On-Security). The text carries a stable word that `dkimd explain` knows, and nothing of the
//! server's inside.

use super::{holder::NotReady, verdict::QUARANTINE_REASON};
use crate::{
    config::settings::{FailureAction, OnFailure, Settings},
    decide::identity::IdentityError,
    keys::store::KeyError,
    milter::{Change, EndOfMessage, Reply},
};

/// A message that should be signed and can't be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningFailure {
    /// The tables don't lead to a key.
    Identity(IdentityError),
    /// The key can't be used.
    Key(KeyError),
    /// The private-key operation failed.
    Operation,
    /// The header section is over MaximumHeaders.
    HeaderTooLarge,
    /// There are more recipients than can be kept, and something depends on them.
    TooManyRecipients,
    /// So much is under way that there was no memory for this message.
    MemoryShort,
}

impl From<NotReady> for SigningFailure {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Identity(error) => Self::Identity(error),
            NotReady::Key(error) => Self::Key(error),
        }
    }
}

impl SigningFailure {
    /// The stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Identity(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Operation => "private-key-operation",
            Self::HeaderTooLarge => "header-too-large",
            Self::TooManyRecipients => "too-many-recipients",
            Self::MemoryShort => "memory-short",
        }
    }

    /// What the administrator wants done.
    pub fn action(&self, settings: &Settings) -> FailureAction {
        let action = self.configured(&settings.on_failure);
        // CaptureUnknownErrors holds what is nobody's mistake. A key or table can be mended, and the
        // message then leaves signed; held, it would leave unsigned.
        let captured = settings.verifying.capture_unknown_errors
            && action == FailureAction::Tempfail
            && matches!(self, Self::Operation);
        if captured {
            FailureAction::Quarantine
        } else {
            action
        }
    }

    fn configured(&self, on_failure: &OnFailure) -> FailureAction {
        match self {
            Self::Key(KeyError::TooSmall { .. }) => on_failure.signature_error,
            Self::HeaderTooLarge => on_failure.security,
            // Nothing of the message is known any more, and it will pass when others are done.
            Self::MemoryShort => FailureAction::Tempfail,
            Self::Identity(_) | Self::Key(_) | Self::Operation | Self::TooManyRecipients => {
                on_failure.internal_error
            }
        }
    }

    fn sentence(&self) -> &'static str {
        match self {
            Self::Identity(_) => "DKIM signing table error",
            Self::Key(KeyError::TooSmall { .. }) => "DKIM signing error",
            Self::Key(_) => "DKIM signing key unavailable",
            Self::Operation => "internal DKIM error",
            Self::HeaderTooLarge => "too much header data",
            Self::TooManyRecipients => "too many recipients",
            Self::MemoryShort => "out of memory for now",
        }
    }

    /// The reply, with a quarantine where that was chosen. Where the MTA can't quarantine, the
    /// mail is deferred: it must not slip out unsigned.
    pub fn end(&self, settings: &Settings, may_quarantine: bool) -> EndOfMessage {
        let mut changes = Vec::new();
        let reply = match self.action(settings) {
            FailureAction::Accept => Reply::Accept,
            FailureAction::Discard => Reply::Discard,
            FailureAction::Reject => self.text(550, "5.7.0"),
            FailureAction::Quarantine if may_quarantine => {
                changes.push(Change::Quarantine(QUARANTINE_REASON.to_owned()));
                Reply::Accept
            }
            FailureAction::Tempfail | FailureAction::Quarantine => self.deferral(),
        };
        EndOfMessage { changes, reply }
    }

    /// The reply that defers.
    pub(super) fn deferral(&self) -> Reply {
        self.text(451, "4.7.0")
    }

    fn text(&self, code: u16, enhanced: &str) -> Reply {
        Reply::Text {
            code,
            enhanced: enhanced.to_owned(),
            text: format!("{} ({})", self.sentence(), self.code()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{resolve::Overrides, snapshot::Snapshot};

    fn all(action: &str) -> Settings {
        let options = [("On-InternalError", action), ("On-Security", action)];
        let options = options
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec();
        Snapshot::load(None, &Overrides { options })
            .0
            .unwrap()
            .settings
    }

    #[test]
    fn a_failure_is_temporary_and_names_its_cause() {
        let end = SigningFailure::Operation.end(&all("tempfail"), false);
        let Reply::Text {
            code,
            enhanced,
            text,
        } = end.reply
        else {
            panic!("no text")
        };
        assert_eq!((code, enhanced.as_str()), (451, "4.7.0"));
        assert_eq!(text, "internal DKIM error (private-key-operation)");
    }

    #[test]
    fn quarantine_without_the_mtas_consent_defers() {
        let chosen = all("quarantine");
        assert!(matches!(
            SigningFailure::Operation.end(&chosen, false).reply,
            Reply::Text { code: 451, .. }
        ));
        let end = SigningFailure::Operation.end(&chosen, true);
        assert_eq!(end.reply, Reply::Accept);
        assert_eq!(end.changes, [Change::Quarantine("opendkim".into())]);
    }

    #[test]
    fn what_can_be_mended_waits_though_unknown_errors_are_captured() {
        // conf-capture-missing-key
        let mut settings = all("tempfail");
        settings.verifying.capture_unknown_errors = true;
        let waits = [
            SigningFailure::Key(KeyError::Missing("/k".into())),
            SigningFailure::Key(KeyError::TooBig {
                path: "/k".into(),
                octets: 1 << 20,
            }),
            SigningFailure::Identity(IdentityError::UnknownKey {
                key_name: "k".into(),
            }),
            SigningFailure::HeaderTooLarge,
        ];
        for failure in waits {
            assert_eq!(
                failure.action(&settings),
                FailureAction::Tempfail,
                "{failure:?}"
            );
        }
        assert_eq!(
            SigningFailure::Operation.action(&settings),
            FailureAction::Quarantine
        );
    }

    #[test]
    fn the_administrator_may_choose_otherwise() {
        let ends = [("accept", Reply::Accept), ("discard", Reply::Discard)];
        for (action, reply) in ends {
            assert_eq!(
                SigningFailure::HeaderTooLarge.end(&all(action), true).reply,
                reply
            );
        }
    }
}
