//! `dkimd setup` by the real program, in directories of its own, beside Postfix's `postconf` and
//! Debian's opendkim.

#[path = "support/absent.rs"]
mod absent;
#[path = "support/json_form.rs"]
mod json_form;
mod support;
#[path = "support/setup.rs"]
mod support_setup;

use std::{fs, net::TcpListener};

use json_form::assert_documented;
use serde_json::json;
use support_setup::{Scene, postfix_is_there};

#[test]
fn a_plan_changes_nothing() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    let before = scene.tree();
    let told = scene.setup("example.com", &[]).ok();
    assert!(told.contains("Nothing is changed yet"), "{told}");
    assert!(
        told.contains("+ smtpd_milters = { unix:opendkim/opendkim.sock, default_action=tempfail }")
    );
    assert_eq!(scene.tree(), before);
}

#[test]
fn what_was_set_up_signs_in_dkimd_and_in_opendkim() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.setup("example.com", &["--apply"]).ok();
    assert!(scene.errors_of_check().is_empty());
    let both = ["example.com/mail", "example.com/mail-ed25519"];
    assert_eq!(scene.signers_by_dkimd("joe@example.com"), both);
    // OpenDKIM signs with one algorithm for all keys and refuses mail otherwise.
    let scene = Scene::new();
    scene
        .setup("example.com", &["--apply", "--keys", "rsa"])
        .ok();
    if let Some(found) = scene.signers_by_opendkim("joe@example.com") {
        assert_eq!(found, both[..1]);
    }
    assert_eq!(scene.postconf("non_smtpd_milters"), "$smtpd_milters");
    assert_eq!(
        scene.postconf("internal_mail_filter_classes"),
        "bounce, notify"
    );
}

#[test]
fn running_it_again_changes_nothing_and_says_so() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.setup("example.com", &["--apply"]).ok();
    let before = scene.tree();
    let told = scene.setup("example.com", &["--apply"]).ok();
    assert!(
        told.contains("set up already; there is nothing to change"),
        "{told}"
    );
    assert_eq!(scene.tree(), before);
}

#[test]
fn one_more_domain_is_one_more_line_in_each_table_of_a_guides_configuration() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.write_key("keys/mail.private");
    scene.write(
        "etc/keys.txt",
        "# the keys\r\nmail._domainkey.old.example\told.example:mail:DIR/keys/mail.private\r\n",
    );
    scene.write(
        "etc/signing.txt",
        "*@old.example mail._domainkey.old.example\n# the end",
    );
    scene.write("etc/hosts.txt", "127.0.0.1\n");
    scene.set_mode("etc/keys.txt", 0o640);
    scene.add_options(
        "KeyTable DIR/etc/keys.txt\nSigningTable REFILE:DIR/etc/signing.txt\n\
         InternalHosts DIR/etc/hosts.txt\n",
    );
    scene
        .setup("new.example", &["--apply", "--keys", "rsa"])
        .ok();
    assert_eq!(
        scene.read("etc/keys.txt"),
        scene.expand(
            "# the keys\r\nmail._domainkey.old.example\told.example:mail:DIR/keys/mail.private\r\n\
             mail._domainkey.new.example\tnew.example:mail:DIR/keys/mail.new.example.private\r\n"
        )
    );
    assert_eq!(
        scene.read("etc/signing.txt"),
        "*@old.example mail._domainkey.old.example\n# the end\n\
         *@new.example mail._domainkey.new.example"
    );
    assert_eq!(scene.mode("etc/keys.txt"), 0o640);
    assert_eq!(
        scene.signers_by_dkimd("joe@old.example"),
        ["old.example/mail"]
    );
    assert_eq!(
        scene.signers_by_dkimd("joe@new.example"),
        ["new.example/mail"]
    );
}

