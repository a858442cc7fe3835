//! Sign, verify or leave alone: facts in, a decision and its reason out.
//!
//! [`author`] reads who wrote the message, [`origin`] judges whether it comes from one of ours,
//! [`header_rules`] counts the fields; [`decide`] draws the conclusion. What tables had to be asked
//! is asked before, and comes in as [`IdentityFinding`].

pub mod author;
pub mod header_rules;
pub mod identity;
pub mod opendkim;
pub mod origin;

use std::fmt::{self, Display, Formatter};

pub use author::{Author, AuthorError};
pub use header_rules::HeaderFault;
pub use identity::{Identity, IdentityError, IdentityFinding};
pub use origin::{OriginFinding, Trust};

/// Mode: what dkimd does at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// `s`.
    pub sign: bool,
    /// `v`.
    pub verify: bool,
}

/// Everything that the decision depends on.
#[derive(Debug)]
pub struct Question<'a> {
    /// Mode.
    pub mode: Mode,
    /// WeakSyntaxChecks: where nothing is signed, an unreadable From does not keep a message from
    /// being verified.
    pub weak_syntax: bool,
    /// Who wrote it.
    pub author: &'a Result<Author, NoAuthor>,
    /// How often From occurs: a signature must not vouch for one of several.
    pub from_fields: usize,
    /// Whether ExemptDomains lists the author's domain.
    pub exempt: bool,
    /// Where it comes from.
    pub origin: &'a OriginFinding<'a>,
    /// Which keys sign for the author.
    pub identity: &'a IdentityFinding,
    /// The recipient that DontSignMailTo lists.
    pub excused_recipient: Option<&'a str>,
    /// What StrictHeaders finds, if it is on.
    pub strict_fault: Option<&'a HeaderFault>,
    /// What RequiredHeaders finds, if it is on.
    pub required_fault: Option<&'a HeaderFault>,
}

/// Why a message has no author to decide by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAuthor {
    /// No From (or SenderHeaders) field.
    Missing,
    /// The field can't be read.
    Unparsable {
        /// The field's name, or the macro's with braces.
        source: String,
        /// Its value, as it came.
        value: String,
        /// What is wrong with it.
        error: AuthorError,
    },
}

/// What is to be done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Sign it with these, in order.
    Sign(Vec<Identity>),
    /// Verify it.
    Verify(Reason),
    /// Let it through untouched.
    Leave(Reason),
    /// Refuse it for good: RequiredHeaders.
    Reject(Reason),
    /// It should be signed, and the tables don't let it: On-InternalError decides.
    Fail(IdentityError),
}

/// Why a message is not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No author.
    NoAuthor(NoAuthor),
    /// More than one From field.
    SeveralFrom(usize),
    /// StrictHeaders or RequiredHeaders.
    HeaderFault(HeaderFault),
    /// ExemptDomains.
    ExemptDomain,
    /// Neither an internal host nor authenticated nor let in by MTA or MacroList.
    NotOurs,
    /// Ours, but no key is configured at all.
    NothingConfigured,
    /// Ours, but no Domain or SigningTable entry fits.
    NoIdentity,
    /// A key is there, but Mode lacks `s`.
    SigningOff,
    /// DontSignMailTo.
    ExcusedRecipient(String),
}

impl Reason {
    /// The reason's stable word, for logs and scripts; `dkimd explain` tells more.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAuthor(NoAuthor::Missing) => "no-author",
            Self::NoAuthor(NoAuthor::Unparsable { .. }) => "author-unreadable",
            Self::SeveralFrom(_) => "several-from",
            Self::HeaderFault(_) => "header-fault",
            Self::ExemptDomain => "exempt-domain",
            Self::NotOurs => "not-ours",
            Self::NothingConfigured => "no-key-configured",
            Self::NoIdentity => "no-matching-entry",
            Self::SigningOff => "signing-off",
            Self::ExcusedRecipient(_) => "recipient-excused",
        }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAuthor(NoAuthor::Missing) => f.write_str("it has no From field"),
            Self::NoAuthor(NoAuthor::Unparsable { source, error, .. }) => {
                write!(f, "its {source} can't be read: {error}")
            }
            Self::SeveralFrom(count) => {
                write!(f, "it has {count} From fields, and a signature would vouch for one of them by guess")
            }
            Self::HeaderFault(fault) => write!(f, "{fault}"),
            Self::ExemptDomain => f.write_str("ExemptDomains lists the author's domain"),
            Self::NotOurs => f.write_str(
                "the client is not in InternalHosts and did not authenticate, and neither MTA nor MacroList lets it in",
            ),
            Self::NothingConfigured => f.write_str("no Domain or SigningTable is configured"),
            Self::NoIdentity => f.write_str("no Domain or SigningTable entry fits the author"),
            Self::SigningOff => f.write_str("Mode has no s"),
            Self::ExcusedRecipient(recipient) => write!(f, "DontSignMailTo lists {recipient}"),
        }
    }
}

/// Decides, in OpenDKIM's order, except that several From fields are never signed. Mail that is
/// left alone is left alone whatever its header section is like.
pub fn decide(question: &Question<'_>) -> Decision {
    let Question {
        mode,
        author,
        origin,
        identity,
        ..
    } = *question;
    if let Err(missing) = author {
        let reason = Reason::NoAuthor(missing.clone());
        let weak = question.weak_syntax && matches!(missing, NoAuthor::Unparsable { .. });
        return match mode {
            Mode {
                sign: false,
                verify: true,
            } if weak => Decision::Verify(reason),
            _ => Decision::Leave(reason),
        };
    }
    if question.exempt {
        return Decision::Leave(Reason::ExemptDomain);
    }
    let wanted = match (origin.trusted, identity) {
        (Some(_), IdentityFinding::Failed(error)) if mode.sign => {
            return Decision::Fail(error.clone());
        }
        (Some(_), IdentityFinding::Found(identities)) => Ok(identities),
        (Some(_), IdentityFinding::NothingConfigured) => Err(Reason::NothingConfigured),
        (Some(_), _) => Err(Reason::NoIdentity),
        (None, _) => Err(Reason::NotOurs),
    };
    let left_alone = match (&wanted, question.excused_recipient) {
        (Ok(_), _) if !mode.sign => Some(Reason::SigningOff),
        (Ok(_), Some(recipient)) => Some(Reason::ExcusedRecipient(recipient.to_owned())),
        (Err(reason), _) if !mode.verify => Some(reason.clone()),
        _ => None,
    };
    if let Some(reason) = left_alone {
        return Decision::Leave(reason);
    }
    if let Some(fault) = question.required_fault {
        return Decision::Reject(Reason::HeaderFault(*fault));
    }
    if let Some(fault) = question.strict_fault {
        return Decision::Leave(Reason::HeaderFault(*fault));
    }
    match (wanted, question.from_fields) {
        (Err(reason), _) => Decision::Verify(reason),
        (Ok(identities), 1) => Decision::Sign(identities.clone()),
        // SenderHeaders or SenderMacro named the author; a signature must cover From.
        (Ok(_), 0) => Decision::Leave(Reason::NoAuthor(NoAuthor::Missing)),
        (Ok(_), several) => Decision::Leave(Reason::SeveralFrom(several)),
    }
}

#[cfg(test)]
mod tests;
