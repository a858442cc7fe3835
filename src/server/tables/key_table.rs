//! KeyTable: key name to domain, selector and key.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    dataset::{
        Answer, Case, DataSetSpec, LookupError,
        entries::Entry,
        open::{OpenSet, push_bounded},
    },
    diagnostic::Diagnostic,
    dkim::name::{Domain, NameError, Selector},
    keys::KeySource,
    secret,
};

/// Base64 of the smallest private key (Ed25519, PKCS#8) is longer than this; few file names are.
const MIN_INLINE_KEY: usize = 40;

/// A compiled KeyTable.
#[derive(Debug)]
pub struct KeyTable {
    set: OpenSet,
    base: Option<PathBuf>,
}

/// What a KeyTable line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// `d=`, `%` already replaced by the author domain.
    pub domain: Domain,
    /// `s=`.
    pub selector: Selector,
    /// The key.
    pub key: KeySource,
}

/// A line as it stands, for checks over the whole table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow<'a> {
    /// The key's name (a pattern in a `refile:` table).
    pub name: &'a str,
    /// The domain; `None`: `%`, whatever the author domain is.
    pub domain: Option<&'a str>,
    /// The selector.
    pub selector: &'a str,
    /// The key; `None` when its path depends on the author domain.
    pub key: Option<KeySource>,
    /// Its line.
    pub line: u32,
}

/// Why a KeyTable gives no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTableError {
    /// The table could not be asked.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// A field is missing or empty.
    #[error("KeyTable entry for '{key_name}' corrupt")]
    Corrupt {
        /// The entry.
        key_name: String,
    },
    /// The domain or selector is no DNS name.
    #[error("KeyTable entry for '{key_name}': the {field} {value:?} {cause}")]
    BadName {
        /// The entry.
        key_name: String,
        /// `domain` or `selector`.
        field: &'static str,
        /// As written.
        value: String,
        /// What is wrong.
        cause: NameError,
    },
}

/// The three fields of a value.
struct Fields<'a> {
    domain: &'a str,
    selector: &'a str,
    key: &'a str,
}

impl KeyTable {
    /// Opens and compiles the table. Bad lines are warnings, so that they do not keep the others
    /// from signing.
    pub fn open(
        spec: &DataSetSpec,
        base: Option<&Path>,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let set = OpenSet::open(spec, base, Case::Counts, findings)?;
        set.warn_of_wildcards(spec, |_| false, findings);
        let table = Self {
            set,
            base: base.map(Path::to_owned),
        };
        let bad = table.set.entries().iter().filter_map(|entry| {
            // `%` becomes an author domain, which is a name.
            let error = names(entry, entry.key, "author.invalid").err()?;
            Some(
                Diagnostic::warning(error.to_string())
                    .at(table.file(), entry.line)
                    .leaves_unsigned()
                    .remedy("write: KEYNAME DOMAIN:SELECTOR:/PATH/OF/KEY"),
            )
        });
        push_bounded(findings, bad);
        Some(table)
    }

    /// The entry named `key_name` (case counts); `None` when there is none.
    pub fn find<'a>(
        &'a self,
        key_name: &'a str,
        author_domain: &'a str,
    ) -> Answer<'a, Result<Option<KeyEntry>, KeyTableError>> {
        Answer::Now(
            self.number(key_name)
                .map(|number| {
                    self.key_entry(self.set.entries().get(number), key_name, author_domain)
                })
                .transpose(),
        )
    }

    /// The key alone of the entry named `key_name`, for a signature with this `d=`; `None` when there is none.
    pub fn key<'a>(
        &'a self,
        key_name: &'a str,
        domain: &'a str,
    ) -> Answer<'a, Result<Option<KeySource>, KeyTableError>> {
        let fields = |number| Fields::of(self.set.entries().get(number).value);
        let source = self.number(key_name).and_then(fields);
        Answer::Now(Ok(source.map(|fields| self.key_source(fields.key, domain))))
    }

    /// Whether there is an entry of that name.
    pub fn contains(&self, key_name: &str) -> bool {
        self.number(key_name).is_some()
    }

    /// All lines whose fields are there, in order.
    pub fn rows(&self) -> impl Iterator<Item = KeyRow<'_>> {
        self.set.entries().iter().filter_map(|entry| {
            let fields = Fields::of(entry.value)?;
            let varies =
                fields.domain == "%" && fields.key.starts_with('/') && fields.key.contains('%');
            Some(KeyRow {
                name: entry.key,
                domain: Some(fields.domain).filter(|domain| *domain != "%"),
                selector: fields.selector,
                key: (!varies).then(|| self.key_source(fields.key, fields.domain)),
                line: entry.line,
            })
        })
    }

    /// Number of lines, those with fields missing among them.
    pub fn line_count(&self) -> usize {
        self.set.entries().iter().count()
    }

    /// The file it stands in: its own, or for a list the configuration file.
    pub fn file(&self) -> &Arc<Path> {
        self.set.entries().file()
    }

    fn number(&self, key_name: &str) -> Option<u32> {
        match &self.set {
            OpenSet::Keyed(set) => set.find(key_name).next(),
            OpenSet::Patterns(set) => set.first(key_name),
        }
    }

    fn key_entry(
        &self,
        entry: Entry<'_>,
        key_name: &str,
        author_domain: &str,
    ) -> Result<KeyEntry, KeyTableError> {
        let (fields, domain, selector) = names(entry, key_name, author_domain)?;
        Ok(KeyEntry {
            key: self.key_source(fields.key, domain.as_str()),
            domain,
            selector,
        })
    }

    fn key_source(&self, key: &str, domain: &str) -> KeySource {
        if key.starts_with('/') && secret::is_path_of_key(key) {
            return KeySource::File(key.replace('%', domain).into());
        }
        key_source(key, self.base.as_deref())
    }
}

