//! TrustAnchorFile: the keys at which DNSSEC's chains of trust begin (RFC 4035 section 4.4).
//!
//! The file holds DNSKEY records in zone-file form, as Debian's `/usr/share/dns/root.key` does or
//! as unbound keeps them. A DS record can't be checked without its key; those of the root's known
//! keys are understood, others are refused.

use std::{
    fmt::{self, Debug, Formatter},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hickory_resolver::proto::{
    dnssec::{DigestType, PublicKey, PublicKeyBuf, TrustAnchors, rdata::DNSKEY},
    rr::Name,
    serialize::txt::trust_anchor::{Entry, Parser},
};

use crate::dataset::open::read_text;

/// Flags of a key-signing key (RFC 4034 section 2.1.1): zone key and secure entry point.
const KEY_SIGNING_FLAGS: u16 = 257;

/// The trust anchors of one file.
#[derive(Clone)]
pub struct TrustAnchor {
    pub(super) anchors: Arc<TrustAnchors>,
    pub(super) zones: Vec<Name>,
    /// What `anchors` holds, each zone and key once: hickory's type can't be compared.
    keys: Vec<(Name, PublicKeyBuf)>,
}

/// Why a trust anchor file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustAnchorError {
    /// It can't be read.
    #[error("{}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It holds something else than records.
    #[error("{}: not a file of DNSKEY records: {cause}; use /usr/share/dns/root.key of Debian's package dns-root-data", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        cause: String,
    },
    /// A DS record of a key that is not known.
    #[error("{}:{line}: a DS record names a key but does not hold it; write the DNSKEY record with the key instead (dig +short {zone} DNSKEY)", path.display())]
    UnknownDs {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// The zone of the record.
        zone: String,
    },
    /// It holds no usable key.
    #[error("{}: holds no DNSKEY record; use /usr/share/dns/root.key of Debian's package dns-root-data", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl TrustAnchor {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, TrustAnchorError> {
        let text = read_text(path).map_err(|cause| TrustAnchorError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, TrustAnchorError> {
        let mut this = Anchors::default();
        let mut keys = String::with_capacity(text.len());
        for (index, line) in text.lines().enumerate() {
            match DsLine::parse(line) {
                None => {
                    keys.push_str(line);
                    keys.push('\n');
                }
                Some(ds) => {
                    let key = ds.root_key().ok_or_else(|| TrustAnchorError::UnknownDs {
                        path: path.to_owned(),
                        line: index + 1,
                        zone: ds.zone.to_owned(),
                    })?;
                    this.add(Name::root(), &key);
                }
            }
        }
        let malformed = |cause: &dyn fmt::Display| TrustAnchorError::Malformed {
            path: path.to_owned(),
            cause: cause.to_string(),
        };
        for entry in Parser::new(keys).parse().map_err(|e| malformed(&e))? {
            let Entry::DNSKEY(record) = entry else {
                continue;
            };
            let key = record.data();
            if key.zone_key() && !key.revoke() {
                this.add(record.name().clone(), key.public_key());
            }
        }
        if this.zones.is_empty() {
            return Err(TrustAnchorError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            anchors: Arc::new(this.anchors),
            zones: this.zones,
            keys: this.keys,
        })
    }

    /// Whether `name` lies in a zone whose chain of trust can begin here.
    pub(super) fn covers(&self, name: &Name) -> bool {
        self.zones.iter().any(|zone| zone.zone_of(name))
    }
}

/// Two files with the same keys for the same zones are one anchor, however they are written.
impl PartialEq for TrustAnchor {
    fn eq(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len() && self.keys.iter().all(|key| other.keys.contains(key))
    }
}

impl Eq for TrustAnchor {}

impl Debug for TrustAnchor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustAnchor")
            .field("zones", &self.zones)
            .finish_non_exhaustive()
    }
}

struct Anchors {
    anchors: TrustAnchors,
    zones: Vec<Name>,
    keys: Vec<(Name, PublicKeyBuf)>,
}

impl Default for Anchors {
    fn default() -> Self {
        Self {
            anchors: TrustAnchors::empty(),
            zones: Vec::new(),
            keys: Vec::new(),
        }
    }
}

impl Anchors {
    fn add(&mut self, zone: Name, key: &PublicKeyBuf) {
        self.anchors.insert_with_name(key, (&zone).into());
        let known = (zone, key.clone());
        if self.keys.contains(&known) {
            return;
        }
        if !self.zones.contains(&known.0) {
            self.zones.push(known.0.clone());
        }
        self.keys.push(known);
    }
}

/// `. [ttl] IN DS 20326 8 2 E06D…`
struct DsLine<'a> {
    zone: &'a str,
    digest_type: u8,
    digest: String,
}

