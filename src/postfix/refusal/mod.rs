//! What a receiver, or Postfix itself, says when mail does not go through, and what it means.
//!
//! [`Refusal::read`] takes the words of a log line, of `postqueue -j` or of a bounce apart;
//! [`Refusal::cause`] looks them up in `receivers.toml` and its neighbours, the tables of codes and texts,
//! which lead to one of `causes.toml`, each with its meaning and its remedy. The same number means different
//! things to different receivers (5.7.27 is SPF at Google and a null MX in RFC 7505), so a pattern
//! may hold for one receiver alone.

mod tables;

use std::fmt::{self, Display, Formatter};

use dkimd_advice::text::Text;
use serde::Deserialize;

/// Octets of a reply that are looked at.
const MAX_SAID: usize = 4096;

/// Words about a message that did not go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The host that said it, or that Postfix tried to reach.
    pub host: Option<String>,
    /// The reply code: 550.
    pub code: Option<u16>,
    /// The enhanced status code: 5.7.26.
    pub enhanced: Option<Enhanced>,
    /// The words, on one line, without the codes that stand at the head of each line of a reply.
    pub text: String,
}

/// An enhanced status code (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Enhanced {
    /// 2 done, 4 put off, 5 refused.
    pub class: u8,
    /// What it is about: 7 is policy.
    pub subject: u16,
    /// What exactly.
    pub detail: u16,
}

/// What stands behind a refusal.
#[derive(Debug)]
pub struct Cause {
    /// Its stable name, in kebab-case.
    pub word: &'static str,
    /// Who has to do something.
    pub turn: Turn,
    /// The check of `dkimd doctor` that examines it.
    pub check: Option<&'static str>,
    /// What it means.
    pub meaning: Text,
    /// What to do.
    pub remedy: Text,
}

/// Who has to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// The administrator of this server.
    Ours,
    /// Somebody else, who must be asked: the receiver, the provider, the keeper of a list.
    Others,
    /// The author: address or content.
    Author,
    /// Nobody: Postfix tries again.
    Nobody,
}

/// A receiver whose codes and texts have a meaning of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// Its stable name, in lower case.
    pub name: &'static str,
    /// The domains that its mail servers are named below.
    hosts: Vec<String>,
    /// Words that tell its replies where no host is named.
    #[serde(default)]
    marks: Vec<String>,
    /// What it says.
    #[serde(rename = "refusal")]
    refusals: Vec<tables::Pattern>,
}

impl Refusal {
    /// Reads what Postfix wrote in brackets behind `status=…`, what `postqueue -j` gives as
    /// `delay_reason`, what stands in a bounce as `Diagnostic-Code`, or a bare SMTP reply.
    pub fn read(said: &str) -> Self {
        let end = (0..=said.len().min(MAX_SAID))
            .rev()
            .find(|at| said.is_char_boundary(*at))
            .unwrap_or(0);
        let said = without_frame(said[..end].trim());
        let (host, words) = match talked_to(said) {
            Some((host, words)) => (Some(host.to_ascii_lowercase()), words),
            None => (None, said),
        };
        let words = words.split(" (in reply to ").next().unwrap_or(words);
        let (code, enhanced) = codes(words);
        Self {
            host,
            code,
            enhanced,
            text: plain(words, code, enhanced),
        }
    }

    /// The same, said by `host`, where the words do not name it: the `relay=` of a log line, the
    /// `Remote-MTA` of a bounce.
    pub fn from_host(host: &str, said: &str) -> Self {
        let refusal = Self::read(said);
        let host = host.split('[').next().unwrap_or(host);
        let known = (!host.is_empty()).then(|| host.to_ascii_lowercase());
        Self {
            host: refusal.host.or(known),
            ..refusal
        }
    }

    /// Whether Postfix tries again. Without codes nothing was refused for good.
    pub fn is_temporary(&self) -> bool {
        match (self.enhanced, self.code) {
            (_, Some(code)) => code / 100 == 4,
            (Some(enhanced), None) => enhanced.class == 4,
            (None, None) => true,
        }
    }

    /// Which of the known receivers said it.
    pub fn receiver(&self) -> Option<&'static Receiver> {
        self.host
            .as_deref()
            .and_then(Receiver::of_host)
            .or_else(|| Receiver::of_words(&self.text))
    }

    /// What stands behind it, where that is known.
    pub fn cause(&self) -> Option<&'static Cause> {
        tables::find(self)
    }
}

