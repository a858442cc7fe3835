//! `dkimd setup --undo` by the real program: everything as it was, or nothing is touched; also after
//! a run that broke off.

#[path = "support/absent.rs"]
mod absent;
mod support;
#[path = "support/setup.rs"]
mod support_setup;

use std::{fs, process::Command};

use support_setup::{Scene, postfix_is_there};

#[test]
fn an_undo_leaves_everything_as_it_was_but_for_the_keys() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.set_mode("postfix/main.cf", 0o640);
    fs::create_dir(scene.path("etc/local")).unwrap();
    fs::rename(scene.config(), scene.path("etc/local/o.conf")).unwrap();
    std::os::unix::fs::symlink("local/o.conf", scene.config()).unwrap();
    let before = scene.tree();
    scene.setup("example.com", &["--apply"]).ok();
    assert_ne!(scene.tree(), before);
    assert!(fs::symlink_metadata(scene.config()).unwrap().is_symlink());
    let told = scene.undo("example.com").ok();
    assert!(told.contains("the key stays"), "{told}");
    assert_eq!(scene.tree_without_keys(), before);
    let told = scene.undo("example.com").said;
    assert!(told.contains("Nothing to take back"), "{told}");
}

#[test]
fn an_undo_of_several_runs_that_must_stop_takes_nothing_back() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.setup("a.example", &["--apply"]).ok();
    scene.setup("b.example", &["--apply"]).ok();
    // A place that the first run alone changed.
    let main_cf = scene.read("postfix/main.cf");
    let changed = main_cf.replace("default_action=tempfail", "default_action=reject");
    assert_ne!(changed, main_cf);
    scene.write("postfix/main.cf", &changed);
    let before = scene.tree();
    let told = scene.setup("--undo", &["--all", "--apply"]);
    assert_eq!(told.code, Some(1), "{}", told.said);
    assert!(told.said.contains("nothing was taken back"));
    assert_eq!(scene.tree(), before);
}

#[test]
fn undoing_the_first_domain_leaves_the_second_working_until_it_is_undone_too() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    let before = scene.tree();
    scene.setup("a.example", &["--apply"]).ok();
    let with_first = scene.read("etc/opendkim/SigningTable");
    scene.setup("b.example", &["--apply"]).ok();
    let added = scene
        .read("etc/opendkim/SigningTable")
        .replace(&with_first, "");
    assert_eq!(added.lines().count(), 2, "{added}");
    let told = scene.undo("a.example").ok();
    assert!(
        told.contains("b.example was set up later and needs them"),
        "{told}"
    );
    assert!(scene.signers_by_dkimd("joe@a.example").is_empty());
    let second = ["b.example/mail", "b.example/mail-ed25519"];
    assert_eq!(scene.signers_by_dkimd("joe@b.example"), second);
    scene.undo("b.example").ok();
    assert_eq!(scene.tree_without_keys(), before);
    for domain in ["a.example", "b.example", "c.example"] {
        scene.setup(domain, &["--apply"]).ok();
    }
    scene.setup("--undo", &["--all", "--apply"]).ok();
    assert_eq!(scene.tree_without_keys(), before);
}

#[test]
fn what_others_changed_elsewhere_in_a_file_stays_and_what_they_changed_there_stops_the_undo() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.setup("example.com", &["--apply"]).ok();
    scene.append("postfix/main.cf", "biff = yes\n");
    let main_cf = scene.read("postfix/main.cf");
    scene.write(
        "postfix/main.cf",
        &main_cf.replace("=tempfail }", "=tempfail }, inet:localhost:9"),
    );
    let broken = scene.tree();
    let refused = scene.undo("example.com");
    assert_eq!(refused.code, Some(1));
    assert!(refused.said.contains("postfix/main.cf"), "{}", refused.said);
    assert_eq!(scene.tree(), broken);
    scene.write("postfix/main.cf", &main_cf);
    scene.undo("example.com").ok();
    let main_cf = scene.read("postfix/main.cf");
    assert!(
        main_cf.ends_with("biff = yes\n") && !main_cf.contains("milters"),
        "{main_cf}"
    );
}

