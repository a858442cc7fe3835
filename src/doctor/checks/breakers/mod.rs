//! Signature breakers: what changes mail after it was signed.
//!
//! [`rewriting`] looks at Postfix's own ways to change mail on delivery, by the [`rules`] of its
//! tables; [`filters`] at content filters and relays; [`signing`] at how signatures are made.

mod filters;
mod rewriting;
mod rules;
mod signing;

use std::sync::Arc;

use crate::{
    host::Host,
    report::{Cause, Report},
};
use dkimd_advice::text;

/// Looks for them.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(server) = host.server.as_deref() else {
        return super::no_configuration(&host);
    };
    if !server.settings.decision.mode.sign {
        return Report::not_examined(Cause::Nothing, text!("nothing is signed"));
    }
    let mut report = Report::default();
    if let Some(postfix) = host.postfix() {
        report
            .findings
            .extend(rewriting::judge(postfix, server).await);
        let socket = server.settings.process.socket.as_ref();
        report
            .findings
            .extend(filters::content_filter(postfix, socket));
        report
            .findings
            .extend(filters::amazon(postfix, server, &host.config, &host.domains).await);
    }
    report
        .findings
        .extend(signing::judge(server, &host.config).await);
    report
}
