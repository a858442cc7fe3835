//! Whom a message is signed for, over thousands of random From fields, compared with Debian's opendkim.

#[path = "support/harness.rs"]
mod peer;

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn authors_of_random_from_fields_are_those_of_opendkim_but_for_the_listed_kinds() {
    peer::run("compat/authors.py");
}
