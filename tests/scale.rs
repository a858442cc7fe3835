//! A million domains (a tenth of that without optimisation): how long the tables take to load, how much memory they hold, and that a
//! lookup does not depend on their size.

use std::{
    fmt::Write as _,
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use dkimd_server::{
    config::{
        resolve::Overrides,
        snapshot::{SigningIdentities, Snapshot},
    },
    dataset::Answer,
};

const DOMAINS: usize = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};
const LOOKUPS: u32 = 2_000;

/// Without optimisation everything takes many times as long, so there are fewer domains then.
const LOAD_LIMIT: Duration = if cfg!(debug_assertions) {
    Duration::from_secs(60)
} else {
    Duration::from_secs(5)
};
const MEMORY_LIMIT_KIB: u64 = 250 * 1024;

#[test]
fn a_million_domains_load_fast_stay_small_and_are_found_as_fast_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let small = load(dir.path(), 1).0;
    let before = memory_peak_kib();
    let (large, took) = load(dir.path(), DOMAINS);
    let memory = memory_peak_kib();
    println!("{DOMAINS} domains: {took:?}, peak {memory} KiB ({before} KiB before)");
    assert!(took < LOAD_LIMIT, "loading took {took:?}");
    assert!(memory < MEMORY_LIMIT_KIB, "peak memory {memory} KiB");

    let one = lookup_time(&small, 0);
    for number in [0, DOMAINS / 2, DOMAINS - 1] {
        let many = lookup_time(&large, number);
        println!("domain {number}: {many:?} a lookup, alone: {one:?}");
        // Cold caches cost something; growth with the table would cost a hundred thousand times.
        assert!(
            many < one * 10 + Duration::from_micros(20),
            "{many:?}, alone {one:?}"
        );
    }
}

fn load(dir: &Path, domains: usize) -> (Snapshot, Duration) {
    let (mut signing, mut keys) = (String::new(), String::new());
    for n in 0..domains {
        writeln!(signing, "*@d{n}.example d{n}.example").unwrap();
        writeln!(
            keys,
            "d{n}.example d{n}.example:mail:/etc/dkimkeys/d{n}.private"
        )
        .unwrap();
    }
    let dir = dir.join(domains.to_string());
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("SigningTable"), signing).unwrap();
    fs::write(dir.join("KeyTable"), keys).unwrap();
    let config = format!(
        "SigningTable refile:{0}/SigningTable\nKeyTable refile:{0}/KeyTable\n",
        dir.display()
    );
    let file = dir.join("opendkim.conf");
    fs::write(&file, config).unwrap();
    reset_memory_peak();
    let start = Instant::now();
    let (snapshot, findings) = Snapshot::load(Some(&file), &Overrides::default());
    let took = start.elapsed();
    assert_eq!(findings, []);
    (snapshot.unwrap(), took)
}

/// The least of several rounds, so that other work on the machine does not count.
fn lookup_time(snapshot: &Snapshot, number: usize) -> Duration {
    let SigningIdentities::Tables { signing, keys } = &snapshot.signing else {
        panic!("tables are configured")
    };
    let domain = format!("d{number}.example");
    let round = || {
        let start = Instant::now();
        for _ in 0..LOOKUPS {
            let Answer::Now(found) = signing.find("user", black_box(&domain), false) else {
                panic!("a compiled table answers at once")
            };
            let found = found.unwrap();
            assert_eq!(found.len(), 1);
            let Answer::Now(entry) = keys.find(&found[0].key_name, &domain) else {
                panic!("a compiled table answers at once")
            };
            assert_eq!(entry.unwrap().unwrap().domain.as_str(), domain);
        }
        start.elapsed() / LOOKUPS
    };
    (0..5).map(|_| round()).min().unwrap()
}

fn memory_peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let words: Vec<_> = line.unwrap().split_ascii_whitespace().collect();
    words[1].parse().unwrap()
}

/// Making the tables' text must not count as the loader's memory.
fn reset_memory_peak() {
    // SAFETY: malloc_trim only gives free memory back; it has no preconditions.
    unsafe { libc::malloc_trim(0) };
    fs::write("/proc/self/clear_refs", "5").unwrap();
}
