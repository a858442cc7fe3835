//! Writing TXT records as a zone file or as input for nsupdate, in the layout of opendkim-genzone.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use clap::Args;
use jiff::{Timestamp, Zoned, tz::TimeZone};

use dkimd_server::process::{ExitCode, Failure};

/// Where nsupdate's records get their TTL when none is given.
const UPDATE_TTL: u32 = 86_400;
/// Characters of a string on a record's first line.
const FIRST_PIECE: usize = 75;
/// Characters of a string on the lines below.
const NEXT_PIECE: usize = 66;
/// Octets that one string of a TXT record may have (RFC 1035 section 3.3.14).
const MAX_STRING: usize = 255;

/// The options that both programs have.
#[derive(Args, Clone, Debug)]
pub struct ZoneArgs {
    /// Write an SOA record
    #[arg(short = 'S')]
    pub soa: bool,
    /// Contact address for the SOA record
    #[arg(short = 'C', value_name = "USER@HOST")]
    pub contact: Option<String>,
    /// Expiration time for the SOA record
    #[arg(short = 'E', value_name = "SECONDS", default_value_t = 604_800)]
    pub expire: u32,
    /// Refresh time for the SOA record
    #[arg(short = 'r', value_name = "SECONDS", default_value_t = 10_800)]
    pub refresh: u32,
    /// Retry time for the SOA record
    #[arg(short = 'R', value_name = "SECONDS", default_value_t = 1_800)]
    pub retry: u32,
    /// Default TTL for the SOA record
    #[arg(short = 'T', value_name = "SECONDS", default_value_t = 86_400)]
    pub default_ttl: u32,
    /// Name servers: written as NS records; the first one stands in the SOA record and gets the
    /// updates
    #[arg(short = 'N', value_name = "NS,...", value_delimiter = ',')]
    pub nameservers: Vec<String>,
    /// TTL of every record
    #[arg(short = 't', value_name = "SECONDS")]
    pub ttl: Option<u32>,
    /// Write to this file, once everything is there
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Say more
    #[arg(short = 'v', action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// A TXT record to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxtRecord {
    /// The owner as it stands in a zone file: relative, or absolute with its dot.
    pub owner: String,
    /// The owner in full, without the final dot.
    pub full_name: String,
    /// The zone that an update goes to.
    pub zone: String,
    /// The text.
    pub text: String,
}

/// How a zone file shows a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// In parentheses, folded, semicolons escaped.
    Folded,
    /// One string.
    Plain,
}

impl ZoneArgs {
    /// A zone file: comment lines, SOA and NS where they are wanted, the records.
    pub fn zone_file(&self, heading: &[String], records: &[TxtRecord], shape: Shape) -> String {
        let mut zone = String::new();
        for line in heading {
            let _ = writeln!(zone, "; {line}");
        }
        zone.push('\n');
        if self.soa {
            self.push_soa(&mut zone);
        }
        for server in &self.nameservers {
            let _ = writeln!(zone, "\tIN\tNS\t{}", absolute(server));
        }
        if !self.nameservers.is_empty() {
            zone.push('\n');
        }
        for record in records {
            let ttl = self.ttl.map_or_else(String::new, |ttl| format!("{ttl}\t"));
            let _ = write!(zone, "{}\t{ttl}IN\tTXT\t", record.owner);
            match shape {
                Shape::Plain => {
                    let _ = writeln!(zone, "\"{}\"", record.text);
                }
                Shape::Folded => push_folded(&mut zone, &record.text.replace(';', "\\;")),
            }
        }
        zone
    }

    /// Input for nsupdate: the records of each zone in one update of its own.
    pub fn updates(&self, records: &[TxtRecord]) -> String {
        let server = self.nameservers.first().cloned().unwrap_or_else(host_name);
        let mut updates = format!("server {server}\n");
        let mut zones: Vec<&str> = Vec::new();
        for record in records {
            if !zones.contains(&record.zone.as_str()) {
                zones.push(&record.zone);
            }
        }
        for zone in zones {
            let _ = writeln!(updates, "zone {zone}");
            for record in records.iter().filter(|record| record.zone == zone) {
                let strings: Vec<String> = pieces(&record.text, MAX_STRING, MAX_STRING)
                    .map(|piece| format!("\"{}\"", piece.replace(';', "\\;")))
                    .collect();
                let _ = writeln!(
                    updates,
                    "update add {}. {} TXT {}",
                    record.full_name,
                    self.ttl.unwrap_or(UPDATE_TTL),
                    strings.join(" ")
                );
            }
            updates.push_str("send\nanswer\n");
        }
        updates
    }

