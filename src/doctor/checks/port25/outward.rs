//! The way out: the greetings of several large receivers, since one alone may be away for reasons
//! of its own.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use super::{super::each::side_by_side, FAR};
use crate::{
    calendar::{date_in, unix_seconds},
    checks::GREETED,
    codes,
    host::Host,
    listeners::SMTP,
    report::Report,
    smtp::{
        SmtpError,
        reply::Reply,
        session::{Session, connect},
    },
};
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{
    leaving::{LeavingAddress, is_private},
    refusal::Refusal,
};
use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// Seconds that this clock and that of a greeting may differ: more than any greeting is late.
const MAX_SKEW: u64 = 300;

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    /// Whose server: `gmail.com`.
    provider: &'static str,
    /// Its name.
    host: String,
    /// Where.
    address: IpAddr,
    /// What came of it.
    greeting: Result<Reply, SmtpError>,
}

/// Calls them and judges.
pub(super) async fn report(host: &Host, dns: &Questions) -> Report {
    // Postfix uses IPv6 where it has a public address; an inner network is none.
    let public_v6 = |leaving: &&LeavingAddress| !is_private(leaving.address);
    let v6 = host.leaving.v6.as_ref().filter(public_v6);
    let leaving: Vec<LeavingAddress> = host.leaving.v4.iter().chain(v6).cloned().collect();
    let mut report = Report::default();
    let calls = GREETED.iter().map(|provider| {
        let (dns, leaving) = (dns.clone(), leaving.clone());
        async move { greetings_of(provider, &dns, leaving).await }
    });
    let mut made = Vec::new();
    for outcome in side_by_side(calls).await {
        match outcome {
            Ok(calls) => made.extend(calls),
            Err((name, failure)) => report.unanswered(name, failure),
        }
    }
    for finding in judge(&made, unix_seconds(host.now)) {
        report.add(finding);
    }
    report
}

/// Reads the greeting of the provider's first server, once over each family that we leave by.
async fn greetings_of(
    provider: &'static str,
    dns: &Questions,
    leaving: Vec<LeavingAddress>,
) -> Result<Vec<Call>, (String, DnsFailure)> {
    let told = |name: &str, failure| (name.to_owned(), failure);
    let exchangers = dns.mx(provider).await.map_err(|f| told(provider, f))?;
    let Some(first) = exchangers.records.into_iter().next() else {
        return Ok(Vec::new());
    };
    let found = dns
        .addresses(&first.host)
        .await
        .map_err(|f| told(&first.host, f))?;
    let calls = leaving.into_iter().filter_map(|from| {
        let mut addresses = found.records.iter().copied();
        let address = addresses.find(|address| address.is_ipv4() == from.address.is_ipv4())?;
        let host = first.host.clone();
        Some(async move {
            Call {
                provider,
                host,
                address,
                greeting: greeting(SocketAddr::new(address, SMTP), from.bound()).await,
            }
        })
    });
    Ok(side_by_side(calls).await)
}

async fn greeting(to: SocketAddr, from: Option<IpAddr>) -> Result<Reply, SmtpError> {
    let stream = connect(to, from, FAR).await?;
    let mut session = Session::over(stream, FAR);
    let greeting = session.reply().await?;
    session.quit().await;
    Ok(greeting)
}

/// What the calls prove together. `now` in seconds since 1970.
fn judge(calls: &[Call], now: u64) -> Vec<Finding> {
    let mut findings: Vec<Finding> = reached(calls).into_iter().collect();
    findings.extend(redirected(calls));
    findings.extend(refused(calls));
    findings.extend(clock(calls, now));
    findings
}

fn evidence(call: &Call) -> String {
    let (host, address) = (&call.host, call.address);
    match &call.greeting {
        Ok(reply) => format!("{host} [{address}]: {reply}"),
        Err(error) => format!("{host} [{address}]: {error}"),
    }
}

fn with_evidence<'a>(finding: Finding, calls: impl IntoIterator<Item = &'a Call>) -> Finding {
    calls
        .into_iter()
        .fold(finding, |finding, call| finding.evidence(evidence(call)))
}