#[test]
fn lines_that_catch_everything_stay_behind_the_new_one_and_two_signatures_are_left_out() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.write_key("keys/mail.private");
    scene.write(
        "etc/keys.txt",
        "all old.example:mail:DIR/keys/mail.private\n",
    );
    scene.write("etc/signing.txt", "# everybody\n* all\n");
    scene.add_options("KeyTable DIR/etc/keys.txt\nSigningTable refile:DIR/etc/signing.txt\n");
    let told = scene.setup("new.example", &["--apply"]).ok();
    assert!(told.contains("RSA alone"), "{told}");
    assert_eq!(
        scene.read("etc/signing.txt"),
        "# everybody\n*@new.example mail._domainkey.new.example\n* all\n"
    );
    assert_eq!(
        scene.signers_by_dkimd("joe@new.example"),
        ["new.example/mail"]
    );
    assert_eq!(
        scene.signers_by_dkimd("joe@else.example"),
        ["old.example/mail"]
    );
}

#[test]
fn tables_of_exact_keys_and_lists_in_options_grow_in_their_own_format() {
    if !postfix_is_there() {
        return;
    }
    for tables in [
        "KeyTable csl:k1=old.example:mail:DIR/keys/mail.private\nSigningTable csl:old.example=k1 # why\n",
        "KeyTable DIR/etc/keys.txt\nSigningTable file:DIR/etc/signing.txt\n",
    ] {
        let scene = Scene::new();
        scene.write_key("keys/mail.private");
        scene.write(
            "etc/keys.txt",
            "k1 old.example:mail:DIR/keys/mail.private\n",
        );
        scene.write("etc/signing.txt", "old.example k1\n");
        scene.add_options(tables);
        scene.setup("new.example", &["--apply"]).ok();
        let new = ["new.example/mail", "new.example/mail-ed25519"];
        assert_eq!(scene.signers_by_dkimd("joe@new.example"), new);
        assert_eq!(
            scene.signers_by_dkimd("joe@old.example"),
            ["old.example/mail"]
        );
        if let Some(found) = scene.signers_by_opendkim("joe@old.example") {
            assert_eq!(found, ["old.example/mail"]);
        }
    }
}

#[test]
fn one_key_for_all_becomes_tables_that_sign_the_same() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.write_key("keys/old.private");
    scene.add_options(
        "Domain old.example,other.example\nSelector s1\nKeyFile DIR/keys/old.private\n\
         SubDomains yes\n",
    );
    let authors = [
        "joe@old.example",
        "joe@other.example",
        "joe@sub.old.example",
    ];
    let signers = |scene: &Scene| authors.map(|author| scene.signers_by_dkimd(author));
    let before = signers(&scene);
    assert_eq!(before[2], ["old.example/s1"]);
    scene.setup("new.example", &["--apply"]).ok();
    assert_eq!(signers(&scene), before);
    let new = ["new.example/mail", "new.example/mail-ed25519"];
    assert_eq!(scene.signers_by_dkimd("joe@new.example"), new);
    if let Some(found) = scene.signers_by_opendkim("joe@sub.old.example") {
        assert_eq!(found, ["old.example/s1"]);
    }
    let flags = ["--apply", "--sign-now"];
    scene.setup("old.example", &flags).ok();
    assert_eq!(
        scene.signers_by_dkimd("joe@old.example"),
        ["old.example/s1", "old.example/s1-ed25519"]
    );
}

#[test]
fn the_only_domain_of_one_key_gets_its_second_signature() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.write_key("keys/old.private");
    scene.add_options("Domain old.example\nSelector s1\nKeyFile DIR/keys/old.private\n");
    let before = scene.tree();
    scene
        .setup("old.example", &["--apply", "--keys", "rsa"])
        .ok();
    assert_eq!(
        scene.read("etc/opendkim.conf").matches("KeyTable").count(),
        0
    );
    let flags = ["--apply", "--sign-now"];
    scene.setup("old.example", &flags).ok();
    assert_eq!(
        scene.signers_by_dkimd("joe@old.example"),
        ["old.example/s1", "old.example/s1-ed25519"]
    );
    scene.undo("old.example").ok();
    assert_eq!(scene.tree_without_keys(), before);
}

