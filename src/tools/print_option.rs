//! `-e NAME`: the values that the file gives to an option.

use std::path::Path;

use dkimd_server::{
    config::{
        options::{self, Kind},
        parse::{self, WrittenOption},
        resolve::{Overrides, parse_bool, parse_integer},
        snapshot::Snapshot,
    },
    process::{ExitCode, Failure, lines},
    secret,
};

/// The values of the option in the file, the last line first, each as one line of output.
///
/// Passwords are left out. The configuration must load. The command line is left aside: the question is what the file
/// says.
pub fn values(file: Option<&Path>, name: &str) -> Result<Vec<String>, Failure> {
    let (written, findings) = file.map_or_else(Default::default, parse::read);
    let (snapshot, findings) = Snapshot::of_written(&written, findings, &Overrides::default());
    if snapshot.is_none() {
        for finding in findings.iter().filter(|finding| finding.is_error()) {
            eprintln!("opendkim: {}", lines::finding(finding));
        }
        return Err(Failure::told(ExitCode::Config));
    }
    let Some(option) = options::find(name) else {
        let what = format!("no such option {name:?}");
        return Err(Failure::new(ExitCode::DataError, what));
    };
    let values: Vec<_> = written
        .iter()
        .rev()
        .filter(|line| line.name == option.name)
        .map(|line| shown(line, option.kind))
        .collect();
    match values.is_empty() {
        true => Err(Failure::told(ExitCode::Config)),
        false => Ok(values),
    }
}

fn shown(line: &WrittenOption, kind: Kind) -> String {
    let value = match kind {
        Kind::Bool => {
            parse_bool(&line.value).map(|yes| if yes { "True" } else { "False" }.to_owned())
        }
        Kind::Integer => parse_integer(&line.value).map(|number| number.to_string()),
        Kind::String | Kind::DataSet => None,
    };
    value.unwrap_or_else(|| secret::option_value(line.name, &line.value).into_owned())
}
