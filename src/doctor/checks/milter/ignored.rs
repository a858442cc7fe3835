//! Sockets that are set where nobody reads them: `/etc/default/opendkim`, drop-ins of the unit.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::codes;
use dkimd_advice::{Finding, text};
use dkimd_milter::socket::{SocketSpec, spec::SocketSpecError};

/// Read by the init script alone.
const DEFAULTS: &str = "/etc/default/opendkim";
/// Where administrators change the service.
const DROP_INS: &str = "/etc/systemd/system/opendkim.service.d";
/// There while systemd runs the host.
const SYSTEMD: &str = "/run/systemd/system";

/// A socket that is set beside the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Elsewhere {
    file: PathBuf,
    line: usize,
    written: String,
    socket: Result<SocketSpec, SocketSpecError>,
}

/// Compares them with the configuration's socket.
pub(super) fn findings(config: &Path, socket: Option<&SocketSpec>) -> Vec<Finding> {
    let Some(socket) = socket else {
        return Vec::new();
    };
    let systemd = Path::new(SYSTEMD).exists();
    let defaults = fs::read_to_string(DEFAULTS).unwrap_or_default();
    let mut places: Vec<_> = of_defaults(&defaults).into_iter().collect();
    for file in drop_ins() {
        let text = fs::read_to_string(&file).unwrap_or_default();
        places.extend(of_unit(&file, &text));
    }
    let differing = places
        .into_iter()
        .filter(|place| place.socket.as_ref() != Ok(socket));
    differing
        .map(|place| judge(&place, config, socket, systemd))
        .collect()
}

fn judge(place: &Elsewhere, config: &Path, socket: &SocketSpec, systemd: bool) -> Finding {
    let (file, config) = (place.file.display(), config.display());
    let written = &place.written;
    // The init script and a unit's -p go before the configuration file.
    let ignored = place.file == Path::new(DEFAULTS) && systemd;
    let what = match ignored {
        true => text!(
            "{file} sets the socket {written}, but nobody reads that file: {config} says {socket}"
        ),
        false => text!("the socket is set twice: {written} in {file}, {socket} in {config}"),
    };
    let subject = format!("{file}:{}", place.line);
    let finding = Finding::warn(codes::MILTER_SETTINGS_IGNORED, subject, what)
        .evidence(format!("{file}:{}: {written}", place.line))
        .evidence(format!("{config}: Socket {socket}"))
        .why(text!(
            "whoever changes the one place wonders why nothing happens"
        ))
        .advice(text!(
            "keep the socket in {config} alone and remove the line from {file}"
        ));
    if place.file == Path::new(DEFAULTS) {
        return finding.command(format!("sed -i '/^[[:space:]]*SOCKET=/s/^/#/' {DEFAULTS}"));
    }
    finding
}

/// The last `SOCKET=` of a shell fragment counts.
fn of_defaults(text: &str) -> Option<Elsewhere> {
    let mut found = None;
    for (number, line) in text.lines().enumerate() {
        let Some(value) = line.trim().strip_prefix("SOCKET=") else {
            continue;
        };
        let value = value.split(" #").next().unwrap_or_default().trim();
        let value = value.trim_matches(['"', '\'']);
        // Debian's own file composes it of $RUNDIR.
        if value.contains('$') {
            continue;
        }
        found = Some(Elsewhere {
            file: DEFAULTS.into(),
            line: number + 1,
            written: value.to_owned(),
            socket: SocketSpec::parse(value),
        });
    }
    found
}

fn drop_ins() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(DROP_INS) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    paths.sort();
    paths
}

/// `-p SOCKET` on a command line of a unit.
fn of_unit(file: &Path, text: &str) -> Option<Elsewhere> {
    text.lines().enumerate().find_map(|(number, line)| {
        let command = line.trim().strip_prefix("ExecStart=")?;
        let mut words = command.split_ascii_whitespace();
        words.find(|word| *word == "-p")?;
        let written = words.next()?;
        Some(Elsewhere {
            file: file.to_owned(),
            line: number + 1,
            written: written.to_owned(),
            socket: SocketSpec::parse(written),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_advice::Level;

    #[test]
    fn the_last_socket_of_the_defaults_counts_and_variables_are_left_alone() {
        let text = "RUNDIR=/run/opendkim\n#SOCKET=inet:1\nSOCKET=local:$RUNDIR/opendkim.sock\n\
                    SOCKET=\"inet:8891@localhost\" # for Postfix\n";
        let found = of_defaults(text).unwrap();
        assert_eq!(
            (found.line, found.written.as_str()),
            (4, "inet:8891@localhost")
        );
        assert_eq!(of_defaults("SOCKET=local:$RUNDIR/opendkim.sock\n"), None);
    }

    #[test]
    fn a_socket_on_the_units_command_line_is_found() {
        let text = "[Service]\nExecStart=\nExecStart=/usr/sbin/opendkim -P /run/o.pid -p inet:8891@localhost\n";
        let found = of_unit(Path::new("/x.conf"), text).unwrap();
        assert_eq!(
            (found.line, found.written.as_str()),
            (3, "inet:8891@localhost")
        );
    }

    #[test]
    fn both_places_are_shown() {
        let place = of_defaults("SOCKET=inet:12301@localhost\n").unwrap();
        let socket = SocketSpec::parse("local:/run/o.sock").unwrap();
        let finding = judge(&place, Path::new("/etc/opendkim.conf"), &socket, true);
        assert_eq!(finding.level, Level::Warn);
        assert_eq!(finding.subject, "/etc/default/opendkim:1");
        assert_eq!(finding.evidence.len(), 2);
    }
}
