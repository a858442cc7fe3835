//! What a receiver wrote into Authentication-Results (RFC 8601), explained: its DKIM, SPF and DMARC
//! results.

use crate::words::{self, Facts};
use dkimd_advice::{Code, Finding, text};
use dkimd_server::headers::auth_results_parse::{NAME, authserv_id};

/// Results of one field that are looked at.
const MAX_RESULTS: usize = 50;

/// One method's result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct MethodResult {
    /// `dkim`, `spf`, `dmarc`, …, in lower case.
    method: String,
    /// `pass`, `fail`, …, in lower case.
    result: String,
    /// Comments and `reason=`, in which receivers say more.
    remarks: String,
    /// `header.d=example.com`, names in lower case.
    properties: Vec<(String, String)>,
}

impl MethodResult {
    fn property(&self, name: &str) -> Option<&str> {
        let (_, value) = self.properties.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// As short as it can be shown.
    fn shown(&self) -> String {
        let mut shown = format!("{}={}", self.method, self.result);
        if !self.remarks.is_empty() {
            shown += &format!(" ({})", self.remarks);
        }
        for (name, value) in &self.properties {
            shown += &format!(" {name}={value}");
        }
        shown
    }
}

/// Whether text is an Authentication-Results field, or its results.
pub(crate) fn is_results(text: &str) -> bool {
    let text = text.trim_start().to_ascii_lowercase();
    let named = [NAME, "ARC-Authentication-Results"];
    named
        .iter()
        .any(|name| text.starts_with(&format!("{}:", name.to_ascii_lowercase())))
        || ["dkim=", "spf=", "dmarc="]
            .iter()
            .any(|method| text.starts_with(method) || text.contains(&format!("; {method}")))
}

/// The findings of one field, its name before it or not.
pub(crate) fn explain(text: &str) -> Vec<Finding> {
    let value = match text.split_once(':') {
        Some((name, value))
            if name
                .trim()
                .to_ascii_lowercase()
                .ends_with("authentication-results") =>
        {
            value
        }
        _ => text,
    };
    let results = parse(value);
    let receiver = match results.len() {
        0 => return Vec::new(),
        _ if value.trim_start().contains(';') => authserv_id(value.as_bytes()),
        _ => String::new(),
    };
    let dmarc_passes = results
        .iter()
        .any(|r| r.method == "dmarc" && r.result == "pass");
    let mut passed: Vec<String> = Vec::new();
    let mut findings = Vec::new();
    for result in &results {
        let found = match (result.method.as_str(), result.result.as_str()) {
            (_, "pass" | "bestguesspass") => {
                passed.push(result.shown());
                continue;
            }
            ("dkim", _) => dkim(result),
            ("spf", _) => spf(result, dmarc_passes),
            ("dmarc", _) => dmarc(result),
            _ => continue,
        };
        findings.push(found.evidence(result.shown()));
    }
    if !passed.is_empty() {
        let mut finding = Finding::info(
            Code::new("receiver-satisfied"),
            receiver.clone(),
            text!("the receiver {receiver} found these in order"),
        );
        finding.evidence = passed;
        findings.push(finding);
    }
    findings
}

fn dkim(result: &MethodResult) -> Finding {
    let remarks = result.remarks.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| remarks.contains(word));
    let word = match result.result.as_str() {
        "none" => return unsigned(),
        _ if says(&["body hash", "body has been altered", "body_hash"]) => "body-changed",
        _ if says(&["no key", "key not found", "not found in dns", "nxdomain"]) => "key-not-found",
        _ if says(&["revoked"]) => "key-revoked",
        _ if says(&["expired"]) => "expired",
        _ if says(&["too small", "weak", "insecure key", "key size"]) => "key-too-small",
        _ if says(&["sha1"]) => "algorithm-refused",
        _ if says(&["not signed"]) => return unsigned(),
        _ if says(&["syntax", "malformed", "format", "parse"]) => "malformed-signature",
        "temperror" => "dns-failed",
        "permerror" if says(&["multiple", "several"]) => "several-keys",
        "permerror" => "key-record-invalid",
        "policy" => "key-too-small",
        _ => "signature-wrong",
    };
    let identity = result
        .property("header.i")
        .map(|i| i.rsplit('@').next().unwrap_or(i));
    let facts = Facts {
        domain: result.property("header.d").or(identity),
        selector: result.property("header.s"),
        thing: (!result.remarks.is_empty()).then_some(result.remarks.as_str()),
        ..Facts::default()
    };
    words::explain(word, &facts).unwrap_or_else(unsigned)
}

