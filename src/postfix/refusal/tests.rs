//! Replies as receivers and Postfix really write them, and what they must be taken for.

use super::*;

fn word(said: &str) -> Option<&'static str> {
    Refusal::read(said).cause().map(|cause| cause.word)
}

fn all_mean(cause: &str, said: &[&str]) {
    for said in said {
        assert_eq!(word(said), Some(cause), "{said}");
    }
}

#[test]
fn a_reply_is_taken_apart_as_postfix_logs_it() {
    let refusal = Refusal::read(
        "(host gmail-smtp-in.l.google.com[2a00:1450:4013:c07::1b] said: 550-5.7.25 \
         [2001:db8::1] The IP address sending this message does not 550-5.7.25 have a PTR record \
         setup. 550 5.7.25 information. s12si10692358edy.381 - gsmtp (in reply to end of DATA \
         command))",
    );
    assert_eq!(refusal.host.as_deref(), Some("gmail-smtp-in.l.google.com"));
    assert_eq!(refusal.code, Some(550));
    assert_eq!(refusal.enhanced.unwrap().to_string(), "5.7.25");
    assert!(!refusal.is_temporary());
    assert_eq!(
        refusal.text,
        "[2001:db8::1] the ip address sending this message does not have a ptr record setup. \
         information. s12si10692358edy.381 - gsmtp"
    );
    assert_eq!(refusal.receiver(), Receiver::of_host("gmail.com"));
}

#[test]
fn a_reply_in_a_bounce_needs_no_host() {
    let refusal = Refusal::read("smtp; 421 4.7.0 Try later");
    assert_eq!((refusal.code, refusal.host), (Some(421), None));
    let refusal = Refusal::from_host("MX.example.org[192.0.2.1]:25", "550 5.1.1 No");
    assert_eq!(refusal.host.as_deref(), Some("mx.example.org"));
    assert_eq!(Refusal::from_host("", "550 5.1.1 No").host, None);
}

#[test]
fn what_is_no_reply_is_still_read() {
    let empty = Refusal::read("");
    assert_eq!((empty.code, empty.enhanced), (None, None));
    assert_eq!(empty.host, None);
    assert!(empty.is_temporary() && empty.cause().is_none());
    for odd in [
        "(",
        ")",
        "host ",
        "5",
        "550-",
        "é50 5.7.1",
        "((((",
        "host [ said: ",
    ] {
        let _ = Refusal::read(odd).cause();
    }
    let long = "é".repeat(MAX_SAID);
    assert!(Refusal::read(&long).text.len() <= MAX_SAID);
}