#[test]
fn other_filters_of_postfix_keep_their_order_and_settings() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.append(
        "postfix/main.cf",
        "milter_default_action = accept\nsmtpd_milters = inet:localhost:11332,\n  \
         { inet:localhost:8893, default_action=accept }\nnon_smtpd_milters = inet:localhost:11332",
    );
    let before = scene.tree();
    let told = scene.setup("example.com", &["--apply"]).ok();
    assert!(told.contains("Bounces and notices stay unsigned"), "{told}");
    let ours = "{ unix:opendkim/opendkim.sock, default_action=tempfail }";
    assert_eq!(
        scene.postconf("smtpd_milters"),
        format!("inet:localhost:11332, {ours}, {{ inet:localhost:8893, default_action=accept }}")
    );
    assert_eq!(
        scene.postconf("non_smtpd_milters"),
        format!("inet:localhost:11332, {ours}")
    );
    assert_eq!(scene.postconf("milter_default_action"), "accept");
    scene.undo("example.com").ok();
    assert_eq!(scene.tree_without_keys(), before);
}

#[test]
fn local_mail_that_takes_the_filters_of_the_network_gets_the_daemon_once() {
    if !postfix_is_there() {
        return;
    }
    for reference in ["$smtpd_milters", "${smtpd_milters}", "$(smtpd_milters)"] {
        let scene = Scene::new();
        let line = format!("non_smtpd_milters = {reference}\n");
        scene.append("postfix/main.cf", &line);
        scene.setup("example.com", &["--apply"]).ok();
        assert_eq!(scene.postconf("non_smtpd_milters"), reference);
    }
}

#[test]
fn no_run_goes_on_with_keys_that_the_daemon_would_refuse() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    // The directory for temporary files is nothing that the daemon takes keys from then.
    scene.replace_option("RequireSafeKeys", "yes");
    let before = scene.read("etc/opendkim.conf");
    for _ in 0..3 {
        let told = scene.setup("example.com", &["--apply"]);
        assert_eq!(told.code, Some(74), "{}", told.said);
        assert!(told.said.contains("would refuse a key"), "{}", told.said);
        assert_eq!(scene.read("etc/opendkim.conf"), before);
    }
}

#[test]
fn a_new_name_of_the_host_does_not_make_the_mail_domain_local() {
    if !postfix_is_there() {
        return;
    }
    let domain = "localhost.$mydomain";
    for (own, kept) in [
        (format!("mydestination = $myhostname, {domain}\n"), "local"),
        ("myorigin = ${mydomain}\n".to_owned(), "local"),
        ("myorigin = $myhostname\n".to_owned(), "example.com"),
        (
            "mydomain = a.example\nmyorigin = $mydomain\n".to_owned(),
            "a.example",
        ),
    ] {
        let scene = Scene::new();
        let main_cf = scene.read("postfix/main.cf");
        let main_cf = main_cf.replace("mail.example.com", "mail.local");
        scene.write("postfix/main.cf", &main_cf);
        scene.append("postfix/main.cf", &own);
        let before = scene.tree();
        let told = scene.setup("example.com", &["--apply"]).ok();
        assert_eq!(scene.postconf("myhostname"), "mail.example.com", "{own}");
        assert_eq!(scene.postconf("mydomain"), kept, "{own}");
        let says = told.contains("Keep Postfix's domain local");
        assert_eq!(says, kept == "local", "{told}");
        scene.undo("example.com").ok();
        assert_eq!(scene.tree_without_keys(), before);
    }
}

