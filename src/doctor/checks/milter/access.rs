//! Which part of a path keeps a user from a socket, and who would have to let it in.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::unistd::{User, getgrouplist};

use dkimd_server::keys::accounts::{group_name, user_name};

/// Execute permission of a directory, for its others.
const SEARCH: u32 = 0o1;
/// Write permission of a socket, for its others.
const WRITE: u32 = 0o2;

/// Somebody who wants to reach a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) groups: Vec<u32>,
}

impl Visitor {
    /// An account with all the groups that it has now; `None` where there is no such account.
    pub(super) fn find(name: &str) -> Option<Self> {
        let user = User::from_name(name).ok()??;
        let c_name = std::ffi::CString::new(name).ok()?;
        let groups = getgrouplist(&c_name, user.gid).ok()?;
        Some(Self {
            name: name.to_owned(),
            uid: user.uid.as_raw(),
            groups: groups.into_iter().map(nix::unistd::Gid::as_raw).collect(),
        })
    }
}

/// One part of the way to a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Permission bits alone.
    pub(super) mode: u32,
}

/// What stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    Socket,
    Other,
}

impl Step {
    /// The permission that a visitor needs here, as others have it.
    fn needed(&self) -> u32 {
        match self.kind {
            Kind::Directory => SEARCH,
            _ => WRITE,
        }
    }

    /// Whether the group has what a visitor needs.
    pub(super) fn opens_to_group(&self) -> bool {
        self.mode & (self.needed() << 3) != 0
    }

    fn lets_in(&self, visitor: &Visitor) -> bool {
        let needed = if self.uid == visitor.uid {
            self.needed() << 6
        } else if visitor.groups.contains(&self.gid) {
            self.needed() << 3
        } else {
            self.needed()
        };
        visitor.uid == 0 || self.mode & needed != 0
    }

    /// As `ls -ld` has it: mode, owner, group, path.
    pub(super) fn shown(&self) -> String {
        let kind = match self.kind {
            Kind::Directory => 'd',
            Kind::Socket => 's',
            Kind::Other => '-',
        };
        let bits: String = (0..9)
            .rev()
            .map(|bit| match self.mode >> bit & 1 {
                0 => '-',
                _ => ['x', 'w', 'r'][bit % 3],
            })
            .collect();
        let (owner, group) = (user_name(self.uid), group_name(self.gid));
        format!("{kind}{bits} {owner} {group} {}", self.path.display())
    }
}

/// The way to a path, as far as it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) steps: Vec<Step>,
    /// The first part that is not there.
    pub(super) missing: Option<PathBuf>,
}

impl Way {
    /// Follows a path from `root` (whose own permissions don't count) to its end.
    pub(super) fn to(path: &Path, root: &Path) -> Self {
        let mut way = Self {
            steps: Vec::new(),
            missing: None,
        };
        let (mut at, rest) = match path.strip_prefix(root) {
            Ok(rest) => (root.to_owned(), rest),
            Err(_) => (PathBuf::from("/"), path.strip_prefix("/").unwrap_or(path)),
        };
        for part in rest.components() {
            at.push(part);
            match step(&at) {
                Ok(step) => way.steps.push(step),
                Err(error) => {
                    if error.kind() == io::ErrorKind::NotFound {
                        way.missing = Some(at);
                    }
                    return way;
                }
            }
        }
        way
    }

    /// The first part that does not let a visitor on.
    pub(super) fn barrier(&self, visitor: &Visitor) -> Option<&Step> {
        self.steps.iter().find(|step| !step.lets_in(visitor))
    }

    /// The parts that let in their group, but not others.
    pub(super) fn shared_by_group(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|step| step.opens_to_group() && step.mode & step.needed() == 0)
    }

    /// Its end, where all of it exists.
    pub(super) fn end(&self) -> Option<&Step> {
        match self.missing {
            None => self.steps.last(),
            Some(_) => None,
        }
    }
}

fn step(path: &Path) -> io::Result<Step> {
    let found = fs::metadata(path)?;
    let kind = match found.file_type() {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_socket() => Kind::Socket,
        _ => Kind::Other,
    };
    Ok(Step {
        path: path.to_owned(),
        kind,
        uid: found.uid(),
        gid: found.gid(),
        mode: found.mode() & 0o777,
    })
}

