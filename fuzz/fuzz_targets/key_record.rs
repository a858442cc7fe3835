//! Any octets: a key record or an error.
#![no_main]

use dkim_core::key_record::KeyRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let _ = KeyRecord::parse(octets);
});
