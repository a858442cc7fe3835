//! Settings of TLS: `tls-not-used`, `tls-demanded-of-all`, `tls-demanded-of-senders`,
//! `tls-old-protocols`.

use crate::{
    addresses::smarthost,
    codes,
    listeners::{self, SMTP},
};
use dkimd_advice::{Finding, text};
use dkimd_postfix::{Postfix, Service, main_cf::words};

/// What the settings alone show.
pub(super) fn findings(postfix: &Postfix) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(leaving(postfix));
    findings.extend(arriving(postfix));
    findings.extend(old_protocols(postfix));
    findings
}

/// The level in force: `smtp_tls_security_level`, or what the older switches amount to.
fn level<'a>(postfix: &'a Postfix, service: Option<&'a Service>, side: &str) -> &'a str {
    let value = |parameter: &str| {
        let found = match service {
            Some(service) => postfix.value_for(service, parameter),
            None => postfix.main.get(parameter),
        };
        found.unwrap_or_default()
    };
    let yes = |parameter: &str| value(parameter).eq_ignore_ascii_case("yes");
    match value(&format!("{side}_tls_security_level")) {
        "" if yes(&format!("{side}_enforce_tls")) => "encrypt",
        "" if yes(&format!("{side}_use_tls")) => "may",
        "" => "none",
        level => level,
    }
}

fn leaving(postfix: &Postfix) -> Option<Finding> {
    let service = postfix
        .services
        .iter()
        .find(|service| service.name == "smtp" && service.kind == "unix");
    let level = level(postfix, service, "smtp");
    let evidence = format!("smtp_tls_security_level = {level}");
    let mend = "postconf -e smtp_tls_security_level=may && postfix reload";
    match level {
        "none" => {
            let written = postfix.main.value("smtp_tls_security_level");
            Some(
                Finding::warn(
                    codes::TLS_NOT_USED,
                    "smtp_tls_security_level",
                    text!("Postfix sends all mail in clear: smtp_tls_security_level is not set"),
                )
                .evidence(format!("smtp_tls_security_level = {written}"))
                .why(text!(
                    "Gmail demands TLS of large senders (4.7.29) and marks other mail with a red \
                     padlock; anybody on the way can read it"
                ))
                .command(mend),
            )
        }
        "verify" | "secure" | "fingerprint" if smarthost(postfix).is_none() => Some(
            Finding::warn(
                codes::TLS_DEMANDED_OF_ALL,
                "smtp_tls_security_level",
                text!("Postfix delivers only to servers whose certificate it can verify ({level})"),
            )
            .evidence(evidence)
            .why(text!(
                "most mail servers have a certificate that does not fit their name: mail for them \
                 stays in the queue"
            ))
            .command(mend)
            .advice(text!(
                "insist for single domains in smtp_tls_policy_maps, or use dane"
            )),
        ),
        "encrypt" if smarthost(postfix).is_none() => Some(
            Finding::info(
                codes::TLS_DEMANDED_OF_ALL,
                "smtp_tls_security_level",
                text!("Postfix delivers only to servers that offer TLS"),
            )
            .evidence(evidence)
            .why(text!(
                "mail for the few others stays in the queue and comes back"
            )),
        ),
        _ => None,
    }
}

fn arriving(postfix: &Postfix) -> Option<Finding> {
    let demanding = listeners::of(postfix).into_iter().find(|listener| {
        listener.port == SMTP
            && listener.is_public(postfix)
            && level(postfix, Some(listener.service), "smtpd") == "encrypt"
    })?;
    let id = demanding.service.id();
    Some(
        Finding::warn(
            codes::TLS_DEMANDED_OF_SENDERS,
            &id,
            text!("port 25 takes mail over TLS alone"),
        )
        .evidence(format!("{id}: smtpd_tls_security_level = encrypt"))
        .why(text!(
            "senders without TLS can't deliver; RFC 3207 forbids that for a public mail server"
        ))
        .command("postconf -e smtpd_tls_security_level=may && postfix reload")
        .advice(text!(
            "submission keeps its own encrypt with -o in master.cf"
        )),
    )
}