/// An entry's fields, with its domain and selector parsed.
fn names<'a>(
    entry: Entry<'a>,
    key_name: &str,
    author_domain: &str,
) -> Result<(Fields<'a>, Domain, Selector), KeyTableError> {
    // A key pasted into the wrong place of the line is not told.
    let shown = |text: &str| secret::line(text).into_owned();
    let fields = Fields::of(entry.value).ok_or_else(|| KeyTableError::Corrupt {
        key_name: shown(key_name),
    })?;
    let bad_name = |field, value: &str, cause| KeyTableError::BadName {
        key_name: shown(key_name),
        field,
        value: shown(value),
        cause,
    };
    let domain = match fields.domain {
        "%" => author_domain,
        literal => literal,
    };
    let selector = Selector::parse(fields.selector)
        .map_err(|cause| bad_name("selector", fields.selector, cause))?;
    let domain = Domain::parse(domain).map_err(|cause| bad_name("domain", domain, cause))?;
    Ok((fields, domain, selector))
}

impl<'a> Fields<'a> {
    /// Domain, selector, and the rest with all its colons; `None` if one is missing or empty, or if
    /// the value is a data set, whose password would be taken for a part of a path.
    fn of(value: &'a str) -> Option<Self> {
        if secret::is_set_for_entry(value) {
            return None;
        }
        let mut parts = value.splitn(3, ':').map(str::trim_ascii);
        let fields = Self {
            domain: parts.next()?,
            selector: parts.next()?,
            key: parts.next()?,
        };
        let complete =
            !fields.domain.is_empty() && !fields.selector.is_empty() && !fields.key.is_empty();
        complete.then_some(fields)
    }
}

/// Tells a file from a key written in place.
///
/// OpenDKIM takes only what begins with `/`, `./` or `../` as a file, so that `keys/x.private` is
/// a key of thirteen letters to it. Here text is a key only if it looks like one: PEM, or base64
/// of DER (`MII…`, `MC4…`). All other text with a slash or a dot is a file, relative to
/// BaseDirectory or else to the working directory.
pub fn key_source(text: &str, base: Option<&Path>) -> KeySource {
    let is_path = secret::is_path_of_key(text);
    // Not even in an error message is a secret a path.
    if !is_path && secret::is_in(text) {
        return KeySource::Inline(text.to_owned());
    }
    if is_path || (!looks_like_a_key(text) && text.contains(['/', '.'])) {
        KeySource::File(base.map_or_else(|| text.into(), |base| base.join(text)))
    } else {
        KeySource::Inline(text.to_owned())
    }
}

