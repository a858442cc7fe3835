//! All records of one domain, compared with what is published; pure.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    Data, Record, Reverse, State,
    spf::{self, Senders},
};
use dkimd_advice::{text, text::Text};
use dkimd_keygen::generate::KeyKind;

/// Relay providers whose mail servers a domain's SPF record must name: what their host names end
/// with, and the name that they ask to include.
const RELAYS: [(&str, &str); 7] = [
    ("amazonaws.com", "amazonses.com"),
    ("gmail.com", "_spf.google.com"),
    ("google.com", "_spf.google.com"),
    ("mailgun.org", "mailgun.org"),
    ("mailjet.com", "spf.mailjet.com"),
    ("outlook.com", "spf.protection.outlook.com"),
    ("sendgrid.net", "sendgrid.net"),
];

/// What the records are for.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The domain.
    pub domain: String,
    /// The name of the mail server.
    pub hostname: String,
    /// The addresses that its mail leaves from, as the internet sees them.
    pub addresses: Vec<IpAddr>,
    /// The host that mail is handed to instead (`relayhost`).
    pub relay: Option<String>,
    /// The keys: selector, kind, data of `p=`.
    pub keys: Vec<(String, KeyKind, Vec<u8>)>,
}

/// What DNS says today. `None` everywhere: nobody was asked, or nobody answered.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// Where the domain's zone begins.
    pub zone: Option<String>,
    /// Where the zones of the records' names begin, by name.
    pub zones: BTreeMap<String, String>,
    /// The domain's mail exchangers, by preference.
    pub mx: Option<Vec<(u16, String)>>,
    /// The addresses of the domain's own name.
    pub domain_addresses: Option<Vec<IpAddr>>,
    /// The TXT records of the domain's own name.
    pub domain_texts: Option<Vec<String>>,
    /// The addresses of the mail server's name.
    pub host_addresses: Option<Vec<IpAddr>>,
    /// The TXT records of the mail server's name.
    pub host_texts: Option<Vec<String>>,
    /// The TXT records where DMARC is looked for: name and records, the domain's own first.
    pub dmarc: Option<Vec<(String, Vec<String>)>>,
    /// The TXT records of each key, in the order of the keys.
    pub keys: Vec<Option<Vec<String>>>,
    /// The reverse names of each address, in the order of the addresses.
    pub reverse: Vec<Option<Vec<String>>>,
    /// Whether SPF passes for each address today, in the order of the addresses.
    pub spf_passes: Vec<Option<bool>>,
}

/// The records, and what to ask the provider for.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// Where the zone begins, for names relative to it.
    pub zone: String,
    /// Where the zones of all names begin, as far as that is known.
    pub zones: BTreeMap<String, String>,
    /// The records, addresses first.
    pub records: Vec<Record>,
    /// The reverse names.
    pub reverse: Vec<Reverse>,
    /// What else to know.
    pub notes: Vec<Text>,
}

/// Makes the sheet.
pub fn sheet(subject: &Subject, published: &Published) -> Sheet {
    let mut sheet = Sheet {
        zone: published
            .zone
            .clone()
            .unwrap_or_else(|| subject.domain.clone()),
        zones: published.zones.clone(),
        ..Sheet::default()
    };
    host(subject, published, &mut sheet);
    let receives_here = mx(subject, published, &mut sheet);
    domain_spf(subject, published, receives_here, &mut sheet);
    keys(subject, published, &mut sheet);
    dmarc(subject, published, &mut sheet);
    // A relay is judged by its own reverse name.
    let judged = subject.addresses.iter().filter(|_| subject.relay.is_none());
    for (at, address) in judged.enumerate() {
        sheet.reverse.push(Reverse {
            address: *address,
            host: subject.hostname.clone(),
            present: published.reverse.get(at).cloned().flatten(),
        });
    }
    if subject.addresses.is_empty() && subject.relay.is_none() {
        sheet.notes.push(text!(
            "No public address of this host is known, so A, AAAA, SPF and reverse names are left \
             out or incomplete. Name it: --ip ADDRESS"
        ));
    }
    sheet
}

fn state(known: bool, present: bool, old: Vec<Data>) -> State {
    match (known, present, old.is_empty()) {
        (false, ..) => State::Unknown,
        (true, true, _) => State::Present,
        (true, false, true) => State::New,
        (true, false, false) => State::Change(old),
    }
}

