//! Why a message is not signed (`decide::Reason`).

use super::{Facts, Word, word};
use dkimd_advice::{Code, Finding, text};
use dkimd_server::{config::DEFAULT_FILE, keys::safe::shell_word};

/// Where own clients are listed, as packages and guides call the file.
const INTERNAL_HOSTS: &str = "InternalHosts (/etc/opendkim/TrustedHosts)";

/// In the order of the decision.
pub(super) const WORDS: &[Word] = &[
    word("no-author", no_author),
    word("author-unreadable", author_unreadable),
    word("several-from", several_from),
    word("header-fault", header_fault),
    word("exempt-domain", exempt_domain),
    word("not-ours", not_ours),
    word("not-internal", not_internal),
    word("not-authenticated", not_authenticated),
    word("no-key-configured", no_key_configured),
    word("no-matching-entry", no_matching_entry),
    word("signing-off", signing_off),
    word("recipient-excused", recipient_excused),
];

fn no_author(facts: &Facts<'_>) -> Finding {
    Finding::warn(
        Code::new("no-author"),
        facts.thing(""),
        text!("the message has no From field, so nobody can be signed for"),
    )
    .why(text!(
        "every message must have one From field (RFC 5322); Gmail refuses mail without it"
    ))
    .advice(text!(
        "mend the program that writes the message (a script of cron or of the web server): it must \
         write `From: name@domain`"
    ))
    .command("postconf -e always_add_missing_headers=yes && postfix reload")
}

fn author_unreadable(facts: &Facts<'_>) -> Finding {
    let value = facts.thing("...");
    Finding::warn(
        Code::new("author-unreadable"),
        facts.thing(""),
        text!("the From field holds no address that can be read without guessing: {value}"),
    )
    .why(text!(
        "a guess could sign for the wrong domain, so the message goes on unsigned"
    ))
    .advice(text!(
        "mend the program that writes the message: `From: \"Name, with comma\" <user@example.com>`"
    ))
}

fn several_from(_: &Facts<'_>) -> Finding {
    Finding::warn(
        Code::new("several-from"),
        "From",
        text!("the message has several From fields and was not signed"),
    )
    .why(text!(
        "a signature would vouch for one of them by guess; large receivers refuse such mail"
    ))
    .advice(text!(
        "mend the program that writes the message: From must stand there once"
    ))
}

fn header_fault(facts: &Facts<'_>) -> Finding {
    let fault = facts.thing("StrictHeaders, RequiredHeaders");
    Finding::warn(
        Code::new("header-fault"),
        facts.thing(""),
        text!("the header breaks RFC 5322: {fault}"),
    )
    .why(text!(
        "StrictHeaders leaves such mail unsigned, RequiredHeaders refuses it"
    ))
    .advice(text!(
        "mend the program that writes the message; Date and From must stand there exactly once"
    ))
}

fn exempt_domain(facts: &Facts<'_>) -> Finding {
    let author = facts.author();
    Finding::info(
        Code::new("exempt-domain"),
        facts.author.unwrap_or_default(),
        text!(
            "ExemptDomains lists the domain of {author}: its mail is neither signed nor verified"
        ),
    )
    .advice(text!(
        "if it should be signed, take the domain out of ExemptDomains and reload"
    ))
}

fn not_ours(facts: &Facts<'_>) -> Finding {
    let client = facts.client();
    Finding::warn(
        Code::new("not-ours"),
        facts.client.unwrap_or_default(),
        text!("the message was not signed because it counts as a stranger's: its client is neither in \
             InternalHosts nor authenticated"),
    )
    .why(text!("only mail of one's own is signed; anybody could otherwise get a signature of your domain. \
         For mail that comes in from the Internet this is as it should be"))
    .advice(text!("if a person sent it: their mail program must log in, on port 587 or 465 with user and \
         password"))
    .setting(INTERNAL_HOSTS, client)
    .command(dry_run(facts))
}

fn not_internal(facts: &Facts<'_>) -> Finding {
    let client = facts.client();
    Finding::warn(
        Code::new("not-internal"),
        facts.client.unwrap_or_default(),
        text!("InternalHosts does not list the client {client}: its mail is verified, not signed, unless \
             it authenticates"),
    )
    .why(text!("right for mail from the Internet; for a server, container or VPN of your own it means that \
         its mail leaves unsigned"))
    .setting(INTERNAL_HOSTS, client)
    .command("systemctl reload opendkim")
    .command(dry_run(facts))
}

fn not_authenticated(facts: &Facts<'_>) -> Finding {
    Finding::warn(
        Code::new("not-authenticated"),
        facts.client.unwrap_or_default(),
        text!("the client did not log in, so its mail is not signed on that ground"),
    )
    .why(text!("right for mail from other servers; a person's mail program must use port 587 or 465 and log \
         in to be signed for"))
    .advice(text!("check in the mail program: outgoing server port 587 (STARTTLS) or 465 (TLS), \
         authentication by password"))
    .command("postconf -P '*/inet/milter_macro_daemon_name' '*/inet/smtpd_milters'")
}

fn dry_run(facts: &Facts<'_>) -> String {
    format!(
        "dkimd explain {} --client {}",
        shell_word(facts.author()),
        shell_word(facts.client())
    )
}

fn no_key_configured(facts: &Facts<'_>) -> Finding {
    let author = facts.author.unwrap_or("example.com");
    let domain = author.rsplit_once('@').map_or(author, |(_, domain)| domain);
    Finding::fail(
        Code::new("no-key-configured"),
        DEFAULT_FILE,
        text!("no key is configured: neither Domain nor SigningTable is set, so nothing is signed"),
    )
    .why(text!(
        "Gmail, Yahoo and Microsoft demand a DKIM signature from every larger sender"
    ))
    .command(format!("dkimd setup {}", shell_word(domain)))
}

fn no_matching_entry(facts: &Facts<'_>) -> Finding {
    let author = facts.author();
    let domain = author.rsplit_once('@').map_or(author, |(_, domain)| domain);
    Finding::fail(
        Code::new("no-matching-entry"),
        facts.author.unwrap_or_default(),
        text!(
            "no entry of SigningTable (or Domain) fits the author {author}, so the message leaves \
             unsigned"
        ),
    )
    .why(text!(
        "wildcards such as *@{domain} work only in a table that is written `refile:/path`; \
         subdomains need an entry of their own"
    ))
    .setting(
        DEFAULT_FILE,
        "SigningTable refile:/etc/opendkim/SigningTable",
    )
    .setting(
        "/etc/opendkim/SigningTable",
        format!("*@{domain} {}", facts.thing("KEYNAME")),
    )
    .command("systemctl reload opendkim")
    .command(format!("dkimd explain {}", shell_word(author)))
}

fn signing_off(_: &Facts<'_>) -> Finding {
    Finding::fail(
        Code::new("signing-off"),
        DEFAULT_FILE,
        text!("a key is there, but Mode has no s: this server only verifies"),
    )
    .setting(DEFAULT_FILE, "Mode sv")
    .command("systemctl reload opendkim")
}

fn recipient_excused(facts: &Facts<'_>) -> Finding {
    let recipient = facts.thing("the recipient");
    Finding::info(
        Code::new("recipient-excused"),
        facts.thing(""),
        text!("not signed because DontSignMailTo lists {recipient}"),
    )
    .advice(text!(
        "if it should be signed, take the recipient out of DontSignMailTo and reload"
    ))
}