fn reached(calls: &[Call]) -> Option<Finding> {
    let (v4, v6): (Vec<&Call>, Vec<&Call>) = calls.iter().partition(|call| call.address.is_ipv4());
    let failed = |calls: &[&Call]| !calls.is_empty() && calls.iter().all(|c| c.greeting.is_err());
    let silent: Vec<&Call> = calls.iter().filter(|call| call.greeting.is_err()).collect();
    if silent.is_empty() {
        return None;
    }
    if silent.len() == calls.len() {
        return Some(blocked(calls));
    }
    if failed(&v6) {
        let finding = Finding::warn(
            codes::PORT_25_IPV6_BLOCKED,
            "IPv6",
            text!("no mail server can be reached over IPv6, while IPv4 works"),
        )
        .why(text!(
            "Postfix tries IPv6 first half of the time, and mail waits until it falls back to IPv4"
        ))
        .command("postconf -e inet_protocols=ipv4 && systemctl restart postfix")
        .advice(text!(
            "or have the provider mend IPv6 or open port 25 for it"
        ));
        return Some(with_evidence(finding, v6));
    }
    if failed(&v4) {
        let finding = Finding::fail(
            codes::PORT_25_IPV4_BLOCKED,
            "IPv4",
            text!("no mail server can be reached over IPv4 on port 25, only over IPv6"),
        )
        .why(text!(
            "most receivers have no IPv6: their mail stays in the queue"
        ))
        .advice(to_the_provider());
        return Some(with_evidence(finding, v4));
    }
    let finding = Finding::info(
        codes::PORT_25_SOME_UNANSWERED,
        "port 25",
        text!("some large receivers did not greet, others did: the way out is open"),
    );
    Some(with_evidence(finding, silent))
}

fn blocked(calls: &[Call]) -> Finding {
    let no_way = |call: &Call| match &call.greeting {
        Err(SmtpError::Io(error)) => matches!(
            error.raw_os_error(),
            Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EADDRNOTAVAIL)
        ),
        _ => false,
    };
    let what = match calls.iter().all(no_way) {
        true => text!(
            "this host has no way to any mail server: none of the large receivers can be reached"
        ),
        false => {
            text!("port 25 is closed on the way out: none of the large receivers can be reached")
        }
    };
    let finding = Finding::fail(codes::PORT_25_BLOCKED, "port 25", what)
        .why(text!(
            "all mail for others stays in the queue (Connection timed out) and comes back after \
             five days. Most hosting providers keep port 25 closed until they are asked"
        ))
        .advice(to_the_provider())
        .advice(text!(
            "or send through a relay on port 587: write it in relayhost with its login in \
             smtp_sasl_password_maps: postconf -e 'relayhost=[smtp.provider.example]:587'"
        ));
    with_evidence(finding, calls)
}

fn to_the_provider() -> Text {
    text!(
        "ask the provider of this server to open outgoing TCP port 25 (in its panel or by a \
         support request); look also at this host's own firewall: nft list ruleset"
    )
}

/// Whether somebody on the way answers in the receivers' place.
fn redirected(calls: &[Call]) -> Option<Finding> {
    let greeted: Vec<(&Call, &Reply)> = calls
        .iter()
        .filter_map(|call| Some((call, call.greeting.as_ref().ok()?)))
        .collect();
    let providers: BTreeSet<_> = greeted.iter().map(|(call, _)| call.provider).collect();
    let names: BTreeSet<_> = greeted.iter().map(|(_, reply)| reply.host()).collect();
    let name = names.first().filter(|name| name.contains('.'))?;
    if providers.len() < 2 || names.len() > 1 {
        return None;
    }
    let finding = Finding::warn(
        codes::PORT_25_REDIRECTED,
        "port 25",
        text!(
            "{name} answers in the place of every receiver: port 25 is led through another server"
        ),
    )
    .why(text!(
        "receivers then see that server's address, which SPF does not name, and TLS ends there"
    ))
    .advice(text!(
        "ask the provider to let port 25 through, or to name the addresses for the SPF record"
    ));
    Some(with_evidence(
        finding,
        greeted.into_iter().map(|(call, _)| call),
    ))
}

/// Receivers that answer, but with a refusal.
fn refused(calls: &[Call]) -> Vec<Finding> {
    let refusal = |call: &Call| {
        let reply = call
            .greeting
            .as_ref()
            .ok()
            .filter(|reply| !reply.is_positive())?;
        let said = Refusal::from_host(&call.host, &reply.to_string());
        let (provider, address) = (call.provider, call.address);
        let what = text!("{provider} is reached, but turns this server away before any mail");
        let finding = Finding::warn(
            codes::PORT_25_REFUSED,
            format!("{provider} [{address}]"),
            what,
        )
        .evidence(evidence(call));
        Some(match said.cause() {
            Some(cause) => finding
                .why(cause.meaning.clone())
                .advice(cause.remedy.clone()),
            None => finding.advice(text!(
                "search for the words of the reply on the receiver's postmaster pages"
            )),
        })
    };
    calls.iter().filter_map(refusal).collect()
}

