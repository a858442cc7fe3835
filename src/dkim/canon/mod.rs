//! Canonicalization (RFC 6376 section 3.4): the bytes that are hashed, whatever happened on the
//! way.
//!
//! White space is SP, TAB and the CRLF of a fold, as in the RFC, and nothing else: other control
//! characters are content. No byte string is refused.

mod body;
mod header;
mod line_ends;

pub use body::BodyCanonicalizer;
pub use header::{canonical_field, canonical_signature_field};
pub use line_ends::LineEndRepair;
