//! The verdicts as text for people and as JSON for programs.

use std::io::{self, Write};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::trace::Streams;
use dkim_core::{
    Canon,
    outcome::Outcome,
    verify::{Signature, SignatureResult},
};
use dkimd_advice::{
    Code, Finding,
    render::{FORMAT, finding_json},
    text::{Lang, Text},
};
use dkimd_message::{
    MessageFile,
    verdicts::{Verdicts, dnssec_word, shown_record},
};
use dkimd_server::decide::opendkim::{self, OpenDkimWords};

/// What is reported.
pub struct Report<'a> {
    /// The message.
    pub message: &'a MessageFile,
    /// Its verdicts.
    pub verdicts: &'a Verdicts,
    /// Whether the canonical octets are wanted.
    pub trace: bool,
    /// FixCRLF.
    pub fix_crlf: bool,
}

/// The part of mail or DNS that an outcome speaks of; `None` if all is well or nothing was judged.
pub fn failed_part(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Pass | Outcome::Ignored => None,
        Outcome::BodyChanged | Outcome::BodyShorterThanSigned | Outcome::BodyTooLittleSigned => {
            Some("body")
        }
        Outcome::SignatureWrong | Outcome::FieldUnprotected(_) => Some("header"),
        Outcome::Malformed(_)
        | Outcome::Expired
        | Outcome::FromTheFuture
        | Outcome::AlgorithmRefused => Some("signature"),
        Outcome::KeyNotFound
        | Outcome::SeveralKeys
        | Outcome::DnsFailed(_)
        | Outcome::KeyRecordInvalid(_)
        | Outcome::KeyRevoked
        | Outcome::KeyUnusable(_)
        | Outcome::KeyTypeMismatch
        | Outcome::KeyHashMismatch
        | Outcome::KeyNotForEmail
        | Outcome::KeyTooSmall
        | Outcome::SubdomainUnauthorized
        | Outcome::KeyUnprotected(_)
        | Outcome::KeyBogus(_) => Some("key"),
    }
}

