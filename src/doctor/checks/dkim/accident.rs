//! The usual accidents of key records in words.

use super::{keys::OwnKey, recognise::Recognised};
use dkimd_advice::{text, text::Text};

/// The code of an accident, and what happened.
pub(super) fn accident(key: &OwnKey, recognised: Recognised) -> (&'static str, Text) {
    let name = key.name();
    match recognised {
        Recognised::Revoked => (
            "dkim-revoked",
            text!("the record at {name} says that the key is revoked (p= is empty)"),
        ),
        Recognised::Quotes => (
            "dkim-quotes",
            text!("quotation marks were pasted into the DKIM record at {name}"),
        ),
        Recognised::Parentheses => (
            "dkim-parentheses",
            text!("the parentheses of the zone file were pasted into the DKIM record at {name}"),
        ),
        Recognised::Backslashes => (
            "dkim-backslashes",
            text!("backslashes were pasted into the DKIM record at {name}"),
        ),
        Recognised::WholeLine => (
            "dkim-whole-line",
            text!(
                "the whole line of the zone file, name and TXT included, was pasted into the DKIM \
                 record at {name}"
            ),
        ),
        Recognised::CutOff(length, whole) => (
            "dkim-cut-off",
            text!(
                "the key in the DKIM record at {name} breaks off after {length} of {whole} characters"
            ),
        ),
        Recognised::LowerCase => (
            "dkim-lower-case",
            text!("capital and small letters of the key were lost in the DKIM record at {name}"),
        ),
        Recognised::Typo(count) => (
            "dkim-typo",
            text!(
                "the key in the DKIM record at {name} differs from the right one in {count} characters"
            ),
        ),
        Recognised::Wrapped => (
            "dkim-ed25519-wrapped",
            text!(
                "the record at {name} holds the Ed25519 key in OpenSSL's wrapper; p= must be the 32 \
                 octets alone (RFC 8463)"
            ),
        ),
        Recognised::WrongKind => (
            "dkim-wrong-kind",
            text!("k= in the record at {name} names another kind of key than this one"),
        ),
        Recognised::Version => (
            "dkim-version",
            text!("the record at {name} does not begin with v=DKIM1"),
        ),
        Recognised::NoKey => (
            "dkim-no-key-data",
            text!("the record at {name} has no key in it (p= is missing)"),
        ),
        Recognised::Foreign => (
            "dkim-no-record",
            text!("the text at {name} is no DKIM record; perhaps a wildcard record answers"),
        ),
        // The others are told by the callers.
        Recognised::Other | Recognised::Ours(_) | Recognised::Broken(_) => (
            "dkim-other-key",
            text!("the record at {name} belongs to another private key than the one that signs"),
        ),
    }
}
