//! How signatures are verified and results told.

use std::{net::SocketAddr, time::Duration};

use super::value::Values;
use crate::{
    config::settings::{AuthservId, KeyAction, MinimumCover, VerifySettings},
    dns::nameservers::parse_address,
};

const DEFAULT_MAXIMUM_SIGNATURES: u32 = 3;
const DEFAULT_CLOCK_DRIFT: u32 = 300;
const DEFAULT_DNS_TIMEOUT: u32 = 5;

pub(super) fn verifying(values: &mut Values<'_>) -> VerifySettings {
    VerifySettings {
        always_add_results: values.bool("AlwaysAddARHeader"),
        authserv_id: match values.text("AuthservID") {
            None => AuthservId::MtaName,
            Some("HOSTNAME") => AuthservId::HostName,
            Some(name) => AuthservId::Named(name.to_owned()),
        },
        authserv_id_with_job: values.bool("AuthservIDWithJobID"),
        no_header_b: values.bool("NoHeaderB"),
        keep_results: values.bool("KeepAuthResults"),
        remove_all_results: values.bool("RemoveARAll"),
        remove_results_from: values.data_set("RemoveARFrom"),
        maximum_signatures: values
            .count("MaximumSignaturesToVerify", u32::MAX)
            .unwrap_or(DEFAULT_MAXIMUM_SIGNATURES),
        trust_signatures_from: values.data_set("TrustSignaturesFrom"),
        must_be_signed: values.data_set("MustBeSigned"),
        minimum: minimum(values),
        clock_drift: seconds(
            values
                .count("ClockDrift", u32::MAX)
                .filter(|drift| *drift > 0)
                .unwrap_or(DEFAULT_CLOCK_DRIFT),
        ),
        allow_sha1: values.bool("AllowSHA1Only"),
        weak_syntax: values.bool("WeakSyntaxChecks"),
        bogus_key: key_action(values, "BogusKey").unwrap_or(KeyAction::Fail),
        unprotected_key: key_action(values, "UnprotectedKey").unwrap_or(KeyAction::None),
        redirect_failures_to: values.string("RedirectFailuresTo"),
        capture_unknown_errors: values.bool("CaptureUnknownErrors"),
        diagnostic_directory: values.path("DiagnosticDirectory"),
        send_reports: values.bool("SendReports"),
        report_address: values.string("ReportAddress"),
        report_bcc: values.string("ReportBccAddress"),
        mta_command: values
            .string("MTACommand")
            .unwrap_or_else(|| "/usr/sbin/sendmail".to_owned()),
        nameservers: nameservers(values),
        dns_timeout: Some(
            values
                .count("DNSTimeout", u32::MAX)
                .unwrap_or(DEFAULT_DNS_TIMEOUT),
        )
        .filter(|timeout| *timeout > 0)
        .map(seconds),
        query_cache: values.bool("QueryCache"),
        test_dns_data: values.data_set("TestDNSData"),
        test_public_keys: values.path("TestPublicKeys"),
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn minimum(values: &mut Values<'_>) -> Option<MinimumCover> {
    let text = values.text("Minimum")?;
    let parsed = if let Some(percent) = text.strip_suffix('%') {
        let percent = percent.parse().ok().filter(|percent| *percent <= 100);
        percent.map(MinimumCover::Percent)
    } else if let Some(rest) = text.strip_suffix('+') {
        rest.parse().ok().map(MinimumCover::AllBut)
    } else {
        text.parse().ok().map(MinimumCover::Octets)
    };
    if parsed.is_none() {
        values.error(
            "Minimum",
            format!("illegal value for \"Minimum\": {text:?}"),
            "write N (octets), N% (0 to 100) or N+ (all but N octets)",
        );
    }
    parsed
}

fn key_action(values: &mut Values<'_>, name: &'static str) -> Option<KeyAction> {
    let words = [
        ("none", KeyAction::None),
        ("neutral", KeyAction::Neutral),
        ("fail", KeyAction::Fail),
    ];
    values.word(name, &words, |value| {
        format!("{name}: unknown key action '{value}'")
    })
}

fn nameservers(values: &mut Values<'_>) -> Vec<SocketAddr> {
    let Some(text) = values.text("Nameservers") else {
        return Vec::new();
    };
    let mut servers = Vec::new();
    for item in text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        match parse_address(item) {
            Some(server) => servers.push(server),
            None => values.error(
                "Nameservers",
                format!("Nameservers: {item:?} is no address"),
                "write addresses separated by commas, as 192.0.2.53,2001:db8::53@5353",
            ),
        }
    }
    servers
}
