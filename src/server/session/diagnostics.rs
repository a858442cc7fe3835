//! DiagnosticDirectory: for a bad signature with `z=`, a file with the fields as the signer saw
//! them and as they arrived, in OpenDKIM's layout.
//!
//! Files are written beside the mail, never before its reply, and never so many that strangers could
//! fill the disk in a day.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    journal::Journal,
    throttle::Throttle,
    verdict::{Verdict, bad_signature},
};
use crate::{dkim::header::HeaderSection, log::Level};

/// Octets of one file; what is longer is cut.
pub const MAX_FILE_OCTETS: usize = 256 * 1024;
/// Files written in an hour.
pub const MAX_FILES_AN_HOUR: u32 = 500;
/// Files written at the same moment.
const MAX_WRITERS: usize = 2;
/// Octets of a file's name.
const MAX_NAME_OCTETS: usize = 64;
/// Headers show mail: nobody else reads them.
const FILE_MODE: u32 = 0o600;

/// Writes the files.
#[derive(Debug)]
pub struct Diagnostics {
    writers: Arc<Semaphore>,
    throttle: Throttle,
}

impl Default for Diagnostics {
    fn default() -> Self {
        Self {
            writers: Arc::new(Semaphore::new(MAX_WRITERS)),
            throttle: Throttle::new(MAX_FILES_AN_HOUR, Duration::from_secs(60 * 60)),
        }
    }
}

impl Diagnostics {
    /// Begins to write the file of a message whose deciding signature is bad and holds `z=`. Must be
    /// called within the Tokio runtime.
    pub fn write(
        &self,
        directory: PathBuf,
        job: &str,
        verdict: &Verdict,
        section: &HeaderSection,
        journal: &Journal,
    ) {
        let Some(copied) = bad_signature(verdict)
            .and_then(|result| result.signature.as_ref()?.copied_fields.as_deref())
        else {
            return;
        };
        if !self.throttle.admits("", Instant::now()) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.writers).try_acquire_owned() else {
            return;
        };
        let path = directory.join(file_name(job));
        let text = text(copied, section);
        let journal = journal.clone();
        spawn_blocking(move || {
            if let Err(error) = write_file(&path, &text) {
                let what = format!("DiagnosticDirectory: {}: {error}", path.display());
                journal.line(Level::Warning, &what);
            }
            drop(permit);
        });
    }
}

/// What stands in the file.
fn text(copied: &str, section: &HeaderSection) -> Vec<u8> {
    let mut text = b"z tag headers:\n\n".to_vec();
    for field in copied.split('|').filter(|field| !field.trim().is_empty()) {
        let (name, value) = field.split_once(':').unwrap_or((field, ""));
        text.extend(decoded(name));
        text.push(b':');
        text.extend(decoded(value));
        text.push(b'\n');
    }
    text.extend(b"--------------------\n\nReceived headers:\n\n");
    for field in section.iter() {
        if text.len() > MAX_FILE_OCTETS {
            break;
        }
        text.extend(field.name);
        text.push(b':');
        text.extend(field.value.iter().filter(|&&octet| octet != b'\r'));
        text.push(b'\n');
    }
    text.truncate(MAX_FILE_OCTETS);
    text
}

/// dkim-quoted-printable without the folding white space; what is not encoded well stays as it is.
fn decoded(text: &str) -> Vec<u8> {
    let octets: Vec<u8> = text
        .bytes()
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    let mut plain = Vec::with_capacity(octets.len());
    let mut rest = octets.as_slice();
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        if octet == b'='
            && let Some((pair, behind)) = after.split_at_checked(2)
            && let Ok(value) = data_encoding::HEXUPPER_PERMISSIVE.decode(pair)
        {
            plain.extend(value);
            rest = behind;
        } else {
            plain.push(octet);
        }
    }
    plain
}

/// The queue id as a name within the directory, whatever the MTA calls its queue files.
fn file_name(job: &str) -> String {
    let name: String = job
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(MAX_NAME_OCTETS)
        .collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

/// Writes the file anew. What lies at its place and is no plain file stays untouched.
fn write_file(path: &Path, text: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)?
        .write_all(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::dkim::header::LeadingSpace;

    fn section() -> HeaderSection {
        let mut section = HeaderSection::default();
        section.push(b"From", b" a@example.com", LeadingSpace::Kept);
        section.push(b"Subject", b" new\n\tsubject", LeadingSpace::Kept);
        section
    }

    #[test]
    fn the_file_shows_the_fields_as_signed_and_as_received() {
        let text = text(
            "From:=20a@example.com|Subject:=20old=7C\r\n\tbar=",
            &section(),
        );
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "z tag headers:\n\nFrom: a@example.com\nSubject: old|bar=\n--------------------\n\n\
             Received headers:\n\nFrom: a@example.com\nSubject: new\n\tsubject\n"
        );
    }

    #[test]
    fn a_queue_id_never_leads_out_of_the_directory() {
        for (job, name) in [
            ("4XyZ1a2b3c", "4XyZ1a2b3c"),
            ("../../etc/passwd", "______etc_passwd"),
            ("..", "__"),
            ("", "_"),
            ("(unknown-jobid)", "_unknown-jobid_"),
        ] {
            assert_eq!(file_name(job), name);
        }
        assert_eq!(file_name(&"x".repeat(1000)).len(), MAX_NAME_OCTETS);
    }

    #[test]
    fn a_file_is_replaced_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("job"), folder.path().join("other"));
        fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        for text in [&b"first"[..], b"second"] {
            write_file(&path, text).unwrap();
            assert_eq!(fs::read(&path).unwrap(), text);
        }
        assert_eq!(fs::read(&other).unwrap(), b"precious");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, FILE_MODE);
    }

    #[test]
    fn a_long_header_section_is_cut() {
        let mut section = section();
        section.push(b"X", &vec![b'x'; MAX_FILE_OCTETS], LeadingSpace::Kept);
        assert_eq!(text("", &section).len(), MAX_FILE_OCTETS);
    }
}
