//! Any octets: a signature whose own data can be cut out, or an error.
#![no_main]

use dkim_core::verify::Signature;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(signature) = Signature::parse(octets) {
        assert!(signature.without_signature(octets).len() < octets.len());
    }
});
