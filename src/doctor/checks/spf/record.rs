//! The text of one SPF record, term by term, with what is wrong with each (RFC 7208 section 4.6).

use std::{fmt, net::IpAddr};

use dkimd_advice::{text, text::Text};

/// The version that an SPF record begins with.
pub(super) const VERSION: &str = "v=spf1";

/// A record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Its terms in order, those with faults left out.
    pub terms: Vec<Term>,
    /// What makes it no SPF record that can be evaluated: `permerror`.
    pub faults: Vec<Fault>,
}

/// A mechanism or modifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// As written.
    pub text: String,
    /// `+`, `-`, `~` or `?`.
    pub qualifier: Qualifier,
    /// What it is.
    pub kind: Kind,
}

/// What matching means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

/// Mechanisms and modifiers; a missing name means the domain itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    All,
    Include(String),
    A(Option<String>),
    Mx(Option<String>),
    Ptr,
    /// `ip4:` or `ip6:`, the address without the length of its prefix.
    Ip(IpAddr),
    Exists(String),
    Redirect(String),
    /// `exp=` and what nobody knows: costs nothing and changes nothing.
    OtherModifier,
}

/// A term that no receiver can evaluate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// As written.
    pub term: String,
    /// Why.
    pub why: Why,
}

/// Why a term can't be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// No such mechanism.
    Unknown,
    /// `ip4:` or `ip6:` without an address of that family.
    BadAddress,
    /// A prefix length beyond the address.
    BadPrefix,
    /// Nothing after the colon, or no colon.
    NoValue,
    /// What follows the colon is no name.
    BadName,
    /// `all:` with something behind it.
    Superfluous,
    /// A modifier that may be there once.
    Twice,
}

impl Record {
    /// Reads a text that begins with [`VERSION`].
    pub(super) fn parse(text: &str) -> Self {
        let mut record = Self::default();
        let mut modifiers = Vec::new();
        for word in text.split(' ').skip(1).filter(|word| !word.is_empty()) {
            match term(word) {
                Ok(term) => {
                    if let Some(name) = once(word) {
                        if modifiers.contains(&name) {
                            record.fault(word, Why::Twice);
                            continue;
                        }
                        modifiers.push(name);
                    }
                    record.terms.push(term);
                }
                Err(why) => record.fault(word, why),
            }
        }
        record
    }

    fn fault(&mut self, term: &str, why: Why) {
        self.faults.push(Fault {
            term: term.to_owned(),
            why,
        });
    }

    /// What happens to mail that nothing matches: the qualifier of `all`, if there is one.
    pub(super) fn all(&self) -> Option<Qualifier> {
        let all = self.terms.iter().find(|term| term.kind == Kind::All);
        all.map(|term| term.qualifier)
    }

    /// The domain whose record counts where nothing here matches; ignored beside `all`.
    pub(super) fn redirect(&self) -> Option<&str> {
        if self.all().is_some() {
            return None;
        }
        self.terms.iter().find_map(|term| match &term.kind {
            Kind::Redirect(domain) => Some(domain.as_str()),
            _ => None,
        })
    }

    /// Terms behind `all`, which nobody looks at.
    pub(super) fn behind_all(&self) -> Vec<&Term> {
        let all = self.terms.iter().position(|term| term.kind == Kind::All);
        let Some(all) = all else {
            return Vec::new();
        };
        let behind = &self.terms[all + 1..];
        let mechanisms = behind.iter().filter(|term| {
            let modifier = matches!(term.kind, Kind::Redirect(_) | Kind::OtherModifier);
            !modifier
        });
        mechanisms.collect()
    }
}

