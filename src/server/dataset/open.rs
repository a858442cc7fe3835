//! Opening data sets: reading their files, and saying what is wrong with them.

use std::{
    borrow::Cow,
    fs::{self, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use nix::{
    errno::Errno,
    unistd::{Gid, Group, Uid, User},
};

use super::{
    Case, DataSet, DataSetKind, DataSetSpec,
    entries::{Entries, MAX_TEXT_OCTETS},
    keyed::KeyedSet,
    refile::PatternSet,
};
use crate::{diagnostic::Diagnostic, secret};

/// Findings told one by one for one table; the rest is only counted.
pub const MAX_FINDINGS_PER_SET: usize = 50;
/// Options whose sets say whose mail is signed, and with what.
const SIGNING_SETS: [&str; 3] = ["SigningTable", "KeyTable", "Domain"];

/// A compiled set.
#[derive(Debug)]
pub enum OpenSet {
    /// `csl:` or `file:`.
    Keyed(Box<KeyedSet>),
    /// `refile:`.
    Patterns(Box<PatternSet>),
}

impl OpenSet {
    /// Opens the set that `spec` names, relative to `base`.
    ///
    /// `None` comes with an error among the findings. Lines that can't be used are findings too;
    /// the other lines are used.
    pub fn open(
        spec: &DataSetSpec,
        base: Option<&Path>,
        case: Case,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        match &spec.kind {
            DataSetKind::Csl(list) => {
                if let Some(finding) = forgotten_prefix(spec, list, base) {
                    findings.push(finding);
                }
                let list = &*without_credentials(spec, list, findings);
                let entries =
                    Entries::of_list(list, Arc::clone(&spec.origin.file), spec.origin.line);
                Some(Self::Keyed(Box::new(KeyedSet::new(entries, case))))
            }
            DataSetKind::File(path) => {
                let entries = read_entries(spec, path, base, findings)?;
                Some(Self::Keyed(Box::new(KeyedSet::new(entries, case))))
            }
            DataSetKind::Refile(path) => {
                let entries = read_entries(spec, path, base, findings)?;
                let file = Arc::clone(entries.file());
                let (set, errors) = PatternSet::new(entries, case);
                let errors = errors.into_iter().map(|(line, error)| {
                    Diagnostic::error(error.to_string()).at(&file, line).remedy(
                        "only * means any text; write [ ] ( ) | ? { } ^ $ as regular \
                                 expressions have them; the line is not used",
                    )
                });
                push_bounded(findings, errors);
                Some(Self::Patterns(Box::new(set)))
            }
            DataSetKind::Unsupported(_) => {
                findings.push(
                    at(
                        spec,
                        Diagnostic::error(format!(
                            "{}: {}: dkimf_db_open(): this kind of data set can't be opened",
                            spec.origin.option,
                            spec.kind.shown()
                        )),
                    )
                    .remedy(
                        "export it to a text file and write file:/PATH, or refile:/PATH if it \
                         has wildcards",
                    ),
                );
                None
            }
        }
    }

    /// The entries in order.
    pub fn entries(&self) -> &Entries {
        match self {
            Self::Keyed(set) => set.entries(),
            Self::Patterns(set) => set.entries(),
        }
    }

    /// Behind the common interface.
    pub fn boxed(self) -> Box<dyn DataSet> {
        match self {
            Self::Keyed(set) => set,
            Self::Patterns(set) => set,
        }
    }

    /// Adds one warning if keys with `*` stand where only exact keys are found, unless `meant`
    /// says that the option gives them a meaning.
    pub fn warn_of_wildcards(
        &self,
        spec: &DataSetSpec,
        meant: impl Fn(&str) -> bool,
        findings: &mut Vec<Diagnostic>,
    ) {
        let Self::Keyed(set) = self else { return };
        let mut dead = set
            .entries()
            .iter()
            .filter(|entry| entry.key.contains('*') && !meant(entry.key));
        let Some(first) = dead.next() else { return };
        let more = match dead.count() {
            0 => String::new(),
            more => format!(" (and {more} more of the kind)"),
        };
        let remedy = match &spec.kind {
            DataSetKind::File(path) => {
                format!("write {} refile:{}", spec.origin.option, path.display())
            }
            _ => format!(
                "put the entries into a file, one a line, and write {} refile:/PATH",
                spec.origin.option
            ),
        };
        let finding = Diagnostic::warning(format!(
            "{} entry {:?} never matches: * is an ordinary character outside refile: sets{more}",
            spec.origin.option, first.key
        ))
        .at(set.entries().file(), first.line)
        .remedy(remedy);
        findings.push(match SIGNING_SETS.contains(&spec.origin.option) {
            true => finding.leaves_unsigned(),
            false => finding,
        });
    }
}

/// Adds at most [`MAX_FINDINGS_PER_SET`] of the findings, and then how many more there are.
pub fn push_bounded(findings: &mut Vec<Diagnostic>, new: impl IntoIterator<Item = Diagnostic>) {
    let mut new = new.into_iter();
    let mut last = None;
    for finding in new.by_ref().take(MAX_FINDINGS_PER_SET) {
        last = Some((finding.severity, finding.unsigned, finding.file.clone()));
        findings.push(finding);
    }
    let more = new.count();
    if let (1.., Some((severity, unsigned, file))) = (more, last) {
        findings.push(Diagnostic {
            severity,
            file,
            line: None,
            what: format!("{more} more findings of this kind"),
            remedy: None,
            unsigned,
            denied: false,
        });
    }
}

/// The finding at the place where the option stands.
pub fn at(spec: &DataSetSpec, finding: Diagnostic) -> Diagnostic {
    finding.at(&spec.origin.file, spec.origin.line)
}

/// The system's words for an error, without its number.
pub fn errno_text(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

/// How this process reads what the configuration names, if not as it is.
static READER: OnceLock<Reader> = OnceLock::new();

/// Reads a file whole; a [`SaysRemedy`] inside the error speaks for itself.
pub type Reader = fn(&Path) -> io::Result<Vec<u8>>;

/// Reads all that the configuration names with `reader` from now on, for commands that change files and
/// must not be led astray by them. Only the first call of a process counts.
pub fn read_files_with(reader: Reader) {
    let _ = READER.set(reader);
}

/// Why a file was not read, in words that say what mends it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SaysRemedy(pub String);

/// Reads a regular file whole.
///
/// What may stand there instead (a pipe that nobody writes to, `/dev/zero`) is neither waited for nor
/// read: the very file that was opened is judged.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if let Some(read) = READER.get() {
        return read(path);
    }
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("Not a regular file"));
    }
    if metadata.len() > MAX_TEXT_OCTETS as u64 {
        return Err(io::Error::other("larger than 4 GiB"));
    }
    let mut octets = Vec::with_capacity(metadata.len() as usize + 1);
    file.take(MAX_TEXT_OCTETS as u64).read_to_end(&mut octets)?;
    Ok(octets)
}

