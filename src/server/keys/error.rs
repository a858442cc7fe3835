//! Why a key can't be used, in OpenDKIM's words where it has any, and the command that mends it.

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
    path::{Path, PathBuf},
};

use super::{
    accounts::{Identity, group_name, user_name},
    load::Unusable,
    purpose::Purpose,
    safe::{Component, Finding, shell_word},
};
use crate::{dkim::crypto::ADVISED_RSA_BITS, secret::HIDDEN};

/// Where a key came from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// A file.
    File(PathBuf),
    /// The KeyTable's own text, which is never shown.
    Inline,
}

impl Display for KeyOrigin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Inline => f.write_str("the key text in the KeyTable"),
        }
    }
}

/// Why a key can't be used. Each says which file, its owner and mode where that matters, and the
/// one command that mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no such file.
    #[error("can't load key from {}: No such file or directory", without_fourth_part(.0))]
    Missing(PathBuf),
    /// Permission is denied on the file or on a directory above it.
    #[error("{0}")]
    Unreadable(Box<Denied>),
    /// The operating system refuses for another reason.
    #[error("can't load key from {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: String,
    },
    /// A directory, a pipe, a device.
    #[error("can't load key from {}: Not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Somebody else may read or replace it, and RequireSafeKeys forbids that.
    #[error("{}: key data is not secure: {finding} ({})", path.display(),
        told(&finding.component))]
    Unsafe {
        /// The file as configured.
        path: PathBuf,
        /// What is unsafe.
        finding: Box<Finding>,
    },
    /// It is replaced again and again while it is being read.
    #[error("can't load key from {}: it changes while it is being read", .0.display())]
    Changing(PathBuf),
    /// Larger than any key.
    #[error("can't load key from {}: {octets} octets are too many for a key", path.display())]
    TooBig {
        /// The file.
        path: PathBuf,
        /// Its size.
        octets: u64,
    },
    /// What is there can't sign.
    #[error("can't load key from {origin}: it {problem}")]
    Unusable {
        /// Whose content.
        origin: KeyOrigin,
        /// What is wrong with it.
        problem: Unusable,
    },
    /// An RSA key below MinimumKeyBits.
    #[error("private key too small ({bits} bits, need at least {minimum}): {origin}")]
    TooSmall {
        /// Which key.
        origin: KeyOrigin,
        /// Its modulus.
        bits: u32,
        /// MinimumKeyBits.
        minimum: u32,
    },
}

impl KeyError {
    /// The reason's stable word, for replies, logs and `dkimd explain`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "key-missing",
            Self::Unreadable(_) | Self::Io { .. } => "key-unreadable",
            Self::NotAFile(_) | Self::TooBig { .. } | Self::Unusable { .. } => "key-unusable",
            Self::Unsafe { .. } => "key-unsafe",
            Self::Changing(_) => "key-changing",
            Self::TooSmall { .. } => "key-too-small",
        }
    }
}

/// Permission denied, with the component that denies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The key file as configured.
    pub path: PathBuf,
    /// The component that stops us, as far as we can tell.
    pub component: Option<Component>,
    /// The reader that keys are judged for.
    pub me: Identity,
    /// Who was denied, where that is another: it tells nothing of `me`.
    pub tried_by: Option<Identity>,
}

impl Display for Denied {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "can't load key from {}: Permission denied",
            self.path.display()
        )?;
        if let Some(component) = &self.component {
            write!(
                f,
                ": {}, and {} may not {}",
                told(component),
                self.tried_by.as_ref().unwrap_or(&self.me).name,
                if component.directory {
                    "enter it"
                } else {
                    "read it"
                }
            )?;
        }
        Ok(())
    }
}

/// `/path is owner:group, mode 0600`
fn told(component: &Component) -> String {
    format!(
        "{} is {}:{}, mode {:04o}",
        component.path.display(),
        user_name(component.uid),
        group_name(component.gid),
        component.mode
    )
}

impl KeyError {
    /// The one command or sentence that mends it, where nothing is known of the signature.
    pub fn remedy(&self) -> String {
        self.remedy_for(None)
    }

