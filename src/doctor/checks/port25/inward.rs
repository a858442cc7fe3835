//! The way in: a service on port 25 at a public address, and what it says.

use std::path::Path;

use super::NEAR;
use crate::{
    addresses::Seen,
    arriving::Arriving,
    codes,
    host::Host,
    listeners::{self, Listener, SMTP},
    report::{Cause, Report},
    smtp::{
        SmtpError,
        reply::Reply,
        session::{Session, connect},
    },
};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::Postfix;

/// What our own server says.
struct Heard {
    at: String,
    greeting: Reply,
    ehlo: Option<Reply>,
}

/// Looks at the settings, then calls.
pub(super) async fn report(host: &Host) -> Report {
    let mut report = Report::default();
    let Some(postfix) = host.postfix() else {
        return super::super::no_postfix();
    };
    let seen = Seen::of(host).await;
    let arriving = Arriving::at(host, &seen).await;
    if let Some((name, failure)) = &arriving.unanswered {
        report.unanswered(name, *failure);
    }
    let listeners = listeners::of(postfix);
    let on_25 = listeners.iter().filter(|listener| listener.port == SMTP);
    let public = on_25.clone().find(|listener| listener.is_public(postfix));
    if let Some((domain, exchanger)) = arriving.here.first() {
        match (public, on_25.clone().next()) {
            (None, None) => report.add(no_service(postfix, domain, exchanger)),
            (None, Some(_)) => report.add(not_listening(postfix, domain, exchanger)),
            (Some(_), _) => {}
        }
    }
    let Some(listener) = public else {
        return report;
    };
    match hear(postfix, listener, host.helo()).await {
        Ok(heard) => {
            for finding in judge(&heard, postfix.main.value("myhostname")) {
                report.add(finding);
            }
            if let Some((_, exchanger)) = arriving.here.first() {
                report.add(not_proved(exchanger));
            }
        }
        Err(tries) if is_running(postfix) && !tries.is_empty() => {
            report.add(not_answering(tries));
        }
        Err(_) => report.omit(
            Cause::Told,
            text!("the greeting of port 25: Postfix does not run"),
        ),
    }
    report
}

async fn hear(
    postfix: &Postfix,
    listener: &Listener<'_>,
    helo: Option<&str>,
) -> Result<Heard, Vec<String>> {
    let mut tries = Vec::new();
    for address in listener.addresses(postfix).await {
        let tried = async {
            let stream = connect(address, None, NEAR).await?;
            let mut session = Session::over(stream, NEAR);
            let greeting = session.reply().await?;
            if !greeting.is_positive() {
                return Err(SmtpError::Refused(greeting));
            }
            let ehlo = format!("EHLO {}", helo.unwrap_or("localhost"));
            let ehlo = session.agree(&ehlo).await.ok();
            session.quit().await;
            Ok((greeting, ehlo))
        };
        match tried.await {
            Ok((greeting, ehlo)) => {
                return Ok(Heard {
                    at: address.to_string(),
                    greeting,
                    ehlo,
                });
            }
            Err(error) => tries.push(format!("{address}: {error}")),
        }
    }
    Err(tries)
}

fn judge(heard: &Heard, hostname: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (at, greeting) = (&heard.at, &heard.greeting);
    let named = greeting.host();
    if !named.eq_ignore_ascii_case(hostname) {
        findings.push(
            Finding::info(
                codes::PORT_25_GREETING,
                at,
                text!("this server greets as {named:?}, not by its name {hostname} (myhostname)"),
            )
            .evidence(greeting.to_string())
            .why(text!(
                "RFC 5321 wants the host's name first in the greeting; tests of others complain"
            ))
            .command("postconf -e 'smtpd_banner=$myhostname ESMTP' && postfix reload"),
        );
    }
    if let Some(ehlo) = heard.ehlo.as_ref().filter(|ehlo| !ehlo.offers("8BITMIME")) {
        findings.push(
            Finding::warn(
                codes::PORT_25_8BIT,
                at,
                text!("this server does not offer 8BITMIME on port 25"),
            )
            .evidence(ehlo.to_string())
            .why(text!(
                "senders convert 8-bit mail on the way here, after they signed it, and their \
                 signatures break"
            ))
            .advice(text!(
                "take 8bitmime out of smtpd_discard_ehlo_keywords, or out of the firewall that \
                 rewrites SMTP"
            ))
            .command(
                "postconf smtpd_discard_ehlo_keywords smtpd_discard_ehlo_keyword_address_maps",
            ),
        );
    }
    findings
}

