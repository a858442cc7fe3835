//! The accounts of this machine, as far as the judgement of a key file's safety asks for them.

use std::{
    ffi::CStr,
    sync::{Arc, Mutex, PoisonError},
};

use nix::unistd::{Gid, Group, Uid, User, geteuid};

/// Who is going to read the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Login name, or the number when there is no such account.
    pub name: Arc<str>,
}

impl Identity {
    /// The user this process runs as.
    pub fn current() -> Self {
        Self::of_uid(geteuid().as_raw())
    }

    /// The user with this number.
    pub fn of_uid(uid: u32) -> Self {
        Self {
            uid,
            name: user_name(uid).into(),
        }
    }

    /// Whether this process runs as it.
    pub fn is_current(&self) -> bool {
        self.uid == geteuid().as_raw()
    }
}

/// The name of a user, or the number as text when there is no such account.
pub fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => uid.to_string(),
    }
}

/// The name of a group, or the number as text when there is no such group.
pub fn group_name(gid: u32) -> String {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => group.name,
        Ok(None) | Err(_) => gid.to_string(),
    }
}

/// Who shares a group.
pub trait Accounts {
    /// An account other than root and `but` whose primary group is `gid`.
    fn primary_user(&self, gid: u32, but: &Identity) -> Option<String>;

    /// A name in the group's member list other than `root` and that of `but`.
    fn listed_member(&self, gid: u32, but: &Identity) -> Option<String>;
}

/// The accounts that the system's name service knows.
#[derive(Clone, Copy, Debug)]
pub struct SystemAccounts;

/// The C library has one cursor over the accounts for the whole process.
static ACCOUNT_CURSOR: Mutex<()> = Mutex::new(());

impl Accounts for SystemAccounts {
    fn primary_user(&self, gid: u32, but: &Identity) -> Option<String> {
        let _cursor = ACCOUNT_CURSOR
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // SAFETY: setpwent takes no arguments; the lock above keeps the cursor ours.
        unsafe { libc::setpwent() };
        let found = std::iter::from_fn(|| {
            // SAFETY: getpwent returns null or a record that stays valid until the next call, and
            // the lock above keeps others of this process from making one; nothing borrowed from
            // the record leaves this closure.
            unsafe {
                let record = libc::getpwent().as_ref()?;
                let name = CStr::from_ptr(record.pw_name)
                    .to_string_lossy()
                    .into_owned();
                Some((record.pw_uid, record.pw_gid, name))
            }
        })
        .find(|(uid, primary, _)| *primary == gid && *uid != 0 && *uid != but.uid)
        .map(|(_, _, name)| name);
        // SAFETY: as for setpwent.
        unsafe { libc::endpwent() };
        found
    }

    fn listed_member(&self, gid: u32, but: &Identity) -> Option<String> {
        Group::from_gid(Gid::from_raw(gid))
            .ok()
            .flatten()?
            .mem
            .into_iter()
            .find(|member| member != "root" && **member != *but.name)
    }
}
