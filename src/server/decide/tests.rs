//! The decision, case by case.

use super::*;
use crate::{
    decide::origin::Test,
    dkim::name::{Domain, Selector},
    tables::hosts::HostMatch,
};

const BOTH: Mode = Mode {
    sign: true,
    verify: true,
};
const SIGN_ONLY: Mode = Mode {
    sign: true,
    verify: false,
};
const VERIFY_ONLY: Mode = Mode {
    sign: false,
    verify: true,
};

fn identity() -> Identity {
    Identity {
        rule: "*@example.com".into(),
        key_name: Some("k".into()),
        domain: Domain::parse("example.com").unwrap(),
        selector: Selector::parse("mail").unwrap(),
        auid: None,
        dropped_signer: None,
    }
}

struct Case {
    mode: Mode,
    author: Result<Author, NoAuthor>,
    trusted: Option<Trust>,
    identity: IdentityFinding,
}

impl Case {
    fn ours() -> Self {
        Self {
            mode: BOTH,
            author: Author::parse(b" joe@example.com").map_err(|_| NoAuthor::Missing),
            trusted: Some(Trust::InternalHost),
            identity: IdentityFinding::Found(vec![identity()]),
        }
    }

    fn decide(&self, alter: impl for<'q> FnOnce(&mut Question<'q>)) -> Decision {
        let origin = OriginFinding {
            mta: Test::NotAsked,
            macros: Test::NotAsked,
            host: HostMatch::Unlisted,
            authenticated: Test::NotAsked,
            trusted: self.trusted,
        };
        let mut question = Question {
            mode: self.mode,
            weak_syntax: false,
            author: &self.author,
            from_fields: 1,
            exempt: false,
            origin: &origin,
            identity: &self.identity,
            excused_recipient: None,
            strict_fault: None,
            required_fault: None,
        };
        alter(&mut question);
        decide(&question)
    }

    fn decision(&self) -> Decision {
        self.decide(|_| {})
    }
}

#[test]
fn our_mail_with_an_identity_is_signed() {
    assert_eq!(Case::ours().decision(), Decision::Sign(vec![identity()]));
}

#[test]
fn foreign_mail_is_verified_or_left_by_mode() {
    let foreign = Case {
        trusted: None,
        identity: IdentityFinding::NotAsked,
        ..Case::ours()
    };
    assert_eq!(foreign.decision(), Decision::Verify(Reason::NotOurs));
    let foreign = Case {
        mode: SIGN_ONLY,
        ..foreign
    };
    assert_eq!(foreign.decision(), Decision::Leave(Reason::NotOurs));
}

#[test]
fn a_domain_that_matches_does_not_sign_for_strangers() {
    assert_eq!(
        Case {
            trusted: None,
            ..Case::ours()
        }
        .decision(),
        Decision::Verify(Reason::NotOurs)
    );
}

#[test]
fn our_mail_without_an_entry_is_verified() {
    let case = Case {
        identity: IdentityFinding::NoMatch,
        ..Case::ours()
    };
    assert_eq!(case.decision(), Decision::Verify(Reason::NoIdentity));
    let case = Case {
        identity: IdentityFinding::NothingConfigured,
        ..case
    };
    assert_eq!(case.decision(), Decision::Verify(Reason::NothingConfigured));
}

#[test]
fn a_key_without_signing_mode_leaves_the_mail_alone() {
    let case = Case {
        mode: VERIFY_ONLY,
        ..Case::ours()
    };
    assert_eq!(case.decision(), Decision::Leave(Reason::SigningOff));
}

#[test]
fn a_broken_table_never_lets_mail_out_unsigned() {
    let error = IdentityError::UnknownKey {
        key_name: "k".into(),
    };
    let case = Case {
        identity: IdentityFinding::Failed(error.clone()),
        ..Case::ours()
    };
    assert_eq!(case.decision(), Decision::Fail(error));
}

#[test]
fn several_from_fields_are_never_signed() {
    assert_eq!(
        Case::ours().decide(|question| question.from_fields = 2),
        Decision::Leave(Reason::SeveralFrom(2))
    );
}

#[test]
fn mail_whose_author_stands_elsewhere_than_in_from_is_never_signed_without_from() {
    assert_eq!(
        Case::ours().decide(|question| question.from_fields = 0),
        Decision::Leave(Reason::NoAuthor(NoAuthor::Missing))
    );
}

#[test]
fn mail_that_is_left_alone_is_not_refused_for_its_header_fields() {
    static FAULT: HeaderFault = HeaderFault::NotOnce("Date");
    assert_eq!(
        Case::ours().decide(|q| {
            q.required_fault = Some(&FAULT);
            q.exempt = true;
        }),
        Decision::Leave(Reason::ExemptDomain)
    );
    assert_eq!(
        Case::ours().decide(|q| {
            q.required_fault = Some(&FAULT);
            q.excused_recipient = Some("list@example.org");
        }),
        Decision::Leave(Reason::ExcusedRecipient("list@example.org".into()))
    );
}

#[test]
fn mail_without_author_is_left_with_its_reason() {
    let case = Case {
        author: Err(NoAuthor::Missing),
        ..Case::ours()
    };
    assert_eq!(
        case.decision(),
        Decision::Leave(Reason::NoAuthor(NoAuthor::Missing))
    );
}

#[test]
fn weak_syntax_checks_let_a_verifier_read_on() {
    let unreadable = NoAuthor::Unparsable {
        source: "From".into(),
        value: "joe".into(),
        error: AuthorError::Incomplete,
    };
    let case = Case {
        mode: VERIFY_ONLY,
        author: Err(unreadable.clone()),
        ..Case::ours()
    };
    assert_eq!(
        case.decision(),
        Decision::Leave(Reason::NoAuthor(unreadable.clone()))
    );
    let weak = case.decide(|question| question.weak_syntax = true);
    assert_eq!(weak, Decision::Verify(Reason::NoAuthor(unreadable.clone())));
    let case = Case { mode: BOTH, ..case };
    let weak = case.decide(|question| question.weak_syntax = true);
    assert_eq!(weak, Decision::Leave(Reason::NoAuthor(unreadable)));
}

#[test]
fn exceptions_of_the_administrator_are_honoured() {
    const FAULT: HeaderFault = HeaderFault::NotOnce("Date");
    assert_eq!(
        Case::ours().decide(|q| q.exempt = true),
        Decision::Leave(Reason::ExemptDomain)
    );
    assert_eq!(
        Case::ours().decide(|q| q.excused_recipient = Some("list@example.org")),
        Decision::Leave(Reason::ExcusedRecipient("list@example.org".into()))
    );
    assert_eq!(
        Case::ours().decide(|q| q.strict_fault = Some(&FAULT)),
        Decision::Leave(Reason::HeaderFault(FAULT))
    );
    assert_eq!(
        Case::ours().decide(|q| q.required_fault = Some(&FAULT)),
        Decision::Reject(Reason::HeaderFault(FAULT))
    );
}
