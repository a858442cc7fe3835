//! Whether Postfix is there, its settings can be read, say what they are meant to say, and it runs.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use strsim::levenshtein;

use crate::{
    codes,
    host::Host,
    report::{Cause, Report},
};
use dkimd_advice::{Finding, text};
use dkimd_postfix::{Postfix, PostfixError};

/// What `postconf` says of a parameter that nothing reads.
const UNUSED: &str = "unused parameter: ";
/// A name that differs from a known one by so many letters is taken for a slip.
const SLIP: usize = 2;
/// Parameters whose slip leaves mail unsigned or the server open.
const WEIGHTY: [&str; 3] = ["milter", "restrictions", "tls_security_level"];
/// Where the master notes its process and holds a lock.
const MASTER_PID: &str = "pid/master.pid";

/// Looks at it.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let postfix = match &host.postfix {
        Ok(postfix) => postfix,
        Err(error) => return Report::from(vec![unreadable(error)]),
    };
    let mut report = Report::from(complaints(postfix));
    match runs(postfix.queue_directory()) {
        Ok(true) => {}
        Ok(false) => report.add(not_running(postfix)),
        Err(_) => report.omit(Cause::Rights, text!("whether Postfix runs")),
    }
    report
}

fn unreadable(error: &PostfixError) -> Finding {
    let cause = error.to_string();
    match error {
        PostfixError::NotInstalled(_) => Finding::warn(
            codes::POSTFIX_NOT_INSTALLED,
            "postfix",
            text!("Postfix is not installed on this host"),
        )
        .command("apt install postfix"),
        _ => Finding::fail(
            codes::POSTFIX_UNREADABLE,
            "postfix",
            text!("the settings of Postfix can't be read: {cause}"),
        )
        .evidence(cause)
        .why(text!("Postfix itself does not start or reload with them"))
        .command("postfix check"),
    }
}

/// One finding for each parameter that nothing reads, and one for each other complaint.
fn complaints(postfix: &Postfix) -> Vec<Finding> {
    let known: Vec<&str> = postfix.main.iter().map(|(name, _)| name).collect();
    let complaint = |complaint: &String| match complaint.split_once(UNUSED) {
        Some((before, setting)) => unused(before, setting, &known, complaint),
        None => Finding::warn(
            codes::POSTFIX_COMPLAINT,
            "postconf",
            text!("Postfix complains: {complaint}"),
        )
        .command("postfix check"),
    };
    postfix.complaints.iter().map(complaint).collect()
}

fn unused(before: &str, setting: &str, known: &[&str], complaint: &str) -> Finding {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    let (name, value) = (name.trim(), value.trim());
    let file = before
        .split_whitespace()
        .find(|word| word.contains(".cf"))
        .map_or("main.cf", |word| word.trim_end_matches(':'));
    let meant = known
        .iter()
        .map(|known| (levenshtein(name, known), *known))
        .filter(|(distance, known)| *distance <= SLIP && *known != name)
        .min();
    let Some((_, meant)) = meant else {
        return Finding::warn(
            codes::POSTFIX_COMPLAINT,
            name,
            text!("Postfix does not know the parameter {name} in {file}"),
        )
        .evidence(complaint)
        .command(format!("postconf -X {name}"));
    };
    let what =
        text!("Postfix does not know the parameter {name} in {file}; meant is perhaps {meant}");
    let weighty = WEIGHTY.iter().any(|part| meant.contains(part));
    let finding = match weighty {
        true => Finding::fail(codes::POSTFIX_COMPLAINT, name, what),
        false => Finding::warn(codes::POSTFIX_COMPLAINT, name, what),
    };
    finding
        .evidence(complaint)
        .why(text!(
            "Postfix reads {meant} alone, so this line has no effect"
        ))
        .command(format!("postconf -e '{meant} = {value}'"))
        .command(format!("postconf -X {name}"))
        .command("postfix reload")
}

/// Whether the master holds its lock, as `postfix status` finds out; an error where that can't be
/// seen, which only root can.
pub(super) fn runs(queue: &Path) -> io::Result<bool> {
    let path = queue.join(MASTER_PID);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => {
            // Systems whose Postfix locks otherwise still have the process.
            let pid = fs::read_to_string(&path)?;
            let name = fs::read_to_string(format!("/proc/{}/comm", pid.trim()));
            Ok(name.is_ok_and(|name| name.trim() == "master"))
        }
        Err((_, Errno::EWOULDBLOCK)) => Ok(true),
        Err((_, errno)) => Err(errno.into()),
    }
}

fn not_running(postfix: &Postfix) -> Finding {
    let lock = postfix.queue_directory().join(MASTER_PID);
    let lock = lock.display();
    Finding::fail(
        codes::POSTFIX_NOT_RUNNING,
        "postfix",
        text!("Postfix does not run: nobody holds the lock on {lock}"),
    )
    .why(text!("no mail comes in or goes out"))
    .command("postfix start")
    .advice(text!(
        "if it does not stay, its last words are in the mail log: journalctl -u 'postfix*' -n 30"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::{Fix, Level};

    fn complaint(text: &str) -> Finding {
        let mut postfix = Postfix::from_texts("smtpd_milters =\nmydestination = x\n", "", "");
        postfix.complaints = vec![text.to_owned()];
        complaints(&postfix).remove(0)
    }

    #[test]
    fn a_slip_of_the_pen_is_named_with_what_was_meant() {
        let found = complaint(
            "/usr/sbin/postconf: warning: /etc/postfix/main.cf: unused parameter: smtpd_milter=inet:localhost:8891",
        );
        assert_eq!(
            (found.level, found.subject.as_str()),
            (Level::Fail, "smtpd_milter")
        );
        assert_eq!(
            found.fix[0],
            Fix::Command("postconf -e 'smtpd_milters = inet:localhost:8891'".to_owned())
        );
        let found = complaint("warning: /etc/postfix/main.cf: unused parameter: my_own=1");
        assert_eq!((found.level, found.fix.len()), (Level::Warn, 1));
    }

    #[test]
    fn letters_put_in_left_out_or_changed_are_counted() {
        assert_eq!(levenshtein("smtpd_milter", "smtpd_milters"), 1);
        assert_eq!(levenshtein("mydestinatoin", "mydestination"), 2);
        assert_eq!(levenshtein("abc", "abc"), 0);
        assert!(levenshtein("non_smtp_milters", "smtpd_milters") > SLIP);
    }

    #[test]
    fn the_lock_tells_whether_the_master_runs() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!runs(folder.path()).unwrap());
        fs::create_dir(folder.path().join("pid")).unwrap();
        let path = folder.path().join(MASTER_PID);
        fs::write(&path, "4194999\n").unwrap();
        assert!(!runs(folder.path()).unwrap());
        let held = Flock::lock(File::open(&path).unwrap(), FlockArg::LockExclusive).unwrap();
        assert!(runs(folder.path()).unwrap());
        drop(held);
    }
}
