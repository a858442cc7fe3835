//! Why a message that should be signed can't be (`session::failure`): tables and private keys.

use super::{Facts, Word, word};
use dkimd_advice::{Code, Finding, text};
use dkimd_server::{config::DEFAULT_FILE, keys::safe::shell_word};

/// Tables first, keys behind.
pub(super) const WORDS: &[Word] = &[
    word("table-unavailable", table_unavailable),
    word("key-not-in-table", key_not_in_table),
    word("table-entry-unusable", table_entry_unusable),
    word("bad-domain", bad_domain),
    word("key-missing", key_missing),
    word("key-unreadable", key_unreadable),
    word("key-unusable", key_unusable),
    word("key-unsafe", key_unsafe),
    word("key-changing", key_changing),
    word("key-too-small", key_too_small),
    word("private-key-operation", private_key_operation),
    word("header-too-large", header_too_large),
    word("too-many-recipients", too_many_recipients),
    word("memory-short", memory_short),
];

fn table_unavailable(facts: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("table-unavailable"),
        facts.thing(""),
        text!("SigningTable or KeyTable could not be asked, so the mail waits: it is not let out unsigned"),
    )
    .why(text!("the sender sees a temporary failure and tries again; nothing is lost"))
    .command("dkimd check")
    .advice(text!("see that the file is readable, or that the database behind it answers"))
}

fn key_not_in_table(facts: &Facts<'_>) -> Finding {
    let name = facts.thing("KEYNAME");
    Finding::fail(
        Code::new("key-not-in-table"),
        facts.thing(""),
        text!("SigningTable names the key {name}, and KeyTable has no such entry"),
    )
    .why(text!(
        "mail of these authors gets a temporary failure until the tables agree"
    ))
    .setting(
        "/etc/opendkim/KeyTable",
        format!("{name} DOMAIN:SELECTOR:/etc/dkimkeys/SELECTOR.private"),
    )
    .command("dkimd check && systemctl reload opendkim")
}

fn table_entry_unusable(facts: &Facts<'_>) -> Finding {
    let name = facts.thing("...");
    Finding::fail(
        Code::new("table-entry-unusable"),
        facts.thing(""),
        text!("an entry of the tables can't be read: {name}"),
    )
    .setting(
        "/etc/opendkim/KeyTable",
        "KEYNAME DOMAIN:SELECTOR:/etc/dkimkeys/SELECTOR.private",
    )
    .setting("/etc/opendkim/SigningTable", "*@DOMAIN KEYNAME")
    .command("dkimd check && systemctl reload opendkim")
}

fn bad_domain(facts: &Facts<'_>) -> Finding {
    let domain = facts.thing("...");
    Finding::fail(
        Code::new("bad-domain"),
        facts.thing(""),
        text!("the author's domain {domain} can't stand in a signature's d="),
    )
    .why(text!(
        "KeyTable has % in the place of the domain, so every author's domain is taken"
    ))
    .advice(text!(
        "write the domain by name into the KeyTable instead of %"
    ))
}

fn key_missing(facts: &Facts<'_>) -> Finding {
    let path = facts.thing("...");
    Finding::fail(
        Code::new("key-missing"),
        facts.thing(""),
        text!("the private key {path} is not there"),
    )
    .why(text!(
        "the mail gets a temporary failure and stays in the queue: nothing leaves unsigned"
    ))
    .advice(text!(
        "correct the path in KeyFile or KeyTable, or bring the file back from a backup; a new key \
         needs a new DNS record"
    ))
    .command("dkimd check")
}

fn key_unreadable(facts: &Facts<'_>) -> Finding {
    let path = facts.thing("/etc/dkimkeys/SELECTOR.private");
    Finding::fail(
        Code::new("key-unreadable"),
        facts.thing(""),
        text!("the server may not read the private key {path}"),
    )
    .why(text!(
        "it runs as the user of UserID (opendkim on Debian), not as root"
    ))
    .command(format!(
        "chown opendkim {0} && chmod 600 {0}",
        shell_word(path)
    ))
    .command("dkimd check")
}

