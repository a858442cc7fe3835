//! Identities, keys and the look of signatures.

use std::time::Duration;

use super::{deciding::signs, value::Values};
use crate::{
    config::settings::{Identities, SigningSettings},
    dkim::{Algorithm, Canon, Canonicalization},
    secret,
};

/// RFC 8301 section 3.2 forbids smaller keys.
const DEFAULT_MINIMUM_KEY_BITS: u32 = 1024;

/// No RSA key is larger.
const MAX_KEY_BITS: u32 = 16384;

pub(super) fn signing(values: &mut Values<'_>) -> SigningSettings {
    if values.is_set("X-Header") {
        values.warning(
            "X-Header",
            "\"X-Header\" deprecated; use \"SoftwareHeader\" instead",
            "write SoftwareHeader",
        );
    }
    SigningSettings {
        identities: identities(values),
        multiple: values.bool("MultipleSignatures"),
        preferred_algorithm: algorithm(values),
        canonicalization: canonicalization(values),
        lifetime: values
            .count("SignatureTTL", u32::MAX)
            .filter(|seconds| *seconds > 0)
            .map(|seconds| Duration::from_secs(seconds.into())),
        minimum_key_bits: values
            .count("MinimumKeyBits", MAX_KEY_BITS)
            .filter(|bits| *bits > 0)
            .unwrap_or(DEFAULT_MINIMUM_KEY_BITS),
        require_safe_keys: values.bool("RequireSafeKeys"),
        copied_headers: values.bool("Diagnostics"),
        request_reports: values.bool("RequestReports"),
        body_length: values.data_set("BodyLengthDB"),
        maximum_signed_bytes: values
            .integer("MaximumSignedBytes", -1, i64::MAX)
            .and_then(|octets| octets.try_into().ok()),
        sign_headers: values.data_set("SignHeaders"),
        omit_headers: values.data_set("OmitHeaders"),
        oversign_headers: values.data_set("OversignHeaders"),
        remove_old_signatures: values.bool("RemoveOldSignatures"),
        software_header: values.bool("SoftwareHeader") || values.bool("X-Header"),
        fix_crlf: values.bool("FixCRLF"),
        atps_domains: values.data_set("ATPSDomains"),
        atps_hash: atps_hash(values),
    }
}

/// Where identities come from: tables win silently over the file's Domain,
/// Selector and KeyFile, and with a word over the command line's. Pairs are only checked when
/// dkimd signs at all.
fn identities(values: &mut Values<'_>) -> Identities {
    if !signs(values) {
        return Identities::None;
    }
    match (values.is_set("SigningTable"), values.is_set("KeyTable")) {
        (true, false) => {
            values.error(
                "SigningTable",
                "use of SigningTable requires KeyTable",
                "add: KeyTable refile:/PATH",
            );
            return Identities::None;
        }
        (false, true) if values.is_set("SetupPolicyScript") => {
            values.warning(
                "KeyTable",
                "KeyTable without SigningTable signs nothing as long as SetupPolicyScript is not \
                 acted on",
                "add: SigningTable refile:/PATH",
            );
            return Identities::None;
        }
        (false, true) => {
            values.error(
                "KeyTable",
                "KeyTable requires either SigningTable or SetupPolicyScript",
                "add: SigningTable refile:/PATH",
            );
            return Identities::None;
        }
        (true, true) => return tables(values),
        (false, false) => {}
    }
    single(values)
}

fn tables(values: &mut Values<'_>) -> Identities {
    for name in ["Domain", "Selector", "KeyFile"] {
        if values.written(name).is_some_and(|option| option.line == 0) {
            values.warning(
                name,
                format!("{name} is not used, because KeyTable and SigningTable are set"),
                "leave it out, or delete KeyTable and SigningTable",
            );
        }
    }
    match (values.data_set("SigningTable"), values.data_set("KeyTable")) {
        (Some(signing), Some(keys)) => Identities::Tables { signing, keys },
        _ => Identities::None,
    }
}

fn single(values: &mut Values<'_>) -> Identities {
    let (selector, key_file) = (values.string("Selector"), values.path("KeyFile"));
    let is_key = |text: &str| !secret::is_path_of_key(text) && secret::is_in(text);
    if values.text("KeyFile").is_some_and(is_key) {
        values.error(
            "KeyFile",
            "KeyFile is a private key itself, or a data set; it must be the name of the key's file",
            "write the key into a file that only the server may read, and: KeyFile /PATH",
        );
        return Identities::None;
    }
    match (values.is_set("Domain"), selector, key_file) {
        (true, Some(selector), Some(key_file)) => match values.data_set("Domain") {
            Some(domains) => Identities::Single {
                domains,
                sub_domains: values.bool("SubDomains"),
                selector,
                key_file,
            },
            None => Identities::None,
        },
        (true, selector, _) => {
            let missing = if selector.is_none() {
                "Selector mail"
            } else {
                "KeyFile /PATH"
            };
            values.error(
                "Domain",
                "Domain requires KeyFile and Selector",
                &format!("add: {missing}"),
            );
            Identities::None
        }
        (false, Some(_), Some(_)) => {
            values.warning(
                "KeyFile",
                "KeyFile and Selector without Domain sign nothing",
                "add: Domain example.com",
            );
            Identities::None
        }
        (false, None, None) => Identities::None,
        (false, selector, _) => {
            let (given, missing) = if selector.is_some() {
                ("Selector", "KeyFile /PATH")
            } else {
                ("KeyFile", "Selector mail")
            };
            values.error(
                given,
                "KeyFile and Selector must both be defined or both be undefined",
                &format!("add: {missing}"),
            );
            Identities::None
        }
    }
}

fn algorithm(values: &mut Values<'_>) -> Option<Algorithm> {
    let words = [
        ("rsa-sha256", Algorithm::RsaSha256),
        ("ed25519-sha256", Algorithm::Ed25519Sha256),
        ("rsa-sha1", Algorithm::RsaSha1),
    ];
    let algorithm = values.word("SignatureAlgorithm", &words, |value| {
        format!("unknown signing algorithm \"{value}\"")
    });
    if algorithm != Some(Algorithm::RsaSha1) {
        return algorithm;
    }
    values.warning(
        "SignatureAlgorithm",
        "rsa-sha1 proves nothing any more (RFC 8301); RSA keys sign with rsa-sha256",
        "write SignatureAlgorithm rsa-sha256, or delete the line",
    );
    Some(Algorithm::RsaSha256)
}

fn canonicalization(values: &mut Values<'_>) -> Canonicalization {
    let Some(text) = values.text("Canonicalization") else {
        return Canonicalization::default();
    };
    let (header, body) = text.split_once('/').unwrap_or((text, "simple"));
    let mut part = |word: &str| {
        if word.eq_ignore_ascii_case("simple") {
            Canon::Simple
        } else if word.eq_ignore_ascii_case("relaxed") {
            Canon::Relaxed
        } else {
            values.error(
                "Canonicalization",
                format!("unknown canonicalization algorithm \"{word}\""),
                "write relaxed/relaxed, relaxed/simple, simple/relaxed or simple/simple",
            );
            Canon::default()
        }
    };
    Canonicalization {
        header: part(header),
        body: part(body),
    }
}

fn atps_hash(values: &mut Values<'_>) -> &'static str {
    let words = [("sha256", "sha256"), ("sha1", "sha1"), ("none", "none")];
    values
        .word("ATPSHashAlgorithm", &words, |value| {
            format!("unknown ATPS hash \"{value}\"")
        })
        .unwrap_or("sha256")
}
