//! One signature of a message in plain words: good, or what was done to the message, or what is
//! wrong with the key.

use crate::words::{self, Facts};
use dkim_core::{
    key_answer::KeyAnswer,
    key_record::PublishedKeyData,
    outcome::Outcome,
    verify::{Signature, SignatureResult},
};
use dkimd_advice::{Code, Finding, text, text::Text};
use dkimd_message::{
    MessageFile,
    damage::{
        body::{self, BodyDamage, Rewriting, Wanted},
        header::{Edit, HeaderState, Signed},
    },
    verdicts::{Verdicts, shown_record},
};
use dkimd_server::decide::opendkim;

/// Added lines that are shown.
const MAX_LINES_SHOWN: usize = 6;
/// Octets of a field's value that are shown.
const MAX_VALUE_SHOWN: usize = 160;

/// The signature's finding.
pub(super) fn explain(
    message: &MessageFile,
    verdicts: &Verdicts,
    result: &SignatureResult,
    offline: bool,
) -> Finding {
    let identity = &result.identity;
    let explanation = opendkim::explanation(&result.outcome);
    let facts = Facts {
        domain: Some(identity.domain.as_deref().unwrap_or("?")),
        selector: identity.selector.as_deref(),
        thing: Some(&explanation),
        ..Facts::default()
    };
    let told = words::explain(result.outcome.code(), &facts).unwrap_or_else(|| {
        Finding::fail(
            Code::new("signature"),
            "",
            Text::new(&explanation, &explanation),
        )
    });
    let Some(signature) = &result.signature else {
        return told.evidence(explanation);
    };
    let mut body = Vec::new();
    message.feed_body(|octets| body.extend_from_slice(octets));
    let changed = result
        .body
        .as_ref()
        .is_some_and(|facts| *facts.hash != *signature.body_hash);
    let mut finding = match &result.outcome {
        Outcome::Pass => passed(told, result),
        Outcome::DnsFailed(_) if offline && !changed => whole_body(signature),
        Outcome::SignatureWrong => header_changed(told, message, verdicts, result, signature),
        _ if changed => body_changed(&body, signature, &facts),
        _ => told,
    };
    if changed {
        finding = with_header_state(finding, message, verdicts, result, signature);
    }
    let tags = format!(
        "DKIM-Signature: d={}; s={}; c={:?}/{:?}",
        signature.domain,
        signature.selector,
        signature.canonicalization.header,
        signature.canonicalization.body
    );
    finding.evidence.insert(
        0,
        tags.to_lowercase()
            .replace("dkim-signature", "DKIM-Signature"),
    );
    if let Some((name, answer)) = verdicts.key_of(result).filter(|_| !offline) {
        finding
            .evidence
            .push(format!("{name}: {}", shown_record(answer)));
    }
    finding
}

/// A good signature, which may leave the end of the body open.
fn passed(told: Finding, result: &SignatureResult) -> Finding {
    let Some(body) = result
        .body
        .as_ref()
        .filter(|body| body.length > body.hashed)
    else {
        return told;
    };
    let (open, domain) = (body.length - body.hashed, told.subject.clone());
    Finding::warn(
        Code::new("body-partly-signed"),
        domain.clone(),
        text!("the signature of {domain} is good, but leaves the last {open} octets of the body open (l=)"),
    )
    .why(text!("anybody on the way could have written them"))
    .advice(text!("the signer removes BodyLengthDB and MaximumSignedBytes"))
}

fn whole_body(signature: &Signature) -> Finding {
    let domain = &signature.domain;
    Finding::info(
        Code::new("body-whole"),
        domain.as_str(),
        text!("the body is as {domain} signed it; header and key can't be judged without DNS"),
    )
}

fn body_changed(body: &[u8], signature: &Signature, facts: &Facts<'_>) -> Finding {
    let finding = words::explain("body-changed", facts)
        .unwrap_or_else(|| Finding::fail(Code::new("body-changed"), "", text!("body changed")));
    match body::find(body, &Wanted::of(signature)) {
        None => finding,
        Some(damage) => named(finding, &damage, signature),
    }
}