fn looks_like_a_key(text: &str) -> bool {
    // DER of every private key is a SEQUENCE, whose octet 0x30 becomes an M.
    text.starts_with("-----BEGIN")
        || (text.len() >= MIN_INLINE_KEY
            && text.starts_with('M')
            && text
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"+/= \t".contains(&octet)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{DataSetKind, Origin};

    fn table(text: &str) -> (KeyTable, Vec<Diagnostic>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let spec = DataSetSpec {
            kind: DataSetKind::File(file.path().into()),
            origin: Origin {
                option: "KeyTable",
                file: Path::new("opendkim.conf").into(),
                line: 1,
            },
        };
        let mut findings = Vec::new();
        let table = KeyTable::open(&spec, Some(Path::new("/base")), &mut findings).unwrap();
        (table, findings)
    }

    fn find(table: &KeyTable, name: &str) -> Result<Option<KeyEntry>, KeyTableError> {
        match table.find(name, "author.ex") {
            Answer::Now(found) => found,
            Answer::Later(_) => panic!("a compiled table answers at once"),
        }
    }

    fn key(table: &KeyTable, name: &str) -> KeySource {
        find(table, name).unwrap().unwrap().key
    }

    #[test]
    fn percent_signs_are_expanded_only_where_opendkim_does() {
        let (table, findings) = table("a %:s:/k/%/x\nb b.ex:s:/k/%/x\nc c.ex:s:./%\n");
        assert_eq!(findings, []);
        assert_eq!(
            find(&table, "a").unwrap().unwrap().domain.as_str(),
            "author.ex"
        );
        assert_eq!(key(&table, "a"), KeySource::File("/k/author.ex/x".into()));
        assert_eq!(key(&table, "b"), KeySource::File("/k/b.ex/x".into()));
        assert_eq!(key(&table, "c"), KeySource::File("/base/./%".into()));
    }

    #[test]
    fn relative_paths_are_files_and_base64_is_a_key() {
        let base64 = "MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/A";
        let (table, _) = table(&format!(
            "a a.ex:s:keys/a.private\nb b.ex:s:{base64}\nc c.ex:s:mail.private\nd d.ex:s:/x:y\n"
        ));
        assert_eq!(
            key(&table, "a"),
            KeySource::File("/base/keys/a.private".into())
        );
        assert_eq!(key(&table, "b"), KeySource::Inline(base64.into()));
        assert_eq!(
            key(&table, "c"),
            KeySource::File("/base/mail.private".into())
        );
        assert_eq!(key(&table, "d"), KeySource::File("/x:y".into()));
    }

    #[test]
    fn paths_that_look_like_secrets_are_files() {
        for path in [
            "/rc/keys_2Xb9QmK4Rt7LpVw3ZsA8cD5fG6hJ1nM0qYuE/private.key",
            "/rc/Schluessel-AB12cdEF34ghIJ56klMN78opQR90stUV12wxYZ34/dkim.pem",
            "/rc/my=pass=x/k.pem",
            "/rc/socket:x/k.pem",
            "//rc/u:x@h/k.pem",
        ] {
            let (table, findings) = table(&format!("a a.ex:s:{path}\nb b.ex:s:.{path}\n"));
            assert_eq!(findings, []);
            assert_eq!(key(&table, "a"), KeySource::File(path.into()));
            let relative = format!("/base/.{path}");
            assert_eq!(key(&table, "b"), KeySource::File(relative.into()));
        }
    }

    #[test]
    fn data_sets_as_entries_are_corrupt_and_nothing_of_them_is_told() {
        let (table, findings) = table("a dsn:mysql://u:pw@h/d\nb mysql://u:pw@h/d\n");
        assert_eq!(findings.len(), 2);
        for (finding, name) in findings.iter().zip(["a", "b"]) {
            assert_eq!(finding.what, format!("KeyTable entry for '{name}' corrupt"));
            assert!(find(&table, name).is_err());
        }
        assert_eq!(table.rows().count(), 0);
    }

    #[test]
    fn names_tell_case_and_absent_ones_are_none() {
        let (table, _) = table("Key a.ex:s:/k\n");
        assert!(table.contains("Key"));
        assert_eq!(find(&table, "key"), Ok(None));
    }

    #[test]
    fn broken_lines_are_warned_of_with_their_line_and_give_an_error_when_asked_for() {
        let (table, findings) = table("a a.ex:s\nb b.ex::/k\nc b ad:s:/k\nd d.ex:s:/k\n");
        assert_eq!(
            findings.iter().map(|f| f.line).collect::<Vec<_>>(),
            [Some(1), Some(2), Some(3)]
        );
        assert_eq!(
            find(&table, "a").unwrap_err().to_string(),
            "KeyTable entry for 'a' corrupt"
        );
        assert!(find(&table, "d").unwrap().is_some());
    }

    #[test]
    fn rows_show_what_can_be_checked_without_a_message() {
        let (table, _) = table("a %:s:/k/%\nb b.ex:s:/k/%\nbroken\n");
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].domain, rows[0].key.clone()), (None, None));
        assert_eq!(rows[1].key, Some(KeySource::File("/k/b.ex".into())));
    }
}
