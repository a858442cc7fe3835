//! MilterPeers: which addresses may connect to a TCP socket at all.
//!
//! Who speaks the milter protocol tells whose mail it is, and is believed. So whoever reaches the
//! socket can have anything signed, and the only thing about him that can't be made up is the address
//! that he connects from. Names are therefore no entries here.

use std::{net::IpAddr, path::Path};

use super::hosts::{HostMatch, HostSet, is_network};
use crate::{
    dataset::{
        Case, DataSetSpec,
        entries::Entry,
        open::{OpenSet, at, push_bounded},
    },
    diagnostic::Diagnostic,
    socket::SocketSpec,
};

/// What `localhost` stands for, the one name that is known without asking.
const LOCALHOST: [&str; 2] = ["127.0.0.0/8", "::1"];

/// A compiled MilterPeers.
#[derive(Debug, Default)]
pub struct PeerSet(HostSet);

impl PeerSet {
    /// Opens and compiles the set. An entry that is no address is an error: left out, it would shut
    /// out the MTA that it means.
    pub fn open(spec: &DataSetSpec, base: Option<&Path>, findings: &mut Vec<Diagnostic>) -> Self {
        let Some(open) = OpenSet::open(spec, base, Case::Ignored, findings) else {
            return Self::default();
        };
        let has_globs = matches!(open, OpenSet::Patterns(_));
        let entries = open.entries();
        if entries.iter().all(|entry| entry.key.starts_with('!')) {
            let what = "MilterPeers lists nobody, so no MTA can connect over TCP";
            let finding = at(spec, Diagnostic::warning(what));
            findings.push(finding.remedy("write MilterPeers 127.0.0.1, ::1"));
        }
        let mut set = HostSet::default();
        let mut new = Vec::new();
        for entry in entries.iter() {
            let text = entry.key.strip_prefix('!').unwrap_or(entry.key);
            let text = text.trim_ascii();
            let finding = if is_localhost(entry.key) {
                LOCALHOST.into_iter().find_map(|key| {
                    let entry = Entry { key, ..entry };
                    set.add(entry, false)
                })
            } else if is_network(text) || (has_globs && is_glob(text)) {
                set.add(entry, has_globs)
            } else {
                Some(no_address(text))
            };
            new.extend(finding.map(|finding| finding.at(entries.file(), entry.line)));
        }
        push_bounded(findings, new);
        set.sort_lengths();
        Self(set)
    }

    /// Whether that address may connect.
    pub fn admits(&self, address: IpAddr) -> bool {
        matches!(self.0.find(None, Some(address)), HostMatch::Listed(_))
    }
}

/// The warning about a socket that everybody reaches, where there is no MilterPeers.
pub fn serves_everybody(socket: &SocketSpec) -> Diagnostic {
    Diagnostic::warning(format!(
        "Socket {socket} can be reached from other machines, and whoever connects can have any mail \
         signed"
    ))
    .remedy("add: MilterPeers 127.0.0.1, ::1 (and, after a comma each, the addresses of MTAs on other machines)")
}

fn is_localhost(text: &str) -> bool {
    text.eq_ignore_ascii_case("localhost")
}

/// A pattern of addresses, `192.0.2.*`; one that fits all of them is none.
fn is_glob(text: &str) -> bool {
    let of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '*');
    text.contains('*')
        && text.chars().all(of_address)
        && text.contains(|c: char| c.is_ascii_hexdigit())
}

fn no_address(text: &str) -> Diagnostic {
    let finding = Diagnostic::error(format!(
        "MilterPeers takes addresses and networks, and {text:?} is neither"
    ));
    finding.remedy(match text {
        "*" | "*.*" | "*:*" => "write 0.0.0.0/0, ::/0 if everybody is meant",
        _ => "write the address, as 192.0.2.7, or the network, as 192.0.2.0/24",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{DataSetKind, Origin};

    fn open(kind: DataSetKind) -> (PeerSet, Vec<Diagnostic>) {
        let spec = DataSetSpec {
            kind,
            origin: Origin {
                option: "MilterPeers",
                file: Path::new("opendkim.conf").into(),
                line: 3,
            },
        };
        let mut findings = Vec::new();
        (PeerSet::open(&spec, None, &mut findings), findings)
    }

    fn file(text: &str, kind: fn(std::path::PathBuf) -> DataSetKind) -> (PeerSet, Vec<Diagnostic>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        open(kind(file.path().into()))
    }

    fn admits(set: &PeerSet, address: &str) -> bool {
        set.admits(address.parse().unwrap())
    }

    #[test]
    fn addresses_and_networks_admit_in_every_form_of_a_list() {
        let text = "192.0.2.0/24\n!192.0.2.9\n2001:db8::/32\nlocalhost\n";
        let list = text.trim().replace('\n', ",");
        for (set, findings) in [
            open(DataSetKind::Csl(list)),
            file(text, DataSetKind::File),
            file(text, DataSetKind::Refile),
        ] {
            assert_eq!(findings, []);
            for address in [
                "192.0.2.7",
                "::ffff:192.0.2.7",
                "2001:db8::7",
                "127.0.0.1",
                "127.0.1.1",
                "::1",
            ] {
                assert!(admits(&set, address), "{address}");
            }
            for address in [
                "192.0.2.9",
                "::ffff:192.0.2.9",
                "192.0.3.1",
                "2001:db9::",
                "::",
            ] {
                assert!(!admits(&set, address), "{address}");
            }
        }
    }

    #[test]
    fn what_is_no_address_stops_the_load_with_file_line_and_remedy() {
        let (set, findings) = file(
            "192.0.2.7\nmta.example.com\n.example.org\n*\n",
            DataSetKind::File,
        );
        assert!(admits(&set, "192.0.2.7"));
        let told: Vec<_> = findings.iter().map(|f| (f.line, f.is_error())).collect();
        assert_eq!(told, [(Some(2), true), (Some(3), true), (Some(4), true)]);
        let remedy = findings[2].remedy.as_deref().unwrap();
        assert!(remedy.contains("0.0.0.0/0, ::/0"), "{remedy}");
    }

    #[test]
    fn an_empty_list_admits_nobody_and_is_warned_of() {
        let (set, findings) = file("# nobody\n", DataSetKind::File);
        assert!(!admits(&set, "127.0.0.1"));
        assert_eq!(findings.len(), 1);
        assert!(!findings[0].is_error());
    }

    #[test]
    fn patterns_of_a_refile_set_are_for_addresses() {
        let (set, findings) = file("192.168.*\n", DataSetKind::Refile);
        assert_eq!(findings, []);
        assert!(admits(&set, "192.168.3.4") && !admits(&set, "192.0.2.1"));
        for text in ["*.example.org\n", "*\n", "*.*\n", "*:*\n"] {
            let (_, findings) = file(text, DataSetKind::Refile);
            assert!(findings[0].is_error(), "{text}");
        }
    }

    #[test]
    fn a_list_that_only_excludes_lists_nobody_and_says_so() {
        for kind in [DataSetKind::File, DataSetKind::Refile] {
            let (set, findings) = file("!10.0.0.1\n", kind);
            assert!(!admits(&set, "10.0.0.2"));
            assert!(
                findings[0].to_string().contains("lists nobody"),
                "{findings:?}"
            );
        }
    }
}