#[test]
fn a_run_that_broke_off_anywhere_is_taken_back_or_finished() {
    if !postfix_is_there() {
        return;
    }
    let steps = Scene::new().plan("example.com").steps.len();
    assert!(steps > 10);
    for done in 0..steps {
        let scene = Scene::new();
        let before = scene.tree();
        scene.break_off_after("example.com", done);
        scene.undo("example.com").ok();
        assert_eq!(scene.tree_without_keys(), before, "after {done} steps");

        let scene = Scene::new();
        let before = scene.tree();
        scene.break_off_after("example.com", done);
        scene.setup("example.com", &["--apply"]).ok();
        assert!(scene.errors_of_check().is_empty());
        let told = scene.setup("example.com", &["--apply"]).ok();
        assert!(
            told.contains("nothing to change"),
            "after {done} steps: {told}"
        );
        scene.undo("example.com").ok();
        assert_eq!(scene.tree_without_keys(), before, "after {done} steps");
    }
}

#[test]
fn entries_that_others_added_to_tables_of_setup_keep_them_from_being_taken_back() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.setup("example.com", &["--apply"]).ok();
    scene.append("etc/opendkim/TrustedHosts", "192.0.2.99\n");
    let before = scene.tree();
    let refused = scene.undo("example.com");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.said.contains("etc/opendkim/TrustedHosts"),
        "{}",
        refused.said
    );
    assert_eq!(scene.tree(), before);
}

#[test]
fn the_postfix_that_was_set_up_is_the_one_that_hears_of_the_undo() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.setup("example.com", &["--apply"]).ok();
    let output = Command::new(env!("CARGO_BIN_EXE_dkimd"))
        .env("LC_ALL", "C")
        .args(["setup", "example.com", "--undo", "--apply", "--no-reload"])
        .arg("--config")
        .arg(scene.config())
        .arg("--journal")
        .arg(scene.path("lib/setup"))
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let command = scene.expand("postfix -c DIR/postfix reload");
    assert!(told.contains(&command), "{told}");
}

#[test]
fn the_postfix_of_an_earlier_domain_hears_of_the_undo_of_a_later_one() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    fs::create_dir(scene.path("postfix2")).unwrap();
    for name in ["main.cf", "master.cf"] {
        let text = scene.read(&format!("postfix/{name}"));
        scene.write(&format!("postfix2/{name}"), &text);
    }
    scene.setup("a.example", &["--apply"]).ok();
    scene
        .setup_beside("postfix2", "b.example", &["--apply"])
        .ok();
    scene.undo("a.example").ok();
    let told = scene.undo("b.example").ok();
    for directory in ["postfix", "postfix2"] {
        let command = scene.expand(&format!("postfix -c DIR/{directory} reload"));
        assert!(told.contains(&command), "{told}");
    }
}

#[test]
fn an_undo_of_the_last_run_names_it_and_no_other() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    for domain in ["a.example", "b.example"] {
        scene.setup(domain, &["--apply"]).ok();
    }
    let all = scene.setup("--undo", &["--all"]).ok();
    assert!(
        all.contains("Plan of an undo for all domains: 2 of 2 runs."),
        "{all}"
    );
    for (lang, plan, of) in [
        (
            "en",
            "Plan of an undo of the last run (b.example): 1 of 2 runs.",
            "Taken back, the last run (b.example):",
        ),
        (
            "es",
            "Plan para deshacer lo de la última ejecución (a.example): 1 de 1 ejecuciones.",
            "Deshecho lo de la última ejecución (a.example):",
        ),
    ] {
        let told = scene.setup("--undo", &["--lang", lang]).ok();
        assert!(told.contains(plan), "{told}");
        let told = scene.setup("--undo", &["--lang", lang, "--apply"]).ok();
        assert!(told.contains(of), "{told}");
    }
    let told = scene.setup("--undo", &["--apply"]).ok();
    assert!(told.contains("Nothing to take back: nothing was"), "{told}");
}