/// Some greetings tell the time.
fn clock(calls: &[Call], now: u64) -> Option<Finding> {
    let told = |call: &Call| {
        let reply = call.greeting.as_ref().ok()?;
        date_in(&reply.lines.join(" "))
    };
    let skew = |call: &Call| told(call).map(|theirs| theirs.abs_diff(now));
    let asked: Vec<&Call> = calls.iter().filter(|call| told(call).is_some()).collect();
    let all_differ = asked
        .iter()
        .all(|call| skew(call).is_some_and(|skew| skew > MAX_SKEW));
    let first = asked.first().filter(|_| all_differ)?;
    let minutes = skew(first)? / 60;
    let ahead = told(first)? < now;
    let what = match ahead {
        true => text!("this host's clock is {minutes} minutes ahead of a receiver's"),
        false => text!("this host's clock is {minutes} minutes behind a receiver's"),
    };
    let why = match ahead {
        true => text!(
            "signatures carry a time (t=) in the future, and some receivers do not accept them"
        ),
        false => text!(
            "signatures that end (x=) may have ended when they arrive, and certificates seem not \
             yet valid"
        ),
    };
    let finding = Finding::fail(codes::CLOCK_DIFFERS, "clock", what)
        .why(why)
        .command("timedatectl set-ntp true");
    Some(with_evidence(finding, asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_467_937;

    fn call(provider: &'static str, address: &str, greeting: Option<&str>) -> Call {
        let reply = |line: &str| Reply {
            code: line[..3].parse().unwrap(),
            lines: vec![line[4..].to_owned()],
        };
        Call {
            provider,
            host: format!("mx.{provider}"),
            address: address.parse().unwrap(),
            greeting: greeting.map(reply).ok_or(SmtpError::NoConnection),
        }
    }

    fn codes(calls: &[Call]) -> Vec<&'static str> {
        judge(calls, NOW)
            .iter()
            .map(|finding| finding.code.word())
            .collect()
    }

    const GOOGLE: Option<&str> = Some("220 mx.google.com ESMTP a640 - gsmtp");
    const APPLE: Option<&str> = Some("220 ci74p00im.icloud.com ESMTP");

    #[test]
    fn one_receiver_alone_that_keeps_silent_proves_nothing() {
        let calls = [
            call("gmail.com", "198.51.100.26", GOOGLE),
            call("yahoo.com", "198.51.100.67", None),
        ];
        assert_eq!(codes(&calls), ["port-25-some-unanswered"]);
        assert!(codes(&calls[..1]).is_empty());
        assert!(codes(&[]).is_empty());
    }

    #[test]
    fn all_that_keep_silent_mean_a_closed_port() {
        let calls = [
            call("gmail.com", "198.51.100.26", None),
            call("gmail.com", "2001:db8:26::26", None),
            call("yahoo.com", "198.51.100.67", None),
        ];
        let findings = judge(&calls, NOW);
        assert_eq!(findings[0].code.word(), "port-25-blocked");
        assert_eq!(findings[0].evidence.len(), 3);
    }

    #[test]
    fn a_family_without_any_answer_is_named() {
        let v6 = [
            call("gmail.com", "198.51.100.26", GOOGLE),
            call("gmail.com", "2001:db8:26::26", None),
        ];
        assert_eq!(codes(&v6), ["port-25-ipv6-blocked"]);
        let v4 = [
            call("gmail.com", "198.51.100.26", None),
            call("gmail.com", "2001:db8:26::26", GOOGLE),
        ];
        assert_eq!(codes(&v4), ["port-25-ipv4-blocked"]);
    }

    #[test]
    fn one_name_in_every_receivers_place_is_a_detour() {
        let same = Some("220 smtp.provider.example ESMTP");
        let calls = [
            call("gmail.com", "198.51.100.26", same),
            call("yahoo.com", "198.51.100.67", same),
        ];
        assert_eq!(codes(&calls), ["port-25-redirected"]);
        let calls = [
            call("gmail.com", "198.51.100.26", GOOGLE),
            call("gmail.com", "2001:db8:26::26", GOOGLE),
        ];
        assert!(codes(&calls).is_empty());
    }

    #[test]
    fn a_refusal_in_the_greeting_is_explained() {
        let calls = [
            call("gmail.com", "198.51.100.26", GOOGLE),
            call(
                "icloud.com",
                "198.51.100.17",
                Some(
                    "550 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.1",
                ),
            ),
        ];
        let findings = judge(&calls, NOW);
        assert_eq!(findings[0].code.word(), "port-25-refused");
        assert!(format!("{:?}", findings[0].fix).contains("ipcheck.proofpoint.com"));
    }

    #[test]
    fn the_time_in_a_greeting_is_compared_with_ours() {
        let at = |time: &'static str| {
            [
                call("icloud.com", "198.51.100.17", APPLE),
                call("outlook.com", "198.51.100.40", Some(time)),
            ]
        };
        let right =
            at("220 x.mail.protection.outlook.com ready at Mon, 23 Nov 2026 21:07:00 +0000");
        assert!(codes(&right).is_empty());
        let wrong =
            at("220 x.mail.protection.outlook.com ready at Mon, 23 Nov 2026 20:05:00 +0000");
        let findings = judge(&wrong, NOW);
        assert_eq!(findings[0].code.word(), "clock-differs");
        assert!(
            findings[0]
                .what
                .to(text::Lang::En)
                .contains("60 minutes ahead")
        );
    }
}
