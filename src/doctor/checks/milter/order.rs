//! The order of filters: the verifier before those who read its results, the signer after those
//! who change mail.

use super::{
    place::{ListPlace, Site},
    remedy::{How, Mended},
    wiring::{Caller, Role},
};
use crate::checks::filters;
use crate::codes;
use dkimd_advice::{Finding, text};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::milters::Milter;
use dkimd_server::decide::Mode;

/// Judges the lists of all services; each fault once.
pub(super) fn judge(site: &Site<'_>, callers: &[Caller<'_>], mode: Mode) -> Vec<Mended> {
    let mut findings: Vec<Mended> = Vec::new();
    for caller in callers {
        let Some((milter, _)) = site.ours(caller.used()) else {
            continue;
        };
        let filters = caller.used();
        let place = filters.iter().position(|filter| filter == milter);
        let (before, after) = filters.split_at(place.unwrap_or_default());
        let dmarc = before.iter().find(|filter| reads_results(filter));
        let rewriter = after.iter().skip(1).find(|filter| rewrites(filter));
        if let Some(dmarc) = dmarc.filter(|_| mode.verify && caller.role == Role::Arriving) {
            push(&mut findings, results_too_late(site, caller, milter, dmarc));
        }
        if let Some(rewriter) = rewriter.filter(|_| mode.sign) {
            push(&mut findings, changed_after(site, caller, milter, rewriter));
        }
    }
    findings
}

fn push(findings: &mut Vec<Mended>, found: Mended) {
    let same = |known: &Mended| known.finding.what == found.finding.what;
    if !findings.iter().any(same) {
        findings.push(found);
    }
}

fn reads_results(filter: &Milter) -> bool {
    let port = match &filter.endpoint {
        Ok(SocketSpec::Inet { port, .. } | SocketSpec::Inet6 { port, .. }) => Some(*port),
        _ => None,
    };
    filters::reads_results(&filter.written.to_ascii_lowercase(), port)
}

fn rewrites(filter: &Milter) -> bool {
    let written = filter.written.to_ascii_lowercase();
    filters::named(&written).any(|known| known.rewrites)
}

/// The finding, mended by two filters that change places.
fn exchanged(
    finding: Finding,
    site: &Site<'_>,
    caller: &Caller<'_>,
    (one, other): (&Milter, &Milter),
) -> Mended {
    let how = How::Exchange(one.written.clone(), other.written.clone());
    Mended::list(finding, ListPlace::of(caller, site.postfix), how)
}

fn results_too_late(
    site: &Site<'_>,
    caller: &Caller<'_>,
    milter: &Milter,
    dmarc: &Milter,
) -> Mended {
    let (parameter, other) = (caller.parameter, &dmarc.written);
    let finding = Finding::warn(
        codes::MILTER_ORDER,
        parameter,
        text!("{other} stands before dkimd in {parameter}, so it judges mail before dkimd has verified it"),
    )
    .evidence(format!("{parameter} = {}", list(caller)))
    .why(text!("DMARC then sees no DKIM result, and good mail fails"));
    exchanged(finding, site, caller, (dmarc, milter))
}

fn changed_after(
    site: &Site<'_>,
    caller: &Caller<'_>,
    milter: &Milter,
    rewriter: &Milter,
) -> Mended {
    let (parameter, other) = (caller.parameter, &rewriter.written);
    let finding = Finding::warn(
        codes::MILTER_ORDER,
        parameter,
        text!("{other} stands after dkimd in {parameter} and may change what has been signed"),
    )
    .evidence(format!("{parameter} = {}", list(caller)))
    .why(text!(
        "a changed body breaks the signature: the signer comes last"
    ));
    exchanged(finding, site, caller, (milter, rewriter))
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
    use crate::checks::milter::{trial::Trial, wiring::callers};
    use dkimd_advice::Fix;
    use dkimd_postfix::Postfix;

    fn judged(list: &str) -> Vec<Finding> {
        let main = format!("smtpd_milters = {list}\n");
        let postfix = Postfix::from_texts(&main, "smtp inet n - y - - smtpd\n", "");
        let mode = Mode {
            sign: true,
            verify: true,
        };
        let site = Site::new(&postfix, None);
        let trial = Trial { mode, server: None };
        trial.told(judge(&site, &callers(&postfix), mode), &site)
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
