//! What verifying a signature came to (`dkim::outcome`): whose fault it is, and what that side does.
//!
//! The remedies are for the signing domain, whether that is the reader's own or another's.

use super::{Facts, Word, word};
use dkimd_advice::{Code, Finding, text};
use dkimd_server::{config::DEFAULT_FILE, keys::safe::shell_word};

/// In the order in which a verifier finds them.
pub(super) const WORDS: &[Word] = &[
    word("pass", pass),
    word("ignored", ignored),
    word("malformed-signature", malformed_signature),
    word("expired", expired),
    word("from-the-future", from_the_future),
    word("algorithm-refused", algorithm_refused),
    word("field-unprotected", field_unprotected),
    word("body-shorter-than-signed", body_shorter_than_signed),
    word("body-too-little-signed", body_too_little_signed),
    word("body-changed", body_changed),
    word("signature-wrong", signature_wrong),
    word("key-not-found", key_not_found),
    word("several-keys", several_keys),
    word("dns-failed", dns_failed),
    word("key-record-invalid", key_record_invalid),
    word("key-revoked", key_revoked),
    word("key-type-mismatch", key_type_mismatch),
    word("key-hash-mismatch", key_hash_mismatch),
    word("key-not-for-email", key_not_for_email),
    word("subdomain-unauthorized", subdomain_unauthorized),
    word("key-unprotected", key_unprotected),
    word("key-bogus", key_bogus),
];

fn pass(facts: &Facts<'_>) -> Finding {
    let domain = facts.domain();
    Finding::info(
        Code::new("pass"),
        facts.domain.unwrap_or_default(),
        text!("the signature of {domain} is good"),
    )
}

fn ignored(facts: &Facts<'_>) -> Finding {
    Finding::info(
        Code::new("ignored"),
        facts.domain.unwrap_or_default(),
        text!(
            "the signature was not verified: MaximumSignaturesToVerify or TrustSignaturesFrom leaves \
             it out"
        ),
    )
}

fn malformed_signature(facts: &Facts<'_>) -> Finding {
    let detail = facts.thing("a tag is missing or wrong");
    Finding::fail(
        Code::new("malformed-signature"),
        facts.domain.unwrap_or_default(),
        text!("the DKIM-Signature field is broken: {detail}"),
    )
    .why(text!(
        "it was written wrongly, or a program on the way cut or refolded it; receivers count the \
         message as unsigned"
    ))
    .advice(text!(
        "compare the field with the one that left the signing server"
    ))
}

fn expired(_: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("expired"),
        "x=",
        text!("the signature's lifetime (x=) is over"),
    )
    .why(text!(
        "the message waited longer on its way than the signer allows, or a clock is wrong"
    ))
    .advice(text!(
        "the signer raises or removes SignatureTTL; a week is the least that survives a full queue"
    ))
    .command("timedatectl")
}

fn from_the_future(_: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("from-the-future"),
        "t=",
        text!(
            "the signature says that it was made in the future (t=): one of the two clocks is wrong"
        ),
    )
    .command("timedatectl set-ntp true")
}

fn algorithm_refused(_: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("algorithm-refused"),
        "a=rsa-sha1",
        text!("the signature uses rsa-sha1, which nobody accepts any more"),
    )
    .why(text!("RFC 8301 forbids it since 2018"))
    .setting(DEFAULT_FILE, "SignatureAlgorithm rsa-sha256")
}

fn field_unprotected(facts: &Facts<'_>) -> Finding {
    let field = facts.thing("...");
    Finding::fail(
        Code::new("field-unprotected"),
        field,
        text!("the field {field} is in the message but the signature does not cover it"),
    )
    .why(text!(
        "MustBeSigned of this server demands it; others could have written the field"
    ))
    .advice(text!(
        "the signer adds the field to SignHeaders, or this server takes it out of MustBeSigned"
    ))
}

fn body_shorter_than_signed(_: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("body-shorter-than-signed"),
        "l=",
        text!("the body is shorter than the signature's l= says: a part was cut off on the way"),
    )
    .advice(text!(
        "look for an attachment or virus filter that removes parts after signing"
    ))
}

fn body_too_little_signed(_: &Facts<'_>) -> Finding {
    Finding::warn(
        Code::new("body-too-little-signed"),
        "l=",
        text!(
            "the signature's l= leaves more of the body unsigned than Minimum of this server allows"
        ),
    )
    .why(text!(
        "whatever follows the signed part can have been added by anybody"
    ))
    .advice(text!("the signer removes BodyLengthDB"))
}

fn body_changed(facts: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("body-changed"),
        facts.domain.unwrap_or_default(),
        text!("the body was changed after it was signed (its hash is not that of bh=)"),
    )
    .why(text!(
        "usual causes: a footer of a mailing list, a disclaimer or virus-scanner note, 8-bit text \
         converted to quoted-printable, lines longer than 998 octets that were split"
    ))
    .advice(text!(
        "sign last: the milter that signs must stand after everything that changes the message"
    ))
    .setting(DEFAULT_FILE, "Canonicalization relaxed/relaxed")
    .command("dkimd doctor --only breakers")
    .advice(text!(
        "have the message as it arrived examined: dkimd explain FILE"
    ))
}

