//! Decisions and their log lines compared with Debian's opendkim.

#[path = "support/harness.rs"]
mod peer;

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn decisions_and_their_log_lines_equal_those_of_opendkim() {
    peer::run("compat/deciding.py");
}
