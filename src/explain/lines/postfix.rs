//! Postfix's lines about its milters, and about a message's way through its queue.

use super::{Line, line, note};
use crate::{delivery, reply, template::Parts};
use dkimd_advice::{Code, Finding, text};

pub(super) const LINES: &[Line] = &[
    line(
        "warning: connect to Milter service {socket}: No such file or directory",
        no_socket,
    ),
    line(
        "warning: connect to Milter service {socket}: Permission denied",
        socket_denied,
    ),
    line(
        "warning: connect to Milter service {socket}: Connection refused",
        |parts| {
            let socket = parts.get("socket");
            milter_down(
                "milter-refused",
                socket,
                text!("nobody listens at {socket}: the milter does not run, or listens elsewhere"),
            )
            .command("systemctl start opendkim && systemctl status opendkim")
            .command("dkimd doctor --only milter")
        },
    ),
    line(
        "warning: connect to Milter service {socket}: {cause}",
        |parts| {
            let (socket, cause) = (parts.get("socket"), parts.get("cause"));
            milter_down(
                "milter-unreachable",
                socket,
                text!("Postfix can't connect to the milter at {socket}: {cause}"),
            )
            .command("dkimd doctor --only milter")
        },
    ),
    line(
        "warning: milter {socket}: can't read {command} reply packet header: Connection timed out",
        timed_out,
    ),
    line(
        "warning: milter {socket}: can't read {command} reply packet header: {cause}",
        broke_off,
    ),
    line(
        "warning: milter {socket}: can't write {command}: {cause}",
        broke_off,
    ),
    line("warning: milter {socket}: {fault}", broke_off),
    line(
        "warning: {id}: milter configuration error: can't reject recipient in non-smtpd(8) submission",
        |_| {
            Finding::fail(
                Code::new("non-smtpd-refusal"),
                "non_smtpd_milters",
                text!(
                    "a milter refused a recipient of mail that was handed in on this host, which \
                     Postfix can't pass on: the message stays in the queue"
                ),
            )
            .advice(text!(
                "take filters other than the signing milter out of non_smtpd_milters"
            ))
            .command("postconf non_smtpd_milters")
        },
    ),
    line(
        "milter-reject: {stage} from {client}: {reply}; {envelope}",
        milter_reject,
    ),
    line(
        "milter-reject: {stage} from {client}: {reply}",
        milter_reject,
    ),
    line("milter-hold: {stage} from {client}: {rest}", |_| {
        Finding::warn(
            Code::new("milter-hold"),
            "",
            text!("a milter had the message put on hold (quarantine); it stays until it is released"),
        )
        .advice(text!("On-BadSignature, On-KeyNotFound, On-NoSignature, On-DNSError or CaptureUnknownErrors ask \
             for it"))
        .command("postcat -q QUEUE-ID | less; postsuper -H QUEUE-ID")
    }),
    line("milter-discard: {stage} from {client}: {rest}", |_| {
        Finding::fail(
            Code::new("milter-discard"),
            "",
            text!("a milter had the message thrown away without telling the sender"),
        )
        .setting("/etc/opendkim.conf", "On-InternalError tempfail")
        .command("dkimd check")
    }),
    line(
        "reject: {stage} from {client}: {reply}; {envelope}",
        own_refusal,
    ),
    line("reject: {stage} from {client}: {reply}", own_refusal),
    line("to={to}, {rest}status={status} ({said})", delivery::explain),
    line("host {host} said: {said}", |parts| {
        reply::translate(parts.get("said"), Some(parts.get("host")))
    }),
    line("host {host} refused to talk to me: {said}", |parts| {
        reply::translate(parts.get("said"), Some(parts.get("host")))
    }),
    line("connect to {host}: {cause}", |parts| {
        reply::translate(parts.line, Some(parts.get("host")))
    }),
    line(
        "client={client}, sasl_method={method}, sasl_username={user}",
        |parts| {
            let (client, user) = (parts.get("client"), parts.get("user"));
            note(
                "received-authenticated",
                text!("received from {client}, logged in as {user}"),
            )
        },
    ),
    line("client={client}", |parts| {
        let client = parts.get("client");
        note("received", text!("received from {client}"))
    }),
    line("uid={uid} from={sender}", |parts| {
        let (uid, sender) = (parts.get("uid"), parts.get("sender"));
        note(
            "received-locally",
            text!("handed in on this host by user number {uid}, as {sender}"),
        )
    }),
    line("message-id={id}", |parts| {
        let id = parts.get("id");
        note("message-id", text!("its Message-ID is {id}"))
    }),
    line(
        "from={sender}, size={size}, nrcpt={count} (queue active)",
        |parts| {
            let (sender, size, count) =
                (parts.get("sender"), parts.get("size"), parts.get("count"));
            note(
                "queued",
                text!("in the queue: sender {sender}, {size} octets, {count} recipients"),
            )
        },
    ),
    line("from={sender}, status=expired, returned to sender", |_| {
        Finding::fail(
            Code::new("expired-in-queue"),
            "maximal_queue_lifetime",
            text!("the message lay in the queue too long and was returned to its sender"),
        )
        .advice(text!(
            "the delivery attempts before say why it could not be delivered"
        ))
    }),
    line(
        "from={sender}, status=force-expired, returned to sender",
        |_| {
            note(
                "expired-by-hand",
                text!("an administrator had the message returned to its sender"),
            )
        },
    ),
    line("sender {kind} notification: {id}", |parts| {
        let id = parts.get("id");
        note("notified", text!("the sender was told, in message {id}"))
    }),
    line("postmaster {kind} notification: {id}", |parts| {
        let id = parts.get("id");
        note(
            "postmaster-notified",
            text!("the postmaster was told, in message {id}"),
        )
    }),
    line("removed", |_| {
        note("removed", text!("done: out of the queue"))
    }),
    line("requeued", |_| {
        note(
            "requeued",
            text!("an administrator put the message into the queue anew"),
        )
    }),
    line("placed on hold", |_| {
        note("held", text!("an administrator put the message on hold"))
    }),
    line("released from hold", |_| {
        note("released", text!("an administrator released the message"))
    }),
    line("{action}: header {field}", |parts| {
        let action = parts.get("action");
        note(
            "header-check",
            text!("header_checks or milter_header_checks acted on a field: {action}"),
        )
    }),
];

