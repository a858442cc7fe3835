//! Port 25: does this host listen where its MX records lead, and does its mail get out?
//!
//! Findings: `port-25-no-service`, `port-25-not-listening`, `port-25-not-answering`,
//! `port-25-greeting`, `port-25-8bit`, `port-25-inbound` ([`inward`]); `port-25-blocked`,
//! `port-25-ipv6-blocked`, `port-25-redirected`, `port-25-refused`, `port-25-some-unanswered`,
//! `clock-differs` ([`outward`]); `relay-unreachable`, `relay-unknown` ([`relay`]).

mod inward;
mod outward;
mod relay;

use std::{sync::Arc, time::Duration};

use crate::{addresses::smarthost, host::Host, report::Report, smtp::session::Patience};

/// How long others' servers may take; some greet late on purpose.
const FAR: Patience = Patience {
    connect: Duration::from_secs(6),
    reply: Duration::from_secs(10),
};
/// How long our own may take.
const NEAR: Patience = Patience {
    connect: Duration::from_secs(2),
    reply: Duration::from_secs(10),
};

/// Looks at both directions side by side.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let (mut report, out) = tokio::join!(inward::report(&host), leaving(&host));
    report.merge(out);
    report
}

async fn leaving(host: &Host) -> Report {
    let Some(dns) = &host.dns else {
        return Report::idle();
    };
    match host.postfix().and_then(smarthost) {
        Some(relay) => relay::report(host, dns, relay).await,
        None => outward::report(host, dns).await,
    }
}
