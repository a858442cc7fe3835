//! UserID: becoming another user, with all its groups and without a way back.

use std::{ffi::CString, fs};

use nix::{
    errno::Errno,
    unistd::{
        Gid, Group, Uid, User, getegid, geteuid, getgid, getresgid, getresuid, getuid, initgroups,
        setgroups, setresgid, setresuid,
    },
};

use super::exit::{ExitCode, Failure};

/// The user that the daemon runs as, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// User number.
    pub uid: Uid,
    /// Primary group.
    pub gid: Gid,
    groups: Groups,
}

/// Supplementary groups.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Groups {
    /// Those that the account of this name has.
    OfName(CString),
    /// These.
    These(Vec<Gid>),
}

impl Groups {
    /// An account's; one without a name that C knows, as a number without an account, has `gid` alone.
    fn of(name: Option<String>, gid: Gid) -> Self {
        match name.map(CString::new) {
            Some(Ok(name)) => Self::OfName(name),
            // An account name comes from C, so it holds no NUL.
            Some(Err(_)) | None => Self::These(vec![gid]),
        }
    }
}

impl Account {
    /// Looks up `user[:group]`, names or numbers (OpenDKIM also takes `user.group`'s dot as part
    /// of the name, and so does this).
    ///
    /// Without a group it is the user's own; a bare number without account needs one.
    pub fn find(text: &str) -> Result<Self, Failure> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let found = match User::from_name(user).map_err(|e| lookup_failed(user, e))? {
            Some(found) => Some(found),
            None => match user.parse() {
                Ok(number) => {
                    User::from_uid(Uid::from_raw(number)).map_err(|e| lookup_failed(user, e))?
                }
                Err(_) => return Err(unknown("user", user)),
            },
        };
        let gid = group.map(find_group).transpose()?;
        match (found, user.parse().map(Uid::from_raw), gid) {
            (Some(found), _, gid) => {
                let gid = gid.unwrap_or(found.gid);
                Ok(Self {
                    uid: found.uid,
                    gid,
                    groups: Groups::of(Some(found.name), gid),
                })
            }
            (None, Ok(uid), Some(gid)) => Ok(Self {
                uid,
                gid,
                groups: Groups::of(None, gid),
            }),
            (None, _, _) => Err(unknown("user", user)),
        }
    }

    /// The user that a file or directory belongs to; where it has no account, with its group.
    pub fn of_owner(uid: u32, gid: u32) -> Self {
        let uid = Uid::from_raw(uid);
        match User::from_uid(uid) {
            Ok(Some(found)) => Self {
                uid,
                gid: found.gid,
                groups: Groups::of(Some(found.name), found.gid),
            },
            Ok(None) | Err(_) => Self {
                uid,
                gid: Gid::from_raw(gid),
                groups: Groups::of(None, Gid::from_raw(gid)),
            },
        }
    }

    /// Whom a process runs as, by its numbers alone: they need no account.
    pub fn of_process(pid: i32) -> Option<Self> {
        Self::of_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
    }

    fn of_status(status: &str) -> Option<Self> {
        let numbers = |name: &str| -> Option<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace()
                .map(|number| number.parse().ok())
                .collect()
        };
        // Real, effective, saved, of the file system.
        let effective = |name| numbers(name)?.get(1).copied();
        Some(Self {
            uid: Uid::from_raw(effective("Uid:")?),
            gid: Gid::from_raw(effective("Gid:")?),
            groups: Groups::These(numbers("Groups:")?.into_iter().map(Gid::from_raw).collect()),
        })
    }

    /// Takes on the supplementary groups of this user.
    pub(super) fn take_groups(&self) -> Result<(), Errno> {
        match &self.groups {
            Groups::OfName(name) => initgroups(name, self.gid),
            Groups::These(groups) => setgroups(groups),
        }
    }

    /// Makes the whole process this user for good: supplementary groups, group, user, in that
    /// order, and then makes sure that there is no way back.
    ///
    /// A process that is this user already is left alone, so the same configuration works under
    /// a service manager that has set the user.
    pub fn assume(&self) -> Result<(), Failure> {
        if self.is_current() {
            return Ok(());
        }
        if !geteuid().is_root() {
            return Err(refused(format!(
                "can't become user {} when started as user {}; start as root, or remove UserID",
                self.uid,
                geteuid()
            )));
        }
        self.take_groups()
            .map_err(|e| refused(format!("initgroups(): {}", e.desc())))?;
        setresgid(self.gid, self.gid, self.gid)
            .map_err(|e| refused(format!("setgid(): {}", e.desc())))?;
        setresuid(self.uid, self.uid, self.uid)
            .map_err(|e| refused(format!("setuid(): {}", e.desc())))?;
        self.check_no_way_back()
    }

    /// Whether this process is that user already.
    pub fn is_current(&self) -> bool {
        !self.uid.is_root()
            && [getuid(), geteuid()] == [self.uid; 2]
            && [getgid(), getegid()] == [self.gid; 2]
    }

    fn check_no_way_back(&self) -> Result<(), Failure> {
        let users = getresuid().map_err(|e| refused(format!("getresuid(): {}", e.desc())))?;
        let groups = getresgid().map_err(|e| refused(format!("getresgid(): {}", e.desc())))?;
        if [users.real, users.effective, users.saved] != [self.uid; 3]
            || [groups.real, groups.effective, groups.saved] != [self.gid; 3]
        {
            return Err(refused("the user change did not take effect".to_owned()));
        }
        let root = Uid::from_raw(0);
        if !self.uid.is_root() && setresuid(root, root, root).is_ok() {
            return Err(refused("privileges could be regained".to_owned()));
        }
        Ok(())
    }
}