#[test]
fn google_is_understood() {
    all_mean(
        "reverse-name",
        &[
            "host gmail-smtp-in.l.google.com[142.250.27.26] said: 550-5.7.25 [192.0.2.76] The IP \
             address sending this message does not have a 550-5.7.25 PTR record setup, or the \
             corresponding forward DNS entry does not 550-5.7.25 point to the sending IP. As a \
             policy, Gmail does not accept messages 550-5.7.25 from IPs with missing PTR records. \
             550 5.7.25 information. du14si1640581ejc.113 - gsmtp (in reply to end of DATA command)",
            "421-4.7.23 The sending IP address for this message doesn\u{2019}t have a PTR record, or \
             the PTR record's forward DNS entry doesn't match the sending IP address. - gsmtp",
            "421 4.7.0 The IP address sending this message does not have a PTR record - gsmtp",
        ],
    );
    all_mean(
        "ipv6-rules",
        &[
            "host gmail-smtp-in.l.google.com[2a00:1450:4013:c01::1a] said: 550-5.7.1 \
           [2001:db8:da0a:1::4c] Our system has detected that 550-5.7.1 this message does not meet \
           IPv6 sending guidelines regarding PTR 550-5.7.1 records and authentication. Please \
           review 550-5.7.1 https://support.google.com/mail/?p=ipv6_authentication_error for more \
           550 5.7.1 information. z186si39663674wmz.15 - gsmtp (in reply to end of DATA command)",
        ],
    );
    all_mean(
        "unauthenticated",
        &[
            "host gmail-smtp-in.l.google.com[2a00:1450:4013:c06::1b] said: 550-5.7.26 Your email \
             has been blocked because the sender is unauthenticated. 550-5.7.26 Gmail requires all \
             senders to authenticate with either SPF or DKIM. 550-5.7.26  550-5.7.26  \
             Authentication results: 550-5.7.26  DKIM = did not pass 550-5.7.26  SPF \
             [mail.example.cz] with ip: [2001:db8:fe::1] = did not pass 550 5.7.26 \
             https://support.google.com/mail/answer/81126#authentication a640 - gsmtp (in reply to \
             end of DATA command)",
            "host gmail-smtp-in.l.google.com[172.253.124.27] said: 421-4.7.0 This message does not \
             pass authentication checks (SPF and DKIM both do 421-4.7.0 not pass). SPF check for \
             [example.com] does not pass with ip: 421 4.7.0 g206 - gsmtp (in reply to end of DATA \
             command)",
        ],
    );
    for (detail, cause) in [
        ("24", "spf-record"),
        ("26", "unauthenticated"),
        ("27", "spf-failed"),
        ("28", "sending-rate"),
        ("29", "no-tls"),
        ("30", "dkim-failed"),
        ("32", "alignment"),
    ] {
        let said = format!("421-4.7.{detail} Your email has been rate limited. - gsmtp");
        assert_eq!(word(&said), Some(cause), "{said}");
        assert!(Refusal::read(&said).is_temporary());
        let said = format!("host aspmx.l.google.com[192.0.2.1] said: 550 5.7.{detail} Blocked");
        assert_eq!(word(&said), Some(cause), "{said}");
    }
    all_mean(
        "dmarc-refused",
        &[
            "550-5.7.1 Unauthenticated email from example.com is not accepted due to domain's \
           550-5.7.1 DMARC policy. Please contact the administrator of example.com domain if \
           550-5.7.1 this was a legitimate mail. 550 5.7.1 DMARC initiative. i2si13 - gsmtp",
        ],
    );
    all_mean(
        "spf-failed",
        &[
            "550-5.7.26 The MAIL FROM domain [example.com] has an SPF record with a hard fail \
           550-5.7.26 policy (-all) but it fails to pass SPF checks with the ip: [192.0.2.1]. - gsmtp",
        ],
    );
    all_mean(
        "sending-rate",
        &[
            "host alt1.aspmx.l.google.com[74.125.28.26] said: 421-4.7.28 [192.0.2.3 4] Our system \
           has detected an unusual rate of 421-4.7.28 unsolicited mail originating from your IP \
           address. 421 4.7.28 z1si9679476pln.401 - gsmtp (in reply to end of DATA command)",
        ],
    );
    all_mean(
        "reputation",
        &[
            "550-5.7.1 Our system has detected that this message is likely suspicious due to the \
           550-5.7.1 very low reputation of the sending IP address. - gsmtp",
        ],
    );
    all_mean(
        "malformed",
        &[
            "550-5.7.1 Messages missing a valid Message-ID: header are not 550 5.7.1 accepted. - gsmtp",
        ],
    );
    all_mean(
        "user-unknown",
        &[
            "host gmail-smtp-in.l.google.com[1.2.3.4] said: 550-5.1.1 The email account that you \
           tried to reach does not exist. 550 5.1.1 - gsmtp (in reply to RCPT TO command)",
        ],
    );
}

/// The case `from-unquoted-comma`: what Gmail says of a display name with a bare comma, and of a From
/// without address; with Gmail's code and host, and as people paste it.
#[test]
fn a_from_with_several_addresses_or_none_is_known_as_that() {
    all_mean(
        "from-malformed",
        &[
            "Messages with multiple addresses in From header MUST have a Sender header",
            "550-5.7.1 [192.0.2.1] Messages with multiple addresses in From: 550 5.7.1 header MUST \
             have a Sender: header. - gsmtp",
            "missing a valid address in From",
            "host gmail-smtp-in.l.google.com[1.2.3.4] said: 550-5.7.1 [192.0.2.1] Messages missing a \
             valid address in From: header, or having no From: 550-5.7.1 header, are not accepted. \
             550 5.7.1 - gsmtp (in reply to end of DATA command)",
        ],
    );
}

