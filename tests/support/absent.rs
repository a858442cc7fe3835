//! A program of Debian's that a test compares with, and that is not there.

/// Ends the test as failed, unless the comparisons are left out on purpose: a test that silently
/// compares with nothing would pass for ever.
pub fn absent(what: &str) {
    let left_out = std::env::var_os("DKIMD_WITHOUT_PEERS").is_some_and(|value| value == "1");
    assert!(
        left_out,
        "{what}: tests/install-peers installs what the tests need; \
         DKIMD_WITHOUT_PEERS=1 leaves the comparisons out"
    );
    println!("skipped: {what}");
}