fn why_nobody_gets_in() -> Text {
    text!("no mail for the domain gets in, neither do answers and reports")
}

fn no_service(postfix: &Postfix, domain: &str, exchanger: &str) -> Finding {
    Finding::fail(
        codes::PORT_25_NO_SERVICE,
        domain,
        text!("the MX record of {domain} points to this host ({exchanger}), but Postfix has no service \
             on port 25"),
    )
    .evidence(format!("{}: no smtp inet … smtpd", master_cf(postfix)))
    .why(why_nobody_gets_in())
    .setting(
        master_cf(postfix),
        "smtp      inet  n       -       y       -       -       smtpd",
    )
    .command("postfix reload")
}

fn not_listening(postfix: &Postfix, domain: &str, exchanger: &str) -> Finding {
    let interfaces = postfix.main.value("inet_interfaces");
    Finding::fail(
        codes::PORT_25_NOT_LISTENING,
        domain,
        text!("the MX record of {domain} points to this host ({exchanger}), but Postfix listens on the \
             loopback address alone"),
    )
    .evidence(format!("inet_interfaces = {interfaces}"))
    .why(why_nobody_gets_in())
    .command("postconf -e inet_interfaces=all && systemctl restart postfix")
}

fn not_answering(tries: Vec<String>) -> Finding {
    let finding = Finding::fail(
        codes::PORT_25_NOT_ANSWERING,
        "port 25",
        text!("Postfix runs, but does not greet on its own port 25"),
    )
    .why(why_nobody_gets_in())
    .advice(text!(
        "changed inet_interfaces and master.cf need a restart, not a reload; the log tells why \
         smtpd fails to start"
    ))
    .command(
        "systemctl restart postfix; ss -ltnp 'sport = :25'; journalctl -t postfix/smtpd -n 20",
    );
    tries.into_iter().fold(finding, Finding::evidence)
}

fn not_proved(exchanger: &str) -> Finding {
    Finding::info(
        codes::PORT_25_INBOUND,
        exchanger,
        text!("whether port 25 can be reached from outside can't be seen from here: a firewall of the \
             provider may close it"),
    )
    .advice(text!("try it from another network: telnet {exchanger} 25 must show a line that begins with 220; \
         or send a message here from a large provider"))
}

fn master_cf(postfix: &Postfix) -> String {
    postfix.directory.join("master.cf").display().to_string()
}

/// Whether Postfix's master lives, by its pid file.
fn is_running(postfix: &Postfix) -> bool {
    let file = postfix.queue_directory().join("pid/master.pid");
    let pid = std::fs::read_to_string(file).unwrap_or_default();
    let pid = pid.trim();
    !pid.is_empty()
        && pid.bytes().all(|b| b.is_ascii_digit())
        && Path::new("/proc").join(pid).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(greeting: &str, offers: &[&str]) -> Vec<&'static str> {
        let reply = |lines: Vec<String>| Reply { code: 220, lines };
        let mut ehlo = vec!["mail.example.com".to_owned()];
        ehlo.extend(offers.iter().map(|offer| (*offer).to_owned()));
        let heard = Heard {
            at: "127.0.0.1:25".to_owned(),
            greeting: reply(vec![greeting.to_owned()]),
            ehlo: Some(reply(ehlo)),
        };
        let findings = judge(&heard, "mail.example.com");
        findings.iter().map(|finding| finding.code.word()).collect()
    }

    #[test]
    fn a_greeting_names_the_host_and_offers_eight_bits() {
        assert!(
            codes(
                "mail.example.com ESMTP Postfix",
                &["PIPELINING", "8BITMIME"]
            )
            .is_empty()
        );
        assert!(codes("MAIL.example.com", &["8BITMIME"]).is_empty());
        assert_eq!(codes("ESMTP ready", &["8BITMIME"]), ["port-25-greeting"]);
        assert_eq!(
            codes("localhost ESMTP", &["SIZE"]),
            ["port-25-greeting", "port-25-8bit"]
        );
    }
}