/// The same, as text.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_file(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}

/// Why a file can't be read, with its owner and mode if that matters, and what to do about it.
pub fn unreadable(path: &Path, error: &io::Error) -> (String, String) {
    let shown = path.display();
    let reason = errno_text(error);
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<SaysRemedy>())
    {
        return (reason, "then run the same command again".to_owned());
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let (blocked, facts) = match fs::metadata(path) {
                Ok(metadata) => (path, Some(metadata)),
                // A directory above can't be searched.
                Err(_) => path
                    .ancestors()
                    .skip(1)
                    .find_map(|dir| fs::metadata(dir).ok().map(|facts| (dir, Some(facts))))
                    .unwrap_or((path, None)),
            };
            let me = user_name(Uid::effective().as_raw());
            let facts = facts.map_or_else(String::new, |facts| {
                format!(
                    " ({} is owned by {}:{}, mode {:04o})",
                    blocked.display(),
                    user_name(facts.uid()),
                    group_name(facts.gid()),
                    facts.mode() & 0o7777
                )
            });
            let right = if blocked == path { "r" } else { "x" };
            (
                format!("{reason}: user {me} may not read it{facts}"),
                format!("run: setfacl -m u:{me}:{right} {}", blocked.display()),
            )
        }
        io::ErrorKind::NotFound => (
            reason,
            format!("correct the path or create the file: touch {shown}"),
        ),
        _ => (reason, format!("look at it with: ls -l {shown}")),
    }
}

fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

fn group_name(gid: u32) -> String {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => group.name,
        _ => gid.to_string(),
    }
}

fn read_entries(
    spec: &DataSetSpec,
    path: &Path,
    base: Option<&Path>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Entries> {
    let path = in_base(base, path);
    let octets = match read_file(&path) {
        Ok(octets) => octets,
        Err(error) => {
            let (reason, remedy) = unreadable(&path, &error);
            findings.push(
                at(
                    spec,
                    Diagnostic::error(format!(
                        "{} {}: dkimf_db_open(): {reason}",
                        spec.origin.option,
                        spec.kind.shown()
                    )),
                )
                .remedy(remedy)
                .denied_if(error.kind() == io::ErrorKind::PermissionDenied),
            );
            return None;
        }
    };
    let file: Arc<Path> = Arc::from(path);
    let text = String::from_utf8(octets).unwrap_or_else(|error| {
        let octets = error.as_bytes();
        let before = &octets[..error.utf8_error().valid_up_to()];
        let line = 1 + memchr::memchr_iter(b'\n', before).count() as u32;
        findings.push(
            Diagnostic::warning("an octet that is not UTF-8; it is read as U+FFFD")
                .at(&file, line)
                .remedy(format!(
                    "run: iconv -f ISO-8859-1 -t UTF-8 -o {0} {0}",
                    file.display()
                )),
        );
        String::from_utf8_lossy(octets).into_owned()
    });
    let entries = Entries::of_lines(text, file);
    findings.extend(entries.key_lines().map(|(first, last)| {
        Diagnostic::warning(format!(
            "lines {first} to {last} hold a private key, which has no place there; they are left aside"
        ))
        .at(entries.file(), first)
        .remedy("write the key into a file of its own, which only the server may read")
    }));
    Some(entries)
}

/// `path` as seen from BaseDirectory.
pub fn in_base(base: Option<&Path>, path: &Path) -> PathBuf {
    base.map_or_else(|| path.to_owned(), |base| base.join(path))
}

/// The list without a data set that is no item of any list. Its password may have commas in it, so
/// its pieces must not be told as items.
fn without_credentials<'l>(
    spec: &DataSetSpec,
    list: &'l str,
    findings: &mut Vec<Diagnostic>,
) -> Cow<'l, str> {
    let Some(set) = secret::in_list(list) else {
        return Cow::Borrowed(list);
    };
    let what = format!(
        "{}: the list has a data set as an item, which is left aside: {}",
        spec.origin.option,
        secret::line(&list[set.clone()])
    );
    findings.push(
        at(spec, Diagnostic::warning(what))
            .remedy("write the items themselves, or the data set alone"),
    );
    let rest = [&list[..set.start], &list[set.end..]].concat();
    without_credentials(spec, &rest, findings)
        .into_owned()
        .into()
}

