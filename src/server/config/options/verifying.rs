//! Options about verifying and telling its results.

use super::OptionSpec as O;

pub(super) const OPTIONS: &[O] = &[
    O::bool("AlwaysAddARHeader", "no", "Say dkim=none of unsigned mail."),
    O::string(
        "AuthservID",
        "",
        "The name under which results are told, by default the MTA's own. The word HOSTNAME means this machine's name.",
    ),
    O::bool(
        "AuthservIDWithJobID",
        "no",
        "Append / and the queue id to that name.",
    ),
    O::bool("NoHeaderB", "no", "Leave header.b out of results."),
    O::bool(
        "KeepAuthResults",
        "no",
        "Delete no Authentication-Results field that came with the message.",
    ),
    O::bool(
        "RemoveARAll",
        "no",
        "Delete Authentication-Results fields of the names in RemoveARFrom whatever method they tell of.",
    ),
    O::data_set(
        "RemoveARFrom",
        "",
        "Further names whose Authentication-Results fields are deleted if they tell of DKIM; .example.org means all below example.org.",
    ),
    O::integer(
        "MaximumSignaturesToVerify",
        "3",
        "The most signatures verified on one message: trusted ones first, then those whose d= is the author's domain, then those below or above it, then the rest from the top. Malformed ones do not count. 0: only the author domain's and trusted ones.",
    ),
    O::data_set(
        "TrustSignaturesFrom",
        "",
        "Domains whose signatures are always verified.",
    ),
    O::data_set(
        "MustBeSigned",
        "",
        "Fields that a signature must cover if they are there.",
    ),
    O::string(
        "Minimum",
        "",
        "How much of the body a signature must cover: N octets, N%, or N+ for all but N.",
    ),
    O::integer(
        "ClockDrift",
        "300",
        "Seconds by which clocks may differ when times in signatures are judged.",
    ),
    O::bool(
        "WeakSyntaxChecks",
        "no",
        "Verify although From can't be parsed.",
    ),
    O::string(
        "BogusKey",
        "fail",
        "What a signature is worth whose key has a false DNSSEC proof: none, neutral or fail.",
    ),
    O::string(
        "UnprotectedKey",
        "none",
        "What a signature is worth whose key is not protected by DNSSEC: none, neutral or fail.",
    ),
    O::string(
        "RedirectFailuresTo",
        "",
        "A mailbox that receives mail with bad signatures instead of its recipients.",
    ),
    O::bool(
        "CaptureUnknownErrors",
        "no",
        "Hold messages in the MTA's quarantine on internal errors. Mail whose key or table can be mended is deferred, not held.",
    ),
    O::string(
        "DiagnosticDirectory",
        "",
        "Where differences between z= and the received fields are written.",
    ),
    O::bool(
        "SendReports",
        "no",
        "Send failure reports to domains that ask for them (RFC 6651).",
    ),
    O::string("ReportAddress", "", "From of such reports."),
    O::string(
        "ReportBccAddress",
        "",
        "Who receives a copy of each report.",
    ),
    O::string(
        "MTACommand",
        "/usr/sbin/sendmail",
        "The program that sends reports.",
    ),
    O::bool("Quarantine", "no", "Meant to hold bad mail.")
        .historic("OpenDKIM never read it; write On-BadSignature quarantine"),
    O::bool(
        "AllowSHA1Only",
        "no",
        "Let rsa-sha1 signatures pass, against RFC 8301.",
    ),
    O::bool(
        "DomainKeysCompat",
        "no",
        "Meant to read keys of DomainKeys.",
    )
    .historic("DomainKeys is gone (RFC 6376 replaced it)"),
];
