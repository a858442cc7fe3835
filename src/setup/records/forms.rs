//! Records as they are handed to DNS: for a zone file, for a web panel, for nsupdate.

use std::{collections::BTreeMap, fmt::Write};

use super::{Data, Record, Reverse, State};
use dkimd_questions::reverse_name;

/// The longest character-string of a TXT record (RFC 1035 section 3.3).
const STRING_OCTETS: usize = 255;
/// Time to live proposed to nsupdate, in seconds.
const TTL: u32 = 3600;

/// Lines for a zone file, with full names, so that `$ORIGIN` doesn't matter.
pub fn zone(record: &Record) -> String {
    let value = match &record.data {
        Data::Txt(text) if text.len() > STRING_OCTETS => {
            let strings = strings(text);
            format!("(\n    {} )", strings.join("\n    "))
        }
        data => presentation(data),
    };
    format!("{}. IN {} {value}\n", record.name, record.data.kind())
}

/// What the fields of a web panel take: the name within `zone` and in full, the type, the value
/// without quotes.
pub fn lines(record: &Record, zone: &str) -> Vec<(&'static str, String)> {
    let value = match &record.data {
        Data::Txt(text) => text.clone(),
        Data::Mx { host, .. } => host.clone(),
        data => presentation(data),
    };
    let mut lines = vec![
        ("name", relative_name(&record.name, zone)),
        ("full name", record.name.clone()),
        ("type", record.data.kind().to_owned()),
    ];
    if let Data::Mx { preference, .. } = &record.data {
        lines.push(("priority", preference.to_string()));
    }
    lines.push(("value", value));
    lines
}

/// Input for nsupdate: what goes away goes record by record, so that others of the same name stay.
fn nsupdate(record: &Record) -> String {
    let Record { name, data, state } = record;
    let mut text = String::new();
    if let State::Change(old) = state {
        for old in old {
            let _ = writeln!(
                text,
                "update delete {name}. {} {}",
                old.kind(),
                presentation(old)
            );
        }
    }
    let _ = writeln!(
        text,
        "update add {name}. {TTL} {} {}",
        data.kind(),
        presentation(data)
    );
    text
}

/// Input for nsupdate for all of them: one update for each zone, since an update is for one zone alone
/// (RFC 2136). `zones` says where the zone of a name begins; a name of unknown zone gets an update of
/// its own, whose zone nsupdate finds by itself. Reverse names come last: their zone is mostly another's.
///
/// Records of which nobody knows what is published get an update of their own, by name and type, which
/// the server carries out only where there is none of that name and type yet: it refuses an update as a
/// whole, and the others are not to wait for it.
pub fn nsupdates(
    records: &[&Record],
    reverse: &[&Reverse],
    zones: &BTreeMap<String, String>,
) -> String {
    let mut updates: Vec<Update<'_>> = Vec::new();
    let of_records = records
        .iter()
        .map(|record| Update::of_record(record, zones));
    let of_reverse = reverse
        .iter()
        .map(|reverse| Update::of_reverse(reverse, zones));
    for update in of_records.chain(of_reverse) {
        match updates.iter_mut().find(|known| known.takes(&update)) {
            Some(known) => known.text.push_str(&update.text),
            None => updates.push(update),
        }
    }
    updates.iter().map(Update::written).collect()
}

/// What nsupdate sends at once.
struct Update<'a> {
    zone: Option<&'a String>,
    /// The name of its first record.
    name: String,
    /// The type that the name must not have yet.
    none_of: Option<&'static str>,
    text: String,
}

impl<'a> Update<'a> {
    fn of_record(record: &Record, zones: &'a BTreeMap<String, String>) -> Self {
        Self {
            zone: zones.get(&record.name),
            name: record.name.clone(),
            none_of: (record.state == State::Unknown).then(|| record.data.kind()),
            text: nsupdate(record),
        }
    }

