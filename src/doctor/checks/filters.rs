//! What is known of other filters: `filters.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::data;

/// A filter that stands beside dkimd.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// What the names of its sockets and programs hold.
    name: String,
    /// Where it listens by custom.
    port: Option<u16>,
    /// Whether a milter so named is not dkimd.
    #[serde(default)]
    pub foreign: bool,
    /// Whether it changes, as a milter after the signer, what was signed.
    #[serde(default)]
    pub rewrites: bool,
    /// Whether it is there to change mail, as a content filter.
    #[serde(default)]
    pub changes: bool,
}

static FILTERS: LazyLock<Vec<Filter>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filters {
        filter: Vec<Filter>,
    }

    data::read::<Filters>("filters.toml", include_str!("filters.toml")).filter
});

/// The filters that a socket, a program or a transport may be by its name, in lower case.
pub(super) fn named(written: &str) -> impl Iterator<Item = &'static Filter> {
    FILTERS
        .iter()
        .filter(move |filter| written.contains(&filter.name))
}

/// The filter that listens there by custom.
pub(super) fn at_port(port: u16) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.port == Some(port))
}

/// Whether it reads the results of a verifier before it: DMARC does.
pub(super) fn reads_results(written: &str, port: Option<u16>) -> bool {
    const READER: &str = "dmarc";
    written.contains(READER)
        || port
            .and_then(at_port)
            .is_some_and(|filter| filter.name == READER)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_filter_stands_once_and_is_known_for_something() {
        let mut seen = HashSet::new();
        for filter in FILTERS.iter() {
            assert!(seen.insert(&filter.name), "{filter:?}");
            let known_for = filter.foreign || filter.rewrites || filter.changes;
            assert!(known_for, "{filter:?}");
            assert_eq!(filter.name, filter.name.to_ascii_lowercase());
        }
        assert!(at_port(8893).is_some_and(|filter| filter.name == "dmarc"));
    }
}
