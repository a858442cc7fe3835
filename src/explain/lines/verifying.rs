//! Lines about signatures that were verified, as dkimd and OpenDKIM write them.

use super::{Line, line, note, of_told_word, of_word};
use crate::{template::Parts, words::Facts};
use dkimd_advice::{Code, Finding, text};

pub(super) const LINES: &[Line] = &[
    line("DKIM verification successful", |_| {
        note("verified", text!("a DKIM signature of the message is good"))
    }),
    line("s={s} d={d} a={a} not verified: {reason}", |parts| {
        let reason = parts.get("reason");
        let told = reason
            .strip_suffix(')')
            .and_then(|text| text.rsplit_once(" ("));
        let (detail, word) = told.unwrap_or((reason, reason));
        let facts = Facts {
            thing: Some(detail),
            ..signature(parts)
        };
        of_told_word(word, parts.line, &facts)
    }),
    line("s={s} d={d} a={a} SSL{errors}", ssl),
    line("s={s} d={d} SSL{errors}", ssl),
    line("SSL{errors}", ssl),
    line("bad signature data", |_| {
        Finding::fail(
            Code::new("bad-signature"),
            "",
            text!("the signature does not fit the message: body or header was changed after signing, or \
                 the published key is another's"),
        )
        .why(text!("for mail from others the fault is theirs or of a list in between; On-BadSignature decides \
             what happens to it"))
        .advice(text!("dkimd's next line about the same message says which part was changed; the message as it \
             arrived says it too: dkimd explain FILE"))
    }),
    line("no signature data", |_| {
        note(
            "no-signature",
            text!("the message came without a DKIM signature"),
        )
        .why(text!(
            "nothing to mend for mail from others; On-NoSignature decides whether it is refused"
        ))
    }),
    line("message has signatures from {domains}", |parts| {
        let domains = parts.get("domains");
        note(
            "several-signatures",
            text!("the message carries signatures of {domains}; one good one is enough"),
        )
    }),
    line("ignoring signature from {domain}", |parts| {
        of_word(
            "ignored",
            &Facts {
                domain: parts.some("domain"),
                ..Facts::default()
            },
        )
    }),
    line("ignoring {count} signature{s}", |_| {
        of_word("ignored", &Facts::default())
    }),
    line(
        "key retrieval failed (s={s}, d={d}): '{name}' record not found",
        |parts| of_word("key-not-found", &signature(parts)),
    ),
    line(
        "key retrieval failed (s={s}, d={d}): multiple DNS replies for {name}",
        |parts| of_word("several-keys", &signature(parts)),
    ),
    line("key retrieval failed (s={s}, d={d}): {detail}", key_not_had),
    line("key retrieval failed (s={s}, d={d})", key_not_had),
    line("key revoked (s={s}, d={d}, a={a})", |parts| {
        of_word("key-revoked", &signature(parts))
    }),
    line("syntax error: {detail}", |parts| {
        of_word(
            "malformed-signature",
            &Facts {
                thing: parts.some("detail"),
                ..Facts::default()
            },
        )
    }),
    line(
        "signature={b} domain={d} selector={s} result=\"{result}\"",
        results,
    ),
    line("signature processing failed: {detail}", |parts| {
        of_word(
            "malformed-signature",
            &Facts {
                thing: parts.some("detail"),
                ..Facts::default()
            },
        )
    }),
    line("failed to parse {field}: header field", |parts| {
        let field = parts.get("field");
        Finding::info(
            Code::new("results-unreadable"),
            field,
            text!(
                "an incoming {field} field can't be read; OpenDKIM leaves such a field in place, dkimd \
                 removes it if it claims to be this server's"
            ),
        )
    }),
    line("cache: {figures}", |parts| {
        let figures = parts.get("figures");
        note(
            "cache",
            text!("how often keys were found in memory: {figures}"),
        )
    }),
];

fn signature<'t>(parts: &Parts<'t>) -> Facts<'t> {
    Facts {
        domain: parts.some("d"),
        selector: parts.some("s"),
        ..Facts::default()
    }
}

/// OpenDKIM writes this line after every verification, with nothing behind `SSL` if all is well.
fn ssl(parts: &Parts<'_>) -> Finding {
    match parts.some("errors") {
        None => note(
            "crypto-done",
            text!("OpenDKIM checked the signature; this line says nothing about the result"),
        ),
        Some(_) => of_word("signature-wrong", &signature(parts)),
    }
}

fn key_not_had(parts: &Parts<'_>) -> Finding {
    let found = parts.get("detail");
    let word = match found {
        _ if found.contains("reply corrupt") => "key-record-invalid",
        _ if found.is_empty() || found.contains("CNAME") => "key-not-found",
        _ => "dns-failed",
    };
    of_word(
        word,
        &Facts {
            thing: parts.some("detail"),
            ..signature(parts)
        },
    )
}

/// LogResults: what OpenDKIM's text for the first signature means.
fn results(parts: &Parts<'_>) -> Finding {
    // Further signatures follow the first: `no signature error"; signature=…`.
    let told = parts.get("result").split('"').next().unwrap_or_default();
    let word = match told {
        "no signature error" => "pass",
        "signature expired" => "expired",
        "signature timestamp in the future" => "from-the-future",
        "rsa-sha1 not acceptable" => "algorithm-refused",
        "unprotected header field" => "field-unprotected",
        "length tag value exceeds body size" => "body-shorter-than-signed",
        "too much of the body unsigned" => "body-too-little-signed",
        "key not found in DNS" => "key-not-found",
        "multiple keys found" => "several-keys",
        "key DNS query failed" => "dns-failed",
        "key DNS reply corrupt"
        | "unknown key version"
        | "unknown key type"
        | "unknown key hash" => "key-record-invalid",
        "key revoked" => "key-revoked",
        "unable to apply public key" => "key-unusable",
        "signature-key hash mismatch" => "key-hash-mismatch",
        "not an e-mail key" => "key-not-for-email",
        "signing key too small" => "key-too-small",
        "unauthorized subdomain" => "subdomain-unauthorized",
        "signature verification failed" => return bad_result(parts),
        _ => "malformed-signature",
    };
    of_word(
        word,
        &Facts {
            thing: Some(told),
            ..signature(parts)
        },
    )
}

fn bad_result(parts: &Parts<'_>) -> Finding {
    let domain = parts.get("d");
    let mut finding = of_word("body-changed", &signature(parts));
    finding.what = text!(
        "the signature of {domain} does not fit: body or header was changed after signing, or the \
         published key is another's"
    );
    finding
}
