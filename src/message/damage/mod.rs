//! What was done to a message after it was signed: undone change by change until the signature
//! verifies again, so that what is found is proved, not guessed.

pub mod body;
pub mod header;
mod mime;
