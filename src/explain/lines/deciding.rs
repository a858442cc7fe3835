//! Lines about what is signed and why not, as dkimd and OpenDKIM write them.

use super::{Line, line, note, of_told_word, of_word};
use crate::words::Facts;
use dkimd_advice::{Code, Finding, text};

pub(super) const LINES: &[Line] = &[
    line("DKIM-Signature field added (s={s}, d={d})", |parts| {
        let (s, d) = (parts.get("s"), parts.get("d"));
        Finding::info(
            Code::new("signed"),
            d,
            text!("the message was signed for {d} with the key of selector {s}"),
        )
        .why(text!(
            "receivers fetch the public key from {s}._domainkey.{d}"
        ))
    }),
    // The reason may hold parentheses: the word is in the last ones.
    line(
        "not signed: {reason}, and the On-* options let it through",
        |parts| sent_unsigned(parts.get("reason")),
    ),
    line("not signed: {reason}", |parts| {
        let (word, reason) = last_word(parts.get("reason"));
        of_told_word(word, parts.line, &facts_of_reason(reason))
    }),
    line("can't determine message sender; accepting", |_| {
        of_word("no-author", &Facts::default())
    }),
    line("can't parse {source} header value '{value}'", |parts| {
        of_word("author-unreadable", &about(parts.some("value")))
    }),
    line(
        "external host {host} attempted to send as {domain}",
        |parts| {
            let (host, domain) = (parts.get("host"), parts.get("domain"));
            Finding::warn(
            Code::new("external-host"),
            host,
            text!("the stranger {host} sent mail in the name of {domain}, which this server signs for; \
                 it was not signed"),
        )
        .why(text!("either a forgery, or a person or server of yours that neither logs in nor is listed in \
             InternalHosts"))
        .advice(text!("if it is yours: let it log in (port 587), or list its address in InternalHosts; if it may \
             send in your name but must not be reported: ExternalIgnoreList"))
        .advice(text!("if it is not: a DMARC record with p=reject lets receivers refuse such mail"))
        },
    ),
    line(
        "{host} [{ip}] is not internal any more: its entry {rule} left InternalHosts when that was taken up \
         in doubt",
        |parts| {
            let (host, rule) = (parts.get("host"), parts.get("rule"));
            Finding::fail(
                Code::new("formerly-internal"),
                host,
                text!("mail of {host} leaves unsigned: the file of InternalHosts was emptied or cut short, and \
                     its entry {rule} with it"),
            )
            .advice(text!("write the file whole, then: systemctl reload opendkim"))
        },
    ),
    line("{host} [{ip}] not internal", |parts| {
        let client = parts.some("ip").filter(|ip| *ip != "unknown");
        of_word(
            "not-internal",
            &Facts {
                client,
                ..Facts::default()
            },
        )
    }),
    line("not authenticated", |_| {
        of_word("not-authenticated", &Facts::default())
    }),
    line("no MTA name match (host={host}, MTA={daemon})", |parts| {
        let daemon = parts.some("daemon");
        let told = daemon.unwrap_or("?");
        let finding = Finding::warn(
            Code::new("no-mta-match"),
            told,
            text!(
                "MTA does not list the daemon name {told} that Postfix tells, so the mail does not \
                 count as ours on that ground"
            ),
        );
        let name = daemon.unwrap_or("ORIGINATING");
        finding
            .setting(
                "/etc/postfix/master.cf (submission, submissions)",
                format!("-o milter_macro_daemon_name={name}"),
            )
            .setting("/etc/opendkim.conf", format!("MTA {name}"))
    }),
    line("no macros match", |_| {
        note(
            "no-macros-match",
            text!(
                "none of the macros that Postfix sent fits MacroList, so the mail does not count as \
                 ours on that ground"
            ),
        )
    }),
    line("no signing domain match for '{domain}'", |parts| {
        of_word("no-matching-entry", &by(parts.some("domain")))
    }),
    line("no signing subdomain match for '{domain}'", |parts| {
        of_word("no-matching-entry", &by(parts.some("domain")))
    }),
    line("no signing table match for '{author}'", |parts| {
        of_word("no-matching-entry", &by(parts.some("author")))
    }),
    line("domain '{domain}' exempted, accepting", |parts| {
        of_word("exempt-domain", &by(parts.some("domain")))
    }),
    line("skipping signing of mail to '{recipient}'", |parts| {
        of_word("recipient-excused", &about(parts.some("recipient")))
    }),
    line(
        "BodyLengthDB matched {recipient}, signing with l= requested",
        |parts| {
            let recipient = parts.get("recipient");
            Finding::warn(
                Code::new("body-length-told"),
                recipient,
                text!("BodyLengthDB lists {recipient}: the signature tells the length of the body (l=)"),
            )
            .why(text!("anybody on the way can append text that the signature seems to vouch for"))
            .advice(text!("take the recipient out of BodyLengthDB and reload"))
        },
    ),
    line("RFC5322 header requirement error: {fault}", |parts| {
        of_word("header-fault", &about(parts.some("fault")))
    }),
    line(
        "too many recipients: not all of them can be looked at",
        |_| of_word("too-many-recipients", &Facts::default()),
    ),
    line("too much is under way: no memory for {what}", |_| {
        of_word("memory-short", &Facts::default())
    }),
    line("too much header data{detail}", |_| {
        of_word("header-too-large", &Facts::default())
    }),
    line("ignoring header field '{field}'{others}", |parts| {
        let field = parts.get("field");
        Finding::info(
            Code::new("field-ignored"),
            field,
            text!("the field {field} has a name that can't be signed and was left out of h="),
        )
    }),
    line("WARNING: symbol 'i' not available", |_| {
        Finding::warn(
            Code::new("no-queue-id"),
            "",
            text!("Postfix does not tell the queue id, so lines about messages begin with \
                 (unknown-jobid)"),
        )
        .why(text!("`dkimd explain QUEUE-ID` can then not find what was decided about a message"))
        .command("postconf -X milter_mail_macros milter_rcpt_macros milter_data_macros milter_end_of_header_macros milter_end_of_data_macros && postfix reload")
    }),
    line("signer '{signer}' has no @, signing without i=", |parts| {
        signer_dropped(parts.get("signer"))
    }),
    line(
        "signer '{signer}' is not within d={domain}, signing without i=",
        |parts| signer_dropped(parts.get("signer")),
    ),
    line("done: signed {count}, trust {rest}", |_| {
        note("done-signed", text!("the message was signed"))
    }),
    line("done: unsigned {word}, trust {rest}", |parts| {
        of_told_word(parts.get("word"), parts.line, &Facts::default())
    }),
    line("done: failed {word}, trust {rest}", |parts| {
        of_told_word(parts.get("word"), parts.line, &Facts::default())
    }),
    line("done: refused {word}, trust {rest}", |parts| {
        of_told_word(parts.get("word"), parts.line, &Facts::default())
    }),
    line("done: aborted by the MTA, trust {rest}", |_| {
        note(
            "done-aborted",
            text!(
                "Postfix gave the message up before its end: the client hung up, or another check \
                 refused it"
            ),
        )
    }),
    line("done: unfinished, trust {rest}", |_| {
        note(
            "done-unfinished",
            text!("the message was verified, not signed"),
        )
    }),
];