fn signature_wrong(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("signature-wrong"),
        facts.domain.unwrap_or_default(),
        text!("the body is as it was signed, but a signed header field was changed, or the published key \
             is not the one that signed"),
    )
    .why(text!("usual causes: a subject tagged by a list or spam filter, From rewritten, a second field of a \
         name that is signed; or a key that was renewed without its DNS record"))
    .command("dkimd testkey")
    .command(format!("dig +short TXT {}", shell_word(&name)))
    .advice(text!("have the message as it arrived examined: dkimd explain FILE"))
}

fn key_not_found(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("key-not-found"),
        name.clone(),
        text!("there is no key at {name}"),
    )
    .why(text!(
        "without its public key a signature counts as none; a usual cause is a record at the wrong \
         name, often with the domain written twice"
    ))
    .record(format!("{name}. IN TXT \"v=DKIM1; k=rsa; p=...\""))
    .command("dkimd genzone")
    .command(format!("dig +short TXT {}", shell_word(&name)))
}

fn several_keys(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("several-keys"),
        name.clone(),
        text!("there are several TXT records at {name}"),
    )
    .why(text!("RFC 6376 leaves open which counts: some receivers take the first, some none"))
    .advice(text!("the signing domain removes all but the record of its private key; a second key gets another \
         selector"))
    .command(format!("dig +short TXT {}", shell_word(&name)))
}

fn dns_failed(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::warn(
        Code::new("dns-failed"),
        name.clone(),
        text!("DNS gave no answer about the key at {name}, so the signature could not be judged"),
    )
    .why(text!("either this server's resolver or the domain's name servers are slow or broken; it may work \
         on the next try"))
    .command(format!("dig TXT {}", shell_word(&name)))
    .command("dkimd doctor --only resolver")
}

fn key_record_invalid(facts: &Facts<'_>) -> Finding {
    let (name, detail) = (facts.key_name(), facts.thing("..."));
    Finding::fail(
        Code::new("key-record-invalid"),
        name.clone(),
        text!("the TXT record at {name} is no key record: {detail}"),
    )
    .why(text!("usual causes: quotes or parentheses of the zone file pasted into a web panel, p= cut at 255 \
         characters, v= not in the first place"))
    .record(format!("{name}. IN TXT \"v=DKIM1; k=rsa; p=...\""))
    .command("dkimd genzone")
}

fn key_revoked(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("key-revoked"),
        name.clone(),
        text!("the key at {name} was revoked (its p= is empty)"),
    )
    .why(text!(
        "its owner declares every signature made with it void"
    ))
    .advice(text!(
        "the signer uses a key under a new selector, or publishes the record again"
    ))
}

fn key_type_mismatch(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("key-type-mismatch"),
        name.clone(),
        text!("the key at {name} is of another type (k=) than the signature (a=)"),
    )
    .advice(text!(
        "RSA and Ed25519 keys need one selector each; publish the record of the key that signs"
    ))
    .command("dkimd genzone")
}

fn key_hash_mismatch(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("key-hash-mismatch"),
        name.clone(),
        text!("the key at {name} is not meant for the signature's hash (its h= lists others)"),
    )
    .advice(text!("publish the record with h=sha256, or without h="))
}

fn key_not_for_email(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("key-not-for-email"),
        name.clone(),
        text!("the key at {name} is not meant for e-mail (its s= lists other services)"),
    )
    .advice(text!(
        "publish the record with s=email or s=*, or without s="
    ))
}

fn subdomain_unauthorized(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("subdomain-unauthorized"),
        name.clone(),
        text!("the key at {name} (t=s) does not sign for subdomains, but i= names one"),
    )
    .advice(text!(
        "publish the record without t=s, or sign with the subdomain as d="
    ))
}

fn key_unprotected(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::warn(
        Code::new("key-unprotected"),
        name.clone(),
        text!(
            "the signature is good, but DNSSEC does not protect the key at {name} (UnprotectedKey)"
        ),
    )
    .why(text!(
        "most domains have no DNSSEC; or this server's resolver does not validate"
    ))
    .setting(DEFAULT_FILE, "UnprotectedKey none")
    .command("dkimd doctor --only resolver")
}

fn key_bogus(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        Code::new("key-bogus"),
        name.clone(),
        text!("DNSSEC says that the key at {name} is forged"),
    )
    .why(text!(
        "usually the domain's DNSSEC signatures are out of date, or this server's clock is wrong"
    ))
    .command(format!("dig +dnssec TXT {}", shell_word(&name)))
    .command("timedatectl")
}
