//! RequireSafeKeys: who else may read or replace a key file.
//!
//! [`judge`] is pure: the facts about each component of the path come in, a finding comes out. Its
//! sentences are those that OpenDKIM's administrators know and search for.

use std::{
    fmt::{self, Display, Formatter},
    path::PathBuf,
};

use super::{
    accounts::{Accounts, Identity, group_name, user_name},
    acl::{Acl, Named},
};

/// What the file system says about one component of a resolved path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The path up to and with this component.
    pub path: PathBuf,
    /// A directory, or the key file itself.
    pub directory: bool,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// Its access control list, if it has one.
    pub acl: Option<Acl>,
}

const GROUP_WRITE: u32 = 0o020;
const GROUP_READ_OR_WRITE: u32 = 0o060;
const OTHER_WRITE: u32 = 0o002;
const OTHER_READ_OR_WRITE: u32 = 0o006;
const OWNER_WRITE: u32 = 0o200;
/// Of a list: read or write, and write.
const ACL_READ_OR_WRITE: u16 = 0o6;
const ACL_WRITE: u16 = 0o2;
const STICKY: u32 = 0o1000;

/// What makes a component unsafe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file belongs to somebody who is neither root nor the reader.
    ForeignFile,
    /// The group that may read the file or write to the component holds somebody else.
    SharedGroup {
        /// One of the others.
        user: String,
        /// Whether it is that account's primary group rather than one whose member list names it.
        primary: bool,
    },
    /// Everybody may read or write the file, or write to the directory.
    Others,
    /// An access control list lets somebody else read or write the file, or write to the directory.
    Listed(Named),
    /// The directory may be written by an owner who is neither root nor the reader.
    ForeignDirectory,
}

/// An unsafe component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which one.
    pub component: Component,
    /// What is unsafe about it.
    pub fault: Fault,
    /// Who the key must be safe for.
    pub me: Identity,
}

/// Judges a path, its components given from `/` down to the file, for the reader `me`.
///
/// Symbolic links must be resolved already. Only the first unsafe component is told, as OpenDKIM
/// does.
pub fn judge(
    components: &[Component],
    me: &Identity,
    accounts: &dyn Accounts,
) -> Result<(), Box<Finding>> {
    for component in components {
        let fault = if component.directory {
            directory_fault(component, me, accounts)
        } else {
            file_fault(component, me, accounts)
        };
        if let Some(fault) = fault {
            return Err(Box::new(Finding {
                component: component.clone(),
                fault,
                me: me.clone(),
            }));
        }
    }
    Ok(())
}

fn directory_fault(directory: &Component, me: &Identity, accounts: &dyn Accounts) -> Option<Fault> {
    if directory.mode & OTHER_WRITE != 0 {
        return Some(Fault::Others);
    }
    if let Some(named) = listed(directory, ACL_WRITE, me, accounts) {
        return Some(Fault::Listed(named));
    }
    if group_may(directory, GROUP_WRITE)
        && let Some(fault) = shared_group(directory.gid, me, accounts)
    {
        return Some(fault);
    }
    (directory.mode & OWNER_WRITE != 0 && !trusted(directory.uid, me))
        .then_some(Fault::ForeignDirectory)
}

fn file_fault(file: &Component, me: &Identity, accounts: &dyn Accounts) -> Option<Fault> {
    if !trusted(file.uid, me) {
        return Some(Fault::ForeignFile);
    }
    if let Some(named) = listed(file, ACL_READ_OR_WRITE, me, accounts) {
        return Some(Fault::Listed(named));
    }
    if group_may(file, GROUP_READ_OR_WRITE)
        && let Some(fault) = shared_group(file.gid, me, accounts)
    {
        return Some(fault);
    }
    (file.mode & OTHER_READ_OR_WRITE != 0).then_some(Fault::Others)
}

/// Whether the owning group has one of these bits of a mode; with a list these bits are its mask.
fn group_may(component: &Component, bits: u32) -> bool {
    match &component.acl {
        Some(acl) => u32::from(acl.group) << 3 & bits != 0,
        None => component.mode & bits != 0,
    }
}

/// Somebody else to whom the list gives one of these permissions.
fn listed(
    component: &Component,
    permissions: u16,
    me: &Identity,
    accounts: &dyn Accounts,
) -> Option<Named> {
    let acl = component.acl.as_ref()?;
    let foreign = |named: &Named| match *named {
        Named::User(uid) => !trusted(uid, me),
        Named::Group(gid) => shared_group(gid, me, accounts).is_some(),
    };
    acl.named
        .iter()
        .filter(|(_, granted)| granted & permissions != 0)
        .map(|(named, _)| *named)
        .find(foreign)
}

fn trusted(uid: u32, me: &Identity) -> bool {
    uid == 0 || uid == me.uid
}

fn shared_group(gid: u32, me: &Identity, accounts: &dyn Accounts) -> Option<Fault> {
    if let Some(user) = accounts.primary_user(gid, me) {
        return Some(Fault::SharedGroup {
            user,
            primary: true,
        });
    }
    let user = accounts.listed_member(gid, me)?;
    Some(Fault::SharedGroup {
        user,
        primary: false,
    })
}

impl Display for Finding {
    /// OpenDKIM's sentence, its oddities included: a directory with a shared group is called by
    /// the reader's name.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Component {
            path,
            directory,
            uid,
            gid,
            ..
        } = &self.component;
        let path = path.display();
        let or_root = match self.me.uid {
            0 => "",
            _ => " or the superuser",
        };
        let me = self.me.uid;
        match &self.fault {
            Fault::ForeignFile => {
                write!(
                    f,
                    "{path} is not owned by the executing uid ({me}){or_root}"
                )
            }
            Fault::SharedGroup { user, .. } if *directory => write!(
                f,
                "{} is in group {gid} which has multiple users (e.g., \"{user}\")",
                self.me.name
            ),
            Fault::SharedGroup { user, primary } => write!(
                f,
                "{path} is in group {gid} which has multiple users (e.g.{} \"{user}\")",
                if *primary { "" } else { "," }
            ),
            Fault::Others => write!(f, "{path} can be read or written by other users"),
            Fault::Listed(named) => write!(
                f,
                "{path} can be read or written by other users ({}, by its access control list)",
                match named {
                    Named::User(uid) => format!("user {}", user_name(*uid)),
                    Named::Group(gid) => format!("group {}", group_name(*gid)),
                }
            ),
            Fault::ForeignDirectory => write!(
                f,
                "{path} is writeable and owned by uid {uid} which is not the executing uid \
                 ({me}){or_root}"
            ),
        }
    }
}

impl Finding {
    /// The one command that mends it.
    pub fn remedy(&self) -> String {
        let path = shell_word(&self.component.path.to_string_lossy());
        if let Fault::Listed(_) = self.fault {
            return format!("setfacl -b {path}");
        }
        if self.component.directory {
            return match self.fault {
                Fault::Others if self.component.mode & STICKY != 0 => format!(
                    "move the key out of {path} into a directory where only root can write, for \
                     instance /etc/dkimkeys"
                ),
                Fault::Others => format!("chmod o-w {path}"),
                Fault::SharedGroup { .. } => format!("chmod g-w {path}"),
                Fault::ForeignFile | Fault::ForeignDirectory | Fault::Listed(_) => {
                    format!("chown root {path}")
                }
            };
        }
        if self.component.uid == self.me.uid {
            format!("chmod 600 {path}")
        } else {
            let me = shell_word(&self.me.name);
            format!("chown {me} {path} && chmod 600 {path}")
        }
    }
}

/// A path or name as one word of a shell command.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
