use super::*;
use dkimd_advice::{Fix, Level};

const MASTER: &str = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n";
const GOOD: &str = "submission/inet/smtpd_sasl_auth_enable = yes\nsubmission/inet/smtpd_tls_security_level = encrypt\n\
                    submission/inet/smtpd_sender_restrictions = reject_sender_login_mismatch\n";

fn found(main: &str, master: &str, overrides: &str) -> Vec<(&'static str, Level)> {
    let findings = judge(
        &Postfix::from_texts(main, master, overrides),
        &Facts::default(),
    );
    findings
        .iter()
        .map(|finding| (finding.code.word(), finding.level))
        .collect()
}

#[test]
fn a_usual_submission_service_gives_no_finding() {
    assert_eq!(found("smtpd_tls_security_level = may\n", MASTER, GOOD), []);
    let wrapped = GOOD
        .replace("submission/", "submissions/")
        .replace("security_level = encrypt", "wrappermode = yes");
    assert_eq!(
        found("", &MASTER.replace("submission", "submissions"), &wrapped),
        []
    );
}

#[test]
fn what_a_service_lacks_is_named() {
    let without = |line: &str| {
        GOOD.lines()
            .filter(|known| !known.contains(line))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(
        found("", MASTER, &without("sasl")),
        [("submission-no-sasl", Level::Fail)]
    );
    assert_eq!(
        found("", MASTER, &without("tls")),
        [("submission-auth-in-clear", Level::Fail)]
    );
    assert_eq!(
        found("", MASTER, &without("mismatch")),
        [("submission-sender-not-bound", Level::Info)]
    );
    assert_eq!(
        found(
            "smtpd_tls_auth_only = yes\n",
            &MASTER.replace("submission", "smtps"),
            &GOOD.replace("submission/", "smtps/")
        ),
        [("submission-not-wrapped", Level::Fail)]
    );
}

#[test]
fn passwords_on_port_25_want_tls_as_well() {
    let main = "smtpd_sasl_auth_enable = yes\n";
    assert_eq!(
        found(main, MASTER, GOOD),
        [("submission-auth-in-clear", Level::Fail)]
    );
}

#[test]
fn no_submission_service_is_only_told() {
    assert_eq!(
        found("", "smtp inet n - y - - smtpd\n", ""),
        [("submission-missing", Level::Info)]
    );
}

fn told(main: &str, master: &str, overrides: &str, seen: &[(Sasl, Seen)]) -> Vec<Finding> {
    let postfix = Postfix::from_texts(main, master, overrides);
    let known = |(sasl, seen): &(Sasl, Seen)| (sasl.clone(), true, Some(seen.clone()));
    let facts = Facts {
        passwords: seen.iter().map(known).collect(),
    };
    judge(&postfix, &facts)
}

fn commands(finding: &Finding) -> Vec<&str> {
    fn command(fix: &Fix) -> Option<&str> {
        match fix {
            Fix::Command(command) => Some(command),
            _ => None,
        }
    }
    finding.fix.iter().filter_map(command).collect()
}

#[test]
fn a_service_is_proposed_only_where_passwords_are_checked() {
    let port_25 = "smtp inet n - y - - smtpd\n";
    let cert =
        "smtpd_tls_cert_file = /etc/ssl/c.pem\nsmtpd_sasl_type = cyrus\nsmtpd_sasl_path = smtpd\n";
    let open = [(Sasl::usual(), Seen::Open)];
    let found = told(cert, port_25, "", &open);
    let command = commands(&found[0])[0];
    assert!(
        command.starts_with("postconf -M 'submission/inet=submission inet n - y - - smtpd -o "),
        "{command}"
    );
    assert!(command.contains("-o smtpd_sasl_type=dovecot -o smtpd_sasl_path=private/auth"));
    // What it proposes is not complained of.
    let line = command.split_once('=').unwrap().1.trim_end_matches('\'');
    let own = line
        .split(" -o ")
        .skip(1)
        .map(|setting| format!("submission/inet/{setting}\n"))
        .collect::<String>();
    let master = format!("{port_25}{line}\n");
    let found = told(cert, &master, &own, &open);
    let codes: Vec<_> = found.iter().map(|found| found.code.word()).collect();
    assert_eq!(codes, ["submission-sender-not-bound"]);
    // Nobody checks, or no certificate: words, no command.
    assert_eq!(
        commands(&told(cert, port_25, "", &[])[0]),
        Vec::<&str>::new()
    );
    assert_eq!(
        commands(&told("", port_25, "", &open)[0]),
        Vec::<&str>::new()
    );
}

#[test]
fn passwords_that_nobody_checks_are_a_failure() {
    let main = "smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/dovecot\n";
    let own = Sasl {
        kind: "dovecot".to_owned(),
        path: "private/dovecot".to_owned(),
    };
    let shut = (own, Seen::Shut(nix::errno::Errno::ENOENT));
    let found = told(main, MASTER, GOOD, std::slice::from_ref(&shut));
    assert_eq!(found[0].code, "submission-sasl-unreachable");
    assert_eq!(commands(&found[0]), Vec::<&str>::new());
    let found = told(main, MASTER, GOOD, &[shut, (Sasl::usual(), Seen::Open)]);
    assert_eq!(
        commands(&found[0])[0],
        "postconf -P 'submission/inet/smtpd_sasl_type=dovecot' 'submission/inet/smtpd_sasl_path=private/auth'"
    );
}

#[test]
fn nobody_is_bound_to_a_table_that_is_not_there() {
    let own = GOOD.replace("reject_sender_login_mismatch", "permit_mynetworks");
    let found = told("", MASTER, &own, &[]);
    assert_eq!(commands(&found[0]), Vec::<&str>::new());
    let found = told("smtpd_sender_login_maps = texthash:/x\n", MASTER, &own, &[]);
    assert_eq!(
        commands(&found[0])[0],
        "postconf -P 'submission/inet/smtpd_sender_restrictions=reject_sender_login_mismatch,permit_mynetworks'"
    );
}