fn unsigned() -> Finding {
    Finding::fail(
        Code::new("receiver-saw-no-signature"),
        "",
        text!("the receiver saw no DKIM signature: the message left unsigned, or the signature was lost \
             on the way"),
    )
    .advice(text!("look up in the log why: dkimd explain QUEUE-ID, with the id in this server's Received line"))
}

fn spf(result: &MethodResult, dmarc_passes: bool) -> Finding {
    let domain = result
        .property("smtp.mailfrom")
        .or(result.property("smtp.helo"))
        .map_or("DOMAIN", |sender| {
            sender.rsplit('@').next().unwrap_or(sender)
        });
    let address = address_in(&result.remarks).unwrap_or("ADDRESS");
    let what = match result.result.as_str() {
        "none" => text!("{domain} publishes no SPF record"),
        "permerror" => text!("the SPF record of {domain} is faulty (permerror)"),
        "temperror" => {
            text!("the receiver could not look up the SPF record of {domain} (temperror)")
        }
        _ => text!(
            "the SPF record of {domain} does not list the address {address} that the mail came from"
        ),
    };
    let finding = match dmarc_passes {
        true => Finding::warn(Code::new("receiver-spf"), domain, what),
        false => Finding::fail(Code::new("receiver-spf"), domain, what),
    };
    let mechanism = match address.contains(':') {
        true => "ip6",
        false => "ip4",
    };
    let finding = finding
        .why(text!(
            "forwarded mail always fails SPF; then a whole, aligned DKIM signature must carry it"
        ))
        .command("dkimd doctor --only spf");
    match result.result.as_str() {
        "none" => finding.record(format!(
            "{domain}. IN TXT \"v=spf1 mx {mechanism}:{address} ~all\""
        )),
        "permerror" | "temperror" => finding,
        _ => finding.advice(text!("add {mechanism}:{address} to the SPF record that is there; a second record would void both")),
    }
}

/// The first word of a remark that is an address of the Internet.
fn address_in(remarks: &str) -> Option<&str> {
    remarks
        .split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')' | ',' | '='))
        .find(|word| word.parse::<std::net::IpAddr>().is_ok())
}

fn dmarc(result: &MethodResult) -> Finding {
    let domain = result.property("header.from").unwrap_or("DOMAIN");
    if result.result == "none" || result.result == "bestguesspass" {
        return Finding::warn(
            Code::new("receiver-no-dmarc"),
            domain,
            text!("{domain} publishes no DMARC record"),
        )
        .why(text!(
            "Gmail, Yahoo and Microsoft demand one from large senders"
        ))
        .record(format!("_dmarc.{domain}. IN TXT \"v=DMARC1; p=none\""));
    }
    Finding::fail(
        Code::new("receiver-dmarc"),
        domain,
        text!("DMARC failed for {domain}: neither SPF nor a DKIM signature passed for that very domain"),
    )
    .why(text!("by the domain's policy the receiver refuses such mail or puts it among spam"))
    .advice(text!("sign with d={domain} (SigningTable, KeyTable): `dkimd explain AUTHOR@{domain}` shows what \
         signs"))
    .command("dkimd doctor --only dmarc")
}

fn parse(value: &str) -> Vec<MethodResult> {
    pieces(value)
        .into_iter()
        .filter_map(|(words, remarks)| {
            let mut words = words.iter();
            let (method, result) = words.find_map(|word| word.split_once('='))?;
            // `dkim/1=pass` names the method's version.
            let method = method
                .split('/')
                .next()
                .unwrap_or(method)
                .to_ascii_lowercase();
            let method_like = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if method.is_empty() || !method.chars().all(method_like) {
                return None;
            }
            let mut remarks: Vec<String> = remarks;
            let mut properties = Vec::new();
            for (name, value) in words.filter_map(|word| word.split_once('=')) {
                match name.eq_ignore_ascii_case("reason") {
                    true => remarks.push(value.to_owned()),
                    false => properties.push((name.to_ascii_lowercase(), value.to_owned())),
                }
            }
            Some(MethodResult {
                method,
                result: result.to_ascii_lowercase(),
                remarks: remarks.join("; "),
                properties,
            })
        })
        .take(MAX_RESULTS)
        .collect()
}

