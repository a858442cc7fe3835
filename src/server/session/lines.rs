//! The text of every log line about mail: OpenDKIM's words where it has such a line, because log
//! watchers parse them; plain words of ours where it has none.
//!
//! A line about a message begins with its queue id: [`of_job`].

use crate::{
    decide::{
        Reason, Trust,
        identity::IdentityError,
        opendkim::{self, OpenDkimWords},
    },
    dkim::{
        name::{Domain, Selector},
        outcome::Outcome as SignatureOutcome,
        sign::SignError,
        verify::{Identity, SignatureResult},
    },
    dns::cache::CacheFigures,
    keys::{purpose::Purpose, store::KeyError},
    milter::Client,
    secret,
    session::record::{MessageRecord, Outcome},
};

/// Puts the queue id before a line.
pub fn of_job(job: &str, line: impl AsRef<str>) -> String {
    format!("{job}: {}", line.as_ref())
}

/// A signature was added (SyslogSuccess).
pub fn signature_added(selector: &Selector, domain: &Domain) -> String {
    format!("DKIM-Signature field added (s={selector}, d={domain})")
}

/// A message leaves unsigned: why, with the word that `dkimd explain` knows.
pub fn not_signed(reason: &Reason) -> String {
    format!("not signed: {reason} ({})", reason.code())
}

/// KeyFile can't be read any more, and the key that was read from it goes on signing.
pub fn key_kept(error: &KeyError, purpose: Option<&Purpose>) -> String {
    format!(
        "{error}; signing goes on with the key read at start; {}",
        error.remedy_for(purpose)
    )
}

/// At a start or reload: keys of the KeyTable that can't be used, some by name.
pub fn keys_unusable(bad: usize, read: usize, named: &[&str]) -> String {
    let named: Vec<_> = named.iter().map(|name| secret::line(name)).collect();
    let more = if bad > named.len() { ", ..." } else { "" };
    format!(
        "{bad} of {read} keys of the KeyTable can't be used ({}{more}): mail that they sign is \
         deferred; run: dkimd check",
        named.join(", ")
    )
}

/// A key can't be used: which file, its owner and mode, and what mends it.
pub fn key_unusable(error: &KeyError, purpose: Option<&Purpose>) -> String {
    format!("{error}; to mend it: {}", error.remedy_for(purpose))
}

/// The tables don't lead to a key.
pub fn identity_failed(error: &IdentityError) -> String {
    format!("{error}; to mend it: {}", error.remedy())
}

/// The private-key operation failed.
pub fn signing_failed(error: &SignError) -> String {
    format!("internal DKIM error: {error}")
}

/// No From field.
pub const NO_SENDER: &str = "can't determine message sender; accepting";

/// A From field, or the SenderMacro, that can't be read.
pub fn unparsable_sender(source: &str, value: &str) -> String {
    if source.starts_with('{') {
        format!("can't parse macro {source} header value '{value}'")
    } else {
        format!("can't parse {source}: header value '{value}'")
    }
}

/// A stranger uses a domain that is ours.
pub fn external_host(client: &Client, domain: &str) -> String {
    format!(
        "external host {} attempted to send as {domain}",
        client.name
    )
}

/// LogWhy: InternalHosts does not list the client.
pub fn not_internal(client: &Client) -> String {
    match client.address {
        Some(address) => format!("{} [{address}] not internal", client.name),
        None => format!("{} [unknown] not internal", client.name),
    }
}

/// A client that was internal until InternalHosts lost it by what may be a mishap.
pub fn formerly_internal(client: &Client, rule: &str) -> String {
    let address = client
        .address
        .map_or("unknown".to_owned(), |a| a.to_string());
    format!(
        "{} [{address}] is not internal any more: its entry {rule} left InternalHosts when that was \
         taken up in doubt",
        client.name
    )
}

/// LogWhy: no SASL mechanism.
pub const NOT_AUTHENTICATED: &str = "not authenticated";

/// LogWhy: MTA does not list the daemon.
pub fn no_mta_match(host: &str, daemon: &str) -> String {
    let daemon = if daemon.is_empty() { "?" } else { daemon };
    format!("no MTA name match (host={host}, MTA={daemon})")
}

/// LogWhy: MacroList does not fit.
pub const NO_MACROS_MATCH: &str = "no macros match";

/// LogWhy: Domain does not list the author's domain.
pub fn no_domain_match(domain: &str) -> String {
    format!("no signing domain match for '{domain}'")
}

/// LogWhy: nor one of its parents.
pub fn no_subdomain_match(domain: &str) -> String {
    format!("no signing subdomain match for '{domain}'")
}

/// LogWhy: no SigningTable entry fits.
pub fn no_table_match(author: &str) -> String {
    format!("no signing table match for '{author}'")
}

/// LogWhy: ExemptDomains.
pub fn exempted(domain: &str) -> String {
    format!("domain '{domain}' exempted, accepting")
}

/// DontSignMailTo.
pub fn recipient_excused(recipient: &str) -> String {
    format!("skipping signing of mail to '{recipient}'")
}

/// BodyLengthDB.
pub fn body_length_matched(recipient: &str) -> String {
    format!("BodyLengthDB matched {recipient}, signing with l= requested")
}

/// RequiredHeaders.
pub fn header_requirement(fault: &str) -> String {
    format!("RFC5322 header requirement error: {fault}")
}