impl Receiver {
    /// By the name of the mail server.
    pub fn of_host(host: &str) -> Option<&'static Self> {
        let below = |domain: &String| {
            let rest = host.strip_suffix(domain.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let mut all = tables::receivers().iter();
        all.find(|receiver| receiver.hosts.iter().any(below))
    }

    fn of_words(text: &str) -> Option<&'static Self> {
        let mut all = tables::receivers().iter();
        all.find(|receiver| receiver.marks.iter().any(|mark| text.contains(mark)))
    }
}

/// There is one of each name.
impl PartialEq for Receiver {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Receiver {}

impl Display for Enhanced {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl Enhanced {
    /// Reads `5.7.26`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let class = parts.next()?;
        let (subject, detail) = (number(parts.next()?)?, number(parts.next()?)?);
        let class = match class {
            "2" => 2,
            "4" => 4,
            "5" => 5,
            _ => return None,
        };
        parts.next().is_none().then_some(Self {
            class,
            subject,
            detail,
        })
    }
}

fn number(text: &str) -> Option<u16> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Takes off what stands around the words: brackets, the type of a diagnostic code, Postfix's note
/// that it does not try for a while.
fn without_frame(said: &str) -> &str {
    let mut said = said;
    if let Some(inner) = said.strip_prefix('(') {
        said = inner.strip_suffix(')').unwrap_or(inner);
    }
    for head in [
        "smtp; ",
        "smtp;",
        "X-Postfix; ",
        "delivery temporarily suspended: ",
    ] {
        said = said.strip_prefix(head).unwrap_or(said);
    }
    said
}

/// `host mx.example.com[192.0.2.1] said: …`: the host, and what it said. Where Postfix tells what
/// happened on the way to a host, its words are kept whole.
fn talked_to(said: &str) -> Option<(&str, &str)> {
    for head in ["host ", "server ", "connect to "] {
        let Some(rest) = said.strip_prefix(head) else {
            continue;
        };
        let host = rest.split(['[', ' ', ':']).next().unwrap_or_default();
        let said_by_host = [" said: ", " refused to talk to me: "]
            .iter()
            .find_map(|verb| rest.split_once(verb));
        return Some((host, said_by_host.map_or(said, |(_, words)| words)));
    }
    for head in ["lost connection with ", "conversation with "] {
        if let Some(rest) = said.strip_prefix(head) {
            return Some((rest.split(['[', ' ']).next().unwrap_or_default(), said));
        }
    }
    // SASL authentication failed; server smtp.example.com[192.0.2.1] said: 535 …
    let (_, rest) = said.split_once("; server ")?;
    Some((rest.split(['[', ' ']).next().unwrap_or_default(), said))
}

/// The codes that a reply begins with, or that stand behind the first colon of a log line about a
/// filter: `END-OF-MESSAGE from localhost[127.0.0.1]: 4.7.1 Service unavailable`.
fn codes(words: &str) -> (Option<u16>, Option<Enhanced>) {
    let begins = |words: &str| {
        let mut tokens = words.split_ascii_whitespace();
        let first = tokens.next().unwrap_or_default();
        if let Some(enhanced) = Enhanced::parse(first) {
            return Some((None, Some(enhanced)));
        }
        let code = reply_code(first.get(..3)?)?;
        let enhanced = match first.get(3..)? {
            "" => Enhanced::parse(tokens.next().unwrap_or_default()),
            rest => Enhanced::parse(rest.strip_prefix('-')?),
        };
        Some((Some(code), enhanced))
    };
    begins(words)
        .or_else(|| words.split(": ").skip(1).find_map(begins))
        .unwrap_or_default()
}

fn reply_code(text: &str) -> Option<u16> {
    number(text).filter(|code| text.len() == 3 && (200..600).contains(code))
}

/// The words in lower case, on one line, without the codes at the heads of the reply's lines.
fn plain(words: &str, code: Option<u16>, enhanced: Option<Enhanced>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for token in words.split_whitespace() {
        let token = match (token.get(..3).and_then(reply_code), token.get(3..4)) {
            (Some(_), Some("-")) => token.get(4..).unwrap_or_default(),
            (found @ Some(_), None) if found == code => "",
            _ => token,
        };
        let repeated = enhanced.is_some() && Enhanced::parse(token) == enhanced;
        if !token.is_empty() && !repeated {
            kept.push(token);
        }
    }
    kept.join(" ").to_lowercase().replace('\u{2019}', "'")
}

#[cfg(test)]
mod tests;
