//! Servers with one thing wrong, or nothing: doctor names every fault first and finds none where there is none.

#[path = "support/harness.rs"]
mod peer;

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn doctor_names_what_is_wrong_with_a_server_and_nothing_that_is_right() {
    peer::run("zoo/run.py");
}