    /// The one command or sentence that mends it.
    pub fn remedy_for(&self, purpose: Option<&Purpose>) -> String {
        match self {
            Self::Missing(path) if fourth_part(&path.to_string_lossy()).is_some() => {
                "a KeyTable's line ends with the key's path, and nothing may follow it; write: \
                 KEYNAME DOMAIN:SELECTOR:/PATH/OF/KEY"
                    .to_owned()
            }
            Self::Missing(path) => match purpose.and_then(|purpose| purpose.made_in_place(path)) {
                Some(way) => format!("{way}, or correct the path"),
                None => "restore the file, or correct the path".to_owned(),
            },
            Self::Unreadable(denied) => denied.remedy(),
            Self::Io { path, .. } | Self::NotAFile(path) | Self::TooBig { path, .. } => format!(
                "name the private key's file instead; ls -l {} shows what is there",
                shell_word(&path.to_string_lossy())
            ),
            Self::Unsafe { finding, .. } => finding.remedy(),
            Self::Changing(path) => format!(
                "find out what keeps writing to {}; a new key is best moved there with mv",
                path.display()
            ),
            Self::Unusable { origin, problem } => unusable_remedy(origin, problem, purpose),
            Self::TooSmall { minimum, .. } => {
                // What setup makes has so many bits, never more.
                let command = (*minimum <= ADVISED_RSA_BITS)
                    .then(|| purpose.and_then(Purpose::next_key))
                    .flatten();
                match command {
                    Some(command) => {
                        format!("sign with a larger key: `{command}`; or lower MinimumKeyBits")
                    }
                    None => format!(
                        "make a larger key, of {} bits, under a new selector; or lower \
                         MinimumKeyBits",
                        ADVISED_RSA_BITS.max(*minimum)
                    ),
                }
            }
        }
    }
}

impl Denied {
    fn remedy(&self) -> String {
        let me = shell_word(&self.me.name);
        if self.tried_by.is_some() {
            return format!("whether {me} may read it was not examined; ask again as that user");
        }
        match &self.component {
            Some(component) => {
                let path = shell_word(&component.path.to_string_lossy());
                if component.directory {
                    format!("chmod a+x {path}")
                } else if component.uid == self.me.uid {
                    format!("chmod 600 {path}")
                } else {
                    format!("chown {me} {path}")
                }
            }
            None => format!(
                "chown {me} {}, and check what else guards it (SELinux, AppArmor, a network \
                 file system)",
                shell_word(&self.path.to_string_lossy())
            ),
        }
    }
}

fn unusable_remedy(origin: &KeyOrigin, problem: &Unusable, purpose: Option<&Purpose>) -> String {
    let KeyOrigin::File(path) = origin else {
        return "write base64 of an unencrypted private key there, or the path of its file \
                beginning with / or ./"
            .to_owned();
    };
    let word = shell_word(&path.to_string_lossy());
    match problem {
        Unusable::Encrypted => format!(
            "openssl pkey -in {word} -out {word}.new && cat {word}.new > {word} && rm {word}.new"
        ),
        Unusable::NotAKey(_) => match purpose {
            Some(purpose) => format!(
                "name the private key's file instead ({} as keygen calls it)",
                purpose.file_name()
            ),
            None => "name the private key's file instead; its name ends in .private if keygen \
                     made it"
                .to_owned(),
        },
        Unusable::Empty
        | Unusable::Unknown
        | Unusable::CutShort
        | Unusable::BadArmour
        | Unusable::Material(_) => match purpose.and_then(Purpose::next_key) {
            Some(command) => {
                format!("restore the file from a backup, or sign with a new key: `{command}`")
            }
            None => "restore the file from a backup, or make a new key under a new selector and \
                     publish its record"
                .to_owned(),
        },
    }
}

/// Where a fourth part of a KeyTable's value begins, which OpenDKIM takes for a part of the path.
fn fourth_part(path: &str) -> Option<usize> {
    let after_ending = |ending: &&str| path.find(*ending).map(|at| at + ending.len());
    let known = [".pem:", ".key:", ".private:"];
    known.iter().filter_map(after_ending).min().or_else(|| {
        let name = path.rfind('/').map_or(0, |slash| slash + 1);
        path[name..].find(':').map(|colon| name + colon + 1)
    })
}

/// The path of a missing file up to its fourth part, which may be a password.
fn without_fourth_part(path: &Path) -> Cow<'_, str> {
    let path = path.to_string_lossy();
    match fourth_part(&path) {
        Some(at) => format!("{}{HIDDEN}", &path[..at]).into(),
        None => path,
    }
}

/// The path of a key's file as it may be told: all of it where there is such a file.
pub fn path_shown(path: &Path) -> Cow<'_, str> {
    if path.exists() {
        path.to_string_lossy()
    } else {
        without_fourth_part(path)
    }
}

#[cfg(test)]
mod tests;