/// The pieces between semicolons, each as words and comments; quotes are taken off.
fn pieces(value: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let mut pieces = vec![(vec![String::new()], Vec::new())];
    let (mut depth, mut quoted, mut comment) = (0usize, false, String::new());
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        let Some((words, comments)) = pieces.last_mut() else {
            break;
        };
        let Some(word) = words.last_mut() else { break };
        match c {
            '\\' => {
                let next = characters.next().unwrap_or_default();
                match depth {
                    0 => word.push(next),
                    _ => comment.push(next),
                }
            }
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => {
                depth += 1;
                if depth > 1 {
                    comment.push(c);
                }
            }
            ')' if depth > 0 => {
                depth -= 1;
                match depth {
                    0 => comments.push(std::mem::take(&mut comment)),
                    _ => comment.push(c),
                }
            }
            _ if depth > 0 => comment.push(if c.is_control() { ' ' } else { c }),
            ';' if !quoted => pieces.push((vec![String::new()], Vec::new())),
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => word.push(c),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::text::Lang;

    fn codes(text: &str) -> Vec<&'static str> {
        explain(text)
            .iter()
            .map(|finding| finding.code.word())
            .collect()
    }

    #[test]
    fn a_receivers_results_are_explained_one_by_one() {
        let google = "Authentication-Results: mx.google.com;\r\n       dkim=neutral (body hash did not \
                      verify) header.i=@example.com header.s=mail header.b=AbCdEfGh;\r\n       spf=fail \
                      (google.com: domain of joe@example.com does not designate 192.0.2.9 as permitted \
                      sender) smtp.mailfrom=joe@example.com;\r\n       dmarc=fail (p=REJECT sp=REJECT \
                      dis=NONE) header.from=example.com";
        assert!(is_results(google));
        let findings = explain(google);
        assert_eq!(
            codes(google),
            ["body-changed", "receiver-spf", "receiver-dmarc"]
        );
        assert_eq!(findings[0].subject, "example.com");
        let advice = findings[1].fix.last();
        let Some(dkimd_advice::Fix::Words(words)) = advice else {
            panic!("{advice:?}");
        };
        assert!(words.to(Lang::En).contains("ip4:192.0.2.9"));
    }

    #[test]
    fn the_words_of_receivers_lead_to_the_cause() {
        for (text, code) in [
            (
                "mx; dkim=fail (no key for signature) header.d=a.example header.s=s",
                "key-not-found",
            ),
            (
                "mx; dkim=none (message not signed)",
                "receiver-saw-no-signature",
            ),
            (
                "mx; dkim=fail (signature did not verify) header.d=a.example",
                "signature-wrong",
            ),
            ("mx; dkim=temperror header.d=a.example", "dns-failed"),
            (
                "mx; dkim=policy (weak key) header.d=a.example",
                "key-too-small",
            ),
            (
                "mx; dkim=fail reason=\"signature verification failed\" header.d=a.example",
                "signature-wrong",
            ),
            ("mx; dmarc=none header.from=a.example", "receiver-no-dmarc"),
            (
                "mx; dkim=pass header.d=a.example; dmarc=pass",
                "receiver-satisfied",
            ),
        ] {
            assert_eq!(codes(text), [code], "{text}");
        }
    }

    #[test]
    fn what_is_no_result_is_left_alone() {
        assert_eq!(codes("mx.example; none"), Vec::<&str>::new());
        assert_eq!(codes("(((("), Vec::<&str>::new());
        assert_eq!(codes("mx; x=\"(; dkim=fail"), Vec::<&str>::new());
        assert!(!is_results("joe@example.com"));
    }
}