    /// What is there goes, since an address has one name; but not unseen.
    fn of_reverse(reverse: &Reverse, zones: &'a BTreeMap<String, String>) -> Self {
        let name = reverse_name(reverse.address);
        let host = reverse.host.trim_end_matches('.');
        let add = format!("update add {name}. {TTL} PTR {host}.\n");
        let (none_of, text) = match reverse.present {
            None => (Some("PTR"), add),
            Some(_) => (None, format!("update delete {name}. PTR\n{add}")),
        };
        Self {
            zone: zones.get(&name),
            name,
            none_of,
            text,
        }
    }

    /// Whether the other one can go with it.
    fn takes(&self, other: &Self) -> bool {
        let same_zone = self.none_of.is_none() && self.zone.is_some() && self.zone == other.zone;
        self.none_of == other.none_of && (same_zone || self.name == other.name)
    }

    fn written(&self) -> String {
        let mut all = String::new();
        if let Some(zone) = self.zone {
            let _ = writeln!(all, "zone {zone}.");
        }
        if let Some(kind) = self.none_of {
            let _ = writeln!(all, "prereq nxrrset {}. {kind}", self.name);
        }
        all + &self.text + "send\n"
    }
}

/// A name as panels want it: without the zone, `@` for the zone itself; in full where it is not in
/// the zone.
pub fn relative_name(name: &str, zone: &str) -> String {
    if name.eq_ignore_ascii_case(zone) {
        return "@".to_owned();
    }
    let inside = name
        .len()
        .checked_sub(zone.len() + 1)
        .and_then(|end| Some((name.get(..end)?, name.get(end..)?)))
        .filter(|(_, rest)| {
            rest.strip_prefix('.')
                .is_some_and(|z| z.eq_ignore_ascii_case(zone))
        });
    inside.map_or(name, |(inside, _)| inside).to_owned()
}

/// A record's data as zone files write it, on one line.
pub fn presentation(data: &Data) -> String {
    match data {
        Data::Txt(text) => strings(text).join(" "),
        Data::A(address) => address.to_string(),
        Data::Aaaa(address) => address.to_string(),
        Data::Mx { preference, host } => format!("{preference} {}.", host.trim_end_matches('.')),
    }
}

