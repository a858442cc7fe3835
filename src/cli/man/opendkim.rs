//! opendkim(8): what dkimd is under that name, with its flags from the flag table.

use super::page::Page;
use crate::flags::FLAGS;
use dkimd_server::process::ExitCode;

pub(super) fn page() -> String {
    let mut page = Page::new(
        "opendkim",
        "8",
        "DKIM signing and verifying milter (dkimd in OpenDKIM's place)",
    );
    page.section("SYNOPSIS");
    page.paragraph("opendkim [-x file] [-p socket] [flags]");
    page.section("DESCRIPTION");
    page.paragraph(
        "Serves Postfix or Sendmail by the milter protocol. Called by the name opendkim, dkimd \
         takes the flags, the configuration file, the tables and the keys of OpenDKIM, goes to \
         the background, becomes the user of UserID and logs to syslog in OpenDKIM's words.",
    );
    page.section("FLAGS");
    for flag in &FLAGS {
        let value = match flag.value {
            "" => String::new(),
            value => format!(" {value}"),
        };
        let mut text = capitalised(flag.help);
        if let Some(option) = flag.option {
            text += &format!(" As the option {option}");
            text += &match flag.fixed {
                "" => ".".to_owned(),
                fixed => format!(" {fixed}."),
            };
        }
        page.item(&format!("-{}", flag.letter), &value, &text);
    }
    page.paragraph(
        "Of -V, -n, -e, -Q and -t the first in this order counts. What flags set wins over the \
         file, also after a reload.",
    );
    page.section("SIGNALS");
    page.item(
        "SIGHUP, SIGUSR1",
        "",
        "Load the configuration again, at once. If anything in it is an error, all errors are \
         logged and the old configuration stays. So it does while a table is empty that had \
         entries, or cut short, until that is whole again. A message under way is finished with \
         the configuration it began with.",
    );
    page.item(
        "SIGTERM, SIGINT",
        "",
        "Finish the messages under way, serving everybody meanwhile, and end. A message that does \
         not come is waited for 1 second, one that flows 5 seconds. A second signal, a second \
         later, ends at once.",
    );
    page.section("UNDER SYSTEMD");
    page.paragraph(
        "Stay in the foreground with -f and Type=notify-reload (or Type=notify). Readiness, \
         reload, stop and the watchdog (WatchdogSec=) are told by sd_notify(3). Sockets of a \
         socket unit are used in place of Socket.",
    );
    page.paragraph(
        "Where NOTIFY_SOCKET is set, AutoRestart and Background are left aside: the service \
         manager starts the program again (Restart=on-failure), and all notices come from the \
         process that it started, so NotifyAccess=main is enough. With Type=simple and AutoRestart \
         a supervisor starts a worker; sockets of a socket unit are not passed on to it.",
    );
    page.example(
        "[Service]\nType=notify-reload\nExecStart=/usr/sbin/opendkim -f -x /etc/opendkim.conf\n\
         WatchdogSec=30\nRestart=on-failure\nLimitNOFILE=65536",
    );
    page.exit_codes(
        ExitCode::ALL
            .into_iter()
            .filter(|code| of_the_daemon(*code)),
    );
    page.paragraph(
        "In the background, too, the status is that of the whole start: the starter waits until \
         the socket is open.",
    );
    page.section("SEE ALSO");
    page.paragraph("opendkim.conf(5), dkimd(1), opendkim-genkey(8)");
    page.render()
}

/// Whether opendkim(8) ends with it; the others belong to commands of dkimd(1).
fn of_the_daemon(code: ExitCode) -> bool {
    !matches!(
        code,
        ExitCode::TryAgain | ExitCode::Failed | ExitCode::Broken | ExitCode::NotExamined
    )
}

/// Flags are told in the usage text without capital and full stop.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_and_every_exit_code_is_told() {
        let page = page().replace('\\', "");
        for flag in &FLAGS {
            assert!(
                page.contains(&format!("fB-{}fR", flag.letter)),
                "-{}",
                flag.letter
            );
        }
        for code in ExitCode::ALL {
            let told = page.contains(&format!("fB{}fR\n{}", code.number(), code.meaning()));
            assert_eq!(told, of_the_daemon(code), "{code:?}");
        }
    }
}
