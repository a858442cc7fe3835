//! What Postfix changes after the signature was made: on delivery, or on a second way through.
//!
//! Header checks, canonical and masquerading maps and added fields all happen before filters see a
//! message, so they break nothing, unless mail comes back from a content filter that was signed
//! before it.

use std::fs;

use super::rules::{Rule, changing};
use crate::checks::authors::findings_for;
use crate::codes;
use dkim_core::header::{HeaderSection, LeadingSpace};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{Postfix, Service, main_cf::words};
use dkimd_server::{config::snapshot::Snapshot, decide::Decision};

/// Lines longer than this are split on delivery (RFC 5321 section 4.5.3.1.6, CRLF left out).
const LONGEST_LINE: u64 = 998;
/// Header tables that smtp(8) applies while it delivers.
const ON_DELIVERY: [&str; 3] = [
    "smtp_header_checks",
    "smtp_mime_header_checks",
    "smtp_nested_header_checks",
];
/// Usual fields and what stands in them, to be matched with patterns.
const USUAL: [(&str, &str); 16] = [
    ("From", "Joe <joe@example.com>"),
    ("Sender", "joe@example.com"),
    ("Reply-To", "joe@example.com"),
    ("To", "Ann <ann@example.net>"),
    ("Cc", "ann@example.net"),
    ("Subject", "News of November"),
    ("Date", "Mon, 23 Nov 2026 18:00:00 +0000"),
    ("Message-ID", "<20261123180000.1@mail.example.com>"),
    ("In-Reply-To", "<1@example.net>"),
    ("References", "<1@example.net>"),
    ("MIME-Version", "1.0"),
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Transfer-Encoding", "8bit"),
    ("List-Id", "<list.example.com>"),
    ("List-Unsubscribe", "<https://example.com/leave>"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
];
/// The field that holds the signature.
const SIGNATURE: &str = "DKIM-Signature";

/// The fields that the server signs, with usual values, and the signature itself.
fn signed_fields(server: &Snapshot) -> Vec<(String, String)> {
    let mut section = HeaderSection::default();
    for (name, value) in USUAL {
        section.push(name.as_bytes(), value.as_bytes(), LeadingSpace::Eaten);
    }
    let mut chosen: Vec<_> = server
        .signing_policy
        .headers
        .choose(&section)
        .into_iter()
        .filter_map(|index| USUAL.get(index))
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    chosen.push((SIGNATURE.to_owned(), "v=1; a=rsa-sha256".to_owned()));
    chosen
}

/// Judges all of it.
pub(super) async fn judge(postfix: &Postfix, server: &Snapshot) -> Vec<Finding> {
    let signed = signed_fields(server);
    let mut findings = Vec::new();
    findings.extend(added_by_filters(postfix, &signed));
    for service in senders(postfix) {
        findings.extend(header_tables(postfix, service, &signed));
        findings.extend(body_tables(postfix, service));
    }
    findings.extend(generic(postfix, server).await);
    findings.extend(split_lines(postfix));
    findings.extend(no_eight_bits(postfix));
    let mut once: Vec<Finding> = Vec::new();
    for finding in findings {
        if !once.contains(&finding) {
            once.push(finding);
        }
    }
    once
}

/// The services that deliver to the world.
fn senders(postfix: &Postfix) -> impl Iterator<Item = &Service> {
    postfix
        .services_of("smtp")
        .filter(|service| service.kind == "unix")
}

fn breaks(signature: bool) -> Text {
    match signature {
        true => text!("mail leaves without its signature"),
        false => text!("it is changed after it was signed, so the signature does not fit any more"),
    }
}

/// `milter_header_checks` looks at what filters add: the signature.
fn added_by_filters(postfix: &Postfix, signed: &[(String, String)]) -> Option<Finding> {
    const PARAMETER: &str = "milter_header_checks";
    let signature: Vec<_> = signed
        .iter()
        .filter(|(name, _)| name == SIGNATURE)
        .cloned()
        .collect();
    let rule = changing(postfix.main.value(PARAMETER))
        .into_iter()
        .find(|rule| rule.hits(&signature).is_some())?;
    let place = &rule.place;
    Some(
        Finding::fail(
            codes::BREAKERS_MILTER_HEADER_CHECKS,
            PARAMETER,
            text!("milter_header_checks takes the signature away that dkimd adds ({place})"),
        )
        .evidence(rule.shown())
        .why(breaks(true))
        .advice(removal(&rule))
        .command("postfix reload"),
    )
}

fn removal(rule: &Rule) -> Text {
    let place = &rule.place;
    text!("remove or narrow the rule at {place}")
}

fn header_tables(
    postfix: &Postfix,
    service: &Service,
    signed: &[(String, String)],
) -> Vec<Finding> {
    let finding = |parameter: &&'static str| {
        let tables = postfix.value_for(service, parameter)?;
        let (rule, field) = changing(tables).into_iter().find_map(|rule| {
            let field = rule.hits(signed)?.to_owned();
            Some((rule, field))
        })?;
        let whole = field == SIGNATURE;
        let what =
            text!("{parameter} changes {field} while mail is delivered, after it was signed");
        let finding = match whole {
            true => Finding::fail(codes::BREAKERS_HEADER_CHECKS, *parameter, what),
            false => Finding::warn(codes::BREAKERS_HEADER_CHECKS, *parameter, what),
        };
        Some(
            finding
                .evidence(rule.shown())
                .why(breaks(whole))
                .advice(text!(
                    "move the rule to header_checks, which comes before signing"
                ))
                .command("postfix reload"),
        )
    };
    ON_DELIVERY.iter().filter_map(finding).collect()
}

