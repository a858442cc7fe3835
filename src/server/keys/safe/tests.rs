use super::*;

/// Accounts by group: (gid, primary user, listed members).
struct Fake(&'static [(u32, Option<&'static str>, &'static [&'static str])]);

impl Accounts for Fake {
    fn primary_user(&self, gid: u32, but: &Identity) -> Option<String> {
        let (_, user, _) = self.0.iter().find(|(group, ..)| *group == gid)?;
        user.filter(|user| *user != &*but.name && *user != "root")
            .map(str::to_owned)
    }

    fn listed_member(&self, gid: u32, but: &Identity) -> Option<String> {
        let (_, _, members) = self.0.iter().find(|(group, ..)| *group == gid)?;
        let other = members.iter().find(|m| **m != "root" && **m != &*but.name);
        other.map(|m| (*m).to_owned())
    }
}

const ACCOUNTS: Fake = Fake(&[
    (0, Some("root"), &[]),
    (60, Some("games"), &[]),
    (109, Some("opendkim"), &[]),
    (900, None, &["man"]),
    (901, None, &["opendkim", "root"]),
    (902, Some("zed"), &["man"]),
]);

fn opendkim() -> Identity {
    Identity {
        uid: 105,
        name: "opendkim".into(),
    }
}

fn root() -> Identity {
    Identity {
        uid: 0,
        name: "root".into(),
    }
}

fn path(directory: (u32, u32, u32), file: (u32, u32, u32)) -> [Component; 3] {
    let make = |path: &str, directory, (uid, gid, mode)| Component {
        path: path.into(),
        directory,
        uid,
        gid,
        mode,
        acl: None,
    };
    [
        make("/", true, (0, 0, 0o755)),
        make("/k", true, directory),
        make("/k/mail.private", false, file),
    ]
}

const DIR: (u32, u32, u32) = (0, 0, 0o755);
const FILE: (u32, u32, u32) = (0, 0, 0o600);

fn sentence(me: Identity, components: &[Component]) -> Option<String> {
    judge(components, &me, &ACCOUNTS)
        .err()
        .map(|finding| finding.to_string())
}

#[test]
fn what_opendkim_takes_is_safe() {
    for (directory, file) in [
        (DIR, FILE),
        (DIR, (0, 0, 0o640)),
        (DIR, (105, 109, 0o600)),
        (DIR, (0, 109, 0o640)),
        (DIR, (0, 60, 0o600)),
        (DIR, (105, 60, 0o601)),
        (DIR, (105, 60, 0o610)),
        (DIR, (0, 901, 0o640)),
        ((0, 901, 0o775), FILE),
        ((105, 109, 0o775), FILE),
        ((6, 60, 0o555), FILE),
        ((0, 60, 0o750), FILE),
    ] {
        assert_eq!(
            sentence(opendkim(), &path(directory, file)),
            None,
            "{file:?}"
        );
    }
}

