//! The TXT record that publishes a key (RFC 6376 section 3.6.1), in the forms in which it is
//! handed to a DNS server or typed into a web panel.

use std::fmt::Write;

use data_encoding::BASE64;

use super::generate::KeyKind;

/// The octets of each string of a TXT record; the limit of DNS is 255, `opendkim-genkey` cuts
/// here, counting without `p=`.
const STRING_OCTETS: usize = 250;
/// The limit of DNS (RFC 1035 section 3.3).
const MAX_STRING_OCTETS: usize = 255;
/// Time to live proposed to nsupdate, in seconds.
const TTL: u32 = 3600;

/// How to write the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordFormat {
    /// A line for a zone file, as opendkim-genkey lays it out.
    #[default]
    Zone,
    /// Name and value, one line each, for a web panel.
    OneLine,
    /// Input for nsupdate.
    Nsupdate,
    /// JSON.
    Json,
}

/// A key record before it is written down.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// The selector.
    pub selector: String,
    /// The domain; empty: not told.
    pub domain: String,
    /// Zone format: write the full name rather than one relative to the zone.
    pub full_name: bool,
    /// `h=`.
    pub hashes: Option<String>,
    /// `n=`.
    pub note: Option<Note>,
    /// `s=email`.
    pub email_only: bool,
    /// `t=s`.
    pub no_subdomains: bool,
    /// `t=y`.
    pub test_mode: bool,
    /// `k=`.
    pub kind: KeyKind,
    /// The data of `p=`.
    pub public: Vec<u8>,
}

/// The `n=` tag.
#[derive(Clone, Debug)]
pub enum Note {
    /// Text for people, encoded as the tag demands.
    Text(String),
    /// As `opendkim-genkey` does: between quotes, put into the zone file unchanged.
    Raw(String),
}

impl KeyRecord {
    /// `mail._domainkey.example.com`, or without the domain when it isn't known.
    pub fn name(&self) -> String {
        match self.domain.trim_end_matches('.') {
            "" => format!("{}._domainkey", self.selector),
            domain => format!("{}._domainkey.{domain}", self.selector),
        }
    }

    /// The record's whole text.
    pub fn text(&self) -> String {
        let note = match &self.note {
            None => String::new(),
            Some(Note::Text(text)) => format!(" n={};", quoted_printable(text)),
            Some(Note::Raw(raw)) => format!(" n=\"{raw}\";"),
        };
        format!("{}p={}", self.head(&note), BASE64.encode(&self.public))
    }

    /// The record in a form; each ends with a newline.
    pub fn write(&self, format: RecordFormat) -> String {
        match format {
            RecordFormat::Zone => self.zone(),
            RecordFormat::OneLine => format!(
                "name:  {}\ntype:  TXT\nvalue: {}\n",
                self.name(),
                self.text()
            ),
            RecordFormat::Nsupdate => {
                let strings: Vec<String> = self.strings().iter().map(|s| quoted(s)).collect();
                let name = self.name();
                format!(
                    "update delete {name}. TXT\nupdate add {name}. {TTL} TXT {}\nsend\n",
                    strings.join(" ")
                )
            }
            RecordFormat::Json => {
                let value = serde_json::json!({
                    "name": self.name(),
                    "type": "TXT",
                    "ttl": TTL,
                    "value": self.text(),
                    "strings": self.strings(),
                });
                format!("{value:#}\n")
            }
        }
    }

    /// The tags before `p=`.
    fn head(&self, note: &str) -> String {
        let mut head = format!("v=DKIM1;{note}");
        if let Some(hashes) = &self.hashes {
            let _ = write!(head, " h={hashes};");
        }
        let _ = write!(head, " k={}; ", self.kind.tag());
        head.push_str(match (self.test_mode, self.no_subdomains) {
            (true, true) => "t=y:s; ",
            (true, false) => "t=y; ",
            (false, true) => "t=s; ",
            (false, false) => "",
        });
        if self.email_only {
            head.push_str("s=email; ");
        }
        head
    }

    /// The text cut into strings that fit into DNS.
    fn strings(&self) -> Vec<String> {
        let text = self.text();
        // Plain ASCII, so every cut is on a character's edge.
        text.as_bytes()
            .chunks(STRING_OCTETS)
            .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
            .collect()
    }