#[test]
fn the_same_number_means_something_else_at_another_receiver() {
    let at = |host: &str, said: &str| Refusal::from_host(host, said).cause().unwrap().word;
    assert_eq!(at("mx.google.com", "550 5.7.27 no"), "spf-failed");
    assert_eq!(at("mx.example.org", "550 5.7.27 no"), "sender-null-mx");
    assert_eq!(at("mx.google.com", "550 5.7.29 no"), "no-tls");
    assert_eq!(at("mx.example.org", "550 5.7.29 no"), "arc-failed");
    assert_eq!(at("mx.google.com", "550 5.7.23 no"), "reverse-name");
    assert_eq!(at("mx.example.org", "550 5.7.23 no"), "spf-failed");
    assert_eq!(at("mx.example.org", "550 5.7.20 no"), "dkim-failed");
    assert_eq!(at("mx.example.org", "550 5.7.26 no"), "several-checks");
    // Not every name that ends in google.com is Google's.
    assert_eq!(at("mx.notgoogle.com", "550 5.7.29 no"), "arc-failed");
}

#[test]
fn yahoo_is_understood() {
    all_mean(
        "yahoo-deferred",
        &[
            "host mta7.am0.yahoodns.net[67.195.228.106] said: 421 4.7.0 [TSS04] Messages from \
           192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; \
           see https://postmaster.yahooinc.com/error-codes (in reply to MAIL FROM command)",
        ],
    );
    all_mean(
        "yahoo-refused",
        &[
            "553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred; Retrying \
           will NOT succeed. See https://postmaster.yahooinc.com/error-codes",
        ],
    );
    all_mean(
        "block-listed",
        &[
            "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.25, because the ip is in \
           Spamhaus's list; see http://postmaster.yahoo.com/550-bl23.html",
        ],
    );
    all_mean(
        "unauthenticated",
        &[
            "550 5.7.9 This mail has been blocked because the sender is unauthenticated. Yahoo \
           requires all senders to authenticate with either SPF or DKIM. See \
           https://senders.yahooinc.com/smtp-error-codes/#authentication-failures",
        ],
    );
    all_mean(
        "taken-for-spam",
        &[
            "554 Message not allowed - [PH01] Email not accepted for policy reasons. Please visit \
           https://postmaster.yahooinc.com/error-codes",
        ],
    );
    all_mean(
        "dmarc-refused",
        &["554 5.7.9 Message not accepted for policy reasons. See \
           https://postmaster.yahooinc.com/error-codes"],
    );
}

#[test]
fn microsoft_is_understood() {
    all_mean(
        "microsoft-blocked",
        &[
            "host hotmail-com.olc.protection.outlook.com[52.101.10.9] said: 550 5.7.1 \
             Unfortunately, messages from [192.0.2.203] weren't sent. Please contact your Internet \
             service provider since part of their network is on our block list (S3150). You can \
             also refer your provider to http://mail.live.com/mail/troubleshooting.aspx#errors. \
             [Name=Protocol Filter Agent][AGT=PFA][MxId=11BC54339C3FD8FF] (in reply to MAIL FROM \
             command)",
            "host eur.olc.protection.outlook.com[104.47.124.33] said: 550 5.7.1 Unfortunately, \
             messages from [192.0.2.5] weren't sent. Please contact your Internet service provider \
             since part of their network is on our block list (S3140). (in reply to MAIL FROM \
             command)",
            "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from \
             this list please visit https://sender.office.com/ [x.mail.protection.outlook.com]",
        ],
    );
    all_mean(
        "authentication-level",
        &[
            "550; 5.7.515 Access denied, sending domain [example.com] does not meet the required \
           authentication level. Spf=Pass, Dkim=Fail, DMARC=Pass \
           [BN3.prod.protection.outlook.com]",
        ],
    );
    all_mean(
        "microsoft-slowed",
        &[
            "host hotmail-com.olc.protection.outlook.com[104.47.57.161] said: 451 4.7.651 The mail \
             server [192.0.2.165] has been temporarily rate limited due to IP reputation. For \
             e-mail delivery information, see https://postmaster.live.com (S844) \
             [DM6NAM11FT088.eop-nam11.prod.protection.outlook.com] (in reply to RCPT TO command)",
            "host x.mail.protection.outlook.com[1.2.3.4] said: 451 4.7.500 Server busy. Please try \
             again later from [192.0.2.1]. (S77719) (in reply to MAIL FROM command)",
        ],
    );
    all_mean(
        "block-listed",
        &[
            "host x.mail.protection.outlook.com[1.2.3.4] said: 550 5.7.1 Service unavailable, Client \
           host [192.0.2.1] blocked using Spamhaus. To request removal from this list see \
           https://www.spamhaus.org/query/ip/192.0.2.1 (AS3130). (in reply to RCPT TO command)",
        ],
    );
    all_mean(
        "dmarc-refused",
        &[
            "host x.mail.protection.outlook.com[1.2.3.4] said: 550 5.7.509 Access denied, sending \
           domain example.com does not pass DMARC verification and has a DMARC policy of reject.",
        ],
    );
}

