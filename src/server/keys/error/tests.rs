use std::fs;

use super::{super::purpose::NamedIn, *};

fn purpose() -> Purpose {
    Purpose::parse("example.com", "mail", NamedIn::KeyTable).unwrap()
}

/// conf-capture-missing-key: the KeyTable says `mail`, and the file has another name.
#[test]
fn a_missing_key_is_made_for_the_selector_of_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (word, mail) = (dir.path().display(), dir.path().join("mail.private"));
    let keygen = format!("`dkimd keygen -d example.com -s mail -D {word}`");
    let there = KeyError::Missing(mail.clone());
    assert_eq!(
        there.remedy_for(Some(&purpose())),
        format!("make a key there with {keygen}, or correct the path")
    );
    let elsewhere = KeyError::Missing(dir.path().join("absent.private"));
    assert_eq!(
        elsewhere.remedy_for(Some(&purpose())),
        format!(
            "make a key with {keygen} and write {} in the place of {word}/absent.private in the \
             KeyTable, or correct the path",
            mail.display()
        )
    );
    // Neither is overwritten by keygen, and what is there may be another domain's.
    for taken in ["mail.private", "mail.txt"] {
        fs::write(dir.path().join(taken), "").unwrap();
        assert_eq!(elsewhere.remedy_for(Some(&purpose())), elsewhere.remedy());
        fs::remove_file(dir.path().join(taken)).unwrap();
    }
    let nowhere = KeyError::Missing(dir.path().join("new keys/mail.private"));
    let told = nowhere.remedy_for(Some(&purpose()));
    let both = format!(
        "`mkdir -p '{word}/new keys' && dkimd keygen -d example.com -s mail -D '{word}/new keys'`"
    );
    assert!(told.contains(&both), "{told}");
}

#[test]
fn no_remedy_leaves_a_place_to_be_filled_in() {
    let path = PathBuf::from("/nonexistent/absent.private");
    let origin = || KeyOrigin::File(path.clone());
    let unusable = |problem| KeyError::Unusable {
        origin: origin(),
        problem,
    };
    let errors = [
        KeyError::Missing(path.clone()),
        KeyError::NotAFile(path.clone()),
        KeyError::Changing(path.clone()),
        unusable(Unusable::Empty),
        unusable(Unusable::NotAKey("a certificate")),
        unusable(Unusable::CutShort),
        KeyError::TooSmall {
            origin: origin(),
            bits: 512,
            minimum: 1024,
        },
    ];
    for error in &errors {
        for purpose in [None, Some(&purpose())] {
            let told = error.remedy_for(purpose);
            for placeholder in ["DOMAIN", "SELECTOR", "NEW"] {
                assert!(!told.contains(placeholder), "{told}");
            }
            assert!(purpose.is_some() || !told.contains("dkimd "), "{told}");
        }
    }
    let [.., cut, small] = &errors;
    for error in [cut, small] {
        let told = error.remedy_for(Some(&purpose()));
        assert!(
            told.contains("`dkimd setup example.com --selector mail2`"),
            "{told}"
        );
    }
}

/// What setup makes would be too small again.
#[test]
fn a_minimum_above_what_setup_makes_is_told_in_words() {
    let error = KeyError::TooSmall {
        origin: KeyOrigin::Inline,
        bits: 2048,
        minimum: 4096,
    };
    assert_eq!(
        error.remedy_for(Some(&purpose())),
        "make a larger key, of 4096 bits, under a new selector; or lower MinimumKeyBits"
    );
}

#[test]
fn who_was_denied_is_not_the_user_that_nobody_tried_for() {
    let me = |uid, name: &str| Identity {
        uid,
        name: name.into(),
    };
    let denied = |tried_by| {
        KeyError::Unreadable(Box::new(Denied {
            path: "/k/mail.private".into(),
            component: Some(Component {
                path: "/k".into(),
                directory: true,
                uid: 120,
                gid: 120,
                mode: 0o700,
                acl: None,
            }),
            me: me(120, "opendkim"),
            tried_by,
        }))
    };
    let own = denied(None);
    assert!(own.to_string().ends_with("and opendkim may not enter it"));
    assert_eq!(own.remedy(), "chmod a+x /k");
    let others = denied(Some(me(1000, "joe")));
    assert!(others.to_string().ends_with("and joe may not enter it"));
    assert!(!others.remedy().contains("chmod"), "{}", others.remedy());
}

#[test]
fn what_is_glued_to_the_path_of_a_missing_key_is_not_told() {
    for (path, told) in [
        ("/rc/k.pem:horse", "/rc/k.pem:..."),
        ("/rc/k.private:ho/rse", "/rc/k.private:..."),
        ("/rc/mail:horse", "/rc/mail:..."),
        ("/a:b/k.pem", "/a:b/k.pem"),
    ] {
        let error = KeyError::Missing(path.into());
        assert_eq!(
            error.to_string(),
            format!("can't load key from {told}: No such file or directory")
        );
        assert!(!error.remedy().contains("rse"));
    }
}