    /// The layout of `opendkim-genkey`, to the blank.
    fn zone(&self) -> String {
        let head = match &self.note {
            Some(Note::Raw(raw)) => format!("\"{}\"", self.head(&format!(" n=\\\"{raw}\\\";"))),
            Some(Note::Text(text)) => {
                let head = self.head(&format!(" n={};", quoted_printable(text)));
                let strings: Vec<String> = head
                    .as_bytes()
                    .chunks(MAX_STRING_OCTETS)
                    .map(|chunk| quoted(&String::from_utf8_lossy(chunk)))
                    .collect();
                strings.join("\n\t  ")
            }
            None => quoted(&self.head("")),
        };
        let key = BASE64.encode(&self.public);
        let key: Vec<&str> = (0..key.len())
            .step_by(STRING_OCTETS)
            .map(|start| &key[start..key.len().min(start + STRING_OCTETS)])
            .collect();
        let label = if self.full_name {
            format!("{}._domainkey.{}.", self.selector, self.domain)
        } else {
            format!("{}._domainkey", self.selector)
        };
        let comment = if self.domain.is_empty() {
            String::new()
        } else {
            format!(" ; ----- DKIM key {} for {}", self.selector, self.domain)
        };
        format!(
            "{label}\tIN\tTXT\t( {head}\n\t  \"p={}\" ) {comment}\n",
            key.join("\"\n\t  \"")
        )
    }
}

/// A TXT string in quotes, for zone files and nsupdate.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The `n=` value: what is no plain text of the tag syntax as `=XX` (RFC 6376 section 2.11).
fn quoted_printable(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for (index, octet) in text.bytes().enumerate() {
        let plain = match octet {
            b' ' => index != 0 && index + 1 != text.len(),
            b';' | b'=' | b'"' | b'\\' => false,
            other => other.is_ascii_graphic(),
        };
        if plain {
            encoded.push(char::from(octet));
        } else {
            let _ = write!(encoded, "={octet:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(octets: usize) -> KeyRecord {
        KeyRecord {
            selector: "mail".into(),
            domain: "example.com".into(),
            full_name: false,
            hashes: Some("sha256".into()),
            note: None,
            email_only: false,
            no_subdomains: false,
            test_mode: false,
            kind: KeyKind::Rsa(2048),
            public: vec![0; octets],
        }
    }

    #[test]
    fn the_zone_layout_cuts_after_250_octets_of_base64() {
        let (first, rest) = ("A".repeat(250), "A".repeat(142));
        assert_eq!(
            record(294).write(RecordFormat::Zone),
            format!(
                "mail._domainkey\tIN\tTXT\t( \"v=DKIM1; h=sha256; k=rsa; \"\n\t  \"p={first}\"\n\t  \
                 \"{rest}\" )  ; ----- DKIM key mail for example.com\n"
            )
        );
    }

    #[test]
    fn the_flags_stand_in_opendkim_genkeys_order() {
        let all = KeyRecord {
            full_name: true,
            note: Some(Note::Raw("a note; x".into())),
            email_only: true,
            no_subdomains: true,
            test_mode: true,
            ..record(3)
        };
        assert_eq!(
            all.write(RecordFormat::Zone),
            "mail._domainkey.example.com.\tIN\tTXT\t( \"v=DKIM1; n=\\\"a note; x\\\"; h=sha256; \
             k=rsa; t=y:s; s=email; \"\n\t  \"p=AAAA\" )  ; ----- DKIM key mail for example.com\n"
        );
    }

    #[test]
    fn the_panel_gets_name_and_value_in_one_line_each() {
        let ed25519 = KeyRecord {
            kind: KeyKind::Ed25519,
            ..record(32)
        };
        assert_eq!(
            ed25519.write(RecordFormat::OneLine),
            format!(
                "name:  mail._domainkey.example.com\ntype:  TXT\nvalue: v=DKIM1; h=sha256; \
                 k=ed25519; p={}=\n",
                "A".repeat(43)
            )
        );
    }

    #[test]
    fn nsupdate_and_json_get_strings_that_fit_into_dns() {
        let long = KeyRecord {
            note: Some(Note::Text("n".repeat(300))),
            ..record(550)
        };
        let parsed: serde_json::Value =
            serde_json::from_str(&long.write(RecordFormat::Json)).unwrap();
        let strings: Vec<&str> = parsed["strings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s.as_str().unwrap())
            .collect();
        assert!(strings.iter().all(|s| s.len() <= MAX_STRING_OCTETS));
        assert_eq!(strings.concat(), parsed["value"].as_str().unwrap());
        let line = format!("{TTL} TXT \"{}\"\nsend\n", strings.join("\" \""));
        assert!(long.write(RecordFormat::Nsupdate).ends_with(&line));
    }

    #[test]
    fn a_note_cannot_end_its_tag_or_its_string() {
        let noted = KeyRecord {
            note: Some(Note::Text("a \"b\"; c=d é".into())),
            ..record(3)
        };
        assert_eq!(
            noted.text(),
            "v=DKIM1; n=a =22b=22=3B c=3Dd =C3=A9; h=sha256; k=rsa; p=AAAA"
        );
    }
}
