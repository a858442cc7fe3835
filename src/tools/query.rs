//! `-Q`: a data set on the first line, then queries `KEY/FIELDS`, each answered.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
    sync::Arc,
};

use dkimd_message::configuration::block_on;
use dkimd_server::{
    dataset::{Case, DataSet, DataSetSpec, Origin, open::OpenSet},
    process::{ExitCode, Failure},
};

/// Reads the data set and the queries from standard input; ends with the input.
pub fn run() -> Result<(), Failure> {
    let stdin = io::stdin();
    let prompts = stdin.is_terminal();
    answer(stdin.lock(), &mut io::stdout().lock(), prompts)
}

fn answer(input: impl BufRead, out: &mut impl Write, prompts: bool) -> Result<(), Failure> {
    let mut lines = input.lines();
    let mut next = |out: &mut dyn Write, prompt: &str| -> Result<Option<String>, Failure> {
        if prompts {
            write!(out, "opendkim: {prompt}\n> ").map_err(unwritable)?;
        }
        out.flush().map_err(unwritable)?;
        lines.next().transpose().map_err(|error| {
            Failure::new(
                ExitCode::OsError,
                format!("reading standard input: {error}"),
            )
        })
    };
    let Some(named) = next(out, "name a data set: csl:A,B, file:/PATH or refile:/PATH")? else {
        return Err(Failure::new(
            ExitCode::OsError,
            "no data set: the first line of the input must name one, as file:/PATH",
        ));
    };
    let set = open(&named)?;
    while let Some(line) = next(out, "write a query: KEY/FIELDS, as example.com/1")? {
        if line.is_empty() {
            continue;
        }
        let query = line
            .split_once('/')
            .map(|(key, count)| (key, number(count)));
        let Some((key, Some(count))) = query else {
            return Err(Failure::new(
                ExitCode::Usage,
                format!("invalid query '{line}'"),
            ));
        };
        match block_on(set.lookup(key).get()) {
            Err(error) => eprintln!("opendkim: dkimf_db_get() returned -1: \"{error}\""),
            Ok(None) => {
                writeln!(out, "opendkim: dkimf_db_get(): record not found").map_err(unwritable)?;
            }
            Ok(Some(value)) => match fields(&value, count) {
                Ok(fields) => {
                    for field in fields {
                        writeln!(out, "'{field}'").map_err(unwritable)?;
                    }
                }
                Err(found) => eprintln!(
                    "opendkim: dkimf_db_get() returned -1: \"{count} fields asked for, {found} found\""
                ),
            },
        }
    }
    writeln!(out).map_err(unwritable)
}

fn open(named: &str) -> Result<Box<dyn DataSet>, Failure> {
    let failed = |message: String| Failure::new(ExitCode::Software, message);
    let origin = Origin {
        option: "KeyTable",
        file: Arc::from(Path::new("standard input")),
        line: 1,
    };
    let spec = DataSetSpec::parse(named, origin).map_err(|error| failed(error.to_string()))?;
    let mut findings = Vec::new();
    let set = OpenSet::open(&spec, None, Case::Counts, &mut findings);
    set.map(OpenSet::boxed).ok_or_else(|| {
        let what = findings.into_iter().find(|finding| finding.is_error());
        let what = what.map_or_else(String::new, |finding| finding.what);
        // The option is only borrowed for the opening.
        failed(what.strip_prefix("KeyTable ").map_or_else(
            || what.strip_prefix("KeyTable: ").unwrap_or(&what).to_owned(),
            str::to_owned,
        ))
    })
}

/// C's reading of a number: the digits at the beginning, 0 without any; `None` if negative.
fn number(text: &str) -> Option<usize> {
    let text = text.trim_ascii_start();
    if text.starts_with('-') {
        return None;
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some(text[..digits].parse().unwrap_or(0))
}

/// The value in `count` fields at the colons, the last with the rest; an empty value has as many
/// empty fields as wanted. The error is how many fields there are.
fn fields(value: &str, count: usize) -> Result<Vec<&str>, usize> {
    if value.is_empty() {
        return Ok(vec![""; count.min(MAX_FIELDS)]);
    }
    let fields: Vec<_> = match count {
        0 => Vec::new(),
        _ => value.splitn(count, ':').collect(),
    };
    match fields.len() == count {
        true => Ok(fields),
        false => Err(fields.len()),
    }
}

/// So many empty fields at most are printed.
const MAX_FIELDS: usize = 64;

fn unwritable(error: io::Error) -> Failure {
    Failure::new(
        ExitCode::IoError,
        format!("writing standard output: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(input: &str) -> (String, Option<ExitCode>) {
        let mut out = Vec::new();
        let end = answer(input.as_bytes(), &mut out, false);
        (
            String::from_utf8(out).unwrap(),
            end.err().map(|failure| failure.code),
        )
    }

    #[test]
    fn values_come_in_as_many_fields_as_wanted() {
        assert_eq!(
            asked("csl:a=1,b=2:3:4\na/1\nb/1\nb/2\nb/3\nz/1\n"),
            ("'1'\n'2:3:4'\n'2'\n'3:4'\n'2'\n'3'\n'4'\nopendkim: dkimf_db_get(): record not found\n\n".to_owned(), None)
        );
    }

    #[test]
    fn a_query_without_a_number_ends_it() {
        assert_eq!(
            asked("csl:a=1\na/1\na\na/1\n"),
            ("'1'\n".to_owned(), Some(ExitCode::Usage))
        );
        assert_eq!(asked("csl:a=1\na/-1\n").1, Some(ExitCode::Usage));
    }

    #[test]
    fn a_set_that_can_not_be_opened_is_70_and_no_set_at_all_71() {
        assert_eq!(asked("file:/nonexistent\n").1, Some(ExitCode::Software));
        assert_eq!(asked("bad:x\n").1, Some(ExitCode::Software));
        assert_eq!(asked("").1, Some(ExitCode::OsError));
    }
}
