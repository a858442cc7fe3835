//! SigningTable: author address to key names and signers.

use std::{path::Path, sync::Arc};

use crate::{
    dataset::{
        Answer, Case, DataSetSpec, LookupError,
        entries::Entry,
        open::{OpenSet, push_bounded},
    },
    diagnostic::Diagnostic,
};

/// A compiled SigningTable.
#[derive(Debug)]
pub struct SigningTable {
    set: OpenSet,
}

/// A line that applies to an author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningEntry {
    /// The entry's pattern or key as written, for log and `explain`.
    pub pattern: String,
    /// Line in its file, where there is one.
    pub line: Option<u32>,
    /// The key's name, `%` already replaced by the author domain; empty if the line names none.
    pub key_name: String,
    /// The signer (`i=`), `%` already replaced, where there is one.
    pub signer: Option<String>,
}

/// A line as it stands, for checks over the whole table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningRow<'a> {
    /// The pattern or key.
    pub pattern: &'a str,
    /// The key's name; `None`: `%`, whatever the author domain is.
    pub key_name: Option<&'a str>,
    /// Its line.
    pub line: u32,
}

impl SigningTable {
    /// Opens and compiles the table. Bad lines are warnings, so that they do not keep the others
    /// from signing.
    pub fn open(
        spec: &DataSetSpec,
        base: Option<&Path>,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let set = OpenSet::open(spec, base, Case::Ignored, findings)?;
        let meant =
            |key: &str| key == "*" || (key.ends_with("@*") && key.matches('*').count() == 1);
        set.warn_of_wildcards(spec, meant, findings);
        let bad = set.entries().iter().filter_map(|entry| {
            let what = fault(&set, entry)?;
            Some(
                Diagnostic::warning(format!("SigningTable entry {:?} {}", entry.key, what.0))
                    .at(set.entries().file(), entry.line)
                    .leaves_unsigned()
                    .remedy(what.1),
            )
        });
        push_bounded(findings, bad);
        if set.entries().is_empty() {
            let file = set.entries().file();
            findings.push(
                Diagnostic::warning("SigningTable has no entry: no mail is signed")
                    .at(file, 0)
                    .leaves_unsigned()
                    .remedy(
                        "write: *@DOMAIN KEYNAME; or delete the lines SigningTable and KeyTable",
                    ),
            );
        }
        Some(Self { set })
    }

    /// The entries for `local@domain`, in the order of OpenDKIM: the first only, or all with
    /// `multiple`.
    ///
    /// A `refile:` table is asked for the whole address, in file order. Other tables are asked for
    /// `local@domain`, `domain`, `local@.parent` and `.parent` for each parent, `local@*`, `*`;
    /// with `multiple`, several lines of one key all count.
    pub fn find<'a>(
        &'a self,
        local: &'a str,
        domain: &'a str,
        multiple: bool,
    ) -> Answer<'a, Result<Vec<SigningEntry>, LookupError>> {
        let numbers = match &self.set {
            OpenSet::Patterns(set) => {
                let address = format!("{local}@{domain}");
                match set.first(&address) {
                    Some(first) if !multiple => vec![first],
                    Some(_) => set.all(&address),
                    None => Vec::new(),
                }
            }
            OpenSet::Keyed(set) => {
                let mut numbers = Vec::new();
                for key in keys_of(local, domain) {
                    numbers.extend(set.find(&key));
                    if !multiple && !numbers.is_empty() {
                        break;
                    }
                }
                numbers
            }
        };
        let found = numbers
            .into_iter()
            .map(|number| self.signing_entry(number, domain))
            .take(if multiple { usize::MAX } else { 1 })
            .collect();
        Answer::Now(Ok(found))
    }

    /// What [`Self::find`] asks for, in words, for `dkimd explain`.
    pub fn describe_search(&self, local: &str, domain: &str) -> String {
        match &self.set {
            OpenSet::Patterns(set) => {
                format!(
                    "{} patterns in file order for {local}@{domain}",
                    set.entries().len()
                )
            }
            OpenSet::Keyed(_) => keys_of(local, domain).collect::<Vec<_>>().join(", "),
        }
    }

    /// All usable lines in order.
    pub fn rows(&self) -> impl Iterator<Item = SigningRow<'_>> {
        self.set
            .entries()
            .iter()
            .map(|entry| (entry, split(entry.value)))
            .filter(|(_, (key_name, _))| !key_name.is_empty())
            .map(|(entry, (key_name, _))| SigningRow {
                pattern: entry.key,
                key_name: Some(key_name).filter(|name| *name != "%"),
                line: entry.line,
            })
    }

    /// The file it stands in: its own, or for a list the configuration file.
    pub fn file(&self) -> &Arc<Path> {
        self.set.entries().file()
    }

    fn signing_entry(&self, number: u32, domain: &str) -> SigningEntry {
        let entries = self.set.entries();
        let entry = entries.get(number);
        let (key_name, signer) = split(entry.value);
        SigningEntry {
            pattern: entry.key.to_owned(),
            line: (!entries.is_list()).then_some(entry.line),
            key_name: if key_name == "%" { domain } else { key_name }.to_owned(),
            signer: signer.map(|signer| signer.replace('%', domain)),
        }
    }
}

