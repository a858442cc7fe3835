//! Which words and codes mean which cause, the particular before the general.
//!
//! The texts are those that receivers send (Google's and Yahoo's as their help pages list them),
//! in lower case and shortened to what does not change. RFC 7372, 7505 and 8617 gave numbers for
//! failed checks; Google gives 27 to 32 other meanings.

mod general;
mod ours;
mod receivers;

use super::{
    Cause, Receiver, Refusal,
    causes::{IPV6_UNREACHABLE, UNREACHABLE},
};

/// A line of the table: all that is given must hold.
struct Pattern {
    speaker: Speaker,
    /// Subject and detail of the enhanced code: one of these; none: any.
    codes: &'static [(u16, u16)],
    /// One of these; none: whatever it says.
    says: &'static [&'static str],
    cause: &'static Cause,
}

/// Whose words they are.
#[derive(Clone, Copy)]
enum Speaker {
    /// Postfix's own: no server answered with a code.
    Postfix,
    /// This server's own, or those of its filters: no other host is named.
    Here,
    /// One of the known receivers.
    One(Receiver),
    /// Any server's.
    Anyone,
}

/// What stands behind a refusal.
pub(super) fn find(refusal: &Refusal) -> Option<&'static Cause> {
    let receiver = refusal.receiver();
    let found = TABLE
        .iter()
        .copied()
        .flatten()
        .find(|pattern| pattern.fits(refusal, receiver))?
        .cause;
    // One family alone without a way out is another fault than none.
    if found.word == UNREACHABLE.word && names_ipv6(&refusal.text) {
        return Some(IPV6_UNREACHABLE);
    }
    Some(found)
}

impl Pattern {
    fn fits(&self, refusal: &Refusal, receiver: Option<Receiver>) -> bool {
        let speaks = match self.speaker {
            Speaker::Postfix => refusal.code.is_none(),
            Speaker::Here => refusal.host.is_none(),
            Speaker::One(one) => receiver == Some(one),
            Speaker::Anyone => true,
        };
        let coded = self.codes.is_empty()
            || refusal
                .enhanced
                .is_some_and(|code| self.codes.contains(&(code.subject, code.detail)));
        let said =
            self.says.is_empty() || self.says.iter().any(|words| refusal.text.contains(words));
        speaks && coded && said
    }
}

/// Whether an IPv6 address stands in brackets: `gmail.com[2a00:1450::1a]:25`.
fn names_ipv6(text: &str) -> bool {
    text.split('[').skip(1).any(|rest| {
        let inner = rest.split(']').next().unwrap_or_default();
        inner.matches(':').count() > 1
    })
}

const fn says(speaker: Speaker, says: &'static [&'static str], cause: &'static Cause) -> Pattern {
    Pattern {
        speaker,
        codes: &[],
        says,
        cause,
    }
}

const fn codes(speaker: Speaker, codes: &'static [(u16, u16)], cause: &'static Cause) -> Pattern {
    Pattern {
        speaker,
        codes,
        says: &[],
        cause,
    }
}

const TABLE: &[&[Pattern]] = &[
    ours::OURS,
    receivers::GOOGLE,
    receivers::YAHOO,
    receivers::MICROSOFT,
    receivers::APPLE,
    receivers::AMAZON,
    general::TEXTS,
    general::NUMBERS,
];

/// Whether some pattern leads to a cause.
#[cfg(test)]
pub(super) fn leads_to(cause: &Cause) -> bool {
    cause.word == IPV6_UNREACHABLE.word
        || TABLE
            .iter()
            .copied()
            .flatten()
            .any(|pattern| pattern.cause.word == cause.word)
}
