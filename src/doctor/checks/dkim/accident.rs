//! The usual accidents of key records in words.

use super::{keys::OwnKey, recognise::Recognised};
use dkimd_advice::{text, text::Text};

/// The code of an accident, and what happened.
pub(super) fn accident(key: &OwnKey, recognised: Recognised) -> (&'static str, Text) {
    let name = key.name();
    match recognised {
        Recognised::Revoked => (
            "dkim-revoked",
            text!(
                "the record at {name} says that the key is revoked (p= is empty)",
                "el registro de {name} dice que la clave está revocada (p= está vacío)"
            ),
        ),
        Recognised::Quotes => (
            "dkim-quotes",
            text!(
                "quotation marks were pasted into the DKIM record at {name}",
                "se pegaron comillas dentro del registro DKIM de {name}"
            ),
        ),
        Recognised::Parentheses => (
            "dkim-parentheses",
            text!(
                "the parentheses of the zone file were pasted into the DKIM record at {name}",
                "se pegaron los paréntesis del archivo de zona dentro del registro DKIM de {name}"
            ),
        ),
        Recognised::Backslashes => (
            "dkim-backslashes",
            text!(
                "backslashes were pasted into the DKIM record at {name}",
                "se pegaron barras inversas dentro del registro DKIM de {name}"
            ),
        ),
        Recognised::WholeLine => (
            "dkim-whole-line",
            text!(
                "the whole line of the zone file, name and TXT included, was pasted into the DKIM \
                 record at {name}",
                "se pegó la línea entera del archivo de zona, con nombre y TXT, dentro del registro \
                 DKIM de {name}"
            ),
        ),
        Recognised::CutOff(length, whole) => (
            "dkim-cut-off",
            text!(
                "the key in the DKIM record at {name} breaks off after {length} of {whole} characters",
                "la clave del registro DKIM de {name} se corta tras {length} de {whole} caracteres"
            ),
        ),
        Recognised::LowerCase => (
            "dkim-lower-case",
            text!(
                "capital and small letters of the key were lost in the DKIM record at {name}",
                "en el registro DKIM de {name} se perdieron las mayúsculas y minúsculas de la clave"
            ),
        ),
        Recognised::Typo(count) => (
            "dkim-typo",
            text!(
                "the key in the DKIM record at {name} differs from the right one in {count} characters",
                "la clave del registro DKIM de {name} difiere de la correcta en {count} caracteres"
            ),
        ),
        Recognised::Wrapped => (
            "dkim-ed25519-wrapped",
            text!(
                "the record at {name} holds the Ed25519 key in OpenSSL's wrapper; p= must be the 32 \
                 octets alone (RFC 8463)",
                "el registro de {name} lleva la clave Ed25519 en la envoltura de OpenSSL; p= debe \
                 contener solo los 32 octetos (RFC 8463)"
            ),
        ),
        Recognised::WrongKind => (
            "dkim-wrong-kind",
            text!(
                "k= in the record at {name} names another kind of key than this one",
                "k= en el registro de {name} indica otro tipo de clave distinto del de esta"
            ),
        ),
        Recognised::Version => (
            "dkim-version",
            text!(
                "the record at {name} does not begin with v=DKIM1",
                "el registro de {name} no empieza por v=DKIM1"
            ),
        ),
        Recognised::NoKey => (
            "dkim-no-key-data",
            text!(
                "the record at {name} has no key in it (p= is missing)",
                "el registro de {name} no contiene ninguna clave (falta p=)"
            ),
        ),
        Recognised::Foreign => (
            "dkim-no-record",
            text!(
                "the text at {name} is no DKIM record; perhaps a wildcard record answers",
                "el texto de {name} no es un registro DKIM; quizá responde un registro comodín"
            ),
        ),
        // The others are told by the callers.
        Recognised::Other | Recognised::Ours(_) | Recognised::Broken(_) => (
            "dkim-other-key",
            text!(
                "the record at {name} belongs to another private key than the one that signs",
                "el registro de {name} corresponde a otra clave privada, no a la que firma"
            ),
        ),
    }
}