/// The mail server's own name: addresses, and SPF for mail without a sender. A server in another
/// zone has these records there since its own domain was set up.
fn host(subject: &Subject, published: &Published, sheet: &mut Sheet) {
    let hostname = &subject.hostname;
    let domain = &subject.domain;
    let below = hostname == domain || hostname.ends_with(&format!(".{domain}"));
    if !below && published.host_addresses.is_none() {
        return;
    }
    let known = published.host_addresses.is_some();
    let found = published.host_addresses.clone().unwrap_or_default();
    for address in &subject.addresses {
        let others = found
            .iter()
            .filter(|other| other.is_ipv4() == address.is_ipv4())
            .filter(|other| !subject.addresses.contains(other));
        let old = others.map(|other| Data::from(*other)).collect();
        let mut record = Record::new(hostname, Data::from(*address));
        record.state = state(known, found.contains(address), old);
        sheet.records.push(record);
    }
    if hostname != domain && !subject.addresses.is_empty() {
        let mut record = Record::helo_spf(hostname);
        let texts = published.host_texts.as_deref().unwrap_or_default();
        let own: Vec<&String> = texts.iter().filter(|text| spf::is_spf(text)).collect();
        if let [one] = own.as_slice() {
            record.data = Data::Txt((*one).clone());
        }
        record.state = match own.len() {
            0 | 1 => state(published.host_texts.is_some(), own.len() == 1, Vec::new()),
            _ => State::Change(own.into_iter().cloned().map(Data::Txt).collect()),
        };
        sheet.records.push(record);
    }
}

/// Says whether the domain's mail is received by this server, as far as is known.
fn mx(subject: &Subject, published: &Published, sheet: &mut Sheet) -> bool {
    let mut record = Record::mx(&subject.domain, &subject.hostname);
    let Some(found) = &published.mx else {
        sheet.records.push(record);
        return true;
    };
    let own = found
        .iter()
        .find(|(_, host)| host.eq_ignore_ascii_case(&subject.hostname));
    match (own, found.first()) {
        (Some((preference, host)), _) => {
            record.data = Data::Mx {
                preference: *preference,
                host: host.clone(),
            };
            record.state = State::Present;
            sheet.records.push(record);
            true
        }
        (None, None) => {
            record.state = State::New;
            sheet.records.push(record);
            true
        }
        (None, Some(_)) => {
            let domain = &subject.domain;
            let hosts: Vec<_> = found.iter().map(|(_, host)| host.as_str()).collect();
            let hosts = hosts.join(", ");
            sheet.notes.push(text!(
                "Mail for {domain} is received by {hosts}; that MX record is left as it is."
            ));
            false
        }
    }
}

fn domain_spf(subject: &Subject, published: &Published, receives_here: bool, sheet: &mut Sheet) {
    let include = subject.relay.as_deref().and_then(include_of);
    let direct = subject.relay.is_none();
    if let (Some(relay), None) = (&subject.relay, include) {
        sheet.notes.push(text!(
            "Mail leaves through {relay}: ask its operator which include: belongs into the SPF \
             record."
        ));
    }
    let own_address = published.domain_addresses.as_deref().unwrap_or_default();
    let mut senders = Senders {
        a: direct
            && subject
                .addresses
                .iter()
                .any(|address| own_address.contains(address)),
        mx: receives_here && direct,
        addresses: match direct {
            true => subject.addresses.clone(),
            false => Vec::new(),
        },
        includes: include.map(str::to_owned).into_iter().collect(),
    };
    let texts = published.domain_texts.as_deref().unwrap_or_default();
    let old: Vec<String> = texts
        .iter()
        .filter(|text| spf::is_spf(text))
        .cloned()
        .collect();
    let (text, state) = match (&published.domain_texts, old.as_slice()) {
        (None, _) => (spf::new_record(&senders), State::Unknown),
        (Some(_), []) => (spf::new_record(&senders), State::New),
        (Some(_), old) => {
            // What passes already needs no term of its own.
            let passes = |at: usize| published.spf_passes.get(at).copied().flatten() == Some(true);
            let mut at = 0;
            senders.addresses.retain(|_| {
                at += 1;
                !passes(at - 1)
            });
            (senders.a, senders.mx) = (false, false);
            let merged = spf::merged(old, &senders);
            let same = |one: &String| spf::same_terms(one, &merged);
            match old {
                [one] if same(one) => (one.clone(), State::Present),
                _ => {
                    let old = old.iter().cloned().map(Data::Txt).collect();
                    (merged, State::Change(old))
                }
            }
        }
    };
    let mut record = Record::new(&subject.domain, Data::Txt(text));
    record.state = state;
    sheet.records.push(record);
}

