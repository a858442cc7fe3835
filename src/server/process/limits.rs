//! Resource limits: as many descriptors as the system allows, and no core dump with keys in it.

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
};

/// Raises the limit of open files to the hard limit, since each connection takes one.
///
/// Returns the limit now in force; `None` where it can't be read.
pub fn raise_open_files() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => Some(hard),
        Err(_) => Some(soft),
    }
}

/// EnableCoredumps: with `wanted`, a crash leaves a core file as large as the hard limit allows;
/// without, neither a core file nor a debugger of the same user sees the private keys.
///
/// Belongs after the user change, which resets the flag. Best effort: a system that refuses keeps
/// its own setting.
pub fn set_core_dumps(wanted: bool) {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE) {
        let soft = if wanted { hard } else { 0 };
        let _ = setrlimit(Resource::RLIMIT_CORE, soft, hard);
    }
    let _ = prctl::set_dumpable(wanted);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_file_limit_reaches_the_hard_limit() {
        let limit = raise_open_files();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(limit, Some(hard));
        assert_eq!(soft, hard);
    }
}
