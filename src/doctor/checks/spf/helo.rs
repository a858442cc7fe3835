//! What is to be said of the SPF record of the name that the server greets with.

use std::net::IpAddr;

use super::{
    proposal::mended,
    record::{Record, is_spf},
};
use crate::codes;
use crate::record_line;
use dkimd_advice::{Finding, text};
use dkimd_questions::SpfResult;

/// What is known of the SPF of the name that the server greets with.
#[derive(Clone, Debug)]
pub(super) struct HeloFacts {
    /// The name.
    pub name: String,
    /// All its TXT records.
    pub texts: Vec<String>,
    /// What evaluation came to for each address.
    pub evaluated: Vec<(IpAddr, SpfResult)>,
}

/// All that is to be said of the greeting name.
pub(super) fn judge_helo(facts: &HeloFacts) -> Vec<Finding> {
    let name = &facts.name;
    let records: Vec<&String> = facts.texts.iter().filter(|text| is_spf(text)).collect();
    let good = record_line::txt(name, "v=spf1 a -all");
    let why =
        text!("bounces have an empty sender; receivers then check the SPF of the greeting name");
    let Some(record) = records.first() else {
        let what = text!("{name}, the name the server greets with, has no SPF record of its own");
        let finding = Finding::info(codes::SPF_HELO_MISSING, name, what);
        return vec![finding.why(why).record(good)];
    };
    let failed = |result: &SpfResult| !matches!(result, SpfResult::Pass | SpfResult::TempError);
    let failed = facts.evaluated.iter().find(|(_, result)| failed(result));
    let Some((address, result)) = failed else {
        return Vec::new();
    };
    let what = text!(
        "the SPF record of {name}, the name the server greets with, does not let {address} send ({result})"
    );
    let parsed = Record::parse(record);
    let missing: Vec<IpAddr> = facts
        .evaluated
        .iter()
        .filter(|(_, result)| *result != SpfResult::Pass)
        .map(|(address, _)| *address)
        .collect();
    let mended = mended(std::slice::from_ref(&parsed), &missing, |_| true);
    let finding = Finding::warn(codes::SPF_HELO_NOT_COVERED, name, what).evidence(record.as_str());
    vec![finding.why(why).record(record_line::txt(name, &mended))]
}