#[test]
fn apple_is_understood() {
    all_mean(
        "apple-policy",
        &[
            "host mx02.mail.icloud.com[17.57.155.25] said: 554 5.7.1 [CS01] Message rejected due to \
           local policy. Please visit https://support.apple.com/en-us/HT204137 (in reply to end of \
           DATA command)",
        ],
    );
    all_mean(
        "sending-rate",
        &[
            "host mx01.mail.icloud.com[17.57.155.25] said: 450 4.7.1 [HM08] Message deferred. Please \
           visit https://support.apple.com/en-us/HT204137",
        ],
    );
    all_mean(
        "unauthenticated",
        &[
            "554 5.7.1 [HME1] This message was blocked for failing both SPF and DKIM authentication \
           checks. See https://support.apple.com/en-us/HT204137 for mailing best practices",
        ],
    );
    all_mean(
        "proofpoint-blocked",
        &[
            "host mx1.mail.icloud.com[17.158.8.68] said: 550 5.7.0 Blocked - see \
           https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.165: x@me.com (in reply to \
           RCPT TO command)",
        ],
    );
}

#[test]
fn other_receivers_and_relays_are_understood() {
    for (said, cause) in [
        (
            "554 Transaction failed: Duplicate header 'DKIM-Signature'.",
            "duplicate-signature",
        ),
        (
            "host mail.example.org[192.0.2.1] said: 554 5.7.1 Service unavailable; Client host \
             [192.0.2.9] blocked using zen.spamhaus.org; \
             https://www.spamhaus.org/query/ip/192.0.2.9 (in reply to RCPT TO command)",
            "block-listed",
        ),
        (
            "host mail.example.org[192.0.2.1] said: 554 5.7.1 Service unavailable; Client host \
             [192.0.2.9] blocked using zen.spamhaus.org; Error: open resolver; \
             https://check.spamhaus.org/returnc/pub/192.0.2.53/ (in reply to RCPT TO command)",
            "receiver-misuses-list",
        ),
        (
            "host mx00.t-online.de[194.25.134.8] refused to talk to me: 554 IP=192.0.2.1 - A \
             problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to \
             clarify.)",
            "t-online-unknown",
        ),
        (
            "host mx.example.org[192.0.2.1] said: 450 4.2.0 <a@example.org>: Recipient address \
             rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.org.html (in \
             reply to RCPT TO command)",
            "greylisted",
        ),
        (
            "host mx.example.org[192.0.2.1] said: 450 4.7.25 Client host rejected: cannot find \
             your hostname, [192.0.2.9] (in reply to RCPT TO command)",
            "reverse-name",
        ),
        (
            "450 4.7.1 <neko.example.jp>: Helo command rejected: Host not found",
            "helo-refused",
        ),
        (
            "450 4.1.8 <root@web.localdomain>: Sender address rejected: Domain not found",
            "sender-domain",
        ),
        (
            "554 5.7.1 <a@example.org>: Relay access denied",
            "relay-denied",
        ),
        (
            "550 5.1.1 <a@example.org>: Recipient address rejected: User unknown in virtual \
             mailbox table",
            "user-unknown",
        ),
        (
            "552 5.2.2 <a@example.org>: user is over quota",
            "mailbox-full",
        ),
        ("552 5.3.4 Message size exceeds fixed limit", "too-large"),
        ("530 5.7.0 Must issue a STARTTLS command first", "no-tls"),
        (
            "SASL authentication failed; server smtp.example.com[192.0.2.1] said: 535 5.7.8 Error: \
             authentication failed: authentication failure",
            "authentication",
        ),
        (
            "host email-smtp.eu-west-1.amazonaws.com[192.0.2.1] said: 554 Message rejected: Email \
             address is not verified. The following identities failed the check in region",
            "relay-unverified-sender",
        ),
        (
            "host mx.example.org[192.0.2.1] said: 451 4.3.0 Internal server error",
            "receiver-busy",
        ),
        // A filter of theirs, not of ours.
        (
            "host mx.example.org[192.0.2.1] said: 451 4.7.1 Service unavailable - try again later \
             (in reply to end of DATA command)",
            "receiver-busy",
        ),
        (
            "554-Transaction failed 554-Reject due to policy restrictions. 554 For explanation \
             visit https://postmaster.1und1.de/de/case?c=hi",
            "receiver-policy",
        ),
    ] {
        assert_eq!(word(said), Some(cause), "{said}");
    }
}

