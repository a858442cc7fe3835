//! The milter seen by Debian's miltertest.

#[path = "support/harness.rs"]
mod peer;

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn every_callback_option_and_failure_behaves_as_its_miltertest_script_says() {
    peer::run("miltertest/run.py");
}