/// Key name and signer of a value.
fn split(value: &str) -> (&str, Option<&str>) {
    match value.split_once(':') {
        Some((key_name, signer)) => (key_name, Some(signer).filter(|signer| !signer.is_empty())),
        None => (value, None),
    }
}

/// The keys under which an author may stand in a table of exact keys, in order.
fn keys_of(local: &str, domain: &str) -> impl Iterator<Item = String> {
    let parents = domain.match_indices('.').map(|(at, _)| &domain[at..]);
    [format!("{local}@{domain}"), domain.to_owned()]
        .into_iter()
        .chain(parents.flat_map(move |parent| [format!("{local}@{parent}"), parent.to_owned()]))
        .chain([format!("{local}@*"), "*".to_owned()])
}

fn fault(set: &OpenSet, entry: Entry<'_>) -> Option<(&'static str, &'static str)> {
    let (key_name, signer) = split(entry.value);
    if key_name.is_empty() {
        return Some((
            "names no key, so mail that it fits is deferred",
            "write: PATTERN KEYNAME, with KEYNAME as in the KeyTable",
        ));
    }
    if signer.is_some_and(|signer| !signer.contains('@')) {
        return Some((
            "has a signer without @; it signs without i=",
            "write KEYNAME:@DOMAIN or KEYNAME:USER@DOMAIN",
        ));
    }
    let bare = !entry.key.contains(['@', '*', '(', '[', '?']);
    if bare && matches!(set, OpenSet::Patterns(_)) {
        return Some((
            "has no @ and so never matches an address in a refile: table",
            "write *@ before the domain",
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{DataSetKind, Origin};

    fn table(
        text: &str,
        kind: fn(std::path::PathBuf) -> DataSetKind,
    ) -> (SigningTable, Vec<Diagnostic>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let spec = DataSetSpec {
            kind: kind(file.path().into()),
            origin: Origin {
                option: "SigningTable",
                file: Path::new("opendkim.conf").into(),
                line: 1,
            },
        };
        let mut findings = Vec::new();
        let table = SigningTable::open(&spec, None, &mut findings).unwrap();
        (table, findings)
    }

    fn key_names(table: &SigningTable, address: &str, multiple: bool) -> Vec<String> {
        let (local, domain) = address.rsplit_once('@').unwrap();
        match table.find(local, domain, multiple) {
            Answer::Now(found) => found.unwrap().into_iter().map(|e| e.key_name).collect(),
            Answer::Later(_) => panic!("a compiled table answers at once"),
        }
    }

    #[test]
    fn exact_tables_go_from_the_address_to_the_star() {
        let text =
            "* star\nu@* anywhere\n.ex parent\nu@.ex userparent\na.ex domain\nu@a.ex address\n";
        let (table, findings) = table(text, DataSetKind::File);
        assert_eq!(findings, []);
        assert_eq!(
            key_names(&table, "u@a.ex", true),
            [
                "address",
                "domain",
                "userparent",
                "parent",
                "anywhere",
                "star"
            ]
        );
        assert_eq!(key_names(&table, "U@A.EX", false), ["address"]);
        assert_eq!(key_names(&table, "v@b.a.ex", false), ["parent"]);
        assert_eq!(key_names(&table, "v@ex", false), ["star"]);
    }

    #[test]
    fn pattern_tables_go_in_file_order_and_a_line_without_key_is_not_passed_over() {
        let (table, findings) = table("*@a.ex\n*@a.ex k1\nu@a.ex k2\n", DataSetKind::Refile);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, Some(1));
        assert_eq!(key_names(&table, "u@a.ex", false), [""]);
        assert_eq!(key_names(&table, "u@a.ex", true), ["", "k1", "k2"]);
        assert_eq!(key_names(&table, "u@b.ex", true), [""; 0]);
    }

    #[test]
    fn percent_signs_stand_for_the_author_domain() {
        let (table, _) = table("*@* %:list-%@%\n", DataSetKind::Refile);
        let Answer::Now(found) = table.find("u", "a.ex", false) else {
            panic!("now")
        };
        let found = found.unwrap();
        assert_eq!(found[0].key_name, "a.ex");
        assert_eq!(found[0].signer.as_deref(), Some("list-a.ex@a.ex"));
        assert_eq!(found[0].line, Some(1));
    }

    #[test]
    fn one_domain_may_have_two_lines_and_so_two_keys() {
        for kind in [DataSetKind::File, DataSetKind::Refile] {
            let (table, _) = table("u@a.ex rsa\nu@a.ex ed\n", kind);
            assert_eq!(key_names(&table, "u@a.ex", true), ["rsa", "ed"]);
            assert_eq!(key_names(&table, "u@a.ex", false), ["rsa"]);
        }
    }

    #[test]
    fn a_bare_domain_in_a_pattern_table_and_a_signer_without_at_are_warned_of() {
        let (_, findings) = table("a.ex k\n*@b.ex k:signer\n", DataSetKind::Refile);
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|finding| !finding.is_error()));
    }
}