#[test]
fn postfixs_own_words_are_understood() {
    for (said, cause) in [
        (
            "(connect to gmail-smtp-in.l.google.com[142.250.110.27]:25: Connection timed out)",
            "connection-timeout",
        ),
        (
            "delivery temporarily suspended: connect to mx.example.org[192.0.2.1]:25: Connection \
             timed out",
            "connection-timeout",
        ),
        (
            "connect to gmail-smtp-in.l.google.com[2a00:1450:4010:c0b::1a]:25: Network is \
             unreachable",
            "ipv6-unreachable",
        ),
        (
            "connect to mx.example.org[192.0.2.1]:25: No route to host",
            "unreachable",
        ),
        (
            "connect to mx.example.org[192.0.2.1]:25: Connection refused",
            "unreachable",
        ),
        (
            "Host or domain name not found. Name service error for name=gmial.example type=AAAA: \
             Host not found",
            "domain-not-found",
        ),
        (
            "Host or domain name not found. Name service error for name=example.org type=MX: Host \
             not found, try again",
            "dns-failure",
        ),
        ("Cannot start TLS: handshake failure", "tls-failed"),
        (
            "TLS is required, but was not offered by host mx.example.org[192.0.2.1]",
            "tls-not-offered",
        ),
        ("Server certificate not verified", "tls-not-trusted"),
        ("mail for example.com loops back to myself", "loops-back"),
        (
            "SMTPUTF8 is required, but was not offered by host mx.example.org[192.0.2.1]",
            "smtputf8",
        ),
        (
            "Domain example.org does not accept mail (nullMX)",
            "recipient-null-mx",
        ),
        (
            "lost connection with mx.example.org[192.0.2.1] while receiving the initial server \
             greeting",
            "connection-lost",
        ),
        (
            "conversation with mx.example.org[192.0.2.1] timed out while sending message body",
            "connection-lost",
        ),
        (
            "END-OF-MESSAGE from localhost[127.0.0.1]: 4.7.1 Service unavailable - try again later",
            "filter-down",
        ),
        (
            "CONNECT from localhost[127.0.0.1]: 451 4.7.1 Service unavailable - try again later; \
             proto=SMTP",
            "filter-down",
        ),
        (
            "END-OF-MESSAGE from mail.example.com[192.0.2.1]: 4.7.0 DKIM signing key unavailable \
             (key-unsafe)",
            "signing-failed",
        ),
        (
            "connect to mail.example.com[private/dovecot-lmtp]: No such file or directory",
            "local-delivery",
        ),
        ("unknown mail transport error", "transport"),
        ("too many hops", "too-many-hops"),
    ] {
        assert_eq!(word(said), Some(cause), "{said}");
    }
}

#[test]
fn words_that_mean_nothing_particular_have_no_cause() {
    for said in [
        "550 no",
        "host mx.example.org[192.0.2.1] said: 554 5.0.0 Nope",
    ] {
        assert_eq!(word(said), None, "{said}");
    }
}