/// Of a private key; of a published one where the signature's domain is known.
fn key_unusable(facts: &Facts<'_>) -> Finding {
    if facts.domain.is_some() {
        return published_key_unusable(facts);
    }
    let path = facts.thing("...");
    Finding::fail(
        Code::new("key-unusable"),
        facts.thing(""),
        text!("what stands in {path} is no private key that can sign"),
    )
    .why(text!(
        "usual causes: the .txt record instead of the .private file, a cut or encrypted file, an \
         elliptic-curve key"
    ))
    .command("dkimd check")
}

fn published_key_unusable(facts: &Facts<'_>) -> Finding {
    let (name, detail) = (facts.key_name(), facts.thing("p="));
    Finding::fail(
        Code::new("key-unusable"),
        name.clone(),
        text!("the p= of the record at {name} holds no key: {detail}"),
    )
    .why(text!(
        "usual causes: p= cut when it was pasted, or a key wrapped in another format"
    ))
    .command("dkimd genzone")
    .command(format!("dig +short TXT {}", shell_word(&name)))
}

fn key_unsafe(facts: &Facts<'_>) -> Finding {
    let path = facts.thing("/etc/dkimkeys/SELECTOR.private");
    Finding::fail(
        Code::new("key-unsafe"),
        facts.thing(""),
        text!("somebody else may read or replace the private key {path} (\"key data is not secure\")"),
    )
    .why(text!("whoever reads the key can sign as your domain; RequireSafeKeys therefore refuses to use it. \
         The directories above the file count too"))
    .command(format!("chown opendkim {0} && chmod 600 {0}", shell_word(path)))
    .command("dkimd check")
}

fn key_changing(facts: &Facts<'_>) -> Finding {
    let path = facts.thing("...");
    Finding::fail(
        Code::new("key-changing"),
        facts.thing(""),
        text!("the private key {path} keeps changing while it is read"),
    )
    .advice(text!(
        "find out what keeps writing to it; put a new key in place with mv"
    ))
}

fn key_too_small(facts: &Facts<'_>) -> Finding {
    let (selector, domain) = (facts.selector(), facts.domain());
    Finding::fail(
        Code::new("key-too-small"),
        facts.domain.unwrap_or_default(),
        text!("the RSA key is smaller than MinimumKeyBits allows"),
    )
    .why(text!("receivers ignore signatures below 1024 bits (RFC 8301) and advise 2048"))
    .advice(text!("the signer makes a key of 2048 bits under a new selector, publishes it and then changes the \
         tables (this one is {selector} of {domain})"))
    .command(format!("dkimd keygen -b 2048 -d {} -s NEWSELECTOR", shell_word(domain)))
}

fn private_key_operation(_: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("private-key-operation"),
        "",
        text!("the key was read, but signing with it failed"),
    )
    .why(text!(
        "the key's numbers are damaged; the mail waits in the queue"
    ))
    .advice(text!(
        "bring the key back from a backup, or make a new one under a new selector"
    ))
    .command("dkimd testkey")
}

fn too_many_recipients(_: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("too-many-recipients"),
        "",
        text!("the message has more recipients than dkimd keeps (1 MB of addresses), and DontSignMailTo, \
             BodyLengthDB or RedirectFailuresTo asks for each of them"),
    )
    .why(text!("deciding by some of them could be wrong for the others, so On-InternalError decides: without \
         it the mail waits"))
    .advice(text!("have the list sent in parts (smtpd_recipient_limit of Postfix is 1000)"))
}

fn memory_short(_: &Facts<'_>) -> Finding {
    Finding::warn(
        Code::new("memory-short"),
        "",
        text!("so much was under way at once that dkimd had no memory for this message; it comes again"),
    )
    .why(text!("connections that stop in the middle of a large message, or a small limit of memory"))
    .setting("systemctl edit opendkim.service, [Service]", "MemoryMax=256M")
    .command("systemctl restart opendkim")
}

fn header_too_large(_: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("header-too-large"),
        "MaximumHeaders",
        text!("the header of the message is larger than MaximumHeaders allows"),
    )
    .why(text!(
        "mail through Microsoft 365 can carry more than 64 kB of header"
    ))
    .setting(DEFAULT_FILE, "MaximumHeaders 262144")
    .command("systemctl reload opendkim")
}