#[test]
fn what_opendkim_refuses_is_refused_in_its_own_words() {
    let k = "/k/mail.private";
    for (me, directory, file, expected) in [
        (
            opendkim(),
            DIR,
            (0, 0, 0o644),
            format!("{k} can be read or written by other users"),
        ),
        (
            opendkim(),
            DIR,
            (0, 0, 0o602),
            format!("{k} can be read or written by other users"),
        ),
        (
            opendkim(),
            DIR,
            (13, 60, 0o666),
            format!("{k} is not owned by the executing uid (105) or the superuser"),
        ),
        (
            root(),
            DIR,
            (105, 0, 0o600),
            format!("{k} is not owned by the executing uid (0)"),
        ),
        (
            opendkim(),
            DIR,
            (0, 60, 0o640),
            format!("{k} is in group 60 which has multiple users (e.g. \"games\")"),
        ),
        (
            opendkim(),
            DIR,
            (0, 900, 0o640),
            format!("{k} is in group 900 which has multiple users (e.g., \"man\")"),
        ),
        (
            opendkim(),
            DIR,
            (0, 902, 0o624),
            format!("{k} is in group 902 which has multiple users (e.g. \"zed\")"),
        ),
        (
            opendkim(),
            (0, 0, 0o1777),
            (0, 0, 0o666),
            "/k can be read or written by other users".to_owned(),
        ),
        (
            opendkim(),
            (6, 900, 0o775),
            FILE,
            "opendkim is in group 900 which has multiple users (e.g., \"man\")".to_owned(),
        ),
        (
            root(),
            (0, 109, 0o775),
            FILE,
            "root is in group 109 which has multiple users (e.g., \"opendkim\")".to_owned(),
        ),
        (
            opendkim(),
            (6, 60, 0o755),
            FILE,
            "/k is writeable and owned by uid 6 which is not the executing uid (105) or the \
             superuser"
                .to_owned(),
        ),
    ] {
        assert_eq!(
            sentence(me, &path(directory, file)),
            Some(expected),
            "{directory:?} {file:?}"
        );
    }
}

#[test]
fn the_remedy_makes_the_component_safe() {
    for (directory, file, expected) in [
        (DIR, (105, 60, 0o644), "chmod 600 /k/mail.private"),
        (
            DIR,
            (0, 0, 0o644),
            "chown opendkim /k/mail.private && chmod 600 /k/mail.private",
        ),
        (
            DIR,
            (13, 0, 0o600),
            "chown opendkim /k/mail.private && chmod 600 /k/mail.private",
        ),
        ((0, 0, 0o777), FILE, "chmod o-w /k"),
        ((0, 60, 0o775), FILE, "chmod g-w /k"),
        ((6, 60, 0o755), FILE, "chown root /k"),
    ] {
        let finding = judge(&path(directory, file), &opendkim(), &ACCOUNTS).unwrap_err();
        assert_eq!(finding.remedy(), expected);
    }
}

#[test]
fn a_key_under_the_system_temp_directory_is_to_be_moved() {
    let finding = judge(&path((0, 0, 0o1777), FILE), &opendkim(), &ACCOUNTS).unwrap_err();
    assert!(finding.remedy().starts_with("move the key out of /k "));
}

#[test]
fn odd_paths_are_quoted_for_the_shell() {
    assert_eq!(shell_word("/k/it's a key"), r"'/k/it'\''s a key'");
    assert_eq!(shell_word("/k/mail.private"), "/k/mail.private");
}

#[test]
fn an_access_control_list_for_others_is_unsafe_wherever_it_stands_on_the_way() {
    let with = |number: usize, named, permissions, group| {
        let mut components = path(DIR, (105, 109, 0o660));
        components[2].mode = 0o660;
        components[number].acl = Some(Acl {
            named: vec![(named, permissions)],
            group,
        });
        sentence(opendkim(), &components)
    };
    for named in [Named::User(33), Named::Group(902)] {
        let told = with(2, named, 4, 0).unwrap();
        assert!(
            told.starts_with("/k/mail.private can be read or written by other users ("),
            "{told}"
        );
        assert!(with(1, named, 2, 0).is_some_and(|told| told.starts_with("/k can be")));
        assert_eq!(
            with(1, named, 5, 0),
            None,
            "a directory may be read and entered"
        );
        assert_eq!(with(2, named, 0, 0), None, "the mask takes it all away");
    }
    for named in [Named::User(0), Named::User(105), Named::Group(901)] {
        assert_eq!(with(2, named, 6, 0), None, "{named:?}");
    }
    // The group bits of the mode are the mask; what the group may stands in the list.
    let mut components = path(DIR, (105, 902, 0o640));
    components[2].acl = Some(Acl::default());
    assert_eq!(sentence(opendkim(), &components), None);
    components[2].acl = Some(Acl {
        group: 4,
        ..Acl::default()
    });
    assert!(sentence(opendkim(), &components).is_some());
}
