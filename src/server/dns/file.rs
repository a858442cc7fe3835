//! TXT records that do not come from DNS: TestPublicKeys, TestDNSData, and tests.
//!
//! A line is a name, white space, and the record's text up to the end of the line; lines that are
//! empty or begin with `#` are skipped. Several lines with one name are several records. A text
//! that begins with `!` is an outcome instead of a record: `!NXDOMAIN`, `!SERVFAIL`, `!TIMEOUT`,
//! `!PERMERROR`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{
    Absence, DnsFailure, Dnssec, TxtAnswer, TxtFuture, TxtLookup, TxtRecords, name::DnsName,
};
use crate::dataset::DataSet;

/// How long answers of a file may be remembered: it is read once, and the next load makes a new
/// source and a new cache.
const FILE_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// How long answers of a data set may be remembered: a database may say something else the next
/// moment.
const DATA_SET_TTL: Duration = Duration::ZERO;

/// Records by name.
#[derive(Clone, Debug, Default)]
pub struct FileRecords {
    records: HashMap<DnsName, Vec<Box<[u8]>>>,
}

/// A line that is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} {cause}")]
pub struct BadRecord {
    /// Line, counted from 1.
    pub line: u32,
    /// The name as written.
    pub name: String,
    /// What is wrong with it.
    pub cause: super::name::DnsNameError,
}

impl FileRecords {
    /// Parses the text of a file.
    pub fn parse(text: &str) -> Result<Self, BadRecord> {
        let mut records = Self::default();
        for (number, line) in (1u32..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line
                .split_once(|c: char| c.is_ascii_whitespace())
                .unwrap_or((line, ""));
            records
                .add(name, value.trim_start().as_bytes())
                .map_err(|cause| BadRecord {
                    line: number,
                    name: name.to_owned(),
                    cause,
                })?;
        }
        Ok(records)
    }

    /// Adds a record, or an outcome such as `!SERVFAIL`.
    pub fn add(&mut self, name: &str, text: &[u8]) -> Result<(), super::name::DnsNameError> {
        self.records
            .entry(DnsName::parse(name)?)
            .or_default()
            .push(text.into());
        Ok(())
    }

    /// Replaces whatever is known of the names in `others` by what `others` says.
    pub fn replace_with(&mut self, others: Self) {
        self.records.extend(others.records);
    }

    /// The answer for a name; a name that is not there does not exist.
    pub fn answer(&self, name: &DnsName) -> TxtAnswer {
        let texts = self.records.get(name).map_or(&[][..], Vec::as_slice);
        answer_of(texts, FILE_TTL)
    }
}

impl TxtLookup for FileRecords {
    fn txt<'a>(&'a self, name: &'a DnsName) -> TxtFuture<'a> {
        Box::pin(std::future::ready(self.answer(name)))
    }
}

/// A data set (TestDNSData) whose keys are names and whose values are records.
#[derive(Debug)]
pub struct DataSetRecords {
    set: Arc<dyn DataSet>,
}

impl DataSetRecords {
    /// Answers from `set`.
    pub fn new(set: Arc<dyn DataSet>) -> Self {
        Self { set }
    }
}

impl TxtLookup for DataSetRecords {
    fn txt<'a>(&'a self, name: &'a DnsName) -> TxtFuture<'a> {
        Box::pin(async move {
            match self.set.lookup(name.as_str()).get().await {
                Ok(Some(text)) => answer_of(&[text.into_bytes().into_boxed_slice()], DATA_SET_TTL),
                Ok(None) => answer_of(&[], DATA_SET_TTL),
                Err(_) => failure(DnsFailure::Unreachable, DATA_SET_TTL),
            }
        })
    }
}

fn answer_of(texts: &[Box<[u8]>], ttl: Duration) -> TxtAnswer {
    let records = match texts {
        [] => TxtRecords::None(Absence::NoName),
        [text] => match &**text {
            b"!NXDOMAIN" => TxtRecords::None(Absence::NoName),
            b"!SERVFAIL" => return failure(DnsFailure::ServerFailure, ttl),
            b"!TIMEOUT" => return failure(DnsFailure::Timeout, ttl),
            b"!PERMERROR" => return failure(DnsFailure::Malformed, ttl),
            text => TxtRecords::One(Arc::from(text)),
        },
        texts => TxtRecords::Several(Arc::from(texts)),
    };
    TxtAnswer {
        result: Ok(records),
        dnssec: Dnssec::Unknown,
        ttl,
    }
}

fn failure(failure: DnsFailure, ttl: Duration) -> TxtAnswer {
    TxtAnswer {
        result: Err(failure),
        dnssec: Dnssec::Unknown,
        ttl,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(records: &FileRecords, name: &str) -> Result<TxtRecords, DnsFailure> {
        records.answer(&DnsName::parse(name).unwrap()).result
    }

    #[test]
    fn lines_are_names_and_texts() {
        let records = FileRecords::parse(
            "# keys\n\n a._domainkey.x.example\tv=DKIM1; p=AA== \r\nEmpty.example\nb.example !SERVFAIL\n\
             c.example one\nC.example. two\nd.example !TIMEOUT\ne.example !NXDOMAIN\nf.example !PERMERROR\n",
        )
        .unwrap();
        let one = |text: &[u8]| Ok(TxtRecords::One(Arc::from(text)));
        assert_eq!(
            ask(&records, "A._domainkey.X.example"),
            one(b"v=DKIM1; p=AA==")
        );
        assert_eq!(ask(&records, "empty.example"), one(b""));
        assert_eq!(ask(&records, "b.example"), Err(DnsFailure::ServerFailure));
        assert_eq!(ask(&records, "d.example"), Err(DnsFailure::Timeout));
        assert_eq!(ask(&records, "f.example"), Err(DnsFailure::Malformed));
        for absent in ["e.example", "nowhere.example"] {
            assert_eq!(
                ask(&records, absent),
                Ok(TxtRecords::None(Absence::NoName)),
                "{absent}"
            );
        }
        let several: Arc<[Box<[u8]>]> =
            Arc::from(vec![b"one".to_vec().into(), b"two".to_vec().into()]);
        assert_eq!(ask(&records, "c.example"), Ok(TxtRecords::Several(several)));
    }

    #[test]
    fn a_bad_name_is_told_with_its_line() {
        let error = FileRecords::parse("a.example x\na..b y\n").unwrap_err();
        assert_eq!(error.line, 2);
        assert_eq!(error.to_string(), "\"a..b\" has an empty label");
    }
}
