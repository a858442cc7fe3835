//! Lines about the server itself, as dkimd and OpenDKIM write them.

use super::{Line, line, note};
use crate::template::Parts;
use dkimd_advice::{Code, Finding, text};

pub(super) const LINES: &[Line] = &[
    line("OpenDKIM Filter v{version} starting{args}", |_| {
        note("starting", text!("the milter has started and takes mail"))
    }),
    line("this is dkimd {version}, in OpenDKIM's place", |parts| {
        let version = parts.get("version");
        note(
            "identity",
            text!("the milter is dkimd {version}, which takes OpenDKIM's place"),
        )
    }),
    line(
        "OpenDKIM Filter v{version} terminating with status 0, errno = {errno}",
        |_| note("stopped", text!("the milter was stopped in order")),
    ),
    line(
        "OpenDKIM Filter v{version} terminating with status {status}, errno = {errno}",
        |parts| {
            let status = parts.get("status");
            Finding::fail(
                Code::new("stopped-by-fault"),
                "",
                text!("the milter ended with status {status}: something kept it from going on"),
            )
            .why(text!(
                "until it runs again, Postfix does with mail what milter_default_action says"
            ))
            .command("journalctl -u opendkim -n 50")
            .command("dkimd check")
        },
    ),
    line("configuration reloaded from {file}", |parts| {
        let file = parts.get("file");
        note(
            "reloaded",
            text!("the configuration in {file} was taken up"),
        )
    }),
    line(
        "reload put off: {option} {file} {why}; the configuration before stays in force; {remedy}",
        |parts| {
            let (option, file) = (parts.get("option"), parts.get("file"));
            Finding::fail(
                Code::new("reload-put-off"),
                file,
                text!("{file} ({option}) looks half written or emptied by mistake, so nothing of the changed \
                     configuration was taken up"),
            )
            .why(text!("the configuration before stays in force until the file is whole; lists of hosts give way \
                 after 30 seconds"))
            .advice(text!("write {file} whole, with a line end after its last line; if no entry is meant, write one \
                 comment line (# none) into it"))
        },
    ),
    line(
        "started in doubt: {option} {file} {why}; what it holds so far is in force until it is whole; {remedy}",
        |parts| {
            let (option, file) = (parts.get("option"), parts.get("file"));
            Finding::fail(
                Code::new("started-in-doubt"),
                file,
                text!("{file} ({option}) was being written for two seconds when the milter started, so that \
                     perhaps only a part of it is in force"),
            )
            .why(text!("the milter loads it again by itself until it is whole; until then mail of what is missing \
                 is treated as if it stood nowhere"))
            .advice(text!("look for \"configuration reloaded\" later in the log; where that does not come, find out \
                 what keeps writing {file}"))
        },
    ),
    line(
        "taken up in doubt: {option} {file} {why} and stayed so; {remedy}",
        |parts| {
            let (option, file) = (parts.get("option"), parts.get("file"));
            Finding::fail(
                Code::new("taken-up-in-doubt"),
                file,
                text!("{file} ({option}) looked half written or emptied for 30 seconds and is in force now as \
                     it is"),
            )
            .why(text!("mail of hosts that left the list is no longer signed"))
            .advice(text!("write {file} whole, then: systemctl reload opendkim"))
        },
    ),
    line("ignoring reload signal", |_| {
        Finding::warn(
            Code::new("reload-ignored"),
            "",
            text!("the milter was told to reload, but was started without a configuration file"),
        )
        .command("systemctl restart opendkim")
    }),
    line("terminated with signal {signal}, restarting", died),
    line("exited with status {status}, restarting", died),
    line("exited with status {status}", |parts| {
        gave_up(parts.get("status"))
    }),
    line("maximum restart count exceeded", |_| {
        gave_up("AutoRestartCount")
    }),
    line("maximum restart rate exceeded", |_| {
        gave_up("AutoRestartRate")
    }),
    line("{count} log line{s} lost: {rest}", |parts| {
        let count = parts.get("count");
        Finding::warn(
            Code::new("log-lines-lost"),
            "",
            text!("{count} log lines were lost: the log daemon did not take them fast enough"),
        )
        .why(text!("mail does not wait for the log"))
        .command("systemctl status rsyslog systemd-journald")
    }),
    line(
        "cannot accept connections for now: {cause}; {remedy}",
        |_| {
            Finding::fail(
                Code::new("accepting-paused"),
                "",
                text!("the milter can't take connections for now: too few files may be open"),
            )
            .setting(
                "systemctl edit opendkim.service, [Service]",
                "LimitNOFILE=65536",
            )
            .command("systemctl restart opendkim")
        },
    ),
    line(
        "connection from {address} closed: its address is not in MilterPeers",
        |parts| {
            let address = parts.get("address");
            Finding::warn(
                Code::new("peer-not-admitted"),
                address,
                text!("{address} wanted to talk to the milter, and MilterPeers does not list it"),
            )
            .advice(text!(
                "if it is an MTA of yours, add {address} to MilterPeers and run: systemctl reload \
                 opendkim; else nothing is to be done but to shut the port to it in the firewall"
            ))
        },
    ),
    line("accepting connections again", |_| {
        note(
            "accepting-again",
            text!("the milter takes connections again"),
        )
    }),
    line("internal fault, one connection was closed: {fault}", |_| {
        Finding::fail(
            Code::new("internal-fault"),
            "",
            text!("a fault of dkimd closed one connection; the others were not touched"),
        )
        .why(text!(
            "Postfix does with that message what milter_default_action says"
        ))
        .advice(text!("please report the line to the authors of dkimd"))
    }),
    line(
        "stopping with {count} messages unfinished after {limit} s",
        |parts| {
            let count = parts.get("count");
            Finding::info(
                Code::new("stopped-unfinished"),
                "",
                text!(
                    "the milter stopped while {count} messages were under way; Postfix tries them again"
                ),
            )
        },
    ),
    line(
        "the MTA speaks milter protocol {n}, 2 or newer is needed; {rest}",
        |_| {
            Finding::fail(
                Code::new("old-milter-protocol"),
                "milter_protocol",
                text!("Postfix is set to a milter protocol that is too old"),
            )
            .command("postconf -e milter_protocol=6 && postfix reload")
        },
    ),
    line(
        "mlfi_negotiate(): required milter action(s) not available (got {got}, need {need})",
        |_| {
            Finding::fail(
                Code::new("milter-actions-missing"),
                "",
                text!("the mail server does not let the milter add header fields"),
            )
            .command("postconf -e milter_protocol=6 && postfix reload")
        },
    ),
    line("the MTA was silent for {limit} s", |_| {
        note(
            "mta-silent",
            text!("Postfix kept a connection open and said nothing; the milter closed it"),
        )
    }),
    line("milter protocol error: {fault}", |_| {
        Finding::warn(
            Code::new("milter-protocol-error"),
            "",
            text!("what came over the milter's socket is not the milter protocol"),
        )
        .why(text!(
            "usual causes: another program or a port scanner talks to the socket"
        ))
        .advice(text!(
            "use a Unix socket, or let the port listen on 127.0.0.1 alone"
        ))
    }),
    line("connection to the MTA: {cause}", |_| {
        note(
            "mta-connection-lost",
            text!(
                "the connection to Postfix broke; Postfix does with that message what \
                 milter_default_action says"
            ),
        )
    }),
    line(
        "TrustAnchorFile: the name server {server} does not pass DNSSEC records on{rest}",
        |parts| {
            let server = parts.get("server");
            Finding::warn(
            Code::new("dnssec-stripped"),
            server,
            text!("the name server {server} does not pass DNSSEC records on, so every key counts as \
                 unprotected"),
        )
        .command("apt install unbound")
        .setting("/etc/resolv.conf", "nameserver 127.0.0.1")
        },
    ),
    line("DiagnosticDirectory: {fault}", |parts| {
        let fault = parts.get("fault");
        Finding::warn(
            Code::new("diagnostic-not-written"),
            "DiagnosticDirectory",
            text!("a file of DiagnosticDirectory could not be written: {fault}"),
        )
        .advice(text!(
            "let the directory of DiagnosticDirectory belong to the user of UserID, and have room"
        ))
    }),
    line("MTACommand {command}: {fault}", |parts| {
        let fault = parts.get("fault");
        Finding::warn(
            Code::new("report-not-sent"),
            "MTACommand",
            text!("a failure report could not be handed to MTACommand: {fault}"),
        )
        .advice(text!(
            "see that MTACommand names a program that the user of UserID may run, such as \
             /usr/sbin/sendmail; or set SendReports no"
        ))
    }),
    line("can't write pid to {file}: {cause}", |parts| {
        let file = parts.get("file");
        Finding::fail(
            Code::new("pid-not-written"),
            file,
            text!("the milter can't write its process number to {file}"),
        )
        .setting("/etc/opendkim.conf", "PidFile /run/opendkim/opendkim.pid")
        .command("install -d -o opendkim -g opendkim /run/opendkim")
    }),
    line(
        "OpenDKIM Filter: Unable to bind to port {spec}: {cause}",
        unbound,
    ),
    line("smfi_opensocket() failed{rest}", unbound),
    line("socket cleanup failed: {cause}", unbound),
    line("can't configure DKIM library: {cause}", configuration),
    line("milter socket must be specified{rest}", |_| {
        Finding::fail(
            Code::new("no-socket"),
            "Socket",
            text!("the configuration names no Socket for Postfix to talk to"),
        )
        .setting(
            "/etc/opendkim.conf",
            "Socket local:/var/spool/postfix/opendkim/opendkim.sock",
        )
    }),
    line("statistics recording failed{rest}", |_| {
        note(
            "statistics",
            text!("OpenDKIM could not write its statistics; mail is not concerned"),
        )
    }),
    line("ChangeRootDirectory without UserID: {rest}", |_| {
        Finding::warn(
            Code::new("root-without-user"),
            "ChangeRootDirectory",
            text!("ChangeRootDirectory protects nothing while the milter runs as root"),
        )
        .setting("/etc/opendkim.conf", "UserID opendkim")
    }),
    line(
        "{file}: configuration error at line {line}: {reason}",
        configuration,
    ),
    line(
        "{file}: warning at line {line}: {reason}",
        configuration_warning,
    ),
    line("{file}: warning: {reason}", configuration_warning),
];

