//! What kinds of file there are.

use dkimd_advice::{text, text::Text};

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

impl Kind {
    pub(super) fn of_mode(mode: u32) -> Self {
        match mode & libc::S_IFMT {
            libc::S_IFREG => Self::File,
            libc::S_IFDIR => Self::Directory,
            libc::S_IFLNK => Self::Link,
            libc::S_IFIFO => Self::Pipe,
            libc::S_IFSOCK => Self::Socket,
            _ => Self::Device,
        }
    }

    /// The kind in words.
    pub(super) fn text(self) -> Text {
        match self {
            Self::File => text!("a file"),
            Self::Directory => text!("a directory"),
            Self::Link => text!("a symbolic link"),
            Self::Pipe => text!("a named pipe"),
            Self::Socket => text!("a socket"),
            Self::Device => text!("a device"),
        }
    }
}
