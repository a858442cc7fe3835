//! What the configuration would do with mail that an author writes on this host.

use std::net::Ipv4Addr;

use dkim_core::{
    header::{HeaderSection, LeadingSpace},
    name::Domain,
};
use dkimd_milter::Client;
use dkimd_server::{
    config::snapshot::{SigningIdentities, Snapshot},
    decide::{Decision, origin::OriginFacts},
    keys::store::KeyStore,
    session::inquiry::{Findings, inquire},
};

/// How Postfix presents mail of this host's own programs to its filters.
#[derive(Debug)]
pub(super) struct ThisHost(Client);

impl Default for ThisHost {
    fn default() -> Self {
        Self(Client {
            name: "localhost".to_owned(),
            address: Some(Ipv4Addr::LOCALHOST.into()),
        })
    }
}

impl OriginFacts for ThisHost {
    fn client(&self) -> &Client {
        &self.0
    }

    fn macro_value(&self, _: &str) -> Option<&str> {
        None
    }
}

/// What the daemon would find out about mail of `author` from this host: the same inquiry.
pub(super) async fn findings_for<'a>(server: &'a Snapshot, author: &str) -> Findings<'a> {
    let mut section = HeaderSection::default();
    let from = format!(" {author}");
    section.push(b"From", from.as_bytes(), LeadingSpace::Kept);
    section.push(
        b"Date",
        b" Thu, 01 Jan 1970 00:00:00 +0000",
        LeadingSpace::Kept,
    );
    inquire(
        server,
        &section,
        &ThisHost::default(),
        &[],
        &KeyStore::new(1),
    )
    .await
}

/// An author in `domain` whose mail is signed, if there is one; else the postmaster.
pub(super) async fn author_in(server: &Snapshot, domain: &Domain) -> String {
    let postmaster = format!("postmaster@{domain}");
    let named = match &server.signing {
        SigningIdentities::Tables { signing, .. } => signing
            .rows()
            .filter(|row| !row.pattern.contains(['*', '?', '[']))
            .filter_map(|row| row.pattern.split_once('@'))
            .filter(|(local, of)| !local.is_empty() && domain.as_str().eq_ignore_ascii_case(of))
            .map(|(local, of)| format!("{local}@{of}"))
            .take(1)
            .collect(),
        _ => Vec::new(),
    };
    for author in std::iter::once(postmaster.clone()).chain(named) {
        if let Decision::Sign(_) = findings_for(server, &author).await.decide(server) {
            return author;
        }
    }
    postmaster
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn an_author_is_found_whom_a_rule_of_the_table_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(
            path("keys"),
            format!("k example.com:s:{}\n", path("k.private")),
        )
        .unwrap();
        fs::write(path("signing"), "joe@example.com k\n*@news.example.com k\n").unwrap();
        let config = path("opendkim.conf");
        let text = format!(
            "KeyTable {}\nSigningTable refile:{}\n",
            path("keys"),
            path("signing")
        );
        fs::write(&config, text).unwrap();
        let (server, findings) = Snapshot::load(Some(config.as_ref()), &Default::default());
        let server = server.unwrap_or_else(|| panic!("{findings:?}"));
        let author = async |domain| author_in(&server, &Domain::parse(domain).unwrap()).await;
        assert_eq!(author("example.com").await, "joe@example.com");
        assert_eq!(
            author("news.example.com").await,
            "postmaster@news.example.com"
        );
        assert_eq!(author("example.org").await, "postmaster@example.org");
    }
}
