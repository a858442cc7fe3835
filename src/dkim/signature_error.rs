//! Why a DKIM-Signature field is none: below both the verifier, which finds it out, and the outcomes,
//! which tell it.

use super::tag_list::{Printable, TagListError};

/// Signatures with more entries in `h=` are refused, for the memory they take; large senders name
/// about forty.
pub const MAX_SIGNED_FIELDS: usize = 4096;

/// Why a field is no signature: the tag that is at fault, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not a tag list.
    #[error("the field is no tag list: {0}")]
    TagList(#[from] TagListError),
    /// A required tag is missing.
    #[error("tag {0} is missing")]
    Missing(&'static str),
    /// A tag that needs a value has none.
    #[error("tag {0} is empty")]
    Empty(&'static str),
    /// A value outside the tag's grammar.
    #[error("tag {tag} holds {value:?}")]
    Invalid {
        /// The tag's name.
        tag: &'static str,
        /// Its value, cut short.
        value: Printable,
    },
    /// `c=` with an unknown word for the body.
    #[error("tag c names the unknown body canonicalization {0:?}")]
    BodyCanonicalization(Printable),
    /// From is not among the signed fields.
    #[error("tag h does not name From")]
    FromUnsigned,
    /// `h=` has more entries than [`MAX_SIGNED_FIELDS`].
    #[error("tag h has more than {MAX_SIGNED_FIELDS} entries")]
    TooManySignedFields,
    /// `i=` is neither in `d=` nor below it.
    #[error("tag i={0:?} is not within tag d")]
    AuidOutsideDomain(Printable),
    /// `x=` is not later than `t=`.
    #[error("tag x is not later than tag t")]
    ExpiresBeforeSigned,
}
