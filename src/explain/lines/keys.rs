//! Lines about tables and private keys that can't be used, as dkimd and OpenDKIM write them.

use super::{Line, line, of_word};
use crate::{template::Parts, words::Facts};
use dkimd_advice::{Code, Finding, text};
use dkimd_server::keys::remedy;

pub(super) const LINES: &[Line] = &[
    line("signing table references unknown key '{name}'", |parts| {
        of_word("key-not-in-table", &thing(parts, "name"))
    }),
    line(
        "{bad} of {read} keys of the KeyTable can't be used ({names}): mail that they sign is deferred; run: \
         dkimd check",
        |parts| {
            let (bad, names) = (parts.get("bad"), parts.get("names"));
            Finding::fail(
                Code::new("keys-unusable"),
                "",
                text!("{bad} keys of the KeyTable can't be read or used: {names}"),
            )
            .why(text!(
                "mail that they should sign is deferred; all other mail is signed"
            ))
            .command("dkimd check")
        },
    ),
    line("error reading signing table{detail}", |parts| {
        of_word("table-unavailable", &thing(parts, "detail"))
    }),
    line("looking up {key} in {set}: {cause}", |parts| {
        of_word("table-unavailable", &thing(parts, "set"))
    }),
    line("error looking up \"{key}\" in database: {cause}", |parts| {
        of_word("table-unavailable", &thing(parts, "key"))
    }),
    line("key '{key}': dkimf_db_get(): {cause}", |parts| {
        of_word("table-unavailable", &thing(parts, "key"))
    }),
    line(
        "SigningTable entry '{pattern}'{place} names no key",
        |parts| of_word("table-entry-unusable", &thing(parts, "pattern")),
    ),
    line("KeyTable entry for '{name}' corrupt", |parts| {
        of_word("table-entry-unusable", &thing(parts, "name"))
    }),
    line("KeyTable entry for '{name}': the {fault}", |parts| {
        of_word("table-entry-unusable", &thing(parts, "name"))
    }),
    line("the author's domain '{domain}' {cause}", |parts| {
        of_word("bad-domain", &thing(parts, "domain"))
    }),
    line("error loading key '{name}'", |parts| {
        let name = parts.get("name");
        Finding::fail(
            Code::new("key-not-loaded"),
            name,
            text!("OpenDKIM could not load the key of the KeyTable entry {name}"),
        )
        .why(text!(
            "the line before says why: the file is missing, unreadable, or \"not secure\""
        ))
        .command("dkimd check")
    }),
    line("failed to add default signing request", |_| {
        of_word("key-unusable", &Facts::default())
    }),
    line(
        "{why}; signing goes on with the key read at start; {remedy}",
        |parts| {
            let mut finding = of_word("key-unreadable", &Facts::default());
            let why = parts.get("why");
            finding.level = dkimd_advice::Level::Warn;
            finding.what = text!(
                "the key file can't be read any more; signing goes on with the key that was read at the \
             start: {why}"
            );
            finding.fix.clear();
            // Only what dkimd writes: anybody can write a line, and not every remedy is a command.
            finding.command(remedy::command(parts.get("remedy")).unwrap_or("dkimd check"))
        },
    ),
    line(
        "can't load key from {path}: No such file or directory",
        |parts| of_word("key-missing", &thing(parts, "path")),
    ),
    line(
        "can't load key from {path}: Permission denied{detail}",
        |parts| of_word("key-unreadable", &thing(parts, "path")),
    ),
    line("can't load key from {path}: Not a regular file", |parts| {
        of_word("key-unusable", &thing(parts, "path"))
    }),
    line(
        "can't load key from {path}: it changes while it is being read",
        |parts| of_word("key-changing", &thing(parts, "path")),
    ),
    line(
        "can't load key from {path}: {n} octets are too many for a key",
        |parts| of_word("key-unusable", &thing(parts, "path")),
    ),
    line("can't load key from {path}: it {problem}", |parts| {
        of_word("key-unusable", &thing(parts, "path"))
    }),
    line("can't load key from {path}: {cause}", |parts| {
        of_word("key-unreadable", &thing(parts, "path"))
    }),
    line("{path}: key data is not secure: {fault}", |parts| {
        of_word("key-unsafe", &thing(parts, "path"))
    }),
    line(
        "private key too small ({bits} bits, need at least {minimum} bits){origin}",
        too_small,
    ),
    line(
        "private key too small ({bits} bits, need at least {minimum}){origin}",
        too_small,
    ),
    line(
        "signature generation error: private key too small ({rest}",
        too_small,
    ),
    line(
        "{origin}: an RSA key of {bits} bits is weak; {rest}",
        |parts| {
            let (origin, bits) = (parts.get("origin"), parts.get("bits"));
            Finding::warn(
                Code::new("key-weak"),
                origin,
                text!("the RSA key {origin} has only {bits} bits"),
            )
            .why(text!(
                "it works today; RFC 8301 and the large receivers advise 2048 bits"
            ))
            .command("dkimd keygen -b 2048 -d DOMAIN -s NEWSELECTOR")
        },
    ),
    line("internal DKIM error: {detail}", |_| {
        of_word("private-key-operation", &Facts::default())
    }),
    line("{place}: internal error from libopendkim: {detail}", |_| {
        of_word("private-key-operation", &Facts::default())
    }),
    line("dkim_eom(): resource unavailable: {detail}", |_| {
        of_word("key-unusable", &Facts::default())
    }),
];

fn thing<'t>(parts: &Parts<'t>, hole: &str) -> Facts<'t> {
    Facts {
        thing: parts.some(hole),
        ..Facts::default()
    }
}

fn too_small(_: &Parts<'_>) -> Finding {
    of_word("key-too-small", &Facts::default())
}
