//! Why a place can't be used, and which command mends it.

use std::{
    fmt::{self, Display, Formatter},
    io,
    path::{Path, PathBuf},
};

use nix::errno::Errno;

use super::{
    Kind, MOST_OCTETS,
    act::{Report, State},
    owner::{Fault, Owner, PATIENCE},
};
use dkimd_advice::{text, text::Text};
use dkimd_server::keys::{accounts::user_name, safe::shell_word};

/// Why a place can't be used.
#[derive(Debug)]
pub enum PlaceError {
    /// A link where others can put links.
    Link {
        /// The link.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// The directory that others can change.
        directory: PathBuf,
    },
    /// Something else than was looked for.
    Other {
        /// Where.
        path: PathBuf,
        /// What.
        kind: Kind,
        /// Whose it is.
        owner: String,
    },
    /// A file that is larger than any that is meant.
    TooBig {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// Several users can change a directory, so the work can be handed to none of them.
    Shared {
        /// The directory.
        directory: PathBuf,
        /// Whose it is.
        owner: String,
        /// Whether everybody can change it, not only a group.
        everybody: bool,
    },
    /// The user who could change a directory may not do what is needed there.
    Denied {
        /// Where.
        path: PathBuf,
        /// Who.
        user: String,
        /// The directory that is this user's.
        directory: PathBuf,
    },
    /// This process can't work with the rights of a user.
    NoRights {
        /// The directory that is this user's.
        directory: PathBuf,
        /// Who.
        user: String,
        /// What the system says.
        cause: &'static str,
    },
    /// What is to be made must be another user's than the directory.
    WrongUser {
        /// Where.
        path: PathBuf,
        /// Whose it must be.
        needed: String,
        /// Whose the directory is.
        user: String,
        /// The directory.
        directory: PathBuf,
    },
    /// Root would change something because a file says so that others can change.
    Word {
        /// What would be changed.
        path: PathBuf,
        /// The file that names it.
        file: PathBuf,
        /// Who can change that file.
        user: String,
    },
    /// Whoever did the work did not answer.
    Silent {
        /// Where.
        path: PathBuf,
        /// Who.
        user: String,
    },
    /// The system refuses.
    System {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: Errno,
    },
}

impl PlaceError {
    /// What is wrong, and the command that mends it.
    pub fn text(&self) -> Text {
        let shown = |path: &Path| path.display().to_string();
        let word = |path: &Path| shell_word(&path.to_string_lossy());
        match self {
            Self::Link {
                path,
                owner,
                directory,
            } => {
                let (shown, word, directory) = (shown(path), word(path), shown(directory));
                text!(
                    "{shown} is a symbolic link that belongs to user {owner}, in a place that root \
                     alone does not decide on ({directory}), so it is not followed. See where it \
                     leads (ls -l {word}), then remove it: rm {word}"
                )
            }
            Self::Other { path, kind, owner } => {
                let kind = kind.text();
                let (shown, word) = (shown(path), word(path));
                text!(
                    "{shown} is {kind} that belongs to user {owner}, not what is needed there. Move it \
                     out of the way: mv {word} {word}.old"
                )
            }
            Self::TooBig { path, owner } => {
                let (shown, word) = (shown(path), word(path));
                let most = MOST_OCTETS / 1024 / 1024;
                text!(
                    "{shown}, which belongs to user {owner}, is larger than any such file is (more \
                     than {most} MiB, or than a key can be). Move it out of the way: mv {word} \
                     {word}.old"
                )
            }
            Self::Shared {
                directory,
                owner,
                everybody,
            } => {
                let (shown, word) = (shown(directory), word(directory));
                let (who, class) = if *everybody {
                    (text!("everybody"), "o")
                } else {
                    (text!("its group"), "g")
                };
                text!(
                    "The directory {shown} belongs to user {owner}, but {who} can change it, so what is \
                     in it may be anybody's. Take that right away: chmod {class}-w {word}"
                )
            }
            Self::Denied {
                path,
                user,
                directory,
            } => {
                let (shown, word) = (shown(path), word(path));
                let (above, directory) = (shown_word(directory), shown_of(directory));
                text!(
                    "{directory} belongs to user {user}, so root touches what is in it only with \
                     that user's rights, and {user} may not do so with {shown}. Give it to that \
                     user: chown -h {user} {word} && chmod u+rwX {word}; or make the directory \
                     root's: chown -h root {above}"
                )
            }
            Self::NoRights {
                directory,
                user,
                cause,
            } => {
                let (shown, word) = (shown(directory), word(directory));
                text!(
                    "{shown} belongs to user {user}, and this process can't take that user's rights \
                     ({cause}); with its own it changes nothing there. Make the directory root's: \
                     chown -h root {word}"
                )
            }
            Self::WrongUser {
                path,
                needed,
                user,
                directory,
            } => {
                let (shown, above) = (shown(path), shown_word(directory));
                let directory = shown_of(directory);
                text!(
                    "{shown} must belong to user {needed}, but {directory} belongs to user {user}, so \
                     what root has made there is that user's. Give the directory to the other: chown \
                     -h {needed} {above}"
                )
            }
            Self::Word { path, file, user } => {
                let (shown, word, file) = (shown(path), word(file), shown(file));
                text!(
                    "{shown} is named by {file}, which user {user} can change, so root changes nothing \
                     there on its word. Make that file root's: chown -h root {word} && chmod go-w \
                     {word}"
                )
            }
            Self::Silent { path, user } => {
                let (shown, seconds) = (shown(path), PATIENCE.as_secs());
                let word = word(path);
                text!(
                    "{shown} did not answer user {user} within {seconds} seconds. See what is mounted \
                     there: findmnt -T {word}"
                )
            }
            Self::System { path, cause } => {
                let (shown, cause) = (shown(path), cause.desc());
                text!("{shown}: {cause}")
            }
        }
    }