fn named(mut finding: Finding, damage: &BodyDamage, signature: &Signature) -> Finding {
    let domain = &signature.domain;
    finding.fix.clear();
    match damage {
        BodyDamage::Added {
            first,
            lines,
            to_end,
        } => {
            let (count, line) = (lines.len(), first + 1);
            finding.what = match to_end {
                true => text!(
                    "{count} lines were added to the end of the body after {domain} signed it: the \
                     footer of a list, a disclaimer, or a scanner's note"
                ),
                false => text!(
                    "{count} lines were added to the body, from line {line} on, after {domain} signed it"
                ),
            };
            finding.why = Some(text!(
                "without these lines the signature's body hash fits again, so nothing else was changed"
            ));
            let shown = lines.iter().filter(|line| !line.is_empty());
            finding
                .evidence
                .extend(shown.take(MAX_LINES_SHOWN).map(|line| format!("+ {line}")));
            finding.advice(text!("if this server adds them: let the milter that signs come after (last in smtpd_milters, or \
                 at the listener behind the content filter); if a list does: its From must become the \
                 list's, or it must not add them"))
        }
        BodyDamage::Rewritten(rewriting) => {
            let (what, why) = rewriting_texts(*rewriting, domain.as_str());
            finding.what = what;
            finding.why = Some(why);
            match rewriting {
                Rewriting::QuotedPrintable | Rewriting::Base64 => finding
                    .command("postconf -e disable_mime_output_conversion=yes && postfix reload")
                    .advice(text!("or let the program that writes the message encode it before it is signed \
                         (quoted-printable or base64)")),
                Rewriting::WhiteSpace | Rewriting::BlankLineOnTop | Rewriting::BlankLineGone => finding
                    .setting("/etc/opendkim.conf", "Canonicalization relaxed/relaxed")
                    .command("systemctl reload opendkim"),
                Rewriting::LinesSplit => finding.advice(text!("let the program that writes the message keep lines below 998 octets, or encode them \
                     as quoted-printable or base64")),
                _ => finding.advice(text!("find the server or program on the way that does it: compare copies of the message \
                     before and behind each hop (Received fields)")),
            }
        }
    }
}

fn rewriting_texts(rewriting: Rewriting, domain: &str) -> (Text, Text) {
    let what = match rewriting {
        Rewriting::QuotedPrintable => {
            text!("the body was converted from 8-bit to quoted-printable after {domain} signed it")
        }
        Rewriting::Base64 => text!("the body was converted to base64 after {domain} signed it"),
        Rewriting::LinesSplit => {
            text!("lines that were too long were split after {domain} signed them")
        }
        Rewriting::FromQuoted => {
            text!("`From ` at the beginning of a line got or lost its > after {domain} signed it")
        }
        Rewriting::DotDoubled => {
            text!("a dot at the beginning of a line was added or lost after {domain} signed it")
        }
        Rewriting::WhiteSpace => {
            text!("only white space of the body was changed after {domain} signed it")
        }
        Rewriting::BlankLineOnTop | Rewriting::BlankLineGone => {
            text!("an empty line at the top of the body came or went after {domain} signed it")
        }
        Rewriting::ToLatin1 | Rewriting::ToUtf8 => text!(
            "the character set of the body was converted (UTF-8, Latin-1) after {domain} signed it"
        ),
        Rewriting::LineEnds => text!("line ends of the body were changed after {domain} signed it"),
    };
    let why = match rewriting {
        Rewriting::QuotedPrintable | Rewriting::Base64 => text!(
            "Postfix does so for a next server that does not offer 8BITMIME, after the milters have run; \
             undone, the body hash fits again"
        ),
        Rewriting::LinesSplit => text!(
            "Postfix splits them at smtp_line_length_limit (998 octets) while it delivers, after the milters \
             have run; joined, the body hash fits again"
        ),
        Rewriting::WhiteSpace => text!(
            "body canonicalization `simple` does not forgive that, `relaxed` forgives most of it"
        ),
        _ => text!("undone, the body hash fits again, so nothing else was changed"),
    };
    (what, why)
}

/// What became of the header, where the key is there to tell.
fn state(
    message: &MessageFile,
    verdicts: &Verdicts,
    result: &SignatureResult,
    signature: &Signature,
) -> Option<HeaderState> {
    let (_, answer) = verdicts.key_of(result)?;
    let KeyAnswer::Found(published) = KeyAnswer::from(answer.clone()) else {
        return None;
    };
    let record = published.record.as_ref().as_ref().ok()?;
    let PublishedKeyData::Key(key) = &record.key else {
        return None;
    };
    let signed = Signed {
        section: &message.section,
        field: result.field,
        signature,
        key,
    };
    Some(signed.state())
}

