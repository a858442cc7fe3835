//! How much memory the process may take: the least of what its control groups, its own limits and the
//! machine allow.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::{
    sys::resource::{RLIM_INFINITY, Resource, getrlimit},
    unistd::{SysconfVar, sysconf},
};

/// Where control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";

/// What the threads of the program take of the address space: stacks, and heaps of their own.
const THREADS_ADDRESS_SPACE: u64 = 8 * 1024 * 1024;

/// Octets that are left for mail, now that the configuration is loaded: as much again as is in use
/// now stays free for a reload, during which both configurations are held.
///
/// Belongs before a change of the root directory, behind which nothing of this can be read.
pub fn free() -> u64 {
    let (space, resident) = in_use();
    let held = cgroup_limit(Path::new("/proc/self/cgroup"), Path::new(CGROUPS))
        .into_iter()
        .chain(physical())
        .min()
        .unwrap_or(u64::MAX)
        .saturating_sub(2 * resident);
    let addressed = limit(Resource::RLIMIT_AS)
        .into_iter()
        .chain(limit(Resource::RLIMIT_DATA))
        .min()
        .unwrap_or(u64::MAX)
        .saturating_sub(space + resident + THREADS_ADDRESS_SPACE);
    held.min(addressed)
}

/// Octets of address space, and of memory.
fn in_use() -> (u64, u64) {
    let page = sysconf(SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .unwrap_or(4096);
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let mut pages = text
        .split_ascii_whitespace()
        .map(|word| word.parse::<u64>().unwrap_or(0) * page.unsigned_abs());
    (
        pages.next().unwrap_or_default(),
        pages.next().unwrap_or_default(),
    )
}

fn limit(resource: Resource) -> Option<u64> {
    let (soft, _) = getrlimit(resource).ok()?;
    (soft != RLIM_INFINITY).then_some(soft)
}

fn physical() -> Option<u64> {
    let pages = sysconf(SysconfVar::_PHYS_PAGES).ok()??;
    let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    u64::try_from(pages)
        .ok()?
        .checked_mul(u64::try_from(page).ok()?)
}

/// The least limit of the process's control group and those above it, of both versions (`MemoryMax=`
/// of a unit, `--memory` of a container). Where a container hides what is above, its own directory is
/// the top.
fn cgroup_limit(membership: &Path, top: &Path) -> Option<u64> {
    let text = fs::read_to_string(membership).ok()?;
    text.lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            match controllers {
                "" => least_on_the_way(top, path, "memory.max")
                    .into_iter()
                    .chain(least_on_the_way(&top.join("unified"), path, "memory.max"))
                    .min(),
                _ if controllers.split(',').any(|name| name == "memory") => {
                    least_on_the_way(&top.join("memory"), path, "memory.limit_in_bytes")
                }
                _ => None,
            }
        })
        .min()
}

fn least_on_the_way(top: &Path, path: &str, file: &str) -> Option<u64> {
    let below: PathBuf = top.join(path.trim_start_matches('/'));
    below
        .ancestors()
        .take_while(|directory| directory.starts_with(top))
        .filter_map(|directory| fs::read_to_string(directory.join(file)).ok())
        // The word "max" is no number, and so no limit.
        .filter_map(|text| text.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit_with(membership: &str, files: &[(&str, &str)]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let own = folder.path().join("membership");
        fs::write(&own, membership).unwrap();
        cgroup_limit(&own, folder.path())
    }

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let unit = "0::/system.slice/opendkim.service\n";
        assert_eq!(
            limit_with(
                unit,
                &[
                    ("system.slice/opendkim.service/memory.max", "67108864\n"),
                    ("system.slice/memory.max", "max\n"),
                ]
            ),
            Some(67_108_864)
        );
        assert_eq!(
            limit_with(
                unit,
                &[
                    ("system.slice/opendkim.service/memory.max", "max\n"),
                    ("system.slice/memory.max", "1000\n"),
                ]
            ),
            Some(1000)
        );
        assert_eq!(limit_with(unit, &[]), None);
    }

    #[test]
    fn the_first_version_is_read_and_a_container_sees_its_own_directory_at_the_top() {
        let membership = "7:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/docker/1\n";
        let inside = [("memory/memory.limit_in_bytes", "5000\n")];
        assert_eq!(limit_with(membership, &inside), Some(5000));
        let outside = [
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/docker/1/memory.limit_in_bytes", "4000\n"),
        ];
        assert_eq!(limit_with(membership, &outside), Some(4000));
    }

    #[test]
    fn this_machine_leaves_something_free() {
        let (space, resident) = in_use();
        assert!(space > resident && resident > 100_000);
        assert!(free() > 1024 * 1024);
        assert!(physical().unwrap() > resident);
    }
}
