//! The usual accidents of key records in words.

use super::{keys::OwnKey, recognise::Recognised};
use crate::codes;
use dkimd_advice::{Code, text, text::Text};

/// The code of an accident, and what happened.
pub(super) fn accident(key: &OwnKey, recognised: Recognised) -> (Code, Text) {
    let name = key.name();
    match recognised {
        Recognised::Revoked => (
            codes::DKIM_REVOKED,
            text!("the record at {name} says that the key is revoked (p= is empty)"),
        ),
        Recognised::Quotes => (
            codes::DKIM_QUOTES,
            text!("quotation marks were pasted into the DKIM record at {name}"),
        ),
        Recognised::Parentheses => (
            codes::DKIM_PARENTHESES,
            text!("the parentheses of the zone file were pasted into the DKIM record at {name}"),
        ),
        Recognised::Backslashes => (
            codes::DKIM_BACKSLASHES,
            text!("backslashes were pasted into the DKIM record at {name}"),
        ),
        Recognised::WholeLine => (
            codes::DKIM_WHOLE_LINE,
            text!(
                "the whole line of the zone file, name and TXT included, was pasted into the DKIM \
                 record at {name}"
            ),
        ),
        Recognised::CutOff(length, whole) => (
            codes::DKIM_CUT_OFF,
            text!(
                "the key in the DKIM record at {name} breaks off after {length} of {whole} characters"
            ),
        ),
        Recognised::LowerCase => (
            codes::DKIM_LOWER_CASE,
            text!("capital and small letters of the key were lost in the DKIM record at {name}"),
        ),
        Recognised::Typo(count) => (
            codes::DKIM_TYPO,
            text!(
                "the key in the DKIM record at {name} differs from the right one in {count} characters"
            ),
        ),
        Recognised::Wrapped => (
            codes::DKIM_ED25519_WRAPPED,
            text!(
                "the record at {name} holds the Ed25519 key in OpenSSL's wrapper; p= must be the 32 \
                 octets alone (RFC 8463)"
            ),
        ),
        Recognised::WrongKind => (
            codes::DKIM_WRONG_KIND,
            text!("k= in the record at {name} names another kind of key than this one"),
        ),
        Recognised::Version => (
            codes::DKIM_VERSION,
            text!("the record at {name} does not begin with v=DKIM1"),
        ),
        Recognised::NoKey => (
            codes::DKIM_NO_KEY_DATA,
            text!("the record at {name} has no key in it (p= is missing)"),
        ),
        Recognised::Foreign => (
            codes::DKIM_NO_RECORD,
            text!("the text at {name} is no DKIM record; perhaps a wildcard record answers"),
        ),
        // The others are told by the callers.
        Recognised::Other | Recognised::Ours(_) | Recognised::Broken(_) => (
            codes::DKIM_OTHER_KEY,
            text!("the record at {name} belongs to another private key than the one that signs"),
        ),
    }
}