impl<'a> DsLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let text = line.split(';').next()?;
        let mut words = text.split_ascii_whitespace();
        let zone = words.next()?;
        let mut rest = words.skip_while(|word| {
            word.eq_ignore_ascii_case("IN") || word.bytes().all(|b| b.is_ascii_digit())
        });
        if !rest.next()?.eq_ignore_ascii_case("DS") {
            return None;
        }
        let digest_type = rest.nth(2).and_then(|word| word.parse().ok()).unwrap_or(0);
        Some(Self {
            zone,
            digest_type,
            digest: rest.collect::<String>().to_ascii_lowercase(),
        })
    }

    /// The key of the root zone that this record names, if it is one that hickory ships.
    fn root_key(&self) -> Option<PublicKeyBuf> {
        if self.zone != "." {
            return None;
        }
        let known = TrustAnchors::default();
        (0..known.len())
            .filter_map(|i| known.get(i))
            .find_map(|key| {
                let record = DNSKEY::with_flags(KEY_SIGNING_FLAGS, key.clone());
                let digest = record
                    .to_digest(&Name::root(), DigestType::from(self.digest_type))
                    .ok()?;
                (data_encoding::HEXLOWER.encode(digest.as_ref()) == self.digest)
                    .then(|| PublicKeyBuf::new(key.public_bytes().to_vec(), key.algorithm()))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT_DS: &str = ". IN DS 20326 8 2 \
         E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";

    fn parse(text: &str) -> Result<TrustAnchor, TrustAnchorError> {
        TrustAnchor::parse(text, Path::new("anchor"))
    }

    fn key_line(zone: &str, flags: u16) -> String {
        let known = TrustAnchors::default();
        let key = data_encoding::BASE64.encode(known.get(0).unwrap().public_bytes());
        format!("{zone} 86400 IN DNSKEY {flags} 3 8 {key} ;{{id = 20326 (ksk)}} ;;state=2\n")
    }

    #[test]
    fn dnskey_records_with_unbound_comments_are_read() {
        let anchor = parse(&format!(
            "; autotrust trust anchor file\n;;id: . 1\n\n{}{}",
            key_line(".", 257),
            key_line("Example.org.", 257)
        ))
        .unwrap();
        assert_eq!(anchor.anchors.len(), 1);
        assert_eq!(anchor.zones.len(), 2);
        assert!(anchor.covers(&Name::from_ascii("a.b.").unwrap()));
    }

    #[test]
    fn an_anchor_below_the_root_covers_its_zone_alone() {
        let anchor = parse(&key_line("example.org.", 257)).unwrap();
        assert!(anchor.covers(&Name::from_ascii("x.EXAMPLE.org.").unwrap()));
        assert!(!anchor.covers(&Name::from_ascii("example.com.").unwrap()));
    }

    #[test]
    fn anchors_are_the_same_if_their_keys_are() {
        let root = parse(&key_line(".", 257)).unwrap();
        assert_eq!(root, parse(ROOT_DS).unwrap());
        let both = format!("{}{}", key_line("Example.org.", 257), key_line(".", 257));
        let turned = format!("{}{}", key_line(".", 257), key_line("example.org.", 257));
        assert_eq!(parse(&both).unwrap(), parse(&turned).unwrap());
        assert_ne!(root, parse(&both).unwrap());
        assert_ne!(parse(&key_line("example.org.", 257)).unwrap(), root);
        let known = TrustAnchors::default();
        let other = data_encoding::BASE64.encode(known.get(1).unwrap().public_bytes());
        let rolled = parse(&format!(". IN DNSKEY 257 3 8 {other}\n")).unwrap();
        assert_ne!(root, rolled);
    }

    #[test]
    fn the_root_s_ds_record_stands_for_its_known_key() {
        let anchor = parse(ROOT_DS).unwrap();
        let known = TrustAnchors::default();
        assert!(anchor.anchors.contains(known.get(0).unwrap()));
        assert!(!anchor.anchors.contains(known.get(1).unwrap()));
    }

    #[test]
    fn debian_s_anchors_are_read() {
        for file in ["root.key", "root.ds"] {
            let path = Path::new("/usr/share/dns").join(file);
            if path.exists() {
                let anchor = TrustAnchor::load(&path).unwrap();
                assert!(!anchor.anchors.is_empty(), "{file}");
            }
        }
    }

    #[test]
    fn other_ds_records_are_refused_with_the_way_out() {
        let error = parse(&format!(
            "; x\nexample.org. 3600 IN DS 1 8 2 {}\n",
            "AB".repeat(32)
        ))
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "anchor:2: a DS record names a key but does not hold it; write the DNSKEY record with \
             the key instead (dig +short example.org. DNSKEY)"
        );
    }

    #[test]
    fn files_without_a_usable_key_are_refused() {
        for text in [
            "".to_owned(),
            "; nothing\n".to_owned(),
            key_line(".", 385), // revoked
            key_line(".", 0),   // no zone key
            "trusted-keys { };\n".to_owned(),
            ". IN A 192.0.2.1\n".to_owned(),
            ". IN DNSKEY 257 3 8 !!!\n".to_owned(),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains("root.key"), "{text}: {error}");
        }
        let error = TrustAnchor::load(Path::new("/nonexistent/root.key")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/nonexistent/root.key: No such file or directory (os error 2)"
        );
    }
}
