//! Process and log options.

use std::{path::PathBuf, time::Duration};

use super::value::Values;
use crate::{
    config::settings::{AutoRestart, ProcessSettings},
    dataset::open::in_base,
    log::LogSettings,
    socket::SocketSpec,
};

/// The facilities that OpenDKIM knows; `security` is an old name of `auth`.
const FACILITIES: [(&str, &str); 20] = [
    ("auth", "auth"),
    ("cron", "cron"),
    ("daemon", "daemon"),
    ("kern", "kern"),
    ("lpr", "lpr"),
    ("mail", "mail"),
    ("news", "news"),
    ("security", "auth"),
    ("syslog", "syslog"),
    ("user", "user"),
    ("uucp", "uucp"),
    ("local0", "local0"),
    ("local1", "local1"),
    ("local2", "local2"),
    ("local3", "local3"),
    ("local4", "local4"),
    ("local5", "local5"),
    ("local6", "local6"),
    ("local7", "local7"),
    ("authpriv", "authpriv"),
];

pub(super) fn process(values: &mut Values<'_>) -> ProcessSettings {
    let base_directory = values.path("BaseDirectory");
    if let Some(base) = &base_directory
        && let Err(error) = std::fs::read_dir(base)
        && error.kind() != std::io::ErrorKind::PermissionDenied
    {
        let reason = crate::dataset::open::errno_text(&error);
        values.error(
            "BaseDirectory",
            format!("{}: chdir(): {reason}", base.display()),
            &format!("run: mkdir -p {}", base.display()),
        );
    }
    if values.is_set("ChangeRootDirectory") && !values.is_set("UserID") {
        values.warning(
            "ChangeRootDirectory",
            "ChangeRootDirectory without UserID: root can leave a changed root directory",
            "add: UserID opendkim",
        );
    }
    let from_base = |path: PathBuf| in_base(base_directory.as_deref(), &path);
    ProcessSettings {
        socket: socket(values).map(|socket| match socket {
            SocketSpec::Unix(path) => SocketSpec::Unix(from_base(path)),
            other => other,
        }),
        milter_peers: values.data_set("MilterPeers"),
        pid_file: values.path("PidFile").map(from_base),
        user: values.string("UserID"),
        umask: umask(values),
        background: values.bool("Background"),
        auto_restart: auto_restart(values),
        change_root: values.path("ChangeRootDirectory").map(from_base),
        core_dumps: values.bool("EnableCoredumps"),
        trust_anchor_file: values.path("TrustAnchorFile"),
        strict_test_mode: values.bool("StrictTestMode"),
        base_directory,
    }
}

pub(super) fn logging(values: &mut Values<'_>) -> LogSettings {
    let facility = values.word("SyslogFacility", &FACILITIES, |value| {
        format!("SyslogFacility: illegal value {value:?}")
    });
    LogSettings {
        syslog: values.bool("Syslog"),
        success: values.bool("SyslogSuccess"),
        facility: facility.unwrap_or("mail"),
        name: values.string("SyslogName"),
        why: values.bool("LogWhy"),
        results: values.bool("LogResults"),
    }
}

fn socket(values: &mut Values<'_>) -> Option<SocketSpec> {
    match SocketSpec::parse(values.text("Socket")?) {
        Ok(socket) => Some(socket),
        Err(error) => {
            let remedy = format!("write {}", error.remedy);
            values.error("Socket", format!("Socket: {}", error.what), &remedy);
            None
        }
    }
}

fn umask(values: &mut Values<'_>) -> Option<u32> {
    let mask = values.count("UMask", 0o777)?;
    let written = values.text("UMask")?;
    if !written.starts_with('0') && mask > 7 {
        values.warning(
            "UMask",
            format!("UMask {written} is a decimal number and means {mask:#05o}").replace("0o", "0"),
            &format!("write 0{written} if octal digits are meant, else 0{mask:o}"),
        );
    }
    Some(mask)
}

fn auto_restart(values: &mut Values<'_>) -> Option<AutoRestart> {
    let wanted = values.bool("AutoRestart");
    let count = values.count("AutoRestartCount", u32::MAX);
    let rate = values
        .text("AutoRestartRate")
        .map(|text| (text, parse_rate(text)));
    if let Some((text, None)) = rate {
        let what = format!("AutoRestartRate invalid: {text:?}");
        let remedy = "write N/TIME with s, m, h or d after TIME, as 10/1h";
        if wanted {
            values.error("AutoRestartRate", what, remedy);
        } else {
            values.warning("AutoRestartRate", what, remedy);
        }
    }
    wanted.then_some(AutoRestart {
        count: count.filter(|count| *count > 0),
        rate: rate.and_then(|(_, rate)| rate),
    })
}

/// `n/t[smhd]`.
fn parse_rate(text: &str) -> Option<(u32, Duration)> {
    let (restarts, time) = text.split_once('/')?;
    let (time, unit) = match time.char_indices().next_back()? {
        (at, 's' | 'S') => (&time[..at], 1),
        (at, 'm' | 'M') => (&time[..at], 60),
        (at, 'h' | 'H') => (&time[..at], 3600),
        (at, 'd' | 'D') => (&time[..at], 86400),
        _ => (time, 1),
    };
    let seconds = time.trim().parse::<u64>().ok()?.checked_mul(unit)?;
    let restarts = restarts.trim().parse().ok()?;
    (restarts > 0 && seconds > 0).then_some((restarts, Duration::from_secs(seconds)))
}
