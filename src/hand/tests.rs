//! Places in directories of this test's own; what needs root and another user is in
//! `tests/setup_planted.rs`.

use std::{fs, os::unix::fs::symlink};

use super::*;

fn attributes_of(path: &Path) -> Attributes {
    Place::find(path)
        .unwrap()
        .look()
        .unwrap()
        .unwrap()
        .attributes
}

fn place(path: &Path) -> Place {
    Place::find(path).unwrap()
}

#[test]
fn a_file_is_replaced_with_its_attributes_and_nothing_is_left_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("KeyTable");
    fs::write(&path, "old").unwrap();
    let attributes = Attributes {
        mode: 0o640,
        ..attributes_of(&path)
    };
    place(&path).replace(b"new", attributes).unwrap();
    let read = place(&path).read(MOST_OCTETS).unwrap();
    assert_eq!(read, Some((b"new".to_vec(), attributes)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_there_is_not_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    fs::write(&path, "precious").unwrap();
    let error = place(&path)
        .create(b"new", attributes_of(&path))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_link_in_the_place_of_a_directory_gives_nobody_what_it_leads_to() {
    let dir = tempfile::tempdir().unwrap();
    let (etc, new) = (dir.path().join("etc"), dir.path().join("new"));
    fs::create_dir(&etc).unwrap();
    let before = attributes_of(&etc);
    let attributes = Attributes {
        mode: 0o777,
        ..before
    };
    let found = place(&new);
    symlink(&etc, &new).unwrap();
    found.make_directory(attributes).unwrap_err();
    found.give(attributes).unwrap_err();
    assert_eq!(attributes_of(&etc), before);
    fs::remove_file(&new).unwrap();
    found.make_directory(attributes).unwrap();
    assert_eq!(attributes_of(&new), attributes);
}

#[test]
fn the_target_of_a_link_is_found_even_where_the_file_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let real = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir(real.join("etc")).unwrap();
    symlink("etc", real.join("link")).unwrap();
    symlink("../etc/new", real.join("etc/far")).unwrap();
    for name in ["link/new", "etc/../link/./new", "etc/far", "link/far"] {
        assert_eq!(resolved(&real.join(name)), real.join("etc/new"), "{name}");
    }
    assert_eq!(resolved(&real.join("no/such")), real.join("no/such"));
    assert_eq!(resolved(Path::new("/")), Path::new("/"));
    assert_eq!(resolved(&real.join("etc/..")), real);
    symlink("circle", real.join("circle")).unwrap();
    Place::find(&real.join("circle")).unwrap_err();
}

#[test]
fn pipes_devices_and_large_files_are_neither_waited_for_nor_read() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let large = dir.path().join("large");
    fs::File::create(&large)
        .unwrap()
        .set_len(MOST_OCTETS + 1)
        .unwrap();
    for (path, expected) in [
        (pipe.as_path(), "is a named pipe that belongs to user"),
        (Path::new("/dev/zero"), "is a device that belongs to user"),
        (dir.path(), "is a directory that belongs to user"),
        (&large, "is larger than any such file"),
    ] {
        let error = place(path).read(MOST_OCTETS).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let replaced = place(path).replace(b"", Attributes::PUBLIC_FILE);
        assert!(path == large || replaced.is_err());
    }
}

#[test]
fn a_directory_is_empty_until_something_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    assert_eq!(place(&path).is_empty().unwrap(), None);
    fs::create_dir(&path).unwrap();
    assert_eq!(place(&path).is_empty().unwrap(), Some(true));
    fs::write(path.join("key"), "").unwrap();
    assert_eq!(place(&path).is_empty().unwrap(), Some(false));
    assert!(!place(&path).remove_directory().unwrap());
    place(&path.join("key")).remove_file().unwrap();
    assert!(place(&path).remove_directory().unwrap());
    assert!(!exists(&path).unwrap());
}