impl Why {
    /// In words, after the term.
    pub(super) fn words(self) -> Text {
        match self {
            Self::Unknown => {
                text!("is no mechanism of SPF (all, include, a, mx, ip4, ip6, exists)")
            }
            Self::BadAddress => text!("has no valid address of its family"),
            Self::BadPrefix => text!("has a prefix length that no such address has"),
            Self::NoValue => text!("lacks its value after the colon"),
            Self::BadName => text!("names no domain after the colon"),
            Self::Superfluous => text!("must stand alone"),
            Self::Twice => text!("may be there only once"),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a TXT record is an SPF record: `v=spf1` alone or followed by a blank, whatever the case.
pub(super) fn is_spf(text: &str) -> bool {
    let version = text.get(..VERSION.len());
    version.is_some_and(|version| version.eq_ignore_ascii_case(VERSION))
        && matches!(text.as_bytes().get(VERSION.len()), None | Some(b' '))
}

/// Whether a TXT record was meant to be an SPF record but is none: quotes or blanks pasted in,
/// the version misspelt.
pub(super) fn is_meant_as_spf(text: &str) -> bool {
    if is_spf(text) {
        return false;
    }
    let squeezed: String = text
        .chars()
        .filter(|c| {
            !matches!(
                c,
                ' ' | '"' | '\'' | '\\' | '\t' | '\u{a0}' | '“' | '”' | '(' | ')'
            )
        })
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let begins = [
        "v=spf", "v:spf", "vspf", "spf1", "spf=", "v=pfs", "v=sfp", "v=psf", "v-spf", "=spf1",
        "spfv1",
    ];
    begins.iter().any(|begin| squeezed.starts_with(begin))
}

/// The text that was meant: quotes taken off, blanks in place.
pub(super) fn mended_text(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '"' | '\'' | '\\' | '“' | '”' | '(' | ')' | '\t' | '\u{a0}' | ';' => ' ',
            other => other,
        })
        .collect();
    // `v=spf1mx`: the version sticks to what follows.
    let plain = match plain.trim_start().get(..VERSION.len()) {
        Some(version) if version.eq_ignore_ascii_case(VERSION) => {
            plain.trim_start()[VERSION.len()..].to_owned()
        }
        _ => plain,
    };
    let mut words: Vec<&str> = plain.split_whitespace().collect();
    let is_term = |word: &str| term(word).is_ok();
    // What stands before the first word that is a term was meant as the version.
    let first = words
        .iter()
        .position(|word| is_term(word) && !word.to_ascii_lowercase().starts_with("v="));
    words.drain(..first.unwrap_or(words.len()));
    let mut mended = VERSION.to_owned();
    for word in words {
        mended.push(' ');
        mended.push_str(word);
    }
    mended
}

fn once(word: &str) -> Option<&'static str> {
    let name = word.split_once('=')?.0;
    ["redirect", "exp"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

fn term(word: &str) -> Result<Term, Why> {
    let made = |qualifier, kind| Term {
        text: word.to_owned(),
        qualifier,
        kind,
    };
    let name_end = word.find([':', '/', '=']).unwrap_or(word.len());
    if word[name_end..].starts_with('=') {
        let (name, value) = (&word[..name_end], &word[name_end + 1..]);
        if !is_modifier_name(name) {
            return Err(Why::Unknown);
        }
        let kind = match name.to_ascii_lowercase().as_str() {
            "redirect" => Kind::Redirect(domain(value)?),
            // `ip4=`, `include=`: a modifier nobody knows, by the letter, but never meant as one.
            "ip4" | "ip6" | "a" | "mx" | "include" | "all" | "exists" | "ptr" => {
                return Err(Why::Unknown);
            }
            _ => Kind::OtherModifier,
        };
        return Ok(made(Qualifier::Pass, kind));
    }
    let (qualifier, rest) = match word.as_bytes().first() {
        Some(b'+') => (Qualifier::Pass, &word[1..]),
        Some(b'-') => (Qualifier::Fail, &word[1..]),
        Some(b'~') => (Qualifier::SoftFail, &word[1..]),
        Some(b'?') => (Qualifier::Neutral, &word[1..]),
        _ => (Qualifier::Pass, word),
    };
    let (name, value) = match rest.find([':', '/']) {
        Some(end) => (&rest[..end], &rest[end..]),
        None => (rest, ""),
    };
    let after_colon = value.strip_prefix(':');
    let kind = match name.to_ascii_lowercase().as_str() {
        "all" if value.is_empty() => Kind::All,
        "all" => return Err(Why::Superfluous),
        "include" => Kind::Include(domain(after_colon.ok_or(Why::NoValue)?)?),
        "exists" => Kind::Exists(domain(after_colon.ok_or(Why::NoValue)?)?),
        "a" => Kind::A(domain_and_prefix(value)?),
        "mx" => Kind::Mx(domain_and_prefix(value)?),
        "ptr" => {
            if let Some(name) = after_colon {
                domain(name)?;
            }
            Kind::Ptr
        }
        "ip4" => network(after_colon.ok_or(Why::NoValue)?, true)?,
        "ip6" => network(after_colon.ok_or(Why::NoValue)?, false)?,
        _ => return Err(Why::Unknown),
    };
    Ok(made(qualifier, kind))
}

fn is_modifier_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(letters)
}

/// `domain-spec`: a name, or a text with macros.
fn domain(text: &str) -> Result<String, Why> {
    if text.is_empty() {
        return Err(Why::NoValue);
    }
    let fits = text.contains('%')
        || (text.contains('.') && text.bytes().all(|octet| octet.is_ascii_graphic()))
            && text.parse::<IpAddr>().is_err()
            && !text.contains(['/', ':', '@', ',', ';', '"']);
    match fits {
        true => Ok(text.trim_end_matches('.').to_ascii_lowercase()),
        false => Err(Why::BadName),
    }
}

/// `[":" domain-spec] ["/" length] ["//" length]`.
fn domain_and_prefix(value: &str) -> Result<Option<String>, Why> {
    let (name, prefix) = match value.find('/') {
        // A slash within a macro such as `%{d/}` is a delimiter.
        Some(slash) if !value.contains('%') => value.split_at(slash),
        _ => (value, ""),
    };
    let name = match name.strip_prefix(':') {
        Some(name) => Some(domain(name)?),
        None => None,
    };
    let (v4, v6) = match prefix.split_once("//") {
        Some((v4, v6)) => (v4, v6),
        None => (prefix, ""),
    };
    let within = |length: &str, most: u8| {
        length.is_empty() || length.parse::<u8>().is_ok_and(|length| length <= most)
    };
    if (!v4.is_empty() && v4.len() < 2)
        || !within(v4.trim_start_matches('/'), 32)
        || !within(v6, 128)
    {
        return Err(Why::BadPrefix);
    }
    Ok(name)
}

fn network(text: &str, v4: bool) -> Result<Kind, Why> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| match address.is_empty() {
        true => Why::NoValue,
        false => Why::BadAddress,
    })?;
    if address.is_ipv4() != v4 {
        return Err(Why::BadAddress);
    }
    let most = if v4 { 32 } else { 128 };
    match length.map(|length| length.parse::<u8>()) {
        None => Ok(Kind::Ip(address)),
        Some(Ok(length)) if length <= most => Ok(Kind::Ip(address)),
        Some(_) => Err(Why::BadPrefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(String, Why)> {
        let record = Record::parse(text);
        let faults = record.faults.into_iter();
        faults.map(|fault| (fault.term, fault.why)).collect()
    }

    #[test]
    fn every_mechanism_of_the_standard_is_read() {
        let record = Record::parse(
            "v=spf1 +a a:mail.example.com a/24 mx mx:example.net/24//64 a//64 ip4:192.0.2.0/24 \
             ip6:2001:db8::/32 include:_spf.example.net exists:%{i}.spf.example.net ptr \
             ?ptr:example.com exp=explain.example.com x-note=hello -all",
        );
        assert_eq!(record.faults, []);
        assert_eq!(record.terms.len(), 15);
        assert_eq!(record.all(), Some(Qualifier::Fail));
        assert_eq!(
            record.terms[4].kind,
            Kind::Mx(Some("example.net".to_owned()))
        );
    }

    #[test]
    fn terms_that_no_receiver_can_evaluate_are_named() {
        for (term, why) in [
            ("ip:192.0.2.1", Why::Unknown),
            ("ipv4:192.0.2.1", Why::Unknown),
            ("ip4=192.0.2.1", Why::Unknown),
            ("ip4:2001:db8::1", Why::BadAddress),
            ("ip4:192.0.2", Why::BadAddress),
            ("ip6:192.0.2.1", Why::BadAddress),
            ("ip4:192.0.2.1/33", Why::BadPrefix),
            ("ip4:", Why::NoValue),
            ("include", Why::NoValue),
            ("include:", Why::NoValue),
            ("include:192.0.2.1", Why::BadName),
            ("a:192.0.2.1", Why::BadName),
            ("a:https://example.com", Why::BadName),
            ("mx/33", Why::BadPrefix),
            ("192.0.2.1", Why::Unknown),
            ("-all;", Why::Unknown),
            ("all:example.com", Why::Superfluous),
        ] {
            let text = format!("v=spf1 mx {term}");
            assert_eq!(faults(&text), [(term.to_owned(), why)], "{term}");
        }
        assert_eq!(
            faults("v=spf1 redirect=a.example redirect=b.example"),
            [("redirect=b.example".to_owned(), Why::Twice)]
        );
    }

    #[test]
    fn records_that_were_meant_as_spf_are_told_from_other_texts() {
        assert!(is_spf("v=spf1") && is_spf("V=SPF1 mx") && !is_spf("v=spf10 mx"));
        for text in [
            "\"v=spf1 mx -all\"",
            " v=spf1 mx -all",
            "v=spf mx -all",
            "v=spf1mx -all",
            "v=spf2 mx -all",
            "spf1 mx",
            "v = spf1 mx",
            "v=spf1; mx; -all",
        ] {
            assert!(is_meant_as_spf(text), "{text}");
        }
        for text in [
            "v=DKIM1; p=",
            "google-site-verification=spf1",
            "v=spf1 -all",
            "",
        ] {
            assert!(!is_meant_as_spf(text), "{text}");
        }
    }

    #[test]
    fn a_misspelt_record_is_mended_to_what_was_meant() {
        for text in [
            "\"v=spf1 mx ip4:192.0.2.1 -all\"",
            "v=spf mx ip4:192.0.2.1 -all",
            "v = spf1 mx ip4:192.0.2.1 -all",
            "v=spf1; mx; ip4:192.0.2.1; -all",
            "v=spf1mx ip4:192.0.2.1 -all",
        ] {
            assert_eq!(mended_text(text), "v=spf1 mx ip4:192.0.2.1 -all", "{text}");
        }
    }

    #[test]
    fn mechanisms_behind_all_and_a_redirect_beside_it_count_for_nothing() {
        let record = Record::parse("v=spf1 -all ip4:192.0.2.1 redirect=a.example");
        assert_eq!(record.behind_all().len(), 1);
        assert_eq!(record.redirect(), None);
        assert_eq!(
            Record::parse("v=spf1 mx redirect=a.example").redirect(),
            Some("a.example")
        );
    }
}
