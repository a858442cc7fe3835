//! Mail through a real Postfix, verified by three verifiers.

#[path = "support/harness.rs"]
mod peer;

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn mail_through_a_real_postfix_leaves_signed_and_verifies() {
    peer::run("postfix/run.py");
}
