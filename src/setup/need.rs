//! What a domain's keys need, and what becomes of them: the words that the parts of the plan share.

use super::{key_files::PublicKey, publication::Standing};
use dkimd_advice::text::Text;
use dkimd_keygen::generate::KeyKind;
use dkimd_server::keys::KeySource;

/// The keys of the domain once the plan is done.
#[derive(Clone, Debug, Default)]
pub struct Signing {
    /// The keys whose records must be published.
    pub keys: Vec<SigningKey>,
    /// What the administrator should know.
    pub notes: Vec<Text>,
    /// Whether all of the keys sign once the plan is done; else some wait for their records.
    pub in_force: bool,
    /// Whether more than this run is needed for them to sign, and it can be done once DNS is as wanted.
    pub waiting: Vec<String>,
}

/// A key of the domain.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// `s=`.
    pub selector: String,
    /// RSA or Ed25519.
    pub kind: KeyKind,
    /// Where it is or will be.
    pub source: KeySource,
    /// Its public half; `None`: it is yet to be made.
    pub public: Option<PublicKey>,
}

/// What one key needs.
pub(super) struct Need {
    /// The key.
    pub(super) key: SigningKey,
    /// It has its line in the KeyTable.
    pub(super) in_key_table: bool,
    /// Whether it signs already.
    pub(super) state: State,
    /// Its name in the KeyTable.
    pub(super) name: String,
}

/// How far a key is.
pub(super) enum State {
    /// It has its line in the SigningTable.
    Signs,
    /// It has none yet.
    New {
        /// How its record stands in DNS.
        standing: Standing,
        /// Who says so.
        by: Text,
        /// The selector that it would have if DNS didn't hold another key there.
        instead_of: Option<String>,
    },
    /// It gets none yet, since its record is not seen in DNS.
    Waits,
}

impl Need {
    /// Whether it has its line in the SigningTable.
    pub(super) fn in_signing_table(&self) -> bool {
        matches!(self.state, State::Signs)
    }

    /// Whether it gets none yet.
    pub(super) fn waits(&self) -> bool {
        matches!(self.state, State::Waits)
    }
}