#[test]
fn a_daemon_that_is_wired_already_only_gets_its_temporary_failure() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.replace_option("Socket", "inet:8891@localhost");
    scene.append(
        "postfix/main.cf",
        "milter_default_action = accept\nsmtpd_milters = inet:127.0.0.1:8891\n\
         non_smtpd_milters = $smtpd_milters\ninternal_mail_filter_classes = bounce\n",
    );
    scene.setup("example.com", &["--apply"]).ok();
    assert_eq!(
        scene.postconf("smtpd_milters"),
        "{ inet:127.0.0.1:8891, default_action=tempfail }"
    );
    assert_eq!(scene.postconf("internal_mail_filter_classes"), "bounce");
    assert!(
        scene
            .read("etc/opendkim.conf")
            .contains("inet:8891@localhost")
    );
}

#[test]
fn who_starts_the_daemon_later_hears_that_mail_waits() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    scene.replace_option("Socket", &format!("inet:{port}@127.0.0.1"));
    let told = scene.setup("a.example", &["--apply"]).ok();
    assert!(!told.contains("Nobody listens"), "{told}");
    drop(listener);
    scene.undo("a.example").ok();
    let told = scene.setup("a.example", &["--apply"]).ok();
    assert!(told.contains("Nobody listens at inet:"), "{told}");
    // Also where only Postfix is left to be told.
    let main_cf = scene.read("postfix/main.cf");
    let wires = |line: &&str| !line.contains("milter");
    let lines: Vec<_> = main_cf.lines().filter(wires).collect();
    scene.write("postfix/main.cf", &(lines.join("\n") + "\n"));
    let told = scene.setup("a.example", &["--apply"]).ok();
    assert!(told.contains("Nobody listens at inet:"), "{told}");
}

#[test]
fn services_that_pass_the_milter_by_are_reported() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.append(
        "postfix/master.cf",
        "submission inet n - y - - smtpd -o smtpd_milters=\n",
    );
    let told = scene.setup("example.com", &[]).ok();
    assert!(
        told.contains("postconf -P 'submission/inet/smtpd_milters = { unix:opendkim/"),
        "{told}"
    );
}

#[test]
fn mail_through_amazon_ses_bears_one_signature() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.append(
        "postfix/main.cf",
        "relayhost = [email-smtp.eu-west-1.amazonaws.com]:587\n",
    );
    let told = scene.setup("example.com", &["--apply"]).ok();
    assert!(
        told.contains("Amazon SES refuses mail with two signatures"),
        "{told}"
    );
    assert!(
        told.contains("\"v=spf1 include:amazonses.com ~all\""),
        "{told}"
    );
    assert_eq!(
        scene.signers_by_dkimd("joe@example.com"),
        ["example.com/mail"]
    );
}

#[test]
fn postfix_gets_to_a_socket_whose_directory_is_there_already() {
    if !postfix_is_there() || !nix::unistd::geteuid().is_root() {
        return;
    }
    let daemon = nix::unistd::User::from_name("daemon").unwrap().unwrap();
    let (uid, gid) = (daemon.uid.as_raw(), daemon.gid.as_raw());
    for (owner, mode, expected) in [
        // As the guides have it: the group of the daemon, which Postfix joins.
        (uid, 0o750, "$ gpasswd -a postfix daemon"),
        // The daemon could not make its socket there.
        (0, 0o755, "$ chown daemon:postfix"),
    ] {
        let scene = Scene::new();
        let directory = scene.path("queue/opendkim");
        fs::create_dir(&directory).unwrap();
        let group = if owner == uid { gid } else { 0 };
        std::os::unix::fs::chown(&directory, Some(owner), Some(group)).unwrap();
        scene.set_mode("queue/opendkim", mode);
        scene.replace_option("Socket", "local:DIR/queue/opendkim/opendkim.sock");
        let told = scene.setup("example.com", &[]).ok();
        assert!(told.contains(expected), "{told}");
        assert!(!told.contains("Put the socket into"), "{told}");
    }
}

#[test]
fn lines_left_in_tables_that_nobody_named_do_not_come_into_force_unseen() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    fs::create_dir(scene.path("etc/opendkim")).unwrap();
    scene.write("etc/opendkim/SigningTable", "*@example.com forgotten\n");
    scene.write(
        "etc/opendkim/KeyTable",
        "forgotten example.com:x:/nowhere\n",
    );
    let before = scene.tree();
    let refused = scene.setup("example.com", &["--apply", "--keys", "rsa"]);
    assert_eq!(refused.code, Some(78), "{}", refused.said);
    assert!(
        refused.said.contains("stand in the way"),
        "{}",
        refused.said
    );
    assert_eq!(scene.tree(), before);
}