/// The body was changed; adds what that leaves open about header and key.
fn with_header_state(
    mut finding: Finding,
    message: &MessageFile,
    verdicts: &Verdicts,
    result: &SignatureResult,
    signature: &Signature,
) -> Finding {
    match state(message, verdicts, result, signature) {
        Some(HeaderState::Edited(edits)) => {
            finding.evidence.extend(edits.iter().map(shown_edit));
            finding
        }
        Some(HeaderState::OtherKey) => {
            let name = format!("{}._domainkey.{}", signature.selector, signature.domain);
            finding.advice(text!("besides, the key published at {name} is not the one that signed: `dkimd testkey` compares \
                 them"))
        }
        _ => finding,
    }
}

fn header_changed(
    mut finding: Finding,
    message: &MessageFile,
    verdicts: &Verdicts,
    result: &SignatureResult,
    signature: &Signature,
) -> Finding {
    let domain = &signature.domain;
    match state(message, verdicts, result, signature) {
        Some(HeaderState::Edited(edits)) => {
            let names: Vec<_> = edits.iter().map(Edit::name).collect();
            let names = names.join(", ");
            finding.what = text!("the header was changed after {domain} signed it: {names}");
            finding.why = Some(text!(
                "with this undone the signature fits again: key and body are in order"
            ));
            finding.evidence.extend(edits.iter().map(shown_edit));
            finding.fix.clear();
            finding.advice(advice_of_edits(&edits))
        }
        Some(HeaderState::SomeFieldChanged) => {
            let fields = signature.signed_fields.join(", ");
            finding.what = text!(
                "a signed header field was changed, removed or added after {domain} signed it"
            );
            finding.why = Some(text!(
                "the signature was made with the published key, and the body is whole; the signed fields \
                 are: {fields}"
            ));
            finding.fix.clear();
            finding
                .advice(text!("compare these fields with those of the message as it left the signing server (a copy \
                     among the sent mail, or postcat -q)"))
                .command("dkimd doctor --only breakers")
        }
        Some(HeaderState::OtherKey) => other_key(signature),
        Some(HeaderState::Whole | HeaderState::Unknown) | None => finding,
    }
}

fn other_key(signature: &Signature) -> Finding {
    let (selector, domain) = (&signature.selector, &signature.domain);
    let name = format!("{selector}._domainkey.{domain}");
    Finding::fail(
        Code::new("other-key"),
        name.clone(),
        text!("the key published at {name} is not the one that signed the message"),
    )
    .why(text!("the body is whole, and the signature does not open with the published key: the private key was \
         renewed without its DNS record, the record is of another server, or b= was damaged"))
    .command(format!("dkimd testkey -d {domain} -s {selector}"))
    .command(format!("dkimd genzone -d {domain}"))
}

fn advice_of_edits(edits: &[Edit]) -> Text {
    let named = |wanted: &str| {
        edits
            .iter()
            .any(|edit| edit.name().eq_ignore_ascii_case(wanted))
    };
    if named("Subject") {
        return text!(
            "a list or spam filter marks subjects: let it mark before the message is signed, or write its \
             mark into a field of its own (X-Spam-Flag)"
        );
    }
    if named("From") {
        return text!(
            "a list rewrites From because of DMARC: then its own signature counts, nothing is to be mended"
        );
    }
    if edits.iter().any(|edit| matches!(edit, Edit::Added { .. })) {
        return text!(
            "let the field be written before the message is signed, or take its name out of OversignHeaders"
        );
    }
    text!(
        "header canonicalization `relaxed` forgives other folding: Canonicalization relaxed/relaxed; what \
         rewrites fields (header_checks, smtp_generic_maps) must run before the signature is made"
    )
}

fn shown_edit(edit: &Edit) -> String {
    let cut = |text: &str| text.chars().take(MAX_VALUE_SHOWN).collect::<String>();
    match edit {
        Edit::Added { name, value } => format!("+ {name}: {}", cut(value)),
        Edit::Changed { name, was, is } => format!("{name}: {} -> {}", cut(was), cut(is)),
    }
}