fn milter_down(code: &'static str, socket: &str, what: text::Text) -> Finding {
    Finding::fail(Code::new(code), socket, what).why(text!("Postfix does with the mail what milter_default_action says: with `accept` it leaves unsigned, \
         with `tempfail` it waits"))
}

fn no_socket(parts: &Parts<'_>) -> Finding {
    let socket = parts.get("socket");
    milter_down(
        "milter-socket-missing",
        socket,
        text!("Postfix finds no socket at {socket}: the milter does not run, or its socket is outside the \
             directory that Postfix's chrooted services see"),
    )
    .setting(
        "/etc/opendkim.conf",
        "Socket local:/var/spool/postfix/opendkim/opendkim.sock",
    )
    .command("postconf -e smtpd_milters=local:opendkim/opendkim.sock 'non_smtpd_milters=$smtpd_milters'")
    .command("systemctl restart opendkim && systemctl restart postfix")
    .command("dkimd doctor --only milter")
}

fn socket_denied(parts: &Parts<'_>) -> Finding {
    let socket = parts.get("socket");
    milter_down(
        "milter-socket-denied",
        socket,
        text!("the user postfix may not open the milter's socket {socket}"),
    )
    .command("adduser postfix opendkim && systemctl restart postfix")
    .setting("/etc/opendkim.conf", "UMask 007")
    .command("dkimd doctor --only milter")
}

fn timed_out(parts: &Parts<'_>) -> Finding {
    let socket = parts.get("socket");
    milter_down(
        "milter-timeout",
        socket,
        text!(
            "the milter at {socket} did not answer in Postfix's time (milter_command_timeout, \
             milter_content_timeout)"
        ),
    )
    .advice(text!(
        "a common cause is a resolver that does not answer: DNSTimeout must be far below 30 seconds"
    ))
    .command("dkimd doctor --only resolver,milter")
}

fn broke_off(parts: &Parts<'_>) -> Finding {
    let socket = parts.get("socket");
    milter_down(
        "milter-broke-off",
        socket,
        text!("the milter at {socket} broke off in the middle of a message: it crashed or was restarted"),
    )
    .command("journalctl -u opendkim -n 50")
    .command("postconf -e milter_default_action=tempfail && postfix reload")
}

/// A milter had the message refused or put off; the reply names its reason.
fn milter_reject(parts: &Parts<'_>) -> Finding {
    reply::of_milter(parts.get("reply"))
}

/// Postfix refused the mail by its own rules.
fn own_refusal(parts: &Parts<'_>) -> Finding {
    let (client, said) = (parts.get("client"), parts.get("reply"));
    Finding::warn(
        Code::new("refused-by-postfix"),
        client,
        text!("this server's Postfix refused mail of {client}: {said}"),
    )
    .why(text!(
        "the rules stand in smtpd_relay_restrictions, smtpd_recipient_restrictions and their like; \
         milters were not the cause"
    ))
    .command("postconf -n | grep restrictions")
}