    /// Writes to the file of `-o` or to standard output.
    ///
    /// # Errors
    /// In the words of the original.
    pub fn deliver(&self, text: &str) -> Result<(), Failure> {
        match &self.output {
            Some(path) => fs::write(path, text).map_err(|error| {
                let cause = dkimd_server::dataset::open::errno_text(&error);
                let what = format!("{}: fopen(): {cause}", path.display());
                Failure::new(ExitCode::Failed, what)
            }),
            None => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())
                    .and_then(|()| out.flush())
                    .map_err(|error| {
                        Failure::new(ExitCode::Failed, format!("can't write: {error}"))
                    })
            }
        }
    }

    fn push_soa(&self, zone: &mut String) {
        let server = self.nameservers.first().cloned().unwrap_or_else(host_name);
        let contact = match &self.contact {
            Some(contact) => mailbox(contact),
            None => mailbox(&format!("hostmaster@{server}")),
        };
        let (year, month, day, hour) = LocalTime::now().hour();
        let _ = write!(
            zone,
            "@\tIN\tSOA\t{}\t{contact}\t (\n\
             \t{year:04}{month:02}{day:02}{hour:02}   ; Serial (yyyymmddhh)\n\
             \t{:<10}   ; Refresh\n\t{:<10}   ; Retry\n\t{:<10}   ; Expire\n\
             \t{:<10} ) ; Default\n\n",
            absolute(&server),
            self.refresh,
            self.retry,
            self.expire,
            self.default_ttl
        );
    }
}

/// A name of several labels is meant in full.
fn absolute(name: &str) -> String {
    match name.contains('.') && !name.ends_with('.') {
        true => format!("{name}."),
        false => name.to_owned(),
    }
}

/// An address as SOA records write it (RFC 1035 section 8).
fn mailbox(address: &str) -> String {
    match address.split_once('@') {
        Some((local, host)) => format!("{}.{}", local.replace('.', "\\."), absolute(host)),
        None => absolute(address),
    }
}

fn push_folded(zone: &mut String, text: &str) {
    zone.push_str("( ");
    for (index, piece) in pieces(text, FIRST_PIECE, NEXT_PIECE).enumerate() {
        let between = if index == 0 { "" } else { "\n\t" };
        let _ = write!(zone, "{between}\"{piece}\"");
    }
    zone.push_str(" )\n");
}

/// The text cut into a first and further pieces, none of which ends within an escape.
fn pieces(text: &str, first: usize, next: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut limit = first;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = limit.min(rest.len());
        while !rest.is_char_boundary(end) || rest[..end].ends_with('\\') {
            end -= 1;
        }
        let (piece, after) = rest.split_at(end);
        (rest, limit) = (after, next);
        Some(piece)
    })
}

/// This machine's name.
fn host_name() -> String {
    nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_else(|_| "localhost".to_owned())
}

/// The time here, for serial numbers and comments.
pub struct LocalTime(Zoned);

impl LocalTime {
    /// Now.
    pub fn now() -> Self {
        Self::at(dkimd_server::process::clock::now().0)
    }

    /// At a time in seconds since 1970.
    pub fn at(seconds: u64) -> Self {
        Self::within(seconds, TimeZone::system())
    }

    fn within(seconds: u64, zone: TimeZone) -> Self {
        let time = i64::try_from(seconds).map(Timestamp::from_second);
        let time = time.ok().and_then(Result::ok).unwrap_or(Timestamp::MAX);
        Self(time.to_zoned(zone))
    }

    fn hour(&self) -> (i16, i8, i8, i8) {
        let time = &self.0;
        (time.year(), time.month(), time.day(), time.hour())
    }
}

impl std::fmt::Display for LocalTime {
    /// As `ctime(3)` writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.strftime("%a %b %e %H:%M:%S %Y"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_never_end_within_an_escape() {
        let cut: Vec<&str> = pieces("abc\\;defgh", 4, 3).collect();
        assert_eq!(cut, ["abc", "\\;d", "efg", "h"]);
    }

    #[test]
    fn mailboxes_become_names() {
        assert_eq!(mailbox("joe.doe@example.com"), "joe\\.doe.example.com.");
        assert_eq!(mailbox("joe@vm"), "joe.vm");
    }

    #[test]
    fn times_are_written_as_ctime_writes_them() {
        for (seconds, zone, expected) in [
            (1_700_000_000, "UTC0", "Tue Nov 14 22:13:20 2023"),
            (
                1_700_000_000,
                "CET-1CEST,M3.5.0,M10.5.0/3",
                "Tue Nov 14 23:13:20 2023",
            ),
            (
                1_720_000_000,
                "CET-1CEST,M3.5.0,M10.5.0/3",
                "Wed Jul  3 11:46:40 2024",
            ),
            (0, "UTC0", "Thu Jan  1 00:00:00 1970"),
        ] {
            let zone = TimeZone::posix(zone).unwrap();
            assert_eq!(LocalTime::within(seconds, zone).to_string(), expected);
        }
        assert!(LocalTime::at(u64::MAX).to_string().ends_with(" 9999"));
    }
}
