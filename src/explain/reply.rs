//! SMTP replies: dkimd's own by the word in them, those of receivers through what is known of their
//! codes and texts.

use super::words::{self, Facts};
use dkimd_advice::{Code, Finding, Level, text};
use dkimd_postfix::refusal::{Refusal, Turn};

/// Replies of dkimd's to mail that it verified, each with the option behind it.
const VERIFYING: [(&str, &str, &str); 4] = [
    (
        "no DKIM signature data",
        "no-signature-refused",
        "On-NoSignature",
    ),
    (
        "bad DKIM signature data",
        "bad-signature-refused",
        "On-BadSignature",
    ),
    (
        "DKIM key retrieval failed",
        "key-not-had-refused",
        "On-KeyNotFound, On-DNSError",
    ),
    (
        "DKIM signature syntax error",
        "malformed-refused",
        "On-BadSignature",
    ),
];

/// Whether text looks like a reply: `550 …`, `550-5.7.26 …`, `5.7.26 …`, `host … said: …`, `smtp; 550 …`.
pub(super) fn is_reply(text: &str) -> bool {
    let refusal = Refusal::read(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let code = digits == 3
        && matches!(text.as_bytes().first(), Some(b'4' | b'5'))
        && matches!(text.as_bytes().get(3), Some(b' ' | b'-' | b'\t'));
    let begins = ["host ", "smtp;", "(host ", "smtp; "]
        .iter()
        .any(|head| text.starts_with(head));
    code || (refusal.code.is_some() && begins) || (digits == 1 && refusal.enhanced.is_some())
}

/// What a reply means, whoever gave it.
pub(super) fn explain(said: &str) -> Finding {
    own(said).unwrap_or_else(|| translate(said, None))
}

/// What a reply of a milter means: `4.7.0 DKIM signing key unavailable (key-unsafe)`.
pub(super) fn of_milter(said: &str) -> Finding {
    if let Some(finding) = own(said) {
        return finding;
    }
    if said.contains("Service unavailable - try again later") {
        return Finding::fail(
            Code::new("milter-deferred"),
            "",
            text!("a milter put the mail off without a reason, or Postfix did because it could not reach \
                 the milter (milter_default_action)"),
        )
        .why(text!("OpenDKIM answers every inner error so; dkimd names its reason in the reply"))
        .advice(text!("look in the same second of the log for `connect to Milter service`, or for a line of the \
             milter, and have that line explained"))
        .command("dkimd doctor --only milter");
    }
    Finding::fail(
        Code::new("milter-refused"),
        "",
        text!("a milter refused or put off the mail: {said}"),
    )
    .advice(text!(
        "the words are not dkimd's: look at the other milters"
    ))
    .command("postconf smtpd_milters non_smtpd_milters")
}

/// dkimd's own replies.
fn own(said: &str) -> Option<Finding> {
    if let Some(finding) = named_word(said) {
        return Some(finding);
    }
    let (_, code, option) = VERIFYING.iter().find(|(words, ..)| said.contains(words))?;
    Some(
        Finding::fail(
            Code::new(code),
            *option,
            text!("this server's DKIM check refused or put off incoming mail, as {option} asks: {said}"),
        )
        .why(text!("a broken or missing signature alone is no sign of evil (RFC 6376 section 6.1): lists and \
             forwarders break them; better let DMARC decide"))
        .setting("/etc/opendkim.conf", format!("{} accept", first(option)))
        .command("systemctl reload opendkim"),
    )
}

fn first(options: &str) -> &str {
    options.split(',').next().unwrap_or(options)
}

/// `… (key-unsafe)`, with the sentence that goes with such words.
fn named_word(said: &str) -> Option<Finding> {
    let sentences = ["DKIM sign", "internal DKIM error", "too much header data"];
    sentences.iter().find(|words| said.contains(**words))?;
    let word = said
        .split('(')
        .filter_map(|part| part.split_once(')'))
        .map(|(word, _)| word)
        .find(|word| words::all().any(|known| known.word == *word))?;
    words::explain(word, &Facts::default())
}

/// What a receiver's reply means; `host` said it, where the words don't tell.
pub(super) fn translate(said: &str, host: Option<&str>) -> Finding {
    let refusal = match host {
        Some(host) => Refusal::from_host(host, said),
        None => Refusal::read(said),
    };
    let host = refusal.host.clone().unwrap_or_default();
    let Some(cause) = refusal.cause() else {
        return untranslated(&refusal, &host);
    };
    let level = match (cause.turn, refusal.is_temporary()) {
        (Turn::Nobody, _) | (Turn::Author, true) => Level::Warn,
        _ => Level::Fail,
    };
    let finding = Finding::new(level, Code::new(cause.word), host, cause.meaning.clone())
        .advice(cause.remedy.clone());
    match cause.check {
        Some(check) => finding.command(format!("dkimd doctor --only {check}")),
        None => finding,
    }
}

fn untranslated(refusal: &Refusal, host: &str) -> Finding {
    let said = refusal.text.as_str();
    if refusal.is_temporary() {
        Finding::warn(
            Code::new("put-off"),
            host,
            text!("the receiver puts the mail off, for a reason that only it knows: {said}"),
        )
        .advice(text!("Postfix tries again by itself; if it goes on for a day, ask the receiver's postmaster with \
             the whole reply"))
    } else {
        Finding::fail(
            Code::new("refused"),
            host,
            text!("the receiver refuses the mail, for a reason that only it knows: {said}"),
        )
        .advice(text!("see that nothing is wrong on this side, then ask the receiver's postmaster with the whole \
             reply"))
    }
    .command("dkimd doctor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_known_by_its_codes() {
        for reply in [
            "550 5.7.1 no",
            "550-5.7.26 This mail has been blocked",
            "421 try later",
            "host mx.example[192.0.2.1] said: 450 4.2.0 greylisted (in reply to RCPT TO command)",
            "5.7.26 This mail has been blocked",
            "smtp; 550 5.1.1 unknown",
        ] {
            assert!(is_reply(reply), "{reply}");
        }
        for other in [
            "250 ok",
            "joe@example.com",
            "not authenticated",
            "4F3A21C0E1",
            "5",
        ] {
            assert!(!is_reply(other), "{other}");
        }
    }

    #[test]
    fn our_replies_are_known_by_their_words() {
        for (said, code) in [
            (
                "451 4.7.0 DKIM signing key unavailable (key-unsafe)",
                "key-unsafe",
            ),
            (
                "4.7.0 DKIM signing table error (key-not-in-table)",
                "key-not-in-table",
            ),
            (
                "5.7.0 too much header data (header-too-large)",
                "header-too-large",
            ),
            (
                "550 5.7.20 bad DKIM signature data",
                "bad-signature-refused",
            ),
            ("4.7.5 DKIM key retrieval failed", "key-not-had-refused"),
        ] {
            assert_eq!(explain(said).code, code);
            assert_eq!(of_milter(said).code, code);
        }
        assert_eq!(
            of_milter("4.7.1 Service unavailable - try again later").code,
            "milter-deferred"
        );
    }

    #[test]
    fn a_receivers_reply_is_translated_by_its_host() {
        let said = "550-5.7.26 Your email has been blocked because the sender is unauthenticated.";
        let finding = translate(said, Some("gmail-smtp-in.l.google.com[192.0.2.1]:25"));
        assert_eq!(
            (finding.code.word(), finding.level),
            ("unauthenticated", Level::Fail)
        );
        let unknown = translate("450 4.9.9 the moon is full", Some("mx.example"));
        assert_eq!(
            (unknown.code.word(), unknown.level),
            ("put-off", Level::Warn)
        );
    }
}