/// A "list" of one item that is the name of an existing file.
fn forgotten_prefix(spec: &DataSetSpec, list: &str, base: Option<&Path>) -> Option<Diagnostic> {
    let looks_like_a_path = list.contains('/') && !list.contains([',', '=', ':']);
    (looks_like_a_path && in_base(base, Path::new(list)).is_file()).then(|| {
        at(
            spec,
            Diagnostic::warning(format!(
                "{} {list} is a list with one item, although there is a file of that name",
                spec.origin.option
            )),
        )
        .remedy(format!("write {} file:{list}", spec.origin.option))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::dataset::Origin;

    fn open(kind: DataSetKind) -> (Option<OpenSet>, Vec<Diagnostic>) {
        let spec = DataSetSpec {
            kind,
            origin: Origin {
                option: "SigningTable",
                file: Path::new("opendkim.conf").into(),
                line: 3,
            },
        };
        let mut findings = Vec::new();
        let set = OpenSet::open(&spec, None, Case::Ignored, &mut findings);
        if let Some(set) = &set {
            set.warn_of_wildcards(&spec, |key| key == "*", &mut findings);
        }
        (set, findings)
    }

    fn file(text: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file
    }

    #[test]
    fn a_missing_file_is_an_error_at_the_option_in_opendkims_words() {
        let (set, findings) = open(DataSetKind::File("/nowhere/table".into()));
        assert!(set.is_none());
        let text = findings[0].to_string();
        assert!(text.starts_with("opendkim.conf:3: error: "), "{text}");
        assert!(
            text.contains("file:/nowhere/table: dkimf_db_open(): No such file or directory"),
            "{text}"
        );
    }

    #[test]
    fn a_directory_is_no_table() {
        let (set, findings) = open(DataSetKind::Refile("/tmp".into()));
        assert!(set.is_none());
        assert!(findings[0].what.contains("Not a regular file"));
    }

    #[test]
    fn wildcards_in_a_file_table_are_told_once_with_the_first_line() {
        let table = file(b"a k\n* k\n*@b k\n*@c k\n");
        let (_, findings) = open(DataSetKind::File(table.path().into()));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, Some(3));
        assert!(findings[0].what.contains("1 more"));
        assert!(
            findings[0]
                .remedy
                .as_ref()
                .unwrap()
                .contains("SigningTable refile:/")
        );
    }

    #[test]
    fn a_bad_pattern_is_told_with_its_line_and_the_others_are_used() {
        let table = file(b"*@a k\n(@b k\n*@c k\n");
        let (set, findings) = open(DataSetKind::Refile(table.path().into()));
        assert_eq!(findings[0].line, Some(2));
        let Some(OpenSet::Patterns(set)) = set else {
            panic!("a pattern set")
        };
        assert_eq!(set.first("u@c"), Some(2));
    }

    #[test]
    fn latin_1_is_told_and_the_rest_is_read() {
        let table = file(b"a k\nb \xe9\n");
        let (set, findings) = open(DataSetKind::File(table.path().into()));
        assert_eq!(findings[0].line, Some(2));
        assert_eq!(set.unwrap().entries().len(), 2);
    }

    #[test]
    fn databases_are_refused_with_what_to_use_instead() {
        let (set, findings) = open(DataSetKind::Unsupported("ldap://host/".into()));
        assert!(set.is_none());
        assert!(
            findings[0]
                .remedy
                .as_ref()
                .unwrap()
                .contains("refile:/PATH")
        );
    }

    #[test]
    fn a_flood_of_findings_is_counted() {
        let mut findings = Vec::new();
        push_bounded(&mut findings, (0..120).map(|_| Diagnostic::error("x")));
        assert_eq!(findings.len(), MAX_FINDINGS_PER_SET + 1);
        assert_eq!(findings[50].what, "70 more findings of this kind");
    }
}