/// The commands that open a barrier to a visitor, the least change first.
pub(super) fn opening(barrier: &Step, visitor: &Visitor) -> Vec<String> {
    let (path, name) = (barrier.path.display(), &visitor.name);
    let (group, bit) = match barrier.kind {
        Kind::Directory => (group_name(barrier.gid), "x"),
        _ => (group_name(barrier.gid), "w"),
    };
    let mut commands = Vec::new();
    // Nobody should join root's group, nor a personal one of root's making.
    if barrier.gid == 0 {
        commands.push(format!("chgrp {name} {path}"));
        if !barrier.opens_to_group() {
            commands.push(format!("chmod g+{bit} {path}"));
        }
        return commands;
    }
    if !barrier.opens_to_group() {
        commands.push(format!("chmod g+{bit} {path}"));
    }
    if !visitor.groups.contains(&barrier.gid) {
        commands.push(format!("usermod -aG {group} {name}"));
        // Services of Postfix learn of their groups when they start.
        commands.push("postfix reload".to_owned());
    }
    commands
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// No host has given this number to a user or group.
    pub(in super::super) const NOBODYS: u32 = 4_000_000_107;

    fn visitor(groups: &[u32]) -> Visitor {
        Visitor {
            name: "postfix".to_owned(),
            uid: 101,
            groups: groups.to_vec(),
        }
    }

    pub(in super::super) fn entry(path: &str, kind: Kind, gid: u32, mode: u32) -> Step {
        Step {
            path: path.into(),
            kind,
            uid: NOBODYS,
            gid,
            mode,
        }
    }

    #[test]
    fn the_first_part_that_stays_shut_is_named() {
        let way = Way {
            steps: vec![
                entry("/run", Kind::Directory, 0, 0o755),
                entry("/run/opendkim", Kind::Directory, NOBODYS, 0o750),
                entry("/run/opendkim/s", Kind::Socket, NOBODYS, 0o755),
            ],
            missing: None,
        };
        let path = |groups: &[u32]| {
            let barrier = way.barrier(&visitor(groups));
            barrier.map(|step| step.path.display().to_string())
        };
        assert_eq!(path(&[101]).unwrap(), "/run/opendkim");
        assert_eq!(path(&[101, NOBODYS]).unwrap(), "/run/opendkim/s");
        let root = Visitor {
            uid: 0,
            ..visitor(&[])
        };
        assert_eq!(way.barrier(&root), None);
        assert_eq!(
            way.steps[2].shown(),
            format!("srwxr-xr-x {NOBODYS} {NOBODYS} /run/opendkim/s")
        );
    }

    #[test]
    fn the_remedy_is_the_least_change() {
        let closed = entry("/d", Kind::Directory, NOBODYS, 0o700);
        let to_group = entry("/d", Kind::Directory, NOBODYS, 0o750);
        let of_root = entry("/d", Kind::Directory, 0, 0o700);
        let socket = entry("/s", Kind::Socket, NOBODYS, 0o755);
        assert_eq!(
            opening(&to_group, &visitor(&[101])),
            ["usermod -aG 4000000107 postfix", "postfix reload"]
        );
        assert_eq!(opening(&closed, &visitor(&[NOBODYS])), ["chmod g+x /d"]);
        assert_eq!(
            opening(&closed, &visitor(&[101])).first().unwrap(),
            "chmod g+x /d"
        );
        assert_eq!(
            opening(&of_root, &visitor(&[101])),
            ["chgrp postfix /d", "chmod g+x /d"]
        );
        assert_eq!(opening(&socket, &visitor(&[NOBODYS])), ["chmod g+w /s"]);
    }

    #[test]
    fn a_way_ends_where_something_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/s");
        fs::create_dir(folder.path().join("a")).unwrap();
        let way = Way::to(&path, folder.path());
        assert_eq!(way.steps.len(), 1);
        assert_eq!(way.missing.as_deref(), Some(&*folder.path().join("a/b")));
        assert_eq!(way.end(), None);
    }
}