impl Report<'_> {
    /// Writes the text.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.verdicts.results.is_empty() {
            return writeln!(out, "no DKIM-Signature field");
        }
        for (index, result) in self.verdicts.results.iter().enumerate() {
            self.write_one(out, index + 1, result)?;
        }
        Ok(())
    }

    fn write_one(
        &self,
        out: &mut impl Write,
        number: usize,
        result: &SignatureResult,
    ) -> io::Result<()> {
        let words = OpenDkimWords::from(&result.outcome);
        let reason = words
            .reason
            .map_or_else(String::new, |reason| format!(" reason=\"{reason}\""));
        let identity = &result.identity;
        let tag = |value: &Option<Box<str>>| value.as_deref().unwrap_or("?").to_owned();
        writeln!(
            out,
            "signature {number} (field {}): d={} s={} a={}",
            result.field + 1,
            tag(&identity.domain),
            tag(&identity.selector),
            tag(&identity.algorithm),
        )?;
        writeln!(
            out,
            "  verdict:  {} ({})",
            result.word().as_str(),
            result.outcome.code()
        )?;
        writeln!(
            out,
            "  meaning:  {}",
            opendkim::explanation(&result.outcome)
        )?;
        if let Some(part) = failed_part(&result.outcome) {
            writeln!(out, "  failed:   {part}")?;
        }
        writeln!(out, "  opendkim: dkim={}{reason}", words.result.as_str())?;
        let streams = Streams::of(self.message, result, self.fix_crlf);
        if let (Some(signature), Some(streams)) = (&result.signature, &streams) {
            writeln!(
                out,
                "  header:   {}, {} octets hashed: {}",
                canon_word(signature.canonicalization.header),
                streams.header.len(),
                signature.signed_fields.join(":")
            )?;
            let length = signature
                .body_length
                .map_or_else(String::new, |length| format!(" (l={length})"));
            let canon = canon_word(signature.canonicalization.body);
            writeln!(
                out,
                "  body:     {canon}, {} octets hashed{length}",
                streams.body.len()
            )?;
            if let Some(body) = &result.body {
                writeln!(out, "            hash is  {}", BASE64.encode(&body.hash))?;
                writeln!(
                    out,
                    "            bh= says {}",
                    BASE64.encode(&signature.body_hash)
                )?;
            }
        }
        if let Some((name, answer)) = self.verdicts.key_of(result) {
            let bits = result
                .key
                .and_then(|key| key.rsa_bits)
                .map_or_else(String::new, |bits| format!("{bits}-bit RSA, "));
            let testing = match result.key.is_some_and(|key| key.testing) {
                true => "testing (t=y), ",
                false => "",
            };
            writeln!(
                out,
                "  key:      {name} ({bits}{testing}DNSSEC {})\n            {}",
                dnssec_word(answer.dnssec),
                shown_record(answer)
            )?;
        }
        match streams {
            Some(streams) if self.trace => streams.write(out, number),
            _ => Ok(()),
        }
    }

    /// Writes one JSON object.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let signatures: Vec<Value> = self
            .verdicts
            .results
            .iter()
            .map(|result| self.json_of(result))
            .collect();
        serde_json::to_writer_pretty(
            &mut *out,
            &json!({
                "format": FORMAT,
                "command": "verify",
                "findings": self.findings(),
                "signatures": signatures,
            }),
        )?;
        writeln!(out)
    }

    /// What keeps signatures from passing.
    fn findings(&self) -> Vec<Value> {
        let failed = |result: &&SignatureResult| failed_part(&result.outcome).is_some();
        self.verdicts
            .results
            .iter()
            .filter(failed)
            .map(|result| {
                let tag = |value: &Option<Box<str>>| value.as_deref().unwrap_or("?").to_owned();
                let identity = &result.identity;
                let subject = format!("s={} d={}", tag(&identity.selector), tag(&identity.domain));
                let what = opendkim::explanation(&result.outcome);
                let code = Code::new(result.outcome.code());
                finding_json(
                    &Finding::fail(code, subject, Text::new(&*what, &*what)),
                    Lang::En,
                )
            })
            .collect()
    }

    fn json_of(&self, result: &SignatureResult) -> Value {
        let words = OpenDkimWords::from(&result.outcome);
        let identity = &result.identity;
        let streams = Streams::of(self.message, result, self.fix_crlf);
        let mut value = json!({
            "field": result.field + 1,
            "domain": identity.domain,
            "selector": identity.selector,
            "auid": identity.auid,
            "algorithm": identity.algorithm,
            "result": result.word().as_str(),
            "code": result.outcome.code(),
            "explanation": opendkim::explanation(&result.outcome),
            "failed": failed_part(&result.outcome),
            "opendkim": {
                "result": words.result.as_str(),
                "reason": words.reason,
                "text": words.text,
            },
            "key": self.verdicts.key_of(result).map(|(name, answer)| json!({
                "name": name,
                "record": shown_record(answer),
                "found": matches!(&answer.result, Ok(dkimd_server::dns::TxtRecords::One(_))),
                "dnssec": dnssec_word(answer.dnssec),
                "rsa_bits": result.key.and_then(|key| key.rsa_bits),
                "testing": result.key.is_some_and(|key| key.testing),
            })),
            "signature": result.signature.as_ref().map(signature_json),
        });
        if let (Some(streams), Some(signature)) = (&streams, &result.signature) {
            value["header"] = json!({ "octets": streams.header.len() });
            value["body"] = json!({
                "octets": streams.body.len(),
                "hash": result.body.as_ref().map(|body| BASE64.encode(&body.hash)),
                "signed_hash": BASE64.encode(&signature.body_hash),
            });
            if self.trace {
                value["header"]["canonical"] = BASE64.encode(&streams.header).into();
                value["body"]["canonical"] = BASE64.encode(&streams.body).into();
            }
        }
        value
    }
}

fn signature_json(signature: &Signature) -> Value {
    json!({
        "canonicalization": format!(
            "{}/{}",
            canon_word(signature.canonicalization.header),
            canon_word(signature.canonicalization.body)
        ),
        "signed_fields": signature.signed_fields,
        "body_length": signature.body_length,
        "signed_at": signature.signed_at.map(|time| time.0),
        "expires_at": signature.expires_at.map(|time| time.0),
    })
}

fn canon_word(canon: Canon) -> &'static str {
    match canon {
        Canon::Simple => "simple",
        Canon::Relaxed => "relaxed",
    }
}
