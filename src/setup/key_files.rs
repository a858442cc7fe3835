//! Where the keys of a domain are, and where new ones go.

use std::path::{Path, PathBuf};

use super::situation::{Configuration, Wanted};
use dkim_core::Algorithm;
use dkimd_hand::Place;
use dkimd_keygen::generate::KeyKind;
use dkimd_server::{
    config::snapshot::SigningIdentities,
    keys::{KeySource, file::MAX_KEY_FILE_OCTETS, load::private_key},
};

/// Where keys are kept on Debian.
pub const USUAL_DIRECTORY: &str = "/etc/dkimkeys";

/// The kind of RSA key that is made: what every receiver verifies and fits into DNS well.
pub const RSA: KeyKind = KeyKind::Rsa(2048);

/// A key as far as DNS is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// RSA or Ed25519.
    pub kind: KeyKind,
    /// The data of `p=`.
    pub public: Vec<u8>,
}

/// The public half of a key that is there.
///
/// # Errors
/// Why it can't be had, in words.
pub fn public_key(source: &KeySource) -> Result<PublicKey, String> {
    let octets = match source {
        KeySource::File(path) => {
            let read = Place::find(path).and_then(|place| place.read(MAX_KEY_FILE_OCTETS));
            let content = read.map_err(|error| error.to_string())?;
            content
                .map(|(content, _)| content)
                .ok_or_else(|| format!("{}: there is no such file", path.display()))?
        }
        KeySource::Inline(text) => text.as_bytes().to_vec(),
    };
    let octets = zeroize::Zeroizing::new(octets);
    let key = private_key(&octets).map_err(|error| match source {
        KeySource::File(path) => format!("{} {error}", path.display()),
        KeySource::Inline(_) => format!("the key in the KeyTable {error}"),
    })?;
    let kind = match key.algorithm() {
        Algorithm::Ed25519Sha256 => KeyKind::Ed25519,
        Algorithm::RsaSha256 | Algorithm::RsaSha1 => KeyKind::Rsa(key.bits()),
    };
    Ok(PublicKey {
        kind,
        public: key.public_key(),
    })
}

/// How new key files are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Directory, or directory of directories.
    directory: PathBuf,
    /// Whether each domain has a directory of its own there.
    by_domain: bool,
}

impl Layout {
    /// As wanted, or as the present configuration has it, or as usual.
    pub fn find(wanted: &Wanted, configuration: &Configuration) -> Self {
        let flat = |directory: PathBuf| Self {
            directory,
            by_domain: false,
        };
        if let Some(directory) = &wanted.key_directory {
            return flat(directory.clone());
        }
        match &configuration.snapshot.signing {
            SigningIdentities::None => flat(USUAL_DIRECTORY.into()),
            SigningIdentities::Single { key, .. } => match key {
                KeySource::File(path) => flat(directory_of(path)),
                KeySource::Inline(_) => flat(USUAL_DIRECTORY.into()),
            },
            SigningIdentities::Tables { keys, .. } => {
                let last = keys.rows().filter_map(|row| match row.key {
                    Some(KeySource::File(path)) => Some((row.domain?, path)),
                    _ => None,
                });
                let Some((domain, path)) = last.last() else {
                    return flat(USUAL_DIRECTORY.into());
                };
                let directory = directory_of(&path);
                let name = directory.file_name().and_then(|name| name.to_str());
                match (name, directory.parent()) {
                    (Some(name), Some(parent)) if name.eq_ignore_ascii_case(domain) => Self {
                        directory: parent.to_owned(),
                        by_domain: true,
                    },
                    _ => flat(directory),
                }
            }
        }
    }

    /// The file of a domain's key.
    pub fn file(&self, domain: &str, selector: &str) -> PathBuf {
        match self.by_domain {
            true => self
                .directory
                .join(domain)
                .join(format!("{selector}.private")),
            false => self.directory.join(format!("{selector}.{domain}.private")),
        }
    }
}

fn directory_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).to_owned()
}
