//! POSIX access control lists: who besides owner, group and others may read or write.
//!
//! The kernel keeps them in an extended attribute; with one, the group bits of the mode are its mask
//! and no longer what the group may do.

use std::{ffi::CString, io, os::unix::ffi::OsStrExt, path::Path};

/// The attribute, and what its value begins with (acl(5), the kernel's posix_acl_xattr.h).
const ATTRIBUTE: &std::ffi::CStr = c"system.posix_acl_access";
const VERSION: u32 = 2;
const TAG_USER: u16 = 0x02;
const TAG_GROUP_OWNER: u16 = 0x04;
const TAG_GROUP: u16 = 0x08;
const TAG_MASK: u16 = 0x10;
const HEADER_OCTETS: usize = 4;
const ENTRY_OCTETS: usize = 8;
/// An attribute's value has at most that many octets.
const MAX_OCTETS: usize = 64 * 1024;
/// Permission bits as in a mode.
const ALL: u16 = 0o7;

/// Somebody whom a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A user by number.
    User(u32),
    /// A group by number.
    Group(u32),
}

/// What a list adds to a mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    /// Who may what (bits as in a mode: 4 read, 2 write, 1 execute), the mask applied.
    pub named: Vec<(Named, u16)>,
    /// What the owning group may, the mask applied.
    pub group: u16,
}

/// The list of the file at `path`, links followed; `None` where it has none or can't have one.
pub fn of(path: &Path) -> io::Result<Option<Acl>> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    let mut octets = vec![0_u8; MAX_OCTETS];
    // SAFETY: both names end in NUL, and the buffer is as long as is said.
    let length = unsafe {
        libc::getxattr(
            name.as_ptr(),
            ATTRIBUTE.as_ptr(),
            octets.as_mut_ptr().cast(),
            octets.len(),
        )
    };
    match usize::try_from(length) {
        Ok(length) => Ok(parse(&octets[..length.min(octets.len())])),
        Err(_) => match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::ENODATA | libc::ENOTSUP)) => {
                Ok(None)
            }
            error => Err(error),
        },
    }
}

/// The list that these octets say; `None` if they say none.
fn parse(octets: &[u8]) -> Option<Acl> {
    let (header, entries) = octets.split_at_checked(HEADER_OCTETS)?;
    if u32::from_le_bytes(header.try_into().ok()?) != VERSION {
        return None;
    }
    let entries: Vec<(u16, u16, u32)> = entries
        .chunks_exact(ENTRY_OCTETS)
        .map(|entry| {
            let short = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
            let who = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
            (short(0), short(2), who)
        })
        .collect();
    let of_tag = |tag| {
        entries
            .iter()
            .find(|entry| entry.0 == tag)
            .map(|entry| entry.1)
    };
    let mask = of_tag(TAG_MASK).unwrap_or(ALL);
    let named = entries.iter().filter_map(|(tag, permissions, who)| {
        let named = match *tag {
            TAG_USER => Named::User(*who),
            TAG_GROUP => Named::Group(*who),
            _ => return None,
        };
        Some((named, permissions & mask))
    });
    Some(Acl {
        named: named.collect(),
        group: of_tag(TAG_GROUP_OWNER).unwrap_or_default() & mask,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read_with_the_mask_applied() {
        let entry = |tag: u16, permissions: u16, who: u32| {
            [
                &tag.to_le_bytes()[..],
                &permissions.to_le_bytes(),
                &who.to_le_bytes(),
            ]
            .concat()
        };
        let octets = [
            VERSION.to_le_bytes().to_vec(),
            entry(0x01, 6, u32::MAX),
            entry(TAG_USER, 6, 33),
            entry(TAG_GROUP_OWNER, 7, u32::MAX),
            entry(TAG_GROUP, 2, 8),
            entry(TAG_MASK, 4, u32::MAX),
            entry(0x20, 0, u32::MAX),
        ]
        .concat();
        let acl = parse(&octets).unwrap();
        assert_eq!(acl.named, [(Named::User(33), 4), (Named::Group(8), 0)]);
        assert_eq!(acl.group, 4);
        assert_eq!(parse(&octets[..3]), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_trouble(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&octets);
        }
    }
}
