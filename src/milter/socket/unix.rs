//! The Unix socket file: made, replaced when stale, never stolen, removed if still ours.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use nix::unistd::{Group, User, getegid, geteuid};
use socket2::{Domain, SockAddr, Socket, Type};

use super::{BACKLOG, ListenError};

/// The longest path that fits into a `sockaddr_un` with its final NUL.
const MAX_PATH: usize = 107;

/// The file of a Unix socket of ours; dropping it removes the file if it still is the same.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Ok(metadata) = fs::symlink_metadata(&self.path)
            && (metadata.dev(), metadata.ino()) == self.device_and_inode
        {
            // The directory may be closed to us by now; the next start replaces a stale socket.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Creates the socket file (its mode is up to the umask) and listens on it.
pub(super) fn bind(path: &Path) -> Result<(Socket, SocketFile), ListenError> {
    if path.as_os_str().len() > MAX_PATH {
        return Err(ListenError::new(
            format!(
                "the path of the socket {} has more than {MAX_PATH} characters",
                path.display()
            ),
            "choose a shorter path",
        ));
    }
    make_way(path)?;
    let failed = |error: io::Error| explain(path, &error);
    let address = SockAddr::unix(path).map_err(failed)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    socket.bind(&address).map_err(failed)?;
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    let file = SocketFile {
        path: path.to_owned(),
        device_and_inode: (metadata.dev(), metadata.ino()),
    };
    socket.listen(BACKLOG).map_err(failed)?;
    Ok((socket, file))
}

/// Removes a stale socket; refuses when somebody listens there or it is no socket.
fn make_way(path: &Path) -> Result<(), ListenError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(explain(path, &error)),
    };
    let shown = path.display();
    if !metadata.file_type().is_socket() {
        return Err(ListenError::new(
            format!("{shown} exists and is not a socket"),
            format!("look at it with ls -ld {shown}; then remove it or give Socket another path"),
        ));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| explain(path, &error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(explain(path, &error)),
        // An answer, or a full queue: somebody listens.
        Ok(_) | Err(_) => Err(ListenError::new(
            format!("{shown}: Address already in use: another program listens there"),
            format!("see which one with: ss -lxp src {shown}"),
        )
        .by_another()),
    }
}

/// Says what an error of the file system means for the socket's directory.
fn explain(path: &Path, error: &io::Error) -> ListenError {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (user, group) = ourselves();
    let (shown, parent) = (path.display(), directory.display());
    match error.kind() {
        io::ErrorKind::NotFound => ListenError::new(
            format!("the directory {parent} of the socket does not exist"),
            format!("create it with: install -d -o {user} -g {group} -m 750 {parent}"),
        ),
        io::ErrorKind::PermissionDenied => ListenError::new(
            match fs::metadata(directory) {
                Ok(metadata) => format!(
                    "user {user} may not create the socket {shown}: {parent} belongs to uid {} \
                     gid {}, mode {:o}",
                    metadata.uid(),
                    metadata.gid(),
                    metadata.mode() & 0o7777
                ),
                Err(_) => format!("user {user} may not create the socket {shown}"),
            },
            format!("give the directory to it with: chown {user} {parent}"),
        ),
        _ => ListenError::new(
            format!("cannot listen on {shown}: {error}"),
            "give Socket another path",
        ),
    }
}

/// The names of the user and group that would create the socket, or their numbers.
fn ourselves() -> (String, String) {
    let (uid, gid) = (geteuid(), getegid());
    let user = User::from_uid(uid).ok().flatten();
    let group = Group::from_gid(gid).ok().flatten();
    (
        user.map_or_else(|| uid.to_string(), |user| user.name),
        group.map_or_else(|| gid.to_string(), |group| group.name),
    )
}
