//! StrictHeaders and RequiredHeaders: how often a field may occur (RFC 5322 section 3.6).

use std::fmt::{self, Display, Formatter};

use crate::dkim::header::HeaderSection;

/// Fields that must occur exactly once.
const EXACTLY_ONCE: [&str; 2] = ["From", "Date"];

/// Fields that may occur once at most, in the order in which they are looked at. RequiredHeaders
/// knows all but the first.
const ONCE_AT_MOST: [&str; 9] = [
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-Id",
    "In-Reply-To",
    "References",
    "Subject",
];

/// A field that occurs too often or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// It must be there exactly once.
    NotOnce(&'static str),
    /// It is there more than once.
    Repeated(&'static str),
}

impl Display for HeaderFault {
    /// OpenDKIM's words for RequiredHeaders.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOnce(name) => write!(f, "message does not have exactly one {name} field"),
            Self::Repeated(name) => write!(f, "message has multiple {name} fields"),
        }
    }
}

/// The fault that RequiredHeaders reports: the last one found.
pub fn required_fault(section: &HeaderSection) -> Option<HeaderFault> {
    faults(section, &ONCE_AT_MOST[1..]).last()
}

/// The fault that StrictHeaders reports: the first one found.
pub fn strict_fault(section: &HeaderSection) -> Option<HeaderFault> {
    faults(section, &ONCE_AT_MOST).next()
}

fn faults<'a>(
    section: &'a HeaderSection,
    once_at_most: &'static [&'static str],
) -> impl Iterator<Item = HeaderFault> + 'a {
    let count = |name: &str| section.named(name.as_bytes()).count();
    let missing = EXACTLY_ONCE
        .into_iter()
        .filter(move |name| count(name) != 1)
        .map(HeaderFault::NotOnce);
    let repeated = once_at_most
        .iter()
        .copied()
        .filter(move |name| count(name) > 1)
        .map(HeaderFault::Repeated);
    missing.chain(repeated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dkim::header::LeadingSpace;

    fn section(names: &[&str]) -> HeaderSection {
        let mut section = HeaderSection::default();
        for name in names {
            section.push(name.as_bytes(), b" x", LeadingSpace::Kept);
        }
        section
    }

    #[test]
    fn one_date_and_one_from_are_demanded() {
        assert_eq!(required_fault(&section(&["from", "DATE"])), None);
        assert_eq!(
            required_fault(&section(&["From"])),
            Some(HeaderFault::NotOnce("Date"))
        );
        assert_eq!(
            strict_fault(&section(&["Date", "From", "From"])),
            Some(HeaderFault::NotOnce("From"))
        );
    }

    #[test]
    fn required_headers_reports_the_last_fault_and_lets_two_senders_pass() {
        let several = section(&["Date", "From", "To", "To", "Subject", "subject"]);
        assert_eq!(
            required_fault(&several),
            Some(HeaderFault::Repeated("Subject"))
        );
        let senders = section(&["Date", "From", "Sender", "Sender"]);
        assert_eq!(required_fault(&senders), None);
        assert_eq!(
            strict_fault(&senders),
            Some(HeaderFault::Repeated("Sender"))
        );
    }
}
