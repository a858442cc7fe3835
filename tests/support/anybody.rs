//! What every user of this host reaches, and who is none of its users.

#![allow(
    dead_code,
    reason = "each user of this module needs another part of it"
)]

use std::{
    env,
    fs::{self, File, Permissions},
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
};

use nix::{
    sys::{
        memfd::{MFdFlags, memfd_create},
        stat::{Mode, umask},
    },
    unistd::{Gid, Group, Uid, User},
};

/// A fresh directory that every user may enter: the one for temporary files may be one user's alone.
/// What this program and those that it starts make from here on, everybody may read, as is usual.
pub fn folder() -> tempfile::TempDir {
    umask(Mode::from_bits_truncate(0o022));
    let usual = [env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
    let place = usual.iter().find(|place| is_open(place)).unwrap();
    let folder = tempfile::tempdir_in(place).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

fn is_open(place: &Path) -> bool {
    place.ancestors().all(|part| {
        fs::metadata(part).is_ok_and(|found| found.is_dir() && found.permissions().mode() & 1 != 0)
    })
}

/// This program as every user may run it, though they may not reach the place where it was built; by
/// the path for as long as the file is open.
pub fn this_program() -> (File, PathBuf) {
    let memory = memfd_create("test", MFdFlags::MFD_CLOEXEC).unwrap();
    let mut copy = File::from(memory);
    let mut program = File::open(env::current_exe().unwrap()).unwrap();
    io::copy(&mut program, &mut copy).unwrap();
    copy.set_permissions(Permissions::from_mode(0o755)).unwrap();
    let number = copy.as_raw_fd();
    // A file that is open for writing can't be run.
    let path = PathBuf::from(format!("/proc/self/fd/{number}"));
    let readable = File::open(&path).unwrap();
    drop(copy);
    let path = PathBuf::from(format!("/proc/self/fd/{}", readable.as_raw_fd()));
    (readable, path)
}

/// Two neighbouring numbers of no user and no group.
pub fn unused_numbers() -> (u32, u32) {
    let is_unused = |number: u32| {
        User::from_uid(Uid::from_raw(number)).is_ok_and(|user| user.is_none())
            && Group::from_gid(Gid::from_raw(number)).is_ok_and(|group| group.is_none())
    };
    // Below the numbers that namespaces may lack.
    let first = (54321..65000).find(|number| is_unused(*number) && is_unused(number + 1));
    first.map(|first| (first, first + 1)).unwrap()
}