fn include_of(relay: &str) -> Option<&'static str> {
    let host = relay.trim_start_matches('[');
    let host = host.split([']', ':']).next().unwrap_or(host);
    let host = host.to_ascii_lowercase();
    RELAYS
        .iter()
        .find(|(ending, _)| host == *ending || host.ends_with(&format!(".{ending}")))
        .map(|(_, include)| *include)
}

fn keys(subject: &Subject, published: &Published, sheet: &mut Sheet) {
    for (at, (selector, kind, public)) in subject.keys.iter().enumerate() {
        let mut record = Record::dkim(&subject.domain, selector, *kind, public.clone());
        let found = published.keys.get(at).cloned().flatten();
        let texts = found.as_deref().unwrap_or_default();
        let Data::Txt(wanted) = &record.data else {
            continue;
        };
        let same = |text: &String| publishes_the_same(text, wanted);
        let present = texts.len() == 1 && texts.iter().all(same);
        let old = texts.iter().cloned().map(Data::Txt).collect();
        if let (true, Some(one)) = (present, texts.first()) {
            record.data = Data::Txt(one.clone());
        }
        record.state = state(found.is_some(), present, old);
        sheet.records.push(record);
    }
}

/// Whether a published key record is as good as the wanted one: the same key of the same kind, and
/// nothing that limits it.
pub fn publishes_the_same(published: &str, wanted: &str) -> bool {
    let tags = |text: &str| -> Vec<(String, String)> {
        let tag = |part: &str| {
            let (name, value) = part.split_once('=')?;
            let dense: String = value.split_whitespace().collect();
            Some((name.trim().to_owned(), dense))
        };
        text.split(';').filter_map(tag).collect()
    };
    let (published, wanted) = (tags(published), tags(wanted));
    let value = |tags: &[(String, String)], name: &str| {
        let found = tags.iter().find(|(tag, _)| tag == name);
        found.map(|(_, value)| value.clone())
    };
    let kind = |tags| value(tags, "k").unwrap_or_else(|| "rsa".to_owned());
    let lists = |name: &str, word: &str, all: &str| {
        value(&published, name)
            .is_none_or(|value| value.split(':').any(|item| item == word || item == all))
    };
    let test_mode = value(&published, "t").is_some_and(|flags| flags.split(':').any(|f| f == "y"));
    value(&published, "p") == value(&wanted, "p")
        && kind(&published) == kind(&wanted)
        && value(&published, "v").is_none_or(|version| version == "DKIM1")
        && lists("h", "sha256", "sha256")
        && lists("s", "email", "*")
        && !test_mode
}

fn dmarc(subject: &Subject, published: &Published, sheet: &mut Sheet) {
    let reports_to = format!("postmaster@{}", subject.domain);
    let mut record = Record::dmarc(&subject.domain, &reports_to);
    let is_dmarc = |text: &&String| {
        let begin: String = text
            .chars()
            .filter(|c| !c.is_whitespace())
            .take(8)
            .collect();
        begin.eq_ignore_ascii_case("v=DMARC1")
    };
    let Some(places) = &published.dmarc else {
        sheet.records.push(record);
        return;
    };
    for (name, texts) in places {
        let found: Vec<&String> = texts.iter().filter(is_dmarc).collect();
        let Some(first) = found.first() else { continue };
        if *name != record.name {
            let domain = &subject.domain;
            sheet.notes.push(text!(
                "{domain} is covered by the DMARC record of {name}: {first}"
            ));
            return;
        }
        record.data = Data::Txt((*first).clone());
        record.state = match found.len() {
            1 => State::Present,
            _ => State::Change(found.into_iter().cloned().map(Data::Txt).collect()),
        };
        sheet.records.push(record);
        return;
    }
    record.state = State::New;
    sheet.records.push(record);
}

#[cfg(test)]
mod tests;