#[test]
fn a_broken_configuration_is_not_built_upon() {
    let scene = Scene::new();
    scene.add_options("Nonsense yes\n");
    let before = scene.tree();
    let refused = scene.setup("example.com", &["--apply"]);
    assert_eq!(refused.code, Some(78));
    assert!(
        refused.said.contains("unrecognized parameter"),
        "{}",
        refused.said
    );
    assert_eq!(scene.tree(), before);
}

#[test]
fn another_selector_prepares_a_change_of_keys_and_changes_no_signature() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene
        .setup("example.com", &["--apply", "--keys", "rsa"])
        .ok();
    let signing = scene.read("etc/opendkim/SigningTable");
    let told = scene
        .setup("example.com", &["--apply", "--selector", "new"])
        .ok();
    assert!(
        told.contains("new._domainkey.example.com. IN TXT"),
        "{told}"
    );
    assert!(told.contains("does not sign yet"), "{told}");
    assert_eq!(scene.read("etc/opendkim/SigningTable"), signing);
    assert!(
        scene
            .read("etc/opendkim/KeyTable")
            .contains("new._domainkey.example.com")
    );
    let told = scene
        .setup("example.com", &["--apply", "--selector", "new"])
        .ok();
    assert!(told.contains("nothing to change"), "{told}");
}

#[test]
fn a_server_that_only_verified_signs_afterwards() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    scene.add_options("Mode v\n");
    scene.setup("example.com", &["--apply"]).ok();
    assert_eq!(scene.signers_by_dkimd("joe@example.com").len(), 2);
}

#[test]
fn a_host_without_configuration_gets_one() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    fs::remove_file(scene.config()).unwrap();
    let planned = scene.setup("example.com", &["--json"]);
    if planned.said.contains("UserID opendkim: no such user") {
        return absent::absent("the user opendkim");
    }
    let plan: serde_json::Value = serde_json::from_str(&planned.ok()).unwrap();
    assert_documented("setup", &plan);
    let first = &plan["steps"][0];
    assert_eq!(first["kind"], "file");
    assert_eq!(first["path"], json!(scene.config()));
    assert!(
        first["places"][0]["added"]
            .to_string()
            .contains("queue/opendkim/opendkim.sock")
    );
}

#[test]
fn programs_get_the_records_whole() {
    let Some(scene) = Scene::beside_postfix() else {
        return;
    };
    let told = scene
        .setup("Example.COM", &["--apply", "--json", "--lang", "es"])
        .ok();
    let account: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_documented("setup", &account);
    let undo = scene.setup("example.com", &["--undo", "--json"]).ok();
    assert_documented("setup", &serde_json::from_str(&undo).unwrap());
    assert_eq!(account["domain"], "example.com");
    assert_eq!(account["applied"], true);
    let records = account["records"].as_array().unwrap();
    let key = records
        .iter()
        .find(|record| record["name"] == "mail._domainkey.example.com")
        .unwrap();
    assert_eq!(key["type"], "TXT");
    let value = key["value"].as_str().unwrap();
    assert!(value.starts_with("v=DKIM1; h=sha256; k=rsa; p=MIIB") && value.len() > 400);
    assert!(
        account["steps"][0]["what"]
            .as_str()
            .unwrap()
            .starts_with("Crear")
    );
}

#[test]
fn what_is_no_domain_is_a_wrong_command_line() {
    let scene = Scene::new();
    for domain in ["example", "ex ample.com", "a..example", ""] {
        let refused = scene.setup(domain, &["--apply"]);
        assert_eq!(refused.code, Some(64), "{domain}: {}", refused.said);
    }
}
