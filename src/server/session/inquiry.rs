//! Gathers what the decision depends on: reads the author, judges the origin, asks the tables.
//!
//! The daemon and `dkimd explain` both come through here, so that what is explained is what is
//! done.

use crate::{
    config::snapshot::{SigningIdentities, Snapshot},
    dataset::DataSet,
    decide::{
        Author, Decision, HeaderFault, Identity, IdentityError, IdentityFinding, NoAuthor,
        OriginFinding, Question, decide, header_rules,
        identity::auid_within,
        origin::{self, OriginFacts, OriginRules},
    },
    dkim::{
        header::HeaderSection,
        name::{Auid, Domain},
    },
    session::holder::KeyHolder,
    tables::{
        hosts::HostMatch,
        signing_table::{SigningEntry, SigningTable},
    },
};

/// What was found out about a message at the end of its header section.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The author.
    pub author: Result<Author, NoAuthor>,
    /// The origin.
    pub origin: OriginFinding<'a>,
    /// The keys.
    pub identity: IdentityFinding,
    /// Whether ExemptDomains lists the author's domain.
    pub exempt: bool,
    /// Whether ExternalIgnoreList lists the client.
    pub external_ignored: bool,
    /// The recipient that DontSignMailTo lists.
    pub excused_recipient: Option<String>,
    /// StrictHeaders' fault.
    pub strict_fault: Option<HeaderFault>,
    /// RequiredHeaders' fault.
    pub required_fault: Option<HeaderFault>,
    /// How often From occurs.
    pub from_fields: usize,
}

impl Findings<'_> {
    /// The decision that follows.
    pub fn decide(&self, snapshot: &Snapshot) -> Decision {
        decide(&Question {
            mode: snapshot.settings.decision.mode,
            weak_syntax: snapshot.settings.verifying.weak_syntax,
            author: &self.author,
            from_fields: self.from_fields,
            exempt: self.exempt,
            origin: &self.origin,
            identity: &self.identity,
            excused_recipient: self.excused_recipient.as_deref(),
            strict_fault: self.strict_fault.as_ref(),
            required_fault: self.required_fault.as_ref(),
        })
    }

    /// The author's domain, where there is one.
    pub fn author_domain(&self) -> Option<&str> {
        self.author
            .as_ref()
            .ok()
            .map(|author| author.domain.as_str())
    }
}

/// Finds out everything that the decision needs, and asks no table that it doesn't need; `keys` knows the
/// KeyTable.
pub async fn inquire<'a>(
    snapshot: &'a Snapshot,
    section: &HeaderSection,
    facts: &(impl OriginFacts + Sync),
    recipients: &[String],
    keys: &dyn KeyHolder,
) -> Findings<'a> {
    let settings = &snapshot.settings.decision;
    let author = find_author(snapshot, section, facts);
    let origin = origin::judge(
        OriginRules {
            mta_names: &snapshot.mta_names,
            macros: &snapshot.macros,
            internal_hosts: &snapshot.internal_hosts,
        },
        facts,
    );
    let (exempt, identity) = match &author {
        Err(_) => (false, IdentityFinding::NotAsked),
        Ok(author) => (
            listed(snapshot.exempt_domains.as_deref(), &author.domain).await,
            find_identity(snapshot, author, origin.trusted.is_some(), keys).await,
        ),
    };
    let client = facts.client();
    let external_ignored = matches!(
        snapshot
            .external_ignore
            .find(Some(&client.name), client.address),
        HostMatch::Listed(_)
    );
    let mut excused_recipient = None;
    if let (IdentityFinding::Found(_), Some(set)) =
        (&identity, snapshot.dont_sign_mail_to.as_deref())
    {
        // The last one first, as OpenDKIM does: the log names one of several.
        for recipient in recipients.iter().rev() {
            if listed(Some(set), recipient).await {
                excused_recipient = Some(recipient.clone());
                break;
            }
        }
    }
    Findings {
        author,
        origin,
        identity,
        exempt,
        external_ignored,
        excused_recipient,
        strict_fault: settings
            .strict_headers
            .then(|| header_rules::strict_fault(section))
            .flatten(),
        required_fault: settings
            .required_headers
            .then(|| header_rules::required_fault(section))
            .flatten(),
        from_fields: section.named(b"From").count(),
    }
}

/// A source that can't be asked counts as not listing the key: the checks that come through here
/// only make exceptions.
async fn listed(set: Option<&dyn DataSet>, key: &str) -> bool {
    match set {
        None => false,
        Some(set) => matches!(set.lookup(key).get().await, Ok(Some(_))),
    }
}

