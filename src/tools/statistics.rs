//! `opendkim-stats`: shows a statistics file that OpenDKIM has written. dkimd
//! writes none.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead, BufReader, Write},
};

use super::zone::LocalTime;
use dkimd_server::{
    dataset::open::errno_text,
    process::{ExitCode, Failure},
};

const PROGRAM: &str = "opendkim-stats";
/// The version of the file that OpenDKIM 2.11 writes.
const VERSION: &str = "3";
const MESSAGE_FIELDS: usize = 9;
const SIGNATURE_FIELDS: usize = 6;
/// OpenDKIM's error numbers that make a signature's or a key's syntax wrong.
const SYNTAX_ERRORS: [i64; 25] = [
    1, 2, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 25, 26, 27, 31, 32, 33, 34,
];
const FROM_THE_FUTURE: i64 = 4;
const NO_KEY: i64 = 22;
const REVOKED: i64 = 42;

/// Runs as `opendkim-stats` with its arguments, the program's name not among them.
pub fn original_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let shown = match args.as_slice() {
        [] => show(io::stdin().lock()),
        [path] => match File::open(path) {
            Ok(file) => show(BufReader::new(file)),
            Err(error) => {
                let path = path.to_string_lossy();
                let what = format!("{path}: fopen(): {}", errno_text(&error));
                Err(Failure::new(ExitCode::Unavailable, what))
            }
        },
        _ => Err(Failure::new(
            ExitCode::Usage,
            "usage: opendkim-stats [statsfile]",
        )),
    };
    match shown {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            failure.tell(PROGRAM);
            failure.code
        }
    }
}

fn show(input: impl BufRead) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(ExitCode::IoError, error.to_string());
    let mut out = io::stdout().lock();
    let mut dump = Dump::default();
    for (number, line) in (1u64..).zip(input.split(b'\n')) {
        let line = line.map_err(failed)?;
        let line = String::from_utf8_lossy(&line);
        match dump.line(&line, &mut out).map_err(failed)? {
            Ok(()) => {}
            Err(fault) => eprintln!("{PROGRAM}: {fault} at input line {number}"),
        }
    }
    writeln!(out, "{}", dump.summary())
        .and_then(|()| out.flush())
        .map_err(failed)
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Dump {
    messages: u64,
    signatures: u64,
    /// Signatures of the message under way.
    number: u64,
}

impl Dump {
    /// Shows one line of the file, or says what is wrong with it.
    fn line(&mut self, line: &str, out: &mut impl Write) -> io::Result<Result<(), String>> {
        let Some(kind) = line.chars().next() else {
            return Ok(Ok(()));
        };
        let fields: Vec<&str> = line[kind.len_utf8()..].split('\t').collect();
        match kind {
            'V' if fields == [VERSION] => Ok(Ok(())),
            'V' => Ok(Err(format!("unknown version ({})", fields[0]))),
            'M' if fields.len() != MESSAGE_FIELDS => Ok(Err(format!(
                "unexpected message field count ({})",
                fields.len()
            ))),
            'M' => self.message(&fields, out).map(Ok),
            'S' if self.messages == 0 => {
                Ok(Err("signature record before message record".to_owned()))
            }
            'S' if fields.len() != SIGNATURE_FIELDS => Ok(Err(format!(
                "unexpected signature field count ({})",
                fields.len()
            ))),
            'S' => self.signature(&fields, out).map(Ok),
            other => Ok(Err(format!("unknown record type '{other}'"))),
        }
    }

    fn message(&mut self, fields: &[&str], out: &mut impl Write) -> io::Result<()> {
        if self.messages > 0 {
            writeln!(out)?;
        }
        self.messages += 1;
        self.number = 0;
        let time = LocalTime::at(fields[4].parse().unwrap_or(0));
        let atps = match fields[7] {
            "0" => "no match",
            "1" => "match",
            _ => "not checked",
        };
        writeln!(
            out,
            "Job {} at {} (size {})\n\treceived via {} at {time}\n\tfrom domain = '{}'\n\tATPS {atps}",
            fields[0], fields[1], fields[5], fields[3], fields[2]
        )
    }

    fn signature(&mut self, fields: &[&str], out: &mut impl Write) -> io::Result<()> {
        self.signatures += 1;
        self.number += 1;
        let error: i64 = fields[4].parse().unwrap_or(-1);
        let verdict = match (fields[1], fields[2], error) {
            ("1", _, _) => "PASSED",
            (_, "1", _) => "FAILED (body changed)",
            (_, _, REVOKED) => "REVOKED",
            (_, _, 0) => "UNKNOWN",
            _ => "ERROR",
        };
        let length = match fields[3] {
            "-1" => "(whole message)",
            length => length,
        };
        let of_signature = if error == FROM_THE_FUTURE {
            "t=future"
        } else {
            ""
        };
        let syntax = if SYNTAX_ERRORS.contains(&error) {
            "syntax"
        } else {
            ""
        };
        let of_key = if error == NO_KEY { "NXDOMAIN" } else { "" };
        let dnssec = match fields[5] {
            "0" => "BOGUS",
            "1" => "INSECURE",
            "2" => "SECURE",
            _ => "UNKNOWN",
        };
        writeln!(
            out,
            "\tSignature {} from {}\n\t\t{verdict}\n\t\tsigned bytes: {length}\n\
             \t\tSignature properties: {of_signature}\n\t\tKey properties: {syntax} {of_key}\n\
             \t\tDNSSEC status: {dnssec}",
            self.number, fields[0]
        )
    }

    fn summary(&self) -> String {
        let plural = |number| if number == 0 { "" } else { "s" };
        format!(
            "{PROGRAM}: {} message{}, {} signature{} processed",
            self.messages,
            plural(self.messages),
            self.signatures,
            plural(self.signatures)
        )
    }
}