fn signer_dropped(signer: &str) -> Finding {
    Finding::warn(
        Code::new("signer-dropped"),
        signer,
        text!("the signer {signer} in SigningTable can't stand in i=; the signature was made without it"),
    )
    .advice(text!("write it as user@domain or @domain, with the domain of the key or one below it"))
}

fn sent_unsigned(word: &str) -> Finding {
    let mut finding = of_told_word(word, word, &Facts::default());
    finding.what = text!("the message should have been signed and was let out UNSIGNED ({word})");
    finding.why = Some(text!(
        "the On-* options of the configuration say so; without them it would have waited in the queue"
    ));
    finding
        .setting("/etc/opendkim.conf", "On-InternalError tempfail")
        .setting("/etc/opendkim.conf", "On-Security tempfail")
}

/// `… (word)`: the word, and what stands before it.
fn last_word(text: &str) -> (&str, &str) {
    let parts = text
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once(" ("));
    match parts {
        Some((before, word)) => (word, before),
        None => (text, text),
    }
}

/// What a reason's sentence names.
fn facts_of_reason(reason: &str) -> Facts<'_> {
    let thing = reason
        .strip_prefix("DontSignMailTo lists ")
        .or_else(|| reason.starts_with("message ").then_some(reason));
    about(thing)
}

fn about(thing: Option<&str>) -> Facts<'_> {
    Facts {
        thing,
        ..Facts::default()
    }
}

fn by(author: Option<&str>) -> Facts<'_> {
    Facts {
        author,
        ..Facts::default()
    }
}
