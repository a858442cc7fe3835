//! Reputation: what only receivers know, and where they tell it: `reputation-elsewhere`.

use std::sync::Arc;

use crate::{codes, host::Host, report::Report};
use dkimd_advice::{Finding, text};

/// Says where to look.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(domain) = host.domains.first() else {
        return super::no_domain();
    };
    let finding = Finding::info(
        codes::REPUTATION_ELSEWHERE,
        domain.as_str(),
        text!(
            "how many of your messages are marked as spam can't be seen from here: Google, Yahoo \
             and Microsoft show it to the domain's owner, free of charge"
        ),
    )
    .why(text!(
        "Google and Yahoo want it under 0.3 %, better under 0.1 %, and refuse mail above"
    ))
    .advice(text!(
        "Google Postmaster Tools: https://postmaster.google.com"
    ))
    .advice(text!(
        "Yahoo Sender Hub with its complaint feedback loop: https://senders.yahooinc.com"
    ))
    .advice(text!(
        "Microsoft SNDS and JMRP, by address: https://sendersupport.olc.protection.outlook.com/snds"
    ));
    vec![finding].into()
}