/// What else a configuration can be blamed for, in dkimd's free wording: only for lines that came
/// with the program's name.
pub(super) const OTHER_LINES: &[Line] = &[
    line("/{file}: {reason}", |parts| {
        let mut finding = configuration(parts);
        finding.subject = format!("/{}", parts.get("file"));
        finding
    }),
    line("warning: {reason}", configuration_warning),
];

fn died(_: &Parts<'_>) -> Finding {
    Finding::fail(
        Code::new("died"),
        "",
        text!("the milter died and is started again (AutoRestart)"),
    )
    .why(text!("messages under way at that moment got what milter_default_action says: with `accept` they left \
         unsigned"))
    .command("journalctl -u opendkim -n 50")
    .command("postconf -e milter_default_action=tempfail && postfix reload")
}

fn gave_up(limit: &str) -> Finding {
    Finding::fail(
        Code::new("gave-up"),
        limit,
        text!("the milter ended and is not started again ({limit})"),
    )
    .command("dkimd check")
    .command("systemctl restart opendkim")
}

fn unbound(_: &Parts<'_>) -> Finding {
    Finding::fail(
        Code::new("socket-not-bound"),
        "Socket",
        text!(
            "the milter can't have its socket: another process holds it, or it may not write there"
        ),
    )
    .command("ss -lxp | grep opendkim; ss -ltnp")
    .command("install -d -o opendkim -g postfix -m 750 /var/spool/postfix/opendkim")
    .command("dkimd check")
}

fn configuration(parts: &Parts<'_>) -> Finding {
    let reason = parts.some("reason").or(parts.some("cause")).unwrap_or("?");
    Finding::fail(
        Code::new("configuration-error"),
        parts.get("file"),
        text!("the configuration has an error: {reason}"),
    )
    .why(text!(
        "after a reload the configuration before it stays in force; a start fails"
    ))
    .command("dkimd check")
}

fn configuration_warning(parts: &Parts<'_>) -> Finding {
    let reason = parts.get("reason");
    Finding::warn(
        Code::new("configuration-warning"),
        parts.get("file"),
        text!("something in the configuration should be mended: {reason}"),
    )
    .command("dkimd check")
}