fn body_tables(postfix: &Postfix, service: &Service) -> Option<Finding> {
    const PARAMETER: &str = "smtp_body_checks";
    let rule = changing(postfix.value_for(service, PARAMETER)?)
        .into_iter()
        .next()?;
    Some(
        Finding::warn(
            codes::BREAKERS_BODY_CHECKS,
            PARAMETER,
            text!("smtp_body_checks changes lines of the body while mail is delivered, after it was signed"),
        )
        .evidence(rule.shown())
        .why(breaks(false))
        .advice(text!("move the rule to body_checks, which comes before signing"))
        .command("postfix reload"),
    )
}

/// `smtp_generic_maps` rewrites From on delivery; it breaks what was signed for the old address.
async fn generic(postfix: &Postfix, server: &Snapshot) -> Option<Finding> {
    const PARAMETER: &str = "smtp_generic_maps";
    let maps = postfix
        .main
        .get(PARAMETER)
        .filter(|maps| !maps.is_empty())?;
    let mut unreadable = false;
    for table in dkimd_postfix::milters::items(maps) {
        let Some(entries) = entries_of(table) else {
            unreadable = true;
            continue;
        };
        for (place, key, value) in entries {
            let author = address_of(&key, postfix.main.value("myorigin"));
            let signed = findings_for(server, &author).await.decide(server);
            if let Decision::Sign(_) = signed {
                return Some(
                    Finding::warn(
                        codes::BREAKERS_GENERIC_MAPS,
                        PARAMETER,
                        text!("smtp_generic_maps rewrites {key} while mail is delivered, after it was signed"),
                    )
                    .evidence(format!("{place}: {key} {value}"))
                    .why(breaks(false))
                    .advice(text!("move the entry to canonical_maps, which comes before signing"))
                    .command(format!("postconf -e 'canonical_maps = {maps}' '{PARAMETER} ='"))
                    .command("postfix reload"),
                );
            }
        }
    }
    unreadable.then(|| {
        Finding::info(
            codes::BREAKERS_GENERIC_MAPS,
            PARAMETER,
            text!(
                "smtp_generic_maps rewrites addresses while mail is delivered, after it was signed"
            ),
        )
        .evidence(format!("{PARAMETER} = {maps}"))
        .why(text!("signatures of rewritten authors break"))
    })
}

/// Place, key and value of each entry of a table whose source is text; `None`: it is not.
fn entries_of(table: &str) -> Option<Vec<(String, String, String)>> {
    let table = table.strip_prefix("proxy:").unwrap_or(table);
    let (kind, rest) = table.split_once(':')?;
    if kind == "inline" {
        let inner = rest.trim_start_matches('{').trim_end_matches('}');
        let entries = inner.split([',', '}']).filter_map(|entry| {
            let (key, value) = entry.trim_matches(['{', ' ']).split_once('=')?;
            Some((
                "main.cf".to_owned(),
                key.trim().to_owned(),
                value.trim().to_owned(),
            ))
        });
        return Some(entries.collect());
    }
    if !["hash", "btree", "texthash", "lmdb", "cdb", "dbm"].contains(&kind) {
        return None;
    }
    let text = fs::read_to_string(rest).ok()?;
    let entry = |(number, line): (usize, &str)| {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let (key, value) = line.split_once([' ', '\t'])?;
        Some((
            format!("{rest}:{}", number + 1),
            key.to_owned(),
            value.trim().to_owned(),
        ))
    };
    Some(text.lines().enumerate().filter_map(entry).collect())
}

/// An address that a key of an address table stands for: `user@domain`, `user`, `@domain`.
fn address_of(key: &str, origin: &str) -> String {
    match key.split_once('@') {
        Some(("", domain)) => format!("somebody@{domain}"),
        Some(_) => key.to_owned(),
        None => format!("{key}@{origin}"),
    }
}

