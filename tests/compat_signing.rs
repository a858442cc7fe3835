//! Signatures compared byte for byte with Debian's opendkim.

#[path = "support/harness.rs"]
mod peer;

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn signatures_equal_those_of_opendkim_byte_for_byte() {
    peer::run("compat/signing.py");
}