/// MaximumHeaders.
pub fn too_much_header(octets: usize, limit: u64) -> String {
    format!("too much header data ({octets} octets, MaximumHeaders allows {limit})")
}

/// So much is under way that a message had to be given up.
pub const MEMORY_SHORT: &str = "too much is under way: no memory for this message";

/// Recipients beyond the bound, where something depends on them.
pub const TOO_MANY_RECIPIENTS: &str = "too many recipients: not all of them can be looked at";

/// Header fields whose names can't be listed in `h=`: the first, and how many more.
pub fn fields_ignored(first: &str, others: usize) -> String {
    match others {
        0 => format!("ignoring header field '{first}'"),
        others => format!("ignoring header field '{first}' and {others} more"),
    }
}

/// The MTA sends no queue id.
pub const NO_QUEUE_ID: &str = "WARNING: symbol 'i' not available";

/// A failure after which the administrator lets mail through.
pub fn sent_unsigned_by_choice(code: &str) -> String {
    format!("not signed: {code}, and the On-* options let it through")
}

/// What became of a message, and how long it took.
pub fn message_done(record: &MessageRecord) -> String {
    let outcome = match &record.outcome {
        Outcome::Pending => "unfinished".to_owned(),
        Outcome::Signed => format!("signed {}", record.signatures.len()),
        Outcome::NotSigned(reason) => format!("unsigned {}", reason.code()),
        Outcome::Failed { code, .. } => format!("failed {code}"),
        Outcome::Refused(reason) => format!("refused {}", reason.code()),
        Outcome::Aborted => "aborted by the MTA".to_owned(),
    };
    let trust = record.trust.map_or("none", Trust::as_str);
    format!(
        "done: {outcome}, trust {trust}, header {} octets, body {} octets, {} us of which signing {} us",
        record.header_octets,
        record.body_octets,
        record.times.total.as_micros(),
        record.times.signing.as_micros(),
    )
}

/// SyslogSuccess: some signature passed.
pub const VERIFIED: &str = "DKIM verification successful";

/// The deciding signature does not fit the message.
pub const BAD_SIGNATURE: &str = "bad signature data";

/// No signature was there.
pub const NO_SIGNATURE_DATA: &str = "no signature data";

/// More than one signature was there.
pub fn signatures_from(domains: &[&str]) -> String {
    format!("message has signatures from {}", domains.join(", "))
}

/// MaximumSignaturesToVerify left some signatures out.
pub fn signatures_ignored(count: usize) -> String {
    format!(
        "ignoring {count} signature{}",
        if count == 1 { "" } else { "s" }
    )
}

/// MaximumSignaturesToVerify is 0, and the signature is neither the author's nor a trusted one's.
pub fn signature_ignored(domain: &Domain) -> String {
    format!("ignoring signature from {domain}")
}

/// DNS gave no key.
pub fn key_retrieval_failed(identity: &Identity, detail: &str) -> String {
    format!(
        "key retrieval failed ({}): {detail}",
        of_signature(identity, false)
    )
}

/// The key's `p=` is empty.
pub fn key_revoked(identity: &Identity) -> String {
    format!("key revoked ({})", of_signature(identity, true))
}

/// A DKIM-Signature field that is none.
pub fn syntax_error(detail: &str) -> String {
    format!("syntax error: {detail}")
}

/// Why a signature does not count, with the stable word for it.
pub fn not_verified(identity: &Identity, outcome: &SignatureOutcome) -> String {
    let part = |part: &Option<Box<str>>| part.as_deref().unwrap_or("?").to_owned();
    format!(
        "s={} d={} a={} not verified: {} ({})",
        part(&identity.selector),
        part(&identity.domain),
        part(&identity.algorithm),
        opendkim::explanation(outcome),
        outcome.code(),
    )
}

/// LogResults.
pub fn all_results(results: &[SignatureResult]) -> String {
    let items: Vec<String> = results
        .iter()
        .filter(|result| result.outcome != SignatureOutcome::Ignored)
        .map(|result| {
            let Identity {
                signature,
                domain,
                selector,
                ..
            } = &result.identity;
            let begin: String = signature
                .as_deref()
                .unwrap_or("?")
                .chars()
                .take(8)
                .collect();
            format!(
                "signature={begin} domain={} selector={} result=\"{}\"",
                domain.as_deref().unwrap_or("?"),
                selector.as_deref().unwrap_or("?"),
                OpenDkimWords::from(&result.outcome).text,
            )
        })
        .collect();
    items.join("; ")
}

/// QueryCache.
pub fn cache_figures(figures: CacheFigures) -> String {
    let CacheFigures {
        queries,
        hits,
        expired,
        entries,
    } = figures;
    let plural = |count: u64, one: &str, many: &str| {
        format!("{count} {}", if count == 1 { one } else { many })
    };
    let percent = (hits * 100).checked_div(queries).unwrap_or(0);
    format!(
        "cache: {}, {} ({percent}%), {expired} expired, {}",
        plural(queries, "query", "queries"),
        plural(hits, "hit", "hits"),
        plural(entries as u64, "key", "keys"),
    )
}

fn of_signature(identity: &Identity, with_algorithm: bool) -> String {
    let part = |part: &Option<Box<str>>| part.as_deref().unwrap_or("?").to_owned();
    let mut text = format!(
        "s={}, d={}",
        part(&identity.selector),
        part(&identity.domain)
    );
    if with_algorithm {
        text += &format!(", a={}", part(&identity.algorithm));
    }
    text
}