fn split_lines(postfix: &Postfix) -> Option<Finding> {
    const PARAMETER: &str = "smtp_line_length_limit";
    let limit: u64 = postfix.main.get(PARAMETER)?.parse().ok()?;
    (limit > 0 && limit < LONGEST_LINE).then(|| {
        Finding::warn(
            codes::BREAKERS_LINE_LENGTH,
            PARAMETER,
            text!("Postfix splits lines of more than {limit} characters while it delivers mail"),
        )
        .evidence(format!("{PARAMETER} = {limit}"))
        .why(breaks(false))
        .command(format!("postconf -# {PARAMETER}"))
        .command("postfix reload")
    })
}

/// Whoever hides 8BITMIME from himself converts every 8-bit message after it was signed.
fn no_eight_bits(postfix: &Postfix) -> Option<Finding> {
    const PARAMETER: &str = "smtp_discard_ehlo_keywords";
    let words = words(postfix.main.value(PARAMETER));
    let hidden = words
        .iter()
        .any(|word| word.eq_ignore_ascii_case("8bitmime"));
    (hidden && !postfix.main.yes("disable_mime_output_conversion")).then(|| {
        Finding::warn(
            codes::BREAKERS_8BIT,
            PARAMETER,
            text!("Postfix ignores that others take 8-bit mail, and converts it while it delivers, after it was signed"),
        )
        .evidence(format!("{PARAMETER} = {}", postfix.main.value(PARAMETER)))
        .why(breaks(false))
        .command(format!("postconf -# {PARAMETER}"))
        .command("postfix reload")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Level;
    use dkimd_server::config::resolve::Overrides;

    fn server() -> Snapshot {
        let folder = env!("CARGO_MANIFEST_DIR");
        let options = vec![
            ("Domain", "example.com".to_owned()),
            ("Selector", "s".to_owned()),
            (
                "KeyFile",
                format!("{folder}/../../keys.example/mail.private"),
            ),
        ];
        Snapshot::load(None, &Overrides { options }).0.unwrap()
    }

    async fn codes(main: &str) -> Vec<(&'static str, Level)> {
        let postfix = Postfix::from_texts(main, "smtp unix - - y - - smtp\n", "");
        let found = judge(&postfix, &server()).await;
        found
            .iter()
            .map(|finding| (finding.code.word(), finding.level))
            .collect()
    }

    #[tokio::test]
    async fn what_happens_before_signing_breaks_nothing() {
        let main = "header_checks = regexp:{{/^Subject:/ IGNORE}}\ncanonical_maps = inline:{joe@example.com=x@example.com}\n\
                    masquerade_domains = example.com\nalways_add_missing_headers = yes\nsmtp_line_length_limit = 998\n\
                    smtp_header_checks = regexp:{{/^X-Mailer:/ IGNORE}}\n\
                    smtp_generic_maps = inline:{root@mail.local=joe@example.com}\n";
        assert_eq!(codes(main).await, []);
    }

    #[tokio::test]
    async fn what_happens_on_delivery_breaks_signatures() {
        let one = async |main: &str| codes(main).await.first().copied();
        assert_eq!(
            one("smtp_header_checks = regexp:{{/^Subject:/ REPLACE Subject: x}}\n").await,
            Some(("breakers-header-checks", Level::Warn))
        );
        assert_eq!(
            one("smtp_header_checks = regexp:{{/^DKIM/ IGNORE}}\n").await,
            Some(("breakers-header-checks", Level::Fail))
        );
        assert_eq!(
            one("milter_header_checks = pcre:{{/^DKIM-Signature:/ IGNORE}}\n").await,
            Some(("breakers-milter-header-checks", Level::Fail))
        );
        assert_eq!(
            one("smtp_body_checks = pcre:{{/x/ IGNORE}}\n").await,
            Some(("breakers-body-checks", Level::Warn))
        );
        assert_eq!(
            one("smtp_generic_maps = inline:{joe@example.com=info@example.com}\n").await,
            Some(("breakers-generic-maps", Level::Warn))
        );
        assert_eq!(
            one("smtp_generic_maps = ldap:/etc/x\n").await,
            Some(("breakers-generic-maps", Level::Info))
        );
        assert_eq!(
            one("smtp_line_length_limit = 80\n").await,
            Some(("breakers-line-length", Level::Warn))
        );
        assert_eq!(
            one("smtp_discard_ehlo_keywords = 8bitmime, silent-discard\n").await,
            Some(("breakers-8bit", Level::Warn))
        );
    }
}