/// SSL 2 and 3: nobody needs them, and submission must not have them.
fn old_protocols(postfix: &Postfix) -> Option<Finding> {
    let parameters = [
        "smtpd_tls_mandatory_protocols",
        "smtpd_tls_protocols",
        "smtp_tls_protocols",
        "smtp_tls_mandatory_protocols",
    ];
    let old: Vec<_> = parameters
        .into_iter()
        .filter_map(|parameter| Some((parameter, postfix.main.get(parameter)?)))
        .filter(|(_, value)| allows_ssl(value))
        .collect();
    let (first, _) = old.first()?;
    let finding = Finding::info(
        codes::TLS_OLD_PROTOCOLS,
        *first,
        text!("Postfix is set to speak SSL 3, which is broken since 2014"),
    )
    .command(
        "postconf -X smtpd_tls_protocols smtpd_tls_mandatory_protocols smtp_tls_protocols \
              smtp_tls_mandatory_protocols && postfix reload",
    );
    Some(old.iter().fold(finding, |finding, (parameter, value)| {
        finding.evidence(format!("{parameter} = {value}"))
    }))
}

fn allows_ssl(value: &str) -> bool {
    let words = words(value);
    let words: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let floor = words.iter().any(|word| word.starts_with(">="));
    let only = words
        .iter()
        .any(|word| !word.starts_with(['!', '<', '>']) && word.starts_with("tls"));
    match (floor, only) {
        (true, _) => has(">=sslv3") || has(">=sslv2"),
        (_, true) => has("sslv3"),
        _ => !has("!sslv3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(main: &str, overrides: &str) -> Vec<&'static str> {
        let postfix = Postfix::from_texts(
            &format!("inet_interfaces = all\n{main}"),
            "smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n",
            overrides,
        );
        findings(&postfix)
            .iter()
            .map(|finding| finding.code.word())
            .collect()
    }

    #[test]
    fn mail_in_clear_is_seen_whatever_switch_it_is() {
        assert_eq!(codes("", ""), ["tls-not-used"]);
        assert_eq!(
            codes("smtp_tls_security_level = none", ""),
            ["tls-not-used"]
        );
        assert_eq!(
            codes("smtp_tls_security_level =\nsmtp_use_tls = yes", ""),
            [""; 0]
        );
        assert_eq!(codes("smtp_tls_security_level = dane", ""), [""; 0]);
        assert_eq!(
            codes("", "smtp/unix/smtp_tls_security_level = may"),
            [""; 0]
        );
    }

    #[test]
    fn demanding_too_much_is_seen() {
        let secure = "smtp_tls_security_level = secure";
        assert_eq!(codes(secure, ""), ["tls-demanded-of-all"]);
        let relayed = "smtp_tls_security_level = secure\nrelayhost = [smtp.example.net]:587";
        assert_eq!(codes(relayed, ""), [""; 0]);
        assert_eq!(
            codes(
                "smtp_tls_security_level = may",
                "smtp/inet/smtpd_tls_security_level = encrypt"
            ),
            ["tls-demanded-of-senders"]
        );
    }

    #[test]
    fn protocols_are_read_in_the_old_and_the_new_way() {
        for (value, ssl) in [
            (">=TLSv1", false),
            (">=TLSv1.2, <=TLSv1.3", false),
            ("!SSLv2, !SSLv3", false),
            ("!SSLv2 !SSLv3 !TLSv1", false),
            ("TLSv1.2", false),
            ("!SSLv2", true),
            ("", true),
            ("SSLv3, TLSv1", true),
            (">=SSLv3", true),
        ] {
            assert_eq!(allows_ssl(value), ssl, "{value:?}");
        }
    }
}
