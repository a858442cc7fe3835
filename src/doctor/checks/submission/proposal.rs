//! A submission service as a whole.

use dkimd_postfix::{Postfix, Service, change::quoted};

/// What it has beside its passwords. Restrictions of port 25 are not for users, who are let on by their
/// passwords alone.
const SETTINGS: [&str; 10] = [
    "syslog_name=postfix/submission",
    "smtpd_tls_security_level=encrypt",
    "smtpd_tls_auth_only=yes",
    "smtpd_reject_unlisted_recipient=no",
    "smtpd_client_restrictions=",
    "smtpd_helo_restrictions=",
    "smtpd_sender_restrictions=",
    "smtpd_recipient_restrictions=",
    "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    "milter_macro_daemon_name=ORIGINATING",
];

/// The command that adds one to `master.cf`, like `port_25` in its chroot.
pub(super) fn submission(
    postfix: &Postfix,
    port_25: &Service,
    passwords: &[(&'static str, String)],
) -> String {
    let chroot = if port_25.chroot { "y" } else { "n" };
    let mut entry = format!("submission/inet=submission inet n - {chroot} - - smtpd");
    for (parameter, value) in passwords {
        entry.push_str(&format!(" -o {parameter}={value}"));
    }
    entry.push_str(" -o smtpd_sasl_auth_enable=yes");
    for setting in SETTINGS {
        entry.push_str(" -o ");
        entry.push_str(setting);
    }
    format!("{} -M {}", postfix.postconf(), quoted(&entry))
}
