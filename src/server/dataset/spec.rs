//! Which kind of data set a value names.

use std::net::IpAddr;

use super::{DataSetKind, DataSetSpec, Origin};
use crate::secret;

/// Kinds that OpenDKIM knows, or knew in other builds, and that can't be opened here.
const DATABASES: [&str; 12] = [
    "db", "dsn", "ldap", "ldaps", "ldapi", "lua", "memcache", "mdb", "erlang", "socket", "repute",
    "odbx",
];

/// A value whose prefix names no kind of data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value}: dkimf_db_open(): Unknown database type ({prefix:?})")]
pub struct SpecError {
    /// The value, without what may be a password in it.
    pub value: String,
    /// What stands before the colon, in the same way.
    pub prefix: String,
}

impl SpecError {
    /// What would be right.
    pub fn remedy(&self) -> String {
        "write csl:A,B for a list, file:/PATH for a file of exact keys or refile:/PATH for a file \
         with wildcards"
            .to_owned()
    }
}

impl DataSetSpec {
    /// Tells the kinds apart as OpenDKIM does, except that a list may begin with an IPv6 address.
    pub fn parse(value: &str, origin: Origin) -> Result<Self, SpecError> {
        let kind = kind_of(value.trim())?;
        Ok(Self { kind, origin })
    }
}

impl DataSetKind {
    /// The set as an administrator writes it, without passwords and keys.
    pub fn shown(&self) -> String {
        secret::owned(match self {
            Self::Csl(items) => format!("csl:{items}"),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Refile(path) => format!("refile:{}", path.display()),
            Self::Unsupported(value) => value.clone(),
        })
    }
}

fn kind_of(value: &str) -> Result<DataSetKind, SpecError> {
    let first_item = value.split(',').next().unwrap_or_default();
    if let Some((prefix, _)) = first_item.split_once(':') {
        let rest = &value[prefix.len() + 1..];
        let prefix = prefix.trim().to_ascii_lowercase();
        return match prefix.as_str() {
            "csl" => Ok(DataSetKind::Csl(rest.trim().to_owned())),
            "file" => Ok(DataSetKind::File(rest.trim().into())),
            "refile" => Ok(DataSetKind::Refile(rest.trim().into())),
            known if DATABASES.contains(&known) => Ok(DataSetKind::Unsupported(value.to_owned())),
            _ if is_ipv6(first_item) => Ok(DataSetKind::Csl(value.to_owned())),
            _ => {
                let value = secret::unknown_set(value).into_owned();
                let prefix = value.split(':').next().unwrap_or_default().to_owned();
                Err(SpecError { value, prefix })
            }
        };
    }
    if !value.contains(',') && value.ends_with(".db") {
        return Ok(DataSetKind::Unsupported(format!("db:{value}")));
    }
    Ok(if value.starts_with('/') {
        DataSetKind::File(value.into())
    } else {
        DataSetKind::Csl(value.to_owned())
    })
}

/// Whether a list item is an IPv6 address or network, in any of the forms of host lists.
fn is_ipv6(item: &str) -> bool {
    let item = item.trim().trim_start_matches('!').trim_start_matches('[');
    let address = item.split(['/', ']']).next().unwrap_or_default();
    matches!(address.parse(), Ok(IpAddr::V6(_)))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::*;

    fn kind(value: &str) -> Result<DataSetKind, SpecError> {
        let origin = Origin {
            option: "InternalHosts",
            file: Arc::from(Path::new("opendkim.conf")),
            line: 1,
        };
        DataSetSpec::parse(value, origin).map(|spec| spec.kind)
    }

    #[test]
    fn prefixes_are_known_whatever_their_case() {
        assert_eq!(kind("CSL:a,b"), Ok(DataSetKind::Csl("a,b".into())));
        assert_eq!(kind("File:/a b"), Ok(DataSetKind::File("/a b".into())));
        assert_eq!(kind("refile:x"), Ok(DataSetKind::Refile("x".into())));
        assert_eq!(
            kind("dsn:mysql://u:p@3306+h/d/table=t?keycol=k?datacol=a,b"),
            Ok(DataSetKind::Unsupported(
                "dsn:mysql://u:p@3306+h/d/table=t?keycol=k?datacol=a,b".into()
            ))
        );
    }

    #[test]
    fn without_a_prefix_a_slash_means_a_file_and_anything_else_a_list() {
        assert_eq!(kind("/etc/x"), Ok(DataSetKind::File("/etc/x".into())));
        assert_eq!(kind("a.example"), Ok(DataSetKind::Csl("a.example".into())));
        assert_eq!(
            kind("/etc/x.db"),
            Ok(DataSetKind::Unsupported("db:/etc/x.db".into()))
        );
    }

    #[test]
    fn a_list_may_begin_with_an_ipv6_address() {
        for list in [
            "::1,127.0.0.1",
            "::1",
            "2001:db8::/32",
            "![fe80::1],a",
            "[::1]/128",
        ] {
            assert_eq!(kind(list), Ok(DataSetKind::Csl(list.into())), "{list}");
        }
    }

    #[test]
    fn a_colon_after_a_comma_is_no_prefix() {
        assert_eq!(kind("a,b:c"), Ok(DataSetKind::Csl("a,b:c".into())));
    }

    #[test]
    fn an_unknown_prefix_is_an_error_in_opendkims_words() {
        let error = kind("bogus:x").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("dkimf_db_open(): Unknown database type")
        );
    }
}
