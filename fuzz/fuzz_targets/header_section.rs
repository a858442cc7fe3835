//! Any fields and any body: as many results as signatures, and none that passes without a key.
#![no_main]

use std::sync::Arc;

use dkim_core::{
    UnixTime,
    header::{HeaderSection, LeadingSpace},
    verify::Verifier,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let _ = HeaderSection::parse(octets);
    let mut section = HeaderSection::default();
    for line in octets.split(|octet| *octet == 0) {
        let mut parts = line.splitn(2, |octet| *octet == b':');
        let name = parts.next().unwrap_or_default();
        section.push(name, parts.next().unwrap_or_default(), LeadingSpace::Kept);
    }
    let mut verifier = Verifier::new(&section, Arc::default(), None, UnixTime(1_800_000_000));
    verifier.body(octets);
    let count = verifier.len();
    let results = verifier.finish(&[]);
    assert_eq!(results.len(), count);
    assert!(!results.iter().any(|result| result.passed()));
});