    /// The kind of error that the system's own calls would have given.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::System { cause, .. } => io::Error::from_raw_os_error(*cause as i32).kind(),
            Self::Denied { .. } | Self::NoRights { .. } | Self::WrongUser { .. } => {
                io::ErrorKind::PermissionDenied
            }
            _ => io::ErrorKind::Other,
        }
    }
}

fn shown_of(path: &Path) -> String {
    path.display().to_string()
}

fn shown_word(path: &Path) -> String {
    shell_word(&path.to_string_lossy())
}

impl Display for PlaceError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl std::error::Error for PlaceError {}

impl From<PlaceError> for io::Error {
    fn from(error: PlaceError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// What a report says of a component.
pub(super) fn of_report(report: &Report, path: &Path, owner: Option<&Owner>) -> PlaceError {
    let path = path.to_owned();
    let errno = Errno::from_raw(report.errno);
    match (report.state, owner) {
        (State::Link, _) => PlaceError::Link {
            directory: match owner {
                Some(owner) => owner.directory.clone(),
                None => path.parent().unwrap_or(Path::new("/")).to_owned(),
            },
            owner: user_name(report.uid),
            path,
        },
        (State::Other, _) => PlaceError::Other {
            kind: report.kind(),
            owner: user_name(report.uid),
            path,
        },
        (State::TooBig, _) => PlaceError::TooBig {
            owner: user_name(report.uid),
            path,
        },
        (State::NoRights, Some(owner)) => PlaceError::NoRights {
            directory: owner.directory.clone(),
            user: owner.name.clone(),
            cause: errno.desc(),
        },
        (State::Failed, Some(owner)) if matches!(errno, Errno::EACCES | Errno::EPERM) => {
            PlaceError::Denied {
                path,
                user: owner.name.clone(),
                directory: owner.directory.clone(),
            }
        }
        (State::Missing, _) => PlaceError::System {
            path,
            cause: Errno::ENOENT,
        },
        _ => PlaceError::System { path, cause: errno },
    }
}

pub(super) fn of_fault(fault: Fault, path: &Path, owner: &Owner) -> PlaceError {
    let path = path.to_owned();
    match fault {
        Fault::System(cause) => PlaceError::System { path, cause },
        Fault::Silent | Fault::Garbled => PlaceError::Silent {
            path,
            user: owner.name.clone(),
        },
    }
}
