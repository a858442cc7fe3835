use std::{fs, os::unix::fs::PermissionsExt, sync::OnceLock};

use super::*;
use crate::keys::safe::{Component, Fault};
use dkimd_keygen::generate::{KeyKind, NewKey, generate};

const LAX: KeyRules = KeyRules {
    require_safe: false,
    minimum_bits: 1024,
};

fn ed25519() -> NewKey {
    generate(KeyKind::Ed25519).unwrap()
}

fn rsa(bits: u32) -> &'static NewKey {
    static KEYS: [OnceLock<NewKey>; 2] = [OnceLock::new(), OnceLock::new()];
    KEYS[usize::from(bits == 512)].get_or_init(|| generate(KeyKind::Rsa(bits)).unwrap())
}

struct Scene {
    store: KeyStore,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self {
            store: KeyStore::new(8),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("mail.private")
    }

    /// Puts a key in place as an administrator's editor does.
    fn put(&self, pem: &str) {
        let new = self.dir.path().join("new");
        fs::write(&new, pem).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    fn get(&self, rules: KeyRules) -> Result<Loaded, KeyError> {
        self.store.get(&KeySource::File(self.path()), rules)
    }
}

#[test]
fn a_key_is_parsed_once_and_its_warnings_are_told_once() {
    let scene = Scene::new();
    scene.put(&rsa(1024).pem);
    let (first, warnings) = scene.get(LAX).unwrap();
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("an RSA key of 1024 bits is weak")),
        "{warnings:?}"
    );
    let (second, warnings) = scene.get(LAX).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn a_replaced_key_signs_the_next_message() {
    let scene = Scene::new();
    for _ in 0..3 {
        let new = ed25519();
        scene.put(&new.pem);
        assert_eq!(scene.get(LAX).unwrap().0.public_key(), new.public);
    }
}

#[test]
fn a_key_that_vanishes_is_missing_and_one_that_comes_back_signs() {
    let scene = Scene::new();
    assert_eq!(scene.get(LAX).unwrap_err(), KeyError::Missing(scene.path()));
    scene.put(&ed25519().pem);
    scene.get(LAX).unwrap();
    fs::remove_file(scene.path()).unwrap();
    let error = scene.get(LAX).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "can't load key from {}: No such file or directory",
            scene.path().display()
        )
    );
    assert_eq!(error.remedy(), "restore the file, or correct the path");
    scene.put(&ed25519().pem);
    scene.get(LAX).unwrap();
}

#[test]
fn minimum_key_bits_holds_for_cached_rsa_keys_and_never_for_ed25519() {
    let scene = Scene::new();
    let strict = KeyRules {
        minimum_bits: 2048,
        ..LAX
    };
    scene.put(&rsa(1024).pem);
    scene.get(LAX).unwrap();
    let error = scene.get(strict).unwrap_err().to_string();
    assert!(
        error.starts_with("private key too small (1024 bits, need at least 2048)"),
        "{error}"
    );
    scene.put(&ed25519().pem);
    scene.get(strict).unwrap();
}

#[test]
fn an_unsafe_key_is_refused_although_it_was_taken_before() {
    let scene = Scene::new();
    scene.put(&ed25519().pem);
    fs::set_permissions(scene.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let (_, warnings) = scene.get(LAX).unwrap();
    assert!(
        warnings[0].contains(": key data is not secure: "),
        "{warnings:?}"
    );
    let strict = KeyRules {
        require_safe: true,
        ..LAX
    };
    let error = scene.get(strict).unwrap_err();
    assert!(matches!(error, KeyError::Unsafe { .. }), "{error}");
    // Fixed text around the temp directory's own fault, which is the first one found here.
    let text = error.to_string();
    assert!(text.starts_with(&format!(
        "{}: key data is not secure: ",
        scene.path().display()
    )));
    assert!(text.contains("can be read or written by other users") && text.contains(", mode "));
}

#[test]
fn inline_keys_are_cached_by_their_text() {
    let scene = Scene::new();
    let (one, two) = (ed25519(), ed25519());
    let get = |new: &NewKey| {
        let source = KeySource::Inline(new.pem.to_string());
        scene.store.get(&source, LAX).unwrap().0
    };
    assert!(Arc::ptr_eq(&get(&one), &get(&one)));
    assert_eq!(get(&two).public_key(), two.public);
    let error = scene
        .store
        .get(&KeySource::Inline("keys/mail.private".into()), LAX)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("can't load key from the key text in the KeyTable: it ")
    );
    assert!(error.remedy().contains("beginning with / or ./"));
}