fn find_group(text: &str) -> Result<Gid, Failure> {
    if let Some(found) = Group::from_name(text).map_err(|e| lookup_failed(text, e))? {
        return Ok(found.gid);
    }
    text.parse()
        .map(Gid::from_raw)
        .map_err(|_| unknown("group", text))
}

fn unknown(kind: &str, name: &str) -> Failure {
    Failure::new(ExitCode::DataError, format!("no such {kind} '{name}'"))
}

fn lookup_failed(name: &str, errno: Errno) -> Failure {
    Failure::new(
        ExitCode::DataError,
        format!("looking up '{name}': {}", errno.desc()),
    )
}

fn refused(message: String) -> Failure {
    Failure::new(ExitCode::NoPermission, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_name_the_same_user() {
        let named = Account::find("daemon").unwrap();
        assert_eq!(Account::find(&named.uid.to_string()).unwrap(), named);
        assert_eq!(Account::find("daemon:daemon").unwrap().gid, named.gid);
    }

    #[test]
    fn a_group_after_the_colon_replaces_the_primary_one() {
        let root = Account::find("daemon:root").unwrap();
        assert_eq!(root.gid, Gid::from_raw(0));
        assert_eq!(
            Account::find("daemon:4711").unwrap().gid,
            Gid::from_raw(4711)
        );
    }

    #[test]
    fn a_number_without_account_needs_a_group() {
        assert_eq!(
            Account::find("4000000321").unwrap_err().message,
            "no such user '4000000321'"
        );
        let account = Account::find("4000000321:4000000322").unwrap();
        assert_eq!(account.uid, Uid::from_raw(4000000321));
        assert_eq!(account.gid, Gid::from_raw(4000000322));
    }

    #[test]
    fn a_process_is_whom_its_numbers_say() {
        let status = "Name:\tx\nUid:\t1\t12345\t1\t1\nGid:\t2\t54321\t2\t2\nGroups:\t4 5 \nx:\ty\n";
        let account = Account::of_status(status).unwrap();
        assert_eq!(account.uid, Uid::from_raw(12345));
        assert_eq!(account.gid, Gid::from_raw(54321));
        let groups = [4, 5].map(Gid::from_raw).to_vec();
        assert_eq!(account.groups, Groups::These(groups));
        let none = status.replace("4 5 ", "");
        let account = Account::of_status(&none).unwrap();
        assert_eq!(account.groups, Groups::These(Vec::new()));
        assert_eq!(Account::of_status("Uid:\t1\n"), None);
    }

    #[test]
    fn unknown_names_end_with_65_in_opendkims_words() {
        for (text, message) in [
            ("nosuch", "no such user 'nosuch'"),
            ("nosuch:daemon", "no such user 'nosuch'"),
            ("daemon:nosuch", "no such group 'nosuch'"),
            ("", "no such user ''"),
            (":daemon", "no such user ''"),
            ("-1", "no such user '-1'"),
        ] {
            let failure = Account::find(text).unwrap_err();
            assert_eq!(failure.code, ExitCode::DataError);
            assert_eq!(failure.message, message);
        }
    }
}
