//! What is known of a domain's SPF, and what is said alike of several faults.

use std::net::IpAddr;

use super::walk::Node;
use crate::record_line;
use dkimd_advice::{Finding, text, text::Text};
use dkimd_questions::SpfResult;

/// What is known of a domain's SPF.
#[derive(Clone, Debug)]
pub(super) struct SpfFacts {
    /// The domain.
    pub domain: String,
    /// All its TXT records.
    pub texts: Vec<String>,
    /// The record and all that it includes.
    pub tree: Node,
    /// The addresses that mail leaves from.
    pub addresses: Vec<IpAddr>,
    /// What evaluation came to for each; none where another host sends.
    pub evaluated: Vec<(IpAddr, SpfResult)>,
    /// Records found under names where nobody looks.
    pub elsewhere: Vec<(String, String)>,
    /// The host that all mail is handed to.
    pub relay: Option<String>,
}

impl SpfFacts {
    /// The addresses that the record does not let send.
    pub(super) fn uncovered(&self) -> Vec<IpAddr> {
        let missed = self.evaluated.iter();
        missed
            .filter(|(_, result)| *result != SpfResult::Pass)
            .map(|(address, _)| *address)
            .collect()
    }
}

/// Why a record with an error helps nobody.
pub(super) fn permerror() -> Text {
    text!("receivers take such a record for broken (permerror), as if there were none")
}

/// The finding, mended by this record.
pub(super) fn publish(finding: Finding, facts: &SpfFacts, record: &str) -> Finding {
    finding.record(record_line::txt(&facts.domain, record))
}