/// A text in quoted character-strings.
fn strings(text: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut string = String::new();
    let mut octets = 0;
    for octet in text.bytes() {
        if octets == STRING_OCTETS {
            strings.push(format!("\"{string}\""));
            string.clear();
            octets = 0;
        }
        match octet {
            b'"' | b'\\' => {
                string.push('\\');
                string.push(octet.into());
            }
            b' '..=b'~' => string.push(octet.into()),
            other => {
                let _ = write!(string, "\\{other:03}");
            }
        }
        octets += 1;
    }
    strings.push(format!("\"{string}\""));
    strings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_text() -> Record {
        Record::new(
            "mail._domainkey.example.com",
            Data::Txt("v=DKIM1; p=".to_owned() + &"A".repeat(392)),
        )
    }

    #[test]
    fn a_long_text_stands_in_strings_that_dns_can_hold() {
        let text = zone(&long_text());
        let lengths: Vec<_> = text.lines().map(|line| line.trim().len()).collect();
        assert_eq!(
            text.lines().next(),
            Some("mail._domainkey.example.com. IN TXT (")
        );
        assert_eq!(lengths[1], STRING_OCTETS + 2);
        assert!(text.ends_with("\" )\n"));
    }

    #[test]
    fn a_panel_gets_the_whole_text_without_quotes() {
        let lines = lines(&long_text(), "Example.com");
        assert_eq!(lines[0], ("name", "mail._domainkey".to_owned()));
        assert_eq!(lines[3].1.len(), 403);
    }

    #[test]
    fn names_are_relative_to_their_zone_alone() {
        for (name, zone, relative) in [
            ("example.com", "example.com", "@"),
            ("mail.example.com", "example.com", "mail"),
            ("mail.badexample.com", "example.com", "mail.badexample.com"),
            ("com", "example.com", "com"),
        ] {
            assert_eq!(relative_name(name, zone), relative);
        }
    }

    #[test]
    fn an_update_takes_away_only_what_it_replaces() {
        let mut record = Record::new("example.com", Data::Txt("v=spf1 mx ~all".to_owned()));
        record.state = State::Change(vec![Data::Txt("v=spf1 -all".to_owned())]);
        assert_eq!(
            nsupdate(&record),
            "update delete example.com. TXT \"v=spf1 -all\"\n\
             update add example.com. 3600 TXT \"v=spf1 mx ~all\"\n"
        );
        let mx = nsupdate(&Record::mx("example.com", "mail.example.com"));
        assert_eq!(mx, "update add example.com. 3600 MX 10 mail.example.com.\n");
    }

    #[test]
    fn each_zone_gets_one_update_and_a_name_of_unknown_zone_its_own() {
        let a = |name: &str| Record {
            state: State::New,
            ..Record::new(name, Data::A([203, 0, 113, 10].into()))
        };
        let records = [
            "example.com",
            "mail.other.example",
            "x.example.com",
            "y.unknown",
            "y.unknown",
        ];
        let records = records.map(a);
        let reverse = Reverse {
            address: [203, 0, 113, 10].into(),
            host: "mail.other.example".to_owned(),
            present: Some(vec!["old.example".to_owned()]),
        };
        let zones = [
            ("example.com", "example.com"),
            ("x.example.com", "example.com"),
            ("mail.other.example", "other.example"),
            ("10.113.0.203.in-addr.arpa", "113.0.203.in-addr.arpa"),
        ];
        let zones = zones.map(|(name, zone)| (name.to_owned(), zone.to_owned()));
        let text = nsupdates(
            &records.iter().collect::<Vec<_>>(),
            &[&reverse],
            &zones.into_iter().collect(),
        );
        let add = |name: &str| format!("update add {name}. 3600 A 203.0.113.10\n");
        let expected = [
            "zone example.com.\n".to_owned(),
            add("example.com"),
            add("x.example.com"),
            "send\nzone other.example.\n".to_owned(),
            add("mail.other.example"),
            "send\n".to_owned(),
            add("y.unknown"),
            add("y.unknown"),
            "send\nzone 113.0.203.in-addr.arpa.\n".to_owned(),
            "update delete 10.113.0.203.in-addr.arpa. PTR\n".to_owned(),
            "update add 10.113.0.203.in-addr.arpa. 3600 PTR mail.other.example.\nsend\n".to_owned(),
        ];
        assert_eq!(text, expected.concat());
    }

    #[test]
    fn what_nobody_knows_is_added_only_where_there_is_none_of_its_kind() {
        let new = Record {
            state: State::New,
            ..Record::mx("example.com", "mail.example.com")
        };
        let records = [
            Record::new("example.com", Data::Txt("v=spf1 -all".to_owned())),
            new,
            Record::new("mail.example.com", Data::A([203, 0, 113, 10].into())),
            Record::new("mail.example.com", Data::A([203, 0, 113, 11].into())),
        ];
        let reverse = Reverse {
            address: [203, 0, 113, 10].into(),
            host: "mail.example.com".to_owned(),
            present: None,
        };
        let zones = ["example.com", "mail.example.com"];
        let zones = zones.map(|name| (name.to_owned(), "example.com".to_owned()));
        let text = nsupdates(
            &records.iter().collect::<Vec<_>>(),
            &[&reverse],
            &zones.into_iter().collect(),
        );
        let expected = "zone example.com.\n\
             prereq nxrrset example.com. TXT\n\
             update add example.com. 3600 TXT \"v=spf1 -all\"\n\
             send\n\
             zone example.com.\n\
             update add example.com. 3600 MX 10 mail.example.com.\n\
             send\n\
             zone example.com.\n\
             prereq nxrrset mail.example.com. A\n\
             update add mail.example.com. 3600 A 203.0.113.10\n\
             update add mail.example.com. 3600 A 203.0.113.11\n\
             send\n\
             prereq nxrrset 10.113.0.203.in-addr.arpa. PTR\n\
             update add 10.113.0.203.in-addr.arpa. 3600 PTR mail.example.com.\n\
             send\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn quotes_and_foreign_octets_are_escaped() {
        assert_eq!(
            presentation(&Data::Txt("a\"\\é".to_owned())),
            "\"a\\\"\\\\\\195\\169\""
        );
    }
}
