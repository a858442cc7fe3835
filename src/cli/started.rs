//! What a daemon that runs was started with, by its command line as `/proc` has it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::Parser;

use super::{
    Cli, Command,
    opendkim::{Action, CommandLine},
};
use dkimd_server::config::resolve::Overrides;

/// File and options of a daemon's command line, its last word being empty; `None`: it is none of ours.
pub fn started_with(mut args: Vec<OsString>) -> Option<(Option<PathBuf>, Overrides)> {
    args.pop();
    let name = Path::new(args.first()?).file_name()?.to_owned();
    if name == "opendkim" {
        let line = CommandLine::parse(args.into_iter().skip(1)).ok()?;
        return (line.action == Action::Serve).then(|| (line.file_to_load(), line.overrides));
    }
    match Cli::try_parse_from(args).ok()?.command {
        Command::Serve(serve) => Some((Some(serve.config), Overrides::default())),
        _ => None,
    }
}

/// The file alone that a daemon was started with; within, `None`: it names none.
pub fn file_of(args: Vec<OsString>) -> Option<Option<PathBuf>> {
    started_with(args).map(|(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_server::config::DEFAULT_FILE;

    #[test]
    fn the_file_is_the_one_that_the_daemon_was_started_with() {
        let file = |words: &str| {
            let args = words.split(' ').chain([""]).map(OsString::from).collect();
            file_of(args)
        };
        let named = Some(Some(PathBuf::from("/x.conf")));
        assert_eq!(file("/usr/sbin/opendkim -f -x /x.conf"), named);
        assert_eq!(file("opendkim -P /run/p -x/x.conf"), named);
        assert_eq!(file("dkimd serve --config /x.conf"), named);
        assert_eq!(
            file("/usr/bin/dkimd serve -p inet:1@localhost -x /x.conf"),
            named
        );
        assert_eq!(file("dkimd serve"), Some(Some(DEFAULT_FILE.into())));
        assert_eq!(file("dkimd doctor --config /x.conf"), None);
        assert_eq!(file("dkimd check --config /x.conf"), None);
        assert_eq!(file("opendkim -n -x /x.conf"), None);
        assert_eq!(file("sleep 60"), None);
    }
}
