//! The DNS records that a mail domain needs, as values; pure.
//!
//! [`spf`] makes and merges SPF records, [`forms`] writes records for zone files, web panels and
//! nsupdate, [`sheet`] compares all records of a domain with what is published.

pub mod forms;
pub mod sheet;
pub mod spf;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dkimd_keygen::{generate::KeyKind, record::KeyRecord};

/// The preference of the one mail exchanger of a new domain.
const MX_PREFERENCE: u16 = 10;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its full name, without the final dot.
    pub name: String,
    /// What it says.
    pub data: Data,
    /// What DNS says today.
    pub state: State,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Text, its character-strings joined.
    Txt(String),
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A mail exchanger.
    Mx {
        /// The lower, the sooner it is tried.
        preference: u16,
        /// Its full name, without the final dot.
        host: String,
    },
}

/// What DNS says of a record today.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody was asked, or nobody answered.
    #[default]
    Unknown,
    /// It is published.
    Present,
    /// There is none of its kind yet.
    New,
    /// It takes the place of these.
    Change(Vec<Data>),
}

impl Data {
    /// The record's type as DNS writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Txt(_) => "TXT",
            Self::A(_) => "A",
            Self::Aaaa(_) => "AAAA",
            Self::Mx { .. } => "MX",
        }
    }
}

impl From<IpAddr> for Data {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::A(v4),
            IpAddr::V6(v6) => Self::Aaaa(v6),
        }
    }
}

impl Record {
    /// A record of which DNS has not been asked.
    pub fn new(name: impl Into<String>, data: Data) -> Self {
        Self {
            name: name.into(),
            data,
            state: State::Unknown,
        }
    }

    /// The record that publishes a DKIM key (RFC 6376 section 3.6.1): SHA-256 alone (RFC 8301), no
    /// test mode.
    pub fn dkim(domain: &str, selector: &str, kind: KeyKind, public: Vec<u8>) -> Self {
        let key = KeyRecord {
            selector: selector.to_owned(),
            domain: domain.to_owned(),
            full_name: true,
            hashes: Some("sha256".to_owned()),
            note: None,
            email_only: false,
            no_subdomains: false,
            test_mode: false,
            kind,
            public,
        };
        Self::new(key.name(), Data::Txt(key.text()))
    }

    /// The DMARC record (RFC 9989) to begin with: nothing is refused yet, reports come.
    pub fn dmarc(domain: &str, reports_to: &str) -> Self {
        Self::new(
            format!("_dmarc.{domain}"),
            Data::Txt(format!("v=DMARC1; p=none; rua=mailto:{reports_to}")),
        )
    }

    /// The one mail exchanger of a domain.
    pub fn mx(domain: &str, host: &str) -> Self {
        Self::new(
            domain,
            Data::Mx {
                preference: MX_PREFERENCE,
                host: host.to_owned(),
            },
        )
    }

    /// The SPF record of the name that a server greets with: mail without a sender is judged by it
    /// (RFC 7208 section 2.4).
    pub fn helo_spf(host: &str) -> Self {
        Self::new(host, Data::Txt("v=spf1 a -all".to_owned()))
    }

    /// Whether it has to be published or changed.
    pub fn is_to_do(&self) -> bool {
        self.state != State::Present
    }
}

/// A reverse name, which the owner of the network publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// The address.
    pub address: IpAddr,
    /// The name it is to have.
    pub host: String,
    /// The names it has; `None`: nobody was asked, or nobody answered.
    pub present: Option<Vec<String>>,
}

impl Reverse {
    /// Whether it is right: this name and no other.
    pub fn is_right(&self) -> bool {
        let same = |name: &String| name.eq_ignore_ascii_case(&self.host);
        matches!(self.present.as_deref(), Some([one]) if same(one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_record_names_sha256_alone_and_no_test_mode() {
        let record = Record::dkim("example.com", "mail", KeyKind::Ed25519, vec![0; 32]);
        assert_eq!(record.name, "mail._domainkey.example.com");
        assert_eq!(
            record.data,
            Data::Txt(
                "v=DKIM1; h=sha256; k=ed25519; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_reverse_name_is_right_only_alone() {
        let reverse = |names: &[&str]| Reverse {
            address: "203.0.113.10".parse().unwrap(),
            host: "mail.example.com".to_owned(),
            present: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        };
        assert!(reverse(&["Mail.example.com"]).is_right());
        assert!(!reverse(&[]).is_right());
        assert!(!reverse(&["mail.example.com", "other.example"]).is_right());
    }
}