fn find_author(
    snapshot: &Snapshot,
    section: &HeaderSection,
    facts: &impl OriginFacts,
) -> Result<Author, NoAuthor> {
    let macro_name = snapshot.settings.decision.sender_macro.as_deref();
    let from_macro = macro_name
        .and_then(|name| facts.macro_value(name.trim_matches(['{', '}'])))
        .filter(|value| !value.is_empty());
    let (source, value) = match (from_macro, macro_name) {
        (Some(value), Some(name)) => (
            format!("{{{}}}", name.trim_matches(['{', '}'])),
            value.as_bytes(),
        ),
        _ => {
            let field = snapshot
                .sender_headers
                .iter()
                .map(String::as_str)
                .chain(["From"])
                .find_map(|name| section.named(name.as_bytes()).next())
                .ok_or(NoAuthor::Missing)?;
            (
                String::from_utf8_lossy(field.bare_name()).into_owned(),
                field.value,
            )
        }
    };
    Author::parse(value).map_err(|error| NoAuthor::Unparsable {
        source,
        value: String::from_utf8_lossy(value).into_owned(),
        error,
    })
}

async fn find_identity(
    snapshot: &Snapshot,
    author: &Author,
    trusted: bool,
    keys: &dyn KeyHolder,
) -> IdentityFinding {
    match &snapshot.signing {
        SigningIdentities::None => IdentityFinding::NothingConfigured,
        SigningIdentities::Single {
            domains,
            sub_domains,
            selector,
            ..
        } => match find_domain(domains.as_ref(), *sub_domains, &author.domain).await {
            Err(error) => IdentityFinding::Failed(error),
            Ok(None) => IdentityFinding::NoMatch,
            Ok(Some(found)) => IdentityFinding::Found(vec![Identity {
                rule: found.entry,
                key_name: None,
                auid: found.auid,
                domain: found.domain,
                selector: selector.clone(),
                dropped_signer: None,
            }]),
        },
        SigningIdentities::Tables { .. } if !trusted => IdentityFinding::NotAsked,
        SigningIdentities::Tables { signing, .. } => {
            match find_in_tables(snapshot, signing, author, keys).await {
                Err(error) => IdentityFinding::Failed(error),
                Ok(found) if found.is_empty() => IdentityFinding::NoMatch,
                Ok(found) => IdentityFinding::Found(found),
            }
        }
    }
}

struct DomainMatch {
    entry: String,
    domain: Domain,
    auid: Option<Auid>,
}

/// Domain: the author's domain itself, then `*`, then (SubDomains) each parent.
async fn find_domain(
    domains: &dyn DataSet,
    sub_domains: bool,
    author_domain: &str,
) -> Result<Option<DomainMatch>, IdentityError> {
    let asked = |key: &str| {
        let key = key.to_owned();
        async move {
            let answer = domains
                .lookup(&key)
                .get()
                .await
                .map_err(IdentityError::SigningTable)?;
            Ok::<_, IdentityError>(answer.map(|_| key))
        }
    };
    let named = |text: &str| {
        Domain::parse(text).map_err(|cause| IdentityError::BadDomain {
            domain: text.to_owned(),
            cause,
        })
    };
    for key in [author_domain, "*"] {
        if let Some(entry) = asked(key).await? {
            return Ok(Some(DomainMatch {
                entry,
                domain: named(author_domain)?,
                auid: None,
            }));
        }
    }
    if sub_domains {
        let parents = author_domain
            .match_indices('.')
            .map(|(dot, _)| &author_domain[dot + 1..]);
        for parent in parents {
            if let Some(entry) = asked(parent).await? {
                let domain = named(parent)?;
                let auid = Auid::parse(&format!("@{parent}")).ok();
                return Ok(Some(DomainMatch {
                    entry,
                    domain,
                    auid,
                }));
            }
        }
    }
    Ok(None)
}

async fn find_in_tables(
    snapshot: &Snapshot,
    signing: &SigningTable,
    author: &Author,
    keys: &dyn KeyHolder,
) -> Result<Vec<Identity>, IdentityError> {
    let multiple = snapshot.settings.signing.multiple;
    let entries = signing
        .find(&author.local, &author.domain, multiple)
        .get()
        .await
        .map_err(IdentityError::SigningTable)?;
    let mut identities = Vec::with_capacity(entries.len());
    for SigningEntry {
        pattern,
        line,
        key_name,
        signer,
    } in entries
    {
        if key_name.is_empty() {
            return Err(IdentityError::NamesNoKey { pattern, line });
        }
        let named = keys.find(snapshot, &key_name, &author.domain).get().await?;
        let (auid, dropped_signer) = auid_within(&named.domain, signer.as_deref());
        identities.push(Identity {
            rule: pattern,
            key_name: Some(key_name),
            domain: named.domain,
            selector: named.selector,
            auid,
            dropped_signer,
        });
    }
    Ok(identities)
}
