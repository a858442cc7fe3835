//! All that is done with mail that comes in, under every option, compared with Debian's opendkim.

#[path = "support/harness.rs"]
mod peer;

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn what_is_done_with_incoming_mail_equals_what_opendkim_does() {
    peer::run("compat/arriving/run.py");
}
