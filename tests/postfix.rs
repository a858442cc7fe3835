//! Mail through a real Postfix: what leaves is verified by three verifiers, what comes in has its results.

#[path = "support/harness.rs"]
mod peer;

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn mail_through_a_real_postfix_leaves_signed_and_arrives_with_its_results() {
    peer::run("postfix/run.py");
}

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn what_a_real_postfix_and_milter_log_is_explained() {
    peer::run("postfix/explaining.py");
}
