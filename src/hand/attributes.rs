//! Owner, group and mode.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use dkimd_server::keys::accounts::{group_name, user_name};

/// Who owns a file, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// User number.
    pub owner: u32,
    /// Group number.
    pub group: u32,
    /// Permission bits, set-user-ID, set-group-ID and sticky among them.
    pub mode: u32,
}

impl Attributes {
    /// A file of root's that everybody may read.
    pub const PUBLIC_FILE: Self = Self {
        owner: 0,
        group: 0,
        mode: 0o644,
    };
    /// A directory of root's that everybody may look into.
    pub const PUBLIC_DIRECTORY: Self = Self {
        owner: 0,
        group: 0,
        mode: 0o755,
    };
}

impl Display for Attributes {
    /// As `install` takes them: `-o opendkim -g postfix -m 2750`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (owner, group) = (user_name(self.owner), group_name(self.group));
        write!(f, "-o {owner} -g {group} -m {:o}", self.mode)
    }
}