#[test]
fn a_preloaded_key_is_used_while_its_file_is_unchanged_and_given_up_when_it_is_replaced() {
    let scene = Scene::new();
    let (old, new) = (ed25519(), ed25519());
    scene.put(&old.pem);
    scene
        .store
        .preload(&scene.path(), LAX, &Identity::current())
        .unwrap();
    let (key, warnings) = scene.get(LAX).unwrap();
    assert_eq!((key.public_key(), warnings.len()), (old.public, 0));
    scene.put(&new.pem);
    assert_eq!(scene.get(LAX).unwrap().0.public_key(), new.public);
}

#[test]
fn tasks_that_ask_at_once_all_get_the_key() {
    let scene = Scene::new();
    let new = ed25519();
    scene.put(&new.pem);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(scene.get(LAX).unwrap().0.public_key(), new.public);
                }
            });
        }
    });
}

#[test]
fn a_hit_costs_little_more_than_one_stat() {
    let scene = Scene::new();
    scene.put(&ed25519().pem);
    let source = KeySource::File(scene.path());
    scene.store.get(&source, LAX).unwrap();
    let time = |work: &dyn Fn()| {
        let fastest = (0..50).map(|_| {
            let start = Instant::now();
            (0..100).for_each(|_| work());
            start.elapsed() / 100
        });
        fastest.min().unwrap()
    };
    let stat = time(&|| drop(Stamp::of(&scene.path())));
    let hit = time(&|| drop(scene.store.get(&source, LAX)));
    // Unoptimised builds are held to the same order of magnitude only; parsing costs far more.
    assert!(hit < stat * 10, "a hit takes {hit:?}, a stat {stat:?}");
    println!("a hit takes {hit:?}, a stat {stat:?}");
}

#[test]
fn each_error_says_what_mends_it() {
    let me = Identity {
        uid: 105,
        name: "opendkim".into(),
    };
    let component = |path: &str, directory| Component {
        path: path.into(),
        directory,
        uid: 0,
        gid: 0,
        mode: 0o700,
        acl: None,
    };
    let path = PathBuf::from("/k/mail.private");
    let denied = |component| {
        KeyError::Unreadable(Box::new(super::super::error::Denied {
            path: path.clone(),
            component,
            me: me.clone(),
            tried_by: None,
        }))
    };
    let file = denied(Some(component("/k/mail.private", false)));
    assert_eq!(
        file.to_string(),
        "can't load key from /k/mail.private: Permission denied: /k/mail.private is root:root, \
         mode 0700, and opendkim may not read it"
    );
    assert_eq!(file.remedy(), "chown opendkim /k/mail.private");
    let directory = denied(Some(component("/k", true)));
    assert!(
        directory
            .to_string()
            .ends_with("/k is root:root, mode 0700, and opendkim may not enter it")
    );
    assert_eq!(directory.remedy(), "chmod a+x /k");
    let unsafe_key = KeyError::Unsafe {
        path: path.clone(),
        finding: Box::new(Finding {
            component: component("/k", true),
            fault: Fault::Others,
            me: me.clone(),
        }),
    };
    assert_eq!(
        unsafe_key.to_string(),
        "/k/mail.private: key data is not secure: /k can be read or written by other users \
         (/k is root:root, mode 0700)"
    );
    let encrypted = KeyError::Unusable {
        origin: KeyOrigin::File(path.clone()),
        problem: load::Unusable::Encrypted,
    };
    assert!(
        encrypted
            .remedy()
            .starts_with("openssl pkey -in /k/mail.private -out ")
    );
}
