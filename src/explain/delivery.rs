//! Delivery attempts as Postfix logs them: `to=<…>, relay=…, status=deferred (host … said: …)`.

use super::{reply, template::Parts};
use dkimd_advice::{Code, Finding, text};

/// What an attempt came to; a reply that refuses is translated.
pub(super) fn explain(parts: &Parts<'_>) -> Finding {
    let (to, said) = (parts.get("to"), parts.get("said"));
    let mut marks = parts.get("rest").split(", ");
    let relay = marks.find_map(|mark| mark.strip_prefix("relay="));
    let relay = relay.unwrap_or("none");
    match parts.get("status") {
        "sent" => sent(to, relay, said),
        "deliverable" | "undeliverable" => Finding::info(
            Code::new("address-probe"),
            to,
            text!("Postfix only tested whether {to} can be reached: {said}"),
        ),
        status => not_sent(to, relay, status, said),
    }
}

fn sent(to: &str, relay: &str, said: &str) -> Finding {
    if !relay.contains('[') {
        return Finding::info(
            Code::new("delivered-here"),
            to,
            text!("delivered on this host to {to} ({relay}: {said})"),
        );
    }
    Finding::info(
        Code::new("delivered"),
        to,
        text!("{relay} took the message for {to}: {said}"),
    )
    .why(text!("the receiver has it now; whether it lands in the inbox or among spam only the receiver knows"))
}

fn not_sent(to: &str, relay: &str, status: &str, said: &str) -> Finding {
    let host = (relay != "none").then_some(relay);
    let mut finding = reply::translate(said, host);
    let meaning = finding.what.clone();
    finding.subject = to.to_owned();
    finding.what = match status {
        "bounced" => {
            text!("{to} was not reached and the message went back to its sender: {meaning}")
        }
        "deferred" => text!("{to} was not reached yet, Postfix tries again: {meaning}"),
        _ => text!("{to}: {status}: {meaning}"),
    };
    finding
}
