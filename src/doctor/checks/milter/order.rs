//! The order of filters: the verifier before those who read its results, the signer after those
//! who change mail.

use super::wiring::{Caller, Role, ours};
use crate::{
    config::settings::Mode,
    doctor::finding::Finding,
    postfix::{Postfix, milters::Milter},
    socket::SocketSpec,
    text,
};

/// OpenDMARC's port by custom.
const DMARC_PORT: u16 = 8893;
/// Filters that rewrite bodies.
const REWRITERS: [&str; 4] = ["mimedefang", "altermime", "amavis", "disclaimer"];

/// Judges the lists of all services; each fault once.
pub(super) fn judge(
    postfix: &Postfix,
    callers: &[Caller<'_>],
    socket: Option<&SocketSpec>,
    mode: Mode,
) -> Vec<Finding> {
    let queue = postfix.queue_directory();
    let mut findings: Vec<Finding> = Vec::new();
    for caller in callers {
        let Some((milter, _)) = ours(caller.used(), queue, socket) else {
            continue;
        };
        let filters = caller.used();
        let place = filters.iter().position(|filter| filter == milter);
        let (before, after) = filters.split_at(place.unwrap_or_default());
        let dmarc = before.iter().find(|filter| reads_results(filter));
        let rewriter = after.iter().skip(1).find(|filter| rewrites(filter));
        if let Some(dmarc) = dmarc.filter(|_| mode.verify && caller.role == Role::Arriving) {
            push(&mut findings, results_too_late(caller, milter, dmarc));
        }
        if let Some(rewriter) = rewriter.filter(|_| mode.sign) {
            push(&mut findings, changed_after(caller, milter, rewriter));
        }
    }
    findings
}

fn push(findings: &mut Vec<Finding>, finding: Finding) {
    if !findings.iter().any(|known| known.what == finding.what) {
        findings.push(finding);
    }
}

fn reads_results(filter: &Milter) -> bool {
    let by_port = matches!(
        filter.endpoint,
        Ok(SocketSpec::Inet {
            port: DMARC_PORT,
            ..
        } | SocketSpec::Inet6 {
            port: DMARC_PORT,
            ..
        })
    );
    by_port || filter.written.to_ascii_lowercase().contains("dmarc")
}

fn rewrites(filter: &Milter) -> bool {
    let written = filter.written.to_ascii_lowercase();
    REWRITERS.iter().any(|name| written.contains(name))
}

/// The command that puts `first` before `second` and leaves the others as they are.
fn exchanged(caller: &Caller<'_>, first: &Milter, second: &Milter) -> String {
    let list = caller.filters.iter().map(|filter| {
        if filter == first {
            second.written.as_str()
        } else if filter == second {
            first.written.as_str()
        } else {
            filter.written.as_str()
        }
    });
    caller.command(&list.collect::<Vec<_>>().join(", "))
}

fn results_too_late(caller: &Caller<'_>, milter: &Milter, dmarc: &Milter) -> Finding {
    let (parameter, other) = (caller.parameter, &dmarc.written);
    Finding::warn(
        "milter-order",
        parameter,
        text!(
            "{other} stands before dkimd in {parameter}, so it judges mail before dkimd has verified it",
            "{other} está antes que dkimd en {parameter}, así que juzga el correo antes de que dkimd lo verifique"
        ),
    )
    .evidence(format!("{parameter} = {}", list(caller)))
    .why(text!(
        "DMARC then sees no DKIM result, and good mail fails",
        "DMARC no ve entonces ningún resultado de DKIM y el correo bueno falla"
    ))
    .command(exchanged(caller, dmarc, milter))
    .command("postfix reload")
}

fn changed_after(caller: &Caller<'_>, milter: &Milter, rewriter: &Milter) -> Finding {
    let (parameter, other) = (caller.parameter, &rewriter.written);
    Finding::warn(
        "milter-order",
        parameter,
        text!(
            "{other} stands after dkimd in {parameter} and may change what has been signed",
            "{other} está después de dkimd en {parameter} y puede cambiar lo ya firmado"
        ),
    )
    .evidence(format!("{parameter} = {}", list(caller)))
    .why(text!(
        "a changed body breaks the signature: the signer comes last",
        "un cuerpo cambiado rompe la firma: el firmante va al final"
    ))
    .command(exchanged(caller, milter, rewriter))
    .command("postfix reload")
}

fn list(caller: &Caller<'_>) -> String {
    let written: Vec<_> = caller
        .filters
        .iter()
        .map(|filter| filter.written.as_str())
        .collect();
    written.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{checks::milter::wiring::callers, finding::Fix};

    fn judged(list: &str) -> Vec<Finding> {
        let main = format!("smtpd_milters = {list}\n");
        let postfix = Postfix::of_texts(&main, "smtp inet n - y - - smtpd\n", "");
        let mode = Mode {
            sign: true,
            verify: true,
        };
        judge(&postfix, &callers(&postfix), None, mode)
    }

    #[test]
    fn results_come_before_those_who_read_them() {
        assert_eq!(judged("unix:opendkim/o, inet:localhost:8893"), []);
        let found = judged("inet:localhost:8893, unix:opendkim/o");
        assert_eq!(found[0].code, "milter-order");
        assert_eq!(
            found[0].fix[0],
            Fix::Command(
                "postconf -e 'smtpd_milters = unix:opendkim/o, inet:localhost:8893'".to_owned()
            )
        );
    }

    #[test]
    fn the_signer_comes_after_those_who_change_mail() {
        assert_eq!(judged("unix:mimedefang/m, unix:opendkim/o"), []);
        assert_eq!(
            judged("unix:opendkim/o, unix:mimedefang/m")[0].code,
            "milter-order"
        );
    }
}
